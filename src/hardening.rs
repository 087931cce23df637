//! Keeping what is in this process's memory in there.

/// From now on this process leaves no core dump, and no other process of the same user can read its memory (prctl(2),
/// `PR_SET_DUMPABLE`; elsewhere than on Linux, getrlimit(2), `RLIMIT_CORE`). Best effort: where the system refuses, the work goes on.
pub fn forbid_dumps() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    #[cfg(all(unix, not(target_os = "linux")))]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
}
