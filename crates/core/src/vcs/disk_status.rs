//! Files on disk that differ from git's index, found by file metadata.
//!
//! Most files need not be opened, as the index has the metadata of each.

use std::fs;
use std::path::{Path, PathBuf};

use gix_index::entry::Stat;
use rayon::prelude::*;

use super::index::{Index, IndexFolder};
use super::manifest_path::is_hidden;
use super::{ManifestFolder, Repository, SourceError};

/// The limit of nested folders; a catalog has two levels.
const MAX_FOLDERS: usize = 32;

/// The work tree and the index, for use by several threads.
pub struct Disk<'repository> {
    root: &'repository Path,
    index: &'repository Index,
}

impl Repository {
    /// Returns the work tree with the current index.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub fn disk(&self) -> Result<Disk<'_>, SourceError> {
        Ok(Disk { root: self.root(), index: self.index()? })
    }
}

impl Disk<'_> {
    /// Returns the work tree's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root
    }

    /// Returns the paths of files in `place` that are new or may differ from the index.
    ///
    /// In no order. Symbolic links are not followed, and unreadable files and folders are skipped.
    #[must_use]
    pub fn find_unstaged(&self, place: ManifestFolder<'_>) -> Vec<String> {
        let top = self.root.join(place.folder);
        // A symbolic link in place of the folder leads elsewhere.
        if !fs::symlink_metadata(&top).is_ok_and(|found| found.is_dir()) {
            return Vec::new();
        }
        let (mut found, folders) = list_folder(self.index, place.folder, &top, place.includes);
        let below =
            |(path, folder): (String, PathBuf)| walk(self.index, &path, &folder, place.includes, 1);
        found.par_extend(folders.into_par_iter().flat_map_iter(below));
        found
    }
}

impl Disk<'_> {
    /// Lists one folder: its new or possibly changed files, and its folders.
    ///
    /// A path with a line break is skipped.
    #[must_use]
    pub fn list_folder(
        &self,
        path: &str,
        includes: fn(&Path) -> bool,
    ) -> (Vec<String>, Vec<String>) {
        let (mut files, folders) = list_folder(self.index, path, &self.root.join(path), includes);
        let is_line = |path: &String| !path.contains('\n');
        files.retain(is_line);
        (files, folders.into_iter().map(|(path, _)| path).filter(is_line).collect())
    }

    /// Returns when an entry of the folder was last added, removed or renamed.
    ///
    /// In nanoseconds since 1970, from the status change time, which users cannot set back. None if
    /// there is no folder or no such time.
    #[cfg(unix)]
    #[must_use]
    pub fn change_time(&self, path: &str) -> Option<i128> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::symlink_metadata(self.root.join(path)).ok().filter(fs::Metadata::is_dir)?;
        Some(i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec()))
    }

    /// Returns a time that is always new, as other systems have no reliable one.
    #[cfg(not(unix))]
    #[must_use]
    pub fn change_time(&self, path: &str) -> Option<i128> {
        fs::symlink_metadata(self.root.join(path))
            .ok()
            .filter(fs::Metadata::is_dir)
            .map(|_| i128::MAX)
    }
}

fn walk(
    index: &Index,
    path: &str,
    folder: &Path,
    includes: fn(&Path) -> bool,
    depth: usize,
) -> Vec<String> {
    let (mut found, folders) = list_folder(index, path, folder, includes);
    for (path, folder) in folders {
        if depth < MAX_FOLDERS {
            found.extend(walk(index, &path, &folder, includes, depth + 1));
        }
    }
    found
}

/// Lists one folder: the files that are new or may be changed, and the folders.
fn list_folder(
    index: &Index,
    path: &str,
    folder: &Path,
    includes: fn(&Path) -> bool,
) -> (Vec<String>, Vec<(String, PathBuf)>) {
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    let staged: IndexFolder<'_> = index.folder(path);
    visit_entries(folder, |name, is_folder, stat| {
        if is_hidden(name) {
        } else if is_folder {
            folders.push((format!("{path}/{name}"), folder.join(name)));
        } else if includes(Path::new(name))
            && !stat().is_some_and(|stat| staged.is_unchanged(name, &stat))
        {
            found.push(format!("{path}/{name}"));
        }
    });
    (found, folders)
}

/// Calls `visit` with each entry's name, whether it is a folder, and its metadata.
///
/// The metadata is read relative to the open folder, which is faster than by the whole path.
#[cfg(unix)]
fn visit_entries(folder: &Path, mut visit: impl FnMut(&str, bool, &dyn Fn() -> Option<Stat>)) {
    use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};

    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let Ok(open) = openat(CWD, folder, flags, Mode::empty()) else { return };
    let Ok(mut entries) = Dir::read_from(&open) else { return };
    while let Some(Ok(entry)) = entries.read() {
        let Ok(name) = entry.file_name().to_str() else { continue };
        let stat = || statat(&open, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW).ok();
        let is_folder = match entry.file_type() {
            FileType::Unknown => {
                stat().is_some_and(|found| FileType::from_raw_mode(found.st_mode).is_dir())
            }
            kind => kind.is_dir(),
        };
        visit(name, is_folder, &|| stat().map(|found| of_stat(&found)));
    }
}

/// Converts metadata to the index's form: git cuts all numbers off at 32 bits.
///
/// Source: gitformat-index, "Index entry".
#[cfg(unix)]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unnecessary_cast)]
fn of_stat(found: &rustix::fs::Stat) -> Stat {
    use gix_index::entry::stat::Time;

    Stat {
        mtime: Time { secs: found.st_mtime as u32, nsecs: found.st_mtime_nsec as u32 },
        ctime: Time { secs: found.st_ctime as u32, nsecs: found.st_ctime_nsec as u32 },
        dev: found.st_dev as u32,
        ino: found.st_ino as u32,
        uid: found.st_uid,
        gid: found.st_gid,
        size: found.st_size as u32,
    }
}

#[cfg(not(unix))]
fn visit_entries(folder: &Path, mut visit: impl FnMut(&str, bool, &dyn Fn() -> Option<Stat>)) {
    use gix_index::fs::Metadata;

    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let stat = || Stat::from_fs(&Metadata::from_path_no_follow(&entry.path()).ok()?).ok();
        if let Some(name) = entry.file_name().to_str() {
            visit(name, is_folder, &stat);
        }
    }
}
