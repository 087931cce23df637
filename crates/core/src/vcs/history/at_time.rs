//! The files that a branch had at a given time.

use std::collections::{BTreeSet, HashMap, HashSet};

use git2::{Commit, Oid};
use jiff::Timestamp;

use crate::vcs::{Repository, Snapshot, SourceError};

impl Repository {
    /// Returns the YAML file names below `under` at one of `times`, with a time each.
    ///
    /// The time is that of the oldest commit read that has the name. Only the first parents of
    /// `from` count: a commit of a branch counts from its merge. Commits before the earliest of the
    /// times are not read. Commits beyond the end of a shallow clone count as absent.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn names_at(
        &self,
        from: Snapshot,
        under: &str,
        times: &BTreeSet<Timestamp>,
    ) -> Result<HashMap<String, Timestamp>, SourceError> {
        let mut held = HashMap::new();
        let mut trees: HashSet<Oid> = HashSet::new();
        // The oldest first: its names are not searched again, and most folders do not change.
        let commits = self.commits_at(from, times)?;
        self.fetch_folders(commits.iter().map(|(_, commit)| commit.id()))?;
        for (time, commit) in commits.into_iter().rev() {
            let Some(catalog) = self.folder_at(&self.tree_of(&commit)?, under)? else { continue };
            self.each_yaml(&catalog, under, &mut |tree| trees.insert(tree), &mut |path, _, _| {
                let name = path.rsplit('/').next().unwrap_or_default();
                if !held.contains_key(name) {
                    held.insert(name.to_owned(), time);
                }
            })?;
        }
        Ok(held)
    }

    /// Returns the newest commit at each of `times`, newest first, with its own time.
    fn commits_at(
        &self,
        from: Snapshot,
        times: &BTreeSet<Timestamp>,
    ) -> Result<Vec<(Timestamp, Commit<'_>)>, SourceError> {
        let (Snapshot::Commit(from), false) = (from, times.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut times = times.iter().rev().map(|time| time.as_second()).peekable();
        let mut found = Vec::new();
        let mut next = Some(self.find_commit(from)?);
        while let (Some(commit), Some(time)) = (next.take(), times.peek()) {
            next = commit.parent_ids().next().map(|parent| self.find_commit(parent)).transpose()?;
            // No commit is older than its parent, whatever the clock of its machine showed.
            let before = next.as_ref().map_or(i64::MIN, |parent| parent.time().seconds());
            let made = commit.time().seconds().max(before);
            if made <= *time
                && let Ok(at) = Timestamp::from_second(made)
            {
                while times.next_if(|time| made <= *time).is_some() {}
                found.push((at, commit));
            }
        }
        Ok(found)
    }
}
