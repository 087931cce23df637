//! A catalog's own lists, governance, schema and severities override the built-in ones.

use goldenpath_testkit::{Outcome, Repository, SEED_PATH, checked, findings, seed_with};

const ENUMS: &str = "schemas/metadata/enums.yaml";

fn json_run(repository: &Repository) -> Outcome {
    repository.goldenpath(&["validate", "--format", "json"]).run()
}

/// Returns the first place of a rendered error: `[file:line:column]`.
#[track_caller]
fn drawn_at(outcome: &Outcome) -> &str {
    let start =
        outcome.stderr.find('[').unwrap_or_else(|| panic!("no place in {}", outcome.stderr));
    outcome.stderr[start + 1..].split(']').next().unwrap()
}

#[test]
fn a_catalogs_own_rule_files_win() {
    let repository = Repository::with_seed();
    repository.write(ENUMS, "owners:\n  - red-team\n  - blue-team\n");
    let found = findings(&json_run(&repository).fails_with(1));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].rule.as_str(), found[0].pointer.as_str()), ("GP105", "/metadata/owner"));
    assert_eq!(found[0].help, format!("the values are red-team, blue-team (from {ENUMS})"));
}

#[test]
fn the_severity_of_a_rule_decides_about_the_exit_code_and_the_last_line() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &seed_with(&[("rotationClass: standard", "rotationClass: none")]));
    for (level, code, last) in [
        ("warn", 0, "checked 1 manifest: 1 warning"),
        ("error", 1, "checked 1 manifest: 1 error"),
        ("off", 0, "checked 1 manifest: no findings"),
    ] {
        repository.write("goldenpath.yaml", &format!("rules: {{GP202: {level}}}\n"));
        let outcome = repository.goldenpath(&["validate"]).run();
        assert_eq!((outcome.code, outcome.stdout.lines().last()), (code, Some(last)), "{level}");
    }
}
#[test]
fn a_rule_that_does_not_exist_is_an_error_at_its_place() {
    let repository = Repository::with_seed();
    repository.write(
        "goldenpath.yaml",
        "# unknown-fild: off\nrules:\n  GP102: error\n  unknown-fild: off  # why\n",
    );
    let outcome = json_run(&repository).fails_with(2);
    assert_eq!(outcome.stdout, "", "half a report is none");
    assert!(outcome.stderr.contains("there is no rule `unknown-fild`"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("help: did you mean `unknown-field`?"), "{}", outcome.stderr);
    assert_eq!(drawn_at(&outcome), "goldenpath.yaml:4:3");
    // The error names the file of `--config`.
    repository.program("mv", &["goldenpath.yaml", "other.yaml"]).run().success();
    let outcome =
        repository.goldenpath(&["validate", "--config", "other.yaml"]).run().fails_with(2);
    assert_eq!(drawn_at(&outcome), "other.yaml:4:3");
}

#[test]
fn the_catalog_lies_where_the_configuration_says() {
    let repository = Repository::with_seed();
    for folder in ["intents", "./intents/", "intents//", "a/./b"] {
        let place = folder.replace("./", "").replace("//", "/");
        let place = place.trim_matches('/').to_owned();
        repository.write("goldenpath.yaml", &format!("catalog: {folder}\n"));
        repository.write(format!("{place}/payments/dev/SEC-0007.yaml"), goldenpath_testkit::SEED);
        repository.git(&["add", "--all"]);
        for arguments in
            [&["validate", "--format", "json"][..], &["validate", "--staged", "--format", "json"]]
        {
            let outcome = repository.goldenpath(arguments).run().success();
            assert_eq!(
                (findings(&outcome), checked(&outcome)),
                (Vec::new(), 1),
                "{folder} {arguments:?}"
            );
        }
    }
}

#[test]
fn config_is_relative_to_the_current_folder() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &seed_with(&[("tier: medium", "tier: mediun")]));
    repository.write("conf/lenient.yaml", "rules: {GP105: off}\n");
    repository.goldenpath(&["validate"]).run().fails_with(1);
    repository.goldenpath(&["validate", "--config", "conf/lenient.yaml"]).run().success();
    repository.goldenpath(&["-C", "conf", "--config", "lenient.yaml", "validate"]).run().success();
}
