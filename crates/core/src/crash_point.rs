//! Places at which a test can have the program end as a kill would end it, by their names. In a release build there are
//! none.
//!
//! With `GOLDENPATH_CRASH_LIST=FILE` each place that the program comes by is written to the file, as `name` and then
//! `name 2`, `name 3` where it comes by again. With `GOLDENPATH_CRASH_AT` set to one of these, it ends there, and with
//! `GOLDENPATH_PANIC_AT` it panics.

/// The program ends here, if a test wants it to.
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
        // A test that does not find it there fails.
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

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_: &'static str) {}
