//! The questions of `new secret`: each with its flag, its place in the manifest and the one constraint on its answer.

use crate::catalog::{Entry, Project};
use crate::rules;
use crate::source::File;

/// A question. The order is the one in which they are asked: defaults follow from earlier answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Service,
    Environment,
    SecretType,
    Name,
    Owner,
    RiskTier,
    RotationClass,
    Namespace,
    K8sSecretName,
    TtlDays,
    Description,
}

impl Field {
    pub const ALL: [Self; 11] = [
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

    /// The flag that answers it.
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
        }
    }

    /// The question itself.
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
        }
    }

    /// The answers that there are to choose from; None where any text may do.
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

    /// Judges an answer by the very rules that `validate` applies to the manifest's field.
    ///
    /// # Errors
    /// What is wrong with it and how to mend it, in the rule's words.
    pub fn check(self, answer: &str, project: &Project) -> Result<(), String> {
        let pointer = self.pointer();
        let value = match self {
            Self::TtlDays if answer.parse::<i64>().is_ok() => {
                answer.parse::<i64>().map_or(serde_json::Value::Null, Into::into)
            }
            _ => answer.into(),
        };
        // A manifest with nothing but this field: what the rules say of the field is all they can say of it here.
        let manifest = pointer
            .rsplit('/')
            .filter(|part| !part.is_empty())
            .fold(value, |inner, part| serde_json::json!({ part: inner }));
        let file = File { path: String::new(), bytes: Ok(manifest.to_string().into_bytes()) };
        let entry = Entry::read(file, true, project);
        match rules::check_entry(&entry, project).into_iter().find(|finding| finding.pointer == pointer) {
            Some(finding) => Err(format!("{}; {}", finding.message, finding.help)),
            None => Ok(()),
        }
    }

    fn pointer(self) -> &'static str {
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
        }
    }
}
