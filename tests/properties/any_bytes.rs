//! Properties that hold for any bytes. The tests and the fuzzers in `fuzz/` call the same five
//! functions.

use std::ops::Range;
use std::thread;

use goldenpath::output::diff::{FileDiff, diff_for_people};
use goldenpath::output::findings::{findings_for_people, render_report, summary};
use goldenpath::output::style::TerminalStyle;
use goldenpath_core::catalog::{Catalog, Entry, Project};
use goldenpath_core::config::{
    BUILT_IN_GOVERNANCE, Config, Enums, Governance, Policies, PolicySubject, SecretTypes,
};
use goldenpath_core::fixes::{FixContext, apply, check_fixes};
use goldenpath_core::manifest::{Schema, ValueFormat};
use goldenpath_core::report::{count, findings_as_json, findings_as_sarif, findings_for_github};
use goldenpath_core::rules::{ConfidentialSpans, Finding, RuleSet, Severity};
use goldenpath_core::sanitize::{runner, sanitize_json};
use goldenpath_core::vcs::{File, Repository, Snapshot};
use goldenpath_core::yaml::{self, Node, NodeValue, Place};
use goldenpath_deploy::value;
use miette::Diagnostic;
use secrecy::ExposeSecret;
use tempfile::TempDir;

#[path = "../../crates/core/src/sanitize/harmful.rs"]
#[allow(dead_code, reason = "the fuzzers need one function of it")]
mod harmful;

const SEED: &str = include_str!("../../crates/core/testdata/seed.yaml");

/// The path at which the seed belongs.
const PATH: &str = "catalogs/secrets/payments/dev/SEC-0007.yaml";

/// The maximum number of rounds in which a fix can enable another one (see `goldenpath::fixes`).
const ROUNDS: usize = 10;

const WIDE: TerminalStyle = TerminalStyle { color: false, unicode: true, width: 100 };
const NARROW: TerminalStyle = TerminalStyle { color: false, unicode: false, width: 40 };

thread_local! {
    static WORLD: World = World::new();
}

/// Returns an empty repository, which has the built-in rules only.
struct World {
    repository: Repository,
    project: Project,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        git2::Repository::init(folder.path()).expect("a repository in it");
        let repository = Repository::open(folder.path()).expect("the repository");
        let project =
            Project::open(&repository, Snapshot::WorkTree, None).expect("what is built in");
        Self { repository, project, _folder: folder }
    }

    /// Checks the files with all rules on manifests, and applies the fixes.
    fn judge(&self, files: &[&[u8]]) -> (Catalog, Vec<Finding>) {
        let read = |(number, bytes): (usize, &&[u8])| {
            let path = format!("catalogs/secrets/payments/dev/SEC-{:04}.yaml", 7 + number);
            Entry::read(File { path, bytes: Ok(bytes.to_vec()) }, true, &self.project)
        };
        let entries = files.iter().enumerate().map(read).collect();
        let catalog = Catalog::of(Snapshot::WorkTree, entries);
        let rules = RuleSet::of(&self.project).expect("no rule is configured");
        let (catalog, mut findings) = rules.check(catalog).expect("there are no policies");
        check_fixes(&mut findings, &catalog, &self.project, &FixContext::of(&self.repository));
        (catalog, findings)
    }

    fn fix(&self, bytes: &[u8], unsafe_too: bool) {
        let ground = FixContext::of(&self.repository);
        let errors = |findings: &[Finding]| count(findings, Severity::Error);
        let (catalog, findings) = self.judge(&[bytes]);
        let errors_before = errors(&findings);
        let outcome = apply(catalog, &self.project, findings, &ground, unsafe_too)
            .expect("there are no policies");
        assert_eq!(
            outcome.applied.is_empty(),
            outcome.rewrites.is_empty(),
            "each fix is reported: {:?}",
            outcome.applied
        );
        for rewrite in &outcome.rewrites {
            let (before, after) =
                (&rewrite.before, outcome.catalog.at(&rewrite.path).expect("what it is now"));
            let root = yaml::parse(&after.text).expect("what was fixed is still YAML");
            nests(&after.text, &root, &(0..after.text.len()));
            let is_valid = errors_before > 0 || errors(&outcome.findings) == 0;
            assert!(is_valid, "{:?} was valid, and became {:?}", before.text, after.text);
            let (old, new) = ConfidentialSpans::of_change(before, after, &self.project);
            let (before, after) = (old.mask(&before.text), new.mask(&after.text));
            let difference = FileDiff {
                from: &rewrite.before.path,
                to: &rewrite.path,
                before: &before,
                after: &after,
            };
            // A diff keeps the line endings of Windows.
            steers_nothing(&diff_for_people(&difference, WIDE).replace("\r\n", "\n"));
        }
        if !outcome.applied.is_empty() && outcome.applied.len() < ROUNDS {
            let again =
                apply(outcome.catalog, &self.project, outcome.findings, &ground, unsafe_too);
            let again = again.expect("there are no policies");
            assert!(again.applied.is_empty(), "{:?} could have been done at once", again.applied);
        }
    }
}

/// The parser: nodes are nested and ordered as in the text, and each problem has a place in it.
pub(super) fn manifest(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match yaml::parse(text) {
        Ok(root) => {
            nests(text, &root, &(0..text.len()));
            drop(root.to_json());
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "an invalid text has a problem");
            assert!(
                problems.is_sorted_by_key(|problem| problem.span.start),
                "in the text's order: {problems:?}"
            );
            for problem in problems {
                within(text, &problem.span);
                problem.related.iter().for_each(|(span, _)| within(text, span));
                assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{problem:?}");
            }
        }
    }
}

/// Whole files: all built-in rules and all output formats.
pub(super) fn rules(files: &[&[u8]]) {
    WORLD.with(|world| {
        let (catalog, findings) = world.judge(files);
        for entry in &catalog.entries {
            let hidden =
                ConfidentialSpans::of(entry, &world.project).mask(&entry.text).into_owned();
            assert_eq!(hidden.len(), entry.text.len(), "a mask moves nothing");
            for finding in findings.iter().filter(|finding| finding.path == entry.path) {
                points_into(&entry.text, finding);
                hides(&entry.text, &hidden, finding);
                for related in &finding.related {
                    within(
                        &catalog.at(&related.path).expect("a file of the catalog").text,
                        &related.span,
                    );
                }
            }
        }
        let again = findings_as_json(files.len(), &world.judge(files).1);
        assert_eq!(
            findings_as_json(files.len(), &findings),
            again,
            "the same bytes, the same findings"
        );
        shows_nothing_raw(&catalog, &findings);
    });
}

/// Fixes, with and without the unsafe ones: the result is YAML, is valid if the text was, and has
/// nothing left to fix.
pub(super) fn fixes(bytes: &[u8]) {
    WORLD.with(|world| {
        [false, true].into_iter().for_each(|unsafe_too| world.fix(bytes, unsafe_too))
    });
}

/// Configuration: each of a repository's own files, and its policies with a manifest.
pub(super) fn config(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match yaml::parse_configuration(text) {
        Ok(root) => has_places(text, &root),
        Err(problems) => problems.iter().for_each(|problem| within(text, &problem.span)),
    }
    let enums = ok_or_rendered(Enums::parse("enums.yaml", text)).unwrap_or_else(Enums::built_in);
    ok_or_rendered(Governance::parse("governance.yaml", text, &enums));
    ok_or_rendered(Governance::parse("governance.yaml", BUILT_IN_GOVERNANCE, &enums));
    ok_or_rendered(SecretTypes::parse("secret_types.yaml", text, &enums));
    let seed = yaml::parse(SEED).expect("the seed is a manifest");
    if let Some(schema) =
        ok_or_rendered(Schema::compile("secret_request.schema.json", text, &enums))
    {
        drop(schema.violations(&seed));
    }
    let Some(config) = ok_or_rendered(Config::parse("goldenpath.yaml", text)) else { return };
    let Some(policies) =
        ok_or_rendered(Policies::compile("goldenpath.yaml", text, &config.policies))
    else {
        return;
    };
    if !policies.is_empty() {
        let subject = seed.to_json();
        let judge = || {
            drop(ok_or_rendered(policies.find_violated(PolicySubject {
                path: PATH,
                manifest: &subject,
                base: Some(&subject),
            })))
        };
        // A panic in that thread ends this one too, at the end of the scope.
        thread::scope(|scope| {
            let judging =
                thread::Builder::new().stack_size(Policies::STACK).spawn_scoped(scope, judge);
            judging.expect("a thread").join().expect("policies that judge");
        });
    }
}

/// Values: what is written is what every JSON reader reads, and reads back as the same value.
pub(super) fn value(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Some(value) = ok_or_rendered(value::SecretValue::parse(text)) else { return };
    let json = value.to_json();
    let read: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(json.expose_secret()).expect("a JSON object");
    let same = value.texts().map(|(key, text)| (key.to_owned(), text.expose_secret().into()));
    assert_eq!(read, same.collect());
    assert!(
        value.names().iter().all(|key| goldenpath_core::config::check_key(key).is_ok()),
        "{:?}",
        value.names()
    );
    let again = value::SecretValue::stored(&json, &ValueFormat::Json).expect("what it has written");
    assert_eq!(again.to_json().expose_secret(), json.expose_secret());
}

fn shows_nothing_raw(catalog: &Catalog, findings: &[Finding]) {
    let files = catalog.entries.len();
    let json = findings_as_json(files, findings);
    let shown = sanitize_json(&format!("{json:#}")).into_owned();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&shown).ok(),
        Some(json),
        "escapes change no meaning"
    );
    steers_nothing(&shown);
    assert_eq!(
        runner::escape_commands(&shown),
        shown,
        "JSON holds no command of a CI job's runner"
    );
    for command in findings_for_github(findings) {
        assert_eq!(
            command.find('\n'),
            Some(command.len() - 1),
            "a command is one line: {command:?}"
        );
        steers_nothing(&command);
    }
    // The drawing takes longest, and so does SARIF, which describes every rule. A fuzzer has one
    // file at a time and checks each format in turn.
    let turn = catalog.entries.iter().map(|entry| entry.text.len()).sum::<usize>() % 4;
    if files > 1 || turn == 0 {
        steers_nothing(&findings_as_sarif(files, findings, catalog));
    }
    let look = if turn.is_multiple_of(2) { WIDE } else { NARROW };
    if files > 1 || turn > 0 {
        findings_for_people(findings, catalog, look).for_each(|drawing| steers_nothing(&drawing));
        steers_nothing(&summary(files, findings, look));
    }
}

/// Returns the value, or the rendered error.
fn ok_or_rendered<T, E: Diagnostic>(result: Result<T, E>) -> Option<T> {
    result
        .map_err(|error| {
            for look in [WIDE, NARROW] {
                steers_nothing(&render_report(&error, look));
            }
        })
        .ok()
}

fn within(text: &str, span: &Range<usize>) {
    assert!(text.get(span.clone()).is_some(), "{span:?} is not a part of {text:?}");
}

/// Asserts that every place is in the text; those of an alias are at its anchor.
fn has_places(text: &str, node: &Node) {
    within(text, &node.span);
    match &node.value {
        NodeValue::Mapping(entries) => {
            for (key, value) in entries {
                within(text, &key.span);
                has_places(text, value);
            }
        }
        NodeValue::Sequence(items) => items.iter().for_each(|item| has_places(text, item)),
        NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Int(_)
        | NodeValue::Float(_)
        | NodeValue::String(_) => {}
    }
}

/// Asserts that the node is inside `around`, and its children are inside it, in order.
fn nests(text: &str, node: &Node, around: &Range<usize>) {
    within(text, &node.span);
    // A missing null has no bytes and is where the parser notices it, possibly after the whitespace
    // that follows.
    let is_inside =
        around.start <= node.span.start && (node.span.end <= around.end || node.span.is_empty());
    assert!(is_inside, "{node:?} leaves {around:?} in {text:?}");
    let mut rest = node.span.clone();
    let mut next = |span: &Range<usize>| {
        within(text, span);
        assert!(rest.start <= span.start, "{span:?} comes before {rest:?} in {text:?}");
        rest.start = span.end;
    };
    match &node.value {
        NodeValue::Mapping(entries) => {
            for (key, value) in entries {
                next(&key.span);
                next(&value.span);
                nests(text, value, &node.span);
            }
        }
        NodeValue::Sequence(items) => {
            for item in items {
                next(&item.span);
                nests(text, item, &node.span);
            }
        }
        NodeValue::Null
        | NodeValue::Bool(_)
        | NodeValue::Int(_)
        | NodeValue::Float(_)
        | NodeValue::String(_) => {}
    }
}

/// Asserts that the finding's places are in the text, with the right lines and columns.
fn points_into(text: &str, finding: &Finding) {
    within(text, &finding.span);
    let position = |offset: usize| {
        let before = &text[..offset];
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    };
    let ((line, column), (end_line, end_column)) =
        (position(finding.span.start), position(finding.span.end));
    assert_eq!(finding.place, Place { line, column, end_line, end_column }, "{finding:?}");
}

/// Asserts that a value found by GP501 is masked in its place.
fn hides(text: &str, hidden: &str, finding: &Finding) {
    if finding.rule.code == "GP501" {
        let shown = hidden.get(finding.span.clone()).expect("a mask moves nothing");
        let is_masked = |character: char| character == '*' || character.is_whitespace();
        assert!(
            shown.chars().all(is_masked),
            "{shown:?} is shown of {:?}",
            text.get(finding.span.clone())
        );
    }
}

/// Asserts that no character controls a terminal, reorders text or is invisible.
fn steers_nothing(shown: &str) {
    assert!(!shown.contains(harmful::is_harmful), "{shown:?}");
}
