//! Due dates of secrets.
//!
//! A secret is due when its ttl ends, its rotation is overdue, it is deprecated for too long, or
//! its decommission request can be applied.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::CatalogRow;
use goldenpath_core::manifest::SecretId;
use goldenpath_core::rules::Renewal;

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
        /// The time of the commit that set the status, or of its record if that is earlier.
        since: Timestamp,
    },
    /// Its decommission was requested, and all waiting times have passed.
    Gates {
        /// The time of the commit that set the status, or of its record if that is later.
        since: Timestamp,
    },
}

/// A due date of a secret that is not known, since history is cut and nothing is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownDueReason {
    /// Its ttl, in days.
    Ttl(u32),
    /// It is deprecated.
    Deprecated,
    /// Its decommission was requested.
    Gates,
}

/// The start of a ttl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlStart {
    /// The time at which the secret was created.
    Created(Timestamp),
    /// The time at which the ID was added to the catalog, by git or the audit trail.
    Catalogued(Timestamp),
}

/// A due date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueDate {
    /// The time from which the secret is overdue.
    pub when: Timestamp,
    /// The time from which it is overdue by all dates that are known, which can be later.
    ///
    /// A commit's date that is wrong must not move a secret on in its lifecycle.
    pub confirmed: Timestamp,
    /// The event that is due.
    pub reason: DueReason,
}

/// One due date of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The manifest's fields.
    pub row: CatalogRow,
    /// The date, with its reason.
    pub date: DueDate,
}

/// An unknown due date of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDue {
    /// The manifest's fields.
    pub row: CatalogRow,
    /// What is not known.
    pub reason: UnknownDueReason,
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

    pub(super) fn rank(&self) -> u8 {
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
    pub(super) fn time(self) -> Timestamp {
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
        self.date.when <= now
    }

    /// Returns a row of `due --format json`.
    #[must_use]
    pub fn as_json(&self, now: Timestamp) -> Value {
        let DueDate { when, reason, .. } = &self.date;
        json!({
            "id": self.row.id,
            "reason": reason.name(),
            "state": if self.is_overdue(now) { "overdue" } else { "soon" },
            "due": day(*when),
            "since": day(reason.since()),
            "message": reason.describe(),
            "wayOut": reason.remedy(),
            "name": self.row.name,
            "service": self.row.service,
            "environment": self.row.environment,
            "owner": self.row.owner,
            "status": self.row.status,
            "path": self.row.path,
        })
    }
}

impl UnknownDueReason {
    /// Returns the reason's name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ttl(_) => "ttl",
            Self::Deprecated => "deprecated",
            Self::Gates => "gates",
        }
    }

    /// Returns what is not known, in words.
    #[must_use]
    pub fn describe(self) -> String {
        let what = match self {
            Self::Ttl(days) => format!("ttl of {}, in the catalog", count(days)),
            Self::Deprecated => "deprecated".to_owned(),
            Self::Gates => "decommission requested".to_owned(),
        };
        format!("{what} since an unknown day: this clone's history and audit trail lack it")
    }
}

impl UnknownDue {
    /// Returns a row of the list `unknown` in `due --format json`.
    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({
            "id": self.row.id,
            "reason": self.reason.name(),
            "message": self.reason.describe(),
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
