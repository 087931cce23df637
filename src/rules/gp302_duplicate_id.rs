//! No two manifests have the same ID.
//!
//! ## What it does
//! Compares `metadata.id` across the whole catalog, whatever part of it a run is about.
//!
//! ## Why is this bad?
//! The ID is what the audit trail, the tags and the tickets refer to. Two secrets under one ID cannot be told apart
//! two years later.
//!
//! ## Example
//! ```text
//! catalogs/secrets/payments/dev/SEC-0007.yaml     id: SEC-0007
//! catalogs/secrets/orders/dev/SEC-0007.yaml       id: SEC-0007
//! ```
//!
//! ## Use instead
//! ```text
//! catalogs/secrets/payments/dev/SEC-0007.yaml     id: SEC-0007
//! catalogs/secrets/orders/dev/SEC-0008.yaml       id: SEC-0008
//! ```

use super::{Check, Rule, Severity, Sink, duplicates};
use crate::catalog::{Catalog, Entry, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP302",
    name: "duplicate-id",
    severity: Severity::Error,
    source: include_str!("gp302_duplicate_id.rs"),
    check: Check::Catalog(check),
};

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    let help = "give the newer manifest an ID of its own, in `metadata.id` and in its file name";
    duplicates::report(catalog, sink, Entry::claimed_id, "/metadata/id", |id| format!("the ID `{id}`"), help);
}
