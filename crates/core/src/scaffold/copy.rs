//! Copies a manifest.
//!
//! The text stays the same, including comments and fields of the user's own, except for the fields
//! that must differ.

use miette::Diagnostic;

use super::{AnswerOrigin, Answers, Draft, Field};
use crate::catalog::{Catalog, FindError};
use crate::manifest::{DEFAULT_TEXT_KEY, LifecycleStatus, SecretId, SecretRequest, ValueFormat};
use crate::yaml;
use crate::yaml::{Scalar, YamlEdit};

/// The manifest to copy.
#[derive(Debug, Clone)]
pub struct Original {
    path: String,
    text: String,
    request: SecretRequest,
}

/// The reason why a manifest cannot be copied.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum CopyError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Find(#[from] FindError),
    #[error("cannot copy `{path}`: it is not a valid SecretRequest")]
    #[diagnostic(
        code(goldenpath::copy),
        help("run `goldenpath validate {path}` to see its problems")
    )]
    NoRequest { path: String },
    #[error("cannot change `{pointer}` in a copy of `{path}` without changing other fields")]
    #[diagnostic(
        code(goldenpath::copy),
        help("write its value on one line in `{path}`, or omit the flag that changes it")
    )]
    NotInPlace { pointer: &'static str, path: String },
}

impl Original {
    /// Finds the manifest with this ID in `catalog`.
    ///
    /// # Errors
    /// No manifest of this ID, or several, or one that is not a SecretRequest.
    pub fn find(id: &str, catalog: &Catalog) -> Result<Self, CopyError> {
        let entry = catalog.find(id)?;
        let path = entry.path.clone();
        let Some(request) = entry.request() else {
            return Err(CopyError::NoRequest { path });
        };
        Ok(Self { path, text: entry.text.clone(), request: request.clone() })
    }

    /// Returns its environment, which a copy must not have.
    #[must_use]
    pub fn environment(&self) -> &str {
        self.request.environment.as_str()
    }

    /// Returns its values as answers, without the environment.
    #[must_use]
    pub fn draft(&self) -> Draft {
        let mut draft = Draft::default();
        for field in Field::ALL {
            if field != Field::Environment {
                draft.answer(field, value_of(&self.request, field), AnswerOrigin::Copied);
            }
        }
        draft
    }

    /// Returns its text with the new ID, environment and answers.
    ///
    /// The status is `active`.
    pub(super) fn render_copy(
        &self,
        answers: &Answers,
        id: SecretId,
        environment: &str,
    ) -> Result<String, CopyError> {
        let mut edits = FieldEdits { text: self.text.clone(), path: &self.path };
        let mut set = |pointer, old: &str, new: &str| edits.set(pointer, old, new);
        set("/metadata/id", &self.request.id.to_string(), &id.to_string())?;
        set(
            "/spec/lifecycle/status",
            self.request.status.as_str(),
            LifecycleStatus::Active.as_str(),
        )?;
        for field in Field::ALL {
            let new = if field == Field::Environment {
                environment.to_owned()
            } else {
                answers.answer_to(field)
            };
            set(field.pointer(), &value_of(&self.request, field), &new)?;
        }
        Ok(edits.text)
    }
}

/// The text of a manifest in which fields are set, preserving comments and layout.
pub(super) struct FieldEdits<'a> {
    pub(super) text: String,
    /// Its path, for messages.
    pub(super) path: &'a str,
}

impl FieldEdits<'_> {
    /// Sets a field; an empty text means that it is missing.
    pub(super) fn set(
        &mut self,
        pointer: &'static str,
        old: &str,
        new: &str,
    ) -> Result<(), CopyError> {
        if old == new {
            return Ok(());
        }
        let value = match new.parse() {
            Ok(days) if pointer == Field::TtlDays.pointer() => Scalar::Int(days),
            _ => Scalar::String(new.to_owned()),
        };
        let pointer_text = pointer.to_owned();
        let change = match (old.is_empty(), new.is_empty()) {
            (_, true) => YamlEdit::Remove { pointer: pointer_text },
            (true, _) => YamlEdit::Add { pointer: pointer_text, value },
            _ => YamlEdit::Set { pointer: pointer_text, value },
        };
        let changed = yaml::parse(&self.text).ok().and_then(|root| change.apply(&self.text, &root));
        self.text =
            changed.ok_or_else(|| CopyError::NotInPlace { pointer, path: self.path.to_owned() })?;
        Ok(())
    }
}

/// Returns the value of a field of a manifest.
pub(super) fn value_of(request: &SecretRequest, field: Field) -> String {
    match field {
        Field::Service => request.service.to_string(),
        Field::Environment => request.environment.to_string(),
        Field::SecretType => request.secret_type.clone(),
        Field::Name => request.name.to_string(),
        Field::Owner => request.owner.clone(),
        Field::RiskTier => request.risk_tier.clone(),
        Field::RotationClass => request.rotation_class.clone(),
        Field::Namespace => request.namespace.to_string(),
        Field::K8sSecretName => request.k8s_secret_name.to_string(),
        Field::TtlDays => request.ttl_days.to_string(),
        Field::Description => request.description.clone().unwrap_or_default(),
        Field::ValueFormat => match &request.value_format {
            ValueFormat::Json => String::new(),
            text => text.name().to_owned(),
        },
        Field::ValueKey => {
            let key = request.value_format.text_key();
            key.filter(|key| *key != DEFAULT_TEXT_KEY).unwrap_or_default().to_owned()
        }
    }
}
