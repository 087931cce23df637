//! What counts where the history of a clone is cut, and where the date of a commit is wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use goldenpath_testkit::{
    Outcome, Platform, Repository, SEED, SEED_PATH, findings, request, seed_with,
};

const DAY: u64 = 24 * 60 * 60;

fn seconds(days_ago: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - days_ago * DAY
}

fn day(days_ago: u64) -> String {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds(days_ago)).unwrap()).unwrap();
    time.strftime("%Y-%m-%d").to_string()
}

/// Returns a platform with the seed's manifest since 50 days ago, and its bare remote.
fn with_remote(manifest: &str) -> (Platform, Repository) {
    let (platform, origin) = (Platform::local(), Repository::bare());
    // The platform's first commit is of 2099, and no commit is older than its parent.
    platform.catalog.git(&["update-ref", "-d", "HEAD"]);
    platform.catalog.write(SEED_PATH, manifest).commit_all_days_ago(50, "SEC-0007");
    platform.catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    push(&platform);
    (platform, origin)
}

fn push(platform: &Platform) {
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
}

fn apply_days_ago(platform: &Platform, days: u64) {
    platform.apply().envs([("GOLDENPATH_CLOCK", seconds(days).to_string())]).run().success();
}

/// Adds a commit of yesterday, and returns a clone that has this one alone.
fn shallow(platform: &Platform, origin: &Repository) -> Repository {
    let text = format!("{}\n", platform.catalog.git(&["rev-parse", "HEAD"]));
    platform.catalog.write("README.md", &text).commit_all_days_ago(1, "Something else");
    push(platform);
    let clone = Repository::new();
    let url = format!("file://{}", origin.path().display());
    clone.git(&["remote", "add", "origin", &url]);
    clone.git(&["fetch", "--quiet", "--depth=1", "origin", "main"]);
    clone.git(&["checkout", "--quiet", "-B", "main", "FETCH_HEAD"]);
    clone
}

fn request_named(name: &str) -> String {
    request("SEC-0007", name)
}

fn due(repository: &Repository, arguments: &[&str]) -> Outcome {
    repository.goldenpath(&[&["due", "--offline"], arguments].concat()).run()
}

/// Returns the due dates as `reason due since`, and the unknown ones.
#[track_caller]
fn dates(repository: &Repository) -> (Vec<String>, Vec<String>) {
    let report = due(repository, &["--format", "json"]).success().json();
    let rows = |list: &str, keys: &[&str]| {
        let words = |row: &Value| {
            let words = keys.iter().map(|key| row[*key].as_str().unwrap().to_owned());
            words.collect::<Vec<_>>().join(" ")
        };
        report[list].as_array().unwrap().iter().map(words).collect::<Vec<_>>()
    };
    assert_eq!(report["summary"]["unknown"], report["unknown"].as_array().unwrap().len());
    (rows("due", &["reason", "due", "since"]), rows("unknown", &["reason"]))
}

/// Returns the messages of `validate`, which reports warnings alone, and what it notes.
#[track_caller]
fn validated(repository: &Repository) -> (Vec<String>, String) {
    let outcome = repository.goldenpath(&["validate", "--format", "json"]).run().success();
    let messages = findings(&outcome).into_iter().map(|found| found.message).collect();
    (messages, outcome.stderr)
}

#[test]
fn where_history_is_cut_a_ttl_counts_from_the_first_recorded_event_or_is_unknown() {
    let (platform, origin) = with_remote(SEED);
    apply_days_ago(&platform, 40);
    let clone = shallow(&platform, &origin);
    let (messages, notes) = validated(&clone);
    assert_eq!(messages, [""; 0]);
    assert!(notes.contains("the ttl of 1 manifest may have expired"), "{notes}");
    assert!(notes.contains("git fetch --unshallow"), "{notes}");
    assert_eq!(dates(&clone), (vec![], vec!["ttl".to_owned()]));
    // An unknown date may be past.
    due(&clone, &["--fail-on", "overdue"]).fails_with(1);
    let shown = due(&clone, &[]).success().stdout;
    assert!(shown.contains("\nUnknown\n") || shown.starts_with("Unknown\n"), "{shown}");
    assert!(shown.ends_with("0 overdue, 0 within 14 days, 1 unknown.\n"), "{shown}");
    let shown = clone.goldenpath(&["show", "SEC-0007", "--offline"]).run().success().stdout;
    assert!(shown.contains("unknown: ttl of 30 days"), "{shown}");

    // As git fetched the trail, and as goldenpath did.
    let trail = "goldenpath/audit:refs/remotes/origin/goldenpath/audit";
    clone.git(&["fetch", "--quiet", "--depth=1", "origin", trail]);
    let expired = format!(
        "the ttl of 30 days has expired: SEC-0007 was already in the catalog on {}",
        day(40)
    );
    assert_eq!(validated(&clone), (vec![expired.clone()], String::new()));
    assert_eq!(dates(&clone).0, [format!("ttl {} {}", day(10), day(40))]);
    clone.git(&["update-ref", "-d", "refs/remotes/origin/goldenpath/audit"]);
    assert_eq!(dates(&clone).1, ["ttl"]);
    clone.goldenpath(&["audit", "show"]).run().success();
    assert_eq!(validated(&clone), (vec![expired], String::new()));
    assert_eq!(dates(&clone), (vec![format!("ttl {} {}", day(10), day(40))], vec![]));
}

/// Returns the messages of GP406 of a staged change, and what `validate` notes.
#[track_caller]
fn reused(repository: &Repository) -> (Vec<String>, String) {
    let validate = ["validate", "--staged", "--format", "json"];
    let outcome = repository.goldenpath(&validate).run();
    let findings = findings(&outcome).into_iter();
    let reused = findings.filter(|found| found.rule.starts_with("GP406"));
    (reused.map(|found| found.message).collect(), outcome.stderr)
}

#[test]
fn where_history_is_cut_an_id_of_the_audit_trail_is_not_new_or_it_is_unknown() {
    let (platform, origin) = with_remote(SEED);
    apply_days_ago(&platform, 40);
    platform.catalog.git(&["rm", "--quiet", SEED_PATH]);
    platform.catalog.git_days_ago(20, &["commit", "--quiet", "--message", "Remove it"]);
    push(&platform);
    let taken = |repository: &Repository| {
        repository.write("catalogs/secrets/payments/dev/SEC-0007.yaml", &request_named("another"));
        repository.git(&["add", "--all"]);
    };
    // With the whole history, its commit is named.
    let whole = Repository::clone_of(&origin);
    taken(&whole);
    let (messages, notes) = reused(&whole);
    assert!(messages[0].contains("was used before: commit "), "{messages:?}");
    assert_eq!(notes, "");

    let clone = shallow(&platform, &origin);
    assert_eq!(reused(&clone), (vec![], String::new()), "nothing is new");
    taken(&clone);
    let (messages, notes) = reused(&clone);
    assert_eq!(messages, [""; 0]);
    assert!(notes.contains("the IDs of 1 new manifest may have been used before"), "{notes}");
    assert!(notes.contains("git fetch --unshallow"), "{notes}");

    clone.goldenpath(&["audit", "show"]).run().success();
    let (messages, notes) = reused(&clone);
    let day = day(40);
    let expected = format!(
        "the ID `SEC-0007` was used before: the audit trail has its `create-secret` of {day}"
    );
    assert_eq!((messages, notes), (vec![expected], String::new()));

    // Another ID is not in the trail.
    clone.git(&["rm", "--quiet", "--force", SEED_PATH]);
    let other = request_named("another").replace("SEC-0007", "SEC-0008");
    clone.write("catalogs/secrets/payments/dev/SEC-0008.yaml", &other);
    clone.git(&["add", "--all"]);
    assert_eq!(reused(&clone), (vec![], String::new()));
}

#[test]
fn a_manifest_that_was_applied_after_the_change_has_not_used_its_id_before() {
    let (platform, origin) = with_remote(SEED);
    let start = platform.catalog.git(&["rev-parse", "HEAD"]);
    platform.write("SEC-0008", "another-key");
    platform.catalog.commit_all_days_ago(30, "SEC-0008");
    push(&platform);
    apply_days_ago(&platform, 20);
    let clone = Repository::new();
    let url = format!("file://{}", origin.path().display());
    clone.git(&["remote", "add", "origin", &url]);
    platform.catalog.write("README.md", "x\n").commit_all_days_ago(10, "Something else");
    push(&platform);
    clone.git(&["fetch", "--quiet", "--depth=3", "origin", "main"]);
    clone.git(&["fetch", "--quiet", "--depth=1", "origin", &start]);
    clone.git(&["checkout", "--quiet", "-B", "main", "FETCH_HEAD"]);
    clone.git(&["fetch", "--quiet", "--depth=3", "origin", "main:refs/remotes/origin/main"]);
    clone.git(&["fetch", "--quiet", "--depth=1", "origin", &start]);
    assert_eq!(clone.git(&["rev-parse", "--is-shallow-repository"]), "true");
    clone.goldenpath(&["audit", "show"]).run().success();
    let change = ["validate", "--from-ref", &start, "--to-ref", "origin/main"];
    let checked = clone.goldenpath(&change).run();
    assert!(!checked.stdout.contains("GP406"), "{}", checked.said());
    assert!(!checked.stderr.contains("used before"), "{}", checked.stderr);
}

#[test]
fn what_entered_the_catalog_after_the_cut_counts_from_its_commit() {
    let (platform, origin) = with_remote(SEED);
    platform.catalog.write("README.md", "x\n").commit_all_days_ago(30, "Something else");
    platform.write("SEC-0008", "another-key");
    platform.catalog.commit_all_days_ago(20, "SEC-0008");
    push(&platform);
    let clone = Repository::new();
    let url = format!("file://{}", origin.path().display());
    clone.git(&["fetch", "--quiet", "--depth=2", &url, "main"]);
    clone.git(&["checkout", "--quiet", "-B", "main", "FETCH_HEAD"]);
    let report = due(&clone, &["--format", "json"]).success().json();
    let ids = |list: &str| report[list].as_array().unwrap().iter().map(|row| row["id"].clone());
    assert_eq!(ids("unknown").collect::<Vec<_>>(), ["SEC-0007"]);
    assert_eq!(ids("due").collect::<Vec<_>>(), ["SEC-0008"]);
    assert_eq!(report["due"][0]["since"], day(20));
}

#[test]
fn a_deprecation_and_a_request_count_from_their_records_where_history_is_cut() {
    let long = seed_with(&[("ttlDays: 30", "ttlDays: 365")]);
    let (platform, origin) = with_remote(&long);
    let set = |status: &str, days: u64| {
        let text = long.replace("status: active", &format!("status: {status}"));
        platform.catalog.write(SEED_PATH, &text).commit_all_days_ago(days, status);
        push(&platform);
    };
    set("deprecated", 45);
    apply_days_ago(&platform, 40);
    let clone = shallow(&platform, &origin);
    assert_eq!(dates(&clone).1, ["ttl", "deprecated"]);
    clone.goldenpath(&["audit", "show"]).run().success();
    let table = include_str!("../crates/core/schemas/metadata/governance.yaml");
    let table = format!("{table}\ndeprecatedForDays: 30\n");
    clone.write("schemas/metadata/governance.yaml", &table);
    assert_eq!(dates(&clone).0, [format!("deprecated {} {}", day(10), day(40))]);

    set("decommission_requested", 35);
    apply_days_ago(&platform, 30);
    let clone = shallow(&platform, &origin);
    assert_eq!(dates(&clone).1, ["gates"]);
    clone.goldenpath(&["audit", "show"]).run().success();
    // The tier's cooling-off period is 3 days.
    assert_eq!(dates(&clone), (vec![format!("gates {} {}", day(27), day(30))], vec![]));
}

#[test]
fn a_deprecation_is_recorded_once_and_ends_when_the_manifest_is_active_again() {
    let (platform, _origin) = with_remote(SEED);
    apply_days_ago(&platform, 40);
    let actions = || {
        let trail = platform.catalog.trail("SEC-0007");
        let actions = trail.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let actions = actions.map(|event| event["action"].as_str().unwrap().to_owned());
        actions.filter(|action| action.contains("deprecation")).collect::<Vec<_>>()
    };
    let applied = |status: &str, days: u64| {
        let text = seed_with(&[("status: active", &format!("status: {status}"))]);
        platform.catalog.write(SEED_PATH, &text).commit_all_days_ago(days, status);
        for _ in 0..2 {
            apply_days_ago(&platform, days);
        }
        actions()
    };
    assert_eq!(actions(), [""; 0]);
    assert_eq!(applied("deprecated", 30), ["record-deprecation"]);
    let both = ["record-deprecation", "cancel-deprecation"];
    assert_eq!(applied("active", 20), both);
    assert_eq!(applied("deprecated", 10), [both[0], both[1], both[0]]);
    platform.catalog.goldenpath(&["audit", "verify"]).run().success();
}

#[test]
fn a_date_in_the_future_hides_no_ttl_that_has_run_out() {
    let platform = Platform::local();
    // The dates of these commits are of 2099.
    platform.catalog.write(SEED_PATH, SEED).commit_all("SEC-0007");
    apply_days_ago(&platform, 40);
    assert_eq!(dates(&platform.catalog).0, [format!("ttl {} {}", day(10), day(40))]);
    let plan = platform.plan(&[]).run().success();
    assert!(plan.stderr.contains("the ttl of 30 days has expired"), "{}", plan.stderr);
    let shown = platform.catalog.goldenpath(&["show", "SEC-0007", "--offline"]).run().success();
    assert!(
        shown.stdout.contains(&format!("in the catalog since {}", day(40))),
        "{}",
        shown.stdout
    );
}

#[test]
fn a_date_in_the_past_moves_no_secret_on() {
    let long = seed_with(&[("ttlDays: 30", "ttlDays: 365")]);
    let (platform, _origin) = with_remote(&long);
    apply_days_ago(&platform, 49);
    let text = long.replace("status: active", "status: deprecated");
    // No commit is older than its parent, so the whole line is of long ago.
    platform.catalog.write(SEED_PATH, &text);
    platform.catalog.git_days_ago(200, &["commit", "--quiet", "--all", "--amend", "-m", "Old"]);
    platform.catalog.git(&["push", "--quiet", "--force", "origin", "main"]);
    platform
        .catalog
        .goldenpath(&["apply", "--yes", "--allow-older", "--reason", "rewritten"])
        .envs([("GOLDENPATH_CLOCK", seconds(5).to_string())])
        .run()
        .success();
    // It is shown, and the branch that requests its end waits for our own date.
    assert_eq!(dates(&platform.catalog).0, [format!("deprecated {} {}", day(110), day(200))]);
    let branch = due(&platform.catalog, &["--decommission"]).success();
    assert!(branch.stderr.contains("No branch was created"), "{}", branch.stderr);
    let table = include_str!("../crates/core/schemas/metadata/governance.yaml");
    let table = format!("{table}\ndeprecatedForDays: 3\n");
    let catalog = &platform.catalog;
    catalog.write("schemas/metadata/governance.yaml", &table).commit_all_days_ago(1, "Shorter");
    catalog.git(&["push", "--quiet", "origin", "main"]);
    let late = due(catalog, &["--decommission"]).success();
    assert!(late.stdout.contains("deprecated → decommission_requested"), "{}", late.stdout);
}
