//! A new manifest starts as `active`.
//!
//! ## What it does
//! On a change, checks `lifecycle.status` of manifests with a new ID.
//!
//! ## Why is this bad?
//! A secret that never existed cannot be deprecated or decommissioned. The manifest is probably a
//! copy of an old one.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   id: SEC-0012      # new
//! spec:
//!   lifecycle:
//!     status: deprecated
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   lifecycle:
//!     status: active
//! ```

use super::{Rule, RuleCheck, Severity, Sink, before_after};
use crate::catalog::{Catalog, Project};
use crate::manifest::LifecycleStatus;

pub(super) const RULE: Rule = Rule {
    code: "GP405",
    name: "must-start-active",
    severity: Severity::Error,
    source: include_str!("gp405_must_start_active.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    for entry in before_after::added(catalog) {
        let Some(request) =
            entry.request().filter(|request| request.status != LifecycleStatus::Active)
        else {
            continue;
        };
        let message = format!("a new manifest cannot start as `{}`", request.status);
        sink.at(entry, "/spec/lifecycle/status", message, "write `active`".to_owned());
    }
}
