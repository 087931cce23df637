//! `goldenpath show`: everything that is known of one secret.

use serde_json::json;

use goldenpath_testkit::{Aws, KEY, Outcome, Platform, Repository, SEED, SEED_PATH, request};

fn show(platform: &Platform, words: &[&str]) -> Outcome {
    platform.catalog.goldenpath(&[&["show", "SEC-0007"], words].concat()).run()
}

/// With a date in the past, because the platform's first commit is of 2099.
fn aged(platform: &Platform) -> &Platform {
    platform.catalog.git(&["update-ref", "-d", "HEAD"]);
    platform.catalog.write(SEED_PATH, SEED).commit_all_days_ago(40, "SEC-0007");
    platform
}

#[test]
fn manifest_store_projection_and_findings_stand_on_one_screen() {
    let platform = Platform::local();
    aged(&platform).apply().run().success();
    let mut terminal = platform.catalog.goldenpath(&["show", "SEC-0007"]).in_terminal(80, 24);
    terminal.wait_for("Findings");
    assert_eq!(terminal.wait(), 0);
    let screen = terminal.screen();
    for words in [
        "SEC-0007  payments-db-credentials  active",
        "payments in dev, owner team-payments, database-credentials, medium risk",
        "Manifest    catalogs/secrets/payments/dev/SEC-0007.yaml",
        "            in the catalog since ",
        "Kubernetes  Secret payments-db-creds in the namespace payments",
        "Store       local store .goldenpath/store.db",
        "            goldenpath/payments/dev/payments-db-credentials",
        "            kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml",
        "            up to date",
        "write-projection by Dev Eloper <dev@example.com>",
        "create-secret by Dev Eloper <dev@example.com>",
        "Findings    ",
    ] {
        assert!(screen.contains(words), "{words:?}\n{screen}");
    }
    assert!(screen.lines().count() <= 23, "the prompt has a line too:\n{screen}");
}

#[test]
fn a_crowded_screen_still_fits() {
    let aws = Aws::new("crowded");
    let crowded = SEED
        .replace(
            "  owner:",
            "  description: The credentials of the payments service for its own database\n  owner:",
        )
        .replace("status: active ", "status: deprecated ")
        .replace("rotationClass: standard ", "rotationClass: high ");
    let catalog = &aws.platform.catalog;
    catalog.git(&["update-ref", "-d", "HEAD"]);
    catalog.write(SEED_PATH, &crowded).commit_all_days_ago(100, "SEC-0007");
    let origin = Repository::bare();
    catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "of no account" }));
    catalog.write(SEED_PATH, &crowded.replace("ttlDays: 30", "ttlDays: 400"));
    let mut terminal = aws.reach(catalog.goldenpath(&["show", "SEC-0007"])).in_terminal(80, 24);
    terminal.wait_for("Findings");
    assert_eq!(terminal.wait(), 0);
    let screen = terminal.screen();
    assert!(screen.starts_with("SEC-0007  payments-db-credentials  deprecated\n"), "{screen}");
    for words in [
        "Due         ",
        "deprecated 20",
        "rotation every 30 days, changed 20",
        "with uncommitted changes",
        "not reserved on origin",
    ] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
}

#[test]
fn what_is_due_counts_from_the_catalog_or_from_the_store() {
    let platform = Platform::local();
    let shown = show(aged(&platform), &["--offline"]).success().stdout;
    assert!(shown.contains("10 days ago: ttl of 30 days, in the catalog since 20"), "{shown}");
    assert!(
        shown.contains(
            "Findings    1 warning\n            GP601 (line 21): the ttl of 30 days has expired"
        ),
        "{shown}"
    );
    assert!(
        !shown.contains("Store") && !shown.contains("GitOps") && !shown.contains("ID  "),
        "{shown}"
    );
    platform.apply().run().success();
    let shown = show(&platform, &[]).success().stdout;
    assert!(shown.contains("in 30 days: ttl of 30 days, created 20"), "{shown}");
}

#[test]
fn json_has_the_same_and_null_for_what_was_left_out() {
    let platform = Platform::local();
    aged(&platform).apply().run().success();
    let sheet = show(&platform, &["--format", "json"]).success().json();
    assert_eq!(sheet["version"], 1);
    assert_eq!(sheet["secret"]["name"], "payments-db-credentials");
    assert_eq!(sheet["committed"], true);
    assert_eq!(
        (&sheet["store"]["state"], &sheet["store"]["hasValue"]),
        (&json!("present"), &json!(false))
    );
    assert_eq!(sheet["gitops"]["state"], "current");
    assert_eq!(sheet["reservation"], json!(null), "there is no remote");
    assert_eq!(sheet["findings"][0]["rule"], "GP601");
    assert_eq!(sheet["due"][0]["reason"], "ttl");
    let sheet = show(&platform, &["--format", "json", "--offline"]).success().json();
    assert_eq!((&sheet["store"], &sheet["gitops"]), (&json!(null), &json!(null)));
}

#[test]
fn missing_parts_are_reported_in_their_place() {
    let platform = Platform::local();
    platform.seed();
    let shown = show(&platform, &[]).success().stdout;
    assert!(
        shown.contains("the secret does not exist\n")
            && shown.contains("the file does not exist\n"),
        "{shown}"
    );
    platform.catalog.write("goldenpath.yaml", "catalogId: acme-platform\n");
    let shown = show(&platform, &[]).success().stdout;
    assert!(shown.contains("Store       none: `store.backend` is not set"), "{shown}");
    assert!(shown.contains("GitOps      none: neither"), "{shown}");
}

#[test]
fn what_cannot_be_reached_does_not_keep_the_rest_from_being_shown() {
    let platform = Platform::local();
    platform.seed();
    platform.configure("backend: aws\nregion: us-east-1", "/nowhere/at/all");
    let outcome = show(&platform, &[]).success();
    assert!(
        outcome.stdout.contains("Store       not known: no usable AWS credentials"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("GitOps      not known: "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("Findings    none"), "{}", outcome.stdout);
    let sheet = show(&platform, &["--format", "json"]).success().json();
    assert!(sheet["store"]["error"].is_string() && sheet["gitops"]["error"].is_string(), "{sheet}");
}

#[test]
fn on_aws_dates_come_from_the_store_and_one_secret_is_asked_for() {
    let aws = Aws::new("show");
    aws.platform.seed();
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "of no account" }));
    aws.recorder.reset();
    let shown =
        aws.reach(aws.platform.catalog.goldenpath(&["show", "SEC-0007"])).run().success().stdout;
    assert_eq!(aws.recorder.operations(), ["DescribeSecret", "GetResourcePolicy"]);
    assert!(shown.contains("AWS Secrets Manager, ") && shown.contains("created 20"), "{shown}");
    assert!(shown.contains("rotation every 90 days, changed 20"), "{shown}");
    assert!(!shown.contains("of no account") && !shown.contains("awaiting a value"), "{shown}");

    aws.call("UntagResource", json!({ "SecretId": KEY, "TagKeys": ["goldenpath.io/managed-by"] }));
    let shown =
        aws.reach(aws.platform.catalog.goldenpath(&["show", "SEC-0007"])).run().success().stdout;
    assert!(
        shown.contains(
            "a secret with this name exists, but it is unmanaged: goldenpath did not create it"
        ),
        "{shown}"
    );
    assert!(!shown.contains("rotation every"), "{shown}");
}

#[test]
fn the_owner_of_the_reservation_is_reported() {
    let origin = Repository::bare();
    let repository = Repository::clone_of(&origin);
    repository.write(SEED_PATH, &SEED.replace("SEC-0007", "SEC-0001"));
    repository.git(&["mv", "-k", SEED_PATH, "x"]);
    let reserved = repository.goldenpath(&["id", "reserve"]).run().success().stdout;
    let id = reserved.trim();
    let path = format!("catalogs/secrets/payments/dev/{id}.yaml");
    std::fs::remove_file(repository.path().join(SEED_PATH)).unwrap();
    repository.write(&path, &request(id, "reserved"));
    let shown = repository.goldenpath(&["show", id]).run().success().stdout;
    assert!(shown.contains("ID          reserved on origin by Dev Eloper, 20"), "{shown}");
    repository.write("catalogs/secrets/payments/dev/SEC-0999.yaml", &request("SEC-0999", "other"));
    let shown = repository.goldenpath(&["show", "SEC-0999"]).run().success().stdout;
    assert!(shown.contains("ID          not reserved on origin"), "{shown}");
    repository.git(&["remote", "set-url", "origin", "/nowhere/at/all"]);
    let shown = repository.goldenpath(&["show", id]).run().success().stdout;
    assert!(shown.contains("ID          not known: cannot query `origin`"), "{shown}");
}

#[test]
fn a_secret_is_named_by_its_id_in_any_form_or_by_its_name() {
    let repository = Repository::with_seed();
    let shown = repository.goldenpath(&["show", "SEC-0007", "--offline"]).run().success().stdout;
    for word in ["sec-0007", "SEC-7", "sec7", "7", "payments-db-credentials"] {
        let other = repository.goldenpath(&["show", word, "--offline"]).run().success().stdout;
        assert_eq!(other, shown, "{word}");
    }
    let other = goldenpath_testkit::SEED
        .replace("SEC-0007", "SEC-0008")
        .replace("environment: dev", "environment: prod");
    repository.write("catalogs/secrets/payments/prod/SEC-0008.yaml", &other);
    let refused =
        repository.goldenpath(&["show", "payments-db-credentials"]).run().fails_with(2).stderr;
    assert!(refused.contains("2 manifests have the name payments-db-credentials"), "{refused}");
    assert!(refused.contains("SEC-0007 (payments, dev), SEC-0008 (payments, prod)"), "{refused}");
}

#[test]
fn without_an_id_a_terminal_has_a_list_to_search_and_a_pipeline_an_error() {
    let repository = Repository::with_seed();
    let refused = repository.goldenpath(&["show", "--offline"]).run().fails_with(2).stderr;
    assert!(refused.contains("give its ID, such as SEC-0007, or its name"), "{refused}");
    let mut terminal = repository.goldenpath(&["show", "--offline"]).in_terminal(80, 40);
    terminal.wait_for("❯ SEC-0007  payments-db-credentials (payments, dev)").send("db\r");
    terminal.wait_for("Kubernetes");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn an_id_that_there_is_none_of_is_asked_back() {
    let repository = Repository::with_seed();
    for (word, reported) in [
        ("SEC-0001", "did you mean SEC-0007"),
        ("payments-db-credential", "did you mean `payments-db-credentials`?"),
        ("SEC-0123", "the only ID is SEC-0007"),
    ] {
        let refused = repository.goldenpath(&["show", word]).run().fails_with(2);
        assert!(refused.stderr.contains(reported), "{word}\n{}", refused.stderr);
    }
}

#[test]
fn no_value_and_no_escape_sequence_comes_through() {
    let platform = Platform::local();
    let value = ["AKIA", "Q3EGRIZ5", "WPLM4V2T"].concat();
    platform.catalog.write(
        SEED_PATH,
        &SEED.replace("  owner:", &format!("  description: \"{value} \\u202e x\"\n  owner:")),
    );
    for format in ["text", "json"] {
        let shown = show(&platform, &["--format", format]).success();
        assert!(
            shown.stdout.contains("[hidden]") && shown.stdout.contains("GP501"),
            "{}",
            shown.stdout
        );
        assert!(
            !shown.stdout.contains(&value) && !shown.stdout.contains('\u{202e}'),
            "{}",
            shown.stdout
        );
        assert!(!shown.stderr.contains(&value), "{}", shown.stderr);
    }
}
