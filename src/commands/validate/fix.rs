//! `validate --fix` and `validate --diff`: what is judged is mended, and what is left of it told.

use crate::output::check::{CheckReporter, Format, outcome, print_findings};
use goldenpath_core::check::{Checked, Range, check};
use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use goldenpath_core::catalog::{Entry, Selection};
use crate::output::diff::{FileDiff, diff_for_people};
use crate::output::findings::count_of;
use goldenpath_core::fixes;
use goldenpath_core::fixes::{FixContext, FixOutcome};
use goldenpath_core::rules::{Applicability, Confidential, Finding, Fix};
use goldenpath_core::vcs::Repository;
use goldenpath_core::sanitize::harmless_name;

/// From how many files on writing them takes a while.
const MANY: usize = 500;

/// How far fixing goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixArgs {
    /// Show it, and write nothing.
    pub(crate) only_shown: bool,
    /// Also what a person should look at.
    pub(crate) unsafe_too: bool,
}

/// Fixes what a range has in it that can be fixed: of the work tree, or of the index.
pub(crate) fn fix(
    repository: &Repository,
    range: &Range,
    selection: &Selection,
    fixing: FixArgs,
    format: Format,
    context: &Context,
) -> Result<Outcome, Failure> {
    let Checked { project, catalog, findings } =
        check(repository, range, selection, &CheckReporter::new(Some(format), context))?;
    let ground = FixContext::of(repository);
    let mended = fixes::apply(catalog, &project, findings, &ground, fixing.unsafe_too)?;
    for (path, why) in &mended.unmoved {
        context.streams.talk(&format!("not moved: {}: {why}", harmless_name(path)));
    }
    if fixing.only_shown {
        for rewrite in &mended.rewrites {
            let Some(after) = mended.catalog.at(&rewrite.path) else { continue };
            let (old, new) = Confidential::of_change(&rewrite.before, after, &project);
            let masked = |confidential: &Confidential, entry: &Entry| {
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
        told(&mended, &mended.findings, "would fix", fixing)
            .iter()
            .for_each(|line| context.streams.talk(line));
        return Ok(if mended.rewrites.is_empty() { Outcome::Done } else { Outcome::Failed });
    }
    if mended.rewrites.len() >= MANY {
        context.streams.talk(&format!("writing {} …", count_of(mended.rewrites.len(), "file")));
    }
    fixes::write(repository, &mended.catalog, &mended.rewrites)?;
    let left = match mended.rewrites.is_empty() {
        true => None,
        // What is there now, and not what it was meant to be.
        false => Some(check(&Repository::discover()?, range, &followed(selection, &mended), &CheckReporter::new(None, context))?),
    };
    let (catalog, findings) = match &left {
        Some(left) => (&left.catalog, &left.findings),
        None => (&mended.catalog, &mended.findings),
    };
    let line = |done: &fixes::AppliedFix| {
        format!(
            "fixed {}: {} {}",
            harmless_name(&done.path),
            done.rule.code,
            harmless_name(&done.message)
        )
    };
    let lines: Vec<String> = mended.done.iter().map(line).collect();
    // Machines read standard output.
    let say = |line: &str| match format {
        Format::Human => context.streams.result(&format!("{line}\n")),
        Format::Json | Format::Sarif | Format::Github => context.streams.talk(line),
    };
    lines.iter().for_each(|line| say(line));
    if !lines.is_empty() && !findings.is_empty() {
        say("");
    }
    print_findings(catalog, findings, format, context, || {
        told(&mended, findings, "fixed", fixing).iter().for_each(|line| say(line));
    });
    Ok(outcome(findings))
}

/// What was selected, where it is now.
fn followed(selection: &Selection, mended: &FixOutcome) -> Selection {
    match selection {
        Selection::All => Selection::All,
        Selection::Paths(paths) => {
            let moved =
                mended.rewrites.iter().filter(|rewrite| rewrite.path != rewrite.before.path);
            Selection::Paths(
                paths.iter().cloned().chain(moved.map(|rewrite| rewrite.path.clone())).collect(),
            )
        }
    }
}

/// How much came of it, if there was anything to do, and what more there is.
fn told(mended: &FixOutcome, left: &[Finding], verb: &str, fixing: FixArgs) -> Vec<String> {
    let done = mended.done.len();
    let mut lines = Vec::new();
    if done + left.len() > 0 {
        let files = match mended.rewrites.len() {
            0 => String::new(),
            files => format!(" in {}", count_of(files, "file")),
        };
        lines.push(format!("{verb} {done} of {}{files}", count_of(done + left.len(), "finding")));
    }
    let is_unsafe = |fix: &Fix| fix.applicability == Applicability::Unsafe;
    let more = left.iter().filter(|finding| finding.fix.as_ref().is_some_and(is_unsafe)).count();
    if more > 0 && !fixing.unsafe_too {
        lines.push(format!(
            "{more} more fixable with `--unsafe-fixes`; look at what it does with `--diff`"
        ));
    }
    lines
}
