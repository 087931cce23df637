//! `goldenpath doctor`

mod account;

use std::collections::BTreeSet;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::args::environments::EnvironmentArgs;
use crate::args::gitops_place::GitopsPlace;
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::git_hooks::{HookName, HookState, state_of};
use crate::hardening;
use crate::outcome::Outcome;
use crate::output::style::has_no_user;
use goldenpath_core::catalog::Project;
use goldenpath_core::sanitize::{sanitize, sanitize_json};
use goldenpath_core::vcs::{Repository, Snapshot};
use goldenpath_deploy::gitops::WorkingCopy;
use goldenpath_deploy::readiness::{
    Readiness, ReadinessCheck, UnsetAccount, check_account, check_audit, check_gitops,
    check_signer, check_unusable,
};
use goldenpath_deploy::reconcile::Account;

/// Check that all that apply will need is there and permitted
///
/// Reads from the stores, and tries pushes with `git push --dry-run`. Exits with 1 if something is
/// missing. What only a change could show is unknown, with a command that checks it. Changes
/// nothing but the configuration: on a terminal, asks whether to write the account of a store into
/// it, if none is there.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("doctor":
    "Check everything before the first apply" => "goldenpath doctor",
    "Check one environment" => "goldenpath doctor --env prod",
))]
pub(crate) struct Args {
    #[command(flatten)]
    environments: EnvironmentArgs,
    /// Set how to print the checks
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A line for each check, with the remedy below it
    #[default]
    Human,
    /// One JSON object
    Json,
}

/// The hooks of a clone, which `goldenpath hook install` writes.
const HOOKS: [HookName; 3] = [HookName::PreCommit, HookName::PreMergeCommit, HookName::PrePush];

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    // The process's memory holds credentials of the stores.
    hardening::forbid_dumps();
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    project.check_locations(&repository)?;
    let environments = args.environments.select(&project)?;
    block_on(async {
        let (mut checks, unset) = check_stores(&project, &environments).await;
        checks.extend(check_places(&project, &repository, &environments, context));
        context.streams.brief_progress("Checking the audit branch …");
        checks.push(check_audit(&repository, &project.config.audit));
        context.streams.end_progress();
        checks.push(check_signer(&repository));
        checks.push(check_hooks(&repository)?);
        match args.format {
            Format::Human => {
                for check in &checks {
                    context.streams.result(&line(check));
                }
            }
            Format::Json => {
                let checks: Vec<Value> = checks.iter().map(as_json).collect();
                let report = json!({ "version": 1, "checks": checks });
                context.streams.result(&format!("{}\n", sanitize_json(&format!("{report:#}"))));
            }
        }
        let count =
            |state: Readiness| checks.iter().filter(|check| check.readiness == state).count();
        let missing = count(Readiness::Missing);
        context.streams.message(&format!(
            "{} ok, {missing} missing, {} unknown.",
            count(Readiness::Ok),
            count(Readiness::Unknown)
        ));
        if matches!(args.format, Format::Human) {
            account::offer_accounts(&unset, &project, context)?;
        }
        Ok(if missing == 0 { Outcome::Done } else { Outcome::Failed })
    })
}

/// Checks the stores; also returns the accounts that the configuration does not name.
async fn check_stores(
    project: &Project,
    environments: &[String],
) -> (Vec<ReadinessCheck>, Vec<UnsetAccount>) {
    if !project.config.has_backend() {
        let remedy = "set `store.backend` in goldenpath.yaml";
        let check = ReadinessCheck::missing("store", "", "no store is configured", remedy);
        return (vec![check], Vec::new());
    }
    let names: BTreeSet<String> = environments.iter().cloned().collect();
    let opened = Account::open(&project.config, &project.root, names.clone()).await;
    let (accounts, unreadable) = match opened {
        Ok(opened) => opened,
        Err(error) => return (check_unusable(project, &names, &error.into()), Vec::new()),
    };
    let failed = unreadable
        .iter()
        .flat_map(|account| check_unusable(project, &account.environments, &account.error));
    let mut checks: Vec<ReadinessCheck> = failed.collect();
    for account in &accounts {
        checks.extend(check_account(project, account).await);
    }
    (checks, accounts.iter().filter_map(|account| UnsetAccount::of(project, account)).collect())
}

/// Checks the GitOps repositories, each once.
fn check_places(
    project: &Project,
    repository: &Repository,
    environments: &[String],
    context: &Context,
) -> Vec<ReadinessCheck> {
    let mut places: Vec<(Option<GitopsPlace>, Vec<&str>)> = Vec::new();
    for environment in environments {
        let place = GitopsPlace::of(project.config.gitops_of(environment), &project.root);
        let is_same = |known: &Option<GitopsPlace>| match (known, &place) {
            (Some(known), Some(place)) => known.is_same(place),
            (known, place) => known.is_none() && place.is_none(),
        };
        match places.iter_mut().find(|(known, _)| is_same(known)) {
            Some((_, names)) => names.push(environment),
            None => places.push((place, vec![environment])),
        }
    }
    let check = |(place, names): (Option<GitopsPlace>, Vec<&str>)| {
        let scope = names.join(", ");
        let Some(place) = place else {
            let message = "none is configured: apply writes no ExternalSecret";
            let remedy = "set `gitops.path` or `gitops.url` in goldenpath.yaml, if one is to be \
                          written";
            return ReadinessCheck {
                remedy: remedy.to_owned(),
                ..ReadinessCheck::ok("gitops", &scope, message)
            };
        };
        if let GitopsPlace::Folder(path) = &place
            && path.is_dir()
            && !WorkingCopy::is_root(path)
        {
            let message = format!("`{}` is not the root of a git work tree", path.display());
            let remedy = "set `gitops.path` to the root of the GitOps repository's work tree";
            return ReadinessCheck::missing("gitops", &scope, message, remedy);
        }
        match place.open(project, repository, context) {
            Ok(target) => check_gitops(&target, &scope),
            Err(failure) => {
                let (message, remedy) = failure.texts();
                ReadinessCheck::missing("gitops", &scope, message, remedy)
            }
        }
    };
    places.into_iter().map(check).collect()
}

/// Checks that git calls goldenpath before commits and pushes of this clone.
fn check_hooks(repository: &Repository) -> Result<ReadinessCheck, Failure> {
    const SUBJECT: &str = "hooks";
    const REMEDY: &str = "run `goldenpath hook install`";
    if has_no_user() {
        return Ok(ReadinessCheck::ok(SUBJECT, "", "a pipeline needs none"));
    }
    let Some((folder, _)) = repository.hooks_folder()? else {
        let message = "git has no folder for hooks here";
        return Ok(ReadinessCheck::missing(SUBJECT, "", message, REMEDY));
    };
    let states = HOOKS.map(|name| (name.as_str(), state_of(&folder, name)));
    let names_of = |wanted: HookState| {
        let found = states.iter().filter(|(_, state)| *state == wanted);
        found.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    };
    let (missing, other) = (names_of(HookState::Missing), names_of(HookState::Other));
    Ok(if !missing.is_empty() && other.is_empty() {
        ReadinessCheck::missing(SUBJECT, "", format!("no hook {missing}"), REMEDY)
    } else if !other.is_empty() {
        let message = format!("{other}: another program's hook, which may call goldenpath");
        let remedy = "look whether the framework's configuration has goldenpath's hook";
        ReadinessCheck::unknown(SUBJECT, "", message, remedy)
    } else {
        ReadinessCheck::ok(SUBJECT, "", "git calls goldenpath before commits and pushes")
    })
}

/// Returns a check as a line, with the remedy below it.
fn line(check: &ReadinessCheck) -> String {
    let ReadinessCheck { subject, scope, readiness, message, remedy } = check;
    let scope = if scope.is_empty() { String::new() } else { format!(" ({scope})") };
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let mut text = format!("{:<8} {subject:<12} {message}{scope}\n", readiness.as_str());
    if !remedy.is_empty() {
        let remedy = remedy.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        text.push_str(&format!("{:<22}{remedy}\n", ""));
    }
    let lines = text.lines().map(sanitize);
    lines.map(|line| format!("{line}\n")).collect()
}

fn as_json(check: &ReadinessCheck) -> Value {
    let ReadinessCheck { subject, scope, readiness, message, remedy } = check;
    let mut json = json!({
        "subject": subject,
        "scope": scope,
        "state": readiness.as_str(),
        "message": message,
    });
    if !remedy.is_empty() {
        json["remedy"] = json!(remedy);
    }
    json
}
