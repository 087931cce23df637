//! The answers to `new secret`, and the template variables derived from them.

use serde::Serialize;

use super::Field;
use crate::catalog::Project;
use crate::manifest::{LifecycleStatus, SecretId, SecretRequest, ValueFormat};

/// A complete set of valid answers.
///
/// `environments` has at least one entry and no duplicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// `metadata.service`
    pub service: String,
    /// The values of `metadata.environment`; each one gets a manifest.
    pub environments: Vec<String>,
    pub(super) secret_type: String,
    /// `metadata.name`
    pub name: String,
    pub(super) owner: String,
    pub(super) risk_tier: String,
    pub(super) rotation_class: String,
    pub(super) namespace: String,
    pub(super) k8s_secret_name: String,
    pub(super) ttl_days: u32,
    pub(super) description: Option<String>,
    /// None for the default, a JSON object.
    pub(super) value_format: Option<String>,
    /// None for the default key of a text.
    pub(super) value_key: Option<String>,
}

/// The variables of the template, named like the fields of a SecretRequest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManifestVariables<'a> {
    id: SecretId,
    name: &'a str,
    description: Option<&'a str>,
    owner: &'a str,
    service: &'a str,
    environment: &'a str,
    provider: &'a str,
    secret_type: &'a str,
    risk_tier: &'a str,
    rotation_class: &'a str,
    status: &'a str,
    namespace: &'a str,
    k8s_secret_name: &'a str,
    ttl_days: u32,
    value_format: Option<&'a str>,
    value_key: Option<&'a str>,
}

impl Answers {
    /// Returns the answer to a question; empty for the environments.
    pub(super) fn answer_to(&self, field: Field) -> String {
        match field {
            Field::Service => self.service.clone(),
            Field::Environment => String::new(),
            Field::SecretType => self.secret_type.clone(),
            Field::Name => self.name.clone(),
            Field::Owner => self.owner.clone(),
            Field::RiskTier => self.risk_tier.clone(),
            Field::RotationClass => self.rotation_class.clone(),
            Field::Namespace => self.namespace.clone(),
            Field::K8sSecretName => self.k8s_secret_name.clone(),
            Field::TtlDays => self.ttl_days.to_string(),
            Field::Description => self.description.clone().unwrap_or_default(),
            Field::ValueFormat => self.value_format.clone().unwrap_or_default(),
            Field::ValueKey => self.value_key.clone().unwrap_or_default(),
        }
    }

    pub(super) fn variables<'a>(
        &'a self,
        id: SecretId,
        environment: &'a str,
        project: &'a Project,
    ) -> ManifestVariables<'a> {
        ManifestVariables {
            id,
            name: &self.name,
            description: self.description.as_deref(),
            owner: &self.owner,
            service: &self.service,
            environment,
            provider: provider(project),
            secret_type: &self.secret_type,
            risk_tier: &self.risk_tier,
            rotation_class: &self.rotation_class,
            status: LifecycleStatus::Active.as_str(),
            namespace: &self.namespace,
            k8s_secret_name: &self.k8s_secret_name,
            ttl_days: self.ttl_days,
            value_format: self.value_format.as_deref(),
            value_key: self.value_key.as_deref(),
        }
    }

    /// Checks that a generated manifest has the answered values.
    ///
    /// # Errors
    /// The first field with another value.
    pub(super) fn check(
        &self,
        request: &SecretRequest,
        id: SecretId,
        environment: &str,
        project: &Project,
    ) -> Result<(), String> {
        let format = self.value_format.as_deref().unwrap_or(ValueFormat::Json.name());
        let actual_key = request.value_format.text_key();
        // Without an answer, the default key.
        let key = self.value_key.as_deref().or(actual_key);
        let ttl_days = (self.ttl_days.to_string(), request.ttl_days.to_string());
        let pairs = [
            ("id", id.to_string().as_str(), request.id.to_string().as_str()),
            ("name", &self.name, request.name.as_str()),
            (
                "description",
                self.description.as_deref().unwrap_or_default(),
                request.description.as_deref().unwrap_or_default(),
            ),
            ("owner", &self.owner, &request.owner),
            ("service", &self.service, request.service.as_str()),
            ("environment", environment, request.environment.as_str()),
            ("provider", provider(project), &request.provider),
            ("secretType", &self.secret_type, &request.secret_type),
            ("status", LifecycleStatus::Active.as_str(), request.status.as_str()),
            ("tier", &self.risk_tier, &request.risk_tier),
            ("rotationClass", &self.rotation_class, &request.rotation_class),
            ("namespace", &self.namespace, request.namespace.as_str()),
            ("k8sSecretName", &self.k8s_secret_name, request.k8s_secret_name.as_str()),
            ("ttlDays", &ttl_days.0, &ttl_days.1),
            ("format", format, request.value_format.name()),
            ("key", key.unwrap_or_default(), actual_key.unwrap_or_default()),
        ]
        .into_iter()
        .find(|(_, expected, actual)| expected != actual)
        .map(|(field, expected, actual)| {
            format!("`{field}` should be `{expected}`, but the manifest has `{actual}`")
        });
        pairs.map_or(Ok(()), Err)
    }
}

/// Returns the provider of new secrets.
pub(super) fn provider(project: &Project) -> &str {
    project.enums.providers.first().map_or("", String::as_str)
}
