//! One run at a time in a checkout, and what a run that was killed there has left: temporary files, and git's locks,
//! which nobody else would ever take away.

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

/// How long another run is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long committing takes at most: a lock that is so much younger than our note is somebody else's.
const COMMITTING: Duration = Duration::from_secs(60);

/// The note that git's locks may be ours, in `.git/goldenpath/`: it is there while we commit, and no longer.
const NOTE: &str = "committing";

/// While this exists, no other run writes into the checkout. The system lets go of it when the process ends.
pub struct CheckoutLock(Option<File>);

impl Checkout {
    /// Waits for its turn to write these files, and takes away what killed runs have left where they go. `waiting` hears when
    /// another run is at work.
    ///
    /// # Errors
    /// [`BranchError::Busy`] where that takes more than five minutes.
    pub fn hold(
        &self,
        files: &[&str],
        waiting: impl FnOnce(),
    ) -> Result<CheckoutLock, BranchError> {
        let begun = Instant::now();
        let mut waiting = Some(waiting);
        let held = loop {
            match self.try_hold() {
                Some(held) => break held,
                None if begun.elapsed() < PATIENCE => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    thread::sleep(Duration::from_millis(50));
                }
                None => return Err(BranchError::Busy { what: self.what, path: self.root.clone() }),
            }
        };
        self.clear(&held);
        let files = files.iter().filter_map(|file| files::confine(&self.root, file).ok());
        let folders: BTreeSet<PathBuf> =
            files.filter_map(|file| file.parent().map(Path::to_path_buf)).collect();
        // Where nothing keeps runs apart, a temporary file may be another's.
        for folder in folders.iter().filter(|_| held.0.is_some()) {
            files::remove_temporary(folder);
        }
        Ok(held)
    }

    /// Takes away what killed runs have left inside git's folder, locks of git among it, unless another run is at work.
    pub fn recover(&self) {
        if let Some(held) = self.try_hold() {
            self.clear(&held);
        }
    }

    fn clear(&self, held: &CheckoutLock) {
        self.clear_locks(held);
        if let Some(git) = &self.git {
            private_dir::clear(git);
        }
    }

    /// None while another run has it. On systems and file systems without such locks, runs are not kept apart.
    fn try_hold(&self) -> Option<CheckoutLock> {
        let Ok(folder) = File::open(&self.root) else { return Some(CheckoutLock(None)) };
        match folder.try_lock() {
            Ok(()) => Some(CheckoutLock(Some(folder))),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(_)) => Some(CheckoutLock(None)),
        }
    }

    fn clear_locks(&self, held: &CheckoutLock) {
        let (Some(git), Some(_)) = (&self.git, &held.0) else { return };
        let note = note(git);
        let Ok(noted) = fs::metadata(&note).and_then(|found| found.modified()) else { return };
        let is_ours = |lock: &PathBuf| {
            let made = fs::metadata(lock).and_then(|found| found.modified());
            made.is_ok_and(|made| made.duration_since(noted).is_ok_and(|later| later < COMMITTING))
        };
        for lock in locks(git).filter(is_ours) {
            // Should one stay, committing says so.
            let _ = fs::remove_file(lock);
        }
        let _ = fs::remove_file(note);
    }
}

/// Does what takes git's locks, with a note beside it that they are ours.
pub(super) fn noted<T>(git: &Repository, work: impl FnOnce() -> T) -> T {
    let note = note(git);
    // A lock that is there already is somebody else's. Without a note, a lock that a kill leaves is a person's to remove.
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

/// The locks that are there, of those that keep git from committing on the branch that is checked out.
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
