//! The audit trail: `audit/<ID>.jsonl` in the catalog's repository.
//!
//! A line is an event, with the hash of the line before.

mod commits;
mod event;
mod text;
mod verification;

pub use commits::{Delivery, TrailCommits, changes, staged_changes};
pub use event::{Actor, AuditEvent};
pub use text::{Trail, TrailFault};
pub use verification::{TrailPlace, TrailViolation, verify};

use crate::manifest::SecretId;
use crate::vcs::{Repository, Snapshot};

/// The folder, from the root of the catalog's repository.
pub const FOLDER: &str = "audit";

/// The size limit of a trail, in bytes: enough for some ten thousand events.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Returns the trail of a secret in a snapshot; an empty one if it does not exist.
#[must_use]
pub fn read(repository: &Repository, snapshot: Snapshot, id: SecretId) -> Trail {
    Trail::of(repository.trail(snapshot, &file_of(id), MAX_BYTES).unwrap_or_default())
}

/// Returns a secret's file, from the root of the catalog's repository.
#[must_use]
pub fn file_of(id: SecretId) -> String {
    format!("{FOLDER}/{id}.jsonl")
}
