//! The answers to `new secret`: a draft that fills up, then all of them.

use serde::Serialize;

use super::Field;
use crate::catalog::Project;
use crate::config::Rotation;
use crate::manifest::{LifecycleStatus, SecretId, SecretRequest, to_label};

/// Days that a new secret is offered to live before somebody looks again.
const TTL_DAYS: u32 = 90;

/// What has been answered so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft(Vec<(Field, String)>);

/// All answers, each checked. `environments` holds at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    pub service: String,
    pub environments: Vec<String>,
    secret_type: String,
    name: String,
    owner: String,
    risk_tier: String,
    rotation_class: String,
    namespace: String,
    k8s_secret_name: String,
    ttl_days: u32,
    description: Option<String>,
}

/// The template's variables: those of a SecretRequest, under the same names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Variables<'a> {
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
}

impl Draft {
    /// Adds an answer; only environments take several.
    pub fn answer(&mut self, field: Field, value: impl Into<String>) {
        let value = value.into();
        if field != Field::Environment {
            self.0.retain(|(answered, _)| *answered != field);
        } else if self.all(field).any(|answered| answered == value) {
            return;
        }
        self.0.push((field, value));
    }

    /// The answer to a question.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.all(field).next()
    }

    fn all(&self, field: Field) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(answered, _)| *answered == field).map(|(_, value)| value.as_str())
    }

    /// What follows from the answers so far: the name from service and type, the namespace from the service, the
    /// Kubernetes Secret from the name, the rotation class from the risk tier.
    #[must_use]
    pub fn default_for(&self, field: Field, project: &Project) -> Option<String> {
        let from = |field: Field| self.get(field).map(str::to_owned);
        match field {
            Field::Name => {
                let label = to_label(&format!("{}-{}", self.get(Field::Service)?, self.get(Field::SecretType)?));
                Some(label)
            }
            Field::RiskTier => {
                let tiers = &project.enums.risk_tiers;
                tiers.iter().find(|tier| *tier == "medium").or(tiers.first()).cloned()
            }
            Field::RotationClass => self.default_rotation(project),
            Field::Namespace => from(Field::Service),
            Field::K8sSecretName => from(Field::Name),
            Field::TtlDays => {
                let tier = project.governance.tiers.get(self.get(Field::RiskTier)?);
                Some(tier.map_or(TTL_DAYS, |tier| tier.max_ttl_days.min(TTL_DAYS)).to_string())
            }
            Field::Description => Some(String::new()),
            Field::Service | Field::Environment | Field::SecretType | Field::Owner => None,
        }
    }

    /// Free tiers go without rotation; the others take the class named like the tier, or else the slowest that rotates.
    fn default_rotation(&self, project: &Project) -> Option<String> {
        let tier = self.get(Field::RiskTier)?;
        let classes = &project.enums.rotation_classes;
        let class = |name: &str| classes.iter().find(|class| *class == name).cloned();
        let slowest = || {
            let days = &project.governance.rotation_interval_days;
            classes.iter().filter(|class| days.contains_key(*class)).max_by_key(|class| days[*class]).cloned()
        };
        match project.governance.tiers.get(tier).map(|tier| tier.rotation) {
            Some(Rotation::Free) | None => class("none"),
            Some(Rotation::Required | Rotation::Recommended) => class(tier).or_else(slowest),
        }
    }

    /// The questions that have neither an answer nor, without anybody to ask, a default that is not a guess.
    #[must_use]
    pub fn missing(&self) -> Vec<Field> {
        use Field::{Environment, Name, Owner, RiskTier, SecretType, Service};
        [Service, Environment, SecretType, Name, Owner, RiskTier]
            .into_iter()
            .filter(|field| self.get(*field).is_none())
            .collect()
    }

    /// Judges every answer given.
    ///
    /// # Errors
    /// The questions whose answers are wrong, with the answer and what is wrong with it.
    pub fn check(&self, project: &Project) -> Result<(), Vec<(Field, String)>> {
        let wrong: Vec<_> = self
            .0
            .iter()
            .filter(|(field, value)| !(*field == Field::Description && value.is_empty()))
            .filter_map(|(field, value)| field.check(value, project).err().map(|why| (*field, why)))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// The answers, with defaults for what follows from others.
    ///
    /// # Errors
    /// The questions that still need an answer.
    pub fn finish(mut self, project: &Project) -> Result<Answers, Vec<Field>> {
        for field in Field::ALL {
            if self.get(field).is_none()
                && !self.missing().contains(&field)
                && let Some(default) = self.default_for(field, project)
            {
                self.answer(field, default);
            }
        }
        let missing: Vec<Field> = Field::ALL.into_iter().filter(|field| self.get(*field).is_none()).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let text = |field| self.get(field).unwrap_or_default().to_owned();
        Ok(Answers {
            service: text(Field::Service),
            environments: self.all(Field::Environment).map(str::to_owned).collect(),
            secret_type: text(Field::SecretType),
            name: text(Field::Name),
            owner: text(Field::Owner),
            risk_tier: text(Field::RiskTier),
            rotation_class: text(Field::RotationClass),
            namespace: text(Field::Namespace),
            k8s_secret_name: text(Field::K8sSecretName),
            // Checked to be a number of days when it was answered.
            ttl_days: text(Field::TtlDays).parse().map_err(|_| vec![Field::TtlDays])?,
            description: Some(text(Field::Description)).filter(|description| !description.is_empty()),
        })
    }
}

impl Answers {
    pub(super) fn variables<'a>(&'a self, id: SecretId, environment: &'a str, project: &'a Project) -> Variables<'a> {
        Variables {
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
        }
    }

    /// Reads a manifest back: whatever the template does, it must say what was answered.
    ///
    /// # Errors
    /// The first field that says something else.
    pub(super) fn check(
        &self,
        request: &SecretRequest,
        id: SecretId,
        environment: &str,
        project: &Project,
    ) -> Result<(), String> {
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
        ]
        .into_iter()
        .find(|(_, wanted, made)| wanted != made)
        .map(|(field, wanted, made)| format!("`{field}` was to be `{wanted}`, the manifest says `{made}`"));
        pairs.map_or(Ok(()), Err)
    }
}

/// The provider of every new secret.
fn provider(project: &Project) -> &str {
    project.enums.providers.first().map_or("", String::as_str)
}
