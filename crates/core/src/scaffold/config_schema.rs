//! The JSON Schema of `goldenpath.yaml`, for editors and other validators.
//!
//! goldenpath itself does not read it: the parser of the configuration decides.

use serde_json::{Map, Value, json};

use crate::config::{ConfigError, Enums};
use crate::manifest::{GENERATED_START, bundle_schema};
use crate::rules::RULES;

/// The schema of a catalog's `goldenpath.yaml`, from the root of the repository.
pub const CONFIG_SCHEMA_FILE_NAME: &str = "schemas/goldenpath.schema.json";

const BUILT_IN: &str = include_str!("../../schemas/goldenpath.schema.json");

/// Returns the schema as one document, with the lists of `enums` and the rules.
///
/// # Errors
/// The built-in schema is not JSON, which a test excludes.
pub fn config_schema(enums: &Enums) -> Result<String, ConfigError> {
    let text = bundle_schema(CONFIG_SCHEMA_FILE_NAME, BUILT_IN, enums)?;
    let mut schema: Value = serde_json::from_str(&text).unwrap_or_default();
    let comment =
        json!(format!("{GENERATED_START} `goldenpath schema config --write` updates it."));
    for definition in schema["$defs"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if definition.get("$comment").is_some() {
            definition["$comment"] = comment.clone();
        }
    }
    schema["properties"]["rules"]["properties"] = levels_of_rules();
    schema["properties"]["rules"]["additionalProperties"] = json!(false);
    Ok(format!("{schema:#}\n"))
}

/// Returns a property for the code and the name of each rule.
fn levels_of_rules() -> Value {
    let mut properties = Map::new();
    for rule in RULES {
        for (key, other) in [(rule.code, rule.name), (rule.name, rule.code)] {
            let description = format!("{other}: {}", rule.sentence());
            let level = json!({ "$ref": "#/$defs/level", "description": description });
            properties.insert(key.to_owned(), level);
        }
    }
    Value::Object(properties)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;

    /// An object of the schema: its place, and the fields that it has there.
    struct SchemaObject {
        place: Vec<String>,
        fields: BTreeSet<String>,
    }

    fn schema() -> Value {
        serde_json::from_str(&config_schema(&Enums::built_in()).unwrap()).unwrap()
    }

    fn resolve<'a>(root: &'a Value, node: &'a Value) -> &'a Value {
        match node["$ref"].as_str() {
            Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
            None => node,
        }
    }

    /// Calls `visit` with each property of the schema and its place; `0` is an item of a list.
    fn walk(
        root: &Value,
        node: &Value,
        place: &[String],
        visit: &mut dyn FnMut(&[String], &Value),
    ) {
        let target = resolve(root, node);
        if !place.is_empty() {
            visit(place, node);
        }
        let below = |name: &str| [place, &[name.to_owned()]].concat();
        for (name, property) in target["properties"].as_object().into_iter().flatten() {
            walk(root, property, &below(name), visit);
        }
        if target["additionalProperties"].is_object() {
            walk(root, &target["additionalProperties"], &below("any"), visit);
        }
        for form in target["items"]["anyOf"].as_array().into_iter().flatten() {
            walk(root, form, &below("0"), visit);
        }
        if target["items"].is_object() && target["items"]["anyOf"].is_null() {
            walk(root, &target["items"], &below("0"), visit);
        }
    }

    fn objects(root: &Value) -> Vec<SchemaObject> {
        let mut found = Vec::new();
        let mut visit = |place: &[String], node: &Value| {
            if let Some(properties) = resolve(root, node)["properties"].as_object() {
                let fields = properties.keys().cloned().collect();
                found.push(SchemaObject { place: place.to_vec(), fields });
            }
        };
        visit(&[], root);
        walk(root, root, &[], &mut visit);
        found
    }

    /// A text at its place, with what the objects around it need.
    fn at(place: &[String], value: Value) -> Value {
        place.iter().rev().fold(value, |inner, name| match name.as_str() {
            "0" => json!([inner]),
            name => json!({ name: inner }),
        })
    }

    fn parse(value: Value) -> Result<Config, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn every_field_of_the_parser_is_in_the_schema_and_no_other() {
        let schema = schema();
        let mut compared = 0;
        for SchemaObject { place, fields } in objects(&schema) {
            if place == ["rules"] {
                continue; // The parser takes any key there; RuleSet checks it.
            }
            let unknown = at(&place, json!({ "zzz": 1 }));
            let error = parse(unknown).unwrap_err().to_string();
            let (_, expected) = error
                .split_once("unknown field `zzz`, expected ")
                .unwrap_or_else(|| panic!("{place:?}: {error}"));
            let known: BTreeSet<String> =
                expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            assert_eq!(known, fields, "{place:?}");
            compared += known.len();
        }
        assert!(compared > 70, "{compared}");
    }

    #[test]
    fn every_default_and_example_of_the_schema_is_accepted_by_the_parser_and_the_schema() {
        let schema = schema();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let mut leaves = 0;
        walk(&schema, &schema, &[], &mut |place, node| {
            let target = resolve(&schema, node);
            let is_of_a_policy = place.first().is_some_and(|name| name == "policies");
            let of = |key: &str| [&node[key], &target[key]].into_iter().cloned();
            let lists = ["examples", "enum"].into_iter().flat_map(of);
            let listed = lists.filter_map(|list| list.as_array().cloned()).flatten();
            for value in of("default").filter(|value| !value.is_null()).chain(listed) {
                leaves += 1;
                let mut config = at(place, value.clone());
                if is_of_a_policy && place.len() > 2 {
                    config =
                        json!({ "policies": [{ "name": "x", "assert": "a", "message": "b" }] });
                    config["policies"][0][&place[2]] = value.clone();
                }
                if place.last().is_some_and(|name| name == "kmsKeyId") && place.len() > 3 {
                    let regions = &place[..place.len() - 1];
                    config = at(regions, json!({ "region": "eu-west-1", "kmsKeyId": value }));
                }
                // Environments, secret types and rules have the names of the lists.
                let sample = if place.first().is_some_and(|name| name == "rules") {
                    "GP201"
                } else {
                    "prod"
                };
                let text = config.to_string().replace("\"any\"", &format!("\"{sample}\""));
                let config: Value = serde_json::from_str(&text).unwrap();
                let is_function = place.last().is_some_and(|name| name == "any");
                if !is_function {
                    validator.validate(&config).unwrap_or_else(|e| panic!("{place:?}: {e}"));
                }
                parse(config).unwrap_or_else(|error| panic!("{place:?} {value}: {error}"));
            }
        });
        assert!(leaves > 90, "{leaves}");
    }

    #[test]
    fn the_defaults_of_the_schema_are_those_of_the_parser() {
        let mut config = json!({});
        let schema = schema();
        walk(&schema, &schema, &[], &mut |place, node| {
            let is_shared = !["environments", "policies"].contains(&place[0].as_str());
            let default = &node["default"];
            if is_shared && !default.is_null() {
                let mut target = &mut config;
                for name in place {
                    target = &mut target[name];
                }
                *target = default.clone();
            }
        });
        assert_eq!(parse(config).unwrap(), Config::default());
    }

    #[test]
    fn every_property_has_a_description_for_hover() {
        let schema = schema();
        walk(&schema, &schema, &[], &mut |place, node| {
            let is_named = !place.last().is_some_and(|name| name == "any" || name == "0");
            let text = [node, resolve(&schema, node)].map(|node| node["description"].as_str());
            assert!(!is_named || text.iter().flatten().next().is_some(), "{place:?}");
        });
    }
}
