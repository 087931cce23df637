//! What is recorded, where, and that nothing of it is lost.

use std::fs;
use std::thread;

use super::{BRANCH, events, protect, records, shown, verified, with_remote};
use goldenpath_testkit::{Aws, HoldPoint, KEY, Platform, Repository, SEED_PATH, request};

#[test]
fn a_run_announces_its_actions_and_then_records_their_results() {
    let platform = Platform::local();
    platform.seed();
    let catalog = &platform.catalog;
    let head = catalog.git(&["rev-parse", "HEAD"]);
    let ci =
        [("GITHUB_REPOSITORY", "acme/platform"), ("GITHUB_RUN_ID", "77"), ("GITHUB_ACTOR", "ann")];
    platform.apply().envs(ci).run().success();
    assert_eq!(catalog.git(&["rev-parse", "HEAD"]), head, "the catalog's branch stays as it is");
    assert_eq!(catalog.git(&["status", "--porcelain", "-uall"]), "");
    let all = records(catalog, BRANCH);
    assert_eq!(all.len(), 2);
    let (begin, outcome) = (&all[0], &all[1]);
    assert_eq!(
        (begin["kind"].as_str(), outcome["kind"].as_str()),
        (Some("begin"), Some("outcome"))
    );
    assert_eq!(events(begin), ["create-secret begun", "write-projection begun"]);
    assert_eq!(events(outcome), ["create-secret done", "write-projection done"]);
    assert_eq!(begin["run"], outcome["run"]);
    assert_eq!(begin["commit"], head);
    assert_eq!(begin["environments"], serde_json::json!(["dev"]));
    assert_eq!(begin["actor"]["ci"], "GitHub Actions, acme/platform run 77 by ann");
    assert_eq!(begin["actor"]["git"], "Dev Eloper <dev@example.com>");
    assert_eq!(begin["source"], format!("acme-platform at commit {head}"));
    let first = &outcome["events"][0];
    assert_eq!(first["target"], "goldenpath/payments/dev/payments-db-credentials");
    assert!(first["time"].as_str().unwrap().ends_with('Z'));
    // A run without changes records nothing.
    let before = catalog.audit_branch();
    platform.apply().run().success();
    assert_eq!(catalog.audit_branch(), before);
    verified(catalog).success();
}

#[test]
fn it_is_on_a_branch_without_other_files_and_the_default_branch_needs_no_push() {
    let (platform, origin) = with_remote();
    protect(&origin, "main");
    platform.apply().run().success();
    platform.catalog.goldenpath(&["value", "generate", "SEC-0007", "--yes"]).run().success();
    let files = origin.git(&["ls-tree", "-r", "--name-only", BRANCH]);
    assert!(files.lines().count() == 4 && files.lines().all(|file| file.starts_with("events/")));
    assert_eq!(
        platform.catalog.git(&["rev-parse", "HEAD"]),
        origin.git(&["rev-parse", "main"]),
        "no commit on the default branch"
    );
    // Another clone shows and verifies it.
    let clone = Repository::clone_of(&origin);
    let all = ["create-secret done", "write-projection done", "generate-value done"];
    assert_eq!(shown(&clone, &[]), all);
    verified(&clone).success();
    // Without the network, as it was fetched last.
    clone.git(&["remote", "set-url", "origin", "/nowhere"]);
    assert_eq!(shown(&clone, &["--offline"]), all);
}

#[test]
fn nothing_is_changed_where_the_record_is_refused() {
    let (platform, origin) = with_remote();
    let catalog = &platform.catalog;
    platform.apply().run().success();
    let generate = || catalog.goldenpath(&["value", "rotate", "SEC-0007", "--yes"]).run();
    catalog.goldenpath(&["value", "generate", "SEC-0007", "--yes"]).run().success();
    protect(&origin, BRANCH);
    let value = || {
        let shown = catalog.goldenpath(&["value", "status", "SEC-0007", "--format", "json"]).run();
        shown.success().json()
    };
    let before = value();
    for _ in 0..2 {
        let outcome = generate().fails_with(1);
        assert!(outcome.stderr.contains("rejected the push"), "{}", outcome.stderr);
        assert_eq!(value(), before);
    }
    platform.seed_changed("owner: team-payments", "owner: platform-team");
    let state = platform.gitops_state();
    platform.apply().run().fails_with(1);
    assert_eq!(platform.gitops_state(), state);
    let plan = platform.plan(&["--format", "json"]).run().success();
    assert!(!Platform::actions(&plan).is_empty(), "the change is still open");
}

#[test]
fn results_that_cannot_be_pushed_are_an_error_and_the_next_run_records_them() {
    let aws = Aws::new("unrecorded");
    let origin = Repository::bare();
    let catalog = &aws.platform.catalog;
    aws.platform.seed();
    catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    catalog.git(&["push", "--quiet", "origin", "main"]);
    let gate = aws.recorder.hold("CreateSecret", KEY, 1, HoldPoint::BeforeResponse);
    let running = aws.reach(aws.platform.apply()).start();
    assert!(gate.is_reached_by(1));
    protect(&origin, BRANCH);
    gate.open();
    let outcome = running.wait().fails_with(1);
    assert!(outcome.stdout.contains("the audit trail: "), "{}", outcome.stdout);
    assert_eq!(events(&records(&origin, BRANCH)[0])[0], "create-secret begun");
    assert_eq!(records(&origin, BRANCH).len(), 1);
    assert!(shown(catalog, &[]).contains(&"create-secret begun".to_owned()));
    fs::remove_file(origin.path().join("hooks/pre-receive")).unwrap();
    aws.apply().success();
    assert!(shown(catalog, &[]).contains(&"create-secret done".to_owned()));
    verified(catalog).success();
}

#[test]
fn runs_at_the_same_time_lose_no_record() {
    let platform = Platform::local();
    let catalog = &platform.catalog;
    let services = ["billing", "orders", "payments", "search"];
    for (number, service) in services.iter().enumerate() {
        let id = format!("SEC-000{}", number + 1);
        let text = request(&id, &format!("{service}-key"))
            .replace("service: payments", &format!("service: {service}"));
        catalog.write(format!("catalogs/secrets/{service}/dev/{id}.yaml"), &text);
    }
    catalog.commit_all("Four");
    let origin = Repository::bare();
    catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    catalog.git(&["push", "--quiet", "origin", "main"]);
    thread::scope(|scope| {
        for service in services {
            let command = catalog.goldenpath(&["apply", "--yes", "--service", service]);
            scope.spawn(|| command.run().success());
        }
    });
    let clone = Repository::clone_of(&origin);
    for id in ["SEC-0001", "SEC-0002", "SEC-0003", "SEC-0004"] {
        assert_eq!(shown(&clone, &[id]), ["create-secret done", "write-projection done"], "{id}");
    }
    let outcome = verified(&clone).success();
    assert!(outcome.stdout.starts_with("Verified 8 records"), "{}", outcome.stdout);
}

#[test]
fn branches_of_two_clones_are_merged_by_git_and_verify() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    let own = &platform.catalog;
    let other = Repository::clone_of(own);
    other.git(&["fetch", "--quiet", "origin", &format!("{BRANCH}:{BRANCH}")]);
    other.git(&["remote", "remove", "origin"]);
    let generate = |catalog: &Repository, verb: &str| {
        catalog.goldenpath(&["value", verb, "SEC-0007", "--yes"]).run().success();
    };
    generate(own, "generate");
    other.write("goldenpath.yaml", &own.read("goldenpath.yaml"));
    fs::copy(own.path().join(".git/goldenpath/store.db"), other.path().join("store.db")).ok();
    // The two write to stores of their own: only their records meet.
    other.goldenpath(&["apply", "--yes"]).run();
    own.git(&["fetch", "--quiet", other.path().to_str().unwrap(), BRANCH]);
    let theirs = own.git(&["rev-parse", "FETCH_HEAD"]);
    own.git(&["switch", "--quiet", BRANCH]);
    own.git(&["merge", "--quiet", "--no-edit", "FETCH_HEAD"]);
    own.git(&["switch", "--quiet", "main"]);
    own.git(&["merge-base", "--is-ancestor", &theirs, BRANCH]);
    let outcome = verified(own).success();
    assert!(outcome.stdout.starts_with("Verified "), "{}", outcome.stdout);
    assert!(shown(own, &[]).contains(&"generate-value done".to_owned()));
}

#[test]
fn records_from_the_time_before_a_remote_are_pushed_with_the_next_one() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    let origin = Repository::bare();
    platform.catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
    platform.seed_changed("owner: team-payments", "owner: platform-team");
    platform.apply().run().success();
    assert_eq!(records(&origin, BRANCH).len(), 4);
    // Records that only the clone has are not dropped without a word.
    let catalog = &platform.catalog;
    catalog.git(&["switch", "--quiet", BRANCH]);
    catalog.git(&["commit", "--quiet", "--allow-empty", "--message", "Mine"]);
    catalog.git(&["switch", "--quiet", "main"]);
    platform.seed_changed("ttlDays: 30 ", "ttlDays: 20 ");
    let outcome = platform.apply().run().fails_with(1);
    let words = "of this clone has audit records that the remote does not have";
    assert!(outcome.stderr.replace("\n  │ ", " ").contains(words), "{}", outcome.stderr);
}

#[test]
fn a_branch_with_other_files_is_not_used() {
    let (platform, origin) = with_remote();
    let catalog = &platform.catalog;
    let text = catalog.read("goldenpath.yaml") + "audit: { branch: main }\n";
    catalog.write("goldenpath.yaml", &text).commit_all("As in version 0.1");
    let before = origin.git(&["rev-parse", "main"]);
    let outcome = platform.apply().run().fails_with(2);
    assert!(outcome.stderr.contains("has other files than audit records"), "{}", outcome.stderr);
    assert_eq!(origin.git(&["rev-parse", "main"]), before);
    catalog.write("goldenpath.yaml", &text.replace("main }", "'a..b' }")).commit_all("Bad");
    let outcome = platform.apply().run().fails_with(2);
    assert!(outcome.stderr.contains("is not a name of a branch"), "{}", outcome.stderr);
}

#[test]
fn every_tampering_is_named_with_its_file_and_commit() {
    let tampered = |change: &dyn Fn(&Repository, &str), words: &str| {
        let platform = Platform::local();
        platform.seed();
        platform.apply().run().success();
        let catalog = &platform.catalog;
        catalog.git(&["switch", "--quiet", BRANCH]);
        let file = catalog.git(&["ls-files"]).lines().next().unwrap().to_owned();
        change(catalog, &file);
        catalog.commit_all("Nothing to see here");
        let commit = catalog.git(&["rev-parse", "--short=8", "HEAD"]);
        catalog.git(&["switch", "--quiet", "main"]);
        let outcome = verified(catalog).fails_with(1);
        assert!(outcome.stdout.contains(words), "{words}: {}", outcome.stdout);
        outcome.stdout.contains(&format!("{file} in commit {commit}: "))
    };
    let altered = |catalog: &Repository, file: &str| {
        catalog.write(file, &catalog.read(file).replace("Dev Eloper", "Some Body"));
    };
    assert!(tampered(&altered, "it was altered: its name has the hash of another content"));
    let removed = |catalog: &Repository, file: &str| {
        catalog.git(&["rm", "--quiet", file]);
    };
    assert!(tampered(&removed, "the record before it is missing"));
    let renamed = |catalog: &Repository, file: &str| {
        let text = catalog.read(file);
        catalog.git(&["rm", "--quiet", file]);
        catalog.write(file.replace("/20", "/19"), &text);
    };
    assert!(tampered(&renamed, "the record before it is missing"));
    let foreign = |catalog: &Repository, _: &str| {
        catalog.write("events/notes.md", "x\n");
    };
    assert!(!tampered(&foreign, "events/notes.md: it is not an audit record"));
    // A result of an action that no record announced, with the right hash in its name.
    let invented = |catalog: &Repository, _: &str| {
        let file = catalog.git(&["ls-files"]).lines().last().unwrap().to_owned();
        let text = catalog.read(&file).replace("create-secret", "delete-secret");
        catalog.write(named(&file, &text), &text);
    };
    assert!(!tampered(&invented, "no record announced that action"));
}

/// Returns the path of a record at the time of `file`, with the hash of `text`.
pub(super) fn named(file: &str, text: &str) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(text.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{hash}.json", file.split_once('-').unwrap().0)
}

#[test]
fn actions_are_found_by_secret_owner_environment_actor_action_and_time() {
    let platform = Platform::local();
    platform.seed();
    platform.write("SEC-0008", "another-key").catalog.commit_all("Another");
    platform.apply().env("BUILD_URL", "https://ci.example.com/77").run().success();
    let catalog = &platform.catalog;
    let text = catalog.read(SEED_PATH).replace("owner: team-payments", "owner: platform-team");
    catalog.write(SEED_PATH, &text).commit_all("Owner");
    platform.apply().run().success();
    let count = |arguments: &[&str]| shown(catalog, arguments).len();
    let all = count(&[]);
    assert_eq!(all, count(&["SEC-0007"]) + count(&["SEC-0008"]));
    assert_eq!(count(&["--owner", "platform-team"]), count(&["SEC-0007"]));
    assert_eq!((count(&["--env", "dev"]), count(&["--env", "prod"])), (all, 0));
    assert_eq!(count(&["--actor", "ci.example.com"]), 4);
    assert_eq!(count(&["--actor", "dev eloper"]), all);
    assert_eq!(shown(catalog, &["--action", "create-secret"]), ["create-secret done"; 2]);
    assert_eq!((count(&["--since", "2026-01-01"]), count(&["--until", "2026-01-01"])), (all, 0));
    // A manifest that is removed keeps its events.
    catalog.git(&["rm", "--quiet", "catalogs/secrets/payments/dev/SEC-0008.yaml"]);
    assert_eq!(count(&["SEC-0008"]), 2);
    let table = catalog.goldenpath(&["audit", "show"]).run().success().stdout;
    assert!(table.starts_with("TIME "), "{table}");
    let csv = catalog.goldenpath(&["audit", "show", "--format", "csv"]).run().success().stdout;
    assert!(csv.starts_with("time,id,environment,action,target,reason,result,"), "{csv}");
    assert_eq!(csv.lines().count(), all + 1);
    let outcome = catalog.goldenpath(&["audit", "show", "SEC-0009"]).run().fails_with(2);
    assert!(outcome.stderr.contains("SEC-0009 has no audit trail"), "{}", outcome.stderr);
    let outcome = catalog.goldenpath(&["audit", "show", "--since", "monday"]).run().fails_with(2);
    assert!(outcome.stderr.contains("give a day such as 2026-11-25"), "{}", outcome.stderr);
}

#[test]
fn a_server_s_hook_lets_the_trail_be_pushed() {
    for hook in ["pre-receive", "update"] {
        let (platform, origin) = with_remote();
        origin.goldenpath(&["hook", "install", hook]).run().success();
        let path = std::path::Path::new(env!("CARGO_BIN_EXE_goldenpath")).parent().unwrap();
        let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
        platform.apply().env("PATH", path).run().success();
        assert_eq!(records(&origin, BRANCH).len(), 2, "{hook}");
    }
}
