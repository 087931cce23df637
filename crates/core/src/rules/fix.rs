//! What would mend a finding, as data: rules make it, nobody here carries it out.

use serde::Serialize;

use crate::yaml::{Scalar, YamlEdit};

/// A way to mend a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    pub applicability: Applicability,
    /// What it does, such as "rename `ownr` to `owner`".
    pub message: String,
    #[serde(skip)]
    pub patch: Patch,
}

/// Whether it needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Applicability {
    /// There is one right answer, and this is it.
    Safe,
    /// Something else may have been meant, or something may be lost.
    Unsafe,
}

/// What it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch {
    /// The document.
    Document(YamlEdit),
    /// The file's path, to this one from the repository's root.
    Path(String),
}

impl Fix {
    pub(super) fn of(change: YamlEdit, message: String) -> Self {
        Self { applicability: Applicability::Safe, message, patch: Patch::Document(change) }
    }

    /// Writes `value` at a JSON pointer.
    pub(super) fn set(pointer: &str, value: &str, message: String) -> Self {
        Self::of(
            YamlEdit::Set { pointer: pointer.to_owned(), value: Scalar::String(value.to_owned()) },
            message,
        )
    }

    /// Moves the file.
    pub(super) fn path(to: &str) -> Self {
        let message = format!("move the file to {to}");
        Self { applicability: Applicability::Safe, message, patch: Patch::Path(to.to_owned()) }
    }

    /// The same for a person to decide on, unless `is_certain`.
    pub(super) fn safe_if(mut self, is_certain: bool) -> Self {
        if !is_certain {
            self.applicability = Applicability::Unsafe;
        }
        self
    }
}
