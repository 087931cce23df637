//! `environments` and `rotation`: overrides per environment, such as a region.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::{
    ACCOUNT_ID, Backend, Config, ConfigError, Enums, EnvironmentExternalSecret, GitopsConfig,
    ReplicaRegion, Rotator, StoreConfig, is_account_id, normalize_path,
};
use crate::arn;
use crate::arn::Arn;
use crate::endpoint;
use crate::suggest::did_you_mean;

/// The overrides of one environment.
///
/// A missing field falls back to the shared setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentConfig {
    /// The account ID, twelve digits.
    pub account_id: Option<String>,
    /// The AWS region, such as `eu-west-2`.
    pub region: Option<String>,
    /// An endpoint of Secrets Manager in the region, or a local emulator.
    pub endpoint_url: Option<String>,
    /// The ARN of a role to assume for the calls to the store.
    pub role_arn: Option<String>,
    /// What the role's trust policy requires as `sts:ExternalId`.
    pub external_id: Option<String>,
    /// How long the role's credentials are valid, such as `1h30m`.
    pub session_duration: Option<String>,
    /// Who assumes the role, for CloudTrail (`sts:SourceIdentity`).
    pub source_identity: Option<String>,
    /// The MFA device whose code is asked for before the role is assumed.
    pub mfa_serial: Option<String>,
    /// The encryption key of the secrets, by ID, alias or ARN.
    pub kms_key_id: Option<String>,
    /// The regions with a replica of each secret; empty for none.
    pub replica_regions: Option<Vec<ReplicaRegion>>,
    /// Where the values are stored.
    pub store: EnvironmentStore,
    /// The destination of projections; `path` or `url` unsets the shared branch.
    pub gitops: EnvironmentGitops,
    /// The settings of each generated ExternalSecret.
    pub external_secret: EnvironmentExternalSecret,
    /// The Lambda functions that rotate secrets, by secret type.
    pub rotation: RotationConfig,
    /// By default, a cluster of its own that is not queried.
    pub cluster: Option<ClusterConfig>,
}

/// The cluster that uses the environment's secrets. goldenpath only reads from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterConfig {
    /// Its name. Environments with the same name share a cluster.
    pub name: Option<String>,
    /// A context of the kubeconfig. Without one, the cluster is not queried.
    pub context: Option<String>,
    /// A path outside the repository. The default is `KUBECONFIG` or `~/.kube/config`.
    ///
    /// It is relative to the repository's root, or to the home folder if it begins with `~/`.
    pub kubeconfig: Option<PathBuf>,
}

/// The cluster in which a name must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cluster<'a> {
    /// By its configured name, which several environments may share.
    Named(&'a str),
    /// Without a name: the cluster of one environment.
    OfEnvironment(&'a str),
}

impl fmt::Display for Cluster<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(out, "the cluster `{name}`"),
            Self::OfEnvironment(name) => out.write_str(name),
        }
    }
}

/// Overrides of `store`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentStore {
    /// `local` or `aws`.
    pub backend: Option<Backend>,
    /// `local`: the SQLite file, from the repository's root.
    pub path: Option<PathBuf>,
}

/// Overrides of `gitops`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentGitops {
    /// A working copy on disk, from the repository's root.
    pub path: Option<PathBuf>,
    /// A repository to push to instead: a URL, or a path from the repository's root.
    pub url: Option<String>,
    /// `url`: the branch.
    pub branch: Option<String>,
    /// A projection's file in it, a template over the manifest's fields.
    pub file: Option<String>,
    /// The folders of the repository that are deployed to the environment's cluster.
    ///
    /// They are relative to its root, with what they refer to. The default is all of it.
    pub roots: Vec<String>,
}

/// The functions that rotate values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RotationConfig {
    /// The ARN of a Lambda function by `spec.secretType`.
    pub functions: BTreeMap<String, String>,
}

impl Config {
    /// Returns the store of an environment's values.
    #[must_use]
    pub fn store_of(&self, environment: &str) -> StoreConfig {
        let Some(own) = self.environments.get(environment) else { return self.store.clone() };
        let all = &self.store;
        // It belongs to the role next to it.
        let of_role = |own_setting: &Option<String>, shared: &Option<String>| {
            own_setting.clone().or_else(|| shared.clone().filter(|_| own.role_arn.is_none()))
        };
        StoreConfig {
            // A role of the environment's own may be in another account than the shared one.
            account_id: of_role(&own.account_id, &all.account_id),
            key_file: self.store.key_file.clone(),
            backend: own.store.backend.or(all.backend),
            path: own.store.path.clone().unwrap_or_else(|| all.path.clone()),
            key_template: all.key_template.clone(),
            region: own.region.clone().or_else(|| all.region.clone()),
            endpoint_url: own.endpoint_url.clone().or_else(|| all.endpoint_url.clone()),
            role_arn: own.role_arn.clone().or_else(|| all.role_arn.clone()),
            external_id: of_role(&own.external_id, &all.external_id),
            session_duration: of_role(&own.session_duration, &all.session_duration),
            source_identity: of_role(&own.source_identity, &all.source_identity),
            mfa_serial: of_role(&own.mfa_serial, &all.mfa_serial),
            kms_key_id: own.kms_key_id.clone().or_else(|| all.kms_key_id.clone()),
            replica_regions: own.replica_regions.clone().or_else(|| all.replica_regions.clone()),
        }
    }

    /// Returns the cluster that uses an environment's secrets.
    #[must_use]
    pub fn cluster_of<'a>(&'a self, environment: &'a str) -> Cluster<'a> {
        let cluster = self.environments.get(environment).and_then(|own| own.cluster.as_ref());
        match cluster.and_then(|cluster| cluster.name.as_deref()) {
            Some(name) => Cluster::Named(name),
            None => Cluster::OfEnvironment(environment),
        }
    }

    /// Returns the environments with a named cluster, and its name.
    pub fn named_clusters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environments.iter().filter_map(|(environment, own)| {
            Some((environment.as_str(), own.cluster.as_ref()?.name.as_deref()?))
        })
    }

    /// Returns the account of an environment's secrets, if the configuration names it.
    ///
    /// It does so by ID, or by the role that is assumed. The environment's own setting has
    /// priority.
    #[must_use]
    pub fn account_of(&self, environment: &str) -> Option<&str> {
        let own = self.environments.get(environment);
        let own = own.and_then(|own| {
            own.account_id.as_deref().or_else(|| arn::account(own.role_arn.as_deref()?))
        });
        own.or(self.store.account_id.as_deref())
            .or_else(|| arn::account(self.store.role_arn.as_deref()?))
    }

    /// Returns the destination of an environment's projections.
    #[must_use]
    pub fn gitops_of(&self, environment: &str) -> GitopsConfig {
        let mut target = self.gitops.clone();
        if let Some(own) = self.environments.get(environment) {
            let own = &own.gitops;
            // An own repository replaces the shared one entirely, including its branch.
            if own.path.is_some() || own.url.is_some() {
                (target.path, target.url, target.branch) =
                    (own.path.clone(), own.url.clone(), None);
            }
            if own.branch.is_some() {
                target.branch.clone_from(&own.branch);
            }
            if let Some(file) = &own.file {
                target.file.clone_from(file);
            }
        }
        target
    }

    /// Returns the folders of its GitOps repository that are deployed to an environment's cluster.
    ///
    /// Environments that share the cluster count, too. Empty means the whole repository.
    #[must_use]
    pub fn gitops_roots<'a>(&'a self, environment: &'a str) -> Vec<&'a str> {
        let repository = |environment: &str| {
            let GitopsConfig { path, url, branch, .. } = self.gitops_of(environment);
            (path, url, branch)
        };
        let (cluster, own) = (self.cluster_of(environment), repository(environment));
        let mut roots = BTreeSet::new();
        for (name, other) in &self.environments {
            if self.cluster_of(name) == cluster && repository(name) == own {
                if other.gitops.roots.is_empty() {
                    return Vec::new();
                }
                roots.extend(other.gitops.roots.iter().map(String::as_str));
            }
        }
        roots.into_iter().collect()
    }

    /// Checks and normalizes the roots. `text` is the configuration's source.
    pub(super) fn normalize_roots(&mut self, path: &str, text: &str) -> Result<(), ConfigError> {
        for (name, own) in &mut self.environments {
            for root in &mut own.gitops.roots {
                *root = normalize_path(root).ok_or_else(|| {
                    let message = format!(
                        "`environments.{name}.gitops.roots`: `{root}` is not a path inside the \
                         GitOps repository"
                    );
                    let help = "give folders from its root, without `..`, or omit `roots` for all";
                    let keys = ["environments", name, "gitops", "roots"];
                    ConfigError::new(path, message, help).at_field(text, &keys)
                })?;
            }
        }
        Ok(())
    }

    /// Returns the function that rotates secrets of a type in an environment.
    #[must_use]
    pub fn rotation_function(&self, environment: &str, secret_type: &str) -> Option<&str> {
        let own = self
            .environments
            .get(environment)
            .and_then(|own| own.rotation.functions.get(secret_type));
        own.or_else(|| self.rotation.functions.get(secret_type)).map(String::as_str)
    }

    /// Returns whether any environment has a store.
    #[must_use]
    pub fn has_backend(&self) -> bool {
        self.store.backend.is_some()
            || self.environments.values().any(|own| own.store.backend.is_some())
    }

    /// Checks the ARNs. `text` is the configuration's source.
    pub(super) fn check_arns(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let bad = |keys: &[&str], value: &str, reason: String| {
            let field = keys.join(".");
            Err(ConfigError::new(
                path,
                format!("`{field}: {value}` is not an ARN of that kind"),
                reason,
            )
            .at_field(text, keys))
        };
        for (name, own) in &self.environments {
            if let Some(role) = &own.role_arn
                && let Err(reason) = arn::check_role(role)
            {
                return bad(&["environments", name, "roleArn"], role, reason);
            }
        }
        if let Some(role) = &self.store.role_arn
            && let Err(reason) = arn::check_role(role)
        {
            return bad(&["store", "roleArn"], role, reason);
        }
        self.check_kms_keys(path, text)?;
        self.check_role_sessions(path, text)?;
        for (keys, functions) in self.functions() {
            for (secret_type, function) in functions {
                if let Err(reason) = arn::check_function(function) {
                    return bad(&[&keys[..], &[secret_type]].concat(), function, reason);
                }
            }
        }
        Ok(())
    }

    /// Checks the KMS keys. `text` is the configuration's source.
    fn check_kms_keys(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let bad = |keys: &[&str], value: &str, why: &str, help: String| {
            let field = keys.join(".");
            Err(ConfigError::new(path, format!("`{field}: {value}` {why}"), help)
                .at_field(text, keys))
        };
        let shared = (vec!["store"], self.store.clone(), true, true);
        let own = self.environments.iter().map(|(name, own)| {
            let keys = vec!["environments", name.as_str()];
            (keys, self.store_of(name), own.kms_key_id.is_some(), own.region.is_some())
        });
        for (keys, store, has_key, has_region) in std::iter::once(shared).chain(own) {
            let Some(key) = &store.kms_key_id else { continue };
            let field = |name| [&keys[..], &[name]].concat();
            if has_key && let Err(reason) = arn::check_kms_key(key) {
                return bad(&field("kmsKeyId"), key, "is not a KMS key", reason);
            }
            // A key must be in the region of the secret (CreateSecret, `KmsKeyId`).
            let (Some(arn), Some(region)) = (Arn::parse(key), &store.region) else { continue };
            if arn.region == region || store.backend == Some(Backend::Local) {
                continue;
            }
            let help = format!(
                "give a key in {region}, its alias without the ARN, or `\"\"` for the key that AWS \
                 manages there"
            );
            if has_key {
                let why = format!("is in {}, but the secrets are in {region}", arn.region);
                return bad(&field("kmsKeyId"), key, &why, help);
            }
            if has_region {
                let why = format!("does not fit `store.kmsKeyId`, which is in {}", arn.region);
                let help = format!("set `kmsKeyId` of this environment: {help}");
                return bad(&field("region"), region, &why, help);
            }
        }
        Ok(())
    }

    /// Returns why AWS would reject who rotates an environment's secrets.
    ///
    /// None if it would not, or if the configuration does not name the region or account.
    #[must_use]
    pub fn find_rotation_objection(&self, environment: &str, rotator: &Rotator) -> Option<String> {
        let store = self.store_of(environment);
        if store.backend == Some(Backend::Local) {
            return None;
        }
        let region = store.region.as_deref();
        let partition = region.map(endpoint::partition_of);
        let account = self.account_of(environment);
        match rotator {
            Rotator::Function(function) => {
                arn::find_arn_objection(function, partition, region, account)
            }
            // A role is in no region.
            Rotator::Partner { role, .. } => {
                arn::find_arn_objection(role, partition, None, account)
            }
            Rotator::OwningService => None,
        }
    }

    /// Returns the secret types with a function in any environment.
    pub(crate) fn types_with_functions(&self) -> impl Iterator<Item = &str> {
        self.functions().flat_map(|(_, functions)| functions.keys().map(String::as_str))
    }

    /// Returns the functions that rotate an environment's secrets, of all types.
    pub fn rotation_functions(&self, environment: &str) -> impl Iterator<Item = &str> {
        let own = self.environments.get(environment).map(|own| &own.rotation.functions);
        let tables = own.into_iter().chain([&self.rotation.functions]);
        tables.flat_map(BTreeMap::values).map(String::as_str)
    }

    /// Checks the account IDs. `text` is the configuration's source.
    pub(super) fn check_accounts(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let shared = (vec!["store", "accountId"], &self.store.account_id);
        let own = self.environments.iter().map(|(name, own)| {
            let keys = vec!["environments", name.as_str(), "accountId"];
            (keys, &own.account_id)
        });
        for (keys, account) in std::iter::once(shared).chain(own) {
            let Some(account) = account.as_ref().filter(|account| !is_account_id(account)) else {
                continue;
            };
            let message =
                format!("`{}: {}` is not an account ID", keys.join("."), account.escape_debug());
            return Err(ConfigError::new(path, message, ACCOUNT_ID).at_field(text, &keys));
        }
        Ok(())
    }

    /// Checks the destinations of projections. `text` is the configuration's source.
    pub(super) fn check_gitops(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let shared =
            (vec!["gitops"], self.gitops.path.is_some(), &self.gitops.url, &self.gitops.branch);
        let own = self.environments.iter().map(|(name, own)| {
            let keys = vec!["environments", name.as_str(), "gitops"];
            (keys, own.gitops.path.is_some(), &own.gitops.url, &own.gitops.branch)
        });
        for (keys, has_path, url, branch) in std::iter::once(shared).chain(own) {
            let bad = |key: &str, why: &str, help: &str| {
                let keys = [&keys[..], &[key]].concat();
                Err(ConfigError::new(path, format!("`{}` {why}", keys.join(".")), help)
                    .at_field(text, &keys))
            };
            if url
                .as_ref()
                .is_some_and(|url| url.is_empty() || url.starts_with('-') || url.contains('\0'))
            {
                return bad(
                    "url",
                    "is not a repository",
                    "give a URL that `git clone` accepts, or a path",
                );
            }
            if has_path && url.is_some() {
                let help = "keep `path` for a working copy on disk, or `url` for a repository that \
                            apply pushes to";
                return bad("url", "and `path` cannot both be set", help);
            }
            let Some(branch) = branch else { continue };
            if branch.starts_with('-')
                || !git2::Reference::is_valid_name(&format!("refs/heads/{branch}"))
            {
                return bad("branch", "is not a branch name", "give it as `git branch` shows it");
            }
            let is_of_a_url =
                url.is_some() || (keys.len() > 1 && !has_path && self.gitops.url.is_some());
            if !is_of_a_url {
                return bad(
                    "branch",
                    "needs a `url`",
                    "remove it: a working copy uses the branch that is checked out there",
                );
            }
        }
        Ok(())
    }

    /// Checks the clusters. `text` is the configuration's source.
    pub(super) fn check_clusters(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        for (name, own) in &self.environments {
            let Some(cluster) = &own.cluster else { continue };
            let bad = |key: &str, why: &str, help: &str| {
                let keys = ["environments", name, "cluster", key];
                Err(ConfigError::new(path, format!("`{}` {why}", keys.join(".")), help)
                    .at_field(text, &keys))
            };
            let is_unusable = |text: &str| text.is_empty() || text.chars().any(char::is_control);
            if cluster.name.as_deref().is_some_and(is_unusable) {
                let help = "give a name; environments with the same one share a cluster";
                return bad("name", "cannot be a name", help);
            }
            match &cluster.context {
                Some(context) if is_unusable(context) => {
                    let help = "give it as `kubectl config get-contexts` shows it";
                    return bad("context", "cannot be a context", help);
                }
                Some(_) => {}
                None if cluster.kubeconfig.is_some() => {
                    return bad(
                        "kubeconfig",
                        "needs `context`",
                        "add the kubeconfig's context for this cluster",
                    );
                }
                None if cluster.name.is_none() => {
                    let message =
                        format!("`environments.{name}.cluster` has neither `name` nor `context`");
                    let help = "add `context:` to query the cluster before a secret is deleted, or \
                                `name:` to declare which environments share it";
                    let keys = ["environments", name, "cluster"];
                    return Err(ConfigError::new(path, message, help).at_field(text, &keys));
                }
                None => {}
            }
            match cluster.kubeconfig.as_deref().map(|file| file.to_str().unwrap_or_default()) {
                Some(file) if file.is_empty() || file.chars().any(char::is_control) => {
                    return bad(
                        "kubeconfig",
                        "is not a file",
                        "omit it to use `KUBECONFIG` or `~/.kube/config`",
                    );
                }
                // A kubeconfig runs programs and holds credentials.
                Some(file) if !file.starts_with("~/") && normalize_path(file).is_some() => {
                    let help = "keep it outside the repository, or omit it to use `KUBECONFIG` or \
                                `~/.kube/config`";
                    return bad("kubeconfig", "is a file of the repository", help);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Rejects names that no manifest can have.
    ///
    /// A misspelled name would silently have no effect.
    ///
    /// # Errors
    /// An environment or a secret type that is not in `enums`, with its location in `text`.
    pub fn check_names(&self, enums: &Enums, path: &str, text: &str) -> Result<(), ConfigError> {
        let unknown = |what: &str, keys: &[&str], known: &[String]| {
            let name = keys.last().copied().unwrap_or_default();
            let list = format!("there are {}", known.join(", "));
            let help = match did_you_mean(name, known.iter().map(String::as_str)) {
                Some(question) => format!("{question} {list}"),
                None => list,
            };
            let field = keys[..keys.len().saturating_sub(1)].join(".");
            Err(ConfigError::new(path, format!("`{field}`: there is no {what} `{name}`"), help)
                .at_field(text, keys))
        };
        if let Some(name) = self.environments.keys().find(|name| !enums.environments.contains(name))
        {
            return unknown("environment", &["environments", name], &enums.environments);
        }
        for (keys, functions) in self.functions() {
            if let Some(name) = functions.keys().find(|name| !enums.secret_types.contains(name)) {
                return unknown("secret type", &[&keys[..], &[name]].concat(), &enums.secret_types);
            }
        }
        self.check_label_owners(enums, path, text)?;
        self.check_owners(enums, path, text)
    }

    /// Returns all function tables with their keys.
    fn functions(&self) -> impl Iterator<Item = (Vec<&str>, &BTreeMap<String, String>)> {
        let own = self.environments.iter().map(|(name, own)| {
            (vec!["environments", name.as_str(), "rotation", "functions"], &own.rotation.functions)
        });
        std::iter::once((vec!["rotation", "functions"], &self.rotation.functions)).chain(own)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use miette::Diagnostic;

    use super::*;
    use crate::config::FILE_NAME;

    const TEXT: &str = "\
store: { backend: aws, region: us-east-1, kmsKeyId: alias/all }
gitops: { path: ../gitops }
rotation:
  functions:
    api-key: arn:aws:lambda:us-east-1:123456789012:function:all
environments:
  prod:
    region: eu-west-2
    roleArn: arn:aws:iam::123456789012:role/apply
    gitops: { path: ../prod }
    rotation:
      functions:
        api-key: arn:aws:lambda:eu-west-2:123456789012:function:prod
  dev:
    store: { backend: local, path: dev.db }
";

    #[test]
    fn an_environment_has_its_own_settings_and_else_the_shared_ones() {
        let config = Config::parse(FILE_NAME, TEXT).unwrap();
        config.check_names(&Enums::built_in(), FILE_NAME, TEXT).unwrap();
        let prod = config.store_of("prod");
        assert_eq!((prod.backend, prod.region.as_deref()), (Some(Backend::Aws), Some("eu-west-2")));
        assert_eq!(prod.role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/apply"));
        assert_eq!(prod.kms_key_id.as_deref(), Some("alias/all"));
        assert_eq!(config.gitops_of("prod").path, Some("../prod".into()));
        assert_eq!(config.gitops_of("prod").file, config.gitops.file);
        assert!(config.rotation_function("prod", "api-key").unwrap().ends_with("prod"));
        let dev = config.store_of("dev");
        assert_eq!((dev.backend, dev.path), (Some(Backend::Local), "dev.db".into()));
        assert!(config.rotation_function("dev", "api-key").unwrap().ends_with("all"));
        assert_eq!(config.rotation_function("dev", "generic"), None);
        assert_eq!(config.store_of("test"), config.store);
    }

    #[test]
    fn names_that_no_manifest_can_have_are_rejected_at_their_location() {
        for (text, words, help) in [
            (
                "environments:\n  production: {}\n",
                "`environments`: there is no environment `production`",
                "`prod`",
            ),
            (
                "rotation:\n  functions:\n    api-keys: \
                 arn:aws:lambda:us-east-1:123456789012:function:f\n",
                "`rotation.functions`: there is no secret type `api-keys`",
                "`api-key`",
            ),
        ] {
            let config = Config::parse(FILE_NAME, text).unwrap();
            let error = config.check_names(&Enums::built_in(), FILE_NAME, text).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.help().unwrap().to_string().contains(help), "{}", error.help().unwrap());
            assert!(error.labels().is_some());
        }
    }

    #[test]
    fn an_environments_own_repository_is_not_mixed_with_the_shared_one() {
        let text = "\
gitops: { url: https://git.example.com/all.git, branch: live }
environments:
  prod: { gitops: { url: ../prod.git } }
  test: { gitops: { branch: trial } }
  dev: { gitops: { path: ../dev } }
";
        let config = Config::parse(FILE_NAME, text).unwrap();
        let place = |environment: &str| {
            let GitopsConfig { path, url, branch, .. } = config.gitops_of(environment);
            (path, url, branch)
        };
        let (url, of) = (Some("https://git.example.com/all.git".to_owned()), |name: &str| {
            Some(name.to_owned())
        });
        assert_eq!(place("staging"), (None, url.clone(), of("live")));
        assert_eq!(place("prod"), (None, of("../prod.git"), None));
        assert_eq!(place("test"), (None, url, of("trial")));
        assert_eq!(place("dev"), (Some("../dev".into()), None, None));
    }

    #[test]
    fn an_invalid_destination_is_rejected_at_its_location() {
        for (text, words) in [
            ("gitops: { path: ../a, url: ../b }\n", "`gitops.url` and `path` cannot both be set"),
            ("gitops: { path: ../a, branch: main }\n", "`gitops.branch` needs a `url`"),
            ("gitops: { url: --upload-pack=x }\n", "`gitops.url` is not a repository"),
            ("gitops: { url: a, branch: -x }\n", "`gitops.branch` is not a branch name"),
            ("gitops: { url: a, branch: a..b }\n", "`gitops.branch` is not a branch name"),
            (
                "environments:\n  dev: { gitops: { branch: x } }\n",
                "`environments.dev.gitops.branch` needs a `url`",
            ),
        ] {
            let error = Config::parse(FILE_NAME, text).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.labels().is_some(), "{text}");
        }
    }

    #[test]
    fn a_cluster_has_a_context_and_its_kubeconfig_is_outside_the_repository() {
        let text =
            "environments:\n  prod: { cluster: { context: prod, kubeconfig: ../kube/config } }\n";
        let config = Config::parse(FILE_NAME, text).unwrap();
        let cluster = ClusterConfig {
            name: None,
            context: Some("prod".to_owned()),
            kubeconfig: Some("../kube/config".into()),
        };
        assert_eq!(config.environments["prod"].cluster, Some(cluster));
        for (cluster, words) in [
            ("{ context: '' }", "`environments.prod.cluster.context` cannot be a context"),
            ("{ name: '' }", "`environments.prod.cluster.name` cannot be a name"),
            (
                "{ name: a, kubeconfig: ../b }",
                "`environments.prod.cluster.kubeconfig` needs `context`",
            ),
            (
                "{ context: a, kubeconfig: '' }",
                "`environments.prod.cluster.kubeconfig` is not a file",
            ),
            (
                "{ context: a, kubeconfig: ci/kubeconfig }",
                "`environments.prod.cluster.kubeconfig` is a file of the repository",
            ),
            ("{ context: a, token: b }", "unknown field `token`"),
            ("{}", "`environments.prod.cluster` has neither `name` nor `context`"),
        ] {
            let text = format!("environments:\n  prod:\n    cluster: {cluster}\n");
            let error = Config::parse(FILE_NAME, &text).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.labels().is_some(), "{text}");
        }
    }

    #[test]
    fn environments_with_the_same_cluster_name_share_the_cluster() {
        let text = "\
environments:
  dev: { cluster: { name: small } }
  test: { cluster: { name: small, context: x } }
  prod: { cluster: { context: prod } }
";
        let config = Config::parse(FILE_NAME, text).unwrap();
        assert_eq!(config.cluster_of("dev"), config.cluster_of("test"));
        assert_eq!(config.cluster_of("prod"), Cluster::OfEnvironment("prod"));
        assert_ne!(
            config.cluster_of("small"),
            config.cluster_of("dev"),
            "a cluster is not an environment"
        );
    }

    #[test]
    fn the_roots_of_environments_that_share_a_cluster_and_a_repository_count_together() {
        let text = "\
gitops: { path: ../gitops }
environments:
  dev: { cluster: { name: small }, gitops: { roots: [./clusters/dev/] } }
  test: { cluster: { name: small }, gitops: { roots: [clusters/test, clusters/dev] } }
  qa: { cluster: { name: small }, gitops: { path: ../other } }
  prod: { gitops: { roots: [clusters/prod] } }
  staging: { cluster: { name: large }, gitops: { roots: [clusters/staging] } }
  load: { cluster: { name: large } }
";
        let config = Config::parse(FILE_NAME, text).unwrap();
        assert_eq!(config.gitops_roots("dev"), ["clusters/dev", "clusters/test"]);
        assert_eq!(config.gitops_roots("test"), config.gitops_roots("dev"));
        assert_eq!(config.gitops_roots("prod"), ["clusters/prod"]);
        for all in ["qa", "staging", "load", "unknown"] {
            assert_eq!(config.gitops_roots(all), [""; 0], "{all}");
        }
    }

    #[test]
    fn a_root_outside_the_repository_is_rejected_at_its_location() {
        for root in ["../x", "a/../b", "/etc", ".", "\"\"", "\"a\\nb\""] {
            let text = format!("environments:\n  dev: {{ gitops: {{ roots: [{root}] }} }}\n");
            let error = Config::parse(FILE_NAME, &text).unwrap_err();
            let words = "is not a path inside the GitOps repository";
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.labels().is_some(), "{text}");
        }
    }

    #[test]
    fn an_account_comes_from_its_id_or_the_role_and_the_environments_own_has_priority() {
        let text = "\
store: { accountId: \"111111111111\" }
environments:
  prod: { accountId: \"222222222222\", roleArn: \"arn:aws:iam::333333333333:role/x\" }
  test: { roleArn: \"arn:aws:iam::333333333333:role/x\" }
";
        let config = Config::parse(FILE_NAME, text).unwrap();
        assert_eq!(config.account_of("prod"), Some("222222222222"));
        assert_eq!(config.account_of("test"), Some("333333333333"));
        assert_eq!(config.account_of("dev"), Some("111111111111"));
        assert_eq!(config.store_of("dev").account_id.as_deref(), Some("111111111111"));
        assert_eq!(Config::default().account_of("dev"), None);
        // Without quotes too, even with a leading zero.
        let config = Config::parse(FILE_NAME, "store: { accountId: 012345678901 }\n").unwrap();
        assert_eq!(config.account_of("dev"), Some("012345678901"));
    }

    #[test]
    fn an_account_that_is_not_twelve_digits_is_rejected_at_its_location() {
        for (text, words) in [
            ("store:\n  accountId: \"12345\"\n", "`store.accountId: 12345` is not an account ID"),
            (
                "environments:\n  prod:\n    accountId: \"12345678901x\"\n",
                "`environments.prod.accountId: 12345678901x` is not an account ID",
            ),
        ] {
            let error = Config::parse(FILE_NAME, text).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert!(
                error.help().unwrap().to_string().contains("12 digits"),
                "{}",
                error.help().unwrap()
            );
            assert!(error.labels().is_some(), "{text}");
        }
    }

    #[test]
    fn an_arn_of_another_kind_is_rejected_at_its_location() {
        for text in [
            "store:\n  roleArn: goldenpath-apply\n",
            "environments:\n  prod:\n    roleArn: arn:aws:iam::123456789012:user/ann\n",
            "rotation:\n  functions:\n    api-key: rotate\n",
            "environments:\n  prod:\n    rotation:\n      functions:\n        api-key: rotate\n",
        ] {
            let error = Config::parse(FILE_NAME, text).unwrap_err();
            assert!(error.to_string().contains("is not an ARN of that kind"), "{error}");
            assert!(error.labels().is_some(), "{text}");
        }
        let error =
            Config::parse(FILE_NAME, "environments:\n  prod:\n    store: { region: eu-west-2 }\n")
                .unwrap_err();
        assert!(error.to_string().contains("region"), "{error}");
    }
}
