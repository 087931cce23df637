//! Committing projections, and nothing else that may lie in the working copy or its index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Index, IndexEntry, Oid, Repository, RepositoryState, Signature};

use super::unfinished::{locks, noted};
use super::{GitopsError, WorkingCopy};
use crate::crash;
use crate::files;
use crate::projection::Projection;

impl WorkingCopy {
    /// Commits the files of these projections on the branch that is checked out. Whatever else is staged or changed
    /// stays as it is. Returns the commit's ID, or None where there is nothing to commit or no git repository.
    ///
    /// # Errors
    /// What git refuses, among it a branch that has moved meanwhile, and a state that came to be since the folder was
    /// opened and in which nothing can be committed.
    pub fn commit(&self, projections: &[&Projection], message: &str) -> Result<Option<String>, GitopsError> {
        self.sync_folders(projections)?;
        let Some(git) = &self.git else { return Ok(None) };
        self.check_ready()?;
        noted(git, || commit(git, projections, &self.staged.take(), message)).map_err(|error| {
            let why = match locks(git).next() {
                Some(lock) => format!(
                    "`{}` is there: another git is at work, or one crashed and its lock is to be removed",
                    lock.display()
                ),
                None => error.message().to_owned(),
            };
            GitopsError::Commit { path: self.root.clone(), why }
        })
    }

    /// Has git take a file that was written into its objects, which the commit then need not wait for. Should it fail, the
    /// commit says so.
    pub fn stage(&self, projection: &Projection) {
        let Some(git) = &self.git else { return };
        let staged = git.index().and_then(|mut index| staged(&mut index, &projection.file));
        if let Ok(entry) = staged {
            self.staged.borrow_mut().insert(projection.file.clone(), entry);
        }
    }

    /// Makes it safe on disk that the files of these projections are there.
    fn sync_folders(&self, projections: &[&Projection]) -> Result<(), GitopsError> {
        let mut folders: BTreeMap<PathBuf, &str> = BTreeMap::new();
        for projection in projections {
            if let Some(folder) = self.path_of(&projection.file)?.parent() {
                folders.insert(folder.to_path_buf(), &projection.file);
            }
        }
        folders.into_iter().try_for_each(|(folder, file)| {
            files::sync_folder(&folder)
                .map_err(|error| GitopsError::Write { file: file.to_owned(), why: error.to_string() })
        })
    }

    /// Whether the last commit holds the projection as it is, and the index has nothing else staged there.
    pub(super) fn is_committed(&self, projection: &Projection) -> bool {
        let Some(git) = &self.git else { return true };
        let held = || {
            let path = Path::new(&projection.file);
            let committed = git.find_tree(self.tree_of_head(git)?)?.get_path(path)?;
            let mut index = git.index()?;
            // Asking git for the status of a file would look at every other one too, ten thousand times.
            index.read(false)?;
            let is_staged = index.get_path(path, 0).is_some_and(|entry| {
                entry.id == committed.id() && i64::from(entry.mode) == i64::from(committed.filemode())
            });
            // Where git turns line ends around (core.autocrlf), a commit may have been made without that.
            let text = String::from_utf8_lossy(git.find_blob(committed.id())?.content()).replace("\r\n", "\n");
            Ok::<_, git2::Error>(is_staged && text == projection.text)
        };
        held().unwrap_or(false)
    }

    /// The tree of the last commit, which is looked up once a commit: its message may name ten thousand IDs.
    fn tree_of_head(&self, git: &Repository) -> Result<Oid, git2::Error> {
        let head = git.head()?;
        match self.last_tree.get().filter(|(commit, _)| Some(*commit) == head.target()) {
            Some((_, tree)) => Ok(tree),
            None => {
                let commit = head.peel_to_commit()?;
                self.last_tree.set(Some((commit.id(), commit.tree_id())));
                Ok(commit.tree_id())
            }
        }
    }

    pub(super) fn check_ready(&self) -> Result<(), GitopsError> {
        let Some(git) = &self.git else { return Ok(()) };
        let not_ready = |why: &str, help| GitopsError::NotReady { path: self.root.clone(), why: why.to_owned(), help };
        if git.state() != RepositoryState::Clean {
            let what = format!("is in the middle of something ({:?})", git.state());
            return Err(not_ready(&what, "finish or abort the merge, rebase or cherry-pick there"));
        }
        if git.head_detached().unwrap_or(false) {
            return Err(not_ready("is on no branch", "check out the branch that Argo CD or Flux reads"));
        }
        Ok(())
    }
}

/// What the index is to hold of a file, which git's objects then have. Nothing is written into the index's own file.
fn staged(index: &mut Index, file: &str) -> Result<IndexEntry, git2::Error> {
    let path = Path::new(file);
    index.add_path(path)?;
    index.get_path(path, 0).ok_or_else(|| git2::Error::from_str("the index lost an entry"))
}

fn commit(
    git: &Repository,
    projections: &[&Projection],
    known: &BTreeMap<String, IndexEntry>,
    message: &str,
) -> Result<Option<String>, git2::Error> {
    let mut index = git.index()?;
    // As it is on disk now: libgit2 may hold the one that planning saw, and writing that would undo what somebody
    // has staged since.
    index.read(true)?;
    let mut update = TreeUpdateBuilder::new();
    for projection in projections {
        let path = Path::new(&projection.file);
        let (id, mode) = match known.get(&projection.file) {
            Some(entry) => {
                index.add(entry)?;
                (entry.id, entry.mode)
            }
            None => staged(&mut index, &projection.file).map(|entry| (entry.id, entry.mode))?,
        };
        // The index's mode is the file's, so that the two agree even where somebody has made it executable.
        update.upsert(path, id, if mode & 0o111 == 0 { FileMode::Blob } else { FileMode::BlobExecutable });
    }
    crash::point("gitops: blobs written");
    // First the index: were it refused after the commit, the next `git commit` there would undo the projections.
    index.write()?;
    crash::point("gitops: index written");
    let parent = match git.head() {
        Ok(head) => Some(head.peel_to_commit()?),
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => None,
        Err(error) => return Err(error),
    };
    let base = match &parent {
        Some(parent) => parent.tree()?,
        None => git.find_tree(git.treebuilder(None)?.write()?)?,
    };
    let tree = git.find_tree(update.create_updated(git, &base)?)?;
    if tree.id() == base.id() {
        return Ok(None);
    }
    let nobody = |_| Signature::now("goldenpath", "goldenpath@localhost");
    let author = git.author_from_env().or_else(nobody)?;
    let committer = git.committer_from_env().or_else(nobody)?;
    crash::point("gitops: trees written");
    // Git checks that the branch still is where `parent` was read.
    let id = git.commit(Some("HEAD"), &author, &committer, message, &tree, &parent.iter().collect::<Vec<_>>())?;
    Ok(Some(id.to_string()))
}
