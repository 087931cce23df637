//! Decommissioning: the gates, the deletion, the restore, and the audit trail.

mod cluster;
mod consumers;
mod gates;
mod kills;
mod screens;

use std::time::{SystemTime, UNIX_EPOCH};

use goldenpath_core::config::BUILT_IN_GOVERNANCE;
use serde_json::{Value, json};

use goldenpath_testkit::{Aws, Command, KEY, Outcome, Platform, SEED, SEED_PATH};

const PROJECTION: &str = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";

/// Sets the seed's status, in a commit `days_ago`.
fn set_status(platform: &Platform, status: &str, days_ago: u64) {
    let text = platform.catalog.read(SEED_PATH);
    let old = text.lines().find(|line| line.contains("status: ")).unwrap();
    let indent = &old[..old.find("status").unwrap()];
    let comment = old.find('#').map(|at| &old[at..]).unwrap_or_default();
    let text = text.replace(old, &format!("{indent}status: {status} {comment}"));
    platform.catalog.write(SEED_PATH, &text).commit_all_days_ago(days_ago, status);
}

/// Replaces the platform's first commit, which is of 2099: no commit counts as older than its
/// parent.
fn aged(platform: &Platform) -> &Platform {
    platform.catalog.git(&["update-ref", "-d", "HEAD"]);
    platform.catalog.write(SEED_PATH, SEED).commit_all_days_ago(100, "SEC-0007");
    platform
}

/// Runs `apply` as if `days_ago`, which sets the date of what it records.
fn dated(command: Command, days_ago: u64) -> Command {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let date = format!("@{} +0000", now - days_ago * 24 * 60 * 60);
    let clock = (now - days_ago * 24 * 60 * 60).to_string();
    command.envs([
        ("GIT_AUTHOR_DATE", date.clone()),
        ("GIT_COMMITTER_DATE", date),
        ("GOLDENPATH_CLOCK", clock),
    ])
}

fn apply_days_ago(aws: &Aws, days_ago: u64) -> Outcome {
    dated(aws.reach(aws.platform.apply()), days_ago).run()
}

/// Sets the cooling-off period in the catalog's own table.
fn cooling_off(platform: &Platform, days: u64, days_ago: u64) {
    let table =
        BUILT_IN_GOVERNANCE.replace("coolingOffDays: 3", &format!("coolingOffDays: {days}"));
    platform
        .catalog
        .write("schemas/metadata/governance.yaml", &table)
        .commit_all_days_ago(days_ago, "Governance");
}

/// Returns a secret with a decommission request and no projection, so that the gates are next.
///
/// All gates but the one of the cooling-off period are open.
fn ending(test: &str, days_ago: u64) -> Aws {
    let aws = Aws::new(test);
    aged(&aws.platform);
    apply_days_ago(&aws, 100).success();
    set_status(&aws.platform, "deprecated", days_ago + 10);
    set_status(&aws.platform, "decommission_requested", days_ago);
    apply_days_ago(&aws, days_ago).success();
    assert!(!aws.platform.gitops.exists(PROJECTION));
    aws
}

fn actions(aws: &Aws) -> Vec<String> {
    Platform::actions(&aws.plan())
}

/// Returns the reasons of the blocked actions.
fn blocked(aws: &Aws) -> Vec<String> {
    let plan = aws.plan().json();
    let actions = plan["actions"].as_array().unwrap();
    let blocked = actions.iter().filter(|action| action["action"] == "blocked");
    blocked.map(|action| action["reason"].as_str().unwrap().to_owned()).collect()
}

/// Returns the trail's events, as `action target`.
fn recorded(platform: &Platform) -> Vec<String> {
    let events =
        platform.catalog.goldenpath(&["audit", "show", "--format", "json"]).run().success().json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = events["events"].as_array().unwrap();
    events
        .iter()
        .filter(|event| event["result"] == "done" || event["result"] == "interrupted")
        .map(|event| format!("{} {}", text(&event["action"]), text(&event["target"])))
        .collect()
}

/// Simulates the end of the recovery window.
fn the_window_ends(aws: &Aws) {
    // Moto has no clock; it removes a secret that is deleted by force.
    aws.call("RestoreSecret", json!({ "SecretId": KEY }));
    aws.call("DeleteSecret", json!({ "SecretId": KEY, "ForceDeleteWithoutRecovery": true }));
}

#[track_caller]
fn verified(platform: &Platform) -> Outcome {
    platform.catalog.goldenpath(&["audit", "verify"]).run()
}

#[test]
fn a_life_from_its_beginning_to_its_end_with_a_way_back() {
    let aws = Aws::new("life");
    let platform = &aws.platform;
    aged(platform);
    apply_days_ago(&aws, 100).success();
    cooling_off(platform, 60, 95);
    set_status(platform, "deprecated", 90);
    assert_eq!(actions(&aws), [""; 0]);

    // The request is recent: the ExternalSecret is removed, and the secret stays.
    set_status(platform, "decommission_requested", 50);
    let waits = format!("SEC-0007 blocked {KEY}");
    assert_eq!(actions(&aws), [format!("SEC-0007 remove-projection {PROJECTION}"), waits.clone()]);
    apply_days_ago(&aws, 50).success();
    assert!(!platform.gitops.exists(PROJECTION));
    assert_eq!(
        platform.gitops.git(&["show", "--format=%s", "--name-status", "HEAD"]),
        format!("goldenpath: remove 1 ExternalSecret (SEC-0007)\n\nD\t{PROJECTION}")
    );
    assert_eq!(actions(&aws), std::slice::from_ref(&waits));
    let reasons = blocked(&aws);
    assert!(
        reasons[0].starts_with("gate cooling-off: decommission requested on ")
            && reasons[0].contains("at the earliest"),
        "{reasons:?}"
    );

    // The request is withdrawn.
    set_status(platform, "deprecated", 45);
    assert_eq!(actions(&aws), [format!("SEC-0007 write-projection {PROJECTION}")]);
    apply_days_ago(&aws, 45).success();
    // A second request, long enough ago.
    cooling_off(platform, 3, 44);
    set_status(platform, "decommission_requested", 40);
    apply_days_ago(&aws, 40).success();
    assert_eq!(actions(&aws), [format!("SEC-0007 delete-secret {KEY}")]);
    let shown = aws.reach(platform.plan(&[])).run().success().stdout;
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        shown.contains("- delete-secret")
            && shown.contains("Plan: 0 to create, 0 to change, 1 to delete (1 secret), 0 blocked."),
        "{shown}"
    );
    for words in [
        "no live cluster was checked, since none is configured",
        "can be restored for 7 days",
        "names `payments-db-creds`",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    let outcome = apply_days_ago(&aws, 39).success();
    assert!(
        outcome.stdout.ends_with("Applied: 0 created, 0 changed, 1 deleted.\n"),
        "{}",
        outcome.stdout
    );
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    assert_eq!(actions(&aws), std::slice::from_ref(&waits));
    assert!(
        blocked(&aws)[0].contains("`goldenpath lifecycle set SEC-0007 deprecated` restores it")
    );
    assert_eq!(aws.apply().success().stderr.matches("failed").count(), 0);

    // A secret can be restored until the recovery window ends.
    set_status(platform, "deprecated", 30);
    assert_eq!(
        actions(&aws),
        [
            format!("SEC-0007 restore-secret {KEY}"),
            format!("SEC-0007 write-projection {PROJECTION}")
        ]
    );
    apply_days_ago(&aws, 30).success();
    assert!(aws.describe(KEY)["DeletedDate"].is_null() && platform.gitops.exists(PROJECTION));

    set_status(platform, "decommission_requested", 20);
    apply_days_ago(&aws, 20).success();
    apply_days_ago(&aws, 10).success();
    the_window_ends(&aws);
    assert_eq!(actions(&aws), [format!("SEC-0007 mark-decommissioned {SEED_PATH}")]);
    let before = platform.catalog.read(SEED_PATH);
    let head = platform.catalog.git(&["rev-parse", "HEAD"]);
    aws.apply().success();
    assert_eq!(
        platform.catalog.read(SEED_PATH),
        before.replace("status: decommission_requested", "status: decommissioned")
    );
    assert_eq!(platform.catalog.git(&["diff", "--name-only", &head, "HEAD"]), SEED_PATH);
    assert_eq!(platform.catalog.git(&["rev-list", "--count", &format!("{head}..HEAD")]), "1");
    assert_eq!(platform.catalog.git(&["status", "--porcelain", "-uall"]), "");
    assert_eq!(actions(&aws), [""; 0]);
    platform.catalog.goldenpath(&["validate", "--from-ref", &head]).run().success();

    assert_eq!(
        recorded(platform),
        [
            format!("create-secret {KEY}"),
            format!("write-projection {PROJECTION}"),
            format!("remove-projection {PROJECTION}"),
            format!("record-deprecation {SEED_PATH}"),
            format!("write-projection {PROJECTION}"),
            format!("remove-projection {PROJECTION}"),
            format!("delete-secret {KEY}"),
            format!("restore-secret {KEY}"),
            format!("write-projection {PROJECTION}"),
            format!("remove-projection {PROJECTION}"),
            format!("delete-secret {KEY}"),
            format!("mark-decommissioned {SEED_PATH}"),
        ]
    );
    let outcome = verified(platform).success();
    // Each of nine runs with changes announced its actions, and recorded their results.
    assert!(outcome.stdout.starts_with("Verified 18 records: "), "{}", outcome.stdout);
    let timeline =
        platform.catalog.goldenpath(&["audit", "show", "SEC-0007"]).run().success().stdout;
    let deleted = timeline.lines().find(|line| line.contains("delete-secret")).unwrap();
    for words in ["SEC-0007  dev", "done", "Dev Eloper <dev@example.com>", KEY] {
        assert!(deleted.contains(words), "{words}: {timeline}");
    }
}

#[test]
fn an_unmanaged_secret_is_not_deleted() {
    let aws = Aws::new("foreign-end");
    aws.call("CreateSecret", json!({ "Name": KEY }));
    aws.platform.catalog.write(SEED_PATH, SEED).commit_all_days_ago(100, "SEC-0007");
    set_status(&aws.platform, "deprecated", 60);
    set_status(&aws.platform, "decommission_requested", 50);
    assert!(blocked(&aws)[0].contains("(goldenpath did not create it)"));
    aws.apply().fails_with(1);
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
}

#[test]
fn a_deletion_that_aws_refuses_is_a_failure_and_not_recorded() {
    let aws = ending("refused", 20);
    let why = "You can't perform this operation on the secret because of a replica";
    aws.recorder.refuse("DeleteSecret", KEY, 1, "InvalidRequestException", why);
    let outcome = aws.apply().fails_with(1);
    assert!(outcome.stdout.contains("1 failed"), "{}", outcome.stdout);
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
    let deleted = format!("delete-secret {KEY}");
    assert!(!recorded(&aws.platform).contains(&deleted), "{:?}", recorded(&aws.platform));
    aws.apply().success();
    assert!(recorded(&aws.platform).contains(&deleted), "{:?}", recorded(&aws.platform));
}

#[test]
fn more_deletions_than_allowed_are_refused_before_anything_is_done() {
    let aws = ending("limit", 20);
    let configure = |limit: usize| {
        let text = aws.platform.catalog.read("goldenpath.yaml")
            + &format!("limits: {{ maxDeletes: {limit} }}\n");
        aws.platform.catalog.write("goldenpath.yaml", &text).commit_all("A limit");
    };
    configure(0);
    let outcome = aws.apply().fails_with(1);
    assert!(
        outcome.stderr.contains("this plan deletes 1 secret, and the limit of one run is 0"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("--allow-deletes 1"), "{}", outcome.stderr);
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
    aws.apply_with(&["--allow-deletes", "1"]).success();
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
}

#[test]
fn the_local_store_goes_the_same_way() {
    let platform = Platform::local();
    aged(&platform);
    dated(platform.apply(), 100).run().success();
    set_status(&platform, "deprecated", 60);
    set_status(&platform, "decommission_requested", 50);
    dated(platform.apply(), 45).run().success();
    dated(platform.apply(), 40).run().success();
    let plan = platform.plan(&["--format", "json"]).run().success();
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 blocked {KEY}")]);
    // The recovery window ends.
    let script = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
                  db.execute(\"UPDATE secrets SET deletion_at = '2020-01-01T00:00:00Z'\"); \
                  db.commit()";
    platform.catalog.program("python3", &["-c", script, ".goldenpath/store.db"]).run().success();
    platform.apply().run().success();
    assert!(platform.catalog.read(SEED_PATH).contains("status: decommissioned "));
    // The name is available again.
    let other = SEED.replace("SEC-0007", "SEC-0008");
    platform.catalog.git(&["rm", "--quiet", SEED_PATH]);
    platform.catalog.write(SEED_PATH.replace("SEC-0007", "SEC-0008"), &other).commit_all("Another");
    platform.apply().run().success();
}
