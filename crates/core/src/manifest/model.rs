//! The typed SecretRequest, which needs no further checks.

use std::fmt;

use serde::Serialize;

use super::names::{DnsLabel, DnsSubdomain, SecretId, check_description};
use super::principals::Principals;
use super::schema::{Violation, ViolationKind};
use super::value_format::ValueFormat;
use crate::yaml::{Node, NodeValue};

/// A team's request for one secret in one environment for one service.
///
/// (The seed's section 1.)
///
/// Its fields, under these camel-case names, are the variables of every template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRequest {
    /// `metadata.id`
    pub id: SecretId,
    /// `metadata.name`
    pub name: DnsLabel,
    /// `metadata.description`, one line; None if not given.
    pub description: Option<String>,
    /// `metadata.owner`, one of the enums.
    pub owner: String,
    /// `metadata.service`
    pub service: DnsLabel,
    /// `metadata.environment`, one of the enums.
    pub environment: DnsLabel,
    /// `spec.provider`, one of the enums.
    pub provider: String,
    /// `spec.secretType`, one of the enums.
    pub secret_type: String,
    /// `spec.risk.tier`, one of the enums.
    pub risk_tier: String,
    /// `spec.rotation.rotationClass`, one of the enums.
    pub rotation_class: String,
    /// `spec.lifecycle.status`
    pub status: LifecycleStatus,
    /// `spec.access.namespace`
    pub namespace: DnsLabel,
    /// `spec.access.k8sSecretName`
    pub k8s_secret_name: DnsSubdomain,
    /// The principals that may use the value; None if not given.
    ///
    /// Not a template variable.
    #[serde(skip)]
    pub principals: Option<Principals>,
    /// Whether the first value is generated on creation. Not a template variable.
    #[serde(skip)]
    pub generate: bool,
    /// `spec.value.format` and `spec.value.key`. Not a template variable.
    #[serde(skip)]
    pub value_format: ValueFormat,
    /// `spec.ttlDays`, 1 to 3650, until a person must review the secret.
    pub ttl_days: u32,
}

/// `spec.lifecycle.status`, in the seed's order (section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleStatus {
    /// In use.
    Active,
    /// In use, but to be replaced or removed.
    Deprecated,
    /// To be deleted from its store as soon as all gates allow it.
    DecommissionRequested,
    /// Deleted from its store; `apply` sets this status.
    Decommissioned,
}

impl SecretRequest {
    /// Reads the typed model from a parsed manifest.
    ///
    /// This always succeeds for a manifest that the built-in schema accepts. A catalog's own schema
    /// may require less.
    ///
    /// # Errors
    /// The first field that is missing or invalid.
    pub fn read(root: &Node) -> Result<Self, Violation> {
        let fields = Fields(root);
        Ok(Self {
            id: fields.parse("/metadata/id", SecretId::parse)?,
            name: fields.parse("/metadata/name", DnsLabel::parse)?,
            description: match root.at("/metadata/description") {
                None => None,
                Some(_) => Some(fields.parse("/metadata/description", |text| {
                    check_description(text)?;
                    Ok(text.to_owned())
                })?),
            },
            owner: fields.string("/metadata/owner")?.to_owned(),
            service: fields.parse("/metadata/service", DnsLabel::parse)?,
            environment: fields.parse("/metadata/environment", DnsLabel::parse)?,
            provider: fields.string("/spec/provider")?.to_owned(),
            secret_type: fields.string("/spec/secretType")?.to_owned(),
            risk_tier: fields.string("/spec/risk/tier")?.to_owned(),
            rotation_class: fields.string("/spec/rotation/rotationClass")?.to_owned(),
            status: fields.parse("/spec/lifecycle/status", LifecycleStatus::parse)?,
            namespace: fields.parse("/spec/access/namespace", DnsLabel::parse)?,
            k8s_secret_name: fields.parse("/spec/access/k8sSecretName", DnsSubdomain::parse)?,
            principals: Principals::read(root)?,
            generate: fields.flag("/spec/value/generate")?,
            value_format: ValueFormat::read(root)?,
            ttl_days: fields.days("/spec/ttlDays")?,
        })
    }
}

impl SecretRequest {
    /// Returns the variable of templates called `name`, if it is one whose value is always a text.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        match name {
            "name" => Some(self.name.as_str()),
            "owner" => Some(&self.owner),
            "service" => Some(self.service.as_str()),
            "environment" => Some(self.environment.as_str()),
            "provider" => Some(&self.provider),
            "secretType" => Some(&self.secret_type),
            "riskTier" => Some(&self.risk_tier),
            "rotationClass" => Some(&self.rotation_class),
            "namespace" => Some(self.namespace.as_str()),
            "k8sSecretName" => Some(self.k8s_secret_name.as_str()),
            _ => None,
        }
    }
}

impl LifecycleStatus {
    /// All states, in order.
    pub const ALL: [Self; 4] =
        [Self::Active, Self::Deprecated, Self::DecommissionRequested, Self::Decommissioned];

    /// # Errors
    /// A sentence that lists the states.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("the states are {}", Self::ALL.map(Self::as_str).join(", ")))
    }

    /// Returns the possible next states.
    ///
    /// A secret moves one state forward, or one back until it is gone.
    #[must_use]
    pub fn steps(self) -> &'static [Self] {
        match self {
            Self::Active => &[Self::Deprecated],
            Self::Deprecated => &[Self::DecommissionRequested, Self::Active],
            Self::DecommissionRequested => &[Self::Decommissioned, Self::Deprecated],
            Self::Decommissioned => &[],
        }
    }

    /// Returns whether the secret may still be used: its decommission is not requested.
    #[must_use]
    pub fn is_in_use(self) -> bool {
        matches!(self, Self::Active | Self::Deprecated)
    }

    /// Returns its name in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::DecommissionRequested => "decommission_requested",
            Self::Decommissioned => "decommissioned",
        }
    }
}

impl fmt::Display for LifecycleStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

struct Fields<'node>(&'node Node);

impl<'node> Fields<'node> {
    fn node(&self, pointer: &str) -> Result<&'node Node, Violation> {
        let (parent, field) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        self.0.at(pointer).map(|(_, node)| node).ok_or_else(|| Violation {
            pointer: parent.to_owned(),
            kind: ViolationKind::Missing { field: field.to_owned() },
        })
    }

    fn string(&self, pointer: &str) -> Result<&'node str, Violation> {
        match &self.node(pointer)?.value {
            NodeValue::String(text) => Ok(text),
            _ => Err(wrong_type(pointer, "string")),
        }
    }

    fn parse<T>(
        &self,
        pointer: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Violation> {
        parse(self.string(pointer)?).map_err(|reason| Violation {
            pointer: pointer.to_owned(),
            kind: ViolationKind::BadFormat { reason },
        })
    }

    /// Returns false if the field is missing.
    fn flag(&self, pointer: &str) -> Result<bool, Violation> {
        match self.0.at(pointer).map(|(_, node)| &node.value) {
            None => Ok(false),
            Some(NodeValue::Bool(flag)) => Ok(*flag),
            Some(_) => Err(wrong_type(pointer, "boolean")),
        }
    }

    fn days(&self, pointer: &str) -> Result<u32, Violation> {
        match self.node(pointer)?.value {
            NodeValue::Int(days) => {
                u32::try_from(days).ok().filter(|days| *days > 0).ok_or_else(|| Violation {
                    pointer: pointer.to_owned(),
                    kind: ViolationKind::BadFormat {
                        reason: "give a number of days, 1 or more".to_owned(),
                    },
                })
            }
            _ => Err(wrong_type(pointer, "integer")),
        }
    }
}

fn wrong_type(pointer: &str, expected: &str) -> Violation {
    Violation {
        pointer: pointer.to_owned(),
        kind: ViolationKind::WrongType { expected: expected.to_owned() },
    }
}
