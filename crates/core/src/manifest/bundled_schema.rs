//! The JSON Schema of manifests as one document, with the catalog's lists in it.

use serde_json::{Map, Value, json};

use crate::config::{ConfigError, Enums};

/// The reference of the built-in schema to a list of the enums.
const REFERENCE: &str = "metadata/enums.yaml#/";

/// Marks a definition that is generated from the enums.
const GENERATED: &str =
    "Generated from the catalog's enums. `goldenpath schema manifest --write` updates it.";

/// The beginning of the comment on a definition that is generated from the enums.
pub const GENERATED_START: &str = "Generated from the catalog's enums.";

/// Returns the schema `source` of the file at `path` without references to other files.
///
/// # Errors
/// `source` is not JSON.
pub fn bundle_schema(path: &str, source: &str, enums: &Enums) -> Result<String, ConfigError> {
    let mut schema: Value = super::schema::parse(path, source)?;
    if let Some(root) = schema.as_object_mut() {
        // Validators would look for the other files next to it.
        root.remove("$id");
    }
    let mut used = Vec::new();
    inline_references(&mut schema, &mut used);
    if !used.is_empty() {
        let definitions = schema
            .as_object_mut()
            .map(|root| root.entry("$defs").or_insert_with(|| Value::Object(Map::new())));
        if let Some(Value::Object(definitions)) = definitions {
            definitions.extend(
                used.into_iter().map(|name| (name, json!({ "$comment": GENERATED, "enum": [] }))),
            );
        }
    }
    update_lists(&mut schema, enums);
    Ok(format!("{schema:#}\n"))
}

/// Returns whether the generated lists in the schema `text` differ from `enums`.
#[must_use]
pub fn has_older_lists(text: &str, enums: &Enums) -> bool {
    serde_json::from_str(text).is_ok_and(|mut schema| update_lists(&mut schema, enums))
}

/// Replaces references to the enums by references to definitions, whose names go to `used`.
fn inline_references(schema: &mut Value, used: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(REFERENCE).map(str::to_owned)
            {
                *reference = format!("#/$defs/{name}");
                if !used.contains(&name) {
                    used.push(name);
                }
            }
            fields.values_mut().for_each(|field| inline_references(field, used));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| inline_references(item, used)),
        _ => {}
    }
}

/// Fills the generated definitions with the lists of `enums`; returns whether any was different.
pub(super) fn update_lists(schema: &mut Value, enums: &Enums) -> bool {
    let Ok(lists) = serde_json::to_value(enums) else { return false };
    let mut is_changed = false;
    let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut);
    for (name, definition) in definitions.into_iter().flatten() {
        let comment = definition.get("$comment").and_then(Value::as_str);
        let is_generated = comment.is_some_and(|comment| comment.starts_with(GENERATED_START));
        let Some(list) = lists.get(name).filter(|list| is_generated && list.is_array()) else {
            continue;
        };
        is_changed |= definition["enum"] != *list;
        definition["enum"] = list.clone();
    }
    is_changed
}
