//! What the history of one commit held.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use git2::Oid;

use crate::vcs::{Repository, Snapshot, SourceError};

impl Repository {
    /// Which of the file `names` the history of `from` has held anywhere below the folder `under`, each with the ID of
    /// the youngest commit that did. Without names nothing is walked.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn held_in_history(
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

    /// Calls `visit` with names of files and the commit that holds them, the youngest first. A file comes as often as
    /// its folder changed.
    fn walk_history(
        &self,
        tips: &[Oid],
        under: &str,
        mut visit: impl FnMut(&str, Oid),
    ) -> Result<(), SourceError> {
        let failed = || SourceError::git("the history");
        let mut walk = self.git.revwalk().map_err(failed())?;
        for tip in tips {
            walk.push(*tip).map_err(failed())?;
        }
        let mut trees: HashSet<Oid> = HashSet::new();
        for commit in walk {
            // A shallow clone ends somewhere; what it lacks cannot be asked.
            let Ok(commit) = commit.and_then(|id| self.git.find_commit(id)) else { break };
            let Ok(entry) = commit.tree().and_then(|tree| tree.get_path(Path::new(under))) else {
                continue;
            };
            let Ok(catalog) = self.git.find_tree(entry.id()) else { continue };
            // A tree that was seen holds nothing new, and most trees of most commits were.
            self.each_yaml(&catalog, under, &mut |tree| trees.insert(tree), &mut |path, _, _| {
                visit(path.rsplit('/').next().unwrap_or_default(), commit.id());
            });
        }
        Ok(())
    }
}
