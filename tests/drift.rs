//! Drift: how `plan` reports differences between the catalog and the store, and how `apply` fixes
//! them.

use jiff::Timestamp;
use serde_json::{Value, json};

use goldenpath_testkit::{Aws, KEY, Outcome, Platform, as_api_tags, request, seed_tags, tags};

fn reasons(plan: &Outcome) -> String {
    let actions = plan.json()["actions"].clone();
    let reasons = actions
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["reason"].as_str().unwrap().to_owned());
    reasons.collect::<Vec<_>>().join("\n")
}

fn orphans(plan: &Outcome) -> Vec<String> {
    let orphans = plan.json()["orphans"].clone();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |one: &Value| {
        format!(
            "{} {} {}: {}",
            text(&one["id"]),
            text(&one["environment"]),
            text(&one["target"]),
            text(&one["reason"])
        )
    };
    orphans.as_array().unwrap().iter().map(line).collect()
}

#[test]
fn a_secret_that_is_marked_for_deletion_is_restored_while_its_manifest_is_active() {
    let aws = Aws::new("restored");
    aws.platform.seed();
    aws.apply().success();
    aws.writes();
    aws.call("DeleteSecret", json!({ "SecretId": KEY, "RecoveryWindowInDays": 7 }));
    let deleted = aws.describe(KEY)["DeletedDate"].as_f64().unwrap();
    let date = Timestamp::from_second(deleted as i64).unwrap().strftime("%Y-%m-%d").to_string();

    let plan = aws.plan();
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 restore-secret {KEY}")]);
    assert!(reasons(&plan).contains(&date), "{}, and not {date}", reasons(&plan));
    assert_eq!(plan.json()["summary"]["change"], 1);
    let shown = aws.reach(aws.platform.plan(&[])).run().success().stdout;
    assert!(shown.contains("  ↻ restore-secret"), "{shown}");
    // Other differences are changed after the restore: AWS rejects changes of a deleted secret.
    aws.platform.seed_changed("tier: medium", "tier: low");
    aws.apply().success();
    assert_eq!(aws.writes(), ["RestoreSecret", "TagResource"]);
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn an_unmanaged_secret_that_is_marked_for_deletion_stays_so() {
    let aws = Aws::new("not-restored");
    aws.platform.seed();
    aws.call("CreateSecret", json!({ "Name": KEY, "SecretString": "theirs" }));
    aws.call("DeleteSecret", json!({ "SecretId": KEY, "RecoveryWindowInDays": 7 }));
    assert_eq!(Platform::actions(&aws.plan()), [format!("SEC-0007 blocked {KEY}")]);
    aws.apply().fails_with(1);
    assert!(!aws.describe(KEY)["DeletedDate"].is_null());
}

#[test]
fn a_secret_that_goldenpath_did_not_make_is_taken_over_where_that_is_asked_for() {
    let aws = Aws::new("adopted");
    aws.platform.seed();
    let foreign = json!([{ "Key": "team", "Value": "blue" }]);
    aws.call(
        "CreateSecret",
        json!({ "Name": KEY, "SecretString": "theirs", "Description": "old", "Tags": foreign }),
    );
    let plan = aws.plan();
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 blocked {KEY}")]);
    assert!(reasons(&plan).contains("`--adopt SEC-0007` takes it over"), "{}", reasons(&plan));

    let plan = aws.plan_with(&["--adopt", "SEC-0007"]);
    assert_eq!(Platform::actions(&plan)[0], format!("SEC-0007 tag-secret {KEY}"));
    assert!(reasons(&plan).starts_with("adopts an unmanaged secret: "), "{}", reasons(&plan));
    aws.writes();
    aws.apply_with(&["--adopt", "SEC-0007"]).success();
    assert_eq!(aws.writes(), ["TagResource"]);
    let mut expected = seed_tags();
    expected.insert("team", "blue");
    assert_eq!(tags(&aws.describe(KEY)), expected);
    assert_eq!(aws.describe(KEY)["Description"], "old", "the manifest says nothing of it");
    assert_eq!(aws.call("GetSecretValue", json!({ "SecretId": KEY }))["SecretString"], "theirs");
    // A second request changes nothing.
    for arguments in [&[][..], &["--adopt", "SEC-0007"]] {
        assert!(aws.apply_with(arguments).success().stdout.contains("Nothing to do."));
    }
}

#[test]
fn another_catalog_s_secret_is_not_taken_over_and_an_id_without_a_manifest_is_refused() {
    let aws = Aws::new("not-adopted");
    aws.platform.seed();
    let mut theirs = seed_tags();
    theirs.insert("goldenpath.io/catalog", "another-platform");
    aws.call("CreateSecret", json!({ "Name": KEY, "Tags": as_api_tags(&theirs) }));
    let outcome = aws.apply_with(&["--adopt", "SEC-0007"]).fails_with(1);
    assert!(
        outcome.stdout.contains("belongs to another catalog (another-platform)"),
        "{}",
        outcome.stdout
    );
    assert_eq!(tags(&aws.describe(KEY)), theirs);
    for id in ["SEC-0099", "seven"] {
        let outcome = aws.apply_with(&["--adopt", id]).fails_with(2);
        assert!(outcome.stderr.contains(id), "{}", outcome.stderr);
    }
}

#[test]
fn secrets_without_a_manifest_are_shown_and_left_alone() {
    let aws = Aws::new("orphans");
    aws.platform.write("SEC-0001", "one-that-stays").write("SEC-0002", "one-that-goes");
    aws.platform.write("SEC-0003", "one-that-ends").catalog.commit_all("Three");
    aws.apply().success();
    let mut other = seed_tags();
    other.insert("goldenpath.io/environment", "prod");
    aws.call("CreateSecret", json!({ "Name": "goldenpath/old", "Tags": as_api_tags(&other) }));
    aws.call("DeleteSecret", json!({ "SecretId": "goldenpath/old", "RecoveryWindowInDays": 7 }));
    other.insert("goldenpath.io/catalog", "zenith");
    aws.call("CreateSecret", json!({ "Name": "goldenpath/zenith", "Tags": as_api_tags(&other) }));
    std::fs::remove_file(
        aws.platform.catalog.path().join("catalogs/secrets/payments/dev/SEC-0002.yaml"),
    )
    .unwrap();
    let ended =
        request("SEC-0003", "one-that-ends").replace("status: active", "status: decommissioned");
    aws.platform
        .catalog
        .write("catalogs/secrets/payments/dev/SEC-0003.yaml", &ended)
        .commit_all("One");
    aws.writes();

    let plan = aws.plan();
    assert_eq!(Platform::actions(&plan), [""; 0], "they are no changes");
    let found = orphans(&plan);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(
        found[0],
        "SEC-0002 dev goldenpath/payments/dev/one-that-goes: no manifest requests it"
    );
    assert_eq!(
        found[1],
        "SEC-0003 dev goldenpath/payments/dev/one-that-ends: its manifest is decommissioned"
    );
    assert!(found[2].starts_with(
        "SEC-0007 prod goldenpath/old: no manifest requests it; marked for deletion (20"
    ));
    assert_eq!(orphans(&aws.plan_with(&["--env", "dev"])).len(), 2);
    assert_eq!(orphans(&aws.plan_with(&["--env", "prod"])).len(), 1);
    // With a part of the catalog selected, secrets of the rest are not orphans.
    assert_eq!(orphans(&aws.plan_with(&["--service", "payments"])).len(), 3);

    let outcome = aws.reach(aws.platform.plan(&["--detailed-exitcode"])).run().success();
    assert!(outcome.stdout.starts_with("Nothing to do."), "{}", outcome.stdout);
    assert!(
        outcome
            .stdout
            .contains("3 secrets of this catalog without a manifest; apply does not change them.")
    );
    aws.apply().success();
    assert_eq!(aws.writes(), [""; 0]);
    assert_eq!(aws.names().len(), 5);
}

#[test]
fn what_is_decommissioned_costs_no_call() {
    let aws = Aws::new("decommissioned");
    aws.platform.seed_changed("status: active", "status: decommissioned");
    aws.apply().success();
    assert_eq!(aws.recorder.operations(), ["ListSecrets"]);
}

#[test]
fn the_catalog_is_taken_at_head_or_at_the_commit_that_is_named() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.git(&["tag", "v1"]);
    platform.write("SEC-0008", "a-later-key").catalog.commit_all("Later");
    let ids = |arguments: &[&str]| {
        let plan =
            platform.plan(&[&["--format", "json"], arguments].concat()).run().success().json();
        let ids = plan["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| action["id"].as_str().unwrap().to_owned());
        ids.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]), ["SEC-0007", "SEC-0008"]);
    for commit in ["v1", "HEAD~1", &platform.catalog.git(&["rev-parse", "v1"])] {
        assert_eq!(ids(&["--ref", commit]), ["SEC-0007"], "{commit}");
    }
    let outcome = platform.plan(&["--ref", "v2"]).run().fails_with(2);
    assert!(outcome.stderr.contains("there is no commit `v2`"), "{}", outcome.stderr);
    platform.plan(&["--ref", "v1", "--work-tree"]).run().fails_with(2);
    platform.catalog.goldenpath(&["apply", "--yes", "--ref", "v1"]).run().success();
    assert_eq!(ids(&[]), ["SEC-0008"]);
}

#[test]
fn another_kms_key_updates_the_secret_and_none_leaves_it() {
    let aws = Aws::new("kms");
    let gitops = aws.platform.gitops.path().display().to_string();
    aws.platform.configure("backend: aws\nkmsKeyId: alias/one", &gitops).seed();
    aws.apply().success();
    assert_eq!(aws.writes(), ["CreateSecret"]);
    assert_eq!(aws.describe(KEY)["KmsKeyId"], "alias/one");
    // The same with its full name.
    let whole = format!("arn:aws:kms:{}:{}:alias/one", aws.account.region, aws.account.id);
    aws.platform.configure(&format!("backend: aws\nkmsKeyId: {whole}"), &gitops);
    assert_eq!(Platform::actions(&aws.plan()), [""; 0]);

    aws.platform.configure("backend: aws\nkmsKeyId: alias/two", &gitops);
    assert_eq!(reasons(&aws.plan()), "KMS key: alias/one → alias/two");
    aws.apply().success();
    assert_eq!(aws.writes(), ["UpdateSecret"]);
    assert_eq!(aws.describe(KEY)["KmsKeyId"], "alias/two");
    aws.platform.configure("backend: aws", &gitops);
    assert_eq!(Platform::actions(&aws.plan()), [""; 0], "what is left unsaid stays");
}

#[test]
fn a_store_key_that_is_too_long_for_aws_is_found_before_anything_is_done() {
    let aws = Aws::new("long-key");
    let config = format!("keyTemplate: \"{}/{{{{ name }}}}\"", "x".repeat(500));
    aws.platform.configure(
        &format!("backend: aws\n{config}"),
        &aws.platform.gitops.path().display().to_string(),
    );
    aws.platform.seed();
    let outcome = aws.apply().fails_with(1);
    let words =
        outcome.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("GP104") && words.contains("it has 524 characters, 1 to 512 are allowed"),
        "{words}"
    );
    assert_eq!(aws.recorder.operations(), [""; 0]);
}

#[test]
fn no_more_calls_are_in_flight_than_allowed() {
    let aws = Aws::new("in-flight");
    for number in 1..=12 {
        aws.platform.write(&format!("SEC-{number:04}"), &format!("number-{number:02}"));
    }
    aws.platform.catalog.commit_all("Twelve");
    aws.apply_with(&["--parallelism", "3"]).success();
    let most = aws.recorder.most_at_once();
    assert!((2..=3).contains(&most), "{most}");
    aws.apply_with(&["--parallelism", "0"]).fails_with(2);
}
