//! `goldenpath apply`

use std::path::PathBuf;

use super::reconciling::{Source, block_on, tell_unseen};
use super::{Context, Failure, Outcome};
use crate::reconcile::{self, Event, Plan, Saved};
use crate::source::Snapshot;
use crate::terminal::Prompter;

/// Carry the plan out: make the secrets, write and commit the ExternalSecrets
///
/// Takes the catalog at HEAD, so that only what is committed is applied. Shows the plan and asks first on a terminal;
/// without one it needs --yes. Running it again changes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A plan that `plan --out` saved: applied exactly, or not at all where anything has changed since
    #[arg(
        value_name = "PLANFILE",
        conflicts_with_all = ["work_tree", "commit", "environments", "services", "adopt", "refresh"]
    )]
    plan: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
    /// Apply without asking
    #[arg(short, long)]
    yes: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let prompter = if args.yes { None } else { Prompter::on_terminal(context.streams.err) };
    if !args.yes && prompter.is_none() {
        return Err(Failure::usage(
            "there is no terminal to ask on before applying",
            "give --yes to apply without asking",
        ));
    }
    let saved = args.plan.as_deref().map(Saved::read).transpose()?;
    let own = saved.as_ref().map(|saved| Source::of(saved, args.source.parallelism())).transpose()?;
    let source = own.as_ref().unwrap_or(&args.source);
    let Some(desired) = source.read(context)? else { return Ok(Outcome::Failed) };
    if let Some(saved) = &saved {
        saved.check_configuration(&desired.configuration()?)?;
    }
    block_on(async {
        let (world, unseen) = desired.world(context).await?;
        if let Some(saved) = saved.as_ref().filter(|_| unseen.is_empty()) {
            saved.check_account(&reconcile::digest(&reconcile::places(&world).await?))?;
        }
        let plan = desired.plan(&world, unseen).await?;
        if tell_unseen(&world, &plan, context) || desired.warnings(&plan, context)?.is_none() {
            return Ok(Outcome::Failed);
        }
        if let Some(saved) = &saved {
            if !plan.unseen.is_empty() {
                context.streams.talk("A saved plan is applied as a whole, or not at all: nothing was applied.");
                return Ok(Outcome::Failed);
            }
            saved.check_plan(&plan)?;
        }
        context.streams.result(&reconcile::for_people(&plan, context.streams.out));
        if !plan.has_changes() {
            return Ok(outcome(&plan, 0));
        }
        if let Some(prompter) = prompter
            && !prompter.confirm("Apply these changes?", false)?
        {
            context.streams.talk("Nothing was applied.");
            return Ok(Outcome::Failed);
        }
        let source = match world.catalog.snapshot {
            Snapshot::Commit(commit) => format!("commit {commit}"),
            other => other.to_string(),
        };
        let applied = reconcile::apply(&world, &plan, &source, |event| tell(&event, context)).await;
        context.streams.result(&reconcile::summary(applied));
        Ok(outcome(&plan, applied.failed))
    })
}

fn outcome(plan: &Plan, failed: usize) -> Outcome {
    if failed > 0 || plan.has_conflicts() || !plan.unseen.is_empty() { Outcome::Failed } else { Outcome::Done }
}

fn tell(event: &Event<'_>, context: &Context) {
    match event {
        Event::Done(action) => context.streams.talk(&format!("{} {} {}", action.id, action.step.name(), action.target)),
        Event::Failed(action, error) => {
            context.streams.alert(&format!("{} {} {} failed:\n", action.id, action.step.name(), action.target));
            context.streams.error(error);
        }
        Event::Skipped(action) => {
            let why = "skipped, because a step before it failed";
            context.streams.talk(&format!("{} {} {} {why}", action.id, action.step.name(), action.target));
        }
        Event::Committed(commit) => {
            context.streams.talk(&format!("committed {} in the GitOps repository", &commit[..8]))
        }
        Event::CommitFailed(error) => context.streams.error(error),
    }
}
