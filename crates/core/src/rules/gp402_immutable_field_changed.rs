//! Name, service, environment and provider stay as they are.
//!
//! ## What it does
//! On a change, compares the manifests of the same ID before and after, wherever the file has moved. What could never be
//! a name (`Payments`) may be mended: nothing was made of it.
//!
//! ## Why is this bad?
//! The store key follows from these fields: with another name the manifest asks for another secret, empty, while the
//! old one stays behind with the value that applications use.
//!
//! ## Example
//! ```diff
//! -  name: payments-db-credentials
//! +  name: payments-database
//! ```
//!
//! ## Use instead
//! A new manifest for the new name; the old one goes through `deprecated` and `decommission_requested` when nothing uses
//! it any more.

use super::{Rule, RuleCheck, Severity, Sink, before_after};
use crate::catalog::{Catalog, Project};
use crate::manifest::DnsLabel;

pub(super) const RULE: Rule = Rule {
    code: "GP402",
    name: "immutable-field-changed",
    severity: Severity::Error,
    source: include_str!("gp402_immutable_field_changed.rs"),
    check: RuleCheck::Catalog(check),
};

const FIELDS: [&str; 4] =
    ["/metadata/name", "/metadata/service", "/metadata/environment", "/spec/provider"];

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    for (before, after) in before_after::kept(catalog) {
        let value = |entry: &crate::catalog::Entry, pointer: &str| {
            entry.root()?.string_at(pointer).map(str::to_owned)
        };
        for pointer in FIELDS {
            // A field that is missing on either side is another rule's.
            let (Some(old), Some(new)) = (value(before, pointer), value(after, pointer)) else {
                continue;
            };
            let is_possible = pointer == "/spec/provider" || DnsLabel::parse(&old).is_ok();
            if old != new && is_possible {
                let field = pointer.rsplit('/').next().unwrap_or_default();
                let message = format!(
                    "`{field}` was `{old}` and cannot become `{new}`: another secret would be meant"
                );
                let help = format!(
                    "set it back to `{old}`, and ask for the other secret in a manifest of its own"
                );
                sink.at(after, pointer, message, help);
            }
        }
    }
}
