//! The ledger: the IDs that this clone has allocated, one per line.
//!
//! It is a file below `.git/`. All linked work trees share it. An ID in it is never allocated
//! again, whatever happens to its manifest.
//!
//! The file is also the lock between processes in one clone: the operating system releases it when
//! a process ends, however it ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::IdError;
use crate::files;
use crate::manifest::SecretId;
use crate::used_ids::{ALLOCATED_FILE, MAX_ALLOCATED_BYTES};

/// The age from which a temporary file no longer belongs to a running process.
const LEFT_BEHIND: Duration = Duration::from_secs(3600);

/// The open and locked file.
pub(super) struct Ledger {
    file: File,
    path: PathBuf,
    ids: Vec<SecretId>,
    /// Whether the last line was cut off, by a crash or a full disk.
    is_truncated: bool,
}

impl Ledger {
    /// Opens and locks the file in `folder`; calls `waiting` if that takes long.
    ///
    /// # Errors
    /// An error of the file system, or a process that holds the lock too long.
    pub(super) fn lock(folder: &Path, waiting: impl FnOnce()) -> Result<Self, IdError> {
        let path = folder.join(ALLOCATED_FILE);
        let failed =
            |error: io::Error| IdError::Ledger { path: path.clone(), why: error.to_string() };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        files::lock(&file, waiting).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => {
                IdError::Locked { path: path.clone(), seconds: files::LOCK_LIMIT.as_secs() }
            }
            _ => failed(error),
        })?;
        remove_temporary_files(folder);
        let mut text = String::new();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| {
                Read::by_ref(&mut file).take(MAX_ALLOCATED_BYTES).read_to_string(&mut text)
            })
            .map_err(failed)?;
        Ok(Self {
            ids: ids_in(&text),
            is_truncated: !text.is_empty() && !text.ends_with('\n'),
            file,
            path,
        })
    }

    /// Returns the allocated IDs.
    #[must_use]
    pub(super) fn ids(&self) -> &[SecretId] {
        &self.ids
    }

    /// Records IDs as allocated; they are safely on disk when it returns.
    ///
    /// # Errors
    /// An error of the file system: then none of the IDs may be used.
    pub(super) fn record(&mut self, ids: &[SecretId]) -> Result<(), IdError> {
        let mut lines = String::from(if self.is_truncated { "\n" } else { "" });
        for id in ids {
            lines.push_str(&format!("{id}\n"));
        }
        self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_all()).map_err(
            |error| {
                self.is_truncated = true;
                IdError::Ledger { path: self.path.clone(), why: error.to_string() }
            },
        )?;
        self.is_truncated = false;
        self.ids.extend(ids);
        Ok(())
    }
}

fn ids_in(text: &str) -> Vec<SecretId> {
    text.lines().filter_map(|line| SecretId::parse(line).ok()).collect()
}

/// Removes the temporary files that killed processes have left in the folder.
fn remove_temporary_files(folder: &Path) {
    let is_old = |found: &fs::Metadata| {
        found.modified().is_ok_and(|when| when.elapsed().is_ok_and(|since| since > LEFT_BEHIND))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_temporary = entry.file_name().to_string_lossy().starts_with(files::TEMPORARY);
        if is_temporary && entry.metadata().is_ok_and(|found| found.is_file() && is_old(&found)) {
            // Best effort: the file does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn id(text: &str) -> SecretId {
        SecretId::parse(text).unwrap()
    }

    #[test]
    fn recorded_ids_are_in_the_ledger_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Ledger::lock(folder.path(), || ()).unwrap().ids(), []);
        Ledger::lock(folder.path(), || ())
            .unwrap()
            .record(&[id("SEC-0009"), id("SEC-0010")])
            .unwrap();
        assert_eq!(
            Ledger::lock(folder.path(), || ()).unwrap().ids(),
            [id("SEC-0009"), id("SEC-0010")]
        );
    }

    #[test]
    fn a_line_that_was_cut_off_does_not_damage_the_next() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(ALLOCATED_FILE), "SEC-0007\nSEC-").unwrap();
        Ledger::lock(folder.path(), || ()).unwrap().record(&[id("SEC-0008")]).unwrap();
        assert_eq!(
            Ledger::lock(folder.path(), || ()).unwrap().ids(),
            [id("SEC-0007"), id("SEC-0008")]
        );
    }
}
