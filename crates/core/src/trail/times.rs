//! Since when a secret is in the catalog or in a state, by the clock of our own runs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{AuditEvent, results};
use crate::manifest::SecretId;

/// The action that ends a recorded decommission request.
pub const CANCEL_REQUEST: &str = "cancel-request";

/// The action that records that a manifest is deprecated.
pub const RECORD_DEPRECATION: &str = "record-deprecation";

/// The action that ends a recorded deprecation.
pub const CANCEL_DEPRECATION: &str = "cancel-deprecation";

/// The times that the events of the audit trail show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedTimes {
    /// The first event of each secret: its ID was in the catalog then, whatever the result.
    pub first: BTreeMap<SecretId, Timestamp>,
    /// When a run first recorded the current deprecation of each secret.
    pub deprecated: BTreeMap<SecretId, Timestamp>,
    /// When a run first recorded the current decommission request of each secret.
    ///
    /// That is the removal of its ExternalSecret or the record of the request itself, after the
    /// secret was last in use.
    pub requested: BTreeMap<SecretId, Timestamp>,
}

impl RecordedTimes {
    /// Returns the times of events that are sorted by time.
    #[must_use]
    pub fn of(events: &[AuditEvent]) -> Self {
        let mut times = Self::default();
        for event in events {
            times.first.entry(event.id).or_insert(event.time);
            if [results::FAILED, results::NOT_STARTED].contains(&event.result.as_str()) {
                continue;
            }
            match event.action.as_str() {
                RECORD_DEPRECATION => {
                    times.deprecated.entry(event.id).or_insert(event.time);
                }
                CANCEL_DEPRECATION => _ = times.deprecated.remove(&event.id),
                "remove-projection" | "record-request" | "delete-secret" => {
                    times.requested.entry(event.id).or_insert(event.time);
                }
                action if action == CANCEL_REQUEST || is_use(action) => {
                    times.requested.remove(&event.id);
                }
                _ => {}
            }
        }
        times
    }
}

/// Reports whether an action only notes the status of a manifest, and changes nothing.
#[must_use]
pub fn is_note(action: &str) -> bool {
    ["record-request", RECORD_DEPRECATION, CANCEL_REQUEST, CANCEL_DEPRECATION].contains(&action)
}

/// Reports whether an action brings a secret into use, which ends a decommission request.
#[must_use]
pub fn is_use(action: &str) -> bool {
    ["create-secret", "restore-secret", "write-projection"].contains(&action)
}
