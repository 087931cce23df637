//! A working copy of the GitOps repository.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use git2::{Oid, Repository};

use super::kustomization::{Kustomization, Listing, NAMES, split};
use super::prepared_files::{PreparedFile, PreparedFiles};
use super::{FileState, GitopsError, MAX_BYTES, ProjectionChange, PublishEvent, Published};
use crate::branch;
use crate::branch::{BranchError, Checkout, CommitEntry, TreeItem, VisitedItem};
use goldenpath_core::files;
use goldenpath_core::files::{StagedFile, Unreadable};
use goldenpath_core::projection;
use goldenpath_core::projection::Projection;
use goldenpath_core::vcs;
use goldenpath_core::vcs::SourceError;

/// The number of files that are written between two progress reports.
pub(super) const CHUNK: usize = 64;

/// A folder that Argo CD or Flux reads, usually the root of a git repository.
pub struct WorkingCopy {
    checkout: Checkout,
    /// The kustomizations that planning has read, by folder.
    folders: RefCell<HashMap<String, Rc<FolderKustomization>>>,
    /// The projections that are being prepared for publishing.
    prepared: RefCell<Option<PreparedFiles>>,
}

/// The kustomization of a folder.
pub(super) enum FolderKustomization {
    Missing,
    Found(Box<KustomizationPair>),
    /// There is one that cannot be read, with the reason.
    Unreadable(String),
}

/// A pending change on disk.
enum PendingWork<'p> {
    Nothing,
    Write(PathBuf, &'p str, Option<StagedFile>),
    Remove(PathBuf),
}

/// A kustomization on disk and in the last commit.
pub(super) struct KustomizationPair {
    disk: Kustomization,
    /// This one counts; without git, it is the one on disk.
    committed: Kustomization,
}

/// Returns whether `root` is the repository's work tree, with a `.git` in it.
///
/// A `.git` folder itself has none.
fn is_work_tree(repository: &vcs::Repository, root: &Path) -> bool {
    repository.root() == root && root.join(".git").symlink_metadata().is_ok()
}

impl WorkingCopy {
    /// Opens the folder at `path`.
    ///
    /// It is never created: a missing folder is probably a mistake.
    ///
    /// # Errors
    /// If there is no folder, it is a bare repository, or nothing can be committed in its state.
    pub fn open(path: &Path) -> Result<Self, GitopsError> {
        let unusable =
            |why: &str| GitopsError::Unusable { path: path.to_path_buf(), why: why.to_owned() };
        let root = match path.canonicalize() {
            Ok(root) if root.is_dir() => root,
            Ok(_) => return Err(unusable("is not a folder")),
            Err(_) => return Err(unusable("does not exist")),
        };
        // Only the folder itself: a plain folder inside another repository does not belong to it.
        let repository = match vcs::Repository::open(&root) {
            Ok(repository) if repository.is_bare() => {
                return Err(unusable(
                    "is a bare repository; `gitops.url` is for a repository to push to",
                ));
            }
            Ok(repository) => Some(repository),
            Err(SourceError::NotARepository { .. }) => None,
            Err(source) => {
                let what = "the GitOps working copy";
                return Err(BranchError::Source { what, path: root, source }.into());
            }
        };
        if repository.as_ref().is_some_and(|repository| !is_work_tree(repository, &root)) {
            return Err(unusable(
                "is the `.git` folder of a repository, or its work tree is elsewhere",
            ));
        }
        let checkout = Checkout::new("the GitOps working copy", root, repository)?;
        Ok(Self { checkout, folders: RefCell::default(), prepared: RefCell::default() })
    }

    /// Returns whether a folder is the root of a git work tree.
    ///
    /// `root` is absolute and without symbolic links.
    #[must_use]
    pub fn is_root(root: &Path) -> bool {
        // `../gitops` is the same folder as its path without `..`.
        let root = &root.canonicalize().unwrap_or_else(|_| root.to_owned());
        // A repository that cannot be opened is reported when it is used.
        vcs::Repository::open(root).map_or_else(
            |error| !matches!(error, SourceError::NotARepository { .. }),
            |repository| repository.is_bare() || is_work_tree(&repository, root),
        )
    }

    /// Implements [`super::Target::check_signer`].
    pub(super) fn check_signer(&self) -> Result<(), BranchError> {
        self.checkout.check_signer()
    }

    /// Removes leftovers of killed runs, unless another run has the lock.
    pub(super) fn recover(&self) {
        self.checkout.recover();
    }

    /// Returns the folder and the branch, for messages.
    pub(super) fn place(&self) -> String {
        let folder = self.checkout.root.display();
        let head = self.checkout.git.as_ref().map(|git| git.find_reference("HEAD"));
        match head {
            None => format!("{folder} (not a git repository: files are written, not committed)"),
            Some(head) => {
                let target = head
                    .ok()
                    .and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned));
                let branch = target
                    .as_deref()
                    .map(|name| name.trim_start_matches("refs/heads/"))
                    .unwrap_or("HEAD");
                format!("{folder} (branch {branch})")
            }
        }
    }

    /// Returns the state of a projection's file, without its kustomization.
    pub(super) fn state(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        let path = self.path_of(&projection.file)?;
        let found = match files::read_regular(&path, MAX_BYTES) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()),
            Err(Unreadable::Io(_)) if path.symlink_metadata().is_err() => {
                match self.checkout.left_out_text(&projection.file)? {
                    Some(text) => text,
                    None => return Ok(FileState::Missing),
                }
            }
            Err(why) => Err(why.to_string()),
        };
        Ok(match found {
            Err(why) => FileState::Foreign(why),
            // With core.autocrlf, git converts the line ends in the work tree.
            Ok(text) if text.replace("\r\n", "\n") == projection.text => {
                if self.checkout.is_committed(&projection.file, &projection.text)? {
                    FileState::Current
                } else {
                    FileState::Uncommitted
                }
            }
            Ok(text) if projection.has_same_manifest(&text) => {
                match projection.find_retype(&text) {
                    Some(retype) => FileState::Retyped(retype),
                    None => FileState::Outdated,
                }
            }
            Ok(_) => FileState::Foreign(
                "it was not written by goldenpath for this ID of this catalog".to_owned(),
            ),
        })
    }

    /// Returns whether the kustomization next to a file lists it, or no longer does.
    pub(super) fn listing(&self, file: &str, is_removal: bool) -> Listing {
        let (folder, name) = split(file);
        let cached = self.folders.borrow().get(folder).cloned();
        let found = cached.unwrap_or_else(|| {
            let found = Rc::new(self.read_kustomization(folder));
            self.folders.borrow_mut().insert(folder.to_owned(), Rc::clone(&found));
            found
        });
        match &*found {
            FolderKustomization::Missing => Listing::Fine,
            FolderKustomization::Unreadable(why) => Listing::Obstacle(why.clone()),
            FolderKustomization::Found(pair) if is_removal => pair.committed.unlisting(name),
            FolderKustomization::Found(pair) => pair.committed.listing(name),
        }
    }

    /// Implements [`super::Target::prepare`].
    pub(super) fn prepare(&self, projections: &[&Projection]) {
        if let Some(git) = self.checkout.git.as_ref().filter(|_| !projections.is_empty()) {
            *self.prepared.borrow_mut() =
                Some(PreparedFiles::begin(&self.checkout.root, git, projections));
        }
    }

    /// Implements [`super::Target::publish`].
    pub(super) fn publish(
        &self,
        changes: &[ProjectionChange<'_>],
        message: &dyn Fn(&[usize]) -> String,
        report: &mut dyn FnMut(PublishEvent),
    ) -> Published {
        let files: Vec<&str> =
            changes.iter().map(|change| change.projection().file.as_str()).collect();
        let _lock = match self.checkout.lock(&files, || report(PublishEvent::Waiting)) {
            Ok(lock) => lock,
            Err(error) => {
                return Published {
                    written: changes.iter().map(|_| Ok(())).collect(),
                    commit: Err(error.into()),
                };
            }
        };
        let mut ready = self.prepared.take().map(PreparedFiles::end).unwrap_or_default();
        let mut written = Vec::new();
        for chunk in changes.chunks(CHUNK) {
            written.extend(self.write(chunk, &mut ready));
            report(PublishEvent::Written(written.len()));
        }
        self.sync(changes, &mut written);
        let mut folders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, change) in
            changes.iter().enumerate().filter(|(index, _)| written[*index].is_ok())
        {
            folders.entry(split(&change.projection().file).0).or_default().push(index);
        }
        let mut kustomizations = Vec::new();
        for (folder, indices) in folders {
            let folder_changes: Vec<&ProjectionChange<'_>> =
                indices.iter().map(|index| &changes[*index]).collect();
            match self.update_kustomization(folder, &folder_changes) {
                Ok(kustomization) => kustomizations.extend(kustomization),
                Err(why) => {
                    for index in indices {
                        let file = changes[index].projection().file.clone();
                        written[index] = Err(GitopsError::Unlistable { file, why: why.clone() });
                    }
                }
            }
        }
        let done: Vec<usize> = (0..changes.len()).filter(|index| written[*index].is_ok()).collect();
        if done.is_empty() {
            return Published { written, commit: Ok(None) };
        }
        let mut entries = Vec::new();
        for change in done.iter().map(|index| &changes[*index]) {
            let file = change.projection().file.as_str();
            match change {
                ProjectionChange::Write(projection) => {
                    let blob = ready.blobs.get(file).copied();
                    entries.push(CommitEntry::Written { file, text: &projection.text, blob });
                }
                ProjectionChange::Remove(projection) => match self.is_ours_in_git(projection) {
                    Ok(true) => entries.push(CommitEntry::Deleted(file)),
                    Ok(false) => {}
                    Err(error) => return Published { written, commit: Err(error) },
                },
            }
        }
        entries.extend(kustomizations.iter().map(|(file, text)| CommitEntry::Text(file, text)));
        let commit = self.checkout.commit(&entries, &message(&done)).map_err(GitopsError::from);
        Published { written, commit }
    }

    /// Returns the state of a projection to remove, on disk or in the last commit.
    pub(super) fn removal(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        Ok(match self.state(projection)? {
            FileState::Missing if self.is_ours_in_git(projection)? => FileState::Uncommitted,
            state => state,
        })
    }

    /// Returns whether the last commit or the index has any text of the projection.
    fn is_ours_in_git(&self, projection: &Projection) -> Result<bool, GitopsError> {
        let committed = || {
            let (git, tree) = self.checkout.head_tree().ok()??;
            match branch::find(git, tree, &projection.file) {
                Ok(TreeItem::File { id, .. }) => branch::text(git, id).ok(),
                _ => None,
            }
        };
        let texts = [committed(), self.checkout.staged_text(&projection.file)?];
        let is_ours = |text: &String| projection.has_same_manifest(&text.replace("\r\n", "\n"));
        Ok(texts.iter().flatten().any(is_ours))
    }

    /// Syncs the folders of the written files, each once.
    fn sync(&self, changes: &[ProjectionChange<'_>], written: &mut [Result<(), GitopsError>]) {
        let mut folders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, change) in changes.iter().enumerate() {
            if matches!(change, ProjectionChange::Write(_)) && written[index].is_ok() {
                folders.entry(split(&change.projection().file).0).or_default().push(index);
            }
        }
        let root = self.checkout.root.as_path();
        let sync = |(folder, indices): (&str, Vec<usize>)| {
            (files::sync_folder(&root.join(folder)), indices)
        };
        for (synced, indices) in files::map_in_parallel(folders.into_iter().collect(), sync) {
            if let Err(error) = synced {
                for index in indices {
                    let file = changes[index].projection().file.clone();
                    written[index] = Err(GitopsError::Write { file, why: error.to_string() });
                }
            }
        }
    }

    /// Writes and removes files, each atomically; returns a result for each.
    fn write(
        &self,
        changes: &[ProjectionChange<'_>],
        ready: &mut PreparedFile,
    ) -> Vec<Result<(), GitopsError>> {
        let wanted: Vec<_> =
            changes.iter().map(|change| (change, self.pending_work(change, ready))).collect();
        let work =
            |(change, work): (&ProjectionChange<'_>, Result<PendingWork<'_>, GitopsError>)| {
                let done = match work? {
                    PendingWork::Nothing => Ok(()),
                    PendingWork::Write(path, text, staged) => {
                        match staged.map(|staged| staged.name(&path)) {
                            Some(Ok(())) => Ok(()),
                            _ => files::write_in_batch(&path, text.as_bytes()),
                        }
                    }
                    PendingWork::Remove(path) => files::remove(&path),
                };
                let file = || change.projection().file.clone();
                done.map_err(|error| GitopsError::Write { file: file(), why: error.to_string() })
            };
        files::map_in_parallel(wanted, work)
    }

    /// Returns the pending work for a change.
    ///
    /// An unmanaged file is neither replaced nor removed.
    fn pending_work<'p>(
        &self,
        change: &ProjectionChange<'p>,
        ready: &mut PreparedFile,
    ) -> Result<PendingWork<'p>, GitopsError> {
        Ok(match change {
            ProjectionChange::Write(projection) => match self.state(projection)? {
                FileState::Foreign(why) => {
                    return Err(GitopsError::Foreign { file: projection.file.clone(), why });
                }
                _ => {
                    let staged = ready.files.remove(&projection.file);
                    PendingWork::Write(self.path_of(&projection.file)?, &projection.text, staged)
                }
            },
            ProjectionChange::Remove(projection) => match self.state(projection)? {
                FileState::Missing | FileState::Foreign(_) => PendingWork::Nothing,
                _ => match self.path_of(&projection.file)? {
                    path if path.symlink_metadata().is_ok() => PendingWork::Remove(path),
                    // A sparse checkout leaves it out.
                    _ => PendingWork::Nothing,
                },
            },
        })
    }

    /// Updates a folder's kustomization on disk.
    ///
    /// Returns its path and the text to commit; None if there is none, or nothing to commit.
    fn update_kustomization(
        &self,
        folder: &str,
        changes: &[&ProjectionChange<'_>],
    ) -> Result<Option<(String, String)>, String> {
        let (disk, committed) = match self.read_kustomization(folder) {
            FolderKustomization::Missing => return Ok(None),
            FolderKustomization::Unreadable(why) => return Err(why),
            FolderKustomization::Found(pair) => (pair.disk, pair.committed),
        };
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for change in changes {
            let name = split(&change.projection().file).1.to_owned();
            let listing = match change {
                ProjectionChange::Write(_) => committed.listing(&name),
                ProjectionChange::Remove(_) => committed.unlisting(&name),
            };
            match (listing, change) {
                (Listing::Obstacle(why), _) => return Err(why),
                (_, ProjectionChange::Write(_)) => added.push(name),
                (_, ProjectionChange::Remove(_)) => removed.push(name),
            }
        }
        let text = disk.changed(&added, &removed)?;
        if text != disk.text {
            let path = files::join_below(&self.checkout.root, &disk.file)?;
            files::write_atomic(&path, text.as_bytes()).map_err(|error| {
                format!("`{}` next to it cannot be written: {error}", disk.file)
            })?;
        }
        let text = committed.changed(&added, &removed)?;
        Ok((text != committed.text).then_some((committed.file, text)))
    }

    /// Reads the kustomization of a folder.
    fn read_kustomization(&self, folder: &str) -> FolderKustomization {
        let read = |name: &&str| {
            let file = format!("{folder}{name}");
            files::read_below(&self.checkout.root, &file, MAX_BYTES).map(|read| (file, read))
        };
        let found = match NAMES.iter().find_map(read) {
            Some((file, Ok(bytes))) => {
                Some((file, String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())))
            }
            Some((file, Err(why))) => Some((file, Err(why.to_string()))),
            None => NAMES.iter().find_map(|name| {
                let file = format!("{folder}{name}");
                match self.checkout.left_out_text(&file) {
                    Ok(text) => Some((file, text?)),
                    Err(why) => Some((file, Err(why.to_string()))),
                }
            }),
        };
        let Some((file, text)) = found else { return FolderKustomization::Missing };
        let disk = text
            .map_err(|why| format!("`{file}` next to it cannot be read: {why}"))
            .and_then(|text| Kustomization::parse(&file, text));
        let disk = match disk {
            Ok(disk) => disk,
            Err(why) => return FolderKustomization::Unreadable(why),
        };
        let committed = match self.committed_text(&file) {
            Some(text) => text.and_then(|text| Kustomization::parse(&file, text)),
            None => Kustomization::parse(&file, disk.text.clone()),
        };
        match committed {
            Err(why) => FolderKustomization::Unreadable(why),
            Ok(committed)
                if self.checkout.git.is_none()
                    || self.is_ours_to_commit(folder, &disk, &committed) =>
            {
                FolderKustomization::Found(Box::new(KustomizationPair { disk, committed }))
            }
            Ok(committed) => {
                let why = format!(
                    "`{file}` next to it has changes that are not committed: commit or undo them"
                );
                let committed = committed.mark_blocked(why);
                FolderKustomization::Found(Box::new(KustomizationPair { disk, committed }))
            }
        }
    }

    /// Returns the text of a kustomization in the last commit; None without git.
    ///
    /// # Errors
    /// If it was never committed: then a person may still be working on it.
    fn committed_text(&self, file: &str) -> Option<Result<String, String>> {
        let (git, tree) = match self.head_tree() {
            Ok(found) => found?,
            Err(why) => return Some(Err(why)),
        };
        let uncommitted = || format!("`{file}` next to it was never committed: commit it");
        Some(match branch::find(git, tree, file) {
            Ok(TreeItem::File { id, .. }) => branch::text(git, id),
            Ok(TreeItem::Nothing | TreeItem::Other(_)) => Err(uncommitted()),
            Err(error) => Err(error.message().to_owned()),
        })
    }

    /// Returns whether only names of projections differ from the last commit.
    ///
    /// Killed runs leave such changes.
    fn is_ours_to_commit(
        &self,
        folder: &str,
        disk: &Kustomization,
        committed: &Kustomization,
    ) -> bool {
        let same =
            |one: &str, other: &str| one.replace("\r\n", "\n") == other.replace("\r\n", "\n");
        // An index that cannot be read has no text that is known to be ours.
        let staged = self.checkout.staged_text(&disk.file).unwrap_or_default();
        let is_staged = |text: &str| staged.as_deref().is_some_and(|staged| same(staged, text));
        if !is_staged(&disk.text) && !is_staged(&committed.text) {
            return false;
        }
        if same(&disk.text, &committed.text) {
            return true;
        }
        let added: Vec<String> = disk.names().difference(committed.names()).cloned().collect();
        let removed: Vec<String> = committed.names().difference(disk.names()).cloned().collect();
        let is_ours = |name: &String| {
            let file = format!("{folder}{name}");
            let read =
                files::read_below(&self.checkout.root, &file, MAX_BYTES).and_then(Result::ok);
            read.and_then(|bytes| String::from_utf8(bytes).ok())
                .is_some_and(|text| projection::is_projection(&text))
        };
        // A run removes the file before its name in the list.
        let is_removed = |name: &String| {
            self.checkout.root.join(format!("{folder}{name}")).symlink_metadata().is_err()
        };
        added.iter().all(is_ours)
            && removed.iter().all(is_removed)
            && committed.changed(&added, &removed).is_ok_and(|text| same(&text, &disk.text))
    }

    /// Implements [`super::Target::visit`] without git.
    pub(super) fn visit_disk(&self, visitor: &mut dyn FnMut(&str, VisitedItem<'_>)) {
        let root = &self.checkout.root;
        let relative = |path: &Path| {
            let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
            path.replace(std::path::MAIN_SEPARATOR, "/")
        };
        for entry in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let folder = error.path().map(relative).unwrap_or_default();
                    let why =
                        error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    visitor(&format!("{folder}/"), VisitedItem::Unreadable(why));
                    continue;
                }
            };
            let path = relative(entry.path());
            if entry.file_type().is_dir() {
                continue;
            }
            if entry.path_is_symlink() {
                match std::fs::read_link(entry.path()) {
                    Ok(target) => {
                        visitor(&path, branch::link(&path, target.as_os_str().as_encoded_bytes()))
                    }
                    Err(error) => visitor(&path, VisitedItem::Unreadable(error.to_string())),
                }
                continue;
            }
            match files::read_regular(entry.path(), branch::SEARCH_LIMIT) {
                Ok(bytes) => visitor(&path, VisitedItem::File(&bytes)),
                Err(why) => visitor(&path, VisitedItem::Unreadable(why.to_string())),
            }
        }
    }

    /// Returns the text of a file on disk; None if there is none.
    pub(super) fn text_on_disk(&self, file: &str) -> Result<Option<String>, String> {
        match files::read_below(&self.checkout.root, file, MAX_BYTES) {
            None => Ok(None),
            Some(Ok(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err("it is not UTF-8".to_owned()),
            },
            Some(Err(why)) => Err(why.to_string()),
        }
    }

    /// Returns the tree of the last commit; None without git.
    ///
    /// # Errors
    /// The reason why the commit cannot be read, for messages.
    pub(super) fn head_tree(&self) -> Result<Option<(&Repository, Oid)>, String> {
        self.checkout.head_tree().map_err(|error| error.message().to_owned())
    }

    fn path_of(&self, file: &str) -> Result<PathBuf, GitopsError> {
        super::check_path(file)?;
        files::join_below(&self.checkout.root, file).map_err(|why| GitopsError::Path { why })
    }
}
