//! Due dates of secrets.
//!
//! A secret is due when its ttl ends, its rotation is overdue, it is deprecated for too long, or
//! its decommission request can be applied.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::CatalogRow;
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest;
use goldenpath_core::manifest::{LifecycleStatus, SecretId, SecretRequest};
use goldenpath_core::rules::Renewal;
use goldenpath_core::vcs::{Repository, Snapshot, SourceError};

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
    catalogued_at: HashMap<String, Timestamp>,
    /// The time of the current status of a manifest, by path.
    status_since: BTreeMap<String, Timestamp>,
    /// The dates from the stores; empty if no store was queried.
    pub store_dates: BTreeMap<SecretId, StoreDates>,
}

/// Why a secret is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueReason {
    /// Its ttl ends: its owner must check whether it is still needed.
    Ttl {
        /// `spec.ttlDays`
        days: u32,
        /// The time from which the days count.
        from: TtlStart,
    },
    /// Its value must be rotated; `by_hand` is the ID if no function rotates it.
    Rotation {
        /// The interval of the rotation class.
        days: u16,
        /// The last renewal of the value, from which the days count.
        last: Renewal,
        /// The ID for `goldenpath value rotate`; None if a function rotates it.
        by_hand: Option<SecretId>,
    },
    /// It is deprecated for so long that it can be decommissioned.
    Deprecated {
        /// The maximum, `deprecatedForDays` of the governance table.
        days: u16,
        /// The time of the commit that set the status.
        since: Timestamp,
    },
    /// Its decommission was requested, and all waiting times have passed.
    Gates {
        /// The time of the commit that set the status.
        since: Timestamp,
    },
}

/// The start of a ttl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlStart {
    /// The time at which the secret was created.
    Created(Timestamp),
    /// The time at which the ID was added to the catalog.
    Catalogued(Timestamp),
}

/// One due date of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The manifest's fields.
    pub row: CatalogRow,
    /// The time from which it is overdue.
    pub when: Timestamp,
    /// The event that is due.
    pub reason: DueReason,
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
        Ok(Self { catalogued_at, status_since, store_dates: BTreeMap::new() })
    }

    /// Returns when an ID was added to the catalog, if the history has that commit.
    #[must_use]
    pub fn catalogued(&self, id: SecretId) -> Option<Timestamp> {
        self.catalogued_at.get(&format!("{id}.yaml")).copied()
    }

    /// Returns all due dates of one secret that is not decommissioned.
    #[must_use]
    pub fn due_dates(
        &self,
        request: &SecretRequest,
        path: &str,
        project: &Project,
    ) -> Vec<(Timestamp, DueReason)> {
        let store_dates = self.store_dates.get(&request.id).copied().unwrap_or_default();
        match request.status {
            LifecycleStatus::Active | LifecycleStatus::Deprecated => {}
            LifecycleStatus::DecommissionRequested => {
                return self.gates_end(request, path, project, store_dates).into_iter().collect();
            }
            LifecycleStatus::Decommissioned => return Vec::new(),
        }
        let begin = store_dates
            .created
            .map(TtlStart::Created)
            .or(self.catalogued(request.id).map(TtlStart::Catalogued));
        let ttl = begin.and_then(|from| {
            let days = request.ttl_days;
            Some((after(from.time(), days)?, DueReason::Ttl { days, from }))
        });
        let interval = project.governance.rotation_interval(&request.rotation_class);
        let function =
            project.config.rotation_function(request.environment.as_str(), &request.secret_type);
        let by_hand = function.is_none().then_some(request.id);
        let rotation = interval.zip(store_dates.renewal).and_then(|(days, last)| {
            Some((after(last.time(), days.into())?, DueReason::Rotation { days, last, by_hand }))
        });
        let deprecated =
            self.status_since.get(path).filter(|_| request.status == LifecycleStatus::Deprecated);
        let deprecated = deprecated.and_then(|since| {
            let days = project.governance.deprecated_for_days();
            Some((after(*since, days.into())?, DueReason::Deprecated { days, since: *since }))
        });
        [ttl, rotation, deprecated].into_iter().flatten().collect()
    }

    /// Returns when the waiting times of a decommission request end.
    ///
    /// None if the secret is already marked for deletion.
    fn gates_end(
        &self,
        request: &SecretRequest,
        path: &str,
        project: &Project,
        store_dates: StoreDates,
    ) -> Option<(Timestamp, DueReason)> {
        let since = *self.status_since.get(path).filter(|_| store_dates.deletion.is_none())?;
        let tier = project.governance.tiers.get(&request.risk_tier)?;
        let cooled = after(since, tier.cooling_off_days.into())?;
        let quiet = store_dates.last_accessed.and_then(|last| after(last, tier.quiet_days.into()));
        Some((quiet.map_or(cooled, |quiet| quiet.max(cooled)), DueReason::Gates { since }))
    }

    /// Returns the due dates until `until`, the earliest first.
    ///
    /// `is_selected` filters the manifests.
    #[must_use]
    pub fn due(
        &self,
        catalog: &Catalog,
        project: &Project,
        is_selected: impl Fn(&SecretRequest) -> bool,
        until: Timestamp,
    ) -> Vec<Due> {
        let mut due: Vec<Due> = Vec::new();
        for entry in &catalog.entries {
            let Some(request) = entry.request().filter(|request| is_selected(request)) else {
                continue;
            };
            let days = self
                .due_dates(request, &entry.path, project)
                .into_iter()
                .filter(|(when, _)| *when <= until);
            let mut days = days.peekable();
            // A row needs a scan of the whole file for values, so only due manifests get one.
            if days.peek().is_some()
                && let Some(row) = CatalogRow::of(entry, project)
            {
                due.extend(days.map(|(when, reason)| Due { row: row.clone(), when, reason }));
            }
        }
        due.sort_by_key(|due| (due.when, due.row.id, Reverse(due.reason.rank())));
        due
    }
}

impl DueReason {
    /// Returns the reason's name in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ttl { .. } => "ttl",
            Self::Rotation { .. } => "rotation",
            Self::Deprecated { .. } => "deprecated",
            Self::Gates { .. } => "gates",
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Ttl { .. } => 3,
            Self::Rotation { .. } => 2,
            Self::Deprecated { .. } => 1,
            Self::Gates { .. } => 0,
        }
    }

    /// Returns the reason in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Ttl { days, from } => format!("ttl of {}, {}", count(*days), from.describe()),
            Self::Rotation { days, last, .. } => {
                let verb = if matches!(last, Renewal::Rotated(_)) { "rotated" } else { "changed" };
                format!("rotation every {}, {verb} {}", count((*days).into()), day(last.time()))
            }
            Self::Deprecated { days, since } => {
                format!("deprecated {}, {} at most", day(*since), count((*days).into()))
            }
            Self::Gates { since } => {
                format!(
                    "decommission requested on {}; apply deletes it, unless a reference is left",
                    day(*since)
                )
            }
        }
    }

    /// Returns the command for the due task, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Rotation { by_hand: Some(id), .. } => {
                Some(format!("goldenpath value rotate {id}"))
            }
            _ => None,
        }
    }

    fn since(&self) -> Timestamp {
        match self {
            Self::Ttl { from, .. } => from.time(),
            Self::Rotation { last, .. } => last.time(),
            Self::Deprecated { since, .. } | Self::Gates { since } => *since,
        }
    }
}

impl TtlStart {
    fn time(self) -> Timestamp {
        match self {
            Self::Created(when) | Self::Catalogued(when) => when,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Created(when) => format!("created {}", day(when)),
            Self::Catalogued(when) => format!("in the catalog since {}", day(when)),
        }
    }
}

impl Due {
    /// Returns whether the due date has passed.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.when <= now
    }

    /// Returns a row of `due --format json`.
    #[must_use]
    pub fn as_json(&self, now: Timestamp) -> Value {
        json!({
            "id": self.row.id,
            "reason": self.reason.name(),
            "state": if self.is_overdue(now) { "overdue" } else { "soon" },
            "due": day(self.when),
            "since": day(self.reason.since()),
            "message": self.reason.describe(),
            "wayOut": self.reason.remedy(),
            "name": self.row.name,
            "service": self.row.service,
            "environment": self.row.environment,
            "owner": self.row.owner,
            "status": self.row.status,
            "path": self.row.path,
        })
    }
}

/// Returns the day of a time, in UTC.
#[must_use]
pub fn day(when: Timestamp) -> String {
    when.strftime("%Y-%m-%d").to_string()
}

/// Returns the distance in calendar days: `10 days ago`, `today`, `in 3 days`.
#[must_use]
pub fn distance(when: Timestamp, now: Timestamp) -> String {
    let number = |time: Timestamp| time.as_second().div_euclid(24 * 60 * 60);
    let days = number(when) - number(now);
    let words = count(u32::try_from(days.unsigned_abs()).unwrap_or(u32::MAX));
    match days {
        0 => "today".to_owned(),
        1.. => format!("in {words}"),
        _ => format!("{words} ago"),
    }
}

fn count(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Adds days to a time. None if the result is out of range.
fn after(when: Timestamp, days: u32) -> Option<Timestamp> {
    when.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok()
}
