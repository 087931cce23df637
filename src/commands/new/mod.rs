//! `goldenpath new`

mod dialogue;
mod secret;

use clap::Subcommand;

use crate::cli::{Context, Outcome};
use crate::failure::Failure;

/// Write something new into the catalog
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Secret(Box<secret::Args>),
}

impl Args {
    /// Whether nothing may be drawn that a screen reader cannot read.
    pub(crate) fn is_plain(&self) -> bool {
        let What::Secret(args) = &self.what;
        args.plain
    }
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    match &args.what {
        What::Secret(args) => secret::run((**args).clone(), context),
    }
}
