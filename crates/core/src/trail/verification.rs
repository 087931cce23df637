//! Verification of the audit branch: each record, their order, and the history in git.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use git2::Oid;

use super::record::path_of;
use super::{AuditLog, RecordKind, RecordedEvent, Trail};
use crate::manifest::SecretId;
use crate::vcs::{SourceError, branch_history};

/// The place of a violation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrailPlace {
    /// In the file as it is now.
    Now,
    /// The commit that changed the file.
    Commit(String),
}

/// An invalid state or change of a file of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrailViolation {
    /// The path, from the repository's root.
    pub file: String,
    /// The state or the change that is invalid.
    pub place: TrailPlace,
    /// From 1; None for the whole file.
    pub line: Option<usize>,
    /// The violation, as plain text.
    pub what: String,
}

impl fmt::Display for TrailViolation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        if let TrailPlace::Commit(commit) = &self.place {
            write!(out, " in commit {}", &commit[..8.min(commit.len())])?;
        }
        write!(out, ": {}", self.what)
    }
}

/// Verifies the records of the audit branch at `tip` and their history.
///
/// A record is invalid if it was altered, if the record before it is missing, or if it has the
/// results of actions that no record announced. A commit is invalid if it changes or removes a
/// record.
///
/// # Errors
/// An object that cannot be read.
pub fn verify(
    log: &AuditLog,
    git: &git2::Repository,
    tip: Oid,
) -> Result<BTreeSet<TrailViolation>, SourceError> {
    let mut faults = BTreeSet::new();
    let now = |file: &str, what: String| TrailViolation {
        file: file.to_owned(),
        place: TrailPlace::Now,
        line: None,
        what,
    };
    for (path, fault) in &log.invalid {
        faults.insert(now(path, fault.as_str().to_owned()));
    }
    let mut announced = BTreeSet::new();
    for record in log.records.values().filter(|record| record.kind == RecordKind::Begin) {
        let action_of = |event| (&record.run, action_of(event));
        announced.extend(record.events.iter().map(action_of));
    }
    for (name, record) in &log.records {
        let path = path_of(name).unwrap_or_default();
        if !record.previous.is_empty() && !log.records.contains_key(&record.previous) {
            let what = format!("the record before it is missing: {}", record.previous);
            faults.insert(now(&path, what));
        }
        if record.kind == RecordKind::Outcome {
            let is_invented =
                |event: &&RecordedEvent| !announced.contains(&(&record.run, action_of(event)));
            if let Some(event) = record.events.iter().find(is_invented) {
                let what = format!(
                    "it has a result of `{}` for {}, and no record announced that action",
                    event.action, event.id
                );
                faults.insert(now(&path, what));
            }
        }
    }
    let mut imported: BTreeMap<&str, (String, BTreeSet<&str>)> = BTreeMap::new();
    for trail in log.records.values().flat_map(|record| &record.imported) {
        let (text, known) = imported.entry(&trail.file).or_default();
        // Two clones may have imported the same lines.
        for line in trail.lines.iter().filter(|line| known.insert(line)) {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (file, (text, _)) in imported {
        let id = file.rsplit('/').next().and_then(|name| name.strip_suffix(".jsonl"));
        let faults_of = |id| Trail::of(text).faults(id);
        let found = id.and_then(|id| SecretId::parse(id).ok()).map(faults_of).unwrap_or_default();
        faults.extend(found.into_iter().map(|fault| TrailViolation {
            file: file.to_owned(),
            place: TrailPlace::Now,
            line: Some(fault.line),
            what: fault.what,
        }));
    }
    let history = branch_history(git, tip)?;
    if let Some(commit) = history.cut {
        faults.insert(TrailViolation {
            file: "not verified".to_owned(),
            place: TrailPlace::Commit(commit),
            line: None,
            what: "the history before it is missing in this shallow clone".to_owned(),
        });
    }
    for change in history.changes {
        let what = if change.is_removal { "it was removed" } else { "it was altered" };
        faults.insert(TrailViolation {
            file: change.file,
            place: TrailPlace::Commit(change.commit),
            line: None,
            what: what.to_owned(),
        });
    }
    Ok(faults)
}

fn action_of(event: &RecordedEvent) -> (SecretId, &str, &str) {
    (event.id, &event.action, &event.target)
}
