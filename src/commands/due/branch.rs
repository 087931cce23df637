//! `due --decommission`: a branch that moves due secrets one step on, for a review.

use crate::args::commit;
use crate::check_report::CheckReporter;
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::findings::{count_of, findings_for_people};
use goldenpath_core::catalog::{Catalog, Project, Selection};
use goldenpath_core::check::{Range, check};
use goldenpath_core::manifest::{LifecycleStatus, MAX_BYTES, SecretId};
use goldenpath_core::report::count;
use goldenpath_core::rules::Severity;
use goldenpath_core::vcs::Repository;
use goldenpath_deploy::inventory::{Due, DueReason, day};
use goldenpath_deploy::lifecycle;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How many steps a commit's message lists.
const MAX_LISTED: usize = 300;

/// The name of the branch.
#[derive(Debug, clap::Args)]
pub(crate) struct BranchArgs {
    /// Set the branch's name [default: goldenpath/decommission-DATE]
    #[arg(long, value_name = "NAME", requires = "decommission")]
    branch: Option<String>,
}

/// The next lifecycle step of one secret.
struct DeprecationStep {
    id: SecretId,
    path: String,
    from: LifecycleStatus,
    to: LifecycleStatus,
    reason: String,
}

impl BranchArgs {
    /// Rejects a branch that cannot be created, before any store is queried.
    pub(crate) fn check(&self, repository: &Repository, context: &Context) -> Result<(), Failure> {
        let name = self.name(context);
        commit::check_branch(
            repository,
            &name,
            &format!("push the existing branch, or delete it: git branch -D {name}"),
        )
    }

    fn name(&self, context: &Context) -> String {
        self.branch
            .clone()
            .unwrap_or_else(|| format!("goldenpath/decommission-{}", day(context.now)))
    }
}

/// Creates the branch with one commit on the catalog's snapshot, with each secret's next step.
pub(crate) fn create_branch(
    args: &BranchArgs,
    repository: &Repository,
    project: &Project,
    catalog: &mut Catalog,
    due: &[Due],
    context: &Context,
) -> Result<Outcome, Failure> {
    let base = catalog.snapshot;
    let steps = steps(due);
    if steps.is_empty() {
        context.streams.message(
            "No branch was created: no ttl has run out, and no secret has been deprecated for \
             long.",
        );
        return Ok(Outcome::Done);
    }
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for step in &steps {
        lifecycle::set(catalog, project, &step.path, step.to)?;
        let text = catalog.at(&step.path).map(|entry| entry.text.as_str()).unwrap_or_default();
        let old = repository.read(base, &step.path, MAX_BYTES)?;
        let is_marked = matches!(old, Some(Ok(old)) if old.starts_with(BYTE_ORDER_MARK));
        let mark = if is_marked { BYTE_ORDER_MARK } else { &[] };
        files.push((&step.path, [mark, text.as_bytes()].concat()));
    }
    let tree = repository.tree_with(base, &files)?;
    let commit = repository.create_commit(tree, base, &message(&steps))?;
    // The hooks and the pull request will check the same range.
    let range =
        Range::since(repository, Some(base), commit)?.with_config(context.config.as_deref());
    let checked =
        check(repository, &range, &Selection::All, &CheckReporter::new(None, &context.streams))?;
    if count(&checked.findings, Severity::Error) > 0 {
        for drawn in findings_for_people(&checked.findings, &checked.catalog, context.streams.err) {
            context.streams.rendered(&drawn);
        }
        context.streams.message("No branch was created: fix the errors of these manifests first.");
        return Ok(Outcome::Failed);
    }
    let name = args.name(context);
    repository.new_branch(&name, commit)?;
    for step in &steps {
        context
            .streams
            .result(&format!("{}  {} → {}  {}\n", step.id, step.from, step.to, step.reason));
    }
    let remotes = repository.remotes();
    let remote = remotes.iter().find(|name| *name == "origin").or(remotes.first());
    let push = match remote {
        Some(remote) => format!("git push {remote} {name}"),
        None => format!("git push REMOTE {name}"),
    };
    context.streams.message(&format!(
        "Created the branch {name} with one commit on top of {base}; the work tree is unchanged."
    ));
    context.streams.message(&format!("Next: {push}, and open a pull request."));
    Ok(Outcome::Done)
}

/// Returns each secret's next step once, sorted by ID.
fn steps(due: &[Due]) -> Vec<DeprecationStep> {
    let mut steps: Vec<DeprecationStep> = Vec::new();
    for due in due.iter().filter(|due| !matches!(due.date.reason, DueReason::Rotation { .. })) {
        let to = match due.row.status {
            LifecycleStatus::Active => LifecycleStatus::Deprecated,
            LifecycleStatus::Deprecated => LifecycleStatus::DecommissionRequested,
            LifecycleStatus::DecommissionRequested | LifecycleStatus::Decommissioned => continue,
        };
        if steps.iter().all(|step| step.path != due.row.path) {
            let (id, path, from) = (due.row.id, due.row.path.clone(), due.row.status);
            steps.push(DeprecationStep { id, path, from, to, reason: due.date.reason.describe() });
        }
    }
    steps.sort_by_key(|step| step.id);
    steps
}

fn message(steps: &[DeprecationStep]) -> String {
    let mut message =
        format!("goldenpath: one lifecycle step for {}\n\n", count_of(steps.len(), "secret"));
    for step in steps.iter().take(MAX_LISTED) {
        message.push_str(&format!("{} {} → {}: {}\n", step.id, step.from, step.to, step.reason));
    }
    if steps.len() > MAX_LISTED {
        message.push_str(&format!("and {} more\n", steps.len() - MAX_LISTED));
    }
    message
}
