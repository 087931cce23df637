//! The files on disk.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::manifest_path::{is_hidden, is_yaml};
use super::repository::to_slashes;
use super::{File, Unreadable};
use crate::files;

/// The number of files that a thread reads of a folder at a time.
const FILES_A_GO: usize = 32;

/// Files that count as manifests.
enum WalkedFiles {
    /// Files of one folder, by their names.
    InFolder { folder: WalkedFolder, names: Vec<OsString> },
    One {
        /// From the repository's root, with `/`.
        path: String,
        on_disk: PathBuf,
        /// The error of the walk, if the file cannot be read.
        problem: Option<Unreadable>,
    },
}

struct WalkedFolder {
    /// From the repository's root, with `/`.
    path: String,
    on_disk: PathBuf,
}

/// Walks and loads the manifests below `under` in parallel.
///
/// Each folder of the catalog is one task. The paths of the other files below `under`, hidden ones
/// included, are added to `others`.
pub(super) fn load<T: Send>(
    root: &Path,
    under: &str,
    limit: u64,
    others: &Mutex<Vec<String>>,
    load: impl Fn(File) -> T + Sync + Send,
) -> Vec<T> {
    let top = root.join(under);
    let (found, folders) = match files::check_no_symlinks(root, under) {
        Err(link) => {
            let path = under.to_owned();
            (vec![WalkedFiles::One { path, on_disk: top, problem: Some(link) }], Vec::new())
        }
        Ok(()) if top.symlink_metadata().is_err() => return Vec::new(),
        Ok(()) => below(root, WalkDir::new(&top).max_depth(1), others),
    };
    let read = |found: WalkedFiles| match found {
        WalkedFiles::One { path, on_disk, problem } => {
            let bytes = problem.map_or_else(|| files::read_regular(&on_disk, limit), Err);
            vec![load(File { path, bytes })]
        }
        WalkedFiles::InFolder { folder, names } => {
            let opened = files::OpenFolder::open(&folder.on_disk);
            let read = |name: OsString| {
                let path = folder.path_of(&name);
                load(File { path, bytes: opened.read_regular(&name, limit) })
            };
            names.into_iter().map(read).collect()
        }
    };
    let walked = folders
        .into_par_iter()
        .map(|folder| below(root, WalkDir::new(folder).min_depth(1), others).0);
    walked.chain([found]).flat_map(|found| found.into_par_iter().flat_map_iter(read)).collect()
}

impl WalkedFolder {
    fn path_of(&self, name: &OsStr) -> String {
        let name = name.to_string_lossy();
        if self.path.is_empty() { name.into_owned() } else { format!("{}/{name}", self.path) }
    }

    /// Reports whether `entry` is directly in the folder.
    fn has(&self, entry: &DirEntry) -> bool {
        let length = |path: &OsStr| path.as_encoded_bytes().len();
        let (path, name) = (entry.path().as_os_str(), entry.file_name());
        let folder = self.on_disk.as_os_str().as_encoded_bytes();
        length(path) == folder.len() + 1 + length(name)
            && path.as_encoded_bytes().starts_with(folder)
    }
}

/// Adds an entry that has a name in a folder.
fn add(entry: &DirEntry, found: &mut Vec<WalkedFiles>, relative: impl Fn(&Path) -> String) {
    let name = entry.file_name().to_os_string();
    match (found.last_mut(), entry.path().parent()) {
        (Some(WalkedFiles::InFolder { folder, names }), _)
            if names.len() < FILES_A_GO && folder.has(entry) =>
        {
            names.push(name);
        }
        (_, Some(parent)) => {
            let folder = WalkedFolder { path: relative(parent), on_disk: parent.to_path_buf() };
            found.push(WalkedFiles::InFolder { folder, names: vec![name] });
        }
        (_, None) => {
            let (path, on_disk) = (relative(entry.path()), entry.path().to_path_buf());
            found.push(WalkedFiles::One { path, on_disk, problem: None });
        }
    }
}

/// Returns the files of a walk that count as manifests, and its folders at depth one.
fn below(
    root: &Path,
    walk: WalkDir,
    others: &Mutex<Vec<String>>,
) -> (Vec<WalkedFiles>, Vec<PathBuf>) {
    let mut folders = Vec::new();
    let mut found = Vec::new();
    let mut other = Vec::new();
    let mut hidden = Vec::new();
    let relative = |path: &Path| path.strip_prefix(root).map(to_slashes).unwrap_or_default();
    let visible = |entry: &DirEntry| {
        let is_visible = entry.depth() == 0 || !is_hidden(&entry.file_name().to_string_lossy());
        if !is_visible {
            hidden.push(entry.path().to_path_buf());
        }
        is_visible
    };
    for entry in walk.follow_links(false).follow_root_links(false).into_iter().filter_entry(visible)
    {
        match entry {
            Ok(entry) => {
                let kind = entry.file_type();
                if kind.is_dir() && entry.depth() == 1 {
                    folders.push(entry.path().to_path_buf());
                }
                // A folder with a manifest's name, or a link to a folder, would hide manifests
                // silently.
                let includes = match kind {
                    kind if kind.is_dir() => entry.depth() > 0 && is_yaml(entry.path()),
                    kind if kind.is_symlink() && entry.path().is_dir() => true,
                    _ => entry.depth() == 0 || is_yaml(entry.path()),
                };
                if includes {
                    let is_named = entry.path().to_str().is_some();
                    if is_named && entry.depth() > 0 {
                        add(&entry, &mut found, relative);
                    } else {
                        let path = relative(entry.path());
                        let problem = (!is_named).then_some(Unreadable::Name);
                        found.push(WalkedFiles::One { path, on_disk: entry.into_path(), problem });
                    }
                } else if kind.is_file() {
                    other.push(relative(entry.path()));
                }
            }
            Err(error) => {
                let on_disk = error.path().map(Path::to_path_buf).unwrap_or_default();
                let path = error.path().map(relative).unwrap_or_default();
                let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                found.push(WalkedFiles::One { path, on_disk, problem: Some(Unreadable::Io(why)) });
            }
        }
    }
    for folder in hidden {
        for entry in WalkDir::new(folder).follow_links(false).follow_root_links(false) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => other.push(relative(entry.path())),
                Ok(_) => {}
                // Reading it later reports why it cannot be read.
                Err(error) => other.extend(error.path().map(relative)),
            }
        }
    }
    if !other.is_empty() {
        others.lock().unwrap_or_else(PoisonError::into_inner).append(&mut other);
    }
    (found, folders)
}
