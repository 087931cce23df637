//! The details of one secret from all sources.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::due::{DueReason, day};
use super::{CatalogRow, StoreDates};
use goldenpath_core::report::finding_rows;
use goldenpath_core::rules::Finding;
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
    Answer(T),
}

/// The secret in its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub place: String,
    /// None if the secret does not exist.
    pub found: Option<StoredDetails>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDetails {
    pub dates: StoreDates,
    pub has_value: bool,
    /// The day of the planned deletion.
    pub deletion: Option<Timestamp>,
    pub last_changed: Option<Timestamp>,
    pub last_rotated: Option<Timestamp>,
    /// Why the secret is not the manifest's, if so.
    pub foreign_reason: Option<String>,
}

/// The projection in its GitOps repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projected {
    pub place: String,
    pub file: String,
    /// `current`, `missing`, …
    pub state: &'static str,
    /// The state in words.
    pub words: String,
}

/// The reservation of the ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    pub remote: String,
    pub is_reserved: bool,
    /// The author and time of the reservation.
    pub by: Option<String>,
}

/// The details of one secret.
#[derive(Debug)]
pub struct SecretDetails {
    pub row: CatalogRow,
    pub now: Timestamp,
    /// None if there is no commit to compare with.
    pub is_committed: Option<bool>,
    /// The time at which the ID was added to the catalog.
    pub catalogued: Option<Timestamp>,
    pub days: Vec<(Timestamp, DueReason)>,
    pub store: Lookup<Stored>,
    pub gitops: Lookup<Projected>,
    pub reservation: Lookup<Reserved>,
    /// The audit trail, the oldest first.
    pub trail: Vec<AuditEvent>,
    pub findings: Vec<Finding>,
}

impl SecretDetails {
    /// Returns one JSON object. Parts that were not queried are `null`.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let due: Vec<Value> = self
            .days
            .iter()
            .map(|(when, reason)| {
                let (name, message) = (reason.name(), reason.describe());
                json!({ "reason": name, "due": day(*when), "message": message })
            })
            .collect();
        json!({
            "version": 1,
            "secret": self.row,
            "committed": self.is_committed,
            "inCatalogSince": self.catalogued.map(day),
            "due": due,
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
        json!({
            "place": self.place,
            "state": state,
            "hasValue": found.map(|found| found.has_value),
            "created": found.and_then(|found| found.dates.created).map(day),
            "lastChanged": found.and_then(|found| found.last_changed).map(day),
            "lastRotated": found.and_then(|found| found.last_rotated).map(day),
            "deletion": found.and_then(|found| found.deletion).map(day),
            "message": found.and_then(|found| found.foreign_reason.as_deref()),
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
