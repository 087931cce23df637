//! Not more calls a second than AWS takes.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Calls a second, of all operations of a group together (Secrets Manager quotas; none of these can be raised).
/// DescribeSecret has one of 10,000.
const QUOTAS: [(u32, &[&str]); 12] = [
    (50, &["CreateSecret"]),
    (50, &["UpdateSecret"]),
    (50, &["TagResource"]),
    (50, &["RotateSecret"]),
    (50, &["RestoreSecret"]),
    (50, &["DeleteSecret"]),
    (
        50,
        &[
            "DeleteResourcePolicy",
            "GetResourcePolicy",
            "PutResourcePolicy",
            "ValidateResourcePolicy",
        ],
    ),
    (100, &["ListSecrets"]),
    (50, &["ListSecretVersionIds"]),
    (50, &["PutSecretValue"]),
    (50, &["UpdateSecretVersionStage"]),
    (50, &["GetRandomPassword"]),
];

/// A pace for each group of operations with a quota.
#[derive(Debug)]
pub(super) struct Paces([Pace; QUOTAS.len()]);

impl Paces {
    pub(super) fn new() -> Self {
        Self(QUOTAS.map(|(turns, _)| Pace::a_second(turns)))
    }

    pub(super) fn of(&self, operation: &str) -> Option<&Pace> {
        QUOTAS.iter().position(|(_, group)| group.contains(&operation)).map(|index| &self.0[index])
    }
}

/// Hands out turns. Until AWS throttles, nobody waits for one: bursts are let through, and what stands in for AWS has no
/// quotas. From then on, each comes a little after the one before, since what is throttled again costs another wait.
#[derive(Debug)]
pub(super) struct Pace {
    apart: Duration,
    next: Cell<Option<Instant>>,
}

impl Pace {
    fn a_second(turns: u32) -> Self {
        Self { apart: Duration::from_secs(1) / turns.max(1), next: Cell::new(None) }
    }

    /// From now on, turns are apart.
    pub(super) fn heed(&self) {
        self.next.set(self.next.get().or_else(|| Some(Instant::now())));
    }

    /// Waits until it is this caller's turn.
    pub(super) async fn turn(&self) {
        let Some(next) = self.next.get() else { return };
        let mine = next.max(Instant::now());
        self.next.set(Some(mine + self.apart));
        sleep_until(mine).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_no_faster_than_they_may_be_once_that_is_asked_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (pace, begun) = (Pace::a_second(100), Instant::now());
            pace.heed();
            futures_util::future::join_all((0..11).map(|_| pace.turn())).await;
            assert!(begun.elapsed() >= Duration::from_millis(100));
        });
    }

    #[test]
    fn operations_of_one_quota_share_a_pace_and_others_do_not() {
        let paces = Paces::new();
        paces.of("PutResourcePolicy").unwrap().heed();
        assert!(paces.of("GetResourcePolicy").unwrap().next.get().is_some());
        assert!(paces.of("TagResource").unwrap().next.get().is_none());
        assert!(paces.of("DescribeSecret").is_none());
    }
}
