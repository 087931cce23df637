//! What has to hold before a secret is deleted. Each gate is best effort, and says what it could not see.

mod cluster;
mod consumers;
mod references;

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::World;
use super::desired::DesiredSecret;
use crate::store::StoredSecret;
use cluster::Clusters;
use consumers::Consumers;
use references::Reference;

/// Something that keeps a secret from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// Nothing in the GitOps repository names the Kubernetes secret in its namespace.
    Consumers,
    /// Nobody has read the value for the tier's quiet days.
    LastAccessed,
    /// The request is older than the tier's cooling-off days.
    CoolingOff,
    /// Nothing in the environment's cluster refers to the Kubernetes secret.
    LiveCluster,
}

impl Gate {
    pub const ALL: [Self; 4] =
        [Self::Consumers, Self::LastAccessed, Self::CoolingOff, Self::LiveCluster];

    /// # Errors
    /// A sentence that lists the gates.
    pub fn parse(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|gate| gate.as_str() == text);
        known.ok_or_else(|| format!("the gates are {}", Self::ALL.map(Self::as_str).join(", ")))
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consumers => "consumers",
            Self::LastAccessed => "last-accessed",
            Self::CoolingOff => "cooling-off",
            Self::LiveCluster => "live-cluster",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What a gate says.
pub(super) struct GateVerdict {
    pub(super) gate: Gate,
    pub(super) is_open: bool,
    /// What was seen, or what keeps it closed and until when at least.
    pub(super) words: String,
}

/// What the gates of a run have seen, each place once.
pub(super) struct Gates {
    consumers: Consumers,
    clusters: Clusters,
}

impl Gates {
    pub(super) fn of(world: &World<'_>) -> Self {
        Self { consumers: Consumers::of(world), clusters: Clusters::default() }
    }

    /// What each gate says of a secret that is there.
    pub(super) async fn look(
        &mut self,
        world: &World<'_>,
        wish: &DesiredSecret<'_>,
        found: &StoredSecret,
    ) -> Vec<GateVerdict> {
        vec![
            self.consumers.verdict(world, wish),
            last_accessed(world, wish, found),
            cooling_off(world, wish),
            self.clusters.verdict(world, wish).await,
        ]
    }
}

/// How many places a message names.
const SHOWN: usize = 3;

/// Some of the places, and how many more there are.
fn places(named: &[&Reference]) -> String {
    let mut places: Vec<String> = named.iter().take(SHOWN).map(ToString::to_string).collect();
    if named.len() > SHOWN {
        places.push(format!("and {} more", named.len() - SHOWN));
    }
    places.join(", ")
}

fn last_accessed(world: &World<'_>, wish: &DesiredSecret<'_>, found: &StoredSecret) -> GateVerdict {
    let days = i64::from(tier(world, wish).map_or(14, |tier| tier.quiet_days));
    let (is_open, words) = match found.last_accessed {
        None => (true, "the store knows of nobody who has read it".to_owned()),
        Some(last) => match after(last, days) {
            end if end <= world.options.now => {
                (true, format!("nobody has read it since {}", day(last)))
            }
            end => (
                false,
                format!(
                    "somebody read it on {}, and {days} quiet days are asked for: {} at the earliest",
                    day(last),
                    day(end)
                ),
            ),
        },
    };
    GateVerdict { gate: Gate::LastAccessed, is_open, words }
}

fn cooling_off(world: &World<'_>, wish: &DesiredSecret<'_>) -> GateVerdict {
    let days = i64::from(tier(world, wish).map_or(7, |tier| tier.cooling_off_days));
    let (is_open, words) = match world.requested.get(&wish.request.id) {
        Some(since) => match after(*since, days) {
            end if end <= world.options.now => {
                (true, format!("its end was asked for on {}", day(*since)))
            }
            end => (
                false,
                format!(
                    "its end was asked for on {}, and {days} days of cooling off have to pass: {} at the earliest",
                    day(*since),
                    moment(end)
                ),
            ),
        },
        None => (false, "no commit asks for its end yet".to_owned()),
    };
    GateVerdict { gate: Gate::CoolingOff, is_open, words }
}

fn tier<'world>(
    world: &World<'world>,
    wish: &DesiredSecret<'_>,
) -> Option<&'world goldenpath_core::config::Tier> {
    world.project.governance.tiers.get(&wish.request.risk_tier)
}

fn after(time: Timestamp, days: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
}

/// `2026-11-25`
pub(super) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// `2026-11-25 14:05 UTC`
fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
