//! The audit trail for commands that show it.

use crate::context::Context;
use crate::failure::Failure;
use goldenpath_core::catalog::Project;
use goldenpath_core::trail::AuditEvent;
use goldenpath_core::vcs::Repository;
use goldenpath_deploy::audit::AuditBranch;

/// What is shown while the branch is fetched.
pub(crate) const READING: &str = "Reading the audit trail …";

/// Returns the events of the audit branch, sorted by time.
///
/// It is fetched unless `offline`. If that fails, a message says so, and the events are those that
/// were fetched last.
pub(crate) fn read_events(
    repository: &Repository,
    project: &Project,
    offline: bool,
    context: &Context,
) -> Result<Vec<AuditEvent>, Failure> {
    let config = &project.config.audit;
    if !offline {
        context.streams.brief_progress(READING);
        let branch = AuditBranch::open(repository, config);
        context.streams.end_progress();
        match branch {
            Ok(branch) => return Ok(events_of(&branch, context)),
            Err(error) => context.streams.message(&format!(
                "Note: the audit trail is shown as it was fetched last: {error}"
            )),
        }
    }
    let branch = AuditBranch::offline(repository, config)?;
    Ok(branch.map(|branch| events_of(&branch, context)).unwrap_or_default())
}

/// Returns the events of a branch, and notes records that cannot be read.
fn events_of(branch: &AuditBranch, context: &Context) -> Vec<AuditEvent> {
    let log = branch.log();
    if let Some((file, fault)) = log.unreadable() {
        context.streams.message(&format!(
            "Warning: not all records can be shown. {file}: {}; see `goldenpath audit verify`.",
            fault.as_str()
        ));
    }
    log.events()
}
