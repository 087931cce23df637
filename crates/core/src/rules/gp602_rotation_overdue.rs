//! A secret is rotated as often as its class says.
//!
//! ## What it does
//! Compares the days since the secret's value was last renewed with the governance table's `rotationIntervalDays` for its
//! rotation class: 90 for `standard` and 30 for `high`, if nothing else is set. A class without an interval, or with 0, is
//! never overdue: `none`, as a rule.
//!
//! Only the store knows when that was, and `validate` and the hooks never ask it. So this is found by `plan` and `apply`,
//! for manifests that are `active` or `deprecated`, and shown before the plan.
//!
//! AWS Secrets Manager tells when it rotated the secret last, and the tag `goldenpath.io/value-since` since when the value is the
//! one that goldenpath made or put in; the later of the two counts. Where there is neither, the last change of the secret counts,
//! of any kind: another tag can make this come late. A secret without a value has nothing to rotate yet, and one that is
//! marked for deletion never again. The local store tells when the value was written.
//!
//! ## Why is this bad?
//! A value that leaked without anybody noticing is good until it changes. The rotation class is the answer to how long
//! that may be.
//!
//! ## Example
//! ```yaml
//! # last rotated 120 days ago
//! spec:
//!   rotation:
//!     rotationClass: standard
//! ```
//!
//! ## Use instead
//! ```text
//! a new value, made where the old one was issued and put into the store: goldenpath value rotate SEC-0007
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Catalog, Project};
use crate::manifest::SecretId;

pub(super) const RULE: Rule = Rule {
    code: "GP602",
    name: "rotation-overdue",
    severity: Severity::Warning,
    source: include_str!("gp602_rotation_overdue.rs"),
    check: RuleCheck::Stored(check),
};

/// What a store tells of the values of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewals {
    /// The time of the run.
    pub now: Timestamp,
    /// Of the secrets that have a value and keep it.
    pub last: BTreeMap<SecretId, Renewal>,
}

/// When a secret's value was last renewed, as far as the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The store rotated it then.
    Rotated(Timestamp),
    /// The store never rotated it, and something of it was last changed then.
    Changed(Timestamp),
}

impl Renewal {
    /// When it was.
    #[must_use]
    pub fn time(self) -> Timestamp {
        match self {
            Self::Rotated(when) | Self::Changed(when) => when,
        }
    }
}

fn check(catalog: &Catalog, project: &Project, renewals: &Renewals, sink: &mut Sink<'_>) {
    for entry in catalog.selected() {
        let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
            continue;
        };
        let class = &request.rotation_class;
        let interval =
            project.governance.rotation_interval_days.get(class).copied().filter(|days| *days > 0);
        let Some(interval) = interval else { continue };
        let Some(renewal) = renewals.last.get(&request.id) else { continue };
        let (verb, when) = match renewal {
            Renewal::Rotated(when) => ("rotated", when),
            Renewal::Changed(when) => ("changed", when),
        };
        let days = renewals.now.duration_since(*when).as_hours() / 24;
        if days <= i64::from(interval) {
            continue;
        }
        let id = request.id;
        let message = format!(
            "the class `{class}` asks for rotation every {interval} days, and {id} was last {verb} on {}, {days} days ago",
            when.strftime("%Y-%m-%d")
        );
        let help = match project
            .config
            .rotation_function(request.environment.as_str(), &request.secret_type)
        {
            Some(_) => {
                "its function has not rotated it: look why, or renew the value by hand".to_owned()
            }
            None => format!(
                "renew the value where it was issued, and put it in with `goldenpath value rotate {id}`"
            ),
        };
        sink.at(entry, "/spec/rotation/rotationClass", message, help);
    }
}
