//! The audit trail: `audit/<ID>.jsonl` in the catalog's repository, one event a line, each with the hash of the line before.

mod commits;
mod event;
mod text;
mod verification;

pub use commits::{Commits, Delivery, changes, staged_changes};
pub use event::{Actor, AuditEvent};
pub use text::{Trail, TrailFault};
pub use verification::{TrailPlace, TrailViolation, verify};

use crate::manifest::SecretId;
use crate::vcs::{Repository, Snapshot};

/// The folder, from the catalog's repository's root.
pub const FOLDER: &str = "audit";

/// The bytes of a trail that are read at most: some ten thousand events.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The trail of a secret in a snapshot; an empty one where there is none.
#[must_use]
pub fn read(repository: &Repository, snapshot: Snapshot, id: SecretId) -> Trail {
    Trail::of(repository.trail(snapshot, &file_of(id), MAX_BYTES).unwrap_or_default())
}

/// A secret's file, from the catalog's repository's root.
#[must_use]
pub fn file_of(id: SecretId) -> String {
    format!("{FOLDER}/{id}.jsonl")
}
