//! `goldenpath lifecycle`

use std::collections::BTreeSet;

use clap::Subcommand;
use serde_json::json;

use crate::args::filter::parse_status;
use crate::args::selection::SelectionArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::diff::{FileDiff, diff_for_people};
use crate::output::findings::count_of;
use goldenpath_core::catalog::{Catalog, Project, Selection};
use goldenpath_core::fixes;
use goldenpath_core::fixes::Rewrite;
use goldenpath_core::manifest::{LifecycleStatus, SecretId};
use goldenpath_core::rules::ConfidentialSpans;
use goldenpath_core::sanitize::{sanitize_json, sanitize_name};
use goldenpath_core::suggest;
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::lifecycle;
use goldenpath_deploy::lifecycle::{BaseStatuses, TransitionError};

/// How many rejected manifests an error lists.
const MAX_LISTED: usize = 10;

/// Change the lifecycle status of manifests
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("lifecycle":
    "Deprecate a secret" => "goldenpath lifecycle set SEC-0001 deprecated",
    "Request the decommission of a service's deprecated secrets" =>
        "goldenpath lifecycle set --service payments --from deprecated decommission_requested",
))]
pub(crate) struct Args {
    #[command(subcommand)]
    command: LifecycleCommand,
}

#[derive(Debug, Subcommand)]
enum LifecycleCommand {
    Set(SetArgs),
}

/// Set the status of manifests, preserving comments and formatting
///
/// Writes to the work tree; the status takes effect after the merge. The steps are active →
/// deprecated → decommission_requested, one at a time, or one back. Only apply sets
/// `decommissioned`, after deleting the secret. If one manifest cannot take the step, nothing is
/// written.
#[derive(Debug, clap::Args)]
#[command(override_usage = "goldenpath lifecycle set [OPTIONS] [ID]... <STATUS>")]
#[command(after_help = examples!("lifecycle":
    "Deprecate two secrets" => "goldenpath lifecycle set SEC-0001 SEC-0002 deprecated",
    "Show a step without writing it" =>
        "goldenpath lifecycle set SEC-0001 decommission_requested --dry-run",
    "Request the decommission of a service's deprecated secrets" =>
        "goldenpath lifecycle set --service payments --from deprecated decommission_requested",
))]
struct SetArgs {
    /// The IDs, then the status; instead of IDs: --env, --service or --from
    #[arg(required = true, value_name = "ID|STATUS")]
    words: Vec<String>,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Select manifests with this status
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    from: Option<LifecycleStatus>,
    /// Show the changes without writing them
    #[arg(long)]
    dry_run: bool,
    /// Print the changes as JSON
    #[arg(long)]
    json: bool,
}

/// A manifest and the step it takes.
struct LifecycleStep {
    id: SecretId,
    path: String,
    from: LifecycleStatus,
    tier: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let LifecycleCommand::Set(args) = &args.command;
    set(args, context)
}

fn set(args: &SetArgs, context: &Context) -> Result<Outcome, Failure> {
    let (ids, to) = args.parse()?;
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let mut catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
    let (steps, unchanged) = find_steps(args, ids, to, &project, &catalog, context)?;
    let base = if steps.is_empty() { None } else { BaseStatuses::of(&repository, &project)? };
    let rejected: Vec<(&LifecycleStep, TransitionError)> = steps
        .iter()
        .filter_map(|step| {
            Some((step, lifecycle::check(step.id, step.from, to, base.as_ref()).err()?))
        })
        .collect();
    if !rejected.is_empty() {
        return Err(rejection(&rejected, steps.len(), to));
    }
    let rewrites: Vec<Rewrite> = steps
        .iter()
        .map(|step| lifecycle::set(&mut catalog, &project, &step.path, to))
        .collect::<Result<_, _>>()?;
    if !args.dry_run {
        fixes::write(&repository, &catalog, &rewrites)?;
    } else if !args.json {
        for rewrite in &rewrites {
            show(rewrite, &catalog, &project, context);
        }
    }
    report(args, &steps, &unchanged, to, context);
    if !args.json && !steps.is_empty() {
        let line = if args.dry_run {
            "Nothing was written (--dry-run).".to_owned()
        } else {
            describe_next(&steps, to, &project)
        };
        context.streams.message(&line);
    }
    Ok(Outcome::Done)
}

impl SetArgs {
    /// Splits the words into IDs and the status.
    fn parse(&self) -> Result<(&[String], LifecycleStatus), Failure> {
        let Some((last, ids)) = self.words.split_last() else {
            return Err(Failure::usage("no status is given", "give it after the IDs"));
        };
        let to = match LifecycleStatus::parse(last) {
            Ok(LifecycleStatus::Decommissioned) => {
                return Err(Failure::usage(
                    "only `goldenpath apply` sets `decommissioned`, after deleting the secret",
                    "set `decommission_requested`; apply then removes the ExternalSecret, deletes \
                     the secret and writes `decommissioned`",
                ));
            }
            Ok(to) => to,
            Err(_) if SecretId::parse_typed(last).is_ok() => {
                return Err(Failure::usage(
                    format!("no status is given after {last}"),
                    "add it, as in `goldenpath lifecycle set SEC-0007 deprecated`",
                ));
            }
            Err(states) => {
                let suggestion =
                    suggest::did_you_mean(last, LifecycleStatus::ALL.map(LifecycleStatus::as_str));
                let message = format!("`{}` is not a status", sanitize_name(last));
                return Err(Failure::usage(message, suggestion.unwrap_or(states)));
            }
        };
        if let Some(word) = ids.iter().find(|word| LifecycleStatus::parse(word).is_ok()) {
            return Err(Failure::usage(
                format!("two statuses are given, `{word}` and `{to}`"),
                "give one status, after the IDs",
            ));
        }
        match (ids.is_empty(), self.selects()) {
            (true, false) => Err(Failure::usage(
                "no manifest is given",
                "give IDs before the status, or select with --env, --service or --from",
            )),
            (false, true) => Err(Failure::usage(
                "IDs and a selection are given",
                "give either IDs, or --env, --service and --from",
            )),
            _ => Ok((ids, to)),
        }
    }

    fn selects(&self) -> bool {
        !self.selection.is_open() || self.from.is_some()
    }
}

/// Returns the steps to take, and the manifests that already have the status.
fn find_steps(
    args: &SetArgs,
    ids: &[String],
    to: LifecycleStatus,
    project: &Project,
    catalog: &Catalog,
    context: &Context,
) -> Result<(Vec<LifecycleStep>, Vec<SecretId>), Failure> {
    let mut selected = Vec::new();
    for word in ids {
        let entry = catalog.find(word)?;
        let path = entry.path.clone();
        let request = entry.request().ok_or(lifecycle::LifecycleError::Unreadable { path })?;
        selected.push((entry, request));
    }
    if ids.is_empty() {
        args.selection.check(project, catalog)?;
        let requests = catalog.entries.iter().filter_map(|entry| Some((entry, entry.request()?)));
        selected.extend(requests.filter(|(_, request)| {
            args.selection.selects(request) && args.from.is_none_or(|from| request.status == from)
        }));
        let unread = catalog.entries.iter().filter(|entry| entry.request().is_none()).count();
        if unread > 0 {
            let files = count_of(unread, "file");
            context.streams.message(&format!(
                "Note: {files} with errors left out; `goldenpath validate` shows the errors."
            ));
        }
        if selected.is_empty() {
            context.streams.message("No manifest is selected.");
        }
    }
    let (mut steps, mut unchanged, mut paths) = (Vec::new(), Vec::new(), BTreeSet::new());
    selected.retain(|(entry, _)| paths.insert(entry.path.as_str()));
    for (entry, request) in selected {
        if request.status == to {
            unchanged.push(request.id);
            continue;
        }
        steps.push(LifecycleStep {
            id: request.id,
            path: entry.path.clone(),
            from: request.status,
            tier: request.risk_tier.clone(),
        });
    }
    Ok((steps, unchanged))
}

/// Returns one error for all steps that are not allowed.
fn rejection(
    rejected: &[(&LifecycleStep, TransitionError)],
    all: usize,
    to: LifecycleStatus,
) -> Failure {
    let next_step = |refusal: &TransitionError| {
        let legal: Vec<String> = refusal.legal.iter().map(|status| format!("`{status}`")).collect();
        (!legal.is_empty()).then(|| format!("the next step is {}", legal.join(" or ")))
    };
    if let ([(_, only)], 1) = (rejected, all) {
        let help: Vec<String> = only.help.clone().into_iter().chain(next_step(only)).collect();
        let help = help.join("; ");
        return Failure::rejected(format!("{}, which cannot become `{to}`", only.reason), help);
    }
    let mut message =
        format!("{} of {all} manifests cannot become `{to}`; nothing was written", rejected.len());
    for (_, refusal) in rejected.iter().take(MAX_LISTED) {
        let next_step = next_step(refusal).or_else(|| refusal.help.clone());
        message.push_str(&format!(
            "\n{}{}",
            refusal.reason,
            next_step.map(|words| format!(": {words}")).unwrap_or_default()
        ));
    }
    if rejected.len() > MAX_LISTED {
        message.push_str(&format!("\nand {} more", rejected.len() - MAX_LISTED));
    }
    let help = match LifecycleStatus::ALL
        .into_iter()
        .find(|from| from.steps().contains(&to) && *from < to)
    {
        Some(from) => format!("leave them out, or select the others with `--from {from}`"),
        None => "leave them out".to_owned(),
    };
    Failure::rejected(message, help)
}

fn show(rewrite: &Rewrite, catalog: &Catalog, project: &Project, context: &Context) {
    let Some(after) = catalog.at(&rewrite.path) else { return };
    let before = &rewrite.before;
    let (old, new) = ConfidentialSpans::of_change(before, after, project);
    let difference = FileDiff {
        from: &before.path,
        to: &after.path,
        before: &old.mask(&before.text),
        after: &new.mask(&after.text),
    };
    context.streams.result(&diff_for_people(&difference, context.streams.out));
}

fn report(
    args: &SetArgs,
    steps: &[LifecycleStep],
    unchanged: &[SecretId],
    to: LifecycleStatus,
    context: &Context,
) {
    if args.json {
        let rows = steps.iter().map(|LifecycleStep { id, path, from, .. }| {
            json!({
                "id": id,
                "path": path,
                "from": from,
                "to": to,
            })
        });
        let changed: Vec<_> = rows.collect();
        let json = json!({
            "version": 1,
            "dryRun": args.dry_run,
            "changed": changed,
            "unchanged": unchanged,
        });
        context.streams.result(&format!("{}\n", sanitize_json(&format!("{json:#}"))));
        return;
    }
    for step in steps {
        let line = format!("{}  {} → {to}  {}\n", step.id, step.from, sanitize_name(&step.path));
        if args.dry_run {
            context.streams.message(line.trim_end());
        } else {
            context.streams.result(&line);
        }
    }
    match unchanged {
        [] => {}
        [only] => context.streams.message(&format!("{only} is already `{to}`.")),
        several => {
            context.streams.message(&format!("{} manifests are already `{to}`.", several.len()))
        }
    }
}

/// Returns the user's next step and its effect.
fn describe_next(steps: &[LifecycleStep], to: LifecycleStatus, project: &Project) -> String {
    let requested = steps.iter().any(|step| step.from == LifecycleStatus::DecommissionRequested);
    let then = match to {
        LifecycleStatus::Active | LifecycleStatus::Deprecated if requested => {
            "apply restores the ExternalSecret, and the secret if it is marked for deletion."
                .to_owned()
        }
        LifecycleStatus::Active => "nothing else changes: the secret was always in use.".to_owned(),
        LifecycleStatus::Deprecated => {
            "the secret stays in use. When it is no longer needed, the next step is \
             `decommission_requested`."
                .to_owned()
        }
        LifecycleStatus::DecommissionRequested | LifecycleStatus::Decommissioned => {
            let windows = steps.iter().filter_map(|step| project.governance.tiers.get(&step.tier));
            let windows: BTreeSet<u8> = windows.map(|tier| tier.recovery_window_days).collect();
            let days = match (windows.first(), windows.last()) {
                (Some(least), Some(most)) if least < most => format!(" of {least} to {most} days"),
                (Some(only), _) => format!(" of {only} days"),
                _ => String::new(),
            };
            format!(
                "apply removes the ExternalSecret and, when all gates are open, deletes the secret \
                 with a recovery window{days}."
            )
        }
    };
    format!("Next: commit the change and open a pull request. After the merge, {then}")
}
