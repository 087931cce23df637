//! Many new files in the index at once. Libgit2 asks for git's attributes of each in each of its folders, which a thousand
//! small files take longer than all else.

use std::collections::HashSet;
use std::path::Path;

use git2::{Error, Index, IndexEntry, Oid, Repository};

use super::blobs;
use super::checkout::CommitEntry;

/// Adds those of the written files to the index of which it is plain what git makes of them, and says which they are: files
/// that the index does not know, with a text that no filter of git's changes.
pub(super) fn add_written<'a>(
    git: &Repository,
    index: &mut Index,
    entries: &[CommitEntry<'a>],
) -> Result<HashSet<&'a str>, Error> {
    let config = git.config()?;
    let is_set = |name: &str, default: bool| config.get_bool(name).unwrap_or(default);
    let Some(root) = git
        .workdir()
        .filter(|_| is_set("core.filemode", true) && !is_set("core.ignorecase", false))
    else {
        return Ok(HashSet::new());
    };
    let is_unknown =
        |file: &str| (0..=3).all(|stage| index.get_path(Path::new(file), stage).is_none());
    // Line ends are turned around, and `ident` has an ID written there.
    let is_plain = |text: &str| !text.contains('\r') && !text.contains("$Id");
    let plain: Vec<(&str, &str, Option<Oid>)> = entries
        .iter()
        .filter_map(|entry| match *entry {
            CommitEntry::Written { file, text, blob } if is_plain(text) && is_unknown(file) => {
                Some((file, text, blob))
            }
            _ => None,
        })
        .collect();
    let texts: Vec<&str> =
        plain.iter().filter(|(_, _, blob)| blob.is_none()).map(|(_, text, _)| *text).collect();
    let mut stored = blobs::store(git, &texts)?.into_iter();
    let mut added = HashSet::new();
    for (file, _, blob) in plain {
        let Some(blob) = blob.or_else(|| stored.next()) else { break };
        if let Some(entry) = entry(root, file, blob) {
            index.add(&entry)?;
            added.insert(file);
        }
    }
    Ok(added)
}

/// The file's entry, by which git sees that it has not changed since.
#[cfg(unix)]
fn entry(root: &Path, file: &str, blob: Oid) -> Option<IndexEntry> {
    use std::os::unix::fs::MetadataExt;

    use git2::IndexTime;

    let found = root.join(file).symlink_metadata().ok().filter(|found| found.is_file())?;
    // Git keeps the lower 32 bits of each (gitformat-index).
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(IndexEntry {
        ctime: IndexTime::new(found.ctime() as i32, found.ctime_nsec() as u32),
        mtime: IndexTime::new(found.mtime() as i32, found.mtime_nsec() as u32),
        dev: found.dev() as u32,
        ino: found.ino() as u32,
        mode: if found.mode() & 0o100 == 0 { 0o100_644 } else { 0o100_755 },
        uid: found.uid(),
        gid: found.gid(),
        file_size: found.size() as u32,
        id: blob,
        flags: 0,
        flags_extended: 0,
        path: file.as_bytes().to_vec(),
    })
}

/// What git needs to know there is for libgit2 to say.
#[cfg(not(unix))]
fn entry(_: &Path, _: &str, _: Oid) -> Option<IndexEntry> {
    None
}
