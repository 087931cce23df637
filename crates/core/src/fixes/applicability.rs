//! Decides which proposed fixes can be applied, and which of them need a person.
//!
//! A rule sees only one manifest. This module also considers its folder, the other manifests, and
//! the last commit.

use std::cell::OnceCell;

use rayon::prelude::*;

use super::apply_edit;
use crate::catalog::{Catalog, Entry, Project};
use crate::files;
use crate::manifest::{DnsLabel, MAX_BYTES, SecretId};
use crate::rules::{Applicability, Finding, Patch};
use crate::vcs::{File, Repository, Snapshot, is_yaml};
use crate::yaml::{Scalar, YamlEdit};

/// The maximum number of findings fixed per file and round.
const MOST_OF_A_FILE: usize = 100;

/// The maximum number of bytes to parse per file: each fix parses the file again.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// JSON pointers to the fields that define a file's path, in path order.
const PLACE: [&str; 3] = ["/metadata/service", "/metadata/environment", "/metadata/id"];

/// The state outside the catalog that decides about fixes.
pub struct FixContext<'a> {
    repository: &'a Repository,
    /// The default branch, or else the last commit. Resolved on first use.
    base: OnceCell<Option<Snapshot>>,
}

impl<'a> FixContext<'a> {
    /// Creates the context of a repository.
    #[must_use]
    pub fn of(repository: &'a Repository) -> Self {
        Self { repository, base: OnceCell::new() }
    }

    /// Returns the manifest that the base has at `path`.
    fn before(&self, path: &str, project: &Project) -> Option<Entry> {
        let base = self
            .base
            .get_or_init(|| self.repository.upstream().or_else(|| self.repository.head().ok()));
        let bytes = self.repository.read((*base)?, path, MAX_BYTES).ok()??;
        Some(Entry::read(File { path: path.to_owned(), bytes }, false, project))
    }

    /// Returns the reason why the file at `from` cannot move to `to`, if any.
    pub(super) fn find_move_obstacle(&self, from: &str, to: &str) -> Option<String> {
        if to.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
            return Some(format!("`{to}` is in git's own folder"));
        }
        match files::join_below(self.repository.root(), to) {
            Err(why) => return Some(why),
            // On a case-insensitive file system, `to` can be the file itself.
            Ok(path)
                if path.symlink_metadata().is_ok()
                    && !is_same(&path, &self.repository.root().join(from)) =>
            {
                return Some(format!("`{to}` already exists"));
            }
            Ok(_) => {}
        }
        match (self.repository.is_in_index(to), self.repository.is_in_conflict(from)) {
            (Ok(false), Ok(false)) => None,
            (Ok(true), _) => Some(format!("`{to}` is already in the index")),
            (_, Ok(true)) => {
                Some("it is in conflict in the index; resolve the merge first".to_owned())
            }
            (Err(error), _) | (_, Err(error)) => Some(error.to_string()),
        }
    }
}

fn is_same(one: &std::path::Path, other: &std::path::Path) -> bool {
    one.canonicalize().ok().is_some_and(|one| other.canonicalize().ok() == Some(one))
}

/// Removes fixes that cannot be applied, and marks doubtful ones as unsafe.
///
/// A fix is doubtful if the path, the default branch or another manifest contradicts it.
pub fn check_fixes(
    findings: &mut [Finding],
    catalog: &Catalog,
    project: &Project,
    context: &FixContext<'_>,
) {
    check_fixes_of_moved(findings, catalog, project, context, str::to_owned);
}

/// Like [`check_fixes`], for moved files; `first` returns the original path of a file.
pub(super) fn check_fixes_of_moved(
    findings: &mut [Finding],
    catalog: &Catalog,
    project: &Project,
    context: &FixContext<'_>,
    first: impl Fn(&str) -> String,
) {
    if findings.iter().all(|finding| finding.fix.is_none()) {
        return;
    }
    for of_a_file in findings.chunk_by_mut(|one, other| one.path == other.path) {
        let size = of_a_file
            .first()
            .and_then(|finding| catalog.at(&finding.path))
            .map_or(0, |entry| entry.text.len());
        let most = (MOST_BYTES / size.max(1)).clamp(1, MOST_OF_A_FILE);
        let fixes = of_a_file.iter_mut().filter(|finding| finding.fix.is_some());
        fixes.skip(most).for_each(|finding| finding.fix = None);
    }
    findings.par_iter_mut().for_each(|finding| {
        let works = match finding.fix.as_ref().map(|fix| &fix.patch) {
            None => return,
            Some(Patch::Path(_)) => true,
            Some(Patch::Document(change)) => catalog
                .at(&finding.path)
                .and_then(|entry| apply_edit(entry, change, project))
                .is_some(),
        };
        if !works {
            finding.fix = None;
        }
    });
    let not_its_own: Vec<String> = findings
        .iter()
        .filter(|finding| finding.rule.is_about_uniqueness())
        .map(|finding| finding.path.clone())
        .collect();
    for finding in findings {
        let (Some(fix), Some(entry)) = (&mut finding.fix, catalog.at(&finding.path)) else {
            continue;
        };
        let is_doubtful = match &fix.patch {
            Patch::Document(YamlEdit::Set { pointer, value: Scalar::String(value) }) => {
                is_contradicted(entry, pointer, value, project)
                    || (is_immutable(pointer)
                        && context
                            .before(&first(&entry.path), project)
                            .is_some_and(|old| has_other_value(&old, pointer, value)))
            }
            Patch::Document(_) => false,
            Patch::Path(_) => {
                !project.is_manifest(&entry.path)
                    || not_its_own.contains(&entry.path)
                    || context.before(&first(&entry.path), project).is_some_and(|old| {
                        let now = |pointer| entry.root()?.string_at(pointer);
                        PLACE.iter().any(|pointer| {
                            now(pointer).is_some_and(|now| has_other_value(&old, pointer, now))
                        })
                    })
            }
        };
        if is_doubtful {
            fix.applicability = Applicability::Unsafe;
        }
    }
}

/// Returns whether the path contradicts both the old and the new value.
fn is_contradicted(entry: &Entry, pointer: &str, value: &str, project: &Project) -> bool {
    let below = entry.path.strip_prefix(project.folder()).and_then(|rest| rest.strip_prefix('/'));
    let parts: Vec<&str> = below.unwrap_or_default().split('/').collect();
    let number = PLACE.iter().position(|place| *place == pointer);
    let (Some(number), 3) = (number, parts.len()) else { return false };
    let name = |part: &str| {
        if is_yaml(std::path::Path::new(part)) {
            part.rsplit_once('.').map_or(part, |(stem, _)| stem).to_owned()
        } else {
            part.to_owned()
        }
    };
    let old = entry.root().and_then(|root| root.string_at(pointer));
    let place = if number == 2 { name(parts[number]) } else { parts[number].to_owned() };
    place != value && Some(place.as_str()) != old
}

/// Returns whether the field at `pointer` must not change after the merge.
fn is_immutable(pointer: &str) -> bool {
    PLACE.contains(&pointer) || matches!(pointer, "/metadata/name" | "/spec/provider")
}

/// Returns whether `old` has another valid value at `pointer`.
///
/// A secret may exist for that value.
fn has_other_value(old: &Entry, pointer: &str, value: &str) -> bool {
    let was = old.root().and_then(|root| root.string_at(pointer));
    was.is_some_and(|was| {
        was != value
            && match pointer {
                "/metadata/id" => SecretId::parse(was).is_ok(),
                "/spec/provider" => true,
                _ => DnsLabel::parse(was).is_ok(),
            }
    })
}
