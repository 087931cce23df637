//! Name, service, environment and provider do not change.
//!
//! ## What it does
//! On a change, compares the manifests with the same ID before and after, even if the file moved. A
//! value that was never a valid name (`Payments`) may be corrected: it was never applied.
//!
//! ## Why is this bad?
//! The store key is derived from these fields. With another name, the manifest requests another
//! secret, which is empty, and the old one stays with the value that applications use.
//!
//! ## Example
//! ```diff
//! -  name: payments-db-credentials
//! +  name: payments-database
//! ```
//!
//! ## Use instead
//! Create a new manifest with the new name. When no application uses the old secret, set its
//! manifest to `deprecated` and then to `decommission_requested`.

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
            // Another rule reports a field that is missing before or after.
            let (Some(old), Some(new)) = (value(before, pointer), value(after, pointer)) else {
                continue;
            };
            let is_possible = pointer == "/spec/provider" || DnsLabel::parse(&old).is_ok();
            if old != new && is_possible {
                let field = pointer.rsplit('/').next().unwrap_or_default();
                let message = format!(
                    "`{field}` was `{old}` and cannot become `{new}`: it identifies the secret"
                );
                let help = format!(
                    "set it back to `{old}`; for another secret, create a new manifest with \
                     `goldenpath new secret`"
                );
                sink.at(after, pointer, message, help);
            }
        }
    }
}
