//! A secret has no resource policy that its manifest does not ask for.
//!
//! ## What it does
//! Reports the resource policy of a secret whose manifest has none of the lists `readPrincipals`,
//! `writePrincipals` and `breakGlassPrincipals` below `spec.access`. goldenpath leaves such a
//! policy alone. One that permits everyone something, without a condition, is an error.
//!
//! Only the store knows the policy, and AWS limits how often it returns one: `show` reads it, and
//! `plan` and `apply` with `--refresh`.
//!
//! ## Why is this bad?
//! Others may use the value, and neither the manifest nor its reviewers know of them.
//!
//! ## Example
//! ```yaml
//! # the secret's resource policy permits arn:aws:iam::999999999999:root to read it
//! spec:
//!   access:
//!     namespace: payments
//! ```
//!
//! ## Use instead
//! ```yaml
//! # `apply` replaces the policy by what the lists say, or deletes it if all are empty
//! spec:
//!   access:
//!     namespace: payments
//!     readPrincipals: []
//! ```

use std::collections::BTreeMap;

use super::{Rule, RuleCheck, Severity, Sink, StoredState};
use crate::catalog::{Catalog, Project};
use crate::manifest::SecretId;

pub(super) const RULE: Rule = Rule {
    code: "GP604",
    name: "unrequested-policy",
    severity: Severity::Warning,
    source: include_str!("gp604_unrequested_policy.rs"),
    check: RuleCheck::Stored(check),
};

/// The resource policies of secrets whose manifests ask for none.
pub type UnrequestedPolicies = BTreeMap<SecretId, UnrequestedPolicy>;

/// A resource policy that no manifest asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnrequestedPolicy {
    /// Whom it permits something, sorted; empty if it only denies.
    pub principals: Vec<String>,
    /// Whether it permits everyone something, without a condition.
    pub is_public: bool,
}

fn check(catalog: &Catalog, project: &Project, state: &StoredState, sink: &mut Sink<'_>) {
    let is_overridden = RULE.has_level(&project.config.rules);
    for entry in catalog.selected() {
        let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
            continue;
        };
        let Some(policy) = state.policies.get(&request.id) else { continue };
        let whom = match policy.principals.as_slice() {
            _ if policy.is_public => "permits everyone".to_owned(),
            [] => "permits no one, and may deny".to_owned(),
            principals => format!("permits {}", principals.join(", ")),
        };
        let message = format!(
            "the secret has a resource policy that the manifest does not ask for: it {whom}"
        );
        let help =
            "list the principals below `spec.access`, or write `readPrincipals: []` there for \
                    `apply` to delete the policy"
                .to_owned();
        let finding = sink.at(entry, "/spec/access", message, help);
        if policy.is_public && !is_overridden {
            finding.severity = Severity::Error;
        }
    }
}
