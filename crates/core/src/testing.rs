//! Findings and configuration errors in memory, for the unit tests of rules and configuration.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(unreachable_pub, reason = "the test kit compiles it as a public module")]
mod manifests;

use std::sync::LazyLock;

use miette::{Diagnostic, SourceSpan};

pub(crate) use self::manifests::*;

use crate::catalog::{Catalog, Entry, Project, ProjectError, services_of};
use crate::rules::{Finding, RuleSet, Severity};
use crate::vcs::{File, Snapshot};

/// Generates one test per row: `table(check): name(arguments); …`.
macro_rules! cases {
    ($table:ident($check:path): $($name:ident($($argument:expr),* $(,)?);)+) => {
        mod $table {
            #[allow(unused_imports, reason = "a row may need no name of the file")]
            use super::*;

            $(
                #[test]
                fn $name() {
                    $check($($argument),*);
                }
            )+
        }
    };
}

pub(crate) use cases;

/// An expected finding; of the message and the help, a part.
pub(crate) struct Expected<'a> {
    /// `GP105 not-in-enum`
    pub(crate) rule: &'a str,
    pub(crate) pointer: &'a str,
    /// `13:11..13:17`
    pub(crate) place: &'a str,
    /// The text at the place.
    pub(crate) under: &'a str,
    pub(crate) message: &'a str,
    pub(crate) help: &'a str,
}

/// A configuration error as users see it.
#[derive(Debug)]
pub(crate) struct ShownError {
    /// With the file's path in front.
    pub(crate) message: String,
    pub(crate) help: String,
    /// `goldenpath.yaml:4:3`; empty for the file as a whole.
    pub(crate) place: String,
}

/// A configuration that lists what belongs to the services `payments` and `web`.
pub(crate) const OWNERSHIP: &str = "\
ownership:
  services:
    payments:
      { owners: [team-payments], namespaces: [payments, \"pay-*\"], accounts: [\"123456789012\"] }
    web: { owners: [app-team, sre-team], namespaces: [web] }
";

/// Asserts the rows of the findings in the seed and [`web`] with a configuration; returns them.
#[track_caller]
pub(crate) fn assert_web(config: &str, edits: &[(&str, &str)], expected: &[&str]) -> Vec<Finding> {
    let text = web(edits);
    let found = findings(&[(SEED_PATH, SEED), (WEB_PATH, &text), ("goldenpath.yaml", config)]);
    assert_eq!(rows(&found), expected, "{:?}", shown(&found));
    found
}

/// Returns the findings in `files`: manifests, and the configuration that applies to them.
#[track_caller]
pub(crate) fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
    findings_at(files, |_| true)
}

/// Returns the findings in those of `files` that are selected.
#[track_caller]
pub(crate) fn findings_at(
    files: &[(&str, &str)],
    is_selected: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    check(files, is_selected).unwrap_or_else(|error| panic!("{error}"))
}

/// The project without any configuration, which most tests share: compiling a schema takes time.
static BUILT_IN: LazyLock<Project> =
    LazyLock::new(|| Project::in_memory(&[]).expect("the built-in configuration"));

fn check(
    files: &[(&str, &str)],
    is_selected: impl Fn(&str) -> bool,
) -> Result<Vec<Finding>, ProjectError> {
    if files.iter().all(|(path, _)| BUILT_IN.is_manifest(path)) {
        return check_in(&BUILT_IN, files, is_selected);
    }
    check_in(&Project::in_memory(files)?, files, is_selected)
}

fn check_in(
    project: &Project,
    files: &[(&str, &str)],
    is_selected: impl Fn(&str) -> bool,
) -> Result<Vec<Finding>, ProjectError> {
    let manifests = files.iter().filter(|(path, _)| project.is_manifest(path));
    let entries = manifests.map(|(path, text)| {
        let file = File { path: (*path).to_owned(), bytes: Ok(text.as_bytes().to_vec()) };
        Entry::read(file, is_selected(path), project)
    });
    let mut catalog = Catalog::of(Snapshot::WorkTree, entries.collect());
    catalog.services = services_of(catalog.entries.iter().map(|entry| &*entry.path), project);
    Ok(RuleSet::of(project)?.check(catalog)?.1)
}

/// Returns the findings in a manifest at the seed's path.
#[track_caller]
pub(crate) fn findings_in(text: &str) -> Vec<Finding> {
    findings(&[(SEED_PATH, text)])
}

/// Asserts that a manifest has no findings.
#[track_caller]
pub(crate) fn assert_clean(text: &str) {
    assert_eq!(shown(&findings_in(text)), Vec::<String>::new());
}

/// Asserts that a manifest has this finding and no other.
#[track_caller]
pub(crate) fn assert_only(text: &str, expected: &Expected<'_>) {
    let found = findings_in(text);
    assert_eq!(found.len(), 1, "{:#?}", shown(&found));
    assert_finding(&found[0], text, expected);
}

#[track_caller]
pub(crate) fn assert_finding(found: &Finding, text: &str, expected: &Expected<'_>) {
    let all = shown(std::slice::from_ref(found));
    assert_eq!(format!("{} {}", found.rule.code, found.rule.name), expected.rule, "{all:?}");
    assert_eq!(found.pointer, expected.pointer, "{all:?}");
    assert_eq!(place(found), expected.place, "{all:?}");
    assert_eq!(&text[found.span.clone()], expected.under, "{all:?}");
    assert!(found.message.contains(expected.message), "{all:?}");
    assert!(found.help.contains(expected.help), "{all:?}");
    assert!(!found.help.is_empty(), "{all:?}");
}

/// Returns the place of a finding as `line:column..end line:end column`.
pub(crate) fn place(found: &Finding) -> String {
    let place = found.place;
    format!("{}:{}..{}:{}", place.line, place.column, place.end_line, place.end_column)
}

/// Returns the codes of findings.
pub(crate) fn codes(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(|found| found.rule.code).collect()
}

/// Returns the rows `error GP206 /metadata/owner` of findings.
pub(crate) fn rows(found: &[Finding]) -> Vec<String> {
    let row = |found: &Finding| {
        let severity = match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        format!("{severity} {} {}", found.rule.code, found.pointer)
    };
    found.iter().map(row).collect()
}

/// Returns findings as text for the message of a failed test.
pub(crate) fn shown(found: &[Finding]) -> Vec<String> {
    let line = |found: &Finding| {
        let Finding { rule, path, message, help, .. } = found;
        format!("{} {path}:{} {message} help: {help}", rule.code, place(found))
    };
    found.iter().map(line).collect()
}

/// Returns the error of a configuration that cannot be used.
#[track_caller]
pub(crate) fn error_of(files: &[(&str, &str)]) -> ShownError {
    match check(files, |_| true) {
        Ok(found) => panic!("no error, but {:#?}", shown(&found)),
        Err(error) => ShownError {
            message: error.to_string(),
            help: error.help().map(|help| help.to_string()).unwrap_or_default(),
            place: shown_place(&error),
        },
    }
}

/// Returns the place that a drawing of the error names first.
fn shown_place(error: &dyn Diagnostic) -> String {
    let (Some(source), Some(mut labels)) = (error.source_code(), error.labels()) else {
        return String::new();
    };
    let label = labels.find(miette::LabeledSpan::primary).expect("a primary label");
    let span: SourceSpan = *label.inner();
    let read = source.read_span(&span, 0, 0).expect("a place in the text");
    format!("{}:{}:{}", read.name().unwrap_or_default(), read.line() + 1, read.column() + 1)
}
