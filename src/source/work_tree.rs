//! The files on disk.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::manifest_files::{is_hidden, is_yaml};
use super::repository::slashed;
use super::{File, Unreadable};
use crate::files;

/// A path from the repository's root, with what keeps it from being read where the walk saw that.
type Found = (String, Option<Unreadable>);

/// Walks and reads in one go: each folder of the catalog is one thread's until another has nothing left to do.
pub(super) fn load<T: Send>(root: &Path, under: &str, limit: u64, load: impl Fn(File) -> T + Sync + Send) -> Vec<T> {
    let top = root.join(under);
    let (found, folders) = match files::follows_no_link(root, under) {
        Err(link) => (vec![(under.to_owned(), Some(link))], Vec::new()),
        Ok(()) if top.symlink_metadata().is_err() => return Vec::new(),
        Ok(()) => below(root, WalkDir::new(&top).max_depth(1)),
    };
    let read = |(path, problem): Found| {
        let bytes = problem.map_or_else(|| files::read_regular(&root.join(&path), limit), Err);
        load(File { path, bytes })
    };
    let walked = folders.into_par_iter().map(|folder| below(root, WalkDir::new(folder).min_depth(1)).0);
    walked.chain([found]).flat_map(|found| found.into_par_iter().map(read)).collect()
}

/// What counts as a manifest in a walk, and the folders one level down.
fn below(root: &Path, walk: WalkDir) -> (Vec<Found>, Vec<PathBuf>) {
    let mut folders = Vec::new();
    let mut found = Vec::new();
    let relative = |path: &Path| path.strip_prefix(root).map(slashed).unwrap_or_default();
    let visible = |entry: &DirEntry| entry.depth() == 0 || !is_hidden(&entry.file_name().to_string_lossy());
    for entry in walk.follow_links(false).follow_root_links(false).into_iter().filter_entry(visible) {
        match entry {
            Ok(entry) => {
                let kind = entry.file_type();
                if kind.is_dir() && entry.depth() == 1 {
                    folders.push(entry.path().to_path_buf());
                }
                // A folder in a manifest's place, and a link to a folder, hide manifests that nobody would miss.
                let counts = match kind {
                    kind if kind.is_dir() => entry.depth() > 0 && is_yaml(entry.path()),
                    kind if kind.is_symlink() && entry.path().is_dir() => true,
                    _ => entry.depth() == 0 || is_yaml(entry.path()),
                };
                if counts {
                    let problem = entry.path().to_str().is_none().then_some(Unreadable::Name);
                    found.push((relative(entry.path()), problem));
                }
            }
            Err(error) => {
                let path = error.path().map(relative).unwrap_or_default();
                let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                found.push((path, Some(Unreadable::Io(why))));
            }
        }
    }
    (found, folders)
}
