//! Kills `apply` between all steps of a decommissioning, and runs it again.

use std::fs;

use super::{PROJECTION, apply_days_ago, ending, recorded, set_status, the_window_ends, verified};
use goldenpath_testkit::{Aws, HoldPoint, KEY, SEED, SEED_PATH, sample};

/// Returns the state after a completed run.
fn end(aws: &Aws) -> (String, String, String, Vec<String>) {
    let catalog = &aws.platform.catalog;
    let secret =
        aws.names().contains(&KEY.to_owned()).then(|| aws.describe(KEY)["DeletedDate"].is_number());
    let mut recorded = recorded(&aws.platform);
    // An interrupted step is recorded again when it is completed.
    recorded.sort();
    recorded.dedup();
    (
        format!("{secret:?}"),
        aws.platform.gitops.git(&["ls-tree", "-r", "HEAD"]),
        catalog.read(SEED_PATH) + &catalog.git(&["status", "--porcelain", "-uall"]),
        recorded,
    )
}

/// Runs apply, killed at each point of an uninterrupted run, and then to its end.
fn killed_everywhere(name: &str, prepared: &dyn Fn(&str) -> Aws, at_least: &[&str]) {
    let whole = prepared(&format!("{name}-whole"));
    let list = whole.platform.catalog.home().join("points");
    whole.reach(whole.platform.apply()).env("GOLDENPATH_CRASH_LIST", &list).run().success();
    let expected = end(&whole);
    let points = fs::read_to_string(list).unwrap();
    for point in at_least {
        assert!(points.lines().any(|line| line == *point), "{point} is none of:\n{points}");
    }
    for (number, point) in sample(points.lines().enumerate(), 4) {
        let aws = prepared(&format!("{name}-{number}"));
        let killed = aws.reach(aws.platform.apply()).env("GOLDENPATH_CRASH_AT", point).run();
        assert_eq!(killed.code, -1, "{point}");
        aws.apply().success();
        assert_eq!(end(&aws), expected, "{point}");
        verified(&aws.platform).success();
    }
}

#[test]
fn at_the_removal_of_the_projection() {
    let prepared = |test: &str| {
        let aws = Aws::new(test);
        aws.platform.catalog.write(SEED_PATH, SEED).commit_all_days_ago(100, "SEC-0007");
        aws.apply().success();
        set_status(&aws.platform, "deprecated", 30);
        set_status(&aws.platform, "decommission_requested", 0);
        assert!(aws.platform.gitops.exists(PROJECTION));
        aws
    };
    killed_everywhere(
        "kill-removal",
        &prepared,
        &["file: removed", "branch: index written", "journal: noted"],
    );
}

#[test]
fn at_the_deletion() {
    killed_everywhere(
        "kill-deletion",
        &|test| ending(test, 20),
        &["audit: begun", "journal: noted", "audit: trees written", "journal: recorded"],
    );
}

#[test]
fn at_the_mark() {
    let prepared = |test: &str| {
        let aws = ending(test, 20);
        apply_days_ago(&aws, 10).success();
        the_window_ends(&aws);
        aws
    };
    killed_everywhere("kill-mark", &prepared, &["file: renamed", "branch: index written"]);
}

#[test]
fn a_manifest_with_changes_that_are_not_committed_is_not_marked() {
    let aws = ending("mark-uncommitted", 20);
    apply_days_ago(&aws, 10).success();
    the_window_ends(&aws);
    let catalog = &aws.platform.catalog;
    let changed = format!("{}# mine\n", catalog.read(SEED_PATH));
    catalog.write(SEED_PATH, &changed);
    let outcome = aws.apply().fails_with(1);
    assert!(outcome.stdout.contains("1 failed"), "{}", outcome.stdout);
    assert_eq!(catalog.read(SEED_PATH), changed);
    catalog.git(&["checkout", "--quiet", SEED_PATH]);
    aws.apply().success();
    assert!(catalog.read(SEED_PATH).contains("status: decommissioned"));
}

#[test]
fn between_the_call_and_its_answer_and_the_trail_says_that_the_run_was_interrupted() {
    let aws = ending("kill-unanswered", 20);
    let gate = aws.recorder.hold("DeleteSecret", KEY, 1, HoldPoint::BeforeResponse);
    let running = aws.reach(aws.platform.apply()).start();
    assert!(gate.is_reached_by(1));
    assert_eq!(running.kill().code, -1);
    gate.turn_away();
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    aws.apply().success();
    let trail = aws.platform.catalog.trail("SEC-0007");
    let deletions: Vec<&str> =
        trail.lines().filter(|line| line.contains("\"action\":\"delete-secret\"")).collect();
    assert_eq!(deletions.len(), 1, "{trail}");
    assert!(deletions[0].contains("\"result\":\"interrupted\""), "{trail}");
    // The actor, as AWS identifies it.
    assert!(deletions[0].contains("\"aws\":\"arn:aws:sts::"), "{trail}");
    verified(&aws.platform).success();
}
