//! `--shard`: the part of the catalog that a job applies.

use std::str::FromStr;

use crate::failure::Failure;
use goldenpath_deploy::reconcile::Shard;

/// The argument of `--shard`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ShardArg {
    Of(Shard),
    Auto,
}

impl FromStr for ShardArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Of) }
    }
}

impl ShardArg {
    /// Returns the shard of this process, `auto` from the environment.
    pub(crate) fn resolve(self) -> Result<Shard, Failure> {
        let number = |name: &str| std::env::var(name).ok()?.trim().parse::<u64>().ok();
        if let Self::Of(shard) = self {
            return Ok(shard);
        }
        let (Some(index), Some(count)) =
            (number("JOB_COMPLETION_INDEX"), number("GOLDENPATH_SHARD_COUNT"))
        else {
            return Err(Failure::usage(
                "`--shard auto` needs the numbers JOB_COMPLETION_INDEX and \
                 GOLDENPATH_SHARD_COUNT in the environment",
                "run it in a Kubernetes Indexed Job that sets GOLDENPATH_SHARD_COUNT to its \
                 `completions`, or give I/N",
            ));
        };
        // Kubernetes counts from 0.
        Shard::new(index.saturating_add(1), count).ok_or_else(|| {
            Failure::usage(
                format!(
                    "`--shard auto`: JOB_COMPLETION_INDEX {index} is not below \
                     GOLDENPATH_SHARD_COUNT {count}"
                ),
                "set GOLDENPATH_SHARD_COUNT to the job's `completions`",
            )
        })
    }
}
