//! The GitOps repository: what is there, and writing and committing projections. It is a working copy on disk, or a
//! repository that is pushed to. Files of others are never touched.

mod error;
mod kustomization;
mod prepared_files;
mod remote_repository;
mod stale_projections;
mod working_copy;

use kustomization::Listing;

pub use error::GitopsError;
pub use remote_repository::RemoteRepository;
pub use stale_projections::Stale;
pub use working_copy::WorkingCopy;

use crate::branch;
use goldenpath_core::config::check_projection_file;
use goldenpath_core::projection::Projection;

/// The bytes of a file that are read at most to see whether it is ours.
const MAX_BYTES: u64 = 1024 * 1024;

/// Where projections are committed, and Argo CD or Flux reads them.
pub enum Target {
    Copy(WorkingCopy),
    Remote(Box<RemoteRepository>),
}

/// What stands where a projection belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// The projection, and committed.
    Current,
    Missing,
    /// A projection of this manifest that says something else.
    Outdated,
    /// The projection, but the last commit has none or another.
    Uncommitted,
    /// The projection, but the kustomization beside it does not list it.
    Unlisted,
    /// Something that goldenpath did not write for this manifest, or cannot read.
    Foreign(String),
    /// The kustomization beside it does not list it, and cannot be made to.
    Unlistable(String),
}

/// What is to be done to a projection's file, and to the kustomization beside it.
#[derive(Debug, Clone, Copy)]
pub enum ProjectionChange<'p> {
    Write(&'p Projection),
    /// It goes, whatever of this manifest's it says.
    Remove(&'p Projection),
}

/// How far changes are.
#[derive(Debug, Clone, Copy)]
pub enum PublishEvent {
    /// Another run is at work there.
    Waiting,
    /// So many files are written, and not yet committed.
    Written(usize),
}

/// What became of changes.
#[derive(Debug)]
pub struct Published {
    /// One for each change, in their order. What is written well is done when the commit is.
    pub written: Vec<Result<(), GitopsError>>,
    /// The commit, by its ID; None where there was nothing to commit, or no git repository to commit to.
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
    /// For people: where it is, and on which branch.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Copy(copy) => copy.place(),
            Self::Remote(pushed) => pushed.remote.place(),
        }
    }

    /// Takes away what a killed run has left that would keep this one from committing.
    pub fn recover(&self) {
        if let Self::Copy(copy) = self {
            copy.recover();
        }
    }

    /// What stands where `projection` belongs.
    ///
    /// # Errors
    /// A path that leaves the repository.
    pub fn state(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        let (state, listing) = match self {
            Self::Copy(copy) => (copy.state(projection)?, copy.listing(&projection.file, false)),
            Self::Remote(pushed) => {
                (pushed.state(projection)?, pushed.listing(&projection.file, false))
            }
        };
        Ok(listing.judge(state))
    }

    /// The same for a projection that is to go: [`FileState::Missing`] when it is gone.
    ///
    /// # Errors
    /// A path that leaves the repository.
    pub fn removal(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        let (state, listing) = match self {
            Self::Copy(copy) => (copy.removal(projection)?, copy.listing(&projection.file, true)),
            Self::Remote(pushed) => {
                (pushed.state(projection)?, pushed.listing(&projection.file, true))
            }
        };
        Ok(listing.judge_removal(state))
    }

    /// Has these ready by the time at which they are published, if that is some time away. A working copy's first, since
    /// its disk is what publishing waits for.
    pub fn prepare(&self, projections: &[&Projection]) {
        if let Self::Copy(copy) = self {
            copy.prepare(projections);
        }
    }

    /// Writes and removes projections, keeps the kustomizations beside them listing those that are there, and commits both, with
    /// nothing else that may be changed or staged there. `message` is asked for the commit's, with the indices of the changes
    /// in it, and `tell` hears how far it is.
    #[must_use]
    pub fn publish(
        &self,
        changes: &[ProjectionChange<'_>],
        message: &dyn Fn(&[usize]) -> String,
        tell: &mut dyn FnMut(PublishEvent),
    ) -> Published {
        match self {
            Self::Copy(copy) => copy.publish(changes, message, tell),
            Self::Remote(pushed) => pushed.publish(changes, message),
        }
    }

    /// Calls `look` with each text file that is committed, or that is there where nothing is committed, and its text. What
    /// cannot be read, and what has no text, is left out.
    pub fn visit(&self, look: &mut dyn FnMut(&str, &str)) {
        match self {
            Self::Copy(copy) => copy.visit(look),
            Self::Remote(pushed) => {
                if let Some((git, tree)) = pushed.remote.head_tree() {
                    branch::visit(git, tree, &|_| true, look);
                }
            }
        }
    }

    /// The committed projections of this catalog in files that `is_wanted` does not know.
    #[must_use]
    pub fn stale(&self, catalog_id: &str, is_wanted: &dyn Fn(&str) -> bool) -> Vec<Stale> {
        let found = match self {
            Self::Copy(copy) => copy.head_tree(),
            Self::Remote(pushed) => pushed.remote.head_tree(),
        };
        found
            .map(|(git, tree)| stale_projections::all(git, tree, catalog_id, is_wanted))
            .unwrap_or_default()
    }
}

/// Refuses a path that no projection may have, whatever is there.
///
/// # Errors
/// A path into git's own folder, or of a kustomization.
pub fn check_path(file: &str) -> Result<(), GitopsError> {
    let bad = |why: String| Err(GitopsError::Path { why });
    if file.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
        return bad(format!("`{file}` leads into git's own folder"));
    }
    if let Err(why) = check_projection_file(file) {
        return bad(why);
    }
    Ok(())
}

impl Listing {
    /// What stands there, with what the kustomization beside it has to say.
    fn judge(&self, state: FileState) -> FileState {
        match (state, self) {
            (state @ FileState::Foreign(_), _) | (state, Self::Fine) => state,
            (_, Self::Obstacle(why)) => FileState::Unlistable(why.clone()),
            (FileState::Current, Self::Missing) => FileState::Unlisted,
            (state, Self::Missing) => state,
        }
    }

    /// The same of a projection that is to go. Somebody else's file in its place is not ours, and neither is its place in
    /// the list.
    fn judge_removal(&self, state: FileState) -> FileState {
        match (state, self) {
            (FileState::Foreign(_), _) | (FileState::Missing, Self::Fine) => FileState::Missing,
            (_, Self::Obstacle(why)) => FileState::Unlistable(why.clone()),
            (FileState::Missing, Self::Missing) => FileState::Unlisted,
            (state, _) => state,
        }
    }
}
