//! Searches parsed nodes: flow style, values over several lines, escapes.

use std::ops::Range;

use super::field_names;
use super::field_names::{SensitiveName, Strength};
use super::{SHORTEST_RUN, Scan, SecretMatch, find_secrets_in_message};
use crate::yaml::{Node, NodeValue};

impl Scan<'_> {
    /// Searches a node.
    ///
    /// `holder` is a parent field with a name that announces secrets.
    pub(super) fn check_node(&mut self, node: &Node, holder: Option<SensitiveName>) {
        match &node.value {
            NodeValue::Null => {}
            NodeValue::Mapping(entries) => {
                for (key, value) in entries {
                    self.check_decoded(&key.span, &key.name);
                    let own = field_names::classify_name(&key.name);
                    // In `data:` and `stringData:` of a Kubernetes Secret, each field is a value.
                    let is_data = own.is_some_and(|own| own.strength == Strength::Value);
                    let holds = !matches!(value.value, NodeValue::Mapping(_)) || is_data;
                    let inherited = holder.filter(|holder| {
                        holder.strength == Strength::Value && !is_of_value_format(&key.name, value)
                    });
                    self.check_node(value, own.filter(|_| holds).or(inherited));
                }
            }
            NodeValue::Sequence(items) => {
                for item in items {
                    let holds = !matches!(item.value, NodeValue::Mapping(_));
                    self.check_node(
                        item,
                        holder.filter(|holder| holds || holder.strength == Strength::Value),
                    );
                }
            }
            NodeValue::String(text) => {
                self.check_decoded(&node.span, text);
                if let Some(holder) = holder {
                    self.check_value(holder, node, text);
                }
            }
            NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Bool(_) => {
                if let Some(holder) = holder {
                    let text = self.text.get(node.span.clone()).unwrap_or_default().to_owned();
                    self.check_value(holder, node, &text);
                }
            }
        }
    }

    fn check_value(&mut self, holder: SensitiveName, node: &Node, text: &str) {
        if field_names::is_value(holder.strength, text, self.is_name) {
            let span = inner(self.text, &node.span);
            let decoded = (self.text.get(span.clone()) != Some(text)).then(|| text.to_owned());
            self.matches.push(SecretMatch { span, what: holder.what, rank: 1, decoded });
        }
    }

    /// Also searches the decoded text of a quoted or folded value.
    fn check_decoded(&mut self, span: &Range<usize>, text: &str) {
        let is_quoted = matches!(self.bytes.get(span.start), Some(b'"' | b'\''));
        if text.len() < SHORTEST_RUN || (span.len() == text.len() && !is_quoted) {
            return;
        }
        let inner = inner(self.text, span);
        if inner.len() == text.len() {
            return; // the raw text is the value
        }
        if let Some(secret) = find_secrets_in_message(text).into_iter().next() {
            self.matches.push(SecretMatch {
                span: inner,
                decoded: Some(text.to_owned()),
                ..secret
            });
        }
    }
}

/// Returns whether a field is `format` or `key` of `spec.value`, with what it may have.
fn is_of_value_format(name: &str, value: &Node) -> bool {
    let NodeValue::String(text) = &value.value else { return false };
    match name {
        "format" => matches!(text.as_str(), "json" | "text"),
        "key" => field_names::is_key_name(text),
        _ => false,
    }
}

/// Returns a span without the quotes around it.
fn inner(text: &str, span: &Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes().get(span.clone()).unwrap_or_default();
    match bytes {
        [b'"', .., b'"'] | [b'\'', .., b'\''] => span.start + 1..span.end - 1,
        _ => span.clone(),
    }
}
