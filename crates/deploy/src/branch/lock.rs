//! The lock of a checkout, and the removal of leftovers of killed runs.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use git2::Repository;

use super::{BranchError, Checkout, private_dir};
use goldenpath_core::crash_point;
use goldenpath_core::files;

/// The maximum wait for another run.
const PATIENCE: Duration = Duration::from_secs(300);

/// The maximum duration of a commit.
///
/// A lock of git that is this much newer than the note belongs to another process.
const COMMITTING: Duration = Duration::from_secs(60);

/// The file in `.git/goldenpath/` that exists while goldenpath commits.
///
/// If it is left after a kill, git's locks may be left by goldenpath, too.
const NOTE: &str = "committing";

/// Keeps other runs from writing to the checkout.
///
/// The system frees it when the process ends.
pub struct CheckoutLock(Option<File>);

impl Checkout {
    /// Locks the checkout to write these files, and removes leftovers of killed runs.
    ///
    /// Calls `waiting` if another run has the lock.
    ///
    /// # Errors
    /// [`BranchError::Busy`] after five minutes.
    pub fn lock(
        &self,
        files: &[&str],
        waiting: impl FnOnce(),
    ) -> Result<CheckoutLock, BranchError> {
        let begun = Instant::now();
        let mut waiting = Some(waiting);
        let lock = loop {
            match self.try_lock() {
                Some(lock) => break lock,
                None if begun.elapsed() < PATIENCE => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    thread::sleep(Duration::from_millis(50));
                }
                None => return Err(BranchError::Busy { what: self.what, path: self.root.clone() }),
            }
        };
        self.clear(&lock);
        let files = files.iter().filter_map(|file| files::join_below(&self.root, file).ok());
        let folders: BTreeSet<PathBuf> =
            files.filter_map(|file| file.parent().map(Path::to_path_buf)).collect();
        // Without a lock, a temporary file may belong to another run.
        for folder in folders.iter().filter(|_| lock.0.is_some()) {
            files::remove_temporary(folder);
        }
        Ok(lock)
    }

    /// Removes leftovers of killed runs, with locks of git, from git's folder.
    ///
    /// Does nothing if another run has the lock.
    pub fn recover(&self) {
        if let Some(lock) = self.try_lock() {
            self.clear(&lock);
        }
    }

    fn clear(&self, lock: &CheckoutLock) {
        self.clear_locks(lock);
        if let Some(git) = &self.git {
            private_dir::clear(git);
        }
    }

    /// Returns None if another run has the lock.
    ///
    /// On systems and file systems without such locks, runs are not kept apart.
    fn try_lock(&self) -> Option<CheckoutLock> {
        let Ok(folder) = File::open(&self.root) else { return Some(CheckoutLock(None)) };
        match folder.try_lock() {
            Ok(()) => Some(CheckoutLock(Some(folder))),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(_)) => Some(CheckoutLock(None)),
        }
    }

    fn clear_locks(&self, lock: &CheckoutLock) {
        let (Some(git), Some(_)) = (&self.git, &lock.0) else { return };
        let note = note(git);
        let Ok(noted) = fs::metadata(&note).and_then(|found| found.modified()) else { return };
        let is_ours = |lock: &PathBuf| {
            let locked = fs::metadata(lock).and_then(|found| found.modified());
            locked.is_ok_and(|locked| {
                locked.duration_since(noted).is_ok_and(|later| later < COMMITTING)
            })
        };
        for lock in locks(git).filter(is_ours) {
            // If one remains, the commit reports it.
            let _ = fs::remove_file(lock);
        }
        let _ = fs::remove_file(note);
    }
}

/// Runs `work`, which takes git's locks, while the note exists.
pub(super) fn with_note<T>(git: &Repository, work: impl FnOnce() -> T) -> T {
    let note = note(git);
    // An existing lock belongs to another process. Without a note, a person has to remove a lock
    // that a killed run leaves.
    let is_noted = locks(git).next().is_none() && write(&note).is_ok();
    crash_point::point("branch: noted");
    let done = work();
    crash_point::point("branch: committed");
    if is_noted {
        let _ = fs::remove_file(&note);
    }
    crash_point::point("branch: note removed");
    done
}

/// Returns the existing locks that keep git from committing to the branch.
pub(super) fn locks(git: &Repository) -> impl Iterator<Item = PathBuf> {
    let head = git.find_reference("HEAD").ok();
    let branch = head.as_ref().and_then(|head| head.symbolic_target().ok().flatten());
    let branch = branch.map(|branch| git.commondir().join(format!("{branch}.lock")));
    let locks = [git.path().join("index.lock"), git.path().join("HEAD.lock")];
    locks.into_iter().chain(branch).filter(|lock| lock.exists())
}

fn note(git: &Repository) -> PathBuf {
    git.path().join("goldenpath").join(NOTE)
}

fn write(note: &Path) -> io::Result<()> {
    fs::create_dir_all(note.parent().unwrap_or(note))?;
    File::create(note).map(drop)
}
