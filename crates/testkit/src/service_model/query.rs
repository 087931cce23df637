//! The parameters of AWS's query protocol, as the JSON that the same input would be.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::shape::target;

/// Returns the parameters of a form.
pub(super) fn parameters(body: &[u8]) -> BTreeMap<String, String> {
    let body = String::from_utf8_lossy(body);
    let decoded =
        |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = body.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// A parameter's text, or the parameters below it.
#[derive(Default)]
struct Node {
    text: Option<String>,
    below: BTreeMap<String, Node>,
}

/// Returns parameters such as `Tags.member.1.Key` as a value of the shape `name`.
///
/// # Errors
/// The parameter that does not fit into a list.
pub(super) fn input<'a>(
    parameters: impl Iterator<Item = (&'a String, &'a String)>,
    name: &str,
    shapes: &Value,
) -> Result<Value, String> {
    let mut root = Node::default();
    for (name, value) in parameters {
        let mut node = &mut root;
        for part in name.split('.') {
            node = node.below.entry(part.to_owned()).or_default();
        }
        node.text = Some(value.clone());
    }
    value(root, name, shapes, "")
}

fn value(node: Node, name: &str, shapes: &Value, path: &str) -> Result<Value, String> {
    let shape = &shapes[name];
    let text = |node: Node| node.text.unwrap_or_default();
    Ok(match shape["type"].as_str().unwrap_or_default() {
        "list" => {
            let mut lists = node.below;
            let items = lists.remove("member").unwrap_or_default().below;
            if !lists.is_empty() {
                return Err(format!("{path}: is not a list of `member`"));
            }
            let mut numbered = BTreeMap::new();
            for (number, item) in items {
                let number: usize =
                    number.parse().map_err(|_| format!("{path}: an item without a number"))?;
                numbered.insert(number, item);
            }
            let item = target(&shape["member"]);
            let values = numbered.into_values().map(|node| value(node, item, shapes, path));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        "integer" | "long" => {
            let text = text(node);
            text.parse::<i64>().map_or(Value::from(text), Value::from)
        }
        "boolean" => {
            let text = text(node);
            text.parse::<bool>().map_or(Value::from(text), Value::from)
        }
        "string" | "blob" | "timestamp" => Value::from(text(node)),
        // A structure, or a member that the model does not know.
        _ if node.below.is_empty() && node.text.is_some() => Value::from(text(node)),
        _ => {
            let members = node.below.into_iter().map(|(name, node)| {
                let shape = target(&shape["members"][name.as_str()]).to_owned();
                let below = value(node, &shape, shapes, &format!("{path}.{name}"))?;
                Ok((name, below))
            });
            Value::Object(members.collect::<Result<Map<_, _>, String>>()?)
        }
    })
}
