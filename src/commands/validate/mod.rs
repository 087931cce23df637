//! `goldenpath validate`

mod fix;

use std::io;
use std::io::Read;
use std::path::PathBuf;

use super::validate::fix::{FixArgs, fix};
use crate::check_report::{Format, check_and_print};
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use goldenpath_core::catalog::{Buffer, Selection};
use goldenpath_core::check::Range;
use goldenpath_core::manifest::MAX_BYTES;
use goldenpath_core::vcs::Repository;

/// Check manifests against the rules
///
/// Checks the given files and folders, or the whole catalog. Uniqueness is always checked across
/// the catalog. Exits with 0 if there are no errors (warnings are allowed), with 1 if there are
/// errors, and with 2 if the check could not run.
///
/// With --fix, safe fixes are applied first: misspelled fields and values, a value's case, fields
/// at the wrong level, files in the wrong folder. The exit code is then that of the remaining
/// findings.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("validate":
    "Check the whole catalog" => "goldenpath validate",
    "Check a pull request in CI" =>
        "goldenpath validate --from-ref origin/main --format github",
    "Check the unsaved text of an editor" =>
        "goldenpath validate - --stdin-filename catalogs/secrets/web/dev/SEC-0001.yaml < buffer",
    "Apply safe fixes to the staged files" => "goldenpath validate --staged --fix",
))]
#[command(group(clap::ArgGroup::new("base").multiple(true)))]
#[command(group(clap::ArgGroup::new("fixing").multiple(true)))]
pub(crate) struct Args {
    /// Manifests and folders, or - for standard input [default: the whole catalog]
    paths: Vec<PathBuf>,
    /// Check standard input as the unsaved text of PATH, which need not exist
    #[arg(long, value_name = "PATH", conflicts_with_all = ["base", "staged", "fixing"])]
    stdin_filename: Option<PathBuf>,
    /// Check the changes in the git index; with PATHS, these files of the index
    #[arg(long)]
    staged: bool,
    /// Check a change since its merge base with COMMIT, by the rules of COMMIT
    #[arg(long, value_name = "COMMIT", group = "base", conflicts_with_all = ["paths", "staged"])]
    from_ref: Option<String>,
    /// The change's last commit [default: HEAD]
    #[arg(long, value_name = "COMMIT", requires = "base", conflicts_with_all = ["paths", "staged"])]
    to_ref: Option<String>,
    /// Check the result of merging the change into COMMIT, without merging
    #[arg(long, value_name = "COMMIT", group = "base", conflicts_with_all = ["paths", "staged"])]
    merge_with: Option<String>,
    /// Apply safe fixes in place, preserving comments and formatting
    ///
    /// With --staged, the fixed files are staged.
    #[arg(long, group = "fixing", conflicts_with_all = ["base", "to_ref"])]
    fix: bool,
    /// Show the changes of --fix without writing; exit with 1 if there are any
    #[arg(long, group = "fixing", conflicts_with_all = ["base", "to_ref", "format"])]
    diff: bool,
    /// Apply fixes that need a review, too; look at them first with --diff
    #[arg(long, requires = "fixing")]
    unsafe_fixes: bool,
    /// Exit with 1 if --fix changed a file, even if no finding remains; for hooks
    #[arg(long, requires = "fix")]
    exit_non_zero_on_fix: bool,
    /// Set how to print the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    if args.from_ref.is_none() && args.merge_with.is_none() {
        let repository = Repository::discover_to_read()?;
        let range = if args.staged {
            Range::staged(&repository)?
        } else {
            Range::work_tree().with_time_rules(&repository, context.now)?
        };
        let range = range.with_config(context.config.as_deref());
        let selection = match args.buffer(&repository)? {
            Some(buffer) => Selection::Buffer(buffer),
            None => Selection::of(&repository, &args.paths)?,
        };
        if !args.fix && !args.diff {
            return check_and_print(&repository, &range, &selection, args.format, &context.streams);
        }
        let fix_args = FixArgs {
            is_dry_run: args.diff,
            with_unsafe: args.unsafe_fixes,
            fails_if_fixed: args.exit_non_zero_on_fix,
        };
        return fix(&repository, &range, &selection, fix_args, args.format, context);
    }
    // Reading commits needs no work tree.
    let repository = Repository::discover_any()?;
    let to =
        args.to_ref.as_ref().map_or_else(|| repository.head(), |spec| repository.commit(spec))?;
    let range = match (&args.merge_with, args.from_ref.as_deref()) {
        (Some(target), _) => Range::merged(&repository, repository.commit(target)?, to)?,
        (None, Some(from)) if !is_no_commit(from) => {
            Range::since(&repository, Some(repository.commit(from)?), to)?
        }
        (None, _) => Range::since(&repository, None, to)?,
    };
    let range = range.with_config(context.config.as_deref());
    let range = range.with_time_rules(&repository, context.now)?;
    check_and_print(&repository, &range, &Selection::All, args.format, &context.streams)
}

impl Args {
    /// Reads standard input if it is to be checked.
    fn buffer(&self, repository: &Repository) -> Result<Option<Buffer>, Failure> {
        let is_stdin = |path: &PathBuf| path.as_os_str() == "-";
        let Some(path) = &self.stdin_filename else {
            return match self.paths.iter().find(|path| is_stdin(path)) {
                None => Ok(None),
                Some(_) => Err(Failure::usage(
                    "standard input has no path, which the rules need",
                    "give --stdin-filename with the path of the manifest",
                )),
            };
        };
        if let Some(other) = self.paths.iter().find(|path| !is_stdin(path)) {
            return Err(Failure::usage(
                format!("`{}` is given together with --stdin-filename", other.display()),
                "check either files or standard input",
            ));
        }
        let inside = repository.path_inside(path).ok_or_else(|| {
            Failure::usage(
                format!("`{}` is not in the repository", path.display()),
                "give --stdin-filename with a path in the repository",
            )
        })?;
        let mut bytes = Vec::new();
        // One more than a manifest may have, so that a larger one is found.
        let read = io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| Failure::io("cannot read standard input", &error))?;
        Ok(Some(Buffer { path: inside, bytes }))
    }
}

/// Returns whether it is git's ID for a ref that does not exist (githooks, "pre-receive").
fn is_no_commit(spec: &str) -> bool {
    matches!(spec.len(), 40 | 64) && spec.bytes().all(|byte| byte == b'0')
}
