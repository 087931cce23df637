//! Prints what a check reports and finds.

use std::mem;

use clap::ValueEnum;

use super::findings::{findings_for_people, fixable, summary};
use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Selection};
use goldenpath_core::check::{Checked, Note, Range, Reporter, check};
use goldenpath_core::report::{
    count, debug_for_github, findings_as_json, findings_as_sarif, findings_for_github,
};
use goldenpath_core::rules::{Finding, Severity};
use goldenpath_core::sanitize::{harmless, harmless_json};
use goldenpath_core::vcs::Repository;

/// How to print the findings.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    /// Findings with the lines of the file
    #[default]
    Human,
    /// One JSON object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands for annotations in GitHub Actions
    Github,
}

/// Prints notes of a check to standard error.
pub(crate) struct CheckReporter<'run> {
    /// With `--verbose`, files are named as this format does it; None: they are not named.
    format: Option<Format>,
    context: &'run Context,
}

impl<'run> CheckReporter<'run> {
    pub(crate) fn new(format: Option<Format>, context: &'run Context) -> Self {
        Self { format, context }
    }
}

impl Reporter for CheckReporter<'_> {
    fn note(&self, note: &Note<'_>) {
        let streams = &self.context.streams;
        match note {
            Note::Checking { .. } if !streams.verbose => {}
            Note::Checking { path } => {
                let line = format!("checking {path}");
                match self.format {
                    // GitHub's runner looks for commands on standard error too.
                    Some(Format::Github) => streams.talk_command(&debug_for_github(&line)),
                    Some(Format::Human | Format::Json | Format::Sarif) => streams.talk(&line),
                    None => {}
                }
            }
            Note::NothingSelected { catalog, is_staged: true } => streams.talk(&format!(
                "no manifest there in the index (`git add` stages one); the catalog is `{catalog}`"
            )),
            Note::NothingSelected { catalog, is_staged: false } => {
                streams.talk(&format!("no manifest there: the catalog is `{catalog}`"));
            }
            Note::NotUpstream { path, value, files, branch } => {
                streams.talk_once(&harmless(&format!(
                    "Warning: {path} uses `{value}`, which {files} of the upstream branch `{branch}` does not have yet. The \
                     rules of that branch judge a pull request: merge the change of {files} first."
                )));
            }
            Note::UpstreamUnknown { branch, error } => streams.talk_once(&harmless(&format!(
                "Warning: cannot compare with the rules of the upstream branch `{branch}`: {error}."
            ))),
        }
    }
}

/// Judges a range and prints what it finds. On the work tree and the index, `selection` says what it is about.
pub(crate) fn check_and_print(
    repository: &Repository,
    range: &Range,
    selection: &Selection,
    format: Format,
    context: &Context,
) -> Result<Outcome, Failure> {
    let Checked { catalog, findings, .. } =
        check(repository, range, selection, &CheckReporter::new(Some(format), context))?;
    print_findings(&catalog, &findings, format, context, || {
        if matches!(format, Format::Human)
            && let Some(hint) = fixable(&findings, range.fixing_command())
        {
            context.streams.result(&hint);
        }
    });
    // This is the end of the process, which takes all memory back at once and not manifest by manifest.
    mem::forget(catalog);
    Ok(outcome(&findings))
}

/// Prints findings, and what is to be said before the last line.
pub(crate) fn print_findings(
    catalog: &Catalog,
    findings: &[Finding],
    format: Format,
    context: &Context,
    before_the_last: impl FnOnce(),
) {
    let (files, look) = (catalog.selected().count(), context.streams.out);
    match format {
        Format::Human => {
            for drawn in findings_for_people(findings, catalog, look) {
                context.streams.result(&drawn);
            }
            before_the_last();
            context.streams.result(&summary(files, findings, look));
        }
        Format::Github => {
            for command in findings_for_github(findings) {
                context.streams.command(&command);
            }
            before_the_last();
            context.streams.result(&summary(files, findings, look));
        }
        Format::Sarif => {
            context.streams.result(&format!("{}\n", findings_as_sarif(files, findings, catalog)));
            before_the_last();
        }
        Format::Json => {
            let json = format!("{:#}", findings_as_json(files, findings));
            context.streams.result(&format!("{}\n", harmless_json(&json)));
            before_the_last();
        }
    }
}

/// What is found in a range, called by its name, beside what its rules find.
pub(crate) type Further<'a> = dyn Fn(&str, &Range, &Checked) -> Result<Vec<Finding>, Failure> + 'a;

/// Judges several ranges, each with its name and by what `further` finds as well, and sums up in one last line.
pub(crate) fn check_all(
    repository: &Repository,
    ranges: &[(&str, Range)],
    further: &Further<'_>,
    context: &Context,
) -> Result<Outcome, Failure> {
    let look = context.streams.out;
    let (mut files, mut all) = (0, Vec::new());
    for (name, range) in ranges {
        context.streams.talk(&format!("{name}:"));
        let mut judged = check(
            repository,
            range,
            &Selection::All,
            &CheckReporter::new(Some(Format::Human), context),
        )?;
        let more = further(name, range, &judged)?;
        judged.findings.extend(more);
        for drawn in findings_for_people(&judged.findings, &judged.catalog, look) {
            context.streams.result(&drawn);
        }
        files += judged.catalog.selected().count();
        all.extend(judged.findings);
    }
    context.streams.result(&summary(files, &all, look));
    Ok(outcome(&all))
}

pub(crate) fn outcome(findings: &[Finding]) -> Outcome {
    if count(findings, Severity::Error) > 0 { Outcome::Failed } else { Outcome::Done }
}
