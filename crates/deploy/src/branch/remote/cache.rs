//! The bare repository under `.git/` with the last commit of a remote branch.
//!
//! It can be deleted while no run is in progress.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository, RepositoryInitOptions};
use sha2::{Digest, Sha256};

use super::{BranchError, BranchScope};
use goldenpath_core::crash_point;
use goldenpath_core::files;
use goldenpath_core::vcs;
use goldenpath_core::vcs::git::{Git, GitError, NETWORK};
use goldenpath_core::vcs::{COPIED_REFS, SourceError};

/// The default branch of an empty repository.
const FIRST_BRANCH: &str = "main";

/// A local copy of a remote repository.
pub(super) struct Cache {
    /// The name of the repository in messages.
    pub(super) what: &'static str,
    /// The URL or path for git.
    pub(super) target: String,
    /// The URL for messages, without a user and password.
    pub(super) name: String,
    pub(super) git: Repository,
    pub(super) program: Git,
    folder: PathBuf,
}

impl Cache {
    /// Opens the copy of the repository at `target` below `folder`, or creates it.
    pub(super) fn open(
        what: &'static str,
        target: String,
        name: String,
        folder: &Path,
    ) -> Result<Self, BranchError> {
        let digest = Sha256::digest(target.as_bytes());
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let folder = folder.join(digest);
        let unusable = |why: String| BranchError::Cache { what, path: folder.clone(), why };
        let _lock = lock(&folder).map_err(|error| unusable(error.to_string()))?;
        let git = match Repository::open_bare(&folder) {
            Ok(git) => git,
            Err(_) => create(&folder).map_err(|error| unusable(error.message().to_owned()))?,
        };
        crash_point::point("remote: cache made");
        let mut program = Git::new(&folder, &folder);
        // `.git/goldenpath/branches/<digest>`
        if let Some(owner) = folder.ancestors().nth(3) {
            let settings = vcs::signing_settings(owner);
            program = program.with_settings(settings.map_err(|why| unusable(why.to_string()))?);
        }
        Ok(Self { what, target, name, git, program, folder })
    }

    /// Queries the branch and its commit, and fetches the commit if it is new.
    pub(super) fn update(
        &self,
        branch: Option<&str>,
        scope: BranchScope,
    ) -> Result<(String, Option<Oid>), BranchError> {
        let _lock = lock(&self.folder).map_err(|error| self.unusable(error.to_string()))?;
        let wanted =
            branch.map_or_else(|| "HEAD".to_owned(), |branch| format!("refs/heads/{branch}"));
        let answer = self.run(&["ls-remote", "--quiet", "--symref", &self.target, &wanted])?;
        let lines: Vec<(&str, &str)> =
            answer.lines().filter_map(|line| line.split_once('\t')).collect();
        let head_branch = lines.iter().find_map(|(what, name)| {
            (*name == "HEAD")
                .then(|| what.strip_prefix("ref: refs/heads/"))
                .flatten()
                .map(str::to_owned)
        });
        let tip = lines
            .iter()
            .filter(|(_, name)| *name == wanted)
            .find_map(|(id, _)| id.parse::<Oid>().ok());
        let branch = match (branch, head_branch, tip) {
            (Some(branch), ..) => branch.to_owned(),
            (None, Some(branch), _) => branch,
            // Its HEAD is on a branch that does not exist yet, or on none.
            (None, None, _) => FIRST_BRANCH.to_owned(),
        };
        let Some(tip) = tip else {
            if scope != BranchScope::Existing {
                return Ok((branch, None));
            }
            let branches = self.run(&["ls-remote", "--quiet", "--heads", &self.target])?;
            return if branches.trim().is_empty() {
                Ok((branch, None))
            } else {
                Err(BranchError::NoBranch { what: self.what, place: self.name.clone(), branch })
            };
        };
        if self.git.find_commit(tip).and_then(|commit| commit.tree()).is_ok() {
            return Ok((branch, Some(tip)));
        }
        self.fetch(&branch, scope)
    }

    /// Returns the branch's commit as it was fetched last.
    pub(super) fn fetched(&self, branch: &str) -> Result<Option<Oid>, BranchError> {
        match self.git.refname_to_id(&format!("{COPIED_REFS}{branch}")) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Sets the branch's commit after a push, as a fetch would.
    pub(super) fn set_fetched(&self, branch: &str, commit: Oid) {
        // The next fetch sets it, too.
        let _ = self.git.reference(&format!("{COPIED_REFS}{branch}"), commit, true, "push");
    }

    /// Fetches a branch of another repository on this machine, as if it were the remote's.
    pub(super) fn fetch_local(
        &self,
        repository: &Path,
        reference: &str,
        branch: &str,
    ) -> Result<Oid, BranchError> {
        let _lock = lock(&self.folder).map_err(|error| self.unusable(error.to_string()))?;
        let fetched = format!("{COPIED_REFS}{branch}");
        let source = repository.display().to_string();
        let refspec = format!("+{reference}:{fetched}");
        let arguments = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
        self.run(&[&arguments[..], &[&source, &refspec]].concat())?;
        self.git.refname_to_id(&fetched).map_err(|error| self.broken(&error))
    }

    fn fetch(
        &self,
        branch: &str,
        scope: BranchScope,
    ) -> Result<(String, Option<Oid>), BranchError> {
        self.remove_git_locks();
        let fetched = format!("{COPIED_REFS}{branch}");
        let refspec = format!("+refs/heads/{branch}:{fetched}");
        let arguments = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--update-shallow",
        ];
        let depth: &[&str] = match scope {
            BranchScope::Existing | BranchScope::Optional => &["--depth=1"],
            BranchScope::OptionalWithHistory => &[],
        };
        self.run(&[&arguments[..], depth, &[&self.target, &refspec]].concat())?;
        crash_point::point("remote: fetched");
        // Each fetch adds a pack, so they are repacked at times. Objects that another run needs are
        // new, and stay.
        let _ = self.program.run_unchecked(
            &["-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"],
            NETWORK,
        );
        let tip = self.git.refname_to_id(&fetched).map_err(|error| self.broken(&error))?;
        Ok((branch.to_owned(), Some(tip)))
    }

    /// Returns the tree of a commit, or the empty tree for None.
    pub(super) fn tree_of(&self, commit: Option<Oid>) -> Result<Oid, git2::Error> {
        match commit {
            Some(commit) => Ok(self.git.find_commit(commit)?.tree_id()),
            None => self.git.treebuilder(None)?.write(),
        }
    }

    pub(super) fn broken(&self, error: &git2::Error) -> BranchError {
        self.unusable(error.message().to_owned())
    }

    pub(super) fn source(&self, source: SourceError) -> BranchError {
        BranchError::Source { what: self.what, path: self.folder.clone(), source }
    }

    fn unusable(&self, why: String) -> BranchError {
        BranchError::Cache { what: self.what, path: self.folder.clone(), why }
    }

    fn run(&self, arguments: &[&str]) -> Result<String, BranchError> {
        let answer = self.program.run(arguments, NETWORK);
        answer.map(|answer| answer.stdout).map_err(|source| self.unreachable(source))
    }

    pub(super) fn unreachable(&self, source: GitError) -> BranchError {
        BranchError::Unreachable { what: self.what, place: self.name.clone(), source }
    }

    /// Removes the locks of killed git processes: with our lock, no other is running.
    fn remove_git_locks(&self) {
        for lock in ["shallow.lock", "packed-refs.lock", "HEAD.lock", "config.lock", "gc.pid"] {
            let _ = fs::remove_file(self.folder.join(lock));
        }
        let refs = self.folder.join(COPIED_REFS);
        for entry in walkdir::WalkDir::new(refs).into_iter().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "lock") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Waits for the lock next to the folder.
///
/// Without it, git's own locks would make the second of two fetches fail.
fn lock(folder: &Path) -> io::Result<File> {
    let path = folder.with_extension("lock");
    fs::create_dir_all(folder.parent().unwrap_or(folder))?;
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    files::lock(&file, || ())?;
    Ok(file)
}

/// Creates the repository, replacing an incomplete one of a killed run.
fn create(folder: &Path) -> Result<Repository, git2::Error> {
    let _ = fs::remove_dir_all(folder);
    let mut options = RepositoryInitOptions::new();
    options.bare(true).external_template(false).no_reinit(true);
    Repository::init_opts(folder, &options)
}
