//! Selection of manifests: paths, folders, the index.

use goldenpath_testkit::{Repository, SEED, SEED_PATH, checked, findings, seed_with};

const ORDERS_PATH: &str = "catalogs/secrets/orders/prod/SEC-0008.yaml";

/// Returns a valid manifest of another service and environment.
fn orders() -> String {
    seed_with(&[
        ("id: SEC-0007", "id: SEC-0008"),
        ("service: payments", "service: orders"),
        ("environment: dev", "environment: prod"),
        ("namespace: payments ", "namespace: orders "),
    ])
}

fn wrong(text: &str) -> String {
    assert_eq!(text.matches("tier: medium").count(), 1);
    text.replace("tier: medium", "tier: mediun")
}

/// Returns two manifests, both with a wrong tier.
fn two() -> Repository {
    let repository = Repository::new();
    repository.write(SEED_PATH, &wrong(SEED)).write(ORDERS_PATH, &wrong(&orders()));
    repository
}

#[track_caller]
fn paths_found(repository: &Repository, directory: &str, arguments: &[&str]) -> Vec<String> {
    let program = env!("CARGO_BIN_EXE_goldenpath");
    let script = format!("cd '{directory}' && exec \"$0\" \"$@\"");
    let all = [&["-c", &script, program, "validate", "--format", "json"], arguments].concat();
    let outcome = repository.program("sh", &all).run().fails_with(1);
    let found = findings(&outcome);
    assert_eq!(checked(&outcome), found.len() as u64, "{found:?}");
    assert!(found.iter().all(|found| found.rule == "GP105"), "{found:?}");
    found.into_iter().map(|found| found.path).collect()
}

#[test]
fn paths_select_files_and_folders_from_any_folder() {
    let repository = two();
    let root = repository.path();
    let absolute = root.join(SEED_PATH);
    let both = vec![ORDERS_PATH.to_owned(), SEED_PATH.to_owned()];
    let seed = vec![SEED_PATH.to_owned()];
    for (directory, arguments, expected) in [
        (".", &[][..], &both),
        (".", &["."], &both),
        (".", &["catalogs"], &both),
        (".", &["catalogs/secrets/"], &both),
        (".", &[SEED_PATH], &seed),
        (".", &["./catalogs/../catalogs/secrets/payments"], &seed),
        (".", &[absolute.to_str().unwrap()], &seed),
        (".", &[SEED_PATH, ORDERS_PATH], &both),
        (".", &[ORDERS_PATH, SEED_PATH, "catalogs", SEED_PATH], &both),
        ("catalogs/secrets/payments/dev", &["SEC-0007.yaml"], &seed),
        ("catalogs/secrets/payments/dev", &["."], &seed),
        ("catalogs/secrets/payments/dev", &[".."], &seed),
        (
            "catalogs/secrets/payments/dev",
            &["../../orders/prod/SEC-0008.yaml", "SEC-0007.yaml"],
            &both,
        ),
        // Without a path, the whole catalog is checked from any current folder.
        ("catalogs/secrets/payments/dev", &[], &both),
    ] {
        assert_eq!(
            &paths_found(&repository, directory, arguments),
            expected,
            "{arguments:?} in {directory}"
        );
    }
}

#[test]
fn dash_c_runs_as_if_started_there() {
    let repository = two();
    let folder = repository.path().join("catalogs/secrets/payments/dev");
    let outcome = goldenpath_testkit::Command::new(
        env!("CARGO_BIN_EXE_goldenpath"),
        &["-C", folder.to_str().unwrap(), "validate", "--format", "json", "SEC-0007.yaml"],
        &repository.home(),
        &repository.home(),
    )
    .run()
    .fails_with(1);
    let found = findings(&outcome);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, SEED_PATH);
}

#[test]
fn a_name_that_is_the_beginning_of_another_does_not_choose_it() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &wrong(SEED));
    repository.write("catalogs/secrets/payments/dev/SEC-0007.yaml.bak", "not looked at");
    repository.write("catalogs/secrets/pay/dev/notes.txt", "not looked at");
    let outcome = repository.goldenpath(&["validate", "catalogs/secrets/pay"]).run().success();
    assert_eq!(outcome.stdout, "checked 0 manifests: no findings\n");
    assert_eq!(outcome.stderr, "no manifest at these paths: the catalog is `catalogs/secrets`\n");
}

#[test]
fn hidden_files_and_other_files_of_the_catalog_are_passed_over() {
    let repository = Repository::with_seed();
    repository
        .write("catalogs/secrets/README.md", "# Secrets\n")
        .write("catalogs/secrets/.cache/x.yaml", "[")
        .write("catalogs/secrets/payments/dev/.SEC-0007.yaml.swp", "[")
        .write("elsewhere/SEC-0001.yaml", "[");
    let outcome = repository.goldenpath(&["validate", "--format", "json"]).run().success();
    assert_eq!(checked(&outcome), 1);
    repository.git(&["add", "--all"]);
    // The index and the work tree give the same result.
    let staged = repository.goldenpath(&["validate", "--staged", "--format", "json"]).run();
    assert_eq!(checked(&staged.success()), 1);
    repository.commit_all("All");
    repository.write("goldenpath.yaml", "rules: {}\n");
    repository.git(&["add", "goldenpath.yaml"]);
    let staged = repository.goldenpath(&["validate", "--staged", "--format", "json"]).run();
    assert_eq!(checked(&staged.success()), 1);
}

#[test]
fn staged_judges_what_the_commit_would_hold_and_not_the_work_tree() {
    let repository = Repository::with_seed();
    repository.commit_all("Seed");
    // Staged with an error, fixed in the work tree only.
    repository.write(SEED_PATH, &wrong(SEED));
    repository.git(&["add", "--all"]);
    repository.write(SEED_PATH, SEED);
    let outcome =
        repository.goldenpath(&["validate", "--staged", "--format", "json"]).run().fails_with(1);
    let found = findings(&outcome);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].rule.as_str(), found[0].place.as_str()), ("GP105", "13:11..13:17"));
    // The quoted text is the one in the index, too.
    let shown = repository.goldenpath(&["validate", "--staged"]).run().fails_with(1).stdout;
    assert!(shown.contains("tier: mediun"), "{shown}");
    repository.goldenpath(&["validate"]).run().success();
    // Staged without an error, broken in the work tree only.
    repository.git(&["add", "--all"]);
    repository.write(SEED_PATH, &seed_with(&[("ttlDays: 30", "ttlDays: 31")]));
    repository.git(&["add", "--all"]);
    repository.write(SEED_PATH, "[");
    let outcome =
        repository.goldenpath(&["validate", "--staged", "--format", "json"]).run().success();
    assert_eq!(checked(&outcome), 1);
    repository.goldenpath(&["validate"]).run().fails_with(1);
}

#[test]
fn staged_passes_over_what_is_not_staged() {
    let repository = two();
    repository.commit_all("Two with mistakes");
    let staged = ["validate", "--staged", "--format", "json"];
    assert_eq!(checked(&repository.goldenpath(&staged).run().success()), 0, "nothing is staged");
    repository.write(SEED_PATH, SEED);
    assert_eq!(checked(&repository.goldenpath(&staged).run().success()), 0, "still nothing");
    repository.git(&["add", SEED_PATH]);
    assert_eq!(checked(&repository.goldenpath(&staged).run().success()), 1, "the fixed one alone");
    repository.git(&["rm", "--quiet", "--cached", SEED_PATH]);
    assert_eq!(
        checked(&repository.goldenpath(&staged).run()),
        0,
        "a deletion holds no manifest (and is GP404's)"
    );
    repository.git(&["reset", "--quiet"]);
    repository.write("catalogs/secrets/README.md", "# Secrets\n");
    repository.git(&["add", "catalogs/secrets/README.md"]);
    assert_eq!(checked(&repository.goldenpath(&staged).run().success()), 0, "not a manifest");
}

#[test]
fn staged_works_before_the_first_commit() {
    let repository = two();
    repository.git(&["add", "--all"]);
    let outcome =
        repository.goldenpath(&["validate", "--staged", "--format", "json"]).run().fails_with(1);
    assert_eq!(checked(&outcome), 2);
}

#[test]
fn staged_leaves_out_what_is_only_announced() {
    let repository = Repository::with_seed();
    repository.git(&["add", "--intent-to-add", SEED_PATH]);
    let outcome =
        repository.goldenpath(&["validate", "--staged", "--format", "json"]).run().success();
    assert_eq!(checked(&outcome), 0, "the commit would not hold the file");
}

#[test]
fn staged_finds_a_duplicate_in_what_is_not_staged() {
    let repository = Repository::with_seed();
    repository.commit_all("Seed");
    let path = "catalogs/secrets/orders/prod/SEC-0007.yaml";
    repository.write(path, &orders().replace("SEC-0008", "SEC-0007"));
    repository.git(&["add", "--all"]);
    let outcome =
        repository.goldenpath(&["validate", "--staged", "--format", "json"]).run().fails_with(1);
    let found = findings(&outcome);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].rule.as_str(), found[0].path.as_str()), ("GP302", path));
}

#[test]
fn a_staged_change_of_what_judges_the_manifests_judges_all_of_them() {
    const ENUMS: &str = "schemas/metadata/enums.yaml";
    let repository = Repository::with_seed();
    repository.write(ENUMS, "owners: [team-payments]\n");
    repository.commit_all("Seed");
    let staged = ["validate", "--staged", "--format", "json"];
    // Changed in the work tree only: the enums of the index apply.
    repository.write(ENUMS, "owners: [someone-else]\n");
    assert_eq!(checked(&repository.goldenpath(&staged).run().success()), 0);
    repository.git(&["add", ENUMS]);
    repository.write(ENUMS, "owners: [team-payments]\n");
    let outcome = repository.goldenpath(&staged).run().fails_with(1);
    assert_eq!(checked(&outcome), 1);
    let found = findings(&outcome);
    assert_eq!((found[0].rule.as_str(), found[0].help.as_str()), ("GP105", "write `someone-else`"));
    // Deleting them restores the built-in lists, which is a change like others.
    repository.git(&["rm", "--quiet", "--force", ENUMS]);
    assert_eq!(checked(&repository.goldenpath(&staged).run().success()), 1);
    for (file, text) in [
        ("goldenpath.yaml", "rules: {GP105: warn}\n"),
        (
            "schemas/metadata/governance.yaml",
            include_str!("../../crates/core/schemas/metadata/governance.yaml"),
        ),
        ("schemas/metadata/secret_types.yaml", "secretTypes: {}\n"),
        ("schemas/secret_request.schema.json", "{}"),
    ] {
        repository.git(&["reset", "--quiet", "--hard"]);
        repository.write(file, text);
        repository.git(&["add", file]);
        assert_eq!(checked(&repository.goldenpath(&staged).run().success()), 1, "{file}");
    }
}

#[test]
fn staged_reads_the_index_that_git_hands_to_a_hook() {
    // `git commit PATH` runs its hooks with a temporary index.
    let repository = Repository::with_seed();
    repository.commit_all("Seed");
    repository.write(SEED_PATH, &wrong(SEED)).write(ORDERS_PATH, &wrong(&orders()));
    repository.git(&["add", ORDERS_PATH]);
    let hook = format!(
        "#!/bin/sh\nexec '{}' validate --staged --format json >hook.json\n",
        env!("CARGO_BIN_EXE_goldenpath")
    );
    repository.write(".git/hooks/pre-commit", &hook);
    repository.program("chmod", &["+x", ".git/hooks/pre-commit"]).run().success();
    repository
        .program("git", &["commit", "--quiet", "--message", "Wrong", SEED_PATH])
        .run()
        .fails_with(1);
    let report: serde_json::Value = serde_json::from_str(&repository.read("hook.json")).unwrap();
    assert_eq!(report["summary"]["files"], 1);
    assert_eq!(report["findings"][0]["path"], SEED_PATH);
    assert_eq!(repository.git(&["log", "--format=%s"]), "Seed");
    // So does `git commit -a`.
    repository
        .program("git", &["commit", "--quiet", "--all", "--message", "Wrong"])
        .run()
        .fails_with(1);
    let report: serde_json::Value = serde_json::from_str(&repository.read("hook.json")).unwrap();
    assert_eq!(report["summary"]["files"], 2);
}

#[test]
fn staged_asks_for_a_merge_to_be_resolved_first() {
    let repository = Repository::with_seed();
    repository.commit_all("Seed");
    let days = |days: &str| seed_with(&[("ttlDays: 30", &format!("ttlDays: {days}"))]);
    repository.git(&["switch", "--quiet", "--create", "theirs"]);
    repository.write(SEED_PATH, &days("60")).commit_all("Theirs");
    repository.git(&["switch", "--quiet", "main"]);
    repository.write(SEED_PATH, &days("90")).commit_all("Ours");
    repository.program("git", &["merge", "--quiet", "theirs"]).run().fails_with(1);
    let outcome = repository.goldenpath(&["validate", "--staged"]).run().fails_with(2);
    assert!(
        outcome.stderr.contains("is in conflict") && outcome.stderr.contains("`git add`"),
        "{}",
        outcome.stderr
    );
    let work_tree = repository.goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert!(work_tree.contains("unresolved merge conflict"), "{work_tree}");
}

#[test]
fn staged_with_paths_checks_those_files_as_the_index_holds_them() {
    // So a framework that passes all files, as `pre-commit run --all-files` does, always checks
    // some.
    let repository = Repository::with_seed();
    repository.write(ORDERS_PATH, &orders()).commit_all("Two");
    repository.write(SEED_PATH, &wrong(SEED));
    let named = |path: &str| {
        repository.goldenpath(&["validate", "--staged", path, "--format", "json"]).run()
    };
    assert_eq!(checked(&named(SEED_PATH).success()), 1);
    assert_eq!(checked(&named("catalogs").success()), 2);
    repository.git(&["add", SEED_PATH]);
    assert_eq!(findings(&named(SEED_PATH).fails_with(1)).len(), 1);
    assert_eq!(checked(&named(ORDERS_PATH).success()), 1);
    repository.write("catalogs/secrets/orders/dev/SEC-0099.yaml", "x");
    let nothing = named("catalogs/secrets/orders/dev/SEC-0099.yaml").success();
    assert_eq!(checked(&nothing), 0);
    assert!(nothing.stderr.contains("git add"), "{}", nothing.stderr);
}
