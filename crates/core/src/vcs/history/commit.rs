//! The file names in the history of one commit.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use git2::{Oid, Sort};
use jiff::Timestamp;

use crate::vcs::clone::is_cut;
use crate::vcs::{Repository, Snapshot, SourceError};

impl Repository {
    /// Returns which of the file `names` the history of `from` has had below `under`.
    ///
    /// Each comes with the ID of the newest commit that has it. Without names no history is read.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn find_names_in_history(
        &self,
        from: Snapshot,
        under: &str,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, SourceError> {
        let mut held = BTreeMap::new();
        if let (Snapshot::Commit(from), false) = (from, names.is_empty()) {
            self.walk_history(&[from], under, |name, commit| {
                if names.contains(name) && !held.contains_key(name) {
                    held.insert(name.to_owned(), commit.to_string());
                }
            })?;
        }
        Ok(held)
    }

    /// Reports whether the history of `from` ends at a commit whose parents were not fetched.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn is_history_cut(&self, from: Snapshot) -> Result<bool, SourceError> {
        let Snapshot::Commit(from) = from else { return Ok(false) };
        if !self.is_shallow() {
            return Ok(false);
        }
        for id in self.history(&[from], Sort::NONE)? {
            if is_cut(&self.find_commit(id)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the committer date of a commit; None of another snapshot, or beyond all calendars.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn commit_time(&self, commit: Snapshot) -> Result<Option<Timestamp>, SourceError> {
        let Snapshot::Commit(id) = commit else { return Ok(None) };
        let time = Timestamp::from_second(self.find_commit(id)?.time().seconds());
        Ok(time.ok())
    }

    /// Calls `visit` with file names and the commit that has them, the newest first.
    ///
    /// A file is visited again for each change of its folder. The history of a shallow clone ends
    /// with it.
    fn walk_history(
        &self,
        tips: &[Oid],
        under: &str,
        mut visit: impl FnMut(&str, Oid),
    ) -> Result<(), SourceError> {
        let commits = self.history(tips, Sort::NONE)?;
        self.fetch_folders(commits.iter().copied())?;
        let mut trees: HashSet<Oid> = HashSet::new();
        for id in commits {
            let tree = self.tree_of(&self.find_commit(id)?)?;
            let Some(catalog) = self.folder_at(&tree, under)? else { continue };
            // A known tree has no new names, and most trees of most commits are known.
            self.each_yaml(&catalog, under, &mut |tree| trees.insert(tree), &mut |path, _, _| {
                visit(path.rsplit('/').next().unwrap_or_default(), id);
            })?;
        }
        Ok(())
    }
}
