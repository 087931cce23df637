//! The binary: runs the command line and returns its exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// Wipes memory when it is freed, because the TLS and AWS libraries do not wipe values.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    goldenpath::cli::main()
}
