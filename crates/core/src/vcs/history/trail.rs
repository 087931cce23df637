//! The files of the audit trail in history, where only additions are valid.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Commit, Delta, ObjectType, Oid, Sort, Tree};

use crate::vcs::repository::to_slashes;
use crate::vcs::snapshot::{SUBMODULE, SYMBOLIC_LINK};
use crate::vcs::{Repository, Snapshot, SourceError};

/// The folder of the audit trail, without subfolders.
const FOLDER: &str = "audit";

/// A file of the trail's folder on one side of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailFile {
    id: Oid,
    mode: u32,
}

/// A file of the trail's folder that differs between two states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailDelta {
    /// From the repository's root.
    pub file: String,
    /// None if it is new.
    pub before: Option<TrailFile>,
    /// None if it was removed.
    pub after: Option<TrailFile>,
}

/// A commit that changes files of the trail's folder.
pub struct TrailCommit {
    /// The commit's own ID.
    pub id: Oid,
    /// The files that differ from every parent, once for each parent.
    pub deltas: Vec<TrailDelta>,
}

impl TrailFile {
    /// Reports whether it is a regular file, not a symbolic link or a submodule.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        !matches!(self.mode, SYMBOLIC_LINK | SUBMODULE)
    }
}

impl Repository {
    /// Returns the files of the trail's folder in which two commits or merges differ.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn trail_deltas(
        &self,
        before: Snapshot,
        after: Snapshot,
    ) -> Result<Vec<TrailDelta>, SourceError> {
        self.deltas(Some(&self.tree(before)?), &self.tree(after)?)
    }

    /// Returns the paths in the trail's folder that the next commit changes or removes.
    ///
    /// Each comes with whether it is removed. A file that `upstream` or a branch that is being
    /// merged has as it is staged is left out: it was checked there.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn staged_trails(
        &self,
        before: Option<Snapshot>,
        upstream: Option<Snapshot>,
    ) -> Result<BTreeMap<String, bool>, SourceError> {
        let change = self.change(before, Snapshot::Index, &[FOLDER])?;
        let paths: BTreeSet<String> = change.before.into_iter().chain(change.after).collect();
        let mut open = BTreeMap::new();
        if paths.is_empty() {
            return Ok(open);
        }
        let mut settled = Vec::new();
        for snapshot in upstream
            .map(|upstream| self.checked_commits(upstream))
            .transpose()?
            .into_iter()
            .flatten()
        {
            settled.push(self.tree(snapshot)?);
        }
        let mut merged = Vec::new();
        for snapshot in self.merge_heads() {
            merged.push(self.tree(snapshot)?);
        }
        let index = self.index()?;
        for path in paths {
            let staged = index.at(&path).map(|held| held.id);
            let mut is_settled = false;
            for tree in &settled {
                is_settled |= self.item_at(tree, &path)?.map(|item| item.id) == staged;
            }
            for tree in merged.iter().filter(|_| staged.is_some()) {
                is_settled |= self.item_at(tree, &path)?.map(|item| item.id) == staged;
            }
            if !is_settled {
                open.insert(path, staged.is_none());
            }
        }
        Ok(open)
    }

    /// Returns a file of the trail's folder in a commit; None if it does not exist.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn trail_file(
        &self,
        commit: Snapshot,
        file: &str,
    ) -> Result<Option<TrailFile>, SourceError> {
        let found = self.item_at(&self.tree(commit)?, file)?;
        Ok(found.map(|item| TrailFile { id: item.id, mode: item.mode }))
    }

    /// Returns the text of a file of the trail's folder; None above `limit` bytes.
    ///
    /// # Errors
    /// An object that cannot be read.
    pub fn trail_text(&self, file: TrailFile, limit: u64) -> Result<Option<String>, SourceError> {
        let text = self.read_blob_up_to(file.id, limit)?;
        Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
    }

    /// Returns the commits up to `to` that change the trail's folder, the oldest first.
    ///
    /// A commit counts if it differs from all of its parents and is not in the history of any of
    /// `known`. Commits at the end of a shallow clone are left out, as their parents are missing.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn trail_commits(
        &self,
        known: &[Snapshot],
        to: Snapshot,
    ) -> Result<Vec<TrailCommit>, SourceError> {
        let failed = || SourceError::git("the history");
        let Snapshot::Commit(to) = to else { return Ok(Vec::new()) };
        let mut walk = self.git.revwalk().map_err(failed())?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)
            .and_then(|()| walk.push(to))
            .map_err(failed())?;
        for known in known {
            if let Snapshot::Commit(known) = known {
                walk.hide(*known).map_err(failed())?;
            }
        }
        let ids = walk.collect::<Result<Vec<Oid>, _>>().map_err(failed())?;
        self.fetch_folders(ids.iter().copied())?;
        let ends = self.shallow_ends();
        let ends: BTreeSet<&str> = std::str::from_utf8(&ends).unwrap_or_default().lines().collect();
        let mut found = Vec::new();
        for id in ids.into_iter().filter(|id| !ends.contains(id.to_string().as_str())) {
            let deltas = self.deltas_of(id)?;
            if !deltas.is_empty() {
                found.push(TrailCommit { id, deltas });
            }
        }
        Ok(found)
    }

    /// Returns the files of the trail's folder that differ from all parents.
    fn deltas_of(&self, id: Oid) -> Result<Vec<TrailDelta>, SourceError> {
        let commit = self.find_commit(id)?;
        let tree = self.tree_of(&commit)?;
        let mut all: Option<Vec<TrailDelta>> = None;
        for parent in commit.parent_ids() {
            let parent = self.tree_of(&self.find_commit(parent)?)?;
            let deltas = self.deltas(Some(&parent), &tree)?;
            let of =
                |deltas: &[TrailDelta], file: &str| deltas.iter().any(|delta| delta.file == file);
            let both = match all.take() {
                None => deltas,
                Some(known) => {
                    let shared =
                        |delta: &&TrailDelta| of(&known, &delta.file) && of(&deltas, &delta.file);
                    known.iter().chain(&deltas).filter(shared).cloned().collect()
                }
            };
            if both.is_empty() {
                return Ok(both);
            }
            all = Some(both);
        }
        match all {
            Some(deltas) => Ok(deltas),
            None => self.deltas(None, &tree),
        }
    }

    fn deltas(
        &self,
        before: Option<&Tree<'_>>,
        after: &Tree<'_>,
    ) -> Result<Vec<TrailDelta>, SourceError> {
        let (old, new) =
            (before.map(trail_folder_entries).unwrap_or_default(), trail_folder_entries(after));
        let mut found: BTreeMap<String, TrailDelta> = BTreeMap::new();
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
            let (old, new) = (old.get(name), new.get(name));
            let file = |side: Option<&TrailFolderEntry>| {
                side.filter(|top| top.kind != Some(ObjectType::Tree)).map(|top| top.file)
            };
            let (before, after) = (file(old), file(new));
            if before != after {
                found.insert(name.clone(), TrailDelta { file: name.clone(), before, after });
            }
            let folder = |side: Option<&TrailFolderEntry>| match side
                .filter(|top| top.kind == Some(ObjectType::Tree))
            {
                Some(top) => self.find_tree(top.file.id).map(Some),
                None => Ok(None),
            };
            let (before, after) = (folder(old)?, folder(new)?);
            let compare = || self.git.diff_tree_to_tree(before.as_ref(), after.as_ref(), None);
            let diff = self.read_objects(|| format!("`{FOLDER}/`"), compare)?;
            for delta in diff.deltas() {
                let side = |file: &git2::DiffFile<'_>| TrailFile {
                    id: file.id(),
                    mode: u32::from(file.mode()),
                };
                let (was, is) = (delta.old_file(), delta.new_file());
                // A file that becomes a symbolic link counts as a removed and an added file.
                if delta.status() != Delta::Added
                    && let Some(path) = was.path()
                {
                    let file = format!("{name}/{}", to_slashes(path));
                    found.entry(file).or_default().before = Some(side(&was));
                }
                if delta.status() != Delta::Deleted
                    && let Some(path) = is.path()
                {
                    let file = format!("{name}/{}", to_slashes(path));
                    found.entry(file).or_default().after = Some(side(&is));
                }
            }
        }
        Ok(found.into_iter().map(|(file, delta)| TrailDelta { file, ..delta }).collect())
    }

    /// Returns the texts of all trails at HEAD, by path; none before the first commit.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn trails_at_head(&self) -> Result<BTreeMap<String, String>, SourceError> {
        let head = match self.head() {
            Ok(Snapshot::Commit(head)) => self.find_commit(head)?,
            Ok(_) | Err(SourceError::NoCommit) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
        };
        self.folder_of(&head)?
            .map(|folder| self.texts(&folder))
            .transpose()
            .map(Option::unwrap_or_default)
    }

    fn folder_of(&self, commit: &Commit<'_>) -> Result<Option<Tree<'_>>, SourceError> {
        self.folder_at(&self.tree_of(commit)?, FOLDER)
    }

    fn texts(&self, folder: &Tree<'_>) -> Result<BTreeMap<String, String>, SourceError> {
        self.fetch_missing(folder.iter().filter(is_file).map(|entry| entry.id()))?;
        let named = folder
            .iter()
            .filter(is_file)
            .filter_map(|entry| Some((entry.name().ok()?.to_owned(), entry.id())));
        named.map(|(name, id)| Ok((format!("{FOLDER}/{name}"), self.text(id)?))).collect()
    }

    fn text(&self, blob: Oid) -> Result<String, SourceError> {
        Ok(String::from_utf8_lossy(&self.read_blob(blob)?).into_owned())
    }
}

/// An entry in a commit's top folder with the name of the trail's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TrailFolderEntry {
    kind: Option<ObjectType>,
    file: TrailFile,
}

/// Returns the trail's folder, and the entries that differ from it only in case.
fn trail_folder_entries(tree: &Tree<'_>) -> BTreeMap<String, TrailFolderEntry> {
    let is_it =
        |entry: &git2::TreeEntry<'_>| entry.name_bytes().eq_ignore_ascii_case(FOLDER.as_bytes());
    let top = |entry: git2::TreeEntry<'_>| {
        let file = TrailFile { id: entry.id(), mode: entry.filemode().unsigned_abs() };
        (
            String::from_utf8_lossy(entry.name_bytes()).into_owned(),
            TrailFolderEntry { kind: entry.kind(), file },
        )
    };
    tree.iter().filter(is_it).map(top).collect()
}

fn is_file(entry: &git2::TreeEntry<'_>) -> bool {
    entry.kind() == Some(ObjectType::Blob)
}
