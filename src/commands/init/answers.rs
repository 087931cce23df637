//! The answers that decide what init writes: flags, and questions for the others.

use std::env;

use clap::ValueEnum;
use goldenpath_core::config::{Backend, Config, Enums, FILE_NAME, GitUrl};
use goldenpath_core::vcs::Repository;
use goldenpath_deploy::store::{AwsStore, StoreAccount};

use super::pipeline::PipelineHost;
use super::questions::{
    account_id, ask_list, ask_one, ask_pipeline, ask_text, code_owner, environment, one_line,
    region,
};
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::hardening;
use crate::prompt::Prompter;

/// The GitOps repository if none is named.
const GITOPS: &str = "../gitops";

/// The flags with an answer.
#[derive(Debug, clap::Args)]
pub(super) struct AnswerArgs {
    /// Set the store of the secrets [default: local]
    #[arg(long, value_enum, value_name = "BACKEND")]
    backend: Option<BackendOption>,
    /// Set the number of the AWS account, without asking STS
    #[arg(long, value_name = "NUMBER", value_parser = account_id)]
    account_id: Option<String>,
    /// Set the AWS region [default: that of AWS_REGION or the profile, at each run]
    #[arg(long, value_parser = region)]
    region: Option<String>,
    /// Set the GitOps repository: a working copy, or a URL [default: ../gitops]
    #[arg(long, value_name = "PATH|URL", value_parser = one_line)]
    gitops: Option<String>,
    /// Set an environment; repeat it for several [default: the built-in list]
    #[arg(long = "env", value_name = "ENVIRONMENT", value_parser = environment)]
    environments: Vec<String>,
    /// Set an owner of secrets; repeat it for several [default: the built-in list]
    #[arg(long = "owner", value_name = "OWNER", value_parser = one_line)]
    owners: Vec<String>,
    /// Set a code owner of the rule files, such as @acme/platform, and write CODEOWNERS
    #[arg(long, value_name = "HANDLE", value_parser = code_owner)]
    platform: Vec<String>,
    /// Write the pipeline of this git host, unless there is one
    #[arg(long, value_enum, value_name = "HOST")]
    ci: Option<PipelineHost>,
    /// Install the commit hook in this clone
    #[arg(long)]
    install_hook: bool,
}

/// The value of --backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackendOption {
    /// An embedded file, for evaluation and tests
    Local,
    /// AWS Secrets Manager
    Aws,
}

impl BackendOption {
    fn backend(self) -> Backend {
        match self {
            Self::Local => Backend::Local,
            Self::Aws => Backend::Aws,
        }
    }
}

/// What the files say that init creates.
#[derive(Debug, Default)]
pub(super) struct SetupAnswers {
    pub(super) is_aws: bool,
    pub(super) account_id: Option<String>,
    pub(super) region: Option<String>,
    /// A path, unless it is a URL.
    pub(super) gitops: String,
    /// Empty for the built-in list.
    pub(super) environments: Vec<String>,
    /// Empty for the built-in list.
    pub(super) owners: Vec<String>,
    /// Empty if the rule files have no owner.
    pub(super) platform: Vec<String>,
    pub(super) pipeline: Option<PipelineHost>,
    /// Whether CODEOWNERS gets the lines that follow from `ownership`.
    pub(super) writes_code_owners: bool,
    pub(super) installs_hook: bool,
}

/// What is in the repository and stays.
pub(super) struct KeptSetup<'a> {
    /// None if the configuration is written.
    pub(super) config: Option<&'a Config>,
    /// None if the file of the enums is written.
    pub(super) enums: Option<&'a Enums>,
    pub(super) has_pipeline: bool,
    /// Whether there is a configuration of the pre-commit framework.
    pub(super) has_framework: bool,
}

impl AnswerArgs {
    /// Rejects settings that would not be written.
    pub(super) fn check(&self, kept: &KeptSetup<'_>) -> Result<(), Failure> {
        let is_aws = self.backend == Some(BackendOption::Aws);
        for (flag, is_given) in
            [("--account-id", self.account_id.is_some()), ("--region", self.region.is_some())]
        {
            if is_given && !is_aws {
                return Err(Failure::usage(
                    format!("{flag} is given without --backend aws"),
                    "give both, or neither",
                ));
            }
        }
        if let Some(config) = kept.config {
            self.check_config(config)?;
        }
        let Some(enums) = kept.enums else { return Ok(()) };
        for (flag, given, list) in [
            ("environments", &self.environments, &enums.environments),
            ("owners", &self.owners, &enums.owners),
        ] {
            if !given.is_empty() && given != list {
                return Err(Failure::usage(
                    format!("the enums have other {flag}, and init keeps them"),
                    format!("edit the list `{flag}` of the enums, or give --force"),
                ));
            }
        }
        Ok(())
    }

    fn check_config(&self, kept: &Config) -> Result<(), Failure> {
        let store = &kept.store;
        let is_same =
            |given: &Option<String>, own: &Option<String>| given.is_none() || given == own;
        let is_same_backend =
            self.backend.is_none_or(|backend| store.backend == Some(backend.backend()));
        if !is_same_backend
            || !is_same(&self.account_id, &store.account_id)
            || !is_same(&self.region, &store.region)
        {
            return Err(Failure::usage(
                format!("`{FILE_NAME}` has another store, and init keeps it"),
                format!(
                    "set `store.backend`, `store.accountId` and `store.region` in `{FILE_NAME}`, \
                     or give --force"
                ),
            ));
        }
        let path = kept.gitops.path.as_ref().map(|path| path.to_string_lossy().into_owned());
        if !is_same(&self.gitops, &path) && !is_same(&self.gitops, &kept.gitops.url) {
            return Err(Failure::usage(
                format!("`{FILE_NAME}` has another GitOps repository, and init keeps it"),
                format!("set `gitops.path` or `gitops.url` in `{FILE_NAME}`, or give --force"),
            ));
        }
        if !self.platform.is_empty() && self.platform != kept.ownership.platform {
            return Err(Failure::usage(
                format!("`{FILE_NAME}` has another `ownership.platform`, and init keeps it"),
                format!("set it in `{FILE_NAME}`, or give --force"),
            ));
        }
        Ok(())
    }

    /// Returns the answers of the flags, with defaults for the others.
    pub(super) fn without_questions(
        &self,
        kept: &KeptSetup<'_>,
        context: &Context,
    ) -> Result<SetupAnswers, Failure> {
        let is_aws = self.backend == Some(BackendOption::Aws);
        let account_id = match &self.account_id {
            None if is_aws && kept.config.is_none() => find_account(context)?,
            given => given.clone(),
        };
        Ok(SetupAnswers {
            is_aws,
            account_id,
            region: self.region.clone(),
            gitops: self.gitops.clone().unwrap_or_else(|| GITOPS.to_owned()),
            environments: self.environments.clone(),
            owners: self.owners.clone(),
            platform: self.platform.clone(),
            pipeline: self.ci,
            writes_code_owners: !self.platform.is_empty(),
            installs_hook: self.install_hook,
        })
    }

    /// Asks for what no flag says and no existing file decides.
    pub(super) fn ask(
        &self,
        prompter: &Prompter,
        kept: &KeptSetup<'_>,
        repository: &Repository,
        context: &Context,
    ) -> Result<SetupAnswers, Failure> {
        let mut answers = SetupAnswers {
            gitops: GITOPS.to_owned(),
            environments: self.environments.clone(),
            owners: self.owners.clone(),
            platform: self.platform.clone(),
            pipeline: self.ci,
            writes_code_owners: !self.platform.is_empty(),
            ..SetupAnswers::default()
        };
        match kept.config {
            None => self.ask_config(prompter, &mut answers, context)?,
            Some(config) if !config.ownership.platform.is_empty() && self.platform.is_empty() => {
                answers.writes_code_owners =
                    prompter.confirm("Update CODEOWNERS from `ownership`?", true)?;
            }
            Some(_) => {}
        }
        if kept.enums.is_none() {
            let built_in = Enums::built_in();
            if answers.environments.is_empty() {
                let words = "Environments, separated by commas";
                answers.environments =
                    ask_list(prompter, words, &built_in.environments.join(", "), environment)?;
            }
            if answers.owners.is_empty() {
                let words = "Owners of secrets, separated by commas";
                answers.owners = ask_list(prompter, words, &built_in.owners.join(", "), one_line)?;
            }
        }
        if kept.config.is_none() && answers.platform.is_empty() {
            let words = "Code owners of the rule files, such as @acme/platform (may stay empty)";
            answers.platform = ask_list(prompter, words, "", code_owner)?;
            answers.writes_code_owners = !answers.platform.is_empty();
        }
        if answers.pipeline.is_none() && !kept.has_pipeline {
            answers.pipeline = ask_pipeline(prompter, repository)?;
        }
        answers.installs_hook = self.install_hook || {
            let words = if kept.has_framework {
                "Install the framework's commit hook in this clone?"
            } else {
                "Install git hooks that check every commit and push?"
            };
            prompter.confirm(words, true)?
        };
        Ok(answers)
    }

    fn ask_config(
        &self,
        prompter: &Prompter,
        answers: &mut SetupAnswers,
        context: &Context,
    ) -> Result<(), Failure> {
        answers.is_aws = match self.backend {
            Some(backend) => backend == BackendOption::Aws,
            None => {
                let meanings = [
                    "an embedded file, for evaluation and tests".to_owned(),
                    "AWS Secrets Manager".to_owned(),
                ];
                ask_one(prompter, "Store of the secrets", &["local", "aws"], &meanings, 0)? == 1
            }
        };
        if answers.is_aws {
            answers.account_id = match &self.account_id {
                Some(given) => Some(given.clone()),
                None => {
                    let found = find_account(context)?.unwrap_or_default();
                    let words = "AWS account, twelve digits (may stay empty)";
                    ask_text(prompter, words, &found, account_id)?
                }
            };
            answers.region = match &self.region {
                Some(given) => Some(given.clone()),
                None => {
                    let variables = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter();
                    let own = variables.filter_map(|name| env::var(name).ok());
                    let default = own.into_iter().find(|name| region(name).is_ok());
                    let words = "AWS region (empty: from AWS_REGION or the profile, at each run)";
                    ask_text(prompter, words, &default.unwrap_or_default(), region)?
                }
            };
        }
        if let Some(given) = &self.gitops {
            answers.gitops.clone_from(given);
        } else {
            let words = "GitOps repository: a working copy, or a URL to push to";
            if let Some(answer) = ask_text(prompter, words, GITOPS, one_line)? {
                answers.gitops = answer;
            }
        }
        Ok(())
    }
}

impl SetupAnswers {
    /// Returns whether the GitOps repository is pushed to.
    pub(super) fn has_gitops_url(&self) -> bool {
        !GitUrl::is_path(&self.gitops)
    }
}

/// Returns the number of the AWS account, if STS says it.
fn find_account(context: &Context) -> Result<Option<String>, Failure> {
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
