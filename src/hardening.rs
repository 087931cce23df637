//! Protection of this process's memory.

/// Turns off core dumps and, on Linux, access to the memory by processes of the same user.
///
/// Uses prctl(2), `PR_SET_DUMPABLE`, or elsewhere getrlimit(2), `RLIMIT_CORE`. Best effort: the
/// command runs on if the system rejects the call.
pub(crate) fn forbid_dumps() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    #[cfg(all(unix, not(target_os = "linux")))]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
}
