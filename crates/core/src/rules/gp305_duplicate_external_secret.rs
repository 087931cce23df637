//! No two manifests have the same ExternalSecret.
//!
//! ## What it does
//! Compares cluster, namespace and `metadata.name`, from which the name of the ExternalSecret
//! (`<name>-sync`) is derived, across the whole catalog, regardless of the run's selection. Each
//! environment has its own cluster, unless `environments.<environment>.cluster.name` in
//! `goldenpath.yaml` says that several share one. If two manifests also share the store key, GP303
//! reports them.
//!
//! ## Why is this bad?
//! Both projections describe the same object. In the cluster, one overwrites the other, so that one
//! of the two Kubernetes Secrets disappears. `kustomize build` over both files fails.
//!
//! ## Example
//! ```yaml
//! # catalogs/secrets/web/dev/SEC-0008.yaml
//! metadata:
//!   name: payments-db-credentials   # same as SEC-0007 of the service payments
//!   service: web
//! spec:
//!   access:
//!     namespace: payments           # same as SEC-0007
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   name: web-db-credentials
//!   service: web
//! spec:
//!   access:
//!     namespace: payments
//! ```

use super::{Rule, RuleCheck, Severity, Sink, duplicates, gp303_duplicate_name};
use crate::catalog::{Catalog, Project};
use crate::config::Level;

pub(super) const RULE: Rule = Rule {
    code: "GP305",
    name: "duplicate-external-secret",
    severity: Severity::Error,
    source: include_str!("gp305_duplicate_external_secret.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) {
    // If both rules are errors, one cause gets one finding.
    let mut levels = project.config.rules.iter();
    let of_the_key =
        levels.find(|(key, _)| gp303_duplicate_name::RULE.has_key(key)).map(|(_, level)| *level);
    let is_an_error = of_the_key.is_none_or(|level| level == Level::Error);
    duplicates::report_unless(
        catalog,
        sink,
        |entry| entry.claimed_external_secret(project),
        "/metadata/name",
        |(cluster, namespace, name)| {
            format!("the ExternalSecret `{namespace}/{name}-sync` in {cluster}")
        },
        "give one of the two another name, or another namespace",
        |one, other| is_an_error && one.claimed_store_key() == other.claimed_store_key(),
    );
}
