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
use goldenpath_core::vcs::resolve;

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

/// A branch of a remote repository, as it was at the last query.
pub struct RemoteBranch {
    cache: Cache,
    branch: String,
    /// The branch's commit; None if the repository is empty.
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
    ) -> Result<Self, BranchError> {
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
        let mut cache =
            Cache::open(what, target, without_password(&place.url), &data_folder.join("branches"))?;
        cache.program = cache.program.with_protocols(protocols);
        let (branch, head) = cache.update(place.branch.as_deref())?;
        Ok(Self { cache, branch, head: Cell::new(head) })
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
    #[must_use]
    pub fn head_tree(&self) -> Option<(&Repository, Oid)> {
        Some((&self.cache.git, self.cache.tree_of(self.head()).ok()?))
    }
}
