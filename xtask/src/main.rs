//! Development tasks: `cargo xtask check`, `cargo xtask docs` and `cargo xtask site`.

mod check;
mod docs;
mod pages;
mod site;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The development tasks of goldenpath
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run the checks that a change must pass besides `cargo test`
    Check {
        /// Run the slow checks too: nextest, mutants, packages, other features
        #[arg(long)]
        all: bool,
    },
    /// Write the generated pages below docs/reference
    Docs {
        /// Write nothing; fail if a page is out of date
        #[arg(long)]
        check: bool,
    },
    /// Build the documentation site into target/site
    Site,
}

/// Returns the root of the workspace.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Check { all } => check::run(all),
        Task::Docs { check } => docs::run(check),
        Task::Site => site::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
