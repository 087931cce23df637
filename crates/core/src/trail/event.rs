//! An event of the trail: actor, action, time, and the catalog's commit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::manifest::SecretId;

/// An action on a secret; it never contains a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditEvent {
    /// The time at which the result was known, in UTC.
    pub time: Timestamp,
    /// The ID of the secret's manifest.
    pub id: SecretId,
    /// The action as in the plan, or `override-gate`.
    pub action: String,
    /// The environment of the secret.
    pub environment: String,
    /// The store key or the file.
    pub target: String,
    /// The reason for the action.
    pub reason: String,
    /// One of the results of [`super::results`].
    pub result: String,
    /// Who ran the command, as far as known.
    pub actor: Actor,
    /// The catalog and its commit.
    pub source: String,
    /// The version of goldenpath.
    pub goldenpath: String,
    /// The run that the event belongs to; empty for an event of version 0.1.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// The secret in its store, as far as known; None for an event of version 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<RecordedLocation>,
    /// For a deletion: the days for which the secret can be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_days: Option<u8>,
    /// Only in version 0.1: the SHA-256 of the previous line, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub previous: String,
}

/// Where a secret is, across accounts and regions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RecordedLocation {
    /// The number of the AWS account, or `local` for a local store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The AWS region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The ARN; None before the secret is created, and in the local store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The version of the value that the action wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The actor of an event, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Actor {
    /// The run of the CI pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ci: Option<String>,
    /// The caller's identity in AWS (GetCallerIdentity, `Arn`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<String>,
    /// The author in git's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
}

impl Actor {
    /// Returns the actor for display: CI, else git, else AWS.
    #[must_use]
    pub fn name(&self) -> &str {
        self.ci.as_deref().or(self.git.as_deref()).or(self.aws.as_deref()).unwrap_or("unknown")
    }
}
