//! The files of a repository in one state.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use git2::{ObjectType, Oid, Tree};

use super::index::{IndexStatus, IndexedFile};
use super::manifest_path::{is_hidden, is_yaml};
use super::{File, Repository, SourceError, Unreadable, work_tree};
use crate::vcs::git::{GitError, LOCAL};

/// A state of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshot {
    /// The files on disk.
    WorkTree,
    /// The contents of the next commit.
    Index,
    /// The tree of a commit.
    Commit(Oid),
    /// The tree of a merge in memory.
    Merge(Oid),
}

impl Snapshot {
    /// Returns the ID of the commit or tree in hexadecimal digits; empty without one.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::Commit(id) | Self::Merge(id) => id.to_string(),
            Self::WorkTree | Self::Index => String::new(),
        }
    }
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

/// git's file modes (gitformat-index, "mode").
pub(super) const SYMBOLIC_LINK: u32 = 0o120_000;
pub(super) const SUBMODULE: u32 = 0o160_000;
const FOLDER: u32 = 0o040_000;

/// A file of the index or of a commit.
#[derive(Debug, Clone)]
pub struct Blob<'index> {
    /// From the repository's root, with `/`.
    pub path: Cow<'index, str>,
    /// The ID of the content in git's object database.
    pub id: Oid,
    /// As in a tree (gitformat-index, "mode").
    pub(super) mode: u32,
    /// The size of the file in the work tree that the index notes, in bytes; 0 if unknown.
    pub(super) noted_size: u32,
}

impl<'index> From<IndexedFile<'index>> for Blob<'index> {
    fn from(file: IndexedFile<'index>) -> Self {
        Self { path: file.path, id: file.id, mode: file.mode, noted_size: file.noted_size }
    }
}

impl Blob<'_> {
    /// Reports whether it is a regular file.
    pub(super) fn is_file(&self) -> bool {
        !is_link_or_submodule(self.mode)
    }

    /// Reports whether both have the same content and mode, at any path.
    #[must_use]
    pub fn is_same_file(&self, other: &Self) -> bool {
        (self.id, self.mode) == (other.id, other.mode)
    }
}

/// The limit of nested folders in a commit.
const MAX_FOLDERS: usize = 32;

impl Repository {
    /// Returns one file of a snapshot; None if the snapshot does not have it.
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
            Snapshot::WorkTree => self.read_in_work_tree(path, limit),
            Snapshot::Index => {
                let index = self.index()?;
                if index.is_unmerged(path) {
                    return Err(SourceError::Unmerged { path: path.to_owned() });
                }
                index
                    .at(path)
                    .map(|held| self.read_file(path, held.id, held.mode, limit))
                    .transpose()
            }
            Snapshot::Commit(_) | Snapshot::Merge(_) => self.read_in_tree(snapshot, path, limit),
        }
    }

    /// Reads a file of a commit, folder by folder.
    ///
    /// A folder that git has not fetched is an error, not a missing file.
    fn read_in_tree(
        &self,
        snapshot: Snapshot,
        path: &str,
        limit: u64,
    ) -> Result<Option<Result<Vec<u8>, Unreadable>>, SourceError> {
        let mut tree = self.tree(snapshot)?;
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let Some((id, mode)) =
                tree.get_name(name).map(|entry| (entry.id(), entry.filemode().unsigned_abs()))
            else {
                return Ok(None);
            };
            match (mode, names.peek()) {
                (FOLDER, None) => return Ok(Some(Err(Unreadable::NotAFile("folder")))),
                (mode, None) => return self.read_file(path, id, mode, limit).map(Some),
                (FOLDER, Some(_)) => tree = self.find_tree(id)?,
                (SYMBOLIC_LINK, Some(_)) => {
                    return Ok(Some(Err(Unreadable::BehindSymlink(above_last(
                        path,
                        names.count(),
                    )))));
                }
                (SUBMODULE, Some(_)) => {
                    return Ok(Some(Err(Unreadable::NotAFile("file of a submodule"))));
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Loads every YAML file below `under`, in parallel and in no order.
    ///
    /// A symbolic link or submodule that hides a folder is loaded too. The paths of the other files
    /// on disk are added to `others`; for a commit or the index, they are in its
    /// [`ChangedPaths`](super::ChangedPaths).
    ///
    /// # Errors
    /// A repository that cannot be read. `load` receives a file that cannot be read with its error.
    pub fn load_below<T: Send>(
        &self,
        snapshot: Snapshot,
        under: &str,
        limit: u64,
        others: &Mutex<Vec<String>>,
        load: impl Fn(File) -> T + Sync + Send,
    ) -> Result<Vec<T>, SourceError> {
        match self.blobs_below(snapshot, under)? {
            None => {
                let (own, other): (Vec<_>, Vec<_>) =
                    self.left_out(under)?.into_iter().partition(|blob| {
                        is_yaml(Path::new(blob.path.as_ref()))
                            && !is_hidden(&blob.path[under.len()..])
                    });
                let mut loaded = work_tree::load(self.root(), under, limit, others, &load);
                loaded.extend(self.load(&own, limit, &load)?);
                let paths = other.into_iter().map(|blob| blob.path.into_owned());
                others.lock().unwrap_or_else(PoisonError::into_inner).extend(paths);
                Ok(loaded)
            }
            Some(blobs) => self.load(&blobs, limit, load),
        }
    }

    /// Returns the YAML files of a snapshot below `under`; None for the work tree.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn blobs_below(
        &self,
        snapshot: Snapshot,
        under: &str,
    ) -> Result<Option<Vec<Blob<'_>>>, SourceError> {
        match snapshot {
            Snapshot::WorkTree => Ok(None),
            Snapshot::Index => self.index_files(under).map(Some),
            Snapshot::Commit(_) | Snapshot::Merge(_) => self.tree_files(snapshot, under).map(Some),
        }
    }

    /// Reports whether the work tree or the index below `under` differs from HEAD.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn has_uncommitted(&self, under: &str) -> Result<bool, SourceError> {
        let pathspec = if under.is_empty() { ".".to_owned() } else { format!(":(literal){under}") };
        // The `git` program: libgit2 does not support split and sparse indexes.
        let arguments = [
            "--no-optional-locks",
            "status",
            "--porcelain",
            "-z",
            "--untracked-files=normal",
            "--",
            &pathspec,
        ];
        let failed = |why: GitError| SourceError::Git {
            what: "the status of the work tree".to_owned(),
            message: why.to_string(),
        };
        Ok(!self.program().run(&arguments, LOCAL).map_err(failed)?.stdout.is_empty())
    }

    /// Returns the tracked YAML files with a line that matches the extended regular expression.
    ///
    /// In the work tree, it searches the index, which also has what a sparse checkout leaves out.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn find_yaml_files(
        &self,
        snapshot: Snapshot,
        line: &str,
    ) -> Result<Vec<String>, SourceError> {
        let commit = match snapshot {
            Snapshot::WorkTree | Snapshot::Index => None,
            Snapshot::Commit(id) | Snapshot::Merge(id) => Some(id.to_string()),
        };
        let mut arguments = vec!["grep", "-I", "--files-with-matches", "--null", "--full-name"];
        arguments.extend(["--extended-regexp", "-e", line]);
        arguments.push(commit.as_deref().unwrap_or("--cached"));
        arguments.extend(["--", ":(top,icase)*.yaml", ":(top,icase)*.yml"]);
        let failed =
            |message| SourceError::Git { what: format!("the files of {snapshot}"), message };
        let output = self
            .program()
            .run_unchecked(&arguments, LOCAL)
            .map_err(|why| failed(why.to_string()))?;
        // 1 is the answer that no file matches.
        if !matches!(output.code, Some(0 | 1)) {
            return Err(failed(output.stderr));
        }
        let prefix = commit.map(|commit| format!("{commit}:")).unwrap_or_default();
        let paths = output.stdout.split('\0').filter(|path| !path.is_empty());
        Ok(paths.map(|path| path.strip_prefix(&prefix).unwrap_or(path).to_owned()).collect())
    }

    fn tree_files(&self, snapshot: Snapshot, under: &str) -> Result<Vec<Blob<'_>>, SourceError> {
        if let Some(hiding) = self.in_place_of(snapshot, under)? {
            return Ok(vec![hiding]);
        }
        let Some(tree) = self.folder_at(&self.tree(snapshot)?, under)? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let includes = |name: &str, mode| is_yaml(Path::new(name)) || is_link_or_submodule(mode);
        let mut take = |path: String, id, mode| {
            found.push(Blob { path: path.into(), id, mode, noted_size: 0 });
        };
        self.each_file(&tree, under, &includes, &mut |_| true, &mut take)?;
        self.only_hiding_links(snapshot, &mut found)?;
        Ok(found)
    }

    /// Removes the links and submodules that hide no folder, unless they are named as manifests.
    fn only_hiding_links(
        &self,
        snapshot: Snapshot,
        files: &mut Vec<Blob<'_>>,
    ) -> Result<(), SourceError> {
        let mut others = Vec::new();
        for (at, blob) in files.iter().enumerate() {
            if !is_yaml(Path::new(blob.path.as_ref()))
                && !self.hides_folder(snapshot, &blob.path)?
            {
                others.push(at);
            }
        }
        others.into_iter().rev().for_each(|at| _ = files.remove(at));
        Ok(())
    }

    /// Calls `take` with path, ID and mode of each YAML file in a tree.
    ///
    /// `folder` is the tree's path. Subtrees that `enter` rejects are skipped.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(super) fn each_yaml(
        &self,
        tree: &Tree<'_>,
        folder: &str,
        enter: &mut impl FnMut(Oid) -> bool,
        take: &mut impl FnMut(String, Oid, u32),
    ) -> Result<(), SourceError> {
        self.each_file(tree, folder, &|name, _| is_yaml(Path::new(name)), enter, take)
    }

    /// Calls `take` with each file of a tree that `includes` accepts by name and mode.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(super) fn each_file(
        &self,
        tree: &Tree<'_>,
        folder: &str,
        includes: &impl Fn(&str, u32) -> bool,
        enter: &mut impl FnMut(Oid) -> bool,
        take: &mut impl FnMut(String, Oid, u32),
    ) -> Result<(), SourceError> {
        if !enter(tree.id()) {
            return Ok(());
        }
        for entry in tree {
            let name = String::from_utf8_lossy(entry.name_bytes());
            match entry.kind() {
                _ if is_hidden(&name) => {}
                // A catalog has two levels of folders; a tree built to exhaust the stack is not
                // followed down.
                Some(ObjectType::Tree) if folder.matches('/').count() < MAX_FOLDERS => {
                    let (below, path) = (self.find_tree(entry.id())?, format!("{folder}/{name}"));
                    self.each_file(&below, &path, includes, enter, take)?;
                }
                Some(ObjectType::Tree) => {}
                _ => {
                    let mode = entry.filemode().unsigned_abs();
                    if includes(&name, mode) {
                        take(format!("{folder}/{name}"), entry.id(), mode);
                    }
                }
            }
        }
        Ok(())
    }

    fn index_files(&self, under: &str) -> Result<Vec<Blob<'_>>, SourceError> {
        if let Some(hiding) = self.in_place_of(Snapshot::Index, under)? {
            return Ok(vec![hiding]);
        }
        let below = self.index()?.below(under);
        let mut files = Vec::with_capacity(below.len());
        for held in below {
            match held.status {
                IndexStatus::Unmerged => {
                    return Err(SourceError::Unmerged { path: held.path.into_owned() });
                }
                IndexStatus::Announced => {}
                IndexStatus::Staged => {
                    let includes = is_yaml(Path::new(held.path.as_ref()))
                        || (is_link_or_submodule(held.mode)
                            && self.hides_folder(Snapshot::Index, &held.path)?);
                    if includes && !is_hidden(&held.path[under.len() + 1..]) {
                        files.push(held.into());
                    }
                }
            }
        }
        Ok(files)
    }
}

/// Returns `path` without its last `names` parts.
fn above_last(path: &str, names: usize) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    parts[..parts.len().saturating_sub(names)].join("/")
}

/// Reports whether the mode is one that can hide a folder.
fn is_link_or_submodule(mode: u32) -> bool {
    matches!(mode, SYMBOLIC_LINK | SUBMODULE)
}
