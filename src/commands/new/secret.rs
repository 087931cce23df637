//! `goldenpath new secret`


use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::args::reservation::{ReservationArgs, take, upcoming};
use crate::args::commit::{Committed, CommitArgs};
use crate::output::check::CheckReporter;
use goldenpath_core::catalog::ConfigFile;
use goldenpath_core::check::report_additions;
use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Project, Selection};
use crate::output::findings::{findings_for_people, summary};
use goldenpath_core::manifest::SecretId;
use goldenpath_core::scaffold;
use goldenpath_core::scaffold::{Answers, AnswersError, AnswersFile, Constraint, Draft, Field, MAX_ANSWERS_BYTES, Model, NewManifest, AnswerOrigin, Original, ScaffoldError, InvalidAnswer};
use goldenpath_core::vcs::{Repository, Snapshot};
use crate::prompt::{PromptError, Prompter};
use goldenpath_core::sanitize::harmless_json;

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
    "Read the answers from a file and print the manifest" =>
        "goldenpath new secret --answers answers.yaml --dry-run",
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
    /// Copy the manifest of this ID and ask only for what differs
    #[arg(long, value_name = "ID")]
    from: Option<String>,
    /// Read answers from a YAML file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    #[command(flatten)]
    reserving: ReservationArgs,
    #[command(flatten)]
    committing: CommitArgs,
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
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    args.committing.check(&repository)?;
    let catalog = Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All)?;
    let original = args.from.as_deref().map(|id| Original::find(id, &catalog)).transpose()?;
    let file = args.answers.as_deref().map(|path| read_answers(path, &project)).transpose()?;
    let Args { dry_run, json: as_json, yes, reserving, .. } = args;
    let committing = std::mem::take(&mut args.committing);
    let prompter = Prompter::on_terminal(context.streams.err);
    let prompter = if args.plain { prompter.map(Prompter::plainly) } else { prompter };

    let mut constraint = Constraint::new(&project, catalog)?;
    let answers = answered(
        args,
        file.as_ref(),
        original.as_ref(),
        prompter.as_ref(),
        &mut constraint,
        context,
    )?;

    // The manifests, with the IDs that they would get now: what is not fit to be written uses no number up.
    let allocator = reserving.allocator(&repository, &project.config);
    let ids = upcoming(&allocator, answers.environments.len(), context)?;
    let model = match original {
        Some(original) => Model::Copy(Box::new(original)),
        None => Model::Template(project.template(&repository, scaffold::TEMPLATE)?),
    };
    let (mut made, findings, catalog) =
        scaffold::make(&answers, &ids, &model, &project, constraint.into_catalog())?;
    if !findings.is_empty() {
        for drawn in findings_for_people(&findings, &catalog, context.streams.err) {
            context.streams.alert(&drawn);
        }
    }
    let config = ConfigFile::of(&repository, context.config.as_deref());
    report_additions(&repository, Snapshot::WorkTree, (&project, &config), catalog.selected(), &CheckReporter::new(None, context));
    if !scaffold::is_fit(&findings) {
        context.streams.alert(&summary(made.len(), &findings, context.streams.err));
        context.streams.talk("Nothing was written.");
        return Ok(Outcome::Failed);
    }
    if dry_run {
        report(&made, &CreatedSecret::default(), dry_run, as_json, context);
        return Ok(Outcome::Done);
    }
    if let Some(prompter) = prompter.filter(|_| !yes)
        && !confirmed(&prompter, &made)?
    {
        context.streams.talk("Nothing was written.");
        return Ok(Outcome::Failed);
    }

    // The IDs for good, and the files.
    let given = take(&allocator, ids.len(), context)?;
    if given.ids != ids {
        for (taken, id) in ids.iter().zip(&given.ids).filter(|(taken, id)| taken != id) {
            context.streams.talk(&format!("{taken} was taken meanwhile; it is {id}."));
        }
        (made, _, _) = scaffold::make(&answers, &given.ids, &model, &project, catalog)?;
    }
    scaffold::write(&made, &project)?;
    let mut done = CreatedSecret { reserved_on: given.reserved_on, committed: Committed::default() };
    let paths: Vec<&str> = made.iter().map(|manifest| manifest.path.as_str()).collect();
    let committed =
        committing.carry_out(&repository, &paths, &message(&answers, &given.ids), context);
    let failure = committed.map(|committed| done.committed = committed).err();
    report(&made, &done, dry_run, as_json, context);
    failure.map_or(Ok(Outcome::Done), Err)
}

/// What was done beside writing the files.
#[derive(Debug, Default)]
struct CreatedSecret {
    reserved_on: Option<String>,
    committed: Committed,
}

/// The commit's message.
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

/// All answers: flags win over the file, and both over the manifest that is copied; the person is asked for the rest.
fn answered(
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
    let wrong = draft.wrong_alone(constraint);
    if let Some(failure) = wrong_flags(&wrong) {
        return Err(failure);
    }
    if let Some(error) = file.and_then(|file| file.refuse(&wrong)) {
        return Err(error.into());
    }
    draft.fill_from(original.map(Original::draft).unwrap_or_default());
    // Who takes the defaults is asked for nothing that has one.
    let questions = if yes { draft.missing() } else { Field::ALL.to_vec() };
    if let Some(prompter) = prompter.filter(|_| !questions.is_empty()) {
        let key = if prompter.is_plain() { "Ctrl-D" } else { "Escape" };
        context.streams.talk(&format!(
            "A new secret. {key} or Ctrl-C backs out; nothing is written before the end."
        ));
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
    draft.settle(constraint);
    // Those of flags are drawn into the manifest that they would make.
    if let Some(error) = file.and_then(|file| file.refuse(&draft.wrong_together(constraint))) {
        return Err(ScaffoldError::from(error).into());
    }
    draft.finish().map_err(|missing| missing_flags(&missing))
}

/// The file of answers at `path`. A link is followed: portals and Kubernetes hand files over so.
fn read_answers(path: &Path, project: &Project) -> Result<AnswersFile, AnswersError> {
    let limit = MAX_ANSWERS_BYTES + 1;
    let mut bytes = Vec::new();
    let (name, read) = match path == Path::new("-") {
        true => {
            ("standard input".to_owned(), io::stdin().lock().take(limit).read_to_end(&mut bytes))
        }
        false => (
            path.display().to_string(),
            File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
        ),
    };
    read.map_err(|error| {
        AnswersError::new(
            &name,
            format!("it cannot be read: {error}"),
            "name a file of answers, or `-` for standard input",
        )
    })?;
    AnswersFile::parse(&name, bytes, project)
}

/// Shows the files as they will be written, and asks whether they are to be.
fn confirmed(prompter: &Prompter, made: &[NewManifest]) -> Result<bool, PromptError> {
    for manifest in made {
        prompter.say(&format!("\n{}\n\n{}", manifest.path, manifest.text.trim_end()))?;
    }
    match made.len() {
        1 => prompter.confirm("Write this file?", true),
        files => prompter.confirm(&format!("Write these {files} files?"), true),
    }
}

fn report(made: &[NewManifest], done: &CreatedSecret, dry_run: bool, as_json: bool, context: &Context) {
    if as_json {
        let rows: Vec<_> = made
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
        let CreatedSecret { reserved_on, committed: Committed { branch, commit } } = done;
        for (name, value) in [("reservedOn", reserved_on), ("branch", branch), ("commit", commit)] {
            if let Some(value) = value {
                report[name] = value.as_str().into();
            }
        }
        context.streams.result(&format!("{}\n", harmless_json(&format!("{report:#}"))));
        return;
    }
    for manifest in made {
        match dry_run {
            true => {
                context.streams.result(&format!("# {}\n", manifest.path));
                context.streams.yaml(&manifest.text);
            }
            false => context.streams.result(&format!("{} {}\n", manifest.id, manifest.path)),
        }
    }
    if dry_run {
        context.streams.talk("Nothing was written (--dry-run).");
    } else if let Some(commit) = &done.committed.commit {
        context
            .streams
            .talk(&format!("Committed as {}. Next: push; the merge does the rest.", &commit[..8]));
    } else {
        let paths: Vec<&str> = made.iter().map(|manifest| manifest.path.as_str()).collect();
        context.streams.talk(&format!(
            "Next: git add {} and commit; the merge does the rest.",
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
        format!("there is no terminal to ask on, and no answer for {}", flags.join(", ")),
        format!(
            "give {}; see `goldenpath new secret --help`",
            if flags.len() == 1 { "this flag" } else { "these flags" }
        ),
    )
}

/// The error for those flags that are wrong.
fn wrong_flags(wrong: &[InvalidAnswer]) -> Option<Failure> {
    let of_flags = wrong.iter().filter(|wrong| wrong.origin == AnswerOrigin::Flag);
    let lines: Vec<String> =
        of_flags.map(|wrong| format!("{}: {}", wrong.field.flag(), wrong.why)).collect();
    let help = "correct the answer; see `goldenpath new secret --help`";
    (!lines.is_empty()).then(|| Failure::usage(lines.join("\n"), help))
}
