//! pre-push: it checks the commits that the remote does not have, not the work tree.

use super::{commit, git, manifest, path, with_status, wrong};
use goldenpath_testkit::{Outcome, Repository};

/// Returns a server with SEC-0001 on main, and a clone with the pre-push hook.
fn clone() -> (Repository, Repository) {
    let origin = Repository::bare();
    let clone = Repository::clone_of(&origin);
    clone.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    clone.git(&["push", "--quiet", "origin", "main"]);
    clone.goldenpath(&["hook", "install", "pre-push"]).run().success();
    (origin, clone)
}

#[track_caller]
fn push(clone: &Repository, arguments: &[&str]) -> Outcome {
    git(clone, &[&["push", "--quiet"], arguments].concat()).run()
}

#[test]
fn pushed_commits_are_checked_and_not_the_work_tree() {
    let (_origin, clone) = clone();
    clone.write(path("SEC-0002"), &wrong("SEC-0002")).commit_all("wrong");
    clone.write(path("SEC-0002"), &manifest("SEC-0002"));
    push(&clone, &["origin", "main"]).refused_by("GP105").says_last(1, "1 error");
    clone.commit_all("fixed");
    clone.write(path("SEC-0002"), &wrong("SEC-0002")).git(&["add", "--all"]);
    push(&clone, &["origin", "main"]).passes(1);
}

#[test]
fn a_new_branch_brings_what_the_target_branch_does_not_have() {
    let (_origin, clone) = clone();
    clone.git(&["switch", "--quiet", "--create", "work"]);
    clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
    push(&clone, &["origin", "work"]).passes(1);
    // A later push of the branch checks all of its changes again, as a merge would bring them.
    clone.write(path("SEC-0003"), &manifest("SEC-0003")).commit_all("three");
    push(&clone, &["origin", "work"]).passes(2);
    clone.git(&["rm", "--quiet", &path("SEC-0001")]);
    commit(&clone, &["--no-verify"]).success();
    push(&clone, &["origin", "work"]).refused_by("GP404");
}

#[test]
fn a_branch_behind_the_target_branch_has_not_lost_what_came_later() {
    let (_origin, clone) = clone();
    clone.git(&["branch", "work"]);
    clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
    push(&clone, &["origin", "main"]).passes(1);
    clone.git(&["switch", "--quiet", "work"]);
    clone.write(path("SEC-0003"), &manifest("SEC-0003")).commit_all("three");
    push(&clone, &["origin", "work"]).passes(1);
}

#[test]
fn deleting_a_branch_brings_nothing() {
    let (_origin, clone) = clone();
    push(&clone, &["origin", "main:old"]).passes(0);
    push(&clone, &["--delete", "origin", "old"]).passes(0);
}

#[test]
fn several_refs_are_judged_each_and_summed_up() {
    let (origin, clone) = clone();
    for (branch, id) in [("left", "SEC-0002"), ("right", "SEC-0003")] {
        clone.git(&["switch", "--quiet", "--create", branch, "main"]);
        clone.write(path(id), &manifest(id)).commit_all(branch);
    }
    push(&clone, &["origin", "left", "right", "right:copy"]).passes(2);
    clone.write(path("SEC-0003"), &wrong("SEC-0003")).commit_all("wrong");
    let refused = push(&clone, &["origin", "left:again", "right"])
        .refused_by("GP105")
        .says_last(2, "1 error");
    assert!(
        refused.stderr.contains("refs/heads/again:")
            && refused.stderr.contains("refs/heads/right:")
    );
    assert!(!origin.git(&["branch"]).contains("again"), "all or nothing");
}

#[test]
fn a_tag_is_judged_like_a_branch_and_one_on_a_blob_brings_nothing() {
    let (_origin, clone) = clone();
    clone.git(&["tag", "blob", &format!("HEAD:{}", path("SEC-0001"))]);
    clone.git(&["tag", "-a", "-m", "tree", "tree", "HEAD^{tree}"]);
    push(&clone, &["origin", "blob", "tree"]).passes(0);
    clone.write(path("SEC-0002"), &wrong("SEC-0002")).commit_all("wrong");
    clone.git(&["tag", "-a", "-m", "bad", "bad"]);
    clone.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    push(&clone, &["origin", "bad"]).refused_by("GP105");
}

#[test]
fn a_forced_push_that_rewinds_the_target_branch_loses_its_manifests() {
    let (_origin, clone) = clone();
    clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
    push(&clone, &["origin", "main"]).passes(1);
    push(&clone, &["--force", "origin", "HEAD~1:main"]).refused_by("GP404").says_last(0, "1 error");
    // Other branches may be rewritten.
    push(&clone, &["origin", "main:work"]).passes(0);
    push(&clone, &["--force", "origin", "HEAD~1:work"]).passes(0);
}

#[test]
fn a_remote_that_is_ahead_of_what_was_fetched_is_judged_by_what_is_known() {
    let (origin, clone) = clone();
    let other = Repository::clone_of(&origin);
    other.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
    other.git(&["push", "--quiet", "origin", "main"]);
    clone.write(path("SEC-0003"), &manifest("SEC-0003")).commit_all("three");
    // Git rejects a branch that is behind; the hook accepts it.
    let refused = push(&clone, &["origin", "main"]).fails_with(1).says_last(1, "no findings");
    assert!(refused.stderr.contains("fetch first"), "{}", refused.stderr);
    let outcome = push(&clone, &["--force", "origin", "main:other"]);
    outcome.passes(1);
    clone.write(path("SEC-0003"), &wrong("SEC-0003")).commit_all("wrong");
    push(&clone, &["--force", "origin", "main"]).refused_by("GP105");
}

#[test]
fn the_remote_that_is_pushed_to_says_what_is_new() {
    let (_fork, clone) = clone();
    let upstream = Repository::bare();
    clone.git(&["remote", "add", "upstream", upstream.path().to_str().unwrap()]);
    clone.git(&["push", "--quiet", "--no-verify", "upstream", "main"]);
    clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
    clone.git(&["push", "--quiet", "--no-verify", "origin", "main"]);
    clone.git(&["switch", "--quiet", "--create", "work"]);
    clone.write(path("SEC-0003"), &manifest("SEC-0003")).commit_all("three");
    push(&clone, &["origin", "work"]).passes(1);
    push(&clone, &["upstream", "work"]).passes(2);
    // A URL has no remote-tracking branches, and neither has a remote that was never fetched, so
    // those of origin count.
    let third = Repository::bare();
    let url = third.path().display().to_string();
    push(&clone, &[&url, "work"]).passes(1);
    clone.git(&["remote", "add", "third", &url]);
    push(&clone, &["third", "work:other"]).passes(1);
    // A custom hook may call goldenpath without the stdin that git passes.
    let to = clone.git(&["rev-parse", "work"]);
    let refs = format!("refs/heads/work {to} refs/heads/work {}\n", "0".repeat(40));
    clone.goldenpath(&["hook", "run", "pre-push"]).stdin(&refs).run().passes(1);
}

#[test]
fn the_target_branch_moves_step_by_step_too() {
    let (_origin, clone) = clone();
    clone
        .write(path("SEC-0001"), &with_status("SEC-0001", "decommission_requested"))
        .commit_all("jump");
    push(&clone, &["origin", "main"]).refused_by("GP403");
    clone.write(path("SEC-0001"), &with_status("SEC-0001", "deprecated")).commit_all("step");
    push(&clone, &["origin", "main"]).passes(1);
}

#[test]
fn a_branch_without_common_history_takes_nothing_away() {
    let (_origin, clone) = clone();
    clone.git(&["switch", "--quiet", "--orphan", "gh-pages"]);
    clone.write("index.html", "<p>").commit_all("pages");
    push(&clone, &["origin", "gh-pages"]).passes(0);
    clone.write(path("SEC-0009"), &wrong("SEC-0009")).commit_all("wrong");
    push(&clone, &["origin", "gh-pages"]).refused_by("GP105");
}

#[test]
fn in_a_shallow_clone_the_missing_history_is_asked_for() {
    let (origin, full) = clone();
    full.git(&["switch", "--quiet", "--create", "work"]);
    full.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
    full.git(&["push", "--quiet", "--no-verify", "origin", "work"]);
    full.git(&["switch", "--quiet", "main"]);
    full.write("README.md", "words").commit_all("words");
    full.git(&["push", "--quiet", "--no-verify", "origin", "main"]);
    let shallow = Repository::new();
    let url = format!("file://{}", origin.path().display());
    shallow.git(&["remote", "add", "origin", &url]);
    shallow.git(&["fetch", "--quiet", "--depth=1", "origin", "main", "work"]);
    shallow.git(&[
        "fetch",
        "--quiet",
        "--depth=1",
        "origin",
        "+refs/heads/*:refs/remotes/origin/*",
    ]);
    let range = ["validate", "--from-ref", "origin/main", "--to-ref", "origin/work"];
    let outcome = shallow.goldenpath(&range).run().fails_with(2);
    assert!(outcome.stderr.contains("git fetch --unshallow"), "{}", outcome.stderr);
    shallow.git(&["fetch", "--quiet", "--unshallow", "origin"]);
    let outcome = shallow.goldenpath(&range).run().success();
    assert_eq!(outcome.stdout, "checked 1 manifest: no findings\n");
}
