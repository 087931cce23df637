//! A value can be generated only if its secret type allows it.
//!
//! ## What it does
//! For a manifest with `spec.value.generate: true`, checks that its `secretType` can be generated:
//! each required key has a recipe, and at least one key has one.
//! `schemas/metadata/secret_types.yaml` defines the keys of each type; a catalog's own copy
//! overrides the built-in one. The built-in types `database-credentials`, `webhook-secret`,
//! `signing-key`, `encryption-key` and `generic` can be generated. A text (`value.format: text`)
//! is generated like the type's key with the name in `value.key`.
//!
//! ## Why is this bad?
//! An external issuer provides an API key or a certificate. A value that goldenpath generates
//! instead does not work.
//!
//! ## Example
//! ```yaml
//! spec:
//!   secretType: api-key
//!   value:
//!     generate: true
//! ```
//!
//! ## Use instead
//! ```text
//! no `value` in the manifest; after the secret is created: goldenpath value set SEC-0007
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP205",
    name: "value-cannot-be-generated",
    severity: Severity::Error,
    source: include_str!("gp205_value_cannot_be_generated.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let Some(request) =
        entry.request().filter(|request| request.generate && request.status.is_in_use())
    else {
        return;
    };
    let name = &request.secret_type;
    let secret_type = project.secret_type_of(request);
    if secret_type.can_be_generated() || !project.enums.secret_types.contains(name) {
        return;
    }
    if let Some(key) = request.value_format.text_key() {
        let keys = project.secret_types.of(name).keys;
        let known = keys.iter().find(|key| key.generate.is_some()).map(|key| &key.name);
        let message = format!(
            "a text under the key `{key}` cannot be generated: the type `{name}` has no recipe \
             for it"
        );
        let help = match known {
            Some(known) => format!(
                "set `value.key: {known}`, which has a recipe; or remove `generate`, and set the \
                 value with `goldenpath value set {}`",
                request.id
            ),
            None => format!(
                "remove `generate`, and set the value with `goldenpath value set {}`",
                request.id
            ),
        };
        sink.at(entry, "/spec/value/generate", message, help);
        return;
    }
    let why = match secret_type.required_keys_without_recipe().as_slice() {
        [] => "none of its keys has a recipe".to_owned(),
        [key] => format!("its key `{key}` can only be set by a person"),
        keys => {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            format!("its keys {} can only be set by a person", keys.join(" and "))
        }
    };
    let message = format!("the value of a secret of type `{name}` cannot be generated: {why}");
    let help =
        format!("remove `generate`, and set the value with `goldenpath value set {}`", request.id);
    sink.at(entry, "/spec/value/generate", message, help).with(
        entry,
        entry.span("/spec/secretType"),
        format!("the type is `{name}`"),
    );
}
