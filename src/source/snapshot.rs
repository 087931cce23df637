//! The files of a repository at one place in time.

use std::fmt;
use std::path::Path;

use git2::{ErrorCode, ObjectType, Oid, Tree};
use rayon::prelude::*;

use super::manifest_files::{is_hidden, is_yaml};
use super::{File, Repository, SourceError, Unreadable, work_tree};
use crate::files;

/// Which state of a repository is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// The files on disk.
    WorkTree,
    /// What the next commit would hold.
    Index,
    Commit(Oid),
    /// The tree that merging two commits would make.
    Merge(Oid),
}

impl fmt::Display for Snapshot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkTree => out.write_str("the work tree"),
            Self::Index => out.write_str("the index"),
            Self::Commit(id) => write!(out, "commit {}", &id.to_string()[..8]),
            Self::Merge(_) => out.write_str("the merge's result"),
        }
    }
}

/// Git's file modes (gitformat-index, "mode").
const SYMBOLIC_LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

/// The bits of an index entry's flags that are zero outside of a merge (gitformat-index, "stage").
const SIDE_OF_A_CONFLICT: u16 = 0x3000;

/// How deep folders of a commit are followed.
const MAX_FOLDERS: usize = 32;

impl Repository {
    /// One file of a snapshot, or None where it has none of that path.
    ///
    /// # Errors
    /// A repository that cannot be read. A file that cannot be read is `Some(Err(_))`.
    pub fn read(
        &self,
        snapshot: Snapshot,
        path: &str,
        limit: u64,
    ) -> Result<Option<Result<Vec<u8>, Unreadable>>, SourceError> {
        match snapshot {
            Snapshot::WorkTree => Ok(files::read_below(self.root(), path, limit)),
            Snapshot::Index => {
                let index = self.git.index().map_err(SourceError::git("the index"))?;
                if (1..=3).any(|side| index.get_path(Path::new(path), side).is_some()) {
                    return Err(SourceError::Unmerged { path: path.to_owned() });
                }
                let entry = index.get_path(Path::new(path), 0).filter(is_in_next_commit);
                Ok(entry.map(|entry| self.blob(entry.id, entry.mode, limit)))
            }
            Snapshot::Commit(_) | Snapshot::Merge(_) => match self.tree(snapshot)?.get_path(Path::new(path)) {
                Ok(entry) => Ok(Some(self.blob(entry.id(), entry.filemode().unsigned_abs(), limit))),
                Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
                Err(error) => Err(SourceError::git(format!("`{path}` in {snapshot}"))(error)),
            },
        }
    }

    /// Every YAML file of a snapshot below the folder `under`, each through `load`, in parallel and in no order.
    ///
    /// # Errors
    /// A repository that cannot be read. A file that cannot be read comes to `load` as such.
    pub fn load_below<T: Send>(
        &self,
        snapshot: Snapshot,
        under: &str,
        limit: u64,
        load: impl Fn(File) -> T + Sync + Send,
    ) -> Result<Vec<T>, SourceError> {
        if snapshot == Snapshot::WorkTree {
            return Ok(work_tree::load(self.root(), under, limit, load));
        }
        let blobs = match snapshot {
            Snapshot::Commit(_) | Snapshot::Merge(_) => self.tree_files(snapshot, under)?,
            Snapshot::Index | Snapshot::WorkTree => self.index_files(under)?,
        };
        // libgit2's object database is read by one thread; what comes after is not.
        let files: Vec<File> =
            blobs.into_iter().map(|(path, id, mode)| File { bytes: self.blob(id, mode, limit), path }).collect();
        Ok(files.into_par_iter().map(load).collect())
    }

    /// Whether the work tree or the index has anything below the folder `under` that HEAD has not.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn has_uncommitted(&self, under: &str) -> Result<bool, SourceError> {
        let mut options = git2::StatusOptions::new();
        options.include_untracked(true).disable_pathspec_match(true).pathspec(under);
        let statuses =
            self.git.statuses(Some(&mut options)).map_err(SourceError::git("the status of the work tree"))?;
        Ok(!statuses.is_empty())
    }

    fn tree_files(&self, snapshot: Snapshot, under: &str) -> Result<Vec<(String, Oid, u32)>, SourceError> {
        let what = || format!("`{under}` in {snapshot}");
        let tree = match self.tree(snapshot)?.get_path(Path::new(under)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => {
                self.git.find_tree(entry.id()).map_err(SourceError::git(what()))?
            }
            Ok(_) => return Ok(Vec::new()),
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(SourceError::git(what())(error)),
        };
        let mut found = Vec::new();
        self.each_yaml(&tree, under, &mut |_| true, &mut |path, id, mode| found.push((path, id, mode)));
        Ok(found)
    }

    /// Calls `take` with path, ID and mode of each YAML file in a tree whose path is `folder`, passing over the
    /// subtrees that `enter` refuses.
    pub(super) fn each_yaml(
        &self,
        tree: &Tree<'_>,
        folder: &str,
        enter: &mut impl FnMut(Oid) -> bool,
        take: &mut impl FnMut(String, Oid, u32),
    ) {
        if !enter(tree.id()) {
            return;
        }
        for entry in tree {
            let name = String::from_utf8_lossy(entry.name_bytes());
            match entry.kind() {
                _ if is_hidden(&name) => {}
                // A catalog's folders are two deep; a tree made to exhaust the stack is not followed down.
                Some(ObjectType::Tree) if folder.matches('/').count() < MAX_FOLDERS => {
                    if let Ok(below) = self.git.find_tree(entry.id()) {
                        self.each_yaml(&below, &format!("{folder}/{name}"), enter, take);
                    }
                }
                Some(ObjectType::Tree) => {}
                _ if is_yaml(Path::new(name.as_ref())) => {
                    take(format!("{folder}/{name}"), entry.id(), entry.filemode().unsigned_abs());
                }
                _ => {}
            }
        }
    }

    fn index_files(&self, under: &str) -> Result<Vec<(String, Oid, u32)>, SourceError> {
        let index = self.git.index().map_err(SourceError::git("the index"))?;
        let prefix = format!("{under}/");
        let below = || index.iter().filter(|entry| entry.path.starts_with(prefix.as_bytes()));
        if let Some(entry) = below().find(|entry| entry.flags & SIDE_OF_A_CONFLICT != 0) {
            return Err(SourceError::Unmerged { path: String::from_utf8_lossy(&entry.path).into_owned() });
        }
        Ok(below()
            .filter(is_in_next_commit)
            .map(|entry| (String::from_utf8_lossy(&entry.path).into_owned(), entry.id, entry.mode))
            .filter(|(path, ..)| is_yaml(Path::new(path)) && !is_hidden(&path[prefix.len()..]))
            .collect())
    }

    fn blob(&self, id: Oid, mode: u32, limit: u64) -> Result<Vec<u8>, Unreadable> {
        match mode {
            SYMBOLIC_LINK => return Err(Unreadable::NotAFile("symbolic link")),
            SUBMODULE => return Err(Unreadable::NotAFile("submodule")),
            _ => {}
        }
        let unreadable = |error: git2::Error| Unreadable::Io(error.message().to_owned());
        let objects = self.git.odb().map_err(unreadable)?;
        // The header tells the size, so that a huge blob is never inflated.
        let (size, _) = objects.read_header(id).map_err(unreadable)?;
        if size as u64 > limit {
            return Err(Unreadable::TooLarge { size: size as u64, limit });
        }
        Ok(objects.read(id).map_err(unreadable)?.data().to_vec())
    }
}

/// Not so for what `git add --intent-to-add` has only announced.
pub(super) fn is_in_next_commit(entry: &git2::IndexEntry) -> bool {
    entry.flags_extended & git2::IndexEntryExtendedFlag::INTENT_TO_ADD.bits() == 0
}
