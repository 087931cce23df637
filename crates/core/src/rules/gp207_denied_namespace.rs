//! Only services that list a system namespace use it.
//!
//! ## What it does
//! Compares `spec.access.namespace` with `ownership.deniedNamespaces` in `goldenpath.yaml`. The
//! default is `kube-*`, `argocd`, `flux-system` and `external-secrets`. A service that lists such a
//! namespace below `ownership.services` may use it; the pattern `*` does not count as listing it.
//!
//! ## Why is this bad?
//! In these namespaces, a Secret with the right name controls the cluster: `argocd-secret` contains
//! the administrator's password, a bootstrap token in `kube-system` lets a node join, and the
//! operator's namespace contains credentials that can read every secret.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   service: web
//! spec:
//!   access:
//!     namespace: argocd
//!     k8sSecretName: argocd-secret
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   service: web
//! spec:
//!   access:
//!     namespace: web
//!     k8sSecretName: web-session-key
//! ```
//!
//! If the service belongs in that namespace, the platform team lists it:
//!
//! ```yaml
//! # goldenpath.yaml
//! ownership:
//!   services:
//!     argocd: { owners: [platform-team], namespaces: [argocd] }
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP207",
    name: "denied-namespace",
    severity: Severity::Error,
    source: include_str!("gp207_denied_namespace.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let Some(request) = entry.request_unless_decommissioned() else { return };
    let (service, namespace) = (request.service.as_str(), request.namespace.as_str());
    let Some(pattern) = project.ownership.find_denied_pattern(service, namespace) else { return };
    let by = match pattern.name() {
        Some(_) => String::new(),
        None => format!(" by `{pattern}`"),
    };
    let message = format!(
        "the namespace `{namespace}` is denied{by}: a Secret there can mean power over the cluster"
    );
    let help = format!(
        "use a namespace of the service, or ask the platform team to add this one to \
         `ownership.services.{service}.namespaces` in {}",
        project.config_name
    );
    sink.at(entry, "/spec/access/namespace", message, help);
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_web, cases};

    #[test]
    fn a_service_may_use_a_denied_namespace_that_its_list_names_and_not_by_a_star() {
        let edits = [("namespace: web ", "namespace: argocd ")];
        let table = |namespaces: &str| {
            format!(
                "ownership:\n  services:\n    \
                 web: {{ namespaces: [{namespaces}] }}\n    payments: {{}}\n"
            )
        };
        assert_web(&table("argocd"), &edits, &[]);
        assert_web(&table("\"argo*\""), &edits, &[]);
        assert_web(&table("\"*\""), &edits, &["error GP207 /spec/access/namespace"]);
        let own = "ownership: { deniedNamespaces: [web] }\n";
        assert_web(own, &[], &["error GP207 /spec/access/namespace"]);
        assert_web(own, &edits, &[]);
    }

    #[track_caller]
    fn is_denied(namespace: &str) {
        let to = format!("namespace: {namespace} ");
        let expected = ["error GP207 /spec/access/namespace"];
        let found = assert_web("", &[("namespace: web ", &to)], &expected);
        assert!(found[0].help.contains("`ownership.services.web.namespaces`"), "{found:?}");
    }

    cases! { the_clusters_own_namespaces_are_denied_without_any_configuration(is_denied):
        argocd("argocd");
        kube_system("kube-system");
        kube_public("kube-public");
        flux_system("flux-system");
        external_secrets("external-secrets");
    }

    #[test]
    fn a_namespace_that_begins_like_a_denied_one_is_accepted() {
        assert_web("", &[("namespace: web ", "namespace: kubeflow ")], &[]);
    }
}
