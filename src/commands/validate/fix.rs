//! `validate --fix` and `validate --diff`: applies fixes and prints the remaining findings.

use crate::check_report::{CheckReporter, Format, outcome, print_findings};
use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::diff::{FileDiff, diff_for_people};
use crate::output::findings::count_of;
use goldenpath_core::catalog::{Entry, Selection};
use goldenpath_core::check::{Checked, Range, check};
use goldenpath_core::fixes;
use goldenpath_core::fixes::{FixContext, FixOutcome};
use goldenpath_core::rules::{Applicability, ConfidentialSpans, Finding, Fix};
use goldenpath_core::sanitize::sanitize_name;
use goldenpath_core::vcs::Repository;

/// The number of files from which on writing them takes noticeable time.
const MANY: usize = 500;

/// The options of fixing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixArgs {
    /// Whether the fixes are only shown.
    pub(crate) is_dry_run: bool,
    /// Whether fixes that need a review are applied, too.
    pub(crate) with_unsafe: bool,
    /// Whether a changed file fails the command, so that a hook stops the commit.
    pub(crate) fails_if_fixed: bool,
}

/// Fixes the manifests of a range in the work tree or the index.
pub(crate) fn fix(
    repository: &Repository,
    range: &Range,
    selection: &Selection,
    args: FixArgs,
    format: Format,
    context: &Context,
) -> Result<Outcome, Failure> {
    let Checked { project, catalog, findings } =
        check(repository, range, selection, &CheckReporter::new(Some(format), &context.streams))?;
    let fix_context = FixContext::of(repository);
    let fixed = fixes::apply(catalog, &project, findings, &fix_context, args.with_unsafe)?;
    for (path, why) in &fixed.unmoved {
        context.streams.message(&format!("not moved: {}: {why}", sanitize_name(path)));
    }
    if args.is_dry_run {
        for rewrite in &fixed.rewrites {
            let Some(after) = fixed.catalog.at(&rewrite.path) else { continue };
            let (old, new) = ConfidentialSpans::of_change(&rewrite.before, after, &project);
            let masked = |confidential: &ConfidentialSpans, entry: &Entry| {
                confidential.mask(&entry.text).into_owned()
            };
            let difference = FileDiff {
                from: &rewrite.before.path,
                to: &rewrite.path,
                before: &masked(&old, &rewrite.before),
                after: &masked(&new, after),
            };
            context.streams.result(&diff_for_people(&difference, context.streams.out));
        }
        summarize(&fixed, &fixed.findings, "would fix", args)
            .iter()
            .for_each(|line| context.streams.message(line));
        return Ok(if fixed.rewrites.is_empty() { Outcome::Done } else { Outcome::Failed });
    }
    if fixed.rewrites.len() >= MANY {
        context.streams.message(&format!("writing {} …", count_of(fixed.rewrites.len(), "file")));
    }
    fixes::write(repository, &fixed.catalog, &fixed.rewrites)?;
    let rest = if fixed.rewrites.is_empty() {
        None
    } else {
        // Checks the written files, and not the files that the fixes should have written.
        let selection = follow_moves(selection, &fixed);
        let reporter = CheckReporter::new(None, &context.streams);
        Some(check(&Repository::discover_to_read()?, range, &selection, &reporter)?)
    };
    let (catalog, findings) = match &rest {
        Some(rest) => (&rest.catalog, &rest.findings),
        None => (&fixed.catalog, &fixed.findings),
    };
    let line = |done: &fixes::AppliedFix| {
        format!(
            "fixed {}: {} {}",
            sanitize_name(&done.path),
            done.rule.code,
            sanitize_name(&done.message)
        )
    };
    let lines: Vec<String> = fixed.applied.iter().map(line).collect();
    // In other formats, programs read standard output.
    let print = |line: &str| match format {
        Format::Human => context.streams.result(&format!("{line}\n")),
        Format::Json | Format::Sarif | Format::Github => context.streams.message(line),
    };
    lines.iter().for_each(|line| print(line));
    if !lines.is_empty() && !findings.is_empty() {
        print("");
    }
    print_findings(catalog, findings, format, &context.streams, || {
        summarize(&fixed, findings, "fixed", args).iter().for_each(|line| print(line));
    });
    if args.fails_if_fixed && !fixed.rewrites.is_empty() {
        return Ok(Outcome::Failed);
    }
    Ok(outcome(findings))
}

/// Returns the selection with the new paths of moved files.
fn follow_moves(selection: &Selection, fixed: &FixOutcome) -> Selection {
    match selection {
        Selection::All => Selection::All,
        Selection::Buffer(buffer) => Selection::Buffer(buffer.clone()),
        Selection::Paths(paths) => {
            let moved = fixed.rewrites.iter().filter(|rewrite| rewrite.path != rewrite.before.path);
            Selection::Paths(
                paths.iter().cloned().chain(moved.map(|rewrite| rewrite.path.clone())).collect(),
            )
        }
    }
}

/// Returns the lines with the number of fixed findings and of further unsafe fixes.
fn summarize(fixed: &FixOutcome, rest: &[Finding], verb: &str, args: FixArgs) -> Vec<String> {
    let done = fixed.applied.len();
    let mut lines = Vec::new();
    if done + rest.len() > 0 {
        let files = match fixed.rewrites.len() {
            0 => String::new(),
            files => format!(" in {}", count_of(files, "file")),
        };
        lines.push(format!("{verb} {done} of {}{files}", count_of(done + rest.len(), "finding")));
    }
    let is_unsafe = |fix: &Fix| fix.applicability == Applicability::Unsafe;
    let more = rest.iter().filter(|finding| finding.fix.as_ref().is_some_and(is_unsafe)).count();
    if more > 0 && !args.with_unsafe {
        lines.push(format!(
            "{more} more fixable with `--unsafe-fixes`; review the changes with `--diff` first"
        ));
    }
    lines
}
