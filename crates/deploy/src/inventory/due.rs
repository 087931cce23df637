//! What is due: a ttl that runs out, a rotation that is overdue, a secret that has been deprecated for long, or whose end was
//! asked for and can come.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::CatalogRow;
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest;
use goldenpath_core::manifest::{LifecycleStatus, SecretId, SecretRequest};
use goldenpath_core::rules::Renewal;
use goldenpath_core::vcs::{Repository, Snapshot};

/// What a store tells of a secret that is there, and that is its manifest's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreDates {
    pub created: Option<Timestamp>,
    /// Whether there is a value to use.
    pub has_value: bool,
    /// None where it has no value yet.
    pub renewal: Option<Renewal>,
    /// When the value was read last.
    pub last_accessed: Option<Timestamp>,
    /// When it is gone, where it is marked for deletion.
    pub deletion: Option<Timestamp>,
}

/// All that is known of when something began.
#[derive(Debug, Default)]
pub struct Calendar {
    /// By file name: when the ID came into the catalog.
    first_held: HashMap<String, Timestamp>,
    /// By path: since when a manifest has the status that it has.
    status_since: BTreeMap<String, Timestamp>,
    /// What the stores tell; empty where none was asked.
    pub known: BTreeMap<SecretId, StoreDates>,
}

/// Why a secret is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its ttl ends: somebody has to look whether it is still needed.
    Ttl { days: u32, from: Begin },
    /// Its value is to be renewed; `by_hand` is the ID where no function does that.
    Rotation { days: u16, last: Renewal, by_hand: Option<SecretId> },
    /// It has been deprecated for so long that its end could be asked for.
    Deprecated { days: u16, since: Timestamp },
    /// Its end was asked for, and by time alone nothing keeps apply from deleting it any more.
    Gates { since: Timestamp },
}

/// From when a ttl is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// The store made the secret then.
    Created(Timestamp),
    /// The ID came into the catalog then.
    Catalogued(Timestamp),
}

/// One thing to be done about one secret by a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub row: CatalogRow,
    pub when: Timestamp,
    pub reason: Reason,
}

impl Calendar {
    /// What git tells, in the history of the commit `line`, of those of a catalog's manifests that `holds` lets through.
    #[must_use]
    pub fn of(
        repository: &Repository,
        project: &Project,
        catalog: &Catalog,
        line: Snapshot,
        holds: impl Fn(&SecretRequest) -> bool,
    ) -> Self {
        let first_held = repository.first_held(line, &project.config.catalog);
        let mut status_since = BTreeMap::new();
        for status in [LifecycleStatus::Deprecated, LifecycleStatus::DecommissionRequested] {
            let has_it = |request: &SecretRequest| request.status == status && holds(request);
            let entries =
                catalog.entries.iter().filter(|entry| entry.request().is_some_and(has_it));
            let had_it = |bytes: &[u8]| manifest::status_in(bytes) == Some(status);
            status_since.extend(repository.same_since(
                line,
                entries.map(|entry| entry.path.clone()),
                had_it,
            ));
        }
        Self { first_held, status_since, known: BTreeMap::new() }
    }

    /// When the ID of a manifest came into the catalog, as far as git has it.
    #[must_use]
    pub fn catalogued(&self, id: SecretId) -> Option<Timestamp> {
        self.first_held.get(&format!("{id}.yaml")).copied()
    }

    /// Every day on which something is due for one secret that is not gone, however far away.
    #[must_use]
    pub fn days_of(
        &self,
        request: &SecretRequest,
        path: &str,
        project: &Project,
    ) -> Vec<(Timestamp, Reason)> {
        let known = self.known.get(&request.id).copied().unwrap_or_default();
        match request.status {
            LifecycleStatus::Active | LifecycleStatus::Deprecated => {}
            LifecycleStatus::DecommissionRequested => {
                return self.gates(request, path, project, known).into_iter().collect();
            }
            LifecycleStatus::Decommissioned => return Vec::new(),
        }
        let begin = known
            .created
            .map(Begin::Created)
            .or(self.catalogued(request.id).map(Begin::Catalogued));
        let ttl = begin.and_then(|from| {
            let days = request.ttl_days;
            Some((after(from.time(), days)?, Reason::Ttl { days, from }))
        });
        let interval = project.governance.rotation_interval(&request.rotation_class);
        let function =
            project.config.rotation_function(request.environment.as_str(), &request.secret_type);
        let by_hand = function.is_none().then_some(request.id);
        let rotation = interval.zip(known.renewal).and_then(|(days, last)| {
            Some((after(last.time(), days.into())?, Reason::Rotation { days, last, by_hand }))
        });
        let deprecated =
            self.status_since.get(path).filter(|_| request.status == LifecycleStatus::Deprecated);
        let deprecated = deprecated.and_then(|since| {
            let days = project.governance.deprecated_for_days();
            Some((after(*since, days.into())?, Reason::Deprecated { days, since: *since }))
        });
        [ttl, rotation, deprecated].into_iter().flatten().collect()
    }

    /// From when on by time alone nothing keeps a secret from being deleted whose end is asked for. None where it is marked.
    fn gates(
        &self,
        request: &SecretRequest,
        path: &str,
        project: &Project,
        known: StoreDates,
    ) -> Option<(Timestamp, Reason)> {
        let since = *self.status_since.get(path).filter(|_| known.deletion.is_none())?;
        let tier = project.governance.tiers.get(&request.risk_tier)?;
        let cooled = after(since, tier.cooling_off_days.into())?;
        let quiet = known.last_accessed.and_then(|last| after(last, tier.quiet_days.into()));
        Some((quiet.map_or(cooled, |quiet| quiet.max(cooled)), Reason::Gates { since }))
    }

    /// What is due until `until` for the manifests that `holds` lets through, the earliest first.
    #[must_use]
    pub fn due(
        &self,
        catalog: &Catalog,
        project: &Project,
        holds: impl Fn(&SecretRequest) -> bool,
        until: Timestamp,
    ) -> Vec<Due> {
        let mut due: Vec<Due> = Vec::new();
        for entry in &catalog.entries {
            let Some(request) = entry.request().filter(|request| holds(request)) else { continue };
            let days = self
                .days_of(request, &entry.path, project)
                .into_iter()
                .filter(|(when, _)| *when <= until);
            let mut days = days.peekable();
            // What a row may show is looked for in the whole file: only in those that are shown.
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

impl Reason {
    /// Its name in JSON.
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

    /// Why, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Ttl { days, from } => format!("ttl of {}, {}", count(*days), from.words()),
            Self::Rotation { days, last, .. } => {
                let verb = if matches!(last, Renewal::Rotated(_)) { "rotated" } else { "changed" };
                format!("rotation every {}, {verb} {}", count((*days).into()), day(last.time()))
            }
            Self::Deprecated { days, since } => {
                format!("deprecated {}, {} at most", day(*since), count((*days).into()))
            }
            Self::Gates { since } => {
                format!(
                    "its end was asked for on {}; apply deletes it, unless something still names it",
                    day(*since)
                )
            }
        }
    }

    /// The command that does what is due, where there is one.
    #[must_use]
    pub fn way_out(&self) -> Option<String> {
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

impl Begin {
    fn time(self) -> Timestamp {
        match self {
            Self::Created(when) | Self::Catalogued(when) => when,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Created(when) => format!("created {}", day(when)),
            Self::Catalogued(when) => format!("catalogued {}", day(when)),
        }
    }
}

impl Due {
    /// Whether the day has passed.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.when <= now
    }

    /// A row of `due --format json`.
    #[must_use]
    pub fn as_json(&self, now: Timestamp) -> Value {
        json!({
            "id": self.row.id,
            "reason": self.reason.name(),
            "state": if self.is_overdue(now) { "overdue" } else { "soon" },
            "due": day(self.when),
            "since": day(self.reason.since()),
            "message": self.reason.words(),
            "wayOut": self.reason.way_out(),
            "name": self.row.name,
            "service": self.row.service,
            "environment": self.row.environment,
            "owner": self.row.owner,
            "status": self.row.status,
            "path": self.row.path,
        })
    }
}

/// The day of a time, in UTC.
#[must_use]
pub fn day(when: Timestamp) -> String {
    when.strftime("%Y-%m-%d").to_string()
}

/// How far away a day is, by the calendar: `10 days ago`, `today`, `in 3 days`.
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

/// None for a time that no calendar has.
fn after(when: Timestamp, days: u32) -> Option<Timestamp> {
    when.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok()
}
