//! A test that cannot be run here.

use std::ffi::OsStr;
use std::io::Write;

/// Where this variable is set, but for `0`, no test may be skipped.
const NO_SKIPS: &str = "GOLDENPATH_TEST_NO_SKIPS";

/// Reports on standard error that the test is skipped, and why; the test returns after it. Fails
/// the test where nothing may be skipped.
#[track_caller]
pub fn skip(why: &str) {
    assert!(
        !is_forbidden(std::env::var_os(NO_SKIPS).as_deref()),
        "this test cannot be skipped, since {NO_SKIPS} is set: {why}"
    );
    // Not `eprintln`, whose words the harness hides where a test passes.
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
