//! Since when a file on a branch says something.

use std::path::Path;

use jiff::Timestamp;

use super::{Repository, Snapshot};

/// Since when a file says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    At(Timestamp),
    /// It does not say it.
    Never,
    /// For longer than the history goes back that this clone has.
    Cut,
}

impl Repository {
    /// Since when the file at `path` says what `holds` looks for, on the line of first parents that ends in the commit `from`: a
    /// commit of a branch counts from its merge. The time is the committer's.
    #[must_use]
    pub fn since(&self, from: Snapshot, path: &str, holds: &dyn Fn(&[u8]) -> bool) -> Since {
        let Snapshot::Commit(from) = from else { return Since::Never };
        let (mut next, mut since, mut last) = (self.git.find_commit(from).ok(), Since::Never, None);
        while let Some(commit) = next {
            let entry = commit.tree().and_then(|tree| tree.get_path(Path::new(path)));
            let blob = entry.ok().map(|entry| entry.id());
            // Most commits leave it as it is.
            if last != Some(blob) {
                let says =
                    blob.and_then(|blob| self.git.find_blob(blob).ok()).is_some_and(|blob| holds(blob.content()));
                if !says {
                    return since;
                }
                last = Some(blob);
            }
            since = Timestamp::from_second(commit.time().seconds()).map_or(since, Since::At);
            next = match (commit.parent_count(), commit.parent(0)) {
                (0, _) if self.is_shallow_end(&commit) => return Since::Cut,
                (0, _) => None,
                (_, Ok(parent)) => Some(parent),
                (_, Err(_)) => return Since::Cut,
            };
        }
        since
    }

    /// Whether git shows the commit without parents only because this clone ends there.
    fn is_shallow_end(&self, commit: &git2::Commit<'_>) -> bool {
        let id = commit.id().to_string();
        self.is_shallow() && String::from_utf8_lossy(&self.shallow_ends()).lines().any(|end| end == id)
    }
}
