//! A secret is rotated as often as its class requires.
//!
//! ## What it does
//! Compares the age of the secret's value with the governance table's `rotationIntervalDays` for
//! its rotation class: by default 90 days for `standard` and 30 for `high`. A class without an
//! interval, or with 0, such as `none`, is never overdue.
//!
//! Only the store knows the age of a value, and `validate` and the hooks never query the store. So
//! `plan` and `apply` report this, before the plan, for manifests with status `active` or
//! `deprecated`.
//!
//! AWS Secrets Manager reports its last rotation, and the tag `goldenpath.io/value-since` records
//! when goldenpath generated or set the current value; the later of the two counts. If both are
//! missing, the last change of the secret counts, including a change of a tag, so that the finding
//! can come late. A secret without a value, or one that is marked for deletion, is not reported.
//! The local store records when the value was written.
//!
//! ## Why is this bad?
//! A leaked value works until it changes. The rotation class limits how long that can be.
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
//! get a new value from the issuer, and set it in the store: goldenpath value rotate SEC-0007
//! ```

use jiff::Timestamp;

use super::{Rule, RuleCheck, Severity, Sink, StoredState};
use crate::catalog::{Catalog, Project};
use crate::config::Rotator;

pub(super) const RULE: Rule = Rule {
    code: "GP602",
    name: "rotation-overdue",
    severity: Severity::Warning,
    source: include_str!("gp602_rotation_overdue.rs"),
    check: RuleCheck::Stored(check),
};

/// The time of the last known renewal of a secret's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The store rotated the value at this time.
    Rotated(Timestamp),
    /// The store never rotated the value; the secret was last changed at this time.
    Changed(Timestamp),
}

impl Renewal {
    /// Returns the time of the renewal.
    #[must_use]
    pub fn time(self) -> Timestamp {
        match self {
            Self::Rotated(when) | Self::Changed(when) => when,
        }
    }
}

fn check(catalog: &Catalog, project: &Project, state: &StoredState, sink: &mut Sink<'_>) {
    for entry in catalog.selected() {
        let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
            continue;
        };
        let class = &request.rotation_class;
        let interval =
            project.governance.rotation_interval_days.get(class).copied().filter(|days| *days > 0);
        let Some(interval) = interval else { continue };
        let Some(renewal) = state.renewals.get(&request.id) else { continue };
        let (verb, when) = match renewal {
            Renewal::Rotated(when) => ("rotated", when),
            Renewal::Changed(when) => ("changed", when),
        };
        let days = state.now.duration_since(*when).as_hours() / 24;
        if days <= i64::from(interval) {
            continue;
        }
        let id = request.id;
        let message = format!(
            "the class `{class}` requires rotation every {interval} days, but {id} was last {verb} \
             on {}, {days} days ago",
            when.strftime("%Y-%m-%d")
        );
        let help = match project.rotator(request.environment.as_str(), &request.secret_type) {
            Some(Rotator::Function(_)) => {
                "check why its rotation function did not rotate it, or renew the value manually"
                    .to_owned()
            }
            Some(rotator @ (Rotator::OwningService | Rotator::Partner { .. })) => {
                format!("check in AWS why it was not rotated by {rotator}")
            }
            None => format!(
                "get a new value from the issuer, and set it with `goldenpath value rotate {id}`"
            ),
        };
        sink.at(entry, "/spec/rotation/rotationClass", message, help);
    }
}
