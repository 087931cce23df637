//! Which roles there are: the caller's own, and those that the configuration assumes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::conditions::CatalogTags;
use super::location::SecretLocation;
use super::statements::{assume_roles, policy_of, statements};
use super::trust::{PLACEHOLDERS, PipelineRepository, assumed_role_trust, caller_trust, role_arn};
use super::{IamRole, IamRoles, RolePurpose};
use goldenpath_core::arn;
use goldenpath_core::catalog::Project;
use goldenpath_core::config::Cluster;

/// The maximum size of the policies in a role, in characters without white space (IAM quotas).
const POLICY_LENGTH: usize = 10_240;

/// The maximum length of a role's name, in characters (IAM quotas).
const NAME_LENGTH: usize = 64;

/// Why there are no roles.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum IamError {
    /// No selected environment has its secrets in AWS.
    #[error("no environment has its secrets in AWS: {environments}")]
    #[diagnostic(
        code(goldenpath::iam),
        help("set `store.backend: aws` in goldenpath.yaml, or select another environment")
    )]
    NoAwsStore {
        /// Their names, for the message.
        environments: String,
    },
}

/// Returns the roles that a purpose needs in these environments.
///
/// `pipeline` says whose tokens the trust admits.
///
/// # Errors
/// [`IamError::NoAwsStore`]
pub fn derive_roles(
    project: &Project,
    purpose: RolePurpose,
    environments: &[String],
    pipeline: &PipelineRepository,
) -> Result<IamRoles, IamError> {
    let locations: Vec<SecretLocation> = environments
        .iter()
        .filter_map(|environment| SecretLocation::of(project, environment))
        .collect();
    if locations.is_empty() {
        return Err(IamError::NoAwsStore { environments: environments.join(", ") });
    }
    let derivation = Derivation { purpose, tags: CatalogTags::of(project), pipeline };
    let roles = match purpose {
        RolePurpose::Operator => derivation.operators(project, &locations),
        _ => derivation.callers(&locations),
    };
    let notes = notes(project, purpose, &locations, &roles);
    Ok(IamRoles { roles, notes })
}

struct Derivation<'a> {
    purpose: RolePurpose,
    tags: CatalogTags<'a>,
    pipeline: &'a PipelineRepository,
}

impl Derivation<'_> {
    /// Returns the caller's role in each account, and the roles that it assumes.
    fn callers(&self, locations: &[SecretLocation]) -> Vec<IamRole> {
        let name = format!("goldenpath-{}", self.purpose.as_str());
        let (assumed, own): (Vec<_>, Vec<_>) =
            locations.iter().partition(|location| location.role.is_some());
        let mut groups = grouped(own, |location| location.account.clone());
        if groups.is_empty() {
            groups.push((None, Vec::new()));
        }
        let mut roles = Vec::new();
        for (account, locations) in &groups {
            let mut found = if locations.is_empty() {
                Vec::new()
            } else {
                statements(self.purpose, &self.tags, locations)
            };
            if !assumed.is_empty() {
                found.extend(assume_roles(&assumed));
            }
            let partition = partition(locations.iter().chain(&assumed).copied());
            roles.push(IamRole {
                name: name.clone(),
                account: account.clone(),
                environments: names(locations),
                policy: policy_of(&found),
                trust: caller_trust(self.purpose, partition, account.as_deref(), self.pipeline),
            });
        }
        let caller = roles.first().and_then(|role| role.account.clone());
        for (role, locations) in grouped(assumed, |location| location.role.clone()) {
            let Some(role) = role else { continue };
            let partition = partition(locations.iter().copied());
            roles.push(IamRole {
                name: role.rsplit('/').next().unwrap_or_default().to_owned(),
                account: arn::account(&role).map(str::to_owned),
                environments: names(&locations),
                policy: policy_of(&statements(self.purpose, &self.tags, &locations)),
                trust: assumed_role_trust(
                    &role_arn(partition, caller.as_deref(), &name),
                    partition,
                    &locations,
                ),
            });
        }
        roles
    }

    /// Returns a role for the operator of each cluster: it reads its own environments alone.
    fn operators(&self, project: &Project, locations: &[SecretLocation]) -> Vec<IamRole> {
        let cluster = |location: &SecretLocation| {
            let name = match project.config.cluster_of(&location.environment) {
                Cluster::Named(name) => name,
                Cluster::OfEnvironment(name) => name,
            };
            (name.to_owned(), location.account.clone())
        };
        let groups = grouped(locations.iter().collect(), cluster);
        let roles = groups.into_iter().map(|((cluster, account), locations)| {
            let partition = partition(locations.iter().copied());
            IamRole {
                name: to_role_name(&format!("goldenpath-operator-{cluster}")),
                environments: names(&locations),
                policy: policy_of(&statements(self.purpose, &self.tags, &locations)),
                trust: caller_trust(self.purpose, partition, account.as_deref(), self.pipeline),
                account,
            }
        });
        roles.collect()
    }
}

/// Returns groups of the same key, in the order in which they come first.
fn grouped<Key: PartialEq>(
    locations: Vec<&SecretLocation>,
    key_of: impl Fn(&SecretLocation) -> Key,
) -> Vec<(Key, Vec<&SecretLocation>)> {
    let mut groups: Vec<(Key, Vec<&SecretLocation>)> = Vec::new();
    for location in locations {
        let key = key_of(location);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(location),
            None => groups.push((key, vec![location])),
        }
    }
    groups
}

fn names(locations: &[&SecretLocation]) -> Vec<String> {
    locations.iter().map(|location| location.environment.clone()).collect()
}

/// Returns the partition of the first location; a role has no secrets in two.
fn partition<'a>(mut locations: impl Iterator<Item = &'a SecretLocation>) -> &'a str {
    locations.next().map_or("aws", |location| &location.partition)
}

/// Returns a name that IAM accepts for a role.
fn to_role_name(text: &str) -> String {
    let is_allowed = |one: char| one.is_ascii_alphanumeric() || "_+=,.@-".contains(one);
    text.chars().map(|one| if is_allowed(one) { one } else { '-' }).take(NAME_LENGTH).collect()
}

/// Returns what is missing in the configuration, and what a person replaces.
fn notes(
    project: &Project,
    purpose: RolePurpose,
    locations: &[SecretLocation],
    roles: &[IamRole],
) -> Vec<String> {
    let mut notes = Vec::new();
    let mut missing = |what: &str, key: &str, is_missing: fn(&SecretLocation) -> bool| {
        let names: Vec<&str> = locations
            .iter()
            .filter(|location| is_missing(location))
            .map(|location| location.environment.as_str())
            .collect();
        if let Some(first) = names.first() {
            notes.push(format!(
                "The {what} of {} is not configured, so ARNs have `*` in its place: set \
                 `store.{key}`, or `environments.{first}.{key}`.",
                names.join(", ")
            ));
        }
    };
    missing("account", "accountId", |location| location.account.is_none());
    missing("region", "region", |location| location.region.is_none());
    if locations.iter().any(SecretLocation::has_cut_names) {
        notes.push(
            "`store.keyTemplate` has more than text and variables, so the ARNs end where it \
             first differs."
                .to_owned(),
        );
    }
    if project.repository.is_none() {
        notes.push(
            "This clone has no remote that identifies its repository, so the tag \
             `goldenpath.io/repository` is in no condition: run `git remote add origin URL`."
                .to_owned(),
        );
    }
    let assumed: Vec<&str> =
        locations.iter().filter_map(|location| location.role.as_deref()).collect();
    if let Some(role) = assumed.first()
        && purpose == RolePurpose::Value
    {
        notes.push(format!(
            "`value` assumes {role}, as `apply` does, whose policy denies reading values: give \
             people a configuration with a `roleArn` of their own (`--config`)."
        ));
    }
    if locations.iter().any(|location| location.mfa_serial.is_some()) {
        notes.push(
            "With `mfaSerial`, an IAM user assumes the role, since no role has an MFA device: give \
             those users the permission to assume it."
                .to_owned(),
        );
    }
    let trusts: String = roles.iter().map(|role| role.trust.to_string()).collect();
    let found = PLACEHOLDERS.iter().filter(|(name, _)| has_word(&trusts, name));
    let found: Vec<String> = found.map(|(name, means)| format!("{name} ({means})")).collect();
    if !found.is_empty() {
        notes.push(format!("Replace in the trust: {}.", found.join("; ")));
    }
    let accounts: BTreeSet<&Option<String>> = roles.iter().map(|role| &role.account).collect();
    if accounts.len() > 1 {
        notes.push("The roles are in several accounts: create each in its own.".to_owned());
    }
    for role in roles.iter().filter(|role| length(&role.policy) > POLICY_LENGTH) {
        notes.push(format!(
            "The policy of {} has more than {POLICY_LENGTH} characters, the maximum of a role: \
             select environments with `--env`.",
            role.name
        ));
    }
    notes
}

/// Returns whether a text has a word that is not a part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |one: char| one.is_ascii_alphanumeric() || one == '_';
    text.match_indices(word).any(|(start, _)| {
        !text[..start].ends_with(is_part) && !text[start + word.len()..].starts_with(is_part)
    })
}

/// Returns the size of a policy as IAM counts it: without white space.
fn length(policy: &Value) -> usize {
    policy.to_string().chars().filter(|one| !one.is_whitespace()).count()
}
