//! The files on disk that git's index does not have as they are, by what a file's entry in its folder tells: most files need
//! not be opened to be known.

use std::fs::{self, DirEntry, Metadata};
use std::path::{Path, PathBuf};

use gix_index::entry::Stat;
use rayon::prelude::*;

use super::index::{Folder, Index};
use super::manifest_files::is_hidden;
use super::{Repository, SourceError};

/// How deep folders are followed; a catalog's are two deep.
const MAX_FOLDERS: usize = 32;

impl Repository {
    /// The paths of those files below the folder `under` that `counts` says yes to by their names, and that are new or may be
    /// changed against the index, in no order. Links are not followed, and what cannot be read is passed over.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub fn unstaged(&self, under: &str, counts: fn(&Path) -> bool) -> Result<Vec<String>, SourceError> {
        let top = self.root().join(under);
        // A link in the folder's place leads elsewhere.
        if !fs::symlink_metadata(&top).is_ok_and(|found| found.is_dir()) {
            return Ok(Vec::new());
        }
        let index = self.index()?;
        let (mut found, folders) = look_into(index, under, &top, counts);
        let below = |(path, folder): (String, PathBuf)| walk(index, &path, &folder, counts, 1);
        found.par_extend(folders.into_par_iter().flat_map_iter(below));
        Ok(found)
    }
}

fn walk(index: &Index, path: &str, folder: &Path, counts: fn(&Path) -> bool, depth: usize) -> Vec<String> {
    let (mut found, folders) = look_into(index, path, folder, counts);
    for (path, folder) in folders {
        if depth < MAX_FOLDERS {
            found.extend(walk(index, &path, &folder, counts, depth + 1));
        }
    }
    found
}

/// What lies directly in a folder: the files to be told of, and the folders.
fn look_into(
    index: &Index,
    path: &str,
    folder: &Path,
    counts: fn(&Path) -> bool,
) -> (Vec<String>, Vec<(String, PathBuf)>) {
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    let staged: Folder<'_> = index.folder(path);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !is_hidden(name)) else { continue };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => folders.push((format!("{path}/{name}"), entry.path())),
            Ok(_) if counts(Path::new(name)) => {
                if !stat(&entry).is_some_and(|stat| staged.has_as_it_is(name, &stat)) {
                    found.push(format!("{path}/{name}"));
                }
            }
            _ => {}
        }
    }
    (found, folders)
}

/// What the index would write down of a file.
fn stat(entry: &DirEntry) -> Option<Stat> {
    // On Unix this is asked of the folder, which is faster than to go down the whole path.
    let found = entry.metadata().ok()?;
    of_metadata(&found, entry)
}

#[cfg(unix)]
fn of_metadata(found: &Metadata, _: &DirEntry) -> Option<Stat> {
    use std::os::unix::fs::MetadataExt;

    use gix_index::entry::stat::Time;

    // As git does, all numbers are cut off at 32 bits (gitformat-index, "Index entry").
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let time = |secs: i64, nsecs: i64| Time { secs: secs as u32, nsecs: nsecs as u32 };
    #[allow(clippy::cast_possible_truncation)]
    Some(Stat {
        mtime: time(found.mtime(), found.mtime_nsec()),
        ctime: time(found.ctime(), found.ctime_nsec()),
        dev: found.dev() as u32,
        ino: found.ino() as u32,
        uid: found.uid(),
        gid: found.gid(),
        size: found.size() as u32,
    })
}

#[cfg(not(unix))]
fn of_metadata(_: &Metadata, entry: &DirEntry) -> Option<Stat> {
    Stat::from_fs(&gix_index::fs::Metadata::from_path_no_follow(&entry.path()).ok()?).ok()
}
