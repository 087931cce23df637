//! Every field is one that the schema knows.
//!
//! ## What it does
//! Refuses fields that a SecretRequest does not have, and says which one was probably meant.
//!
//! ## Why is this bad?
//! A misspelt field is read by nobody: its author believes that something is asked for, and it is not.
//!
//! ## Example
//! ```yaml
//! spec:
//!   ttldays: 30
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   ttlDays: 30
//! ```

use std::collections::HashMap;

use super::{Check, Rule, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::manifest::{Key, Value, ViolationKind};
use crate::suggest::did_you_mean;

pub(super) const RULE: Rule = Rule {
    code: "GP102",
    name: "unknown-field",
    severity: Severity::Error,
    source: include_str!("gp102_unknown_field.rs"),
    check: Check::Entry(check),
};

fn check(entry: &Entry, _: &Project, sink: &mut Sink<'_>) {
    let (Some(manifest), Some(root)) = (entry.manifest(), entry.root()) else { return };
    // The keys of a mapping by their names: searching it for each of ten thousand unknown ones would take seconds.
    let mut mappings: HashMap<&str, HashMap<&str, &Key>> = HashMap::new();
    for violation in &manifest.violations {
        let ViolationKind::Unknown { field, known } = &violation.kind else { continue };
        let parent = violation.pointer.rsplit('/').next().filter(|name| !name.is_empty());
        let message = match parent {
            Some(parent) => format!("`{parent}` has no field `{field}`"),
            None => format!("a manifest has no field `{field}`"),
        };
        let help = did_you_mean(field, known.iter().map(String::as_str))
            .unwrap_or_else(|| format!("the fields here are {}", known.join(", ")));
        let pointer = format!("{}/{}", violation.pointer, field.replace('~', "~0").replace('/', "~1"));
        let keys = mappings.entry(&violation.pointer).or_insert_with(|| {
            match root.at(&violation.pointer).map(|(_, node)| &node.value) {
                Some(Value::Mapping(entries)) => entries.iter().map(|(key, _)| (key.name.as_str(), key)).collect(),
                _ => HashMap::new(),
            }
        });
        let span = match keys.get(field.as_str()) {
            Some(key) => key.span.clone(),
            None => entry.span(&violation.pointer),
        };
        sink.over(entry, span, &pointer, message, help);
    }
}
