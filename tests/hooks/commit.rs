//! pre-commit and pre-merge-commit: they check the index, for each way to commit.

use super::{commit, commit_all, git, hooked, manifest, path, with_status, wrong};
use goldenpath_testkit::{Outcome, Repository};

#[test]
fn a_commit_that_breaks_a_rule_is_rejected_and_one_that_fixes_it_passes() {
    let repository = hooked();
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    commit_all(&repository).refused_by("GP105").says_last(1, "1 error");
    repository.write(path("SEC-0001"), &manifest("SEC-0001").replace("ttlDays: 30", "ttlDays: 60"));
    commit_all(&repository).passes(1);
    // The output says if nothing was checked.
    repository.write("README.md", "words");
    commit_all(&repository).passes(0);
}

#[test]
fn the_first_commit_of_a_repository_is_judged_whole() {
    let repository = Repository::new();
    repository.goldenpath(&["hook", "install"]).run().success();
    repository
        .write(path("SEC-0001"), &wrong("SEC-0001"))
        .write(path("SEC-0002"), &manifest("SEC-0002"));
    commit_all(&repository).refused_by("GP105").says_last(2, "1 error");
    repository.write(path("SEC-0001"), &manifest("SEC-0001"));
    commit_all(&repository).passes(2);
}

#[test]
fn of_a_file_staged_in_part_the_staged_part_is_judged() {
    let repository = hooked();
    let (good, bad) =
        (manifest("SEC-0001").replace("ttlDays: 30", "ttlDays: 60"), wrong("SEC-0001"));
    let patch = |text: &str| {
        repository.write(path("SEC-0001"), text);
        let patch = repository.program("git", &["diff"]).run().success().stdout;
        repository.git(&["checkout", "--quiet", "--", "."]);
        patch
    };
    let (good_patch, bad_patch) = (patch(&good), patch(&bad));
    let apply = |patch: &str| {
        repository.program("git", &["apply", "--cached"]).stdin(patch).run().success()
    };
    // The mistake is only in the work tree.
    apply(&good_patch);
    repository.write(path("SEC-0001"), &bad);
    commit(&repository, &[]).passes(1);
    // The mistake is only in the index.
    repository.git(&["checkout", "--quiet", "--", "."]);
    apply(&bad_patch);
    commit(&repository, &[]).refused_by("GP105");
    assert_eq!(repository.read(path("SEC-0001")), good);
}

#[test]
fn commit_all_and_commit_path_are_judged_by_gits_temporary_index() {
    let repository = hooked();
    repository.write(path("SEC-0002"), &manifest("SEC-0002"));
    commit_all(&repository).passes(1);
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    commit(&repository, &["--all"]).refused_by("GP105");
    commit(&repository, &[&path("SEC-0001")]).refused_by("GP105");
    // The mistake is in the index, and not part of this commit.
    repository.git(&["add", "--all"]);
    repository.write(path("SEC-0002"), &manifest("SEC-0002").replace("ttlDays: 30", "ttlDays: 60"));
    commit(&repository, &[&path("SEC-0002")]).passes(1);
    // The reverse: the index is right, and the commit includes a wrong file from the work tree.
    repository.write(path("SEC-0001"), &manifest("SEC-0001")).git(&["add", "--all"]);
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    commit(&repository, &["--include", &path("SEC-0001")]).refused_by("GP105");
}

#[test]
fn a_commit_made_in_a_folder_below_is_judged_whole() {
    let repository = hooked();
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    git(&repository, &["-C", "catalogs/secrets", "commit", "--quiet", "--all", "-m", "x"])
        .run()
        .refused_by("GP105");
}

#[test]
fn what_is_only_intended_to_be_added_is_not_judged() {
    let repository = hooked();
    repository.write(path("SEC-0002"), &wrong("SEC-0002")).write("README.md", "words");
    repository.git(&["add", "--intent-to-add", &path("SEC-0002")]);
    repository.git(&["add", "README.md"]);
    commit(&repository, &[]).passes(0);
    // It does not replace a manifest that the commit deletes, either.
    repository.git(&["rm", "--quiet", "--cached", &path("SEC-0001")]);
    repository.git(&["add", "--intent-to-add", &path("SEC-0001")]);
    commit(&repository, &[]).refused_by("GP404").says_last(0, "1 error");
    repository.git(&["add", &path("SEC-0001")]);
    // A configuration added with `--intent-to-add` does not apply either.
    repository.write("goldenpath.yaml", "nonsense: true\n").write("README.md", "more words");
    repository.git(&["add", "--intent-to-add", "goldenpath.yaml"]);
    repository.git(&["add", "README.md"]);
    commit(&repository, &[]).passes(0);
    // `commit --all` includes it.
    repository.git(&["rm", "--quiet", "--cached", "goldenpath.yaml"]);
    commit(&repository, &["--all"]).refused_by("GP105");
}

#[test]
fn a_linked_work_tree_runs_the_hooks_on_its_own_index() {
    let repository = hooked();
    repository.git(&["worktree", "add", "--quiet", "../linked", "-b", "linked"]);
    repository.write(path("SEC-0001"), &wrong("SEC-0001")).git(&["add", "--all"]);
    repository.write(format!("../linked/{}", path("SEC-0002")), &wrong("SEC-0002"));
    let linked =
        |arguments: &[&str]| git(&repository, &[&["-C", "../linked"], arguments].concat()).run();
    linked(&["add", "--all"]).success();
    linked(&["commit", "--quiet", "-m", "x"]).refused_by("GP105").says_last(1, "1 error");
    linked(&["commit", "--quiet", "-m", "x", "--", &path("SEC-0002")]).refused_by("GP105");
    // A mistake in the main work tree does not affect this one.
    repository.write(format!("../linked/{}", path("SEC-0002")), &manifest("SEC-0002"));
    linked(&["commit", "--quiet", "--all", "-m", "x"]).passes(1);
}

#[test]
fn a_submodule_is_judged_by_its_own_index_and_its_parent_by_its_own() {
    let origin = Repository::new();
    origin.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    let parent = hooked();
    let url = origin.path();
    parent.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        url.to_str().unwrap(),
        "catalog",
    ]);
    commit_all(&parent).passes(0);
    parent.goldenpath(&["-C", "catalog", "hook", "install"]).run().success();
    assert!(parent.exists(".git/modules/catalog/hooks/pre-commit"));
    parent.write(format!("catalog/{}", path("SEC-0001")), &wrong("SEC-0001"));
    let inside = |arguments: &[&str]| git(&parent, &[&["-C", "catalog"], arguments].concat()).run();
    inside(&["commit", "--quiet", "--all", "-m", "x"]).refused_by("GP105");
    inside(&["commit", "--quiet", "-m", "x", "--", &path("SEC-0001")]).refused_by("GP105");
    parent
        .write(format!("catalog/{}", path("SEC-0001")), &manifest("SEC-0001").replace("30", "60"));
    inside(&["commit", "--quiet", "--all", "-m", "x"]).passes(1);
    commit(&parent, &["--all"]).passes(0);
}

#[test]
fn a_repository_from_the_environment_is_checked_with_and_without_a_work_tree() {
    // A common setup for a home directory in git: the repository is outside of its work tree.
    let repository = Repository::new();
    repository.git(&["init", "--quiet", "--bare", "../store.git"]);
    repository.git(&["--git-dir=../store.git", "config", "core.bare", "false"]);
    repository.program("rm", &["-r", ".git"]).run().success();
    let with_git_dir =
        |command: goldenpath_testkit::Command| command.env("GIT_DIR", "../store.git");
    with_git_dir(repository.goldenpath(&["hook", "install"])).run().success();
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    with_git_dir(git(&repository, &["add", "catalogs"])).run().success();
    with_git_dir(git(&repository, &["commit", "--quiet", "-m", "x"])).run().refused_by("GP105");
    let all = ["--git-dir=../store.git", "--work-tree=.", "commit", "--quiet", "-m", "x"];
    git(&repository, &all).run().refused_by("GP105");
    // The work tree is the current folder, not the one around the repository.
    let outcome = with_git_dir(repository.goldenpath(&["validate"])).run().fails_with(1);
    assert!(outcome.stdout.ends_with("checked 1 manifest: 1 error\n"), "{}", outcome.stdout);
}

#[test]
fn a_commit_that_removes_a_manifest_in_use_is_refused() {
    let repository = hooked();
    repository.git(&["rm", "--quiet", &path("SEC-0001")]);
    commit(&repository, &[]).refused_by("GP404").says_last(0, "1 error");
}

#[test]
fn amending_is_judged_as_a_commit_is() {
    let origin = Repository::bare();
    let repository = Repository::clone_of(&origin);
    repository.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    repository.git(&["push", "--quiet", "origin", "main"]);
    repository.goldenpath(&["hook", "install"]).run().success();
    repository.write(path("SEC-0002"), &manifest("SEC-0002"));
    commit_all(&repository).passes(1);
    repository.write(path("SEC-0002"), &wrong("SEC-0002")).git(&["add", "--all"]);
    commit(&repository, &["--amend"]).refused_by("GP105");
    // An ID that only this clone has can be changed.
    repository.write(
        path("SEC-0002"),
        &manifest("SEC-0002").replace("sec-0002-password", "other-password"),
    );
    repository.git(&["add", "--all"]);
    commit(&repository, &["--amend"]).passes(1);
}

#[test]
fn amending_takes_back_what_got_in_past_the_hook() {
    let origin = Repository::bare();
    let repository = Repository::clone_of(&origin);
    repository.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    repository.git(&["push", "--quiet", "origin", "main"]);
    repository.goldenpath(&["hook", "install"]).run().success();
    let renamed = manifest("SEC-0001").replace("sec-0001-password", "other-password");
    repository.write(path("SEC-0001"), &renamed).git(&["add", "--all"]);
    commit(&repository, &[]).refused_by("GP402");
    commit(&repository, &["--no-verify"]).success();
    repository
        .write(path("SEC-0001"), &manifest("SEC-0001"))
        .write("README.md", "words")
        .git(&["add", "--all"]);
    commit(&repository, &["--amend"]).passes(0);
    assert_eq!(repository.git(&["diff", "--name-only", "origin/main"]), "README.md");
}

#[test]
fn line_ends_that_git_turns_are_judged_as_they_are_stored() {
    let repository = hooked();
    repository.git(&["config", "core.autocrlf", "true"]);
    repository.write(path("SEC-0002"), &manifest("SEC-0002").replace('\n', "\r\n"));
    commit_all(&repository).passes(1);
    let stored = repository.git(&["ls-files", "--eol", &path("SEC-0002")]);
    assert!(stored.starts_with("i/lf"), "{stored}");
    repository.write(path("SEC-0002"), &wrong("SEC-0002").replace('\n', "\r\n"));
    let shown = commit_all(&repository).refused_by("GP105").stderr;
    assert!(shown.contains("SEC-0002.yaml:13:11"), "{shown}");
    // Without the conversion, the index has CRLF too.
    repository.git(&["config", "core.autocrlf", "false"]);
    repository.write(path("SEC-0002"), &wrong("SEC-0002").replace('\n', "\r\n"));
    let shown = commit_all(&repository).refused_by("GP105").stderr;
    assert!(shown.contains("SEC-0002.yaml:13:11"), "{shown}");
}

#[test]
fn a_merge_that_makes_two_of_one_refused_by_pre_merge_commit() {
    let repository = hooked();
    repository.git(&["switch", "--quiet", "--create", "left"]);
    repository.write(path("SEC-0002"), &manifest("SEC-0002"));
    commit_all(&repository).passes(1);
    repository.git(&["switch", "--quiet", "--create", "right", "main"]);
    repository
        .write(path("SEC-0003"), &manifest("SEC-0003").replace("Name: sec-0003", "Name: sec-0002"));
    commit_all(&repository).passes(1);
    let merge = git(&repository, &["merge", "--no-edit", "left"]).run().refused_by("GP304");
    assert!(merge.stderr.contains("Not committing merge"), "{}", merge.stderr);
    // After the fix, the merge commit passes.
    repository.write(path("SEC-0003"), &manifest("SEC-0003")).git(&["add", "--all"]);
    commit(&repository, &[]).passes(2);
    assert_eq!(repository.git(&["log", "-1", "--format=%P"]).split(' ').count(), 2);
}

/// Returns a clone with the hooks on a branch, while the upstream branch has moved on: one manifest
/// has changed its status twice, one was added and changed, and one was deleted.
fn behind() -> (Repository, Repository, Repository) {
    let origin = Repository::bare();
    let other = Repository::clone_of(&origin);
    other.write(path("SEC-0001"), &manifest("SEC-0001"));
    other
        .write(path("SEC-0004"), &with_status("SEC-0004", "decommissioned"))
        .write("a.txt", "a")
        .commit_all("one");
    other.git(&["push", "--quiet", "origin", "main"]);
    let clone = Repository::clone_of(&origin);
    clone.goldenpath(&["hook", "install"]).run().success();
    clone.git(&["switch", "--quiet", "--create", "work"]);
    clone.write(path("SEC-0002"), &manifest("SEC-0002")).write("a.txt", "b");
    commit_all(&clone).passes(1);
    for status in ["deprecated", "decommission_requested"] {
        other.write(path("SEC-0001"), &with_status("SEC-0001", status)).commit_all(status);
    }
    other.write(path("SEC-0003"), &manifest("SEC-0003")).commit_all("new");
    other.write(path("SEC-0003"), &with_status("SEC-0003", "deprecated")).commit_all("and on");
    other.git(&["rm", "--quiet", &path("SEC-0004")]);
    other.git(&["commit", "--quiet", "-m", "gone"]);
    other.git(&["push", "--quiet", "origin", "main"]);
    clone.git(&["fetch", "--quiet"]);
    (clone, other, origin)
}

#[test]
fn merging_the_target_branch_in_does_not_judge_again_what_it_holds() {
    let (clone, _other, _origin) = behind();
    // The branch's own manifest is checked with what the merge brings.
    git(&clone, &["merge", "--no-edit", "origin/main"]).run().passes(1);
}

#[test]
fn a_mistake_that_the_target_branch_has_does_not_stop_its_merge() {
    let (clone, other, _origin) = behind();
    other.write(path("SEC-0005"), &wrong("SEC-0005")).commit_all("before this rule");
    other.git(&["push", "--quiet", "origin", "main"]);
    clone.git(&["fetch", "--quiet"]);
    git(&clone, &["merge", "--no-edit", "origin/main"]).run().passes(1);
    // Staged on the branch, the same mistake is one of the branch.
    clone.write(path("SEC-0005"), &format!("{}# more\n", wrong("SEC-0005")));
    commit_all(&clone).refused_by("GP105");
}

#[test]
fn a_merge_of_the_target_branch_that_makes_two_of_one_is_refused() {
    let (clone, other, _origin) = behind();
    let same = manifest("SEC-0005").replace("Name: sec-0005", "Name: sec-0002");
    other.write(path("SEC-0005"), &same).commit_all("the name of SEC-0002");
    other.git(&["push", "--quiet", "origin", "main"]);
    clone.git(&["fetch", "--quiet"]);
    let merge = git(&clone, &["merge", "--no-edit", "origin/main"]).run().refused_by("GP304");
    assert!(merge.stderr.contains("SEC-0002.yaml:"), "{}", merge.stderr);
}

#[test]
fn merging_an_older_state_of_the_target_branch_in_does_not_judge_it_again_either() {
    let (clone, other, _origin) = behind();
    other.write(path("SEC-0003"), &with_status("SEC-0003", "active")).commit_all("and back");
    other.git(&["push", "--quiet", "origin", "main"]);
    clone.git(&["fetch", "--quiet"]);
    git(&clone, &["merge", "--no-edit", "origin/main~1"]).run().passes(1);
}

#[test]
fn a_merge_with_a_conflict_is_judged_when_it_is_concluded() {
    let (clone, other, _origin) = behind();
    other.write("a.txt", "c").commit_all("conflict");
    other.git(&["push", "--quiet", "origin", "main"]);
    clone.git(&["fetch", "--quiet"]);
    git(&clone, &["merge", "--no-edit", "origin/main"]).run().fails_with(1);
    clone.write("a.txt", "d").write(path("SEC-0002"), &wrong("SEC-0002"));
    commit_all(&clone).refused_by("GP105");
    clone.write(path("SEC-0002"), &manifest("SEC-0002"));
    commit_all(&clone).passes(1);
}

#[test]
fn what_a_merge_brings_and_changes_is_still_judged() {
    let (clone, _other, _origin) = behind();
    git(&clone, &["merge", "--no-commit", "origin/main"]).run().success();
    clone.git(&["rm", "--quiet", "--force", &path("SEC-0001")]);
    clone
        .write(path("SEC-0003"), &with_status("SEC-0003", "decommissioned"))
        .git(&["add", "--all"]);
    let shown = commit(&clone, &[]).refused_by("GP404").stderr;
    assert!(shown.contains("GP405") || shown.contains("GP403"), "{shown}");
}

#[test]
fn rebase_and_cherry_pick_run_no_hook_and_the_server_and_ci_say_no() {
    let origin = Repository::bare();
    let clone = Repository::clone_of(&origin);
    clone.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    clone.git(&["push", "--quiet", "origin", "main"]);
    origin.goldenpath(&["hook", "install"]).run().success();
    clone.goldenpath(&["hook", "install", "pre-commit", "pre-merge-commit"]).run().success();
    clone.git(&["switch", "--quiet", "--create", "spoilt"]);
    clone.write(path("SEC-0002"), &wrong("SEC-0002")).git(&["add", "--all"]);
    commit(&clone, &[]).refused_by("GP105");
    commit(&clone, &["--no-verify"]).success();

    for (branch, bring) in
        [("picked", &["cherry-pick", "spoilt"][..]), ("rebased", &["rebase", "main", "rebased"])]
    {
        match branch {
            "picked" => clone.git(&["switch", "--quiet", "--create", branch, "main"]),
            _ => clone.git(&["switch", "--quiet", "--create", branch, "spoilt"]),
        };
        if branch == "rebased" {
            clone.git(&["switch", "--quiet", "main"]);
            clone.write("README.md", "words");
            commit_all(&clone).passes(0);
            git(&clone, &["push", "--quiet", "origin", "main"]).run().passes(0);
        }
        let brought = git(&clone, bring).run().success();
        assert!(!brought.stderr.contains("checked"), "{}", brought.stderr);
        assert_eq!(clone.git(&["branch", "--show-current"]), branch);
        // In CI: the changes of the branch relative to its target.
        let ci: Outcome =
            clone.goldenpath(&["validate", "--from-ref", "origin/main"]).run().fails_with(1);
        assert!(
            ci.stdout.contains("GP105") && ci.stdout.ends_with("checked 1 manifest: 1 error\n"),
            "{}",
            ci.stdout
        );
        // On the server.
        let push = git(&clone, &["push", "origin", branch])
            .run()
            .refused_by("GP105")
            .says_last(1, "1 error");
        assert!(push.stderr.contains("pre-receive hook declined"), "{}", push.stderr);
    }
    assert_eq!(origin.git(&["branch", "--format=%(refname:short)"]), "main");
}

#[test]
fn gits_environment_does_not_reach_other_repositories() {
    // A hook of the team that runs `plan`: the GitOps repository next to it has its own index and
    // its own HEAD.
    let repository = hooked();
    repository.git(&["init", "--quiet", "../gitops"]);
    repository.git(&["-C", "../gitops", "commit", "--quiet", "--allow-empty", "-m", "first"]);
    repository.write("goldenpath.yaml", "store: {backend: local}\ngitops: {path: ../gitops}\n");
    commit_all(&repository).passes(1);
    repository.write(".git/hooks/post-commit", "#!/bin/sh\nexec goldenpath apply --yes\n");
    repository.program("chmod", &["+x", ".git/hooks/post-commit"]).run().success();
    repository.git(&["worktree", "add", "--quiet", "../linked", "-b", "linked"]);
    repository.write("../linked/README.md", "words");
    let linked = ["-C", "../linked"];
    git(&repository, &[&linked[..], &["add", "--all"]].concat()).run().success();
    git(&repository, &[&linked[..], &["commit", "--quiet", "-m", "x"]].concat()).run().success();
    let files = repository.git(&["-C", "../gitops", "ls-tree", "-r", "--name-only", "HEAD"]);
    assert!(files.contains("SEC-0001.yaml"), "{files}");
    assert_eq!(repository.git(&["-C", "../gitops", "status", "--porcelain"]), "");
    assert_eq!(
        repository.git(&["-C", "../linked", "status", "--porcelain", "--untracked-files=no"]),
        ""
    );
}
