//! A service uses its own owners and namespaces.
//!
//! ## What it does
//! Compares `metadata.owner` and `spec.access.namespace` with `ownership.services` in
//! `goldenpath.yaml`:
//!
//! - An owner that the service does not list is an error.
//! - A namespace that the service does not list is an error.
//! - A namespace that another service lists is an error, unless this one lists it too.
//! - A service that is not in the table is a warning; with `ownership.unlisted: deny` it is an
//!   error.
//! - A namespace with the name of another service is a warning, if no list decides.
//!
//! An omitted list restricts nothing. On a change, the base's table applies. Decommissioned
//! manifests are skipped.
//!
//! ## Why is this bad?
//! Everyone who can read Secrets in a namespace can read the value, and the owner decides about the
//! secret's future. With the wrong namespace or owner, a pull request takes a credential from
//! another team, or exposes one to that team's workloads.
//!
//! ## Example
//! ```yaml
//! # goldenpath.yaml
//! ownership:
//!   services:
//!     payments: { owners: [team-payments], namespaces: [payments] }
//!     web: { owners: [app-team], namespaces: [web] }
//! # the manifest
//! metadata:
//!   owner: app-team
//!   service: web
//! spec:
//!   access:
//!     namespace: payments
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   owner: app-team
//!   service: web
//! spec:
//!   access:
//!     namespace: web
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Catalog, Project};
use crate::config::{NamespaceObjection, NamespacePattern, UnlistedPolicy};

pub(super) const RULE: Rule = Rule {
    code: "GP206",
    name: "not-your-service",
    severity: Severity::Error,
    source: include_str!("gp206_not_your_service.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) {
    let (ownership, config) = (&project.ownership, &project.config_name);
    let is_overridden = project.config.rules.keys().any(|key| RULE.has_key(key));
    let is_service = |name: &str| catalog.services.contains(name);
    for entry in catalog.selected() {
        let Some(request) = entry.request_unless_decommissioned() else { continue };
        let (service, owner) = (request.service.as_str(), request.owner.as_str());
        let namespace = request.namespace.as_str();

        if let Some(unlisted) = ownership.unlisted_policy(service) {
            let message = format!("the service `{service}` is not in `ownership.services`");
            let help = format!(
                "ask the platform team to add it to {config}, with its owners and namespaces"
            );
            let finding = sink.at(entry, "/metadata/service", message, help);
            if !is_overridden && unlisted == UnlistedPolicy::Warn {
                finding.severity = Severity::Warning;
            }
        }
        if let Some(owners) = ownership.owners(service)
            && !owners.iter().any(|one| one == owner)
        {
            let message = format!("the owner `{owner}` does not own the service `{service}`");
            let help = format!(
                "use {}, or ask the platform team to change \
                 `ownership.services.{service}.owners` in {config}",
                any_of(owners)
            );
            sink.at(entry, "/metadata/owner", message, help);
        }
        let Some(objection) = ownership.find_namespace_objection(service, namespace, is_service)
        else {
            continue;
        };
        let pointer = "/spec/access/namespace";
        let list = format!("`ownership.services.{service}.namespaces` in {config}");
        match objection {
            NamespaceObjection::Outside { namespaces, holder } => {
                let other =
                    holder.map(|holder| format!(": it belongs to `{holder}`")).unwrap_or_default();
                let message = format!(
                    "the namespace `{namespace}` is not one of the service `{service}`{other}"
                );
                let names: Vec<String> =
                    namespaces.iter().map(NamespacePattern::to_string).collect();
                let help =
                    format!("use {}, or ask the platform team to change {list}", any_of(&names));
                sink.at(entry, pointer, message, help);
            }
            NamespaceObjection::OfAnother { holder } => {
                let message =
                    format!("the namespace `{namespace}` belongs to the service `{holder}`");
                let help = format!(
                    "use a namespace of `{service}`, \
                     or ask the platform team to add this one to {list}"
                );
                sink.at(entry, pointer, message, help);
            }
            NamespaceObjection::NamedLikeAnother => {
                let message =
                    format!("the namespace `{namespace}` has the name of another service");
                let help = format!(
                    "use a namespace of `{service}`, \
                     or ask the platform team to add this one to {list}"
                );
                let finding = sink.at(entry, pointer, message, help);
                if !is_overridden {
                    finding.severity = Severity::Warning;
                }
            }
        }
    }
}

/// Joins names as "`a`, `b` or `c`", with at most five of them.
fn any_of(names: &[String]) -> String {
    const MOST: usize = 5;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) if names.len() <= MOST => format!("{} or {last}", others.join(", ")),
        _ => format!("{} or one of {} more", shown.join(", "), names.len() - shown.len()),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OWNERSHIP, assert_web};

    #[test]
    fn what_the_table_lists_is_allowed() {
        assert_web(OWNERSHIP, &[], &[]);
        assert_web(OWNERSHIP, &[("owner: app-team", "owner: sre-team")], &[]);
    }

    #[test]
    fn an_owner_that_the_service_does_not_list_is_an_error() {
        let found = assert_web(
            OWNERSHIP,
            &[("owner: app-team", "owner: team-payments")],
            &["error GP206 /metadata/owner"],
        );
        assert_eq!(found[0].message, "the owner `team-payments` does not own the service `web`");
        assert!(found[0].help.contains("use `app-team` or `sre-team`"), "{found:?}");
        assert!(
            found[0].help.contains("`ownership.services.web.owners` in goldenpath.yaml"),
            "{found:?}"
        );
    }

    #[test]
    fn another_services_namespace_is_an_error_whatever_the_table_says_of_the_service() {
        let grab = [("namespace: web ", "namespace: payments ")];
        assert_web(OWNERSHIP, &grab, &["error GP206 /spec/access/namespace"]);
        // By a pattern of the other's.
        let found = assert_web(
            OWNERSHIP,
            &[("namespace: web ", "namespace: pay-jobs ")],
            &["error GP206 /spec/access/namespace"],
        );
        assert!(found[0].message.contains("it belongs to `payments`"), "{found:?}");
        // A service without a list, and one that is not in the table.
        let without_list = OWNERSHIP.replace(", namespaces: [web]", "");
        assert_web(&without_list, &grab, &["error GP206 /spec/access/namespace"]);
        let unlisted =
            OWNERSHIP.replace("    web: { owners: [app-team, sre-team], namespaces: [web] }\n", "");
        assert_web(
            &unlisted,
            &grab,
            &["warning GP206 /metadata/service", "error GP206 /spec/access/namespace"],
        );
        // One that both list is both's.
        assert_web(
            &OWNERSHIP.replace("namespaces: [web]", "namespaces: [web, payments]"),
            &grab,
            &[],
        );
    }

    #[test]
    fn a_namespace_that_no_service_lists_is_an_error_for_a_service_with_a_list() {
        assert_web(
            OWNERSHIP,
            &[("namespace: web ", "namespace: evil ")],
            &["error GP206 /spec/access/namespace"],
        );
    }

    #[test]
    fn a_service_that_is_not_listed_is_a_warning_and_an_error_where_the_table_denies_it() {
        let unlisted =
            OWNERSHIP.replace("    web: { owners: [app-team, sre-team], namespaces: [web] }\n", "");
        assert_web(&unlisted, &[], &["warning GP206 /metadata/service"]);
        assert_web(
            &format!("{unlisted}  unlisted: deny\n"),
            &[],
            &["error GP206 /metadata/service"],
        );
        assert_web(
            &format!("{unlisted}rules: {{ not-your-service: error }}\n"),
            &[],
            &["error GP206 /metadata/service"],
        );
    }

    #[test]
    fn without_a_table_a_namespace_with_the_name_of_another_service_is_a_warning() {
        let edits = [("namespace: web ", "namespace: payments ")];
        let found = assert_web("", &edits, &["warning GP206 /spec/access/namespace"]);
        assert_eq!(found[0].message, "the namespace `payments` has the name of another service");
        assert_web("", &[("namespace: web ", "namespace: shared ")], &[]);
    }

    #[test]
    fn a_decommissioned_manifest_claims_nothing() {
        let gone = [
            ("namespace: web ", "namespace: argocd "),
            ("owner: app-team", "owner: team-payments"),
            ("status: active", "status: decommissioned"),
        ];
        assert_web(OWNERSHIP, &gone, &[]);
    }
}
