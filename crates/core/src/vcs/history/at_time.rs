//! The files that a branch had at a given time.

use std::collections::{BTreeSet, HashMap, HashSet};

use git2::{Commit, Oid};
use jiff::Timestamp;

use crate::vcs::clone::is_cut;
use crate::vcs::{Repository, Snapshot, SourceError};

/// The names that a branch had at given times.
#[derive(Debug, Default)]
pub struct NamesAt {
    /// Each with the time of the oldest commit read that has the name.
    pub held: HashMap<String, Timestamp>,
    /// The names in the first commit of a cut history, if it is after one of the times.
    pub cut: HashSet<String>,
}

/// Commits with their times, and the first commit of a cut history.
type DatedCommits<'r> = (Vec<(Timestamp, Commit<'r>)>, Option<Commit<'r>>);

impl Repository {
    /// Returns the YAML file names below `under` at one of `times`, with a time each.
    ///
    /// The time is that of the oldest commit read that has the name. Only the first parents of
    /// `from` count: a commit of a branch counts from its merge. Commits before the earliest of the
    /// times are not read. Where history is cut before them, a name may be older than it is known
    /// to be.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn names_at(
        &self,
        from: Snapshot,
        under: &str,
        times: &BTreeSet<Timestamp>,
    ) -> Result<NamesAt, SourceError> {
        let NamesAt { mut held, mut cut } = NamesAt::default();
        let mut trees: HashSet<Oid> = HashSet::new();
        // The oldest first: its names are not searched again, and most folders do not change.
        let (commits, end) = self.commits_at(from, times)?;
        let read = commits.iter().map(|(_, commit)| commit.id());
        self.fetch_folders(read.chain(end.iter().map(Commit::id)))?;
        if let Some(end) = end
            && let Some(catalog) = self.folder_at(&self.tree_of(&end)?, under)?
        {
            self.each_yaml(&catalog, under, &mut |_| true, &mut |path, _, _| {
                cut.insert(path.rsplit('/').next().unwrap_or_default().to_owned());
            })?;
        }
        for (time, commit) in commits.into_iter().rev() {
            let Some(catalog) = self.folder_at(&self.tree_of(&commit)?, under)? else { continue };
            self.each_yaml(&catalog, under, &mut |tree| trees.insert(tree), &mut |path, _, _| {
                let name = path.rsplit('/').next().unwrap_or_default();
                if !held.contains_key(name) {
                    held.insert(name.to_owned(), time);
                }
            })?;
        }
        Ok(NamesAt { held, cut })
    }

    /// Returns the newest commit at each of `times`, newest first, with its own time.
    ///
    /// With them comes the first commit of a history that is cut after one of the times.
    fn commits_at(
        &self,
        from: Snapshot,
        times: &BTreeSet<Timestamp>,
    ) -> Result<DatedCommits<'_>, SourceError> {
        let (Snapshot::Commit(from), false) = (from, times.is_empty()) else {
            return Ok((Vec::new(), None));
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
                found.push((at, commit.clone()));
            }
            if next.is_none() && times.peek().is_some() && is_cut(&commit) {
                return Ok((found, Some(commit)));
            }
        }
        Ok((found, None))
    }
}
