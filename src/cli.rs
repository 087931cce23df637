//! The command line of this process: shared options, the run of a command, exit codes.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use jiff::Timestamp;

use crate::commands;
use crate::commands::{Command, NamedCommand};
use crate::context::{CONFIG_VARIABLE, Context};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::streams::Streams;
use crate::prompt::ask_mfa_code;

use crate::interrupt::INTERRUPTED;
use crate::output::style::ColorChoice;
use goldenpath_core::sanitize::{runner, sanitize};
use goldenpath_core::vcs::git;
use goldenpath_deploy::store;

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
        match Cli::<NamedCommand>::try_parse() {
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
    /// Read FILE instead of goldenpath.yaml [env: GOLDENPATH_CONFIG]
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
    commands::answer_shell(command);
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return print_parse_error(&error),
    };
    let Shared { directory, config, color, quiet, verbose } = cli.shared;
    let color = if cli.command.is_plain() { ColorChoice::Never } else { color };
    let set = std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty());
    let context = Context {
        config: config.clone().or(set.map(PathBuf::from)),
        streams: Streams::new(color, quiet, verbose),
        now: Timestamp::now(),
        command,
    };
    git::set_listener(Streams::listener(quiet));
    store::set_listener(Streams::listener(quiet));
    let terminal = context.streams.err;
    store::set_code_prompt(move |words| ask_mfa_code(words, terminal));
    let reports_changes = cli.command.reports_changes();
    let result = match directory.map(|directory| (std::env::set_current_dir(&directory), directory))
    {
        Some((Err(error), directory)) => Err(Failure::no_directory(&directory, &error)),
        _ => {
            if config.is_none() && cli.command.reads_configuration() {
                context.warn_of_unused_config();
            }
            cli.command.run(&context)
        }
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
    if runner::reads_output() {
        let text = error.render().to_string();
        let text = runner::escape_commands(&sanitize(&text)).into_owned();
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
