//! `schemas/metadata/governance.yaml`: the requirements of each risk tier.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::{ConfigError, Enums, read, read_built_in};
use crate::suggest;

/// The built-in governance table, which `init` writes unchanged.
pub const BUILT_IN: &str = include_str!("../../schemas/metadata/governance.yaml");

/// The table for `spec.risk.tier` and `spec.rotation.rotationClass`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Governance {
    /// By `spec.risk.tier`.
    pub tiers: BTreeMap<String, Tier>,
    /// Days between two rotations, by `spec.rotation.rotationClass`.
    #[serde(default)]
    pub rotation_interval_days: BTreeMap<String, u16>,
    /// The default rotation class of a new secret, by `spec.secretType`.
    ///
    /// The secret's tier may require a stricter class.
    #[serde(default)]
    pub rotation_class_by_type: BTreeMap<String, String>,
    /// Days that a secret may be `deprecated` before `due` reports it; 90 if missing.
    pub deprecated_for_days: Option<u16>,
}

/// The default of [`Governance::deprecated_for_days`].
const DEPRECATED_FOR_DAYS: u16 = 90;

/// An entry of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tier {
    /// Whether the rotation class of a secret may be `none`.
    pub rotation: Rotation,
    /// Reviewers that a change requires.
    pub approvals: u8,
    /// Days between deletion and final removal, 7 to 30.
    pub recovery_window_days: u8,
    /// The maximum `spec.ttlDays`.
    pub max_ttl_days: u32,
    /// Days from the decommission request to the deletion.
    #[serde(default = "strictest_cooling_off")]
    pub cooling_off_days: u16,
    /// Days without a read of the value before it is deleted.
    #[serde(default = "strictest_quiet")]
    pub quiet_days: u16,
}

/// The default for older tables: that of the built-in table's highest tier.
fn strictest_cooling_off() -> u16 {
    7
}

fn strictest_quiet() -> u16 {
    14
}

/// The requirements in one line, for people who choose a tier.
impl fmt::Display for Tier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rotation = match self.rotation {
            Rotation::Required => "rotation required",
            Rotation::Recommended => "rotation recommended",
            Rotation::Free => "rotation optional",
        };
        let reviewers = if self.approvals == 1 { "reviewer" } else { "reviewers" };
        write!(
            out,
            "{rotation}, {} {reviewers}, reviewed within {} days",
            self.approvals, self.max_ttl_days
        )
    }
}

/// Whether a tier's secrets must be rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rotation {
    /// GP201 reports a secret that is not rotated.
    Required,
    /// GP202 reports a secret that is not rotated.
    Recommended,
    /// A secret need not be rotated.
    Free,
}

impl Governance {
    /// Returns the built-in table.
    #[must_use]
    pub fn built_in() -> Self {
        read_built_in(BUILT_IN)
    }

    /// Parses a catalog's own table.
    ///
    /// # Errors
    /// Invalid YAML, an unknown or missing field, a tier of `enums` without an entry, a secret type
    /// or rotation class that is not in `enums`, or a recovery window outside AWS's bounds
    /// (DeleteSecret's `RecoveryWindowInDays`).
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
                    "AWS Secrets Manager allows 7 to 30 days",
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

    /// Returns the days that a secret may be `deprecated` before `due` reports it.
    #[must_use]
    pub fn deprecated_for_days(&self) -> u16 {
        self.deprecated_for_days.unwrap_or(DEPRECATED_FOR_DAYS)
    }

    /// Returns the days between two rotations of a class; None if it is never due.
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
    fn the_built_in_table_is_that_of_the_seed() {
        let table = Governance::parse("governance.yaml", BUILT_IN, &Enums::built_in()).unwrap();
        assert_eq!(table.tiers["high"].rotation, Rotation::Required);
        assert_eq!(table.tiers["medium"].rotation, Rotation::Recommended);
        assert_eq!(table.tiers["low"].rotation, Rotation::Free);
        assert_eq!(table.rotation_interval("standard"), Some(90));
        assert_eq!(table.rotation_interval("none"), None);
        assert_eq!(table.rotation_class_by_type["signing-key"], "high");
    }

    #[test]
    fn an_unknown_type_or_class_is_reported_at_its_location() {
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
        let duplicate = format!("{BUILT_IN}\n  signing-key: none\n");
        assert!(Governance::parse("governance.yaml", &duplicate, &Enums::built_in()).is_err());
    }

    #[test]
    fn a_tier_without_a_row_is_reported() {
        let error =
            Governance::parse("governance.yaml", "tiers: {}", &Enums::built_in()).unwrap_err();
        assert!(error.to_string().contains("`low`"), "{error}");
    }
}
