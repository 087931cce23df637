//! Gates: the conditions for deleting a secret.
//!
//! Each gate is best effort and reports the limits of its check.

mod cluster;
mod consumers;

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::ReconcileContext;
use super::desired::DesiredSecret;
use crate::store::{Replica, ReplicaStatus, StoredSecret};
use cluster::Clusters;
use consumers::ConsumerGate;

/// A condition for deleting a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// No file in the GitOps repository mentions the Secret.
    Consumers,
    /// The value was not read for the tier's quiet days.
    LastAccessed,
    /// The request is older than the tier's cooling-off days.
    CoolingOff,
    /// No object in the environment's cluster refers to the Kubernetes Secret.
    LiveCluster,
    /// The audit trail explains why the secret is absent, so that its manifest can be ended.
    Absence,
    /// By the audit trail, goldenpath added the replica that is removed.
    ReplicaOrigin,
}

impl Gate {
    /// All gates, in the order in which they are checked.
    pub const ALL: [Self; 6] = [
        Self::Consumers,
        Self::LastAccessed,
        Self::CoolingOff,
        Self::LiveCluster,
        Self::Absence,
        Self::ReplicaOrigin,
    ];

    /// Parses a gate's name.
    ///
    /// # Errors
    /// A sentence that lists the gates.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|gate| gate.as_str() == text);
        known.ok_or_else(|| format!("the gates are {}", Self::ALL.map(Self::as_str).join(", ")))
    }

    /// Returns the gate's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consumers => "consumers",
            Self::LastAccessed => "last-accessed",
            Self::CoolingOff => "cooling-off",
            Self::LiveCluster => "live-cluster",
            Self::Absence => "absence",
            Self::ReplicaOrigin => "replica-origin",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The verdict of a gate.
pub(super) struct GateVerdict {
    pub(super) gate: Gate,
    pub(super) is_open: bool,
    /// What was checked, or why the gate is closed and until when at least.
    pub(super) words: String,
}

/// The gates of a run. Each repository and cluster is searched once.
pub(super) struct Gates<'run> {
    consumers: ConsumerGate<'run>,
    clusters: Clusters,
}

impl<'run> Gates<'run> {
    pub(super) fn of(context: &'run ReconcileContext<'_>) -> Self {
        Self { consumers: ConsumerGate::of(context), clusters: Clusters::default() }
    }

    /// Returns the verdict of each gate for an existing secret.
    pub(super) async fn check(
        &mut self,
        context: &'run ReconcileContext<'_>,
        desired: &DesiredSecret<'_>,
        found: &StoredSecret,
    ) -> Vec<GateVerdict> {
        vec![
            self.consumers.verdict(context, desired),
            last_accessed(context, desired, found),
            cooling_off(context, desired),
            self.clusters.verdict(context, desired).await,
        ]
    }
}

/// What to check if something stays in the cluster.
pub(super) const PRUNE_QUESTION: &str =
    "does Argo CD prune? Otherwise what is removed from the repository stays in the cluster";

/// Returns the verdict about the last reads of a secret, in its region and those of its replicas.
fn last_accessed(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    found: &StoredSecret,
) -> GateVerdict {
    let own = last_read(context, desired, found.last_accessed, "");
    let replicas = match &found.replicas {
        Some(replicas) => {
            let verdict = |replica| replica_last_accessed(context, desired, replica);
            replicas.iter().map(verdict).collect()
        }
        None => {
            let words = "the replicas of the secret are unknown".to_owned();
            vec![GateVerdict { gate: Gate::LastAccessed, is_open: false, words }]
        }
    };
    let all: Vec<GateVerdict> = std::iter::once(own).chain(replicas).collect();
    let is_open = all.iter().all(|verdict| verdict.is_open);
    let shown = all.iter().filter(|verdict| is_open || !verdict.is_open);
    let words = shown.map(|verdict| verdict.words.as_str()).collect::<Vec<_>>().join("; ");
    GateVerdict { gate: Gate::LastAccessed, is_open, words }
}

/// Returns the verdict about the last read of a replica.
///
/// AWS leaves out the day if the secret was never retrieved in the region (API type
/// `ReplicationStatusType`). Of a replica that is not in sync, the day may be older.
pub(super) fn replica_last_accessed(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    replica: &Replica,
) -> GateVerdict {
    let region = &replica.region;
    let verdict = last_read(context, desired, replica.last_accessed, &format!(" in {region}"));
    if !verdict.is_open || replica.status == ReplicaStatus::InSync {
        return verdict;
    }
    let words = format!(
        "the last read in {region} is unknown, since the replica is not in sync ({})",
        replica.describe_status()
    );
    GateVerdict { is_open: false, words, ..verdict }
}

/// Returns the verdict about the last read in one region. `place` is ` in eu-west-1`, or empty.
fn last_read(
    context: &ReconcileContext<'_>,
    desired: &DesiredSecret<'_>,
    last: Option<Timestamp>,
    place: &str,
) -> GateVerdict {
    let days = i64::from(tier(context, desired).map_or(14, |tier| tier.quiet_days));
    let (is_open, words) = match last {
        None => (true, format!("the store records no read{place}")),
        Some(last) => match after(last, days) {
            end if end <= context.options.now => {
                (true, format!("not read{place} since {}", day(last)))
            }
            end => (
                false,
                format!(
                    "last read{place} on {}, and {days} quiet days are required: {} at the \
                     earliest",
                    day(last),
                    day(end)
                ),
            ),
        },
    };
    GateVerdict { gate: Gate::LastAccessed, is_open, words }
}

fn cooling_off(context: &ReconcileContext<'_>, desired: &DesiredSecret<'_>) -> GateVerdict {
    let days = i64::from(tier(context, desired).map_or(7, |tier| tier.cooling_off_days));
    let requested = context.requested.get(&desired.request.id);
    let (is_open, words) = match requested.map(|request| (request.committed, &request.recorded)) {
        // The date of a commit is what its author's clock showed: it opens nothing by itself.
        Some((committed, Ok(Some(recorded)))) => {
            let since = committed.map_or(*recorded, |committed| committed.max(*recorded));
            match after(since, days) {
                end if end <= context.options.now => {
                    (true, format!("decommission requested on {}", day(since)))
                }
                end => (
                    false,
                    format!(
                        "decommission requested on {}, and {days} days of cooling off are \
                         required: {} at the earliest",
                        day(since),
                        moment(end)
                    ),
                ),
            }
        }
        Some((_, Ok(None))) => (
            false,
            format!(
                "the audit trail has no record of the request yet; {days} days of cooling off \
                 count from that record"
            ),
        ),
        Some((_, Err(why))) => (false, format!("unknown, since the audit trail is not: {why}")),
        None => (false, "the decommission request is not committed yet".to_owned()),
    };
    GateVerdict { gate: Gate::CoolingOff, is_open, words }
}

fn tier<'context>(
    context: &ReconcileContext<'context>,
    desired: &DesiredSecret<'_>,
) -> Option<&'context goldenpath_core::config::Tier> {
    context.project.governance.tiers.get(&desired.request.risk_tier)
}

fn after(time: Timestamp, days: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
}

/// Returns the day: `2026-11-25`.
pub(super) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// Returns the minute: `2026-11-25 14:05 UTC`.
fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
