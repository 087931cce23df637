//! What the folders on disk held when they were last looked into. A folder that no file has come
//! into or gone out of since then need not be looked into again, and most of a catalog's are such.
//!
//! This sees new files and new names, and not that a file was changed in its place: it is for what
//! is only to be shown. IDs that are given out for good rest on a look at every file.

use std::collections::{BTreeMap, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::manifest::SecretId;
use crate::vcs::{Disk, DiskCache, ManifestFolder};

/// How long a folder must have been at rest for its time to show that nothing changed since: file
/// systems count in steps.
const REST: i128 = 1_000_000_000;

/// The time of a folder that is looked into in any case.
const NEVER: i128 = 0;

/// A folder: when it last changed, in nanoseconds since 1970, and the IDs of the files directly in
/// it that the index did not have as they were, with their paths.
type Folder = (i128, Vec<(SecretId, String)>);

/// The IDs of the files in `places` that the index does not have, as far as the folders show, with
/// their paths. `memory` is read and written.
pub(super) fn ids(
    disk: &Disk<'_>,
    places: &[ManifestFolder<'_>],
    memory: &DiskCache,
    of_file: &dyn Fn(&str) -> Vec<SecretId>,
) -> Vec<(SecretId, String)> {
    let text = memory.recall(1).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let known = read(&text).unwrap_or_default();
    let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
    for path in known.keys() {
        if let Some((parent, _)) = path.rsplit_once('/') {
            children.entry(parent).or_default().push(path);
        }
    }
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos().cast_signed());
    let (mut folders, mut is_news): (BTreeMap<String, Folder>, bool) = (BTreeMap::new(), false);
    for place in places {
        let mut open = vec![place.folder.to_owned()];
        while let Some(path) = open.pop() {
            let Some(changed) = disk.changed(&path) else { continue };
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
                    let (files, folders) = disk.look_into(&path, place.counts);
                    open.extend(folders);
                    is_news = true;
                    files
                        .iter()
                        .flat_map(|file| of_file(file).into_iter().map(|id| (id, file.clone())))
                        .collect()
                }
            };
            // A folder that is not at rest is remembered too, or else it would be missed where the
            // one around it is; but with a time that no folder has.
            folders.insert(path, (if now - changed > REST { changed } else { NEVER }, ids));
        }
    }
    if is_news || folders.len() != known.len() {
        memory.remember(write(&folders).as_bytes());
    }
    folders.into_values().flat_map(|(_, ids)| ids).collect()
}

/// A line for each folder, and below it one, which begins with a tab, for each of its IDs.
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
