//! The command line of this process: shared options, the run of a command, exit codes.

use std::collections::BTreeSet;
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

/// From a developer's intent to a secret in a Kubernetes cluster on AWS, and back out again.
///
/// A SecretRequest in git says what is needed; goldenpath checks it at commit, makes the secret in its store when it
/// merges, and puts the ExternalSecret into the GitOps repository.
#[derive(Debug, Parser)]
#[command(name = "goldenpath", version, propagate_version = true, max_term_width = 100)]
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

/// What every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shared options")]
struct Shared {
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Read FILE instead of goldenpath.yaml; in the repository, the base's content of it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// When to use colour; NO_COLOR and CLICOLOR_FORCE are honoured
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true
    )]
    color: ColorChoice,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more: each file that is checked, each secret that is already as it should be
    #[arg(short, long, global = true, overrides_with = "verbose")]
    verbose: bool,
}

/// What a command that ran to its end found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, warnings or none.
    Done,
    /// Findings of severity error, or an action that failed.
    Failed,
    /// Something to do, where `--detailed-exitcode` asks.
    Changes,
    /// Somebody asked it to stop, and it did in good order.
    Interrupted,
}

/// What the commands run with.
pub(crate) struct Context {
    pub(crate) config: Option<PathBuf>,
    pub(crate) streams: Streams,
    /// The time of this run, one for all that is judged by it.
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
        // Where, and never what: the payload could hold anything.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!(
            "goldenpath: internal error at {place}. This is a bug; please report it with the command that you ran."
        );
    }));
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    let Shared { directory, config, color, quiet, verbose } = cli.shared;
    let color = if cli.command.is_plain() { ColorChoice::Never } else { color };
    let context =
        Context { config, streams: Streams::new(color, quiet, verbose), now: Timestamp::now() };
    let two_means_changes = cli.command.two_means_changes();
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
            ExitCode::from(if two_means_changes { 1 } else { failure.exit_code() })
        }
    }
}

/// What clap says of a command line that it does not understand, or of one that asks for help or the version.
fn not_understood(error: &clap::Error) -> ExitCode {
    // An argument that the message quotes may hold anything. Where the message cannot be printed, there is no other way.
    if runner::is_reading() {
        let text = error.render().to_string();
        let text = runner::without_commands(&harmless(&text)).into_owned();
        let _ = match error.use_stderr() {
            true => io::stderr().write_all(text.as_bytes()),
            false => io::stdout().write_all(text.as_bytes()),
        };
    } else {
        let _ = error.print();
    }
    match error.exit_code() {
        // A pipeline that asked for it would take 2 for changes, and go on to apply.
        2 if std::env::args_os().any(|argument| argument == "--detailed-exitcode") => {
            ExitCode::from(1)
        }
        code => ExitCode::from(u8::try_from(code).unwrap_or(2)),
    }
}

impl Context {
    /// The repository's configuration, as the snapshot `rules_from` holds it.
    pub(crate) fn open(
        &self,
        repository: &Repository,
        rules_from: Snapshot,
    ) -> Result<Project, Failure> {
        Ok(Project::open(repository, rules_from, self.config.as_deref())?)
    }

    /// The work tree's `goldenpath.yaml` alone, for what needs no rules.
    pub(crate) fn configuration(&self, repository: &Repository) -> Result<Config, Failure> {
        Ok(Project::configuration(repository, Snapshot::WorkTree, self.config.as_deref())?.config)
    }
}

/// A part of the catalog, by environment and service.
#[derive(Debug, clap::Args)]
pub(crate) struct SelectionArgs {
    /// Only this environment; may be given several times
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    pub(crate) environments: Vec<String>,
    /// Only this service; may be given several times
    #[arg(long = "service", value_name = "SERVICE")]
    pub(crate) services: Vec<String>,
}

impl SelectionArgs {
    /// Refuses a name that selects nothing: most likely it is misspelt.
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
                    format!("there are {known}"),
                ));
            }
        }
        Ok(())
    }

    /// Whether it selects everything.
    pub(crate) fn is_open(&self) -> bool {
        self.environments.is_empty() && self.services.is_empty()
    }

    pub(crate) fn holds(&self, request: &SecretRequest) -> bool {
        self.holds_names(request.environment.as_str(), request.service.as_str())
    }

    pub(crate) fn holds_names(&self, environment: &str, service: &str) -> bool {
        let among =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        among(&self.environments, environment) && among(&self.services, service)
    }
}
