//! The time of what is recorded.

use std::time::Duration;

use jiff::Timestamp;

/// Returns the current time.
///
/// In a debug build, a test may set it as `GOLDENPATH_CLOCK`, in seconds since 1970.
#[must_use]
pub fn now() -> Timestamp {
    #[cfg(debug_assertions)]
    if let Some(time) = std::env::var("GOLDENPATH_CLOCK")
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds.parse().ok()?).ok())
    {
        return time;
    }
    Timestamp::now()
}

/// Returns how long an answer may be older than a write before it is taken as it is.
///
/// Two minutes. In a debug build, a test may set it as `GOLDENPATH_CONSISTENCY_LIMIT`, in seconds.
#[must_use]
pub fn consistency_limit() -> Duration {
    #[cfg(debug_assertions)]
    if let Some(seconds) =
        std::env::var("GOLDENPATH_CONSISTENCY_LIMIT").ok().and_then(|text| text.parse().ok())
    {
        return Duration::from_secs(seconds);
    }
    Duration::from_secs(120)
}
