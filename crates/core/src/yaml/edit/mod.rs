//! In-place edits of YAML that preserve comments and layout byte for byte.
//!
//! An edit is given in terms of the document: a JSON pointer and an operation. The edited text is
//! parsed again, and its content must be that of the old text with exactly this change. Otherwise
//! the edit is not written.

mod flow;
mod mapping;
mod sequence;

use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::node::{Key, Node, NodeValue};
use super::parser;

/// An edit of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YamlEdit {
    /// Sets the scalar at `pointer`.
    Set {
        /// A JSON pointer.
        pointer: String,
        /// The new value of the scalar.
        value: Scalar,
    },
    /// Adds the field at `pointer` to the end of its mapping.
    Add {
        /// A JSON pointer to a field that does not exist yet.
        pointer: String,
        /// The value of the new field.
        value: Scalar,
    },
    /// Renames the field at `pointer`; its value stays.
    Rename {
        /// A JSON pointer.
        pointer: String,
        /// The new name of the field.
        name: String,
    },
    /// Moves the field at `pointer` to the end of the mapping at `into`.
    ///
    /// A missing mapping is created.
    Move {
        /// A JSON pointer.
        pointer: String,
        /// A JSON pointer to the new parent; empty for the document's root.
        into: String,
    },
    /// Removes the field at `pointer` with its lines and its comments.
    Remove {
        /// A JSON pointer.
        pointer: String,
    },
    /// Removes the items of the sequence at `pointer` that equal `value`.
    Withdraw {
        /// A JSON pointer.
        pointer: String,
        /// The string to remove, as often as it occurs.
        value: String,
    },
    /// Appends strings to the sequence at `pointer`.
    ///
    /// A missing sequence in the root is created.
    Append {
        /// A JSON pointer.
        pointer: String,
        /// The strings to append, in this order.
        values: Vec<String>,
    },
}

/// A value that can replace another in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// Written in decimal digits.
    Int(i64),
    /// Written with the quotes of the old value, or with others where needed.
    String(String),
}

/// A replacement of a span of text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TextEdit {
    span: Range<usize>,
    text: String,
}

impl YamlEdit {
    /// Returns the pointer of the field that it changes.
    #[must_use]
    pub fn pointer(&self) -> &str {
        match self {
            Self::Set { pointer, .. }
            | Self::Add { pointer, .. }
            | Self::Rename { pointer, .. }
            | Self::Move { pointer, .. }
            | Self::Remove { pointer }
            | Self::Withdraw { pointer, .. }
            | Self::Append { pointer, .. } => pointer,
        }
    }

    /// Returns the field's pointer after the edit, or None if it is removed.
    #[must_use]
    pub fn result(&self) -> Option<String> {
        match self {
            Self::Set { pointer, .. }
            | Self::Add { pointer, .. }
            | Self::Append { pointer, .. }
            | Self::Withdraw { pointer, .. } => Some(pointer.clone()),
            Self::Rename { pointer, name } => Some(format!("{}/{}", parent(pointer), escape(name))),
            Self::Move { pointer, into } => {
                Some(format!("{into}/{}", pointer.rsplit('/').next().unwrap_or_default()))
            }
            Self::Remove { .. } => None,
        }
    }

    /// Applies this edit to `text`, whose parsed root is `root`.
    ///
    /// Returns None if the edit is not possible without changing anything else.
    #[must_use]
    pub fn apply(&self, text: &str, root: &Node) -> Option<String> {
        let expected = self.expected_content(root)?;
        let candidates = match self {
            Self::Set { pointer, value } => {
                let (_, node) = root.at(pointer)?;
                set(text, node, value)?
            }
            Self::Add { pointer, value } => {
                let added = |value: String| {
                    mapping::add_field(text, root, pointer, &value).map(|edit| vec![edit])
                };
                value.written_as("").into_iter().filter_map(added).collect()
            }
            Self::Rename { pointer, name } => {
                let (key, _) = root.at(pointer)?;
                rename(text, key?, name)?
            }
            Self::Move { pointer, into } => vec![mapping::move_field(text, root, pointer, into)?],
            Self::Remove { pointer } => vec![vec![mapping::remove_field(text, root, pointer)?]],
            Self::Append { pointer, values } => sequence::append_items(text, root, pointer, values),
            Self::Withdraw { pointer, value } => {
                vec![sequence::remove_items(text, root, pointer, value)?]
            }
        };
        candidates.into_iter().find_map(|edits| {
            let changed = apply_edits(text, edits)?;
            (parser::parse(&changed).ok()?.to_json() == expected).then_some(changed)
        })
    }

    /// Returns the expected content of the document after the edit.
    fn expected_content(&self, root: &Node) -> Option<Json> {
        let mut json = root.to_json();
        match self {
            Self::Set { pointer, value } => {
                *json.pointer_mut(pointer)? = value.to_json();
            }
            Self::Add { pointer, value } => {
                insert_field(
                    json.pointer_mut(parent(pointer))?,
                    &last_token(pointer),
                    value.to_json(),
                )?;
            }
            Self::Rename { pointer, name } => {
                let value = take(&mut json, pointer)?;
                insert_field(json.pointer_mut(parent(pointer))?, name, value)?;
            }
            Self::Move { pointer, into } => {
                let value = take(&mut json, pointer)?;
                let mut mapping = &mut json;
                for token in tokens(into) {
                    if mapping.is_null() {
                        *mapping = Json::Object(Map::new());
                    }
                    mapping = mapping.as_object_mut()?.entry(token).or_insert(Json::Null);
                }
                if mapping.is_null() {
                    *mapping = Json::Object(Map::new());
                }
                insert_field(mapping, &last_token(pointer), value)?;
            }
            Self::Remove { pointer } => drop(take(&mut json, pointer)?),
            Self::Withdraw { pointer, value } => {
                json.pointer_mut(pointer)?
                    .as_array_mut()?
                    .retain(|item| item.as_str() != Some(value));
            }
            Self::Append { pointer, values } => {
                let fields = json.pointer_mut(parent(pointer))?.as_object_mut()?;
                let sequence = fields.entry(last_token(pointer)).or_insert(Json::Null);
                if sequence.is_null() {
                    *sequence = Json::Array(Vec::new());
                }
                sequence
                    .as_array_mut()?
                    .extend(values.iter().map(|value| Json::from(value.as_str())));
            }
        }
        Some(json)
    }
}

impl Scalar {
    fn to_json(&self) -> Json {
        match self {
            Self::Int(value) => (*value).into(),
            Self::String(value) => value.as_str().into(),
        }
    }

    /// Returns the ways to write it, best first; `old` is the current text.
    fn written_as(&self, old: &str) -> Vec<String> {
        match self {
            Self::Int(value) => vec![value.to_string()],
            Self::String(value) => quoted_as(old, value),
        }
    }
}

fn take(json: &mut Json, pointer: &str) -> Option<Json> {
    json.pointer_mut(parent(pointer))?.as_object_mut()?.remove(&last_token(pointer))
}

/// Returns None if the mapping already has the field.
fn insert_field(mapping: &mut Json, name: &str, value: Json) -> Option<()> {
    mapping.as_object_mut()?.insert(name.to_owned(), value).is_none().then_some(())
}

/// Returns the pointer to the mapping of a field.
fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Returns the field names of a pointer (RFC 6901).
fn tokens(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

fn last_token(pointer: &str) -> String {
    tokens(pointer).last().unwrap_or_default()
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Returns the ways to replace `node` with `value`, best first.
fn set(text: &str, node: &Node, value: &Scalar) -> Option<Vec<Vec<TextEdit>>> {
    let old = text.get(node.span.clone()).filter(|old| !old.is_empty() && !old.contains('\n'))?;
    if matches!(node.value, NodeValue::Mapping(_) | NodeValue::Sequence(_)) {
        return None;
    }
    Some(
        value
            .written_as(old)
            .into_iter()
            .map(|text| vec![TextEdit { span: node.span.clone(), text }])
            .collect(),
    )
}

fn rename(text: &str, key: &Key, name: &str) -> Option<Vec<Vec<TextEdit>>> {
    let old = text.get(key.span.clone()).filter(|old| !old.is_empty() && !old.contains('\n'))?;
    Some(
        quoted_as(old, name)
            .into_iter()
            .map(|text| vec![TextEdit { span: key.span.clone(), text }])
            .collect(),
    )
}

/// Quotes `word` like `old`, and as an alternative with double quotes.
fn quoted_as(old: &str, word: &str) -> Vec<String> {
    // JSON's strings are YAML's double-quoted ones (YAML 1.2, section 1.3).
    let double = Json::from(word).to_string();
    match old.chars().next() {
        Some('"') => vec![double],
        Some('\'') => vec![format!("'{}'", word.replace('\'', "''")), double],
        _ => vec![word.to_owned(), double],
    }
}

/// Applies the edits to the text. Returns None if two of them overlap.
fn apply_edits(text: &str, mut edits: Vec<TextEdit>) -> Option<String> {
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut changed =
        String::with_capacity(text.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>());
    let mut done = 0;
    for edit in edits {
        changed.push_str(text.get(done..edit.span.start)?);
        changed.push_str(&edit.text);
        done = edit.span.end;
    }
    changed.push_str(text.get(done..)?);
    Some(changed)
}

#[cfg(test)]
mod tests;
