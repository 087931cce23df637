//! Projections that are made ready while the stores are at work: their bytes are safe on disk in a folder of our own inside
//! git's, and their blobs in its object store. Publishing gives them their names; until then nobody sees them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use git2::{Oid, Repository};

use super::working_copy::AT_ONCE;
use crate::branch;
use crate::branch::Aside;
use goldenpath_core::files;
use goldenpath_core::files::Staged;
use goldenpath_core::projection::Projection;

/// The work, which ends when this does.
pub(super) struct PreparedFiles {
    is_enough: Arc<AtomicBool>,
    thread: Option<JoinHandle<PreparedFile>>,
}

/// What is ready, by the projection's file. It may be any part of all, and none: what is not ready is written when it is needed.
#[derive(Default)]
pub(super) struct PreparedFile {
    pub(super) files: HashMap<String, Staged>,
    pub(super) blobs: HashMap<String, Oid>,
    /// The folder that the files are in.
    _aside: Option<Aside>,
}

impl PreparedFiles {
    /// Begins. `root` is where the working copy is, and `git` its repository.
    pub(super) fn begin(root: &Path, git: &Repository, projections: &[&Projection]) -> Self {
        let (root, git) = (root.to_path_buf(), git.path().to_path_buf());
        let wanted: Vec<_> =
            projections.iter().map(|one| (one.file.clone(), one.text.clone())).collect();
        let is_enough = Arc::new(AtomicBool::new(false));
        let enough = Arc::clone(&is_enough);
        let thread =
            thread::Builder::new().spawn(move || make_ready(&root, &git, wanted, &enough)).ok();
        Self { is_enough, thread }
    }

    /// What is ready by now.
    pub(super) fn end(mut self) -> PreparedFile {
        self.stop()
    }

    fn stop(&mut self) -> PreparedFile {
        self.is_enough.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for PreparedFiles {
    fn drop(&mut self) {
        self.stop();
    }
}

fn make_ready(
    root: &Path,
    git: &PathBuf,
    wanted: Vec<(String, String)>,
    is_enough: &AtomicBool,
) -> PreparedFile {
    let mut ready = PreparedFile::default();
    let Ok(git) = Repository::open(git) else { return ready };
    let texts: Vec<&str> = wanted.iter().map(|(_, text)| text.as_str()).collect();
    if let Ok(blobs) = branch::store(&git, &texts) {
        ready.blobs = wanted.iter().map(|(file, _)| file.clone()).zip(blobs).collect();
    }
    let Ok(aside) = Aside::new(&git) else { return ready };
    for some in wanted.chunks(AT_ONCE).take_while(|_| !is_enough.load(Ordering::Relaxed)) {
        let stage = |(file, text): &(String, String)| {
            let staged = files::stage(aside.path(), &root.join(file), text.as_bytes()).ok()?;
            Some((file.clone(), staged))
        };
        ready.files.extend(files::few_at_once(some.iter().collect(), stage).into_iter().flatten());
    }
    ready._aside = Some(aside);
    ready
}
