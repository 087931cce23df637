//! `goldenpath new secret`

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::args::commit::{CommitArgs, CommitResult};
use crate::args::reservation::{ReservationArgs, reserve_ids, upcoming};
use crate::check_report::CheckReporter;
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::findings::{findings_for_people, summary};
use crate::output::streams::Streams;
use crate::prompt::{PromptError, Prompter};
use goldenpath_core::catalog::ConfigFile;
use goldenpath_core::catalog::{Catalog, Project, Selection};
use goldenpath_core::check::report_additions;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::sanitize::sanitize_json;
use goldenpath_core::scaffold;
use goldenpath_core::scaffold::{
    AnswerOrigin, AnswerVerdict, Answers, AnswersError, AnswersFile, Constraint, Draft, Field,
    InvalidAnswer, MAX_ANSWERS_BYTES, ManifestSource, NewManifest, Original, ScaffoldError,
};
use goldenpath_core::vcs::{Repository, Snapshot};

/// Write a new SecretRequest with the next free ID
///
/// Asks for each answer that no flag gives. Without a terminal, --service, --env, --type, --name,
/// --owner and --risk are required as flags, in --answers or by --from; all others have defaults.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = examples!("new":
    "Answer questions" => "goldenpath new secret",
    "Give the answers as flags, then create a branch and a commit" =>
        "goldenpath new secret --service payments --env dev --branch payments-db --commit",
    "Copy a manifest to other environments" =>
        "goldenpath new secret --from SEC-0001 --env test --env prod",
    "Copy a manifest to another secret of its environment" =>
        "goldenpath new secret --from SEC-0001 --name payments-replica",
))]
pub(crate) struct Args {
    /// The service that uses the secret
    #[arg(long)]
    service: Option<String>,
    /// The environment; repeat it for one manifest per environment
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    environments: Vec<String>,
    /// The secret's type, such as database-credentials
    #[arg(long = "type", value_name = "TYPE")]
    secret_type: Option<String>,
    /// The secret's name
    #[arg(long)]
    name: Option<String>,
    /// The owner [default: the only one that `ownership` lists for the service]
    #[arg(long)]
    owner: Option<String>,
    /// The risk tier
    #[arg(long, value_name = "TIER")]
    risk: Option<String>,
    /// The rotation class [default: from the type and the risk tier]
    #[arg(long, value_name = "CLASS")]
    rotation: Option<String>,
    /// The Kubernetes namespace [default: the service, or its first in `ownership`]
    #[arg(long)]
    namespace: Option<String>,
    /// The Kubernetes Secret's name [default: the name, numbered if it is taken]
    #[arg(long, value_name = "NAME")]
    k8s_secret_name: Option<String>,
    /// Days until a review is due [default: 90, or less if the risk tier requires it]
    #[arg(long, value_name = "DAYS")]
    ttl_days: Option<String>,
    /// A description in one line, also written to the secret in its store
    #[arg(long)]
    description: Option<String>,
    /// The format of the value: text for one text instead of a JSON object
    #[arg(long, value_name = "FORMAT", value_parser = ["json", "text"])]
    value_format: Option<String>,
    /// The key of a text in the Kubernetes Secret [default: value]
    #[arg(long, value_name = "KEY")]
    value_key: Option<String>,
    /// Copy the manifest of this ID and ask only for what differs
    #[arg(long, value_name = "ID")]
    from: Option<String>,
    /// Read answers from a YAML file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    #[command(flatten)]
    reservation: ReservationArgs,
    #[command(flatten)]
    commit: CommitArgs,
    /// Print the manifests without writing them
    #[arg(long)]
    dry_run: bool,
    /// Print the IDs and paths as JSON
    #[arg(long)]
    json: bool,
    /// Ask line by line without drawing or colors, for screen readers
    #[arg(long)]
    pub(crate) plain: bool,
    /// Accept the defaults and write without confirmation
    #[arg(short, long)]
    yes: bool,
}

pub(crate) fn run(mut args: Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover_to_read()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    args.commit.check(&repository)?;
    let catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
    let original = args.from.as_deref().map(|id| Original::find(id, &catalog)).transpose()?;
    let file = args.answers.as_deref().map(|path| read_answers(path, &project)).transpose()?;
    let Args { dry_run, json: as_json, yes, reservation, .. } = args;
    let commit = std::mem::take(&mut args.commit);
    let prompter = Prompter::on_terminal(context.streams.err);
    let prompter = if args.plain { prompter.map(Prompter::line_mode) } else { prompter };

    let mut constraint = Constraint::new(&project, catalog)?;
    let answers = collect_answers(
        args,
        file.as_ref(),
        original.as_ref(),
        prompter.as_ref(),
        &mut constraint,
        context,
    )?;

    // Rendered and checked with unreserved IDs first, so that a failing manifest uses no ID.
    let allocator = reservation.allocator(&repository, &project.config);
    let ids = upcoming(&allocator, answers.environments.len(), context)?;
    let source = match original {
        Some(original) => ManifestSource::Copy(Box::new(original)),
        None => ManifestSource::Template(project.template(&repository, scaffold::TEMPLATE)?),
    };
    let (mut manifests, findings, catalog) =
        scaffold::create_manifests(&answers, &ids, &source, &project, constraint.into_catalog())?;
    if !findings.is_empty() {
        for drawn in findings_for_people(&findings, &catalog, context.streams.err) {
            context.streams.rendered(&drawn);
        }
    }
    let config = ConfigFile::of(&repository, context.config.as_deref());
    report_additions(
        &repository,
        Snapshot::WorkTree,
        (&project, &config),
        catalog.selected(),
        &CheckReporter::new(None, &context.streams),
    );
    if !scaffold::allows_writing(&findings) {
        context.streams.rendered(&summary(manifests.len(), &findings, context.streams.err));
        context.streams.message("Nothing was written.");
        return Ok(Outcome::Failed);
    }
    if dry_run {
        report(&manifests, &CreatedSecret::default(), dry_run, as_json, context);
        return Ok(Outcome::Done);
    }
    if let Some(prompter) = prompter.filter(|_| !yes)
        && !confirm(&prompter, &manifests)?
    {
        context.streams.message("Nothing was written.");
        return Ok(Outcome::Failed);
    }

    let reserved = reserve_ids(&allocator, ids.len(), context)?;
    if reserved.ids != ids {
        for (taken, id) in ids.iter().zip(&reserved.ids).filter(|(taken, id)| taken != id) {
            context.streams.message(&format!("{taken} was taken concurrently; using {id}."));
        }
        (manifests, _, _) =
            scaffold::create_manifests(&answers, &reserved.ids, &source, &project, catalog)?;
    }
    scaffold::write(&manifests, &project)?;
    let mut done =
        CreatedSecret { reserved_on: reserved.reserved_on, committed: CommitResult::default() };
    let paths: Vec<&str> = manifests.iter().map(|manifest| manifest.path.as_str()).collect();
    let committed = commit.apply(&repository, &paths, &message(&answers, &reserved.ids), context);
    let failure = committed.map(|committed| done.committed = committed).err();
    report(&manifests, &done, dry_run, as_json, context);
    failure.map_or(Ok(Outcome::Done), Err)
}

/// The results besides the written files.
#[derive(Debug, Default)]
struct CreatedSecret {
    reserved_on: Option<String>,
    committed: CommitResult,
}

/// Returns the commit's message.
fn message(answers: &Answers, ids: &[SecretId]) -> String {
    let and = |words: Vec<String>| match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    };
    let ids = and(ids.iter().map(ToString::to_string).collect());
    format!(
        "{ids}: {} for {} in {}",
        answers.name,
        answers.service,
        and(answers.environments.clone())
    )
}

/// Returns all answers; asks the user for those that are missing.
///
/// Flags take precedence over the file, and the file over the copied manifest.
fn collect_answers(
    args: Args,
    file: Option<&AnswersFile>,
    original: Option<&Original>,
    prompter: Option<&Prompter>,
    constraint: &mut Constraint<'_>,
    context: &Context,
) -> Result<Answers, Failure> {
    let yes = args.yes;
    let mut draft = args.draft();
    draft.fill_from(file.map(AnswersFile::draft).unwrap_or_default());
    let wrong = draft.check_each(constraint);
    if let Some(failure) = wrong_flags(&wrong) {
        return Err(failure);
    }
    if let Some(error) = file.and_then(|file| file.find_error(&wrong)) {
        return Err(error.into());
    }
    if let Some(original) = original {
        draft.fill_from(original.draft());
        // A dialogue asks for what is taken.
        let streams = (prompter.is_none() || yes).then_some(&context.streams);
        adapt_copy(&mut draft, original, constraint, streams);
    }
    // With --yes, only questions without a default are asked.
    let questions = if yes { draft.missing() } else { Field::QUESTIONS.to_vec() };
    if let Some(prompter) = prompter.filter(|_| !questions.is_empty()) {
        let (back, key) =
            if prompter.is_plain() { ("<", "Ctrl-D") } else { ("Shift-Tab", "Escape") };
        if !context.streams.quiet {
            prompter.note(&format!(
                "New secret. {back} goes back; {key} or Ctrl-C cancels, nothing is written."
            ))?;
        }
        super::dialogue::ask(
            prompter,
            &questions,
            &mut draft,
            constraint,
            original.map(Original::environment),
        )?;
    }
    if draft.get(Field::Owner).is_none()
        && let Some(owner) = constraint.only_owner(&draft)
    {
        draft.answer(Field::Owner, owner, AnswerOrigin::Asked);
    }
    if !draft.missing().is_empty() {
        return Err(missing_flags(&draft.missing()));
    }
    draft.fill_defaults(constraint);
    let has_key = draft.get(Field::ValueKey).is_some_and(|key| !key.is_empty());
    if has_key && draft.get(Field::ValueFormat) != Some("text") {
        return Err(Failure::usage(
            "`--value-key` is given, and the value is not a text",
            "give `--value-format text` too; the keys of a JSON object come from the type",
        ));
    }
    // Invalid answers of flags are shown in the rendered manifest instead.
    if let Some(error) = file.and_then(|file| file.find_error(&draft.check_together(constraint))) {
        return Err(ScaffoldError::from(error).into());
    }
    draft.finish().map_err(|missing| missing_flags(&missing))
}

/// Replaces copied answers that another secret must not have.
///
/// A copy with another name is for the same environment unless one is given. A taken name of the
/// Kubernetes Secret is replaced only with `streams`, which get a note.
fn adapt_copy(
    draft: &mut Draft,
    original: &Original,
    constraint: &mut Constraint<'_>,
    streams: Option<&Streams>,
) {
    if !matches!(draft.origin(Field::Name), Some(AnswerOrigin::Flag | AnswerOrigin::File(_))) {
        return;
    }
    if draft.get(Field::Environment).is_none() {
        draft.answer(Field::Environment, original.environment(), AnswerOrigin::Copied);
    }
    let Some(streams) = streams else { return };
    let field = Field::K8sSecretName;
    if !matches!(draft.origin(field), Some(AnswerOrigin::Copied))
        || !matches!(constraint.check_answer(draft, field), AnswerVerdict::Rejected(_))
    {
        return;
    }
    let Some(taken) = draft.get(field).map(str::to_owned) else { return };
    draft.remove(field);
    if let Some(free) = constraint.default_for(draft, field) {
        streams.message(&format!(
            "The Kubernetes Secret {taken} is the copied one's: {free} is used, or give {}.",
            field.flag()
        ));
    }
}

/// Reads the file of answers at `path`. Follows links: Kubernetes mounts files as links.
fn read_answers(path: &Path, project: &Project) -> Result<AnswersFile, AnswersError> {
    let limit = MAX_ANSWERS_BYTES + 1;
    let mut bytes = Vec::new();
    let (name, read) = if path == Path::new("-") {
        ("standard input".to_owned(), io::stdin().lock().take(limit).read_to_end(&mut bytes))
    } else {
        let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        (path.display().to_string(), read)
    };
    read.map_err(|error| {
        AnswersError::new(
            &name,
            format!("cannot read the file: {error}"),
            "give a file of answers, or `-` for standard input",
        )
    })?;
    AnswersFile::parse(&name, bytes, project)
}

/// Shows the files and asks for confirmation.
fn confirm(prompter: &Prompter, manifests: &[NewManifest]) -> Result<bool, PromptError> {
    for manifest in manifests {
        prompter.print(&format!("\n{}\n\n{}", manifest.path, manifest.text.trim_end()))?;
    }
    let ask = |question: &str| {
        loop {
            match prompter.confirm(question, true) {
                Err(PromptError::Canceled) => super::dialogue::confirm_loss(prompter)?,
                answer => return answer,
            }
        }
    };
    match manifests.len() {
        1 => ask("Write this file?"),
        files => ask(&format!("Write these {files} files?")),
    }
}

fn report(
    manifests: &[NewManifest],
    done: &CreatedSecret,
    dry_run: bool,
    as_json: bool,
    context: &Context,
) {
    if as_json {
        let rows: Vec<_> = manifests
            .iter()
            .map(|manifest| {
                let mut row = json!({ "id": manifest.id, "path": manifest.path });
                if dry_run {
                    row["manifest"] = manifest.text.as_str().into();
                }
                row
            })
            .collect();
        let mut report = json!({ "version": 1, "dryRun": dry_run, "manifests": rows });
        let CreatedSecret { reserved_on, committed: CommitResult { branch, commit } } = done;
        for (name, value) in [("reservedOn", reserved_on), ("branch", branch), ("commit", commit)] {
            if let Some(value) = value {
                report[name] = value.as_str().into();
            }
        }
        context.streams.result(&format!("{}\n", sanitize_json(&format!("{report:#}"))));
        return;
    }
    for manifest in manifests {
        if dry_run {
            context.streams.result(&format!("# {}\n", manifest.path));
            context.streams.yaml(&manifest.text);
        } else {
            context.streams.result(&format!("{} {}\n", manifest.id, manifest.path));
        }
    }
    if dry_run {
        context.streams.message("Nothing was written (--dry-run).");
    } else if let Some(commit) = &done.committed.commit {
        context.streams.message(&format!(
            "Committed as {}. Next: push and open a pull request; apply creates the secret after \
             the merge.",
            &commit[..8]
        ));
    } else {
        let paths: Vec<&str> = manifests.iter().map(|manifest| manifest.path.as_str()).collect();
        context.streams.message(&format!(
            "Next: git add {} and commit; apply creates the secret after the merge.",
            paths.join(" ")
        ));
    }
}

impl Args {
    fn draft(self) -> Draft {
        let mut draft = Draft::default();
        let single = [
            (Field::Service, self.service),
            (Field::SecretType, self.secret_type),
            (Field::Name, self.name),
            (Field::Owner, self.owner),
            (Field::RiskTier, self.risk),
            (Field::RotationClass, self.rotation),
            (Field::Namespace, self.namespace),
            (Field::K8sSecretName, self.k8s_secret_name),
            (Field::TtlDays, self.ttl_days),
            (Field::Description, self.description),
            (Field::ValueFormat, self.value_format),
            (Field::ValueKey, self.value_key),
        ];
        for (field, value) in single {
            if let Some(value) = value {
                draft.answer(field, value, AnswerOrigin::Flag);
            }
        }
        for environment in self.environments {
            draft.answer(Field::Environment, environment, AnswerOrigin::Flag);
        }
        draft
    }
}

fn missing_flags(missing: &[Field]) -> Failure {
    let flags: Vec<&str> = missing.iter().map(|field| field.flag()).collect();
    Failure::usage(
        format!("cannot ask without a terminal for {}", flags.join(", ")),
        format!(
            "give {}; see `goldenpath new secret --help`",
            if flags.len() == 1 { "this flag" } else { "these flags" }
        ),
    )
}

/// Returns the error for invalid answers of flags.
fn wrong_flags(wrong: &[InvalidAnswer]) -> Option<Failure> {
    let of_flags = wrong.iter().filter(|wrong| wrong.origin == AnswerOrigin::Flag);
    let lines: Vec<String> =
        of_flags.map(|wrong| format!("{}: {}", wrong.field.flag(), wrong.why)).collect();
    let help = "fix the answer; see `goldenpath new secret --help`";
    (!lines.is_empty()).then(|| Failure::usage(lines.join("\n"), help))
}
