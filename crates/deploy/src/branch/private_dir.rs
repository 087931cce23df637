//! A private folder inside git's, for files that are renamed into place later.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use git2::Repository;
use tempfile::TempDir;

use goldenpath_core::crash_point;
use goldenpath_core::files::TEMPORARY;

/// A private folder, deleted on drop.
pub struct PrivateDir {
    folder: TempDir,
    /// Shows that the run is alive.
    ///
    /// On systems without locks on folders, leftovers of killed runs stay.
    _lock: Option<File>,
}

impl PrivateDir {
    /// Creates a folder below `.git/goldenpath/`.
    ///
    /// # Errors
    /// If the file system reports an error.
    pub fn new(git: &Repository) -> io::Result<Self> {
        let parent = git.path().join("goldenpath");
        fs::create_dir_all(&parent)?;
        let folder = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(parent)?;
        let lock = File::open(folder.path()).ok().filter(|folder| folder.try_lock().is_ok());
        crash_point::point("branch: folder aside made");
        Ok(Self { folder, _lock: lock })
    }

    /// Returns the path of the folder on disk.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of killed runs.
pub(super) fn clear(git: &Repository) {
    for entry in fs::read_dir(git.path().join("goldenpath")).into_iter().flatten().flatten() {
        let is_private_dir = entry.file_name().to_string_lossy().starts_with(TEMPORARY)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_private_dir && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok())
        {
            // Best effort: a leftover does no harm.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
