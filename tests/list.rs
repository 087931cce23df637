//! `goldenpath list`: the catalog with filters and formats.

use serde_json::{Value, json};

use goldenpath_testkit::{Aws, Outcome, Repository, SEED, SEED_PATH, request, seed_with};

fn path(service: &str, environment: &str, id: &str) -> String {
    format!("catalogs/secrets/{service}/{environment}/{id}.yaml")
}

/// Returns four secrets that differ in every field with a filter.
fn catalog() -> Repository {
    let repository = Repository::new();
    for (id, service, environment, owner, status, tier) in [
        ("SEC-0003", "web", "prod", "app-team", "active", "high"),
        ("SEC-0001", "payments", "dev", "team-payments", "active", "medium"),
        ("SEC-0002", "payments", "prod", "team-payments", "deprecated", "low"),
        ("SEC-12000", "web", "dev", "app-team", "decommissioned", "low"),
    ] {
        let text = request(id, &format!("{service}-{environment}-key"))
            .replace("service: payments ", &format!("service: {service} "))
            .replace("environment: dev ", &format!("environment: {environment} "))
            .replace("owner: team-payments ", &format!("owner: {owner} "))
            .replace("status: active ", &format!("status: {status} "))
            .replace("tier: medium ", &format!("tier: {tier} "));
        repository.write(path(service, environment, id), &text);
    }
    repository
}

fn list(repository: &Repository, words: &[&str]) -> Outcome {
    repository.goldenpath(&[&["list"], words].concat()).run()
}

fn ids(outcome: &Outcome) -> Vec<String> {
    let list = outcome.json();
    assert_eq!(list["version"], 1);
    list["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn people_see_a_table_by_id_that_is_never_cut_in_a_pipe() {
    let table = list(&catalog(), &[]).success();
    assert_eq!(
        table.stdout,
        "ID         NAME               SERVICE   ENV   OWNER          TIER    \
         TYPE                  TTL  STATUS\n\
         SEC-0001   payments-dev-key   payments  dev   team-payments  medium  \
         database-credentials  30d  active\n\
         SEC-0002   payments-prod-key  payments  prod  team-payments  low     \
         database-credentials  30d  deprecated\n\
         SEC-0003   web-prod-key       web       prod  app-team       high    \
         database-credentials  30d  active\n\
         SEC-12000  web-dev-key        web       dev   app-team       low     \
         database-credentials  30d  decommissioned\n"
    );
    assert_eq!(table.stderr, "");
}

#[test]
fn on_a_narrow_terminal_columns_are_cut_and_left_out() {
    let repository = catalog();
    for columns in [40, 60, 80, 120] {
        let mut terminal = repository.goldenpath(&["list"]).in_terminal(columns, 24);
        terminal.wait_for("SEC-12000");
        assert_eq!(terminal.wait(), 0);
        let screen = terminal.screen();
        let lines: Vec<&str> = screen.trim_end().lines().collect();
        assert_eq!(lines.len(), 5, "no line is broken at {columns}:\n{screen}");
        assert!(lines[4].ends_with("decommissioned"), "{screen}");
        assert_eq!(lines[0].contains("TYPE"), columns >= 120, "{screen}");
    }
}

#[test]
fn it_is_asked_by_service_environment_owner_status_and_tier() {
    let repository = catalog();
    let asked = |words: &[&str]| {
        ids(&list(&repository, &[&["--format", "json"], words].concat()).success())
    };
    assert_eq!(asked(&["--service", "web"]), ["SEC-0003", "SEC-12000"]);
    assert_eq!(asked(&["--env", "dev"]), ["SEC-0001", "SEC-12000"]);
    assert_eq!(asked(&["--env", "prod", "--owner", "app-team"]), ["SEC-0003"]);
    assert_eq!(
        asked(&["--status", "deprecated", "--status", "decommissioned"]),
        ["SEC-0002", "SEC-12000"]
    );
    assert_eq!(asked(&["--tier", "high", "--tier", "medium"]), ["SEC-0001", "SEC-0003"]);
    assert_eq!(asked(&["--tier", "high", "--service", "payments"]), [""; 0]);
    let none = list(&repository, &["--tier", "high", "--service", "payments"]).success();
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "No manifest is selected.\n"));
    for (words, reported) in [
        (["--service", "wbe"], "`--service wbe` selects nothing"),
        (["--owner", "app-taem"], "did you mean `app-team`?"),
        (["--tier", "hihg"], "did you mean `high`?"),
        (["--status", "deprecate"], "did you mean `deprecated`?"),
        (["--env", "produ"], "`--env produ` selects nothing"),
    ] {
        let refused = list(&repository, &words).fails_with(2);
        assert!(refused.stderr.contains(reported), "{}", refused.stderr);
    }
}

#[test]
fn json_has_every_field_under_the_names_of_the_templates() {
    let rows = list(&Repository::with_seed(), &["--format", "json"]).success().json();
    let expected = serde_json::json!({
        "id": "SEC-0007", "name": "payments-db-credentials", "description": null,
        "service": "payments", "environment": "dev", "owner": "team-payments",
        "status": "active", "riskTier": "medium", "secretType": "database-credentials",
        "rotationClass": "standard", "ttlDays": 30, "namespace": "payments",
        "k8sSecretName": "payments-db-creds", "provider": "aws-secrets-manager",
        "storeKey": "goldenpath/payments/dev/payments-db-credentials", "path": SEED_PATH,
    });
    assert_eq!(rows, serde_json::json!({ "version": 1, "secrets": [expected] }));
}

#[test]
fn csv_is_one_record_a_secret_and_no_formula() {
    let repository = Repository::new();
    let described = |text: &str| {
        SEED.replace("  owner:", &format!("  description: {}\n  owner:", Value::from(text)))
    };
    for (description, cell) in [
        ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
        ("@SUM(1)", "\"'@SUM(1)\""),
        ("a, b", "\"a, b\""),
        ("right\u{202e}left", "right\\u{202e}left"),
    ] {
        repository.write(SEED_PATH, &described(description));
        let csv = list(&repository, &["--format", "csv"]).success().stdout;
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(lines.len(), 3, "{csv}");
        assert!(
            lines[0].starts_with("id,name,service,environment,owner,status,riskTier,"),
            "{csv}"
        );
        assert!(lines[1].starts_with(
            "SEC-0007,payments-db-credentials,payments,dev,team-payments,active,medium,"
        ));
        assert!(lines[1].ends_with(&format!(",{SEED_PATH},{cell}")), "{csv}");
    }
}

#[test]
fn a_commit_is_read_as_it_was() {
    let repository = Repository::with_seed();
    repository.commit_all("First");
    repository.write(SEED_PATH, &seed_with(&[("status: active", "status: deprecated")]));
    let status = |words: &[&str]| {
        let rows = list(&repository, &[&["--format", "json"], words].concat()).success().json();
        rows["secrets"][0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(&[]), "deprecated");
    assert_eq!(status(&["--ref", "main"]), "active");
    let refused = list(&repository, &["--ref", "nowhere"]).fails_with(2);
    assert!(refused.stderr.contains("there is no commit `nowhere`"), "{}", refused.stderr);
}

#[test]
fn what_cannot_be_read_is_counted_and_a_value_is_never_shown() {
    let repository = Repository::with_seed();
    repository.write(path("web", "dev", "SEC-0008"), "metadata: [\n");
    let reported = list(&repository, &[]).success();
    assert!(reported.stderr.contains("Note: 1 file with errors left out"), "{}", reported.stderr);

    let value = ["AKIA", "Q3EGRIZ5", "WPLM4V2T"].concat();
    repository.write(
        SEED_PATH,
        &SEED.replace("  owner:", &format!("  description: use {value} for it\n  owner:")),
    );
    repository.write(
        path("web", "dev", "SEC-0009"),
        &request("SEC-0009", "x").replace("owner: team-payments", &format!("owner: {value}")),
    );
    let refused = list(&repository, &["--owner", &value[..value.len() - 1]]).fails_with(2);
    assert!(!refused.stderr.contains(&value), "{}", refused.stderr);
    for format in ["table", "json", "csv"] {
        let shown = list(&repository, &["--format", format]).success();
        assert!(shown.stdout.contains("SEC-0007"), "{}", shown.stdout);
        assert!(
            !shown.stdout.contains(&value) && !shown.stderr.contains(&value),
            "{}",
            shown.stdout
        );
    }
}

#[test]
fn unmanaged_secrets_with_a_name_like_ours_are_listed() {
    let aws = Aws::new("list-unmanaged");
    aws.platform.seed();
    aws.apply().success();
    for name in ["goldenpath/payments/dev/by-hand", "elsewhere/key"] {
        aws.call("CreateSecret", json!({ "Name": name }));
    }
    // A secret of another catalog is not unmanaged.
    let tags = json!([
        { "Key": "goldenpath.io/managed-by", "Value": "goldenpath" },
        { "Key": "goldenpath.io/catalog", "Value": "other" },
    ]);
    aws.call("CreateSecret", json!({ "Name": "goldenpath/a/dev/theirs", "Tags": tags }));
    let list = |arguments: &[&str]| {
        let arguments = [&["list", "--unmanaged"], arguments].concat();
        aws.reach(aws.platform.catalog.goldenpath(&arguments)).run()
    };
    let rows = list(&["--format", "json"]).success().json()["unmanaged"].clone();
    let names: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["goldenpath/payments/dev/by-hand"]);
    let table = list(&["--env", "dev"]).success().stdout;
    assert!(table.contains("goldenpath/payments/dev/by-hand"), "{table}");
    let csv = list(&["--format", "csv"]).success().stdout;
    assert!(csv.starts_with("name,environments,store,"), "{csv}");
    assert_eq!(csv.lines().count(), 2, "{csv}");
    list(&["--owner", "team-payments"]).fails_with(2);
    aws.recorder.refuse("ListSecrets", "", 1, "AccessDeniedException", "no");
    assert!(list(&[]).fails_with(1).stderr.contains("Not queried: "));
}

#[test]
fn removed_manifests_are_listed_and_their_history_is_named() {
    let platform = goldenpath_testkit::Platform::local();
    platform.seed();
    platform.apply().run().success();
    let repository = &platform.catalog;
    // Never applied.
    repository.write("catalogs/secrets/web/dev/SEC-0009.yaml", "kind: SecretRequest\n");
    repository.commit_all("one that was never applied");
    let list =
        |more: &[&str]| repository.goldenpath(&[&["list", "--removed"], more].concat()).run();
    assert!(list(&[]).success().stderr.contains("No manifest was removed."));
    repository.git(&["rm", "--quiet", "-r", "catalogs/secrets/web", "catalogs/secrets/payments"]);
    repository.commit_all("gone");
    let rows = list(&["--format", "json"]).success().json();
    let row = &rows["removed"][0];
    assert_eq!((&row["id"], &row["environment"]), (&"SEC-0007".into(), &"dev".into()));
    assert_eq!(row["lastAction"], "write-projection");
    assert_eq!(rows["removed"][1]["id"], "SEC-0009");
    assert_eq!(rows["removed"][1]["lastAction"], serde_json::Value::Null);
    let table = list(&["--offline"]).success().stdout;
    assert!(table.contains("SEC-0007") && table.contains("SEC-0009"), "{table}");
    assert_eq!(list(&["--env", "prod", "--format", "csv"]).success().stdout.lines().count(), 1);
    let shown = repository.goldenpath(&["show", "sec-7"]).run().fails_with(2).stderr;
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("the manifest of SEC-0007 was removed"), "{shown}");
    assert!(shown.contains("`goldenpath audit show SEC-0007`"), "{shown}");
}
