//! Every field is one that the schema knows.
//!
//! ## What it does
//! Refuses fields that a SecretRequest does not have, and says which one was probably meant, or at which level a field
//! belongs that stands at the wrong one.
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
//!
//! ## Fix
//! `validate --fix` renames a field that is a slip of the fingers away from one that is missing, where no other is as
//! near, and moves one that stands at the wrong level, with its comments, to the mapping where it belongs. A field whose
//! name only begins like another's, and one that stands twice with the same value, need `--unsafe-fixes`. One that
//! stands twice with two values is for a person.

use std::collections::HashMap;

use super::unknown_fields::{Meant, UnknownField, in_words, unknown_fields};
use super::{Fix, Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::suggest::{Certainty, only_one};
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
    // Of two fields that could be the same one, which is it?
    let mut claims: HashMap<(&str, &str), usize> = HashMap::new();
    for field in &unknown {
        if let Some(claim) = claim(field) {
            *claims.entry(claim).or_default() += 1;
        }
    }
    // The keys of a mapping by their names: searching it for each of ten thousand unknown ones would take seconds.
    let mut mappings: HashMap<&str, HashMap<&str, &Key>> = HashMap::new();
    for field in &unknown {
        let UnknownField { mapping, name, known, meant } = field;
        let place = in_words(mapping);
        let has_no = match mapping.rsplit('/').next().filter(|parent| !parent.is_empty()) {
            Some(parent) => format!("`{parent}` has no field `{name}`"),
            None => format!("a manifest has no field `{name}`"),
        };
        let at_top = || "the top level".to_owned();
        let (message, help) = match meant {
            Meant::Elsewhere(home) => {
                let belongs = in_words(home).map_or_else(at_top, |home| format!("`{home}`"));
                let stands = place.map_or_else(at_top, |place| format!("`{place}`"));
                let preposition = |place: &str| if place.starts_with('`') { "in" } else { "at" };
                let message = format!(
                    "`{name}` belongs {} {belongs}, and stands {} {stands}",
                    preposition(&belongs),
                    preposition(&stands)
                );
                (message, format!("move it to {belongs}"))
            }
            Meant::There(home) => {
                let there = in_words(home).map_or_else(at_top, |home| format!("`{home}`"));
                (has_no, format!("{there} has it already: remove it here, or correct it there"))
            }
            Meant::Here(near) => (has_no, format!("did you mean `{near}`?")),
            Meant::Nobody => (has_no, format!("the fields here are {}", known.join(", "))),
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
        let fix = match is_contested {
            true => None,
            false => fix(field, &pointer, root, &unknown, |name| keys.contains_key(name)),
        };
        let finding = sink.over(entry, span, &pointer, message, help).mended_by(fix);
        match meant {
            Meant::Elsewhere(home) if root.at(home).is_some_and(|(key, _)| key.is_some()) => {
                finding.with(entry, entry.span(home), "it belongs in here");
            }
            Meant::There(home) => {
                let there = root.at(&format!("{home}/{name}")).and_then(|(key, _)| key);
                if let Some(key) = there {
                    finding.with(entry, key.span.clone(), "it is here already");
                }
            }
            _ => {}
        }
    }
}

/// Whether a mapping that is missing may be there under a name that nobody can tell (`sxec`): then making another one
/// beside it would not be right.
fn may_be_misspelt(home: &str, root: &Node, unknown: &[UnknownField<'_>]) -> bool {
    let mut around = home;
    while root.at(around).is_none() {
        around = around.rsplit_once('/').map_or("", |(around, _)| around);
    }
    around != home
        && unknown
            .iter()
            .any(|field| field.mapping == around && !matches!(field.meant, Meant::Elsewhere(_)))
}

/// The mapping and the name that a field may have been meant to have.
fn claim<'a>(field: &UnknownField<'a>) -> Option<(&'a str, &'a str)> {
    match field.meant {
        Meant::Elsewhere(home) => Some((home, field.name)),
        Meant::Here(near) => Some((field.mapping, near)),
        Meant::There(_) | Meant::Nobody => None,
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
    match field.meant {
        Meant::Elsewhere(home) => {
            let message = match in_words(home) {
                Some(home) => format!("move `{name}` to `{home}`"),
                None => format!("move `{name}` to the top level"),
            };
            let fix = Fix::of(
                YamlEdit::Move { pointer: pointer.to_owned(), into: home.to_owned() },
                message,
            );
            Some(fix.safe_if(!may_be_misspelt(home, root, unknown)))
        }
        Meant::There(home) => {
            let (here, there) = (root.at(pointer)?.1, root.at(&format!("{home}/{name}"))?.1);
            let fix = Fix::of(
                YamlEdit::Remove { pointer: pointer.to_owned() },
                format!("remove `{name}`"),
            );
            (here.value == there.value).then(|| fix.safe_if(false))
        }
        Meant::Here(_) => {
            // What is there already was not what this was meant to be.
            let (near, certainty) = only_one(name, field.known.iter().map(String::as_str))?;
            if is_taken(near) {
                return None;
            }
            let change = YamlEdit::Rename { pointer: pointer.to_owned(), name: near.to_owned() };
            let fix = Fix::of(change, format!("rename `{name}` to `{near}`"));
            Some(fix.safe_if(matches!(certainty, Certainty::Same | Certainty::Slip)))
        }
        Meant::Nobody => None,
    }
}
