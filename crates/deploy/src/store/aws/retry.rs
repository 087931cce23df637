//! Retries of transient errors, within AWS's rate limits, and of answers from before a write.
//!
//! The SDK's own retries do not know the quotas. In standard mode, all calls share 500 tokens and
//! each retry costs five: of 1,000 creations at AWS's 50 per second (`bench/apply quota`), five
//! failed. In adaptive mode, one call is made in two seconds after the first throttling.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use tokio::time::sleep;

use super::AwsStore;
use super::consistency::Patience;
use super::error::INTERNAL;
use crate::store::StoreError;
use goldenpath_core::manifest::StoreKey;

/// The maximum number of tries if AWS throttles a call or has an internal error.
///
/// If every fourth response is such an error, one call in a million fails.
const MAX_REJECTED: u32 = 10;

/// The maximum number of tries without a response.
const MAX_UNANSWERED: u32 = 4;

/// A call without a response is not retried after this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first wait; it doubles with each retry, up to the longest.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

impl AwsStore {
    /// Makes a call, with retries, and returns its response.
    pub(super) async fn query<T, E, F>(
        &self,
        operation: &'static str,
        key: Option<&StoreKey>,
        send: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let (begun, rate_limit) = (Instant::now(), self.rate_limits.of(operation));
        let (mut rejected, mut unanswered) = (0, 0);
        let mut patience: Option<Patience> = None;
        loop {
            if let Some(rate_limit) = rate_limit {
                rate_limit.wait().await;
            }
            let error = match send().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let is_internal = is_internal(&error);
            let error = self.call(operation, key).failed(error);
            if let Some(key) = key.filter(|key| self.written.explains(operation, key, &error)) {
                let patience = patience.get_or_insert_with(|| self.written.patience(key));
                if patience.wait(key).await {
                    continue;
                }
                let reason = error.to_string();
                return Err(StoreError::NotVisible { name: key.to_string(), reason });
            }
            let is_retried = match &error {
                StoreError::Throttled { .. } => {
                    if let Some(rate_limit) = rate_limit {
                        rate_limit.start();
                    }
                    rejected += 1;
                    rejected < MAX_REJECTED
                }
                StoreError::Rejected { .. } if is_internal => {
                    rejected += 1;
                    rejected < MAX_REJECTED
                }
                StoreError::Unreachable { .. } => {
                    unanswered += 1;
                    unanswered < MAX_UNANSWERED && begun.elapsed() < PATIENCE
                }
                _ => false,
            };
            if !is_retried {
                let may_have_arrived = unanswered > 0 || is_internal;
                return Err(match may_have_arrived && is_write(operation) {
                    true => self.call(operation, key).without_result(error),
                    false => error,
                });
            }
            sleep(wait(rejected + unanswered)).await;
        }
    }
}

fn is_write(operation: &str) -> bool {
    !["Describe", "Get", "List", "Validate"].iter().any(|read| operation.starts_with(read))
}

/// Returns whether AWS had an internal error.
///
/// Source: Secrets Manager API Reference, "Common Errors".
fn is_internal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let SdkError::ServiceError(answer) = error else { return false };
    answer.raw().status().is_server_error()
        || answer.err().code().is_some_and(|code| INTERNAL.contains(&code))
}

/// Returns the wait after this number of failures.
///
/// It is shortened at random by up to half, so that calls that failed together are not retried
/// together.
fn wait(failures: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    // Without random numbers, the wait is the full one.
    let random = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    full.mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        for (failures, full) in
            [(1, FIRST), (2, FIRST * 2), (3, FIRST * 4), (7, LONGEST), (u32::MAX, LONGEST)]
        {
            let wait = wait(failures);
            assert!(full / 2 <= wait && wait <= full, "{failures}: {wait:?}");
        }
    }
}
