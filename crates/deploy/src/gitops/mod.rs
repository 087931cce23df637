//! The GitOps repository: reading its state, and committing projections.
//!
//! It is a working copy on disk, or a remote repository. Unmanaged files are never touched.

mod error;
mod kustomization;
mod prepared_files;
mod remote_repository;
mod stale_projections;
mod working_copy;

use kustomization::Listing;

pub use error::GitopsError;
pub use remote_repository::RemoteRepository;
pub use stale_projections::StaleProjection;
pub use working_copy::WorkingCopy;

use crate::branch;
use crate::branch::{TreeItem, VisitedItem};
use goldenpath_core::config::check_projection_file;
use goldenpath_core::projection::{Projection, SecretRetype};

/// The maximum size of a file that is read to find its owner, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The GitOps repository, from which Argo CD or Flux reads the projections.
pub enum Target {
    /// A working copy on disk (`gitops.path`).
    Copy(WorkingCopy),
    /// A branch of a repository to push to (`gitops.url`).
    Remote(Box<RemoteRepository>),
}

/// The state of the file at a projection's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// The projection is up to date and committed.
    Current,
    /// The path has no file.
    Missing,
    /// The projection of this manifest is out of date.
    Outdated,
    /// As [`FileState::Outdated`], with another type of the same Kubernetes Secret.
    Retyped(SecretRetype),
    /// The projection is up to date, but not in the last commit.
    Uncommitted,
    /// The projection is up to date, but the kustomization next to it does not list it.
    Unlisted,
    /// The file was not written for this manifest, or cannot be read.
    Foreign(String),
    /// The kustomization next to it does not list it, and cannot be changed.
    Unlistable(String),
}

/// A change of a projection's file, and of the kustomization next to it.
#[derive(Debug, Clone, Copy)]
pub enum ProjectionChange<'p> {
    /// Creates the projection, or replaces one that is out of date.
    Write(&'p Projection),
    /// Removes the projection, also one that is out of date.
    Remove(&'p Projection),
}

/// The progress of publishing.
#[derive(Debug, Clone, Copy)]
pub enum PublishEvent {
    /// Another run has the lock.
    Waiting,
    /// This number of files is written, and not yet committed.
    Written(usize),
}

/// The results of publishing.
#[derive(Debug)]
pub struct Published {
    /// One for each change, in their order. A written file is complete with the commit.
    pub written: Vec<Result<(), GitopsError>>,
    /// The commit's ID; None if there was nothing to commit, or no git repository.
    pub commit: Result<Option<String>, GitopsError>,
}

impl ProjectionChange<'_> {
    fn projection(&self) -> &Projection {
        match self {
            Self::Write(projection) | Self::Remove(projection) => projection,
        }
    }
}

impl Target {
    /// Returns the location and the branch, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Copy(copy) => copy.place(),
            Self::Remote(repository) => repository.remote.place(),
        }
    }

    /// Removes leftovers of killed runs that would keep this one from committing.
    pub fn recover(&self) {
        if let Self::Copy(copy) = self {
            copy.recover();
        }
    }

    /// Returns the state of a projection's file.
    ///
    /// # Errors
    /// If the path leaves the repository.
    pub fn state(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        let (state, listing) = match self {
            Self::Copy(copy) => (copy.state(projection)?, copy.listing(&projection.file, false)),
            Self::Remote(repository) => {
                (repository.state(projection)?, repository.listing(&projection.file, false))
            }
        };
        Ok(listing.combine(state))
    }

    /// Returns the state of a projection to remove, then [`FileState::Missing`].
    ///
    /// # Errors
    /// If the path leaves the repository.
    pub fn removal(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        let (state, listing) = match self {
            Self::Copy(copy) => (copy.removal(projection)?, copy.listing(&projection.file, true)),
            Self::Remote(repository) => {
                (repository.state(projection)?, repository.listing(&projection.file, true))
            }
        };
        Ok(listing.combine_removal(state))
    }

    /// Checks that git can sign the commit of a run, if it is configured to.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check_signer(&self) -> Result<(), GitopsError> {
        Ok(match self {
            Self::Copy(copy) => copy.check_signer(),
            Self::Remote(repository) => repository.remote.check_signer(),
        }?)
    }

    /// Checks that the remote lets this user push, without a push. A working copy is not pushed.
    ///
    /// # Errors
    /// If it does not, or does not answer.
    pub fn check_push(&self) -> Result<(), GitopsError> {
        match self {
            Self::Copy(_) => Ok(()),
            Self::Remote(repository) => Ok(repository.remote.check_push()?),
        }
    }

    /// Starts to prepare projections in the background, before they are published.
    ///
    /// Only for a working copy, where publishing waits for the disk.
    pub fn prepare(&self, projections: &[&Projection]) {
        if let Self::Copy(copy) = self {
            copy.prepare(projections);
        }
    }

    /// Writes and removes projections, updates the kustomizations, and commits both.
    ///
    /// Other changes there are not committed, staged or not. `message` returns the commit's message
    /// for the indices of its changes, and `report` is called with the progress.
    #[must_use]
    pub fn publish(
        &self,
        changes: &[ProjectionChange<'_>],
        message: &dyn Fn(&[usize]) -> String,
        report: &mut dyn FnMut(PublishEvent),
    ) -> Published {
        match self {
            Self::Copy(copy) => copy.publish(changes, message, report),
            Self::Remote(repository) => repository.publish(changes, message),
        }
    }

    /// Returns the committed text of a projection's file; None without one.
    ///
    /// Without git, it is the text on disk.
    ///
    /// # Errors
    /// [`GitopsError::Unreadable`]
    pub fn published_text(&self, file: &str) -> Result<Option<String>, GitopsError> {
        self.read_published(file)
            .map_err(|why| GitopsError::Unreadable { file: file.to_owned(), why })
    }

    fn read_published(&self, file: &str) -> Result<Option<String>, String> {
        let message = |error: git2::Error| error.message().to_owned();
        let (git, tree) = match self {
            Self::Copy(copy) => match copy.head_tree()? {
                None => return copy.text_on_disk(file),
                Some(found) => found,
            },
            Self::Remote(repository) => repository.remote.head_tree().map_err(message)?,
        };
        match branch::find(git, tree, file).map_err(message)? {
            TreeItem::File { id, .. } => branch::text(git, id).map(Some),
            // A link or a folder is not one of our files.
            TreeItem::Nothing | TreeItem::Other(_) => Ok(None),
        }
    }

    /// Calls `visitor` with each committed item; without git, with those on disk.
    ///
    /// Nothing is left out: what cannot be read is [`VisitedItem::Unreadable`].
    pub fn visit(&self, visitor: &mut dyn FnMut(&str, VisitedItem<'_>)) {
        let found = match self {
            Self::Copy(copy) => match copy.head_tree() {
                Ok(None) => return copy.visit_disk(visitor),
                Ok(Some(found)) => Ok(found),
                Err(why) => Err(why),
            },
            Self::Remote(repository) => {
                repository.remote.head_tree().map_err(|error| error.message().to_owned())
            }
        };
        match found {
            Ok((git, tree)) => branch::visit(git, tree, &|_| true, visitor),
            Err(why) => visitor("/", VisitedItem::Unreadable(why)),
        }
    }

    /// Returns the committed projections of this catalog that are not `is_wanted`.
    #[must_use]
    pub fn stale(
        &self,
        catalog_id: &str,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Vec<StaleProjection> {
        let found = match self {
            Self::Copy(copy) => copy.head_tree().ok().flatten(),
            Self::Remote(repository) => repository.remote.head_tree().ok(),
        };
        found
            .map(|(git, tree)| stale_projections::find_stale(git, tree, catalog_id, is_wanted))
            .unwrap_or_default()
    }
}

/// Rejects a path that no projection may have.
///
/// # Errors
/// If the path is in a `.git` folder or is that of a kustomization.
pub fn check_path(file: &str) -> Result<(), GitopsError> {
    let bad = |why: String| Err(GitopsError::Path { why });
    if file.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
        return bad(format!("`{file}` is in a `.git` folder"));
    }
    if let Err(why) = check_projection_file(file) {
        return bad(why);
    }
    Ok(())
}

impl Listing {
    /// Returns the state of a file including its kustomization.
    fn combine(&self, state: FileState) -> FileState {
        match (state, self) {
            (state @ FileState::Foreign(_), _) | (state, Self::Fine) => state,
            (_, Self::Obstacle(why)) => FileState::Unlistable(why.clone()),
            (FileState::Current, Self::Missing) => FileState::Unlisted,
            (state, Self::Missing) => state,
        }
    }

    /// Returns the state of a file to remove including its kustomization.
    ///
    /// An unmanaged file at its path stays, and so does its entry in the kustomization.
    fn combine_removal(&self, state: FileState) -> FileState {
        match (state, self) {
            (FileState::Foreign(_), _) | (FileState::Missing, Self::Fine) => FileState::Missing,
            (_, Self::Obstacle(why)) => FileState::Unlistable(why.clone()),
            (FileState::Missing, Self::Missing) => FileState::Unlisted,
            (state, _) => state,
        }
    }
}
