//! Nodes of a YAML document with their spans.

use std::borrow::Cow;
use std::ops::Range;

use saphyr::Scalar;

/// A YAML value with its span, a byte range of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// A byte range of the text, with quotes if there are any.
    pub span: Range<usize>,
    /// The resolved scalar, or the items or fields.
    pub value: NodeValue,
}

/// The value of a node, resolved by YAML 1.2's core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without a fraction that fits 64 bits.
    Int(i64),
    /// Another number, also `.inf` and `.nan`.
    Float(f64),
    /// Quoted or block text, or plain text of none of the other types.
    String(String),
    /// In the file's order.
    Sequence(Vec<Node>),
    /// In the file's order, without duplicate keys.
    Mapping(Vec<(Key, Node)>),
}

/// A mapping's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// A byte range of the text, with quotes if there are any.
    pub span: Range<usize>,
    /// The text of the key, without quotes and escapes.
    pub name: String,
}

impl Node {
    /// Returns the node at a JSON pointer (RFC 6901) and its key.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<(Option<&Key>, &Node)> {
        // Called many times per manifest, mostly for short tokens: a loop over bytes is fast.
        let mut found = (None, self);
        let mut rest = pointer;
        while let Some(behind) = rest.bytes().position(|byte| byte == b'/').map(|slash| slash + 1) {
            rest = &rest[behind..];
            let end = rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len());
            let token = &rest[..end];
            found = if token.bytes().any(|byte| byte == b'~') {
                found.1.child(&token.replace("~1", "/").replace("~0", "~"))?
            } else {
                found.1.child(token)?
            };
            rest = &rest[end..];
        }
        Some(found)
    }

    /// Returns the value of a key with the key, or the item at an index.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<(Option<&Key>, &Node)> {
        match &self.value {
            NodeValue::Mapping(entries) => entries
                .iter()
                .find(|(key, _)| key.name == name)
                .map(|(key, node)| (Some(key), node)),
            NodeValue::Sequence(items) => Some((None, items.get(name.parse::<usize>().ok()?)?)),
            _ => None,
        }
    }

    /// Returns the text of a scalar; `text` is the document.
    ///
    /// The text of a number is as written, such as `012`.
    #[must_use]
    pub fn scalar<'a>(&'a self, text: &'a str) -> Option<&'a str> {
        match &self.value {
            NodeValue::String(value) => Some(value),
            NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => {
                text.get(self.span.clone())
            }
            NodeValue::Null | NodeValue::Sequence(_) | NodeValue::Mapping(_) => None,
        }
    }

    /// Returns the first line of the span in `text`, to underline a long value.
    #[must_use]
    pub fn first_line(&self, text: &str) -> Range<usize> {
        let line = text.get(self.span.clone()).unwrap_or_default().split(['\n', '\r']).next();
        self.span.start..self.span.start + line.unwrap_or_default().trim_end().len()
    }

    /// Returns the string at a JSON pointer, if any.
    #[must_use]
    pub fn string_at(&self, pointer: &str) -> Option<&str> {
        match &self.at(pointer)?.1.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// Converts it for serde and JSON Schema.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            NodeValue::Null => serde_json::Value::Null,
            NodeValue::Bool(value) => (*value).into(),
            NodeValue::Int(value) => (*value).into(),
            NodeValue::Float(value) => (*value).into(),
            NodeValue::String(value) => value.as_str().into(),
            NodeValue::Sequence(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Mapping(entries) => entries
                .iter()
                .map(|(key, node)| (key.name.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// Resolves a plain scalar by YAML 1.2's core schema.
pub(super) fn resolve(text: Cow<'_, str>) -> NodeValue {
    // Of what begins with a letter, only null, true and false are no strings.
    let is_string = |first: &u8| first.is_ascii_alphabetic() && !b"nNtTfF".contains(first);
    if text.as_bytes().first().is_some_and(is_string) {
        return NodeValue::String(text.into_owned());
    }
    match Scalar::parse_from_cow(text) {
        Scalar::Null => NodeValue::Null,
        Scalar::Boolean(value) => NodeValue::Bool(value),
        Scalar::Integer(value) => NodeValue::Int(value),
        Scalar::FloatingPoint(value) => NodeValue::Float(value.into_inner()),
        Scalar::String(value) => NodeValue::String(value.into_owned()),
    }
}
