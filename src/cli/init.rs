//! `goldenpath init`
use super::{Context, Failure, Outcome};
/// x
#[derive(Debug, clap::Args)]
pub(super) struct Args {}
pub(super) fn run(_: &Args, _: &Context) -> Result<Outcome, Failure> {
    Ok(Outcome::Done)
}
