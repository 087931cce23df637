//! `goldenpath value`: the only command that handles values.

mod change;
mod copy;
mod default_branch;
mod env;
mod generate;
mod input;
mod secret;
mod set;
mod status;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::hardening;
use crate::outcome::Outcome;

/// Set, generate, rotate, copy and inspect the values of secrets
///
/// The only command that handles values. It reads no value from an argument or an environment
/// variable and prints no value, only the names of keys. A work tree that sends a value to another
/// destination than the remote's default branch is rejected.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("value":
    "Type the value of a secret" => "goldenpath value set SEC-0001",
    "Generate the value of a secret" => "goldenpath value generate SEC-0001",
    "Show which secrets have a value" => "goldenpath value status",
))]
pub(crate) struct Args {
    #[command(subcommand)]
    command: ValueCommand,
}

#[derive(Debug, Subcommand)]
enum ValueCommand {
    Set(set::Args),
    Generate(generate::Args),
    Rotate(generate::RotateArgs),
    Copy(copy::Args),
    Status(status::Args),
    Env(env::Args),
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    hardening::forbid_dumps();
    match &args.command {
        ValueCommand::Set(args) => set::run(args, context),
        ValueCommand::Generate(args) => generate::run(args, context),
        ValueCommand::Rotate(args) => generate::rotate(args, context),
        ValueCommand::Copy(args) => copy::run(args, context),
        ValueCommand::Status(args) => status::run(args, context),
        ValueCommand::Env(args) => env::run(args, context),
    }
}
