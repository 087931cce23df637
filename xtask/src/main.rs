//! Development tasks: the checks, the generated pages, and what a release is made of.

mod check;
mod docs;
mod linux_packages;
mod mirror;
mod npm;
mod packages;
mod pages;
mod platform;
mod process;
mod release;
mod reproduce;
mod site;
mod wheel;

use std::path::{Path, PathBuf};
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
    /// Write the generated pages below docs/reference, and hooks-mirror
    Docs {
        /// Write nothing; fail if a page is out of date
        #[arg(long)]
        check: bool,
    },
    /// Build the documentation site into target/site
    Site,
    /// Build the wheel of this machine, install it from the file, and run it
    Wheel {
        /// The profile of Cargo; a release has `dist`
        #[arg(long, default_value = "dist")]
        profile: String,
    },
    /// Create the archive and the packages of one platform from its program
    Packages {
        /// The program, which must run here: it prints its manual pages
        #[arg(long)]
        binary: PathBuf,
        /// The platform, by Rust's name
        #[arg(long, default_value = env!("TARGET"))]
        target: String,
        /// Where the packages go
        #[arg(long, default_value = "target/dist-packages")]
        out: PathBuf,
        /// Install each package from its file and run it; compress fast
        #[arg(long)]
        trial: bool,
    },
    /// Write the checksums, notes and package definitions of a release
    Release {
        /// The folder with the archives of all platforms
        folder: PathBuf,
        /// Where the archives can be downloaded, without their names
        #[arg(long)]
        url: String,
    },
    /// Build in two folders and compare the programs byte by byte
    Reproduce {
        /// The profile of Cargo; a release has `dist`
        #[arg(long, default_value = "dist")]
        profile: String,
    },
}

/// The version of goldenpath.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the root of the workspace.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Check { all } => check::run(all),
        Task::Docs { check } => docs::run(check),
        Task::Site => site::run(),
        Task::Wheel { profile } => wheel::run_with(&profile),
        Task::Packages { binary, target, out, trial } => {
            packages::run_for(&binary, &target, &out, trial)
        }
        Task::Release { folder, url } => release::run_for(&folder, &url),
        Task::Reproduce { profile } => reproduce::run_with(&profile),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
