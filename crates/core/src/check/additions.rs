//! Names that a change uses and that the upstream branch does not have yet.
//!
//! They are reported while the developer can still act on it.

use std::collections::BTreeSet;

use super::{CheckError, Note, Reporter};
use crate::catalog::{Catalog, ConfigFile, Entry, Project, RuleChange, RuleSnapshot};
use crate::rules::RuleSet;
use crate::vcs::{File, Repository, Snapshot};

/// Reports each of `entries` with a name that the upstream branch does not have.
///
/// The rules of `project` at `snapshot` accept it; the check of the pull request will reject it.
/// The upstream branch is used as far as this clone knows it.
pub fn report_additions<'a>(
    repository: &Repository,
    snapshot: Snapshot,
    (project, config): (&Project, &ConfigFile),
    entries: impl Iterator<Item = &'a Entry>,
    reporter: &dyn Reporter,
) {
    let Some(upstream) = repository.upstream_branch() else { return };
    let branch = upstream.name.trim_start_matches("refs/heads/");
    match additions(repository, (snapshot, project), upstream.tip, entries, config) {
        Ok(additions) => {
            for (path, value, files) in &additions {
                reporter.note(&Note::NotUpstream { path, value, files, branch });
            }
        }
        Err(error) => reporter.note(&Note::UpstreamUnknown { branch, error: &error }),
    }
}

/// Returns each path with a name that it uses, and the files that add this name.
fn additions<'a>(
    repository: &Repository,
    (snapshot, project): (Snapshot, &Project),
    upstream: Snapshot,
    entries: impl Iterator<Item = &'a Entry>,
    config: &ConfigFile,
) -> Result<BTreeSet<(String, String, String)>, CheckError> {
    let mut found = BTreeSet::new();
    // Usually the rule files are those of the upstream branch.
    if !RuleChange::differs_between(repository, project, upstream, snapshot)?
        || Project::is_uninitialized(repository, upstream, config)?
    {
        return Ok(found);
    }
    let theirs = Project::open_with(repository, upstream, config)?;
    let change = RuleChange::between_projects(
        repository,
        RuleSnapshot { project: &theirs, snapshot: upstream },
        RuleSnapshot { project, snapshot },
    )?;
    let names = change.added();
    if names.is_empty() {
        return Ok(found);
    }
    let uses = |entry: &&Entry| names.iter().any(|name| entry.text.contains(name.as_str()));
    let read = |entry: &Entry| {
        let file = File { path: entry.path.clone(), bytes: Ok(entry.text.clone().into_bytes()) };
        Entry::read(file, true, &theirs)
    };
    let catalog = Catalog::of(snapshot, entries.filter(uses).map(read).collect());
    for finding in RuleSet::of(&theirs)?.preview(&catalog) {
        let value =
            catalog.at(&finding.path).and_then(|entry| entry.root()?.string_at(&finding.pointer));
        if let Some(value) = value.filter(|value| names.contains(*value)) {
            found.insert((
                finding.path.clone(),
                value.to_owned(),
                change.files_that_add(value).join(" and "),
            ));
        }
    }
    Ok(found)
}
