//! Changes of trails of version 0.1 in commits, where nothing changes them any more.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::{AuditLog, FOLDER, MAX_BYTES, TrailPlace, TrailViolation, file_of};
use crate::config::AuditConfig;
use crate::manifest::SecretId;
use crate::vcs::{Repository, Snapshot, SourceError, TrailDelta};

/// The commits whose trails are checked.
#[derive(Debug, Clone, Copy)]
pub struct TrailCommits<'a> {
    /// The last commit; None if only the states before and after are known.
    pub tip: Option<Snapshot>,
    /// Commits with a checked history; the merge target comes first.
    pub known: &'a [Snapshot],
    /// The remote and the branch of the audit trail: trails that it has may be removed.
    pub branch: &'a AuditConfig,
}

/// Returns the changes of trails.
///
/// It compares `before` with `after`, and each commit in between with its parents.
///
/// # Errors
/// A repository that cannot be read.
pub fn changes(
    repository: &Repository,
    before: Snapshot,
    after: Snapshot,
    commits: TrailCommits<'_>,
) -> Result<Vec<TrailViolation>, SourceError> {
    let imported = ImportedTrails::new(repository, commits.branch);
    let mut faults: BTreeMap<String, TrailViolation> = BTreeMap::new();
    for delta in repository.trail_deltas(before, after)? {
        if imported.allow(&delta)? || is_at_target(repository, &delta, commits.known)? {
            continue;
        }
        let (line, what) = check_proposed(repository, &delta)?;
        let file = delta.file.clone();
        faults
            .insert(file, TrailViolation { file: delta.file, place: TrailPlace::Now, line, what });
    }
    let steps = commits.tip.map(|tip| repository.trail_commits(commits.known, tip)).transpose()?;
    for step in steps.into_iter().flatten() {
        for delta in step.deltas {
            // A squash or a cherry-pick brought a file that is the same in the target.
            if faults.contains_key(&delta.file)
                || imported.allow(&delta)?
                || is_at_target(repository, &delta, commits.known)?
            {
                continue;
            }
            let (line, what) = check_proposed(repository, &delta)?;
            let place = TrailPlace::Commit(step.id.to_string());
            let file = delta.file.clone();
            faults.insert(file, TrailViolation { file: delta.file, place, line, what });
        }
    }
    Ok(faults.into_values().collect())
}

/// Returns the changes of trails in the index, all of which are invalid.
///
/// # Errors
/// A repository that cannot be read.
pub fn staged_changes(
    repository: &Repository,
    before: Option<Snapshot>,
    upstream: Option<Snapshot>,
    branch: &AuditConfig,
) -> Result<Vec<TrailViolation>, SourceError> {
    let imported = ImportedTrails::new(repository, branch);
    let mut files = repository.staged_trails(before, upstream)?;
    if let Some(before) = before {
        for (file, _) in files.clone().into_iter().filter(|(_, is_removed)| *is_removed) {
            let before = repository.trail_file(before, &file)?;
            if imported.allow(&TrailDelta { file: file.clone(), before, after: None })? {
                files.remove(&file);
            }
        }
    }
    let what = "the audit trail is changed by hand".to_owned();
    Ok(files
        .into_keys()
        .map(|file| TrailViolation { file, place: TrailPlace::Now, line: None, what: what.clone() })
        .collect())
}

/// The trails that the audit branch has taken over, as far as this clone has fetched it.
struct ImportedTrails<'a> {
    repository: &'a Repository,
    branch: &'a AuditConfig,
    log: OnceCell<AuditLog>,
}

impl<'a> ImportedTrails<'a> {
    fn new(repository: &'a Repository, branch: &'a AuditConfig) -> Self {
        Self { repository, branch, log: OnceCell::new() }
    }

    /// Reports whether a change removes a trail whose lines the branch has.
    fn allow(&self, delta: &TrailDelta) -> Result<bool, SourceError> {
        let Some(before) = delta.before.filter(|file| file.is_regular() && delta.after.is_none())
        else {
            return Ok(false);
        };
        let Some(text) = self.repository.trail_text(before, MAX_BYTES)? else { return Ok(false) };
        let log = match self.log.get() {
            Some(log) => log,
            None => {
                let log = AuditLog::fetched(self.repository, self.branch)?;
                self.log.get_or_init(|| log)
            }
        };
        Ok(log.has_imported(&delta.file, &text))
    }
}

/// Reports whether the merge target has the file as it is after `delta`.
fn is_at_target(
    repository: &Repository,
    delta: &TrailDelta,
    known: &[Snapshot],
) -> Result<bool, SourceError> {
    let (Some(after), Some(target)) = (delta.after, known.first()) else { return Ok(false) };
    Ok(repository.trail_file(*target, &delta.file)? == Some(after))
}

type TrailDifference = (Option<usize>, String);

/// Returns how a proposed change affects a file, with the first line that differs.
fn check_proposed(
    repository: &Repository,
    delta: &TrailDelta,
) -> Result<TrailDifference, SourceError> {
    let noun = if id_of(&delta.file).is_some() {
        "an audit trail"
    } else {
        "a file in the audit trail's folder"
    };
    let (before, after) = match (delta.before, delta.after) {
        (None, _) => return Ok((None, format!("{noun} is added"))),
        (_, None) => return Ok((None, format!("{noun} is removed"))),
        (Some(before), Some(after)) => (before, after),
    };
    let text = |file| repository.trail_text(file, MAX_BYTES);
    let line = if before.is_regular() && after.is_regular() {
        text(before)?.zip(text(after)?).map(|(before, after)| first_difference(&before, &after))
    } else {
        None
    };
    Ok((line, format!("{noun} is changed")))
}

/// Returns the ID of the secret whose trail a file is.
fn id_of(file: &str) -> Option<SecretId> {
    let name = file.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".jsonl")?;
    SecretId::parse(name).ok().filter(|id| file_of(*id) == file)
}

/// Returns the first line that differs, from 1.
fn first_difference(before: &str, after: &str) -> usize {
    before.lines().zip(after.lines()).take_while(|(before, after)| before == after).count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_named_after_an_id_directly_in_the_folder_is_a_trail() {
        let is_trail = |file| id_of(file).is_some();
        assert!(is_trail("audit/SEC-0007.jsonl"));
        for other in [
            "audit/SEC-00007.jsonl",
            "audit/sec-0007.jsonl",
            "audit/x/SEC-0007.jsonl",
            "Audit/SEC-0007.jsonl",
        ] {
            assert!(!is_trail(other), "{other}");
        }
    }

    #[test]
    fn the_first_line_that_differs_is_found() {
        assert_eq!(first_difference("a\nb\n", "a\nb\nc\n"), 3);
        assert_eq!(first_difference("a\nb\n", "x\nb\n"), 1);
        assert_eq!(first_difference("a\nb\n", "a\n"), 2);
    }
}
