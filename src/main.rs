//! Arguments in, exit code out.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// What is given back is wiped first: values go through the libraries of TLS and AWS, which do not wipe them.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    goldenpath::cli::main()
}
