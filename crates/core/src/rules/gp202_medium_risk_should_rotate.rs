//! A medium-risk secret should be rotated.
//!
//! ## What it does
//! Warns about `rotationClass: none` for risk tiers whose rotation the governance table recommends.
//! By default that is the tier `medium`.
//!
//! ## Why is this bad?
//! A credential that never changes stays valuable to a thief for as long as it exists.
//!
//! ## Example
//! ```yaml
//! spec:
//!   risk:
//!     tier: medium
//!   rotation:
//!     rotationClass: none
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   risk:
//!     tier: medium
//!   rotation:
//!     rotationClass: standard
//! ```

use super::gp201_high_risk_needs_rotation::{find_unrotated_tier, report};
use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::config::Rotation;

pub(super) const RULE: Rule = Rule {
    code: "GP202",
    name: "medium-risk-should-rotate",
    severity: Severity::Warning,
    source: include_str!("gp202_medium_risk_should_rotate.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    if let Some(tier) = find_unrotated_tier(entry, project, Rotation::Recommended) {
        report(
            entry,
            project,
            tier,
            format!("a secret of risk tier `{tier}` should be rotated"),
            sink,
        );
    }
}
