//! `goldenpath codeowners`

use clap::ValueEnum;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::diff::{FileDiff, diff_for_people};
use goldenpath_core::codeowners;
use goldenpath_core::codeowners::{CodeownersFile, CodeownersLine, FileComparison, LinesState};
use goldenpath_core::files;
use goldenpath_core::sanitize::sanitize_json;
use goldenpath_core::vcs::{Repository, Snapshot};

/// Print the CODEOWNERS lines that follow from `ownership`
///
/// Each service's folder belongs to its owners, by their handles in `ownership.teams`. The rest of
/// the catalog, the rule files, CODEOWNERS itself and the pipelines (`.github/workflows/`,
/// `.gitlab-ci.yml`, `.gitlab-ci.goldenpath.yml`) belong to `ownership.platform`.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("codeowners":
    "Print the lines" => "goldenpath codeowners",
    "Write them into CODEOWNERS" => "goldenpath codeowners --write",
    "Fail if they are missing, out of date, overridden or excluded" =>
        "goldenpath codeowners --check",
))]
pub(crate) struct Args {
    /// Write the lines into CODEOWNERS, between marker comments
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Fail if CODEOWNERS lacks the lines, or other lines override or exclude them
    #[arg(long)]
    check: bool,
    /// Set how to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Human,
    /// One JSON object
    Json,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover()?;
    let project = context.open(&repository, Snapshot::WorkTree)?;
    let lines = codeowners::lines(&project, &codeowners::pipelines(&repository)?)?;
    if !args.write && !args.check {
        match args.format {
            Format::Human => {
                for CodeownersLine { pattern, owners } in &lines {
                    context.streams.result(&format!("{pattern} {}\n", owners.join(" ")));
                }
            }
            Format::Json => print(&json!({ "version": 1, "lines": lines }), context),
        }
        return Ok(Outcome::Done);
    }

    let file = codeowners::find(&repository)?;
    let comparison = file.compare(&lines)?;
    let is_current = comparison.state == LinesState::Current;
    if let (true, LinesState::Excluded(excluding)) = (args.write, &comparison.state) {
        let message = format!(
            "cannot write `{}`: paths of the lines that follow from `ownership` are excluded in {}",
            file.path,
            number_lines(excluding)
        );
        let help =
            "remove the exclusion (`!`): on GitLab, no other line gives an excluded path an owner";
        return Err(Failure::rejected(message, help));
    }
    if args.write && !is_current {
        let path = files::join_below(repository.root(), &file.path).map_err(|why| {
            Failure::rejected(
                format!("cannot write `{}`: {why}", file.path),
                "replace it with a regular file",
            )
        })?;
        files::write_atomic(&path, comparison.text.as_bytes())
            .map_err(|error| Failure::io(&format!("cannot write `{}`", file.path), &error))?;
    }
    match args.format {
        Format::Json => {
            let report = json!({
                "version": 1,
                "file": file.path,
                "state": comparison.state.as_str(),
                "written": args.write && !is_current,
                "lines": lines,
            });
            print(&report, context);
        }
        Format::Human if args.write => {
            let done = match (&file.text, is_current) {
                (_, true) => "unchanged",
                (None, false) => "created",
                (Some(_), false) => "updated",
            };
            context.streams.result(&format!("{done} {}\n", file.path));
        }
        Format::Human => show(&file, &comparison, context),
    }
    Ok(if args.write || is_current { Outcome::Done } else { Outcome::Failed })
}

/// Shows the result of a check, with the diff to the expected file.
fn show(file: &CodeownersFile, comparison: &FileComparison, context: &Context) {
    let path = &file.path;
    let found = match &comparison.state {
        LinesState::Current => {
            context.streams.message(&format!("{path} is up to date."));
            return;
        }
        LinesState::Missing if file.text.is_none() => {
            format!("There is no CODEOWNERS; it belongs at {path}.")
        }
        LinesState::Missing => {
            format!("{path} does not have the lines that follow from `ownership`.")
        }
        LinesState::Stale => format!("{path} is out of date."),
        LinesState::Overridden(later) => {
            format!(
                "{path}: {} may override the lines that follow from `ownership`: the last match \
                 wins.",
                number_lines(later)
            )
        }
        LinesState::Excluded(excluding) => {
            let found = format!(
                "{path}: {} may exclude paths of the lines that follow from `ownership`: on \
                 GitLab, no other line gives an excluded path an owner.",
                number_lines(excluding)
            );
            context.streams.rendered(&format!("{}\n", goldenpath_core::sanitize::sanitize(&found)));
            context
                .streams
                .message("Next: remove the exclusion (`!`), then goldenpath codeowners --write");
            return;
        }
    };
    let before = file.text.as_deref().unwrap_or_default();
    let difference = FileDiff { from: path, to: path, before, after: &comparison.text };
    context.streams.result(&diff_for_people(&difference, context.streams.out));
    context.streams.rendered(&format!("{}\n", goldenpath_core::sanitize::sanitize(&found)));
    context.streams.message("Next: goldenpath codeowners --write");
}

/// Returns the numbers of lines in words, the first five of them.
fn number_lines(lines: &[usize]) -> String {
    let numbers: Vec<String> = lines.iter().take(5).map(usize::to_string).collect();
    let (line, more) = match lines.len() {
        1 => ("line", String::new()),
        count if count > numbers.len() => ("lines", format!(" and {} more", count - numbers.len())),
        _ => ("lines", String::new()),
    };
    format!("{line} {}{more}", numbers.join(", "))
}

fn print(report: &serde_json::Value, context: &Context) {
    context.streams.result(&format!("{}\n", sanitize_json(&format!("{report:#}"))));
}
