//! Carrying fixes out: findings → files that have fewer of them.
//!
//! All of it happens in memory first: [`mend`] changes a catalog's entries, judges them again, and goes on until there is
//! nothing more to fix. What came of it is shown, or written by [`write`].

mod applicability;
mod write;

use std::collections::BTreeMap;
use std::mem;

pub use applicability::{FixContext, settle};
pub use write::{WriteError, write};

use crate::catalog::{Catalog, Entry, Project};
use crate::config::ConfigError;
use crate::manifest::ViolationKind;
use crate::rules::{Applicability, Finding, Fix, Patch, Rule, RuleSet};
use crate::vcs::File;
use crate::yaml::{NodeValue, YamlEdit};

/// How often what was fixed is judged again and fixed further. A fix makes way for a few others: a key that is spelt
/// right for its value, that value for the file's place.
const ROUNDS: usize = 10;

/// What came of fixing.
#[derive(Debug)]
pub struct FixOutcome {
    /// As it is now.
    pub catalog: Catalog,
    /// What was done, in its order.
    pub done: Vec<AppliedFix>,
    /// The files that are not what they were, sorted by the path that they have now.
    pub rewrites: Vec<Rewrite>,
    /// What is left.
    pub findings: Vec<Finding>,
    /// Files that were not moved, and why.
    pub unmoved: Vec<(String, String)>,
}

/// One finding that was fixed.
#[derive(Debug)]
pub struct AppliedFix {
    /// Where it was found.
    pub path: String,
    pub rule: &'static Rule,
    /// What was done about it.
    pub message: String,
}

/// A file that is another one now.
#[derive(Debug)]
pub struct Rewrite {
    /// As it was, under its path.
    pub before: Entry,
    /// The path that it has now, which leads to what it is now in the catalog.
    pub path: String,
}

/// Fixes in `catalog` what `findings` say can be fixed: what is safe, and with `unsafe_too` the rest. Nothing is written.
///
/// # Errors
/// A policy cannot be run on what came of it.
pub fn mend(
    mut catalog: Catalog,
    project: &Project,
    mut findings: Vec<Finding>,
    ground: &FixContext<'_>,
    unsafe_too: bool,
) -> Result<FixOutcome, ConfigError> {
    let rules = RuleSet::of(project)?;
    let (mut done, mut unmoved, mut origins) = (Vec::new(), Vec::new(), BTreeMap::new());
    for _ in 0..ROUNDS {
        let mut round = Round {
            catalog: &mut catalog,
            project,
            origins: &mut origins,
            done: Vec::new(),
            moves: Vec::new(),
        };
        for of_a_file in findings.chunk_by(|one, other| one.path == other.path) {
            round.fix_file(of_a_file, unsafe_too);
        }
        unmoved = round.move_files(ground);
        if round.done.is_empty() {
            break;
        }
        done.append(&mut round.done);
        catalog.entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        (catalog, findings) = rules.check(catalog)?;
        let first = |path: &str| {
            origins.get(path).map_or_else(|| path.to_owned(), |entry| entry.path.clone())
        };
        applicability::settle_moved(&mut findings, &catalog, project, ground, first);
    }
    let is_another = |(path, before): &(String, Entry)| {
        *path != before.path || catalog.at(path).is_some_and(|after| after.text != before.text)
    };
    let rewrites = origins
        .into_iter()
        .filter(is_another)
        .map(|(path, before)| Rewrite { before, path })
        .collect();
    Ok(FixOutcome { catalog, done, rewrites, findings, unmoved })
}

/// One pass over the findings.
struct Round<'a> {
    catalog: &'a mut Catalog,
    project: &'a Project,
    /// What the entries that were changed have been at first, by the path that they have now.
    origins: &'a mut BTreeMap<String, Entry>,
    done: Vec<AppliedFix>,
    /// What is to move when all is read: the number of the entry, where to, and for which finding.
    moves: Vec<(usize, String, AppliedFix)>,
}

impl Round<'_> {
    /// Fixes what the findings in one file say, one after the other. What concerns the same field comes in the next
    /// round, and so does the file's place, which may follow from its fields.
    fn fix_file(&mut self, findings: &[Finding], unsafe_too: bool) {
        let Some(path) = findings.first().map(|finding| finding.path.as_str()) else { return };
        let Ok(number) =
            self.catalog.entries.binary_search_by(|entry| entry.path.as_str().cmp(path))
        else {
            return;
        };
        let mut touched: Vec<&str> = Vec::new();
        for finding in findings {
            let wanted = |fix: &&Fix| unsafe_too || fix.applicability == Applicability::Safe;
            let Some(fix) = finding.fix.as_ref().filter(wanted) else { continue };
            let done = AppliedFix {
                path: finding.path.clone(),
                rule: finding.rule,
                message: fix.message.clone(),
            };
            match &fix.patch {
                Patch::Document(change) => {
                    let pointer = change.pointer();
                    if touched.iter().any(|other| are_related(other, pointer)) {
                        continue;
                    }
                    if let Some(entry) =
                        changed(&self.catalog.entries[number], change, self.project)
                    {
                        self.put(number, entry);
                        self.done.push(done);
                        touched.push(pointer);
                    }
                }
                Patch::Path(to) if touched.is_empty() => {
                    self.moves.push((number, to.clone(), done))
                }
                Patch::Path(_) => {}
            }
        }
    }

    /// Moves the files whose place is free, and says why the others stay.
    fn move_files(&mut self, ground: &FixContext<'_>) -> Vec<(String, String)> {
        let mut unmoved = Vec::new();
        let moves = mem::take(&mut self.moves);
        for (number, to, done) in &moves {
            let others = moves.iter().filter(|(_, other, _)| other == to).count();
            let is_there = self.catalog.entries.iter().any(|entry| entry.path == *to);
            let refused = match (others, is_there) {
                (1, false) => ground.why_not(&done.path, to),
                (1, true) => Some(format!("`{to}` is there already")),
                _ => Some(format!("{others} files belong at `{to}`")),
            };
            match refused {
                Some(why) => unmoved.push((done.path.clone(), why)),
                None => {
                    let bytes = self.catalog.entries[*number].text.clone().into_bytes();
                    let file = File { path: to.clone(), bytes: Ok(bytes) };
                    self.put(*number, Entry::read(file, true, self.project));
                    if let Some(since) = self.catalog.outlived.remove(&done.path) {
                        self.catalog.outlived.insert(to.clone(), since);
                    }
                    if let Some(before) = &mut self.catalog.before {
                        before.changed.insert(to.clone());
                    }
                    let AppliedFix { path, rule, message } = done;
                    self.done.push(AppliedFix {
                        path: path.clone(),
                        rule,
                        message: message.clone(),
                    });
                }
            }
        }
        unmoved
    }

    fn put(&mut self, number: usize, entry: Entry) {
        let path = entry.path.clone();
        let old = mem::replace(&mut self.catalog.entries[number], entry);
        let origin = self.origins.remove(&old.path).unwrap_or(old);
        self.origins.insert(path, origin);
    }
}

/// Whether one field is the other, or in it.
fn are_related(one: &str, other: &str) -> bool {
    let is_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_in(one, other) || is_in(other, one)
}

/// The entry with a change in it; None where that cannot be done, or does not mend what it is for.
fn changed(entry: &Entry, change: &YamlEdit, project: &Project) -> Option<Entry> {
    let text = change.apply(&entry.text, entry.root()?)?;
    let file = File { path: entry.path.clone(), bytes: Ok(text.into_bytes()) };
    let changed = Entry::read(file, true, project);
    let (violations, root) = (&changed.manifest()?.violations, changed.root()?);
    let result = change.result();
    let is_mended = |pointer: &str| match change {
        YamlEdit::Set { .. } | YamlEdit::Add { .. } => {
            !violations.iter().any(|violation| violation.pointer == pointer)
        }
        // A field that is called rightly may still have a wrong value, but not a word in place of a mapping.
        _ => !violations.iter().any(|violation| match &violation.kind {
            ViolationKind::WrongType { expected } if violation.pointer == pointer => {
                let node = root.at(pointer).map(|(_, node)| &node.value);
                expected == "object"
                    || matches!(node, Some(NodeValue::Mapping(_) | NodeValue::Sequence(_)))
            }
            _ => false,
        }),
    };
    result.as_deref().is_none_or(is_mended).then_some(changed)
}
