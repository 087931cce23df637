//! The time of what is recorded.

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
