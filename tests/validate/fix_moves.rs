//! `validate --fix` on files in the wrong folder.

use std::fs;
use std::os::unix::fs::symlink;

use super::fix::fix;
use goldenpath_testkit::{Repository, SEED, SEED_PATH, findings, request, seed_with};

const WRONG: &str = "catalogs/secrets/payments/prod/SEC-0007.yaml";

fn at(path: &str, text: &str) -> Repository {
    let repository = Repository::new();
    repository.write(path, text);
    repository
}

/// Returns `git status`, with renames.
fn status(repository: &Repository) -> String {
    repository.git(&["status", "--porcelain", "--untracked-files=all"])
}

#[test]
fn a_file_moves_to_where_its_fields_say_as_git_moves_it() {
    for wrong in [
        WRONG,
        "catalogs/secrets/orders/dev/SEC-0007.yaml",
        "catalogs/secrets/payments/dev/SEC-0008.yaml",
        "catalogs/secrets/payments/dev/SEC-0007.yml",
        "catalogs/secrets/db.yaml",
        "catalogs/secrets/a/b/c/SEC-0007.yaml",
    ] {
        // An untracked file is moved without git.
        let repository = at(wrong, SEED);
        let outcome = fix(&repository, &[]).success();
        assert_eq!(repository.read(SEED_PATH), SEED);
        assert!(!repository.exists(wrong));
        assert_eq!(status(&repository), format!("?? {SEED_PATH}"));
        assert_eq!(
            outcome.stdout,
            format!(
                "fixed {wrong}: GP301 move the file to {SEED_PATH}\n\
                 fixed 1 of 1 finding in 1 file\n\
                 checked 1 manifest: no findings\n"
            )
        );
        let repository = at(wrong, SEED);
        repository.commit_all("In the wrong place");
        fix(&repository, &[]).success();
        assert_eq!(status(&repository), format!("R  {wrong} -> {SEED_PATH}"));
    }
}

#[test]
fn what_is_staged_of_a_file_that_moves_stays_what_it_is() {
    let repository = at(WRONG, SEED);
    repository.commit_all("In the wrong place");
    repository.write(WRONG, &seed_with(&[("mediu", "Mediu"), ("ttlDays: 30", "ttlDays: 40")]));
    repository.write("other.txt", "staged").git(&["add", "other.txt"]);
    fix(&repository, &[]).success();
    assert_eq!(repository.read(SEED_PATH), seed_with(&[("ttlDays: 30", "ttlDays: 40")]));
    assert_eq!(repository.git(&["show", &format!(":{SEED_PATH}")]), SEED.trim_end());
    assert_eq!(status(&repository), format!("RM {WRONG} -> {SEED_PATH}\nA  other.txt"));
}

#[test]
fn a_named_path_is_followed_to_where_the_file_goes() {
    let repository = at(WRONG, &seed_with(&[("mediu", "Mediu"), ("ttlDays: 30", "ttlDays: 0")]));
    let outcome = fix(&repository, &["catalogs/secrets/payments/prod"]).fails_with(1);
    // The path depends on three fields, whatever is wrong with others.
    assert!(
        outcome.stdout.contains("fixed 2 of 3 findings in 1 file\nchecked 1 manifest: 1 error"),
        "{}",
        outcome.stdout
    );
    assert_eq!(repository.read(SEED_PATH), seed_with(&[("ttlDays: 30", "ttlDays: 0")]));
}

#[test]
fn what_is_there_is_never_replaced() {
    let untouched = |repository: &Repository, why: &str| {
        let outcome = fix(repository, &["--unsafe-fixes"]).fails_with(1);
        assert_eq!(repository.read(WRONG), SEED);
        assert_eq!(outcome.stderr, format!("not moved: {WRONG}: {why}\n"));
        assert!(outcome.stdout.contains("path-mismatch"), "{}", outcome.stdout);
    };
    // Another manifest, a file that is not a manifest, a dangling link, and a file that is only in
    // the index.
    let repository = at(WRONG, SEED);
    repository.write(SEED_PATH, &request("SEC-0007", "another-db"));
    untouched(&repository, &format!("`{SEED_PATH}` already exists"));
    let repository = at(WRONG, SEED);
    fs::create_dir_all(repository.path().join(SEED_PATH)).unwrap();
    untouched(&repository, &format!("`{SEED_PATH}` already exists"));
    let repository = at(WRONG, SEED);
    repository.write(SEED_PATH, "x: 1\n").git(&["add", SEED_PATH]);
    fs::remove_file(repository.path().join(SEED_PATH)).unwrap();
    untouched(&repository, &format!("`{SEED_PATH}` is already in the index"));
    let repository = at(WRONG, SEED);
    fs::create_dir_all(repository.path().join("catalogs/secrets/elsewhere")).unwrap();
    symlink("elsewhere", repository.path().join("catalogs/secrets/orders")).unwrap();
    repository.write(WRONG, &seed_with(&[("service: payments", "service: orders")]));
    let outcome = fix(&repository, &["--unsafe-fixes"]).fails_with(1);
    let words = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("is a symbolic link; goldenpath does not write through it"),
        "{}",
        outcome.stderr
    );
    assert!(repository.exists(WRONG));
}

#[test]
fn two_files_that_belong_in_one_place_stay() {
    let repository = at(WRONG, SEED);
    repository.write("catalogs/secrets/payments/test/SEC-0007.yaml", SEED);
    let outcome = fix(&repository, &["--unsafe-fixes"]).fails_with(1);
    assert_eq!(
        outcome.stderr.matches(&format!("2 files belong at `{SEED_PATH}`")).count(),
        2,
        "{}",
        outcome.stderr
    );
    assert!(!repository.exists(SEED_PATH));
}

#[test]
fn where_the_folder_may_be_right_a_move_takes_a_flag() {
    let only_unsafely = |repository: &Repository, from: &str, to: &str, arguments: &[&str]| {
        let outcome = fix(repository, arguments).fails_with(1);
        assert!(repository.exists(from) && !repository.exists(to), "{}", outcome.stdout);
        assert!(
            outcome.stdout.contains("1 more fixable with `--unsafe-fixes`"),
            "{}",
            outcome.stdout
        );
        fix(repository, &[arguments, &["--unsafe-fixes"]].concat());
        assert!(!repository.exists(from) && repository.exists(to));
    };
    // The field has changed since the last commit, so the path is right.
    let repository = at(SEED_PATH, SEED);
    repository.commit_all("In its place");
    repository.write(SEED_PATH, &seed_with(&[("environment: dev", "environment: prod")]));
    only_unsafely(&repository, SEED_PATH, WRONG, &[]);
    // The fields are those of the manifest from which it was copied.
    let repository = at(SEED_PATH, SEED);
    let copy = "catalogs/secrets/payments/prod/SEC-0008.yaml";
    repository.write(copy, &SEED.replace("SEC-0007", "SEC-0008"));
    only_unsafely(&repository, copy, "catalogs/secrets/payments/dev/SEC-0008.yaml", &[]);
    // It is outside of the catalog.
    let repository = at("examples/secret.yaml", SEED);
    only_unsafely(&repository, "examples/secret.yaml", SEED_PATH, &["examples/secret.yaml"]);
}

#[test]
fn a_move_is_shown_as_git_shows_it() {
    let repository = at(WRONG, SEED);
    let outcome = repository.goldenpath(&["validate", "--diff"]).run().fails_with(1);
    let expected = format!(
        "diff --git a/{WRONG} b/{SEED_PATH}\nsimilarity index 100%\nrename from {WRONG}\n\
         rename to {SEED_PATH}\n"
    );
    assert_eq!(outcome.stdout, expected);
    assert!(repository.exists(WRONG) && !repository.exists(SEED_PATH));
    repository.write(WRONG, &seed_with(&[("mediu", "Mediu")]));
    let outcome = repository.goldenpath(&["validate", "--diff"]).run().fails_with(1);
    repository.commit_all("In the wrong place").write("../fix.patch", &outcome.stdout);
    repository.git(&["apply", "../fix.patch"]);
    assert_eq!(repository.read(SEED_PATH), SEED);
    assert!(!repository.exists(WRONG));
}

#[test]
fn a_slip_that_leads_to_a_move_is_followed_in_the_same_run() {
    let wrong = "catalogs/secrets/Payments/DEV/sec-0007.yaml";
    let repository = at(
        wrong,
        &seed_with(&[
            ("service: payments", "service: Payments"),
            ("environment: dev", "environment: DEV"),
            ("SEC-0007 ", "sec-0007 "),
        ]),
    );
    let outcome = fix(&repository, &[]).success();
    assert!(outcome.stdout.contains("fixed 4 of 4 findings in 1 file\n"), "{}", outcome.stdout);
    assert_eq!(repository.read(SEED_PATH), SEED);
    let left = findings(&repository.goldenpath(&["validate", "--format", "json"]).run().success());
    assert_eq!(left, []);
}
