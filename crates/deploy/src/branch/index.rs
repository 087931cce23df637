//! A fast way to add many new files to the index.
//!
//! libgit2 reads git's attributes for each file in each of its folders, which for a thousand small
//! files takes longer than everything else.

use std::collections::HashSet;
use std::path::Path;

use git2::{Error, Index, IndexEntry, Oid, Repository};

use super::blobs;
use super::checkout::CommitEntry;

/// Adds the written files that git does not convert to the index; returns them.
///
/// These are files that the index does not have, with a text that no filter of git changes.
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
    // Git may convert line ends, and `ident` expands `$Id$`.
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

/// Returns the file's entry, by which git sees that the file is unchanged.
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

/// Returns None: on other systems, libgit2 creates the entry.
#[cfg(not(unix))]
fn entry(_: &Path, _: &str, _: Oid) -> Option<IndexEntry> {
    None
}
