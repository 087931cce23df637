//! Start dates of ttls, deprecations and requests: by git, the audit trail and the stores.
//!
//! The date of a commit is what the clock of its committer showed, and a clone may lack the
//! commit. So the audit trail counts too, whose times are those of our own runs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::CatalogRow;
use super::due::{Due, DueDate, DueReason, TtlStart, UnknownDue, UnknownDueReason};
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest;
use goldenpath_core::manifest::{LifecycleStatus, SecretId, SecretRequest};
use goldenpath_core::rules::Renewal;
use goldenpath_core::trail::RecordedTimes;
use goldenpath_core::vcs::{HistoryTime, Repository, Snapshot, SourceError};

/// The dates of a manifest's secret in the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreDates {
    /// The time at which the secret was created, if the store knows.
    pub created: Option<Timestamp>,
    /// Whether the secret has a value.
    pub has_value: bool,
    /// None if the secret has no value.
    pub renewal: Option<Renewal>,
    /// The last read of the value.
    pub last_accessed: Option<Timestamp>,
    /// The planned deletion, if the secret is marked for deletion.
    pub deletion: Option<Timestamp>,
}

/// All start dates for due dates.
#[derive(Debug, Default)]
pub struct StartDates {
    /// The time at which an ID was added to the catalog, by file name.
    catalogued_at: HashMap<String, HistoryTime>,
    /// The time of the current status of a manifest, by path.
    status_since: BTreeMap<String, HistoryTime>,
    /// The times in the audit trail.
    recorded: RecordedTimes,
    /// The dates from the stores; empty if no store was queried.
    pub store_dates: BTreeMap<SecretId, StoreDates>,
}

/// The due dates of one secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretDueDates {
    /// In no order.
    pub known: Vec<DueDate>,
    /// What cannot be known in this clone.
    pub unknown: Vec<UnknownDueReason>,
}

/// When something began, by git and by the audit trail.
enum StartTime {
    /// It has not begun, as far as both know.
    None,
    /// History is cut before it, and it is not recorded.
    Unknown,
    /// By either or both.
    Known { earliest: Timestamp, latest: Timestamp },
}

impl StartTime {
    fn of(committed: Option<HistoryTime>, recorded: Option<Timestamp>) -> Self {
        match (committed, recorded) {
            (Some(HistoryTime::At(committed)), Some(recorded)) => {
                let (earliest, latest) = (committed.min(recorded), committed.max(recorded));
                Self::Known { earliest, latest }
            }
            (Some(HistoryTime::At(time)), None) | (_, Some(time)) => {
                Self::Known { earliest: time, latest: time }
            }
            (Some(HistoryTime::Cut), None) => Self::Unknown,
            (None, None) => Self::None,
        }
    }
}

impl StartDates {
    /// Reads the dates of a catalog's manifests from the history of the commit `history_tip`.
    ///
    /// `is_selected` filters the manifests.
    ///
    /// # Errors
    /// If the history cannot be read.
    pub fn of(
        repository: &Repository,
        project: &Project,
        catalog: &Catalog,
        history_tip: Snapshot,
        recorded: RecordedTimes,
        is_selected: impl Fn(&SecretRequest) -> bool,
    ) -> Result<Self, SourceError> {
        let catalogued_at = repository.first_seen(history_tip, &project.config.catalog)?;
        let mut status_since = BTreeMap::new();
        for status in [LifecycleStatus::Deprecated, LifecycleStatus::DecommissionRequested] {
            let has_status =
                |request: &SecretRequest| request.status == status && is_selected(request);
            let entries =
                catalog.entries.iter().filter(|entry| entry.request().is_some_and(has_status));
            let had_status = |bytes: &[u8]| manifest::status_in(bytes) == Some(status);
            status_since.extend(repository.unchanged_since(
                history_tip,
                entries.map(|entry| entry.path.clone()),
                had_status,
            )?);
        }
        Ok(Self { catalogued_at, status_since, recorded, store_dates: BTreeMap::new() })
    }

    fn catalogued_start(&self, id: SecretId) -> StartTime {
        let committed = self.catalogued_at.get(&format!("{id}.yaml")).copied();
        StartTime::of(committed, self.recorded.first.get(&id).copied())
    }

    /// Returns when an ID was added to the catalog, if git or the audit trail knows.
    #[must_use]
    pub fn catalogued(&self, id: SecretId) -> Option<Timestamp> {
        match self.catalogued_start(id) {
            StartTime::Known { earliest, .. } => Some(earliest),
            StartTime::Unknown | StartTime::None => None,
        }
    }

    /// Returns whether the ID is in the history, but since when is unknown: the history is cut.
    #[must_use]
    pub fn is_unknown(&self, id: SecretId) -> bool {
        matches!(self.catalogued_start(id), StartTime::Unknown)
    }

    /// Returns all due dates of one secret that is not decommissioned.
    #[must_use]
    pub fn due_dates(
        &self,
        request: &SecretRequest,
        path: &str,
        project: &Project,
    ) -> SecretDueDates {
        let mut dates = SecretDueDates::default();
        let store_dates = self.store_dates.get(&request.id).copied().unwrap_or_default();
        match request.status {
            LifecycleStatus::Active | LifecycleStatus::Deprecated => {}
            LifecycleStatus::DecommissionRequested => {
                self.add_gates(request, path, project, store_dates, &mut dates);
                return dates;
            }
            LifecycleStatus::Decommissioned => return dates,
        }
        let days = request.ttl_days;
        match (store_dates.created, self.catalogued_start(request.id)) {
            (Some(created), _) => {
                let reason = DueReason::Ttl { days, from: TtlStart::Created(created) };
                dates.add(created, created, days, reason);
            }
            (None, StartTime::Known { earliest, latest }) => {
                let reason = DueReason::Ttl { days, from: TtlStart::Catalogued(earliest) };
                dates.add(earliest, latest, days, reason);
            }
            (None, StartTime::Unknown) => dates.unknown.push(UnknownDueReason::Ttl(days)),
            (None, StartTime::None) => {}
        }
        let interval = project.governance.rotation_interval(&request.rotation_class);
        let rotator = project.rotator(request.environment.as_str(), &request.secret_type);
        let by_hand = rotator.is_none().then_some(request.id);
        if let Some((days, last)) = interval.zip(store_dates.renewal) {
            let reason = DueReason::Rotation { days, last, by_hand };
            dates.add(last.time(), last.time(), days.into(), reason);
        }
        if request.status == LifecycleStatus::Deprecated {
            let days = project.governance.deprecated_for_days();
            match self.status_start(request, path) {
                StartTime::Known { earliest, latest } => {
                    let reason = DueReason::Deprecated { days, since: earliest };
                    dates.add(earliest, latest, days.into(), reason);
                }
                StartTime::Unknown => dates.unknown.push(UnknownDueReason::Deprecated),
                StartTime::None => {}
            }
        }
        dates
    }

    /// Returns since when a manifest has its status, if it is committed.
    fn status_start(&self, request: &SecretRequest, path: &str) -> StartTime {
        let Some(committed) = self.status_since.get(path) else { return StartTime::None };
        let recorded = match request.status {
            LifecycleStatus::DecommissionRequested => &self.recorded.requested,
            _ => &self.recorded.deprecated,
        };
        StartTime::of(Some(*committed), recorded.get(&request.id).copied())
    }

    /// Adds when the waiting times of a decommission request end.
    ///
    /// Nothing is added if the secret is already marked for deletion.
    fn add_gates(
        &self,
        request: &SecretRequest,
        path: &str,
        project: &Project,
        store_dates: StoreDates,
        dates: &mut SecretDueDates,
    ) {
        if store_dates.deletion.is_some() {
            return;
        }
        let Some(tier) = project.governance.tiers.get(&request.risk_tier) else { return };
        match self.status_start(request, path) {
            // As the gate `cooling-off` counts.
            StartTime::Known { latest: since, .. } => {
                let reason = DueReason::Gates { since };
                let quiet = store_dates.last_accessed;
                let quiet = quiet.and_then(|last| after(last, tier.quiet_days.into()));
                if let Some(cooled) = after(since, tier.cooling_off_days.into()) {
                    let when = quiet.map_or(cooled, |quiet| quiet.max(cooled));
                    dates.known.push(DueDate { when, confirmed: when, reason });
                }
            }
            StartTime::Unknown => dates.unknown.push(UnknownDueReason::Gates),
            StartTime::None => {}
        }
    }

    /// Returns the due dates until `until`, the earliest first, and the unknown ones.
    ///
    /// `is_selected` filters the manifests.
    #[must_use]
    pub fn due(
        &self,
        catalog: &Catalog,
        project: &Project,
        is_selected: impl Fn(&SecretRequest) -> bool,
        until: Timestamp,
    ) -> (Vec<Due>, Vec<UnknownDue>) {
        let (mut due, mut unknown): (Vec<Due>, Vec<UnknownDue>) = Default::default();
        for entry in &catalog.entries {
            let Some(request) = entry.request().filter(|request| is_selected(request)) else {
                continue;
            };
            let SecretDueDates { mut known, unknown: reasons } =
                self.due_dates(request, &entry.path, project);
            known.retain(|date| date.when <= until);
            // A row needs a scan of the whole file for values, so only due manifests get one.
            if (!known.is_empty() || !reasons.is_empty())
                && let Some(row) = CatalogRow::of(entry, project)
            {
                due.extend(known.into_iter().map(|date| Due { row: row.clone(), date }));
                let of = |reason| UnknownDue { row: row.clone(), reason };
                unknown.extend(reasons.into_iter().map(of));
            }
        }
        due.sort_by_key(|due| (due.date.when, due.row.id, Reverse(due.date.reason.rank())));
        unknown.sort_by_key(|unknown| unknown.row.id);
        (due, unknown)
    }
}

impl SecretDueDates {
    /// Adds a date that is some days after its start.
    fn add(&mut self, earliest: Timestamp, latest: Timestamp, days: u32, reason: DueReason) {
        if let Some((when, confirmed)) = after(earliest, days).zip(after(latest, days)) {
            self.known.push(DueDate { when, confirmed, reason });
        }
    }
}

/// Adds days to a time. None if the result is out of range.
fn after(when: Timestamp, days: u32) -> Option<Timestamp> {
    when.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok()
}
