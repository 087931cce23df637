//! Projections that are written ahead, while apply waits for the stores.
//!
//! Their files are synced in a private folder inside git's, and their blobs are in its object
//! store. Publishing renames the files into place.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use git2::{Oid, Repository};

use super::working_copy::CHUNK;
use crate::branch;
use crate::branch::PrivateDir;
use goldenpath_core::files;
use goldenpath_core::files::StagedFile;
use goldenpath_core::projection::Projection;

/// The preparation in the background, which stops on drop.
pub(super) struct PreparedFiles {
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<PreparedFile>>,
}

/// The prepared files and blobs, by the projection's path.
///
/// Any of them may be missing: publishing writes those itself.
#[derive(Default)]
pub(super) struct PreparedFile {
    pub(super) files: HashMap<String, StagedFile>,
    pub(super) blobs: HashMap<String, Oid>,
    /// The folder of the files.
    _folder: Option<PrivateDir>,
}

impl PreparedFiles {
    /// Starts to prepare. `root` is the working copy, and `git` its repository.
    pub(super) fn begin(root: &Path, git: &Repository, projections: &[&Projection]) -> Self {
        let (root, git) = (root.to_path_buf(), git.path().to_path_buf());
        let wanted: Vec<_> =
            projections.iter().map(|one| (one.file.clone(), one.text.clone())).collect();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let thread =
            thread::Builder::new().spawn(move || prepare(&root, &git, wanted, &stopped)).ok();
        Self { is_stopped, thread }
    }

    /// Stops, and returns the files that are ready.
    pub(super) fn end(mut self) -> PreparedFile {
        self.stop()
    }

    fn stop(&mut self) -> PreparedFile {
        self.is_stopped.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for PreparedFiles {
    fn drop(&mut self) {
        self.stop();
    }
}

fn prepare(
    root: &Path,
    git: &PathBuf,
    wanted: Vec<(String, String)>,
    is_stopped: &AtomicBool,
) -> PreparedFile {
    let mut ready = PreparedFile::default();
    let Ok(git) = Repository::open(git) else { return ready };
    let texts: Vec<&str> = wanted.iter().map(|(_, text)| text.as_str()).collect();
    if let Ok(blobs) = branch::store(&git, &texts) {
        ready.blobs = wanted.iter().map(|(file, _)| file.clone()).zip(blobs).collect();
    }
    let Ok(folder) = PrivateDir::new(&git) else { return ready };
    for chunk in wanted.chunks(CHUNK).take_while(|_| !is_stopped.load(Ordering::Relaxed)) {
        let stage = |(file, text): &(String, String)| {
            let staged = files::stage(folder.path(), &root.join(file), text.as_bytes()).ok()?;
            Some((file.clone(), staged))
        };
        ready
            .files
            .extend(files::map_in_parallel(chunk.iter().collect(), stage).into_iter().flatten());
    }
    ready._folder = Some(folder);
    ready
}
