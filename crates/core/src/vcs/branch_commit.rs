//! Commits on branches that are not checked out.

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
        let mut modes = Vec::new();
        for (path, _) in files {
            let Some(item) = self.item_at(&tree, path)? else {
                let message = format!("there is no such file in {base}");
                return Err(SourceError::Git { what: format!("`{path}`"), message });
            };
            modes.push(match item.mode {
                0o100_755 => git2::FileMode::BlobExecutable,
                _ => git2::FileMode::Blob,
            });
        }
        let write = || {
            let mut update = TreeUpdateBuilder::new();
            for ((path, bytes), mode) in files.iter().zip(&modes) {
                update.upsert(*path, self.git.blob(bytes)?, *mode);
            }
            update.create_updated(&self.git, &tree)
        };
        self.read_objects(|| "or write its objects".to_owned(), write)
    }

    /// Creates a branch at a commit.
    ///
    /// # Errors
    /// A branch of that name that exists, or a repository that cannot be written.
    pub fn new_branch(&self, name: &str, commit: Snapshot) -> Result<(), SourceError> {
        let Snapshot::Commit(id) = commit else {
            return Err(SourceError::NoSuchCommit { spec: commit.to_string() });
        };
        let created = self.git.branch(name, &self.find_commit(id)?, false).map(drop);
        created.map_err(SourceError::git(format!("or create the branch {name}")))
    }
}
