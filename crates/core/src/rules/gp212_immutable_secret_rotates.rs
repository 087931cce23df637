//! A secret that is rotated does not become an immutable Kubernetes Secret.
//!
//! ## What it does
//! Compares the rotation class with `kubernetes.immutable` of the secret's type in
//! `schemas/metadata/secret_types.yaml`.
//!
//! ## Why is this bad?
//! Kubernetes rejects every change of an immutable Secret. The operator reports an error at the
//! first rotation, and the application keeps a value that is no longer valid.
//!
//! ## Example
//! ```yaml
//! spec:
//!   secretType: signing-key # kubernetes: { immutable: true }
//!   rotation:
//!     rotationClass: standard
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   secretType: signing-key # kubernetes: { immutable: true }
//!   rotation:
//!     rotationClass: none
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP212",
    name: "immutable-secret-rotates",
    severity: Severity::Error,
    source: include_str!("gp212_immutable_secret_rotates.rs"),
    check: RuleCheck::Entry(check),
};

/// The rotation class of secrets without rotation.
const NO_ROTATION: &str = "none";

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
        return;
    };
    let shape = project.secret_type_of(request).kubernetes;
    if request.rotation_class == NO_ROTATION || !shape.is_some_and(|shape| shape.immutable) {
        return;
    }
    let (class, kind) = (&request.rotation_class, &request.secret_type);
    let message = format!(
        "a secret of rotation class `{class}` cannot become an immutable Kubernetes Secret, as \
         those of type `{kind}` do"
    );
    let help = format!(
        "set `rotationClass: {NO_ROTATION}`, or remove \
         `secretTypes.{kind}.kubernetes.immutable` in {}",
        project.config.secret_types
    );
    sink.at(entry, "/spec/rotation/rotationClass", message, help);
}

#[cfg(test)]
mod tests {
    use crate::testing::{SEED, SEED_PATH, findings, rows, seed_with, shown};

    const TYPES: &str = "schemas/metadata/secret_types.yaml";

    #[test]
    fn an_immutable_secret_has_no_rotation_class() {
        let types = |immutable: bool| {
            format!(
                "secretTypes:\n  database-credentials:\n    otherKeys: true\n    kubernetes: {{ \
                 immutable: {immutable} }}\n"
            )
        };
        let found = findings(&[(SEED_PATH, SEED), (TYPES, &types(true))]);
        assert_eq!(rows(&found).len(), 1, "{:?}", shown(&found));
        assert!(rows(&found)[0].contains("GP212"), "{:?}", rows(&found));
        let mutable = findings(&[(SEED_PATH, SEED), (TYPES, &types(false))]);
        assert!(rows(&mutable).is_empty(), "{:?}", shown(&mutable));
        let low = seed_with(&[
            ("tier: medium", "tier: low"),
            ("rotationClass: standard", "rotationClass: none"),
        ]);
        let none = findings(&[(SEED_PATH, &low), (TYPES, &types(true))]);
        assert!(rows(&none).is_empty(), "{:?}", shown(&none));
    }
}
