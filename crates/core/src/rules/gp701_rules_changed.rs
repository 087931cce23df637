//! Rule files change on purpose, and in a separate change.
//!
//! ## What it does
//! On a change of commits (`--from-ref`, `--merge-with`, hooks on a server, pre-push), reports each
//! rule file whose content changes, with the keys that differ: `goldenpath.yaml`, the files in
//! `schemas/` and `templates/`, and `CODEOWNERS` if it changes the owners of the catalog or of a
//! rule file. Comments and layout do not count. The base's configuration sets the level of this
//! rule; a change cannot turn it off for itself.
//!
//! ## Why is this bad?
//! A rule file decides which manifests are accepted and what `apply` does with them. The base's
//! rules check the change that brings a new rule file, so the effect of the new rules is not
//! checked before the merge. A reviewer must see it.
//!
//! ## Example
//! ```yaml
//! # goldenpath.yaml, in a change that adds a secret
//! rules:
//!   GP201: off
//! ```
//!
//! ## Use instead
//! A separate change, approved by the owners of the rules. The new rules apply to later changes.

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

/// The number of keys listed per file.
const MOST_KEYS: usize = 40;

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    for file in &catalog.rule_change.files {
        let Some(entry) = file.current_entry() else { continue };
        let mut span = None;
        let (pointer, message) = match &file.changed {
            ChangedRuleFile::Keys(changes) => {
                // For a section that was added or removed, list its keys.
                let changes: Vec<KeyChange> = if file.path.ends_with(".json") {
                    changes.clone()
                } else {
                    changes.iter().flat_map(split_section).collect()
                };
                let pointer = changes.first().map(KeyChange::pointer).unwrap_or_default();
                (pointer, format!("{}: {}", summary(file), names(file, &changes)))
            }
            ChangedRuleFile::Owners(owners) => {
                span = new_line(file);
                (
                    String::new(),
                    format!("{}, and with it the owners of {}", summary(file), owners.join(", ")),
                )
            }
            ChangedRuleFile::Text => (String::new(), summary(file)),
        };
        let help = "ask the owners of the rules to review it: the base's rules check this change, \
                    and the new ones apply after the merge";
        let span = span.unwrap_or_else(|| key_span(entry, &pointer));
        sink.at_span(entry, span, &pointer, message, help.to_owned());
    }
}

/// Says whether a rule file is new, changed, removed or unreadable.
fn summary(file: &RuleFile) -> String {
    let path = &file.path;
    match (&file.before, &file.after) {
        (None, _) => format!("the rule file `{path}` is new"),
        (_, None) => format!("the rule file `{path}` is removed"),
        (_, Some(after)) => match &after.state {
            EntryState::Unreadable(why) => {
                format!("the rule file `{path}` can no longer be read: {why}")
            }
            _ => format!("the rule file `{path}` changes"),
        },
    }
}

/// Returns the keys inside a changed section, or the change itself if it has none.
fn split_section(change: &KeyChange) -> Vec<KeyChange> {
    let leaves = change.leaves();
    if leaves.is_empty() { vec![change.clone()] } else { leaves }
}

/// Returns the first line that the file did not have before.
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

/// Lists the keys, each with its change.
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

/// Returns the span of the key at a pointer, or of its nearest existing parent.
pub(super) fn key_span(entry: &Entry, pointer: &str) -> Range<usize> {
    match entry.root().and_then(|root| root.at(pointer)) {
        Some((Some(key), _)) => key.span.clone(),
        Some((None, _)) => entry.span(""),
        None => pointer.rsplit_once('/').map_or(0..0, |(parent, _)| key_span(entry, parent)),
    }
}
