//! The command line of this process: shared options, the run of a command, exit codes.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use jiff::Timestamp;

use crate::commands::{Command, OneCommand};
use crate::failure::Failure;
use crate::output::streams::Streams;

use crate::interrupt::INTERRUPTED;
use crate::output::style::ColorChoice;
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::config::Config;
use goldenpath_core::manifest::SecretRequest;
use goldenpath_core::sanitize::{harmless, runner};
use goldenpath_core::vcs::{Repository, Snapshot};

/// Manage secrets for Kubernetes on AWS by manifests in git
///
/// A SecretRequest in git describes a secret. goldenpath checks it at commit, creates the secret
/// in its store after the merge, and writes the ExternalSecret to the GitOps repository.
#[derive(Debug, Parser)]
#[command(
    name = "goldenpath",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "\
Examples:
  # Show all steps on an example, without network and AWS
  goldenpath demo
  # Set up a repository
  goldenpath init
  # Write a new manifest
  goldenpath new secret

Documentation: docs/README.md"
)]
struct Cli<C: Subcommand = Command> {
    #[command(subcommand)]
    command: C,
    #[command(flatten)]
    shared: Shared,
}

impl Cli {
    /// Parses the arguments of this process. Describing all commands to clap takes as long as
    /// starting the program, so only the one that is named is described, unless the message of an
    /// error or a help text may list others.
    fn read() -> Result<Self, clap::Error> {
        match Cli::<OneCommand>::try_parse() {
            Ok(Cli { command, shared }) => Ok(Self { command: command.into(), shared }),
            Err(error) if error.kind() == ErrorKind::DisplayVersion => Err(error),
            Err(_) => Self::try_parse(),
        }
    }
}

/// The options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shared options")]
struct Shared {
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Read FILE instead of goldenpath.yaml
    ///
    /// A command that checks against a base commit reads a FILE of the repository at that commit.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set when to use color; NO_COLOR and CLICOLOR_FORCE are respected
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true
    )]
    color: ColorChoice,
    /// Print only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print more: each checked file, each secret that is up to date
    #[arg(short, long, global = true, overrides_with = "verbose")]
    verbose: bool,
}

/// The result of a command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, with or without warnings.
    Done,
    /// Findings of severity error, or an action that failed.
    Failed,
    /// The plan has changes, with `--detailed-exitcode`.
    Changes,
    /// Stopped by a signal, in good order.
    Interrupted,
}

/// The settings and streams that commands run with.
pub(crate) struct Context {
    pub(crate) config: Option<PathBuf>,
    pub(crate) streams: Streams,
    /// The time of this run, the same for every check.
    pub(crate) now: Timestamp,
}

/// Returns the command line, for pages that are generated from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::<Command>::command()
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // The payload is not printed: it could contain a value.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!(
            "goldenpath: internal error at {place}. This is a bug; please report it with the \
             command that you ran."
        );
    }));
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return print_parse_error(&error),
    };
    let Shared { directory, config, color, quiet, verbose } = cli.shared;
    let color = if cli.command.is_plain() { ColorChoice::Never } else { color };
    let context =
        Context { config, streams: Streams::new(color, quiet, verbose), now: Timestamp::now() };
    let reports_changes = cli.command.reports_changes();
    let result = match directory.map(|directory| (std::env::set_current_dir(&directory), directory))
    {
        Some((Err(error), directory)) => Err(Failure::no_directory(&directory, &error)),
        _ => cli.command.run(&context),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Ok(Outcome::Changes) => ExitCode::from(2),
        Ok(Outcome::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(failure) => {
            context.streams.error(failure.report());
            ExitCode::from(if reports_changes { 1 } else { failure.exit_code() })
        }
    }
}

/// Prints clap's message for an invalid command line, the help or the version.
///
/// Returns the exit code.
fn print_parse_error(error: &clap::Error) -> ExitCode {
    // The message may quote any argument. If it cannot be printed, there is no other channel.
    if runner::is_reading() {
        let text = error.render().to_string();
        let text = runner::without_commands(&harmless(&text)).into_owned();
        let _ = if error.use_stderr() {
            io::stderr().write_all(text.as_bytes())
        } else {
            io::stdout().write_all(text.as_bytes())
        };
    } else {
        let _ = error.print();
    }
    match error.exit_code() {
        // With this flag, a pipeline takes 2 for changes and goes on to apply.
        2 if std::env::args_os().any(|argument| argument == "--detailed-exitcode") => {
            ExitCode::from(1)
        }
        code => ExitCode::from(u8::try_from(code).unwrap_or(2)),
    }
}

impl Context {
    /// Reads the repository's configuration from the snapshot `rules_from`.
    pub(crate) fn open(
        &self,
        repository: &Repository,
        rules_from: Snapshot,
    ) -> Result<Project, Failure> {
        Ok(Project::open(repository, rules_from, self.config.as_deref())?)
    }

    /// Reads only the work tree's `goldenpath.yaml`, for commands that need no rules.
    pub(crate) fn configuration(&self, repository: &Repository) -> Result<Config, Failure> {
        Ok(Project::configuration(repository, Snapshot::WorkTree, self.config.as_deref())?.config)
    }
}

/// Runs the asynchronous part of a command on this thread.
pub(crate) fn block_on(
    work: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::io("cannot start the runtime for calls to the store", &error))?
        .block_on(work)
}

/// Selects a part of the catalog by environment and service.
#[derive(Debug, clap::Args)]
pub(crate) struct SelectionArgs {
    /// Select this environment; may be repeated
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    pub(crate) environments: Vec<String>,
    /// Select this service; may be repeated
    #[arg(long = "service", value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
}

impl SelectionArgs {
    /// Rejects a name that selects nothing: it is probably misspelled.
    pub(crate) fn check(&self, project: &Project, catalog: &Catalog) -> Result<(), Failure> {
        let services: BTreeSet<&str> =
            catalog.requests().map(|request| request.service.as_str()).collect();
        let environments: BTreeSet<&str> =
            project.enums.environments.iter().map(String::as_str).collect();
        for (flag, given, known) in
            [("--env", &self.environments, environments), ("--service", &self.services, services)]
        {
            if let Some(unknown) = given.iter().find(|name| !known.contains(name.as_str())) {
                let known = known.into_iter().collect::<Vec<_>>().join(", ");
                return Err(Failure::usage(
                    format!("`{flag} {unknown}` selects nothing"),
                    format!("use one of {known}"),
                ));
            }
        }
        Ok(())
    }

    /// Returns whether it selects the whole catalog.
    pub(crate) fn is_open(&self) -> bool {
        self.environments.is_empty() && self.services.is_empty()
    }

    /// Returns whether it selects this manifest.
    pub(crate) fn holds(&self, request: &SecretRequest) -> bool {
        self.holds_names(request.environment.as_str(), request.service.as_str())
    }

    /// Returns whether it selects this environment and service.
    pub(crate) fn holds_names(&self, environment: &str, service: &str) -> bool {
        let selects =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        selects(&self.environments, environment) && selects(&self.services, service)
    }
}
