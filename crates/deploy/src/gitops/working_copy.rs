//! A working copy of the GitOps repository on disk: what is there, and writing and committing projections.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use git2::{ErrorCode, Oid, Repository, RepositoryOpenFlags};

use super::kustomization::{Kustomization, Listing, NAMES, split};
use super::prepared_files::{PreparedFile, PreparedFiles};
use super::{FileState, GitopsError, MAX_BYTES, ProjectionChange, PublishEvent, Published};
use crate::branch;
use crate::branch::{Checkout, CommitEntry, TreeItem};
use goldenpath_core::files;
use goldenpath_core::files::{Staged, Unreadable};
use goldenpath_core::projection;
use goldenpath_core::projection::Projection;

/// How many files are written before somebody is told.
pub(super) const AT_ONCE: usize = 64;

/// A folder that Argo CD or Flux reads, as a rule the root of a git repository.
pub struct WorkingCopy {
    checkout: Checkout,
    /// The kustomizations that planning has looked at, by folder.
    folders: RefCell<HashMap<String, Rc<Beside>>>,
    /// What is being made ready to be published.
    ahead: RefCell<Option<PreparedFiles>>,
}

/// What stands beside the projections of a folder.
pub(super) enum Beside {
    Nothing,
    Kustomization(Box<Both>),
    /// There is one, and why it cannot be read.
    Unreadable(String),
}

/// What is to be done on disk.
enum PendingWork<'p> {
    Nothing,
    Write(PathBuf, &'p str, Option<Staged>),
    Remove(PathBuf),
}

/// A kustomization.
pub(super) struct Both {
    /// As it is on disk.
    disk: Kustomization,
    /// As it was committed, which is what counts; without git, what is on disk.
    committed: Kustomization,
}

/// Whether `root` is the repository's work tree, and has its `.git`: a folder that is itself a
/// repository's own has none.
fn is_work_tree(git: &Repository, root: &Path) -> bool {
    let work_tree = git.workdir().and_then(|work_tree| work_tree.canonicalize().ok());
    work_tree.is_some_and(|work_tree| work_tree == root)
        && root.join(".git").symlink_metadata().is_ok()
}

impl WorkingCopy {
    /// Opens the folder at `path`. It is never made: an empty one would be somebody's mistake.
    ///
    /// # Errors
    /// No folder, a bare repository, or one in a state in which nothing can be committed.
    pub fn open(path: &Path) -> Result<Self, GitopsError> {
        let unusable =
            |why: &str| GitopsError::Unusable { path: path.to_path_buf(), why: why.to_owned() };
        let root = match path.canonicalize() {
            Ok(root) if root.is_dir() => root,
            Ok(_) => return Err(unusable("is not a folder")),
            Err(_) => return Err(unusable("does not exist")),
        };
        // Only the folder itself: a plain folder inside some other repository is none of that repository's business.
        let git = match Repository::open_ext(
            &root,
            RepositoryOpenFlags::NO_SEARCH,
            std::iter::empty::<&Path>(),
        ) {
            Ok(git) if git.is_bare() => {
                return Err(unusable(
                    "is a bare repository; `gitops.url` is for one that is pushed to",
                ));
            }
            Ok(git) => Some(git),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(unusable(&format!("cannot be opened: {}", error.message()))),
        };
        if git.as_ref().is_some_and(|git| !is_work_tree(git, &root)) {
            return Err(unusable(
                "is git's own folder of a repository, or its work tree is elsewhere",
            ));
        }
        let checkout = Checkout::new("the GitOps working copy", root, git)?;
        Ok(Self { checkout, folders: RefCell::default(), ahead: RefCell::default() })
    }

    /// Whether a folder is the root of a git work tree; `root` is absolute and without symbolic
    /// links.
    #[must_use]
    pub fn is_root(root: &Path) -> bool {
        let git =
            Repository::open_ext(root, RepositoryOpenFlags::NO_SEARCH, std::iter::empty::<&Path>());
        // What cannot be opened has an error of its own.
        git.map_or_else(
            |error| error.code() != ErrorCode::NotFound,
            |git| git.is_bare() || is_work_tree(&git, root),
        )
    }

    /// Takes away the locks of git that a killed run has left, unless another run is at work.
    pub(super) fn recover(&self) {
        self.checkout.recover();
    }

    /// For people: where it is, and on which branch.
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

    /// What stands where `projection` belongs, the kustomization beside it not looked at.
    pub(super) fn state(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        let path = self.path_of(&projection.file)?;
        let found = match files::read_regular(&path, MAX_BYTES) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()),
            Err(Unreadable::Io(_)) if path.symlink_metadata().is_err() => {
                return Ok(FileState::Missing);
            }
            Err(why) => Err(why.to_string()),
        };
        Ok(match found {
            Err(why) => FileState::Foreign(why),
            // Where git turns line ends around (core.autocrlf), the work tree never has the projection's own bytes.
            Ok(text) if text.replace("\r\n", "\n") == projection.text => {
                match self.checkout.is_committed(&projection.file, &projection.text) {
                    true => FileState::Current,
                    false => FileState::Uncommitted,
                }
            }
            Ok(text) if projection.is_of_the_same_manifest(&text) => FileState::Outdated,
            Ok(_) => FileState::Foreign(
                "it was not written by goldenpath for this ID of this catalog".to_owned(),
            ),
        })
    }

    /// What the kustomization beside a file says of it, and for one that is to go.
    pub(super) fn listing(&self, file: &str, is_to_go: bool) -> Listing {
        let (folder, name) = split(file);
        let known = self.folders.borrow().get(folder).cloned();
        let beside = known.unwrap_or_else(|| {
            let beside = Rc::new(self.beside(folder));
            self.folders.borrow_mut().insert(folder.to_owned(), Rc::clone(&beside));
            beside
        });
        match &*beside {
            Beside::Nothing => Listing::Fine,
            Beside::Unreadable(why) => Listing::Obstacle(why.clone()),
            Beside::Kustomization(both) if is_to_go => both.committed.unlisting(name),
            Beside::Kustomization(both) => both.committed.listing(name),
        }
    }

    /// As [`super::Target::prepare`].
    pub(super) fn prepare(&self, projections: &[&Projection]) {
        if let Some(git) = self.checkout.git.as_ref().filter(|_| !projections.is_empty()) {
            *self.ahead.borrow_mut() =
                Some(PreparedFiles::begin(&self.checkout.root, git, projections));
        }
    }

    /// As [`super::Target::publish`].
    pub(super) fn publish(
        &self,
        changes: &[ProjectionChange<'_>],
        message: &dyn Fn(&[usize]) -> String,
        tell: &mut dyn FnMut(PublishEvent),
    ) -> Published {
        let files: Vec<&str> =
            changes.iter().map(|change| change.projection().file.as_str()).collect();
        let _held = match self.checkout.hold(&files, || tell(PublishEvent::Waiting)) {
            Ok(held) => held,
            Err(error) => {
                return Published {
                    written: changes.iter().map(|_| Ok(())).collect(),
                    commit: Err(error.into()),
                };
            }
        };
        let mut ready = self.ahead.take().map(PreparedFiles::end).unwrap_or_default();
        let mut written = Vec::new();
        for some in changes.chunks(AT_ONCE) {
            written.extend(self.make(some, &mut ready));
            tell(PublishEvent::Written(written.len()));
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
            let of_the_folder: Vec<&ProjectionChange<'_>> =
                indices.iter().map(|index| &changes[*index]).collect();
            match self.list(folder, &of_the_folder) {
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
                ProjectionChange::Remove(_) if self.is_ours_in_git(change.projection()) => {
                    entries.push(CommitEntry::Gone(file))
                }
                ProjectionChange::Remove(_) => {}
            }
        }
        entries.extend(kustomizations.iter().map(|(file, text)| CommitEntry::Text(file, text)));
        let commit = self.checkout.commit(&entries, &message(&done)).map_err(GitopsError::from);
        Published { written, commit }
    }

    /// What stands where a projection that is to go may be, on disk or in the last commit.
    pub(super) fn removal(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        Ok(match self.state(projection)? {
            FileState::Missing if self.is_ours_in_git(projection) => FileState::Uncommitted,
            state => state,
        })
    }

    /// Whether the last commit or the index has the projection, of whatever age.
    fn is_ours_in_git(&self, projection: &Projection) -> bool {
        let committed = || {
            let (git, tree) = self.checkout.head_tree()?;
            match branch::find(git, tree, &projection.file) {
                Ok(TreeItem::File { id, .. }) => branch::text(git, id).ok(),
                _ => None,
            }
        };
        let held = [committed(), self.checkout.staged_text(&projection.file)];
        held.iter()
            .flatten()
            .any(|text| projection.is_of_the_same_manifest(&text.replace("\r\n", "\n")))
    }

    /// Has the folders of what was written safe on disk, each once.
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
        for (synced, indices) in files::few_at_once(folders.into_iter().collect(), sync) {
            if let Err(error) = synced {
                for index in indices {
                    let file = changes[index].projection().file.clone();
                    written[index] = Err(GitopsError::Write { file, why: error.to_string() });
                }
            }
        }
    }

    /// Writes and removes files, each whole or not at all, and says of each in its order what became of it.
    fn make(
        &self,
        changes: &[ProjectionChange<'_>],
        ready: &mut PreparedFile,
    ) -> Vec<Result<(), GitopsError>> {
        let wanted: Vec<_> =
            changes.iter().map(|change| (change, self.work_of(change, ready))).collect();
        let work =
            |(change, work): (&ProjectionChange<'_>, Result<PendingWork<'_>, GitopsError>)| {
                let done = match work? {
                    PendingWork::Nothing => Ok(()),
                    PendingWork::Write(path, text, staged) => {
                        match staged.map(|staged| staged.name(&path)) {
                            Some(Ok(())) => Ok(()),
                            _ => files::write_one_of_many(&path, text.as_bytes()),
                        }
                    }
                    PendingWork::Remove(path) => files::remove(&path),
                };
                let file = || change.projection().file.clone();
                done.map_err(|error| GitopsError::Write { file: file(), why: error.to_string() })
            };
        files::few_at_once(wanted, work)
    }

    /// What is to be done on disk for a change. Somebody else's file is neither written over nor removed.
    fn work_of<'p>(
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
                _ => PendingWork::Remove(self.path_of(&projection.file)?),
            },
        })
    }

    /// Brings the folder's kustomization up to date on disk, and gives its file and what is to be committed of it. None where
    /// there is none, or nothing to do.
    fn list(
        &self,
        folder: &str,
        changes: &[&ProjectionChange<'_>],
    ) -> Result<Option<(String, String)>, String> {
        let (disk, committed) = match self.beside(folder) {
            Beside::Nothing => return Ok(None),
            Beside::Unreadable(why) => return Err(why),
            Beside::Kustomization(both) => (both.disk, both.committed),
        };
        let (mut come, mut go) = (Vec::new(), Vec::new());
        for change in changes {
            let name = split(&change.projection().file).1.to_owned();
            let listing = match change {
                ProjectionChange::Write(_) => committed.listing(&name),
                ProjectionChange::Remove(_) => committed.unlisting(&name),
            };
            match (listing, change) {
                (Listing::Obstacle(why), _) => return Err(why),
                (_, ProjectionChange::Write(_)) => come.push(name),
                (_, ProjectionChange::Remove(_)) => go.push(name),
            }
        }
        let text = disk.changed(&come, &go)?;
        if text != disk.text {
            let path = files::confine(&self.checkout.root, &disk.file)?;
            files::write_whole(&path, text.as_bytes())
                .map_err(|error| format!("`{}` beside it cannot be written: {error}", disk.file))?;
        }
        let text = committed.changed(&come, &go)?;
        Ok((text != committed.text).then_some((committed.file, text)))
    }

    /// Reads what stands beside the projections of a folder now.
    fn beside(&self, folder: &str) -> Beside {
        let read = |name: &&str| {
            let file = format!("{folder}{name}");
            files::read_below(&self.checkout.root, &file, MAX_BYTES).map(|read| (file, read))
        };
        let Some((file, read)) = NAMES.iter().find_map(read) else { return Beside::Nothing };
        let text = match read.map_err(|error| error.to_string()) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()),
            Err(why) => Err(why),
        };
        let disk = text
            .map_err(|why| format!("`{file}` beside it cannot be read: {why}"))
            .and_then(|text| Kustomization::parse(&file, text));
        let disk = match disk {
            Ok(disk) => disk,
            Err(why) => return Beside::Unreadable(why),
        };
        let committed = match self.committed_text(&file) {
            Some(text) => text.and_then(|text| Kustomization::parse(&file, text)),
            None => Kustomization::parse(&file, disk.text.clone()),
        };
        match committed {
            Err(why) => Beside::Unreadable(why),
            Ok(committed)
                if self.checkout.git.is_none()
                    || self.is_ours_to_commit(folder, &disk, &committed) =>
            {
                Beside::Kustomization(Box::new(Both { disk, committed }))
            }
            Ok(committed) => {
                let why = format!(
                    "`{file}` beside it has changes that are not committed: commit or undo them"
                );
                Beside::Kustomization(Box::new(Both { disk, committed: committed.blocked(why) }))
            }
        }
    }

    /// The text of a kustomization in the last commit; None where there is no git. One that was never committed is somebody's
    /// work that has only begun.
    fn committed_text(&self, file: &str) -> Option<Result<String, String>> {
        let (git, tree) = self.head_tree().filter(|_| self.checkout.git.is_some())?;
        let unknown = || format!("`{file}` beside it was never committed: commit it");
        Some(match branch::find(git, tree, file) {
            Ok(TreeItem::File { id, .. }) => branch::text(git, id),
            Ok(TreeItem::Nothing | TreeItem::Other(_)) => Err(unknown()),
            Err(error) => Err(error.message().to_owned()),
        })
    }

    /// Whether nothing but names of projections has come to a kustomization or left it since it was committed: what a run that
    /// was killed has left.
    fn is_ours_to_commit(
        &self,
        folder: &str,
        disk: &Kustomization,
        committed: &Kustomization,
    ) -> bool {
        let same =
            |one: &str, other: &str| one.replace("\r\n", "\n") == other.replace("\r\n", "\n");
        let staged = self.checkout.staged_text(&disk.file);
        let is_staged = |text: &str| staged.as_deref().is_some_and(|staged| same(staged, text));
        if !is_staged(&disk.text) && !is_staged(&committed.text) {
            return false;
        }
        if same(&disk.text, &committed.text) {
            return true;
        }
        let added: Vec<String> = disk.names().difference(committed.names()).cloned().collect();
        let gone: Vec<String> = committed.names().difference(disk.names()).cloned().collect();
        let is_ours = |name: &String| {
            let file = format!("{folder}{name}");
            let read =
                files::read_below(&self.checkout.root, &file, MAX_BYTES).and_then(Result::ok);
            read.and_then(|bytes| String::from_utf8(bytes).ok())
                .is_some_and(|text| projection::is_one(&text))
        };
        // What a run took out of the list has lost its file before.
        let is_gone = |name: &String| {
            self.checkout.root.join(format!("{folder}{name}")).symlink_metadata().is_err()
        };
        added.iter().all(is_ours)
            && gone.iter().all(is_gone)
            && committed.changed(&added, &gone).is_ok_and(|text| same(&text, &disk.text))
    }

    /// As [`super::Target::visit`].
    pub(super) fn visit(&self, look: &mut dyn FnMut(&str, &str)) {
        if let Some((git, tree)) = self.checkout.head_tree() {
            return branch::visit(git, tree, &|_| true, look);
        }
        let root = &self.checkout.root;
        for entry in walkdir::WalkDir::new(root).sort_by_file_name().into_iter().flatten() {
            let text = entry
                .file_type()
                .is_file()
                .then(|| files::read_regular(entry.path(), MAX_BYTES).ok())
                .flatten();
            let path = entry.path().strip_prefix(root).ok().and_then(Path::to_str);
            if let (Some(path), Some(Ok(text))) = (path, text.map(String::from_utf8)) {
                look(path, &text);
            }
        }
    }

    /// The last commit's tree; None without git.
    pub(super) fn head_tree(&self) -> Option<(&Repository, Oid)> {
        self.checkout.head_tree()
    }

    fn path_of(&self, file: &str) -> Result<PathBuf, GitopsError> {
        super::check_path(file)?;
        files::confine(&self.checkout.root, file).map_err(|why| GitopsError::Path { why })
    }
}
