//! `goldenpath init`

mod answers;
mod hook_install;
mod pipeline;
mod questions;
mod setup;

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::prompt::Prompter;
use goldenpath_core::codeowners;
use goldenpath_core::codeowners::LinesState;
use goldenpath_core::config::{
    BUILT_IN_GOVERNANCE, BUILT_IN_SECRET_TYPES, Config, Enums, FILE_NAME,
};
use goldenpath_core::manifest::{
    BUILT_IN_SCHEMA, GENERATED_START, SCHEMA_FILE_NAME, bundle_schema,
};
use goldenpath_core::scaffold;
use goldenpath_core::scaffold::CONFIG_SCHEMA_FILE_NAME;
use goldenpath_core::scaffold::pre_commit_config;
use goldenpath_core::scaffold::pre_commit_config::HookEdit;
use goldenpath_core::template;
use goldenpath_core::template::Output;
use goldenpath_core::vcs::Repository;

use answers::{AnswerArgs, KeptSetup, SetupAnswers};
use pipeline::{PIPELINES, PipelineHost};
use setup::{SetupChange, SetupFile, is_there, read};

/// Set up a repository: configuration, schemas, pipeline and the commit hook
///
/// Writes only files that do not exist, and updates the lists in the schemas. If the repository has
/// a .pre-commit-config.yaml, the hook is added to it. On a terminal, asks for what no flag says,
/// shows the files and the changes of existing ones, and asks before it writes. Without a terminal,
/// the flags and the defaults decide. With --backend aws, asks STS for the account of the AWS
/// credentials, if there are any, and writes its number, so that no other account is used by
/// mistake.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("init":
    "Set up the repository of the current folder" => "goldenpath init",
    "Keep the secrets in AWS, in the account of the current credentials" =>
        "goldenpath init --backend aws --region eu-west-2 --ci github",
    "Set the lists of environments and owners" =>
        "goldenpath init --env dev --env prod --owner team-payments --platform @acme/platform",
    "Show what would be replaced by the built-in files" => "goldenpath init --force --dry-run",
))]
pub(crate) struct Args {
    #[command(flatten)]
    answers: AnswerArgs,
    /// Replace files that differ from the built-in ones
    #[arg(long)]
    force: bool,
    /// Print what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask line by line without drawing or colors, for screen readers
    #[arg(long)]
    pub(crate) plain: bool,
    /// Accept the defaults and write without questions
    #[arg(short, long)]
    yes: bool,
}

const TEMPLATE: &str = goldenpath_core::template::built_in::CONFIGURATION;

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let existing = if args.force { None } else { read(&repository, FILE_NAME)? };
    // A configuration that is kept sets the paths of the other files.
    let kept_config = existing.as_deref().map(|text| Config::parse(FILE_NAME, text)).transpose()?;
    let paths = kept_config.clone().unwrap_or_default();
    let kept_enums = match read(&repository, &paths.enums)?.filter(|_| !args.force) {
        Some(text) => Some(Enums::parse(&paths.enums, &text)?),
        None => None,
    };
    let framework = read(&repository, pre_commit_config::CONFIG_FILE_NAME)?;
    let kept = KeptSetup {
        config: kept_config.as_ref(),
        enums: kept_enums.as_ref(),
        has_pipeline: PIPELINES.into_iter().any(|path| is_there(&repository, path)),
        has_framework: framework.is_some(),
    };
    args.answers.check(&kept)?;
    let prompter = if args.yes { None } else { Prompter::on_terminal(context.streams.err) };
    let prompter = if args.plain { prompter.map(Prompter::line_mode) } else { prompter };
    let answers = match &prompter {
        Some(prompter) => args.answers.ask(prompter, &kept, &repository, context)?,
        None => args.answers.without_questions(&kept, context)?,
    };

    let fresh = render_config(&answers, &repository)?;
    let config = match kept_config {
        Some(config) => config,
        None => Config::parse(FILE_NAME, &fresh)?,
    };
    let item = pre_commit_config::item(&config)?;
    let edit = framework.as_deref().map(|text| pre_commit_config::add(text, &item));
    let mut files =
        rule_files(&repository, (&config, &fresh), &answers, kept_enums.as_ref(), args.force)?;
    files.extend(hook_file(framework, edit.as_ref()));
    files.extend(pipeline_file(&repository, &answers, &config)?);
    if answers.writes_code_owners {
        let text = existing.as_deref().unwrap_or(&fresh);
        files.push(code_owners_file(&repository, (&config, text), answers.pipeline)?);
    }
    // All files are checked before the first is written, so that an obstacle stops every step.
    for file in &mut files {
        file.find_target(repository.root())?;
    }

    if args.dry_run {
        for file in &files {
            context.streams.result(&file.preview(context.streams.out));
        }
        context.streams.message("Nothing was written.");
        return Ok(Outcome::Done);
    }
    if let Some(prompter) = &prompter
        && files.iter().any(SetupFile::is_written)
    {
        for file in &files {
            context.streams.rendered(&file.preview(context.streams.err));
        }
        if !prompter.confirm("Write these files?", true)? {
            context.streams.message("Nothing was written.");
            return Ok(Outcome::Failed);
        }
    }
    for file in &files {
        file.write()?;
        context.streams.result(&file.done());
    }
    let installed = if answers.installs_hook {
        hook_install::install(&repository, edit.is_some(), context)
    } else {
        Ok(())
    };
    explain_hook(edit.as_ref(), &item, answers.installs_hook && installed.is_ok(), context);
    print_next_steps(&files, answers.pipeline, context);
    installed.map(|()| Outcome::Done)
}

/// Returns the text of a new configuration.
fn render_config(answers: &SetupAnswers, repository: &Repository) -> Result<String, Failure> {
    let is_url = answers.has_gitops_url();
    let variables = json!({
        "catalogId": goldenpath_core::config::to_catalog_id(&repository.name()),
        "backend": if answers.is_aws { "aws" } else { "local" },
        "accountId": answers.account_id,
        "region": answers.region,
        "gitopsPath": Some(&answers.gitops).filter(|_| !is_url),
        "gitopsUrl": Some(&answers.gitops).filter(|_| is_url),
        "platform": answers.platform,
    });
    Ok(template::render("goldenpath.yaml.j2", TEMPLATE, Output::Yaml, &variables)?)
}

/// Returns the configuration and the files of `schemas/`.
///
/// `fresh` is the text of a new configuration, and `kept_enums` a file that stays.
fn rule_files(
    repository: &Repository,
    (config, fresh): (&Config, &str),
    answers: &SetupAnswers,
    kept_enums: Option<&Enums>,
    force: bool,
) -> Result<Vec<SetupFile>, Failure> {
    let enums_text = Enums::built_in_with(&answers.owners, &answers.environments)?;
    let enums = match kept_enums {
        Some(kept) => kept.clone(),
        None => Enums::parse(&config.enums, &enums_text)?,
    };
    let schema = bundle_schema(SCHEMA_FILE_NAME, BUILT_IN_SCHEMA, &enums)?;
    let config_schema = scaffold::config_schema(&enums)?;
    let mut files = Vec::new();
    for (path, text) in [
        (FILE_NAME, fresh),
        (CONFIG_SCHEMA_FILE_NAME, &config_schema),
        (SCHEMA_FILE_NAME, &schema),
        (&config.enums, &enums_text),
        (&config.governance, BUILT_IN_GOVERNANCE),
        (&config.secret_types, BUILT_IN_SECRET_TYPES),
    ] {
        let before = read(repository, path)?;
        let change = match before.as_deref() {
            Some(found) if found == text => SetupChange::Unchanged,
            Some(found) if path == SCHEMA_FILE_NAME && is_older_list(found, text, &enums) => {
                SetupChange::Updated
            }
            Some(found) if path == CONFIG_SCHEMA_FILE_NAME && found.contains(GENERATED_START) => {
                SetupChange::Updated
            }
            Some(_) if !force => SetupChange::Kept,
            Some(_) => SetupChange::Replaced,
            None => SetupChange::Created,
        };
        files.push(SetupFile::new(path, change, before, text.to_owned()));
    }
    Ok(files)
}

/// Returns the framework's configuration with the hook, unless the user has to add it.
fn hook_file(before: Option<String>, edit: Option<&HookEdit>) -> Option<SetupFile> {
    let (change, text) = match edit? {
        HookEdit::AlreadyThere => (SetupChange::Unchanged, String::new()),
        HookEdit::Added(text) => (SetupChange::HookAdded, text.clone()),
        HookEdit::ByHand => return None,
    };
    Some(SetupFile::new(pre_commit_config::CONFIG_FILE_NAME, change, before, text))
}

/// Returns the pipeline, which never replaces one.
fn pipeline_file(
    repository: &Repository,
    answers: &SetupAnswers,
    config: &Config,
) -> Result<Option<SetupFile>, Failure> {
    let Some(host) = answers.pipeline else { return Ok(None) };
    let own = PIPELINES.into_iter().find(|path| is_there(repository, path));
    let store = &config.store;
    let text = host.text(store.expected_account(), store.region.as_deref());
    Ok(Some(match own {
        Some(path) => {
            let before = read(repository, path)?;
            let is_same = path == host.path() && before.as_ref() == Some(&text);
            let change = if is_same { SetupChange::Unchanged } else { SetupChange::Kept };
            SetupFile::new(path, change, before, text)
        }
        None => SetupFile::new(host.path(), SetupChange::Created, None, text),
    }))
}

/// Returns CODEOWNERS with the lines that follow from `ownership`.
fn code_owners_file(
    repository: &Repository,
    (config, text): (&Config, &str),
    new_pipeline: Option<PipelineHost>,
) -> Result<SetupFile, Failure> {
    let mut pipelines = codeowners::pipelines(repository)?;
    let new = new_pipeline.map(PipelineHost::owned_path);
    pipelines.extend(new.filter(|path| !pipelines.contains(path)));
    let lines = codeowners::lines_of(config, (FILE_NAME, text), &pipelines)?;
    let mut file = codeowners::find(repository)?;
    if file.text.is_none() && new_pipeline == Some(PipelineHost::Gitlab) {
        // GitLab does not read the place of GitHub's.
        ".gitlab/CODEOWNERS".clone_into(&mut file.path);
    }
    let comparison = file.compare(&lines)?;
    let change = match (&comparison.state, &file.text) {
        (LinesState::Current, _) => SetupChange::Unchanged,
        (LinesState::Excluded(_), _) => {
            return Err(Failure::rejected(
                format!("cannot write `{}`: it excludes paths of the rule files", file.path),
                "see `goldenpath codeowners --check`, and remove the exclusion (`!`)",
            ));
        }
        (_, None) => SetupChange::Created,
        (_, Some(_)) => SetupChange::Updated,
    };
    Ok(SetupFile::new(&file.path, change, file.text, comparison.text))
}

/// Prints what the user does for the hook.
fn explain_hook(edit: Option<&HookEdit>, item: &str, is_installed: bool, context: &Context) {
    let name = pre_commit_config::CONFIG_FILE_NAME;
    match edit {
        Some(HookEdit::AlreadyThere | HookEdit::Added(_)) => {}
        Some(HookEdit::ByHand) => {
            context.streams.message(&format!(
                "init cannot edit {name} in this form. Add this item under `repos:`\n\n{item}"
            ));
        }
        None if is_installed => {
            context.streams.message("In each other clone, run `goldenpath hook install` once.");
            return;
        }
        None => {
            context.streams.message(&format!(
                "There is no {name}. To check every commit without a framework, run \
                 `goldenpath hook install`; or create one with\n\nrepos:\n{item}"
            ));
        }
    }
    let clones = if is_installed { "each other clone" } else { "each clone" };
    context.streams.message(&format!(
        "In {clones}, install the framework's hooks once: `{}`.",
        pre_commit_config::INSTALL
    ));
}

/// Prints the next commands of the user.
fn print_next_steps(files: &[SetupFile], pipeline: Option<PipelineHost>, context: &Context) {
    if let Some(host) = pipeline {
        context.streams.message(host.next_step());
    }
    let mut changed: Vec<&str> = Vec::new();
    for file in files.iter().filter(|file| file.is_written()) {
        let place = if file.path.starts_with("schemas/") { "schemas" } else { &file.path };
        if !changed.contains(&place) {
            changed.push(place);
        }
    }
    let commit = match changed.as_slice() {
        [] => String::new(),
        changed => {
            format!(
                "  git add {} && git commit -m \"chore: set goldenpath up\"\n",
                changed.join(" ")
            )
        }
    };
    context.streams.message(&format!(
        "Next, after a review of goldenpath.yaml:\n{commit}  goldenpath doctor\n  goldenpath new \
         secret"
    ));
}

/// Returns whether the schema `found` differs from `text` in its generated lists alone.
fn is_older_list(found: &str, text: &str, enums: &Enums) -> bool {
    bundle_schema(SCHEMA_FILE_NAME, found, enums).is_ok_and(|updated| updated == text)
}
