//! What a clone lacks, and how it is fetched or read from elsewhere.
//!
//! | module | subject |
//! | --- | --- |
//! | [`objects`] | reading objects: a missing one is fetched or an error |
//! | [`promised`] | fetching objects that a partial clone left out |
//! | [`sparse`] | files that a sparse checkout leaves out of the work tree |
//!
//! libgit2 and gix-index know neither promisor remotes nor sparse checkouts. No other module looks
//! up objects: `tests/structure.rs` checks it.

mod objects;
mod promised;
mod sparse;

use git2::{Commit, ErrorCode};

pub(super) use objects::Item;
pub use promised::{MissingObjects, fetch_missing, is_partial, read_or_fetch};

use super::{Repository, SourceError};

/// Reports whether a commit has parents that a shallow clone lacks.
///
/// libgit2 leaves out the parents at the end of a shallow clone; the commit itself names them.
pub(super) fn is_cut(commit: &Commit<'_>) -> bool {
    let header = commit.raw_header_bytes();
    commit.parent_count() == 0
        && header.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"parent "))
}

/// The parts of a repository that a clone may lack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloneGaps {
    /// Whether history ends at a commit whose parents were not fetched.
    pub is_shallow: bool,
    /// Whether a sparse checkout leaves files out of the work tree.
    pub is_sparse: bool,
}

impl Repository {
    /// Returns what this clone may lack.
    ///
    /// # Errors
    /// A git configuration that cannot be read.
    pub fn gaps(&self) -> Result<CloneGaps, SourceError> {
        Ok(CloneGaps { is_shallow: self.git.is_shallow(), is_sparse: self.is_sparse()? })
    }

    /// Reports whether a sparse checkout is configured (git-sparse-checkout).
    pub(super) fn is_sparse(&self) -> Result<bool, SourceError> {
        if self.git.is_bare() {
            return Ok(false);
        }
        match self.git.config().and_then(|config| config.get_bool("core.sparseCheckout")) {
            Ok(is_sparse) => Ok(is_sparse),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
            Err(error) => Err(SourceError::git("core.sparseCheckout")(error)),
        }
    }
}
