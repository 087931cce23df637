//! Readers in other accounts can decrypt the value.
//!
//! ## What it does
//! Reports principals in `readPrincipals` and `breakGlassPrincipals` below `spec.access` that are
//! in another account than the secret, if AWS's own key `aws/secretsmanager` encrypts it.
//!
//! The secret's account and key come from the store, so `plan`, `apply` and `show` report this, and
//! `validate` and the hooks do not. A secret that does not exist yet is in the account of the
//! configuration, if that names one, and gets the key in `kmsKeyId`.
//!
//! ## Why is this bad?
//! The resource policy permits the principal to read the secret, but only identities of the
//! secret's own account may use AWS's own key: every read fails with an error about KMS.
//!
//! ## Example
//! ```yaml
//! # the secret is in the account 123456789012, and goldenpath.yaml has no kmsKeyId
//! spec:
//!   access:
//!     readPrincipals: ["arn:aws:iam::999999999999:role/reports"]
//! ```
//!
//! ## Use instead
//! ```yaml
//! # in goldenpath.yaml: a key whose key policy permits the other account to decrypt
//! store:
//!   kmsKeyId: alias/shared-secrets
//! ```

use std::collections::BTreeSet;

use super::{Rule, RuleCheck, Severity, Sink, StoredState};
use crate::arn;
use crate::catalog::{Catalog, Project};
use crate::manifest::Principals;

pub(super) const RULE: Rule = Rule {
    code: "GP211",
    name: "reader-cannot-decrypt",
    severity: Severity::Warning,
    source: include_str!("gp211_reader_cannot_decrypt.rs"),
    check: RuleCheck::Stored(check),
};

fn check(catalog: &Catalog, project: &Project, state: &StoredState, sink: &mut Sink<'_>) {
    for entry in catalog.selected() {
        let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
            continue;
        };
        let Some(own) = state.default_keys.get(&request.id) else { continue };
        let Some(Principals { read, break_glass, .. }) = &request.principals else { continue };
        for (field, principals) in [("readPrincipals", read), ("breakGlassPrincipals", break_glass)]
        {
            let foreign: BTreeSet<&str> = principals
                .iter()
                .filter_map(|principal| arn::account(principal))
                .filter(|account| account != own)
                .collect();
            if foreign.is_empty() {
                continue;
            }
            let accounts = foreign.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "principals of {accounts} cannot decrypt the value: the secret is in {own}, and \
                 the key that AWS manages there encrypts it"
            );
            let help = format!(
                "set `kmsKeyId` of the environment `{}` in {} to a key whose policy permits \
                 {accounts} to use `kms:Decrypt`",
                request.environment, project.config_name
            );
            sink.at(entry, &format!("/spec/access/{field}"), message, help);
        }
    }
}
