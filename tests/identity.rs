//! The AWS account of a run: known before anything else, and shown in every plan.

use serde_json::{Value, json};

use goldenpath_testkit::{Aws, Command, KEY, Outcome, Platform, SEED, SEED_PATH};

/// An account that no test has secrets in.
const OTHER: &str = "100000000001";

fn said(text: &str) -> String {
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

/// Adds a line below `store:`, in a commit.
fn with_store(aws: &Aws, line: &str) {
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let config = config.replacen("store:\n", &format!("store:\n  {line}\n"), 1);
    aws.platform.catalog.write("goldenpath.yaml", &config).commit_all("Store");
}

fn without_sts(aws: &Aws) {
    aws.recorder.refuse_role("GetCallerIdentity", "User is not authorized");
}

fn store_of(plan: &Outcome) -> Value {
    let plan = plan.json();
    assert_eq!(plan["stores"].as_array().map(Vec::len), Some(1), "{plan}");
    plan["stores"][0].clone()
}

#[test]
fn credentials_of_another_account_stop_the_run_before_any_call() {
    let aws = Aws::new("wrong-account");
    aws.platform.seed();
    aws.apply().success();
    with_store(&aws, &format!("accountId: \"{OTHER}\""));
    aws.recorder.reset();
    let catalog = &aws.platform.catalog;
    let set = catalog.goldenpath(&["value", "set", "SEC-0007", "--yes"]).stdin("password=hunter2");
    let commands: [(&str, Command); 4] = [
        ("plan", aws.platform.plan(&[])),
        ("apply", aws.platform.apply()),
        ("due", catalog.goldenpath(&["due"])),
        ("value set", set),
    ];
    for (name, command) in commands {
        let outcome = aws.reach(command).run();
        assert_eq!(outcome.code, 1, "{name}: {}", outcome.stderr);
        let said = said(&outcome.stderr);
        assert!(said.contains(&aws.account.id) && said.contains(OTHER), "{name}: {said}");
    }
    assert_eq!(aws.recorder.operations(), [""; 0], "nothing was read or changed");
}

#[test]
fn the_right_account_is_in_the_header_the_json_the_comment_and_the_saved_plan() {
    let aws = Aws::new("account-shown");
    aws.platform.seed();
    with_store(&aws, &format!("accountId: \"{}\"", aws.account.id));
    let (id, region) = (aws.account.id.as_str(), aws.account.region.as_str());
    let human = aws.reach(aws.platform.catalog.goldenpath(&["plan"])).run().success();
    let line = human.stderr.lines().find(|line| line.starts_with("Store ")).unwrap();
    assert!(line.contains(id) && line.contains(region), "{line}");
    let store = store_of(&aws.plan());
    assert_eq!((&store["account"], &store["region"]), (&json!(id), &json!(region)));
    assert_eq!(store["environments"], json!(["dev"]));
    let comment = ["plan", "--format", "markdown", "--out", "plan.json"];
    let comment = aws.reach(aws.platform.catalog.goldenpath(&comment)).run().success();
    assert!(comment.stdout.contains(id) && comment.stdout.contains(region), "{}", comment.stdout);
    let saved: Value = serde_json::from_str(&aws.platform.catalog.read("plan.json")).unwrap();
    assert_eq!(saved["plan"]["stores"][0]["account"], id);
}

#[test]
fn without_sts_the_account_comes_from_the_configuration_or_from_the_secrets() {
    let aws = Aws::new("no-sts");
    aws.platform.seed();
    without_sts(&aws);
    let store = store_of(&aws.plan());
    assert_eq!(store["account"], Value::Null, "nothing says it yet");
    assert!(store["unconfirmed"].as_str().unwrap().contains("GetCallerIdentity"), "{store}");
    aws.apply().success();
    assert_eq!(store_of(&aws.plan())["account"], aws.account.id.as_str(), "by the secret's ARN");

    with_store(&aws, &format!("accountId: \"{OTHER}\""));
    let outcome = aws.reach(aws.platform.plan(&[])).run();
    assert_eq!(outcome.code, 1);
    let said = said(&outcome.stderr);
    assert!(said.contains(&aws.account.id) && said.contains(OTHER), "{said}");
}

#[test]
fn in_an_unknown_account_nothing_is_deleted_or_marked() {
    let aws = Aws::new("unknown-account");
    let text = SEED.replace("status: active ", "status: decommission_requested ");
    aws.platform.catalog.write(SEED_PATH, &text).commit_all("Requested");
    without_sts(&aws);
    let plan = aws.plan().json();
    assert_eq!(plan["actions"][0]["action"], "blocked", "{plan}");
    let reason = plan["actions"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("account is unknown") && reason.contains("accountId"), "{reason}");
    aws.apply().success();
    assert_eq!(aws.platform.catalog.read(SEED_PATH), text);
}

#[test]
fn the_audit_trail_has_arn_account_region_and_version() {
    let aws = Aws::new("arn-recorded");
    aws.platform.seed();
    aws.apply().success();
    let set = ["value", "set", "SEC-0007", "--yes", "--generate"];
    let set = aws.platform.catalog.goldenpath(&set).stdin("username=app");
    aws.reach(set).run().success();
    let show = ["audit", "show", "SEC-0007", "--format", "json"];
    let shown = aws.platform.catalog.goldenpath(&show).run().success().json();
    let secret = aws.describe(KEY);
    let place = |event: &Value| {
        (
            event["secret"]["account"].clone(),
            event["secret"]["region"].clone(),
            event["secret"]["arn"].clone(),
        )
    };
    let expected = (json!(aws.account.id), json!(aws.account.region), secret["ARN"].clone());
    let events = shown["events"].as_array().unwrap();
    for action in ["create-secret", "set-value"] {
        let event = events.iter().find(|event| event["action"] == action).unwrap();
        assert_eq!(place(event), expected, "{event}");
    }
    let version = events.last().unwrap()["secret"]["version"].as_str().unwrap();
    assert_eq!(secret["VersionIdsToStages"][version], json!(["AWSCURRENT"]));
    assert_eq!(Platform::actions(&aws.plan()), [""; 0]);
}
