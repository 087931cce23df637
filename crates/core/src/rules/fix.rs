//! The fix of a finding, as data. Rules create it; the `fixes` module applies it.

use serde::Serialize;

use crate::yaml::{Scalar, YamlEdit};

/// A patch that solves a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// Whether it is applied without `--unsafe-fixes`.
    pub applicability: Applicability,
    /// The action, such as "rename `ownr` to `owner`".
    pub message: String,
    /// The edit of the document, or the new path of the file.
    #[serde(skip)]
    pub patch: Patch,
}

/// Whether a fix needs a person's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Applicability {
    /// The fix is certainly correct.
    Safe,
    /// The author may have meant something else, or the fix may lose data.
    Unsafe,
}

/// The change that a fix makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch {
    /// An edit of the YAML document.
    Document(YamlEdit),
    /// A move to this path, relative to the repository's root.
    Path(String),
}

impl Fix {
    pub(super) fn of(change: YamlEdit, message: String) -> Self {
        Self { applicability: Applicability::Safe, message, patch: Patch::Document(change) }
    }

    /// Creates a fix that sets the string at a JSON pointer.
    pub(super) fn set(pointer: &str, value: &str, message: String) -> Self {
        Self::of(
            YamlEdit::Set { pointer: pointer.to_owned(), value: Scalar::String(value.to_owned()) },
            message,
        )
    }

    /// Creates a fix that moves the file.
    pub(super) fn path(to: &str) -> Self {
        let message = format!("move the file to {to}");
        Self { applicability: Applicability::Safe, message, patch: Patch::Path(to.to_owned()) }
    }

    /// Marks the fix as unsafe unless `is_certain`.
    pub(super) fn safe_if(mut self, is_certain: bool) -> Self {
        if !is_certain {
            self.applicability = Applicability::Unsafe;
        }
        self
    }
}
