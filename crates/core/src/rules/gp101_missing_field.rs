//! Every required field is present.
//!
//! ## What it does
//! Checks that a manifest has all fields that the schema requires.
//!
//! ## Why is this bad?
//! Each required field decides something: who is responsible for the secret, where it is stored,
//! how it is governed, and when it expires. goldenpath guesses none of them.
//!
//! ## Example
//! ```yaml
//! spec:
//!   risk: {}
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   risk:
//!     tier: medium
//! ```

use super::unknown_fields::unknown_fields;
use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::config::Enums;
use crate::manifest::ViolationKind;

pub(super) const RULE: Rule = Rule {
    code: "GP101",
    name: "missing-field",
    severity: Severity::Error,
    source: include_str!("gp101_missing_field.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let (Some(manifest), Some(root)) = (entry.manifest(), entry.root()) else { return };
    let mut missing = manifest
        .violations
        .iter()
        .filter_map(|violation| match &violation.kind {
            ViolationKind::Missing { field } => Some((violation.pointer.as_str(), field.as_str())),
            _ => None,
        })
        .peekable();
    if missing.peek().is_none() {
        return;
    }
    // GP102 reports misspelled and misplaced fields, with the right name and place.
    let unknown = unknown_fields(manifest, root, &project.schema);
    for (pointer, field) in missing {
        if !unknown.iter().any(|unknown| unknown.replaces(pointer, field)) {
            let parent = pointer.rsplit('/').next().filter(|name| !name.is_empty());
            let message = match parent {
                Some(parent) => format!("`{parent}` lacks the field `{field}`"),
                None => format!("the manifest lacks the field `{field}`"),
            };
            // The missing field's pointer makes the finding unique; the parent is underlined.
            let own = format!("{pointer}/{}", field.replace('~', "~0").replace('/', "~1"));
            sink.at(entry, &own, message, help(field, &project.enums));
        }
    }
}

fn help(field: &str, enums: &Enums) -> String {
    let values = match field {
        "apiVersion" => return "add `apiVersion: goldenpath.io/v1`".to_owned(),
        "kind" => return "add `kind: SecretRequest`".to_owned(),
        "id" => return "add `id:`; `goldenpath new secret` takes the next free one".to_owned(),
        "ttlDays" => return "add `ttlDays:` with a number of days, such as 30".to_owned(),
        "access" => {
            return "add `access:` with `namespace:` and `k8sSecretName:` below it".to_owned();
        }
        "risk" => return "add `risk:` with `tier:` below it".to_owned(),
        "rotation" => return "add `rotation:` with `rotationClass:` below it".to_owned(),
        "lifecycle" => return "add `lifecycle:` with `status: active` below it".to_owned(),
        "owner" => &enums.owners,
        "environment" => &enums.environments,
        "provider" => &enums.providers,
        "secretType" => &enums.secret_types,
        "tier" => &enums.risk_tiers,
        "rotationClass" => &enums.rotation_classes,
        "status" => &enums.lifecycle_states,
        _ => return format!("add `{field}:` with a value"),
    };
    format!("add `{field}:` with one of {}", values.join(", "))
}
