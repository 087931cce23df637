//! A value that is to be generated is one that can be.
//!
//! ## What it does
//! Where a manifest says `spec.value.generate: true`, looks whether all that a value of its `secretType` needs can be made: each
//! required key has a recipe, and at least one key has. Which keys a type has stands in
//! `schemas/metadata/secret_types.yaml`; a catalog's own copy wins. Built in, that is so for `database-credentials`,
//! `webhook-secret`, `signing-key`, `encryption-key` and `generic`.
//!
//! ## Why is this bad?
//! An API key, or a certificate, is given out by somebody else: whatever goldenpath made in its place would open nothing.
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
//! no `value` in the manifest, and once the secret is there: goldenpath value set SEC-0007
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
    let secret_type = project.secret_types.of(name);
    if secret_type.can_be_generated() || !project.enums.secret_types.contains(name) {
        return;
    }
    let why = match secret_type.only_given().as_slice() {
        [] => "no key of it has a recipe".to_owned(),
        [key] => format!("its key `{key}` is one that only a person can give"),
        keys => {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            format!("its keys {} are ones that only a person can give", keys.join(" and "))
        }
    };
    let message = format!("the value of a secret of type `{name}` cannot be generated: {why}");
    let help = format!(
        "leave `generate` out, and give the value with `goldenpath value set {}`",
        request.id
    );
    sink.at(entry, "/spec/value/generate", message, help).with(
        entry,
        entry.span("/spec/secretType"),
        format!("the type is `{name}`"),
    );
}
