//! `goldenpath audit`

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::findings::count_of;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::sanitize::{sanitize, sanitize_json, sanitize_name};
use goldenpath_core::suggest::did_you_mean;
use goldenpath_core::trail;
use goldenpath_core::trail::{AuditEvent, FOLDER};
use goldenpath_core::vcs::{Repository, Snapshot};

/// Show and verify the audit trail
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("audit":
    "Show the recorded actions of a secret" => "goldenpath audit show SEC-0001",
    "Verify that no record was changed" => "goldenpath audit verify",
))]
pub(crate) struct Args {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    Show(ShowArgs),
    Verify(VerifyArgs),
}

/// Show recorded actions with their time and actor
///
/// Reads `audit/` in the work tree.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("audit":
    "Show all actions" => "goldenpath audit show",
    "Show the actions of two secrets" => "goldenpath audit show SEC-0001 SEC-0002",
    "Read the actions with another program" => "goldenpath audit show --format json",
))]
struct ShowArgs {
    /// The secrets to show [default: all]
    #[arg(value_name = "ID", value_parser = SecretId::parse)]
    ids: Vec<SecretId>,
    /// Set how to print the actions
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A timeline, the oldest first
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Verify the hash chain of each trail and its history in git
///
/// Checks `audit/` in the work tree and in every commit up to HEAD. Reports each line that was
/// changed, removed or moved, and exits with 1 if there is one. In a shallow clone, only the
/// fetched history is verified. A rewritten history and an invented event are not detected: see
/// docs/explanation/audit-trail.md.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("audit":
    "Verify all trails" => "goldenpath audit verify",
    "Read the faults with another program" => "goldenpath audit verify --format json",
))]
struct VerifyArgs {
    /// Set how to print the faults
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    match &args.command {
        AuditCommand::Show(args) => show(args, &repository, context),
        AuditCommand::Verify(args) => verify(args, &repository, context),
    }
}

fn show(args: &ShowArgs, repository: &Repository, context: &Context) -> Result<Outcome, Failure> {
    let known = ids(repository);
    if let Some(unknown) = args.ids.iter().find(|id| !known.contains(id)) {
        let names: Vec<String> = known.iter().map(SecretId::to_string).collect();
        let suggestion = did_you_mean(&unknown.to_string(), names.iter().map(String::as_str));
        let help = suggestion.unwrap_or_else(|| {
            format!(
                "`goldenpath audit show` shows all {} trails of `{FOLDER}/`; apply writes them",
                names.len()
            )
        });
        return Err(Failure::usage(format!("{unknown} has no audit trail"), help));
    }
    let wanted = known.iter().filter(|id| args.ids.is_empty() || args.ids.contains(id));
    let mut events: Vec<AuditEvent> = wanted
        .flat_map(|id| {
            trail::read(repository, Snapshot::WorkTree, *id).events().collect::<Vec<_>>()
        })
        .collect();
    events.sort_by_key(|event| event.time);
    context.streams.result(&match args.format {
        Format::Json => {
            format!(
                "{}\n",
                sanitize_json(&format!("{:#}", json!({ "version": 1, "events": events })))
            )
        }
        Format::Text if events.is_empty() => "No actions are recorded yet.\n".to_owned(),
        Format::Text => events.iter().map(|event| timeline(event, context)).collect(),
    });
    Ok(Outcome::Done)
}

/// One event, as people read it.
fn timeline(event: &AuditEvent, context: &Context) -> String {
    let style = context.streams.out.style();
    let AuditEvent { id, action, environment, target, reason, actor, source, .. } = event;
    let head = format!(
        "{}  {id} ({environment})  {action}  {target}",
        event.time.strftime("%Y-%m-%d %H:%M:%S UTC")
    );
    let mut who = vec![actor.name().to_owned()];
    who.extend(actor.git.iter().chain(&actor.aws).filter(|name| *name != actor.name()).cloned());
    let tail = format!("    by {}, from {source}", who.join(", as "));
    format!(
        "{}\n    {}\n{}\n",
        style.clone().bold().apply_to(sanitize_name(&head)),
        sanitize_name(reason),
        style.dim().apply_to(sanitize_name(&tail))
    )
}

fn verify(
    args: &VerifyArgs,
    repository: &Repository,
    context: &Context,
) -> Result<Outcome, Failure> {
    let (trails, faults) = trail::verify(repository)?;
    if repository.is_shallow() {
        context
            .streams
            .message("Note: this clone is shallow; the missing history is not verified.");
    }
    context.streams.result(&match args.format {
        Format::Json => {
            let rows = faults.iter().map(|fault| {
                let commit = match &fault.place {
                    trail::TrailPlace::Commit(commit) => Some(commit),
                    trail::TrailPlace::Now | trail::TrailPlace::Disk => None,
                };
                json!({
                    "file": fault.file,
                    "line": fault.line,
                    "commit": commit,
                    "message": fault.what,
                })
            });
            let rows: Vec<_> = rows.collect();
            let report = json!({ "version": 1, "trails": trails, "faults": rows });
            format!("{}\n", sanitize_json(&format!("{report:#}")))
        }
        Format::Text => {
            let lines = faults.iter().map(|fault| format!("{}\n", sanitize(&fault.to_string())));
            let all = count_of(trails, "trail");
            let what = match (trails, faults.len()) {
                (0, 0) => "There are no trails.".to_owned(),
                (_, 0) => format!(
                    "Verified {all}: each line follows the previous one, and git's history only \
                     added lines."
                ),
                (_, faults) => format!("{} in {all}.", count_of(faults, "fault")),
            };
            format!("{}{what}\n", lines.collect::<String>())
        }
    });
    Ok(if faults.is_empty() { Outcome::Done } else { Outcome::Failed })
}

/// Returns the IDs that have a trail in the work tree, sorted.
fn ids(repository: &Repository) -> Vec<SecretId> {
    let entries = std::fs::read_dir(repository.root().join(FOLDER)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut ids: Vec<_> =
        names.filter_map(|name| SecretId::parse(name.strip_suffix(".jsonl")?).ok()).collect();
    ids.sort();
    ids
}
