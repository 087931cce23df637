//! `goldenpath edit`: fields of a manifest change in place.

use goldenpath_testkit::{Key, Repository, SEED, SEED_PATH};
use serde_json::json;

fn committed() -> Repository {
    let repository = Repository::with_seed();
    repository.commit_all("seed");
    repository
}

fn edit(repository: &Repository, arguments: &[&str]) -> goldenpath_testkit::Command {
    repository.goldenpath(&[&["edit"], arguments].concat())
}

#[test]
fn each_flag_changes_its_field_and_nothing_else() {
    for (flag, value, from, to) in [
        ("--owner", "app-team", "owner: team-payments", "owner: app-team"),
        ("--risk", "low", "tier: medium", "tier: low"),
        ("--rotation", "high", "rotationClass: standard", "rotationClass: high"),
        ("--namespace", "billing", "namespace: payments", "namespace: billing"),
        ("--k8s-secret-name", "db", "k8sSecretName: payments-db-creds", "k8sSecretName: db"),
        ("--ttl-days", "45", "ttlDays: 30 ", "ttlDays: 45 "),
    ] {
        assert!(SEED.contains(from), "{from}");
        let repository = committed();
        let done = edit(&repository, &["sec-7", flag, value]).run().success();
        assert_eq!(repository.read(SEED_PATH), SEED.replace(from, to), "{flag}");
        assert!(done.stdout.contains(to), "{}", done.stdout);
    }
}

#[test]
fn a_description_is_added_and_removed() {
    let repository = committed();
    edit(&repository, &["SEC-0007", "--description", "the orders' database"]).run().success();
    assert!(repository.read(SEED_PATH).contains("description: the orders' database"));
    edit(&repository, &["SEC-0007", "--description", ""]).run().success();
    assert_eq!(repository.read(SEED_PATH), SEED);
}

#[test]
fn the_ttl_is_extended_from_today() {
    let repository = Repository::with_seed();
    repository.commit_all_days_ago(40, "seed");
    edit(&repository, &["SEC-0007", "--extend", "90d"]).run().success();
    assert_eq!(repository.read(SEED_PATH), SEED.replace("ttlDays: 30 ", "ttlDays: 130 "));
    let refused = edit(&repository, &["SEC-0007", "--extend", "3"]).run().fails_with(2).stderr;
    assert!(refused.contains("such as 14d or 2w"), "{refused}");
}

#[test]
fn a_change_with_a_new_error_is_not_written() {
    let repository = committed();
    for (arguments, words) in [
        (&["--ttl-days", "366"][..], "`ttlDays` is 366"),
        (&["--ttl-days", "soon"], "ttlDays"),
        (&["--owner", "nobody"], "`nobody` is not a value of `owner`"),
        (&["--risk", "high", "--rotation", "none"], "must be rotated"),
        (&["--namespace", "Bad"], "the capital `B` is not allowed"),
    ] {
        let refused = edit(&repository, &[&["SEC-0007"], arguments].concat()).run().fails_with(1);
        let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(said.contains("Nothing was written."), "{said}");
        assert_eq!(repository.read(SEED_PATH), SEED);
    }
}

#[test]
fn an_error_that_was_there_before_does_not_stop_another_change() {
    let repository = Repository::with_seed();
    let long = SEED.replace("ttlDays: 30 ", "ttlDays: 400 ");
    repository.write(SEED_PATH, &long);
    repository.commit_all("a ttl over the limit");
    let done = edit(&repository, &["SEC-0007", "--owner", "app-team"]).run().success();
    assert!(done.stderr.contains("GP203"), "it is still shown: {}", done.stderr);
    assert_eq!(repository.read(SEED_PATH), long.replace("team-payments", "app-team"));
}

#[test]
fn a_dry_run_and_the_same_value_write_nothing() {
    let repository = committed();
    let shown = edit(&repository, &["SEC-0007", "--risk", "low", "--dry-run"]).run().success();
    assert!(shown.stdout.contains("+    tier: low"), "{}", shown.stdout);
    assert!(shown.stderr.contains("Nothing was written"), "{}", shown.stderr);
    let same = edit(&repository, &["SEC-0007", "--owner", "team-payments"]).run().success();
    assert!(same.stderr.contains("already has these values"), "{}", same.stderr);
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_branch_and_a_commit_hold_the_change() {
    let repository = committed();
    let arguments = ["SEC-0007", "--owner", "app-team", "--branch", "handover", "--commit"];
    let done = edit(&repository, &[&arguments[..], &["--format", "json"]].concat()).run().success();
    let done = done.json();
    assert_eq!(
        done["changes"],
        json!([{ "field": "owner", "from": "team-payments", "to": "app-team" }])
    );
    assert_eq!((&done["path"], &done["branch"]), (&json!(SEED_PATH), &json!("handover")));
    assert_eq!(repository.git(&["log", "-1", "--format=%s"]).trim(), "SEC-0007: change owner");
    assert_eq!(repository.git(&["show", "--name-only", "--format="]).trim(), SEED_PATH);
}

#[test]
fn on_a_terminal_the_secret_and_the_field_are_chosen() {
    let repository = committed();
    let refused = edit(&repository, &["SEC-0007"]).run().fails_with(2).stderr;
    assert!(refused.contains("--owner") && refused.contains("--extend"), "{refused}");
    let mut terminal = edit(&repository, &[]).in_terminal(80, 30);
    terminal.wait_for("❯ SEC-0007  payments-db-credentials").key(Key::Enter);
    terminal.wait_for("Owner: team-payments").send("tier").wait_for("❯ Risk tier: medium");
    terminal.key(Key::Enter).wait_for("? Risk tier").wait_for("❯ medium").send("lo");
    terminal.wait_for("❯ low").key(Key::Enter).wait_for("+    tier: low");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(repository.read(SEED_PATH), SEED.replace("tier: medium", "tier: low"));
}
