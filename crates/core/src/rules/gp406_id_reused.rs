//! An ID is never reused.
//!
//! ## What it does
//! On a change, searches the history of the branch for new IDs, and rejects an ID if a file with
//! that name was ever in the catalog.
//!
//! ## Why is this bad?
//! If an auditor asks about SEC-0007 two years later, it must identify exactly one secret.
//!
//! ## Example
//! ```text
//! catalogs/secrets/orders/dev/SEC-0007.yaml     new; another SEC-0007 was removed last year
//! ```
//!
//! ## Use instead
//! ```text
//! goldenpath new secret     takes an ID that was never used
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
        // GP302 reports an ID that another manifest has now.
        if catalog.entries.iter().filter(|other| other.claimed_id() == Some(id)).count() > 1 {
            continue;
        }
        if let Some(commit) = before.reused_ids.get(id) {
            let message = format!(
                "the ID `{id}` was used before: commit {} has it",
                &commit[..8.min(commit.len())]
            );
            let help = "use a new ID: `goldenpath new secret` takes one that was never used";
            sink.at(entry, "/metadata/id", message, help.to_owned());
        }
    }
}
