//! `goldenpath init`

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;

use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::hardening;
use crate::outcome::Outcome;
use goldenpath_core::config::{
    BUILT_IN_ENUMS, BUILT_IN_GOVERNANCE, BUILT_IN_SECRET_TYPES, Backend, Config, Enums, FILE_NAME,
    is_account_id,
};
use goldenpath_core::files;
use goldenpath_core::manifest::{
    BUILT_IN_SCHEMA, GENERATED_START, SCHEMA_FILE_NAME, bundle_schema,
};
use goldenpath_core::scaffold;
use goldenpath_core::scaffold::CONFIG_SCHEMA_FILE_NAME;
use goldenpath_core::scaffold::pre_commit_config;
use goldenpath_core::scaffold::pre_commit_config::HookEdit;
use goldenpath_core::template;
use goldenpath_core::template::Output;
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::store::{AwsStore, StoreAccount};

/// Set up a repository: goldenpath.yaml, schemas/ and the commit hook
///
/// Writes only files that do not exist, and updates the lists in the schema. If the repository has
/// a .pre-commit-config.yaml, the hook is added to it. With --backend aws, asks STS for the account
/// of the AWS credentials, if there are any, and writes its number, so that no other account is
/// used by mistake.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("init":
    "Set up the repository of the current folder" => "goldenpath init",
    "Keep the secrets in AWS, in the account of the current credentials" =>
        "goldenpath init --backend aws",
    "Replace edited files with the built-in ones" => "goldenpath init --force",
))]
pub(crate) struct Args {
    /// Set the store of the secrets [default: local]
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Option<BackendOption>,
    /// Set the number of the AWS account, without asking STS
    #[arg(long, value_name = "NUMBER", value_parser = account_id)]
    account_id: Option<String>,
    /// Replace files that differ from the built-in ones
    #[arg(long)]
    force: bool,
}

/// The value of --backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackendOption {
    /// An embedded file, for evaluation and tests
    Local,
    /// AWS Secrets Manager
    Aws,
}

const TEMPLATE: &str = goldenpath_core::template::built_in::CONFIGURATION;

/// The largest existing file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A file that init creates, replaces or keeps.
struct SetupStep<'a> {
    /// The line that is printed after the step.
    done: String,
    /// The path from the repository's root.
    path: &'a str,
    /// The path to write `text` to; `None` if the file is kept.
    target: Option<PathBuf>,
    text: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let root = repository.root();
    let existing = if args.force { None } else { read(&repository, FILE_NAME)? };
    // A configuration that is kept sets the paths of the other files.
    let config = existing
        .as_deref()
        .map_or_else(|| Ok(Config::default()), |text| Config::parse(FILE_NAME, text))?;
    args.check(existing.as_ref().map(|_| &config))?;
    let catalog_id = goldenpath_core::config::to_catalog_id(&repository.name());
    let (backend, account) = match args.backend {
        Some(BackendOption::Aws) if existing.is_none() => ("aws", args.find_account(context)?),
        Some(BackendOption::Aws) => ("aws", args.account_id.clone()),
        Some(BackendOption::Local) | None => ("local", None),
    };
    let fresh = template::render(
        "goldenpath.yaml.j2",
        TEMPLATE,
        Output::Yaml,
        &json!({ "catalogId": catalog_id, "backend": backend, "accountId": account }),
    )?;

    let enums = match read(&repository, &config.enums)?.filter(|_| !args.force) {
        Some(text) => Enums::parse(&config.enums, &text)?,
        None => Enums::built_in(),
    };
    let schema = bundle_schema(SCHEMA_FILE_NAME, BUILT_IN_SCHEMA, &enums)?;
    let config_schema = scaffold::config_schema(&enums)?;
    let files = [
        (FILE_NAME, fresh.as_str()),
        (CONFIG_SCHEMA_FILE_NAME, config_schema.as_str()),
        (SCHEMA_FILE_NAME, schema.as_str()),
        (&config.enums, BUILT_IN_ENUMS),
        (&config.governance, BUILT_IN_GOVERNANCE),
        (&config.secret_types, BUILT_IN_SECRET_TYPES),
    ];
    // All files are checked before the first is written, so that an obstacle stops every step.
    let mut steps = Vec::new();
    for (path, text) in files {
        let word = match read(&repository, path)? {
            Some(found) if found == text => "unchanged",
            Some(found) if path == SCHEMA_FILE_NAME && is_older_list(&found, text, &enums) => {
                "updated"
            }
            Some(found) if path == CONFIG_SCHEMA_FILE_NAME && is_generated(&found) => "updated",
            Some(_) if !args.force => "kept your",
            Some(_) => "replaced",
            None => "created",
        };
        let target = match word {
            "replaced" | "created" | "updated" => Some(target(root, path)?),
            _ => None,
        };
        steps.push(SetupStep {
            done: format!("{word} {path}\n"),
            path,
            target,
            text: text.to_owned(),
        });
    }
    let item = pre_commit_config::item(&config)?;
    let name = pre_commit_config::CONFIG_FILE_NAME;
    let edit = read(&repository, name)?.map(|text| pre_commit_config::add(&text, &item));
    match &edit {
        Some(HookEdit::AlreadyThere) => {
            steps.push(SetupStep {
                done: format!("unchanged {name}\n"),
                path: name,
                target: None,
                text: String::new(),
            });
        }
        Some(HookEdit::Added(text)) => {
            let target = Some(target(root, name)?);
            steps.push(SetupStep {
                done: format!("added the hook to {name}\n"),
                path: name,
                target,
                text: text.clone(),
            });
        }
        Some(HookEdit::ByHand) | None => {}
    }
    for step in steps {
        step.apply()?;
        context.streams.result(&step.done);
    }
    print_next_steps(edit.as_ref(), &item, context);
    Ok(Outcome::Done)
}

impl Args {
    /// Rejects settings that would not be written. `kept` is the configuration that stays.
    fn check(&self, kept: Option<&Config>) -> Result<(), Failure> {
        if self.account_id.is_some() && self.backend != Some(BackendOption::Aws) {
            return Err(Failure::usage(
                "--account-id is given without --backend aws",
                "give both, or neither",
            ));
        }
        let (Some(backend), Some(kept)) = (self.backend, kept) else { return Ok(()) };
        let backend = match backend {
            BackendOption::Local => Backend::Local,
            BackendOption::Aws => Backend::Aws,
        };
        let is_same_account = self.account_id.is_none() || self.account_id == kept.store.account_id;
        if kept.store.backend != Some(backend) || !is_same_account {
            return Err(Failure::usage(
                format!("`{FILE_NAME}` has another store, and init keeps it"),
                format!(
                    "set `store.backend` and `store.accountId` in `{FILE_NAME}`, or give --force"
                ),
            ));
        }
        Ok(())
    }

    /// Returns the number of the AWS account, if it is given or STS says it.
    fn find_account(&self, context: &Context) -> Result<Option<String>, Failure> {
        if let Some(given) = &self.account_id {
            return Ok(Some(given.clone()));
        }
        // The process's memory holds credentials.
        hardening::forbid_dumps();
        context.streams.brief_progress("Asking STS for the account …");
        let found = block_on(async { Ok::<_, Failure>(AwsStore::find_caller().await) })?;
        context.streams.end_progress();
        let identity = found.map_err(|error| error.to_string()).and_then(|identity| {
            match (identity.account, identity.doubt) {
                (StoreAccount::Confirmed(number), _) => Ok((number, identity.caller)),
                (_, doubt) => Err(doubt.unwrap_or_else(|| "STS was not asked".to_owned())),
            }
        });
        match identity {
            Ok((number, caller)) => {
                context.streams.message(&format!(
                    "The credentials are of the AWS account {number} ({}): it is written as \
                     `store.accountId`.",
                    caller.as_deref().unwrap_or("an unknown identity")
                ));
                Ok(Some(number))
            }
            Err(why) => {
                context.streams.message(&format!(
                    "The AWS account is not known ({why}). Set `store.accountId` in \
                     {FILE_NAME}, so that no other account is used by mistake."
                ));
                Ok(None)
            }
        }
    }
}

/// Parses the number of an AWS account.
fn account_id(text: &str) -> Result<String, String> {
    if is_account_id(text) {
        Ok(text.to_owned())
    } else {
        Err("give the 12 digits of the account, such as 123456789012".to_owned())
    }
}

impl SetupStep<'_> {
    fn apply(&self) -> Result<(), Failure> {
        let Some(target) = &self.target else { return Ok(()) };
        files::write_atomic(target, self.text.as_bytes())
            .map_err(|error| Failure::io(&format!("cannot write `{}`", self.path), &error))
    }
}

/// Prints the next steps of the user.
fn print_next_steps(edit: Option<&HookEdit>, item: &str, context: &Context) {
    let name = pre_commit_config::CONFIG_FILE_NAME;
    match edit {
        Some(HookEdit::AlreadyThere | HookEdit::Added(_)) => {}
        Some(HookEdit::ByHand) => {
            context.streams.message(&format!(
                "init cannot edit {name} in this form. Add this item under `repos:`\n\n{item}"
            ));
        }
        None => {
            context.streams.message(&format!(
                "There is no {name}. To check every commit without a framework, run \
                 `goldenpath hook install`; or create one with\n\nrepos:\n{item}"
            ));
        }
    }
    context.streams.message(&format!(
        "In each clone, install the framework's hooks once: `{}`.",
        pre_commit_config::INSTALL
    ));
    context.streams.message(
        "Next: review goldenpath.yaml, commit, and create a first secret with \
         `goldenpath new secret`.",
    );
}

/// Returns whether a schema of the configuration is one that goldenpath wrote.
fn is_generated(found: &str) -> bool {
    found.contains(GENERATED_START)
}

/// Returns whether the schema `found` differs from `text` in its generated lists alone.
fn is_older_list(found: &str, text: &str, enums: &Enums) -> bool {
    bundle_schema(SCHEMA_FILE_NAME, found, enums).is_ok_and(|updated| updated == text)
}

/// Returns the text of a file, also if a sparse checkout leaves it out; None without one.
fn read(repository: &Repository, path: &str) -> Result<Option<String>, Failure> {
    let on_disk = repository.root().join(path);
    if on_disk.symlink_metadata().is_err() {
        let left_out = repository.read(Snapshot::WorkTree, path, MAX_BYTES)?;
        return Ok(match left_out {
            Some(Ok(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            // What is in the way is reported before anything is written.
            Some(Err(_)) | None => None,
        });
    }
    let help = "move it away: init does not replace a file that it cannot read";
    let bytes = files::read_regular(&on_disk, MAX_BYTES)
        .map_err(|why| Failure::usage(format!("{path}: {why}"), help))?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| Failure::usage(format!("{path}: the file is not UTF-8"), help))
}

/// Returns the place to write `path` to, if its folders exist or can be created.
fn target(root: &Path, path: &str) -> Result<PathBuf, Failure> {
    let target = files::join_below(root, path)
        .map_err(|why| Failure::usage(why, "replace the link with a folder"))?;
    let in_the_way = target.ancestors().skip(1).find(|folder| folder.symlink_metadata().is_ok());
    match in_the_way.filter(|folder| !folder.is_dir()) {
        Some(file) => {
            let file = file.strip_prefix(root).unwrap_or(file).display();
            let message = format!("cannot write `{path}`: `{file}` is a file, not a folder");
            Err(Failure::usage(message, format!("move `{file}` away")))
        }
        None => Ok(target),
    }
}
