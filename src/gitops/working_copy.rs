//! A working copy of the GitOps repository on disk: what is there, and writing and committing projections.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use git2::{ErrorCode, Oid, Repository, RepositoryOpenFlags};

use super::kustomization::{Kustomization, Listing, NAMES, split};
use super::tree::{self, Found};
use super::{FileState, GitopsError, MAX_BYTES, Published};
use crate::files::{self, Unreadable};
use crate::projection::{self, Projection};

/// A folder that Argo CD or Flux reads, as a rule the root of a git repository.
pub struct WorkingCopy {
    pub(super) root: PathBuf,
    /// None where the folder is no git repository: projections are written and not committed.
    pub(super) git: Option<Repository>,
    /// The last commit that was looked at, and its tree.
    pub(super) last_tree: Cell<Option<(Oid, Oid)>>,
    /// The kustomizations that planning has looked at, by folder.
    folders: RefCell<HashMap<String, Rc<Beside>>>,
}

/// What stands beside the projections of a folder.
pub(super) enum Beside {
    Nothing,
    Kustomization {
        /// As it is on disk.
        disk: Kustomization,
        /// As it was committed, which is what counts; without git, what is on disk.
        committed: Kustomization,
    },
    /// There is one, and why it cannot be read.
    Unreadable(String),
}

impl WorkingCopy {
    /// Opens the folder at `path`. It is never made: an empty one would be somebody's mistake.
    ///
    /// # Errors
    /// No folder, a bare repository, or one in a state in which nothing can be committed.
    pub fn open(path: &Path) -> Result<Self, GitopsError> {
        let unusable = |why: &str| GitopsError::Unusable { path: path.to_path_buf(), why: why.to_owned() };
        let root = match path.canonicalize() {
            Ok(root) if root.is_dir() => root,
            Ok(_) => return Err(unusable("is not a folder")),
            Err(_) => return Err(unusable("does not exist")),
        };
        // Only the folder itself: a plain folder inside some other repository is none of that repository's business.
        let git = match Repository::open_ext(&root, RepositoryOpenFlags::NO_SEARCH, std::iter::empty::<&Path>()) {
            Ok(git) if git.is_bare() => {
                return Err(unusable("is a bare repository; `gitops.url` is for one that is pushed to"));
            }
            Ok(git) => Some(git),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(unusable(&format!("cannot be opened: {}", error.message()))),
        };
        let copy = Self { root, git, last_tree: Cell::new(None), folders: RefCell::default() };
        copy.check_ready()?;
        Ok(copy)
    }

    /// For people: where it is, and on which branch.
    pub(super) fn place(&self) -> String {
        let folder = self.root.display();
        let head = self.git.as_ref().map(|git| git.find_reference("HEAD"));
        match head {
            None => format!("{folder} (not a git repository: files are written, not committed)"),
            Some(head) => {
                let target = head.ok().and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned));
                let branch = target.as_deref().map(|name| name.trim_start_matches("refs/heads/")).unwrap_or("HEAD");
                format!("{folder} (branch {branch})")
            }
        }
    }

    /// What stands where `projection` belongs, the kustomization beside it not looked at.
    pub(super) fn state(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        let path = self.path_of(&projection.file)?;
        let found = match files::read_regular(&path, MAX_BYTES) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()),
            Err(Unreadable::Io(_)) if path.symlink_metadata().is_err() => return Ok(FileState::Missing),
            Err(why) => Err(why.to_string()),
        };
        Ok(match found {
            Err(why) => FileState::Foreign(why),
            // Where git turns line ends around (core.autocrlf), the work tree never has the projection's own bytes.
            Ok(text) if text.replace("\r\n", "\n") == projection.text => match self.is_committed(projection) {
                true => FileState::Current,
                false => FileState::Uncommitted,
            },
            Ok(text) if projection.is_of_the_same_manifest(&text) => FileState::Outdated,
            Ok(_) => FileState::Foreign("it was not written by goldenpath for this ID of this catalog".to_owned()),
        })
    }

    /// What the kustomization beside a file says of it.
    pub(super) fn listing(&self, file: &str) -> Listing {
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
            Beside::Kustomization { committed, .. } => committed.listing(name),
        }
    }

    /// As [`super::Target::publish`].
    pub(super) fn publish(&self, projections: &[&Projection], message: &dyn Fn(&[usize]) -> String) -> Published {
        let mut written: Vec<_> = projections.iter().map(|projection| self.write(projection)).collect();
        let mut folders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, projection) in projections.iter().enumerate().filter(|(index, _)| written[*index].is_ok()) {
            folders.entry(split(&projection.file).0).or_default().push(index);
        }
        let mut kustomizations = Vec::new();
        for (folder, indices) in folders {
            let names: Vec<String> =
                indices.iter().map(|index| split(&projections[*index].file).1.to_owned()).collect();
            match self.list(folder, &names) {
                Ok(kustomization) => kustomizations.extend(kustomization),
                Err(why) => {
                    for index in indices {
                        let file = projections[index].file.clone();
                        written[index] = Err(GitopsError::Unlistable { file, why: why.clone() });
                    }
                }
            }
        }
        let done: Vec<usize> = (0..projections.len()).filter(|index| written[*index].is_ok()).collect();
        if done.is_empty() {
            return Published { written, commit: Ok(None) };
        }
        let files: Vec<&str> = done.iter().map(|index| projections[*index].file.as_str()).collect();
        let commit = self.commit(&files, &kustomizations, &message(&done));
        Published { written, commit }
    }

    /// Writes the projection's file, whole or not at all.
    fn write(&self, projection: &Projection) -> Result<(), GitopsError> {
        if let FileState::Foreign(why) = self.state(projection)? {
            return Err(GitopsError::Foreign { file: projection.file.clone(), why });
        }
        let path = self.path_of(&projection.file)?;
        files::write_whole(&path, projection.text.as_bytes())
            .map_err(|error| GitopsError::Write { file: projection.file.clone(), why: error.to_string() })
    }

    /// Lists the names in the folder's kustomization on disk, and gives its file and what is to be committed of it. None where
    /// there is none, or it lists them.
    fn list(&self, folder: &str, names: &[String]) -> Result<Option<(String, String)>, String> {
        let (disk, committed) = match self.beside(folder) {
            Beside::Nothing => return Ok(None),
            Beside::Unreadable(why) => return Err(why),
            Beside::Kustomization { disk, committed } => (disk, committed),
        };
        let obstacle = names.iter().find_map(|name| match committed.listing(name) {
            Listing::Obstacle(why) => Some(why),
            Listing::Fine | Listing::Missing => None,
        });
        if let Some(why) = obstacle {
            return Err(why);
        }
        let text = disk.with(names)?;
        if text != disk.text {
            let path = files::confine(&self.root, &disk.file)?;
            files::write_whole(&path, text.as_bytes())
                .map_err(|error| format!("`{}` beside it cannot be written: {error}", disk.file))?;
        }
        let text = committed.with(names)?;
        Ok((text != committed.text).then_some((committed.file, text)))
    }

    /// Reads what stands beside the projections of a folder now.
    fn beside(&self, folder: &str) -> Beside {
        let read = |name: &&str| {
            let file = format!("{folder}{name}");
            files::read_below(&self.root, &file, MAX_BYTES).map(|read| (file, read))
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
            Ok(committed) if self.git.is_none() || self.is_ours_to_commit(folder, &disk, &committed) => {
                Beside::Kustomization { disk, committed }
            }
            Ok(committed) => {
                let why = format!("`{file}` beside it has changes that are not committed: commit or undo them");
                Beside::Kustomization { disk, committed: committed.blocked(why) }
            }
        }
    }

    /// The text of a kustomization in the last commit; None where there is no git. One that was never committed is somebody's
    /// work that has only begun.
    fn committed_text(&self, file: &str) -> Option<Result<String, String>> {
        let (git, tree) = self.head_tree().filter(|_| self.git.is_some())?;
        let unknown = || format!("`{file}` beside it was never committed: commit it");
        Some(match tree::find(git, tree, file) {
            Ok(Found::File { id, .. }) => tree::text(git, id),
            Ok(Found::Nothing | Found::Other(_)) => Err(unknown()),
            Err(error) => Err(error.message().to_owned()),
        })
    }

    /// Whether nothing but names of projections has come to a kustomization since it was committed: what a run that was
    /// killed has left.
    fn is_ours_to_commit(&self, folder: &str, disk: &Kustomization, committed: &Kustomization) -> bool {
        let same = |one: &str, other: &str| one.replace("\r\n", "\n") == other.replace("\r\n", "\n");
        let staged = self.staged_text(&disk.file);
        let is_staged = |text: &str| staged.as_deref().is_some_and(|staged| same(staged, text));
        if !is_staged(&disk.text) && !is_staged(&committed.text) {
            return false;
        }
        if same(&disk.text, &committed.text) {
            return true;
        }
        let added: Vec<String> = disk.names().difference(committed.names()).cloned().collect();
        let is_ours = |name: &String| {
            let file = format!("{folder}{name}");
            let read = files::read_below(&self.root, &file, MAX_BYTES).and_then(Result::ok);
            read.and_then(|bytes| String::from_utf8(bytes).ok()).is_some_and(|text| projection::owner(&text).is_some())
        };
        added.iter().all(is_ours) && committed.with(&added).is_ok_and(|text| same(&text, &disk.text))
    }

    /// The last commit's tree; None without git.
    pub(super) fn head_tree(&self) -> Option<(&Repository, Oid)> {
        let git = self.git.as_ref()?;
        let tree = self.tree_of_head(git).or_else(|_| git.treebuilder(None)?.write()).ok()?;
        Some((git, tree))
    }

    fn path_of(&self, file: &str) -> Result<PathBuf, GitopsError> {
        super::check_path(file)?;
        files::confine(&self.root, file).map_err(|why| GitopsError::Path { why })
    }
}
