//! `goldenpath new secret` with flags. The modules below test the dialogue, answer files and
//! templates.

mod answers;
mod bad_input;
mod copies;
mod dialogue;
mod git;
mod line;
mod plain;
mod screens;
mod templates;

use std::fs;
use std::path::PathBuf;

use serde_yaml::Value;

use goldenpath_testkit::{Outcome, Repository};

/// The required flags without a terminal.
const REQUIRED: [(&str, &str); 6] = [
    ("--service", "payments"),
    ("--env", "dev"),
    ("--type", "api-key"),
    ("--name", "payments-psp-token"),
    ("--owner", "team-payments"),
    ("--risk", "low"),
];

/// `new secret` with [`REQUIRED`], and `more`, whose flags replace those of the same name.
fn new_secret(repository: &Repository, more: &[&str]) -> goldenpath_testkit::Command {
    let mut arguments = vec!["new", "secret"];
    for (flag, value) in REQUIRED.iter().filter(|(flag, _)| !more.contains(flag)) {
        arguments.extend([flag, value]);
    }
    arguments.extend(more);
    repository.goldenpath(&arguments)
}

#[track_caller]
fn says(outcome: &Outcome, words: &str) {
    // Messages are wrapped, so compare them without line breaks.
    let said = outcome.stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{words:?} is not in:\n{}", outcome.stderr);
}

#[track_caller]
fn manifest(repository: &Repository, path: &str) -> Value {
    serde_yaml::from_str(&repository.read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns all files below the catalog's folder.
fn catalog(repository: &Repository) -> Vec<String> {
    fn below(folder: PathBuf, files: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(path, files) } else { files.push(path.display().to_string()) }
        }
    }
    let mut files = Vec::new();
    below(repository.path().join("catalogs"), &mut files);
    files
}

#[test]
fn every_flag_lands_in_its_field_and_the_result_validates() {
    let repository = Repository::new();
    let more = [
        "--name",
        "ledger-db",
        "--rotation",
        "high",
        "--namespace",
        "ledger-ns",
        "--k8s-secret-name",
    ];
    let more = [
        &more[..],
        &["ledger.db.creds", "--ttl-days", "45", "--description", "The ledger's database"],
    ]
    .concat();
    let outcome =
        new_secret(&repository, &[&more[..], &["--env", "staging", "--risk", "high"]].concat())
            .run()
            .success();
    assert_eq!(outcome.stdout, "SEC-0001 catalogs/secrets/payments/staging/SEC-0001.yaml\n");
    let expected = "
apiVersion: goldenpath.io/v1
kind: SecretRequest
metadata:
  id: SEC-0001
  name: ledger-db
  description: The ledger's database
  owner: team-payments
  service: payments
  environment: staging
spec:
  provider: aws-secrets-manager
  secretType: api-key
  risk: { tier: high }
  rotation: { rotationClass: high }
  lifecycle: { status: active }
  access: { namespace: ledger-ns, k8sSecretName: ledger.db.creds }
  ttlDays: 45
";
    let expected: Value = serde_yaml::from_str(expected).unwrap();
    assert_eq!(manifest(&repository, "catalogs/secrets/payments/staging/SEC-0001.yaml"), expected);
    let checked = repository.goldenpath(&["validate", "--format", "json"]).run().success().json();
    assert_eq!(
        (checked["summary"]["files"].as_u64(), checked["findings"].as_array().map(Vec::len)),
        (Some(1), Some(0))
    );
    assert_eq!(catalog(&repository).len(), 1, "and no temporary file");
}

#[test]
fn what_follows_from_other_answers_needs_no_flag() {
    let repository = Repository::new();
    for (risk, rotation) in [("low", "none"), ("medium", "standard"), ("high", "high")] {
        let name = format!("a-token-of-{risk}-risk");
        let outcome = new_secret(&repository, &["--risk", risk, "--name", &name]).run().success();
        let path = outcome.stdout.trim().split_once(' ').unwrap().1.to_owned();
        let made = manifest(&repository, &path);
        assert_eq!(made["spec"]["rotation"]["rotationClass"], rotation);
        assert_eq!(made["spec"]["access"]["namespace"], "payments");
        assert_eq!(made["spec"]["access"]["k8sSecretName"], name.as_str());
        assert_eq!(made["spec"]["ttlDays"], 90);
        assert_eq!(made["metadata"].get("description"), None);
    }
}

#[test]
fn a_description_reads_back_as_it_was_given() {
    let descriptions = [
        "plain words",
        "a: b",
        "# no comment",
        "trailing colon:",
        "- a list",
        "{ a: b }",
        "'single' and \"double\" quotes",
        r"back\slash \n and %",
        "yes",
        "null",
        "2024-01-01",
        "0x1f",
        "!!str tagged",
        "&anchor *alias",
        "{{ name }} {% if %}",
        "Ünïcödé – 秘密 🔑",
        " spaces around ",
        "| block",
        "line\u{2028}separator",
    ];
    let repository = Repository::new();
    for (number, description) in descriptions.into_iter().enumerate() {
        let name = format!("description-no-{number}");
        let flag = format!("--description={description}");
        let outcome = new_secret(&repository, &["--name", &name, &flag]).run().success();
        let path = outcome.stdout.trim().split_once(' ').unwrap().1.to_owned();
        assert_eq!(manifest(&repository, &path)["metadata"]["description"], description);
        assert_eq!(manifest(&repository, &path)["metadata"].as_mapping().unwrap().len(), 6);
    }
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn several_environments_make_a_manifest_and_an_id_each() {
    let repository = Repository::new();
    let outcome =
        new_secret(&repository, &["--env", "dev", "--env", "prod", "--env", "dev"]).run().success();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "SEC-0001 catalogs/secrets/payments/dev/SEC-0001.yaml",
            "SEC-0002 catalogs/secrets/payments/prod/SEC-0002.yaml",
        ]
    );
    let written = manifest(&repository, "catalogs/secrets/payments/prod/SEC-0002.yaml");
    assert_eq!(written["metadata"]["environment"], "prod");
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn a_dry_run_shows_the_file_and_writes_nothing() {
    let repository = Repository::new();
    let shown = new_secret(&repository, &["--dry-run"]).run().success().stdout;
    let (path, text) = shown.split_once('\n').unwrap();
    assert_eq!(path, "# catalogs/secrets/payments/dev/SEC-0001.yaml");
    assert_eq!(catalog(&repository), [""; 0]);
    new_secret(&repository, &[]).run().success();
    assert_eq!(
        repository.read("catalogs/secrets/payments/dev/SEC-0001.yaml"),
        text,
        "it is what gets written"
    );
}

#[test]
fn json_names_the_ids_and_paths() {
    let repository = Repository::new();
    let dry = new_secret(&repository, &["--json", "--dry-run"]).run().success().json();
    assert_eq!((&dry["version"], &dry["dryRun"]), (&1.into(), &true.into()));
    let made =
        new_secret(&repository, &["--json", "--env", "dev", "--env", "test"]).run().success();
    let expected = serde_json::json!({
        "version": 1,
        "dryRun": false,
        "manifests": [
            { "id": "SEC-0001", "path": "catalogs/secrets/payments/dev/SEC-0001.yaml" },
            { "id": "SEC-0002", "path": "catalogs/secrets/payments/test/SEC-0002.yaml" },
        ],
    });
    assert_eq!(made.json(), expected);
    assert_eq!(
        dry["manifests"][0]["manifest"],
        repository.read("catalogs/secrets/payments/dev/SEC-0001.yaml")
    );
}

#[test]
fn without_a_terminal_the_missing_flags_are_named_and_no_others() {
    let repository = Repository::new();
    let flags: Vec<&str> = REQUIRED.iter().map(|(flag, _)| *flag).collect();
    let missing = |arguments: &[&str]| {
        let outcome = repository
            .goldenpath(&[&["new", "secret"], arguments].concat())
            .stdin("payments\ndev\n")
            .run();
        assert_eq!(outcome.stdout, "");
        let outcome = outcome.fails_with(2);
        says(&outcome, "cannot ask without a terminal for ");
        let words = outcome.stderr.split(|c: char| !(c.is_alphanumeric() || c == '-'));
        let mut named: Vec<String> =
            words.filter(|word| word.starts_with("--")).map(str::to_owned).collect();
        // The last flag is the help's `--help`.
        assert_eq!(named.pop().as_deref(), Some("--help"));
        named
    };
    assert_eq!(missing(&[]), flags);
    assert_eq!(missing(&["--yes"]), flags);
    for (flag, value) in REQUIRED {
        let others: Vec<&str> = flags.iter().copied().filter(|other| *other != flag).collect();
        assert_eq!(missing(&[flag, value]), others);
        let given: Vec<&str> = REQUIRED
            .iter()
            .filter(|(other, _)| *other != flag)
            .flat_map(|(flag, value)| [*flag, *value])
            .collect();
        assert_eq!(missing(&given), [flag]);
    }
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn wrong_answers_name_their_flag_and_what_to_give_instead() {
    let repository = Repository::new();
    for (flag, value, words) in [
        ("--type", "api-keys", "did you mean `api-key`?"),
        ("--env", "prd", "did you mean `prod`?"),
        ("--owner", "team-payment", "did you mean `team-payments`?"),
        ("--risk", "hihg", "did you mean `high`?"),
        ("--rotation", "standrad", "did you mean `standard`?"),
        ("--service", "Payments", "the capital `P`"),
        ("--name", "a_b", "use lowercase letters, digits and hyphens"),
        ("--name", "", "the name is empty"),
        ("--namespace", "-a", "starts and ends with a letter or digit"),
        ("--k8s-secret-name", "a..b", "there must be a name on both sides of a dot"),
        ("--ttl-days", "0", "1"),
        ("--ttl-days", "3651", "3650"),
        ("--ttl-days", "soon", "integer"),
        ("--ttl-days", "1.5", "integer"),
        ("--description", "two\nlines", "keep it to one line"),
        ("--description", "bell\u{7}", "U+0007"),
    ] {
        let outcome = new_secret(&repository, &[&format!("{flag}={value}")]).run();
        // A repeated flag is a usage error too, so the required ones are replaced.
        let outcome = match REQUIRED.iter().any(|(required, _)| *required == flag) {
            true => new_secret(&repository, &[flag, value]).run(),
            false => outcome,
        };
        let outcome = outcome.fails_with(2);
        says(&outcome, &format!("{flag}: "));
        says(&outcome, words);
        assert!(!outcome.stderr.contains('\u{7}'));
    }
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn all_wrong_answers_are_reported_at_once() {
    let repository = Repository::new();
    let outcome =
        new_secret(&repository, &["--type", "api-keys", "--risk", "hihg", "--ttl-days", "0"])
            .run()
            .fails_with(2);
    for flag in ["--type: ", "--risk: ", "--ttl-days: "] {
        says(&outcome, flag);
    }
}

#[test]
fn a_high_risk_without_rotation_is_refused_and_nothing_is_written() {
    let repository = Repository::new();
    let outcome =
        new_secret(&repository, &["--risk", "high", "--rotation", "none"]).run().fails_with(1);
    says(&outcome, "GP201");
    says(&outcome, "Nothing was written.");
    assert_eq!(outcome.stdout, "");
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn a_medium_risk_without_rotation_is_written_with_a_warning() {
    let repository = Repository::new();
    let outcome =
        new_secret(&repository, &["--risk", "medium", "--rotation", "none"]).run().success();
    says(&outcome, "GP202");
    assert_eq!(catalog(&repository).len(), 1);
}

#[test]
fn a_name_or_target_that_is_taken_is_refused_with_the_one_that_has_it() {
    let repository = Repository::new();
    new_secret(&repository, &[]).run().success();
    let outcome = new_secret(&repository, &["--k8s-secret-name", "another"]).run().fails_with(1);
    says(&outcome, "GP303");
    says(&outcome, "SEC-0001");
    let outcome =
        new_secret(&repository, &["--name", "another", "--k8s-secret-name", "payments-psp-token"])
            .run()
            .fails_with(1);
    says(&outcome, "GP304");
    says(&outcome, "SEC-0001");
    assert_eq!(catalog(&repository).len(), 1);
    // In another environment both names are available.
    new_secret(&repository, &["--env", "prod"]).run().success();
}

#[test]
fn of_several_environments_all_are_written_or_none() {
    let repository = Repository::new();
    new_secret(&repository, &["--env", "prod"]).run().success();
    says(&new_secret(&repository, &["--env", "dev", "--env", "prod"]).run().fails_with(1), "GP303");
    assert_eq!(catalog(&repository).len(), 1);

    // A file in place of the second secret's folder.
    repository.write("catalogs/secrets/web/staging", "in the way\n");
    let outcome =
        new_secret(&repository, &["--service", "web", "--env", "dev", "--env", "staging"])
            .run()
            .fails_with(1);
    says(&outcome, "catalogs/secrets/web/staging/SEC-0003.yaml");
    assert_eq!(catalog(&repository).len(), 2, "{:?}", catalog(&repository));
}

#[test]
fn a_name_that_aws_would_misread_is_refused() {
    let repository = Repository::new();
    // A hyphen and six characters at the end of a key are an ARN's (CreateSecret, `Name`).
    let outcome = new_secret(&repository, &["--name", "payments-db-secret"]).run();
    assert_ne!(outcome.code, 0);
    says(&outcome, "a hyphen and six characters");
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn an_error_elsewhere_in_the_catalog_does_not_stop_it() {
    let repository = Repository::new();
    repository.write("catalogs/secrets/web/dev/SEC-0004.yaml", "not: [a manifest\n");
    let outcome = new_secret(&repository, &[]).run().success();
    assert_eq!(outcome.stdout, "SEC-0005 catalogs/secrets/payments/dev/SEC-0005.yaml\n");
}

#[test]
fn a_link_in_the_catalog_is_not_written_through() {
    let outside = tempfile::tempdir().unwrap();
    let repository = Repository::new();
    fs::create_dir_all(repository.path().join("catalogs/secrets")).unwrap();
    std::os::unix::fs::symlink(outside.path(), repository.path().join("catalogs/secrets/payments"))
        .unwrap();
    says(&new_secret(&repository, &[]).run().fails_with(1), "symbolic link");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn in_no_repository_it_says_what_to_do() {
    let nowhere = Repository::new();
    fs::remove_dir_all(nowhere.path().join(".git")).unwrap();
    let outcome = new_secret(&nowhere, &[]).run().fails_with(2);
    says(&outcome, "is not in a git repository");
    says(&outcome, "git init");
    assert_eq!(catalog(&nowhere), [""; 0]);
}

#[test]
fn in_ci_nothing_is_asked_whatever_the_terminal() {
    let repository = Repository::new();
    let mut terminal =
        repository.goldenpath(&["new", "secret"]).env("CI", "true").in_terminal(80, 24);
    assert_eq!(terminal.wait(), 2);
    assert!(
        terminal.screen().contains("cannot ask without a terminal for --service"),
        "{}",
        terminal.screen()
    );
}
