//! A branch of a repository somewhere else. What is needed of it is fetched into a bare repository of our own; commits are made
//! on what the remote has and exist nowhere else, so that nothing half-done can stay behind.

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

/// Which repository, and which branch of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePlace {
    /// A URL as `git` takes it, or a path from the catalog's root.
    pub url: String,
    /// None for the one that the repository's HEAD is on.
    pub branch: Option<String>,
}

/// A file of a commit that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// From the repository's root, with `/`.
    pub file: String,
    /// None where it is to be gone.
    pub text: Option<String>,
}

/// A branch of a repository somewhere else, as it was when it was last asked.
pub struct RemoteBranch {
    cache: Cache,
    branch: String,
    /// The branch's commit; None where the repository is empty.
    head: Cell<Option<Oid>>,
}

impl RemoteBranch {
    /// Asks the repository for its branch, and fetches what is not known of it. `what` is which
    /// repository it is, for people; `root` is where a path is taken from, `memory` the folder for
    /// what runs leave to later ones, and `protocols` how git may go there.
    ///
    /// # Errors
    /// A repository that does not answer or has no such branch, and what the file system refuses.
    pub fn open(
        what: &'static str,
        place: &RemotePlace,
        root: &Path,
        memory: &Path,
        protocols: Protocols,
    ) -> Result<Self, BranchError> {
        // As goldenpath resolved and checked it: the text may mean another place in git's process.
        let target = match GitUrl::parse(&place.url).local_path(root) {
            Some(path) => {
                let resolved = resolve(&path).map_err(|error| {
                    let why = format!("cannot be followed: {error}");
                    let help = "check the path, its symbolic links and its permissions";
                    BranchError::NotReady { what, path: path.clone(), why, help }
                })?;
                match GitUrl::is_path(&place.url) {
                    true => resolved.display().to_string(),
                    // Git decodes percent signs in a URL.
                    false => {
                        format!("file://{}", resolved.display().to_string().replace('%', "%25"))
                    }
                }
            }
            None => place.url.clone(),
        };
        let mut cache =
            Cache::open(what, target, without_password(&place.url), &memory.join("branches"))?;
        cache.program = cache.program.going_by(protocols);
        let (branch, head) = cache.look(place.branch.as_deref())?;
        Ok(Self { cache, branch, head: Cell::new(head) })
    }

    /// For people: where it is, and which branch.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{} (branch {})", self.cache.name, self.branch)
    }

    /// The branch's commit; None where the repository is empty.
    #[must_use]
    pub fn head(&self) -> Option<Oid> {
        self.head.get()
    }

    /// What stands at a path in a commit of the branch.
    ///
    /// # Errors
    /// A copy that cannot be read.
    pub fn find_in(&self, commit: Option<Oid>, file: &str) -> Result<TreeItem, BranchError> {
        let found =
            self.cache.tree_of(commit).and_then(|tree| tree::find(&self.cache.git, tree, file));
        found.map_err(|error| self.cache.broken(&error))
    }

    /// The same in its last commit.
    ///
    /// # Errors
    /// A copy that cannot be read.
    pub fn find(&self, file: &str) -> Result<TreeItem, BranchError> {
        self.find_in(self.head(), file)
    }

    /// The text of a file that was found.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn text(&self, id: Oid) -> Result<String, String> {
        tree::text(&self.cache.git, id)
    }

    /// The tree of the branch's commit.
    #[must_use]
    pub fn head_tree(&self) -> Option<(&Repository, Oid)> {
        Some((&self.cache.git, self.cache.tree_of(self.head()).ok()?))
    }
}
