//! Files that a sparse checkout leaves out of the work tree.
//!
//! The index has them with the flag "skip-worktree" (gitformat-index). They are part of the next
//! commit, so they count as unchanged files of the work tree, and are read from the index.

use std::io::ErrorKind;

use crate::files;
use crate::vcs::index::{IndexStatus, IndexedFile};
use crate::vcs::snapshot::Blob;
use crate::vcs::{Repository, SourceError, Unreadable};

impl Repository {
    /// Returns the files at and below `under` that a sparse checkout leaves out, sorted by path.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub fn left_out(&self, under: &str) -> Result<Vec<Blob<'_>>, SourceError> {
        if !self.is_sparse()? {
            return Ok(Vec::new());
        }
        let index = self.index()?;
        let found = index.at(under).into_iter().chain(index.below(under));
        Ok(found.filter(|file| self.is_left_out(file)).map(Blob::from).collect())
    }

    /// Returns a file of the work tree; None if it is neither there nor left out.
    ///
    /// # Errors
    /// An index that cannot be read, or a blob that cannot be fetched.
    pub(in crate::vcs) fn read_in_work_tree(
        &self,
        path: &str,
        limit: u64,
    ) -> Result<Option<Result<Vec<u8>, Unreadable>>, SourceError> {
        let on_disk = files::read_below(self.root(), path, limit);
        if on_disk.is_some() || !self.is_sparse()? {
            return Ok(on_disk);
        }
        match self.index()?.at(path).filter(|file| self.is_left_out(file)) {
            Some(file) => self.read_file(path, file.id, file.mode, limit).map(Some),
            None => Ok(None),
        }
    }

    /// Reports whether a sparse checkout leaves a file of the index out.
    pub(in crate::vcs) fn is_left_out(&self, file: &IndexedFile<'_>) -> bool {
        let is_missing = || match self.root().join(file.path.as_ref()).symlink_metadata() {
            Ok(_) => false,
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        file.is_skipped && file.status == IndexStatus::Staged && is_missing()
    }
}
