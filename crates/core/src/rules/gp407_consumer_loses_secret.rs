//! A Kubernetes Secret in use keeps its name, its namespace and its keys.
//!
//! ## What it does
//! Compares `spec.access.k8sSecretName`, `spec.access.namespace` and `spec.value.format` with the
//! ExternalSecret in the GitOps repository. If one of them changes, it looks for the old name in
//! every file of that repository and reports what mentions it. It also reports a change if not
//! every file could be read.
//!
//! A mention is the same as for the gate `consumers` before a deletion: the whole name in any
//! syntax, unless it is proven to be in another namespace or outside of
//! `environments.<environment>.gitops.roots`.
//!
//! Only the GitOps repository knows the consumers, and `validate` and the hooks never read it. So
//! `plan` and `apply` report this, before the plan.
//!
//! ## Why is this bad?
//! The External Secrets Operator owns the Kubernetes Secret. With another name or namespace, it
//! creates a new one and the old one goes. A Deployment that still uses the old name does not start
//! its next Pod. With another format, the Kubernetes Secret has other keys.
//!
//! ## Example
//! ```diff
//!  spec:
//!    access:
//! -    k8sSecretName: payments-db-creds
//! +    k8sSecretName: payments-db-main
//! ```
//!
//! ## Use instead
//! Create a second manifest with the new name, change each consumer, and decommission the first
//! one. If a short outage is fine, change the consumers at the same time.

use std::collections::BTreeMap;

use super::{Rule, RuleCheck, Severity, Sink, StoredState};
use crate::catalog::{Catalog, Project};
use crate::manifest::{SecretId, ValueFormat};

pub(super) const RULE: Rule = Rule {
    code: "GP407",
    name: "consumer-loses-secret",
    severity: Severity::Warning,
    source: include_str!("gp407_consumer_loses_secret.rs"),
    check: RuleCheck::Stored(check),
};

/// The manifests whose Kubernetes Secret changes while it may be in use.
pub type ConsumerLosses = BTreeMap<SecretId, ConsumerLoss>;

/// A Kubernetes Secret that goes, and what still uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerLoss {
    /// The namespace of the published ExternalSecret.
    pub namespace: String,
    /// The name of the Kubernetes Secret in the published ExternalSecret.
    pub name: String,
    /// The format of the value in the published ExternalSecret.
    pub format: ValueFormat,
    /// Where the repository mentions it, as a list for messages; None if nowhere.
    pub mentions: Option<String>,
    /// What could not be read, as a list for messages; None if everything was read.
    pub unread: Option<String>,
}

fn check(catalog: &Catalog, _: &Project, state: &StoredState, sink: &mut Sink<'_>) {
    for entry in catalog.selected() {
        let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
            continue;
        };
        let Some(loss) = state.losses.get(&request.id) else { continue };
        let (name, namespace) = (request.k8s_secret_name.as_str(), request.namespace.as_str());
        let (pointer, field, old, new) = if loss.name != name {
            (
                "/spec/access/k8sSecretName",
                "`k8sSecretName`",
                in_quotes(&loss.name),
                in_quotes(name),
            )
        } else if loss.namespace != namespace {
            let (old, new) = (in_quotes(&loss.namespace), in_quotes(namespace));
            ("/spec/access/namespace", "`namespace`", old, new)
        } else {
            let (old, new) = (loss.format.to_string(), request.value_format.to_string());
            let are_texts = [&loss.format, &request.value_format]
                .into_iter()
                .all(|format| format.text_key().is_some());
            let pointer = if are_texts { "/spec/value/key" } else { "/spec/value/format" };
            (pointer, "the value", old, new)
        };
        let mut message = format!("{field} was {old} and becomes {new}, ");
        message.push_str(&match (&loss.mentions, &loss.unread) {
            (Some(places), _) => format!("but `{}` is still named: {places}", loss.name),
            (None, Some(_)) => {
                format!("and it is not known whether `{}` is still named", loss.name)
            }
            (None, None) => continue,
        });
        if let Some(places) = &loss.unread {
            message.push_str(&format!("; not all of the GitOps repository was read: {places}"));
        }
        let help = format!(
            "create a second manifest for {new}, change what uses {}, and decommission {}; or \
             change both at the same time",
            if field == "the value" { in_quotes(&loss.name) } else { old },
            request.id
        );
        sink.at(entry, pointer, message, help);
    }
}

fn in_quotes(name: &str) -> String {
    format!("`{name}`")
}
