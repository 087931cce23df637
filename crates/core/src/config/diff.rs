//! Differences between two versions of a configuration file, key by key.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use serde_json::{Map, Value};

use crate::yaml::{self, Key, Node, parse_configuration};

/// The maximum length of a quoted value, in characters.
const QUOTED: usize = 120;

/// The maximum number of named elements of a list.
const LISTED: usize = 20;

/// A key with different values in two versions of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// The keys from the document's root; empty for a document that is not a mapping.
    pub keys: Vec<String>,
    /// None if the key is missing.
    pub old: Option<Value>,
    /// None if the key was removed.
    pub new: Option<Value>,
}

/// Parses YAML, or JSON by the extension of `path`; None if it is invalid.
#[must_use]
pub fn parse_tree(path: &str, text: &str) -> Option<Value> {
    let tree =
        if std::path::Path::new(path).extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(text).ok()
        } else {
            parse_configuration(text).ok().map(|root| to_tree(&root, text))
        }?;
    Some(if tree.is_null() { Value::Object(Map::new()) } else { tree })
}

/// Converts a node to JSON.
///
/// A number that JSON writes differently becomes a text, since a field may use it as written: `012`
/// and `12` are two names.
fn to_tree(node: &Node, text: &str) -> Value {
    match &node.value {
        yaml::NodeValue::Sequence(items) => items.iter().map(|item| to_tree(item, text)).collect(),
        yaml::NodeValue::Mapping(entries) => {
            let tree = |(key, value): &(Key, Node)| (key.name.clone(), to_tree(value, text));
            Value::Object(entries.iter().map(tree).collect())
        }
        _ => {
            let value = node.to_json();
            let in_json = value.is_number().then(|| value.to_string());
            match (in_json, node.scalar(text)) {
                (Some(in_json), Some(written)) if in_json != written => written.into(),
                _ => value,
            }
        }
    }
}

/// Returns the keys with different values, in the order of the files.
///
/// Changed and removed keys come first, so that a long list of new keys does not hide them.
#[must_use]
pub fn key_changes(old: &Value, new: &Value) -> Vec<KeyChange> {
    let mut changes = Vec::new();
    compare(&mut Vec::new(), Some(old), Some(new), &mut changes);
    changes.sort_by_key(|change| change.old.is_none());
    changes
}

fn compare(
    keys: &mut Vec<String>,
    old: Option<&Value>,
    new: Option<&Value>,
    changes: &mut Vec<KeyChange>,
) {
    // A key without a value is equivalent to a missing one.
    let (old, new) = (old.filter(|value| !value.is_null()), new.filter(|value| !value.is_null()));
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                keys.push(key.clone());
                compare(keys, old.get(key), new.get(key), changes);
                keys.pop();
            }
        }
        (old, new) if old == new => {}
        (old, new) => {
            changes.push(KeyChange { keys: keys.clone(), old: old.cloned(), new: new.cloned() })
        }
    }
}

/// Returns the elements of lists and keys of mappings that the changes add.
#[must_use]
pub fn additions(changes: &[KeyChange]) -> BTreeSet<String> {
    let mut added = BTreeSet::new();
    for change in changes {
        match (&change.old, &change.new) {
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                find_missing(new, old).into_iter().for_each(|element| collect(element, &mut added));
            }
            (None, Some(new)) => {
                added.extend(change.keys.last().cloned());
                if !new.is_string() {
                    collect(new, &mut added);
                }
            }
            _ => {}
        }
    }
    added
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(names.insert(text.clone())),
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, names)),
        Value::Object(fields) => {
            for (key, value) in fields {
                names.insert(key.clone());
                if !value.is_string() {
                    collect(value, names);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl KeyChange {
    /// Returns the single values that differ, including all of a new section.
    #[must_use]
    pub fn leaves(&self) -> Vec<Self> {
        let (old, new) = (self.old.as_ref(), self.new.as_ref());
        if !old.is_some_and(Value::is_object) && !new.is_some_and(Value::is_object) {
            return vec![self.clone()];
        }
        let empty = Value::Object(Map::new());
        let mut leaves = Vec::new();
        // A section replaced by a scalar, or the other way round, counts as its removal and an
        // addition.
        for (old, new) in [(old, None), (None, new)] {
            for (side, other, is_old) in [(old, &empty, true), (new, &empty, false)] {
                let Some(side) = side else { continue };
                if !side.is_object() {
                    let (old, new) = if is_old { (Some(side), None) } else { (None, Some(side)) };
                    leaves.push(Self {
                        keys: self.keys.clone(),
                        old: old.cloned(),
                        new: new.cloned(),
                    });
                    continue;
                }
                let (old, new) = if is_old { (side, other) } else { (other, side) };
                for below in key_changes(old, new) {
                    let keys = [&self.keys[..], &below.keys].concat();
                    leaves.extend(Self { keys, ..below }.leaves());
                }
            }
        }
        leaves
    }

    /// Returns the JSON pointer of the key.
    #[must_use]
    pub fn pointer(&self) -> String {
        self.keys
            .iter()
            .map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1")))
            .collect()
    }

    /// Returns the key's name: dotted, or the JSON pointer for a schema.
    #[must_use]
    pub fn name(&self, is_json: bool) -> String {
        match self.keys.as_slice() {
            [] => "the document".to_owned(),
            _ if is_json => format!("`{}`", printable(&self.pointer())),
            keys => format!("`{}`", printable(&keys.join("."))),
        }
    }
}

/// Formats the change.
///
/// Examples: `error → off`, `added: eu-west-2`, `adds team-search`, `removed`.
impl fmt::Display for KeyChange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                let mut parts = Vec::new();
                for (verb, elements) in
                    [("adds", find_missing(new, old)), ("removes", find_missing(old, new))]
                {
                    if !elements.is_empty() {
                        parts.push(format!("{verb} {}", join_names(&elements)));
                    }
                }
                if parts.is_empty() {
                    out.write_str("in another order")
                } else {
                    out.write_str(&parts.join("; "))
                }
            }
            (Some(old), Some(new)) => match (scalar(old), scalar(new)) {
                (Some(old), Some(new)) => write!(out, "{old} → {new}"),
                _ => out.write_str("changed"),
            },
            (None, Some(Value::Array(new))) => {
                write!(out, "added: {}", join_names(&new.iter().collect::<Vec<_>>()))
            }
            (None, Some(new)) => match scalar(new) {
                Some(new) => write!(out, "added: {new}"),
                None => out.write_str("added"),
            },
            (_, None) => out.write_str("removed"),
        }
    }
}

/// Returns the elements of `these` that are not in `others`.
fn find_missing<'a>(these: &'a [Value], others: &[Value]) -> Vec<&'a Value> {
    let others: HashSet<String> = others.iter().map(Value::to_string).collect();
    these.iter().filter(|element| !others.contains(&element.to_string())).collect()
}

/// Joins the names of elements, abbreviating a long list.
fn join_names(elements: &[&Value]) -> String {
    let (named, more) = elements.split_at(elements.len().min(LISTED));
    let mut names: Vec<String> = named.iter().map(|element| element_name(element)).collect();
    if !more.is_empty() {
        names.push(format!("and {} more", more.len()));
    }
    names.join(", ")
}

/// Returns the name of a list's element: the scalar, or the name in a mapping.
fn element_name(element: &Value) -> String {
    let named = ["name", "id", "region"].iter().find_map(|key| element.get(key)).unwrap_or(element);
    scalar(named).unwrap_or_else(|| "an entry".to_owned())
}

fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => printable(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    // Cut between words: a truncated secret would no longer be recognized, and be shown.
    Some(match text.char_indices().nth(QUOTED) {
        Some((end, _)) => match text[..end].rfind(char::is_whitespace) {
            Some(space) => format!("{}…", &text[..space]),
            None => format!("a text of {} characters", text.chars().count()),
        },
        None => text,
    })
}

/// Replaces control characters, so that the text fits on one line.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn between(old: &str, new: &str) -> Vec<KeyChange> {
        key_changes(&parse_tree("a.yaml", old).unwrap(), &parse_tree("a.yaml", new).unwrap())
    }

    fn shown(old: &str, new: &str) -> Vec<String> {
        between(old, new)
            .iter()
            .map(|change| format!("{} ({change})", change.name(false)))
            .collect()
    }

    #[test]
    fn each_key_that_differs_is_listed_with_its_change() {
        let rows = [
            ("rules: {GP201: error}", "rules: {GP201: off}", "`rules.GP201` (error → off)"),
            ("a: 1", "a: 1\nb: {c: d}", "`b` (added)"),
            ("a: 1\nb: {c: d}", "a: 1", "`b` (removed)"),
            ("b: {c: d}", "b: {c: d, e: 5}", "`b.e` (added: 5)"),
            ("owners: [a, b]", "owners: [b, c]", "`owners` (adds c; removes a)"),
            ("owners: [a, b]", "owners: [b, a]", "`owners` (in another order)"),
            ("p: [{name: one, assert: x}]", "p: []", "`p` (removes one)"),
            ("r: [a]", "r: [a, {region: b, kmsKeyId: k}]", "`r` (adds b)"),
        ];
        for (old, new, expected) in rows {
            assert_eq!(shown(old, new), [expected], "{old} → {new}");
        }
    }

    #[test]
    fn comments_layout_and_keys_without_a_value_are_not_changes() {
        assert_eq!(shown("a: {b: 1}\n", "# why\na:\n  b: 1\nc:\n"), [""; 0]);
        assert_eq!(shown("", "# nothing\n"), [""; 0]);
    }

    #[test]
    fn an_anchor_or_another_notation_hides_no_change() {
        assert_eq!(
            shown("x: &y {r: 1}\nstore: *y", "x: &y {r: 2}\nstore: *y"),
            ["`x.r` (1 → 2)", "`store.r` (1 → 2)"]
        );
    }

    #[test]
    fn a_number_in_another_notation_is_another_value() {
        assert_eq!(shown("a: 010", "a: 10"), ["`a` (010 → 10)"]);
        assert_eq!(shown("a: 0x1F", "a: 31"), ["`a` (0x1F → 31)"]);
        assert_eq!(shown("a: [1, 1.5, true, ~]", "a:\n- 1\n- 1.5\n- true\n-\n"), [""; 0]);
    }

    #[test]
    fn a_long_list_is_compared_quickly_and_abbreviated() {
        let long = |from: usize| {
            format!(
                "owners: [{}]",
                (from..from + 50_000).map(|n| format!("t{n}, ")).collect::<String>()
            )
        };
        let started = std::time::Instant::now();
        let shown = shown(&long(0), &long(40_000));
        assert!(shown[0].contains("t50019, and 39980 more; removes t0, "), "{}", shown[0]);
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }

    #[test]
    fn new_keys_come_after_those_that_change() {
        assert_eq!(shown("b: 1", "a: 1\nb: 2"), ["`b` (1 → 2)", "`a` (added: 1)"]);
    }

    #[test]
    fn a_section_counts_by_the_values_in_it() {
        let leaves = |old, new| -> Vec<String> {
            between(old, new)
                .iter()
                .flat_map(KeyChange::leaves)
                .map(|leaf| leaf.keys.join("."))
                .collect()
        };
        assert_eq!(
            leaves("", "e: {prod: {region: x, gitops: {url: u}}}"),
            ["e.prod.region", "e.prod.gitops.url"]
        );
        assert_eq!(leaves("e: {prod: {region: x}}", ""), ["e.prod.region"]);
        assert_eq!(leaves("e: {prod: x}", "e: {prod: {region: x}}"), ["e.prod", "e.prod.region"]);
        assert_eq!(leaves("", "e: {qa: {}}"), [""; 0]);
    }

    #[test]
    fn additions_are_elements_and_keys_but_not_single_values() {
        let added = additions(&between(
            "owners: [a]\nt: {low: {n: 1}}",
            "owners: [a, b]\nt: {low: {n: 1}, high: {n: x}}\nr: z",
        ));
        assert_eq!(added.into_iter().collect::<Vec<_>>(), ["b", "high", "n", "r"]);
    }

    #[test]
    fn an_invalid_text_has_no_tree() {
        assert_eq!(parse_tree("a.yaml", "a: [\n"), None);
        assert_eq!(parse_tree("a.json", "{\"a\": }"), None);
        assert!(parse_tree("a.json", "{\t\"a\": 1}").is_some());
    }
}
