//! Apply never goes back in time.

use super::{BRANCH, records, with_remote};
use goldenpath_testkit::{Aws, HoldPoint, KEY, Outcome, Platform, Repository, SEED_PATH, request};

/// Applies three commits that differ in the owner, and returns their IDs.
fn three_commits(platform: &Platform) -> Vec<String> {
    let owners = ["team-payments", "platform-team", "app-team"];
    let commit = |owner: &&str| {
        platform.seed_changed("owner: team-payments", &format!("owner: {owner}"));
        platform.apply().run().success();
        platform.catalog.git(&["rev-parse", "HEAD"])
    };
    platform.catalog.write("README.md", "x\n").commit_all("First");
    owners[1..].iter().map(commit).collect()
}

fn refused(outcome: Outcome, last: &str, commit: &str) {
    let outcome = outcome.fails_with(1);
    let words = outcome.stderr.replace("\n  │ ", " ");
    for part in [&last[..8], &commit[..8], "--allow-older --reason"] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn a_commit_that_does_not_contain_the_one_applied_last_is_refused() {
    let platform = Platform::local();
    let catalog = &platform.catalog;
    let commits = three_commits(&platform);
    catalog.git(&["checkout", "--quiet", "--detach", &commits[0]]);
    let state = platform.gitops_state();
    refused(platform.apply().run(), &commits[1], &commits[0]);
    assert_eq!(platform.gitops_state(), state);
    // The same for a commit that is named, for a part of the catalog, and for a saved plan.
    catalog.git(&["checkout", "--quiet", "main"]);
    let older =
        |arguments: &[&str]| catalog.goldenpath(&[&["apply", "--yes"], arguments].concat()).run();
    refused(older(&["--ref", &commits[0]]), &commits[1], &commits[0]);
    refused(older(&["--ref", &commits[0], "--id", "SEC-0007"]), &commits[1], &commits[0]);
    let plan = catalog.home().join("plan.json").display().to_string();
    platform.plan(&["--ref", &commits[0], "--out", &plan]).run().success();
    refused(older(&[&plan]), &commits[1], &commits[0]);
    // On purpose, with a reason.
    older(&["--ref", &commits[0], "--allow-older"]).fails_with(2);
    let back = ["--ref", &commits[0], "--allow-older", "--reason", "the new owner is wrong"];
    older(&back).success();
    let all = records(catalog, BRANCH);
    let begin = all.iter().rev().find(|record| record["kind"] == "begin").unwrap();
    assert_eq!(begin["olderReason"], "the new owner is wrong");
    // The one that was applied last counts from here on.
    older(&[]).success();
    assert!(older(&[]).success().stdout.starts_with("Nothing to do."));
}

#[test]
fn a_rewritten_history_needs_the_flag_once() {
    let platform = Platform::local();
    let commits = three_commits(&platform);
    let catalog = &platform.catalog;
    catalog.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    platform.seed_changed("ttlDays: 30 ", "ttlDays: 20 ");
    let head = catalog.git(&["rev-parse", "HEAD"]);
    refused(platform.apply().run(), &commits[1], &head);
    let outcome = catalog.goldenpath(&["apply", "--yes", "--allow-older", "--reason", "rebased"]);
    outcome.run().success();
    platform.seed_changed("ttlDays: 30 ", "ttlDays: 10 ");
    platform.apply().run().success();
}

#[test]
fn a_shallow_clone_is_deepened_to_decide() {
    let (platform, origin) = with_remote();
    let catalog = &platform.catalog;
    let commits = three_commits(&platform);
    for number in 0..60 {
        catalog.git(&["commit", "--quiet", "--allow-empty", "--message", &number.to_string()]);
    }
    platform.seed_changed("ttlDays: 30 ", "ttlDays: 20 ");
    catalog.git(&["push", "--quiet", "origin", "main", &format!("{}:refs/heads/old", commits[0])]);
    let url = format!("file://{}", origin.path().display());
    let clone_of = |branch: &str| {
        let clone = Repository::new();
        clone.git(&["remote", "add", "origin", &url]);
        clone.git(&["fetch", "--quiet", "--depth=1", "origin", branch]);
        clone.git(&["checkout", "--quiet", "-B", branch, "FETCH_HEAD"]);
        clone
    };
    refused(clone_of("old").goldenpath(&["apply", "--yes"]).run(), &commits[1], &commits[0]);
    // A store of its own: the clone creates the secret.
    clone_of("main").goldenpath(&["apply", "--yes"]).run().success();
    // Without the remote, it is not known.
    let clone = clone_of("old");
    clone.git(&["config", "url.file:///nowhere.insteadOf", "file:///nothing"]);
    assert!(clone.goldenpath(&["apply", "--yes"]).run().code == 1);
}

#[test]
fn shards_of_one_commit_run_side_by_side() {
    let platform = Platform::local();
    for (id, service) in [("SEC-0001", "billing"), ("SEC-0002", "orders")] {
        let text = request(id, &format!("{service}-key"))
            .replace("service: payments", &format!("service: {service}"));
        platform.catalog.write(format!("catalogs/secrets/{service}/dev/{id}.yaml"), &text);
    }
    platform.catalog.commit_all("Two");
    for shard in ["1/2", "2/2"] {
        platform.catalog.goldenpath(&["apply", "--yes", "--shard", shard]).run().success();
    }
}

#[test]
fn a_run_stops_when_a_newer_one_has_begun() {
    let aws = Aws::new("superseded");
    let (platform, origin) = (&aws.platform, Repository::bare());
    let catalog = &platform.catalog;
    platform.seed();
    platform.write("SEC-0008", "another-key").catalog.commit_all("Another");
    catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    catalog.git(&["push", "--quiet", "origin", "main"]);
    let other = Repository::clone_of(&origin);
    let gate = aws.recorder.hold("CreateSecret", KEY, 1, HoldPoint::BeforeResponse);
    let arguments = ["apply", "--yes", "--parallelism", "1"];
    let running = aws.reach(catalog.goldenpath(&arguments)).start();
    assert!(gate.is_reached_by(1));
    let text = other.read(SEED_PATH).replace("owner: team-payments", "owner: platform-team");
    other.write(SEED_PATH, &text).commit_all("Newer");
    other.git(&["push", "--quiet", "origin", "main"]);
    let newer = other.git(&["rev-parse", "HEAD"]);
    aws.reach(other.goldenpath(&["apply", "--yes"])).run();
    gate.open();
    let outcome = running.wait().fails_with(1);
    let words = outcome.said();
    assert!(words.contains("another run began to apply commit"), "{words}");
    assert!(words.contains(&newer[..8]), "{words}");
    let owner = |key: &str| {
        let secret = aws.describe(key);
        goldenpath_testkit::tags(&secret)["goldenpath.io/owner"].to_owned()
    };
    assert_eq!(owner(KEY), "platform-team");
}
