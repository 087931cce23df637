//! Applies fixes to manifests.
//!
//! All changes happen in memory first: [`apply`] edits a catalog's entries, checks them again, and
//! repeats until no fix is left. The result is shown, or written by [`write`].

mod applicability;
mod write;

use std::collections::BTreeMap;
use std::mem;

pub use applicability::{FixContext, check_fixes};
pub use write::{WriteError, write};

use crate::catalog::{Catalog, Entry, Project};
use crate::config::ConfigError;
use crate::manifest::ViolationKind;
use crate::rules::{Applicability, Finding, Fix, Patch, Rule, RuleSet};
use crate::vcs::File;
use crate::yaml::{NodeValue, YamlEdit};

/// The maximum number of rounds of checking and fixing.
///
/// A fix can enable others: a renamed key enables a fix of its value, which enables a move of the
/// file.
const ROUNDS: usize = 10;

/// The result of applying fixes.
#[derive(Debug)]
pub struct FixOutcome {
    /// The catalog after the fixes.
    pub catalog: Catalog,
    /// The applied fixes, in order.
    pub applied: Vec<AppliedFix>,
    /// The changed files, sorted by their new path.
    pub rewrites: Vec<Rewrite>,
    /// The remaining findings.
    pub findings: Vec<Finding>,
    /// The files that could not be moved, each with the reason.
    pub unmoved: Vec<(String, String)>,
}

/// One finding that was fixed.
#[derive(Debug)]
pub struct AppliedFix {
    /// The path of the file before the fix.
    pub path: String,
    /// The rule of the finding.
    pub rule: &'static Rule,
    /// The message of the fix.
    pub message: String,
}

/// A file that was changed or moved.
#[derive(Debug)]
pub struct Rewrite {
    /// The file before the change, with its old path.
    pub before: Entry,
    /// The new path, at which the catalog has the new content.
    pub path: String,
}

/// Applies the fixes of `findings` to `catalog`, in memory.
///
/// Unsafe fixes are applied only with `with_unsafe`.
///
/// # Errors
/// A policy cannot be evaluated on the result.
pub fn apply(
    mut catalog: Catalog,
    project: &Project,
    mut findings: Vec<Finding>,
    context: &FixContext<'_>,
    with_unsafe: bool,
) -> Result<FixOutcome, ConfigError> {
    let rules = RuleSet::of(project)?;
    let (mut applied, mut unmoved, mut origins) = (Vec::new(), Vec::new(), BTreeMap::new());
    for _ in 0..ROUNDS {
        let mut pass = FixPass {
            catalog: &mut catalog,
            project,
            origins: &mut origins,
            applied: Vec::new(),
            moves: Vec::new(),
        };
        for of_a_file in findings.chunk_by(|one, other| one.path == other.path) {
            pass.fix_file(of_a_file, with_unsafe);
        }
        unmoved = pass.move_files(context);
        if pass.applied.is_empty() {
            break;
        }
        applied.append(&mut pass.applied);
        catalog.entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        (catalog, findings) = rules.check(catalog)?;
        let first = |path: &str| {
            origins.get(path).map_or_else(|| path.to_owned(), |entry| entry.path.clone())
        };
        applicability::check_fixes_of_moved(&mut findings, &catalog, project, context, first);
    }
    let is_another = |(path, before): &(String, Entry)| {
        *path != before.path || catalog.at(path).is_some_and(|after| after.text != before.text)
    };
    let rewrites = origins
        .into_iter()
        .filter(is_another)
        .map(|(path, before)| Rewrite { before, path })
        .collect();
    Ok(FixOutcome { catalog, applied, rewrites, findings, unmoved })
}

/// One pass over the findings.
struct FixPass<'a> {
    catalog: &'a mut Catalog,
    project: &'a Project,
    /// The original versions of changed entries, by their new path.
    origins: &'a mut BTreeMap<String, Entry>,
    applied: Vec<AppliedFix>,
    /// Pending moves: the index of the entry, the new path, and the fix.
    moves: Vec<(usize, String, AppliedFix)>,
}

impl FixPass<'_> {
    /// Applies the fixes of one file in order.
    ///
    /// A second fix of the same field waits for the next round. So does a move after an edit, since
    /// the path depends on the fields.
    fn fix_file(&mut self, findings: &[Finding], with_unsafe: bool) {
        let Some(path) = findings.first().map(|finding| finding.path.as_str()) else { return };
        let Ok(number) =
            self.catalog.entries.binary_search_by(|entry| entry.path.as_str().cmp(path))
        else {
            return;
        };
        let mut touched: Vec<&str> = Vec::new();
        for finding in findings {
            let wanted = |fix: &&Fix| with_unsafe || fix.applicability == Applicability::Safe;
            let Some(fix) = finding.fix.as_ref().filter(wanted) else { continue };
            let applied = AppliedFix {
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
                        apply_edit(&self.catalog.entries[number], change, self.project)
                    {
                        self.replace_entry(number, entry);
                        self.applied.push(applied);
                        touched.push(pointer);
                    }
                }
                Patch::Path(to) if touched.is_empty() => {
                    self.moves.push((number, to.clone(), applied))
                }
                Patch::Path(_) => {}
            }
        }
    }

    /// Moves files to free paths, and returns the others with the reason.
    fn move_files(&mut self, context: &FixContext<'_>) -> Vec<(String, String)> {
        let mut unmoved = Vec::new();
        let moves = mem::take(&mut self.moves);
        for (number, to, applied) in &moves {
            let others = moves.iter().filter(|(_, other, _)| other == to).count();
            let is_there = self.catalog.entries.iter().any(|entry| entry.path == *to);
            let refused = match (others, is_there) {
                (1, false) => context.find_move_obstacle(&applied.path, to),
                (1, true) => Some(format!("`{to}` already exists")),
                _ => Some(format!("{others} files belong at `{to}`")),
            };
            match refused {
                Some(why) => unmoved.push((applied.path.clone(), why)),
                None => {
                    let bytes = self.catalog.entries[*number].text.clone().into_bytes();
                    let file = File { path: to.clone(), bytes: Ok(bytes) };
                    self.replace_entry(*number, Entry::read(file, true, self.project));
                    if let Some(since) = self.catalog.expired.remove(&applied.path) {
                        self.catalog.expired.insert(to.clone(), since);
                    }
                    if let Some(before) = &mut self.catalog.before {
                        before.changed.insert(to.clone());
                    }
                    let AppliedFix { path, rule, message } = applied;
                    self.applied.push(AppliedFix {
                        path: path.clone(),
                        rule,
                        message: message.clone(),
                    });
                }
            }
        }
        unmoved
    }

    /// Replaces an entry, and keeps its original version.
    fn replace_entry(&mut self, number: usize, entry: Entry) {
        let path = entry.path.clone();
        let old = mem::replace(&mut self.catalog.entries[number], entry);
        let origin = self.origins.remove(&old.path).unwrap_or(old);
        self.origins.insert(path, origin);
    }
}

/// Returns whether one pointer equals or contains the other.
fn are_related(one: &str, other: &str) -> bool {
    let is_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_in(one, other) || is_in(other, one)
}

/// Returns the changed entry; None if the edit fails or does not solve the problem.
fn apply_edit(entry: &Entry, change: &YamlEdit, project: &Project) -> Option<Entry> {
    let text = change.apply(&entry.text, entry.root()?)?;
    let file = File { path: entry.path.clone(), bytes: Ok(text.into_bytes()) };
    let changed = Entry::read(file, true, project);
    let (violations, root) = (&changed.manifest()?.violations, changed.root()?);
    let result = change.result();
    let is_fixed = |pointer: &str| match change {
        YamlEdit::Set { .. } | YamlEdit::Add { .. } => {
            !violations.iter().any(|violation| violation.pointer == pointer)
        }
        // A renamed field may still have a wrong value, but not a scalar in place of a mapping.
        _ => !violations.iter().any(|violation| match &violation.kind {
            ViolationKind::WrongType { expected } if violation.pointer == pointer => {
                let node = root.at(pointer).map(|(_, node)| &node.value);
                expected == "object"
                    || matches!(node, Some(NodeValue::Mapping(_) | NodeValue::Sequence(_)))
            }
            _ => false,
        }),
    };
    result.as_deref().is_none_or(is_fixed).then_some(changed)
}
