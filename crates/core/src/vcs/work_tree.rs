//! The files on disk.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::manifest_path::{is_hidden, is_yaml};
use super::repository::slashed;
use super::{File, Unreadable};
use crate::files;

/// A path from the repository's root, with the walk's error if it cannot be read.
type Found = (String, Option<Unreadable>);

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
    let (found, folders) = match files::follows_no_link(root, under) {
        Err(link) => (vec![(under.to_owned(), Some(link))], Vec::new()),
        Ok(()) if top.symlink_metadata().is_err() => return Vec::new(),
        Ok(()) => below(root, WalkDir::new(&top).max_depth(1), others),
    };
    let read = |(path, problem): Found| {
        let bytes = problem.map_or_else(|| files::read_regular(&root.join(&path), limit), Err);
        load(File { path, bytes })
    };
    let walked = folders
        .into_par_iter()
        .map(|folder| below(root, WalkDir::new(folder).min_depth(1), others).0);
    walked.chain([found]).flat_map(|found| found.into_par_iter().map(read)).collect()
}

/// Returns a walk's files that count as manifests, and its folders at depth one.
fn below(root: &Path, walk: WalkDir, others: &Mutex<Vec<String>>) -> (Vec<Found>, Vec<PathBuf>) {
    let mut folders = Vec::new();
    let mut found = Vec::new();
    let mut other = Vec::new();
    let mut hidden = Vec::new();
    let relative = |path: &Path| path.strip_prefix(root).map(slashed).unwrap_or_default();
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
                let counts = match kind {
                    kind if kind.is_dir() => entry.depth() > 0 && is_yaml(entry.path()),
                    kind if kind.is_symlink() && entry.path().is_dir() => true,
                    _ => entry.depth() == 0 || is_yaml(entry.path()),
                };
                if counts {
                    let problem = entry.path().to_str().is_none().then_some(Unreadable::Name);
                    found.push((relative(entry.path()), problem));
                } else if kind.is_file() {
                    other.push(relative(entry.path()));
                }
            }
            Err(error) => {
                let path = error.path().map(relative).unwrap_or_default();
                let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                found.push((path, Some(Unreadable::Io(why))));
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
