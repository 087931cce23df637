//! The ID of a manifest does not change.
//!
//! ## What it does
//! On a change, rejects a different `metadata.id` in a file that already had an ID.
//!
//! ## Why is this bad?
//! The audit trail, the tags and the tickets identify the secret by its ID. With a new ID it
//! becomes a new secret, and no manifest manages the old one.
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
    // An invalid ID, such as `sec-0007`, was never applied and may change.
    let renumbered = before_after::renumbered(catalog)
        .into_iter()
        .filter(|(_, old, _)| SecretId::parse(old).is_ok());
    for (after, old, new) in renumbered {
        let message = format!("the ID changed from `{old}` to `{new}`; a secret keeps its ID");
        let help = format!(
            "set it back to `{old}`; for a new secret, create a new file: `goldenpath new secret`"
        );
        sink.at(after, "/metadata/id", message, help);
    }
}
