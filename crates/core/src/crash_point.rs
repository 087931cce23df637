//! Named points at which a test can end the process as a kill would.
//!
//! None in a release build.
//!
//! With `GOLDENPATH_CRASH_LIST=FILE` each point that the process reaches is written to the file:
//! `name`, then `name 2`, `name 3` when it is reached again. With `GOLDENPATH_CRASH_AT` set to one
//! of these, the process ends there; with `GOLDENPATH_PANIC_AT` it panics.

/// Ends the process here if a test requests it.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    use std::collections::BTreeMap;
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};

    static PASSED: Mutex<BTreeMap<&str, usize>> = Mutex::new(BTreeMap::new());

    let set = |name| std::env::var(name).ok();
    let (list, at) = (std::env::var_os("GOLDENPATH_CRASH_LIST"), set("GOLDENPATH_CRASH_AT"));
    let panic_at = set("GOLDENPATH_PANIC_AT");
    if list.is_none() && at.is_none() && panic_at.is_none() {
        return;
    }
    let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    let times = passed.entry(name).and_modify(|times| *times += 1).or_insert(1);
    let here = if *times == 1 { name.to_owned() } else { format!("{name} {times}") };
    if let Some(mut list) =
        list.and_then(|list| std::fs::File::options().append(true).create(true).open(list).ok())
    {
        // A missing line fails the test.
        let _ = writeln!(list, "{here}");
    }
    if at.is_some_and(|at| at == here) {
        std::process::abort();
    }
    drop(passed);
    #[allow(clippy::panic)] // A test asked for it.
    if panic_at.is_some_and(|at| at == here) {
        panic!("at {here}");
    }
}

/// Does nothing.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_: &'static str) {}
