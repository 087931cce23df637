//! Every value has the right type.
//!
//! ## What it does
//! Checks that strings are strings, numbers are numbers, and mappings are mappings.
//!
//! ## Why is this bad?
//! YAML infers types from syntax: `30` is a number, `"30"` is a string, and a key without a value
//! is null. A reader can easily mistake one for another.
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
//! `validate --fix` removes the quotes around a number, and quotes a value that must be a string,
//! if the result is valid.

use std::cell::OnceCell;

use super::unknown_fields::{IntendedField, unknown_fields};
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
        // A list item has no name: the message names the list.
        let list = field
            .filter(|name| name.parse::<usize>().is_ok())
            .and_then(|_| violation.pointer.rsplit('/').nth(1));
        let labelled = |text: &str| match (list, field) {
            (None, Some(field)) => format!("{field}: {text}"),
            _ => text.to_owned(),
        };
        // GP102 reports a mapping that is empty because its fields are at the wrong level.
        let is_misplaced = || {
            let unknown = unknown.get_or_init(|| unknown_fields(manifest, root, &project.schema));
            unknown.iter().any(|one| {
                matches!(one.intended, IntendedField::OtherMapping(to) if to == violation.pointer)
            })
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
                // A quoted number is still not a valid principal.
                fix = list
                    .is_none()
                    .then(|| Fix::set(&violation.pointer, text, format!("quote it: `{quoted}`")));
                (describe_type(&node.value), format!("quote it: {quoted}"))
            }
            (other, _) => (describe_type(other), format!("write {} here", with_article(expected))),
        };
        let message = format!("{name} is {found}, not {}", with_article(expected));
        // Underline a value on one line itself, not its key.
        let is_in_line = !node.span.is_empty() && !entry.text[node.span.clone()].contains('\n');
        let span = if is_in_line { node.span.clone() } else { entry.span(&violation.pointer) };
        sink.at_span(entry, span, &violation.pointer, message, help).fixed_by(fix);
    }
}

/// Describes a value's type, with an article.
fn describe_type(value: &NodeValue) -> &'static str {
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

/// Translates a JSON Schema type to YAML terms, with an article.
fn with_article(expected: &str) -> String {
    match expected {
        "object" => "a mapping".to_owned(),
        "array" => "a list".to_owned(),
        "null" => "nothing".to_owned(),
        "integer" => "an integer".to_owned(),
        other => format!("a {other}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Expected, assert_only, cases, seed_with};

    const RULE: &str = "GP103 wrong-type";

    #[track_caller]
    fn reports(
        edit: (&str, &str),
        pointer: &str,
        place: &str,
        under: &str,
        message: &str,
        help: &str,
    ) {
        let text = seed_with(&[edit]);
        assert_only(&text, &Expected { rule: RULE, pointer, place, under, message, help });
    }

    #[track_caller]
    fn is_not_a_mapping(text: &str, place: &str, under: &str, message: &str) {
        let help = "write a";
        assert_only(text, &Expected { rule: RULE, pointer: "", place, under, message, help });
    }

    // The comment behind a value is not underlined.
    cases! { the_actual_and_the_expected_type_are_named(reports):
        a_string_in_double_quotes(
            ("ttlDays: 30", "ttlDays: \"30\""), "/spec/ttlDays", "21:12..21:16", "\"30\"",
            "`ttlDays` is a string, not an integer", "remove the quotes: ttlDays: 30",
        );
        a_string_in_single_quotes(
            ("ttlDays: 30", "ttlDays: '30'"), "/spec/ttlDays", "21:12..21:16", "'30'",
            "a string, not an integer", "remove the quotes",
        );
        a_fraction(
            ("ttlDays: 30", "ttlDays: 30.5"), "/spec/ttlDays", "21:12..21:16", "30.5",
            "a number, not an integer", "integer",
        );
        a_word(
            ("ttlDays: 30", "ttlDays: soon"), "/spec/ttlDays", "21:12..21:16", "soon",
            "a string, not an integer", "write an integer",
        );
        an_integer(
            ("name: payments-db-credentials", "name: 42"), "/metadata/name", "5:9..5:11", "42",
            "`name` is an integer, not a string", "quote it: name: \"42\"",
        );
        a_boolean(
            ("service: payments", "service: true"), "/metadata/service", "7:12..7:16", "true",
            "a boolean, not a string", "quote it: service: \"true\"",
        );
        no_value(
            ("owner: team-payments", "owner:"), "/metadata/owner", "6:3..6:8", "owner",
            "`owner` is nothing, not a string", "give `owner` a value",
        );
        a_list(
            ("environment: dev", "environment: [dev]"), "/metadata/environment", "8:16..8:21",
            "[dev]", "a list, not a string", "write a string",
        );
        an_empty_mapping(
            ("tier: medium", ""), "/spec/risk", "12:3..12:7", "risk",
            "`risk` is nothing, not a mapping", "the fields of `risk` below it",
        );
    }

    cases! { a_manifest_that_is_not_a_mapping_is_reported(is_not_a_mapping):
        a_list("- a\n- b\n", "1:1..1:4", "- a", "the manifest is a list, not a mapping");
        a_string(
            "# nothing\nhello\n", "2:1..2:6", "hello", "the manifest is a string, not a mapping",
        );
        null("null\n", "1:1..1:5", "null", "the manifest is nothing, not a mapping");
    }
}
