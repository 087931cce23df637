//! A remote GitOps repository: reading its state, and pushing projections.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use git2::{ObjectType, Oid};

use super::kustomization::{Kustomization, Listing, NAMES, split};
use super::{FileState, GitopsError, ProjectionChange, Published};
use crate::branch::{BranchError, FileEdit, RemoteBranch, TreeItem};
use goldenpath_core::projection::Projection;

/// The kustomization of a folder, or why it cannot be read; None if there is none.
type FoundKustomization = Option<Result<Kustomization, String>>;

/// The kustomizations that were read, by the branch's commit and their folder.
type Folders = HashMap<(Option<Oid>, String), Rc<FoundKustomization>>;

/// A remote GitOps repository.
pub struct RemoteRepository {
    pub(super) remote: RemoteBranch,
    folders: RefCell<Folders>,
}

impl RemoteRepository {
    /// Creates the GitOps repository on a branch of a remote.
    #[must_use]
    pub fn new(remote: RemoteBranch) -> Self {
        Self { remote, folders: RefCell::default() }
    }

    /// Returns the state of a projection's file, without its kustomization.
    pub(super) fn state(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        super::check_path(&projection.file)?;
        let leaves = projection.file.split('/').any(|part| matches!(part, "" | "." | ".."));
        if leaves {
            return Err(GitopsError::Path {
                why: format!("`{}` leaves the repository", projection.file),
            });
        }
        Ok(match self.remote.find(&projection.file)? {
            TreeItem::Nothing => FileState::Missing,
            TreeItem::Other(why) => FileState::Foreign(why),
            TreeItem::File { id, .. } if is_text(id, &projection.text) => FileState::Current,
            TreeItem::File { id, .. } => match self.remote.text(id) {
                // Git may have converted the line ends.
                Ok(text) if text.replace("\r\n", "\n") == projection.text => FileState::Current,
                Ok(text) if projection.has_same_manifest(&text) => {
                    match projection.find_retype(&text) {
                        Some(retype) => FileState::Retyped(retype),
                        None => FileState::Outdated,
                    }
                }
                Ok(_) => FileState::Foreign(
                    "it was not written by goldenpath for this ID of this catalog".to_owned(),
                ),
                Err(why) => FileState::Foreign(why),
            },
        })
    }

    /// Returns whether the kustomization next to a file lists it, or no longer does.
    pub(super) fn listing(&self, file: &str, is_removal: bool) -> Listing {
        let (folder, name) = split(file);
        match &*self.kustomization(folder) {
            None => Listing::Fine,
            Some(Err(why)) => Listing::Obstacle(why.clone()),
            Some(Ok(kustomization)) if is_removal => kustomization.unlisting(name),
            Some(Ok(kustomization)) => kustomization.listing(name),
        }
    }

    /// Implements [`super::Target::publish`].
    pub(super) fn publish(
        &self,
        changes: &[ProjectionChange<'_>],
        message: &dyn Fn(&[usize]) -> String,
    ) -> Published {
        let planned = self.remote.head();
        let mut written = Vec::new();
        let commit = self.remote.change(&mut || {
            let checked: Vec<_> =
                changes.iter().map(|change| self.is_needed(change, planned)).collect();
            let open: Vec<usize> =
                (0..changes.len()).filter(|index| matches!(checked[*index], Ok(true))).collect();
            written = checked.into_iter().map(|checked| checked.map(drop)).collect();
            if open.is_empty() {
                return None;
            }
            let open_changes: Vec<&ProjectionChange<'_>> =
                open.iter().map(|index| &changes[*index]).collect();
            Some((self.edits(&open_changes), message(&open)))
        });
        Published { written, commit: commit.map_err(GitopsError::from) }
    }

    /// Returns whether a change is still needed.
    ///
    /// # Errors
    /// If it must not be made.
    fn is_needed(
        &self,
        change: &ProjectionChange<'_>,
        planned: Option<Oid>,
    ) -> Result<bool, GitopsError> {
        let projection = change.projection();
        let file = || projection.file.clone();
        let state = match change {
            ProjectionChange::Write(_) => {
                self.listing(&projection.file, false).combine(self.state(projection)?)
            }
            ProjectionChange::Remove(_) => {
                self.listing(&projection.file, true).combine_removal(self.state(projection)?)
            }
        };
        match (change, state) {
            (_, FileState::Unlistable(why)) => Err(GitopsError::Unlistable { file: file(), why }),
            (ProjectionChange::Write(_), FileState::Foreign(why)) => {
                Err(GitopsError::Foreign { file: file(), why })
            }
            (ProjectionChange::Write(_), FileState::Current)
            | (ProjectionChange::Remove(_), FileState::Missing) => Ok(false),
            (_, FileState::Unlisted) => Ok(true),
            _ if self.blob(planned, &projection.file)?
                != self.blob(self.remote.head(), &projection.file)? =>
            {
                Err(GitopsError::Changed { file: file() })
            }
            _ => Ok(true),
        }
    }

    /// Returns the blob at a path in a commit.
    fn blob(&self, commit: Option<Oid>, file: &str) -> Result<Option<Oid>, BranchError> {
        Ok(match self.remote.find_in(commit, file)? {
            TreeItem::File { id, .. } => Some(id),
            _ => None,
        })
    }

    /// Returns the files to change, including the kustomizations.
    fn edits(&self, changes: &[&ProjectionChange<'_>]) -> Vec<FileEdit> {
        let mut edits = Vec::new();
        let mut folders: BTreeMap<&str, [Vec<String>; 2]> = BTreeMap::new();
        for change in changes {
            let projection = change.projection();
            let (folder, name) = split(&projection.file);
            let [added, removed] = folders.entry(folder).or_default();
            match change {
                ProjectionChange::Write(_) => {
                    added.push(name.to_owned());
                    edits.push(FileEdit {
                        file: projection.file.clone(),
                        text: Some(projection.text.clone()),
                    });
                }
                ProjectionChange::Remove(_) => {
                    removed.push(name.to_owned());
                    // An unmanaged file at its path stays.
                    if matches!(
                        self.state(projection),
                        Ok(FileState::Current | FileState::Outdated | FileState::Retyped(_))
                    ) {
                        edits.push(FileEdit { file: projection.file.clone(), text: None });
                    }
                }
            }
        }
        for (folder, [added, removed]) in folders {
            let found = self.kustomization(folder);
            let Some(Ok(kustomization)) = &*found else { continue };
            if let Ok(text) = kustomization.changed(&added, &removed)
                && text != kustomization.text
            {
                edits.push(FileEdit { file: kustomization.file.clone(), text: Some(text) });
            }
        }
        edits
    }

    /// Returns the kustomization of a folder, from the cache if it was read.
    fn kustomization(&self, folder: &str) -> Rc<FoundKustomization> {
        let key = (self.remote.head(), folder.to_owned());
        let cached = self.folders.borrow().get(&key).cloned();
        cached.unwrap_or_else(|| {
            let found = Rc::new(self.read_kustomization(folder));
            self.folders.borrow_mut().insert(key, Rc::clone(&found));
            found
        })
    }

    fn read_kustomization(&self, folder: &str) -> FoundKustomization {
        NAMES.iter().find_map(|name| {
            let file = format!("{folder}{name}");
            let text = match self.remote.find(&file) {
                Ok(TreeItem::Nothing) => return None,
                Ok(TreeItem::Other(why)) => Err(why),
                Ok(TreeItem::File { id, .. }) => self.remote.text(id),
                Err(error) => Err(error.to_string()),
            };
            let text = text.map_err(|why| format!("`{file}` next to it cannot be read: {why}"));
            Some(text.and_then(|text| Kustomization::parse(&file, text)))
        })
    }
}

fn is_text(id: Oid, text: &str) -> bool {
    Oid::hash_object(ObjectType::Blob, text.as_bytes()).is_ok_and(|wanted| wanted == id)
}
