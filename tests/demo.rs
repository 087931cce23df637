//! `goldenpath demo` does what the README promises.

use std::fs;

use goldenpath_testkit::Repository;

#[test]
fn the_demo_shows_the_whole_road_and_leaves_nothing_behind() {
    let repository = Repository::new();
    let temporary = repository.home().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let shown = repository.goldenpath(&["demo"]).env("TMPDIR", &temporary).run().success().stdout;
    // In this order: the mistake with its diagnostic, the fix, the plan, the apply, the projection,
    // and a plan without changes.
    let mut rest = shown.as_str();
    for part in [
        "$ goldenpath init",
        "$ goldenpath new secret",
        "  id: SEC-0001",
        "GP105 not-in-enum",
        "did you mean `medium`?",
        "no findings",
        "Plan: 2 to create, 0 to change, 0 blocked.",
        "Applied: 2 created, 0 changed.",
        "+  password  added",
        "SEC-0001: version ",
        "AWSCURRENT",
        "kind: ExternalSecret",
        "key: \"goldenpath/payments/dev/payments-db-credentials\"",
        "Nothing to do.",
        "goldenpath demo --keep",
        "Next, in your own repository: goldenpath init",
    ] {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("`{part}` is missing or out of order in\n{shown}"));
        rest = &rest[at + part.len()..];
    }
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "the demo left something behind");
}

#[test]
fn with_keep_the_folder_stays_and_works() {
    let repository = Repository::new();
    let temporary = repository.home().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let shown =
        repository.goldenpath(&["demo", "--keep"]).env("TMPDIR", &temporary).run().success().stdout;
    let folder =
        shown.lines().find_map(|line| line.strip_prefix("The folder is kept: cd ")).unwrap();
    let plan = repository.goldenpath(&["-C", folder, "plan"]).run().success().stdout;
    assert!(plan.starts_with("Nothing to do."), "{plan}");
}

#[test]
fn inside_a_hook_the_demo_keeps_away_from_the_hooks_repository() {
    let repository = Repository::new();
    repository.write("a.txt", "a").commit_all("a");
    let git_dir = repository.path().join(".git");
    repository
        .goldenpath(&["demo"])
        .env("GIT_DIR", &git_dir)
        .env("GIT_INDEX_FILE", git_dir.join("index"))
        .run()
        .success();
    assert_eq!(repository.git(&["status", "--short"]), "");
    assert_eq!(repository.git(&["rev-list", "--count", "HEAD"]), "1");
}
