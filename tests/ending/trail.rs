//! The audit trail: where it is committed, that no line is lost, and that changes of it are found.

use std::fs;
use std::thread;

use super::{recorded, verified};
use goldenpath_testkit::{Platform, Repository, request};

fn applied() -> Platform {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    platform.write("SEC-0008", "another-key").catalog.commit_all("Another");
    platform.apply().run().success();
    platform.seed_changed("owner: team-payments", "owner: platform-team");
    platform.apply().run().success();
    platform
}

const TRAIL: &str = "audit/SEC-0007.jsonl";

#[test]
fn a_line_says_who_did_what_when_and_from_which_commit() {
    let platform = Platform::local();
    platform.seed();
    let head = platform.catalog.git(&["rev-parse", "HEAD"]);
    let ci =
        [("GITHUB_REPOSITORY", "acme/platform"), ("GITHUB_RUN_ID", "77"), ("GITHUB_ACTOR", "ann")];
    platform.apply().envs(ci).run().success();
    let text = platform.catalog.read(TRAIL);
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["action"], "create-secret");
    assert_eq!(first["target"], "goldenpath/payments/dev/payments-db-credentials");
    assert_eq!(first["actor"]["ci"], "GitHub Actions, acme/platform run 77 by ann");
    assert_eq!(first["actor"]["git"], "Dev Eloper <dev@example.com>");
    assert_eq!(first["source"], format!("acme-platform at commit {head}"));
    assert_eq!((first["result"].as_str(), first["previous"].as_str()), (Some("done"), Some("")));
    assert!(first["time"].as_str().unwrap().ends_with('Z'));
    let message = platform.catalog.git(&["log", "-1", "--format=%B"]);
    assert!(
        message.starts_with("goldenpath: record SEC-0007\n\nSEC-0007 create-secret "),
        "{message}"
    );
    assert_eq!(platform.catalog.git(&["show", "--format=", "--name-only", "HEAD"]), TRAIL);
    // A run without changes records nothing.
    let head = platform.catalog.git(&["rev-parse", "HEAD"]);
    platform.apply().run().success();
    assert_eq!(platform.catalog.git(&["rev-parse", "HEAD"]), head);
}

#[test]
fn other_work_in_the_catalog_stays_as_it_was() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.write("a.txt", "1\n").write("b.txt", "1\n").commit_all("Files");
    platform.catalog.write("a.txt", "2\n").git(&["add", "a.txt"]);
    platform.catalog.write("b.txt", "2\n").write("c.txt", "1\n");
    let status = || {
        platform.catalog.program("git", &["status", "--porcelain", "-uall"]).run().success().stdout
    };
    let before = status();
    platform.apply().run().success();
    assert_eq!(status(), before);
    assert_eq!(platform.catalog.git(&["show", "--format=", "--name-only", "HEAD"]), TRAIL);
}

#[test]
fn every_tampering_is_named_with_its_file_and_line() {
    let tampered = |change: &dyn Fn(&Platform, Vec<&str>) -> String, words: &[&str]| {
        for commit in [false, true] {
            let platform = applied();
            verified(&platform).success();
            let text = platform.catalog.read(TRAIL);
            assert!(text.lines().count() >= 3, "{text}");
            platform.catalog.write(TRAIL, &change(&platform, text.lines().collect()));
            if commit {
                platform.catalog.commit_all("Nothing to see here");
            }
            let outcome = verified(&platform).fails_with(1);
            for words in words {
                assert!(
                    outcome.stdout.contains(&format!("{TRAIL}:{words}")),
                    "{words}: {}",
                    outcome.stdout
                );
            }
            let place = if commit { " in commit " } else { " on disk" };
            assert!(outcome.stdout.contains(place), "{}", outcome.stdout);
        }
    };
    let joined = |lines: Vec<&str>| lines.join("\n") + "\n";
    tampered(
        &|_, lines| {
            joined(lines).replacen("team-payments", "app-team", 1).replacen("done", "fine", 1)
        },
        &["1", "2: it does not follow"],
    );
    tampered(&|_, lines| joined([&lines[..1], &lines[2..]].concat()), &["2: it does not follow"]);
    tampered(
        &|_, lines| joined([&[lines[1], lines[0]], &lines[2..]].concat()),
        &["1: it does not follow"],
    );
    tampered(&|_, lines| joined(lines[..lines.len() - 1].to_vec()), &["3"]);
    tampered(
        &|_, lines| joined([&lines[..], &["{}"]].concat()).replacen("done", "fine", 1),
        &["4: it is not an event"],
    );

    // After the last line there is no hash that reveals a change; the git history does.
    let platform = applied();
    let text = platform.catalog.read(TRAIL);
    let last = text.lines().last().unwrap();
    platform
        .catalog
        .write(TRAIL, &text.replace(last, &last.replace("Dev Eloper", "Some Body")))
        .commit_all("Hm");
    let outcome = verified(&platform).fails_with(1);
    assert!(outcome.stdout.contains("this line was altered"), "{}", outcome.stdout);
    let json = platform
        .catalog
        .goldenpath(&["audit", "verify", "--format", "json"])
        .run()
        .fails_with(1)
        .json();
    assert_eq!(json["faults"][0]["file"], TRAIL);
    assert_eq!(json["faults"][0]["commit"], platform.catalog.git(&["rev-parse", "HEAD"]));

    // A deleted trail.
    let platform = applied();
    platform.catalog.git(&["rm", "--quiet", TRAIL]);
    platform.catalog.commit_all("Gone");
    let outcome = verified(&platform).fails_with(1);
    assert!(outcome.stdout.contains("the trail was removed"), "{}", outcome.stdout);
    let outcome = platform.catalog.goldenpath(&["audit", "show", "SEC-0007"]).run().fails_with(2);
    assert!(outcome.stderr.contains("SEC-0007 has no audit trail"), "{}", outcome.stderr);
}

#[test]
fn it_is_pushed_where_that_is_asked_for_and_runs_at_once_lose_no_line() {
    let origin = Repository::bare();
    let platform = Platform::local();
    let catalog = &platform.catalog;
    let text = catalog.read("goldenpath.yaml") + "audit: { push: true }\n";
    catalog.write("goldenpath.yaml", &text);
    let services = ["billing", "orders", "payments", "search"];
    for (number, service) in services.iter().enumerate() {
        let id = format!("SEC-000{}", number + 1);
        let text = request(&id, &format!("{service}-key"))
            .replace("service: payments", &format!("service: {service}"));
        catalog.write(format!("catalogs/secrets/{service}/dev/{id}.yaml"), &text);
    }
    catalog.commit_all("Four");
    let outcome =
        platform.catalog.goldenpath(&["apply", "--yes", "--service", "orders"]).run().fails_with(1);
    assert!(
        outcome.stderr.contains("the catalog's repository has no remote"),
        "{}",
        outcome.stderr
    );
    catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    catalog.git(&["push", "--quiet", "origin", "main"]);
    let head = catalog.git(&["rev-parse", "HEAD"]);
    thread::scope(|scope| {
        for service in services {
            let command = platform.catalog.goldenpath(&["apply", "--yes", "--service", service]);
            scope.spawn(|| command.run().success());
        }
    });
    assert_eq!(catalog.git(&["rev-parse", "HEAD"]), head, "the clone stays where it is");
    assert!(!catalog.exists("audit"));
    let clone = Repository::clone_of(&origin);
    for number in 1..=4 {
        // The secret was created without a remote, so the second run adds the tag with the remote's
        // name.
        let events = if number == 2 { 3 } else { 2 };
        assert_eq!(
            clone.read(format!("audit/SEC-000{number}.jsonl")).lines().count(),
            events,
            "SEC-000{number}"
        );
    }
    let outcome = clone.goldenpath(&["audit", "verify"]).run().success();
    assert!(outcome.stdout.starts_with("Verified 4 trails"), "{}", outcome.stdout);
}

#[test]
fn on_no_branch_it_waits_for_a_run_that_can_commit_it() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.git(&["checkout", "--quiet", "--detach"]);
    let outcome = platform.apply().run().success();
    assert!(
        outcome.stderr.contains("the audit trail is kept in .git/goldenpath/"),
        "{}",
        outcome.stderr
    );
    assert!(!platform.catalog.exists(TRAIL));
    platform.catalog.git(&["checkout", "--quiet", "main"]);
    let outcome = platform.apply().run().success();
    assert!(outcome.stdout.starts_with("Nothing to do."), "{}", outcome.stdout);
    assert_eq!(recorded(&platform).len(), 2);
    let journal = fs::read_dir(platform.catalog.path().join(".git/goldenpath/unrecorded"));
    assert_eq!(journal.unwrap().count(), 0);
    verified(&platform).success();
}
