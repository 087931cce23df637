//! Changes of a manifest in place.

use super::copy::{FieldEdits, value_of};
use super::{CopyError, Field};
use crate::catalog::{Catalog, Entry, Project};
use crate::config::ConfigError;
use crate::fixes::Rewrite;
use crate::rules::{Finding, RuleSet, Severity};
use crate::vcs::File;

/// The fields that may change while a secret is in use.
///
/// The others name the secret: another name, service, environment or type is another secret.
pub const EDITABLE: [Field; 7] = [
    Field::Owner,
    Field::RiskTier,
    Field::RotationClass,
    Field::Namespace,
    Field::K8sSecretName,
    Field::TtlDays,
    Field::Description,
];

/// A field with its values before and after an edit; a missing description is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// One of [`EDITABLE`].
    pub field: Field,
    /// The value in the manifest.
    pub before: String,
    /// The value to write.
    pub after: String,
}

/// A changed manifest, which is not written yet.
#[derive(Debug)]
pub struct Edit {
    /// The fields that differ.
    pub changes: Vec<FieldChange>,
    /// The catalog with the changed manifest, the only one that is selected.
    pub catalog: Catalog,
    /// The file before the change.
    pub rewrite: Rewrite,
    /// The findings in the changed manifest.
    pub findings: Vec<Finding>,
    /// Whether it has an error that it did not have before.
    pub is_rejected: bool,
}

/// Why a manifest cannot be edited.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum EditError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
}

/// Returns the value of a field, empty for a missing description.
#[must_use]
pub fn field_value(entry: &Entry, field: Field) -> Option<String> {
    entry.request().map(|request| value_of(request, field))
}

/// Sets fields of the manifest at `path`, preserving comments and layout, and checks the result.
///
/// # Errors
/// The file is not a valid SecretRequest, or a value cannot be changed in place.
pub fn edit(
    mut catalog: Catalog,
    project: &Project,
    path: &str,
    values: &[(Field, String)],
) -> Result<Edit, EditError> {
    let no_request = || CopyError::NoRequest { path: path.to_owned() };
    let number =
        catalog.entries.iter().position(|entry| entry.path == path).ok_or_else(no_request)?;
    let request = catalog.entries[number].request().ok_or_else(no_request)?;
    let changes: Vec<FieldChange> = values
        .iter()
        .map(|(field, after)| FieldChange {
            field: *field,
            before: value_of(request, *field),
            after: after.clone(),
        })
        .filter(|change| change.before != change.after)
        .collect();
    let mut edits = FieldEdits { text: catalog.entries[number].text.clone(), path };
    for FieldChange { field, before, after } in &changes {
        edits.set(field.pointer(), before, after)?;
    }
    for (at, entry) in catalog.entries.iter_mut().enumerate() {
        entry.selected = at == number;
    }
    let rules = RuleSet::of(project)?;
    let (mut catalog, old) = rules.check(catalog)?;
    let file = File { path: path.to_owned(), bytes: Ok(edits.text.into_bytes()) };
    let after = Entry::read(file, true, project);
    let before = std::mem::replace(&mut catalog.entries[number], after);
    let (catalog, findings) = rules.check(catalog)?;
    let is_new = |finding: &Finding| {
        let is_same =
            |one: &Finding| one.rule.code == finding.rule.code && one.pointer == finding.pointer;
        finding.severity == Severity::Error && !old.iter().any(is_same)
    };
    Ok(Edit {
        changes,
        is_rejected: findings.iter().any(is_new),
        findings,
        catalog,
        rewrite: Rewrite { before, path: path.to_owned() },
    })
}
