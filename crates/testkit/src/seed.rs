//! The manifest of the design, edits of it, and what `validate` reports on it.

use std::fmt;

use serde_json::Value;

use crate::{Outcome, Repository};

pub use self::manifests::{SEED, SEED_PATH, WEB_PATH, orders, seed_with, web};

#[path = "../../core/src/testing/manifests.rs"]
mod manifests;

/// A row of `validate --format json`.
#[derive(PartialEq, Eq, Clone)]
pub struct Found {
    pub rule: String,
    pub name: String,
    pub severity: String,
    pub path: String,
    /// `13:11..13:17`
    pub place: String,
    pub pointer: String,
    pub message: String,
    pub help: String,
    /// `safe: write `medium` for `mediun``; empty where there is no fix.
    pub fix: String,
}

impl Found {
    /// Returns the part of `text` at the place; lines and characters count from 1, as in editors.
    #[track_caller]
    pub fn under(&self, text: &str) -> String {
        let numbers: Vec<usize> =
            self.place.split([':', '.']).filter_map(|number| number.parse().ok()).collect();
        let [line, column, end_line, end_column] = numbers[..] else { panic!("{}", self.place) };
        let lines: Vec<Vec<char>> = text.split('\n').map(|line| line.chars().collect()).collect();
        let upto = |line: usize, column: usize| {
            lines[..line - 1].iter().map(|line| line.len() + 1).sum::<usize>() + column - 1
        };
        let (start, end) = (upto(line, column), upto(end_line, end_column));
        text.chars().skip(start).take(end - start).collect()
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, severity, path, place, pointer, message, help, .. } = self;
        write!(out, "\n{severity} {rule} {path}:{place} {pointer:?}\n  {message}\n  help: {help}")
    }
}

/// Returns the findings of `validate --format json`, and asserts that the summary counts them.
#[track_caller]
pub fn findings(outcome: &Outcome) -> Vec<Found> {
    let report = outcome.json();
    assert_eq!(report["version"], 1);
    let found: Vec<Found> =
        report["findings"].as_array().expect("a list of findings").iter().map(row).collect();
    for severity in ["error", "warning"] {
        let count = found.iter().filter(|found| found.severity == severity).count();
        assert_eq!(
            report["summary"][format!("{severity}s")],
            count,
            "the summary counts the findings"
        );
    }
    found
}

/// Returns the number of manifests that `validate --format json` checked.
#[track_caller]
pub fn checked(outcome: &Outcome) -> u64 {
    outcome.json()["summary"]["files"].as_u64().expect("a number of files")
}

#[track_caller]
fn row(row: &Value) -> Found {
    let text =
        |name: &str| row[name].as_str().unwrap_or_else(|| panic!("{name} in {row}")).to_owned();
    let number = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name} in {row}"));
    let fields = row.as_object().map(serde_json::Map::len).unwrap_or_default();
    assert_eq!(fields - usize::from(!row["fix"].is_null()), 11, "the fields of the design: {row}");
    Found {
        rule: text("rule"),
        name: text("name"),
        severity: text("severity"),
        path: text("path"),
        place: format!(
            "{}:{}..{}:{}",
            number("line"),
            number("column"),
            number("endLine"),
            number("endColumn")
        ),
        pointer: text("pointer"),
        message: text("message"),
        help: text("help"),
        fix: match (row["fix"]["applicability"].as_str(), row["fix"]["message"].as_str()) {
            (Some(applicability), Some(message)) => format!("{applicability}: {message}"),
            _ => String::new(),
        },
    }
}

impl Repository {
    /// Creates a repository that contains only the seed's manifest.
    #[track_caller]
    pub fn with_seed() -> Self {
        let repository = Self::new();
        repository.write(SEED_PATH, SEED);
        repository
    }
}

#[test]
fn a_place_is_read_as_an_editor_counts() {
    let found = Found {
        rule: String::new(),
        name: String::new(),
        severity: String::new(),
        path: String::new(),
        place: "2:4..3:2".to_owned(),
        pointer: String::new(),
        message: String::new(),
        help: String::new(),
        fix: String::new(),
    };
    assert_eq!(found.under("é\n世界 x\nyz\n"), "x\ny");
    assert_eq!(
        seed_with(&[("tier: medium", "tier: low")])
            .lines()
            .nth(12)
            .unwrap()
            .split('#')
            .next()
            .unwrap()
            .trim(),
        "tier: low"
    );
}
