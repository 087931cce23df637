//! The format of a secret's value: `spec.value.format` and `spec.value.key`.

use std::fmt;

use super::schema::{Violation, ViolationKind};
use crate::config;
use crate::yaml::{Node, NodeValue};

const FORMAT: &str = "/spec/value/format";
const KEY: &str = "/spec/value/key";

/// The key of a text without `spec.value.key`.
pub const DEFAULT_TEXT_KEY: &str = "value";

/// How a value is stored, and which keys the Kubernetes Secret has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ValueFormat {
    /// A JSON object, whose keys become those of the Kubernetes Secret.
    #[default]
    Json,
    /// A text, which becomes one key of the Kubernetes Secret.
    Text {
        /// `spec.value.key`
        key: String,
    },
}

impl ValueFormat {
    /// Reads the format from a parsed manifest; JSON if it has none.
    ///
    /// # Errors
    /// An unknown format, a key that Kubernetes rejects, or a key without a text.
    pub(super) fn read(root: &Node) -> Result<Self, Violation> {
        let key = string(root, KEY)?;
        if let Some(Err(reason)) = key.map(config::check_key) {
            return Err(violation(KEY, ViolationKind::BadFormat { reason }));
        }
        match (string(root, FORMAT)?, key) {
            (None | Some("json"), None) => Ok(Self::Json),
            (Some("text"), key) => {
                Ok(Self::Text { key: key.unwrap_or(DEFAULT_TEXT_KEY).to_owned() })
            }
            (None | Some("json"), Some(_)) => {
                let reason = "only a value of `format: text` has one; the keys of a JSON object \
                              come from `secretType`";
                Err(violation(KEY, ViolationKind::BadFormat { reason: reason.to_owned() }))
            }
            (Some(_), _) => {
                let allowed = ["json", "text"].map(str::to_owned).to_vec();
                Err(violation(FORMAT, ViolationKind::NotInEnum { allowed }))
            }
        }
    }

    /// Returns its name in a manifest.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text { .. } => "text",
        }
    }

    /// Returns the only key of the Kubernetes Secret; None for a JSON object.
    #[must_use]
    pub fn text_key(&self) -> Option<&str> {
        match self {
            Self::Json => None,
            Self::Text { key } => Some(key),
        }
    }
}

impl fmt::Display for ValueFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => out.write_str("a JSON object"),
            Self::Text { key } => write!(out, "a text under the key `{key}`"),
        }
    }
}

fn string<'node>(root: &'node Node, pointer: &str) -> Result<Option<&'node str>, Violation> {
    match root.at(pointer).map(|(_, node)| &node.value) {
        None => Ok(None),
        Some(NodeValue::String(text)) => Ok(Some(text)),
        Some(_) => {
            Err(violation(pointer, ViolationKind::WrongType { expected: "string".to_owned() }))
        }
    }
}

fn violation(pointer: &str, kind: ViolationKind) -> Violation {
    Violation { pointer: pointer.to_owned(), kind }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    fn read(value: &str) -> Result<ValueFormat, Violation> {
        ValueFormat::read(&parse(&format!("spec:\n  value: {value}\n")).unwrap())
    }

    #[test]
    fn a_value_is_a_json_object_unless_the_manifest_says_text() {
        let text = |key: &str| ValueFormat::Text { key: key.to_owned() };
        assert_eq!(read("{}"), Ok(ValueFormat::Json));
        assert_eq!(read("{ format: json }"), Ok(ValueFormat::Json));
        assert_eq!(read("{ format: text }"), Ok(text("value")));
        assert_eq!(read("{ format: text, key: tls.key }"), Ok(text("tls.key")));
    }

    #[test]
    fn an_impossible_format_is_rejected_at_its_field() {
        for (value, pointer) in [
            ("{ format: yaml }", FORMAT),
            ("{ format: 1 }", FORMAT),
            ("{ format: text, key: a b }", KEY),
            ("{ format: text, key: ..a }", KEY),
            ("{ format: text, key: 1 }", KEY),
            ("{ key: a }", KEY),
            ("{ format: json, key: a }", KEY),
        ] {
            assert_eq!(read(value).unwrap_err().pointer, pointer, "{value}");
        }
    }
}
