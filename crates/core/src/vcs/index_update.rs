//! Staging: files of the work tree that are written to the index.

use std::path::Path;

use git2::{Index, Status};

use super::{Repository, SourceError};

impl Repository {
    /// Reports whether the index has a file at `path`, or a side of a conflict.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn is_in_index(&self, path: &str) -> Result<bool, SourceError> {
        let index = self.git.index().map_err(SourceError::git("the index"))?;
        Ok((0..=3).any(|side| index.get_path(Path::new(path), side).is_some()))
    }

    /// Reports whether the index has a conflict at `path`.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn is_in_conflict(&self, path: &str) -> Result<bool, SourceError> {
        let index = self.git.index().map_err(SourceError::git("the index"))?;
        Ok((1..=3).any(|side| index.get_path(Path::new(path), side).is_some()))
    }

    /// Returns the staged content at `path` from a new read; None if it is not a file.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn read_staged(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let read = || {
            let mut index = self.git.index()?;
            index.read(true)?;
            let entry = index
                .get_path(Path::new(path), 0)
                .filter(|entry| entry.mode & 0o170_000 == 0o100_000);
            entry
                .map(|entry| self.git.find_blob(entry.id).map(|blob| blob.content().to_vec()))
                .transpose()
        };
        read().map_err(SourceError::git(format!("`{path}` in the index")))
    }

    /// Reports whether the file on disk equals the staged one.
    ///
    /// Line endings that git converts do not count as a difference.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn matches_staged(&self, path: &str) -> Result<bool, SourceError> {
        let unstaged =
            Status::WT_NEW | Status::WT_MODIFIED | Status::WT_DELETED | Status::WT_TYPECHANGE;
        let other = Status::WT_RENAMED | Status::WT_UNREADABLE | Status::CONFLICTED;
        match self.git.status_file(Path::new(path)) {
            Ok(status) => Ok(!status.intersects(unstaged | other)),
            Err(error) => Err(SourceError::git(format!("the status of `{path}`"))(error)),
        }
    }

    /// Moves files in the index, as `git mv` does: their staged content stays.
    ///
    /// A file that is not in the index stays untracked.
    ///
    /// # Errors
    /// An index that cannot be read or written.
    pub fn move_in_index(&self, moves: &[(&str, &str)]) -> Result<(), SourceError> {
        self.with_index(|index| {
            for (from, to) in moves {
                if let Some(mut entry) = index.get_path(Path::new(from), 0) {
                    index.remove(Path::new(from), 0)?;
                    entry.path = to.as_bytes().to_vec();
                    index.add(&entry)?;
                }
            }
            Ok(())
        })
    }

    /// Stages the `changed` files as they are on disk, and removes the `gone` ones.
    ///
    /// # Errors
    /// An index that cannot be read or written, or a file that cannot be read.
    pub fn stage(&self, gone: &[&str], changed: &[&str]) -> Result<(), SourceError> {
        self.with_index(|index| {
            for path in gone {
                index.remove(Path::new(path), 0)?;
            }
            changed.iter().try_for_each(|path| index.add_path(Path::new(path)))
        })
    }

    fn with_index(
        &self,
        change: impl FnOnce(&mut Index) -> Result<(), git2::Error>,
    ) -> Result<(), SourceError> {
        let write = || {
            let mut index = self.git.index()?;
            // Read again: changes that another process has staged since must stay.
            index.read(true)?;
            change(&mut index)?;
            index.write()
        };
        write().map_err(SourceError::git("or write the index"))
    }
}
