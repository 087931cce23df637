//! The names of the files on disk, and which of them git's index has as they are, by what a file's entry in its folder tells:
//! most files need not be opened to be known.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

use super::manifest_files::is_hidden;
use super::repository::slashed;
use super::{Repository, SourceError};

/// A file on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDisk {
    /// From the repository's root, with `/`.
    pub path: String,
    /// Whether it is what the index holds at this path.
    pub is_staged: bool,
}

impl Repository {
    /// The files below the folder `under` whose names `counts` says yes to, in no order. Links are not followed, and what
    /// cannot be read is passed over.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub fn on_disk(&self, under: &str, counts: fn(&Path) -> bool) -> Result<Vec<OnDisk>, SourceError> {
        let (root, index) = (self.root(), self.index()?);
        let top = root.join(under);
        if !top.is_dir() {
            return Ok(Vec::new());
        }
        let found = |path: &Path| {
            let relative = slashed(path.strip_prefix(root).ok()?);
            Some(OnDisk { is_staged: index.has_as_it_is(&relative, path), path: relative })
        };
        let (files, folders) = names(&top, counts);
        let here = files.into_par_iter();
        let below = folders.into_par_iter().flat_map_iter(|folder| {
            WalkDir::new(folder)
                .min_depth(1)
                .into_iter()
                .filter_entry(|entry| !is_hidden(&entry.file_name().to_string_lossy()))
                .flatten()
                .filter(|entry| !entry.file_type().is_dir() && counts(entry.path()))
                .map(walkdir::DirEntry::into_path)
        });
        Ok(here.chain(below).filter_map(|path| found(&path)).collect())
    }
}

/// What lies directly in a folder: the files that count, and the folders, each of which is then one thread's to walk.
fn names(top: &Path, counts: fn(&Path) -> bool) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = WalkDir::new(top).min_depth(1).max_depth(1).into_iter().flatten();
    let visible = entries.filter(|entry| !is_hidden(&entry.file_name().to_string_lossy()));
    let (folders, files): (Vec<_>, Vec<_>) = visible.partition(|entry| entry.file_type().is_dir());
    let paths = |entries: Vec<walkdir::DirEntry>| entries.into_iter().map(walkdir::DirEntry::into_path);
    (paths(files).filter(|path| counts(path)).collect(), paths(folders).collect())
}
