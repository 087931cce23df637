//! Skips tests that cannot run on this machine.

use std::ffi::OsStr;
use std::io::Write;

/// If this variable is set, and not to `0`, no test may be skipped.
const NO_SKIPS: &str = "GOLDENPATH_TEST_NO_SKIPS";

/// Reports on stderr that the test is skipped, and why; the test returns after it.
///
/// Fails the test if no test may be skipped.
#[track_caller]
pub fn skip(why: &str) {
    assert!(
        !is_forbidden(std::env::var_os(NO_SKIPS).as_deref()),
        "this test cannot be skipped, since {NO_SKIPS} is set: {why}"
    );
    // Not `eprintln`, whose output the harness hides if the test passes.
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).ok();
}

fn is_forbidden(variable: Option<&OsStr>) -> bool {
    variable.is_some_and(|value| !value.is_empty() && value != "0")
}

#[test]
fn skipping_is_forbidden_where_the_variable_says_so_alone() {
    for (variable, forbidden) in [
        (None, false),
        (Some(""), false),
        (Some("0"), false),
        (Some("1"), true),
        (Some("yes"), true),
    ] {
        assert_eq!(is_forbidden(variable.map(OsStr::new)), forbidden, "{variable:?}");
    }
}
