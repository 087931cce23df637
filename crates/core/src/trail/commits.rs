//! Changes of audit trails in commits: whether `apply` can have made them.

use std::collections::BTreeMap;

use super::verification::added_only;
use super::{FOLDER, MAX_BYTES, Trail, TrailPlace, TrailViolation, file_of};
use crate::manifest::SecretId;
use crate::vcs::{Repository, Snapshot, SourceError, TrailDelta};

/// How commits arrive at the branch where they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// For others to merge: a branch, a pull request, the next commit.
    ///
    /// `apply` does not record on these.
    Proposed,
    /// Pushed to a branch on which `apply` records.
    Recorded,
}

/// The commits whose trails are checked.
#[derive(Debug, Clone, Copy)]
pub struct TrailCommits<'a> {
    /// How the commits arrive, which decides what they may change.
    pub delivery: Delivery,
    /// The last commit; None if only the states before and after are known.
    pub tip: Option<Snapshot>,
    /// Commits with a checked history; the merge target comes first.
    pub known: &'a [Snapshot],
}

/// Returns the changes of trails that `apply` did not make.
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
    let mut faults: BTreeMap<String, TrailViolation> = BTreeMap::new();
    for delta in repository.trail_deltas(before, after)? {
        let found = match commits.delivery {
            Delivery::Proposed if is_known(repository, &delta, commits.known)? => None,
            Delivery::Proposed => Some(check_proposed(repository, &delta)?),
            Delivery::Recorded => check_recorded(repository, &delta)?,
        };
        if let Some((line, what)) = found {
            faults.insert(
                delta.file.clone(),
                TrailViolation { file: delta.file, place: TrailPlace::Now, line, what },
            );
        }
    }
    let steps = commits.tip.map(|tip| repository.trail_commits(commits.known, tip)).transpose()?;
    for step in steps.into_iter().flatten() {
        for delta in step.deltas {
            let found = match commits.delivery {
                Delivery::Recorded if step.is_direct => check_recorded(repository, &delta)?,
                // A squash or a cherry-pick brought a file that is the same in the target.
                Delivery::Proposed if is_at_target(repository, &delta, commits.known)? => None,
                _ => Some(check_proposed(repository, &delta)?),
            };
            if let Some((line, what)) = found
                && !faults.contains_key(&delta.file)
            {
                let place = TrailPlace::Commit(step.id.to_string());
                faults.insert(
                    delta.file.clone(),
                    TrailViolation { file: delta.file, place, line, what },
                );
            }
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
) -> Result<Vec<TrailViolation>, SourceError> {
    let files = repository.staged_trails(before, upstream)?;
    let what = "the audit trail is changed by hand".to_owned();
    Ok(files
        .into_iter()
        .map(|file| TrailViolation { file, place: TrailPlace::Now, line: None, what: what.clone() })
        .collect())
}

/// Reports whether one of the `known` commits has the file as it is after `delta`.
fn is_known(
    repository: &Repository,
    delta: &TrailDelta,
    known: &[Snapshot],
) -> Result<bool, SourceError> {
    let Some(after) = delta.after else { return Ok(false) };
    for (number, commit) in known.iter().enumerate() {
        // The change is merged into the first one: a file that is the same there does not change.
        if repository.trail_file(*commit, &delta.file)? == Some(after)
            && (number == 0 || check_recorded(repository, delta)?.is_none())
        {
            return Ok(true);
        }
    }
    Ok(false)
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

/// Returns why a change on a branch on which `apply` records is invalid, if it is.
///
/// The only valid change adds events at the end of a trail.
fn check_recorded(
    repository: &Repository,
    delta: &TrailDelta,
) -> Result<Option<TrailDifference>, SourceError> {
    let text = |file| repository.trail_text(file, MAX_BYTES);
    let whole = |what: &str| Ok(Some((None, what.to_owned())));
    let (id, after) = match (id_of(&delta.file), delta.after) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return whole("it is not an audit trail: those are `audit/<ID>.jsonl`"),
        (Some(_), None) => return whole("the trail was removed"),
        (Some(id), Some(after)) => (id, after),
    };
    if !after.is_regular() {
        return whole("it is not a regular file");
    }
    let Some(after) = text(after)? else { return whole("it is larger than 16 MiB") };
    let before = match delta.before.filter(|before| before.is_regular()) {
        None => String::new(),
        Some(before) => match text(before)? {
            None => return whole("it was larger than 16 MiB"),
            Some(before) => before,
        },
    };
    if let Some(found) = added_only(&before, Some(&after)) {
        return Ok(Some(found));
    }
    if after.is_empty() {
        return whole("it has no events");
    }
    // Faults in older lines are not part of this change.
    let old = before.lines().count();
    let fault = Trail::of(after).faults(id).into_iter().find(|fault| fault.line > old);
    Ok(fault.map(|fault| (Some(fault.line), fault.what)))
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
