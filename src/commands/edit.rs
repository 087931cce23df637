//! `goldenpath edit`

use clap::ValueEnum;
use serde_json::json;

use crate::args::commit::{CommitArgs, CommitResult};
use crate::args::duration::parse_days;
use crate::args::named_secrets::choose;
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::diff::{FileDiff, diff_for_people};
use crate::output::findings::{findings_for_people, summary};
use crate::prompt::{Prompter, Question};
use goldenpath_core::catalog::{Catalog, Entry, Project, Selection};
use goldenpath_core::fixes;
use goldenpath_core::manifest::SecretRequest;
use goldenpath_core::rules::ConfidentialSpans;
use goldenpath_core::sanitize::{sanitize_json, sanitize_name};
use goldenpath_core::scaffold::{self, EDITABLE, Edit, Field};
use goldenpath_core::trail::AuditLog;
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::inventory::StartDates;

/// Change fields of a manifest, preserving comments and formatting
///
/// Writes to the work tree; the change takes effect after the merge. Nothing is written if the
/// result has a new error. Without a flag, asks for the field to change. The name, service,
/// environment and type cannot change: with another one, it is another secret.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = examples!("edit":
    "Keep a secret for another 90 days" => "goldenpath edit SEC-0001 --extend 90d",
    "Hand a secret over to another owner" => "goldenpath edit payments-db --owner app-team",
    "Remove the description" => "goldenpath edit SEC-0001 --description ''",
    "Show a change without writing it" => "goldenpath edit SEC-0001 --risk high --dry-run",
))]
pub(crate) struct Args {
    /// The ID, such as SEC-0007 or sec-7, or the name [default: asks on a terminal]
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Set the owner
    #[arg(long)]
    owner: Option<String>,
    /// Set the risk tier
    #[arg(long, value_name = "TIER")]
    risk: Option<String>,
    /// Set the rotation class
    #[arg(long, value_name = "CLASS")]
    rotation: Option<String>,
    /// Set the Kubernetes namespace
    #[arg(long)]
    namespace: Option<String>,
    /// Set the name of the Kubernetes Secret
    #[arg(long, value_name = "NAME")]
    k8s_secret_name: Option<String>,
    /// Set the days until a review is due, from the day on which the secret was created
    #[arg(long, value_name = "DAYS", conflicts_with = "extend")]
    ttl_days: Option<String>,
    /// Set the ttl so that a review is due in this time from today, such as 90d or 12w
    #[arg(long, value_name = "TIME", value_parser = parse_days)]
    extend: Option<u32>,
    /// Set the description; an empty one removes it
    #[arg(long)]
    description: Option<String>,
    #[command(flatten)]
    commit: CommitArgs,
    /// Show the change without writing it
    #[arg(long)]
    dry_run: bool,
    /// Set how to print the change
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The changed lines
    #[default]
    Human,
    /// One JSON object
    Json,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    args.commit.check(&repository)?;
    let catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
    let word = match &args.id {
        Some(word) => word.clone(),
        None => choose(&catalog, context)?,
    };
    let entry = catalog.find(&word)?;
    let Some(request) = entry.request() else {
        let path = entry.path.clone();
        return Err(scaffold::CopyError::NoRequest { path }.into());
    };
    let mut values = args.values();
    if let Some(days) = args.extend {
        let age = age_in_days(&repository, &project, &catalog, request, context)?;
        values.push((Field::TtlDays, (age + i64::from(days)).to_string()));
    }
    if values.is_empty() {
        values.push(ask(entry, &project, context)?);
    }
    let (id, path) = (request.id, entry.path.clone());
    let edit = scaffold::edit(catalog, &project, &path, &values)?;
    for drawn in findings_for_people(&edit.findings, &edit.catalog, context.streams.err) {
        context.streams.rendered(&drawn);
    }
    if edit.is_rejected {
        context.streams.rendered(&summary(1, &edit.findings, context.streams.err));
        context.streams.message("Nothing was written.");
        return Ok(Outcome::Failed);
    }
    let mut committed = CommitResult::default();
    let mut failure = None;
    if !args.dry_run && !edit.changes.is_empty() {
        fixes::write(&repository, &edit.catalog, std::slice::from_ref(&edit.rewrite))?;
        let names: Vec<&str> = edit.changes.iter().map(|change| change.field.variable()).collect();
        let message = format!("{id}: change {}", names.join(", "));
        match args.commit.apply(&repository, &[&path], &message, context) {
            Ok(done) => committed = done,
            Err(error) => failure = Some(error),
        }
    }
    report(args, &id.to_string(), &edit, &committed, &project, context);
    failure.map_or(Ok(Outcome::Done), Err)
}

impl Args {
    /// Returns the values that flags set.
    fn values(&self) -> Vec<(Field, String)> {
        let all = [
            (Field::Owner, &self.owner),
            (Field::RiskTier, &self.risk),
            (Field::RotationClass, &self.rotation),
            (Field::Namespace, &self.namespace),
            (Field::K8sSecretName, &self.k8s_secret_name),
            (Field::TtlDays, &self.ttl_days),
            (Field::Description, &self.description),
        ];
        all.into_iter().filter_map(|(field, value)| Some((field, value.clone()?))).collect()
    }
}

/// Returns since how many days the secret exists, by git or the audit trail as it was fetched last.
fn age_in_days(
    repository: &Repository,
    project: &Project,
    catalog: &Catalog,
    request: &SecretRequest,
    context: &Context,
) -> Result<i64, Failure> {
    // A manifest that is not committed yet is new.
    let Some(tip) = repository.last_commit()? else { return Ok(0) };
    let recorded = AuditLog::fetched(repository, &project.config.audit)?.times();
    let is_edited = |one: &SecretRequest| one.id == request.id;
    let dates = StartDates::of(repository, project, catalog, tip, recorded, is_edited)?;
    if let Some(since) = dates.catalogued(request.id) {
        return Ok(context.now.duration_since(since).as_hours() / 24);
    }
    if !dates.is_unknown(request.id) {
        return Ok(0);
    }
    Err(Failure::usage(
        format!("since when {} exists is unknown: this clone's history is cut", request.id),
        "run `git fetch --unshallow`, or give --ttl-days",
    ))
}

/// Asks for the field to change and for its new value.
fn ask(entry: &Entry, project: &Project, context: &Context) -> Result<(Field, String), Failure> {
    let flags: Vec<&str> = EDITABLE.iter().map(|field| field.flag()).collect();
    let Some(prompter) = Prompter::on_terminal(context.streams.err) else {
        return Err(Failure::usage(
            "nothing is to be changed",
            format!("give one of {} or --extend", flags.join(", ")),
        ));
    };
    let value = |field: Field| scaffold::field_value(entry, field).unwrap_or_default();
    let rows: Vec<String> = EDITABLE.iter().map(|field| field.question().to_owned()).collect();
    let values: Vec<String> = EDITABLE.iter().map(|field| value(*field)).collect();
    let question =
        Question { words: "Change", suggestions: &rows, meanings: &values, ..Question::default() };
    let field = EDITABLE[prompter.one(&question, |_| Ok(()))?];
    let old = value(field);
    let choices = field.choices(project).unwrap_or_default();
    let question = Question {
        words: field.question(),
        default: Some(&old),
        suggestions: choices,
        accepts_new_value: choices.is_empty(),
        ..Question::default()
    };
    Ok((field, prompter.text(&question, |_| Ok(()))?))
}

/// Prints the change.
fn report(
    args: &Args,
    id: &str,
    edit: &Edit,
    committed: &CommitResult,
    project: &Project,
    context: &Context,
) {
    let streams = &context.streams;
    if args.format == Format::Json {
        let changes: Vec<_> = edit
            .changes
            .iter()
            .map(|change| {
                let (field, from, to) = (change.field.variable(), &change.before, &change.after);
                json!({ "field": field, "from": from, "to": to })
            })
            .collect();
        let mut report = json!({
            "version": 1,
            "id": id,
            "path": edit.rewrite.path,
            "dryRun": args.dry_run,
            "changes": changes,
        });
        for (name, value) in [("branch", &committed.branch), ("commit", &committed.commit)] {
            if let Some(value) = value {
                report[name] = value.as_str().into();
            }
        }
        return streams.result(&format!("{}\n", sanitize_json(&format!("{report:#}"))));
    }
    if edit.changes.is_empty() {
        return streams.message(&format!("{id} already has these values."));
    }
    let before = &edit.rewrite.before;
    if let Some(after) = edit.catalog.at(&edit.rewrite.path) {
        let (old, new) = ConfidentialSpans::of_change(before, after, project);
        let difference = FileDiff {
            from: &before.path,
            to: &after.path,
            before: &old.mask(&before.text),
            after: &new.mask(&after.text),
        };
        streams.result(&diff_for_people(&difference, streams.out));
    }
    streams.message(&match (&committed.commit, args.dry_run) {
        (_, true) => "Nothing was written (--dry-run).".to_owned(),
        (Some(commit), _) => {
            format!("Committed as {}. Next: push and open a pull request.", &commit[..8])
        }
        (None, _) => {
            let path = sanitize_name(&edit.rewrite.path);
            format!("Next: git add {path} and commit; apply makes the change after the merge.")
        }
    });
}
