//! Verification of all trails: their chains, and their history in git.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use super::{FOLDER, MAX_BYTES, Trail};
use crate::files;
use crate::manifest::SecretId;
use crate::vcs::{Repository, SourceError, TrailChange};

/// The place of a violation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrailPlace {
    /// In the file as it is now.
    Now,
    /// The file on disk does not continue the committed one.
    Disk,
    /// The commit that changed the file.
    Commit(String),
}

/// An invalid state or change of a trail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrailViolation {
    /// The path of the trail, from the repository's root.
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
        match &self.place {
            TrailPlace::Now => {}
            TrailPlace::Disk => out.write_str(" on disk")?,
            TrailPlace::Commit(commit) => {
                write!(out, " in commit {}", &commit[..8.min(commit.len())])?
            }
        }
        write!(out, ": {}", self.what)
    }
}

/// Verifies all trails on disk and in the history of HEAD.
///
/// Returns the number of trails and the violations.
///
/// # Errors
/// A repository that cannot be read.
pub fn verify(repository: &Repository) -> Result<(usize, Vec<TrailViolation>), SourceError> {
    let mut faults = BTreeSet::new();
    let head = repository.trails_at_head()?;
    let mut files: BTreeMap<String, String> = head.clone();
    let folder = repository.root().join(FOLDER);
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Ok(bytes) = files::read_regular(&entry.path(), MAX_BYTES) {
            files.insert(format!("{FOLDER}/{name}"), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    for (file, text) in &files {
        let name = Path::new(file)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let Some(id) = name.strip_suffix(".jsonl").and_then(|id| SecretId::parse(id).ok()) else {
            continue;
        };
        for fault in Trail::of(text.clone()).faults(id) {
            faults.insert(TrailViolation {
                file: file.clone(),
                place: TrailPlace::Now,
                line: Some(fault.line),
                what: fault.what,
            });
        }
    }
    for (file, committed) in &head {
        let disk = repository.root().join(file);
        let now = if disk.symlink_metadata().is_ok() {
            files.get(file).map(String::as_str)
        } else {
            None
        };
        faults.extend(added_only(committed, now).map(|(line, what)| TrailViolation {
            file: file.clone(),
            place: TrailPlace::Disk,
            line,
            what,
        }));
    }
    repository.visit_trail_changes(&mut |TrailChange { commit, file, before, after }| {
        faults.extend(added_only(before, after).map(|(line, what)| TrailViolation {
            file: file.to_owned(),
            place: TrailPlace::Commit(commit.to_string()),
            line,
            what,
        }));
    })?;
    let count = files.keys().filter(|file| file.ends_with(".jsonl")).count();
    Ok((count, faults.into_iter().collect()))
}

/// Returns how a trail was changed other than by adding to it.
///
/// It is the first line that differs, with the kind of change.
pub(super) fn added_only(before: &str, after: Option<&str>) -> Option<(Option<usize>, String)> {
    let Some(after) = after else { return Some((None, "the trail was removed".to_owned())) };
    if after.starts_with(before) {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let line = (0..old.len()).find(|line| old.get(*line) != new.get(*line)).unwrap_or(old.len());
    let what = match new.get(line) {
        None => "the lines from here on were dropped",
        Some(_) if new.contains(&old[line]) => "this line was moved, or one was inserted before it",
        Some(next) if old.get(line + 1) == Some(next) => "the line that was here was dropped",
        Some(_) => "this line was altered",
    };
    Some((Some(line + 1), what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_addition_at_the_end_is_valid() {
        let what =
            |before: &str, after: &str| added_only(before, Some(after)).map(|(line, _)| line);
        assert_eq!(what("a\n", "a\nb\n"), None);
        assert_eq!(what("", "a\n"), None);
        assert_eq!(what("a\nb\nc\n", "a\nx\nc\n"), Some(Some(2)));
        assert_eq!(what("a\nb\nc\n", "a\nc\n"), Some(Some(2)));
        assert_eq!(what("a\nb\nc\n", "a\nb\n"), Some(Some(3)));
        assert_eq!(what("a\nb\n", "b\na\n"), Some(Some(1)));
        assert_eq!(added_only("a\n", None).map(|(line, _)| line), Some(None));
    }
}
