//! Anchors and aliases of a configuration file, expanded in bounded memory.

use std::collections::HashMap;
use std::mem::size_of;

use super::node::{Key, Node, NodeValue};
use super::parser::MAX_DEPTH;

/// The maximum memory of all copies in one file, in bytes.
const MAX_COPIED: usize = 16 * 1024 * 1024;

/// The values with an anchor, by the parser's number of it.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    anchored: HashMap<usize, Node>,
    copied: usize,
}

/// Why an alias cannot be expanded.
#[derive(Debug, thiserror::Error)]
pub(super) enum AliasError {
    #[error("cannot expand this alias: its anchor is on a key or on a value around it")]
    Incomplete,
    #[error("cannot expand aliases: the copies take more than {} MiB", MAX_COPIED / 1024 / 1024)]
    TooLarge,
    #[error("cannot expand this alias: the values are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

impl AliasError {
    pub(super) fn help(&self) -> &'static str {
        "write out the value"
    }
}

impl Aliases {
    /// Stores the value of an anchor.
    pub(super) fn define(&mut self, anchor: usize, node: &Node) -> Result<(), AliasError> {
        let copy = self.copy(node)?;
        self.anchored.insert(anchor, copy);
        Ok(())
    }

    /// Returns a copy of an anchor's value, for a position `depth` levels deep.
    pub(super) fn expand(&mut self, anchor: usize, depth: usize) -> Result<Node, AliasError> {
        // Removed for the moment, since copying updates the counter.
        let node = self.anchored.remove(&anchor).ok_or(AliasError::Incomplete)?;
        if depth + levels(&node) > MAX_DEPTH {
            return Err(AliasError::TooDeep);
        }
        let copy = self.copy(&node)?;
        self.anchored.insert(anchor, node);
        Ok(copy)
    }

    fn copy(&mut self, node: &Node) -> Result<Node, AliasError> {
        self.copied += size(node);
        if self.copied > MAX_COPIED { Err(AliasError::TooLarge) } else { Ok(node.clone()) }
    }
}

/// Returns the memory of a node, in bytes.
fn size(node: &Node) -> usize {
    let below = match &node.value {
        NodeValue::String(text) => text.len(),
        NodeValue::Sequence(items) => items.iter().map(size).sum(),
        NodeValue::Mapping(entries) => {
            entries.iter().map(|(key, value)| size_of::<Key>() + key.name.len() + size(value)).sum()
        }
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => 0,
    };
    size_of::<Node>() + below
}

/// Returns the number of nested collections.
fn levels(node: &Node) -> usize {
    match &node.value {
        NodeValue::Sequence(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        NodeValue::Mapping(entries) => {
            1 + entries.iter().map(|(_, value)| levels(value)).max().unwrap_or(0)
        }
        _ => 0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use crate::yaml::parse_configuration;

    fn refusal(text: &str) -> (String, String) {
        let problems = parse_configuration(text).unwrap_err();
        let problem = problems.into_iter().next().unwrap();
        (problem.message, text[problem.span].to_owned())
    }

    #[test]
    fn an_alias_has_the_value_and_the_spans_of_its_anchor() {
        let text = "a: &x {b: 1} # why\nc: *x\nd: &y\n  # here\n  e: é\nf: [*x, *y]\n";
        let root = parse_configuration(text).unwrap();
        let value = json!({"a": {"b": 1}, "c": {"b": 1}, "d": {"e": "é"},
            "f": [{"b": 1}, {"e": "é"}]});
        assert_eq!(root.to_json(), value);
        assert_eq!(root.at("/c"), Some((root.at("/c").unwrap().0, root.at("/a").unwrap().1)));
        for (pointer, under) in [("/a", "{b: 1}"), ("/d", "e: é"), ("/f/1/e", "é")] {
            assert_eq!(&text[root.at(pointer).unwrap().1.span.clone()], under, "{pointer}");
        }
    }

    #[test]
    fn an_anchored_scalar_begins_after_its_anchor() {
        for (text, under) in [
            ("a: &x 012 # why\n", "012"),
            ("a: &x 'q'  \n", "'q'"),
            ("a: &x\n  # why\n  b\n", "b"),
            ("a: &x\n", ""),
            ("a: [&x , b]\n", ""),
            ("a: &x |\n  b\n", "|\n  b"),
            ("a: &x\n- b\n", "- b"),
        ] {
            let root = parse_configuration(text).unwrap();
            let pointer = if text.contains('[') { "/a/0" } else { "/a" };
            assert_eq!(&text[root.at(pointer).unwrap().1.span.clone()], under, "{text:?}");
        }
    }

    #[test]
    fn an_alias_within_its_own_value_is_an_error_at_the_alias() {
        for text in ["a: &x {b: *x}\n", "&x [*x]\n", "&x a: *x\n"] {
            let (message, under) = refusal(text);
            assert!(message.contains("cannot expand this alias"), "{message}");
            assert_eq!(under, "*x", "{text}");
        }
        assert_eq!(refusal("a: *x\n").1, "*x");
    }

    #[test]
    fn nested_aliases_are_limited_in_memory_and_depth() {
        let bomb: String = (1..40)
            .map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")))
            .collect();
        let (message, _) = refusal(&format!("a0: &a0 [x, x]\n{bomb}"));
        assert!(message.contains("16 MiB"), "{message}");
        let tower: String = (1..40).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
        let (message, _) = refusal(&format!("a0: &a0 [x]\n{tower}"));
        assert!(message.contains("deeper than 32 levels"), "{message}");
        let long = "x".repeat(1_000_000);
        let (message, _) = refusal(&format!("a: &a {long}\nb: [{}]\n", "*a, ".repeat(100_000)));
        assert!(message.contains("16 MiB"), "{message}");
    }
}
