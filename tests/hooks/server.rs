//! pre-receive and update: the server rejects what no client hook has stopped.

use super::{git, manifest, path, wrong};
use goldenpath_testkit::{Outcome, Repository};

/// Returns a bare repository with the hook, to which a clone without hooks has pushed SEC-0001.
fn server(hook: &str) -> (Repository, Repository) {
    let server = Repository::bare();
    server.goldenpath(&["hook", "install", hook]).run().success();
    let clone = Repository::clone_of(&server);
    clone.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    push(&clone, &["main"]).passes(1);
    (server, clone)
}

#[track_caller]
fn push(clone: &Repository, arguments: &[&str]) -> Outcome {
    git(clone, &[&["push", "--quiet", "origin"], arguments].concat()).run()
}

const BOTH: [&str; 2] = ["pre-receive", "update"];

#[test]
fn the_first_push_into_an_empty_repository_is_judged_whole() {
    for hook in BOTH {
        let server = Repository::bare();
        server.goldenpath(&["hook", "install", hook]).run().success();
        let clone = Repository::clone_of(&server);
        clone
            .write(path("SEC-0001"), &wrong("SEC-0001"))
            .write(path("SEC-0002"), &manifest("SEC-0002"));
        clone.commit_all("wrong");
        push(&clone, &["main"]).refused_by("GP105").says_last(2, "1 error");
        assert_eq!(server.git(&["for-each-ref"]), "", "{hook}");
        clone.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("fixed");
        push(&clone, &["main"]).passes(2);
    }
}

#[test]
fn a_push_is_judged_while_its_objects_are_in_quarantine() {
    let (server, clone) = server("pre-receive");
    // Loose objects, and a pack.
    for (id, limit) in [("SEC-0002", "1000"), ("SEC-0003", "1")] {
        server.git(&["config", "receive.unpackLimit", limit]);
        clone.write(path(id), &wrong(id)).commit_all("wrong");
        push(&clone, &["main"]).refused_by("GP105");
        clone.write(path(id), &manifest(id)).commit_all("fixed");
        push(&clone, &["main"]).passes(1);
    }
    let left = server.program("find", &["objects", "-name", "*incoming*"]).run().success();
    assert_eq!(left.stdout, "", "what was refused is gone");
}

#[test]
fn a_server_whose_objects_lie_in_another_repository_sees_those_too() {
    let (pool, clone) = server("pre-receive");
    let fork = Repository::bare();
    fork.write("objects/info/alternates", &format!("{}/objects\n", pool.path().display()));
    fork.git(&["update-ref", "refs/heads/main", &clone.git(&["rev-parse", "main"])]);
    fork.goldenpath(&["hook", "install"]).run().success();
    let url = fork.path();
    clone.write(path("SEC-0002"), &wrong("SEC-0002")).commit_all("wrong");
    let to = ["push", "--quiet", url.to_str().unwrap(), "main"];
    git(&clone, &to).run().refused_by("GP105").says_last(1, "1 error");
    clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("fixed");
    git(&clone, &to).run().passes(1);
}

#[test]
fn a_branch_is_judged_against_the_servers_default_branch() {
    for hook in BOTH {
        let (_server, clone) = server(hook);
        clone.git(&["switch", "--quiet", "--create", "work"]);
        clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
        push(&clone, &["work"]).passes(1);
        clone.git(&["rm", "--quiet", &path("SEC-0001")]);
        clone.git(&["commit", "--quiet", "-m", "gone"]);
        push(&clone, &["work"]).refused_by("GP404").says_last(1, "1 error");
    }
}

#[test]
fn a_default_branch_of_another_name_is_found() {
    let (server, clone) = server("pre-receive");
    server.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    // HEAD names a branch that does not exist; the only branch is main.
    clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
    push(&clone, &["main"]).passes(1);
    push(&clone, &["--force", "HEAD~1:main"]).refused_by("GP404");
    push(&clone, &["main:trunk"]).passes(0);
    push(&clone, &["--force", "HEAD~1:trunk"]).refused_by("GP404");
    push(&clone, &["--force", "HEAD~1:main"]).passes(0);
}

#[test]
fn rewinding_the_default_branch_and_so_losing_a_manifest_is_refused() {
    for hook in BOTH {
        let (server, clone) = server(hook);
        clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
        push(&clone, &["main"]).passes(1);
        let tip = server.git(&["rev-parse", "main"]);
        push(&clone, &["--force", "HEAD~1:main"]).refused_by("GP404").says_last(0, "1 error");
        assert_eq!(server.git(&["rev-parse", "main"]), tip);
        // History may be rewritten if nothing is lost.
        clone.git(&["commit", "--quiet", "--amend", "-m", "another word"]);
        push(&clone, &["--force", "main"]).passes(0);
    }
}

#[test]
fn the_rules_of_the_base_judge_a_push_that_weakens_them() {
    let (_server, clone) = server("pre-receive");
    let enums = include_str!("../../crates/core/schemas/metadata/enums.yaml");
    clone.write("schemas/metadata/enums.yaml", enums).commit_all("enums");
    push(&clone, &["main"]).passes(0);
    clone.write("goldenpath.yaml", "rules: {GP105: off}\n");
    clone.write("schemas/metadata/enums.yaml", &enums.replace("  - low\n", "  - low\n  - lwo\n"));
    let row =
        "tiers:\n  lwo: { rotation: free, approvals: 1, recoveryWindowDays: 7, maxTtlDays: 90 }\n";
    let governance = include_str!("../../crates/core/schemas/metadata/governance.yaml");
    clone.write("schemas/metadata/governance.yaml", &governance.replace("tiers:\n", row));
    clone.write(path("SEC-0002"), &wrong("SEC-0002")).commit_all("weaker");
    for target in ["main", "main:work"] {
        let refused = push(&clone, &[target]).refused_by("GP105").stderr;
        for file in ["goldenpath.yaml", "schemas/metadata/enums.yaml"] {
            assert!(refused.contains(&format!("the rule file `{file}`")), "{refused}");
        }
    }
}

#[test]
fn deleted_refs_and_tags_on_other_things_than_commits_bring_nothing() {
    for hook in BOTH {
        let (server, clone) = server(hook);
        clone.git(&["tag", "blob", &format!("HEAD:{}", path("SEC-0001"))]);
        push(&clone, &["blob", "main:old"]).passes(0);
        push(&clone, &["--delete", "old", "blob"]).passes(0);
        assert_eq!(
            server.git(&["for-each-ref", "--format=%(refname)"]),
            "refs/heads/main",
            "{hook}"
        );
    }
}

#[test]
fn a_blob_that_was_pushed_for_the_first_time_may_be_tagged() {
    let (_server, clone) = server("pre-receive");
    clone.write("note.txt", "only a tag holds this");
    let blob = clone.git(&["hash-object", "-w", "note.txt"]);
    clone.git(&["tag", "note", &blob]);
    push(&clone, &["note"]).passes(0);
}

#[test]
fn update_judges_ref_by_ref_and_lets_the_good_one_in() {
    let (server, clone) = server("update");
    clone.git(&["switch", "--quiet", "--create", "good"]);
    clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
    clone.git(&["switch", "--quiet", "--create", "bad", "main"]);
    clone.write(path("SEC-0003"), &wrong("SEC-0003")).commit_all("three");
    push(&clone, &["good", "bad"]).refused_by("GP105");
    assert_eq!(server.git(&["branch", "--format=%(refname:short)"]), "good\nmain");
}

#[test]
fn a_server_with_a_work_tree_judges_by_its_own_branch() {
    let server = Repository::new();
    server.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    server.git(&["config", "receive.denyCurrentBranch", "updateInstead"]);
    server.goldenpath(&["hook", "install", "pre-receive"]).run().success();
    let clone = Repository::clone_of(&server);
    clone.write(path("SEC-0002"), &manifest("SEC-0002")).commit_all("two");
    push(&clone, &["main"]).passes(1);
    assert!(server.exists(path("SEC-0002")));
    push(&clone, &["--force", "HEAD~1:main"]).refused_by("GP404");
    clone.git(&["switch", "--quiet", "--create", "work", "HEAD~1"]);
    clone.write(path("SEC-0003"), &manifest("SEC-0003")).commit_all("three");
    push(&clone, &["work"]).passes(1);
}

#[test]
fn a_push_by_a_path_with_spaces_is_judged() {
    let place = Repository::bare();
    place.git(&["init", "--quiet", "--bare", "it's a place.git"]);
    place.goldenpath(&["-C", "it's a place.git", "hook", "install"]).run().success();
    let clone = Repository::new();
    clone.write(path("SEC-0001"), &wrong("SEC-0001")).commit_all("wrong");
    let url = place.path().join("it's a place.git");
    git(&clone, &["push", "--quiet", url.to_str().unwrap(), "main"]).run().refused_by("GP105");
}
