//! `validate --staged --fix`: it never mixes staged and unstaged changes.

use super::fix::fix;
use goldenpath_testkit::{Repository, SEED, SEED_PATH, request, seed_with};

const OTHER_PATH: &str = "catalogs/secrets/payments/dev/SEC-0008.yaml";

fn wrong() -> String {
    seed_with(&[("mediu", "Mediu")])
}

fn staged(repository: &Repository, path: &str) -> String {
    repository.program("git", &["show", &format!(":{path}")]).run().success().stdout
}

#[test]
fn what_is_fixed_is_staged_and_nothing_else_is() {
    let repository = Repository::new();
    repository.write("README.md", "one").commit_all("Start");
    repository.write(SEED_PATH, &wrong()).git(&["add", "--all"]);
    repository.write("README.md", "two more").write(OTHER_PATH, &wrong());
    let outcome = fix(&repository, &["--staged"]).success();
    assert!(
        outcome
            .stdout
            .ends_with("fixed 1 of 1 finding in 1 file\nchecked 1 manifest: no findings\n"),
        "{}",
        outcome.stdout
    );
    assert_eq!(repository.read(SEED_PATH), SEED);
    let status = repository.git(&["status", "--porcelain", "--untracked-files=all"]);
    assert_eq!(
        status,
        format!("M README.md\nA  {SEED_PATH}\n?? {OTHER_PATH}"),
        "git trims the first blank"
    );
    assert_eq!(
        (staged(&repository, SEED_PATH), repository.read(OTHER_PATH)),
        (SEED.to_owned(), wrong())
    );
    repository.git(&["commit", "--quiet", "-m", "SEC-0007"]);
}

#[test]
fn a_hook_can_stop_the_commit_that_was_fixed_once() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &wrong()).git(&["add", "--all"]);
    let fix = || fix(&repository, &["--staged", "--exit-non-zero-on-fix"]);
    let shown = fix().fails_with(1).stdout;
    assert!(shown.ends_with("checked 1 manifest: no findings\n"), "{shown}");
    assert_eq!(staged(&repository, SEED_PATH), SEED);
    fix().success();
    let alone = repository.goldenpath(&["validate", "--exit-non-zero-on-fix"]).run().fails_with(2);
    assert!(alone.stderr.contains("--fix"), "{}", alone.stderr);
}

#[test]
fn a_file_that_is_staged_in_part_is_refused_and_nothing_is_written() {
    let repository = Repository::new();
    repository.write(OTHER_PATH, &request("SEC-0008", "other-db").replace("mediu", "Mediu"));
    repository.write(SEED_PATH, &wrong()).git(&["add", "--all"]);
    for unstaged in [format!("{}\n# more", wrong()), SEED.to_owned(), String::new()] {
        match unstaged.is_empty() {
            true => std::fs::remove_file(repository.path().join(SEED_PATH)).unwrap(),
            false => drop(repository.write(SEED_PATH, &unstaged)),
        }
        let before = (
            staged(&repository, SEED_PATH),
            staged(&repository, OTHER_PATH),
            repository.read(OTHER_PATH),
        );
        let outcome = fix(&repository, &["--staged"]).fails_with(2);
        let reported = outcome.stderr.replace("\n  │ ", " ").replace("\n        ", " ");
        assert!(
            reported.contains(&format!("cannot fix `{SEED_PATH}`: it has unstaged changes")),
            "{reported}"
        );
        assert!(
            reported.contains("git stash push --keep-index") && reported.contains("git add"),
            "{reported}"
        );
        assert_eq!(outcome.stdout, "");
        let after = (
            staged(&repository, SEED_PATH),
            staged(&repository, OTHER_PATH),
            repository.read(OTHER_PATH),
        );
        assert_eq!(after, before);
        if !unstaged.is_empty() {
            assert_eq!(repository.read(SEED_PATH), unstaged);
        }
        // The diff writes nothing, so it is allowed.
        repository.goldenpath(&["validate", "--staged", "--diff"]).run().fails_with(1);
    }
    // A file without fixes may be in any state.
    repository.write(SEED_PATH, SEED).git(&["add", "--all"]);
    repository.write(SEED_PATH, &wrong());
    fix(&repository, &["--staged"]).success();
    assert_eq!(
        (repository.read(SEED_PATH), staged(&repository, SEED_PATH)),
        (wrong(), SEED.to_owned())
    );
}

#[test]
fn a_move_is_staged_with_what_is_fixed_in_the_file() {
    let repository = Repository::new();
    let place = "catalogs/secrets/payments/prod/SEC-0007.yaml";
    repository.write("README.md", "one").commit_all("Start");
    repository.write(place, &wrong()).git(&["add", "--all"]);
    let outcome = fix(&repository, &["--staged"]).success();
    assert!(outcome.stdout.contains("fixed 2 of 2 findings in 1 file\n"), "{}", outcome.stdout);
    assert_eq!(repository.git(&["status", "--porcelain"]), format!("A  {SEED_PATH}"));
    assert_eq!(
        (staged(&repository, SEED_PATH), repository.exists(place)),
        (SEED.to_owned(), false)
    );
}

#[test]
fn what_is_left_is_what_the_index_holds_then() {
    // The fixed manifest has the ID of another one, which was not checked before.
    let repository = Repository::new();
    let other = "catalogs/secrets/orders/dev/SEC-0007.yaml";
    let text = SEED
        .replace("service: payments", "service: orders")
        .replace("payments-db-cred", "orders-db-cred");
    repository.write(other, &text).commit_all("Another");
    repository
        .write(SEED_PATH, &seed_with(&[("id: SEC-0007 ", "id: sec-0007 ")]))
        .git(&["add", "--all"]);
    let outcome = fix(&repository, &["--staged", "--verbose"]).fails_with(1);
    assert!(outcome.stdout.contains("duplicate-id"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\nfixed 1 of 2 findings in 1 file\n"), "{}", outcome.stdout);
    assert_eq!(outcome.stderr, format!("checking {SEED_PATH}\n"));
}

#[test]
fn line_ends_that_git_turns_around_are_no_difference() {
    let repository = Repository::new();
    repository
        .write(".gitattributes", "*.yaml text eol=crlf\n")
        .write(SEED_PATH, &wrong().replace('\n', "\r\n"));
    repository.git(&["add", "--all"]);
    assert_eq!(staged(&repository, SEED_PATH), wrong());
    fix(&repository, &["--staged"]).success();
    assert_eq!(repository.read(SEED_PATH), SEED.replace('\n', "\r\n"));
    assert_eq!(staged(&repository, SEED_PATH), SEED);
    assert_eq!(repository.git(&["diff", "--name-only"]), "");
}

#[test]
fn it_works_in_a_hook_that_has_an_index_of_its_own() {
    let repository = Repository::new();
    repository.write("README.md", "one").commit_all("Start");
    let program = env!("CARGO_BIN_EXE_goldenpath");
    let hook = format!("#!/bin/sh\nexec '{program}' validate --staged --fix\n");
    repository.write(".git/hooks/pre-commit", &hook);
    let hook = repository.path().join(".git/hooks/pre-commit");
    std::fs::set_permissions(hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    repository.write(SEED_PATH, SEED).commit_all("SEC-0007");
    // `git commit -a` and `git commit PATH` use temporary indexes (githooks, "pre-commit").
    for arguments in
        [&["commit", "-q", "-a", "-m", "all"][..], &["commit", "-q", "-m", "one", SEED_PATH]]
    {
        let fixed_text =
            seed_with(&[("ttlDays: 30", &format!("ttlDays: {}", 40 + arguments.len()))]);
        repository.write(SEED_PATH, &fixed_text.replace("mediu", "Mediu"));
        repository.git(arguments);
        assert_eq!(repository.read(SEED_PATH), fixed_text);
        assert_eq!(repository.git(&["show", &format!("HEAD:{SEED_PATH}")]), fixed_text.trim_end());
    }
}
