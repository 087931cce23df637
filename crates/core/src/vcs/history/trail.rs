//! The files of the audit trail in history, where only additions are valid.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use git2::{Commit, Delta, ErrorCode, ObjectType, Oid, Sort, Tree};

use crate::files;
use crate::vcs::repository::to_slashes;
use crate::vcs::snapshot::{SUBMODULE, SYMBOLIC_LINK};
use crate::vcs::{Repository, Snapshot, SourceError};

/// The folder of the audit trail, without subfolders.
const FOLDER: &str = "audit";

/// A commit's change of an existing file of the trail.
pub struct TrailChange<'a> {
    /// The commit that changes the file.
    pub commit: Oid,
    /// From the repository's root.
    pub file: &'a str,
    /// The text in one of the commit's parents.
    pub before: &'a str,
    /// None if the file was removed.
    pub after: Option<&'a str>,
}

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
    /// Whether it is in the line of first parents; other commits came with a merge.
    pub is_direct: bool,
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
        let failed = SourceError::git(format!("`{FOLDER}/` in {after}"));
        self.deltas(Some(&self.tree(before)?), &self.tree(after)?).map_err(failed)
    }

    /// Returns the paths in the trail's folder that the next commit changes.
    ///
    /// A file that `upstream` or a branch that is being merged has as it is staged is left out: it
    /// was checked there.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn staged_trails(
        &self,
        before: Option<Snapshot>,
        upstream: Option<Snapshot>,
    ) -> Result<BTreeSet<String>, SourceError> {
        let change = self.change(before, Snapshot::Index, &[FOLDER])?;
        let mut paths: BTreeSet<String> = change.before.into_iter().chain(change.after).collect();
        if paths.is_empty() {
            return Ok(paths);
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
        let mut open = BTreeSet::new();
        for path in std::mem::take(&mut paths) {
            let staged = index.at(&path).map(|held| held.id);
            let mut is_settled = false;
            for tree in &settled {
                is_settled |= object_at(tree, &path)? == staged;
            }
            for tree in merged.iter().filter(|_| staged.is_some()) {
                is_settled |= object_at(tree, &path)? == staged;
            }
            if !is_settled {
                open.insert(path);
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
        match self.tree(commit)?.get_path(Path::new(file)) {
            Ok(entry) => {
                Ok(Some(TrailFile { id: entry.id(), mode: entry.filemode().unsigned_abs() }))
            }
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(SourceError::git(format!("`{file}` in {commit}"))(error)),
        }
    }

    /// Returns the text of a file of the trail's folder; None above `limit` bytes.
    ///
    /// # Errors
    /// An object that cannot be read.
    pub fn trail_text(&self, file: TrailFile, limit: u64) -> Result<Option<String>, SourceError> {
        let failed = || SourceError::git(format!("object {} of `{FOLDER}/`", file.id));
        let objects = self.git.odb().map_err(failed())?;
        let (size, _) = objects.read_header(file.id).map_err(failed())?;
        if size as u64 > limit {
            return Ok(None);
        }
        let object = objects.read(file.id).map_err(failed())?;
        Ok(Some(String::from_utf8_lossy(object.data()).into_owned()))
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
        let all: HashSet<Oid> = ids.iter().copied().collect();
        let mut direct = HashSet::new();
        let mut next = Some(to);
        while let Some(id) = next.filter(|id| all.contains(id)) {
            direct.insert(id);
            next = self.git.find_commit(id).map_err(failed())?.parent_ids().next();
        }
        let ends = self.shallow_ends();
        let ends: BTreeSet<&str> = std::str::from_utf8(&ends).unwrap_or_default().lines().collect();
        let mut found = Vec::new();
        for id in ids.into_iter().filter(|id| !ends.contains(id.to_string().as_str())) {
            let deltas = self
                .deltas_of(id)
                .map_err(SourceError::git(format!("`{FOLDER}/` in commit {id}")))?;
            if !deltas.is_empty() {
                found.push(TrailCommit { id, is_direct: direct.contains(&id), deltas });
            }
        }
        Ok(found)
    }

    /// Returns the files of the trail's folder that differ from all parents.
    fn deltas_of(&self, id: Oid) -> Result<Vec<TrailDelta>, git2::Error> {
        let commit = self.git.find_commit(id)?;
        let tree = commit.tree()?;
        let mut all: Option<Vec<TrailDelta>> = None;
        for parent in commit.parents() {
            let deltas = self.deltas(Some(&parent.tree()?), &tree)?;
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
    ) -> Result<Vec<TrailDelta>, git2::Error> {
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
                Some(top) => self.git.find_tree(top.file.id).map(Some),
                None => Ok(None),
            };
            let (before, after) = (folder(old)?, folder(new)?);
            for delta in self.git.diff_tree_to_tree(before.as_ref(), after.as_ref(), None)?.deltas()
            {
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

    /// Returns a trail's text in a commit, or on disk for all other snapshots.
    #[must_use]
    pub fn trail(&self, snapshot: Snapshot, file: &str, limit: u64) -> Option<String> {
        let Snapshot::Commit(_) = snapshot else {
            let bytes = files::read_below(self.root(), file, limit)?.ok()?;
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        };
        let entry = self.tree(snapshot).ok()?.get_path(Path::new(file)).ok()?;
        self.text(entry.id()).ok()
    }

    /// Returns the texts of all trails at HEAD, by path; none before the first commit.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn trails_at_head(&self) -> Result<BTreeMap<String, String>, SourceError> {
        let Ok(head) = self.git.head().and_then(|head| head.peel_to_commit()) else {
            return Ok(BTreeMap::new());
        };
        self.folder_of(&head)?
            .map(|folder| self.texts(&folder))
            .transpose()
            .map(Option::unwrap_or_default)
    }

    /// Calls `visit` with each change of an existing trail in the history of HEAD.
    ///
    /// Each commit is compared with all of its parents, since a merge can drop the text of one.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn visit_trail_changes(
        &self,
        visit: &mut dyn FnMut(TrailChange<'_>),
    ) -> Result<(), SourceError> {
        let Ok(head) = self.git.head().and_then(|head| head.peel_to_commit()) else {
            return Ok(());
        };
        let mut walk = self.git.revwalk().map_err(SourceError::git("the history"))?;
        walk.set_sorting(Sort::TOPOLOGICAL)
            .and_then(|()| walk.push(head.id()))
            .map_err(SourceError::git("the history"))?;
        for id in walk {
            let failed = || SourceError::git("the history");
            let id = id.map_err(failed())?;
            let commit = self.git.find_commit(id).map_err(failed())?;
            let after = self.folder_of(&commit)?;
            for parent in commit.parents() {
                let Some(before) = self.folder_of(&parent)? else { continue };
                if after.as_ref().map(Tree::id) == Some(before.id()) {
                    continue;
                }
                for entry in before.iter().filter(is_file) {
                    let Ok(name) = entry.name() else { continue };
                    let now = after.as_ref().and_then(|after| after.get_name(name)).filter(is_file);
                    let now = now.map(|now| now.id());
                    if now == Some(entry.id()) {
                        continue;
                    }
                    let old = self.text(entry.id())?;
                    let new = now.map(|now| self.text(now)).transpose()?;
                    let file = format!("{FOLDER}/{name}");
                    visit(TrailChange {
                        commit: id,
                        file: &file,
                        before: &old,
                        after: new.as_deref(),
                    });
                }
            }
        }
        Ok(())
    }

    fn folder_of(&self, commit: &Commit<'_>) -> Result<Option<Tree<'_>>, SourceError> {
        let failed = || SourceError::git(format!("`{FOLDER}/` in commit {}", commit.id()));
        let tree = commit.tree().map_err(failed())?;
        match tree.get_name(FOLDER).filter(|entry| entry.kind() == Some(ObjectType::Tree)) {
            Some(entry) => self.git.find_tree(entry.id()).map(Some).map_err(failed()),
            None => Ok(None),
        }
    }

    fn texts(&self, folder: &Tree<'_>) -> Result<BTreeMap<String, String>, SourceError> {
        let named = folder
            .iter()
            .filter(is_file)
            .filter_map(|entry| Some((entry.name().ok()?.to_owned(), entry.id())));
        named.map(|(name, id)| Ok((format!("{FOLDER}/{name}"), self.text(id)?))).collect()
    }

    fn text(&self, blob: Oid) -> Result<String, SourceError> {
        let read = self
            .git
            .find_blob(blob)
            .map_err(SourceError::git(format!("object {blob} of `{FOLDER}/`")))?;
        Ok(String::from_utf8_lossy(read.content()).into_owned())
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

/// Returns the object at a path of a tree; None if there is none.
fn object_at(tree: &Tree<'_>, path: &str) -> Result<Option<Oid>, SourceError> {
    match tree.get_path(Path::new(path)) {
        Ok(entry) => Ok(Some(entry.id())),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(SourceError::git(format!("`{path}`"))(error)),
    }
}
