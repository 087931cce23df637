//! Every value is of the right type.
//!
//! ## What it does
//! Checks that text is text, numbers are numbers and mappings are mappings.
//!
//! ## Why is this bad?
//! YAML guesses types from how a value looks: `30` is a number, `"30"` is text, and a key with nothing behind it
//! is null. What a reader takes for one may be the other.
//!
//! ## Example
//! ```yaml
//! spec:
//!   ttlDays: "30"
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   ttlDays: 30
//! ```
//!
//! ## Fix
//! `validate --fix` takes the quotes off a number, and puts them around a value that is to be text, where the value is
//! in order then.

use std::cell::OnceCell;

use super::unknown_fields::{Meant, unknown_fields};
use super::{Fix, Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::manifest::ViolationKind;
use crate::yaml::{NodeValue, Scalar, YamlEdit};

pub(super) const RULE: Rule = Rule {
    code: "GP103",
    name: "wrong-type",
    severity: Severity::Error,
    source: include_str!("gp103_wrong_type.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let (Some(manifest), Some(root)) = (entry.manifest(), entry.root()) else { return };
    let unknown = OnceCell::new();
    for violation in &manifest.violations {
        let ViolationKind::WrongType { expected } = &violation.kind else { continue };
        let Some((_, node)) = root.at(&violation.pointer) else { continue };
        let field = violation.pointer.rsplit('/').next().filter(|name| !name.is_empty());
        // An item of a list has no name of its own.
        let list = field
            .filter(|name| name.parse::<usize>().is_ok())
            .and_then(|_| violation.pointer.rsplit('/').nth(1));
        let labelled = |text: &str| match (list, field) {
            (None, Some(field)) => format!("{field}: {text}"),
            _ => text.to_owned(),
        };
        // What belongs in a mapping that has nothing in it stands elsewhere, which is GP102's.
        let is_misplaced = || {
            let unknown = unknown.get_or_init(|| unknown_fields(manifest, root, &project.schema));
            unknown.iter().any(
                |field| matches!(field.meant, Meant::Elsewhere(home) if home == violation.pointer),
            )
        };
        if node.value == NodeValue::Null && expected == "object" && is_misplaced() {
            continue;
        }
        let mut fix = None;
        let name = match (list, field) {
            (Some(list), _) => format!("an item of `{list}`"),
            (None, Some(field)) => format!("`{field}`"),
            (None, None) => "the manifest".to_owned(),
        };
        let (found, help) = match (&node.value, field) {
            (NodeValue::Null, None) => {
                ("nothing", "write a SecretRequest with `goldenpath new secret`".to_owned())
            }
            (NodeValue::Null, Some(_)) if expected == "object" => {
                ("nothing", format!("write the fields of {name} below it, indented"))
            }
            (NodeValue::Null, Some(_)) => ("nothing", format!("give {name} a value")),
            (NodeValue::String(text), Some(_))
                if expected == "integer" && text.parse::<i64>().is_ok() =>
            {
                let value = Scalar::Int(text.parse().unwrap_or_default());
                let change = YamlEdit::Set { pointer: violation.pointer.clone(), value };
                fix = Some(Fix::of(change, format!("remove the quotes: `{}`", labelled(text))));
                ("a string", format!("remove the quotes: {}", labelled(text)))
            }
            (NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Bool(_), Some(_))
                if expected == "string" =>
            {
                let text = &entry.text[node.span.clone()];
                let quoted = labelled(&format!("\"{text}\""));
                // Quotes alone make no principal of a number.
                fix = list
                    .is_none()
                    .then(|| Fix::set(&violation.pointer, text, format!("quote it: `{quoted}`")));
                (described(&node.value), format!("quote it: {quoted}"))
            }
            (other, _) => (described(other), format!("write {} here", article(expected))),
        };
        let message = format!("{name} is {found}, not {}", article(expected));
        // A list in one line is pointed at itself, and not by its key.
        let is_in_line = !node.span.is_empty() && !entry.text[node.span.clone()].contains('\n');
        let span = if is_in_line { node.span.clone() } else { entry.span(&violation.pointer) };
        sink.over(entry, span, &violation.pointer, message, help).mended_by(fix);
    }
}

fn described(value: &NodeValue) -> &'static str {
    match value {
        NodeValue::Null => "nothing",
        NodeValue::Bool(_) => "a boolean",
        NodeValue::Int(_) => "an integer",
        NodeValue::Float(_) => "a number",
        NodeValue::String(_) => "a string",
        NodeValue::Sequence(_) => "a list",
        NodeValue::Mapping(_) => "a mapping",
    }
}

/// JSON Schema's word for a type, in YAML's words.
fn article(expected: &str) -> String {
    match expected {
        "object" => "a mapping".to_owned(),
        "array" => "a list".to_owned(),
        "null" => "nothing".to_owned(),
        "integer" => "an integer".to_owned(),
        other => format!("a {other}"),
    }
}
