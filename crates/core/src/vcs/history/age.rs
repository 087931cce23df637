//! The age of names and states on a branch.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use git2::{Commit, ObjectType, Oid, Tree};
use jiff::Timestamp;

use crate::vcs::clone::Item;
use crate::vcs::{Repository, Snapshot, SourceError, is_hidden, is_yaml};

/// The limit of nested folders.
///
/// A catalog has two levels, and a tree built to exhaust the stack is not followed down.
const DEEPEST: usize = 32;

impl Repository {
    /// Returns the YAML file names that ever were below `under`, with their first time.
    ///
    /// The time is that of the oldest commit in the history of `from` that has the name. Only first
    /// parents count: a commit of a branch counts from its merge. A commit is never older than its
    /// parent. At the end of a shallow clone nothing older is known: the files there count from
    /// that commit.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn first_seen(
        &self,
        from: Snapshot,
        under: &str,
    ) -> Result<HashMap<String, Timestamp>, SourceError> {
        let mut held = HashMap::new();
        let mut trees: HashSet<Oid> = HashSet::new();
        // The oldest first: most folders of most commits are the same as before.
        for (time, commit) in self.first_parents(from)?.into_iter().rev() {
            let folder = self.item_at(&self.tree_of(&commit)?, under)?;
            let Some(folder) = folder.filter(|item| item.is_folder()) else { continue };
            self.new_names(folder.id, 0, &mut trees, &mut |name| {
                if !held.contains_key(name) {
                    held.insert(name.to_owned(), time);
                }
            })?;
        }
        Ok(held)
    }

    /// Calls `take` with the YAML file names below a tree, except trees in `seen`.
    fn new_names(
        &self,
        tree: Oid,
        depth: usize,
        seen: &mut HashSet<Oid>,
        take: &mut impl FnMut(&str),
    ) -> Result<(), SourceError> {
        if depth > DEEPEST || !seen.insert(tree) {
            return Ok(());
        }
        for entry in &self.find_tree(tree)? {
            let is_folder = entry.kind() == Some(ObjectType::Tree);
            if is_folder && seen.contains(&entry.id()) {
                continue;
            }
            let name = String::from_utf8_lossy(entry.name_bytes());
            if is_hidden(&name) {
                continue;
            }
            if is_folder {
                self.new_names(entry.id(), depth + 1, seen, take)?;
            } else if is_yaml(Path::new(name.as_ref())) {
                take(&name);
            }
        }
        Ok(())
    }

    /// Returns since when `is_same` accepts the content of each of `files`, by path.
    ///
    /// The time is that of the oldest commit from which on all commits up to `from` have accepted
    /// content. A file whose content in `from` is not accepted is left out. Only first parents
    /// count, as in [`Repository::first_seen`].
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn unchanged_since(
        &self,
        from: Snapshot,
        files: impl IntoIterator<Item = String>,
        is_same: impl Fn(&[u8]) -> bool,
    ) -> Result<BTreeMap<String, Timestamp>, SourceError> {
        let mut open = TreeFolder::default();
        files.into_iter().for_each(|path| open.add(&path));
        let mut since = BTreeMap::new();
        if open.is_empty() {
            return Ok(since);
        }
        let is_same = |blob: Oid| Ok(is_same(&self.read_blob(blob)?));
        // The time of the child of the current commit.
        let mut newer = None;
        for (time, commit) in self.first_parents(from)? {
            let mut ended = Vec::new();
            open.compare(self, &self.tree_of(&commit)?, &is_same, &mut ended)?;
            since.extend(ended.into_iter().filter_map(|path| Some((path, newer?))));
            if open.is_empty() {
                return Ok(since);
            }
            newer = Some(time);
        }
        // The remaining files were accepted in the first commit already.
        since.extend(open.paths().into_iter().filter_map(|path| Some((path, newer?))));
        Ok(since)
    }

    /// Returns the line of first parents from a commit, newest first, with their times.
    ///
    /// In a partial clone, their folders are fetched in one batch.
    fn first_parents(&self, from: Snapshot) -> Result<Vec<(Timestamp, Commit<'_>)>, SourceError> {
        let Snapshot::Commit(from) = from else { return Ok(Vec::new()) };
        let mut line = vec![self.find_commit(from)?];
        while let Some(parent) = line.last().and_then(|commit| commit.parent_ids().next()) {
            line.push(self.find_commit(parent)?);
        }
        self.fetch_missing(line.iter().map(Commit::tree_id))?;
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
        Ok(dated)
    }
}

/// Files that are followed back, by folder.
///
/// A folder that did not change between two commits is compared only once.
#[derive(Default)]
struct TreeFolder {
    compared: Option<Oid>,
    folders: BTreeMap<String, TreeFolder>,
    /// By name: the path, and the blob that was compared last.
    files: BTreeMap<String, (String, Option<Oid>)>,
}

impl TreeFolder {
    fn add(&mut self, path: &str) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parts = folder.split('/').filter(|part| !part.is_empty());
        let home = parts.fold(self, |home, part| home.folders.entry(part.to_owned()).or_default());
        home.files.insert(name.to_owned(), (path.to_owned(), None));
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }

    fn paths(&self) -> Vec<String> {
        let own = self.files.values().map(|(path, _)| path.clone());
        own.chain(self.folders.values().flat_map(Self::paths)).collect()
    }

    /// Moves the paths of files that `is_same` rejects in `tree` to `ended`.
    fn compare(
        &mut self,
        repository: &Repository,
        tree: &Tree<'_>,
        is_same: &impl Fn(Oid) -> Result<bool, SourceError>,
        ended: &mut Vec<String>,
    ) -> Result<(), SourceError> {
        self.compared = Some(tree.id());
        let names: Vec<String> = self.files.keys().cloned().collect();
        for name in names {
            let Some((path, known)) = self.files.get_mut(&name) else { continue };
            let stays = match tree.get_name(&name).map(|entry| entry.id()) {
                Some(blob) => known.replace(blob) == Some(blob) || is_same(blob)?,
                None => false,
            };
            if !stays {
                ended.push(path.clone());
                self.files.remove(&name);
            }
        }
        for (name, mut below) in std::mem::take(&mut self.folders) {
            let folder = tree.get_name(&name).map(|entry| Item::from(&entry));
            match folder.filter(|folder| folder.is_folder()).map(|folder| folder.id) {
                Some(id) if Some(id) == below.compared => {}
                Some(id) => {
                    below.compare(repository, &repository.find_tree(id)?, is_same, ended)?;
                }
                None => {
                    ended.extend(below.paths());
                    continue;
                }
            }
            if !below.is_empty() {
                self.folders.insert(name, below);
            }
        }
        Ok(())
    }
}
