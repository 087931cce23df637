//! An ID is never used twice.
//!
//! ## What it does
//! On a change, looks for new IDs in the history of the branch: has a file of that name ever been in the catalog?
//!
//! ## Why is this bad?
//! Two years later an auditor asks about SEC-0007. There must be one answer.
//!
//! ## Example
//! ```text
//! catalogs/secrets/orders/dev/SEC-0007.yaml     new; SEC-0007 was decommissioned and removed last year
//! ```
//!
//! ## Use instead
//! ```text
//! goldenpath new secret     takes an ID that nobody has had
//! ```

use super::{Rule, RuleCheck, Severity, Sink, before_after};
use crate::catalog::{Catalog, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP406",
    name: "id-reused",
    severity: Severity::Error,
    source: include_str!("gp406_id_reused.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    let Some(before) = &catalog.before else { return };
    for entry in before_after::added(catalog) {
        let Some(id) = entry.claimed_id() else { continue };
        // An ID that another manifest has right now is GP302's.
        if catalog.entries.iter().filter(|other| other.claimed_id() == Some(id)).count() > 1 {
            continue;
        }
        if let Some(commit) = before.used_up.get(id) {
            let message = format!(
                "the ID `{id}` was used before: commit {} has it",
                &commit[..8.min(commit.len())]
            );
            let help = "take a new one: `goldenpath new secret` finds the next that nobody has had"
                .to_owned();
            sink.at(entry, "/metadata/id", message, help);
        }
    }
}
