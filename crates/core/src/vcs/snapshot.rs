//! The files of a repository at one place in time.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;

use git2::{ErrorCode, ObjectType, Oid, Tree, TreeWalkMode, TreeWalkResult};
use rayon::prelude::*;

use super::index::IndexStatus;
use super::manifest_path::{is_hidden, is_yaml};
use super::{File, Repository, SourceError, Unreadable, work_tree};
use crate::files;
use crate::vcs::git::{GitError, LOCAL};

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

impl Snapshot {
    /// The ID of the commit or tree, in hexadecimal digits; empty for what has none.
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

/// Git's file modes (gitformat-index, "mode").
pub(super) const SYMBOLIC_LINK: u32 = 0o120_000;
pub(super) const SUBMODULE: u32 = 0o160_000;
const FOLDER: u32 = 0o040_000;

/// A file of the index or of a commit.
#[derive(Debug, Clone)]
pub struct Blob<'index> {
    /// From the repository's root, with `/`.
    pub path: Cow<'index, str>,
    pub id: Oid,
    /// As in a tree (gitformat-index, "mode").
    pub(super) mode: u32,
}

impl Blob<'_> {
    /// Whether the two are the same file, wherever they are.
    #[must_use]
    pub fn is_same_file(&self, other: &Self) -> bool {
        (self.id, self.mode) == (other.id, other.mode)
    }
}

/// How many blobs a thread reads from a repository that it opens for itself.
const BLOBS_A_THREAD: usize = 512;

/// How many are not worth a thread: starting one costs as much as reading them.
const FEW_BLOBS: usize = 16;

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
                let index = self.index()?;
                if index.is_unmerged(path) {
                    return Err(SourceError::Unmerged { path: path.to_owned() });
                }
                Ok(index.at(path).map(|held| self.blob(held.id, held.mode, limit)))
            }
            Snapshot::Commit(_) | Snapshot::Merge(_) => self.read_in_tree(snapshot, path, limit),
        }
    }

    /// The same of a commit, name by name: a folder that git has not fetched is an error, and not a
    /// missing file.
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
                (mode, None) => return Ok(Some(self.blob(id, mode, limit))),
                (FOLDER, Some(_)) => {
                    tree = self
                        .git
                        .find_tree(id)
                        .map_err(SourceError::git(format!("`{path}` in {snapshot}")))?;
                }
                (SYMBOLIC_LINK, Some(_)) => {
                    return Ok(Some(Err(Unreadable::BehindALink(above_last(path, names.count())))));
                }
                (SUBMODULE, Some(_)) => {
                    return Ok(Some(Err(Unreadable::NotAFile("file of a submodule"))));
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Checks that every folder of a commit below the folder `under` is in this clone: git may not have fetched all.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn check_folder(&self, commit: Snapshot, under: &str) -> Result<(), SourceError> {
        let failed = || SourceError::git(format!("`{under}` in {commit}"));
        let mut tree = self.tree(commit)?;
        for name in under.split('/') {
            let Some((id, FOLDER)) =
                tree.get_name(name).map(|entry| (entry.id(), entry.filemode().unsigned_abs()))
            else {
                return Ok(());
            };
            tree = self.git.find_tree(id).map_err(failed())?;
        }
        tree.walk(TreeWalkMode::PreOrder, |_, _| TreeWalkResult::Ok).map_err(failed())
    }

    /// Every YAML file of a snapshot below the folder `under`, and whatever hides a folder there, each through `load`, in parallel
    /// and in no order. The paths of the other files on disk go to `others`; those of a commit or the index are in its [`Change`].
    ///
    /// [`Change`]: super::Change
    ///
    /// # Errors
    /// A repository that cannot be read. A file that cannot be read comes to `load` as such.
    pub fn load_below<T: Send>(
        &self,
        snapshot: Snapshot,
        under: &str,
        limit: u64,
        others: &Mutex<Vec<String>>,
        load: impl Fn(File) -> T + Sync + Send,
    ) -> Result<Vec<T>, SourceError> {
        match self.blobs_below(snapshot, under)? {
            None => Ok(work_tree::load(self.root(), under, limit, others, load)),
            Some(blobs) => Ok(self.load(&blobs, limit, load)),
        }
    }

    /// The YAML files of a snapshot below the folder `under`; None for the work tree, whose files are no blobs.
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

    /// Hands blobs to `load`, in parallel; what it returns comes in the order of the blobs.
    pub fn load<T: Send>(
        &self,
        blobs: &[Blob<'_>],
        limit: u64,
        load: impl Fn(File) -> T + Sync,
    ) -> Vec<T> {
        let file = |blob: &Blob<'_>, bytes| File { path: blob.path.clone().into_owned(), bytes };
        let here = |blob: &Blob<'_>| load(file(blob, self.blob(blob.id, blob.mode, limit)));
        if blobs.len() <= FEW_BLOBS {
            return blobs.iter().map(here).collect();
        }
        // One thread at a time may read from a repository, so each opens its own. What a merge has made in memory is only
        // in this one, where blobs that others lack are looked for again.
        let loaded: Vec<Option<T>> = blobs
            .par_chunks(BLOBS_A_THREAD)
            .flat_map_iter(|blobs| {
                let own = git2::Repository::open_from_env().ok();
                let objects = own.as_ref().and_then(|own| own.odb().ok());
                let read = |blob: &Blob<'_>| bytes(objects.as_ref()?, blob, limit).ok();
                blobs
                    .iter()
                    .map(|blob| read(blob).map(|bytes| load(file(blob, Ok(bytes)))))
                    .collect::<Vec<_>>()
            })
            .collect();
        loaded
            .into_iter()
            .zip(blobs)
            .map(|(loaded, blob)| loaded.unwrap_or_else(|| here(blob)))
            .collect()
    }

    /// Whether the work tree or the index has anything below the folder `under` that HEAD has not.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn has_uncommitted(&self, under: &str) -> Result<bool, SourceError> {
        let pathspec = if under.is_empty() { ".".to_owned() } else { format!(":(literal){under}") };
        // The `git` program: libgit2 knows neither a split index nor a sparse one.
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

    fn tree_files(&self, snapshot: Snapshot, under: &str) -> Result<Vec<Blob<'_>>, SourceError> {
        let what = || format!("`{under}` in {snapshot}");
        if let Some(hiding) = self.in_place_of(snapshot, under) {
            return Ok(vec![hiding]);
        }
        let tree = match self.tree(snapshot)?.get_path(Path::new(under)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => {
                self.git.find_tree(entry.id()).map_err(SourceError::git(what()))?
            }
            Ok(_) => return Ok(Vec::new()),
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(SourceError::git(what())(error)),
        };
        let mut found = Vec::new();
        let counts = |name: &str, mode| is_yaml(Path::new(name)) || is_no_folder(mode);
        let mut take = |path: String, id, mode| {
            if is_yaml(Path::new(&path)) || self.hides_a_folder(snapshot, &path) {
                found.push(Blob { path: path.into(), id, mode });
            }
        };
        self.each_file(&tree, under, &counts, &mut |_| true, &mut take);
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
        self.each_file(tree, folder, &|name, _| is_yaml(Path::new(name)), enter, take);
    }

    /// The same for the files that `counts` says yes to, by name and mode.
    pub(super) fn each_file(
        &self,
        tree: &Tree<'_>,
        folder: &str,
        counts: &impl Fn(&str, u32) -> bool,
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
                        self.each_file(&below, &format!("{folder}/{name}"), counts, enter, take);
                    }
                }
                Some(ObjectType::Tree) => {}
                _ => {
                    let mode = entry.filemode().unsigned_abs();
                    if counts(&name, mode) {
                        take(format!("{folder}/{name}"), entry.id(), mode);
                    }
                }
            }
        }
    }

    fn index_files(&self, under: &str) -> Result<Vec<Blob<'_>>, SourceError> {
        if let Some(hiding) = self.in_place_of(Snapshot::Index, under) {
            return Ok(vec![hiding]);
        }
        let below = self.index()?.below(under);
        let mut files = Vec::with_capacity(below.len());
        for held in below {
            match held.standing {
                IndexStatus::Unmerged => {
                    return Err(SourceError::Unmerged { path: held.path.into_owned() });
                }
                IndexStatus::Announced => {}
                IndexStatus::Staged => {
                    let counts = is_yaml(Path::new(held.path.as_ref()))
                        || (is_no_folder(held.mode)
                            && self.hides_a_folder(Snapshot::Index, &held.path));
                    if counts && !is_hidden(&held.path[under.len() + 1..]) {
                        files.push(Blob { path: held.path, id: held.id, mode: held.mode });
                    }
                }
            }
        }
        Ok(files)
    }

    fn blob(&self, id: Oid, mode: u32, limit: u64) -> Result<Vec<u8>, Unreadable> {
        let objects = self.git.odb().map_err(unreadable)?;
        bytes(&objects, &Blob { path: Cow::default(), id, mode }, limit)
    }
}

fn bytes(objects: &git2::Odb<'_>, blob: &Blob<'_>, limit: u64) -> Result<Vec<u8>, Unreadable> {
    match blob.mode {
        SYMBOLIC_LINK => return Err(Unreadable::NotAFile("symbolic link")),
        SUBMODULE => return Err(Unreadable::NotAFile("submodule")),
        _ => {}
    }
    // The header tells the size, so that a huge blob is never inflated.
    let (size, _) = objects.read_header(blob.id).map_err(unreadable)?;
    if size as u64 > limit {
        return Err(Unreadable::TooLarge { size: size as u64, limit });
    }
    Ok(objects.read(blob.id).map_err(unreadable)?.data().to_vec())
}

/// `path` without its last `names`.
fn above_last(path: &str, names: usize) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    parts[..parts.len().saturating_sub(names)].join("/")
}

/// Whether something of this mode may stand in a folder's place.
fn is_no_folder(mode: u32) -> bool {
    matches!(mode, SYMBOLIC_LINK | SUBMODULE)
}

fn unreadable(error: git2::Error) -> Unreadable {
    Unreadable::Object(error.message().to_owned())
}
