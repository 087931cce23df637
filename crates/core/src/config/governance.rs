//! `schemas/metadata/governance.yaml`: what a risk tier asks of a secret.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ConfigError, Enums, read, read_built_in};
use crate::suggest;

/// The governance table that goldenpath has built in; `init` writes this very text.
pub const BUILT_IN: &str = include_str!("../../schemas/metadata/governance.yaml");

/// The table behind `spec.risk.tier` and `spec.rotation.rotationClass`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Governance {
    /// By `spec.risk.tier`.
    pub tiers: BTreeMap<String, Tier>,
    /// Days between two rotations, by `spec.rotation.rotationClass`.
    #[serde(default)]
    pub rotation_interval_days: BTreeMap<String, u16>,
    /// The rotation class that a new secret is offered for its `spec.secretType`, where its tier asks for no stricter one.
    #[serde(default)]
    pub rotation_class_by_type: BTreeMap<String, String>,
    /// Days that a secret may be `deprecated` before `due` tells of it; 90 where nothing is said.
    pub deprecated_for_days: Option<u16>,
}

/// How long a secret may be `deprecated` where the table does not say.
const DEPRECATED_FOR_DAYS: u16 = 90;

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tier {
    pub rotation: Rotation,
    /// Reviewers that a change asks for.
    pub approvals: u8,
    /// Days between deletion and the end, 7 to 30.
    pub recovery_window_days: u8,
    /// The longest `spec.ttlDays`.
    pub max_ttl_days: u32,
    /// Days between the request to decommission and the deletion.
    #[serde(default = "cautious_cooling_off")]
    pub cooling_off_days: u16,
    /// Days for which nobody has read the value before it is deleted.
    #[serde(default = "cautious_quiet")]
    pub quiet_days: u16,
}

/// For a table from before there were such days, those of the built-in table's highest tier.
fn cautious_cooling_off() -> u16 {
    7
}

fn cautious_quiet() -> u16 {
    14
}

/// Whether a tier's secrets must be rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rotation {
    Required,
    Recommended,
    Free,
}

impl Governance {
    /// The built-in table.
    #[must_use]
    pub fn built_in() -> Self {
        read_built_in(BUILT_IN)
    }

    /// Reads a catalog's own table.
    ///
    /// # Errors
    /// Broken YAML, an unknown or missing field, a tier of `enums` without a row, a secret type or rotation class that
    /// `enums` do not have, or a recovery window outside AWS's bounds (DeleteSecret's `RecoveryWindowInDays`).
    pub fn parse(path: &str, text: &str, enums: &Enums) -> Result<Self, ConfigError> {
        let table: Self = read(path, text)?;
        for tier in &enums.risk_tiers {
            if !table.tiers.contains_key(tier) {
                return Err(ConfigError::new(
                    path,
                    format!("the risk tier `{tier}` has no row under `tiers`"),
                    format!(
                        "add `{tier}:` with rotation, approvals, recoveryWindowDays and maxTtlDays"
                    ),
                )
                .at_field(text, &["tiers"]));
            }
        }
        for (name, tier) in &table.tiers {
            if !(7..=30).contains(&tier.recovery_window_days) {
                return Err(ConfigError::new(
                    path,
                    format!(
                        "the tier `{name}` has a recovery window of {} days",
                        tier.recovery_window_days
                    ),
                    "AWS Secrets Manager takes 7 to 30 days",
                )
                .at_field(text, &["tiers", name, "recoveryWindowDays"]));
            }
        }
        for (secret_type, class) in &table.rotation_class_by_type {
            for (what, name, known) in [
                ("secret type", secret_type, &enums.secret_types),
                ("rotation class", class, &enums.rotation_classes),
            ] {
                if !known.contains(name) {
                    let near = suggest::did_you_mean(name, known.iter().map(String::as_str));
                    let help =
                        near.unwrap_or_else(|| format!("the enums have {}", known.join(", ")));
                    return Err(ConfigError::new(
                        path,
                        format!("there is no {what} `{name}`"),
                        help,
                    )
                    .at_field(text, &["rotationClassByType", secret_type]));
                }
            }
        }
        Ok(table)
    }

    /// Days that a secret may be `deprecated` before `due` tells of it.
    #[must_use]
    pub fn deprecated_for_days(&self) -> u16 {
        self.deprecated_for_days.unwrap_or(DEPRECATED_FOR_DAYS)
    }

    /// Days between two rotations of this class; None for one that is never due.
    #[must_use]
    pub fn rotation_interval(&self, class: &str) -> Option<u16> {
        self.rotation_interval_days.get(class).copied().filter(|days| *days > 0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_the_one_of_the_seed() {
        let table = Governance::parse("governance.yaml", BUILT_IN, &Enums::built_in()).unwrap();
        assert_eq!(table.tiers["high"].rotation, Rotation::Required);
        assert_eq!(table.tiers["medium"].rotation, Rotation::Recommended);
        assert_eq!(table.tiers["low"].rotation, Rotation::Free);
        assert_eq!(table.rotation_interval("standard"), Some(90));
        assert_eq!(table.rotation_interval("none"), None);
        assert_eq!(table.rotation_class_by_type["signing-key"], "high");
    }

    #[test]
    fn a_type_or_class_that_there_is_none_of_is_named_at_its_place() {
        for (row, words) in [
            ("signing-keys: high", "there is no secret type `signing-keys`"),
            ("signing-key: hihg", "there is no rotation class `hihg`"),
        ] {
            let text = format!("{BUILT_IN}\n").replace("signing-key: high", row);
            let error =
                Governance::parse("governance.yaml", &text, &Enums::built_in()).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            let label =
                miette::Diagnostic::labels(&error).and_then(|mut labels| labels.next()).unwrap();
            assert!(text[label.offset()..].starts_with(row), "{row}");
        }
        let twice = format!("{BUILT_IN}\n  signing-key: none\n");
        assert!(Governance::parse("governance.yaml", &twice, &Enums::built_in()).is_err());
    }

    #[test]
    fn a_tier_without_a_row_is_named() {
        let error =
            Governance::parse("governance.yaml", "tiers: {}", &Enums::built_in()).unwrap_err();
        assert!(error.to_string().contains("`low`"), "{error}");
    }
}
