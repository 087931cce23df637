//! `goldenpath new`

mod dialogue;
mod secret;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Write new manifests into the catalog
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("new":
    "Answer questions and write a new manifest" => "goldenpath new secret",
    "Copy a manifest to another environment" => "goldenpath new secret --from SEC-0001 --env prod",
))]
pub(crate) struct Args {
    #[command(subcommand)]
    command: NewCommand,
}

#[derive(Debug, Subcommand)]
enum NewCommand {
    Secret(Box<secret::Args>),
}

impl Args {
    /// Returns whether the output must suit a screen reader: no colors, nothing redrawn.
    pub(crate) fn is_plain(&self) -> bool {
        let NewCommand::Secret(args) = &self.command;
        args.plain
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    match &args.command {
        NewCommand::Secret(args) => secret::run((**args).clone(), context),
    }
}
