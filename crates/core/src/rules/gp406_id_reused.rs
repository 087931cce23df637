//! An ID is never reused.
//!
//! ## What it does
//! On a change, searches the history of the branch for new IDs, and rejects an ID if a file with
//! that name was ever in the catalog.
//!
//! Where history is cut (in a shallow clone), the audit trail counts too, as far as the clone has
//! fetched it: an ID is rejected if a run recorded it before the change, or recorded the end of its
//! secret. Without the trail, the check notes that it does not know, and
//! `git fetch --unshallow` fetches the history.
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
use crate::used_ids::EarlierUse;

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
        let Some(earlier) = before.reused_ids.get(id) else { continue };
        let shown = match earlier {
            EarlierUse::Commit(commit) => {
                format!("commit {} has it", &commit[..8.min(commit.len())])
            }
            EarlierUse::Event(event) => format!(
                "the audit trail has its `{}` of {}",
                event.action,
                event.time.strftime("%Y-%m-%d")
            ),
        };
        let message = format!("the ID `{id}` was used before: {shown}");
        let help = "use a new ID: `goldenpath new secret` takes one that was never used";
        sink.at(entry, "/metadata/id", message, help.to_owned());
    }
}
