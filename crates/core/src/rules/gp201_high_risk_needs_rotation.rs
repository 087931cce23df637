//! A high-risk secret is rotated.
//!
//! ## What it does
//! Rejects `rotationClass: none` for risk tiers whose rotation the governance table requires. By
//! default that is the tier `high`.
//!
//! ## Why is this bad?
//! A credential that never changes stays valuable to a thief for as long as it exists. For a
//! high-risk secret the damage is greatest.
//!
//! ## Example
//! ```yaml
//! spec:
//!   risk:
//!     tier: high
//!   rotation:
//!     rotationClass: none
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   risk:
//!     tier: high
//!   rotation:
//!     rotationClass: high
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::config::Rotation;

pub(super) const RULE: Rule = Rule {
    code: "GP201",
    name: "high-risk-needs-rotation",
    severity: Severity::Error,
    source: include_str!("gp201_high_risk_needs_rotation.rs"),
    check: RuleCheck::Entry(check),
};

/// The rotation class of secrets without rotation.
const NO_ROTATION: &str = "none";

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    if let Some(tier) = find_unrotated_tier(entry, project, Rotation::Required) {
        let message = format!(
            "a secret of risk tier `{tier}` must be rotated, but `rotationClass` is `{NO_ROTATION}`"
        );
        report(entry, project, tier, message, sink);
    }
}

/// Returns the tier of a manifest without rotation, if it has this `rotation`.
///
/// The governance table defines the `rotation` of a tier.
pub(super) fn find_unrotated_tier<'a>(
    entry: &'a Entry,
    project: &Project,
    rotation: Rotation,
) -> Option<&'a str> {
    let root = entry.root()?;
    let tier = root.string_at("/spec/risk/tier")?;
    let asked = project.governance.tiers.get(tier)?.rotation;
    (asked == rotation && root.string_at("/spec/rotation/rotationClass")? == NO_ROTATION)
        .then_some(tier)
}

/// Reports the rotation class, and suggests the classes that rotate.
pub(super) fn report(
    entry: &Entry,
    project: &Project,
    tier: &str,
    message: String,
    sink: &mut Sink<'_>,
) {
    let classes: Vec<String> = project
        .enums
        .rotation_classes
        .iter()
        .filter(|class| *class != NO_ROTATION)
        .map(|class| match project.governance.rotation_interval_days.get(class) {
            Some(days) => format!("`{class}` (every {days} days)"),
            None => format!("`{class}`"),
        })
        .collect();
    let help = format!("choose the rotation class {}", classes.join(" or "));
    sink.at(entry, "/spec/rotation/rotationClass", message, help).with(
        entry,
        entry.span("/spec/risk/tier"),
        format!("the tier is `{tier}`"),
    );
}

#[cfg(test)]
mod tests {
    use crate::testing::{Expected, assert_clean, assert_only, seed_with};

    const NONE: (&str, &str) = ("rotationClass: standard", "rotationClass: none");

    #[test]
    fn high_risk_without_rotation_is_an_error() {
        let expected = Expected {
            rule: "GP201 high-risk-needs-rotation",
            pointer: "/spec/rotation/rotationClass",
            place: "15:20..15:24",
            under: "none",
            message: "`high` must be rotated",
            help: "`standard` (every 90 days) or `high` (every 30 days)",
        };
        assert_only(&seed_with(&[("tier: medium", "tier: high"), NONE]), &expected);
    }

    #[test]
    fn high_risk_with_rotation_is_accepted() {
        assert_clean(&seed_with(&[("tier: medium", "tier: high")]));
    }

    #[test]
    fn low_risk_without_rotation_is_accepted() {
        assert_clean(&seed_with(&[("tier: medium", "tier: low"), NONE]));
    }
}
