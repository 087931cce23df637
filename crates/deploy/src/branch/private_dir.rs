//! A folder of our own inside git's, in which things are made ready: nobody sees them there before they have their names.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use git2::Repository;
use tempfile::TempDir;

use goldenpath_core::crash_point;
use goldenpath_core::files::TEMPORARY;

/// Is gone with all that is in it when this is.
pub struct Aside {
    folder: TempDir,
    /// While it is locked, it is no killed run's. Where folders have no locks, what a kill leaves stays.
    _lock: Option<File>,
}

impl Aside {
    /// # Errors
    /// What the file system refuses.
    pub fn new(git: &Repository) -> io::Result<Self> {
        let ours = git.path().join("goldenpath");
        fs::create_dir_all(&ours)?;
        let folder = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(ours)?;
        let lock = File::open(folder.path()).ok().filter(|folder| folder.try_lock().is_ok());
        crash_point::point("branch: folder aside made");
        Ok(Self { folder, _lock: lock })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Takes away the folders of runs that were killed.
pub(super) fn clear(git: &Repository) {
    for entry in fs::read_dir(git.path().join("goldenpath")).into_iter().flatten().flatten() {
        let is_one = entry.file_name().to_string_lossy().starts_with(TEMPORARY)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_one && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            // Best effort: it is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
