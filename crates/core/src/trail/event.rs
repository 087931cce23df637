//! One line of the trail: who did what, when, and by which commit of the catalog.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::manifest::SecretId;

/// Something that was done for a secret. It never has a value in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditEvent {
    pub time: Timestamp,
    pub id: SecretId,
    /// As the plan calls it, or `override-gate`.
    pub action: String,
    pub environment: String,
    /// The store key or the file.
    pub target: String,
    /// Why it was done.
    pub reason: String,
    pub result: String,
    pub actor: Actor,
    /// The catalog and its commit.
    pub source: String,
    /// The version that did it.
    pub goldenpath: String,
    /// SHA-256 of the line before, in hexadecimal; empty for the first.
    #[serde(default)]
    pub previous: String,
}

/// Who did it, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Actor {
    /// The pipeline's run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
    /// Who AWS takes the caller for (GetCallerIdentity, `Arn`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<String>,
    /// Who git takes for the author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
}

impl AuditEvent {
    /// Whether both tell of the same, wherever they stand in a trail.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let apart = |event: &Self| Self { previous: String::new(), ..event.clone() };
        apart(self) == apart(other)
    }
}

impl Actor {
    /// For people, the nearest to a name first.
    #[must_use]
    pub fn name(&self) -> &str {
        self.ci.as_deref().or(self.git.as_deref()).or(self.aws.as_deref()).unwrap_or("unknown")
    }
}
