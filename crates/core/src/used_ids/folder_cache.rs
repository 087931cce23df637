//! A cache of the IDs in the folders on disk.
//!
//! A folder to which no file was added and from which none was removed since the last run is not
//! read again; that is true of most folders of a catalog.
//!
//! The cache misses files that were changed in place, so it is for display only. IDs are allocated
//! from a scan of every file.

use std::collections::{BTreeMap, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::manifest::SecretId;
use crate::vcs::{Disk, DiskCache, ManifestFolder};

/// The time without changes after which a folder's timestamp is reliable.
///
/// In nanoseconds; file systems have coarse timestamps.
const REST: i128 = 1_000_000_000;

/// The time of a folder that is read in any case.
const NEVER: i128 = 0;

/// A folder: its last change, and the IDs of its unstaged files with their paths.
///
/// The time is in nanoseconds since 1970. Only files directly in the folder count that the index
/// does not have as they are.
type Folder = (i128, Vec<(SecretId, String)>);

/// Returns the IDs of unstaged files in `places`, as far as the folders show.
///
/// Each comes with its path. `cache` is read and written.
pub(super) fn ids(
    disk: &Disk<'_>,
    places: &[ManifestFolder<'_>],
    cache: &DiskCache,
    of_file: &dyn Fn(&str) -> Vec<SecretId>,
) -> Vec<(SecretId, String)> {
    let text = cache.load(1).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let known = read(&text).unwrap_or_default();
    let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
    for path in known.keys() {
        if let Some((parent, _)) = path.rsplit_once('/') {
            children.entry(parent).or_default().push(path);
        }
    }
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos().cast_signed());
    let (mut folders, mut is_changed): (BTreeMap<String, Folder>, bool) = (BTreeMap::new(), false);
    for place in places {
        let mut open = vec![place.folder.to_owned()];
        while let Some(path) = open.pop() {
            let Some(changed) = disk.change_time(&path) else { continue };
            let ids = match known.get(&path).filter(|(known, _)| *known == changed) {
                Some((_, ids)) => {
                    open.extend(
                        children
                            .get(path.as_str())
                            .into_iter()
                            .flatten()
                            .map(|child| (*child).to_owned()),
                    );
                    ids.clone()
                }
                None => {
                    let (files, folders) = disk.list_folder(&path, place.includes);
                    open.extend(folders);
                    is_changed = true;
                    files
                        .iter()
                        .flat_map(|file| of_file(file).into_iter().map(|id| (id, file.clone())))
                        .collect()
                }
            };
            // A recently changed folder is cached too, or else it would be missing when its parent
            // is not read again; but with a time that no folder has.
            folders.insert(path, (if now - changed > REST { changed } else { NEVER }, ids));
        }
    }
    if is_changed || folders.len() != known.len() {
        cache.store(write(&folders).as_bytes());
    }
    folders.into_values().flat_map(|(_, ids)| ids).collect()
}

/// Writes a line for each folder, followed by an indented line for each of its IDs.
fn write(folders: &BTreeMap<String, Folder>) -> String {
    let mut text = String::new();
    for (path, (changed, ids)) in folders {
        text.push_str(&format!("{changed} {path}\n"));
        for (id, file) in ids {
            text.push_str(&format!("\t{id} {file}\n"));
        }
    }
    text
}

fn read(text: &str) -> Option<BTreeMap<String, Folder>> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines() {
        match line.strip_prefix('\t') {
            Some(line) => {
                let (id, file) = line.split_once(' ')?;
                folders.get_mut(&last)?.1.push((SecretId::parse(id).ok()?, file.to_owned()));
            }
            None => {
                let (changed, path) = line.split_once(' ')?;
                path.clone_into(&mut last);
                folders.insert(path.to_owned(), (changed.parse().ok()?, Vec::new()));
            }
        }
    }
    Some(folders)
}
