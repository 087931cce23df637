//! `goldenpath value`: the one command that handles values.

mod base;
mod changing;
mod env;
mod generate;
mod given;
mod set;
mod status;
mod subject;

use clap::Subcommand;

use super::{Context, Failure, Outcome};
use crate::hardening;

/// Put the value of a secret in, make it, renew it, and see how it stands
///
/// The one command that handles values. It takes none from an argument or an environment variable and prints none; only
/// their keys are named. Where the work tree sends a value elsewhere than the default branch of the remote does, it is
/// refused.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Set(set::Args),
    Generate(generate::Args),
    Rotate(generate::RotateArgs),
    Status(status::Args),
    Env(env::Args),
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    hardening::forbid_dumps();
    match &args.command {
        Command::Set(args) => set::run(args, context),
        Command::Generate(args) => generate::run(args, context),
        Command::Rotate(args) => generate::rotate(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Env(args) => env::run(args, context),
    }
}
