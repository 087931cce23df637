//! No two manifests write the same Kubernetes Secret.
//!
//! ## What it does
//! Compares cluster, namespace and `k8sSecretName` across the whole catalog, regardless of the
//! run's selection. Each environment has its own cluster, unless
//! `environments.<environment>.cluster.name` says that several share one.
//!
//! ## Why is this bad?
//! Two ExternalSecrets with one target overwrite each other at every refresh. The application reads
//! sometimes one value, sometimes the other.
//!
//! ## Example
//! ```yaml
//! spec:
//!   access:
//!     namespace: payments
//!     k8sSecretName: payments-db-creds   # also SEC-0007's, in the same cluster
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   access:
//!     namespace: payments
//!     k8sSecretName: payments-reporting-db-creds
//! ```

use super::{Rule, RuleCheck, Severity, Sink, duplicates};
use crate::catalog::{Catalog, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP304",
    name: "duplicate-target",
    severity: Severity::Error,
    source: include_str!("gp304_duplicate_target.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) {
    duplicates::report(
        catalog,
        sink,
        |entry| entry.claimed_target(project),
        "/spec/access/k8sSecretName",
        |(cluster, namespace, name)| {
            format!("the Kubernetes Secret `{namespace}/{name}` in {cluster}")
        },
        "give one of the two another `k8sSecretName`",
    );
}
