//! The next audit ID: one above the highest ID that the work tree, the index and all refs contain
//! or have ever contained.

mod list;
mod memory;
mod push;
mod races;
mod renumber;
mod reserve;

use std::fs;

use goldenpath_testkit::{Repository, request};

/// Returns the ID of the next new secret.
#[track_caller]
fn next(repository: &Repository) -> String {
    let arguments = [
        "--service",
        "web",
        "--env",
        "dev",
        "--type",
        "generic",
        "--name",
        "next-one",
        "--owner",
        "sre-team",
    ];
    let arguments =
        [&["new", "secret", "--dry-run", "--json", "--risk", "low"], &arguments[..]].concat();
    let made = repository.goldenpath(&arguments).run().success().json();
    made["manifests"][0]["id"].as_str().unwrap().to_owned()
}

fn path(id: &str) -> String {
    format!("catalogs/secrets/payments/dev/{id}.yaml")
}

/// Returns a remote with a commit on main, and clones of it.
fn clones(count: usize) -> (Repository, Vec<Repository>) {
    let origin = Repository::bare();
    let first = Repository::clone_of(&origin);
    first.write("README.md", "x\n").commit_all("Start");
    first.git(&["push", "--quiet", "origin", "main"]);
    let clones = (0..count).map(|_| Repository::clone_of(&origin)).collect();
    (origin, clones)
}

/// Writes a manifest whose file is named after its ID.
fn write(repository: &Repository, id: &str) {
    repository.write(path(id), &request(id, &format!("name-of-{}", id.to_lowercase())));
}

#[test]
fn the_first_id_of_a_repository_without_a_commit_or_a_catalog_is_sec_0001() {
    let repository = Repository::new();
    assert_eq!(next(&repository), "SEC-0001");
    repository.write("README.md", "x\n").commit_all("No catalog");
    assert_eq!(next(&repository), "SEC-0001");
}

#[test]
fn an_id_in_the_work_tree_counts_also_before_the_first_commit() {
    let repository = Repository::new();
    write(&repository, "SEC-0007");
    assert_eq!(next(&repository), "SEC-0008");
    write(&repository, "SEC-0005");
    assert_eq!(next(&repository), "SEC-0008", "a gap is not filled");
}

#[test]
fn an_id_that_only_the_index_holds_counts() {
    let repository = Repository::new();
    write(&repository, "SEC-0011");
    repository.git(&["add", "--all"]);
    fs::remove_file(repository.path().join(path("SEC-0011"))).unwrap();
    assert_eq!(next(&repository), "SEC-0012");
}

#[test]
fn an_id_on_another_branch_or_behind_a_tag_counts() {
    let repository = Repository::new();
    repository.write("README.md", "x\n").commit_all("Start");
    repository.git(&["checkout", "--quiet", "-b", "feature/far/away"]);
    write(&repository, "SEC-0021");
    repository.commit_all("On a branch");
    repository.git(&["checkout", "--quiet", "main"]);
    assert!(!repository.exists(path("SEC-0021")));
    assert_eq!(next(&repository), "SEC-0022");

    repository.git(&["checkout", "--quiet", "-b", "short-lived"]);
    write(&repository, "SEC-0031");
    repository.commit_all("To be tagged");
    repository.git(&["tag", "--annotate", "--message", "v1", "v1"]);
    repository.git(&["checkout", "--quiet", "main"]);
    repository.git(&["branch", "--quiet", "-D", "short-lived"]);
    assert_eq!(next(&repository), "SEC-0032");
    repository.git(&["pack-refs", "--all"]);
    assert_eq!(next(&repository), "SEC-0032");
}

#[test]
fn an_id_on_a_remote_tracking_branch_counts_after_a_fetch() {
    let origin = Repository::bare();
    let theirs = Repository::clone_of(&origin);
    theirs.write("README.md", "x\n").commit_all("Start");
    theirs.git(&["push", "--quiet", "origin", "main"]);
    let ours = Repository::clone_of(&origin);
    theirs.git(&["checkout", "--quiet", "-b", "colleague"]);
    write(&theirs, "SEC-0041");
    theirs.commit_all("Theirs");
    theirs.git(&["push", "--quiet", "origin", "colleague"]);

    assert_eq!(next(&ours), "SEC-0001", "this clone has not fetched it");
    ours.git(&["fetch", "--quiet"]);
    assert_eq!(next(&ours), "SEC-0042");
    assert_eq!(ours.git(&["branch", "--list"]), "* main", "there is no local branch of it");
}

#[test]
fn an_id_that_was_deleted_here_and_lives_on_another_branch_counts() {
    let repository = Repository::new();
    write(&repository, "SEC-0003");
    write(&repository, "SEC-0009");
    repository.commit_all("Two");
    repository.git(&["branch", "keeps-both"]);
    repository.git(&["rm", "--quiet", &path("SEC-0009")]);
    repository.commit_all("One gone");
    assert_eq!(next(&repository), "SEC-0010");
}

#[test]
fn an_id_that_only_history_holds_is_never_given_out_again() {
    let repository = Repository::new();
    write(&repository, "SEC-0003");
    write(&repository, "SEC-0009");
    repository.commit_all("Two");
    repository.git(&["rm", "--quiet", &path("SEC-0009")]);
    repository.commit_all("One gone, on every branch");
    assert_eq!(next(&repository), "SEC-0010");
}

#[test]
fn a_file_counts_by_its_name_and_by_the_id_that_it_claims() {
    // The higher ID counts, whether it is in the manifest or in the file's name.
    for (file, claims) in [("SEC-0002", "SEC-0050"), ("SEC-0050", "SEC-0002")] {
        let repository = Repository::new();
        let text = request(claims, "name-and-claim-differ");
        repository.write(path(file), &text);
        assert_eq!(next(&repository), "SEC-0051", "in the work tree");
        repository.commit_all("Mismatch");
        repository.git(&["checkout", "--quiet", "--orphan", "empty"]);
        repository.git(&["rm", "--quiet", "-r", "--force", "."]);
        assert_eq!(next(&repository), "SEC-0051", "on another branch");
    }
}

#[test]
fn a_broken_file_still_holds_its_name_and_words_that_are_no_id_hold_nothing() {
    let repository = Repository::new();
    repository.write(path("SEC-0060"), "metadata: [broken\n");
    repository.write(path("SEC-0061"), "");
    fs::write(repository.path().join(path("SEC-0062")), [0xff, 0xfe, 0x00]).unwrap();
    for name in [
        "notes",
        "SEC-",
        "SEC-99",
        "SEC-0000",
        "SEC-00070",
        "sec-0090",
        "SEC-0091-old",
        "XSEC-0092",
    ] {
        repository.write(path(name), "a: b\n");
    }
    repository.write("elsewhere/SEC-0099.yaml", &request("SEC-0099", "not-in-the-catalog"));
    assert_eq!(next(&repository), "SEC-0063");
    repository.commit_all("Broken ones");
    repository.git(&["checkout", "--quiet", "--orphan", "empty"]);
    repository.git(&["rm", "--quiet", "-r", "--force", "."]);
    assert_eq!(next(&repository), "SEC-0063");
}

#[test]
fn a_detached_head_counts_like_a_branch() {
    let repository = Repository::new();
    repository.write("README.md", "x\n").commit_all("Start");
    repository.git(&["checkout", "--quiet", "--detach"]);
    write(&repository, "SEC-0070");
    repository.commit_all("On no branch");
    repository.git(&["rm", "--quiet", "--cached", &path("SEC-0070")]);
    fs::remove_file(repository.path().join(path("SEC-0070"))).unwrap();
    assert_eq!(next(&repository), "SEC-0071", "HEAD alone holds it");
}

#[test]
fn what_is_stashed_counts() {
    let repository = Repository::new();
    repository.write("README.md", "x\n").commit_all("Start");
    write(&repository, "SEC-0080");
    repository.git(&["add", "--all"]);
    repository.git(&["stash", "push", "--quiet"]);
    assert!(!repository.exists(path("SEC-0080")));
    assert_eq!(next(&repository), "SEC-0081");
}

#[test]
fn after_9999_come_five_digits() {
    let repository = Repository::new();
    write(&repository, "SEC-9999");
    assert_eq!(next(&repository), "SEC-10000");
    write(&repository, "SEC-12345");
    assert_eq!(next(&repository), "SEC-12346", "by number, not by letters");
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn when_the_last_id_is_taken_none_is_made_up() {
    let repository = Repository::new();
    write(&repository, "SEC-999999999");
    let arguments = [
        "--service",
        "web",
        "--env",
        "dev",
        "--type",
        "generic",
        "--name",
        "one-more",
        "--owner",
        "sre-team",
    ];
    let outcome = repository
        .goldenpath(&[&["new", "secret", "--risk", "low"], &arguments[..]].concat())
        .run();
    assert_ne!(outcome.code, 0);
    assert!(outcome.stderr.contains("nine digits"), "{}", outcome.stderr);
    assert!(!repository.exists("catalogs/secrets/web"));
}

#[test]
fn another_catalog_folder_has_ids_of_its_own() {
    let repository = Repository::new();
    write(&repository, "SEC-0007");
    repository.write("goldenpath.yaml", "catalog: infra/secrets\n");
    assert_eq!(next(&repository), "SEC-0001");
    repository.write(
        "infra/secrets/payments/dev/SEC-0002.yaml",
        &request("SEC-0002", "in-the-other-folder"),
    );
    assert_eq!(next(&repository), "SEC-0003");
}

#[test]
fn a_linked_work_tree_sees_the_ids_of_the_others_branches() {
    let repository = Repository::new();
    repository.write("README.md", "x\n").commit_all("Start");
    repository.git(&["worktree", "add", "--quiet", "-b", "linked", "../linked"]);
    write(&repository, "SEC-0033");
    repository.commit_all("In the main work tree");
    let arguments = [
        "-C",
        "../linked",
        "new",
        "secret",
        "--dry-run",
        "--service",
        "web",
        "--env",
        "dev",
        "--risk",
        "low",
    ];
    let more = ["--type", "generic", "--name", "next-one", "--owner", "sre-team"];
    let shown = repository.goldenpath(&[&arguments[..], &more].concat()).run().success().stdout;
    assert!(shown.starts_with("# catalogs/secrets/web/dev/SEC-0034.yaml\n"), "{shown}");
}
