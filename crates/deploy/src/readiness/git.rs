//! The git repositories of a run: the GitOps repository, the audit branch, the signer.

use super::ReadinessCheck;
use crate::audit::AuditBranch;
use crate::gitops::Target;
use goldenpath_core::config::AuditConfig;
use goldenpath_core::vcs;
use goldenpath_core::vcs::Repository;

/// Checks that projections can be published in an opened GitOps repository.
#[must_use]
pub fn check_gitops(target: &Target, scope: &str) -> ReadinessCheck {
    const SUBJECT: &str = "gitops";
    let place = target.place();
    match (target.check_push(), target) {
        (Err(error), _) => ReadinessCheck::failed(SUBJECT, scope, &error),
        (Ok(()), Target::Copy(_)) => {
            ReadinessCheck::ok(SUBJECT, scope, format!("{place}: apply commits here"))
        }
        (Ok(()), Target::Remote(_)) => {
            ReadinessCheck::ok(SUBJECT, scope, format!("{place}: apply may push"))
        }
    }
}

/// Checks that the audit branch can be read and pushed.
#[must_use]
pub fn check_audit(repository: &Repository, config: &AuditConfig) -> ReadinessCheck {
    const SUBJECT: &str = "audit";
    let checked = AuditBranch::open(repository, config)
        .and_then(|branch| branch.check_push().map(|()| branch.place()));
    match checked {
        Ok(place) => ReadinessCheck::ok(SUBJECT, "", format!("{place}: apply may push")),
        Err(error) => ReadinessCheck::failed(SUBJECT, "", &error),
    }
}

/// Checks that git can sign commits, if it is configured to.
#[must_use]
pub fn check_signer(repository: &Repository) -> ReadinessCheck {
    const SUBJECT: &str = "signer";
    match vcs::check_signer(repository.raw(), &repository.program()) {
        Ok(()) => ReadinessCheck::ok(SUBJECT, "", "git writes commits as it is configured to"),
        Err(error) => ReadinessCheck::failed(SUBJECT, "", &error),
    }
}
