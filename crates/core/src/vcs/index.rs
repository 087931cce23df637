//! git's index: the contents of the next commit.
//!
//! gix-index reads it several times as fast as libgit2, which verifies the checksum first and
//! builds a map. git itself does neither, and every check at a commit waits for this.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use git2::{ObjectType, Oid, Tree};
use gix_index::entry::stat::Options;
use gix_index::entry::{Flags, Mode, Stage, Stat};
use gix_index::{Entry, File, decode, extension, hash};

use super::clone::Item;
use super::git::Git;
use super::{ChangedPaths, ObjectCache, Repository, SourceError};

/// The index at one moment.
pub(super) struct Index(File);

/// An entry of the index.
#[derive(Debug)]
pub(super) struct IndexedFile<'index> {
    pub path: Cow<'index, str>,
    pub id: Oid,
    /// As in a tree (gitformat-index, "mode").
    pub mode: u32,
    /// The size of the file in the work tree when git last compared them; 0 if unknown.
    pub noted_size: u32,
    pub status: IndexStatus,
    /// Whether a sparse checkout leaves the file out of the work tree.
    pub is_skipped: bool,
}

/// A file of the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedBlob {
    /// The ID of its content in git's object database.
    pub id: Oid,
    /// As in a tree (gitformat-index, "mode").
    pub mode: u32,
    /// Whether a sparse checkout leaves it out of the work tree.
    pub is_left_out: bool,
}

/// The index with the time and the size of its file.
pub(super) type StampedIndex = (Option<(SystemTime, u64)>, Index);

/// Whether an entry is part of the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IndexStatus {
    Staged,
    /// Only announced by `git add --intent-to-add`.
    Announced,
    /// One side of an unresolved merge.
    Unmerged,
}

impl Repository {
    /// Returns the index as it was when it was first read.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub(super) fn index(&self) -> Result<&Index, SourceError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        // A converted one was written when the repository was opened.
        let index = self.read_index_file()?;
        Ok(self.index.get_or_init(|| index))
    }

    /// Returns the index as it is now.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub(super) fn read_index(&self) -> Result<Index, SourceError> {
        self.convert_index()?;
        self.read_index_file()
    }

    fn read_index_file(&self) -> Result<Index, SourceError> {
        let path = self.index_file();
        let mut file = Index::open(&path)?;
        if file.is_sparse() {
            self.expand(&mut file)?;
        }
        Index::of(file, &path)
    }

    /// Returns a file of the index as it is now; None if the next commit does not have it.
    ///
    /// The index is read again only if its file has changed.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub fn staged_file(&self, path: &str) -> Result<Option<StagedBlob>, SourceError> {
        let stamp = self.index_file().metadata().ok();
        let stamp = stamp.and_then(|found| Some((found.modified().ok()?, found.len())));
        let mut known = self.staged.borrow_mut();
        let index = match known.take() {
            Some((at, index)) if stamp.is_some() && at == stamp => index,
            _ => self.read_index()?,
        };
        let found = index.at(path).map(|file| StagedBlob {
            id: file.id,
            mode: file.mode,
            is_left_out: self.is_left_out(&file),
        });
        *known = Some((stamp, index));
        Ok(found)
    }

    /// Returns the `git` program with the index that this process reads.
    pub(super) fn index_program(&self) -> Git {
        match &self.temporary_index {
            Some(path) => self.program().with_index(path.clone().into_os_string()),
            None => self.program(),
        }
    }

    fn index_file(&self) -> PathBuf {
        let own =
            || self.temporary_index.clone().unwrap_or_else(|| self.git_folder().join("index"));
        self.converted_index().unwrap_or_else(own)
    }

    /// Replaces each folder of a sparse index by the files below it.
    ///
    /// Source: gitformat-index, "Sparse Directory Entries".
    fn expand(&self, file: &mut File) -> Result<(), SourceError> {
        let is_folder = |entry: &Entry| entry.mode == Mode::DIR;
        let folders: Vec<(String, Oid)> = file
            .entries()
            .iter()
            .filter(|entry| is_folder(entry))
            .map(|entry| (String::from_utf8_lossy(entry.path(file)).into_owned(), oid(&entry.id)))
            .collect();
        self.fetch_missing(folders.iter().map(|(_, id)| *id))?;
        file.remove_entries(|_, _, entry| is_folder(entry));
        for (path, id) in folders {
            self.add_files(file, path.trim_end_matches('/'), id)?;
        }
        file.sort_entries();
        Ok(())
    }

    /// Adds the files of a tree, which a sparse checkout leaves out.
    fn add_files(&self, file: &mut File, folder: &str, tree: Oid) -> Result<(), SourceError> {
        for entry in &self.find_tree(tree)? {
            let path = format!("{folder}/{}", String::from_utf8_lossy(entry.name_bytes()));
            if entry.kind() == Some(ObjectType::Tree) {
                self.add_files(file, &path, entry.id())?;
                continue;
            }
            let id = hash::ObjectId::try_from(entry.id().as_bytes()).map_err(|error| {
                SourceError::Git { what: format!("`{path}`"), message: error.to_string() }
            })?;
            let mode = Mode::from_bits_retain(entry.filemode().unsigned_abs());
            let flags = Flags::EXTENDED | Flags::SKIP_WORKTREE;
            file.dangerously_push_entry(Stat::default(), id, flags, mode, path.as_str().into());
        }
        Ok(())
    }
}

/// The entries in and below a folder.
pub(super) struct IndexFolder<'index> {
    index: &'index File,
    /// The length of the folder's path with its slash.
    length: usize,
    entries: &'index [Entry],
}

impl<'index> IndexFolder<'index> {
    /// Reports whether a file on disk is unchanged by its metadata `on_disk`.
    ///
    /// It decides as git does. If git would read the file, it returns false (gitformat-index,
    /// "racy git").
    pub(super) fn is_unchanged(&self, name: &str, on_disk: &Stat) -> bool {
        let name_of = |entry: &'index Entry| -> &[u8] { &entry.path(self.index)[self.length..] };
        let found = self.entries.binary_search_by(|entry| {
            name_of(entry).cmp(name.as_bytes()).then(entry.stage_raw().cmp(&0))
        });
        let Ok(at) = found else { return false };
        let stat = &self.entries[at].stat;
        // Not every version of git writes fractions of a second.
        let options = Options { use_nsec: stat.mtime.nsecs != 0, ..Options::default() };
        !stat.is_racy(self.index.timestamp(), options) && on_disk.matches(stat, options)
    }
}

impl Index {
    fn open(path: &Path) -> Result<File, SourceError> {
        let options = decode::Options { thread_limit: Some(1), ..decode::Options::default() };
        File::at_or_default(path, hash::Kind::Sha1, true, options).map_err(|error| {
            let what = format!("the index `{}`", path.display());
            SourceError::Git { what, message: error.to_string() }
        })
    }

    fn of(file: File, path: &Path) -> Result<Self, SourceError> {
        // All lookups here rely on the order, and nothing else was checked in a damaged file.
        if !file.entries().is_sorted_by_key(|entry| (entry.path(&file), entry.stage_raw())) {
            return Err(SourceError::Git {
                what: format!("the index `{}`", path.display()),
                message: "its entries are not in order; remove the file, and recreate it with \
                          `git reset`"
                    .to_owned(),
            });
        }
        Ok(Self(file))
    }

    /// Returns the file at `path` in the next commit.
    pub(super) fn at(&self, path: &str) -> Option<IndexedFile<'_>> {
        self.entry(path).filter(|held| held.status == IndexStatus::Staged)
    }

    /// Returns the entry at `path` that is not in conflict.
    pub(super) fn entry(&self, path: &str) -> Option<IndexedFile<'_>> {
        let entry = self.0.entry_by_path_and_stage(path.into(), Stage::Unconflicted)?;
        Some(self.indexed_file(entry))
    }

    /// Reports whether the file at `path` is in conflict.
    pub(super) fn is_unmerged(&self, path: &str) -> bool {
        [Stage::Base, Stage::Ours, Stage::Theirs]
            .into_iter()
            .any(|side| self.0.entry_by_path_and_stage(path.into(), side).is_some())
    }

    /// Returns the entries of one folder, to compare files on disk with them.
    pub(super) fn folder(&self, path: &str) -> IndexFolder<'_> {
        IndexFolder {
            index: &self.0,
            length: path.len() + 1,
            entries: &self.0.entries()[self.range(path)],
        }
    }

    /// Calls `visit` with the entries below a folder, except trees that were seen.
    ///
    /// git caches the IDs of unchanged trees in the index.
    pub(super) fn visit_unseen(
        &self,
        folder: &str,
        seen: &mut ObjectCache,
        visit: &mut dyn FnMut(IndexedFile<'_>, &mut ObjectCache),
    ) {
        let mut tree = self.0.tree();
        for name in folder.split('/') {
            tree = tree.and_then(|tree| child(tree, name.as_bytes()));
        }
        self.visit_unseen_at(folder.len(), self.range(folder), tree, seen, visit);
    }

    /// `length` is the length of the folder's path.
    fn visit_unseen_at(
        &self,
        length: usize,
        range: Range<usize>,
        tree: Option<&extension::Tree>,
        seen: &mut ObjectCache,
        visit: &mut dyn FnMut(IndexedFile<'_>, &mut ObjectCache),
    ) {
        // git caches the tree ID of a folder until one of its entries changes.
        if tree.is_some_and(|tree| tree.num_entries.is_some() && seen.has(oid(&tree.id))) {
            return;
        }
        let mut at = range.start;
        while at < range.end {
            let path = self.0.entries()[at].path(&self.0);
            match path[length + 1..].iter().position(|byte| *byte == b'/') {
                None => {
                    visit(self.indexed_file(&self.0.entries()[at]), seen);
                    at += 1;
                }
                Some(slash) => {
                    let end = length + 1 + slash;
                    let below =
                        self.0.prefixed_entries_range(path[..=end].into()).unwrap_or(at..at + 1);
                    let next = below.end.max(at + 1);
                    let tree = tree.and_then(|tree| child(tree, &path[length + 1..end]));
                    self.visit_unseen_at(end, at..next, tree, seen, visit);
                    at = next;
                }
            }
        }
    }

    /// Returns the entries below a folder, sorted by path.
    pub(super) fn below(&self, folder: &str) -> impl ExactSizeIterator<Item = IndexedFile<'_>> {
        self.0.entries()[self.range(folder)].iter().map(|entry| self.indexed_file(entry))
    }

    /// Adds to `change` how the files at and below `path` differ from `before`.
    ///
    /// # Errors
    /// A tree that cannot be read.
    pub(super) fn compare(
        &self,
        repository: &Repository,
        before: Option<&Tree<'_>>,
        path: &str,
        change: &mut ChangedPaths,
    ) -> Result<(), SourceError> {
        let old = match before {
            Some(tree) => repository.item_at(tree, path)?,
            None => None,
        };
        let mut trees = self.0.tree();
        for name in path.split('/') {
            trees = trees.and_then(|tree| child(tree, name.as_bytes()));
        }
        let pair = EntryPair {
            old,
            new: self
                .0
                .entry_range(path.into())
                .and_then(|range| self.0.entries().get(range.start)),
            below: self.range(path),
            tree: trees,
        };
        self.compare_at(repository, path, path.len(), &pair, change)
    }

    /// Compares one path on both sides, and then the paths below it.
    ///
    /// `length` is that of the path in git, which differs from `path` if it is not UTF-8.
    fn compare_at(
        &self,
        repository: &Repository,
        path: &str,
        length: usize,
        pair: &EntryPair<'_>,
        change: &mut ChangedPaths,
    ) -> Result<(), SourceError> {
        let old_folder = pair.old.filter(|item| item.is_folder()).map(|item| item.id);
        let old_file = pair.old.filter(|_| old_folder.is_none()).map(|item| (item.id, item.mode));
        let new = pair
            .new
            .map(|entry| self.indexed_file(entry))
            .filter(|held| held.status != IndexStatus::Announced);
        let is_same = match (&new, old_file) {
            (Some(new), Some(old)) => {
                new.status == IndexStatus::Staged && (new.id, new.mode) == old
            }
            (new, old) => new.is_none() && old.is_none(),
        };
        if !is_same {
            change.before.extend(old_file.map(|_| path.to_owned()));
            change.after.extend(new.map(|_| path.to_owned()));
        }
        // git caches the tree ID of a folder until one of its entries changes.
        let known = pair.tree.filter(|tree| tree.num_entries.is_some()).map(|tree| oid(&tree.id));
        if (old_folder.is_none() && pair.below.is_empty())
            || (old_folder.is_some() && known == old_folder)
        {
            return Ok(());
        }
        for (name, pair) in self.children(repository, length, old_folder, pair)? {
            let path = format!("{path}/{}", String::from_utf8_lossy(&name));
            self.compare_at(repository, &path, length + 1 + name.len(), &pair, change)?;
        }
        Ok(())
    }

    /// Returns the direct entries of a folder on both sides, by name.
    ///
    /// `length` is the length of the folder's path.
    fn children<'index>(
        &'index self,
        repository: &Repository,
        length: usize,
        old: Option<Oid>,
        pair: &EntryPair<'index>,
    ) -> Result<BTreeMap<Vec<u8>, EntryPair<'index>>, SourceError> {
        let mut children: BTreeMap<Vec<u8>, EntryPair<'index>> = BTreeMap::new();
        let old = old.map(|id| repository.find_tree(id)).transpose()?;
        for entry in old.iter().flat_map(|tree| tree.iter()) {
            let old = Some(Item::from(&entry));
            children.insert(entry.name_bytes().to_vec(), EntryPair { old, ..EntryPair::default() });
        }
        let mut at = pair.below.start;
        while at < pair.below.end {
            let entry = &self.0.entries()[at];
            let path = entry.path(&self.0);
            let slash = path[length + 1..]
                .iter()
                .position(|byte| *byte == b'/')
                .map(|slash| length + 1 + slash);
            let name = &path[length + 1..slash.unwrap_or(path.len())];
            let child_of = children.entry(name.to_vec()).or_default();
            at = match slash {
                None => {
                    child_of.new = Some(entry);
                    at + 1
                }
                Some(slash) => {
                    let next = self
                        .0
                        .prefixed_entries_range(path[..=slash].into())
                        .map_or(at + 1, |range| range.end);
                    child_of.tree = pair.tree.and_then(|tree| child(tree, name));
                    child_of.below = at..next.max(at + 1);
                    next.max(at + 1)
                }
            };
        }
        Ok(children)
    }

    fn range(&self, folder: &str) -> Range<usize> {
        self.0.prefixed_entries_range(format!("{folder}/").as_str().into()).unwrap_or(0..0)
    }

    fn indexed_file<'index>(&'index self, entry: &'index Entry) -> IndexedFile<'index> {
        let status = match entry.stage() {
            Stage::Unconflicted if entry.flags.contains(Flags::INTENT_TO_ADD) => {
                IndexStatus::Announced
            }
            Stage::Unconflicted => IndexStatus::Staged,
            Stage::Base | Stage::Ours | Stage::Theirs => IndexStatus::Unmerged,
        };
        let path = entry.path(&self.0);
        let path =
            std::str::from_utf8(path).map_or_else(|_| String::from_utf8_lossy(path), Cow::Borrowed);
        IndexedFile {
            path,
            id: oid(&entry.id),
            mode: entry.mode.bits(),
            noted_size: entry.stat.size,
            status,
            is_skipped: entry.flags.contains(Flags::SKIP_WORKTREE),
        }
    }
}

/// The entries at one path, before and in the next commit.
#[derive(Default)]
struct EntryPair<'index> {
    old: Option<Item>,
    new: Option<&'index Entry>,
    /// The entries below the path.
    below: Range<usize>,
    /// git's cached tree of those (gitformat-index, "Cache tree").
    tree: Option<&'index extension::Tree>,
}

fn child<'tree>(tree: &'tree extension::Tree, name: &[u8]) -> Option<&'tree extension::Tree> {
    tree.children.iter().find(|child| child.name.as_slice() == name)
}

fn oid(id: &hash::ObjectId) -> Oid {
    // Both have the 20 bytes of a SHA-1.
    Oid::from_bytes(id.as_slice()).unwrap_or(Oid::ZERO_SHA1)
}
