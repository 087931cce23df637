//! The lifecycle status changes one step at a time.
//!
//! ## What it does
//! On a change, allows `lifecycle.status` to go one step forward (`active` → `deprecated` →
//! `decommission_requested` → `decommissioned`), or one step back until the secret is deleted.
//! `decommissioned` is final.
//!
//! ## Why is this bad?
//! Each step gives people time: `deprecated` warns the consumers, and `decommission_requested`
//! starts the gates. Skipping a step causes an outage without warning.
//!
//! ## Example
//! ```diff
//! -    status: active
//! +    status: decommission_requested
//! ```
//!
//! ## Use instead
//! ```diff
//! -    status: active
//! +    status: deprecated
//! ```

use super::{Rule, RuleCheck, Severity, Sink, before_after};
use crate::catalog::{Catalog, Project};
use crate::manifest::LifecycleStatus;

pub(super) const RULE: Rule = Rule {
    code: "GP403",
    name: "illegal-transition",
    severity: Severity::Error,
    source: include_str!("gp403_illegal_transition.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    for (before, after) in before_after::kept(catalog) {
        let status = |entry: &crate::catalog::Entry| {
            LifecycleStatus::parse(entry.root()?.string_at("/spec/lifecycle/status")?).ok()
        };
        let (Some(old), Some(new)) = (status(before), status(after)) else { continue };
        if old == new || old.steps().contains(&new) {
            continue;
        }
        let message = format!("`{old}` cannot become `{new}`");
        let help = match old.steps() {
            [] => format!("`{old}` is final; create a new secret: `goldenpath new secret`"),
            steps => {
                let steps: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
                format!("from `{old}` the next step is {}", steps.join(" or "))
            }
        };
        sink.at(after, "/spec/lifecycle/status", message, help);
    }
}
