//! Commits to a branch of a remote repository.
//!
//! The branch is fetched into a local bare repository. A commit is created on the remote's commit
//! and pushed, and is in no work tree, so a killed run leaves nothing half-done.

mod cache;
mod push;

use std::cell::Cell;
use std::path::Path;

use git2::{Oid, Repository};

use super::{BranchError, TreeItem, tree};
use cache::Cache;
use goldenpath_core::config::GitUrl;
use goldenpath_core::vcs::git::{Protocols, without_password};
use goldenpath_core::vcs::{BRANCH_COPIES, resolve};

/// The repository and its branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePlace {
    /// A URL for git, or a path relative to the catalog's root.
    pub url: String,
    /// None for the branch of the repository's HEAD.
    pub branch: Option<String>,
}

/// A file in a new commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// Relative to the repository's root, with `/`.
    pub file: String,
    /// None to delete it.
    pub text: Option<String>,
}

/// Whether a branch must exist, and how much of it is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchScope {
    /// A repository with other branches must have it. Only its last commit is fetched.
    Existing,
    /// The first push creates it. Only its last commit is fetched.
    Optional,
    /// The first push creates it. Its whole history is fetched.
    OptionalWithHistory,
}

/// A branch of a remote repository, as it was at the last query.
pub struct RemoteBranch {
    cache: Cache,
    branch: String,
    scope: BranchScope,
    /// The branch's commit; None if the branch does not exist yet.
    head: Cell<Option<Oid>>,
}

impl RemoteBranch {
    /// Queries the repository for its branch, and fetches the commit if it is new.
    ///
    /// `what` is the name of the repository in messages. A path is relative to `root`.
    /// `data_folder` is kept between runs, and `protocols` are those that git may use.
    ///
    /// # Errors
    /// If the repository does not answer or has no such branch, or the file system reports an
    /// error.
    pub fn open(
        what: &'static str,
        place: &RemotePlace,
        root: &Path,
        data_folder: &Path,
        protocols: Protocols,
        scope: BranchScope,
    ) -> Result<Self, BranchError> {
        let mut cache = cache_of(what, place, root, data_folder)?;
        cache.program = cache.program.with_protocols(protocols);
        let (branch, head) = cache.update(place.branch.as_deref(), scope)?;
        Ok(Self { cache, branch, scope, head: Cell::new(head) })
    }

    /// Opens the branch as it was fetched last; None if it was not.
    ///
    /// # Errors
    /// If the file system reports an error.
    pub fn offline(
        what: &'static str,
        place: &RemotePlace,
        root: &Path,
        data_folder: &Path,
    ) -> Result<Option<Self>, BranchError> {
        if !data_folder.join(BRANCH_COPIES).is_dir() {
            return Ok(None);
        }
        let cache = cache_of(what, place, root, data_folder)?;
        let branch = place.branch.clone().unwrap_or_default();
        let head = cache.fetched(&branch)?;
        let scope = BranchScope::OptionalWithHistory;
        Ok(head.map(|head| Self { cache, branch, scope, head: Cell::new(Some(head)) }))
    }

    /// Queries the branch again, and fetches its commit if it is new.
    ///
    /// # Errors
    /// If the repository does not answer.
    pub fn update(&self) -> Result<(), BranchError> {
        let head = self.cache.update(Some(&self.branch), self.scope)?.1;
        self.set_head(head);
        Ok(())
    }

    /// Sets the branch's commit. History that the remote lost, or does not have yet, is kept.
    fn set_head(&self, head: Option<Oid>) {
        if head.is_some() || self.scope != BranchScope::OptionalWithHistory {
            self.head.set(head);
        }
    }

    /// Returns the files in which another branch differs from this one, with their content's IDs.
    ///
    /// Removed files are left out. Returns nothing if there is no such branch.
    ///
    /// # Errors
    /// If the repository does not answer, or the local copy cannot be read.
    pub fn files_changed_on(&self, branch: &str) -> Result<Vec<(String, Oid)>, BranchError> {
        let (_, Some(other)) = self.cache.update(Some(branch), BranchScope::Optional)? else {
            return Ok(Vec::new());
        };
        let git = &self.cache.git;
        let changed = || {
            let own = git.find_tree(self.cache.tree_of(self.head())?)?;
            let other = git.find_commit(other)?.tree()?;
            let diff = git.diff_tree_to_tree(Some(&own), Some(&other), None)?;
            let file = |delta: git2::DiffDelta<'_>| {
                let path = delta.new_file().path()?.to_str()?.to_owned();
                (!delta.new_file().id().is_zero()).then(|| (path, delta.new_file().id()))
            };
            Ok::<_, git2::Error>(diff.deltas().filter_map(file).collect())
        };
        changed().map_err(|error| self.cache.broken(&error))
    }

    /// Makes the branch of another repository the base of the first commit.
    ///
    /// # Errors
    /// If git cannot fetch it.
    pub fn start_from(&self, repository: &Path, reference: &str) -> Result<(), BranchError> {
        self.head.set(Some(self.cache.fetch_local(repository, reference, &self.branch)?));
        Ok(())
    }

    /// Returns the local copy.
    #[must_use]
    pub fn git(&self) -> &Repository {
        &self.cache.git
    }

    /// Returns the repository and the branch, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{} (branch {})", self.cache.name, self.branch)
    }

    /// Returns the branch's commit; None if the repository is empty.
    #[must_use]
    pub fn head(&self) -> Option<Oid> {
        self.head.get()
    }

    /// Returns the item at a path in a commit of the branch.
    ///
    /// # Errors
    /// If the local copy cannot be read.
    pub fn find_in(&self, commit: Option<Oid>, file: &str) -> Result<TreeItem, BranchError> {
        let found =
            self.cache.tree_of(commit).and_then(|tree| tree::find(&self.cache.git, tree, file));
        found.map_err(|error| self.cache.broken(&error))
    }

    /// Returns the item at a path in the last commit.
    ///
    /// # Errors
    /// If the local copy cannot be read.
    pub fn find(&self, file: &str) -> Result<TreeItem, BranchError> {
        self.find_in(self.head(), file)
    }

    /// Returns the text of a file.
    ///
    /// # Errors
    /// The reason, for messages.
    pub fn text(&self, id: Oid) -> Result<String, String> {
        tree::text(&self.cache.git, id)
    }

    /// Returns the tree of the branch's commit.
    ///
    /// # Errors
    /// A commit that git cannot read.
    pub fn head_tree(&self) -> Result<(&Repository, Oid), git2::Error> {
        Ok((&self.cache.git, self.cache.tree_of(self.head())?))
    }
}

/// Opens the local copy of a repository, or creates it.
fn cache_of(
    what: &'static str,
    place: &RemotePlace,
    root: &Path,
    data_folder: &Path,
) -> Result<Cache, BranchError> {
    // The resolved and checked path: in git's process, the text may mean another one.
    let target = match GitUrl::parse(&place.url).local_path(root) {
        Some(path) => {
            let resolved = resolve(&path).map_err(|error| {
                let why = format!("cannot be followed: {error}");
                let help = "check the path, its symbolic links and its permissions";
                BranchError::NotReady { what, path: path.clone(), why, help }
            })?;
            if GitUrl::is_path(&place.url) {
                resolved.display().to_string()
            } else {
                // Git decodes percent signs in a URL.
                format!("file://{}", resolved.display().to_string().replace('%', "%25"))
            }
        }
        None => place.url.clone(),
    };
    Cache::open(what, target, without_password(&place.url), &data_folder.join(BRANCH_COPIES))
}
