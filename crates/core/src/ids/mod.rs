//! Secret IDs: allocation, reservation, holders, conflicts and renumbering.

mod allocator;
mod conflicts;
mod holders;
mod ledger;
mod renumber;
mod reservation;

use std::path::PathBuf;

use miette::Diagnostic;

pub use allocator::{AllocatedIds, Allocator, AllocatorEvent};
pub use conflicts::{IdConflict, NewManifestId, find_conflicts};
pub use holders::{IdHolder, IdStatus, find_holders};
pub use renumber::{
    OtherBranchCollision, RenumberCandidate, RenumberError, find_collisions, renumber,
};
pub use reservation::{RemoteError, RemoteRefs, ReservationRemote};

use crate::manifest::SecretId;
use crate::vcs::SourceError;

/// Why no ID can be allocated.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum IdError {
    #[error("cannot write `{}`: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::ids::ledger),
        help(
            "check the folder's permissions and the free space: allocated IDs are recorded there"
        )
    )]
    Ledger { path: PathBuf, why: String },

    #[error("another goldenpath process has locked `{}` for {seconds} seconds", path.display())]
    #[diagnostic(
        code(goldenpath::ids::locked),
        help("end the process that hangs in this clone: the lock ends with it")
    )]
    Locked { path: PathBuf, seconds: u64 },

    #[error("no ID is left above {highest}{place}: an ID has at most nine digits")]
    #[diagnostic(
        code(goldenpath::ids::exhausted),
        help(
            "a number this high is most likely a mistake: renumber its manifest before it is \
             merged. After that, decommission the secret and remove its manifest from the default \
             branch. The next IDs follow the next lower one"
        )
    )]
    Exhausted {
        highest: SecretId,
        /// In parentheses, if known.
        place: String,
    },

    #[error("cannot reserve IDs: there is no remote{}", named(name))]
    #[diagnostic(
        code(goldenpath::ids::no_remote),
        help("`git remote add origin URL` adds one; or set `ids.remote`, or use `--no-reserve`")
    )]
    NoRemote { name: Option<String> },

    #[error("lost every reservation race on `{remote}` for {seconds} seconds")]
    #[diagnostic(
        code(goldenpath::ids::contended),
        help("try again when fewer processes allocate IDs at the same time")
    )]
    Contended { remote: String, seconds: u64 },

    #[error(transparent)]
    #[diagnostic(transparent)]
    ReservationRemote(#[from] RemoteError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
}

fn named(name: &Option<String>) -> String {
    name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default()
}
