//! Not too many calls a second, for an operation whose quota is low.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Hands out turns, each a little after the one before. What AWS would throttle costs a retry and its wait.
#[derive(Debug)]
pub(super) struct Pace {
    apart: Duration,
    next: Cell<Option<Instant>>,
}

impl Pace {
    pub(super) fn a_second(turns: u32) -> Self {
        Self { apart: Duration::from_secs(1) / turns.max(1), next: Cell::new(None) }
    }

    /// Waits until it is this caller's turn.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let mine = self.next.get().map_or(now, |next| next.max(now));
        self.next.set(Some(mine + self.apart));
        sleep_until(mine).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_no_faster_than_they_may_be() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (pace, begun) = (Pace::a_second(100), Instant::now());
            futures_util::future::join_all((0..11).map(|_| pace.turn())).await;
            assert!(begun.elapsed() >= Duration::from_millis(100));
        });
    }
}
