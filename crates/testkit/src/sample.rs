//! Samples of long series of cases, so that `cargo test` stays short.

use std::ffi::OsStr;

/// If this variable is set, and not to `0`, every case of every series runs.
const ALL: &str = "GOLDENPATH_TEST_ALL";

/// Returns every `step`th of `cases`, from the first; all of them if `GOLDENPATH_TEST_ALL` is set.
///
/// `cargo xtask check --all` sets it.
pub fn sample<T>(cases: impl IntoIterator<Item = T>, step: usize) -> Vec<T> {
    let step = if is_set(std::env::var_os(ALL).as_deref()) { 1 } else { step };
    cases.into_iter().step_by(step).collect()
}

fn is_set(variable: Option<&OsStr>) -> bool {
    variable.is_some_and(|value| !value.is_empty() && value != "0")
}

#[test]
fn a_sample_has_the_first_case_and_every_case_where_the_variable_says_so() {
    assert_eq!(
        [None, Some(""), Some("0"), Some("1")].map(|set| is_set(set.map(OsStr::new))),
        [false, false, false, true]
    );
    let sampled = sample(0..10, 4);
    assert!(sampled == [0, 4, 8] || sampled == (0..10).collect::<Vec<_>>(), "{sampled:?}");
}
