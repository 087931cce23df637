//! `--answers FILE`: answers from portals and scripts.

use goldenpath_testkit::{Key, Outcome, Repository};

use super::{catalog, manifest, says};

const ANSWERS: &str = "\
# What the portal was told
service: payments
environment: [dev, prod]
secretType: api-key
name: payments-psp-token
owner: team-payments
riskTier: low
rotationClass: high
namespace: psp
k8sSecretName: psp.token
ttlDays: 30
description: \"The token: ours #1\"
";

fn with(repository: &Repository, answers: &str, more: &[&str]) -> Outcome {
    repository.write("answers.yaml", answers);
    repository.goldenpath(&[&["new", "secret", "--answers", "answers.yaml"], more].concat()).run()
}

#[test]
fn every_answer_lands_in_its_field() {
    let repository = Repository::new();
    with(&repository, ANSWERS, &[]).success();
    let made = manifest(&repository, "catalogs/secrets/payments/prod/SEC-0002.yaml");
    let expected = "
apiVersion: goldenpath.io/v1
kind: SecretRequest
metadata:
  id: SEC-0002
  name: payments-psp-token
  description: 'The token: ours #1'
  owner: team-payments
  service: payments
  environment: prod
spec:
  provider: aws-secrets-manager
  secretType: api-key
  risk: { tier: low }
  rotation: { rotationClass: high }
  lifecycle: { status: active }
  access: { namespace: psp, k8sSecretName: psp.token }
  ttlDays: 30
";
    assert_eq!(made, serde_yaml::from_str::<serde_yaml::Value>(expected).unwrap());
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn standard_input_is_a_file_too_and_a_flag_wins() {
    let repository = Repository::new();
    let arguments =
        ["new", "secret", "--answers", "-", "--env", "test", "--owner", "sre-team", "--json"];
    let reported = repository.goldenpath(&arguments).stdin(ANSWERS).run().success().json();
    assert_eq!(reported["manifests"].as_array().map(Vec::len), Some(1));
    let made = manifest(&repository, "catalogs/secrets/payments/test/SEC-0001.yaml");
    assert_eq!(made["metadata"]["owner"], "sre-team");
}

#[test]
fn what_the_file_leaves_open_is_asked_or_named_as_flags() {
    let repository = Repository::new();
    let answers = ANSWERS.replace("owner: team-payments\n", "").replace("[dev, prod]", "dev");
    let outcome = with(&repository, &answers, &[]).fails_with(2);
    says(&outcome, "cannot ask without a terminal for --owner");
    let mut terminal =
        repository.goldenpath(&["new", "secret", "--answers", "answers.yaml"]).in_terminal(80, 24);
    terminal
        .wait_for("Owner")
        .key(Key::Enter)
        .wait_for("Write this file?")
        .send("y")
        .key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    assert_eq!(catalog(&repository).len(), 1);
}

#[test]
fn a_wrong_answer_is_reported_at_its_place() {
    let repository = Repository::new();
    for (from, to, code, line, words) in [
        ("[dev, prod]", "[dev, prd]", 2, 3, "did you mean `prod`?"),
        ("api-key", "api-keys", 2, 4, "did you mean `api-key`?"),
        ("psp-token", "PSP", 2, 5, "the capital `P`"),
        ("ttlDays: 30", "ttlDays: 4000", 2, 11, "3650"),
        ("ttlDays: 30", "ttlDays: 366", 1, 11, "allows at most 365 days"),
        ("low\nrotationClass: high", "high\nrotationClass: none", 1, 8, "must be rotated"),
        ("\"The token: ours #1\"", "\"two\\nlines\"", 2, 12, "keep it to one line"),
    ] {
        let outcome = with(&repository, &ANSWERS.replacen(from, to, 1), &[]).fails_with(code);
        says(&outcome, words);
        assert!(
            outcome.stderr.contains(&format!("[answers.yaml:{line}:")),
            "{to}:\n{}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "");
    }
    assert_eq!(catalog(&repository), [""; 0]);
    // Values of another manifest.
    with(&repository, ANSWERS, &[]).success();
    let outcome = with(&repository, &ANSWERS.replace("psp.token", "other"), &[]).fails_with(1);
    says(&outcome, "the store key `goldenpath/payments/dev/payments-psp-token` is taken");
    assert!(outcome.stderr.contains("[answers.yaml:5:7]"), "{}", outcome.stderr);
}

#[test]
fn an_invalid_answers_file_is_rejected_at_its_place() {
    let repository = Repository::new();
    for (answers, place, words) in [
        ("", "", "the file is empty help: the keys are service, environment"),
        ("# nothing\n", "", "empty"),
        ("servise: web\n", "1:1", "did you mean `service`?"),
        ("name: a\nrisk: low\n", "2:1", "did you mean `riskTier`?"),
        ("environments: [dev]\n", "1:1", "did you mean `environment`?"),
        ("name: a\nname: b\n", "2:1", "duplicate key `name`"),
        ("name: a\n---\nname: b\n", "2:1", "a second document"),
        ("- name\n", "1:1", "this is not a mapping of answers"),
        ("name: [a]\n", "1:7", "`name` must be a string"),
        ("name: 12\n", "1:7", "quote it"),
        ("owner: true\n", "1:8", "quote it"),
        ("ttlDays: soon\n", "1:10", "integer"),
        ("ttlDays: 1.5\n", "1:10", "a whole number"),
        ("environment: []\n", "1:14", "an environment or a list of them"),
        ("environment:\n  - dev\n  - [x]\n", "3:5", "an environment or a list of them"),
        ("description:\n", "1:1", "remove the key if there is no answer"),
        ("name: &a b\n", "1:7", "anchor"),
        ("name: \"\n", "1:", "invalid YAML"),
    ] {
        let outcome = with(&repository, answers, &[]).fails_with(2);
        says(&outcome, "answers.yaml: ");
        says(&outcome, words);
        if !place.is_empty() {
            assert!(
                outcome.stderr.contains(&format!("[answers.yaml:{place}")),
                "{answers:?}\n{}",
                outcome.stderr
            );
        }
    }
    says(
        &with(&repository, &"# long\n".repeat(160_000), &[]).fails_with(2),
        "the file is larger than 1 MiB",
    );
    let missing =
        repository.goldenpath(&["new", "secret", "--answers", "nowhere.yaml"]).run().fails_with(2);
    says(&missing, "nowhere.yaml: cannot read the file");
    std::fs::write(repository.path().join("answers.yaml"), b"name: \xff\n").unwrap();
    let outcome =
        repository.goldenpath(&["new", "secret", "--answers", "answers.yaml"]).run().fails_with(2);
    says(&outcome, "byte 7 is not UTF-8");
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn a_secret_in_a_file_of_answers_is_not_shown() {
    let repository = Repository::new();
    let value = "hX7-kQ2mZ9vT4bN8";
    let outcome = with(&repository, &format!("{ANSWERS}password: {value}\n"), &[]).fails_with(2);
    says(&outcome, "there is no answer `password`");
    assert!(!outcome.stderr.contains(value), "{}", outcome.stderr);
}
