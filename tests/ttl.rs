//! GP601: a ttl counts from the day on which git has the ID in the catalog first. The tests commit
//! with dates in the past.

use goldenpath_testkit::{
    Found, Platform, Repository, SEED, SEED_PATH, findings, request, seed_with,
};

/// Returns a repository to which the seed's manifest (`ttlDays: 30`) was added `days` ago.
fn seeded(days: u64) -> Repository {
    let repository = Repository::with_seed();
    repository.commit_all_days_ago(days, "SEC-0007");
    repository
}

#[track_caller]
fn found(repository: &Repository, arguments: &[&str]) -> Vec<Found> {
    findings(
        &repository
            .goldenpath(&[&["validate", "--format", "json"], arguments].concat())
            .run()
            .success(),
    )
}

#[track_caller]
fn expired(repository: &Repository, arguments: &[&str]) -> Found {
    let found = found(repository, arguments);
    assert_eq!(
        found.iter().map(|found| found.rule.as_str()).collect::<Vec<_>>(),
        ["GP601"],
        "{found:?}"
    );
    found[0].clone()
}

#[track_caller]
fn silent(repository: &Repository, arguments: &[&str]) {
    assert_eq!(found(repository, arguments), []);
}

/// Returns the day of a commit.
fn day(repository: &Repository, commit: &str) -> String {
    repository.git(&["log", "-1", "--format=%cd", "--date=format:%Y-%m-%d", commit])
}

#[test]
fn a_ttl_that_has_run_out_is_a_warning_at_its_days() {
    let repository = seeded(40);
    let found = expired(&repository, &[]);
    assert_eq!((found.name.as_str(), found.severity.as_str()), ("ttl-expired", "warning"));
    assert_eq!((found.path.as_str(), found.pointer.as_str()), (SEED_PATH, "/spec/ttlDays"));
    assert_eq!((found.place.as_str(), found.under(SEED).as_str()), ("21:12..21:14", "30"));
    let day = day(&repository, "HEAD");
    assert_eq!(
        found.message,
        format!("the ttl of 30 days has expired: SEC-0007 was already in the catalog on {day}")
    );
    // From the built-in governance table: 365 days.
    assert_eq!(
        found.help,
        "if it is still needed, set a longer `ttlDays` (up to 365 in this tier); if not, set \
         `lifecycle.status: deprecated` to decommission it"
    );
}

#[test]
fn a_ttl_runs_out_after_its_last_day() {
    silent(&seeded(29), &[]);
    expired(&seeded(30), &[]);
    expired(&seeded(31), &[]);
}

#[test]
fn a_ttl_counts_from_the_first_commit_and_not_from_the_last() {
    let repository = seeded(100);
    repository
        .write(SEED_PATH, &SEED.replace("tier: medium", "tier: low"))
        .commit_all_days_ago(5, "Changed");
    let changed = expired(&repository, &[]);
    assert!(changed.message.contains(&day(&repository, "HEAD~1")), "{changed:?}");
    // Also before the change is committed.
    repository.write(SEED_PATH, &SEED.replace("Mandatory: Cleanup", "Needed"));
    expired(&repository, &[]);
}

#[test]
fn asking_for_longer_is_enough() {
    let repository = seeded(40);
    repository.write(SEED_PATH, &seed_with(&[("ttlDays: 30", "ttlDays: 60")]));
    silent(&repository, &[]);
    repository.write(SEED_PATH, &seed_with(&[("ttlDays: 30", "ttlDays: 39")]));
    expired(&repository, &[]);
}

#[test]
fn where_the_tier_allows_no_more_a_new_secret_takes_its_place() {
    let repository = seeded(400);
    repository.write(SEED_PATH, &seed_with(&[("ttlDays: 30", "ttlDays: 365")]));
    let found = expired(&repository, &[]);
    assert!(
        found
            .help
            .contains("replace it with a new secret, since this tier allows at most 365 days"),
        "{found:?}"
    );
}

#[test]
fn a_manifest_that_moved_is_as_old_as_before() {
    let repository = seeded(40);
    let moved = "catalogs/secrets/orders/dev/SEC-0007.yaml";
    repository.git(&["rm", "--quiet", SEED_PATH]);
    repository.write(moved, &seed_with(&[("service: payments", "service: orders")]));
    repository.commit_all_days_ago(3, "Moved");
    assert_eq!(expired(&repository, &[]).path, moved);
}

#[test]
fn a_secret_that_is_being_decommissioned_is_not_reported() {
    let with = |status: &str| {
        let repository = seeded(40);
        repository
            .write(SEED_PATH, &seed_with(&[("status: active", &format!("status: {status}"))]));
        repository
    };
    let found = expired(&with("deprecated"), &[]);
    assert!(
        found.help.contains("set `lifecycle.status: decommission_requested` to decommission it"),
        "{found:?}"
    );
    silent(&with("decommission_requested"), &[]);
    silent(&with("decommissioned"), &[]);
}

#[test]
fn manifests_with_several_ttls_are_each_held_against_their_own() {
    let repository = Repository::new();
    for (id, days) in [("SEC-0001", 10), ("SEC-0002", 50), ("SEC-0003", 150)] {
        let text =
            request(id, &id.to_lowercase()).replace("ttlDays: 30", &format!("ttlDays: {days}"));
        repository.write(format!("catalogs/secrets/payments/dev/{id}.yaml"), &text);
    }
    repository.commit_all_days_ago(100, "Three");
    repository.write("a.txt", "a").commit_all_days_ago(60, "Something else");
    repository.write("a.txt", "b").commit_all_days_ago(20, "Something else");
    let found: Vec<_> = found(&repository, &[])
        .into_iter()
        .map(|found| (found.rule, found.path, found.message))
        .collect();
    let expected = [("SEC-0001", 10), ("SEC-0002", 50)].map(|(id, days)| {
        // The oldest commit that is inspected: a ttl of 50 days counts from the commit of 60 days
        // ago.
        let day = day(&repository, "HEAD~1");
        let message =
            format!("the ttl of {days} days has expired: {id} was already in the catalog on {day}");
        ("GP601".to_owned(), format!("catalogs/secrets/payments/dev/{id}.yaml"), message)
    });
    assert_eq!(found, expected);
}

#[test]
fn an_unknown_age_is_not_reported() {
    let nothing_committed = Repository::with_seed();
    silent(&nothing_committed, &[]);

    let origin = seeded(40);
    origin.write("a.txt", "a").commit_all_days_ago(2, "Something else");
    let clone = |depth: &str| {
        let repository = Repository::new();
        let url = format!("file://{}", origin.path().display());
        repository.git(&["fetch", "--quiet", "--depth", depth, &url, "main"]);
        repository.git(&["checkout", "--quiet", "-b", "work", "FETCH_HEAD"]);
        repository
    };
    silent(&clone("1"), &[]);
    expired(&clone("2"), &[]);
}

#[test]
fn a_commit_counts_from_its_merge() {
    let repository = Repository::new();
    repository.write("a.txt", "a").commit_all_days_ago(90, "Start");
    repository.git(&["switch", "--quiet", "--create", "work"]);
    repository.write(SEED_PATH, SEED).commit_all_days_ago(60, "SEC-0007");
    repository.git(&["switch", "--quiet", "main"]);
    repository.git_days_ago(10, &["merge", "--quiet", "--no-ff", "--no-edit", "work"]);
    silent(&repository, &[]);
    repository.git(&["switch", "--quiet", "work"]);
    expired(&repository, &[]);
}

#[test]
fn a_clock_that_was_wrong_once_makes_nothing_old() {
    let repository = Repository::new();
    repository.write("a.txt", "a").commit_all_days_ago(10, "Start");
    repository.write(SEED_PATH, SEED).commit_all_days_ago(4000, "From a machine without a battery");
    repository.write("a.txt", "b").commit_all_days_ago(5, "Go on");
    silent(&repository, &[]);
}

#[test]
fn commits_are_judged_by_their_own_history() {
    let repository = seeded(40);
    repository
        .write(SEED_PATH, &SEED.replace("Mandatory: Cleanup", "Needed"))
        .commit_all_days_ago(1, "Comment");
    expired(&repository, &["--from-ref", "HEAD~1"]);
    // Unchanged manifests are not findings of the change.
    repository.write("a.txt", "a").commit_all_days_ago(1, "Something else");
    silent(&repository, &["--from-ref", "HEAD~1"]);

    repository.git(&["switch", "--quiet", "--create", "work", "HEAD~1"]);
    repository
        .write(SEED_PATH, &SEED.replace("Mandatory: Cleanup", "Still needed"))
        .commit_all_days_ago(1, "Comment");
    expired(&repository, &["--merge-with", "main"]);
}

#[test]
fn a_calendar_does_not_speak_at_commits_and_pushes() {
    let origin = Repository::bare();
    let repository = Repository::clone_of(&origin);
    repository.write(SEED_PATH, SEED).commit_all_days_ago(40, "SEC-0007");
    repository.git(&["push", "--quiet", "origin", "HEAD:main"]);
    repository
        .write(SEED_PATH, &SEED.replace("Mandatory: Cleanup", "Needed"))
        .git(&["add", "--all"]);
    expired(&repository, &[]);
    silent(&repository, &["--staged"]);
    let reported = repository.goldenpath(&["hook", "run", "pre-commit"]).run().success().stdout;
    assert_eq!(reported, "checked 1 manifest: no findings\n");
    repository.git_days_ago(1, &["commit", "--quiet", "-m", "Comment"]);
    let ids = repository.git(&["rev-parse", "HEAD", "HEAD~1"]);
    let (new, old) = ids.split_once('\n').unwrap();
    let refs = format!("refs/heads/main {new} refs/heads/main {old}\n");
    let reported =
        repository.goldenpath(&["hook", "run", "pre-push"]).stdin(&refs).run().success().stdout;
    assert_eq!(reported, "checked 1 manifest: no findings\n");
}

#[test]
fn the_configuration_decides_what_it_counts_as() {
    let repository = seeded(40);
    for (level, code) in [("off", 0), ("warn", 0), ("error", 1)] {
        repository.write("goldenpath.yaml", &format!("rules: {{ ttl-expired: {level} }}\n"));
        let outcome = repository.goldenpath(&["validate", "--format", "json"]).run();
        assert_eq!(outcome.code, code, "{level}");
        assert_eq!(findings(&outcome).len(), usize::from(level != "off"), "{level}");
    }
}

#[test]
fn plan_shows_it_before_the_plan() {
    let platform = Platform::local();
    // The configuration's commit is of 2099, and no commit is older than its parent.
    platform.catalog.git(&["update-ref", "-d", "HEAD"]);
    platform.catalog.write(SEED_PATH, SEED).commit_all_days_ago(40, "SEC-0007");
    let plan = platform.plan(&[]).run().success();
    assert!(plan.stderr.contains("the ttl of 30 days has expired"), "{}", plan.stderr);
    assert!(plan.stderr.ends_with("checked 1 manifest: 1 warning\n"), "{}", plan.stderr);
    assert!(
        !plan.stdout.contains("ttl") && plan.stdout.contains("Plan: 2 to create"),
        "{}",
        plan.stdout
    );
    let json = platform.plan(&["--format", "json"]).run().success().json();
    assert_eq!(json["findings"][0]["rule"], "GP601");
    platform.apply().run().success();
}
