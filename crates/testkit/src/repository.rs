//! Real git repositories, created with the `git` program.

use std::env::consts::EXE_SUFFIX;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use walkdir::WalkDir;

use crate::Command;

/// The author of commits. It is in the home directory, where the `git` program and libgit2 look.
const GITCONFIG: &str = "\
[user]
\tname = Dev Eloper
\temail = dev@example.com
[init]
\tdefaultBranch = main
";

/// The date of commits: the same content has the same commit ID on every run.
///
/// No test runs on it, so that a ttl expires only in a test that is about that.
const DATE: &str = "2099-01-01T12:00:00Z";

/// A git repository in a temporary directory, next to a home directory of its own.
pub struct Repository {
    directory: TempDir,
}

/// A file or, without content, a folder, by its path.
type TreeEntry = (PathBuf, Option<Vec<u8>>, Permissions);

/// The files of an empty repository: writing them takes less than half the time of `git init`.
static EMPTY: OnceLock<Vec<TreeEntry>> = OnceLock::new();

/// Returns the files that `git init` creates, except the examples of hooks.
fn initialize() -> Vec<TreeEntry> {
    let repository = Repository::nothing_yet();
    repository.git(&["init", "--quiet"]);
    let root = repository.path();
    let entries = WalkDir::new(&root).min_depth(1).into_iter();
    let entries = entries.map(|entry| entry.expect("a file of the repository"));
    let entries = entries.filter(|entry| entry.path().extension() != Some("sample".as_ref()));
    let entries = entries.map(|entry| {
        let path = entry.path().strip_prefix(&root).expect("a path below it").to_owned();
        let metadata = entry.metadata().expect("the kind of the file");
        let content = metadata.is_file().then(|| fs::read(entry.path()).expect("its content"));
        (path, content, metadata.permissions())
    });
    entries.collect()
}

fn write_tree(root: &Path, entries: &[TreeEntry]) {
    for (path, content, permissions) in entries {
        let path = root.join(path);
        match content {
            None => fs::create_dir(&path),
            Some(content) => fs::write(&path, content),
        }
        .and_then(|()| fs::set_permissions(&path, permissions.clone()))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }
}

/// Returns the path of the program under test, which Cargo builds next to the tests.
#[must_use]
pub fn program() -> String {
    let program = crate::python::profile_directory().join(format!("goldenpath{EXE_SUFFIX}"));
    program.to_str().expect("a path in UTF-8").to_owned()
}

impl Repository {
    /// Creates an empty repository on the branch `main`.
    #[track_caller]
    pub fn new() -> Self {
        let repository = Self::nothing_yet();
        write_tree(&repository.path(), EMPTY.get_or_init(initialize));
        repository
    }

    /// Creates a bare repository, as a remote of others.
    #[track_caller]
    pub fn bare() -> Self {
        let repository = Self::nothing_yet();
        repository.git(&["init", "--quiet", "--bare"]);
        repository
    }

    #[track_caller]
    pub fn clone_of(origin: &Self) -> Self {
        let repository = Self::nothing_yet();
        let origin = origin.path();
        let origin = origin.to_str().expect("a path in UTF-8");
        repository.git(&["clone", "--quiet", origin, "."]);
        repository
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// Returns the home directory of every program that runs in this repository.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// Writes a file and creates its parent directories.
    #[track_caller]
    pub fn write(&self, file: impl AsRef<Path>, content: &str) -> &Self {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("a file in the repository"))
            .and_then(|()| fs::write(&path, content))
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        self
    }

    #[track_caller]
    pub fn read(&self, file: impl AsRef<Path>) -> String {
        let path = self.path().join(file);
        fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }

    pub fn exists(&self, file: impl AsRef<Path>) -> bool {
        self.path().join(file).exists()
    }

    /// Makes the `git` program reach a bare repository at `url`; libgit2 sees the URL as it is.
    #[track_caller]
    pub fn serve(&self, url: &str) {
        let server = self.directory.path().join("server");
        if !server.exists() {
            self.git(&["init", "--quiet", "--bare", server.to_str().expect("a path in UTF-8")]);
        }
        let folder = self.home().join("bin");
        let git = folder.join("git");
        let path = std::env::var("PATH").unwrap_or_default();
        let script = format!(
            "#!/bin/sh\nPATH='{path}'\nexport PATH\nexec git -c 'url.{}.insteadOf={url}' \"$@\"\n",
            server.display()
        );
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&git, script))
            .and_then(|()| fs::set_permissions(&git, Permissions::from_mode(0o755)))
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", git.display()));
    }

    /// Returns the recorded events of a secret, one JSON object a line.
    ///
    /// Actions that did not start are left out.
    #[track_caller]
    pub fn trail(&self, id: &str) -> String {
        let shown = self.goldenpath(&["audit", "show", "--format", "json"]).run().success().json();
        let events = shown["events"].as_array().expect("a list of events");
        let of_id = events.iter().filter(|event| event["id"] == id);
        of_id
            .filter(|event| event["result"] != "not-started")
            .map(|event| format!("{event}\n"))
            .collect()
    }

    /// Returns the commit of the audit branch, and its number of commits.
    pub fn audit_branch(&self) -> (String, usize) {
        let branch = "refs/heads/goldenpath/audit";
        let count = self.git(&["rev-list", "--count", branch]);
        (self.git(&["rev-parse", branch]), count.parse().expect("a number"))
    }

    /// Runs `git` and returns its stdout without surrounding whitespace.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_on(DATE, arguments)
    }

    /// Runs `git` as if `days` ago.
    #[track_caller]
    pub fn git_days_ago(&self, days: u64, arguments: &[&str]) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock that is not before 1970")
            .as_secs();
        self.git_on(&format!("@{} +0000", now - days * 24 * 60 * 60), arguments)
    }

    #[track_caller]
    fn git_on(&self, date: &str, arguments: &[&str]) -> String {
        let dates = [("GIT_AUTHOR_DATE", date), ("GIT_COMMITTER_DATE", date)];
        self.program("git", arguments).envs(dates).run().success().stdout.trim().to_owned()
    }

    /// Commits everything in the work tree.
    #[track_caller]
    pub fn commit_all(&self, message: &str) -> &Self {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self
    }

    /// Commits everything in the work tree as if `days` ago.
    #[track_caller]
    pub fn commit_all_days_ago(&self, days: u64, message: &str) -> &Self {
        self.git(&["add", "--all"]);
        self.git_days_ago(days, &["commit", "--quiet", "--message", message]);
        self
    }

    /// Returns a command that runs the program under test at the top of this repository.
    pub fn goldenpath(&self, arguments: &[&str]) -> Command {
        self.program(&program(), arguments)
    }

    /// Returns a command that runs another program at the top of this repository.
    pub fn program(&self, program: &str, arguments: &[&str]) -> Command {
        Command::new(program, arguments, &self.path(), &self.home())
    }

    fn nothing_yet() -> Self {
        let repository = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir(repository.path())
            .and_then(|()| fs::create_dir(repository.home()))
            .and_then(|()| fs::write(repository.home().join(".gitconfig"), GITCONFIG))
            .expect("a home and a place for the repository");
        repository
    }
}

#[test]
fn a_commit_travels_from_one_clone_to_another() {
    let origin = Repository::bare();
    let ours = Repository::clone_of(&origin);
    ours.write("apps/web/app.yaml", "name: web\n").commit_all("Add web");
    ours.git(&["push", "--quiet", "origin", "main"]);

    let theirs = Repository::clone_of(&origin);
    assert_eq!(theirs.read("apps/web/app.yaml"), "name: web\n");
    assert!(!theirs.exists("apps/api"));
    let log = theirs.git(&["log", "--format=%s by %an at %at"]);
    assert_eq!(log, "Add web by Dev Eloper at 4070952000");
}

#[test]
fn goldenpath_runs_at_the_top_of_the_repository() {
    let repository = Repository::new();
    assert_eq!(repository.git(&["branch", "--show-current"]), "main");
    let outcome = repository.goldenpath(&["--version"]).run().success();
    assert!(outcome.stdout.starts_with("goldenpath "));
    let directory = repository.program("pwd", &[]).run().success().stdout;
    assert_eq!(directory.trim_end(), repository.path().to_str().unwrap());
}

#[test]
fn an_empty_repository_is_as_git_creates_it() {
    let (copied, created) = (Repository::new(), Repository::nothing_yet());
    created.git(&["init", "--quiet"]);
    let files = |repository: &Repository| {
        let list = "find . ! -name '*.sample' -printf '%P %y %m ' \
                    -a \\( -type f -exec cat {} \\; -o -true \\)";
        repository.program("sh", &["-c", list]).run().success().stdout
    };
    let sorted = |repository: &Repository| {
        let mut words: Vec<String> =
            files(repository).split_whitespace().map(str::to_owned).collect();
        words.sort();
        words
    };
    assert_eq!(sorted(&copied), sorted(&created));
    copied.write("a", "b").commit_all("First");
    assert_eq!(copied.git(&["status", "--porcelain"]), "");
}
