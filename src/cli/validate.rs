//! `goldenpath validate`

use std::path::PathBuf;

use super::judging::{Format, Range, judge};
use super::{Context, Failure, Outcome};
use crate::catalog::Selection;
use crate::manifest::Schema;
use crate::source::Repository;

/// Check manifests, and point at what is wrong
///
/// Checks the files and folders named, or the whole catalog. Uniqueness is always checked across the catalog. Exits
/// with 0 when there are no errors (warnings allowed), 1 when there are, and 2 when the check could not run.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("base").multiple(true)))]
pub(super) struct Args {
    /// Manifests and folders; the whole catalog if there are none
    paths: Vec<PathBuf>,
    /// Check what is staged for the next commit, as the git index holds it; with PATHS, those files in it, staged or not
    #[arg(long)]
    staged: bool,
    /// Check what a change adds, from where its history left this commit; the rules are this commit's too
    #[arg(long, value_name = "COMMIT", group = "base", conflicts_with_all = ["paths", "staged"])]
    from_ref: Option<String>,
    /// The change's last commit [default: HEAD]
    #[arg(long, value_name = "COMMIT", requires = "base", conflicts_with_all = ["paths", "staged"])]
    to_ref: Option<String>,
    /// Check what merging the change into this branch would make, without merging
    #[arg(long, value_name = "COMMIT", group = "base", conflicts_with_all = ["paths", "staged"])]
    merge_with: Option<String>,
    /// How to print the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    Schema::prepare();
    if args.from_ref.is_none() && args.merge_with.is_none() {
        let repository = Repository::discover()?;
        let range = if args.staged { Range::staged(&repository)? } else { Range::work_tree().over_time(&repository) };
        let selection = Selection::of(&repository, &args.paths)?;
        return judge(&repository, &range, &selection, args.format, context);
    }
    // Commits can be read without a work tree.
    let repository = Repository::discover_any()?;
    let to = args.to_ref.as_ref().map_or_else(|| repository.head(), |spec| repository.commit(spec))?;
    let range = match (&args.merge_with, args.from_ref.as_deref()) {
        (Some(target), _) => Range::merged(&repository, repository.commit(target)?, to)?,
        (None, Some(from)) if !is_no_commit(from) => Range::since(&repository, Some(repository.commit(from)?), to)?,
        (None, _) => Range::since(&repository, None, to)?,
    };
    judge(&repository, &range.over_time(&repository), &Selection::All, args.format, context)
}

/// What git writes for a ref that does not exist, on either side of a push (githooks, "pre-receive").
fn is_no_commit(spec: &str) -> bool {
    matches!(spec.len(), 40 | 64) && spec.bytes().all(|byte| byte == b'0')
}
