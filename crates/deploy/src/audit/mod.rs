//! Records the actions of a run on the audit branch, before they start and when they are done.
//!
//! What cannot be recorded does not start. A journal under `.git/goldenpath/` has the results that
//! are not on the branch yet, so that the next run in the same clone records those of a run that
//! was killed.
//!
//! | module | content |
//! | --- | --- |
//! | [`recorder`] | the records of one run |
//! | [`catalog_statuses`] | what the statuses of manifests say |
//! | [`marks`] | manifests that become `decommissioned` |
//! | [`checkpoint`] | signed checkpoints |
//! | [`import`] | the trails of version 0.1 |
//! | [`mod@branch`] | the audit branch |

mod branch;
mod catalog_statuses;
mod checkpoint;
mod error;
mod import;
mod journal;
mod marks;
mod pipeline;
mod program;
mod pull_request;
mod recorder;
mod recovery;

pub use branch::AuditBranch;
pub use catalog_statuses::CatalogStatuses;
pub use checkpoint::{CheckpointReport, create_checkpoint, verify_checkpoints};
pub use error::RecordError;
pub use import::import;
pub use marks::{MarkDelivery, PROPOSAL, are_proposed};
pub use recorder::{AppliedCommit, DecommissionMark, Recorded, RecordedAction, Recorder};

use goldenpath_core::config::AuditConfig;
use goldenpath_core::vcs::Repository;

/// The repository's name in messages.
const WHAT: &str = "the catalog's repository";

/// Returns the URL of the trail's remote; None if the clone has no remotes.
fn remote_url(
    repository: &Repository,
    config: &AuditConfig,
) -> Result<Option<String>, RecordError> {
    let name = match &config.remote {
        Some(name) => Some(name.clone()),
        None => repository.main_remote()?,
    };
    let Some(name) = name else { return Ok(None) };
    let url = repository.remote_url(Some(&name));
    url.map(Some).ok_or(RecordError::NoRemote { name })
}
