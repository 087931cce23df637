//! Commits to the branch that is checked out in a folder.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Oid, Repository, RepositoryState, Signature};

use super::lock::{locks, with_note};
use super::{BranchError, index, tree};
use goldenpath_core::crash_point;

/// A folder, usually the root of a git repository, and its checked-out branch.
pub struct Checkout {
    /// The name of the repository in messages.
    pub what: &'static str,
    /// The path on disk; the paths of files start there.
    pub root: PathBuf,
    /// None if the folder is not a git repository: nothing is committed.
    pub git: Option<Repository>,
    /// The commit that was read last, and its tree.
    last_tree: Cell<Option<(Oid, Oid)>>,
}

/// A file in a new commit.
#[derive(Debug, Clone, Copy)]
pub enum CommitEntry<'a> {
    /// As it is on disk.
    OnDisk(&'a str),
    /// As just written to disk with this text, and its blob if the object store has it.
    Written {
        /// From the folder, with `/`.
        file: &'a str,
        /// The whole content of the file.
        text: &'a str,
        /// The ID of the content; None if the object database lacks it.
        blob: Option<Oid>,
    },
    /// With this text, which may leave out changes on disk; the index has the file.
    Text(&'a str, &'a str),
    /// Deleted.
    Deleted(&'a str),
}

impl<'a> CommitEntry<'a> {
    pub(super) fn file(&self) -> &'a str {
        match self {
            Self::OnDisk(file)
            | Self::Written { file, .. }
            | Self::Text(file, _)
            | Self::Deleted(file) => file,
        }
    }
}

impl Checkout {
    /// Opens a checkout.
    ///
    /// # Errors
    /// [`BranchError::NotReady`] if nothing can be committed in its state.
    pub fn new(
        what: &'static str,
        root: PathBuf,
        git: Option<Repository>,
    ) -> Result<Self, BranchError> {
        let checkout = Self { what, root, git, last_tree: Cell::new(None) };
        checkout.check_ready()?;
        Ok(checkout)
    }

    /// Commits these files to the branch.
    ///
    /// All other changes stay as they are, staged or not. Returns the commit's ID, or None if there
    /// is nothing to commit or no git repository.
    ///
    /// # Errors
    /// If git reports an error, for example because the branch moved concurrently, or nothing can
    /// be committed in the state of the checkout.
    pub fn commit(
        &self,
        entries: &[CommitEntry<'_>],
        message: &str,
    ) -> Result<Option<String>, BranchError> {
        let Some(git) = &self.git else { return Ok(None) };
        self.check_ready()?;
        with_note(git, || commit(git, entries, message)).map_err(|error| {
            let why = match locks(git).next() {
                Some(lock) => format!(
                    "`{}` exists: wait for the other git process, or remove the file if that \
                     process crashed",
                    lock.display()
                ),
                None => error.message().to_owned(),
            };
            BranchError::Commit { path: self.root.clone(), why }
        })
    }

    /// Returns whether the last commit and the index have a file with this text.
    #[must_use]
    pub fn is_committed(&self, file: &str, text: &str) -> bool {
        let Some(git) = &self.git else { return true };
        let compare = || {
            let path = Path::new(file);
            let committed = git.find_tree(self.tree_of_head(git)?)?.get_path(path)?;
            let mut index = git.index()?;
            // Git's status of one file would read all others, too, for each of ten thousand files.
            index.read(false)?;
            let is_staged = index.get_path(path, 0).is_some_and(|entry| {
                entry.id == committed.id()
                    && i64::from(entry.mode) == i64::from(committed.filemode())
            });
            // A commit without core.autocrlf may have other line ends.
            let committed = String::from_utf8_lossy(git.find_blob(committed.id())?.content())
                .replace("\r\n", "\n");
            Ok::<_, git2::Error>(is_staged && committed == text)
        };
        compare().unwrap_or(false)
    }

    /// Returns the text of a file in the index.
    #[must_use]
    pub fn staged_text(&self, file: &str) -> Option<String> {
        let git = self.git.as_ref()?;
        let mut index = git.index().ok()?;
        index.read(false).ok()?;
        tree::text(git, index.get_path(Path::new(file), 0)?.id).ok()
    }

    /// Returns whether the index has a file.
    #[must_use]
    pub fn is_staged(&self, file: &str) -> bool {
        let index = self.git.as_ref().and_then(|git| git.index().ok());
        index.is_some_and(|mut index| {
            index.read(false).is_ok() && index.get_path(Path::new(file), 0).is_some()
        })
    }

    /// Returns the tree of the last commit; None without git.
    #[must_use]
    pub fn head_tree(&self) -> Option<(&Repository, Oid)> {
        let git = self.git.as_ref()?;
        let tree = self.tree_of_head(git).or_else(|_| git.treebuilder(None)?.write()).ok()?;
        Some((git, tree))
    }

    /// Returns the tree of the last commit.
    ///
    /// It is cached, because parsing the commit is slow: its message may list ten thousand IDs.
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
            let why = format!("has an operation in progress ({:?})", git.state());
            return Err(not_ready(why, "finish or abort the merge, rebase or cherry-pick there"));
        }
        if git.head_detached().unwrap_or(false) {
            let why = "is on no branch".to_owned();
            return Err(not_ready(why, "check out the branch to commit to there"));
        }
        Ok(())
    }
}

/// Returns the author and committer from git, or else goldenpath.
pub(super) fn signatures(
    git: &Repository,
) -> Result<(Signature<'static>, Signature<'static>), git2::Error> {
    let default = |_| Signature::now("goldenpath", "goldenpath@localhost");
    Ok((
        git.author_from_env().or_else(default)?.to_owned(),
        git.committer_from_env().or_else(default)?.to_owned(),
    ))
}

fn commit(
    git: &Repository,
    entries: &[CommitEntry<'_>],
    message: &str,
) -> Result<Option<String>, git2::Error> {
    let lost = || git2::Error::from_str("the index lost an entry");
    let mut index = git.index()?;
    // Read it again: libgit2 may have cached it during planning, and writing that one would undo
    // changes that were staged since.
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
                let entry = index.get_path(path, 0).ok_or_else(lost)?;
                index.add_frombuffer(&entry, text.as_bytes())?;
            }
            CommitEntry::Deleted(_) => index.remove_path(path)?,
        }
    }
    let mut update = TreeUpdateBuilder::new();
    for entry in entries {
        let path = Path::new(entry.file());
        match (entry, index.get_path(path, 0)) {
            (CommitEntry::Deleted(_), _) if base.get_path(path).is_err() => {}
            (CommitEntry::Deleted(_), _) => _ = update.remove(path),
            (_, None) => return Err(lost()),
            // The index's mode is the file's: the two agree even if the file is executable.
            (_, Some(entry)) if entry.mode & 0o111 == 0 => {
                _ = update.upsert(path, entry.id, FileMode::Blob)
            }
            (_, Some(entry)) => _ = update.upsert(path, entry.id, FileMode::BlobExecutable),
        }
    }
    crash_point::point("branch: blobs written");
    // First the index: if writing it failed after the commit, the next `git commit` there would
    // undo the change.
    index.write()?;
    crash_point::point("branch: index written");
    let tree = git.find_tree(update.create_updated(git, &base)?)?;
    if tree.id() == base.id() {
        return Ok(None);
    }
    let (author, committer) = signatures(git)?;
    crash_point::point("branch: trees written");
    // Git checks that the branch is still at `parent`.
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
