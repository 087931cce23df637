//! Trying again what may go through the next time, and no faster than AWS takes it.
//!
//! The SDK's own retries do not know the quotas: in their standard mode all calls share 500 tokens of which each retry
//! costs five, so that of 1,000 creations at AWS's 50 a second (`bench/apply quota`) five ended in errors; and the adaptive
//! mode lets one call through in two seconds after the first throttling.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use tokio::time::sleep;

use super::AwsStore;
use crate::store::StoreError;
use goldenpath_core::manifest::StoreKey;

/// How often a call is made that AWS answers with "not now". Where every fourth answer is one, one call in a million ends
/// in an error.
const REFUSED: u32 = 10;

/// How often a call is made that nobody answers.
const UNANSWERED: u32 = 4;

/// After this time, one that nobody answers is not made again.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first wait; each one is twice as long as that before, up to the longest.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

impl AwsStore {
    /// The answer to a call, which `send` makes as often as it takes.
    pub(super) async fn ask<T, E, F>(
        &self,
        operation: &'static str,
        key: Option<&StoreKey>,
        send: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let (begun, pace) = (Instant::now(), self.paces.of(operation));
        let (mut refused, mut unanswered) = (0, 0);
        loop {
            if let Some(pace) = pace {
                pace.turn().await;
            }
            let error = match send().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let is_passing = is_passing(&error);
            let error = self.call(operation, key).failed(error);
            let goes_on = match &error {
                StoreError::Throttled { .. } => {
                    if let Some(pace) = pace {
                        pace.heed();
                    }
                    refused += 1;
                    refused < REFUSED
                }
                StoreError::Rejected { .. } if is_passing => {
                    refused += 1;
                    refused < REFUSED
                }
                StoreError::Unreachable { .. } => {
                    unanswered += 1;
                    unanswered < UNANSWERED && begun.elapsed() < PATIENCE
                }
                _ => false,
            };
            if !goes_on {
                return Err(error);
            }
            sleep(wait(refused + unanswered)).await;
        }
    }
}

/// Whether AWS had trouble of its own (Secrets Manager API Reference, "Common Errors").
fn is_passing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let SdkError::ServiceError(answer) = error else { return false };
    let passing =
        ["InternalServiceError", "InternalFailure", "ServiceUnavailable", "RequestTimeout"];
    answer.raw().status().is_server_error()
        || answer.err().code().is_some_and(|code| passing.contains(&code))
}

/// Between half and all of what it would be, so that calls which failed at once do not come back at once.
fn wait(failures: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    // Without a source of chance they come back at once.
    let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    full.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end_at_the_longest() {
        for (failures, full) in
            [(1, FIRST), (2, FIRST * 2), (3, FIRST * 4), (7, LONGEST), (u32::MAX, LONGEST)]
        {
            let wait = wait(failures);
            assert!(full / 2 <= wait && wait <= full, "{failures}: {wait:?}");
        }
    }
}
