//! Every field is defined by the schema.
//!
//! ## What it does
//! Rejects fields that a SecretRequest does not have. The message suggests the field that was
//! probably meant, or the level at which a misplaced field belongs.
//!
//! ## Why is this bad?
//! goldenpath ignores a misspelled field. Its author believes that it has an effect, but it has
//! none.
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
//!
//! ## Fix
//! `validate --fix` renames a field if it is one typo away from a missing field and no other field
//! is as close. It moves a field at the wrong level, with its comments, to the mapping where it
//! belongs. `--unsafe-fixes` also renames a field whose name only starts like another one, and
//! removes a field that appears twice with the same value. A field that appears twice with
//! different values needs a manual fix.

use std::collections::HashMap;

use super::unknown_fields::{IntendedField, UnknownField, to_dotted, unknown_fields};
use super::{Fix, Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::suggest::{Certainty, find_unique_match};
use crate::yaml::{Key, Node, NodeValue, YamlEdit};

pub(super) const RULE: Rule = Rule {
    code: "GP102",
    name: "unknown-field",
    severity: Severity::Error,
    source: include_str!("gp102_unknown_field.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let (Some(manifest), Some(root)) = (entry.manifest(), entry.root()) else { return };
    let unknown = unknown_fields(manifest, root, &project.schema);
    // Two unknown fields may both look like the same known field: then neither is fixed.
    let mut claims: HashMap<(&str, &str), usize> = HashMap::new();
    for field in &unknown {
        if let Some(claim) = claim(field) {
            *claims.entry(claim).or_default() += 1;
        }
    }
    // Index of each mapping's keys by name: a linear search takes seconds for 10,000 unknown keys.
    let mut mappings: HashMap<&str, HashMap<&str, &Key>> = HashMap::new();
    for field in &unknown {
        let UnknownField { mapping, name, known, intended } = field;
        let place = to_dotted(mapping);
        let has_no = match mapping.rsplit('/').next().filter(|parent| !parent.is_empty()) {
            Some(parent) => format!("`{parent}` has no field `{name}`"),
            None => format!("a manifest has no field `{name}`"),
        };
        let at_top = || "the top level".to_owned();
        let (message, help) = match intended {
            IntendedField::OtherMapping(home) => {
                let belongs = to_dotted(home).map_or_else(at_top, |home| format!("`{home}`"));
                let current = place.map_or_else(at_top, |place| format!("`{place}`"));
                let preposition = |place: &str| if place.starts_with('`') { "in" } else { "at" };
                let message = format!(
                    "`{name}` belongs {} {belongs}, not {} {current}",
                    preposition(&belongs),
                    preposition(&current)
                );
                (message, format!("move it to {belongs}"))
            }
            IntendedField::OtherMappingTaken(home) => {
                let there = to_dotted(home).map_or_else(at_top, |home| format!("`{home}`"));
                (has_no, format!("remove it here: {there} already has this field"))
            }
            IntendedField::SameMapping(near) => (has_no, format!("did you mean `{near}`?")),
            IntendedField::Unknown => (has_no, format!("the fields here are {}", known.join(", "))),
        };
        let pointer = format!("{mapping}/{}", name.replace('~', "~0").replace('/', "~1"));
        let keys = mappings.entry(mapping).or_insert_with(|| {
            match root.at(mapping).map(|(_, node)| &node.value) {
                Some(NodeValue::Mapping(entries)) => {
                    entries.iter().map(|(key, _)| (key.name.as_str(), key)).collect()
                }
                _ => HashMap::new(),
            }
        });
        let span = match keys.get(name) {
            Some(key) => key.span.clone(),
            None => entry.span(mapping),
        };
        let is_contested =
            claim(field).is_some_and(|claim| claims.get(&claim).is_some_and(|count| *count > 1));
        let fix = if is_contested {
            None
        } else {
            fix(field, &pointer, root, &unknown, |name| keys.contains_key(name))
        };
        let finding = sink.at_span(entry, span, &pointer, message, help).fixed_by(fix);
        match intended {
            IntendedField::OtherMapping(home)
                if root.at(home).is_some_and(|(key, _)| key.is_some()) =>
            {
                finding.with(entry, entry.span(home), "it belongs here");
            }
            IntendedField::OtherMappingTaken(home) => {
                let there = root.at(&format!("{home}/{name}")).and_then(|(key, _)| key);
                if let Some(key) = there {
                    finding.with(entry, key.span.clone(), "already here");
                }
            }
            _ => {}
        }
    }
}

/// Returns whether a missing mapping may exist with a misspelled name: `sxec`.
///
/// Then creating the mapping could be wrong, and the fix is not safe.
fn may_be_misspelt(home: &str, root: &Node, unknown: &[UnknownField<'_>]) -> bool {
    let mut around = home;
    while root.at(around).is_none() {
        around = around.rsplit_once('/').map_or("", |(around, _)| around);
    }
    around != home
        && unknown.iter().any(|field| {
            field.mapping == around && !matches!(field.intended, IntendedField::OtherMapping(_))
        })
}

/// Returns the mapping and the name that the author of a field may have meant.
fn claim<'a>(field: &UnknownField<'a>) -> Option<(&'a str, &'a str)> {
    match field.intended {
        IntendedField::OtherMapping(home) => Some((home, field.name)),
        IntendedField::SameMapping(near) => Some((field.mapping, near)),
        IntendedField::OtherMappingTaken(_) | IntendedField::Unknown => None,
    }
}

fn fix(
    field: &UnknownField<'_>,
    pointer: &str,
    root: &Node,
    unknown: &[UnknownField<'_>],
    is_taken: impl Fn(&str) -> bool,
) -> Option<Fix> {
    let name = field.name;
    match field.intended {
        IntendedField::OtherMapping(home) => {
            let message = match to_dotted(home) {
                Some(home) => format!("move `{name}` to `{home}`"),
                None => format!("move `{name}` to the top level"),
            };
            let fix = Fix::of(
                YamlEdit::Move { pointer: pointer.to_owned(), into: home.to_owned() },
                message,
            );
            Some(fix.safe_if(!may_be_misspelt(home, root, unknown)))
        }
        IntendedField::OtherMappingTaken(home) => {
            let (here, there) = (root.at(pointer)?.1, root.at(&format!("{home}/{name}"))?.1);
            let fix = Fix::of(
                YamlEdit::Remove { pointer: pointer.to_owned() },
                format!("remove `{name}`"),
            );
            (here.value == there.value).then(|| fix.safe_if(false))
        }
        IntendedField::SameMapping(_) => {
            // If the mapping already has that field, the author meant something else.
            let (near, certainty) =
                find_unique_match(name, field.known.iter().map(String::as_str))?;
            if is_taken(near) {
                return None;
            }
            let change = YamlEdit::Rename { pointer: pointer.to_owned(), name: near.to_owned() };
            let fix = Fix::of(change, format!("rename `{name}` to `{near}`"));
            Some(fix.safe_if(matches!(certainty, Certainty::Same | Certainty::Typo)))
        }
        IntendedField::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Expected, assert_only, cases, seed_with};

    const RULE: &str = "GP102 unknown-field";

    #[track_caller]
    fn suggests(edit: (&str, &str), pointer: &str, place: &str, under: &str, help: &str) {
        let message = "has no field `";
        let text = seed_with(&[edit]);
        assert_only(&text, &Expected { rule: RULE, pointer, place, under, message, help });
    }

    cases! { a_misspelled_field_is_reported_once_with_a_suggestion(suggests):
        of_metadata(
            ("owner:", "ownr:"), "/metadata/ownr", "6:3..6:7", "ownr", "did you mean `owner`?",
        );
        of_the_manifest(("spec:", "specs:"), "/specs", "9:1..9:6", "specs", "did you mean `spec`?");
        by_its_case(
            ("ttlDays:", "ttldays:"), "/spec/ttldays", "21:3..21:10", "ttldays",
            "did you mean `ttlDays`?",
        );
        by_an_underscore(
            ("rotationClass:", "rotation_class:"), "/spec/rotation/rotation_class", "15:5..15:19",
            "rotation_class", "did you mean `rotationClass`?",
        );
        with_characters_that_a_pointer_escapes(
            ("k8sSecretName:", "\"k8s/Secret~Name\":"), "/spec/access/k8s~1Secret~0Name",
            "20:5..20:22", "\"k8s/Secret~Name\"", "did you mean `k8sSecretName`?",
        );
    }

    #[test]
    fn a_field_that_is_like_no_other_is_reported_with_the_list_of_fields() {
        let text = seed_with(&[("  owner:", "  colour: blue\n  owner:")]);
        let expected = Expected {
            rule: RULE,
            pointer: "/metadata/colour",
            place: "6:3..6:9",
            under: "colour",
            message: "`metadata` has no field `colour`",
            help: "the fields here are id, name, description, owner, service, environment",
        };
        assert_only(&text, &expected);
    }
}
