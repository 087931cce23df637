//! Audit IDs: which one is next, taking it so that nobody else gets it, who holds which, and giving another one to what
//! collides all the same.

mod allocator;
mod conflicts;
mod holders;
mod ledger;
mod renumber;
mod reservation;

use std::path::PathBuf;

use miette::Diagnostic;

pub use allocator::{AllocatedIds, Allocator, AllocatorEvent};
pub use conflicts::{IdConflict, NewManifestId, elsewhere};
pub use holders::{Holder, IdStatus, holders};
pub use renumber::{Elder, RenumberError, Younger, collisions, renumber};
pub use reservation::{Asked, RemoteError, ReservationRemote};

use crate::manifest::SecretId;
use crate::vcs::SourceError;

/// Why no ID can be given out.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum IdError {
    #[error("`{}` cannot be written: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::ids::ledger),
        help(
            "IDs that are given out are written down there; check the folder's permissions and the free space"
        )
    )]
    Ledger { path: PathBuf, why: String },

    #[error("another goldenpath has held `{}` for {seconds} seconds", path.display())]
    #[diagnostic(
        code(goldenpath::ids::locked),
        help("see whether one hangs in this clone; the lock ends with it")
    )]
    Locked { path: PathBuf, seconds: u64 },

    #[error("no ID is left above {highest}{place}: an ID has at most nine digits")]
    #[diagnostic(
        code(goldenpath::ids::exhausted),
        help(
            "a number this high is most likely a slip: renumber the manifest that has it before its merge, or else decommission its secret and remove it from the default branch, and IDs go on above the next lower one"
        )
    )]
    Exhausted {
        highest: SecretId,
        /// In brackets, where it is known.
        place: String,
    },

    #[error("IDs are to be reserved, and there is no remote to do it on{}", named(name))]
    #[diagnostic(
        code(goldenpath::ids::no_remote),
        help(
            "add one (`git remote add origin URL`), name the one meant in `ids.remote`, or go without: `--no-reserve`"
        )
    )]
    NoRemote { name: Option<String> },

    #[error("lost every reservation race on `{remote}` for {seconds} seconds")]
    #[diagnostic(
        code(goldenpath::ids::contended),
        help("try again when fewer others take IDs at the same time")
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
    name.as_ref().map(|name| format!(": no `{name}`")).unwrap_or_default()
}
