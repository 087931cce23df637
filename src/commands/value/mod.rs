//! `goldenpath value`: the one command that handles values.

mod default_branch;
mod change;
mod env;
mod generate;
mod input;
mod set;
mod status;
mod secret;

use clap::Subcommand;

use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use crate::hardening;

/// Put the value of a secret in, make it, renew it, and see how it stands
///
/// The one command that handles values. It takes none from an argument or an environment variable and prints none; only
/// their keys are named. Where the work tree sends a value elsewhere than the default branch of the remote does, it is
/// refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: ValueCommand,
}

#[derive(Debug, Subcommand)]
enum ValueCommand {
    Set(set::Args),
    Generate(generate::Args),
    Rotate(generate::RotateArgs),
    Status(status::Args),
    Env(env::Args),
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    hardening::forbid_dumps();
    match &args.command {
        ValueCommand::Set(args) => set::run(args, context),
        ValueCommand::Generate(args) => generate::run(args, context),
        ValueCommand::Rotate(args) => generate::rotate(args, context),
        ValueCommand::Status(args) => status::run(args, context),
        ValueCommand::Env(args) => env::run(args, context),
    }
}
