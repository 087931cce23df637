//! Findings as SARIF 2.1.0, for code scanning: `validate --format sarif`.
//!
//! The standard is OASIS's "Static Analysis Results Interchange Format (SARIF) Version 2.1.0";
//! comments cite its sections. The output contains nothing about the machine, and depends on the
//! time only through the rules on time: the same catalog gives the same bytes.

use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::catalog::Catalog;
use crate::rules::{Finding, RULES, Rule, Severity};
use crate::sanitize::{sanitize, sanitize_json};
use crate::yaml::Place;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The base of all paths: the conventional name for the root of the source tree.
const ROOT: &str = "%SRCROOT%";

/// The characters to encode in a path: all but the unreserved ones and the slash.
///
/// See RFC 3986, section 2.3. An unencoded colon would turn the first part into a scheme.
const PATH: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Returns the log of a run over `files` manifests.
///
/// `findings` are sorted by path and location.
#[must_use]
pub fn findings_as_sarif(files: usize, findings: &[Finding], catalog: &Catalog) -> String {
    let mut mentions = HashMap::new();
    let results = findings.iter().map(|finding| outcome(finding, catalog, &mut mentions)).collect();
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "goldenpath",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: RULES.iter().copied().map(descriptor).collect(),
                },
            },
            invocations: [Invocation { execution_successful: true }],
            original_uri_base_ids: BaseIds {
                root: SarifBase { description: text("The root of the repository.") },
            },
            column_kind: "unicodeCodePoints",
            results,
            properties: RunProperties { manifests_checked: files },
        }],
    };
    // Strings, numbers and structs always serialize.
    sanitize_json(&serde_json::to_string_pretty(&log).unwrap_or_default()).into_owned()
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'a str,
    version: &'a str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    invocations: [Invocation; 1],
    original_uri_base_ids: BaseIds,
    column_kind: &'a str,
    results: Vec<SarifOutcome<'a>>,
    properties: RunProperties,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor>,
}

/// A rule (SARIF's reportingDescriptor, section 3.49).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    name: &'static str,
    short_description: Message,
    full_description: Message,
    help: Message,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: SarifLevel,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum SarifLevel {
    Error,
    Warning,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
}

/// The base of relative paths, without its absolute path.
///
/// The consumer knows the path, which could reveal the user's name.
#[derive(Serialize)]
struct BaseIds {
    #[serde(rename = "%SRCROOT%")]
    root: SarifBase,
}

#[derive(Serialize)]
struct SarifBase {
    description: Message,
}

/// Distinguishes a run that checked no manifest from a run without findings.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunProperties {
    manifests_checked: usize,
}

/// A finding (SARIF's result, section 3.27).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifOutcome<'a> {
    rule_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: SarifLevel,
    message: Message,
    locations: [SarifLocation<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<SarifLocation<'a>>,
    partial_fingerprints: Fingerprints,
}

/// Identifies a finding even if lines move.
///
/// GitHub's upload action sets `primaryLocationLineHash`, and warns about other values.
#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "goldenpathFinding/v1")]
    finding: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifLocation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation<'a> {
    fully_qualified_name: &'a str,
    kind: &'static str,
}

#[derive(Serialize)]
struct Message {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<String>,
}

fn descriptor(rule: &'static Rule) -> Descriptor {
    let page = rule.page();
    Descriptor {
        id: rule.code,
        // `explain` and `goldenpath.yaml` accept this name, so it can be copied from an alert.
        name: rule.name,
        short_description: text(&rule.sentence()),
        full_description: text(&section(&page, "What it does").unwrap_or_else(|| rule.sentence())),
        help: Message {
            text: escape_braces(&without_markup(&page)),
            markdown: Some(escape_braces(&page)),
        },
        default_configuration: Configuration { level: level(rule.severity) },
    }
}

fn outcome<'a>(
    finding: &'a Finding,
    catalog: &Catalog,
    mentions: &mut HashMap<(&'a str, &'a str, &'a str), usize>,
) -> SarifOutcome<'a> {
    let Finding { rule, path, pointer, .. } = finding;
    // Distinguishes findings of one rule at one location, such as two values in a description.
    let ordinal = mentions.entry((rule.code, path, pointer)).or_default();
    *ordinal += 1;
    let related_locations: Vec<SarifLocation<'_>> = finding
        .related
        .iter()
        .zip(1..)
        .map(|(related, id)| SarifLocation {
            id: Some(id),
            physical_location: physical_location(
                &related.path,
                catalog.at(&related.path).map(|at| at.place(&related.span)),
            ),
            logical_locations: Vec::new(),
            message: Some(text(&related.label)),
        })
        .collect();
    // Viewers such as GitHub's show a related location only if the message links to it.
    let links = finding
        .related
        .iter()
        .zip(1..)
        .map(|(related, id)| format!("\n[{}]({id})", link_text(&related.label)));
    SarifOutcome {
        rule_id: rule.code,
        rule_index: RULES.iter().position(|one| one.code == rule.code),
        level: level(finding.severity),
        message: Message {
            text: format!(
                "{}.\n{}{}",
                escape_text(&finding.message),
                escape_text(&finding.help),
                links.collect::<String>()
            ),
            markdown: None,
        },
        locations: [SarifLocation {
            id: None,
            physical_location: physical_location(path, Some(finding.place)),
            logical_locations: match pointer.as_str() {
                "" => Vec::new(),
                pointer => {
                    vec![LogicalLocation { fully_qualified_name: pointer, kind: "property" }]
                }
            },
            message: None,
        }],
        related_locations,
        partial_fingerprints: Fingerprints {
            finding: format!("{}:{path}:{pointer}:{ordinal}", rule.code),
        },
    }
}

fn physical_location(path: &str, place: Option<Place>) -> PhysicalLocation {
    PhysicalLocation {
        artifact_location: ArtifactLocation {
            uri: utf8_percent_encode(path, &PATH).to_string(),
            uri_base_id: ROOT,
        },
        region: place.map(|Place { line, column, end_line, end_column }| Region {
            start_line: line,
            start_column: column,
            end_line,
            end_column,
        }),
    }
}

fn level(severity: Severity) -> SarifLevel {
    match severity {
        Severity::Error => SarifLevel::Error,
        Severity::Warning => SarifLevel::Warning,
    }
}

fn text(words: &str) -> Message {
    Message { text: escape_text(words), markdown: None }
}

/// Escapes braces, which would be placeholders (section 3.11.5).
fn escape_braces(words: &str) -> String {
    words.replace('{', "{{").replace('}', "}}")
}

/// Escapes text from a manifest.
///
/// It cannot create a link (section 3.11.6), or hide or reorder text.
fn escape_text(words: &str) -> String {
    escape_braces(&sanitize(words).replace("](", "] ("))
}

/// Escapes the text of a link (section 3.11.6).
fn link_text(words: &str) -> String {
    escape_braces(&sanitize(words).replace('\\', r"\\").replace('[', r"\[").replace(']', r"\]"))
}

/// Returns the text below a heading of a page, on one line.
fn section(page: &str, heading: &str) -> Option<String> {
    let (_, below) = page.split_once(&format!("## {heading}\n"))?;
    let lines = below.lines().take_while(|line| !line.starts_with("## "));
    Some(lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

/// Returns a page as plain text.
fn without_markup(page: &str) -> String {
    let lines = page.lines().filter(|line| !line.starts_with("```"));
    lines.map(|line| format!("{}\n", line.strip_prefix("## ").unwrap_or(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_relative_reference_to_the_same_path() {
        let uri = |path| physical_location(path, None).artifact_location.uri;
        assert_eq!(
            uri("catalogs/secrets/payments/dev/SEC-0007.yaml"),
            "catalogs/secrets/payments/dev/SEC-0007.yaml"
        );
        assert_eq!(uri("a: b/100%?#é.yaml"), "a%3A%20b/100%25%3F%23%C3%A9.yaml");
    }

    #[test]
    fn text_from_a_manifest_creates_no_link_and_no_placeholder() {
        assert_eq!(
            escape_text("[here](https://example.com) {0}"),
            "[here] (https://example.com) {{0}}"
        );
        assert_eq!(link_text(r"a[0]\"), r"a\[0\]\\");
        assert_eq!(escape_text("\u{202e}x"), "\\u{{202e}}x");
    }

    #[test]
    fn every_rule_has_a_full_description_of_at_most_1024_bytes() {
        for rule in RULES {
            assert!(
                section(&rule.page(), "What it does").is_some_and(|text| text.len() <= 1024),
                "{}",
                rule.code
            );
        }
    }
}
