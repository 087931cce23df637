//! The output of a check: its notes and findings.

use std::mem;

use clap::ValueEnum;

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::findings::{count_of, findings_for_people, fixable, summary};
use crate::output::streams::Streams;
use goldenpath_core::catalog::{Catalog, Selection};
use goldenpath_core::check::{Checked, Note, Range, Reporter, check};
use goldenpath_core::report::{
    count, debug_for_github, findings_as_json, findings_as_sarif, findings_for_github,
};
use goldenpath_core::rules::{Finding, Severity};
use goldenpath_core::sanitize::{sanitize, sanitize_json};
use goldenpath_core::vcs::Repository;

/// The format of the findings.
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

/// Prints the notes of a check to stderr.
pub(crate) struct CheckReporter<'run> {
    /// The format of file names with `--verbose`; `None` prints none.
    format: Option<Format>,
    streams: &'run Streams,
}

impl<'run> CheckReporter<'run> {
    pub(crate) fn new(format: Option<Format>, streams: &'run Streams) -> Self {
        Self { format, streams }
    }
}

impl Reporter for CheckReporter<'_> {
    fn note(&self, note: &Note<'_>) {
        let streams = self.streams;
        match note {
            Note::Checking { .. } if !streams.verbose => {}
            Note::Checking { path } => {
                let line = format!("checking {path}");
                match self.format {
                    // GitHub's runner interprets commands on stderr, too.
                    Some(Format::Github) => streams.message_command(&debug_for_github(&line)),
                    Some(Format::Human | Format::Json | Format::Sarif) => streams.message(&line),
                    None => {}
                }
            }
            Note::NothingSelected { catalog, is_staged: true } => streams.message(&format!(
                "no manifest in the index at these paths (`git add` stages one); the catalog is \
                 `{catalog}`"
            )),
            Note::NothingSelected { catalog, is_staged: false } => {
                streams.message(&format!("no manifest at these paths: the catalog is `{catalog}`"));
            }
            Note::NotUpstream { path, value, files, branch } => {
                streams.message_once(&sanitize(&format!(
                    "Warning: {path} uses `{value}`, which {files} on the upstream branch \
                     `{branch}` does not have yet. Pull requests are checked by the rules of that \
                     branch: merge the change of {files} first."
                )));
            }
            Note::UnknownAge { count, first } => {
                streams.message_once(&unknown_ages(*count, first));
            }
            Note::StaleSchema { path, kind } => streams.message_once(&format!(
                "Warning: {path} has older lists than the enums, for editors: \
                 `goldenpath schema {kind} --write` updates it."
            )),
            Note::UnknownIds { count, first } => streams.message_once(&sanitize(&format!(
                "Note: the IDs of {} may have been used before, such as that of {first}: this \
                 clone's history is cut, and it has no audit trail. `git fetch --unshallow` \
                 fetches the history.",
                count_of(*count, "new manifest")
            ))),
            Note::UpstreamUnknown { branch, error } => streams.message_once(&sanitize(&format!(
                "Warning: cannot compare with the rules of the upstream branch `{branch}`: {error}."
            ))),
        }
    }
}

/// Notes the manifests whose ttl may have expired.
pub(crate) fn note_unknown_ages(catalog: &Catalog, context: &Context) {
    if let Some(first) = catalog.unknown_ages.first() {
        context.streams.message_once(&unknown_ages(catalog.unknown_ages.len(), first));
    }
}

fn unknown_ages(count: usize, first: &str) -> String {
    let manifests = count_of(count, "manifest");
    sanitize(&format!(
        "Note: the ttl of {manifests} may have expired, such as {first}: this clone's history is \
         cut, and its audit trail does not have them. `git fetch --unshallow` fetches the history."
    ))
    .into_owned()
}

/// Checks a range and prints its findings. `selection` applies to the work tree and the index.
pub(crate) fn check_and_print(
    repository: &Repository,
    range: &Range,
    selection: &Selection,
    format: Format,
    streams: &Streams,
) -> Result<Outcome, Failure> {
    let Checked { catalog, findings, .. } =
        check(repository, range, selection, &CheckReporter::new(Some(format), streams))?;
    print_findings(&catalog, &findings, format, streams, || {
        if matches!(format, Format::Human)
            && let Some(hint) = fixable(&findings, range.fixing_command())
        {
            streams.result(&hint);
        }
    });
    // The process ends here: skipping the drop of each manifest saves time.
    mem::forget(catalog);
    Ok(outcome(&findings))
}

/// Prints findings, calling `before_summary` before the last line.
pub(crate) fn print_findings(
    catalog: &Catalog,
    findings: &[Finding],
    format: Format,
    streams: &Streams,
    before_summary: impl FnOnce(),
) {
    let (files, terminal) = (catalog.selected().count(), streams.out);
    match format {
        Format::Human => {
            for drawn in findings_for_people(findings, catalog, terminal) {
                streams.result(&drawn);
            }
            before_summary();
            streams.result(&summary(files, findings, terminal));
        }
        Format::Github => {
            for command in findings_for_github(findings) {
                streams.command(&command);
            }
            before_summary();
            streams.result(&summary(files, findings, terminal));
        }
        Format::Sarif => {
            streams.result(&format!("{}\n", findings_as_sarif(files, findings, catalog)));
            before_summary();
        }
        Format::Json => {
            let json = format!("{:#}", findings_as_json(files, findings));
            streams.result(&format!("{}\n", sanitize_json(&json)));
            before_summary();
        }
    }
}

/// An additional check of a range with its name.
pub(crate) type ExtraCheck<'a> =
    dyn Fn(&str, &Range, &Checked) -> Result<Vec<Finding>, Failure> + 'a;

/// Checks several named ranges, also with `extra`, and prints one summary.
pub(crate) fn check_all(
    repository: &Repository,
    ranges: &[(&str, Range)],
    extra: &ExtraCheck<'_>,
    streams: &Streams,
) -> Result<Outcome, Failure> {
    let terminal = streams.out;
    let (mut files, mut all) = (0, Vec::new());
    for (name, range) in ranges {
        streams.message(&format!("{name}:"));
        let mut checked = check(
            repository,
            range,
            &Selection::All,
            &CheckReporter::new(Some(Format::Human), streams),
        )?;
        let more = extra(name, range, &checked)?;
        checked.findings.extend(more);
        for drawn in findings_for_people(&checked.findings, &checked.catalog, terminal) {
            streams.result(&drawn);
        }
        files += checked.catalog.selected().count();
        all.extend(checked.findings);
    }
    streams.result(&summary(files, &all, terminal));
    Ok(outcome(&all))
}

/// Returns the outcome of a check with these findings.
pub(crate) fn outcome(findings: &[Finding]) -> Outcome {
    if count(findings, Severity::Error) > 0 { Outcome::Failed } else { Outcome::Done }
}
