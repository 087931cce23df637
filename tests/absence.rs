//! Secrets that AWS does not find: a wrong account, a deletion outside goldenpath, or the end.

use serde_json::{Value, json};

use goldenpath_testkit::{Account, Aws, KEY, Lag, Moto, Outcome, Platform, SEED, SEED_PATH};

const DAY: u64 = 24 * 60 * 60;

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Commits the seed with this status, as if `days` ago. The first commit is replaced.
fn set_status(aws: &Aws, status: &str, days: u64) {
    let text = SEED.replace("status: active ", &format!("status: {status} "));
    aws.platform.catalog.write(SEED_PATH, &text).commit_all_days_ago(days, status);
}

/// Returns a platform whose first commit is old: that of the kit is of 2099.
fn old_platform(test: &str) -> Aws {
    let aws = Aws::new(test);
    aws.platform.catalog.git(&["update-ref", "-d", "HEAD"]);
    aws.platform.catalog.write(SEED_PATH, SEED).commit_all_days_ago(200, "SEC-0007");
    aws
}

/// Runs `apply` with `arguments`, and records as if `days` ago.
fn apply_days_ago(aws: &Aws, days: u64, arguments: &[&str]) -> Outcome {
    let arguments = [&["apply", "--yes"], arguments].concat();
    let clock = (now() - days * DAY).to_string();
    let apply = aws.platform.catalog.goldenpath(&arguments).env("GOLDENPATH_CLOCK", &clock);
    aws.reach(apply).run()
}

/// Returns the only planned action, and its reason.
fn only_action(plan: &Outcome) -> (String, String) {
    let plan = plan.json();
    assert_eq!(plan["actions"].as_array().map(Vec::len), Some(1), "{plan}");
    let text = |field: &str| plan["actions"][0][field].as_str().unwrap().to_owned();
    (text("action"), text("reason"))
}

fn deleted_outside(aws: &Aws) {
    aws.call("DeleteSecret", json!({ "SecretId": KEY, "ForceDeleteWithoutRecovery": true }));
}

const OVERRIDES: [&str; 8] = [
    "--id",
    "SEC-0007",
    "--override",
    "cooling-off",
    "--override",
    "consumers",
    "--reason",
    "Test",
];

/// Requests the end of the seed's secret `days` ago, until only the deletion is left.
fn request_end(aws: &Aws, days: u64) {
    apply_days_ago(aws, days + 3, &[]).success();
    set_status(aws, "deprecated", days + 2);
    set_status(aws, "decommission_requested", days + 1);
    apply_days_ago(aws, days, &[]).success();
}

#[test]
fn another_account_does_not_end_a_living_secret() {
    let mut aws = old_platform("absent-elsewhere");
    request_end(&aws, 40);
    let right = aws.account.clone();
    aws.account = Moto::shared().account("other-account");
    let (action, reason) = only_action(&aws.plan());
    assert_eq!(action, "blocked");
    assert!(reason.contains("gate absence") && reason.contains(&right.id), "{reason}");
    aws.apply().success();
    assert!(aws.platform.catalog.read(SEED_PATH).contains("status: decommission_requested"));
    // With a reason, it is marked, and the reason is recorded.
    let arguments =
        ["--id", "SEC-0007", "--override", "absence", "--reason", "The account was closed"];
    aws.apply_with(&arguments).success();
    assert!(aws.platform.catalog.read(SEED_PATH).contains("status: decommissioned"));
    let show = ["audit", "show", "SEC-0007", "--format", "json"];
    let shown = aws.platform.catalog.goldenpath(&show).run().success().json();
    let overridden = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["action"] == "override-gate")
        .cloned()
        .unwrap_or_else(|| panic!("{shown}"));
    assert_eq!(overridden["target"], "absence");
    assert_eq!(overridden["reason"], "The account was closed");
    assert_eq!(overridden["result"], "done");
}

#[test]
fn a_manifest_is_ended_after_our_own_deletion_and_its_window() {
    let aws = old_platform("absent-deleted");
    request_end(&aws, 60);
    let deleted = apply_days_ago(&aws, 40, &OVERRIDES).success();
    assert!(deleted.stdout.contains("delete-secret"), "{}", deleted.stdout);
    let (action, reason) = only_action(&aws.plan());
    assert_eq!(action, "blocked", "{reason}");
    assert!(reason.contains("at the earliest"), "{reason}");
    deleted_outside(&aws);
    let (action, reason) = only_action(&aws.plan());
    assert_eq!(action, "mark-decommissioned");
    assert!(reason.contains("deleted by goldenpath"), "{reason}");
}

#[test]
fn within_the_window_a_secret_that_is_gone_was_deleted_by_somebody_else() {
    let aws = old_platform("absent-early");
    request_end(&aws, 60);
    apply_days_ago(&aws, 1, &OVERRIDES).success();
    deleted_outside(&aws);
    let (action, reason) = only_action(&aws.plan());
    assert_eq!(action, "blocked", "{reason}");
    assert!(reason.contains("delete-secret") && reason.contains("at the earliest"), "{reason}");
}

#[test]
fn a_secret_that_was_never_created_is_ended_as_such() {
    let aws = old_platform("absent-never");
    set_status(&aws, "decommission_requested", 30);
    let (action, reason) = only_action(&aws.plan());
    assert_eq!((action.as_str(), reason.as_str()), ("mark-decommissioned", "never created"));
}

#[test]
fn a_secret_that_was_deleted_outside_is_created_again_only_on_request() {
    let aws = Aws::new("absent-lost");
    aws.platform.seed();
    apply_days_ago(&aws, 1, &[]).success();
    deleted_outside(&aws);
    let (action, reason) = only_action(&aws.plan());
    assert_eq!(action, "blocked");
    assert!(reason.contains("deleted outside") && reason.contains("--recreate SEC-0007"));
    let drift = aws.platform.catalog.goldenpath(&["plan", "--detailed-exitcode"]);
    assert_eq!(aws.reach(drift).run().code, 1, "it is not at rest");
    assert_eq!(aws.names(), [""; 0]);
    aws.apply_with(&["--recreate", "SEC-0007"]).fails_with(2);
    aws.apply_with(&["--recreate", "SEC-0007", "--reason", "Lost by mistake"]).success();
    assert_eq!(aws.names(), [KEY]);
    assert_eq!(Platform::actions(&aws.plan()), [""; 0]);
    let show = ["audit", "show", "SEC-0007", "--action", "recreate-secret", "--format", "json"];
    let shown = aws.platform.catalog.goldenpath(&show).run().success().json();
    assert_eq!(shown["events"][0]["reason"], "Lost by mistake", "{shown}");
    assert_eq!(shown["events"][0]["result"], "done", "{shown}");
}

#[test]
fn a_secret_is_not_created_a_second_time_in_another_region() {
    let mut aws = Aws::new("absent-region");
    aws.platform.seed();
    aws.apply().success();
    let arn = aws.describe(KEY)["ARN"].as_str().unwrap().to_owned();
    aws.account = Account { region: "eu-west-1".to_owned(), ..aws.account.clone() };
    let (action, reason) = only_action(&aws.plan());
    assert_eq!(action, "blocked");
    assert!(reason.contains(&arn) && reason.contains("eu-west-1"), "{reason}");
    assert_eq!(aws.names(), [""; 0]);
}

#[test]
fn without_the_audit_trail_nothing_is_created() {
    let aws = Aws::new("absent-unread");
    aws.platform.seed();
    aws.platform.catalog.git(&["remote", "add", "origin", "/nowhere/catalog.git"]);
    let plan = aws.plan().json();
    assert!(plan["auditTrailUnread"].is_string(), "{plan}");
    assert_eq!(plan["actions"][0]["action"], "create-secret", "{plan}");
    aws.apply().fails_with(1);
    assert_eq!(aws.names(), [""; 0]);
}

#[test]
fn what_a_killed_run_did_not_create_is_created_by_the_next_one() {
    let aws = Aws::new("absent-killed");
    aws.platform.seed();
    aws.recorder.refuse("CreateSecret", "", 1, "AccessDeniedException", "User is not authorized");
    aws.apply().fails_with(1);
    let plan: Value = aws.plan().json();
    assert_eq!(plan["actions"][0]["action"], "create-secret", "{plan}");
}

#[test]
fn an_old_deletion_does_not_end_a_secret_that_lives_in_another_region() {
    let mut aws = old_platform("absent-moved");
    request_end(&aws, 60);
    apply_days_ago(&aws, 40, &OVERRIDES).success();
    deleted_outside(&aws);
    set_status(&aws, "deprecated", 35);
    let old = aws.account.clone();
    aws.account = Account { region: "eu-west-1".to_owned(), ..old.clone() };
    apply_days_ago(&aws, 34, &[]).success();
    let arn = aws.describe(KEY)["ARN"].as_str().unwrap().to_owned();
    aws.account = old;
    set_status(&aws, "decommission_requested", 30);
    apply_days_ago(&aws, 29, &[]).success();
    let (action, reason) = only_action(&aws.plan());
    assert_eq!(action, "blocked", "{reason}");
    assert!(reason.contains("gate absence") && reason.contains(&arn), "{reason}");
}

#[test]
fn a_secret_is_not_created_a_second_time_under_another_name() {
    let aws = Aws::new("absent-renamed");
    aws.platform.seed();
    aws.apply().success();
    let arn = aws.describe(KEY)["ARN"].as_str().unwrap().to_owned();
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let template = "store:\n  keyTemplate: \"other/{{ service }}/{{ environment }}/{{ name }}\"\n";
    let config = config.replacen("store:\n", template, 1);
    aws.platform.catalog.write("goldenpath.yaml", &config).commit_all("Another name");
    let plan = aws.plan().json();
    assert_eq!(plan["actions"][0]["action"], "blocked", "{plan}");
    let reason = plan["actions"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&arn) && reason.contains("store.keyTemplate"), "{reason}");
    assert_eq!(aws.names(), [KEY]);
}

#[test]
fn a_creation_without_an_answer_is_not_never_created() {
    let aws = old_platform("absent-uncertain");
    aws.recorder.lose_answers("CreateSecret", "", usize::MAX);
    aws.apply().fails_with(1);
    aws.recorder.forget_faults();
    deleted_outside(&aws);
    set_status(&aws, "decommission_requested", 30);
    let (action, reason) = only_action(&aws.plan());
    assert_eq!(action, "blocked", "{reason}");
    assert!(reason.contains("create-secret"), "{reason}");
}

/// Returns the plan of a run that gives AWS this number of seconds to find what is new.
fn plan_with_limit(aws: &Aws, seconds: u64) -> Outcome {
    let plan = aws.reach(aws.platform.plan(&["--format", "json"]));
    plan.env("GOLDENPATH_CONSISTENCY_LIMIT", seconds.to_string()).run().success()
}

#[test]
fn a_secret_that_a_run_has_just_created_is_asked_for_again_by_the_next_one() {
    let aws = Aws::new("absent-new");
    aws.platform.seed();
    // Neither the list nor the secret itself shows the creation.
    for read in ["ListSecrets", "DescribeSecret"] {
        aws.recorder.answer_as_before("CreateSecret", read, "", Lag::Answers(3));
    }
    aws.apply().success();
    aws.recorder.reset();
    assert_eq!(Platform::actions(&aws.plan()), [""; 0]);
    let asked = aws.recorder.operations();
    assert_eq!(asked.iter().filter(|call| *call == "DescribeSecret").count(), 1 + 3, "{asked:?}");

    // So does a command that needs the secret.
    let late = Aws::new("absent-new-value");
    late.platform.seed();
    late.recorder.answer_as_before("CreateSecret", "DescribeSecret", "", Lag::Answers(2));
    late.apply().success();
    let generate = ["value", "set", "SEC-0007", "--generate", "--yes"];
    let generate = late.platform.catalog.goldenpath(&generate).stdin("username=app");
    late.reach(generate).run().success();
}

#[test]
fn a_new_secret_that_stays_absent_was_deleted_outside_and_an_older_one_is_not_waited_for() {
    let aws = Aws::new("absent-new-lost");
    aws.platform.seed();
    aws.apply().success();
    deleted_outside(&aws);
    aws.recorder.reset();
    let (action, reason) = only_action(&plan_with_limit(&aws, 1));
    assert_eq!(action, "blocked");
    assert!(reason.contains("deleted outside"), "{reason}");
    let asked = aws.recorder.operations();
    assert!(asked.iter().filter(|call| *call == "DescribeSecret").count() > 2, "{asked:?}");

    let old = Aws::new("absent-old-lost");
    old.platform.seed();
    apply_days_ago(&old, 1, &[]).success();
    deleted_outside(&old);
    old.recorder.reset();
    assert_eq!(only_action(&old.plan()).0, "blocked");
    let asked = old.recorder.operations();
    assert_eq!(asked.iter().filter(|call| *call == "DescribeSecret").count(), 1, "{asked:?}");
}
