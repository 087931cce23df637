//! `goldenpath.yaml`, the enums and the governance table, parsed and checked once.

mod aws_limits;
mod codeowners;
mod destination_keys;
mod diff;
mod endpoint_policy;
mod enums;
mod environments;
mod error;
mod external_secret;
mod git_url;
mod go_duration;
mod governance;
mod kubernetes_names;
mod kubernetes_secret;
mod ownership;
mod placeholder;
mod policies;
mod projection_file;
mod replicas;
mod required_version;
pub(crate) mod reserved_names;
mod role_session;
mod rotator;
mod secret_types;
pub(crate) mod value_template;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::arn;
use crate::template;
use crate::template::Output;
use crate::yaml;

pub use aws_limits::{
    DESCRIPTION_LENGTH, POLICY_LENGTH, ROTATION_DAYS, TAGS, check_store_key, check_tag_value,
    is_store_key_character, to_catalog_id,
};
pub use codeowners::{CODE_OWNERS_PLACES, CodeOwners};
pub use destination_keys::destination_changes;
pub use diff::{KeyChange, additions, key_changes, parse_tree};
pub use enums::{BUILT_IN as BUILT_IN_ENUMS, Enums};
pub use environments::{
    Cluster, ClusterConfig, EnvironmentConfig, EnvironmentGitops, EnvironmentStore, RotationConfig,
};
pub use error::ConfigError;
pub use external_secret::{
    CreationPolicy, DeletionPolicy, EnvironmentExternalSecret, ExternalSecretConfig, RefreshPolicy,
};
pub use git_url::GitUrl;
pub use governance::{BUILT_IN as BUILT_IN_GOVERNANCE, Governance, Rotation, Tier};
pub use kubernetes_names::{LABEL_LENGTH, SUBDOMAIN_LENGTH};
pub(crate) use kubernetes_names::{check_label, check_subdomain};
pub use kubernetes_secret::{
    DecodingStrategy, KubernetesSecret, KubernetesSecretType, MergePolicy,
};
pub use ownership::{
    AccountObjection, NamespaceObjection, NamespacePattern, Ownership, OwnershipConfig,
    ServiceOwnership, UnlistedPolicy,
};
pub(crate) use placeholder::find_placeholder;
pub use policies::{Policies, Policy, PolicyConfig, PolicySeverity, PolicySubject};
pub use projection_file::{KUSTOMIZATIONS, check_projection_file};
pub use replicas::ReplicaRegion;
pub use rotator::{ExternalRotation, ExternalRotationOverride, Rotator, TypeRotation};
pub use secret_types::{
    BUILT_IN as BUILT_IN_SECRET_TYPES, CharacterClass, Characters, Encoding, KeyDefinition, Recipe,
    SecretType, SecretTypes, TextSource, check_key,
};

/// The configuration's name at the root of a repository.
pub const FILE_NAME: &str = "goldenpath.yaml";

/// The content of `goldenpath.yaml`.
///
/// Every field has a default except the store's backend, which plan and apply do not guess.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The catalog's folder, from the repository's root.
    pub catalog: String,
    /// The owner of the secrets in the stores; by default the repository's name.
    pub catalog_id: Option<String>,
    /// The enums' file, from the repository's root.
    pub enums: String,
    /// The governance table's file, from the repository's root.
    pub governance: String,
    /// The file of the keys by secret type, from the repository's root.
    pub secret_types: String,
    /// How new IDs are reserved, and how far apart they may be.
    pub ids: IdsConfig,
    /// The store of values, for environments without overrides.
    pub store: StoreConfig,
    /// The destination of projections, for environments without overrides.
    pub gitops: GitopsConfig,
    /// The settings of each generated ExternalSecret.
    pub external_secret: ExternalSecretConfig,
    /// The table as written; [`Ownership`] is its lookup form.
    pub ownership: OwnershipConfig,
    /// The Lambda functions that rotate secrets, by secret type.
    pub rotation: RotationConfig,
    /// The limits of one run of `apply`.
    pub limits: LimitsConfig,
    /// Where `apply` commits the audit trail.
    pub audit: AuditConfig,
    /// Overrides, by environment.
    pub environments: BTreeMap<String, EnvironmentConfig>,
    /// Severities by rule code or name.
    pub rules: BTreeMap<String, Level>,
    /// The platform team's own rules, as written; see [`Policies::compile`].
    pub policies: Vec<PolicyConfig>,
    /// The versions of goldenpath that may use this file, such as `>=0.2, <0.3`.
    ///
    /// It is checked before any other field.
    pub required_version: Option<String>,
}

/// How new IDs are reserved.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IdsConfig {
    /// The maximum distance of an ID above the highest ID of the default branch.
    pub max_gap: u32,
    /// When an ID must be reserved on the remote before it is used.
    pub reserve: Reserve,
    /// The remote for reservations, by its name in a clone.
    ///
    /// The default is `origin`, or else the only remote.
    pub remote: Option<String>,
}

/// Whether IDs are reserved on a remote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reserve {
    /// Reserves if a remote supports it; otherwise warns.
    #[default]
    Auto,
    /// Fails without a reservation.
    Always,
    /// Contacts no remote: only this clone's files and refs count.
    Never,
}

/// The store of values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StoreConfig {
    /// None if not configured: plan and apply fail.
    pub backend: Option<Backend>,
    /// `aws`: the account, twelve digits; a run with credentials of another one stops.
    pub account_id: Option<String>,
    /// `local`: the SQLite file, from the repository's root.
    pub path: PathBuf,
    /// `local`: the file of the encryption key, outside the repository.
    ///
    /// `~/` is the user's home folder.
    pub key_file: Option<PathBuf>,
    /// The secret's name in the store, a template over the manifest's fields.
    pub key_template: String,
    /// `aws`: the region; the default is the standard chain's.
    pub region: Option<String>,
    /// `aws`: an endpoint of Secrets Manager in the region, or a local emulator.
    pub endpoint_url: Option<String>,
    /// `aws`: a role to assume; the default is the standard credential chain.
    pub role_arn: Option<String>,
    /// `aws`: what the role's trust policy requires as `sts:ExternalId`.
    pub external_id: Option<String>,
    /// `aws`: how long the role's credentials are valid, such as `1h30m`.
    pub session_duration: Option<String>,
    /// `aws`: who assumes the role, for CloudTrail (`sts:SourceIdentity`).
    pub source_identity: Option<String>,
    /// `aws`: the MFA device whose code is asked for before the role is assumed.
    pub mfa_serial: Option<String>,
    /// `aws`: the encryption key of the secrets; without one, each keeps its own.
    pub kms_key_id: Option<String>,
    /// `aws`: the regions with a replica of each secret.
    ///
    /// Without the list, replicas stay as they are.
    pub replica_regions: Option<Vec<ReplicaRegion>>,
}

impl StoreConfig {
    /// Returns the account that the credentials must be of, if the configuration names it.
    ///
    /// It does so by ID, or by the role that is assumed.
    #[must_use]
    pub fn expected_account(&self) -> Option<&str> {
        self.account_id.as_deref().or_else(|| arn::account(self.role_arn.as_deref()?))
    }
}

/// The kind of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// An SQLite file on this machine, for trials and tests.
    Local,
    /// AWS Secrets Manager.
    Aws,
}

/// The destination of projections.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GitopsConfig {
    /// A working copy on disk, from the repository's root.
    pub path: Option<PathBuf>,
    /// A repository to push to instead: a URL, or a path from the repository's root.
    pub url: Option<String>,
    /// `url`: the branch; the default is that of the remote's HEAD.
    pub branch: Option<String>,
    /// A projection's file in it, a template over the manifest's fields.
    pub file: String,
}

/// The limits of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// The maximum number of deleted secrets, unless the user overrides it.
    pub max_deletes: usize,
}

/// The branch of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuditConfig {
    /// The remote, by its name in a clone; by default `origin`, or else the only one.
    pub remote: Option<String>,
    /// The branch, which has nothing but audit records.
    pub branch: String,
    /// The SSH key that signs checkpoints: a file, or a public key whose private key an agent has.
    pub signing_key: Option<String>,
    /// Accepted from version 0.1, without effect: the trail is always pushed.
    pub push: Option<bool>,
}

/// The severity of a rule's findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The rule is not applied.
    Off,
    /// A finding does not fail the run.
    Warn,
    /// A finding fails the run.
    Error,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            catalog: "catalogs/secrets".to_owned(),
            catalog_id: None,
            enums: "schemas/metadata/enums.yaml".to_owned(),
            governance: "schemas/metadata/governance.yaml".to_owned(),
            secret_types: "schemas/metadata/secret_types.yaml".to_owned(),
            ids: IdsConfig::default(),
            store: StoreConfig::default(),
            gitops: GitopsConfig::default(),
            external_secret: ExternalSecretConfig::default(),
            ownership: OwnershipConfig::default(),
            rotation: RotationConfig::default(),
            limits: LimitsConfig::default(),
            audit: AuditConfig::default(),
            environments: BTreeMap::new(),
            rules: BTreeMap::new(),
            policies: Vec::new(),
            required_version: None,
        }
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { remote: None, branch: "goldenpath/audit".to_owned(), signing_key: None, push: None }
    }
}

impl Default for IdsConfig {
    fn default() -> Self {
        Self { max_gap: 1000, reserve: Reserve::default(), remote: None }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { max_deletes: 5 }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            backend: None,
            account_id: None,
            path: PathBuf::from(".goldenpath/store.db"),
            key_file: None,
            key_template: "goldenpath/{{ service }}/{{ environment }}/{{ name }}".to_owned(),
            region: None,
            endpoint_url: None,
            role_arn: None,
            external_id: None,
            session_duration: None,
            source_identity: None,
            mfa_serial: None,
            kms_key_id: None,
            replica_regions: None,
        }
    }
}

impl Default for GitopsConfig {
    fn default() -> Self {
        Self {
            path: None,
            url: None,
            branch: None,
            file: "kustomize/overlays/{{ environment }}/apps/{{ service }}/externalsecrets/\
                   {{ id }}.yaml"
                .to_owned(),
        }
    }
}

impl Config {
    /// Parses `goldenpath.yaml`.
    ///
    /// # Errors
    /// Invalid YAML, an unknown field or an invalid value, with its location.
    pub fn parse(path: &str, text: &str) -> Result<Self, ConfigError> {
        // An empty file, or one with only comments, is a null document: all defaults.
        let root = read_tree(path, text)?;
        required_version::check(path, text, &root)?;
        let mut config = read_node::<Option<Self>>(path, text, &root)?.unwrap_or_default();
        for (name, folder) in [
            ("catalog", &mut config.catalog),
            ("enums", &mut config.enums),
            ("governance", &mut config.governance),
            ("secretTypes", &mut config.secret_types),
        ] {
            *folder = normalize_path(folder).ok_or_else(|| {
                let message = format!("`{name}: {folder}` is not a path inside the repository");
                ConfigError::new(path, message, "give a relative path without `..`")
                    .at_field(text, &[name])
            })?;
        }
        config.normalize_roots(path, text)?;
        config.check_texts(path, text)?;
        let sample = sample_fields();
        let files = config.environments.iter().filter_map(|(name, own)| {
            Some((format!("environments.{name}.gitops.file"), own.gitops.file.as_ref()?))
        });
        let shared = [
            ("store.keyTemplate", &config.store.key_template),
            ("gitops.file", &config.gitops.file),
        ]
        .into_iter();
        for (name, template) in
            shared.map(|(name, template)| (name.to_owned(), template)).chain(files)
        {
            let keys: Vec<&str> = name.split('.').collect();
            let rendered = template::render(&name, template, Output::Text, &sample);
            if let Ok(file) = &rendered
                && name.ends_with("gitops.file")
                && let Err(why) = check_projection_file(file)
            {
                let help = "give each manifest its own YAML file that is not hidden, such as \
                            `apps/{{ service }}/{{ id }}.yaml`";
                return Err(
                    ConfigError::new(path, format!("`{name}`: {why}"), help).at_field(text, &keys)
                );
            }
            // A statement in the template may leave something out that the sample does not show.
            if let Ok(key) = &rendered
                && name == "store.keyTemplate"
                && !template.contains("{%")
                && let Err(why) = check_store_key(key)
            {
                let help = "write it as AWS allows: letters, digits and /_+=.@-, with a name \
                            between two slashes, such as `/acme/{{ service }}/{{ name }}`";
                let message = format!("`{name}: {template}` gives no store keys: {why}");
                return Err(ConfigError::new(path, message, help).at_field(text, &keys));
            }
            if let Err(error) = rendered {
                let variables: Vec<&str> = sample
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.as_str())
                    .collect();
                let help = format!("use the variables {}", variables.join(", "));
                let error = ConfigError::new(path, format!("`{name}`: {}", error.what()), help);
                return Err(error.at_field(text, &keys));
            }
        }
        if let Some(id) =
            config.catalog_id.as_ref().filter(|id| id.is_empty() || to_catalog_id(id) != **id)
        {
            return Err(ConfigError::new(
                path,
                format!("`catalogId: {id}` cannot be the value of a tag"),
                "use 1 to 256 letters, digits, spaces and _.:/=+-@, as AWS requires",
            )
            .at_field(text, &["catalogId"]));
        }
        config.check_endpoints(path, text)?;
        if config.ids.max_gap == 0 {
            let message = "`ids.maxGap: 0` allows no new ID";
            let error = ConfigError::new(path, message, "write 1 or more, or omit it for 1000");
            return Err(error.at_field(text, &["ids", "maxGap"]));
        }
        config.check_arns(path, text)?;
        config.check_replicas(path, text)?;
        config.check_gitops(path, text)?;
        config.check_clusters(path, text)?;
        config.check_accounts(path, text)?;
        config.check_external_secrets(path, text)?;
        config.check_ownership(path, text)?;
        Ok(config)
    }
}

impl Config {
    /// Rejects an empty text where one is needed.
    fn check_texts(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let store = self.store.path.to_str().unwrap_or_default();
        let external = &self.external_secret;
        let texts: [(&[&str], &str); 11] = [
            (&["catalog"], &self.catalog),
            (&["enums"], &self.enums),
            (&["governance"], &self.governance),
            (&["secretTypes"], &self.secret_types),
            (&["store", "path"], store),
            (&["store", "keyTemplate"], &self.store.key_template),
            (&["gitops", "file"], &self.gitops.file),
            (&["externalSecret", "apiVersion"], &external.api_version),
            (&["externalSecret", "refreshInterval"], &external.refresh_interval),
            (&["externalSecret", "storeName"], &external.store_name),
            (&["externalSecret", "storeKind"], &external.store_kind),
        ];
        match texts.into_iter().find(|(_, value)| value.is_empty()) {
            Some((keys, _)) => {
                let message = format!("`{}` has no value", keys.join("."));
                let help = "write its value, or omit the line for the default";
                Err(ConfigError::new(path, message, help).at_field(text, keys))
            }
            None => Ok(()),
        }
    }
}

/// Parses the configuration file `text` as a `T`.
fn read<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, ConfigError> {
    read_node(path, text, &read_tree(path, text)?)
}

fn read_tree(path: &str, text: &str) -> Result<yaml::Node, ConfigError> {
    yaml::parse_configuration(text)
        .map_err(|problems| ConfigError::from_problems(path, text, problems))
}

fn read_node<T: DeserializeOwned>(
    path: &str,
    text: &str,
    root: &yaml::Node,
) -> Result<T, ConfigError> {
    yaml::deserialize(text, root)
        .map_err(|mismatch| ConfigError::from_mismatch(path, text, mismatch))
}

/// Parses a built-in file.
fn read_built_in<T: DeserializeOwned + Default>(text: &str) -> T {
    read("a built-in file", text).unwrap_or_default()
}

/// Normalizes a path from the repository's root.
///
/// Removes `.`, and doubled and trailing slashes. Returns None for a path outside the repository,
/// and for the root itself.
fn normalize_path(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let leaves = path.starts_with('/') || parts.contains(&"..") || path.contains(char::is_control);
    (!leaves && !parts.is_empty()).then(|| parts.join("/"))
}

/// Returns sample fields of a manifest, the variables of templates.
fn sample_fields() -> serde_json::Value {
    let names = [
        "id",
        "name",
        "description",
        "owner",
        "service",
        "environment",
        "provider",
        "secretType",
        "riskTier",
    ]
    .into_iter()
    .chain(["rotationClass", "status", "namespace", "k8sSecretName", "ttlDays"]);
    names.map(|name| (name.to_owned(), serde_json::Value::from(name))).collect()
}

/// The format of an account ID, for messages.
const ACCOUNT_ID: &str = "an account ID has 12 digits, such as \"123456789012\"";

/// Returns whether `text` is the ID of an AWS account.
///
/// (AWS Account Management, "View AWS account identifiers".)
#[must_use]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_all_defaults_and_names_no_store() {
        let config = Config::parse(FILE_NAME, "# nothing\n").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.store.backend, None);
    }

    #[test]
    fn a_catalog_outside_the_repository_is_rejected() {
        assert!(Config::parse(FILE_NAME, "catalog: ../elsewhere\n").is_err());
        for nowhere in ["/etc", ".", "''", "a/../.."] {
            assert!(
                Config::parse(FILE_NAME, &format!("catalog: {nowhere}\n")).is_err(),
                "{nowhere}"
            );
        }
        assert_eq!(Config::parse(FILE_NAME, "catalog: ./a//b/./c/\n").unwrap().catalog, "a/b/c");
    }

    #[test]
    fn a_template_with_an_unknown_variable_is_rejected_at_its_location() {
        let error =
            Config::parse(FILE_NAME, "store:\n  keyTemplate: \"{{ service }}/{{ env }}\"\n")
                .unwrap_err();
        assert!(error.to_string().contains("keyTemplate"), "{error}");
        assert!(miette::Diagnostic::labels(&error).is_some());
    }

    /// Each row is a test: a text, the message, and the underlined text.
    macro_rules! errors {
        ($($name:ident: $text:expr => $message:expr, $place:expr;)*) => {$(
            #[test]
            fn $name() {
                let error = Config::parse(FILE_NAME, $text).unwrap_err();
                assert_eq!(error.to_string(), format!("{FILE_NAME}: {}", $message));
                let label = miette::Diagnostic::labels(&error).and_then(|mut all| all.next());
                let place = label.map(|label| {
                    let end = label.offset() + label.len();
                    (label.offset(), &$text[label.offset()..end])
                });
                assert_eq!(place, $place);
            }
        )*};
    }

    errors! {
        a_duplicate_key_is_underlined:
            r#"store: { path: "duplicate path: x", path: y }"#
            => "duplicate key `path`", Some((36, "path"));
        a_duplicate_key_in_a_table_is_underlined:
            "rules:\n  GP102: off # GP102: off\n  GP102: error\n"
            => "duplicate key `GP102`", Some((35, "GP102"));
        an_unknown_field_is_underlined: "{store: {path: backnd, backnd: local}}"
            => "store: unknown field `backnd`", Some((23, "backnd"));
        a_path_outside_is_underlined_at_its_key: "{store: {path: catalog}, catalog: ../x}"
            => "`catalog: ../x` is not a path inside the repository", Some((25, "catalog"));
        a_wrong_word_is_underlined: "rules: {of: off, GP102: of}"
            => "rules.GP102: unknown value `of`", Some((24, "of"));
        a_field_without_a_value_is_underlined: "gitops:\n  file: # file\n"
            => "gitops.file: this has no value", Some((10, "file"));
        null_is_not_a_text: "gitops: {file: null}"
            => "gitops.file: this has no value", Some((15, "null"));
        an_empty_text_is_underlined_at_its_key: "{gitops: {file: ''}}"
            => "`gitops.file` has no value", Some((10, "file"));
        a_policy_without_a_field_is_underlined: "policies:\n  - name: p\n    message: m\n"
            => "policies[0]: missing field `assert`", Some((14, "name: p"));
        a_second_document_is_underlined: "catalog: a\n---\ncatalog: b\n"
            => "a second document starts here", Some((11, "---"));
        a_tag_is_underlined: "catalog: !!str a"
            => "a tag is not allowed", Some((9, "!!str"));
        a_merge_key_is_underlined: "rules: {<<: {GP101: off}}"
            => "rules: a merge key is not supported", Some((8, "<<"));
        an_alias_without_an_anchor_is_underlined: "rules: {GP101: *x}"
            => "invalid YAML: while parsing node, found unknown anchor", Some((15, "*x}"));
    }

    #[test]
    fn an_alias_has_the_value_of_its_anchor() {
        let text = "catalog: &a 0120 # a\nenvironments: {dev: &d {region: us-east-1}, test: *d}\n\
                    catalogId: *a\n";
        let config = Config::parse(FILE_NAME, text).unwrap();
        assert_eq!((config.catalog.as_str(), config.catalog_id.as_deref()), ("0120", Some("0120")));
        assert_eq!(config.environments["test"], config.environments["dev"]);
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_endings_do_not_shift_spans() {
        let text = "\u{feff}catalog: a\r\nstore:\r\n  é: x\r\n";
        let error = Config::parse(FILE_NAME, text).unwrap_err();
        let label = miette::Diagnostic::labels(&error).and_then(|mut all| all.next()).unwrap();
        assert_eq!(&text[label.offset()..label.offset() + label.len()], "é");
    }
}
