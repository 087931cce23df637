//! `--from ID`: copies a manifest for another environment, with its comments, layout and fields of
//! the catalog's own schema.

use goldenpath_testkit::{Key, Repository, SEED, SEED_PATH, seed_with};

use super::{catalog, manifest, says};

fn copy(repository: &Repository, arguments: &[&str]) -> goldenpath_testkit::Command {
    repository.goldenpath(&[&["new", "secret", "--from", "SEC-0007"], arguments].concat())
}

#[test]
fn a_copy_differs_in_id_and_environment_alone() {
    let repository = Repository::with_seed();
    let outcome = copy(&repository, &["--env", "prod", "--env", "staging"]).run().success();
    let paths = [
        "catalogs/secrets/payments/prod/SEC-0008.yaml",
        "catalogs/secrets/payments/staging/SEC-0009.yaml",
    ];
    assert_eq!(outcome.stdout, format!("SEC-0008 {}\nSEC-0009 {}\n", paths[0], paths[1]));
    let expected =
        seed_with(&[("SEC-0007", "SEC-0008"), ("environment: dev", "environment: prod")]);
    assert_eq!(repository.read(paths[0]), expected);
    assert_eq!(repository.read(SEED_PATH), SEED, "the original stays as it is");
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn flags_and_answers_win_over_what_is_copied() {
    let repository = Repository::with_seed();
    repository.write("answers.yaml", "owner: sre-team\nriskTier: high\nttlDays: 7\n");
    let flags =
        ["--env", "prod", "--rotation", "high", "--owner", "app-team", "--answers", "answers.yaml"];
    copy(&repository, &flags).run().success();
    let expected = seed_with(&[
        ("SEC-0007", "SEC-0008"),
        ("environment: dev", "environment: prod"),
        ("owner: team-payments", "owner: app-team"),
        ("tier: medium", "tier: high"),
        ("rotationClass: standard", "rotationClass: high"),
        ("ttlDays: 30", "ttlDays: 7"),
    ]);
    assert_eq!(repository.read("catalogs/secrets/payments/prod/SEC-0008.yaml"), expected);
}

#[test]
fn a_description_is_added_changed_or_taken_out() {
    let described = seed_with(&[("\n  owner", "\n  description: 'Ours' # words\n  owner")]);
    let path = "catalogs/secrets/payments/prod/SEC-0008.yaml";
    for (original, description, line) in [
        (SEED, "A: new # one", "  description: \"A: new # one\"\n"),
        (described.as_str(), "Theirs", "  description: 'Theirs' # words\n"),
        (described.as_str(), "", ""),
    ] {
        let repository = Repository::new();
        repository.write(SEED_PATH, original);
        copy(&repository, &["--env", "prod", "--description", description]).run().success();
        let made = repository.read(path);
        assert!(made.contains(line), "{made}");
        assert_eq!(made.contains("description"), !line.is_empty(), "{made}");
        assert_eq!(
            made.matches('#').count() - line.matches('#').count(),
            SEED.matches('#').count()
        );
    }
    // A value that spans several lines cannot be replaced in place.
    let repository = Repository::new();
    repository.write(
        SEED_PATH,
        &seed_with(&[("\n  owner", "\n  description: >-\n    Two\n    lines\n  owner")]),
    );
    copy(&repository, &["--env", "test"]).run().success();
    let outcome = copy(&repository, &["--env", "prod", "--description", "One"]).run().fails_with(1);
    says(&outcome, "cannot change `/metadata/description` in a copy of");
    assert!(!repository.exists(path));
}

#[test]
fn a_copy_is_active_whatever_the_original_is() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &seed_with(&[("status: active", "status: deprecated")]));
    copy(&repository, &["--env", "prod"]).run().success();
    let made = manifest(&repository, "catalogs/secrets/payments/prod/SEC-0008.yaml");
    assert_eq!(made["spec"]["lifecycle"]["status"], "active");
}

#[test]
fn a_custom_field_is_copied_too() {
    let repository = Repository::new();
    repository.write(super::templates::SCHEMA, &super::templates::custom_schema());
    let text = seed_with(&[("ttlDays: 30 ", "costCenter: \"0042\"  # ours\n  ttlDays: 30 ")]);
    repository.write(SEED_PATH, &text);
    copy(&repository, &["--env", "prod"]).run().success();
    assert!(
        repository
            .read("catalogs/secrets/payments/prod/SEC-0008.yaml")
            .contains("  costCenter: \"0042\"  # ours\n")
    );
}

#[test]
fn in_a_terminal_only_the_environments_are_asked_and_not_its_own() {
    let repository = Repository::with_seed();
    // High enough that the answers stay visible above the preview.
    let mut terminal = copy(&repository, &[]).in_terminal(80, 40);
    terminal.wait_for("Environments").wait_for("ephemeral");
    let screen = terminal.screen();
    assert!(!screen.contains(" dev"), "{screen}");
    terminal.key(Key::Space).key(Key::Down).key(Key::Down).key(Key::Space).key(Key::Enter);
    terminal.wait_for("✔ Environments · prod").wait_for("Write this file?").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    assert!(repository.exists("catalogs/secrets/payments/prod/SEC-0008.yaml"));
}

#[test]
fn what_of_a_copy_is_not_fit_there_is_asked() {
    let repository = Repository::with_seed();
    let taken = seed_with(&[("SEC-0007", "SEC-0003"), ("environment: dev", "environment: prod")]);
    repository.write("catalogs/secrets/payments/prod/SEC-0003.yaml", &taken);
    let mut terminal = copy(&repository, &["--env", "prod"]).in_terminal(80, 24);
    terminal.wait_for_words("✘ Name payments-db-credentials, from the copied manifest:");
    terminal.wait_for("? Name (payments-db-credentials-2) ›").key(Key::Enter);
    terminal.wait_for_words("✘ Kubernetes Secret payments-db-creds, from the copied manifest:");
    terminal.wait_for("? Kubernetes Secret (payments-db-creds-2) ›").key(Key::Enter);
    terminal.wait_for("Write this file?").send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    repository.goldenpath(&["validate"]).run().success();
    // Without a terminal, the findings are reported.
    let outcome = copy(&repository, &["--env", "prod"]).run().fails_with(1);
    for words in ["GP303", "GP304", "SEC-0003", "Nothing was written."] {
        says(&outcome, words);
    }
}

#[test]
fn a_manifest_that_cannot_be_copied_is_reported_with_a_remedy() {
    let repository = Repository::with_seed();
    repository.write("catalogs/secrets/web/dev/SEC-0004.yaml", "metadata:\n  id: SEC-0004\n");
    for id in ["SEC-0005", "SEC-0006"] {
        repository.write(
            format!("catalogs/secrets/web/dev/{id}.yaml"),
            &SEED.replace("SEC-0007", "SEC-0005"),
        );
    }
    for (id, words) in [
        ("SEC-0017", "no manifest has the ID or name SEC-0017"),
        ("SEC-0017", "did you mean SEC-0007 (payments-db-credentials)?"),
        ("SEC-4711", "run `goldenpath list` to see all 3"),
        (
            "payments-db-credentials",
            "give the ID: SEC-0005 (payments, dev), SEC-0005 (payments, dev), SEC-0007",
        ),
        (
            "SEC-0004",
            "cannot copy `catalogs/secrets/web/dev/SEC-0004.yaml`: it is not a valid SecretRequest",
        ),
        ("SEC-0005", "2 manifests have the ID SEC-0005"),
    ] {
        let outcome = repository
            .goldenpath(&["new", "secret", "--from", id, "--env", "prod"])
            .run()
            .fails_with(2);
        says(&outcome, words);
    }
    assert_eq!(catalog(&repository).len(), 4);
    says(&copy(&repository, &[]).run().fails_with(2), "cannot ask without a terminal for --env");
}

#[test]
fn a_dry_run_of_a_copy_shows_it_and_json_reports_it() {
    let repository = Repository::with_seed();
    let shown = copy(&repository, &["--env", "prod", "--dry-run"]).run().success().stdout;
    let expected =
        seed_with(&[("SEC-0007", "SEC-0008"), ("environment: dev", "environment: prod")]);
    assert_eq!(shown, format!("# catalogs/secrets/payments/prod/SEC-0008.yaml\n{expected}"));
    assert_eq!(catalog(&repository).len(), 1);
    let reported = copy(&repository, &["--env", "prod", "--json"]).run().success().json();
    assert_eq!(reported["manifests"][0]["id"], "SEC-0008");
}

#[test]
fn a_copy_with_another_name_stays_in_its_environment_and_gets_a_free_kubernetes_secret() {
    let repository = Repository::with_seed();
    let arguments = ["new", "secret", "--from", "payments-db-credentials", "--name", "replica"];
    let done = repository.goldenpath(&[&arguments[..], &["--yes"]].concat()).run().success();
    says(&done, "The Kubernetes Secret payments-db-creds is the copied one's: replica is used");
    let made = manifest(&repository, "catalogs/secrets/payments/dev/SEC-0008.yaml");
    assert_eq!(made["metadata"]["name"], "replica");
    assert_eq!(made["metadata"]["environment"], "dev");
    assert_eq!(made["spec"]["access"]["k8sSecretName"], "replica");
    repository.goldenpath(&["validate"]).run().success();
}
