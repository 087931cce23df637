//! What the folders on disk held when they were last looked into. A folder that nothing has come into or gone out of since
//! then need not be looked into again, and most of a catalog's are such.
//!
//! This sees new files and new names, and not that a file was changed in its place: it is for what is only to be shown. IDs
//! that are given out for good rest on a look at every file.

use std::collections::{BTreeMap, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::manifest::SecretId;
use crate::source::{Disk, Memory, Place};

/// How long a folder must have been at rest for its time to tell that nothing changed since: file systems tell times in steps.
const REST: i128 = 1_000_000_000;

/// The time of a folder that is looked into in any case.
const NEVER: i128 = 0;

/// A folder as it was.
struct Known<'a> {
    /// When it last changed, in nanoseconds since 1970.
    changed: i128,
    /// The highest ID of the files directly in it that the index did not have as they were; 0 where there is none.
    highest: u32,
    path: &'a str,
}

/// The highest ID of the files in `places` that the index does not have, as far as the folders tell. `memory` is read and
/// written anew.
pub fn highest(
    disk: &Disk<'_>,
    places: &[Place<'_>],
    memory: &Memory,
    of_file: &dyn Fn(&str) -> Option<SecretId>,
) -> Option<SecretId> {
    let text = memory.recall(1).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let known: HashMap<&str, Known<'_>> =
        text.lines().filter_map(Known::read).map(|known| (known.path, known)).collect();
    let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
    for path in known.keys() {
        if let Some((parent, _)) = path.rsplit_once('/') {
            children.entry(parent).or_default().push(path);
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos().cast_signed());
    let (mut found, mut lines, mut is_news) = (0, BTreeMap::new(), false);
    for place in places {
        let mut open = vec![place.folder.to_owned()];
        while let Some(path) = open.pop() {
            let Some(changed) = disk.changed(&path) else { continue };
            let of_folder = match known.get(path.as_str()).filter(|known| known.changed == changed) {
                Some(known) => {
                    open.extend(children.get(path.as_str()).into_iter().flatten().map(|child| (*child).to_owned()));
                    known.highest
                }
                None => {
                    let (files, folders) = disk.look_into(&path, place.counts);
                    open.extend(folders);
                    is_news = true;
                    files.iter().filter_map(|file| of_file(file)).max().map_or(0, SecretId::number)
                }
            };
            found = found.max(of_folder);
            // A folder that is not at rest is remembered too, or else it would be missed where the one around it is; but
            // with a time that no folder has.
            lines.insert(path, (if now - changed > REST { changed } else { NEVER }, of_folder));
        }
    }
    if is_news || lines.len() != known.len() {
        let lines: String =
            lines.iter().map(|(path, (changed, highest))| format!("{changed} {highest} {path}\n")).collect();
        memory.remember(lines.as_bytes());
    }
    SecretId::of_number(found)
}

impl<'a> Known<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut parts = line.splitn(3, ' ');
        Some(Self { changed: parts.next()?.parse().ok()?, highest: parts.next()?.parse().ok()?, path: parts.next()? })
    }
}
