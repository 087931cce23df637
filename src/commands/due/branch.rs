//! `due --decommission`: a branch that asks for the end of what is due, for others to judge.

use crate::args::commit;
use crate::output::check::CheckReporter;
use goldenpath_core::check::{Range, check};
use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Project, Selection};
use goldenpath_core::report::count;
use crate::output::findings::{count_of, findings_for_people};
use goldenpath_core::vcs::git::NETWORK;
use goldenpath_deploy::inventory::{Due, Reason, day};
use goldenpath_deploy::lifecycle;
use goldenpath_core::manifest::{LifecycleStatus, MAX_BYTES, SecretId};
use goldenpath_core::rules::Severity;
use goldenpath_core::vcs::{Repository, Snapshot};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How many steps a commit's message lists.
const MOST_LISTED: usize = 300;

/// How the branch is called.
#[derive(Debug, clap::Args)]
pub(crate) struct BranchArgs {
    /// Set the branch's name [default: goldenpath/decommission-DATE]
    #[arg(long, value_name = "NAME", requires = "decommission")]
    branch: Option<String>,
}

/// One secret's step.
struct DeprecationStep {
    id: SecretId,
    path: String,
    from: LifecycleStatus,
    to: LifecycleStatus,
    because: String,
}

impl BranchArgs {
    /// Refuses, before anything is asked, a branch that cannot be made.
    pub(crate) fn check(&self, repository: &Repository, context: &Context) -> Result<(), Failure> {
        let name = self.name(context);
        commit::check_branch(
            repository,
            &name,
            &format!("or push that one, or delete it: git branch -D {name}"),
        )
    }

    fn name(&self, context: &Context) -> String {
        self.branch
            .clone()
            .unwrap_or_else(|| format!("goldenpath/decommission-{}", day(context.now)))
    }
}

/// Makes the branch on what `catalog` was read from, with one commit that takes each secret of `due` one step on.
pub(crate) fn ask_for_the_end(
    branching: &BranchArgs,
    repository: &Repository,
    project: &Project,
    catalog: &mut Catalog,
    due: &[Due],
    context: &Context,
) -> Result<Outcome, Failure> {
    let base = catalog.snapshot;
    let steps = steps(due);
    if steps.is_empty() {
        context
            .streams
            .talk("No ttl has run out, and nothing has been deprecated for long: there is no branch to make.");
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
    let commit = commit(repository, base, &files, &message(&steps))?;
    // As the hooks and the pull request will judge it.
    let range = Range::since(repository, Some(base), commit)?.configured_by(context.config.as_deref());
    let judged = check(repository, &range, &Selection::All, &CheckReporter::new(None, context))?;
    if count(&judged.findings, Severity::Error) > 0 {
        for drawn in findings_for_people(&judged.findings, &judged.catalog, context.streams.err) {
            context.streams.alert(&drawn);
        }
        context
            .streams
            .talk("No branch was made: what is due has errors, which are to be mended first.");
        return Ok(Outcome::Failed);
    }
    let name = branching.name(context);
    repository.new_branch(&name, commit)?;
    for step in &steps {
        context
            .streams
            .result(&format!("{}  {} → {}  {}\n", step.id, step.from, step.to, step.because));
    }
    let remotes = repository.remotes();
    let remote = remotes.iter().find(|name| *name == "origin").or(remotes.first());
    let push = match remote {
        Some(remote) => format!("git push {remote} {name}"),
        None => format!("git push REMOTE {name}"),
    };
    context
        .streams
        .talk(&format!("The branch {name} asks for it, in one commit on top of {base}; your work tree is as it was."));
    context.streams.talk(&format!("Next: {push}, and open a pull request."));
    Ok(Outcome::Done)
}

/// Each secret's step, once, by ID.
fn steps(due: &[Due]) -> Vec<DeprecationStep> {
    let mut steps: Vec<DeprecationStep> = Vec::new();
    for due in due.iter().filter(|due| !matches!(due.reason, Reason::Rotation { .. })) {
        let to = match due.row.status {
            LifecycleStatus::Active => LifecycleStatus::Deprecated,
            LifecycleStatus::Deprecated => LifecycleStatus::DecommissionRequested,
            LifecycleStatus::DecommissionRequested | LifecycleStatus::Decommissioned => continue,
        };
        if steps.iter().all(|step| step.path != due.row.path) {
            let (id, path, from) = (due.row.id, due.row.path.clone(), due.row.status);
            steps.push(DeprecationStep { id, path, from, to, because: due.reason.words() });
        }
    }
    steps.sort_by_key(|step| step.id);
    steps
}

fn message(steps: &[DeprecationStep]) -> String {
    let mut message =
        format!("goldenpath: one step on for {}\n\n", count_of(steps.len(), "secret"));
    for step in steps.iter().take(MOST_LISTED) {
        message.push_str(&format!("{} {} → {}: {}\n", step.id, step.from, step.to, step.because));
    }
    if steps.len() > MOST_LISTED {
        message.push_str(&format!("and {} more\n", steps.len() - MOST_LISTED));
    }
    message
}

/// Made by git itself, with the person's name and signature.
fn commit(
    repository: &Repository,
    base: Snapshot,
    files: &[(&str, Vec<u8>)],
    message: &str,
) -> Result<Snapshot, Failure> {
    let tree = repository.tree_with(base, files)?.to_string();
    let parent = base.id();
    let mut arguments = vec!["commit-tree", "-p", &parent, "-m", message];
    if repository.signs_commits() {
        arguments.push("-S");
    }
    arguments.push(&tree);
    let answer = repository.program().run(&arguments, NETWORK)?;
    Ok(repository.commit(answer.stdout.trim())?)
}
