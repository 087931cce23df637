//! Lists of files that do not keep to a rule yet, each with the number of places. They only shrink.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::source::root;

/// A place that breaks a rule.
pub(super) struct Hit {
    pub file: String,
    pub line: usize,
    pub message: String,
}

/// A list of files with the number of places that each may have: `12 src/main.rs`.
pub(super) struct Allowance {
    path: PathBuf,
    counts: BTreeMap<String, usize>,
}

impl Allowance {
    pub(super) fn of(name: &str) -> Self {
        let path = root().join("tests/structure").join(name);
        let text = fs::read_to_string(&path).unwrap();
        let counts = text
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(count, file)| (file.to_owned(), count.parse().unwrap()))
            .collect();
        Self { path, counts }
    }

    /// Fails for a file with more hits than it may have, and for a number that can be lowered.
    /// `UPDATE_ALLOWED=1 cargo test structure` lowers numbers, and raises none.
    #[track_caller]
    pub(super) fn assert_covers(&self, hits: &[Hit]) {
        let mut by_file: BTreeMap<&str, Vec<&Hit>> = BTreeMap::new();
        for hit in hits {
            by_file.entry(&hit.file).or_default().push(hit);
        }
        let count = |file: &str| by_file.get(file).map_or(0, Vec::len);
        println!("{}: {} hits in {} files", self.path.display(), hits.len(), by_file.len());

        let mut report = String::new();
        for (file, hits) in &by_file {
            let allowed = self.counts.get(*file).copied().unwrap_or(0);
            if hits.len() > allowed {
                writeln!(report, "{file}: {} places, {allowed} allowed", hits.len()).unwrap();
                for hit in hits {
                    writeln!(report, "  {}:{}: {}", hit.file, hit.line, hit.message).unwrap();
                }
            }
        }
        assert!(report.is_empty(), "\n{report}");

        let lower = self.counts.iter().filter(|(file, allowed)| count(file) < **allowed);
        let lower: Vec<&String> = lower.map(|(file, _)| file).collect();
        if lower.is_empty() {
            return;
        }
        let remedy = "UPDATE_ALLOWED=1 cargo test structure";
        let is_update = std::env::var_os("UPDATE_ALLOWED").is_some();
        assert!(is_update, "{}: these have fewer hits: {lower:?}: {remedy}", self.path.display());
        let mut text = String::new();
        for file in self.counts.keys().filter(|file| count(file) > 0) {
            writeln!(text, "{} {file}", count(file)).unwrap();
        }
        fs::write(&self.path, text).unwrap();
    }
}
