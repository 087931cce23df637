//! The check of a value against a shape of a service's model.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use serde_json::Value;

/// Adds what is wrong with a value of the shape `name` to `found`. `path` is where it is.
pub(super) fn check(
    shapes: &Value,
    name: &str,
    value: &Value,
    path: &str,
    found: &mut Vec<String>,
) {
    let shape = &shapes[name];
    let kind = shape["type"].as_str().unwrap_or("unknown");
    let mut violates = |rule: String| found.push(format!("{path}: {rule}"));
    let is_of_type = match kind {
        "structure" | "map" => value.is_object(),
        "list" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" | "long" => value.is_i64() || value.is_u64(),
        "float" | "double" | "timestamp" => value.is_number(),
        "blob" => value.as_str().is_some_and(|text| STANDARD.decode(text).is_ok()),
        _ => false,
    };
    if !is_of_type {
        return violates(format!("is not of type {kind}"));
    }
    match (kind, value) {
        ("structure", Value::Object(members)) => structure(shapes, shape, members, path, found),
        ("map", Value::Object(entries)) => {
            let (key, entry) = (target(&shape["key"]), target(&shape["value"]));
            check_size(shape, entries.len(), path, found);
            for (name, value) in entries {
                let path = format!("{path}.{name}");
                check(shapes, key, &Value::from(name.as_str()), &path, found);
                check(shapes, entry, value, &path, found);
            }
        }
        ("list", Value::Array(items)) => {
            check_size(shape, items.len(), path, found);
            for (index, item) in items.iter().enumerate() {
                check(shapes, target(&shape["member"]), item, &format!("{path}[{index}]"), found);
            }
        }
        ("string", Value::String(text)) => string(shape, text, path, found),
        ("blob", Value::String(text)) => {
            let length = STANDARD.decode(text).map_or(0, |bytes| bytes.len());
            check_size(shape, length, path, found);
        }
        (_, Value::Number(number)) => {
            let over = |limit: &Value| number.as_f64() > limit.as_f64();
            if shape["min"].as_f64().is_some_and(|min| number.as_f64() < Some(min)) {
                violates(format!("is under {}", shape["min"]));
            }
            if !shape["max"].is_null() && over(&shape["max"]) {
                violates(format!("is over {}", shape["max"]));
            }
        }
        _ => {}
    }
}

/// Returns the name of the shape that a member refers to.
pub(super) fn target(member: &Value) -> &str {
    member["shape"].as_str().unwrap_or_default()
}

fn structure(
    shapes: &Value,
    shape: &Value,
    members: &serde_json::Map<String, Value>,
    path: &str,
    found: &mut Vec<String>,
) {
    for name in members.keys().filter(|name| shape["members"].get(name.as_str()).is_none()) {
        found.push(format!("{path}.{name}: an unknown member"));
    }
    let required = shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !members.contains_key(*name)) {
        found.push(format!("{path}.{name}: is required"));
    }
    for (name, value) in members {
        if let Some(member) = shape["members"].get(name) {
            check(shapes, target(member), value, &format!("{path}.{name}"), found);
        }
    }
}

fn string(shape: &Value, text: &str, path: &str, found: &mut Vec<String>) {
    check_size(shape, text.chars().count(), path, found);
    let allowed: Vec<&str> =
        shape["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !allowed.is_empty() && !allowed.contains(&text) {
        found.push(format!("{path}: is not one of {}", allowed.join(", ")));
    }
    let Some(pattern) = shape["pattern"].as_str() else { return };
    match matches(pattern, text) {
        Ok(true) => {}
        Ok(false) => found.push(format!("{path}: does not match {pattern}")),
        Err(why) => found.push(format!("{path}: its pattern cannot be used: {why}")),
    }
}

fn check_size(shape: &Value, length: usize, path: &str, found: &mut Vec<String>) {
    let length = length as u64;
    if shape["min"].as_u64().is_some_and(|min| length < min) {
        found.push(format!("{path}: is shorter than {}", shape["min"]));
    }
    if shape["max"].as_u64().is_some_and(|max| length > max) {
        found.push(format!("{path}: is longer than {}", shape["max"]));
    }
}

/// Returns whether the whole text matches a pattern of the model.
fn matches(pattern: &str, text: &str) -> Result<bool, String> {
    static COMPILED: Mutex<Option<HashMap<String, Regex>>> = Mutex::new(None);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compiled = compiled.get_or_insert_default();
    if let Some(known) = compiled.get(pattern) {
        return Ok(known.is_match(text));
    }
    // The models write a character beyond U+FFFF with five or six digits and without braces.
    let escapes = pattern.replace("\\u10000-\\u10FFFF", "\\u{10000}-\\u{10FFFF}");
    let whole = format!("^(?:{escapes})$");
    let regex = Regex::new(&whole).map_err(|error| error.to_string())?;
    let is_match = regex.is_match(text);
    compiled.insert(pattern.to_owned(), regex);
    Ok(is_match)
}
