//! The fields that `new secret` fills, each with its flag, variable and question.

use crate::catalog::Project;

/// A question, in the order of asking: defaults are derived from earlier answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `metadata.service`
    Service,
    /// `metadata.environment`; the only question with several answers.
    Environment,
    /// `spec.secretType`
    SecretType,
    /// `metadata.name`
    Name,
    /// `metadata.owner`
    Owner,
    /// `spec.risk.tier`
    RiskTier,
    /// `spec.rotation.rotationClass`
    RotationClass,
    /// `spec.access.namespace`
    Namespace,
    /// `spec.access.k8sSecretName`
    K8sSecretName,
    /// `spec.ttlDays`
    TtlDays,
    /// `metadata.description`, which may stay empty.
    Description,
    /// `spec.value.format`, empty for the default; not asked.
    ValueFormat,
    /// `spec.value.key`, empty for the default; not asked.
    ValueKey,
}

impl Field {
    /// All fields. Those after [`Field::QUESTIONS`] are not asked for.
    pub const ALL: [Self; 13] = [
        Self::Service,
        Self::Environment,
        Self::SecretType,
        Self::Name,
        Self::Owner,
        Self::RiskTier,
        Self::RotationClass,
        Self::Namespace,
        Self::K8sSecretName,
        Self::TtlDays,
        Self::Description,
        Self::ValueFormat,
        Self::ValueKey,
    ];

    /// All questions, in the order of asking.
    pub const QUESTIONS: [Self; 11] = [
        Self::Service,
        Self::Environment,
        Self::SecretType,
        Self::Name,
        Self::Owner,
        Self::RiskTier,
        Self::RotationClass,
        Self::Namespace,
        Self::K8sSecretName,
        Self::TtlDays,
        Self::Description,
    ];

    /// Returns the flag that answers it.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::Service => "--service",
            Self::Environment => "--env",
            Self::SecretType => "--type",
            Self::Name => "--name",
            Self::Owner => "--owner",
            Self::RiskTier => "--risk",
            Self::RotationClass => "--rotation",
            Self::Namespace => "--namespace",
            Self::K8sSecretName => "--k8s-secret-name",
            Self::TtlDays => "--ttl-days",
            Self::Description => "--description",
            Self::ValueFormat => "--value-format",
            Self::ValueKey => "--value-key",
        }
    }

    /// Returns its name in an answers file and in the template.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Environment => "environment",
            Self::SecretType => "secretType",
            Self::Name => "name",
            Self::Owner => "owner",
            Self::RiskTier => "riskTier",
            Self::RotationClass => "rotationClass",
            Self::Namespace => "namespace",
            Self::K8sSecretName => "k8sSecretName",
            Self::TtlDays => "ttlDays",
            Self::Description => "description",
            Self::ValueFormat => "valueFormat",
            Self::ValueKey => "valueKey",
        }
    }

    /// Returns the text of the question.
    #[must_use]
    pub fn question(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::Environment => "Environments",
            Self::SecretType => "Type of secret",
            Self::Name => "Name",
            Self::Owner => "Owner",
            Self::RiskTier => "Risk tier",
            Self::RotationClass => "Rotation class",
            Self::Namespace => "Kubernetes namespace",
            Self::K8sSecretName => "Kubernetes Secret",
            Self::TtlDays => "Days until review (ttl)",
            Self::Description => "Description (may stay empty)",
            Self::ValueFormat => "Format of the value",
            Self::ValueKey => "Key of a text",
        }
    }

    /// Returns the values of its enum; None if it has no enum.
    #[must_use]
    pub fn choices(self, project: &Project) -> Option<&[String]> {
        let enums = &project.enums;
        match self {
            Self::Environment => Some(&enums.environments),
            Self::SecretType => Some(&enums.secret_types),
            Self::Owner => Some(&enums.owners),
            Self::RiskTier => Some(&enums.risk_tiers),
            Self::RotationClass => Some(&enums.rotation_classes),
            _ => None,
        }
    }

    /// Returns the JSON pointer of the answer in the manifest.
    pub(super) fn pointer(self) -> &'static str {
        match self {
            Self::Service => "/metadata/service",
            Self::Environment => "/metadata/environment",
            Self::SecretType => "/spec/secretType",
            Self::Name => "/metadata/name",
            Self::Owner => "/metadata/owner",
            Self::RiskTier => "/spec/risk/tier",
            Self::RotationClass => "/spec/rotation/rotationClass",
            Self::Namespace => "/spec/access/namespace",
            Self::K8sSecretName => "/spec/access/k8sSecretName",
            Self::TtlDays => "/spec/ttlDays",
            Self::Description => "/metadata/description",
            Self::ValueFormat => "/spec/value/format",
            Self::ValueKey => "/spec/value/key",
        }
    }
}
