//! Rule files change on purpose, and separately.
//!
//! ## What it does
//! On a change of commits (`--from-ref`, `--merge-with`, hooks on a server, pre-push), names each
//! rule file that says something else afterwards, with the keys that differ: `goldenpath.yaml`, the
//! files in `schemas/` and `templates/`, and `CODEOWNERS` where that changes who owns the catalog
//! or a rule file. Comments and layout do not count. The base's configuration sets the level of
//! this rule; a change cannot turn it off for itself.
//!
//! ## Why is this bad?
//! A rule file decides what is accepted and what apply does with it. The base's rules judge the
//! change that brings a new rule file, so what that allows is checked by nothing until it has
//! merged. A reviewer must see it.
//!
//! ## Example
//! ```yaml
//! # goldenpath.yaml, in a change that adds a secret
//! rules:
//!   GP201: off
//! ```
//!
//! ## Use instead
//! A change of its own, approved by those who own the rules. The rules apply to changes that come
//! after it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Catalog, ChangedRuleFile, Entry, EntryState, Project, RuleFile};
use crate::config::KeyChange;

pub(super) const RULE: Rule = Rule {
    code: "GP701",
    name: "rules-changed",
    severity: Severity::Warning,
    source: include_str!("gp701_rules_changed.rs"),
    check: RuleCheck::Catalog(check),
};

/// How many keys of one file are named.
const MOST_KEYS: usize = 40;

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    for file in &catalog.rule_change.files {
        let Some(entry) = file.shown() else { continue };
        let mut span = None;
        let (pointer, message) = match &file.changed {
            ChangedRuleFile::Keys(changes) => {
                // What is in a section that is new or gone counts, not that there is one.
                let changes: Vec<KeyChange> = match file.path.ends_with(".json") {
                    true => changes.clone(),
                    false => changes.iter().flat_map(single).collect(),
                };
                let pointer = changes.first().map(KeyChange::pointer).unwrap_or_default();
                (pointer, format!("{}: {}", what_happens(file), names(file, &changes)))
            }
            ChangedRuleFile::Owners(owners) => {
                span = new_line(file);
                (
                    String::new(),
                    format!("{}, and with it who owns {}", what_happens(file), owners.join(", ")),
                )
            }
            ChangedRuleFile::Text => (String::new(), what_happens(file)),
        };
        let help = "the rules of the base judge this change, and these apply from the merge on: have those who own \
                    the rules review it";
        let span = span.unwrap_or_else(|| key_span(entry, &pointer));
        sink.over(entry, span, &pointer, message, help.to_owned());
    }
}

fn what_happens(file: &RuleFile) -> String {
    let path = &file.path;
    match (&file.before, &file.after) {
        (None, _) => format!("the rule file `{path}` is new"),
        (_, None) => format!("the rule file `{path}` is removed"),
        (_, Some(after)) => match &after.state {
            EntryState::Unreadable(why) => {
                format!("the rule file `{path}` cannot be read any more: {why}")
            }
            _ => format!("the rule file `{path}` changes"),
        },
    }
}

fn single(change: &KeyChange) -> Vec<KeyChange> {
    let leaves = change.leaves();
    if leaves.is_empty() { vec![change.clone()] } else { leaves }
}

/// The first line that the file did not have before.
fn new_line(file: &RuleFile) -> Option<Range<usize>> {
    let (before, after) = (file.before.as_ref()?, file.after.as_ref()?);
    let known: BTreeSet<&str> = before.text.lines().collect();
    let mut start = 0;
    for line in after.text.split_inclusive('\n') {
        let shown = line.trim_end();
        if !known.contains(line.trim_end_matches(['\r', '\n'])) {
            return Some(start..start + shown.len());
        }
        start += line.len();
    }
    None
}

/// The keys, each with what happens to it.
pub(super) fn names(file: &RuleFile, changes: &[KeyChange]) -> String {
    let is_json = file.path.ends_with(".json");
    let (named, more) = changes.split_at(changes.len().min(MOST_KEYS));
    let mut names: Vec<String> =
        named.iter().map(|change| format!("{} ({change})", change.name(is_json))).collect();
    if !more.is_empty() {
        names.push(format!("and {} more", more.len()));
    }
    names.join(", ")
}

/// The key that a pointer leads to, or the nearest one around it that is there.
pub(super) fn key_span(entry: &Entry, pointer: &str) -> Range<usize> {
    match entry.root().and_then(|root| root.at(pointer)) {
        Some((Some(key), _)) => key.span.clone(),
        Some((None, _)) => entry.span(""),
        None => pointer.rsplit_once('/').map_or(0..0, |(parent, _)| key_span(entry, parent)),
    }
}
