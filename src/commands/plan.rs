//! `goldenpath plan`

use std::path::PathBuf;

use clap::ValueEnum;

use crate::args::checked_catalog::{is_applicable, print_unreadable_accounts, reject};
use crate::args::filter::table_width;
use crate::args::plan::PlanArgs;
use crate::check_report::CheckReporter;
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::hardening;
use crate::outcome::Outcome;
use crate::output::style::wrap_lines;
use goldenpath_core::catalog::Selection;
use goldenpath_core::check::{Checked, Range, check};
use goldenpath_core::sanitize::sanitize_json;
use goldenpath_core::vcs::Repository;

/// Show what apply would do, without changing anything
///
/// Compares the catalog at HEAD with the stores and the GitOps repositories. A catalog with errors
/// is not planned. If an account cannot be read, the others are still planned, and the exit code
/// is 1.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("plan":
    "Plan the catalog at HEAD" => "goldenpath plan",
    "Plan uncommitted changes of one environment" => "goldenpath plan --work-tree --env dev",
    "Plan a pull request for a comment" =>
        "goldenpath plan --from-ref origin/main --format markdown",
    "Save a plan for apply" => "goldenpath plan --out plan.json",
))]
pub(crate) struct Args {
    #[command(flatten)]
    source: PlanArgs,
    /// Set how to print the plan
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Plan a pull request against its base, such as origin/main
    ///
    /// Checks the change as `validate --from-ref` does and rejects it on errors. Manifests,
    /// configuration and projection template come from the pull request's head; rules, approvals
    /// and the comment's template from the base. Such a plan cannot be saved for apply.
    #[arg(long, value_name = "COMMIT", conflicts_with_all = ["work_tree", "out"])]
    from_ref: Option<String>,
    /// Also save the plan in FILE, for `apply FILE` to apply exactly
    #[arg(long, value_name = "FILE", conflicts_with = "work_tree")]
    out: Option<PathBuf>,
    /// Exit with 0 if there are no changes, 2 if there are, and 1 on an error
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// Actions with + ~ ↻ ! and reasons
    #[default]
    Human,
    /// One JSON object
    Json,
    /// A pull request's comment, below GitHub's size limit
    Markdown,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    // The process's memory holds credentials of the stores.
    hardening::forbid_dumps();
    let change =
        args.from_ref.as_deref().map(|base| check_change(args, base, context)).transpose()?;
    let changed = change.as_ref().map(Checked::changed_ids);
    let base = match &change {
        Some(Checked { catalog, findings, .. }) if !is_applicable(findings) => {
            reject(findings, catalog, context);
            return Ok(Outcome::Failed);
        }
        Some(Checked { project, .. }) => Some(project),
        None => None,
    };
    args.source.check_reason(false)?;
    let repository = Repository::discover_to_read()?;
    let Some(mut desired) = args.source.read(repository, context)? else {
        return Ok(Outcome::Failed);
    };
    if let Some(change) = &change {
        desired.add_findings(change.findings.clone());
    }
    block_on(async {
        let (reconcile_context, unreadable_accounts) = desired.reconcile_context(context).await?;
        let mut plan = desired.plan(&reconcile_context, unreadable_accounts, context).await?;
        plan.differing_projections =
            base.map_or(Ok(0), |base| desired.count_differing_projections(base))?;
        if print_unreadable_accounts(&reconcile_context, &plan, context) {
            return Ok(Outcome::Failed);
        }
        let Some(findings) = desired.warnings(&plan, context)? else { return Ok(Outcome::Failed) };
        // A reviewer needs those of the change; a program needs all.
        if let Some(changed) = changed.filter(|_| !matches!(args.format, Format::Json)) {
            plan.awaiting.retain(|one| changed.contains(&one.id));
        }
        context.streams.result(&match args.format {
            Format::Human => {
                let text = crate::output::plan::for_people(&plan, context.streams.out);
                wrap_lines(&text, table_width(context)).into_owned()
            }
            Format::Json => {
                format!("{}\n", sanitize_json(&format!("{:#}", plan.to_json(&findings))))
            }
            Format::Markdown => desired.comment(&reconcile_context, &plan, &findings, base)?,
        });
        if let Some(path) = &args.out {
            if !plan.unreadable_accounts.is_empty() {
                context.streams.message("The plan was not saved: not every account could be read.");
                return Ok(Outcome::Failed);
            }
            desired.to_saved_plan(&reconcile_context, &plan)?.write(path)?;
            let path = path.display();
            context.streams.message(&format!(
                "Saved in {path}: `goldenpath apply {path}` applies exactly this plan."
            ));
        }
        Ok(match args.detailed_exitcode {
            // An account that could not be read may have changes.
            _ if !plan.unreadable_accounts.is_empty() => Outcome::Failed,
            true if plan.has_changes() => Outcome::Changes,
            // As apply, which can do nothing here and exits with 1.
            true if plan.has_conflicts() => Outcome::Failed,
            _ => Outcome::Done,
        })
    })
}

/// Checks the change from `base` to the planned commit, as `validate --from-ref` does.
fn check_change(args: &Args, base: &str, context: &Context) -> Result<Checked, Failure> {
    let repository = Repository::discover_to_read()?;
    let from = repository.commit(base)?;
    let range = Range::since(&repository, Some(from), args.source.snapshot(&repository)?)?;
    let range =
        range.with_time_rules(&repository, context.now)?.with_config(context.config.as_deref());
    Ok(check(&repository, &range, &Selection::All, &CheckReporter::new(None, &context.streams))?)
}
