//! Which of the fixes that rules propose can be carried out, and which of those need a person after all. A rule sees one
//! manifest; here is what stands around it: its folder, its neighbours, and what the last commit promised.

use std::cell::OnceCell;

use rayon::prelude::*;

use super::changed;
use crate::catalog::{Catalog, Entry, Project};
use crate::files;
use crate::manifest::{DnsLabel, MAX_BYTES, SecretId};
use crate::rules::{Applicability, Finding, Patch};
use crate::vcs::{File, Repository, Snapshot, is_yaml};
use crate::yaml::{Scalar, YamlEdit};

/// The rules that find the fields of one manifest in another.
const DUPLICATES: [&str; 3] = ["GP302", "GP303", "GP304"];

/// How many findings of one file are fixed in a round at most.
const MOST_OF_A_FILE: usize = 100;

/// The bytes that are read anew for the fixes of one file: each of them means reading all of it.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Where the fields stand that say where a file belongs, in the order of its path's parts.
const PLACE: [&str; 3] = ["/metadata/service", "/metadata/environment", "/metadata/id"];

/// What a fix has to go by outside of the catalog.
pub struct FixContext<'a> {
    repository: &'a Repository,
    /// What has been promised: the branch that merges go to, or else the last commit. Looked up when it is asked for.
    base: OnceCell<Option<Snapshot>>,
}

impl<'a> FixContext<'a> {
    #[must_use]
    pub fn of(repository: &'a Repository) -> Self {
        Self { repository, base: OnceCell::new() }
    }

    /// The manifest that has been at `path`.
    fn before(&self, path: &str, project: &Project) -> Option<Entry> {
        let base = self
            .base
            .get_or_init(|| self.repository.upstream().or_else(|| self.repository.head().ok()));
        let bytes = self.repository.read((*base)?, path, MAX_BYTES).ok()??;
        Some(Entry::read(File { path: path.to_owned(), bytes }, false, project))
    }

    /// Why the file at `from` cannot move to `to`, if so.
    pub(super) fn why_not(&self, from: &str, to: &str) -> Option<String> {
        if to.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
            return Some(format!("`{to}` leads into git's own folder"));
        }
        match files::confine(self.repository.root(), to) {
            Err(why) => return Some(why),
            // Where case makes no difference, a file is in the way of its own new name.
            Ok(path)
                if path.symlink_metadata().is_ok()
                    && !is_same(&path, &self.repository.root().join(from)) =>
            {
                return Some(format!("`{to}` is there already"));
            }
            Ok(_) => {}
        }
        match (self.repository.is_in_index(to), self.repository.is_in_conflict(from)) {
            (Ok(false), Ok(false)) => None,
            (Ok(true), _) => Some(format!("`{to}` is in the index already")),
            (_, Ok(true)) => {
                Some("the index holds several versions of it; resolve the merge first".to_owned())
            }
            (Err(error), _) | (_, Err(error)) => Some(error.to_string()),
        }
    }
}

fn is_same(one: &std::path::Path, other: &std::path::Path) -> bool {
    one.canonicalize().ok().is_some_and(|one| other.canonicalize().ok() == Some(one))
}

/// Takes away the fixes that cannot be carried out, and marks as unsafe those that what stands around speaks against.
pub fn settle(
    findings: &mut [Finding],
    catalog: &Catalog,
    project: &Project,
    ground: &FixContext<'_>,
) {
    settle_moved(findings, catalog, project, ground, str::to_owned);
}

/// The same for a catalog whose files have moved; `first` says where one was at first.
pub(super) fn settle_moved(
    findings: &mut [Finding],
    catalog: &Catalog,
    project: &Project,
    ground: &FixContext<'_>,
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
                .and_then(|entry| changed(entry, change, project))
                .is_some(),
        };
        if !works {
            finding.fix = None;
        }
    });
    let not_its_own: Vec<String> = findings
        .iter()
        .filter(|finding| DUPLICATES.contains(&finding.rule.code))
        .map(|finding| finding.path.clone())
        .collect();
    for finding in findings {
        let (Some(fix), Some(entry)) = (&mut finding.fix, catalog.at(&finding.path)) else {
            continue;
        };
        let is_doubtful = match &fix.patch {
            Patch::Document(YamlEdit::Set { pointer, value: Scalar::String(value) }) => {
                is_contradicted(entry, pointer, value, project)
                    || (is_a_promise(pointer)
                        && ground
                            .before(&first(&entry.path), project)
                            .is_some_and(|old| is_kept(&old, pointer, value)))
            }
            Patch::Document(_) => false,
            Patch::Path(_) => {
                !project.is_manifest(&entry.path)
                    || not_its_own.contains(&entry.path)
                    || ground.before(&first(&entry.path), project).is_some_and(|old| {
                        let now = |pointer| entry.root()?.string_at(pointer);
                        PLACE.iter().any(|pointer| {
                            now(pointer).is_some_and(|now| is_kept(&old, pointer, now))
                        })
                    })
            }
        };
        if is_doubtful {
            fix.applicability = Applicability::Unsafe;
        }
    }
}

/// Whether the folder, or the file's name, says something else than both the old value and the new one.
fn is_contradicted(entry: &Entry, pointer: &str, value: &str, project: &Project) -> bool {
    let below = entry.path.strip_prefix(project.folder()).and_then(|rest| rest.strip_prefix('/'));
    let parts: Vec<&str> = below.unwrap_or_default().split('/').collect();
    let number = PLACE.iter().position(|place| *place == pointer);
    let (Some(number), 3) = (number, parts.len()) else { return false };
    let name = |part: &str| match is_yaml(std::path::Path::new(part)) {
        true => part.rsplit_once('.').map_or(part, |(stem, _)| stem).to_owned(),
        false => part.to_owned(),
    };
    let old = entry.root().and_then(|root| root.string_at(pointer));
    let place = if number == 2 { name(parts[number]) } else { parts[number].to_owned() };
    place != value && Some(place.as_str()) != old
}

/// Whether GP401 or GP402 holds the field at `pointer` to what it was.
fn is_a_promise(pointer: &str) -> bool {
    PLACE.contains(&pointer) || matches!(pointer, "/metadata/name" | "/spec/provider")
}

/// Whether `old` has something else than `value` there, of which there can be a secret.
fn is_kept(old: &Entry, pointer: &str, value: &str) -> bool {
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
