//! Commits on branches that are not checked out.

use std::path::Path;

use git2::Oid;
use git2::build::TreeUpdateBuilder;

use super::{Repository, Snapshot, SourceError};

impl Repository {
    /// Writes the tree of the commit `base` with new bytes in some of its files.
    ///
    /// File modes stay. Neither the index nor the work tree changes.
    ///
    /// # Errors
    /// A file that the commit does not have, or a repository that cannot be written.
    pub fn tree_with(&self, base: Snapshot, files: &[(&str, Vec<u8>)]) -> Result<Oid, SourceError> {
        let tree = self.tree(base)?;
        let write = || {
            let mut update = TreeUpdateBuilder::new();
            for (path, bytes) in files {
                let mode = match tree.get_path(Path::new(path))?.filemode() {
                    0o100_755 => git2::FileMode::BlobExecutable,
                    _ => git2::FileMode::Blob,
                };
                update.upsert(*path, self.git.blob(bytes)?, mode);
            }
            update.create_updated(&self.git, &tree)
        };
        write().map_err(SourceError::git("or write its objects"))
    }

    /// Reports whether git is configured to sign every commit.
    #[must_use]
    pub fn signs_commits(&self) -> bool {
        self.git.config().and_then(|config| config.get_bool("commit.gpgSign")).unwrap_or(false)
    }

    /// Creates a branch at a commit.
    ///
    /// # Errors
    /// A branch of that name that exists, or a repository that cannot be written.
    pub fn new_branch(&self, name: &str, commit: Snapshot) -> Result<(), SourceError> {
        let Snapshot::Commit(id) = commit else {
            return Err(SourceError::NoSuchCommit { spec: commit.to_string() });
        };
        let create = || {
            let commit = self.git.find_commit(id)?;
            self.git.branch(name, &commit, false).map(|_| ())
        };
        create().map_err(SourceError::git(format!("or create the branch {name}")))
    }
}
