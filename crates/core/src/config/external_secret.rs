//! `externalSecret`: the settings of ExternalSecrets, shared and by environment.
//!
//! The operator reads all ExternalSecrets of a cluster in one list. One that it cannot parse,
//! such as one with a misspelled interval, hides the others, so everything is checked here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::go_duration::parse_go_duration;
use super::kubernetes_names::{check_label_value, check_qualified_name, check_subdomain};
use super::placeholder::find_placeholder;
use super::{Config, ConfigError, Enums, reserved_names};
use crate::suggest::did_you_mean;

/// The versions of the operator's API that projections are written for.
const API_VERSIONS: [&str; 2] = ["external-secrets.io/v1", "external-secrets.io/v1beta1"];

/// The kinds of the operator's stores.
const STORE_KINDS: [&str; 2] = ["SecretStore", "ClusterSecretStore"];

/// The settings of ExternalSecrets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExternalSecretConfig {
    /// The version of its API, such as `external-secrets.io/v1`.
    pub api_version: String,
    /// How often the operator reads the secret, as a duration such as `1h`.
    pub refresh_interval: String,
    /// When the operator reads the secret; without it, the operator's default, `Periodic`.
    pub refresh_policy: Option<RefreshPolicy>,
    /// The name of the operator's store.
    pub store_name: String,
    /// `SecretStore` or `ClusterSecretStore`.
    pub store_kind: String,
    /// How the operator creates the Kubernetes Secret.
    pub creation_policy: CreationPolicy,
    /// What happens when the value is gone; without it, the operator's default, `Retain`.
    pub deletion_policy: Option<DeletionPolicy>,
    /// Labels next to goldenpath's own; None for no labels at all.
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations, such as sync waves.
    pub annotations: BTreeMap<String, String>,
    /// Whether to write the defaults that an API server fills into lists.
    ///
    /// Argo CD shows them as a difference otherwise.
    pub server_defaults: bool,
    /// Whether a new one is held back until its secret has a value.
    ///
    /// Without a value, the operator would report an error.
    pub wait_for_value: bool,
}

/// The settings of one environment. A missing field falls back to the shared one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentExternalSecret {
    /// The version of its API.
    pub api_version: Option<String>,
    /// How often the operator reads the secret.
    pub refresh_interval: Option<String>,
    /// When the operator reads the secret.
    pub refresh_policy: Option<RefreshPolicy>,
    /// The name of the operator's store.
    pub store_name: Option<String>,
    /// `SecretStore` or `ClusterSecretStore`.
    pub store_kind: Option<String>,
    /// How the operator creates the Kubernetes Secret.
    pub creation_policy: Option<CreationPolicy>,
    /// What happens when the value is gone.
    pub deletion_policy: Option<DeletionPolicy>,
    /// All labels; the shared ones do not count.
    pub labels: Option<BTreeMap<String, String>>,
    /// All annotations; the shared ones do not count.
    pub annotations: Option<BTreeMap<String, String>>,
    /// Whether to write the defaults that an API server fills into lists.
    pub server_defaults: Option<bool>,
    /// Whether a new one is held back until its secret has a value.
    pub wait_for_value: Option<bool>,
}

/// When the operator reads a secret (`spec.refreshPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefreshPolicy {
    /// At every interval.
    Periodic,
    /// Once: a rotated value does not arrive.
    CreatedOnce,
    /// When the ExternalSecret changes: a rotated value does not arrive.
    OnChange,
}

/// How the operator creates a Kubernetes Secret (`spec.target.creationPolicy`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreationPolicy {
    /// It is deleted with the ExternalSecret.
    #[default]
    Owner,
    /// It stays when the ExternalSecret is deleted.
    Orphan,
    /// The keys go into a Secret that another tool creates.
    Merge,
    /// None is created.
    None,
}

/// What the operator does when a value is gone (`spec.target.deletionPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// The Kubernetes Secret is deleted.
    Delete,
    /// Its keys are removed.
    Merge,
    /// It stays.
    Retain,
}

impl Default for ExternalSecretConfig {
    fn default() -> Self {
        Self {
            // The seed's version, for a repository without a configuration.
            api_version: "external-secrets.io/v1beta1".to_owned(),
            refresh_interval: "1h".to_owned(),
            refresh_policy: None,
            store_name: "aws-secrets-manager".to_owned(),
            store_kind: "ClusterSecretStore".to_owned(),
            creation_policy: CreationPolicy::default(),
            deletion_policy: None,
            labels: None,
            annotations: BTreeMap::new(),
            server_defaults: false,
            wait_for_value: false,
        }
    }
}

impl ExternalSecretConfig {
    /// Returns the settings with those of an environment.
    fn with(mut self, own: &EnvironmentExternalSecret) -> Self {
        fn set<T: Clone>(shared: &mut T, own: &Option<T>) {
            if let Some(own) = own {
                shared.clone_from(own);
            }
        }
        set(&mut self.api_version, &own.api_version);
        set(&mut self.refresh_interval, &own.refresh_interval);
        set(&mut self.store_name, &own.store_name);
        set(&mut self.store_kind, &own.store_kind);
        set(&mut self.creation_policy, &own.creation_policy);
        set(&mut self.annotations, &own.annotations);
        set(&mut self.server_defaults, &own.server_defaults);
        set(&mut self.wait_for_value, &own.wait_for_value);
        Self {
            refresh_policy: own.refresh_policy.or(self.refresh_policy),
            deletion_policy: own.deletion_policy.or(self.deletion_policy),
            labels: own.labels.clone().or(self.labels),
            ..self
        }
    }

    /// Returns how often the operator reads a secret; None if it never does again.
    ///
    /// Config::parse has checked the text.
    #[must_use]
    pub fn refresh_period(&self) -> Option<Duration> {
        let is_periodic = matches!(self.refresh_policy, None | Some(RefreshPolicy::Periodic));
        let period = parse_go_duration(&self.refresh_interval).ok()?;
        (is_periodic && !period.is_zero()).then_some(period)
    }

    /// Returns why the operator's webhook rejects the policies, if it does.
    ///
    /// (External Secrets Operator, "Lifecycle".)
    fn find_policy_conflict(&self) -> Option<&'static str> {
        match (self.creation_policy, self.deletion_policy?) {
            (CreationPolicy::Merge | CreationPolicy::None, DeletionPolicy::Delete) => Some(
                "the operator deletes only a Secret that it owns: set `creationPolicy` to Owner, \
                 or `deletionPolicy` to Retain",
            ),
            (CreationPolicy::None, DeletionPolicy::Merge) => Some(
                "there is no Secret whose keys could be removed: set `deletionPolicy` to Retain",
            ),
            _ => None,
        }
    }
}

impl Config {
    /// Returns the settings of an environment's ExternalSecrets.
    #[must_use]
    pub fn external_secret_of(&self, environment: &str) -> ExternalSecretConfig {
        let shared = self.external_secret.clone();
        match self.environments.get(environment) {
            Some(own) => shared.with(&own.external_secret),
            None => shared,
        }
    }

    /// Checks the settings of ExternalSecrets. `text` is the configuration's source.
    pub(super) fn check_external_secrets(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let shared = self.external_secret.clone();
        let shared_fields = EnvironmentExternalSecret {
            api_version: Some(shared.api_version.clone()),
            refresh_interval: Some(shared.refresh_interval.clone()),
            store_name: Some(shared.store_name.clone()),
            store_kind: Some(shared.store_kind.clone()),
            creation_policy: Some(shared.creation_policy),
            deletion_policy: shared.deletion_policy,
            labels: shared.labels.clone(),
            annotations: Some(shared.annotations.clone()),
            ..EnvironmentExternalSecret::default()
        };
        let own = self.environments.iter().map(|(name, own)| {
            let keys = vec!["environments", name.as_str(), "externalSecret"];
            (keys, &own.external_secret, self.external_secret_of(name))
        });
        let shared = std::iter::once((vec!["externalSecret"], &shared_fields, shared));
        for (keys, fields, effective) in shared.chain(own) {
            let bad = |below: &[&str], message: &str, help: &str| {
                let keys = [&keys[..], below].concat();
                let field = keys.join(".");
                ConfigError::new(path, format!("`{field}{message}"), help).at_field(text, &keys)
            };
            if let Some((field, message, help)) = fields.find_scalar_problem() {
                return Err(bad(&[field], &message, &help));
            }
            for (field, map) in
                [("labels", fields.labels.as_ref()), ("annotations", fields.annotations.as_ref())]
            {
                for (name, value) in map.into_iter().flatten() {
                    if let Err((message, help)) = check_metadata(field == "labels", name, value) {
                        return Err(bad(&[field, name], &message, &help));
                    }
                }
            }
            if (fields.creation_policy.is_some() || fields.deletion_policy.is_some())
                && let Some(help) = effective.find_policy_conflict()
            {
                let own = if fields.deletion_policy.is_some() {
                    "deletionPolicy"
                } else {
                    "creationPolicy"
                };
                let message = format!(
                    "`: the operator rejects deletionPolicy {:?} with creationPolicy {:?}",
                    effective.deletion_policy.unwrap_or(DeletionPolicy::Retain),
                    effective.creation_policy
                );
                return Err(bad(&[own], &message, help));
            }
        }
        Ok(())
    }

    /// Rejects owners that cannot be labels, if ExternalSecrets get labels.
    pub(super) fn check_label_owners(
        &self,
        enums: &Enums,
        path: &str,
        text: &str,
    ) -> Result<(), ConfigError> {
        let shared = (vec!["externalSecret", "labels"], &self.external_secret.labels);
        let own = self.environments.iter().map(|(name, own)| {
            let keys = vec!["environments", name.as_str(), "externalSecret", "labels"];
            (keys, &own.external_secret.labels)
        });
        let labels = std::iter::once(shared).chain(own).find(|(_, labels)| labels.is_some());
        let Some((keys, _)) = labels else { return Ok(()) };
        for owner in &enums.owners {
            if let Err(why) = check_label_value(owner) {
                let message = format!(
                    "`{}`: the owner `{}` cannot be the value of a label: {why}",
                    keys.join("."),
                    owner.escape_debug()
                );
                let help = format!("rename the owner in {}, or remove `labels`", self.enums);
                return Err(ConfigError::new(path, message, help).at_field(text, &keys));
            }
        }
        Ok(())
    }
}

impl EnvironmentExternalSecret {
    /// Returns the first wrong field, the rest of the message after its name, and the help.
    fn find_scalar_problem(&self) -> Option<(&'static str, String, String)> {
        let unknown = |field, value: &str, known: [&'static str; 2]| {
            let list = format!("the values are {}", known.join(" and "));
            let help = match did_you_mean(value, known) {
                Some(question) => format!("{question} {list}"),
                None => list,
            };
            (field, format!(": {}`: unknown value", value.escape_debug()), help)
        };
        let is_unknown = |value: &&String, known: [&str; 2]| !known.contains(&value.as_str());
        if let Some(value) = self.api_version.as_ref().filter(|one| is_unknown(one, API_VERSIONS)) {
            return Some(unknown("apiVersion", value, API_VERSIONS));
        }
        if let Some(value) = self.store_kind.as_ref().filter(|one| is_unknown(one, STORE_KINDS)) {
            return Some(unknown("storeKind", value, STORE_KINDS));
        }
        if let Some(value) = &self.refresh_interval
            && let Err(why) = parse_go_duration(value)
        {
            let message = format!(": {}` is not a duration", value.escape_debug());
            let help = format!(
                "{why}; the operator can read no ExternalSecret of a cluster that has one \
                         with a wrong interval"
            );
            return Some(("refreshInterval", message, help));
        }
        if let Some(value) = &self.store_name
            && let Err(why) = check_subdomain(value)
        {
            let message = format!(": {}` is not the name of a store", value.escape_debug());
            return Some(("storeName", message, why));
        }
        None
    }
}

/// Checks a label or annotation; returns the rest of the message, and the help.
fn check_metadata(is_label: bool, name: &str, value: &str) -> Result<(), (String, String)> {
    let kind = if is_label { "a label" } else { "an annotation" };
    if let Err(why) = check_qualified_name(name) {
        return Err((format!("` is not the name of {kind}"), why));
    }
    if let Some(reason) = reserved_names::reason(name, value) {
        let help = "remove it: a secret is for its manifest's namespace only";
        return Err((format!("` is reserved: it {reason}"), help.to_owned()));
    }
    if is_label && let Err(why) = check_label_value(value) {
        return Err((format!(": {}` is not the value of a label", value.escape_debug()), why));
    }
    let plain = "write plain text".to_owned();
    if let Some(why) = find_placeholder(name).or_else(|| find_placeholder(value)) {
        return Err((format!("` {why}"), plain));
    }
    if value.contains("{{") {
        let why = "` contains `{{`, which the operator would replace with the value";
        return Err((why.to_owned(), plain));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{BUILT_IN_ENUMS, FILE_NAME};

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(FILE_NAME, text)
    }

    #[test]
    fn an_environment_overrides_the_shared_settings_field_by_field() {
        let text = "externalSecret: { storeName: shared, refreshInterval: 2h, labels: { a: b },\n\
                    \x20 deletionPolicy: Delete, serverDefaults: true }\n\
                    environments:\n  dev:\n    externalSecret: { storeName: aws-dev, storeKind: \
                    SecretStore,\n      labels: {}, creationPolicy: Orphan, waitForValue: true }\n";
        let config = parse(text).unwrap();
        let dev = config.external_secret_of("dev");
        let expected = ExternalSecretConfig {
            store_name: "aws-dev".to_owned(),
            store_kind: "SecretStore".to_owned(),
            refresh_interval: "2h".to_owned(),
            labels: Some(BTreeMap::new()),
            creation_policy: CreationPolicy::Orphan,
            deletion_policy: Some(DeletionPolicy::Delete),
            server_defaults: true,
            wait_for_value: true,
            ..ExternalSecretConfig::default()
        };
        assert_eq!(dev, expected);
        assert_eq!(config.external_secret_of("prod"), config.external_secret);
    }

    #[test]
    fn a_refresh_without_an_interval_never_repeats() {
        for (text, hours) in [
            ("{}", Some(1)),
            ("{ refreshInterval: 0s }", None),
            ("{ refreshPolicy: Periodic }", Some(1)),
            ("{ refreshPolicy: CreatedOnce }", None),
            ("{ refreshPolicy: OnChange }", None),
        ] {
            let config = parse(&format!("externalSecret: {text}\n")).unwrap();
            let expected = hours.map(|hours| Duration::from_secs(3600 * hours));
            assert_eq!(config.external_secret.refresh_period(), expected, "{text}");
        }
    }

    /// Each row is a test: the fields, the message, the underlined text, and a part of the help.
    macro_rules! errors {
        ($($name:ident: $fields:expr => $message:expr, $place:expr, $help:expr;)*) => {$(
            #[test]
            fn $name() {
                for prefix in ["externalSecret", "environments: { dev: { externalSecret"] {
                    let end = if prefix.contains('{') { " } }" } else { "" };
                    let text = format!("{prefix}: {}{end}\n", $fields);
                    let field = prefix.replace(": { ", ".");
                    let error = parse(&text).unwrap_err();
                    assert_eq!(error.to_string(), format!("{FILE_NAME}: `{field}.{}", $message));
                    let label = miette::Diagnostic::labels(&error).unwrap().next().unwrap();
                    let end = label.offset() + label.len();
                    assert_eq!(&text[label.offset()..end], $place);
                    let help = miette::Diagnostic::help(&error).unwrap().to_string();
                    assert!(help.contains($help), "{help}");
                }
            }
        )*};
    }

    errors! {
        an_unknown_api_version_is_rejected: "{ apiVersion: external-secrets.io/v2 }"
            => "apiVersion: external-secrets.io/v2`: unknown value", "apiVersion",
               "did you mean `external-secrets.io/v1`?";
        an_unknown_store_kind_is_rejected: "{ storeKind: ClusterStore }"
            => "storeKind: ClusterStore`: unknown value", "storeKind", "SecretStore";
        an_interval_that_go_cannot_read_is_rejected: "{ refreshInterval: 1d }"
            => "refreshInterval: 1d` is not a duration", "refreshInterval", "a day is 24h";
        a_store_name_that_is_not_a_dns_name_is_rejected: "{ storeName: AWS_store }"
            => "storeName: AWS_store` is not the name of a store", "storeName", "capital";
        a_label_s_name_is_checked: "{ labels: { a b: c } }"
            => "labels.a b` is not the name of a label", "a b", "letters";
        a_label_s_value_is_checked: "{ labels: { team: R&D } }"
            => "labels.team: R&D` is not the value of a label", "team", "letters";
        a_label_of_goldenpath_is_reserved: "{ labels: { goldenpath.io/id: SEC-0001 } }"
            => "labels.goldenpath.io/id` is reserved: it belongs to goldenpath", "goldenpath.io/id",
               "remove it";
        an_annotation_that_copies_a_secret_is_reserved:
            "{ annotations: { reflector.v1.k8s.emberstack.com/reflection-allowed: 'true' } }"
            => "annotations.reflector.v1.k8s.emberstack.com/reflection-allowed` is reserved: it \
                copies Secrets to other namespaces or clusters",
               "reflector.v1.k8s.emberstack.com/reflection-allowed", "remove it";
        an_annotation_is_not_a_template: "{ annotations: { a: 'x {{ .password }}' } }"
            => "annotations.a` contains `{{`, which the operator would replace with the value",
               "a", "plain text";
        policies_that_the_operator_rejects_together_are_rejected:
            "{ creationPolicy: Merge, deletionPolicy: Delete }"
            => "deletionPolicy`: the operator rejects deletionPolicy Delete with creationPolicy \
                Merge", "deletionPolicy", "creationPolicy";
    }

    #[test]
    fn unknown_policies_and_fields_are_rejected_with_the_known_ones() {
        for (fields, message) in [
            ("{ refreshPolicy: Once }", "refreshPolicy: unknown value `Once`"),
            ("{ creationPolicy: CreateOrMerge }", "creationPolicy: unknown value `CreateOrMerge`"),
            ("{ deletionPolicy: delete }", "deletionPolicy: unknown value `delete`"),
            ("{ storename: x }", "unknown field `storename`"),
        ] {
            let error =
                parse(&format!("environments: {{ dev: {{ externalSecret: {fields} }} }}\n"));
            let error = error.unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert!(miette::Diagnostic::labels(&error).is_some());
        }
    }

    #[test]
    fn an_environment_is_checked_with_the_shared_policies() {
        let text = "externalSecret: { deletionPolicy: Delete }\n\
                    environments: { dev: { externalSecret: { creationPolicy: None } } }\n";
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains("`environments.dev.externalSecret.creationPolicy`"), "{error}");
    }

    #[test]
    fn an_owner_that_cannot_be_a_label_is_an_error_only_with_labels() {
        let enums = BUILT_IN_ENUMS.replace("- team-payments", "- \"R&D\"");
        let enums = Enums::parse("enums.yaml", &enums).unwrap();
        assert!(enums.owners.iter().any(|owner| owner == "R&D"));
        let check = |text: &str| parse(text).unwrap().check_names(&enums, FILE_NAME, text);
        check("externalSecret: {}\n").unwrap();
        let error = check("externalSecret: { labels: {} }\n").unwrap_err().to_string();
        assert!(error.contains("`externalSecret.labels`: the owner `R&D` cannot be"), "{error}");
    }
}
