//! The files that a branch had at a given time.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use git2::{Commit, Oid};
use jiff::Timestamp;

use crate::vcs::{Repository, Snapshot};

impl Repository {
    /// Returns the YAML file names below `under` at one of `times`, with a time each.
    ///
    /// The time is that of the oldest commit read that has the name. Only the first parents of
    /// `from` count: a commit of a branch counts from its merge. Commits before the earliest of the
    /// times are not read. Objects beyond the end of a shallow clone, or missing in a partial one,
    /// count as absent.
    #[must_use]
    pub fn names_at(
        &self,
        from: Snapshot,
        under: &str,
        times: &BTreeSet<Timestamp>,
    ) -> HashMap<String, Timestamp> {
        let mut held = HashMap::new();
        let mut trees: HashSet<Oid> = HashSet::new();
        // The oldest first: its names are not searched again, and most folders do not change.
        for (time, commit) in self.commits_at(from, times).into_iter().rev() {
            let Ok(entry) = commit.tree().and_then(|tree| tree.get_path(Path::new(under))) else {
                continue;
            };
            let Ok(catalog) = self.git.find_tree(entry.id()) else { continue };
            self.each_yaml(&catalog, under, &mut |tree| trees.insert(tree), &mut |path, _, _| {
                let name = path.rsplit('/').next().unwrap_or_default();
                if !held.contains_key(name) {
                    held.insert(name.to_owned(), time);
                }
            });
        }
        held
    }

    /// Returns the newest commit at each of `times`, newest first, with its own time.
    fn commits_at(
        &self,
        from: Snapshot,
        times: &BTreeSet<Timestamp>,
    ) -> Vec<(Timestamp, Commit<'_>)> {
        let (Snapshot::Commit(from), false) = (from, times.is_empty()) else { return Vec::new() };
        let first = self.git.find_commit(from).ok();
        let mut line = std::iter::successors(first, |commit| commit.parent(0).ok()).peekable();
        let mut times = times.iter().rev().map(|time| time.as_second()).peekable();
        let mut found = Vec::new();
        while let (Some(commit), Some(time)) = (line.next(), times.peek()) {
            // No commit is older than its parent, whatever the clock of its machine showed.
            let before = line.peek().map_or(i64::MIN, |parent| parent.time().seconds());
            let made = commit.time().seconds().max(before);
            if made <= *time
                && let Ok(at) = Timestamp::from_second(made)
            {
                while times.next_if(|time| made <= *time).is_some() {}
                found.push((at, commit));
            }
        }
        found
    }
}
