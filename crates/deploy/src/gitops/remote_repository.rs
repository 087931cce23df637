//! A GitOps repository that is pushed to: what stands there, and writing projections on what others have pushed.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use git2::{ObjectType, Oid};

use super::kustomization::{Kustomization, Listing, NAMES, split};
use super::{FileState, GitopsError, ProjectionChange, Published};
use crate::branch::{BranchError, FileEdit, RemoteBranch, TreeItem};
use goldenpath_core::projection::Projection;

/// The kustomization of a folder, or why it cannot be read; None where there is none.
type Beside = Option<Result<Kustomization, String>>;

/// The kustomizations that were looked at, by the branch's commit and their folder.
type Folders = HashMap<(Option<Oid>, String), Rc<Beside>>;

/// A GitOps repository that is pushed to.
pub struct RemoteRepository {
    pub(super) remote: RemoteBranch,
    folders: RefCell<Folders>,
}

impl RemoteRepository {
    #[must_use]
    pub fn new(remote: RemoteBranch) -> Self {
        Self { remote, folders: RefCell::default() }
    }

    /// What stands where `projection` belongs, the kustomization beside it not looked at.
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
                // As it is where git turns line ends around.
                Ok(text) if text.replace("\r\n", "\n") == projection.text => FileState::Current,
                Ok(text) if projection.is_of_the_same_manifest(&text) => FileState::Outdated,
                Ok(_) => FileState::Foreign(
                    "it was not written by goldenpath for this ID of this catalog".to_owned(),
                ),
                Err(why) => FileState::Foreign(why),
            },
        })
    }

    /// What the kustomization beside a file says of it, and for one that is to go.
    pub(super) fn listing(&self, file: &str, is_to_go: bool) -> Listing {
        let (folder, name) = split(file);
        match &*self.beside(folder) {
            None => Listing::Fine,
            Some(Err(why)) => Listing::Obstacle(why.clone()),
            Some(Ok(kustomization)) if is_to_go => kustomization.unlisting(name),
            Some(Ok(kustomization)) => kustomization.listing(name),
        }
    }

    /// As [`super::Target::publish`].
    pub(super) fn publish(
        &self,
        changes: &[ProjectionChange<'_>],
        message: &dyn Fn(&[usize]) -> String,
    ) -> Published {
        let planned = self.remote.head();
        let mut written = Vec::new();
        let commit = self.remote.change(&mut || {
            let judged: Vec<_> =
                changes.iter().map(|change| self.judged(change, planned)).collect();
            let open: Vec<usize> =
                (0..changes.len()).filter(|index| matches!(judged[*index], Ok(true))).collect();
            written = judged.into_iter().map(|judged| judged.map(drop)).collect();
            if open.is_empty() {
                return None;
            }
            let open_changes: Vec<&ProjectionChange<'_>> =
                open.iter().map(|index| &changes[*index]).collect();
            Some((self.edits(&open_changes), message(&open)))
        });
        Published { written, commit: commit.map_err(GitopsError::from) }
    }

    /// Whether a change is still to be made, where it may be.
    fn judged(
        &self,
        change: &ProjectionChange<'_>,
        planned: Option<Oid>,
    ) -> Result<bool, GitopsError> {
        let projection = change.projection();
        let file = || projection.file.clone();
        let state = match change {
            ProjectionChange::Write(_) => {
                self.listing(&projection.file, false).judge(self.state(projection)?)
            }
            ProjectionChange::Remove(_) => {
                self.listing(&projection.file, true).judge_removal(self.state(projection)?)
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
            _ if self.held(planned, &projection.file)?
                != self.held(self.remote.head(), &projection.file)? =>
            {
                Err(GitopsError::Changed { file: file() })
            }
            _ => Ok(true),
        }
    }

    /// The blob that a commit has at a path.
    fn held(&self, commit: Option<Oid>, file: &str) -> Result<Option<Oid>, BranchError> {
        Ok(match self.remote.find_in(commit, file)? {
            TreeItem::File { id, .. } => Some(id),
            _ => None,
        })
    }

    /// The files that change, the kustomizations beside them included.
    fn edits(&self, changes: &[&ProjectionChange<'_>]) -> Vec<FileEdit> {
        let mut edits = Vec::new();
        let mut folders: BTreeMap<&str, [Vec<String>; 2]> = BTreeMap::new();
        for change in changes {
            let projection = change.projection();
            let (folder, name) = split(&projection.file);
            let [come, go] = folders.entry(folder).or_default();
            match change {
                ProjectionChange::Write(_) => {
                    come.push(name.to_owned());
                    edits.push(FileEdit {
                        file: projection.file.clone(),
                        text: Some(projection.text.clone()),
                    });
                }
                ProjectionChange::Remove(_) => {
                    go.push(name.to_owned());
                    // Somebody else's in its place stays.
                    if matches!(
                        self.state(projection),
                        Ok(FileState::Current | FileState::Outdated)
                    ) {
                        edits.push(FileEdit { file: projection.file.clone(), text: None });
                    }
                }
            }
        }
        for (folder, [come, go]) in folders {
            let beside = self.beside(folder);
            let Some(Ok(kustomization)) = &*beside else { continue };
            if let Ok(text) = kustomization.changed(&come, &go)
                && text != kustomization.text
            {
                edits.push(FileEdit { file: kustomization.file.clone(), text: Some(text) });
            }
        }
        edits
    }

    /// The kustomization beside the projections of a folder.
    fn beside(&self, folder: &str) -> Rc<Beside> {
        let key = (self.remote.head(), folder.to_owned());
        let known = self.folders.borrow().get(&key).cloned();
        known.unwrap_or_else(|| {
            let found = Rc::new(self.read_beside(folder));
            self.folders.borrow_mut().insert(key, Rc::clone(&found));
            found
        })
    }

    fn read_beside(&self, folder: &str) -> Beside {
        NAMES.iter().find_map(|name| {
            let file = format!("{folder}{name}");
            let text = match self.remote.find(&file) {
                Ok(TreeItem::Nothing) => return None,
                Ok(TreeItem::Other(why)) => Err(why),
                Ok(TreeItem::File { id, .. }) => self.remote.text(id),
                Err(error) => Err(error.to_string()),
            };
            let text = text.map_err(|why| format!("`{file}` beside it cannot be read: {why}"));
            Some(text.and_then(|text| Kustomization::parse(&file, text)))
        })
    }
}

fn is_text(id: Oid, text: &str) -> bool {
    Oid::hash_object(ObjectType::Blob, text.as_bytes()).is_ok_and(|wanted| wanted == id)
}
