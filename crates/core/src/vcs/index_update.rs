//! Bringing changed files of the work tree into the index.

use std::path::Path;

use git2::{Index, Status};

use super::{Repository, SourceError};

impl Repository {
    /// Whether the index has a file of this path, or sides of a conflict about it.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn is_in_index(&self, path: &str) -> Result<bool, SourceError> {
        let index = self.git.index().map_err(SourceError::git("the index"))?;
        Ok((0..=3).any(|side| index.get_path(Path::new(path), side).is_some()))
    }

    /// Whether the index holds the sides of a conflict about the file at `path`.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn is_in_conflict(&self, path: &str) -> Result<bool, SourceError> {
        let index = self.git.index().map_err(SourceError::git("the index"))?;
        Ok((1..=3).any(|side| index.get_path(Path::new(path), side).is_some()))
    }

    /// What the index holds at `path` now, whatever it held when it was read; None where that is no file.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn staged_now(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
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

    /// Whether the file on disk is what the index holds, line ends apart where git turns them around.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn is_as_staged(&self, path: &str) -> Result<bool, SourceError> {
        let unstaged =
            Status::WT_NEW | Status::WT_MODIFIED | Status::WT_DELETED | Status::WT_TYPECHANGE;
        let other = Status::WT_RENAMED | Status::WT_UNREADABLE | Status::CONFLICTED;
        match self.git.status_file(Path::new(path)) {
            Ok(status) => Ok(!status.intersects(unstaged | other)),
            Err(error) => Err(SourceError::git(format!("the status of `{path}`"))(error)),
        }
    }

    /// Follows files that have moved, from the one path to the other, as `git mv` does: what is staged of them stays
    /// what it is. A file that the index does not know stays unknown to it.
    ///
    /// # Errors
    /// An index that cannot be read or written.
    pub fn follow_in_index(&self, moves: &[(&str, &str)]) -> Result<(), SourceError> {
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

    /// Stages files as they are on disk, and takes out those that are `gone`.
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
            // As it is on disk now: what somebody has staged since it was read stays staged.
            index.read(true)?;
            change(&mut index)?;
            index.write()
        };
        write().map_err(SourceError::git("or write the index"))
    }
}
