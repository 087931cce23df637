//! Since when a branch has what it has.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use git2::{Commit, ObjectType, Oid, Tree};
use jiff::Timestamp;

use crate::vcs::{Repository, Snapshot, is_hidden, is_yaml};

/// How deep folders are followed: a catalog's are two deep, and a tree made to exhaust the stack is not followed down.
const DEEPEST: usize = 32;

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
            let Ok(entry) = commit.tree().and_then(|tree| tree.get_path(Path::new(under))) else {
                continue;
            };
            self.new_names(entry.id(), 0, &mut trees, &mut |name| {
                if !held.contains_key(name) {
                    held.insert(name.to_owned(), time);
                }
            });
        }
        held
    }

    /// Calls `take` with the names of the YAML files below a tree, those below trees that were seen left out.
    fn new_names(
        &self,
        tree: Oid,
        depth: usize,
        seen: &mut HashSet<Oid>,
        take: &mut impl FnMut(&str),
    ) {
        if depth > DEEPEST || !seen.insert(tree) {
            return;
        }
        let Ok(tree) = self.git.find_tree(tree) else { return };
        for entry in &tree {
            let is_folder = entry.kind() == Some(ObjectType::Tree);
            if is_folder && seen.contains(&entry.id()) {
                continue;
            }
            let name = String::from_utf8_lossy(entry.name_bytes());
            match is_hidden(&name) {
                true => {}
                false if is_folder => self.new_names(entry.id(), depth + 1, seen, take),
                false if is_yaml(Path::new(name.as_ref())) => take(&name),
                false => {}
            }
        }
    }

    /// Since when each of `files` is what it is: the time of the oldest commit that has it, by its path, in such a way that
    /// `is_same` says yes to its bytes, and all later ones up to `from` too. A file that `from` does not have so is left
    /// out. First parents are followed, as in [`Repository::first_held`].
    #[must_use]
    pub fn same_since(
        &self,
        from: Snapshot,
        files: impl IntoIterator<Item = String>,
        is_same: impl Fn(&[u8]) -> bool,
    ) -> BTreeMap<String, Timestamp> {
        let mut open = TreeFolder::default();
        files.into_iter().for_each(|path| open.add(&path));
        let mut since = BTreeMap::new();
        let is_same =
            |blob: Oid| self.git.find_blob(blob).is_ok_and(|blob| is_same(blob.content()));
        // The time of the commit that is built on the one that is looked at.
        let mut newer = None;
        for (time, commit) in self.first_parents(from) {
            let Ok(tree) = commit.tree() else { break };
            let mut ended = Vec::new();
            open.compare(&self.git, &tree, &is_same, &mut ended);
            since.extend(ended.into_iter().filter_map(|path| Some((path, newer?))));
            if open.is_empty() {
                return since;
            }
            newer = Some(time);
        }
        // What was so from the beginning.
        since.extend(open.paths().into_iter().filter_map(|path| Some((path, newer?))));
        since
    }

    /// The first parents of a commit, itself the first of them, with their times.
    fn first_parents(&self, from: Snapshot) -> Vec<(Timestamp, Commit<'_>)> {
        let Snapshot::Commit(from) = from else { return Vec::new() };
        let first = self.git.find_commit(from).ok();
        let line: Vec<Commit<'_>> =
            std::iter::successors(first, |commit| commit.parent(0).ok()).collect();
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
}

/// Files that are followed back, by their folders: one that is the same as in the commit before needs no other look.
#[derive(Default)]
struct TreeFolder {
    seen: Option<Oid>,
    folders: BTreeMap<String, TreeFolder>,
    /// By name: the path, and the blob that was looked at last.
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

    /// Takes out the files that are not so in `tree`, and puts their paths into `ended`.
    fn compare(
        &mut self,
        git: &git2::Repository,
        tree: &Tree<'_>,
        is_same: &impl Fn(Oid) -> bool,
        ended: &mut Vec<String>,
    ) {
        self.seen = Some(tree.id());
        self.files.retain(|name, (path, known)| {
            let blob = tree.get_name(name).map(|entry| entry.id());
            let stays = blob.is_some_and(|blob| known.replace(blob) == Some(blob) || is_same(blob));
            if !stays {
                ended.push(path.clone());
            }
            stays
        });
        self.folders.retain(|name, below| {
            let id = tree.get_name(name).map(|entry| entry.id());
            if id.is_some() && id == below.seen {
                return true;
            }
            match id.and_then(|id| git.find_tree(id).ok()) {
                Some(tree) => below.compare(git, &tree, is_same, ended),
                None => {
                    ended.extend(below.paths());
                    return false;
                }
            }
            !below.is_empty()
        });
    }
}
