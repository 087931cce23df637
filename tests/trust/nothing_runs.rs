//! Nothing in a repository runs: goldenpath uses no program, key, kubeconfig or repository with
//! hooks that a pull request can add to the catalog's work tree.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use goldenpath_testkit::{Outcome, Platform, Repository};

const PROJECTION: &str = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";

/// Returns a catalog with the seed's manifest.
fn seeded() -> Platform {
    let platform = Platform::local();
    platform.seed();
    platform
}

fn configure(platform: &Platform, text: &str) {
    let text = format!("catalogId: acme-platform\n{text}\n");
    platform.catalog.write("goldenpath.yaml", &text).commit_all("Configure goldenpath");
}

/// Returns the text of an error without its frame.
fn words(outcome: &Outcome) -> String {
    outcome
        .stderr
        .replace(['│', '·', '╭', '╰', '─'], " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Asserts that the configuration is rejected, with the file, the place and the remedy.
#[track_caller]
fn refused(outcome: Outcome, field: &str, why: &str) {
    let said = words(&outcome.fails_with(2));
    assert!(said.contains(&format!("goldenpath.yaml: `{field}`")), "{said}");
    assert!(said.contains(why), "{why:?} is not in: {said}");
    assert!(said.contains("[goldenpath.yaml:"), "it is not shown where: {said}");
    assert!(said.contains("help:"), "{said}");
}

/// Creates a repository at `path` with hooks that create a file in `ran`.
fn evil(path: &Path, ran: &Path) {
    git2::Repository::init_bare(path).unwrap();
    fs::create_dir_all(path.join("hooks")).unwrap();
    for hook in ["pre-receive", "update", "post-receive", "post-update", "reference-transaction"] {
        let file = path.join("hooks").join(hook);
        fs::write(&file, format!("#!/bin/sh\necho {hook} >> {}\n", ran.display())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for folder in ["refs/heads", "refs/tags", "objects/info", "objects/pack"] {
        fs::create_dir_all(path.join(folder)).unwrap();
        fs::write(path.join(folder).join(".keep"), "").unwrap();
    }
}

#[test]
fn a_bare_repository_among_the_catalogs_files_has_no_hook_run_however_its_url_is_written() {
    let platform = seeded();
    let root = platform.catalog.path();
    let ran = root.with_file_name("ran");
    evil(&root.join("evil"), &ran);
    evil(&root.join(".git/evil"), &ran);
    symlink("evil", root.join("link")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink(root.join("evil"), root.with_file_name("around")).unwrap();
    let at = root.display();
    for url in [
        "evil".to_owned(),
        "./evil/".to_owned(),
        "catalogs/../evil".to_owned(),
        "missing/../evil".to_owned(),
        "../repository/evil".to_owned(),
        "link".to_owned(),
        "../around".to_owned(),
        "%65vil".to_owned(),
        ".git/evil".to_owned(),
        ".git".to_owned(),
        ".".to_owned(),
        "~/evil".to_owned(),
        "not-there-yet".to_owned(),
        format!("{at}/evil"),
        format!("file://{at}/evil"),
        format!("file://localhost{at}/evil"),
        format!("file://{at}/%65vil"),
        format!("localhost:{at}/evil"),
        format!("ssh://localhost{at}/evil"),
        "loop/x".to_owned(),
        format!("git.example.com:{at}/evil"),
        format!("git@[localhost:22]:{at}/evil"),
        format!("ssh://[localhost:22]{at}/evil"),
        format!("ssh://localhost%3a22{at}/%65vil"),
        format!("ssh://git@[::ffff:127.0.0.1]{at}/evil"),
        format!("127.1:{at}/evil"),
        "127.1:repository/evil".to_owned(),
        "[git@localhost]:repository/evil".to_owned(),
    ] {
        configure(
            &platform,
            &format!("store: {{ backend: local }}\ngitops:\n  branch: main\n  url: \"{url}\""),
        );
        let why = if url.starts_with("loop") {
            "cannot be followed"
        } else {
            "of the catalog's repository"
        };
        refused(platform.apply().run(), "gitops.url", why);
        let own = format!(
            "store:\n  backend: local\nenvironments:\n  dev:\n    gitops:\n      url: \"{url}\""
        );
        configure(&platform, &own);
        refused(platform.apply().run(), "environments.dev.gitops.url", why);
    }
    assert!(!ran.exists(), "{:?}", fs::read_to_string(&ran));

    // A repository outside of the work tree receives the push.
    let outside = Repository::bare();
    let url = outside.path().display().to_string();
    configure(
        &platform,
        &format!("store: {{ backend: local }}\ngitops: {{ url: \"{url}\", branch: main }}"),
    );
    platform.apply().run().success();
    assert_eq!(outside.git(&["ls-tree", "-r", "--name-only", "main"]), PROJECTION);
}

#[test]
fn a_path_that_means_another_place_in_git_s_process_is_refused() {
    let platform = seeded();
    let root = platform.catalog.path();
    let ran = root.with_file_name("ran");
    evil(&root.join("evil.git"), &ran);
    symlink("/proc/self/cwd", root.join("here")).unwrap();
    symlink("here", root.join("there")).unwrap();
    let below = "../../../../evil.git";
    for path in [
        format!("/proc/self/cwd/{below}"),
        format!("/proc/thread-self/cwd/{below}"),
        format!("/dev/fd/{below}"),
        format!("/../proc/self/cwd/{below}"),
        format!("here/{below}"),
        format!("./there/{below}"),
    ] {
        for (field, text) in [
            (
                "gitops.url",
                format!("store: {{ backend: local }}\ngitops:\n  branch: main\n  url: \"{path}\""),
            ),
            ("gitops.path", format!("store: {{ backend: local }}\ngitops:\n  path: \"{path}\"")),
            ("store.keyFile", format!("store:\n  backend: local\n  keyFile: \"{path}\"")),
            ("store.path", format!("store:\n  backend: local\n  path: \"{path}\"")),
            (
                "environments.dev.cluster.kubeconfig",
                format!(
                    "store: {{ backend: local }}\n\
                     environments: {{ dev: {{ cluster: {{ context: dev, \
                     kubeconfig: \"{path}\" }} }} }}"
                ),
            ),
        ] {
            configure(&platform, &text);
            refused(platform.apply().run(), field, "differs from process to process");
        }
    }
    let url = format!("file:///proc/self/cwd/{below}");
    configure(
        &platform,
        &format!("store: {{ backend: local }}\ngitops:\n  branch: main\n  url: \"{url}\""),
    );
    refused(platform.apply().run(), "gitops.url", "differs from process to process");
    for url in ["localhost:~root/../evil", "ssh://localhost/~root/evil", "git.example.com:../evil"]
    {
        configure(
            &platform,
            &format!("store: {{ backend: local }}\ngitops:\n  branch: main\n  url: \"{url}\""),
        );
        refused(platform.apply().run(), "gitops.url", "write the full path");
    }
    assert!(!ran.exists(), "{:?}", fs::read_to_string(&ran));

    // A link that the user has created, and a URL with a percent sign in its path.
    let outside = root.with_file_name("50%25 off.git");
    git2::Repository::init_bare(&outside).unwrap();
    symlink(&outside, root.with_file_name("around")).unwrap();
    let written = outside.display().to_string().replace('%', "%25");
    for url in ["../around".to_owned(), format!("file://{written}")] {
        configure(
            &platform,
            &format!("store: {{ backend: local }}\ngitops:\n  branch: main\n  url: \"{url}\""),
        );
        platform.apply().run().success();
    }
    let pushed = platform.catalog.git(&[
        "--git-dir",
        &outside.display().to_string(),
        "ls-tree",
        "-r",
        "--name-only",
        "main",
    ]);
    assert_eq!(pushed, PROJECTION);
}

#[test]
fn a_place_in_the_repository_is_refused_by_every_command_that_would_use_it_and_by_no_other() {
    let platform = seeded();
    evil(&platform.catalog.path().join("evil"), &platform.catalog.path().with_file_name("ran"));
    configure(&platform, "store: { backend: local }\ngitops:\n  url: evil");
    for arguments in [
        &["plan"][..],
        &["plan", "--work-tree"],
        &["apply", "--yes"],
        &["show", "SEC-0007"],
        &["due"],
        &["list", "--awaiting-value"],
        &["value", "status"],
        &["value", "generate", "SEC-0007", "--yes"],
    ] {
        refused(platform.catalog.goldenpath(arguments).run(), "gitops.url", "is in the work tree");
    }
    // A change that fixes it can be checked.
    for arguments in [&["validate"][..], &["list"], &["render"], &["show", "SEC-0007", "--offline"]]
    {
        platform.catalog.goldenpath(arguments).run().success();
    }
}

#[test]
fn a_working_copy_among_the_catalogs_files_is_not_committed_to() {
    let platform = seeded();
    let root = platform.catalog.path();
    let nested = root.join("nested");
    platform.catalog.git(&["init", "--quiet", "nested"]);
    fs::write(root.join(".git/info/exclude"), "nested\n").unwrap();
    fs::create_dir_all(root.join("plain")).unwrap();
    fs::create_dir_all(root.join(".git/plain")).unwrap();
    symlink("nested", root.join("link")).unwrap();
    symlink(&nested, root.with_file_name("around")).unwrap();
    let absolute = nested.display().to_string();
    for path in [
        "nested",
        "./nested/../nested",
        "plain",
        "link",
        "../around",
        ".git",
        ".git/plain",
        "catalogs",
        "later",
        &absolute,
    ] {
        for (field, text) in [
            ("gitops.path", format!("store: {{ backend: local }}\ngitops:\n  path: {path}")),
            (
                "environments.dev.gitops.path",
                format!(
                    "store: {{ backend: local }}\n\
                     environments: {{ dev: {{ gitops: {{ path: {path} }} }} }}"
                ),
            ),
        ] {
            configure(&platform, &text);
            refused(platform.apply().run(), field, "of the catalog's repository");
            // Passing the path as an option changes nothing.
            let _ = fs::create_dir(root.join("later"));
            let named = root.join(path).display().to_string();
            refused(
                platform.catalog.goldenpath(&["apply", "--yes", "--gitops-path", &named]).run(),
                field,
                "repository",
            );
            let _ = fs::remove_dir(root.join("later"));
        }
    }
    assert!(!nested.join("kustomize").exists() && !root.join("plain/kustomize").exists());
}

#[test]
fn a_registered_submodule_may_be_the_gitops_working_copy_and_one_that_is_not_registered_may_not() {
    let platform = seeded();
    let origin = platform.gitops.path().display().to_string();
    let git = |arguments: &[&str]| {
        platform.catalog.git(&[&["-c", "protocol.file.allow=always"], arguments].concat())
    };
    git(&["submodule", "--quiet", "add", &origin, "deploy/gitops"]);
    configure(&platform, "store: { backend: local }\ngitops:\n  path: deploy/gitops");
    platform.apply().run().success();
    assert!(
        platform
            .catalog
            .git(&["-C", "deploy/gitops", "log", "-1", "--format=%s"])
            .starts_with("goldenpath: ")
    );

    // An uninitialized submodule is an empty folder.
    let clone = Repository::clone_of(&platform.catalog);
    refused(clone.goldenpath(&["plan"]).run(), "gitops.path", "is not the root of a git work tree");

    // Only its commit in the index, and only its path in `.gitmodules`.
    platform.catalog.git(&["rm", "--quiet", "--cached", ".gitmodules"]);
    fs::remove_file(platform.catalog.path().join(".gitmodules")).unwrap();
    refused(platform.apply().run(), "gitops.path", "is in the work tree");
    platform.catalog.git(&["init", "--quiet", "nested"]);
    platform
        .catalog
        .write(".gitmodules", "[submodule \"nested\"]\n\tpath = nested\n\turl = ../x\n");
    platform.catalog.git(&["add", ".gitmodules"]);
    platform
        .catalog
        .write("goldenpath.yaml", "store: { backend: local }\ngitops:\n  path: nested\n");
    platform.catalog.git(&[
        "commit",
        "--quiet",
        "--message",
        "x",
        "--",
        "goldenpath.yaml",
        ".gitmodules",
    ]);
    refused(platform.apply().run(), "gitops.path", "is in the work tree");
}

#[test]
fn a_registered_submodule_is_known_by_its_path_whatever_its_name_and_the_kind_of_index() {
    let platform = seeded();
    let origin = platform.gitops.path().display().to_string();
    let git = |arguments: &[&str]| {
        platform.catalog.git(&[&["-c", "protocol.file.allow=always"], arguments].concat())
    };
    git(&["submodule", "--quiet", "add", "--name", "other", &origin, "deploy/a b"]);
    let configuration = "store: { backend: local }\ngitops:\n  path: \"./deploy/a b/\"";
    configure(&platform, configuration);
    platform.apply().run().success();
    git(&["update-index", "--split-index"]);
    platform.catalog.goldenpath(&["plan"]).run().success();
    git(&["update-index", "--no-split-index"]);
    git(&["config", "index.sparse", "true"]);
    git(&["sparse-checkout", "set", "--cone", "--sparse-index", "catalogs", "deploy"]);
    platform.catalog.goldenpath(&["plan"]).run().success();
    git(&["sparse-checkout", "disable"]);
    git(&["mv", "deploy/a b", "moved"]);
    configure(&platform, &configuration.replace("./deploy/a b/", "moved"));
    platform.catalog.goldenpath(&["plan"]).run().success();

    platform.catalog.write(".gitmodules", "[submodule");
    let said = words(&platform.catalog.goldenpath(&["plan"]).run().fails_with(2));
    assert!(said.contains("the submodule `moved`") && said.contains("bad config"), "{said}");
}

#[test]
fn a_database_below_a_submodule_or_another_repository_is_not_opened() {
    let platform = seeded();
    let origin = platform.gitops.path().display().to_string();
    let git = |arguments: &[&str]| {
        platform.catalog.git(&[&["-c", "protocol.file.allow=always"], arguments].concat())
    };
    git(&["submodule", "--quiet", "add", &origin, "deploy/sub"]);
    git(&["init", "--quiet", "nested"]);
    let configuration = |path: &str| format!("store:\n  backend: local\n  path: {path}\n");
    for path in
        ["deploy/sub/s.db", "deploy/sub/db/s.db", "nested/db/s.db", "deploy/sub-2/../sub/s.db"]
    {
        platform.catalog.write("goldenpath.yaml", &configuration(path));
        platform.catalog.git(&["commit", "--quiet", "--message", "x", "--", "goldenpath.yaml"]);
        refused(platform.apply().run(), "store.path", "leads into another repository");
    }
    // The submodule is not initialized, and its commit is still in the index.
    git(&["commit", "--quiet", "--all", "--message", "x"]);
    let clone = Repository::clone_of(&platform.catalog);
    clone.write("goldenpath.yaml", &configuration("deploy/sub/s.db"));
    refused(
        clone.goldenpath(&["apply", "--yes"]).run(),
        "store.path",
        "leads into another repository",
    );

    platform.catalog.write("goldenpath.yaml", &configuration("deploy/sub-2/s.db"));
    platform.catalog.git(&["commit", "--quiet", "--message", "x", "--", "goldenpath.yaml"]);
    platform.apply().run().success();
    assert!(platform.catalog.path().join("deploy/sub-2/s.db").is_file());
}

#[test]
fn a_submodule_lends_its_name_to_no_other_folder() {
    let platform = seeded();
    let origin = platform.gitops.path().display().to_string();
    let allowed = ["-c", "protocol.file.allow=always"];
    let add = ["submodule", "--quiet", "add", "--name", "evil", &origin, "honest"];
    platform.catalog.git(&[&allowed[..], &add].concat());
    platform.catalog.git(&["init", "--quiet", "evil"]);
    platform.catalog.write("goldenpath.yaml", "store: { backend: local }\ngitops:\n  path: evil\n");
    platform.catalog.git(&["commit", "--quiet", "--message", "x", "--", "goldenpath.yaml"]);
    refused(platform.apply().run(), "gitops.path", "is in the work tree");
}

#[test]
fn a_path_in_another_work_tree_of_the_repository_is_in_the_repository() {
    let platform = seeded();
    let main = platform.catalog.path();
    evil(&main.join("evil"), &main.with_file_name("ran"));
    platform.catalog.git(&["worktree", "add", "--quiet", "-b", "other", "../other"]);
    let other = main.with_file_name("other");
    for url in ["../repository/evil", "../repository/.git/x"] {
        let text = format!("store: {{ backend: local }}\ngitops:\n  url: {url}\n");
        fs::write(other.join("goldenpath.yaml"), text).unwrap();
        let arguments = ["-C", other.to_str().unwrap(), "plan", "--work-tree"];
        refused(
            platform.catalog.goldenpath(&arguments).run(),
            "gitops.url",
            "of the catalog's repository",
        );
    }
    assert!(!main.with_file_name("ran").exists());
}

#[test]
fn a_plain_folder_outside_is_written_to_where_the_user_names_it_and_nowhere_else() {
    let platform = seeded();
    let home = platform.catalog.home();
    let plain = home.join(".config/plain");
    fs::create_dir_all(&plain).unwrap();
    configure(&platform, "store: { backend: local }\ngitops:\n  path: ../home/.config/plain");
    for arguments in
        [&["plan"][..], &["apply", "--yes"], &["plan", "--gitops-path", "../repository/.."]]
    {
        platform.catalog.goldenpath(arguments).run().fails_with(2);
    }
    refused(platform.apply().run(), "gitops.path", "is not the root of a git work tree");
    let outcome = platform.apply().run();
    assert!(
        words(&outcome).contains(&format!("--gitops-path {}", plain.display())),
        "{}",
        outcome.stderr
    );
    assert_eq!(fs::read_dir(&plain).unwrap().count(), 0);

    // A saved plan is bound to the options.
    let file = platform.catalog.path().with_file_name("plan.json").display().to_string();
    let named = plain.display().to_string();
    platform.plan(&["--gitops-path", &named, "--out", &file]).run().success();
    platform.catalog.goldenpath(&["apply", "--yes", &file]).run().success();
    assert!(plain.join(PROJECTION).is_file());

    // A folder that does not exist, and one that this run does not use.
    for (name, why) in [
        ("missing", "give an existing folder"),
        ("..", "no `gitops.path` of this run is that folder"),
    ] {
        let outcome = platform
            .catalog
            .goldenpath(&["plan", "--gitops-path", &named, "--gitops-path", name])
            .run()
            .fails_with(2);
        assert!(words(&outcome).contains(why), "{}", outcome.stderr);
    }
}

#[test]
fn a_path_from_a_shells_home_is_not_taken_for_one_in_the_catalog() {
    let platform = seeded();
    for path in ["~/gitops", "~me/gitops", "\"~\""] {
        configure(&platform, &format!("store: {{ backend: local }}\ngitops:\n  path: {path}"));
        refused(platform.apply().run(), "gitops.path", "is not expanded here");
    }
}

#[test]
fn gits_own_folder_of_another_repository_is_not_a_working_copy() {
    let platform = seeded();
    configure(
        &platform,
        &format!(
            "store: {{ backend: local }}\ngitops:\n  path: {}/.git",
            platform.gitops.path().display()
        ),
    );
    platform.apply().run().fails_with(2);
    assert!(!platform.gitops.exists(".git/kustomize"));
}

#[test]
fn a_file_that_a_shell_git_or_a_pipeline_reads_is_never_a_projection() {
    let platform = seeded();
    let gitops = platform.gitops.path().display().to_string();
    for file in [
        "conf.d/{{ id }}.fish",
        ".bashrc",
        ".envrc",
        ".github/workflows/{{ id }}.yml",
        ".git/hooks/post-commit",
        ".gitattributes",
        ".gitmodules",
        "Makefile",
        "{{ name }}",
        ".config/x.yaml",
        "apps/kustomization.yaml",
    ] {
        let own = format!(
            "store:\n  backend: local\nenvironments:\n  dev:\n    gitops:\n      \
             path: {gitops}\n      file: \"{file}\""
        );
        configure(&platform, &own);
        refused(platform.apply().run(), "environments.dev.gitops.file", "`");
        configure(
            &platform,
            &format!("store: {{ backend: local }}\ngitops:\n  path: {gitops}\n  file: \"{file}\""),
        );
        refused(platform.apply().run(), "gitops.file", "`");
    }
    // A manifest's field cannot name it, either.
    platform.seed_changed(
        "  name: payments-db-credentials",
        "  description: .github/workflows\n  name: payments-db-credentials",
    );
    configure(
        &platform,
        &format!(
            "store: {{ backend: local }}\ngitops:\n  path: {gitops}\n  \
             file: \"{{{{ description }}}}/x.yaml\""
        ),
    );
    let outcome = platform.apply().run().fails_with(1);
    assert!(words(&outcome).contains("begins with a dot"), "{}", outcome.stderr);
    assert_eq!(platform.gitops.git(&["ls-files"]), "README.md");

    configure(
        &platform,
        &format!(
            "store: {{ backend: local }}\ngitops:\n  path: {gitops}\n  \
             file: \"apps/{{{{ id }}}}.yml\""
        ),
    );
    platform.apply().run().success();
    assert_eq!(platform.gitops.git(&["ls-files"]), "README.md\napps/SEC-0007.yml");
}

#[test]
fn a_database_that_git_tracks_or_that_a_link_leads_to_is_not_opened() {
    let platform = seeded();
    let root = platform.catalog.path();
    let outside = root.with_file_name("outside");
    fs::create_dir(&outside).unwrap();
    symlink("../outside", root.join("link")).unwrap();
    symlink("../outside/x.db", root.join("x.db")).unwrap();
    platform.catalog.write("data/store.db", "").write("hot/store.db-journal", "SQLite");
    platform.catalog.write("wal/store.db-wal", "SQLite").write("folder/x/y", "");
    for (path, why) in [
        ("data/store.db", "is tracked by git (`data/store.db`)"),
        ("./link/../repository/data/store.db", "leads through the symbolic link"),
        ("hot/store.db", "is tracked by git (`hot/store.db-journal`)"),
        ("wal/store.db", "is tracked by git (`wal/store.db-wal`)"),
        ("folder/x", "is tracked by git"),
        ("goldenpath.yaml", "is tracked by git"),
        ("link/store.db", "leads through the symbolic link"),
        ("x.db", "leads through the symbolic link"),
        (".git/store.db", "is in git's own folder"),
        ("../outside/../repository/data/store.db", "is tracked by git"),
    ] {
        configure(&platform, &format!("store:\n  backend: local\n  path: {path}"));
        refused(platform.apply().run(), "store.path", why);
        configure(
            &platform,
            &format!("environments:\n  dev:\n    store:\n      backend: local\n      path: {path}"),
        );
        refused(platform.apply().run(), "environments.dev.store.path", why);
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(platform.catalog.read("data/store.db"), "");

    // Staged counts like committed, and a file removed from the index is still in the last commit.
    configure(&platform, "store:\n  backend: local\n  path: data/store.db");
    platform.catalog.git(&["rm", "--quiet", "--cached", "data/store.db"]);
    refused(platform.apply().run(), "store.path", "is tracked by git");
    platform.catalog.git(&["commit", "--quiet", "--message", "Not tracked any more"]);
    for (path, mode) in [("data", 0o700), ("data/store.db", 0o600)] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    platform.apply().run().success();
    for path in ["../outside/store.db", ".goldenpath/store.db"] {
        configure(&platform, &format!("store:\n  backend: local\n  path: {path}"));
        platform.apply().run().success();
        assert!(root.join(path).is_file(), "{path}");
    }
}

#[test]
fn a_key_file_or_a_kubeconfig_of_the_repository_is_not_read() {
    let platform = seeded();
    let root = platform.catalog.path();
    platform.catalog.write("ci/file", "x\n").write(".git/file", "x\n");
    symlink(root.join("ci/file"), root.with_file_name("around")).unwrap();
    symlink(root.join("ci"), platform.catalog.home().join("ci")).unwrap();
    let absolute = root.join("ci/file").display().to_string();
    for path in [
        "ci/file",
        "./ci/../ci/file",
        "../around",
        "~/ci/file",
        ".git/file",
        "missing/file",
        &absolute,
    ] {
        configure(&platform, &format!("store:\n  backend: local\n  keyFile: {path}"));
        refused(
            platform.catalog.goldenpath(&["value", "status"]).run(),
            "store.keyFile",
            "of the catalog's repository",
        );
        let cluster = format!("    cluster:\n      context: dev\n      kubeconfig: {path}");
        configure(
            &platform,
            &format!("store: {{ backend: local }}\nenvironments:\n  dev:\n{cluster}"),
        );
        refused(platform.apply().run(), "environments.dev.cluster.kubeconfig", "repository");
    }
    configure(&platform, "store:\n  backend: local\n  keyFile: ../own.key");
    platform.apply().run().success();
    platform.catalog.goldenpath(&["value", "generate", "SEC-0007", "--yes"]).run().success();
    assert!(root.with_file_name("own.key").is_file());
}

#[test]
fn a_url_of_the_repository_goes_by_https_ssh_and_files_alone_unless_the_user_has_it_otherwise() {
    let platform = seeded();
    let ran = platform.catalog.path().with_file_name("ran");
    let ext = format!("ext::sh -c touch% {}", ran.display());
    for url in [
        ext.as_str(),
        "http://localhost:1/x.git",
        "git://localhost:1/x.git",
        "fd::7",
        "FILE:///x",
        "evil::x",
    ] {
        configure(
            &platform,
            &format!("store: {{ backend: local }}\ngitops:\n  branch: main\n  url: \"{url}\""),
        );
        refused(platform.apply().run(), "gitops.url", "uses the protocol");
    }
    assert!(!ran.exists());

    // The user's own setting applies, either way.
    configure(
        &platform,
        &format!("store: {{ backend: local }}\ngitops:\n  branch: main\n  url: \"{ext}\""),
    );
    platform.apply().env("GIT_ALLOW_PROTOCOL", "ext").run().fails_with(1);
    assert!(ran.exists(), "the control: it would run");
    fs::remove_file(&ran).unwrap();
    platform.apply().env("GIT_ALLOW_PROTOCOL", "https:ssh").run().fails_with(1);
    assert!(!ran.exists());
    platform.catalog.git(&["config", "--global", "protocol.ext.allow", "always"]);
    platform.apply().run().fails_with(1);
    assert!(ran.exists());
    let outside = Repository::bare();
    let url = outside.path().display().to_string();
    configure(
        &platform,
        &format!("store: {{ backend: local }}\ngitops:\n  branch: main\n  url: \"{url}\""),
    );
    platform.catalog.git(&["config", "--global", "protocol.file.allow", "never"]);
    let outcome = platform.apply().run().fails_with(1);
    assert!(words(&outcome).contains("transport 'file' not allowed"), "{}", outcome.stderr);
    platform.catalog.git(&["config", "--global", "protocol.file.allow", "always"]);
    platform.apply().run().success();
}

#[test]
fn remotes_in_gits_own_configuration_go_as_git_has_it() {
    let platform = seeded();
    let remote = Repository::bare();
    let url = remote.path().display().to_string();
    platform.catalog.git(&["remote", "add", "origin", &url]);
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
    configure(&platform, "store: { backend: local }\naudit: { branch: trail }");
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
    // A protocol that URLs in the repository's files may not use.
    let ran = platform.catalog.path().with_file_name("ran");
    let ext = format!("ext::sh -c touch% {};git% %s% {url}", ran.display());
    platform.catalog.git(&["config", "protocol.ext.allow", "always"]);
    platform.catalog.git(&["config", "--global", "protocol.ext.allow", "always"]);
    platform.catalog.git(&["remote", "set-url", "origin", &ext]);
    platform.apply().run().success();
    assert!(ran.exists());
    assert!(remote.git(&["ls-tree", "-r", "--name-only", "trail"]).starts_with("events/"));
}

#[test]
fn an_old_git_gets_one_warning_a_run_and_a_new_one_none() {
    let platform = seeded();
    let (one, other) = (Repository::bare(), Repository::bare());
    let (one, other) = (one.path().display().to_string(), other.path().display().to_string());
    configure(
        &platform,
        &format!(
            "store:\n  backend: local\ngitops:\n  url: {one}\nenvironments:\n  prod:\n    \
             gitops:\n      url: {other}"
        ),
    );
    let prod = goldenpath_testkit::request("SEC-0008", "prod-key").replace("dev", "prod");
    platform
        .catalog
        .write("catalogs/secrets/payments/prod/SEC-0008.yaml", &prod)
        .commit_all("SEC-0008");
    let folder = platform.catalog.path().with_file_name("bin");
    fs::create_dir(&folder).unwrap();
    let path = std::env::var("PATH").unwrap();
    let run = |version: &str| {
        let program = format!(
            "#!/bin/sh\nfor a; do [ \"$a\" = --version ] && echo '{version}' && exit; done\n\
             PATH='{path}' exec git \"$@\"\n"
        );
        fs::write(folder.join("git"), program).unwrap();
        fs::set_permissions(folder.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
        platform
            .plan(&[])
            .env("PATH", format!("{}:{path}", folder.display()))
            .run()
            .success()
            .stderr
    };
    for version in
        ["git version 2.45.0", "git version 2.39.5 (Apple Git-154)", "git version 2.43.0.windows.1"]
    {
        let said = run(version);
        assert_eq!(said.matches("is older than 2.45.1").count(), 1, "{said}");
    }
    for version in ["git version 2.45.1", "git version 2.46.0-rc1", "git version 3.0.0"] {
        assert!(!run(version).contains("older"), "{version}");
    }
    assert!(run("hub").contains("git does not report whether it is older than 2.45.1"));
}

#[test]
fn a_repository_that_was_committed_into_another_is_not_taken_for_the_catalogs() {
    let around = Repository::new();
    let ran = around.path().with_file_name("ran");
    let folder = around.path().join("catalogs");
    evil(&folder, &ran);
    let settings = [
        "[core]\n\tbare = true\n".to_owned(),
        "[core]\n\tbare = false\n\tworktree = .\n".to_owned(),
        "[core]\n\tbare = false\n\tworktree = ..\n".to_owned(),
    ];
    for settings in settings {
        let remote = format!(
            "[remote \"origin\"]\n\turl = ext::sh -c touch% {}\n[protocol]\n\tallow = always\n",
            ran.display()
        );
        fs::write(folder.join("config"), format!("{settings}{remote}")).unwrap();
        for arguments in
            [&["id", "next"][..], &["validate"], &["plan"], &["id", "list", "--remote"]]
        {
            let outcome = around.goldenpath(&[&["-C", "catalogs"], arguments].concat()).run();
            assert_eq!(outcome.code, 2, "{settings} {arguments:?}\n{}", outcome.stderr);
        }
        let outcome = around.goldenpath(&["-C", "catalogs", "id", "next"]).run().fails_with(2);
        assert!(
            words(&outcome).contains("is a bare repository among the files of"),
            "{}",
            outcome.stderr
        );
        assert!(!ran.exists());
    }
    // A bare repository on its own can be read, and one with a separate git folder is valid.
    Repository::bare().goldenpath(&["id", "next"]).run().fails_with(2);
    let separate = around.path().with_file_name("separate");
    around.git(&["init", "--quiet", "--separate-git-dir", separate.to_str().unwrap(), "../tree"]);
    around.goldenpath(&["-C", "../tree", "validate"]).run().success();
}
