//! What the branch that merges go to does not accept yet: said where a developer can still do
//! something about it.

use std::collections::BTreeSet;

use crate::cli::Context;
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Entry, Project, RuleChange, Side};
use goldenpath_core::rules::RuleSet;
use goldenpath_core::sanitize::harmless;
use goldenpath_core::vcs::{File, Repository, Snapshot};

/// Warns of each of the `entries` that the rules of `project`, as `snapshot` has them, accept only
/// because of a name that a list of the upstream branch does not have, as far as this clone knows
/// that branch. The check of the pull request will refuse it.
pub(crate) fn warn_of_additions<'a>(
    repository: &Repository,
    snapshot: Snapshot,
    project: &Project,
    entries: impl Iterator<Item = &'a Entry>,
    context: &Context,
) {
    let Some(branch) = repository.upstream_branch() else { return };
    let name = branch.name.trim_start_matches("refs/heads/");
    match additions(repository, (snapshot, project), branch.tip, entries, context) {
        Ok(additions) => {
            for (path, value, files) in additions {
                context.streams.talk_once(&harmless(&format!(
                    "Warning: {path} uses `{value}`, which {files} of the upstream branch `{name}` does not have yet. The \
                     rules of that branch judge a pull request: merge the change of {files} first."
                )));
            }
        }
        Err(failure) => context.streams.talk_once(&harmless(&format!(
            "Warning: cannot compare with the rules of the upstream branch `{name}`: {}.",
            failure.report()
        ))),
    }
}

/// Each path with a name that it uses, and the files that add this name.
fn additions<'a>(
    repository: &Repository,
    (snapshot, project): (Snapshot, &Project),
    upstream: Snapshot,
    entries: impl Iterator<Item = &'a Entry>,
    context: &Context,
) -> Result<BTreeSet<(String, String, String)>, Failure> {
    let mut found = BTreeSet::new();
    let config = context.config_file(repository);
    // Most often the rule files are those of the upstream branch.
    if !RuleChange::is_other_in(repository, project, upstream, snapshot)?
        || Project::is_blank(repository, upstream, &config)?
    {
        return Ok(found);
    }
    let theirs = Project::open_with(repository, upstream, &config)?;
    let change = RuleChange::of_rules(
        repository,
        Side { project: &theirs, snapshot: upstream },
        Side { project, snapshot },
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
                change.adding(value).join(" and "),
            ));
        }
    }
    Ok(found)
}
