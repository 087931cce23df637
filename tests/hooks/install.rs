//! `goldenpath hook install` and `uninstall`, and the scripts that they write.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{commit, commit_all, git, hooked, manifest, path, wrong};
use goldenpath_testkit::{Outcome, Repository, hook_programs};

const SCRIPTS: [&str; 5] = ["pre-commit", "pre-merge-commit", "pre-push", "pre-receive", "update"];

/// A hook that logs its arguments and its stdin.
const EARLIER: &str = "#!/bin/sh\necho \"earlier $*\" >> earlier.log\ncat >> earlier.log\n";

fn hook(repository: &Repository, arguments: &[&str]) -> Outcome {
    repository.goldenpath(&[&["hook"], arguments].concat()).run()
}

#[track_caller]
fn write_hook(repository: &Repository, file: impl AsRef<Path>, text: &str) {
    repository.write(&file, text);
    fs::set_permissions(repository.path().join(file), fs::Permissions::from_mode(0o755)).unwrap();
}

#[track_caller]
fn is_executable(repository: &Repository, file: &str) -> bool {
    fs::metadata(repository.path().join(file)).unwrap().permissions().mode() & 0o111 == 0o111
}

#[test]
fn the_scripts_are_posix_shell_and_shellcheck_has_nothing_to_say() {
    let repository = Repository::new();
    let shellcheck = hook_programs().join("shellcheck");
    for name in SCRIPTS {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks").join(name);
        let file = file.to_str().unwrap();
        repository.program("sh", &["-n", file]).run().success();
        repository
            .program(
                shellcheck.to_str().unwrap(),
                &["--shell=sh", "--enable=all", "--severity=info", file],
            )
            .run()
            .success();
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o111,
            0o111,
            "{name} can be copied and run"
        );
    }
}

#[test]
fn a_fresh_repository_gets_three_hooks_and_a_second_run_changes_nothing() {
    let repository = Repository::new();
    let first = hook(&repository, &["install"]).success().stdout;
    for name in ["pre-commit", "pre-merge-commit", "pre-push"] {
        assert!(
            first.contains(&format!(
                "installed {}/.git/hooks/{name}\n",
                repository.path().display()
            )),
            "{first}"
        );
        assert!(is_executable(&repository, &format!(".git/hooks/{name}")));
    }
    assert!(!repository.exists(".git/hooks/pre-receive"));
    let second = hook(&repository, &["install"]).success().stdout;
    assert_eq!(second, first.replace("installed", "unchanged"));
    assert!(!repository.exists(".git/hooks/pre-commit.before-goldenpath"));
    let removed = hook(&repository, &["uninstall"]).success().stdout;
    assert_eq!(removed, first.replace("installed", "removed"));
    let again = hook(&repository, &["uninstall"]).success();
    assert!(
        again.stdout.is_empty() && again.stderr.contains("no hook of goldenpath in "),
        "{}",
        again.stderr
    );
}

#[test]
fn the_hooks_to_install_and_to_take_out_can_be_named() {
    let repository = Repository::new();
    hook(&repository, &["install", "pre-push", "update"]).success();
    assert!(repository.exists(".git/hooks/update") && !repository.exists(".git/hooks/pre-commit"));
    hook(&repository, &["uninstall", "update"]).success();
    assert!(repository.exists(".git/hooks/pre-push") && !repository.exists(".git/hooks/update"));
    let unknown = hook(&repository, &["install", "post-checkout"]).fails_with(2);
    assert!(unknown.stderr.contains("pre-receive"), "{}", unknown.stderr);
}

#[test]
fn a_hook_of_ours_that_is_old_edited_or_not_executable_is_replaced() {
    let repository = Repository::new();
    hook(&repository, &["install", "pre-commit"]).success();
    let whole = repository.read(".git/hooks/pre-commit");
    repository.write(".git/hooks/pre-commit", &whole.replace("exec ", "echo edited\nexec "));
    assert!(hook(&repository, &["install", "pre-commit"]).success().stdout.starts_with("updated "));
    assert_eq!(repository.read(".git/hooks/pre-commit"), whole);
    fs::set_permissions(
        repository.path().join(".git/hooks/pre-commit"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    assert!(hook(&repository, &["install", "pre-commit"]).success().stdout.starts_with("updated "));
    assert!(is_executable(&repository, ".git/hooks/pre-commit"));
}

#[test]
fn an_earlier_hook_runs_first_stops_the_commit_when_it_fails_and_comes_back() {
    let repository = Repository::new();
    write_hook(&repository, ".git/hooks/pre-commit", EARLIER);
    let installed = hook(&repository, &["install", "pre-commit"]).success().stdout;
    assert!(installed.contains("the previous hook runs first, as "), "{installed}");
    repository.write(path("SEC-0001"), &wrong("SEC-0001")).git(&["add", "catalogs"]);
    commit(&repository, &[]).refused_by("GP105");
    assert_eq!(repository.read("earlier.log"), "earlier \n");
    // A second install keeps it.
    hook(&repository, &["install", "pre-commit"]).success();
    write_hook(
        &repository,
        ".git/hooks/pre-commit.before-goldenpath",
        "#!/bin/sh\necho not today\nexit 3\n",
    );
    let stopped = commit(&repository, &[]).fails_with(1).stderr;
    assert_eq!(stopped, "not today\n");
    let restored = hook(&repository, &["uninstall"]).success().stdout;
    assert!(restored.starts_with("restored "), "{restored}");
    assert_eq!(repository.read(".git/hooks/pre-commit"), "#!/bin/sh\necho not today\nexit 3\n");
    assert!(is_executable(&repository, ".git/hooks/pre-commit"));
    assert!(!repository.exists(".git/hooks/pre-commit.before-goldenpath"));
}

#[test]
fn an_earlier_pre_push_hook_gets_the_same_arguments_and_the_same_bytes() {
    let origin = Repository::bare();
    let repository = Repository::clone_of(&origin);
    repository.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    let pushed = |repository: &Repository| {
        git(repository, &["push", "--quiet", "origin", "main", "main:other"]).run().success();
        // Nothing to push: git still runs the hook, with empty stdin.
        git(repository, &["push", "--quiet", "origin", "main", "main:other"]).run().success();
        git(repository, &["push", "--quiet", "--delete", "origin", "other"]).run().success();
        let reported = repository.read("earlier.log");
        fs::remove_file(repository.path().join("earlier.log")).unwrap();
        origin.git(&["update-ref", "-d", "refs/heads/main"]);
        repository.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
        reported
    };
    write_hook(&repository, ".git/hooks/pre-push", EARLIER);
    let alone = pushed(&repository);
    assert_eq!(
        alone.lines().filter(|line| line.starts_with("earlier origin /")).count(),
        3,
        "{alone}"
    );
    hook(&repository, &["install"]).success();
    assert_eq!(pushed(&repository), alone);
}

#[test]
fn an_earlier_pre_receive_hook_gets_the_same_bytes_and_its_refusal_counts() {
    let origin = Repository::bare();
    let repository = Repository::clone_of(&origin);
    repository.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    write_hook(&origin, "hooks/pre-receive", EARLIER);
    hook(&origin, &["install"]).success();
    git(&repository, &["push", "--quiet", "origin", "main", "main:other"]).run().passes(1);
    let (zeros, head) = ("0".repeat(40), repository.git(&["rev-parse", "HEAD"]));
    assert_eq!(
        origin.read("earlier.log"),
        format!("earlier \n{zeros} {head} refs/heads/main\n{zeros} {head} refs/heads/other\n")
    );
    write_hook(&origin, "hooks/pre-receive.before-goldenpath", "#!/bin/sh\nexit 1\n");
    git(&repository, &["push", "origin", "main:third"]).run().fails_with(1);
}

#[test]
fn an_earlier_hook_that_does_not_read_its_stdin_is_not_an_error() {
    let origin = Repository::bare();
    let repository = Repository::clone_of(&origin);
    repository.write(path("SEC-0001"), &manifest("SEC-0001")).commit_all("one");
    write_hook(&origin, "hooks/pre-receive", "#!/bin/sh\nexec <&-\n");
    hook(&origin, &["install"]).success();
    // More than a pipe buffers.
    let refs: Vec<String> =
        (0..1500).map(|number| format!("HEAD:refs/heads/branch-{number}")).collect();
    let refs: Vec<&str> = refs.iter().map(String::as_str).collect();
    git(&repository, &[&["push", "--quiet", "origin"], &refs[..]].concat()).run().passes(1);
}

#[test]
fn an_earlier_hook_that_is_a_link_stays_one() {
    let repository = Repository::new();
    write_hook(&repository, "tools/check", EARLIER);
    symlink("../../tools/check", repository.path().join(".git/hooks/pre-commit")).unwrap();
    hook(&repository, &["install", "pre-commit"]).success();
    assert_eq!(
        repository.read("tools/check"),
        EARLIER,
        "what the link points to is not written through"
    );
    repository.write(path("SEC-0001"), &manifest("SEC-0001"));
    commit_all(&repository).passes(1);
    assert_eq!(repository.read("earlier.log"), "earlier \n");
    hook(&repository, &["uninstall"]).success();
    let link = fs::read_link(repository.path().join(".git/hooks/pre-commit")).unwrap();
    assert_eq!(link, Path::new("../../tools/check"));
    // A dangling link is kept too, and does not run, as before.
    fs::remove_file(repository.path().join("tools/check")).unwrap();
    hook(&repository, &["install", "pre-commit"]).success();
    repository.write(path("SEC-0002"), &manifest("SEC-0002")).git(&["add", "catalogs"]);
    commit(&repository, &[]).passes(1);
    hook(&repository, &["uninstall"]).success();
    assert_eq!(fs::read_link(repository.path().join(".git/hooks/pre-commit")).unwrap(), link);
}

#[test]
fn an_earlier_hook_that_git_would_not_run_does_not_run() {
    let repository = Repository::new();
    repository.write(".git/hooks/pre-commit", EARLIER);
    hook(&repository, &["install", "pre-commit"]).success();
    repository.write(path("SEC-0001"), &manifest("SEC-0001"));
    commit_all(&repository).passes(1);
    assert!(!repository.exists("earlier.log"));
    hook(&repository, &["uninstall"]).success();
    assert!(!is_executable(&repository, ".git/hooks/pre-commit"));
}

#[test]
fn a_hook_that_is_a_program_is_kept() {
    let repository = Repository::new();
    fs::copy("/bin/true", repository.path().join(".git/hooks/pre-commit")).unwrap();
    hook(&repository, &["install", "pre-commit"]).success();
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    commit_all(&repository).refused_by("GP105");
    hook(&repository, &["uninstall"]).success();
    assert_eq!(
        fs::read(repository.path().join(".git/hooks/pre-commit")).unwrap(),
        fs::read("/bin/true").unwrap()
    );
}

#[test]
fn two_earlier_hooks_are_refused_and_neither_is_lost() {
    let repository = Repository::new();
    write_hook(&repository, ".git/hooks/pre-commit", EARLIER);
    hook(&repository, &["install", "pre-commit"]).success();
    write_hook(&repository, ".git/hooks/pre-commit", "#!/bin/sh\n# of another tool\n");
    let refused = hook(&repository, &["install", "pre-commit"]).fails_with(2).stderr;
    assert!(refused.contains("cannot keep the existing hook"), "{refused}");
    assert_eq!(repository.read(".git/hooks/pre-commit"), "#!/bin/sh\n# of another tool\n");
    assert_eq!(repository.read(".git/hooks/pre-commit.before-goldenpath"), EARLIER);
}

#[test]
fn a_custom_script_that_calls_goldenpath_is_kept() {
    let repository = Repository::new();
    let own = "#!/bin/sh\nset -e\nmake lint\ngoldenpath hook run pre-commit\n";
    write_hook(&repository, ".git/hooks/pre-commit", own);
    let kept = hook(&repository, &["install", "pre-commit"]).success().stdout;
    assert!(kept.contains("it already runs `goldenpath hook run pre-commit`"), "{kept}");
    hook(&repository, &["uninstall", "pre-commit"]).success();
    assert_eq!(repository.read(".git/hooks/pre-commit"), own);
}

#[test]
fn a_relative_hooks_path_starts_from_the_work_tree_of_each() {
    let repository = Repository::new();
    repository.git(&["config", "core.hooksPath", ".githooks"]);
    repository.write("below/x", "x");
    let installed =
        repository.goldenpath(&["-C", "below", "hook", "install"]).run().success().stdout;
    assert!(
        installed.contains(&format!("{}/.githooks/pre-commit", repository.path().display())),
        "{installed}"
    );
    assert!(!repository.exists(".git/hooks/pre-commit"));
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    commit_all(&repository).refused_by("GP105");
    commit(&repository, &["--no-verify"]).success();
    // The folder is committed, so a linked work tree has its own copy.
    repository.git(&["worktree", "add", "--quiet", "../linked"]);
    let linked =
        repository.goldenpath(&["-C", "../linked", "hook", "install"]).run().success().stdout;
    assert!(
        linked.contains("unchanged") && linked.contains("/linked/.githooks/pre-commit"),
        "{linked}"
    );
}

#[test]
fn an_absolute_hooks_path_inside_the_repository_is_its_own() {
    let repository = Repository::new();
    let folder = repository.path().join("tools/git hooks");
    repository.git(&["config", "core.hooksPath", folder.to_str().unwrap()]);
    hook(&repository, &["install"]).success();
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    commit_all(&repository).refused_by("GP105");
    // In a linked work tree, the hooks are those of the main one.
    commit(&repository, &["--no-verify"]).success();
    repository.git(&["worktree", "add", "--quiet", "../linked"]);
    let linked =
        repository.goldenpath(&["-C", "../linked", "hook", "install"]).run().success().stdout;
    assert!(linked.contains("unchanged"), "{linked}");
}

#[test]
fn a_folder_that_other_repositories_use_is_refused_without_shared() {
    let repository = Repository::new();
    fs::create_dir(repository.home().join("hooks")).unwrap();
    for folder in ["~/hooks", "../elsewhere", "../home/not yet"] {
        repository.git(&["config", "--global", "core.hooksPath", folder]);
        let refused = hook(&repository, &["install"]).fails_with(2).stderr;
        assert!(refused.contains("--shared"), "{refused}");
    }
    repository.git(&["config", "--global", "core.hooksPath", "~/hooks"]);
    assert_eq!(fs::read_dir(repository.home().join("hooks")).unwrap().count(), 0);
    hook(&repository, &["install", "--shared"]).success();
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    commit_all(&repository).refused_by("GP105");
    hook(&repository, &["uninstall"]).success();
    assert_eq!(fs::read_dir(repository.home().join("hooks")).unwrap().count(), 0);
}

#[test]
fn a_hooks_folder_that_is_a_link_out_of_the_repository_is_shared_too() {
    let repository = Repository::new();
    fs::create_dir(repository.home().join("hooks")).unwrap();
    fs::remove_dir_all(repository.path().join(".git/hooks")).unwrap();
    symlink(repository.home().join("hooks"), repository.path().join(".git/hooks")).unwrap();
    assert!(hook(&repository, &["install"]).fails_with(2).stderr.contains("--shared"));
}

#[test]
fn where_git_runs_no_hooks_none_are_installed() {
    let repository = Repository::new();
    write_hook(&repository, ".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    for (value, why) in [("", "is empty"), ("/dev/null", "is not a folder")] {
        repository.git(&["config", "core.hooksPath", value]);
        let refused = hook(&repository, &["install"]).fails_with(2).stderr;
        assert!(refused.contains("git runs no hooks") && refused.contains(why), "{refused}");
        commit(&repository, &["--allow-empty"]).success();
    }
    repository.git(&["config", "--unset", "core.hooksPath"]);
    commit(&repository, &["--allow-empty"]).fails_with(1);
}

#[test]
fn huskys_folder_is_huskys() {
    // husky 9 sets core.hooksPath to a folder that it generates, with hooks that find the script by
    // their own name.
    let repository = Repository::new();
    write_hook(
        &repository,
        ".husky/_/pre-commit",
        "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"\n",
    );
    repository.git(&["config", "core.hooksPath", ".husky/_"]);
    let refused = hook(&repository, &["install"]).fails_with(2).stderr;
    assert!(
        refused.contains("goldenpath hook run pre-commit") && refused.contains(".husky/pre-commit"),
        "{refused}"
    );
    assert!(!repository.exists(".husky/_/pre-commit.before-goldenpath"));
}

#[test]
fn a_linked_work_trees_hooks_are_those_of_the_repository() {
    let repository = hooked();
    repository.goldenpath(&["hook", "uninstall"]).run().success();
    repository.git(&["worktree", "add", "--quiet", "../linked", "-b", "linked"]);
    let installed =
        repository.goldenpath(&["-C", "../linked", "hook", "install"]).run().success().stdout;
    assert!(installed.contains("/repository/.git/hooks/pre-commit"), "{installed}");
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    commit_all(&repository).refused_by("GP105");
}

#[test]
fn a_bare_repository_gets_pre_receive() {
    let repository = Repository::bare();
    let installed = hook(&repository, &["install"]).success().stdout;
    assert_eq!(installed, format!("installed {}/hooks/pre-receive\n", repository.path().display()));
}

/// Commits what is staged on a PATH without goldenpath.
fn commit_without(repository: &Repository) -> Outcome {
    repository.program("git", &["commit", "--quiet", "--message", "x"]).run()
}

const NOT_NEEDED: &str =
    "pre-commit: goldenpath is not on the PATH; nothing that it checks is staged\n";
const NEEDED: &str = "pre-commit: goldenpath is not on the PATH, and a manifest or a rule file is \
                      staged; install it: run 'cargo install --path . --locked' in its \
                      repository\n";

#[test]
fn without_goldenpath_a_commit_passes_that_it_would_not_check() {
    let repository = Repository::new();
    hook(&repository, &["install"]).success();
    for (file, needed) in [
        ("README.md", false),
        ("src/main.rs", false),
        (&*path("SEC-0001"), true),
        ("goldenpath.yaml", true),
        ("schemas/metadata/enums.yaml", true),
        ("templates/plan.md.j2", true),
        (".github/CODEOWNERS", true),
        ("catalogs.md", false),
    ] {
        // As a new file, and then as a deleted one.
        for change in [&["add", "--all"][..], &["rm", "--quiet", "--cached", file]] {
            repository.write(file, "x\n").git(change);
            let said = if needed {
                commit_without(&repository).fails_with(1)
            } else {
                commit_without(&repository).success()
            };
            assert_eq!(said.stderr, if needed { NEEDED } else { NOT_NEEDED }, "{file} {change:?}");
            if needed {
                repository.git(&["commit", "--quiet", "--no-verify", "--message", "x"]);
            }
        }
        fs::remove_file(repository.path().join(file)).unwrap();
    }
}

#[test]
fn without_goldenpath_the_paths_of_the_configuration_count() {
    let repository = Repository::new();
    let text = "catalog: \"my secrets\" # theirs\nenums: lists/enums.yaml\n";
    repository.write("platform/config.yaml", text).write("README.md", "x\n").commit_all("Start");
    repository.goldenpath(&["--config", "platform/config.yaml", "hook", "install"]).run().success();
    for file in ["my secrets/web/dev/SEC-0001.yaml", "lists/enums.yaml", "platform/config.yaml"] {
        repository.write(file, "x\n").git(&["add", "--all"]);
        assert_eq!(commit_without(&repository).fails_with(1).stderr, NEEDED, "{file}");
        repository.git(&["reset", "--quiet", "--hard"]);
    }
    repository.write("goldenpath.yaml", "x\n").write("README.md", "y\n").git(&["add", "--all"]);
    assert_eq!(commit_without(&repository).success().stderr, NOT_NEEDED);
}

#[test]
fn without_goldenpath_a_push_passes_that_it_would_not_check_and_a_server_refuses() {
    let server = Repository::bare();
    let repository = Repository::clone_of(&server);
    hook(&repository, &["install"]).success();
    let push = || repository.program("git", &["push", "--quiet", "origin", "main"]).run();
    repository.write("README.md", "x\n").git(&["add", "--all"]);
    commit_without(&repository).success();
    let said = push().success().stderr;
    assert_eq!(said, "pre-push: goldenpath is not on the PATH; nothing that it checks is pushed\n");
    repository.write(path("SEC-0001"), &manifest("SEC-0001")).git(&["add", "--all"]);
    repository.git(&["commit", "--quiet", "--no-verify", "--message", "x"]);
    repository.write("README.md", "y\n").git(&["add", "--all"]);
    commit_without(&repository).success();
    let said = push().fails_with(1).stderr;
    assert!(said.contains("a manifest or a rule file is pushed; install it: "), "{said}");

    hook(&server, &["install"]).success();
    let push = ["push", "--no-verify", "origin", "main"];
    let refused = repository.program("git", &push).run().fails_with(1).stderr;
    assert!(refused.contains("pre-receive: goldenpath is not on the PATH"), "{refused}");
}

#[test]
fn folders_with_spaces_and_quotes_in_their_names_are_no_obstacle() {
    let repository = Repository::new();
    let folder = "it's a \"place\" $HOME";
    repository.git(&["init", "--quiet", folder]);
    write_hook(&repository, format!("{folder}/.git/hooks/pre-commit"), EARLIER);
    repository.goldenpath(&["-C", folder, "hook", "install"]).run().success();
    repository.write(format!("{folder}/{}", path("SEC-0001")), &wrong("SEC-0001"));
    repository.git(&["-C", folder, "add", "--all"]);
    git(&repository, &["-C", folder, "commit", "-m", "x"]).run().refused_by("GP105");
    assert_eq!(repository.read(format!("{folder}/earlier.log")), "earlier \n");
}

#[test]
fn a_folder_that_is_not_a_repository_is_an_error() {
    let repository = Repository::new();
    fs::remove_dir_all(repository.path().join(".git")).unwrap();
    for arguments in [&["install"][..], &["uninstall"], &["run", "pre-commit"]] {
        let outcome = hook(&repository, arguments).fails_with(2);
        assert!(outcome.stderr.contains("not in a git repository"), "{}", outcome.stderr);
    }
}

#[test]
fn what_git_would_not_say_is_refused() {
    let repository = hooked();
    for (name, input) in [("pre-push", "nonsense\n"), ("pre-receive", "a b c\n")] {
        let outcome =
            repository.goldenpath(&["hook", "run", name]).stdin(input).run().fails_with(2);
        assert!(outcome.stderr.contains("is not a ref of git"), "{}", outcome.stderr);
    }
    repository.goldenpath(&["hook", "run", "update", "refs/heads/main"]).run().fails_with(2);
    let unknown = format!("{} {} refs/heads/main\n", "0".repeat(40), "1".repeat(40));
    repository.goldenpath(&["hook", "run", "pre-receive"]).stdin(&unknown).run().fails_with(2);
}
