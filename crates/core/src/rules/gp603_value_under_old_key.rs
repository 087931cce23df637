//! The value is encrypted with the KMS key of the configuration alone.
//!
//! ## What it does
//! Compares the keys of the current version of a value with `kmsKeyId`, by AWS's list of versions.
//! It reports a value that another key still decrypts. An alias and the ID of a key cannot be
//! compared without KMS, and are not reported.
//!
//! Only the store knows the keys of a version, and AWS limits how often it lists versions: `show`
//! reads them, and `plan` and `apply` with `--refresh`.
//!
//! ## Why is this bad?
//! A key is changed to end the access of whoever may use the old one. AWS encrypts an existing
//! value with the new key too, so that the old one still decrypts it, or with the old key alone if
//! the permission `kms:Encrypt` on the new one is missing. And if the old key is deleted, a value
//! that it alone decrypts is lost.
//!
//! ## Example
//! ```text
//! store.kmsKeyId was changed from alias/first to alias/second; the value is the same as before
//! ```
//!
//! ## Use instead
//! ```text
//! a new value, which is encrypted with the new key alone: goldenpath value rotate SEC-0007
//! ```

use std::collections::BTreeMap;

use super::{Rule, RuleCheck, Severity, Sink, StoredState};
use crate::catalog::{Catalog, Project};
use crate::manifest::SecretId;

pub(super) const RULE: Rule = Rule {
    code: "GP603",
    name: "value-under-old-key",
    severity: Severity::Warning,
    source: include_str!("gp603_value_under_old_key.rs"),
    check: RuleCheck::Stored(check),
};

/// The values that an old KMS key still decrypts.
pub type OldKeys = BTreeMap<SecretId, OldKey>;

/// A KMS key of a value that is not the configured one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldKey {
    /// As the store names it.
    pub key: String,
    /// Whether the configured key does not decrypt the value.
    pub is_exclusive: bool,
}

fn check(catalog: &Catalog, project: &Project, state: &StoredState, sink: &mut Sink<'_>) {
    for entry in catalog.selected() {
        let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
            continue;
        };
        let Some(OldKey { key, is_exclusive }) = state.old_keys.get(&request.id) else { continue };
        let wanted = project.config.store_of(request.environment.as_str()).kms_key_id;
        let wanted = wanted.filter(|key| !key.is_empty());
        let wanted = wanted.as_deref().unwrap_or("the account's default");
        let message = if *is_exclusive {
            format!(
                "the value is still encrypted with the old KMS key {key}, and not with {wanted}"
            )
        } else {
            format!("the old KMS key {key} still decrypts the value, in addition to {wanted}")
        };
        let help = format!(
            "set a new value, which is encrypted with the new key alone: `goldenpath value rotate \
             {}`",
            request.id
        );
        sink.at(entry, "/metadata/name", message, help);
    }
}
