//! An existing secret is handed over only on purpose.
//!
//! ## What it does
//! On a change, compares the manifests with the same ID before and after, even if the file moved. A
//! different `metadata.owner` is a handover. So is a different `spec.access.namespace`, unless the
//! service lists both namespaces below `ownership.services` in `goldenpath.yaml`.
//!
//! ## Why is this bad?
//! The value is handed over too. The new owner decides about a credential that others use, and
//! after the merge everyone who can read Secrets in the new namespace can read it. That may be
//! right, but the current owner must approve it.
//!
//! ## Example
//! ```diff
//! -  owner: team-payments
//! +  owner: app-team
//! ```
//!
//! ## Use instead
//! The same change, approved by the old owner. If the other team needs its own credential, create a
//! new manifest.

use super::{Rule, RuleCheck, Severity, Sink, before_after};
use crate::catalog::{Catalog, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP408",
    name: "handover",
    severity: Severity::Warning,
    source: include_str!("gp408_handover.rs"),
    check: RuleCheck::Catalog(check),
};

const OWNER: &str = "/metadata/owner";
const NAMESPACE: &str = "/spec/access/namespace";

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) {
    for (before, after) in before_after::kept(catalog) {
        let (Some(old), Some(new)) = (before.root(), after.root()) else { continue };
        let changed = |pointer: &str| {
            // Another rule reports a field that is missing before or after.
            let (old, new) = (old.string_at(pointer)?, new.string_at(pointer)?);
            (old != new).then(|| (old.to_owned(), new.to_owned()))
        };
        let id = after.claimed_id().unwrap_or_default();
        if let Some((old, new)) = changed(OWNER) {
            let message = format!(
                "this change hands {id} over from `{old}` to `{new}`, and its value with it"
            );
            let help = format!("ask `{old}` to approve it, or set the owner back");
            sink.at(after, OWNER, message, help);
        }
        if let Some((from, to)) = changed(NAMESPACE)
            && !is_own(project, new.string_at("/metadata/service"), [&from, &to])
        {
            let message = format!(
                "this change moves the value of {id} from the namespace `{from}` to `{to}`"
            );
            let help = format!(
                "ask the owner to approve it: everyone who can read Secrets in `{to}` can read the \
                 value, and workloads in `{from}` lose it"
            );
            sink.at(after, NAMESPACE, message, help);
        }
    }
}

/// Returns whether the service lists all of these namespaces.
fn is_own(project: &Project, service: Option<&str>, namespaces: [&str; 2]) -> bool {
    let own = service.and_then(|service| project.ownership.namespaces(service));
    own.is_some_and(|own| {
        namespaces.iter().all(|namespace| own.iter().any(|pattern| pattern.matches(namespace)))
    })
}
