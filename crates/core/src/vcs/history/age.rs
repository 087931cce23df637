//! The age of names and states on a branch.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use git2::{Commit, ObjectType, Oid, Tree};
use jiff::Timestamp;

use crate::vcs::clone::{Item, is_cut};
use crate::vcs::{Repository, Snapshot, SourceError, is_hidden, is_yaml};

/// When a branch got a name or a state, by its commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryTime {
    /// The time of the commit, by the clock of whoever created it.
    At(Timestamp),
    /// Before the first commit of a clone whose history is cut.
    Cut,
}

impl HistoryTime {
    /// Returns the time; None if it is before the first commit that the clone has.
    #[must_use]
    pub fn known(self) -> Option<Timestamp> {
        match self {
            Self::At(time) => Some(time),
            Self::Cut => None,
        }
    }
}

/// The first parents of a commit.
struct FirstParents<'r> {
    /// The newest first, each with its time.
    commits: Vec<(Timestamp, Commit<'r>)>,
    /// Whether the last one has a parent that the clone lacks.
    is_cut: bool,
}

/// The limit of nested folders.
///
/// A catalog has two levels, and a tree built to exhaust the stack is not followed down.
const DEEPEST: usize = 32;

impl Repository {
    /// Returns the YAML file names that ever were below `under`, with their first time.
    ///
    /// The time is that of the oldest commit in the history of `from` that has the name. Only first
    /// parents count: a commit of a branch counts from its merge. A commit is never older than its
    /// parent. Where history is cut, the names in the first commit have no time.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn first_seen(
        &self,
        from: Snapshot,
        under: &str,
    ) -> Result<HashMap<String, HistoryTime>, SourceError> {
        let mut held = HashMap::new();
        let mut trees: HashSet<Oid> = HashSet::new();
        let FirstParents { commits, is_cut } = self.first_parents(from)?;
        let mut is_first = true;
        // The oldest first: most folders of most commits are the same as before.
        for (time, commit) in commits.into_iter().rev() {
            let since = if is_cut && is_first { HistoryTime::Cut } else { HistoryTime::At(time) };
            is_first = false;
            let folder = self.item_at(&self.tree_of(&commit)?, under)?;
            let Some(folder) = folder.filter(|item| item.is_folder()) else { continue };
            self.new_names(folder.id, 0, &mut trees, &mut |name| {
                if !held.contains_key(name) {
                    held.insert(name.to_owned(), since);
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
    ) -> Result<BTreeMap<String, HistoryTime>, SourceError> {
        let mut open = TreeFolder::default();
        files.into_iter().for_each(|path| open.add(&path));
        let mut since = BTreeMap::new();
        if open.is_empty() {
            return Ok(since);
        }
        let is_same = |blob: Oid| Ok(is_same(&self.read_blob(blob)?));
        // The time of the child of the current commit.
        let mut newer = None;
        let FirstParents { commits, is_cut } = self.first_parents(from)?;
        for (time, commit) in commits {
            let mut ended = Vec::new();
            open.compare(self, &self.tree_of(&commit)?, &is_same, &mut ended)?;
            since.extend(ended.into_iter().filter_map(|path| Some((path, newer?))));
            if open.is_empty() {
                return Ok(since);
            }
            newer = Some(HistoryTime::At(time));
        }
        // The remaining files were accepted in the first commit already.
        let first = if is_cut { newer.map(|_| HistoryTime::Cut) } else { newer };
        since.extend(open.paths().into_iter().filter_map(|path| Some((path, first?))));
        Ok(since)
    }

    /// Returns the line of first parents from a commit.
    ///
    /// In a partial clone, their folders are fetched in one batch.
    fn first_parents(&self, from: Snapshot) -> Result<FirstParents<'_>, SourceError> {
        let Snapshot::Commit(from) = from else {
            return Ok(FirstParents { commits: Vec::new(), is_cut: false });
        };
        let mut line = vec![self.find_commit(from)?];
        while let Some(parent) = line.last().and_then(|commit| commit.parent_ids().next()) {
            line.push(self.find_commit(parent)?);
        }
        self.fetch_missing(line.iter().map(Commit::tree_id))?;
        let is_cut = line.last().is_some_and(is_cut);
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
        Ok(FirstParents { commits: dated, is_cut })
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
