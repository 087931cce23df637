//! `goldenpath validate`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Context, Failure, Outcome};
use crate::catalog::{Catalog, Project, Selection};
use crate::diagnostics::{count, findings_as_json, findings_for_people, summary};
use crate::rules::{self, Severity};
use crate::source::{Change, Repository, Snapshot, SourceError};

/// Check manifests, and point at what is wrong
///
/// Checks the files and folders named, or the whole catalog. Uniqueness is always checked across the catalog. Exits
/// with 0 when there are no errors (warnings allowed), 1 when there are, and 2 when the check could not run.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("base").multiple(true)))]
pub(super) struct Args {
    /// Manifests and folders; the whole catalog if there are none
    paths: Vec<PathBuf>,
    /// Check what is staged for the next commit, as the git index holds it
    #[arg(long, conflicts_with = "paths")]
    staged: bool,
    /// Check what a change adds, from where its history left this commit; the rules are this commit's too
    #[arg(long, value_name = "COMMIT", group = "base", conflicts_with_all = ["paths", "staged"])]
    from_ref: Option<String>,
    /// The change's last commit [default: HEAD]
    #[arg(long, value_name = "COMMIT", requires = "base", conflicts_with_all = ["paths", "staged"])]
    to_ref: Option<String>,
    /// Check what merging the change into this branch would make, without merging
    #[arg(long, value_name = "COMMIT", group = "base", conflicts_with_all = ["paths", "staged"])]
    merge_with: Option<String>,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// Drawn into the file's text
    #[default]
    Human,
    /// One JSON object
    Json,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let range = args.range(&repository)?;
    let project = context.open(&repository, range.rules_from)?;
    let (selection, change) = range.selection(args, &repository, &project)?;
    let mut catalog = Catalog::load(&repository, &project, range.after, &selection)?;
    if let (Some(before), Some(change)) = (range.before, &change) {
        catalog.compare(&repository, &project, change, before, range.past.unwrap_or(before))?;
    }
    let findings = rules::check(&catalog, &project)?;
    let files = catalog.selected().count();
    if files == 0 && !args.paths.is_empty() {
        let folder = &project.config.catalog;
        context.streams.talk(&format!("no manifest there: the catalog is `{folder}`"));
    }
    if context.streams.verbose {
        for entry in catalog.selected() {
            context.streams.talk(&format!("checking {}", entry.path));
        }
    }
    for path in change.iter().flat_map(|change| {
        project.rule_files().into_iter().filter(|path| change.after.contains(*path) || change.before.contains(*path))
    }) {
        if range.rules_from != range.after {
            context.streams.talk(&format!("Note: {path} changes; this is judged by the one in {}.", range.rules_from));
        }
    }
    match args.format {
        Format::Human => {
            let look = context.streams.out;
            context.streams.result(&findings_for_people(&findings, &catalog, look));
            context.streams.result(&summary(files, &findings, look));
        }
        Format::Json => context.streams.result(&format!("{:#}\n", findings_as_json(files, &findings))),
    }
    Ok(if count(&findings, Severity::Error) > 0 { Outcome::Failed } else { Outcome::Done })
}

/// Which state is judged, against which one before it, and by whose rules.
struct Range {
    before: Option<Snapshot>,
    after: Snapshot,
    rules_from: Snapshot,
    /// Whose history tells which IDs were used before; by default that of `before`.
    past: Option<Snapshot>,
}

/// What git writes for a ref that does not exist, on either side of a push (githooks, "pre-receive").
fn is_no_commit(spec: &str) -> bool {
    matches!(spec.len(), 40 | 64) && spec.bytes().all(|byte| byte == b'0')
}

impl Args {
    fn range(&self, repository: &Repository) -> Result<Range, Failure> {
        if self.staged {
            let before = match repository.head() {
                Ok(head) => Some(head),
                Err(SourceError::NoCommit) => None,
                Err(error) => return Err(error.into()),
            };
            // What was tried and dropped on this branch alone uses up nothing.
            let past = repository.upstream();
            return Ok(Range { before, after: Snapshot::Index, rules_from: Snapshot::Index, past });
        }
        if self.from_ref.is_none() && self.merge_with.is_none() {
            return Ok(Range { before: None, after: Snapshot::WorkTree, rules_from: Snapshot::WorkTree, past: None });
        }
        let to = self.to_ref.as_ref().map_or_else(|| repository.head(), |spec| repository.commit(spec))?;
        let from = match self.from_ref.as_deref() {
            Some(spec) if is_no_commit(spec) => None,
            Some(spec) => Some(repository.commit(spec)?),
            None => None,
        };
        Ok(match &self.merge_with {
            // What the branch that is merged into gains, judged by its rules.
            Some(spec) => {
                let target = repository.commit(spec)?;
                Range {
                    before: Some(target),
                    after: repository.merge(target, to)?,
                    rules_from: from.unwrap_or(target),
                    past: None,
                }
            }
            None => {
                let before = from.map(|from| repository.merge_base(from, to)).transpose()?;
                Range { before, after: to, rules_from: from.unwrap_or(to), past: None }
            }
        })
    }
}

impl Range {
    /// What changes, and so which manifests are judged: all of them when what judges them changes too.
    fn selection(
        &self,
        args: &Args,
        repository: &Repository,
        project: &Project,
    ) -> Result<(Selection, Option<Change>), Failure> {
        if self.after == Snapshot::WorkTree {
            return Ok((Selection::of(repository, &args.paths)?, None));
        }
        let catalog = project.config.catalog.as_str();
        let mut change =
            repository.change(self.before, self.after, &[&project.rule_files()[..], &[catalog]].concat())?;
        let judged_by_itself = self.rules_from == self.after;
        // A file that goes counts too: what is built in judges from then on.
        let touched = |path: &str| change.after.contains(path) || change.before.contains(path);
        let all = judged_by_itself && project.rule_files().into_iter().any(touched);
        let selection = match all {
            true => Selection::All,
            false => Selection::Paths(change.after.iter().filter(|path| project.is_manifest(path)).cloned().collect()),
        };
        if args.staged
            && let Some(upstream) = repository.upstream()
        {
            // What has not merged yet is its author's to change: only what the upstream branch holds is a promise.
            let mut merged = BTreeSet::new();
            for path in &change.before {
                if repository.holds(upstream, path)? {
                    merged.insert(path.clone());
                }
            }
            change.before = merged;
        }
        Ok((selection, Some(change)))
    }
}
