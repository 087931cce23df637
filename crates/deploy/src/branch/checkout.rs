//! The branch that is checked out in a folder.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Oid, Repository, RepositoryState, Signature};

use super::lock::{locks, noted};
use super::{BranchError, index, tree};
use goldenpath_core::crash_point;

/// A folder, as a rule the root of a git repository, and the branch that is checked out there.
pub struct Checkout {
    /// Which repository it is, for people.
    pub what: &'static str,
    pub root: PathBuf,
    /// None where the folder is no git repository: nothing is committed.
    pub git: Option<Repository>,
    /// The last commit that was looked at, and its tree.
    last_tree: Cell<Option<(Oid, Oid)>>,
}

/// A file in a commit that is to be made.
#[derive(Debug, Clone, Copy)]
pub enum CommitEntry<'a> {
    /// As it is on disk.
    OnDisk(&'a str),
    /// As it was just written to disk, with this text, and its blob where the object store has that already.
    Written { file: &'a str, text: &'a str, blob: Option<Oid> },
    /// With this text, which may be less than what is on disk; the index has the file already.
    Text(&'a str, &'a str),
    /// Not there any more.
    Gone(&'a str),
}

impl<'a> CommitEntry<'a> {
    pub(super) fn file(&self) -> &'a str {
        match self {
            Self::OnDisk(file)
            | Self::Written { file, .. }
            | Self::Text(file, _)
            | Self::Gone(file) => file,
        }
    }
}

impl Checkout {
    /// # Errors
    /// A state in which nothing can be committed.
    pub fn new(
        what: &'static str,
        root: PathBuf,
        git: Option<Repository>,
    ) -> Result<Self, BranchError> {
        let checkout = Self { what, root, git, last_tree: Cell::new(None) };
        checkout.check_ready()?;
        Ok(checkout)
    }

    /// Commits these files on the branch that is checked out. Whatever else is staged or changed stays as it is. Returns the
    /// commit's ID, or None where there is nothing to commit or no git repository.
    ///
    /// # Errors
    /// What git refuses, among it a branch that has moved meanwhile, and a state that came to be since the folder was
    /// opened and in which nothing can be committed.
    pub fn commit(
        &self,
        entries: &[CommitEntry<'_>],
        message: &str,
    ) -> Result<Option<String>, BranchError> {
        let Some(git) = &self.git else { return Ok(None) };
        self.check_ready()?;
        noted(git, || commit(git, entries, message)).map_err(|error| {
            let why = match locks(git).next() {
                Some(lock) => format!(
                    "`{}` is there: another git is at work, or one crashed and its lock is to be removed",
                    lock.display()
                ),
                None => error.message().to_owned(),
            };
            BranchError::Commit { path: self.root.clone(), why }
        })
    }

    /// Whether the last commit holds a file with this text, and the index has nothing else staged there.
    #[must_use]
    pub fn is_committed(&self, file: &str, text: &str) -> bool {
        let Some(git) = &self.git else { return true };
        let held = || {
            let path = Path::new(file);
            let committed = git.find_tree(self.tree_of_head(git)?)?.get_path(path)?;
            let mut index = git.index()?;
            // Asking git for the status of a file would look at every other one too, ten thousand times.
            index.read(false)?;
            let is_staged = index.get_path(path, 0).is_some_and(|entry| {
                entry.id == committed.id()
                    && i64::from(entry.mode) == i64::from(committed.filemode())
            });
            // Where git turns line ends around (core.autocrlf), a commit may have been made without that.
            let held = String::from_utf8_lossy(git.find_blob(committed.id())?.content())
                .replace("\r\n", "\n");
            Ok::<_, git2::Error>(is_staged && held == text)
        };
        held().unwrap_or(false)
    }

    /// The text of a file as it is staged, whether or not that is as it was committed.
    #[must_use]
    pub fn staged_text(&self, file: &str) -> Option<String> {
        let git = self.git.as_ref()?;
        let mut index = git.index().ok()?;
        index.read(false).ok()?;
        tree::text(git, index.get_path(Path::new(file), 0)?.id).ok()
    }

    /// Whether the index has a file.
    #[must_use]
    pub fn is_staged(&self, file: &str) -> bool {
        let index = self.git.as_ref().and_then(|git| git.index().ok());
        index.is_some_and(|mut index| {
            index.read(false).is_ok() && index.get_path(Path::new(file), 0).is_some()
        })
    }

    /// The last commit's tree; None without git.
    #[must_use]
    pub fn head_tree(&self) -> Option<(&Repository, Oid)> {
        let git = self.git.as_ref()?;
        let tree = self.tree_of_head(git).or_else(|_| git.treebuilder(None)?.write()).ok()?;
        Some((git, tree))
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

    fn check_ready(&self) -> Result<(), BranchError> {
        let Some(git) = &self.git else { return Ok(()) };
        let not_ready = |why: String, help| BranchError::NotReady {
            what: self.what,
            path: self.root.clone(),
            why,
            help,
        };
        if git.state() != RepositoryState::Clean {
            let why = format!("is in the middle of something ({:?})", git.state());
            return Err(not_ready(why, "finish or abort the merge, rebase or cherry-pick there"));
        }
        if git.head_detached().unwrap_or(false) {
            let why = "is on no branch".to_owned();
            return Err(not_ready(why, "check out the branch there that the commit is to go to"));
        }
        Ok(())
    }
}

/// Who a commit is by: as git has it, or else goldenpath.
pub(super) fn signatures(
    git: &Repository,
) -> Result<(Signature<'static>, Signature<'static>), git2::Error> {
    let nobody = |_| Signature::now("goldenpath", "goldenpath@localhost");
    Ok((
        git.author_from_env().or_else(nobody)?.to_owned(),
        git.committer_from_env().or_else(nobody)?.to_owned(),
    ))
}

fn commit(
    git: &Repository,
    entries: &[CommitEntry<'_>],
    message: &str,
) -> Result<Option<String>, git2::Error> {
    let lost = || git2::Error::from_str("the index lost an entry");
    let mut index = git.index()?;
    // As it is on disk now: libgit2 may hold the one that planning saw, and writing that would undo what somebody
    // has staged since.
    index.read(true)?;
    let parent = match git.head() {
        Ok(head) => Some(head.peel_to_commit()?),
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => None,
        Err(error) => return Err(error),
    };
    let base = match &parent {
        Some(parent) => parent.tree()?,
        None => git.find_tree(git.treebuilder(None)?.write()?)?,
    };
    let added = index::add_written(git, &mut index, entries)?;
    for entry in entries.iter().filter(|entry| !added.contains(entry.file())) {
        let path = Path::new(entry.file());
        match entry {
            CommitEntry::OnDisk(_) | CommitEntry::Written { .. } => index.add_path(path)?,
            CommitEntry::Text(_, text) => {
                let held = index.get_path(path, 0).ok_or_else(lost)?;
                index.add_frombuffer(&held, text.as_bytes())?;
            }
            CommitEntry::Gone(_) => index.remove_path(path)?,
        }
    }
    let mut update = TreeUpdateBuilder::new();
    for entry in entries {
        let path = Path::new(entry.file());
        match (entry, index.get_path(path, 0)) {
            (CommitEntry::Gone(_), _) if base.get_path(path).is_err() => {}
            (CommitEntry::Gone(_), _) => _ = update.remove(path),
            (_, None) => return Err(lost()),
            // The index's mode is the file's, so that the two agree even where somebody has made it executable.
            (_, Some(held)) if held.mode & 0o111 == 0 => {
                _ = update.upsert(path, held.id, FileMode::Blob)
            }
            (_, Some(held)) => _ = update.upsert(path, held.id, FileMode::BlobExecutable),
        }
    }
    crash_point::point("branch: blobs written");
    // First the index: were it refused after the commit, the next `git commit` there would undo the change.
    index.write()?;
    crash_point::point("branch: index written");
    let tree = git.find_tree(update.create_updated(git, &base)?)?;
    if tree.id() == base.id() {
        return Ok(None);
    }
    let (author, committer) = signatures(git)?;
    crash_point::point("branch: trees written");
    // Git checks that the branch still is where `parent` was read.
    let id = git.commit(
        Some("HEAD"),
        &author,
        &committer,
        message,
        &tree,
        &parent.iter().collect::<Vec<_>>(),
    )?;
    Ok(Some(id.to_string()))
}
