//! The ttl is within the limit of the risk tier.
//!
//! ## What it does
//! Compares `spec.ttlDays` with the governance table's `maxTtlDays` for the risk tier. By default
//! that is 365 days in every tier.
//!
//! ## Why is this bad?
//! When the ttl expires, a person checks whether the secret is still needed. If the ttl is too
//! long, that check never happens.
//!
//! ## Example
//! ```yaml
//! spec:
//!   ttlDays: 3000
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   ttlDays: 365
//! ```
//!
//! ## Fix
//! `validate --fix --unsafe-fixes` writes the tier's maximum. A lower value or another tier may be
//! right.

use super::{Fix, Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::yaml::{Scalar, YamlEdit};

pub(super) const RULE: Rule = Rule {
    code: "GP203",
    name: "ttl-too-long",
    severity: Severity::Error,
    source: include_str!("gp203_ttl_too_long.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let Some(request) = entry.request() else { return };
    let Some(tier) = project.governance.tiers.get(&request.risk_tier) else { return };
    let is_invalid =
        entry.manifest().is_some_and(|manifest| manifest.has_violation("/spec/ttlDays"));
    if request.ttl_days > tier.max_ttl_days && !is_invalid {
        let (name, longest) = (&request.risk_tier, tier.max_ttl_days);
        let message = format!(
            "`ttlDays` is {}, but risk tier `{name}` allows at most {longest} days",
            request.ttl_days
        );
        let change = YamlEdit::Set {
            pointer: "/spec/ttlDays".to_owned(),
            value: Scalar::Int(i64::from(longest)),
        };
        let fix =
            Fix::of(change, format!("write {longest} for {}", request.ttl_days)).safe_if(false);
        sink.at(
            entry,
            "/spec/ttlDays",
            message,
            format!("write {longest} or less; the ttl can be renewed later"),
        )
        .with(entry, entry.span("/spec/risk/tier"), format!("the tier is `{name}`"))
        .fixed_by(Some(fix));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Expected, assert_clean, assert_only, seed_with};

    #[test]
    fn the_longest_ttl_of_a_tier_is_accepted() {
        assert_clean(&seed_with(&[("ttlDays: 30", "ttlDays: 365")]));
    }

    #[test]
    fn a_day_more_than_the_longest_ttl_is_reported() {
        let expected = Expected {
            rule: "GP203 ttl-too-long",
            pointer: "/spec/ttlDays",
            place: "21:12..21:15",
            under: "366",
            message: "risk tier `medium` allows at most 365 days",
            help: "365 or less",
        };
        assert_only(&seed_with(&[("ttlDays: 30", "ttlDays: 366")]), &expected);
    }
}
