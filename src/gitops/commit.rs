//! Committing projections, and nothing else that may lie in the working copy or its index.

use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Oid, Repository, RepositoryState, Signature};

use super::{GitopsError, WorkingCopy, tree};
use crate::projection::Projection;

impl WorkingCopy {
    /// Commits these files as they are on disk, and `texts`, each with its file, on the branch that is checked out. Whatever
    /// else is staged or changed stays as it is. Returns the commit's ID, or None where there is nothing to commit or no git
    /// repository.
    ///
    /// # Errors
    /// What git refuses, among it a branch that has moved meanwhile, and a state that came to be since the folder was
    /// opened and in which nothing can be committed.
    pub(super) fn commit(
        &self,
        files: &[&str],
        texts: &[(String, String)],
        message: &str,
    ) -> Result<Option<String>, GitopsError> {
        let Some(git) = &self.git else { return Ok(None) };
        self.check_ready()?;
        commit(git, files, texts, message).map_err(|error| {
            let why = match lock_in(git) {
                Some(lock) => format!(
                    "`{}` is there: another git is at work, or one crashed and its lock is to be removed",
                    lock.display()
                ),
                None => error.message().to_owned(),
            };
            GitopsError::Commit { path: self.root.clone(), why }
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

    /// The text of a file as it is staged, whether or not that is as it was committed.
    pub(super) fn staged_text(&self, file: &str) -> Option<String> {
        let git = self.git.as_ref()?;
        let mut index = git.index().ok()?;
        index.read(false).ok()?;
        tree::text(git, index.get_path(Path::new(file), 0)?.id).ok()
    }

    /// The tree of the last commit, which is looked up once a commit: its message may name ten thousand IDs.
    pub(super) fn tree_of_head(&self, git: &Repository) -> Result<Oid, git2::Error> {
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

/// The lock, if there is one, that keeps git from committing on the branch that is checked out.
fn lock_in(git: &Repository) -> Option<PathBuf> {
    let head = git.find_reference("HEAD").ok();
    let branch = head.as_ref().and_then(|head| head.symbolic_target().ok().flatten());
    let branch = branch.map(|branch| git.commondir().join(format!("{branch}.lock")));
    let locks = [git.path().join("index.lock"), git.path().join("HEAD.lock")];
    locks.into_iter().chain(branch).find(|lock| lock.exists())
}

/// Who a commit is by: as git has it, or else goldenpath.
pub(super) fn signatures(git: &Repository) -> Result<(Signature<'static>, Signature<'static>), git2::Error> {
    let nobody = |_| Signature::now("goldenpath", "goldenpath@localhost");
    Ok((git.author_from_env().or_else(nobody)?.to_owned(), git.committer_from_env().or_else(nobody)?.to_owned()))
}

fn commit(
    git: &Repository,
    files: &[&str],
    texts: &[(String, String)],
    message: &str,
) -> Result<Option<String>, git2::Error> {
    let mut index = git.index()?;
    // As it is on disk now: libgit2 may hold the one that planning saw, and writing that would undo what somebody
    // has staged since.
    index.read(true)?;
    let mut update = TreeUpdateBuilder::new();
    for (file, text) in texts {
        // What is committed of a file may be less than what is on disk.
        let entry =
            index.get_path(Path::new(file), 0).ok_or_else(|| git2::Error::from_str("the index lost an entry"))?;
        index.add_frombuffer(&entry, text.as_bytes())?;
    }
    for file in files {
        index.add_path(Path::new(file))?;
    }
    for path in files.iter().copied().chain(texts.iter().map(|(file, _)| file.as_str())).map(Path::new) {
        let entry = index.get_path(path, 0).ok_or_else(|| git2::Error::from_str("the index lost an entry"))?;
        // The index's mode is the file's, so that the two agree even where somebody has made it executable.
        update.upsert(path, entry.id, if entry.mode & 0o111 == 0 { FileMode::Blob } else { FileMode::BlobExecutable });
    }
    // First the index: were it refused after the commit, the next `git commit` there would undo the projections.
    index.write()?;
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
    let (author, committer) = signatures(git)?;
    // Git checks that the branch still is where `parent` was read.
    let id = git.commit(Some("HEAD"), &author, &committer, message, &tree, &parent.iter().collect::<Vec<_>>())?;
    Ok(Some(id.to_string()))
}
