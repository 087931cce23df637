//! The GitOps working copy: what `apply` commits there, and what it leaves unchanged.

mod kustomization;
mod remote;
mod stale;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use goldenpath_testkit::{Outcome, Platform, Repository, SEED_PATH};

const FOLDER: &str = "kustomize/overlays/dev/apps/payments/externalsecrets";
const PROJECTION: &str = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";

#[track_caller]
fn says(outcome: &Outcome, words: &str) {
    // Messages are wrapped, so compare them without line breaks.
    let said = outcome.stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{words:?} is not in:\n{}", outcome.stderr);
}

/// Returns a platform with the seed's manifest and its GitOps repository at `gitops`.
fn pointing_to(gitops: &Path) -> Platform {
    let platform = Platform::local();
    platform.configure("backend: local", &gitops.display().to_string()).seed();
    platform
}

fn seeded() -> Platform {
    let platform = Platform::local();
    platform.seed();
    platform
}

fn planned(platform: &Platform) -> Vec<String> {
    Platform::actions(&platform.plan(&["--format", "json"]).run().success())
}

#[test]
fn the_commit_holds_our_files_alone_and_other_work_stays_as_it_was() {
    let platform = seeded();
    let gitops = &platform.gitops;
    gitops
        .write("apps/staged.yaml", "v: 1\n")
        .write("apps/changed.yaml", "v: 1\n")
        .write("apps/both.yaml", "v: 1\n");
    gitops.commit_all("Somebody's apps");
    gitops
        .write("apps/staged.yaml", "v: 2\n")
        .write("apps/both.yaml", "v: 2\n")
        .write("apps/added.yaml", "v: 1\n");
    gitops.git(&["add", "--all"]);
    gitops.git(&["rm", "--quiet", "README.md"]);
    gitops
        .write("apps/changed.yaml", "v: 2\n")
        .write("apps/both.yaml", "v: 3\n")
        .write("apps/untracked.yaml", "v: 1\n");
    // In the format of git: the first column is staged, the second is not.
    let others = "D  README.md\nA  apps/added.yaml\nMM apps/both.yaml\n M apps/changed.yaml\n\
                  M  apps/staged.yaml\n\
                  ?? apps/untracked.yaml";
    let status =
        || gitops.program("git", &["status", "--porcelain", "-uall"]).run().success().stdout;
    assert_eq!(status().trim_end(), others);

    platform.apply().run().success();
    assert_eq!(
        gitops.git(&["show", "--format=", "--name-status", "HEAD"]),
        format!("A\t{PROJECTION}")
    );
    assert_eq!(status().trim_end(), others);
    assert_eq!(gitops.read("apps/both.yaml"), "v: 3\n");
    assert_eq!(gitops.git(&["show", ":apps/both.yaml"]), "v: 2");
}

#[test]
fn changes_staged_during_the_confirmation_stay_staged() {
    let platform = seeded();
    // A projection exists already, so planning has read the index.
    platform.apply().run().success();
    platform.write("SEC-0008", "another-key").catalog.commit_all("Another");
    let mut terminal = platform.catalog.goldenpath(&["apply"]).in_terminal(80, 24);
    terminal.wait_for("Apply these changes?");
    platform.gitops.write("apps/web.yaml", "v: 1\n");
    platform.gitops.git(&["add", "apps/web.yaml"]);
    terminal.send("yes\r").wait_for("Applied: 2 created");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "A  apps/web.yaml");
    assert_eq!(
        platform.gitops.git(&["show", "--format=", "--name-only", "HEAD"]),
        format!("{FOLDER}/SEC-0008.yaml")
    );
}

#[test]
fn a_branch_switched_during_the_confirmation_gets_no_commit() {
    let platform = seeded();
    let gitops = &platform.gitops;
    let mut terminal = platform.catalog.goldenpath(&["apply"]).in_terminal(80, 24);
    terminal.wait_for("Apply these changes?");
    gitops.git(&["checkout", "--quiet", "--detach"]);
    let before = gitops.git(&["rev-parse", "HEAD"]);
    terminal.send("yes\r");
    assert_eq!(terminal.wait(), 1);
    assert!(terminal.screen().contains("is on no branch"), "{}", terminal.screen());
    assert_eq!(gitops.git(&["rev-parse", "HEAD"]), before);
}

#[test]
fn a_file_created_during_the_confirmation_is_not_overwritten() {
    let platform = seeded();
    let mut terminal = platform.catalog.goldenpath(&["apply"]).in_terminal(80, 24);
    terminal.wait_for("Apply these changes?");
    platform.gitops.write(PROJECTION, "mine: true\n");
    terminal.send("yes\r");
    assert_eq!(terminal.wait(), 1);
    assert_eq!(platform.seed_projection(), "mine: true\n");
    assert_eq!(platform.gitops.git(&["rev-list", "--count", "HEAD"]), "1");
}

#[test]
fn the_commit_says_which_ids_from_which_commit_of_the_catalog() {
    let platform = Platform::local();
    for number in 1..=5 {
        platform.write(&format!("SEC-{number:04}"), &format!("number-{number}"));
    }
    platform.catalog.commit_all("Five");
    platform.apply().run().success();
    let message = platform.gitops.git(&["log", "-1", "--format=%B"]);
    let (subject, body) = message.split_once("\n\n").unwrap();
    assert_eq!(subject, "goldenpath: write 5 ExternalSecrets (SEC-0001 and 4 more)");
    assert!(body.contains("SEC-0001, SEC-0002, SEC-0003, SEC-0004, SEC-0005"), "{body}");
    let source = platform.catalog.git(&["rev-parse", "HEAD"]);
    assert!(body.contains("acme-platform") && body.contains(&source), "{body}");
    assert_eq!(
        platform.gitops.git(&["log", "-1", "--format=%an <%ae>"]),
        "Dev Eloper <dev@example.com>"
    );

    platform.write("SEC-0006", "number-6").catalog.commit_all("A sixth");
    platform.apply().run().success();
    let subject = platform.gitops.git(&["log", "-1", "--format=%s"]);
    assert_eq!(subject, "goldenpath: write 1 ExternalSecret (SEC-0006)");
}

#[test]
fn the_pipeline_s_names_from_the_environment_stand_on_the_commit_as_git_would_have_it() {
    let platform = seeded();
    fs::remove_file(platform.catalog.home().join(".gitconfig")).unwrap();
    let command = platform
        .apply()
        .env("GIT_AUTHOR_NAME", "Pipe Line")
        .env("GIT_AUTHOR_EMAIL", "pipe@example.com");
    command
        .env("GIT_COMMITTER_NAME", "Robo")
        .env("GIT_COMMITTER_EMAIL", "robo@example.com")
        .run()
        .success();
    let who = platform.gitops.git(&["log", "-1", "--format=%an <%ae> %cn <%ce>"]);
    assert_eq!(who, "Pipe Line <pipe@example.com> Robo <robo@example.com>");
}

#[test]
fn a_commit_needs_no_name_to_be_configured() {
    let platform = seeded();
    fs::remove_file(platform.catalog.home().join(".gitconfig")).unwrap();
    platform.apply().run().success();
    assert_eq!(platform.gitops.git(&["show", "--format=", "--name-only", "HEAD"]), PROJECTION);
}

#[test]
fn a_repository_without_a_commit_gets_its_first() {
    let platform = seeded();
    let empty = Repository::new();
    platform.configure("backend: local", &empty.path().display().to_string());
    empty.write("staged.txt", "mine\n");
    empty.git(&["add", "staged.txt"]);
    platform.apply().run().success();
    assert_eq!(empty.git(&["ls-tree", "-r", "--name-only", "main"]), PROJECTION);
    assert_eq!(empty.git(&["status", "--porcelain", "-uall"]), "A  staged.txt");
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn a_detached_head_is_refused_before_anything_is_written() {
    let platform = seeded();
    platform.gitops.git(&["checkout", "--quiet", "--detach"]);
    let before = platform.gitops_state();
    let outcome = platform.apply().run().fails_with(2);
    says(&outcome, "is on no branch");
    says(&outcome, "check out the branch to commit to there");
    assert_eq!(platform.gitops_state(), before);
    assert!(!platform.catalog.exists(".goldenpath"), "the store is left alone too");
}

#[test]
fn a_merge_in_progress_is_refused_before_anything_is_written() {
    let platform = seeded();
    let gitops = &platform.gitops;
    gitops.git(&["checkout", "--quiet", "-b", "other"]);
    gitops.write("README.md", "theirs\n").commit_all("Theirs");
    gitops.git(&["checkout", "--quiet", "main"]);
    gitops.write("README.md", "ours\n").commit_all("Ours");
    gitops.program("git", &["merge", "other"]).run().fails_with(1);
    let before = platform.gitops_state();
    let outcome = platform.apply().run().fails_with(2);
    says(&outcome, "finish or abort the merge");
    assert_eq!(platform.gitops_state(), before);
    assert!(!platform.catalog.exists(".goldenpath"));
}

#[test]
fn a_plain_folder_is_written_and_nothing_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let platform = pointing_to(folder.path());
    let named = ["apply", "--yes", "--gitops-path", folder.path().to_str().unwrap()];
    let outcome = platform.catalog.goldenpath(&named).run().success();
    says(&outcome, "not a git repository: files are written, not committed");
    assert!(folder.path().join(PROJECTION).is_file());
    assert!(!folder.path().join(".git").exists());
    assert!(
        platform.catalog.goldenpath(&named).run().success().stdout.starts_with("Nothing to do.")
    );
}

#[test]
fn a_plain_folder_in_another_repository_is_not_committed_there() {
    let around = Repository::new();
    around.write("clusters/README.md", "here\n").commit_all("Start");
    let platform = pointing_to(&around.path().join("clusters"));
    let named = around.path().join("clusters").display().to_string();
    platform.catalog.goldenpath(&["apply", "--yes", "--gitops-path", &named]).run().success();
    assert_eq!(around.git(&["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(
        around.git(&["status", "--porcelain", "-uall"]),
        format!("?? clusters/{PROJECTION}")
    );
}

#[test]
fn a_linked_work_tree_is_committed_on_its_own_branch() {
    let main = Repository::new();
    main.write("README.md", "x\n").commit_all("Start");
    let linked = main.path().with_file_name("linked");
    main.git(&["worktree", "add", "--quiet", "-b", "dev", linked.to_str().unwrap()]);
    pointing_to(&linked).apply().run().success();
    assert_eq!(main.git(&["diff", "--name-only", "main", "dev"]), PROJECTION);
}

#[test]
fn a_folder_that_is_missing_or_no_folder_is_wrong_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for (name, why) in [("missing", "does not exist"), ("file", "is not a folder")] {
        let platform = pointing_to(&folder.path().join(name));
        for command in [platform.plan(&[]), platform.apply()] {
            let outcome = command.run().fails_with(2);
            says(&outcome, why);
            says(
                &outcome,
                "clone the GitOps repository there, or set `gitops.path` in goldenpath.yaml",
            );
        }
        assert!(!platform.catalog.exists(".goldenpath"));
    }
    assert!(!folder.path().join("missing").exists());
}

#[test]
fn a_bare_repository_is_refused() {
    let bare = Repository::bare();
    let platform = pointing_to(&bare.path());
    says(&platform.apply().run().fails_with(2), "is a bare repository");
    assert!(!platform.catalog.exists(".goldenpath"));
    assert!(!bare.exists("kustomize"));
}

#[test]
fn a_file_that_is_not_ours_is_in_the_way_and_stays() {
    for foreign in [
        "apiVersion: v1\nkind: ConfigMap\n",
        "",
        "# Managed by goldenpath: SEC-00071 of acme-platform. x\n",
    ] {
        let platform = seeded();
        platform.gitops.write(PROJECTION, foreign).commit_all("Somebody's file");
        let before = platform.gitops_state();
        let outcome = platform.apply().run().fails_with(1);
        assert!(outcome.stdout.contains("move it away"), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("1 blocked"), "{}", outcome.stdout);
        assert_eq!(platform.gitops_state(), before);
        assert_eq!(platform.seed_projection(), foreign);
    }
}

#[test]
fn the_projection_of_another_catalog_is_not_ours_whatever_its_id() {
    let platform = seeded();
    platform.apply().run().success();
    let theirs = Platform::local();
    theirs.configure("backend: local", &platform.gitops.path().display().to_string());
    let config = theirs.catalog.read("goldenpath.yaml").replace("acme-platform", "zenith");
    theirs.catalog.write("goldenpath.yaml", &config);
    theirs
        .write("SEC-0007", "another-key")
        .catalog
        .commit_all("Their SEC-0007 of the same service");
    let before = (platform.gitops_state(), platform.seed_projection());
    let outcome = theirs.apply().run().fails_with(1);
    assert!(outcome.stdout.contains("move it away"), "{}", outcome.stdout);
    assert_eq!((platform.gitops_state(), platform.seed_projection()), before);
}

#[test]
fn an_edited_projection_is_restored() {
    let platform = seeded();
    platform.apply().run().success();
    let good = platform.seed_projection();
    platform
        .gitops
        .write(PROJECTION, &good.replace("refreshInterval: \"1h\"", "refreshInterval: \"9h\""));
    platform.gitops.commit_all("By hand");
    assert_eq!(planned(&platform), [format!("SEC-0007 write-projection {PROJECTION}")]);
    let outcome = platform.apply().run().success();
    assert!(outcome.stdout.ends_with("Applied: 0 created, 1 changed.\n"), "{}", outcome.stdout);
    assert_eq!(platform.seed_projection(), good);
    assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "");
}

#[test]
fn a_deleted_projection_is_restored_committed_or_not() {
    let platform = seeded();
    platform.apply().run().success();
    let before = platform.gitops.git(&["rev-parse", "HEAD^{tree}"]);
    fs::remove_file(platform.gitops.path().join(PROJECTION)).unwrap();
    platform.apply().run().success();
    assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "");
    platform.gitops.git(&["rm", "--quiet", PROJECTION]);
    platform.gitops.git(&["commit", "--quiet", "-m", "Gone"]);
    platform.apply().run().success();
    assert_eq!(platform.gitops.git(&["rev-parse", "HEAD^{tree}"]), before);
    assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "");
}

#[test]
fn a_link_on_the_way_or_in_the_file_s_place_is_never_written_through() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("SEC-0007.yaml"), "outside\n").unwrap();
    for (link, target) in [
        ("kustomize", outside.path().to_path_buf()),
        (FOLDER, outside.path().to_path_buf()),
        (PROJECTION, outside.path().join("SEC-0007.yaml")),
    ] {
        let platform = seeded();
        let link = platform.gitops.path().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(target, &link).unwrap();
        platform.gitops.commit_all("A link");
        let before = platform.gitops_state();
        let outcome = platform.apply().run().fails_with(1);
        says(&outcome, "is a symbolic link; goldenpath does not write through it");
        assert_eq!(platform.gitops_state(), before);
        assert_eq!(fs::read_to_string(outside.path().join("SEC-0007.yaml")).unwrap(), "outside\n");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_file_template_that_leaves_the_working_copy_or_enters_git_s_folder_is_refused() {
    for file in [
        "../{{ id }}.yaml",
        "/tmp/{{ id }}.yaml",
        ".git/hooks/{{ id }}",
        "a/.GIT/{{ id }}",
        "{{ service }}/..",
    ] {
        let platform = seeded();
        let config = platform.catalog.read("goldenpath.yaml");
        platform
            .catalog
            .write("goldenpath.yaml", &format!("{config}  file: \"{file}\"\n"))
            .commit_all("A bad path");
        let before = platform.gitops_state();
        let outcome = platform.apply().run().fails_with(2);
        says(&outcome, "gitops.file");
        assert_eq!(platform.gitops_state(), before);
        assert!(!platform.catalog.exists(".goldenpath"), "{file}");
    }
}

#[test]
fn two_manifests_with_one_projection_file_are_refused() {
    let platform = Platform::local();
    platform.write("SEC-0001", "one-key").write("SEC-0002", "two-key").catalog.commit_all("Two");
    let config = platform.catalog.read("goldenpath.yaml");
    let config = format!("{config}  file: \"{{{{ service }}}}.yaml\"\n");
    platform.catalog.write("goldenpath.yaml", &config).commit_all("One file a service");
    let outcome = platform.apply().run().fails_with(2);
    says(&outcome, "SEC-0001 and SEC-0002 have the same projection file `payments.yaml`");
    says(&outcome, "add `{{ id }}` to `gitops.file` in goldenpath.yaml");
    assert!(!platform.catalog.exists(".goldenpath"));
}

#[test]
fn what_a_crash_left_written_and_not_committed_is_committed_by_the_next_apply() {
    for staged in [false, true] {
        let platform = seeded();
        platform.apply().run().success();
        let text = platform.seed_projection();
        platform.gitops.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        platform.gitops.write(PROJECTION, &text);
        if staged {
            platform.gitops.git(&["add", PROJECTION]);
        }
        assert_eq!(planned(&platform), [format!("SEC-0007 write-projection {PROJECTION}")]);
        platform.apply().run().success();
        assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "");
        assert_eq!(platform.gitops.git(&["show", "--format=", "--name-only", "HEAD"]), PROJECTION);
        assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
    }
}

#[test]
fn an_ignored_path_is_committed_all_the_same() {
    let platform = seeded();
    platform.gitops.write(".gitignore", "externalsecrets/\n").commit_all("Ignore");
    platform.apply().run().success();
    assert_eq!(platform.gitops.git(&["show", "--format=", "--name-only", "HEAD"]), PROJECTION);
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn a_working_copy_that_turns_line_ends_around_is_as_the_catalog_says() {
    let platform = seeded();
    platform.apply().run().success();
    platform.gitops.git(&["config", "core.autocrlf", "true"]);
    platform.gitops.git(&["rm", "--quiet", "-r", "--cached", "."]);
    platform.gitops.git(&["reset", "--quiet", "--hard"]);
    assert!(platform.seed_projection().contains("\r\n"), "git has turned them around");
    let before = platform.gitops_state();
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
    assert_eq!(platform.gitops_state(), before);

    // A changed file is committed with the line endings of the repository.
    platform.seed_changed("payments-db-creds", "payments-db-other");
    platform.apply().run().success();
    assert!(!platform.gitops.git(&["show", &format!("HEAD:{PROJECTION}")]).contains('\r'));
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn a_changed_file_mode_does_not_stop_apply() {
    let platform = seeded();
    platform.apply().run().success();
    let file = platform.gitops.path().join(PROJECTION);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    platform.apply().run().success();
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn files_have_the_rights_that_other_programs_files_have() {
    let platform = seeded();
    let apply = format!("umask 022; exec '{}' apply --yes", env!("CARGO_BIN_EXE_goldenpath"));
    platform.catalog.program("sh", &["-c", &apply]).run().success();
    let mode = |path: &str| {
        fs::metadata(platform.gitops.path().join(path)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(PROJECTION), mode(FOLDER)), (0o644, 0o755));
    assert_eq!(
        platform.gitops.git(&["ls-tree", "HEAD", PROJECTION]).split(' ').next(),
        Some("100644")
    );
}

#[test]
fn a_read_only_folder_fails_its_manifests_alone_and_a_rerun_fixes_it() {
    let platform = Platform::local();
    platform.seed();
    let text = goldenpath_testkit::request("SEC-0008", "in-staging")
        .replace("environment: dev ", "environment: staging ");
    platform
        .catalog
        .write("catalogs/secrets/payments/staging/SEC-0008.yaml", &text)
        .commit_all("In staging");
    // A file in place of a folder fails for every user, even for root.
    platform.gitops.write("kustomize/overlays/dev", "a file\n").commit_all("A file");
    let outcome = platform.apply().run().fails_with(1);
    says(&outcome, "SEC-0007 write-projection");
    says(&outcome, "in the GitOps working copy: ");
    says(&outcome, "cannot write `kustomize/overlays/dev/apps/payments/externalsecrets/");
    assert!(outcome.stdout.contains("1 failed"), "{}", outcome.stdout);
    let staging = "kustomize/overlays/staging/apps/payments/externalsecrets/SEC-0008.yaml";
    assert_eq!(platform.gitops.git(&["show", "--format=", "--name-only", "HEAD"]), staging);

    platform.gitops.git(&["rm", "--quiet", "kustomize/overlays/dev"]);
    platform.gitops.git(&["commit", "--quiet", "-m", "No file"]);
    platform.apply().run().success();
    assert_eq!(platform.gitops.git(&["show", "--format=", "--name-only", "HEAD"]), PROJECTION);
}

/// Reports whether a trail has an action with this result.
fn has_result(trail: &str, action: &str, result: &str) -> bool {
    trail.lines().any(|line| {
        line.contains(&format!("\"action\":\"{action}\""))
            && line.contains(&format!("\"result\":\"{result}\""))
    })
}

#[test]
fn a_lock_of_another_git_is_reported_and_a_rerun_commits() {
    for name in ["index.lock", "refs/heads/main.lock"] {
        let platform = seeded();
        let lock = platform.gitops.path().join(".git").join(name);
        fs::write(&lock, "").unwrap();
        let outcome = platform.apply().run().fails_with(1);
        says(&outcome, name);
        says(&outcome, "remove the file if that process crashed");
        says(&outcome, "run apply again, which commits the files");
        assert_eq!(platform.gitops.git(&["rev-list", "--count", "HEAD"]), "1");
        let trail = platform.catalog.trail("SEC-0007");
        assert!(has_result(&trail, "create-secret", "done"), "{trail}");
        assert!(has_result(&trail, "write-projection", "interrupted"), "{trail}");
        fs::remove_file(lock).unwrap();
        platform.apply().run().success();
        let trail = platform.catalog.trail("SEC-0007");
        assert!(has_result(&trail, "write-projection", "done"), "{trail}");
        assert_eq!(platform.gitops.git(&["show", "--format=", "--name-only", "HEAD"]), PROJECTION);
        assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "");
    }
}

#[test]
fn git_s_variables_of_the_catalog_do_not_reach_the_gitops_repository() {
    let platform = seeded();
    let git = platform.catalog.path().join(".git");
    let head = platform.catalog.git(&["rev-parse", "HEAD"]);
    // The environment of a hook of the catalog's repository.
    let command = platform.apply().env("GIT_DIR", &git).env("GIT_INDEX_FILE", git.join("index"));
    command.env("GIT_WORK_TREE", platform.catalog.path()).run().success();
    assert_eq!(platform.gitops.git(&["show", "--format=", "--name-only", "HEAD"]), PROJECTION);
    assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "");
    assert_eq!(platform.catalog.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(platform.catalog.audit_branch().1, 2);
    assert_eq!(platform.catalog.git(&["status", "--porcelain", "-uall"]), "");
}

#[test]
fn hooks_of_the_gitops_repository_are_not_run() {
    let platform = seeded();
    for hook in ["pre-commit", "commit-msg", "post-commit"] {
        let path = platform.gitops.path().join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/sh\ntouch \"$(dirname \"$0\")/ran\"\nexit 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    platform.apply().run().success();
    assert!(!platform.gitops.exists(".git/hooks/ran"));
}

#[test]
fn a_catalog_can_be_its_own_gitops_repository() {
    let platform = pointing_to(Path::new("."));
    platform.apply().run().success();
    assert_eq!(platform.catalog.git(&["show", "--format=", "--name-only", "HEAD"]), PROJECTION);
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn a_file_that_replaces_a_projection_while_apply_asks_is_not_removed() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    for status in ["deprecated", "decommission_requested"] {
        let text = platform.catalog.read(SEED_PATH);
        let old = text.lines().find(|line| line.contains("status: ")).unwrap().to_owned();
        platform
            .catalog
            .write(SEED_PATH, &text.replace(&old, &format!("    status: {status}")))
            .commit_all(status);
        if status == "deprecated" {
            platform.apply().run().success();
        }
    }
    let mut terminal = platform.catalog.goldenpath(&["apply"]).in_terminal(120, 40);
    terminal.wait_for("Apply these changes?");
    platform.gitops.write(PROJECTION, "theirs: true\n");
    terminal.send("yes\r");
    terminal.wait();
    assert_eq!(platform.gitops.read(PROJECTION), "theirs: true\n", "{}", terminal.screen());
}

#[test]
fn a_file_committed_at_a_projection_s_path_during_the_confirmation_stays() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    for status in ["deprecated", "decommission_requested"] {
        let text = platform.catalog.read(SEED_PATH);
        let old = text.lines().find(|line| line.contains("status: ")).unwrap().to_owned();
        let new = text.replace(&old, &format!("    status: {status}"));
        platform.catalog.write(SEED_PATH, &new).commit_all(status);
        if status == "deprecated" {
            platform.apply().run().success();
        }
    }
    let mut terminal = platform.catalog.goldenpath(&["apply"]).in_terminal(120, 40);
    terminal.wait_for("Apply these changes?");
    platform.gitops.write(PROJECTION, "theirs: true\n").commit_all("Theirs");
    terminal.send("yes\r");
    terminal.wait();
    assert_eq!(platform.gitops.git(&["show", &format!("HEAD:{PROJECTION}")]), "theirs: true");
    assert_eq!(platform.gitops.git(&["status", "--porcelain"]), "", "{}", terminal.screen());
}
