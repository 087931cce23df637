//! `goldenpath apply`

use std::path::PathBuf;
use std::pin::pin;

use futures_util::future::{self, Either};

use crate::args::audit_trail::READING;
use crate::args::checked_catalog::{print_unreadable_accounts, source_of};
use crate::args::filter::table_width;
use crate::args::plan::PlanArgs;
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::hardening;
use crate::interrupt;
use crate::outcome::Outcome;
use crate::output::apply_summary::render_summary;
use crate::output::findings::count_of;
use crate::output::progress::ApplyProgress;
use crate::output::style::wrap_lines;
use crate::prompt::{PromptError, Prompter};
use goldenpath_core::sanitize::sanitize_name;
use goldenpath_core::vcs::Repository;
use goldenpath_deploy::audit::CatalogStatuses;
use goldenpath_deploy::reconcile;
use goldenpath_deploy::reconcile::{Applied, Effect, Plan, SavedPlan};

/// Apply the plan: create secrets, write and commit ExternalSecrets
///
/// Reads the catalog at HEAD, so that only committed manifests are applied. Shows the plan and
/// asks on a terminal; without one, --yes is required. Running it again changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("apply":
    "Show the plan, ask, and apply it" => "goldenpath apply",
    "Apply in a pipeline" => "goldenpath apply --yes",
    "Apply a saved plan exactly" => "goldenpath apply plan.json --yes",
    "Adopt an existing secret" => "goldenpath apply --adopt SEC-0001 --id SEC-0001",
))]
pub(crate) struct Args {
    /// Apply this plan, saved by `plan --out`, exactly or not at all
    ///
    /// It is rejected if anything has changed since. Adoptions and overridden gates in it are
    /// shown first, because they come from the file and not from the catalog. Never apply a plan
    /// file from a pull request's job.
    #[arg(
        value_name = "PLANFILE",
        conflicts_with_all = [
            "work_tree", "commit", "environments", "services", "ids", "overrides", "shard",
            "adopt", "rebind_catalog", "plain_folders", "refresh"
        ]
    )]
    plan: Option<PathBuf>,
    #[command(flatten)]
    source: PlanArgs,
    /// Apply without confirmation
    #[arg(short, long)]
    yes: bool,
    /// Apply a commit that does not contain the one applied last; requires --reason
    ///
    /// For going back on purpose, and after the history of the catalog was rewritten. Without it,
    /// such a commit is refused: usually it is an old pipeline run that was started again.
    #[arg(long, requires = "reason")]
    allow_older: bool,
    /// Delete up to N secrets in this run, instead of `limits.maxDeletes`
    #[arg(long, value_name = "N")]
    allow_deletes: Option<usize>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    interrupt::listen();
    // The plan may generate values.
    hardening::forbid_dumps();
    let prompter = if args.yes { None } else { Prompter::on_terminal(context.streams.err) };
    if !args.yes && prompter.is_none() {
        return Err(Failure::usage(
            "cannot ask for confirmation: there is no terminal",
            "give --yes to apply without confirmation",
        ));
    }
    args.source.check_reason(args.allow_older)?;
    let older_reason = args.source.reason().filter(|_| args.allow_older);
    let saved = args.plan.as_deref().map(SavedPlan::read).transpose()?;
    let own =
        saved.as_ref().map(|saved| PlanArgs::of(saved, args.source.parallelism())).transpose()?;
    let source = own.as_ref().unwrap_or(&args.source);
    let repository = Repository::discover()?;
    let Some(desired) = source.read(repository, context)? else { return Ok(Outcome::Failed) };
    if let Some(saved) = &saved {
        saved.check_configuration(&desired.configuration()?)?;
    }
    block_on(async {
        let (reconcile_context, unreadable_accounts) = desired.reconcile_context(context).await?;
        for (_, copy) in &reconcile_context.gitops {
            copy.recover();
        }
        let plan = desired.plan(&reconcile_context, unreadable_accounts, context).await?;
        if let Some(saved) = saved.as_ref().filter(|_| plan.unreadable_accounts.is_empty()) {
            saved.check_account(&reconcile::digest(&reconcile::places(&reconcile_context)))?;
        }
        if print_unreadable_accounts(&reconcile_context, &plan, context)
            || desired.warnings(&plan, context)?.is_none()
        {
            return Ok(Outcome::Failed);
        }
        if let Some(why) = &plan.unread_trail {
            // Its own error says what to do, if it is still there.
            desired.recorder(&reconcile_context, &plan, older_reason).check_order()?;
            return Err(Failure::rejected(
                format!("cannot create secrets without the audit trail: {why}"),
                "whether they existed before is unknown; run the command again",
            ));
        }
        if let Some(saved) = &saved {
            if !plan.unreadable_accounts.is_empty() {
                context.streams.message(
                    "Nothing was applied: a saved plan is applied completely or not at all.",
                );
                return Ok(Outcome::Failed);
            }
            saved.check_plan(&plan)?;
        }
        if let Some(saved) = &saved {
            show_choices(saved, context);
        }
        let text = crate::output::plan::for_people(&plan, context.streams.out);
        context.streams.result(&wrap_lines(&text, table_width(context)));
        check_deletions(
            &plan,
            args.allow_deletes.unwrap_or(reconcile_context.project.config.limits.max_deletes),
        )?;
        let recorder = desired.recorder(&reconcile_context, &plan, older_reason);
        if !plan.has_changes() {
            let mut applied = Applied::default();
            let statuses = CatalogStatuses::of(reconcile_context.catalog);
            if let Err(error) = recorder.note_applied(&statuses) {
                context.streams.message(&format!(
                    "Note: it is not recorded that this commit is applied: {error}"
                ));
            }
            // Actions of a killed run may not be recorded yet.
            reconcile::finish_recording(&recorder, &[], &mut applied, &mut |event| {
                ApplyProgress::new(&context.streams, &reconcile_context, 1).report(event)
            });
            return Ok(outcome(&plan, applied.failed));
        }
        context.streams.brief_progress(READING);
        let order = recorder.check_order();
        context.streams.end_progress();
        order?;
        for (_, target) in &reconcile_context.gitops {
            target.check_signer()?;
        }
        if let Some(prompter) = prompter
            && !confirm(&prompter, &plan)?
        {
            context.streams.message("Nothing was applied.");
            return Ok(Outcome::Failed);
        }
        let source = source_of(&reconcile_context);
        let all = plan.actions.len() - plan.count(Effect::Blocked);
        let mut progress = ApplyProgress::new(&context.streams, &reconcile_context, all);
        let stopping = progress.stopping();
        let is_stopping = || stopping.is_requested();
        let work = reconcile::apply(
            &reconcile_context,
            &plan,
            &source,
            &recorder,
            &is_stopping,
            |event| progress.report(event),
        );
        let applied = match future::select(pin!(work), pin!(stopping.handle_termination())).await {
            Either::Left((applied, _)) => applied?,
            Either::Right((never, _)) => match never {},
        };
        let text = format!("{}{}", progress.failures(), render_summary(applied));
        context.streams.result(&wrap_lines(&text, table_width(context)));
        match plan.awaiting.as_slice() {
            [] => {}
            [one] => {
                context.streams.message(&format!("{} awaits a value: `{}`.", one.id, one.remedy()))
            }
            several => {
                let secrets = count_of(several.len(), "secret");
                context.streams.message(&format!(
                    "{secrets} await a value: `goldenpath list --awaiting-value` lists them."
                ));
            }
        }
        if stopping.is_requested() {
            context
                .streams
                .message("Stopped early. Run `goldenpath apply` again to apply the rest.");
            return Ok(Outcome::Interrupted);
        }
        Ok(outcome(&plan, applied.failed))
    })
}

/// Asks whether to apply; a deletion, and a plan for several environments, needs a whole `yes`.
fn confirm(prompter: &Prompter, plan: &Plan) -> Result<bool, PromptError> {
    let mut environments: Vec<&str> =
        plan.actions.iter().map(|action| action.environment.as_str()).collect();
    environments.sort_unstable();
    environments.dedup();
    match (plan.count(Effect::Delete), environments.len()) {
        (0, 0 | 1) => prompter.confirm("Apply these changes?", false),
        (0, several) => {
            prompter.confirm_in_full(&format!("Apply these changes? ({several} environments)"))
        }
        _ => prompter.confirm_in_full("Apply these changes? (some delete)"),
    }
}

/// Shows the choices of the plan file that no manifest contains, even with `--yes` and `--quiet`.
fn show_choices(saved: &SavedPlan, context: &Context) {
    let choices = saved.choices();
    if choices.is_empty() {
        return;
    }
    let heading = context
        .streams
        .err
        .style()
        .bold()
        .yellow()
        .apply_to("Chosen in the plan file, not in the catalog:");
    context.streams.rendered(&format!("{heading}\n"));
    for choice in choices {
        context.streams.rendered(&format!("  ! {}\n", sanitize_name(&choice)));
    }
    context.streams.rendered("\n");
}

/// Rejects a plan that deletes more secrets than allowed, here or in the region of a replica.
fn check_deletions(plan: &Plan, allowed: usize) -> Result<(), Failure> {
    match plan.deletions() {
        wanted if wanted > allowed => Err(Failure::rejected(
            format!(
                "this plan deletes {}, and the limit of one run is {allowed}",
                count_of(wanted, "secret")
            ),
            format!(
                "review the deletions and give `--allow-deletes {wanted}`; `limits.maxDeletes` in \
                 goldenpath.yaml sets the limit"
            ),
        )),
        _ => Ok(()),
    }
}

fn outcome(plan: &Plan, failed: usize) -> Outcome {
    if failed > 0 || plan.has_conflicts() || !plan.unreadable_accounts.is_empty() {
        Outcome::Failed
    } else {
        Outcome::Done
    }
}
