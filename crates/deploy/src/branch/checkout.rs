//! Commits to the branch that is checked out in a folder.

use std::cell::Cell;
use std::path::PathBuf;

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Oid, Repository, RepositoryState};

use super::lock::{locks, with_note};
use super::{BranchError, TreeItem, blobs, tree};
use goldenpath_core::crash_point;
use goldenpath_core::vcs;
use goldenpath_core::vcs::SourceError;

/// A folder, usually the root of a git repository, and its checked-out branch.
pub struct Checkout {
    /// The name of the repository in messages.
    pub what: &'static str,
    /// The path on disk; the paths of files start there.
    pub root: PathBuf,
    /// None if the folder is not a git repository: nothing is committed.
    pub git: Option<Repository>,
    /// The same repository, with its index.
    repository: Option<Box<vcs::Repository>>,
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
    fn text(&self) -> Option<&'a str> {
        match self {
            Self::Written { text, .. } | Self::Text(_, text) => Some(text),
            Self::OnDisk(_) | Self::Deleted(_) => None,
        }
    }

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
        repository: Option<vcs::Repository>,
    ) -> Result<Self, BranchError> {
        let failed = |source| BranchError::Source { what, path: root.clone(), source };
        let git = repository.as_ref().map(vcs::Repository::reopen).transpose().map_err(failed)?;
        let repository = repository.map(Box::new);
        let checkout = Self { what, root, git, repository, last_tree: Cell::new(None) };
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
        let (Some(git), Some(repository)) = (&self.git, &self.repository) else { return Ok(None) };
        self.check_ready()?;
        let failed =
            |source| BranchError::Source { what: self.what, path: self.root.clone(), source };
        with_note(git, || commit(git, repository, entries, message)).map_err(|error| {
            match locks(git).next() {
                Some(lock) => {
                    let why = format!(
                        "`{}` exists: wait for the other git process, or remove the file if that \
                         process crashed",
                        lock.display()
                    );
                    BranchError::Commit { path: self.root.clone(), why }
                }
                None => match error {
                    CommitError::Source(source) => failed(source),
                    CommitError::Git(error) => {
                        let why = error.message().to_owned();
                        BranchError::Commit { path: self.root.clone(), why }
                    }
                },
            }
        })
    }

    /// Checks that git can sign a commit, if it is configured to.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check_signer(&self) -> Result<(), BranchError> {
        let (Some(git), Some(repository)) = (&self.git, &self.repository) else { return Ok(()) };
        vcs::check_signer(git, &repository.program()).map_err(|source| BranchError::Source {
            what: self.what,
            path: self.root.clone(),
            source,
        })
    }

    /// Returns whether the last commit and the index have a file with this text.
    ///
    /// # Errors
    /// If git cannot read the commit or the index.
    pub fn is_committed(&self, file: &str, text: &str) -> Result<bool, BranchError> {
        let (Some(git), Some(repository)) = (&self.git, &self.repository) else { return Ok(true) };
        let compare = || -> Result<bool, CommitError> {
            let Some(staged) = repository.staged_file(file)? else { return Ok(false) };
            let TreeItem::File { id, mode } = tree::find(git, self.tree_of_head(git)?, file)?
            else {
                return Ok(false);
            };
            // A commit without core.autocrlf may have other line ends.
            let committed = vcs::read_or_fetch(git, || {
                Ok(String::from_utf8_lossy(git.find_blob(id)?.content()).replace("\r\n", "\n"))
            })?;
            let is_staged = staged.id == id && i64::from(staged.mode) == i64::from(mode);
            Ok(is_staged && committed == text)
        };
        match compare() {
            Ok(is_committed) => Ok(is_committed),
            // Before the first commit.
            Err(CommitError::Git(error)) if error.code() == ErrorCode::UnbornBranch => Ok(false),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// Returns the text of a file in the index; None if it has none.
    ///
    /// # Errors
    /// If git cannot read the index or the file.
    pub fn staged_text(&self, file: &str) -> Result<Option<String>, BranchError> {
        let (Some(git), Some(repository)) = (&self.git, &self.repository) else { return Ok(None) };
        let staged = repository.staged_file(file).map_err(|error| self.unreadable(error.into()))?;
        // A file that is too large or is not UTF-8 has no text.
        Ok(staged.and_then(|staged| tree::text(git, staged.id).ok()))
    }

    /// Returns the text of a file that a sparse checkout leaves out; None of any other.
    ///
    /// # Errors
    /// If git cannot read the index or the file.
    pub fn left_out_text(&self, file: &str) -> Result<Option<Result<String, String>>, BranchError> {
        let (Some(git), Some(repository)) = (&self.git, &self.repository) else { return Ok(None) };
        let staged = repository.staged_file(file).map_err(|error| self.unreadable(error.into()))?;
        Ok(staged.filter(|staged| staged.is_left_out).map(|staged| tree::text(git, staged.id)))
    }

    fn unreadable(&self, error: CommitError) -> BranchError {
        let source = match error {
            CommitError::Source(source) => source,
            CommitError::Git(error) => SourceError::Git {
                what: "the last commit".to_owned(),
                message: error.message().to_owned(),
            },
        };
        BranchError::Source { what: self.what, path: self.root.clone(), source }
    }

    /// Returns the tree of the last commit; None without git.
    ///
    /// The tree of a branch without a commit is empty.
    ///
    /// # Errors
    /// A commit that git cannot read.
    pub fn head_tree(&self) -> Result<Option<(&Repository, Oid)>, git2::Error> {
        let Some(git) = self.git.as_ref() else { return Ok(None) };
        let tree = match self.tree_of_head(git) {
            Err(error) if error.code() == ErrorCode::UnbornBranch => git.treebuilder(None)?.write(),
            tree => tree,
        };
        Ok(Some((git, tree?)))
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

/// Why a commit failed.
enum CommitError {
    Git(git2::Error),
    Source(SourceError),
}

impl From<git2::Error> for CommitError {
    fn from(error: git2::Error) -> Self {
        Self::Git(error)
    }
}

impl From<SourceError> for CommitError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

fn commit(
    git: &Repository,
    repository: &vcs::Repository,
    entries: &[CommitEntry<'_>],
    message: &str,
) -> Result<Option<String>, CommitError> {
    let lost = || git2::Error::from_str("the index lost an entry");
    let parent = match git.head() {
        Ok(head) => Some(head.peel_to_commit()?),
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let base = match &parent {
        Some(parent) => vcs::read_or_fetch(git, || parent.tree())?,
        None => git.find_tree(git.treebuilder(None)?.write()?)?,
    };
    // Stored as one pack; git then finds the contents of the files that it stages.
    let is_new =
        |entry: &&CommitEntry<'_>| matches!(entry, CommitEntry::Written { blob: None, .. });
    let texts: Vec<&str> = entries.iter().filter(is_new).filter_map(CommitEntry::text).collect();
    blobs::store(git, &texts)?;
    let (mut on_disk, mut set) = (Vec::new(), Vec::new());
    for entry in entries {
        let file = entry.file();
        let staged = repository.staged_file(file)?;
        match (entry, staged) {
            (CommitEntry::Deleted(_), _) => set.push((file, None)),
            (CommitEntry::Text(..), None) => return Err(lost().into()),
            (CommitEntry::Text(_, text), Some(staged)) => {
                set.push((file, Some((git.blob(text.as_bytes())?, staged.mode))));
            }
            (CommitEntry::OnDisk(_) | CommitEntry::Written { .. }, _) => on_disk.push(file),
        }
    }
    crash_point::point("branch: blobs written");
    // First the index: if writing it failed after the commit, the next `git commit` there would
    // undo the change.
    repository.stage(&[], &on_disk)?;
    repository.set_staged(&set)?;
    crash_point::point("branch: index written");
    let mut update = TreeUpdateBuilder::new();
    for entry in entries {
        let file = entry.file();
        match (entry, repository.staged_file(file)?) {
            (CommitEntry::Deleted(_), _) => {
                if tree::find(git, base.id(), file)? != TreeItem::Nothing {
                    update.remove(file);
                }
            }
            (_, None) => return Err(lost().into()),
            // The index's mode is the file's: the two agree even if the file is executable.
            (_, Some(staged)) if staged.mode & 0o111 == 0 => {
                _ = update.upsert(file, staged.id, FileMode::Blob)
            }
            (_, Some(staged)) => _ = update.upsert(file, staged.id, FileMode::BlobExecutable),
        }
    }
    let tree = vcs::read_or_fetch(git, || update.create_updated(git, &base))?;
    if tree == base.id() {
        return Ok(None);
    }
    crash_point::point("branch: trees written");
    let parents: Vec<Oid> = parent.iter().map(|parent| parent.id()).collect();
    let id = vcs::write_commit(git, &repository.program(), tree, &parents, message)?;
    set_head(git, parents.first().copied(), id, message)?;
    Ok(Some(id.to_string()))
}

/// Moves the checked-out branch from `old` to `new`; fails if it was moved concurrently.
fn set_head(
    git: &Repository,
    old: Option<Oid>,
    new: Oid,
    message: &str,
) -> Result<(), git2::Error> {
    let head = git.find_reference("HEAD")?;
    let branch = head.symbolic_target()?.unwrap_or("HEAD");
    let subject = message.lines().next().unwrap_or_default();
    match old {
        Some(old) => git.reference_matching(branch, new, true, old, &format!("commit: {subject}")),
        None => git.reference(branch, new, false, &format!("commit (initial): {subject}")),
    }
    .map(drop)
}
