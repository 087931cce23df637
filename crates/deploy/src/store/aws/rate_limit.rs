//! Rate limits per operation, within AWS's quotas.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Calls per second for each group of operations.
///
/// Source: Secrets Manager quotas; none of these is adjustable. DescribeSecret is left out: its
/// quota is 10,000.
const QUOTAS: [(u32, &[&str]); 15] = [
    (50, &["CreateSecret"]),
    (50, &["UpdateSecret"]),
    (50, &["TagResource"]),
    (50, &["RotateSecret"]),
    (50, &["CancelRotateSecret"]),
    (50, &["RestoreSecret"]),
    (50, &["DeleteSecret"]),
    (50, &["ReplicateSecretToRegions"]),
    (50, &["RemoveRegionsFromReplication"]),
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

/// A rate limit for each group of operations with a quota.
#[derive(Debug)]
pub(super) struct RateLimits([RateLimit; QUOTAS.len()]);

impl RateLimits {
    pub(super) fn new() -> Self {
        Self(QUOTAS.map(|(calls, _)| RateLimit::per_second(calls)))
    }

    pub(super) fn of(&self, operation: &str) -> Option<&RateLimit> {
        QUOTAS.iter().position(|(_, group)| group.contains(&operation)).map(|index| &self.0[index])
    }
}

/// A rate limit that starts when AWS throttles a call.
///
/// Before that, no call waits: AWS accepts bursts, and emulators have no quotas. Then calls are
/// spaced, because a call that is throttled again waits even longer.
#[derive(Debug)]
pub(super) struct RateLimit {
    interval: Duration,
    next: Cell<Option<Instant>>,
}

impl RateLimit {
    fn per_second(calls: u32) -> Self {
        Self { interval: Duration::from_secs(1) / calls.max(1), next: Cell::new(None) }
    }

    /// Starts to limit the rate.
    pub(super) fn start(&self) {
        self.next.set(self.next.get().or_else(|| Some(Instant::now())));
    }

    /// Waits until the next call may be made.
    pub(super) async fn wait(&self) {
        let Some(next) = self.next.get() else { return };
        let start = next.max(Instant::now());
        self.next.set(Some(start + self.interval));
        sleep_until(start).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_spaced_once_the_limit_has_started() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (rate_limit, begun) = (RateLimit::per_second(100), Instant::now());
            rate_limit.start();
            futures_util::future::join_all((0..11).map(|_| rate_limit.wait())).await;
            assert!(begun.elapsed() >= Duration::from_millis(100));
        });
    }

    #[test]
    fn operations_of_one_quota_share_a_limit_and_others_do_not() {
        let rate_limits = RateLimits::new();
        rate_limits.of("PutResourcePolicy").unwrap().start();
        assert!(rate_limits.of("GetResourcePolicy").unwrap().next.get().is_some());
        assert!(rate_limits.of("TagResource").unwrap().next.get().is_none());
        assert!(rate_limits.of("DescribeSecret").is_none());
    }
}
