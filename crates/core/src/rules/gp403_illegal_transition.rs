//! The lifecycle goes step by step.
//!
//! ## What it does
//! On a change, allows `lifecycle.status` to go one step forward (`active` → `deprecated` → `decommission_requested` →
//! `decommissioned`) or one step back until deletion. `decommissioned` is final.
//!
//! ## Why is this bad?
//! Each step gives somebody time: deprecation tells the consumers, the request starts the gates. A step that is skipped is
//! an outage that nobody was warned of.
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
            [] => format!("`{old}` is final; ask for a new secret: `goldenpath new secret`"),
            steps => {
                let steps: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
                format!("from `{old}` the next step is {}", steps.join(" or "))
            }
        };
        sink.at(after, "/spec/lifecycle/status", message, help);
    }
}
