//! The details of one secret from all sources.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::SecretDueDates;
use super::due::{DueDate, day};
use super::{CatalogRow, StoreDates};
use crate::store::Replica;
use goldenpath_core::report::finding_rows;
use goldenpath_core::rules::{Finding, OldKey, UnrequestedPolicy};
use goldenpath_core::trail::AuditEvent;

/// The answer of another system about a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<T> {
    /// The system was not queried.
    NotQueried,
    /// No such system is configured, with the reason.
    Unavailable(String),
    /// The query failed, with the cause.
    Failed(String),
    /// The query succeeded.
    Answer(T),
}

/// The secret in its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The store's location, such as `AWS Secrets Manager, us-east-1`.
    pub place: String,
    /// None if the secret does not exist.
    pub found: Option<StoredDetails>,
}

/// The metadata of an existing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDetails {
    /// The dates that decide about due dates.
    pub dates: StoreDates,
    /// Whether the secret has a current value.
    pub has_value: bool,
    /// The day of the planned deletion.
    pub deletion: Option<Timestamp>,
    /// When the value, description or tags were changed last.
    pub last_changed: Option<Timestamp>,
    /// When the store rotated the value last; None if it never did.
    pub last_rotated: Option<Timestamp>,
    /// Why the secret is not the manifest's, if so.
    pub foreign_reason: Option<String>,
    /// The account, if the key that AWS manages there encrypts the secret.
    pub account_of_default_key: Option<String>,
    /// The old KMS key that still decrypts the value, if any; or why it is not known.
    pub old_key: Result<Option<OldKey>, String>,
    /// The resource policy that the manifest does not ask for, if any; or why it is not known.
    pub policy: Result<Option<UnrequestedPolicy>, String>,
    /// The replicas in other regions; None if the store does not say.
    pub replicas: Option<Vec<Replica>>,
}

/// The projection in its GitOps repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projected {
    /// The location of the GitOps repository, and its branch.
    pub place: String,
    /// The path of the file, from the GitOps repository's root.
    pub file: String,
    /// `current`, `missing`, …
    pub state: &'static str,
    /// The state in words.
    pub words: String,
}

/// The reservation of the ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The name of the remote in this clone.
    pub remote: String,
    /// Whether the remote has a ref for the ID.
    pub is_reserved: bool,
    /// The author and time of the reservation.
    pub by: Option<String>,
}

/// The details of one secret.
#[derive(Debug)]
pub struct SecretDetails {
    /// The manifest's fields.
    pub row: CatalogRow,
    /// The time of the run.
    pub now: Timestamp,
    /// None if there is no commit to compare with.
    pub is_committed: Option<bool>,
    /// The time at which the ID was added to the catalog; None if it is not known.
    pub catalogued: Option<Timestamp>,
    /// The due dates, each with its reason.
    pub dates: SecretDueDates,
    /// The secret in its store.
    pub store: Lookup<Stored>,
    /// The projection in its GitOps repository.
    pub gitops: Lookup<Projected>,
    /// The reservation of the ID on the remote.
    pub reservation: Lookup<Reserved>,
    /// The audit trail, the oldest first.
    pub trail: Vec<AuditEvent>,
    /// The findings of all rules on the manifest's file.
    pub findings: Vec<Finding>,
}

impl SecretDetails {
    /// Returns one JSON object. Parts that were not queried are `null`.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let due: Vec<Value> = self
            .dates
            .known
            .iter()
            .map(|DueDate { when, reason, .. }| {
                let (name, message) = (reason.name(), reason.describe());
                json!({ "reason": name, "due": day(*when), "message": message })
            })
            .collect();
        let unknown = self.dates.unknown.iter();
        let unknown: Vec<Value> = unknown
            .map(|reason| json!({ "reason": reason.name(), "message": reason.describe() }))
            .collect();
        json!({
            "version": 1,
            "secret": self.row,
            "committed": self.is_committed,
            "inCatalogSince": self.catalogued.map(day),
            "due": due,
            "unknown": unknown,
            "store": self.store.as_json(Stored::as_json),
            "gitops": self.gitops.as_json(Projected::as_json),
            "reservation": self.reservation.as_json(Reserved::as_json),
            "audit": self.trail,
            "findings": finding_rows(&self.findings),
        })
    }
}

impl<T> Lookup<T> {
    fn as_json(&self, of: impl Fn(&T) -> Value) -> Value {
        match self {
            Self::NotQueried | Self::Unavailable(_) => Value::Null,
            Self::Failed(why) => json!({ "error": why }),
            Self::Answer(answer) => of(answer),
        }
    }
}

impl Stored {
    fn as_json(&self) -> Value {
        let state = match &self.found {
            None => "missing",
            Some(found) if found.foreign_reason.is_some() => "foreign",
            Some(found) if found.deletion.is_some() => "deletion-planned",
            Some(_) => "present",
        };
        let found = self.found.as_ref();
        let replica = |one: &Replica| {
            json!({
                "region": one.region,
                "status": one.status.as_str(),
                "message": one.message,
                "kmsKey": one.kms_key,
                "lastAccessed": one.last_accessed.map(day),
            })
        };
        let replicas = found.and_then(|found| found.replicas.as_ref());
        let replicas = replicas.map(|replicas| replicas.iter().map(replica).collect::<Vec<_>>());
        json!({
            "place": self.place,
            "state": state,
            "hasValue": found.map(|found| found.has_value),
            "created": found.and_then(|found| found.dates.created).map(day),
            "lastChanged": found.and_then(|found| found.last_changed).map(day),
            "lastRotated": found.and_then(|found| found.last_rotated).map(day),
            "deletion": found.and_then(|found| found.deletion).map(day),
            "message": found.and_then(|found| found.foreign_reason.as_deref()),
            "replicas": replicas,
        })
    }
}

impl Projected {
    fn as_json(&self) -> Value {
        json!({
            "place": self.place,
            "file": self.file,
            "state": self.state,
            "message": self.words,
        })
    }
}

impl Reserved {
    fn as_json(&self) -> Value {
        json!({ "remote": self.remote, "reserved": self.is_reserved, "by": self.by })
    }
}
