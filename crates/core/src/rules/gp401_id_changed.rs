//! A manifest keeps its ID.
//!
//! ## What it does
//! On a change, refuses another `metadata.id` in a file that had one before.
//!
//! ## Why is this bad?
//! The audit trail, the tags and the tickets know the secret by its ID. Under a new one it is a new secret, and the old
//! one is nobody's.
//!
//! ## Example
//! ```diff
//! -  id: SEC-0007
//! +  id: SEC-0012
//! ```
//!
//! ## Use instead
//! ```yaml
//!   id: SEC-0007
//! ```

use super::{Rule, RuleCheck, Severity, Sink, before_after};
use crate::catalog::{Catalog, Project};
use crate::manifest::SecretId;

pub(super) const RULE: Rule = Rule {
    code: "GP401",
    name: "id-changed",
    severity: Severity::Error,
    source: include_str!("gp401_id_changed.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    // Of what was no ID, such as `sec-0007`, nothing was ever made.
    let renumbered = before_after::renumbered(catalog)
        .into_iter()
        .filter(|(_, old, _)| SecretId::parse(old).is_ok());
    for (after, old, new) in renumbered {
        let message = format!("the ID was `{old}` and is `{new}` now; an ID stays with its secret");
        let help = format!(
            "set it back to `{old}`; a new secret takes a new file: `goldenpath new secret`"
        );
        sink.at(after, "/metadata/id", message, help);
    }
}
