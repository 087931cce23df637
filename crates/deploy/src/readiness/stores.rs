//! The stores of a run: endpoint, identity, clock, permissions, keys and functions.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::ReadinessCheck;
use crate::iam::PermissionProbe;
use crate::reconcile::{Account, ReconcileError};
use crate::store::{AwsStore, SecretStore, Store, StoreAccount, StoreError, StoreProbe};
use goldenpath_core::catalog::Project;
use goldenpath_core::config::{Rotator, StoreConfig};

/// The difference of clocks that AWS accepts in a signature.
const MAX_LEAD: SignedDuration = SignedDuration::from_mins(5);

/// An account that STS confirms, and that the configuration does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsetAccount {
    /// The number of twelve digits.
    pub number: String,
    /// The environments whose secrets are in it, at least one.
    pub environments: BTreeSet<String>,
}

impl UnsetAccount {
    /// Returns the account, unless the configuration names it or STS does not confirm it.
    #[must_use]
    pub fn of(project: &Project, account: &Account) -> Option<Self> {
        let StoreAccount::Confirmed(number) = account.store.identity().account else { return None };
        let environments = account.environments.iter();
        let unset = environments.filter(|name| project.config.account_of(name).is_none());
        let environments: BTreeSet<String> = unset.cloned().collect();
        (!environments.is_empty()).then_some(Self { number, environments })
    }
}

/// Checks the store of an account, with reading calls alone.
pub async fn check_account(project: &Project, account: &Account) -> Vec<ReadinessCheck> {
    let names: Vec<&str> = account.environments.iter().map(String::as_str).collect();
    let (scope, place) = (names.join(", "), account.store.place());
    let store = match &account.store {
        Store::Aws(store) => store,
        Store::Local(store) => {
            return vec![match store.sweep("", &|_| {}).await {
                Ok(_) => ReadinessCheck::ok("store", &scope, place),
                Err(error) => ReadinessCheck::failed("store", &scope, &error),
            }];
        }
    };
    let StoreProbe { list, clock_lead } = store.probe().await;
    if let Err(error) = &list
        && let Some(subject) = subject_of(error)
    {
        let mut checks = unusable(subject, &scope, error);
        checks.extend(keys_and_functions(project, &account.environments));
        return checks;
    }
    let mut checks = vec![
        ReadinessCheck::ok("endpoint", &scope, format!("{place} answers")),
        clock(&scope, clock_lead),
    ];
    checks.extend(identity(project, account, store, &scope));
    checks.extend(permissions(project, account, store, &scope, &list).await);
    checks.extend(keys_and_functions(project, &account.environments));
    checks
}

/// Reports a store of these environments that could not be opened.
pub fn check_unusable(
    project: &Project,
    environments: &BTreeSet<String>,
    error: &ReconcileError,
) -> Vec<ReadinessCheck> {
    let scope = environments.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let ReconcileError::Store(store_error) = error else {
        return vec![ReadinessCheck::failed("store", &scope, error)];
    };
    let Some(subject) = subject_of(store_error) else {
        return vec![ReadinessCheck::failed("store", &scope, error)];
    };
    let mut checks = unusable(subject, &scope, store_error);
    checks.extend(keys_and_functions(project, environments));
    checks
}

/// Returns what cannot be used, if no other call can succeed.
fn subject_of(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Unreachable { .. } => Some("endpoint"),
        StoreError::NoCredentials { .. }
        | StoreError::RoleRefused { .. }
        | StoreError::MfaRequired { .. }
        | StoreError::MfaRefused { .. } => Some("credentials"),
        StoreError::ClockOff { .. } => Some("clock"),
        StoreError::WrongAccount { .. } => Some("identity"),
        _ => None,
    }
}

fn unusable(subject: &'static str, scope: &str, error: &StoreError) -> Vec<ReadinessCheck> {
    let mut checks = vec![ReadinessCheck::failed(subject, scope, error)];
    for subject in ["identity", "permissions"].into_iter().filter(|one| *one != subject) {
        let why = "not checked, since the store cannot be used";
        let remedy = "run `goldenpath doctor` again after the remedy above";
        checks.push(ReadinessCheck::unknown(subject, scope, why, remedy));
    }
    checks
}

fn clock(scope: &str, lead: Option<SignedDuration>) -> ReadinessCheck {
    const SUBJECT: &str = "clock";
    let Some(lead) = lead else {
        let remedy = "compare the clocks by hand: AWS accepts a difference of five minutes";
        return ReadinessCheck::unknown(SUBJECT, scope, "the response has no usable date", remedy);
    };
    let message = match lead.as_secs() {
        seconds @ ..=-1 => format!("this machine is {} s behind AWS", seconds.unsigned_abs()),
        seconds => format!("this machine is {seconds} s ahead of AWS"),
    };
    if lead.abs() > MAX_LEAD {
        let remedy = "set the clock, for example with NTP: AWS accepts a difference of five \
                      minutes";
        ReadinessCheck::missing(SUBJECT, scope, message, remedy)
    } else {
        ReadinessCheck::ok(SUBJECT, scope, message)
    }
}

/// Checks the account of the credentials against the configured one.
fn identity(
    project: &Project,
    account: &Account,
    store: &AwsStore,
    scope: &str,
) -> Vec<ReadinessCheck> {
    const SUBJECT: &str = "identity";
    let identity = store.identity();
    let (Some(found), None) = (identity.account.number(), &identity.doubt) else {
        let why = identity.doubt.as_deref().unwrap_or("STS was not asked");
        return vec![ReadinessCheck::unknown(
            SUBJECT,
            scope,
            format!("the account is not confirmed: {why}"),
            "let this machine reach STS, or set `accountId` in goldenpath.yaml",
        )];
    };
    let caller = identity.caller.as_deref().unwrap_or("an unknown identity");
    let message = format!("account {found}, as {caller}");
    let config = &project.config;
    let of_it = account.environments.iter();
    let configured: BTreeSet<&str> = of_it.filter_map(|name| config.account_of(name)).collect();
    let wrong = configured.iter().find(|configured| **configured != found);
    vec![match wrong {
        Some(configured) => ReadinessCheck::missing(
            SUBJECT,
            scope,
            format!("{message}, and the configuration names account {configured}"),
            "use the credentials of that account (AWS_PROFILE, `roleArn`), or correct `accountId`",
        ),
        None if configured.is_empty() => ReadinessCheck {
            remedy: format!(
                "set `store.accountId: \"{found}\"` in goldenpath.yaml, so that no other account \
                 is used by mistake"
            ),
            ..ReadinessCheck::ok(SUBJECT, scope, message)
        },
        None => ReadinessCheck::ok(SUBJECT, scope, message),
    }]
}

/// Checks what can be read, by reading, and names the command that checks the rest.
async fn permissions(
    project: &Project,
    account: &Account,
    store: &AwsStore,
    scope: &str,
    list: &Result<(), StoreError>,
) -> Vec<ReadinessCheck> {
    const SUBJECT: &str = "permissions";
    let mut checks = vec![match list {
        Ok(()) => ReadinessCheck::ok(SUBJECT, scope, "secretsmanager:ListSecrets"),
        Err(error) => ReadinessCheck::failed(SUBJECT, scope, error),
    }];
    let caller = store.identity().caller;
    for environment in &account.environments {
        let Some(probe) = PermissionProbe::of(project, environment) else { continue };
        match &probe.unused {
            None => checks.push(ReadinessCheck::unknown(
                SUBJECT,
                environment,
                "secretsmanager:DescribeSecret and GetResourcePolicy: `store.keyTemplate` has \
                 more than text and variables, so no name can be derived to read",
                "run `goldenpath plan`, which reads",
            )),
            // A secret that does not exist is reported as such only to those who may read it.
            Some(key) => {
                let described = store.describe(key).await.map(drop);
                let policy = match store.policy(key).await.map(drop) {
                    Err(StoreError::NotFound { .. }) => Ok(()),
                    result => result,
                };
                for (action, result) in
                    [("DescribeSecret", described), ("GetResourcePolicy", policy)]
                {
                    checks.push(match result {
                        Ok(()) => {
                            let action = format!("secretsmanager:{action}");
                            ReadinessCheck::ok(SUBJECT, environment, action)
                        }
                        Err(error) => ReadinessCheck::failed(SUBJECT, environment, &error),
                    });
                }
            }
        }
        let role = project.config.store_of(environment).role_arn;
        let identity = role.or_else(|| caller.clone()).unwrap_or_else(|| "ARN".to_owned());
        let command = probe.command(&identity);
        checks.push(ReadinessCheck::unknown(
            SUBJECT,
            environment,
            "what apply changes: only IAM can say it without a change",
            format!("run `{command}`; each line must be `allowed`"),
        ));
    }
    checks
}

/// Names the commands that check keys and functions, and checks the functions' places.
fn keys_and_functions(project: &Project, environments: &BTreeSet<String>) -> Vec<ReadinessCheck> {
    let config = &project.config;
    let mut checks = Vec::new();
    for environment in environments {
        let StoreConfig { kms_key_id, region, .. } = config.store_of(environment);
        let option = region.as_deref().map(|region| format!(" --region {region}"));
        let option = option.unwrap_or_default();
        match kms_key_id.filter(|key| !key.is_empty() && !key.ends_with("alias/aws/secretsmanager"))
        {
            None => checks.push(ReadinessCheck::ok(
                "key",
                environment,
                "the account's own key of Secrets Manager",
            )),
            Some(key) => checks.push(ReadinessCheck::unknown(
                "key",
                environment,
                format!("{key}: goldenpath does not call KMS"),
                format!("run `aws kms describe-key --key-id '{key}'{option}`; it must be Enabled"),
            )),
        }
        let (mut functions, mut roles) = (BTreeSet::new(), BTreeSet::new());
        for rotator in project.rotators(environment) {
            match rotator {
                Rotator::Function(function) => _ = functions.insert(function),
                Rotator::Partner { role, .. } => _ = roles.insert(role),
                Rotator::OwningService => {}
            }
        }
        checks.extend(roles.iter().map(|role| {
            let name = role.rsplit('/').next().unwrap_or_default();
            ReadinessCheck::unknown(
                "role",
                environment,
                format!("{role}: goldenpath does not call IAM"),
                format!(
                    "run `aws iam get-role --role-name {name}`; its trust policy must admit \
                     secretsmanager.amazonaws.com"
                ),
            )
        }));
        for function in functions {
            let place: Vec<&str> = function.split(':').collect();
            let of_function = |at: usize| place.get(at).copied().unwrap_or_default();
            let other = [
                ("region", of_function(3), region.as_deref()),
                ("account", of_function(4), config.account_of(environment)),
            ];
            let other = other
                .into_iter()
                .find(|(_, theirs, ours)| ours.is_some_and(|ours| ours != *theirs));
            checks.push(match other {
                Some((what, theirs, ours)) => ReadinessCheck::missing(
                    "function",
                    environment,
                    format!(
                        "{function} is in the {what} {theirs}, and the secrets are in {}",
                        ours.unwrap_or_default()
                    ),
                    format!("set a function of that {what} in `rotation.functions`"),
                ),
                None => ReadinessCheck::unknown(
                    "function",
                    environment,
                    format!("{function}: goldenpath does not call Lambda"),
                    format!(
                        "run `aws lambda get-policy --function-name {function}{option}`; it must \
                         admit secretsmanager.amazonaws.com"
                    ),
                ),
            });
        }
    }
    checks
}
