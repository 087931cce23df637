//! `schemas/metadata/enums.yaml`: the values that a manifest may use.

use serde::{Deserialize, Serialize};

use super::{ConfigError, read, read_built_in};
use crate::template;
use crate::template::{Output, TemplateError};

/// The built-in enums, which `init` writes unchanged.
pub const BUILT_IN: &str = include_str!("../../schemas/metadata/enums.yaml");

/// The lists of allowed values, in the order in which they are offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Enums {
    /// Values of `metadata.owner`.
    pub owners: Vec<String>,
    /// Values of `metadata.environment`.
    pub environments: Vec<String>,
    /// Values of `spec.provider`.
    pub providers: Vec<String>,
    /// Values of `spec.secretType`.
    pub secret_types: Vec<String>,
    /// Values of `spec.risk.tier`.
    pub risk_tiers: Vec<String>,
    /// Values of `spec.rotation.rotationClass`.
    pub rotation_classes: Vec<String>,
    /// Values of `spec.lifecycle.status`.
    pub lifecycle_states: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct EnumsFile {
    owners: Option<Vec<String>>,
    environments: Option<Vec<String>>,
    providers: Option<Vec<String>>,
    secret_types: Option<Vec<String>>,
    risk_tiers: Option<Vec<String>>,
    rotation_classes: Option<Vec<String>>,
    lifecycle_states: Option<Vec<String>>,
}

impl Enums {
    /// Returns the built-in lists.
    #[must_use]
    pub fn built_in() -> Self {
        let written: EnumsFile = read_built_in(BUILT_IN);
        Self {
            owners: written.owners.unwrap_or_default(),
            environments: written.environments.unwrap_or_default(),
            providers: written.providers.unwrap_or_default(),
            secret_types: written.secret_types.unwrap_or_default(),
            risk_tiers: written.risk_tiers.unwrap_or_default(),
            rotation_classes: written.rotation_classes.unwrap_or_default(),
            lifecycle_states: written.lifecycle_states.unwrap_or_default(),
        }
    }

    /// Returns the text of the built-in file with other lists; an empty list changes nothing.
    ///
    /// # Errors
    /// The template does not render, which no list causes.
    pub fn built_in_with(
        owners: &[String],
        environments: &[String],
    ) -> Result<String, TemplateError> {
        let mut text = BUILT_IN.to_owned();
        for (name, list) in [("owners", owners), ("environments", environments)] {
            let Some(start) = text.find(&format!("\n{name}:\n")).filter(|_| !list.is_empty())
            else {
                continue;
            };
            let start = start + name.len() + 3;
            let items: usize =
                text[start..].lines().take_while(|line| line.starts_with("  - ")).count();
            let length: usize = text[start..].split_inclusive('\n').take(items).map(str::len).sum();
            let source = "{% for item in items %}\n  - {{ item }}\n{% endfor %}\n";
            let variables = serde_json::json!({ "items": list });
            let written = template::render(name, source, Output::Yaml, &variables)?;
            text.replace_range(start..start + length, &written);
        }
        Ok(text)
    }

    /// Parses a catalog's own lists; a missing list is the built-in one.
    ///
    /// # Errors
    /// Invalid YAML, an unknown list, an empty list, or an unsupported lifecycle state or provider.
    pub fn parse(path: &str, text: &str) -> Result<Self, ConfigError> {
        let written = read::<Option<EnumsFile>>(path, text)?.unwrap_or_default();
        let built_in = Self::built_in();
        let list = |name: &str, own: Option<Vec<String>>, built_in: &[String]| match own {
            None => Ok(built_in.to_vec()),
            Some(own) if own.is_empty() => Err(ConfigError::new(
                path,
                format!("the list `{name}` is empty"),
                "give it a value, or omit the list to use the built-in one",
            )
            .at_field(text, &[name])),
            Some(own) => Ok(own),
        };
        let known = |name: &str, own: Option<Vec<String>>, built_in: &[String]| {
            let own = list(name, own, built_in)?;
            match own.iter().find(|value| !built_in.contains(value)) {
                None => Ok(own),
                Some(unknown) => Err(ConfigError::new(
                    path,
                    format!("goldenpath does not support the value `{unknown}` of `{name}`"),
                    format!("use only values of the built-in list: {}", built_in.join(", ")),
                )
                .at_item(text, &[name], Some(unknown))),
            }
        };
        Ok(Self {
            owners: list("owners", written.owners, &built_in.owners)?,
            environments: list("environments", written.environments, &built_in.environments)?,
            providers: known("providers", written.providers, &built_in.providers)?,
            secret_types: list("secretTypes", written.secret_types, &built_in.secret_types)?,
            risk_tiers: list("riskTiers", written.risk_tiers, &built_in.risk_tiers)?,
            rotation_classes: list(
                "rotationClasses",
                written.rotation_classes,
                &built_in.rotation_classes,
            )?,
            lifecycle_states: known(
                "lifecycleStates",
                written.lifecycle_states,
                &built_in.lifecycle_states,
            )?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_list_is_the_built_in_one() {
        let enums = Enums::parse("enums.yaml", "owners: [us]\n").unwrap();
        assert_eq!(enums.owners, ["us"]);
        assert_eq!(enums.environments, ["dev", "test", "staging", "prod", "ephemeral"]);
    }

    #[test]
    fn an_empty_file_is_the_built_in_lists() {
        assert_eq!(Enums::parse("enums.yaml", "# nothing yet\n").unwrap(), Enums::built_in());
    }

    #[test]
    fn other_lists_replace_two_of_the_built_in_file_and_nothing_else() {
        let (owners, environments) = (["team #1", "no"], ["123", "prod"]);
        let [owners, environments] =
            [owners, environments].map(|list| list.map(str::to_owned).to_vec());
        let text = Enums::built_in_with(&owners, &environments).unwrap();
        let enums = Enums::parse("enums.yaml", &text).unwrap();
        assert_eq!(enums, Enums { owners, environments, ..Enums::built_in() });
        assert_eq!(text.matches("\n#").count(), BUILT_IN.matches("\n#").count());
        assert!(text.contains("owners:\n  - \"team #1\"\n  - \"no\"\n\n# metadata.env"), "{text}");
        assert_eq!(Enums::built_in_with(&[], &[]).unwrap(), BUILT_IN);
    }

    #[test]
    fn an_unsupported_lifecycle_state_is_rejected() {
        let error = Enums::parse("enums.yaml", "lifecycleStates: [active, retired]").unwrap_err();
        assert!(error.to_string().contains("`retired`"), "{error}");
    }
}
