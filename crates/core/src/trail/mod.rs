//! The audit trail: records on a branch of their own, and the trails of version 0.1.
//!
//! | module | content |
//! | --- | --- |
//! | [`mod@event`] | an action with its result, as people read it |
//! | [`mod@record`] | a file of the audit branch |
//! | [`log`] | all records of the audit branch |
//! | [`times`] | since when a secret is in the catalog or in a state |
//! | [`verification`] | whether records were altered or removed |
//! | [`text`], [`commits`] | `audit/<ID>.jsonl` of version 0.1, and changes of those files |

mod commits;
mod event;
mod log;
mod record;
mod text;
mod times;
mod verification;

pub use commits::{TrailCommits, changes, staged_changes};
pub use event::{Actor, AuditEvent, RecordedLocation};
pub use log::{AuditLog, applies_to};
pub use record::{
    AuditRecord, Checkpoint, ImportedTrail, RECORDS, RecordFault, RecordKind, RecordedEvent,
    path_of, results,
};
pub use text::{Trail, TrailFault};
pub use times::{
    CANCEL_DEPRECATION, CANCEL_REQUEST, RECORD_DEPRECATION, RecordedTimes, is_note, is_use,
};
pub use verification::{TrailPlace, TrailViolation, verify};

use crate::manifest::SecretId;

/// The folder of the trails of version 0.1, from the root of the catalog's repository.
pub const FOLDER: &str = "audit";

/// The size limit of a trail of version 0.1, in bytes: enough for some ten thousand events.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Returns a secret's file in version 0.1, from the root of the catalog's repository.
#[must_use]
pub fn file_of(id: SecretId) -> String {
    format!("{FOLDER}/{id}.jsonl")
}
