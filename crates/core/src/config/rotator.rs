//! Who rotates the secrets of a type: a function, the AWS service that owns them, or a partner.
//!
//! Sources: Secrets Manager User Guide, "Managed rotation" and "Managed external secrets"; API
//! Reference, CreateSecret and RotateSecret.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{ConfigError, Enums, SecretTypes};
use crate::arn;
use crate::suggest;

/// The maximum length of a partner's type, in characters (CreateSecret, `Type`).
const TYPE_LENGTH: usize = 256;

/// The maximum lengths of a key and a value of the rotation's metadata, in characters.
///
/// Source: API type `ExternalSecretRotationMetadataItem`.
const METADATA_LENGTHS: (usize, usize) = (256, 2048);

/// The text for [`TypeRotation::Managed`].
const MANAGED: &str = "managed";

/// How the secrets of a type are rotated, if not by a function of `rotation.functions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeRotation {
    /// By the AWS service that creates and owns them, such as Amazon RDS.
    Managed,
    /// By Secrets Manager, at a partner that holds the credential.
    External(ExternalRotation),
}

/// The rotation of a managed external secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalRotation {
    /// The partner's name for the type, such as `SalesforceClientSecret`.
    pub external_type: String,
    /// The role with which Secrets Manager rotates the secrets.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// What the partner requires, by key.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// What is different in an environment.
    #[serde(default)]
    pub environments: BTreeMap<String, ExternalRotationOverride>,
}

/// The rotation of a managed external secret in one environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExternalRotationOverride {
    /// Instead of the type's role.
    pub role_arn: Option<String>,
    /// In addition to the type's metadata, or instead of the same key.
    pub metadata: BTreeMap<String, String>,
}

/// Who rotates a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotator {
    /// A Lambda function, by its ARN.
    Function(String),
    /// The AWS service that owns the secret.
    OwningService,
    /// Secrets Manager, at the partner that holds the credential.
    Partner {
        /// The ARN of the role with which it does so.
        role: String,
        /// What the partner requires, by key.
        metadata: BTreeMap<String, String>,
    },
}

impl fmt::Display for Rotator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(function) => out.write_str(function),
            Self::OwningService => out.write_str("the AWS service that owns it"),
            Self::Partner { role, .. } => write!(out, "Secrets Manager with the role {role}"),
        }
    }
}

impl<'de> Deserialize<'de> for TypeRotation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RotationVisitor;

        impl<'de> Visitor<'de> for RotationVisitor {
            type Value = TypeRotation;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("`managed`, or a mapping with `externalType`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TypeRotation, E> {
                match text {
                    MANAGED => Ok(TypeRotation::Managed),
                    _ => Err(E::custom(
                        "`rotation` is neither `managed` nor a mapping with `externalType`\n\
                         write `managed` for secrets of an AWS service, or `externalType` and \
                         `roleArn`; functions are in `rotation.functions` of goldenpath.yaml",
                    )),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TypeRotation, A::Error> {
                ExternalRotation::deserialize(MapAccessDeserializer::new(map))
                    .map(TypeRotation::External)
            }
        }

        deserializer.deserialize_any(RotationVisitor)
    }
}

impl ExternalRotation {
    /// Returns the role in an environment; None if neither it nor the type has one.
    fn role_in(&self, environment: &str) -> Option<&str> {
        let own = self.environments.get(environment).and_then(|own| own.role_arn.as_deref());
        own.or(self.role_arn.as_deref())
    }

    /// Returns who rotates an environment's secrets; None without a role.
    fn rotator(&self, environment: &str) -> Option<Rotator> {
        let own = self.environments.get(environment).map(|own| own.metadata.clone());
        let mut metadata = self.metadata.clone();
        metadata.extend(own.unwrap_or_default());
        Some(Rotator::Partner { role: self.role_in(environment)?.to_owned(), metadata })
    }
}

impl TypeRotation {
    /// Returns who rotates an environment's secrets of the type.
    ///
    /// None only for an environment that is not in the enums.
    #[must_use]
    pub fn rotator(&self, environment: &str) -> Option<Rotator> {
        match self {
            Self::Managed => Some(Rotator::OwningService),
            Self::External(external) => external.rotator(environment),
        }
    }

    /// Returns the partner's name for the type, if a partner holds the credentials.
    #[must_use]
    pub fn external_type(&self) -> Option<&str> {
        match self {
            Self::Managed => None,
            Self::External(external) => Some(&external.external_type),
        }
    }

    /// Checks the rotation of the type `name`. `text` is the source of the file at `path`.
    pub(super) fn check(
        &self,
        name: &str,
        path: &str,
        text: &str,
        enums: &Enums,
    ) -> Result<(), ConfigError> {
        let Self::External(external) = self else { return Ok(()) };
        let wrong = |below: &[&str], message: String, help: &str| {
            let keys = [&["secretTypes", name, "rotation"], below].concat();
            Err(ConfigError::new(path, message, help).at_field(text, &keys))
        };
        let kind = &external.external_type;
        let is_kind = kind.bytes().all(|byte| byte.is_ascii_graphic());
        if kind.is_empty() || kind.len() > TYPE_LENGTH || !is_kind {
            return wrong(
                &["externalType"],
                format!("`{}` is not a partner's type", kind.escape_debug()),
                "give it as AWS lists it (\"Managed external secrets partners\"), such as \
                 SalesforceClientSecret",
            );
        }
        if let Some(other) =
            external.environments.keys().find(|other| !enums.environments.contains(other))
        {
            let near = suggest::did_you_mean(other, enums.environments.iter().map(String::as_str));
            let help =
                near.unwrap_or_else(|| format!("the enums have {}", enums.environments.join(", ")));
            return wrong(
                &["environments", other],
                format!("there is no environment `{other}`"),
                &help,
            );
        }
        let shared = (Vec::new(), &external.role_arn, &external.metadata);
        let own = external.environments.iter().map(|(environment, own)| {
            (vec!["environments", environment.as_str()], &own.role_arn, &own.metadata)
        });
        for (keys, role, metadata) in std::iter::once(shared).chain(own) {
            if let Some(role) = role
                && let Err(why) = arn::check_role(role)
            {
                let message = format!("`{}` is not the ARN of a role", role.escape_debug());
                return wrong(&[&keys[..], &["roleArn"]].concat(), message, &why);
            }
            let (longest_key, longest_value) = METADATA_LENGTHS;
            for (key, value) in metadata {
                let is_long = |text: &str, most: usize| !(1..=most).contains(&text.chars().count());
                if is_long(key, longest_key) || is_long(value, longest_value) {
                    let help = format!(
                        "a key has 1 to {longest_key} characters, and its value 1 to \
                         {longest_value}"
                    );
                    let message =
                        format!("the metadata `{}` is empty or too long", key.escape_debug());
                    return wrong(&[&keys[..], &["metadata", key]].concat(), message, &help);
                }
            }
        }
        let without = enums.environments.iter().find(|one| external.role_in(one).is_none());
        if let Some(environment) = without {
            return wrong(
                &["externalType"],
                format!("there is no role that rotates secrets of `{name}` in {environment}"),
                "add `roleArn`: Secrets Manager assumes that role to rotate a secret; different \
                 ones go below `environments`",
            );
        }
        Ok(())
    }
}

impl SecretTypes {
    /// Rejects a type that has both a function and a rotation of another kind.
    ///
    /// `types` are those with a function. `text` is the source of the file at `path`.
    ///
    /// # Errors
    /// The first such type, with its location.
    pub fn check_functions<'a>(
        &self,
        mut types: impl Iterator<Item = &'a str>,
        path: &str,
        text: &str,
    ) -> Result<(), ConfigError> {
        let Some(name) = types.find(|name| self.of(name).rotation.is_some()) else {
            return Ok(());
        };
        let message = format!("secrets of `{name}` would be rotated in two ways");
        let help = format!(
            "remove `rotation` here, or the function in `rotation.functions.{name}` of the \
             configuration"
        );
        let keys = ["secretTypes", name, "rotation"];
        Err(ConfigError::new(path, message, help).at_field(text, &keys))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use miette::Diagnostic;

    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/rotate";
    const OTHER: &str = "arn:aws:iam::999999999999:role/rotate";

    fn parse(rotation: &str) -> Result<Option<TypeRotation>, ConfigError> {
        let text = format!("secretTypes:\n  oauth-client:\n    otherKeys: true\n    {rotation}\n");
        let types = SecretTypes::parse("secret_types.yaml", &text, &Enums::built_in())?;
        Ok(types.of("oauth-client").rotation)
    }

    #[test]
    fn a_type_is_rotated_by_a_service_or_a_partner() {
        assert_eq!(parse("").unwrap(), None);
        let managed = parse("rotation: managed").unwrap().unwrap();
        assert_eq!(managed.rotator("dev"), Some(Rotator::OwningService));
        assert_eq!(managed.external_type(), None);

        let text = format!(
            "rotation: {{ externalType: SalesforceClientSecret, roleArn: \"{ROLE}\", \
             metadata: {{ apiVersion: v65.0, b: c }}, \
             environments: {{ prod: {{ roleArn: \"{OTHER}\", metadata: {{ b: d }} }} }} }}"
        );
        let external = parse(&text).unwrap().unwrap();
        assert_eq!(external.external_type(), Some("SalesforceClientSecret"));
        let partner = |role: &str, b: &str| {
            let metadata = [("apiVersion", "v65.0"), ("b", b)];
            let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            Some(Rotator::Partner { role: role.to_owned(), metadata })
        };
        assert_eq!(external.rotator("dev"), partner(ROLE, "c"));
        assert_eq!(external.rotator("prod"), partner(OTHER, "d"));
    }

    #[test]
    fn an_impossible_rotation_is_rejected_at_its_location() {
        let long = "x".repeat(2049);
        let with =
            |rest: &str| format!("rotation: {{ externalType: A, roleArn: \"{ROLE}\", {rest} }}");
        let only_prod = format!(
            "rotation: {{ externalType: A, environments: {{ prod: {{ roleArn: \"{ROLE}\" }} }} }}"
        );
        for (rotation, words) in [
            ("rotation: lambda".to_owned(), "neither `managed`"),
            ("rotation: [managed]".to_owned(), "managed"),
            ("rotation: {}".to_owned(), "externalType"),
            ("rotation: { externalType: \"\" }".to_owned(), "is not a partner's type"),
            ("rotation: { externalType: a b }".to_owned(), "is not a partner's type"),
            ("rotation: { externalType: A }".to_owned(), "there is no role"),
            ("rotation: { externalType: A, lambdaArn: x }".to_owned(), "lambdaArn"),
            ("rotation: { externalType: A, roleArn: x }".to_owned(), "is not the ARN of a role"),
            (with("environments: { prodd: {} }"), "there is no environment `prodd`"),
            (with(&format!("metadata: {{ a: {long} }}")), "empty or too long"),
            (only_prod, "there is no role that rotates secrets of `oauth-client` in dev"),
        ] {
            let error = parse(&rotation).unwrap_err();
            let shown = format!("{error} {}", error.help().unwrap());
            assert!(shown.contains(words), "{rotation}: {shown}");
            assert!(error.labels().is_some(), "{rotation}");
        }
    }
}
