//! Principals with access to a value are in the accounts of the service.
//!
//! ## What it does
//! Compares the accounts of the ARNs in `readPrincipals`, `writePrincipals` and
//! `breakGlassPrincipals` below `spec.access` with `ownership.services.<service>.accounts` in
//! `goldenpath.yaml`. An account that is not listed is an error. Without such a list, a principal
//! in another account than the secret is a warning. The secret's account is the environment's
//! `accountId`, the account of its `roleArn`, or those of `store`. If none is configured, the rule
//! reports nothing.
//!
//! ## Why is this bad?
//! The value leaves the account, and with it the controls of that account. From then on, the other
//! account decides who can use it.
//!
//! ## Example
//! ```yaml
//! # goldenpath.yaml has store.accountId: "123456789012"
//! spec:
//!   access:
//!     readPrincipals:
//!       - arn:aws:iam::999999999999:role/reporting
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   access:
//!     readPrincipals:
//!       - arn:aws:iam::123456789012:role/reporting
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::arn;
use crate::catalog::{Entry, Project};
use crate::config::AccountObjection;
use crate::yaml::NodeValue;

pub(super) const RULE: Rule = Rule {
    code: "GP208",
    name: "foreign-principal",
    severity: Severity::Warning,
    source: include_str!("gp208_foreign_principal.rs"),
    check: RuleCheck::Entry(check),
};

const FIELDS: [&str; 3] = ["readPrincipals", "writePrincipals", "breakGlassPrincipals"];

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let Some(request) = entry.request_unless_decommissioned() else { return };
    // Most manifests have no list of principals.
    if request.principals.is_none() {
        return;
    }
    let Some(root) = entry.root() else { return };
    let is_overridden = project.config.rules.keys().any(|key| RULE.has_key(key));
    let service = request.service.as_str();
    let own = project.config.account_of(request.environment.as_str());
    let config = &project.config_name;
    for field in FIELDS {
        let list = format!("/spec/access/{field}");
        let Some((_, node)) = root.at(&list) else { continue };
        let NodeValue::Sequence(items) = &node.value else { continue };
        for (index, item) in items.iter().enumerate() {
            let NodeValue::String(principal) = &item.value else { continue };
            let Some(account) = arn::account(principal) else { continue };
            let Some(objection) = project.ownership.find_account_objection(service, account, own)
            else {
                continue;
            };
            let pointer = format!("{list}/{index}");
            match objection {
                AccountObjection::Outside { accounts } => {
                    let message =
                        format!("the account {account} is not one of the service `{service}`");
                    let help = format!(
                        "use a principal of {}, or ask the platform team to add the account to \
                         `ownership.services.{service}.accounts` in {config}",
                        accounts.join(", ")
                    );
                    let finding = sink.at(entry, &pointer, message, help);
                    if !is_overridden {
                        finding.severity = Severity::Error;
                    }
                }
                AccountObjection::OfAnother { own } => {
                    let message = format!(
                        "this principal is in account {account}, but the secret is in account {own}"
                    );
                    let help = format!(
                        "use a principal of {own}, or ask the platform team to list both accounts \
                         in `ownership.services.{service}.accounts` in {config}"
                    );
                    sink.at(entry, &pointer, message, help);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OWNERSHIP, assert_web, web};

    #[test]
    fn a_foreign_principal_is_a_warning_and_with_a_list_an_error() {
        let principals =
            |list: &str| format!("k8sSecretName: web-session\n    readPrincipals: [{list}]\n    #");
        let (own, foreign) =
            ("arn:aws:iam::123456789012:role/web", "arn:aws:iam::999999999999:root");
        let both = principals(&format!("\"{own}\", \"{foreign}\""));
        let edit = [("k8sSecretName: web-session", both.as_str())];
        let warning = ["warning GP208 /spec/access/readPrincipals/1"];

        assert_web("", &edit, &[]);
        let found = assert_web("store: { accountId: \"123456789012\" }\n", &edit, &warning);
        assert!(found[0].message.contains("999999999999"), "{found:?}");
        let text = web(&edit);
        assert_eq!(text[found[0].span.clone()].trim_matches('"'), foreign);
        let role = "arn:aws:iam::123456789012:role/apply";
        assert_web(&format!("store: {{ roleArn: \"{role}\" }}\n"), &edit, &warning);
        // The environment's own account counts first.
        let environment = "store: { accountId: \"999999999999\" }\n\
                           environments: { dev: { accountId: \"123456789012\" } }\n";
        assert_web(environment, &edit, &warning);
        let listed = |accounts: &str| {
            OWNERSHIP
                .replace("namespaces: [web]", &format!("namespaces: [web], accounts: [{accounts}]"))
        };
        assert_web(
            &listed("\"123456789012\""),
            &edit,
            &["error GP208 /spec/access/readPrincipals/1"],
        );
        assert_web(&listed("\"123456789012\", \"999999999999\""), &edit, &[]);
        for field in ["writePrincipals", "breakGlassPrincipals"] {
            let text = both.replace("readPrincipals", field);
            let edit = [("k8sSecretName: web-session", text.as_str())];
            assert_web(
                &listed("\"123456789012\""),
                &edit,
                &[&format!("error GP208 /spec/access/{field}/1")],
            );
        }
    }
}
