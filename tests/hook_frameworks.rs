//! The hook frameworks from PyPI. Each runs on a repository whose configuration names this project
//! by `file://`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::hooks::{commit, commit_all, manifest, path, path_with_goldenpath, with_status, wrong};
use goldenpath_testkit::{Command, Outcome, Repository, hook_programs};

const FRAMEWORKS: [Framework; 2] = [Framework::PreCommit, Framework::Prek];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framework {
    PreCommit,
    Prek,
}

impl Framework {
    /// Returns the framework's command, offline except for what a hook's language needs.
    fn command(self, repository: &Repository, arguments: &[&str]) -> Command {
        let programs = hook_programs();
        let program = |name: &str| programs.join(name).to_str().unwrap().to_owned();
        let command = match self {
            // Its console script contains the path of the environment before it was moved, so run
            // the module.
            Self::PreCommit => repository
                .program(&program("python"), &[&["-I", "-m", "pre_commit"], arguments].concat()),
            Self::Prek => repository.program(&program("prek"), arguments),
        };
        command.env("PATH", path_with_goldenpath())
    }

    /// Returns a repository with `hooks` in its configuration, installed by the framework.
    #[track_caller]
    fn installed(self, repos: &str) -> Repository {
        let repository = Repository::new();
        repository.write(
            CONFIG,
            &format!("default_install_hook_types: [pre-commit, pre-merge-commit]\nrepos:\n{repos}"),
        );
        self.command(&repository, &["install"]).run().success();
        for hook in ["pre-commit", "pre-merge-commit"] {
            assert!(repository.exists(format!(".git/hooks/{hook}")), "{self:?} installs {hook}");
        }
        repository
    }
}

const CONFIG: &str = ".pre-commit-config.yaml";

/// Returns this project as a repository of one commit, created from the files of the work tree, so
/// that it works in a checkout without `.git`.
#[track_caller]
fn project() -> Repository {
    let repository = Repository::new();
    let (root, to) = (Path::new(env!("CARGO_MANIFEST_DIR")), repository.path());
    for part in [
        &[
            ".cargo",
            ".pre-commit-hooks.yaml",
            "Cargo.toml",
            "Cargo.lock",
            "rust-toolchain.toml",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
        ][..],
        &["src", "crates", "xtask", "hooks", "schemas", "templates"],
    ]
    .concat()
    {
        repository
            .program("cp", &["-R", root.join(part).to_str().unwrap(), to.to_str().unwrap()])
            .run()
            .success();
    }
    repository.write("tests/main.rs", "").commit_all("The project");
    repository
}

/// Returns the item under `repos:` for the hook `id` of `project`.
fn from(project: &Repository, id: &str) -> String {
    let (path, revision) = (project.path(), project.git(&["rev-parse", "HEAD"]));
    format!("- repo: file://{}\n  rev: {revision}\n  hooks:\n    - id: {id}\n", path.display())
}

/// Returns the item that `goldenpath init` adds.
fn from_init() -> String {
    let repository = Repository::new();
    let other = "repos:\n- repo: local\n  hooks: []\n";
    repository.write(CONFIG, other);
    repository.goldenpath(&["init"]).run().success();
    repository.read(CONFIG).strip_prefix(other).unwrap().to_owned()
}

/// Returns each framework's output for a commit that breaks a rule, and for one that fixes it.
pub(crate) fn shown() -> Vec<(&'static str, String)> {
    let shown = |framework: Framework| {
        let repository = framework.installed(&from_init());
        repository.write(path("SEC-0001"), &wrong("SEC-0001"));
        let refused = commit_all(&repository).fails_with(1).stderr;
        repository.write(path("SEC-0001"), &manifest("SEC-0001"));
        format!(
            "{refused}\n$ git add --all && git commit\n{}",
            commit_all(&repository).success().stderr
        )
    };
    vec![("pre-commit", shown(Framework::PreCommit)), ("prek", shown(Framework::Prek))]
}

/// Asserts that a framework's output for a failed hook contains the finding.
#[track_caller]
fn is_refused(outcome: Outcome, rule: &str) {
    let outcome = outcome.fails_with(1);
    let said = outcome.said();
    assert!(said.contains(rule) && said.contains("goldenpath validate"), "{said}");
}

#[track_caller]
fn passes(outcome: Outcome) {
    let said = outcome.success().said();
    assert!(said.contains("goldenpath validate") && said.contains("Passed"), "{said}");
}

/// Checks a framework with the hook from `repos`.
#[track_caller]
fn behaves(framework: Framework, repos: &str) {
    let repository = framework.installed(repos);
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    is_refused(commit_all(&repository), "GP105");
    repository.write(path("SEC-0001"), &manifest("SEC-0001"));
    passes(commit_all(&repository));

    // Partly staged: the mistake is only in the work tree, and then only in the index.
    repository.write(path("SEC-0001"), &manifest("SEC-0001").replace("ttlDays: 30", "ttlDays: 60"));
    repository.git(&["add", "--all"]);
    repository.write(path("SEC-0001"), &wrong("SEC-0001").replace("ttlDays: 30", "ttlDays: 60"));
    passes(commit(&repository, &[]));
    assert!(repository.read(path("SEC-0001")).contains("lwo"), "what was not staged is back");
    repository.git(&["add", "--all"]);
    repository.write(path("SEC-0001"), &manifest("SEC-0001"));
    is_refused(commit(&repository, &[]), "GP105");
    assert_eq!(repository.read(path("SEC-0001")), manifest("SEC-0001"));
    repository.git(&["checkout", "--quiet", "HEAD", "--", "."]);

    // The temporary index of git.
    repository.write(path("SEC-0001"), &wrong("SEC-0001"));
    is_refused(commit(&repository, &["--all"]), "GP105");
    is_refused(commit(&repository, &[&path("SEC-0001")]), "GP105");
    repository.git(&["checkout", "--quiet", "HEAD", "--", "."]);

    // Changes without a file to pass: a deleted manifest, and changed rules.
    repository.git(&["rm", "--quiet", &path("SEC-0001")]);
    is_refused(commit(&repository, &[]), "GP404");
    repository.git(&["reset", "--quiet", "--hard"]);
    repository.write("schemas/metadata/enums.yaml", "riskTiers: [medium, high]\n");
    is_refused(commit_all(&repository), "GP105");
    repository.git(&["reset", "--quiet", "--hard"]);

    // Rules that compare with the commit before.
    repository.write(path("SEC-0001"), &with_status("SEC-0001", "decommissioned"));
    is_refused(commit_all(&repository), "GP403");
    repository.git(&["reset", "--quiet", "--hard"]);

    // Added with `--intent-to-add`.
    repository.write(path("SEC-0002"), &wrong("SEC-0002")).write("README.md", "words");
    repository.git(&["add", "--intent-to-add", &path("SEC-0002")]);
    repository.git(&["add", "README.md"]);
    passes(commit(&repository, &[]));
    repository.git(&["reset", "--quiet"]);
    fs::remove_file(repository.path().join(path("SEC-0002"))).unwrap();

    // A merge commit.
    for (branch, id) in [("left", "SEC-0003"), ("right", "SEC-0004")] {
        repository.git(&["switch", "--quiet", "--create", branch, "main"]);
        repository.write(
            path(id),
            &manifest(id).replace(&format!("Name: {}", id.to_lowercase()), "Name: same"),
        );
        passes(commit_all(&repository));
    }
    is_refused(crate::hooks::git(&repository, &["merge", "--no-edit", "left"]).run(), "GP304");
    repository.git(&["merge", "--abort"]);

    // All files, as in a pipeline: a committed mistake is found, and a passing run has checked
    // files.
    let all = || framework.command(&repository, &["run", "--all-files", "--verbose"]).run();
    let seen = all().success().said();
    assert!(seen.contains("checked 2 manifests: no findings"), "{seen}");
    repository.write(path("SEC-0001"), &wrong("SEC-0001")).git(&["add", "--all"]);
    commit(&repository, &["--no-verify"]).success();
    is_refused(all(), "GP105");
}

#[test]
fn pre_commit_runs_the_installed_binary_as_this_project_offers_it() {
    let project = project();
    behaves(Framework::PreCommit, &from(&project, "goldenpath-validate-system"));
}

#[test]
fn prek_runs_the_installed_binary_as_this_project_offers_it() {
    let project = project();
    behaves(Framework::Prek, &from(&project, "goldenpath-validate-system"));
}

#[test]
fn pre_commit_runs_the_hook_that_init_adds() {
    behaves(Framework::PreCommit, &from_init());
}

#[test]
fn prek_runs_the_hook_that_init_adds() {
    behaves(Framework::Prek, &from_init());
}

#[test]
fn the_frameworks_find_nothing_wrong_with_what_this_project_offers() {
    let repository = Repository::new();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml");
    for framework in FRAMEWORKS {
        framework
            .command(&repository, &["validate-manifest", manifest.to_str().unwrap()])
            .run()
            .success();
        let repos = from(&project(), "goldenpath-validate") + &from_init();
        repository.write(CONFIG, &format!("repos:\n{repos}"));
        let said =
            framework.command(&repository, &["validate-config", CONFIG]).run().success().said();
        assert!(!said.to_lowercase().contains("warn"), "{said}");
    }
}

#[test]
fn the_two_hooks_that_this_project_offers_differ_in_where_the_binary_comes_from_alone() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml"))
            .unwrap();
    let repository = Repository::new();
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    let python = hook_programs().join("python");
    let read = repository
        .program(python.to_str().unwrap(), &["-c", script])
        .stdin(&text)
        .run()
        .success()
        .json();
    let [built, installed] = read.as_array().unwrap().as_slice() else { panic!("{read}") };
    assert_eq!(
        (&built["id"], &built["language"]),
        (&Value::from("goldenpath-validate"), &Value::from("rust"))
    );
    let mut expected = built.clone();
    for (key, value) in [("id", "goldenpath-validate-system"), ("language", "system")] {
        expected[key] = value.into();
    }
    for key in ["description", "entry"] {
        expected[key] = installed[key].clone();
    }
    assert_eq!(*installed, expected);
    let entry = installed["entry"].as_str().unwrap();
    assert!(entry.contains(&format!(" && exec {} ", built["entry"].as_str().unwrap())), "{entry}");
    // `init` adds the same, with the paths of the configuration.
    let text = from_init();
    let own = repository.program(python.to_str().unwrap(), &["-c", script]).stdin(&text).run();
    assert_eq!(own.success().json()[0]["hooks"][0]["entry"], installed["entry"]);
    // The binary of `language: rust` is the one that the project installs.
    assert!(
        built["entry"].as_str().unwrap().starts_with(concat!(env!("CARGO_PKG_NAME"), " ")),
        "{built}"
    );
}

#[test]
fn without_goldenpath_a_commit_passes_that_it_would_not_check() {
    let project = project();
    for framework in FRAMEWORKS {
        for repos in [from(&project, "goldenpath-validate-system"), from_init()] {
            let repository = framework.installed(&repos);
            let path_of_git = std::env::var_os("PATH").unwrap_or_default();
            let commit = |file: &str| {
                let command = repository.program("git", &["commit", "--message", file]);
                command.env("PATH", &path_of_git).run()
            };
            repository.write("README.md", "x\n").git(&["add", "--all"]);
            passes(commit("README.md"));
            let id = path("SEC-0001");
            for file in [id.as_str(), "schemas/metadata/enums.yaml", "goldenpath.yaml"] {
                for change in [&["add", "--all"][..], &["rm", "--quiet", "--cached", file]] {
                    repository.write(file, "x\n").git(change);
                    let said = commit(file).fails_with(1).said();
                    assert!(said.contains("install it: run cargo install"), "{file}: {said}");
                    repository.git(&["commit", "--quiet", "--no-verify", "--message", file]);
                }
                fs::remove_file(repository.path().join(file)).unwrap();
            }
            // In a pipeline nothing is staged, but there are files to check.
            repository.write(&id, "x\n").git(&["add", "--all"]);
            repository.git(&["commit", "--quiet", "--no-verify", "--message", "x"]);
            let all = framework.command(&repository, &["run", "--all-files"]);
            all.env("PATH", &path_of_git).run().fails_with(1);
        }
    }
}

#[test]
fn frameworks_and_native_hooks_get_along_whoever_came_first() {
    let project = project();
    for framework in FRAMEWORKS {
        // If the framework is installed first, its hook runs first.
        let repository = framework.installed(&from(&project, "goldenpath-validate-system"));
        let chained =
            repository.goldenpath(&["hook", "install", "pre-commit"]).run().success().stdout;
        assert!(chained.contains("the previous hook runs first"), "{chained}");
        repository.write(path("SEC-0001"), &manifest("SEC-0001"));
        let said = commit_all(&repository).passes(1).said();
        assert!(said.contains("Passed"), "{said}");
        repository.write(path("SEC-0001"), &wrong("SEC-0001"));
        is_refused(commit_all(&repository), "GP105");
        repository.goldenpath(&["hook", "uninstall"]).run().success();
        is_refused(commit_all(&repository), "GP105");

        // If ours is installed first, the framework keeps it as its legacy hook. Another install
        // must not make the two call each other.
        let repository = Repository::new();
        repository.goldenpath(&["hook", "install", "pre-commit"]).run().success();
        repository
            .write(CONFIG, &format!("repos:\n{}", from(&project, "goldenpath-validate-system")));
        framework.command(&repository, &["install"]).run().success();
        assert!(repository.exists(".git/hooks/pre-commit.legacy"), "{framework:?}");
        let called =
            repository.goldenpath(&["hook", "install", "pre-commit"]).run().success().stdout;
        assert!(called.contains("already"), "{called}");
        repository.write(path("SEC-0001"), &manifest("SEC-0001"));
        passes(commit_all(&repository));
        repository.goldenpath(&["hook", "uninstall"]).run().success();
        assert!(!repository.exists(".git/hooks/pre-commit.legacy"), "{framework:?}");
        repository.write(path("SEC-0001"), &wrong("SEC-0001"));
        is_refused(commit_all(&repository), "GP105");
    }
}

/// Returns a folder with a wheel that has the built program, as maturin makes it.
fn wheels(repository: &Repository) -> String {
    let folder = repository.home().join("wheels");
    fs::create_dir_all(&folder).unwrap();
    // Stored, not compressed: the debug build is large.
    let script = "import sys, zipfile\n\
        program, version, folder = sys.argv[1:]\n\
        name = f'goldenpath-{version}'\n\
        info = f'{name}.dist-info'\n\
        files = {\n\
        f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: goldenpath\\nVersion: {version}\\n',\n\
        f'{info}/WHEEL': 'Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: py3-none-any\\n',\n\
        }\n\
        script = f'{name}.data/scripts/goldenpath'\n\
        record = ''.join(f'{path},,\\n' for path in [*files, script, f'{info}/RECORD'])\n\
        with zipfile.ZipFile(f'{folder}/{name}-py3-none-any.whl', 'w') as wheel:\n    \
        wheel.write(program, script)\n    \
        files[f'{info}/RECORD'] = record\n    \
        for path, text in files.items(): wheel.writestr(path, text)\n";
    let program = env!("CARGO_BIN_EXE_goldenpath");
    let arguments = ["-c", script, program, env!("CARGO_PKG_VERSION"), folder.to_str().unwrap()];
    let python = hook_programs().join("python");
    repository.program(python.to_str().unwrap(), &arguments).run().success();
    folder.to_str().unwrap().to_owned()
}

/// Checks the hooks of the mirror, which a framework installs from a folder of wheels alone.
#[track_caller]
fn mirror_works(framework: Framework) {
    let mirror = Repository::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks-mirror/.");
    let (from_folder, to) = (source.to_str().unwrap(), mirror.path());
    mirror.program("cp", &["-R", from_folder, to.to_str().unwrap()]).run().success();
    mirror.commit_all("The mirror");
    let repos = from(&mirror, "goldenpath-fix") + "    - id: goldenpath-validate\n";
    let repository = framework.installed(&repos);
    let wheels = wheels(&repository);
    // The frameworks' own folder, which has python and uv, and no goldenpath.
    let path = format!("{}:/usr/bin:/bin", hook_programs().display());
    let offline = |command: Command| {
        command
            .env("PATH", &path)
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", &wheels)
            .env("UV_PYTHON_DOWNLOADS", "never")
    };
    // uv takes the folder from its settings alone.
    let settings = format!("no-index = true\nfind-links = [\"{wheels}\"]\n");
    let folder = repository.home().join(".config/uv");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("uv.toml"), settings).unwrap();
    let start = std::time::Instant::now();
    offline(framework.command(&repository, &["install-hooks"])).run().success();
    eprintln!("{framework:?} installed the mirror's hooks in {:?}", start.elapsed());

    let attempt = || offline(repository.program("git", &["commit", "--message", "x"])).run();
    repository.write(path_of_first(), &manifest("SEC-0001").replace("tier: low", "tier: Low"));
    repository.git(&["add", "--all"]);
    // A fix fails the commit once, and the next one has it.
    let said = attempt().fails_with(1).said();
    assert!(said.contains("goldenpath fix") && said.contains("fixed 1 of 1 finding"), "{said}");
    assert_eq!(repository.read(path_of_first()), manifest("SEC-0001"));
    let said = attempt().success().said();
    assert!(said.contains("goldenpath validate") && said.contains("Passed"), "{said}");
    // What has no safe fix is reported.
    repository.write(path_of_first(), &with_status("SEC-0001", "decommissioned"));
    repository.git(&["add", "--all"]);
    is_refused(attempt(), "GP403");
}

fn path_of_first() -> String {
    path("SEC-0001")
}

#[test]
fn pre_commit_installs_the_hooks_of_the_mirror_from_a_wheel() {
    mirror_works(Framework::PreCommit);
}

#[test]
fn prek_installs_the_hooks_of_the_mirror_from_a_wheel() {
    mirror_works(Framework::Prek);
}

#[test]
fn the_mirror_names_this_version_and_no_other_package() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks-mirror");
    let text = fs::read_to_string(folder.join("pyproject.toml")).unwrap();
    let dependency = concat!("dependencies = [\"goldenpath==", env!("CARGO_PKG_VERSION"), "\"]");
    assert!(text.contains(dependency) && text.contains("requires = []"), "{text}");
}

/// Each framework compiles this project, which takes minutes: `cargo test -- --ignored
/// from_source`. The frameworks download the dependencies from the registry, and share a build if
/// they select the same toolchain.
#[test]
#[ignore = "compiles the project and all that it depends on"]
fn both_frameworks_build_the_hook_from_source() {
    let project = project();
    for framework in FRAMEWORKS {
        let repository = framework.installed(&from(&project, "goldenpath-validate"));
        // The toolchain of the user who runs the tests, without a goldenpath of theirs.
        let home = std::env::var_os("HOME").unwrap_or_default();
        let toolchain = |name: &str, folder: &str| {
            std::env::var_os(name).unwrap_or_else(|| Path::new(&home).join(folder).into_os_string())
        };
        let without = |command: Command| {
            command
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("RUSTUP_HOME", toolchain("RUSTUP_HOME", ".rustup"))
                .env("CARGO_HOME", toolchain("CARGO_HOME", ".cargo"))
                .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("from-source"))
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        };
        without(framework.command(&repository, &["install-hooks"])).run().success();
        repository.write(path("SEC-0001"), &wrong("SEC-0001")).git(&["add", "--all"]);
        let attempt = || without(repository.program("git", &["commit", "--message", "x"])).run();
        is_refused(attempt(), "GP105");
        repository.write(path("SEC-0001"), &manifest("SEC-0001")).git(&["add", "--all"]);
        passes(attempt());
    }
}
