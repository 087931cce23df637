//! Since when a branch has what it has.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use git2::{Commit, Oid, Tree};
use jiff::Timestamp;

use super::{Repository, Snapshot};

impl Repository {
    /// The names of all YAML files that the history of the commit `from` has held anywhere below the folder `under`, each
    /// with the time of the oldest commit that has it.
    ///
    /// It follows first parents, so a commit of a branch counts from its merge, and no commit is older than the one that it
    /// builds on. Where a shallow clone ends, nothing is known: what was there already counts from that end.
    #[must_use]
    pub fn first_held(&self, from: Snapshot, under: &str) -> HashMap<String, Timestamp> {
        let mut held = HashMap::new();
        let mut trees: HashSet<Oid> = HashSet::new();
        // The oldest first: most folders of most commits are the same as before.
        for (time, commit) in self.first_parents(from).into_iter().rev() {
            let Some(catalog) = self.folder(&commit, under) else { continue };
            self.each_yaml(&catalog, under, &mut |tree| trees.insert(tree), &mut |path, _, _| {
                let name = path.rsplit('/').next().unwrap_or_default();
                if !held.contains_key(name) {
                    held.insert(name.to_owned(), time);
                }
            });
        }
        held
    }

    /// Since when each of `files` is what it is: the time of the oldest commit that has it, by its path, in such a way that
    /// `is_same` says yes to its bytes, and all later ones up to `from` too. A file that `from` does not have so is left
    /// out. First parents are followed, as in [`Repository::first_held`].
    #[must_use]
    pub fn same_since<'path>(
        &self,
        from: Snapshot,
        files: impl IntoIterator<Item = &'path str>,
        is_same: impl Fn(&str, &[u8]) -> bool,
    ) -> BTreeMap<&'path str, Timestamp> {
        // By their folders: one that is the same as in the commit behind it needs no other look.
        let mut open: BTreeMap<&str, Vec<(&'path str, Option<Oid>)>> = BTreeMap::new();
        for path in files {
            open.entry(path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default().push((path, None));
        }
        let mut since = BTreeMap::new();
        let mut seen: BTreeMap<&str, Oid> = BTreeMap::new();
        for (time, commit) in self.first_parents(from) {
            if open.is_empty() {
                break;
            }
            open.retain(|folder, files| {
                let Some(tree) = self.folder(&commit, folder) else { return false };
                if seen.insert(folder, tree.id()) != Some(tree.id()) {
                    files.retain_mut(|(path, blob)| {
                        let name = path.rsplit('/').next().unwrap_or_default();
                        let Some(entry) = tree.get_name(name) else { return false };
                        let is_known = blob.replace(entry.id()) == Some(entry.id());
                        is_known || self.git.find_blob(entry.id()).is_ok_and(|blob| is_same(path, blob.content()))
                    });
                }
                since.extend(files.iter().map(|(path, _)| (*path, time)));
                !files.is_empty()
            });
        }
        since
    }

    /// The first parents of a commit, itself the first of them, with their times.
    fn first_parents(&self, from: Snapshot) -> Vec<(Timestamp, Commit<'_>)> {
        let Snapshot::Commit(from) = from else { return Vec::new() };
        let first = self.git.find_commit(from).ok();
        let line: Vec<Commit<'_>> = std::iter::successors(first, |commit| commit.parent(0).ok()).collect();
        let mut latest = i64::MIN;
        let mut dated: Vec<_> = line
            .into_iter()
            .rev()
            .filter_map(|commit| {
                latest = latest.max(commit.time().seconds());
                Some((Timestamp::from_second(latest).ok()?, commit))
            })
            .collect();
        dated.reverse();
        dated
    }

    fn folder<'repo>(&'repo self, commit: &Commit<'repo>, path: &str) -> Option<Tree<'repo>> {
        let tree = commit.tree().ok()?;
        if path.is_empty() {
            return Some(tree);
        }
        let entry = tree.get_path(Path::new(path)).ok()?;
        self.git.find_tree(entry.id()).ok()
    }
}
