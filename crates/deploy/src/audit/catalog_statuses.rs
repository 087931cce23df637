//! The events of a run that follow from the statuses of manifests alone.

use std::collections::{BTreeMap, BTreeSet};

use goldenpath_core::catalog::Catalog;
use goldenpath_core::manifest::{LifecycleStatus, SecretId};
use goldenpath_core::trail::{
    AuditEvent, AuditLog, CANCEL_DEPRECATION, CANCEL_REQUEST, RECORD_DEPRECATION, RecordedEvent,
    RecordedTimes, is_use, results,
};

/// The manifests of a run by status.
#[derive(Debug, Default)]
pub struct CatalogStatuses {
    /// The manifests whose secrets are in use.
    in_use: BTreeSet<SecretId>,
    /// The deprecated ones among them, each with its environment and its path.
    deprecated: BTreeMap<SecretId, (String, String)>,
}

impl CatalogStatuses {
    /// Returns the statuses of the selected manifests of a catalog.
    #[must_use]
    pub fn of(catalog: &Catalog) -> Self {
        let mut statuses = Self::default();
        for entry in catalog.selected() {
            let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
                continue;
            };
            statuses.in_use.insert(request.id);
            if request.status == LifecycleStatus::Deprecated {
                let place = (request.environment.to_string(), entry.path.clone());
                statuses.deprecated.insert(request.id, place);
            }
        }
        statuses
    }

    /// Returns the events that a log does not have yet.
    ///
    /// These are the ends of decommission requests and deprecations, and the beginnings of
    /// deprecations. `planned` are the actions of the run: restoring a secret or writing it again
    /// ends a request, too.
    pub(super) fn events(
        &self,
        log: &AuditLog,
        planned: &[RecordedEvent],
        is_applied: bool,
    ) -> Vec<RecordedEvent> {
        let recorded = log.events();
        let RecordedTimes { deprecated, requested, .. } = RecordedTimes::of(&recorded);
        let is_planned =
            |id: SecretId| planned.iter().any(|event| event.id == id && is_use(&event.action));
        let mut events = Vec::new();
        for event in &recorded {
            let is_of = |times: &BTreeMap<SecretId, _>| times.get(&event.id) == Some(&event.time);
            if !self.in_use.contains(&event.id) {
                continue;
            }
            if is_of(&requested) && !is_planned(event.id) {
                events.push(ending(event, CANCEL_REQUEST, "the manifest is in use again"));
            }
            if is_of(&deprecated)
                && event.action == RECORD_DEPRECATION
                && !self.deprecated.contains_key(&event.id)
            {
                events.push(ending(event, CANCEL_DEPRECATION, "the manifest is active again"));
            }
        }
        // What is not committed can still change without a trace.
        let new =
            self.deprecated.iter().filter(|(id, _)| is_applied && !deprecated.contains_key(id));
        events.extend(new.map(|(id, (environment, path))| RecordedEvent {
            time: None,
            id: *id,
            action: RECORD_DEPRECATION.to_owned(),
            environment: environment.clone(),
            target: path.clone(),
            reason: "the manifest is deprecated".to_owned(),
            result: results::BEGUN.to_owned(),
            aws: None,
            secret: None,
            recovery_days: None,
        }));
        events
    }
}

fn ending(begin: &AuditEvent, action: &str, reason: &str) -> RecordedEvent {
    RecordedEvent {
        time: None,
        id: begin.id,
        action: action.to_owned(),
        environment: begin.environment.clone(),
        target: begin.target.clone(),
        reason: reason.to_owned(),
        result: results::BEGUN.to_owned(),
        aws: None,
        secret: None,
        recovery_days: None,
    }
}
