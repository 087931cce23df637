//! Answers of AWS from before a write: they are recognized, and asked for again.

use serde_json::json;

use goldenpath_testkit::{
    Aws, Command, KEY, Lag, MARKED_FOR_DELETION, NOT_FOUND, Platform, SEED, SEED_PATH, tags,
};

fn with_reader() -> String {
    SEED.replace(
        "    k8sSecretName:",
        "    readPrincipals:\n      - arn:aws:iam::123456789012:role/reader\n    k8sSecretName:",
    )
}

fn rotate(aws: &Aws) -> Command {
    aws.reach(aws.platform.catalog.goldenpath(&["value", "rotate", "SEC-0007", "--yes"]))
}

/// Returns a platform whose secret has a value.
fn with_value(test: &str) -> Aws {
    let aws = Aws::new(test);
    aws.platform.seed();
    aws.apply().success();
    let set = ["value", "set", "SEC-0007", "--yes", "--generate"];
    let set = aws.platform.catalog.goldenpath(&set).stdin("username=app");
    aws.reach(set).run().success();
    aws
}

fn current(aws: &Aws) -> String {
    let value = aws.call("GetSecretValue", json!({ "SecretId": KEY }));
    value["VersionId"].as_str().unwrap().to_owned()
}

/// Returns action and result of the last event.
fn last_event(aws: &Aws) -> (String, String) {
    let show = ["audit", "show", "SEC-0007", "--format", "json"];
    let shown = aws.platform.catalog.goldenpath(&show).run().success().json();
    let event = shown["events"].as_array().unwrap().last().cloned().unwrap();
    let text = |field: &str| event[field].as_str().unwrap().to_owned();
    (text("action"), text("result"))
}

#[test]
fn a_value_is_not_reported_as_changed_by_another_because_of_an_older_answer() {
    for answers in [1, 3] {
        let aws = with_value("stale-labels");
        let before = current(&aws);
        let lag = Lag::Answers(answers);
        aws.recorder.answer_as_before("PutSecretValue", "DescribeSecret", "", lag);
        rotate(&aws).run().success();
        let after = current(&aws);
        assert_ne!(before, after);
        let described = aws.describe(KEY);
        assert_eq!(described["VersionIdsToStages"][&before], json!(["AWSPREVIOUS"]));
        assert_eq!(last_event(&aws), ("rotate-value".to_owned(), "done".to_owned()));
    }
}

#[test]
fn a_value_that_stays_unconfirmed_is_named_with_its_version_and_recorded_as_unknown() {
    let aws = with_value("unconfirmed");
    let before = current(&aws);
    let lag = Lag::Answers(usize::MAX);
    aws.recorder.answer_as_before("PutSecretValue", "DescribeSecret", "", lag);
    let outcome = rotate(&aws).env("GOLDENPATH_CONSISTENCY_LIMIT", "3").run().fails_with(1);
    aws.recorder.settle();
    let after = current(&aws);
    assert_ne!(before, after);
    let said = outcome.stderr.split_whitespace().filter(|word| *word != "│");
    let said = said.collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("written as {after}; not confirmed")), "{said}");
    assert!(said.contains("Waiting for AWS"), "{said}");
    assert_eq!(last_event(&aws), ("rotate-value".to_owned(), "interrupted".to_owned()));
}

#[test]
fn calls_after_a_creation_are_tried_again_until_the_secret_is_visible() {
    let aws = Aws::new("visible-late");
    aws.platform.catalog.write(SEED_PATH, &with_reader()).commit_all("Reader");
    for operation in ["ValidateResourcePolicy", "PutResourcePolicy", "TagResource"] {
        aws.recorder.refuse_after("CreateSecret", operation, "", 2, NOT_FOUND);
    }
    aws.apply().success();
    assert_eq!(Platform::actions(&aws.plan()), [""; 0]);
}

#[test]
fn calls_after_a_restore_are_tried_again_until_the_mark_is_gone() {
    let aws = Aws::new("restored-late");
    aws.platform.seed();
    aws.apply().success();
    aws.call("DeleteSecret", json!({ "SecretId": KEY }));
    aws.platform.seed_changed("owner: team-payments", "owner: database-team");
    aws.recorder.refuse_after("RestoreSecret", "TagResource", "", 2, MARKED_FOR_DELETION);
    aws.apply().success();
    let secret = aws.describe(KEY);
    assert!(secret.get("DeletedDate").is_none_or(|date| date.is_null()), "{secret}");
    assert_eq!(tags(&secret)["goldenpath.io/owner"], "database-team");
}

#[test]
fn a_creation_whose_answer_was_lost_is_recognized_after_older_answers() {
    let aws = Aws::new("created-late");
    aws.platform.seed();
    aws.recorder.lose_answers("CreateSecret", "", 1);
    aws.recorder.refuse_after("CreateSecret", "DescribeSecret", "", 2, NOT_FOUND);
    aws.apply().success();
    assert_eq!(aws.names(), [KEY]);
}

#[test]
fn a_list_whose_token_has_expired_begins_again() {
    let aws = Aws::new("token");
    for number in 1..=5 {
        aws.platform.write(&format!("SEC-000{number}"), &format!("key-{number}"));
    }
    aws.platform.catalog.commit_all("Five");
    aws.apply().success();
    aws.recorder.shorten_pages(2);
    aws.recorder.expire_tokens("ListSecrets", 1);
    aws.recorder.reset();
    assert_eq!(Platform::actions(&aws.plan()), [""; 0]);
    let pages = aws.recorder.operations();
    assert_eq!(pages.iter().filter(|call| *call == "ListSecrets").count(), 1 + 1 + 3);
}

#[test]
fn a_value_of_which_an_earlier_try_may_have_arrived_is_unknown() {
    let aws = with_value("denied-later");
    let before = current(&aws);
    aws.recorder.lose_answers("PutSecretValue", "", 1);
    let message = "User is not authorized";
    aws.recorder.refuse("PutSecretValue", "", usize::MAX, "AccessDeniedException", message);
    let outcome = rotate(&aws).run().fails_with(1);
    assert_ne!(current(&aws), before, "the first try arrived");
    assert!(outcome.said().contains("not confirmed"), "{}", outcome.said());
    assert_eq!(last_event(&aws), ("rotate-value".to_owned(), "interrupted".to_owned()));
}
