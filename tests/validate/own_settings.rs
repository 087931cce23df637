//! A catalog's own lists, governance, schema and severities win over what is built in.

use serde_json::{Value, json};

use goldenpath_testkit::{Outcome, Repository, SEED_PATH, checked, findings, seed_with};

const ENUMS: &str = "schemas/metadata/enums.yaml";
const GOVERNANCE: &str = "schemas/metadata/governance.yaml";
const SCHEMA: &str = "schemas/secret_request.schema.json";

fn json_run(repository: &Repository) -> Outcome {
    repository.goldenpath(&["validate", "--format", "json"]).run()
}

/// The first place that an error's drawing names: `[file:line:column]`.
#[track_caller]
fn drawn_at(outcome: &Outcome) -> &str {
    let start =
        outcome.stderr.find('[').unwrap_or_else(|| panic!("no place in {}", outcome.stderr));
    outcome.stderr[start + 1..].split(']').next().unwrap()
}

#[test]
fn a_catalogs_own_enums_win_and_are_named_in_the_help() {
    let repository = Repository::with_seed();
    repository.write(ENUMS, "owners:\n  - red-team\n  - blue-team\n");
    let found = findings(&json_run(&repository).fails_with(1));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].rule.as_str(), found[0].pointer.as_str()), ("GP105", "/metadata/owner"));
    assert_eq!(found[0].help, format!("the values are red-team, blue-team (from {ENUMS})"));
    // Elsewhere, if the configuration says so.
    repository
        .write("lists.yaml", "owners: [team-payments]\n")
        .write("goldenpath.yaml", "enums: ./lists.yaml\n");
    json_run(&repository).success();
    repository.write("lists.yaml", "owners: [us, them]\n");
    let found = findings(&json_run(&repository).fails_with(1));
    assert_eq!(found[0].help, "the values are us, them (from lists.yaml)");
}

#[test]
fn a_catalogs_own_governance_wins() {
    let repository = Repository::with_seed();
    let row = |rotation: &str, ttl: u32| {
        format!("{{rotation: {rotation}, approvals: 1, recoveryWindowDays: 7, maxTtlDays: {ttl}}}")
    };
    let table = |medium: String| {
        format!("tiers:\n  low: {0}\n  medium: {medium}\n  high: {0}\n", row("free", 9))
    };
    repository.write(GOVERNANCE, &table(row("required", 29)));
    repository.write(SEED_PATH, &seed_with(&[("rotationClass: standard", "rotationClass: none")]));
    let found = findings(&json_run(&repository).fails_with(1));
    let told: Vec<_> = found
        .iter()
        .map(|found| format!("{} {} {}", found.rule, found.place, found.help))
        .collect();
    assert_eq!(
        told,
        [
            "GP201 15:20..15:24 choose the rotation class `standard` or `high`",
            "GP203 21:12..21:14 write 29 or less; the ttl can be renewed later"
        ]
    );
    repository.write(GOVERNANCE, &table(row("free", 30)));
    assert_eq!(findings(&json_run(&repository).success()), []);
}

#[test]
fn a_catalogs_own_schema_wins_and_cannot_let_a_manifest_be_less_than_one() {
    let repository = Repository::with_seed();
    let mut schema: Value =
        serde_json::from_str(include_str!("../../crates/core/schemas/secret_request.schema.json"))
            .unwrap();
    schema["properties"]["metadata"]["properties"]["costCentre"] =
        json!({ "type": "string", "pattern": "^CC-[0-9]+$" });
    schema["properties"]["metadata"]["required"].as_array_mut().unwrap().push(json!("costCentre"));
    repository.write(SCHEMA, &schema.to_string());
    let found = findings(&json_run(&repository).fails_with(1));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].rule.as_str(), found[0].place.as_str()), ("GP101", "3:1..3:9"));
    assert_eq!(found[0].message, "`metadata` lacks the field `costCentre`");
    repository.write(SEED_PATH, &seed_with(&[("  owner:", "  costCentre: CC7\n  owner:")]));
    let found = findings(&json_run(&repository).fails_with(1));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].rule.as_str(), found[0].place.as_str()), ("GP104", "6:15..6:18"));
    assert!(found[0].message.contains("`^CC-[0-9]+$`"), "{found:?}");
    repository.write(SEED_PATH, &seed_with(&[("  owner:", "  costCentre: CC-7\n  owner:")]));
    assert_eq!(findings(&json_run(&repository).success()), []);
    // A schema that allows everything still leaves a SecretRequest one.
    repository.write(SCHEMA, "{}");
    repository.write(SEED_PATH, &seed_with(&[("name: payments-db-credentials", "name: A_B")]));
    let found = findings(&json_run(&repository).fails_with(1));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].rule.as_str(), found[0].place.as_str()), ("GP104", "5:9..5:12"));
}

#[test]
fn a_rule_counts_as_the_configuration_says_by_code_or_by_name() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &seed_with(&[("rotationClass: standard", "rotationClass: none")]));
    for (rules, severity) in [
        ("{}", Some("warning")),
        ("{GP202: error}", Some("error")),
        ("{medium-risk-should-rotate: error}", Some("error")),
        ("{GP202: warn}", Some("warning")),
        ("{GP202: off}", None),
        ("{medium-risk-should-rotate: off}", None),
        ("{GP201: error}", Some("warning")),
    ] {
        repository.write("goldenpath.yaml", &format!("rules: {rules}\n"));
        let outcome = json_run(&repository);
        let found = findings(&outcome);
        assert_eq!(
            found.first().map(|found| found.severity.as_str()),
            severity,
            "{rules}: {found:?}"
        );
        assert_eq!(outcome.code, i32::from(severity == Some("error")), "{rules}");
        let last = repository.goldenpath(&["validate"]).run().stdout;
        let said = match severity {
            None => "checked 1 manifest: no findings".to_owned(),
            Some(severity) => format!("checked 1 manifest: 1 {severity}"),
        };
        assert_eq!(last.lines().last(), Some(said.as_str()), "{rules}");
    }
    // An error can be made a warning, too.
    repository.write(SEED_PATH, &seed_with(&[("tier: medium", "tier: mediun")]));
    repository.write("goldenpath.yaml", "rules:\n  not-in-enum: warn\n");
    let found = findings(&json_run(&repository).success());
    assert_eq!((found[0].rule.as_str(), found[0].severity.as_str()), ("GP105", "warning"));
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
    repository.write("goldenpath.yaml", "rules: {quux: off}\n");
    let outcome = json_run(&repository).fails_with(2);
    assert!(outcome.stderr.contains("GP001, GP002, GP003"), "{}", outcome.stderr);
    // The file that `--config` names is the one that is wrong then.
    repository.program("mv", &["goldenpath.yaml", "other.yaml"]).run().success();
    let outcome =
        repository.goldenpath(&["validate", "--config", "other.yaml"]).run().fails_with(2);
    assert_eq!(drawn_at(&outcome), "other.yaml:1:9");
}

#[test]
fn a_rule_named_twice_is_an_error_and_not_a_guess() {
    let repository = Repository::with_seed();
    repository.write("goldenpath.yaml", "rules:\n  GP102: off\n  unknown-field: error\n");
    let outcome = json_run(&repository).fails_with(2);
    assert!(
        outcome.stderr.contains("`GP102` and `unknown-field` are the same rule"),
        "{}",
        outcome.stderr
    );
    assert_eq!(drawn_at(&outcome), "goldenpath.yaml:3:3");
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
fn config_names_another_configuration_relative_to_where_one_stands() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &seed_with(&[("tier: medium", "tier: mediun")]));
    repository.write("conf/lenient.yaml", "rules: {GP105: off}\n");
    repository.goldenpath(&["validate"]).run().fails_with(1);
    repository.goldenpath(&["validate", "--config", "conf/lenient.yaml"]).run().success();
    repository.goldenpath(&["-C", "conf", "--config", "lenient.yaml", "validate"]).run().success();
}
