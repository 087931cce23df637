//! `goldenpath audit`

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use crate::args::audit_trail::{READING, read_events};
use crate::args::filter::table_width;
use crate::args::named_secrets::IdOrName;
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::findings::count_of;
use crate::output::table::{Cell, Column, table};
use goldenpath_core::catalog::{Catalog, Project, Selection};
use goldenpath_core::files;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::sanitize::{sanitize, sanitize_json};
use goldenpath_core::suggest::did_you_mean;
use goldenpath_core::trail;
use goldenpath_core::trail::{AuditEvent, Checkpoint, FOLDER, TrailPlace, TrailViolation};
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::audit;
use goldenpath_deploy::audit::{AuditBranch, CheckpointReport};
use goldenpath_deploy::inventory::csv_line;

/// The size limit of the file of `--checkpoint`, in bytes.
const MAX_CHECKPOINT: u64 = 1024 * 1024;

/// Show, verify and sign the audit trail
///
/// The trail is a branch of its own in the catalog's repository: `audit.branch` in goldenpath.yaml,
/// by default `goldenpath/audit`.
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
    Checkpoint(CheckpointArgs),
    Import(ImportArgs),
}

/// Show recorded actions with their time and actor
///
/// Fetches the audit branch. Removed manifests have their events, too. An action without a result
/// is shown as `begun`: its run was killed, or is in progress.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("audit":
    "Show all actions" => "goldenpath audit show",
    "Show the actions of two secrets" => "goldenpath audit show SEC-0001 SEC-0002",
    "Show what was deleted this year" =>
        "goldenpath audit show --action delete-secret --since 2026-01-01",
    "Read the actions with another program" => "goldenpath audit show --format json",
))]
struct ShowArgs {
    /// The secrets to show [default: all]
    #[arg(value_name = "ID")]
    ids: Vec<IdOrName>,
    /// Show secrets of this owner in the work tree; may be repeated
    #[arg(long = "owner", value_name = "OWNER")]
    owners: Vec<String>,
    /// Show actions in this environment; may be repeated
    #[arg(long = "env", value_name = "ENV")]
    environments: Vec<String>,
    /// Show actions by actors whose name, pipeline or AWS identity has this text
    #[arg(long, value_name = "TEXT")]
    actor: Option<String>,
    /// Show this action, such as `delete-secret`; may be repeated
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<String>,
    /// Show actions from this day or time on, in UTC
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Show actions before this day or time, in UTC
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// Read the branch as it was fetched last
    #[arg(long)]
    offline: bool,
    /// Set how to print the actions
    #[arg(long, value_enum, default_value_t)]
    format: ShowFormat,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ShowFormat {
    /// A table, the oldest first, cut to the terminal's width
    #[default]
    Table,
    /// One JSON object, with every field
    Json,
    /// RFC 4180, for spreadsheets, with every field
    Csv,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Verify the records of the audit branch, its history and its checkpoints
///
/// Fetches the branch. Reports each record that was altered or removed, in its file or in a commit,
/// and exits with 1 if there is one. Without --allowed-signers, a rewritten history and an invented
/// record are not detected: see docs/explanation/audit-trail.md.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("audit":
    "Verify all records" => "goldenpath audit verify",
    "Verify that they are those that were signed" =>
        "goldenpath audit verify --allowed-signers signers",
    "Read the faults with another program" => "goldenpath audit verify --format json",
))]
struct VerifyArgs {
    /// Verify checkpoints with the keys in FILE (ssh-keygen, \"ALLOWED SIGNERS\")
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// Verify a checkpoint that was kept outside the repository, too
    #[arg(long, value_name = "FILE", requires = "allowed_signers")]
    checkpoint: Option<PathBuf>,
    /// Read the branch as it was fetched last
    #[arg(long)]
    offline: bool,
    /// Set how to print the faults
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Sign all records with an SSH key
///
/// The signature covers every record that the branch has now. It is added to the branch.
/// `ssh-keygen` signs, with a key file or with ssh-agent.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("audit":
    "Sign with the key of `audit.signingKey`" => "goldenpath audit checkpoint",
    "Keep a copy outside the repository" =>
        "goldenpath audit checkpoint --key ~/.ssh/id_ed25519 --out checkpoint.json",
))]
struct CheckpointArgs {
    /// Sign with this key: a file, or an SSH public key [default: `audit.signingKey`]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Write the checkpoint to FILE, too
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Take over the trails of version 0.1
///
/// Adds the lines of `audit/*.jsonl` at HEAD to the audit branch, as they are. After that, the
/// folder can be removed from the catalog. Running it again adds nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("audit":
    "Take over the trails" => "goldenpath audit import",
    "Take over those of another clone" => "goldenpath -C ../catalog audit import",
))]
struct ImportArgs {}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    match &args.command {
        AuditCommand::Show(args) => show(args, &repository, &project, context),
        AuditCommand::Verify(args) => verify(args, &repository, &project, context),
        AuditCommand::Checkpoint(args) => checkpoint(args, &repository, &project, context),
        AuditCommand::Import(ImportArgs {}) => import(&repository, &project, context),
    }
}

fn show(
    args: &ShowArgs,
    repository: &Repository,
    project: &Project,
    context: &Context,
) -> Result<Outcome, Failure> {
    let mut events = read_events(repository, project, args.offline, context)?;
    note_old_trails(repository, &events, context)?;
    let known: BTreeSet<SecretId> = events.iter().map(|event| event.id).collect();
    let is_named = args.ids.iter().any(|word| matches!(word, IdOrName::Name(_)));
    let selection = if is_named || !args.owners.is_empty() {
        Selection::All
    } else {
        Selection::Paths(BTreeSet::new())
    };
    let catalog = Catalog::load(repository, project, Snapshot::WorkTree, &selection)?;
    let ids: BTreeSet<SecretId> =
        args.ids.iter().map(|word| word.resolve(&catalog)).collect::<Result<_, _>>()?;
    if let Some(unknown) = ids.iter().find(|id| !known.contains(id)) {
        let names: Vec<String> = known.iter().map(SecretId::to_string).collect();
        let suggestion = did_you_mean(&unknown.to_string(), names.iter().map(String::as_str));
        let help = suggestion.unwrap_or_else(|| {
            format!("`goldenpath audit show` shows all {}", count_of(events.len(), "event"))
        });
        return Err(Failure::usage(format!("{unknown} has no audit trail"), help));
    }
    let owners: BTreeMap<SecretId, String> =
        catalog.requests().map(|request| (request.id, request.owner.to_string())).collect();
    events.retain(|event| args.selects(event, &ids, &owners));
    context.streams.result(&match args.format {
        ShowFormat::Json => {
            let report = json!({ "version": 1, "events": events });
            format!("{}\n", sanitize_json(&format!("{report:#}")))
        }
        ShowFormat::Csv => events_as_csv(&events),
        ShowFormat::Table if events.is_empty() && known.is_empty() => {
            "No actions are recorded yet.\n".to_owned()
        }
        ShowFormat::Table if events.is_empty() => "No action is selected.\n".to_owned(),
        ShowFormat::Table => render_events(&events, context),
    });
    Ok(Outcome::Done)
}

impl ShowArgs {
    fn selects(
        &self,
        event: &AuditEvent,
        ids: &BTreeSet<SecretId>,
        owners: &BTreeMap<SecretId, String>,
    ) -> bool {
        let has =
            |texts: &[String], text: &str| texts.is_empty() || texts.iter().any(|one| one == text);
        let actor = &event.actor;
        let actors = [&actor.ci, &actor.git, &actor.aws];
        let is_by = |text: &String| {
            actors
                .into_iter()
                .flatten()
                .any(|actor| actor.to_lowercase().contains(&text.to_lowercase()))
        };
        (ids.is_empty() || ids.contains(&event.id))
            && (self.owners.is_empty()
                || owners.get(&event.id).is_some_and(|owner| self.owners.contains(owner)))
            && has(&self.environments, &event.environment)
            && has(&self.actions, &event.action)
            && self.actor.as_ref().is_none_or(is_by)
            && self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
    }
}

/// Parses a day, or a time with a time zone.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let day = || {
        let day: jiff::civil::Date = text.parse().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
    };
    let time = text.parse::<Timestamp>().ok().or_else(day);
    time.ok_or_else(|| "give a day such as 2026-11-25, or a time such as 2026-11-25T09:00Z".into())
}

/// Notes trails of version 0.1 that the audit branch does not have.
fn note_old_trails(
    repository: &Repository,
    events: &[AuditEvent],
    context: &Context,
) -> Result<(), Failure> {
    let has_imported = events.iter().any(|event| event.run.is_empty());
    let old = if has_imported { 0 } else { repository.trails_at_head()?.len() };
    if old > 0 {
        context.streams.message(&format!(
            "Note: {} of version 0.1 in `{FOLDER}/`; `goldenpath audit import` takes them over.",
            count_of(old, "trail")
        ));
    }
    Ok(())
}

/// The events as a table.
fn render_events(events: &[AuditEvent], context: &Context) -> String {
    let column = |head, min_width, rank| Column { head, min_width, rank };
    let columns = [
        column("TIME", None, 0),
        column("ID", None, 0),
        column("ENV", Some(6), 2),
        column("ACTION", None, 0),
        column("RESULT", None, 1),
        column("BY", Some(12), 3),
        column("TARGET", Some(16), 4),
        column("REASON", Some(16), 5),
    ];
    let row = |event: &AuditEvent| {
        vec![
            Cell::plain(&event.time.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            Cell::plain(&event.id.to_string()),
            Cell::plain(&event.environment),
            Cell::plain(&event.action),
            Cell::plain(&event.result),
            Cell::plain(event.actor.name()),
            Cell::plain(&event.target),
            Cell::plain(&event.reason),
        ]
    };
    let rows: Vec<Vec<Cell>> = events.iter().map(row).collect();
    table(&columns, &rows, table_width(context), context.streams.out)
}

/// The events as CSV, with a header line.
fn events_as_csv(events: &[AuditEvent]) -> String {
    let mut text = csv_line([
        "time",
        "id",
        "environment",
        "action",
        "target",
        "reason",
        "result",
        "ci",
        "git",
        "aws",
        "source",
        "goldenpath",
        "run",
    ]);
    for event in events {
        let actor = |name: &Option<String>| name.clone().unwrap_or_default();
        text.push_str(&csv_line([
            event.time.to_string().as_str(),
            &event.id.to_string(),
            &event.environment,
            &event.action,
            &event.target,
            &event.reason,
            &event.result,
            &actor(&event.actor.ci),
            &actor(&event.actor.git),
            &actor(&event.actor.aws),
            &event.source,
            &event.goldenpath,
            &event.run,
        ]));
    }
    text
}

fn verify(
    args: &VerifyArgs,
    repository: &Repository,
    project: &Project,
    context: &Context,
) -> Result<Outcome, Failure> {
    let config = &project.config.audit;
    let outside = args.checkpoint.as_deref().map(read_checkpoint).transpose()?;
    context.streams.brief_progress(READING);
    let branch = if args.offline {
        AuditBranch::offline(repository, config)
    } else {
        AuditBranch::open(repository, config).map(Some)
    };
    context.streams.end_progress();
    let branch = branch?;
    let mut faults = BTreeSet::new();
    let mut report = CheckpointReport::default();
    let mut records = 0;
    if let Some(branch) = &branch {
        let log = branch.log();
        records = log.records.len();
        if let Some(tip) = branch.tip()? {
            faults = trail::verify(&log, branch.git(), tip)?;
        }
    }
    match (&branch, &args.allowed_signers) {
        (Some(branch), Some(signers)) => {
            fs::metadata(signers).map_err(|error| {
                Failure::io(&format!("cannot read `{}`", signers.display()), &error)
            })?;
            report = audit::verify_checkpoints(branch, signers, outside.as_ref())?;
            faults.append(&mut report.faults);
        }
        (None, Some(_)) => {
            return Err(Failure::rejected(
                format!("this clone has no branch `{}`", config.branch),
                "run it without `--offline`",
            ));
        }
        (_, None) => {}
    }
    let is_signed = args.allowed_signers.is_some();
    context.streams.result(&match args.format {
        Format::Json => {
            let rows: Vec<_> = faults.iter().map(fault_row).collect();
            let mut result = json!({ "version": 1, "records": records, "faults": rows });
            if is_signed {
                result["checkpoints"] = json!(report.checkpoints);
                result["covered"] = json!(report.covered);
                result["notCovered"] = json!(report.not_covered);
            }
            format!("{}\n", sanitize_json(&format!("{result:#}")))
        }
        Format::Text => {
            let lines = faults.iter().map(|fault| format!("{}\n", sanitize(&fault.to_string())));
            let all = count_of(records, "record");
            let mut text: String = lines.collect();
            text.push_str(&match (records, faults.len()) {
                (0, 0) => "There are no records.\n".to_owned(),
                (_, 0) => format!(
                    "Verified {all}: each is as its name says, none is missing, and git's history \
                     only added records.\n"
                ),
                (_, faults) => format!("{} in {all}.\n", count_of(faults, "fault")),
            });
            if is_signed {
                text.push_str(&format!(
                    "{}: {} covered, not covered: {}.\n",
                    count_of(report.checkpoints, "checkpoint"),
                    report.covered,
                    report.not_covered
                ));
            }
            text
        }
    });
    Ok(if faults.is_empty() { Outcome::Done } else { Outcome::Failed })
}

/// Returns a fault for JSON.
fn fault_row(fault: &TrailViolation) -> serde_json::Value {
    let commit = match &fault.place {
        TrailPlace::Commit(commit) => Some(commit),
        TrailPlace::Now => None,
    };
    json!({ "file": fault.file, "line": fault.line, "commit": commit, "message": fault.what })
}

/// Reads a checkpoint that was kept outside the repository.
fn read_checkpoint(file: &Path) -> Result<Checkpoint, Failure> {
    let bytes = files::read_regular(file, MAX_CHECKPOINT).map_err(|error| {
        Failure::usage(
            format!("cannot read `{}`: {error}", file.display()),
            "give the file that `goldenpath audit checkpoint --out FILE` wrote",
        )
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::usage(
            format!("`{}` is not a checkpoint: {error}", file.display()),
            "give the file that `goldenpath audit checkpoint --out FILE` wrote",
        )
    })
}

fn checkpoint(
    args: &CheckpointArgs,
    repository: &Repository,
    project: &Project,
    context: &Context,
) -> Result<Outcome, Failure> {
    let config = &project.config.audit;
    let Some(key) = args.key.as_ref().or(config.signing_key.as_ref()) else {
        return Err(Failure::usage(
            "there is no key to sign with",
            "give `--key FILE`, or set `audit.signingKey` in goldenpath.yaml",
        ));
    };
    let branch = AuditBranch::open(repository, config)?;
    let checkpoint = audit::create_checkpoint(repository, &branch, key, &project.catalog_id)?;
    if let Some(out) = &args.out {
        let text = serde_json::to_string_pretty(&checkpoint).unwrap_or_default();
        files::write_atomic(out, format!("{text}\n").as_bytes())
            .map_err(|error| Failure::io(&format!("cannot write `{}`", out.display()), &error))?;
    }
    context.streams.result(&format!(
        "Signed {} up to commit {} of `{}`.\n",
        count_of(checkpoint.count, "record"),
        checkpoint.commit.get(..8).unwrap_or_default(),
        branch.name()
    ));
    Ok(Outcome::Done)
}

fn import(
    repository: &Repository,
    project: &Project,
    context: &Context,
) -> Result<Outcome, Failure> {
    let config = &project.config.audit;
    let (trails, lines) = audit::import(repository, config, &project.catalog_id)?;
    context.streams.result(&match trails {
        0 => "Nothing to import.\n".to_owned(),
        _ => format!(
            "Imported {} of {} to `{}`.\n",
            count_of(lines, "event"),
            count_of(trails, "trail"),
            config.branch
        ),
    });
    if trails > 0 {
        context.streams.message(&format!("The folder can be removed now: git rm -r {FOLDER}"));
    }
    Ok(Outcome::Done)
}
