//! No two manifests have the same store key.
//!
//! ## What it does
//! Compares the store keys derived from the manifests (by default from service, environment and
//! name) across the whole catalog, regardless of the run's selection.
//!
//! ## Why is this bad?
//! Both manifests would own the same secret: each would overwrite the other's changes, and
//! decommissioning one would delete the other's credential.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   id: SEC-0008
//!   name: payments-db     # SEC-0007 of the same service and environment has this name
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   id: SEC-0008
//!   name: payments-reporting-db
//! ```

use super::{Rule, RuleCheck, Severity, Sink, duplicates};
use crate::catalog::{Catalog, Entry, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP303",
    name: "duplicate-name",
    severity: Severity::Error,
    source: include_str!("gp303_duplicate_name.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    duplicates::report(
        catalog,
        sink,
        Entry::claimed_store_key,
        "/metadata/name",
        |key| format!("the store key `{key}`"),
        "give one of the two another name",
    );
}
