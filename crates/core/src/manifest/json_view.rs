//! A view of nodes for the schema validator, without a copy as JSON.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node as JsonNode, NodeIdentity, Object};
use serde_json::Number;

use crate::yaml::{Key, Node, NodeValue};

/// The validator's adapter for parsed manifests.
pub(super) struct Nodes;

impl Json for Nodes {
    type Node<'a> = &'a Node;
    type PreparedKey = String;
    type StringBuffer = ();

    // A lookup scans the mapping, as iteration does.
    const KEYS_PER_LOOKUP: usize = 2;
    // The parser rejects aliases.
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(&Node) -> T) -> T {
        f(&Node { span: 0..0, value: NodeValue::String(string.to_owned()) })
    }
}

impl<'a> JsonNode<'a, Nodes> for &'a Node {
    type Object = &'a [(Key, Node)];
    type Array = &'a [Node];
    type Number = Number;

    fn as_object(&self) -> Option<Self::Object> {
        match &self.value {
            NodeValue::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Self::Array> {
        match &self.value {
            NodeValue::Sequence(items) => Some(items),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match &self.value {
            NodeValue::String(text) => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<Number> {
        match self.value {
            NodeValue::Int(value) => Some(value.into()),
            NodeValue::Float(value) => Number::from_f64(value),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.value {
            NodeValue::Bool(value) => Some(value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.json_type() == JsonType::Null
    }

    fn json_type(&self) -> JsonType {
        match &self.value {
            // JSON has no infinity and no NaN; see [`Node::to_json`].
            NodeValue::Float(value) if !value.is_finite() => JsonType::Null,
            NodeValue::Null => JsonType::Null,
            NodeValue::Bool(_) => JsonType::Boolean,
            NodeValue::Int(_) | NodeValue::Float(_) => JsonType::Number,
            NodeValue::String(_) => JsonType::String,
            NodeValue::Sequence(_) => JsonType::Array,
            NodeValue::Mapping(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &serde_json::Value) -> bool {
        match (&self.value, expected) {
            (NodeValue::String(text), expected) => expected.as_str() == Some(text),
            _ => jsonschema::json::cmp::equal(&self.to_json(), expected),
        }
    }

    fn to_value(&self) -> Cow<'a, serde_json::Value> {
        Cow::Owned(self.to_json())
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref::<Node>(self) as usize))
    }
}

impl<'a> Object<'a, Nodes> for &'a [(Key, Node)] {
    type Node = &'a Node;
    type MemberName = &'a str;
    type MembersIter = std::iter::Map<
        std::slice::Iter<'a, (Key, Node)>,
        fn(&'a (Key, Node)) -> (&'a str, &'a Node),
    >;

    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    fn get(&self, key: &String) -> Option<&'a Node> {
        self.iter().find(|(known, _)| known.name == *key).map(|(_, node)| node)
    }

    fn members(&self) -> Self::MembersIter {
        self.iter().map(|(key, node)| (key.name.as_str(), node))
    }
}

impl<'a> Array<'a, Nodes> for &'a [Node] {
    type Node = &'a Node;
    type ElementsIter = std::slice::Iter<'a, Node>;

    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    fn elements(&self) -> Self::ElementsIter {
        self.iter()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jsonschema::json::conformance;

    use super::*;
    use crate::yaml::parse;

    #[test]
    fn the_validator_sees_each_node_with_its_type() {
        let document = parse(&conformance::document().to_string()).unwrap();
        conformance::assert_conformance::<Nodes>(&&document);
    }
}
