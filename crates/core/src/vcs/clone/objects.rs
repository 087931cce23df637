//! Reading objects: one that this clone lacks is fetched, or the read is an error.
//!
//! An object that is missing is never an empty answer. libgit2 reports a path that a tree does not
//! have and a tree that the clone does not have with the same code, so its lookup by path is not
//! used.

use git2::{Commit, ObjectType, Oid, Tree, TreeEntry};
use rayon::prelude::*;

use super::promised::{self, ReadError};
use crate::vcs::snapshot::{Blob, SUBMODULE, SYMBOLIC_LINK};
use crate::vcs::{File, Repository, SourceError, Unreadable};

/// The number of blobs that a thread reads from a repository of its own.
const BLOBS_A_THREAD: usize = 512;

/// The number of blobs below which starting threads costs more than it saves.
const FEW_BLOBS: usize = 16;

/// An entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vcs) struct Item {
    pub id: Oid,
    pub kind: Option<ObjectType>,
    /// As in a tree (gitformat-index, "mode").
    pub mode: u32,
}

impl From<&TreeEntry<'_>> for Item {
    fn from(entry: &TreeEntry<'_>) -> Self {
        Self { id: entry.id(), kind: entry.kind(), mode: entry.filemode().unsigned_abs() }
    }
}

impl Item {
    pub(in crate::vcs) fn is_folder(self) -> bool {
        self.kind == Some(ObjectType::Tree)
    }
}

impl Repository {
    /// Runs `read`; an object that it misses is fetched first.
    ///
    /// `what` is the subject of the error: `git cannot read <what>`.
    pub(in crate::vcs) fn read_objects<T>(
        &self,
        what: impl FnOnce() -> String,
        read: impl FnMut() -> Result<T, git2::Error>,
    ) -> Result<T, SourceError> {
        let read = promised::retry(&self.git, &|| self.program(), read);
        read.map_err(|error| source_error(error, what()))
    }

    pub(in crate::vcs) fn find_commit(&self, id: Oid) -> Result<Commit<'_>, SourceError> {
        self.read_objects(|| format!("commit {id}"), || self.git.find_commit(id))
    }

    pub(in crate::vcs) fn find_tree(&self, id: Oid) -> Result<Tree<'_>, SourceError> {
        self.read_objects(|| format!("the folder {id}"), || self.git.find_tree(id))
    }

    pub(in crate::vcs) fn tree_of(&self, commit: &Commit<'_>) -> Result<Tree<'_>, SourceError> {
        let what = || format!("the files of commit {}", commit.id());
        self.read_objects(what, || self.git.find_tree(commit.tree_id()))
    }

    /// Returns the entry at a path of a tree; None if there is none.
    pub(in crate::vcs) fn item_at(
        &self,
        tree: &Tree<'_>,
        path: &str,
    ) -> Result<Option<Item>, SourceError> {
        let mut below: Option<Tree<'_>> = None;
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let found = below.as_ref().unwrap_or(tree).get_name(name);
            let found = found.map(|entry| Item::from(&entry));
            match found {
                Some(item) if names.peek().is_none() => return Ok(Some(item)),
                Some(item) if item.is_folder() => {
                    let what = || format!("the folder of `{path}`");
                    below = Some(self.read_objects(what, || self.git.find_tree(item.id))?);
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Returns the tree at a path of a tree; None if there is no folder.
    pub(in crate::vcs) fn folder_at(
        &self,
        tree: &Tree<'_>,
        path: &str,
    ) -> Result<Option<Tree<'_>>, SourceError> {
        let folder = self.item_at(tree, path)?.filter(|item| item.is_folder());
        folder.map(|folder| self.find_tree(folder.id)).transpose()
    }

    /// Returns the content of a blob, whatever its size.
    pub(in crate::vcs) fn read_blob(&self, id: Oid) -> Result<Vec<u8>, SourceError> {
        self.read_objects(
            || format!("the file {id}"),
            || Ok(self.git.find_blob(id)?.content().to_vec()),
        )
    }

    /// Returns the content of a blob; None above `limit` bytes.
    pub(in crate::vcs) fn read_blob_up_to(
        &self,
        id: Oid,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let read = || {
            let objects = self.git.odb()?;
            // The header has the size, so that a huge blob is never decompressed.
            let (size, _) = objects.read_header(id)?;
            if size as u64 > limit {
                return Ok(None);
            }
            Ok(Some(objects.read(id)?.data().to_vec()))
        };
        self.read_objects(|| format!("the file {id}"), read)
    }

    /// Reports whether this clone has an object; none is fetched.
    pub(in crate::vcs) fn has(&self, id: Oid) -> Result<bool, SourceError> {
        Ok(self.git.odb().map_err(SourceError::git("the objects"))?.exists(id))
    }

    /// Fetches the missing ones of these objects in one batch, in a partial clone.
    pub(in crate::vcs) fn fetch_missing(
        &self,
        ids: impl Iterator<Item = Oid>,
    ) -> Result<(), SourceError> {
        if !self.is_partial()? {
            return Ok(());
        }
        promised::ensure(&self.git, &|| self.program(), ids)
            .map_err(|error| source_error(error, "the repository".to_owned()))
    }

    /// Fetches the missing folders of commits in one batch, in a partial clone.
    pub(in crate::vcs) fn fetch_folders(
        &self,
        commits: impl Iterator<Item = Oid>,
    ) -> Result<(), SourceError> {
        if !self.is_partial()? {
            return Ok(());
        }
        let roots = commits.map(|commit| Ok(self.find_commit(commit)?.tree_id()));
        let roots: Vec<Oid> = roots.collect::<Result<_, SourceError>>()?;
        self.fetch_missing(roots.into_iter())
    }

    /// Reports whether a remote promises objects that this clone may lack.
    ///
    /// # Errors
    /// A git configuration that cannot be read.
    pub fn is_partial(&self) -> Result<bool, SourceError> {
        if let Some(is_partial) = self.is_partial.get() {
            return Ok(*is_partial);
        }
        let is_partial =
            promised::is_partial(&self.git).map_err(SourceError::git("git's configuration"))?;
        Ok(*self.is_partial.get_or_init(|| is_partial))
    }

    /// Calls `load` with each blob in parallel; returns the results in order.
    ///
    /// # Errors
    /// A blob that a partial clone lacks and that cannot be fetched. `load` receives any other that
    /// cannot be read with its error.
    pub fn load<T: Send>(
        &self,
        blobs: &[Blob<'_>],
        limit: u64,
        load: impl Fn(File) -> T + Sync,
    ) -> Result<Vec<T>, SourceError> {
        let file = |blob: &Blob<'_>, bytes| File { path: blob.path.clone().into_owned(), bytes };
        let here = |blob: &Blob<'_>| {
            Ok(load(file(blob, self.read_file(&blob.path, blob.id, blob.mode, limit)?)))
        };
        self.fetch_missing(blobs.iter().filter(|blob| blob.is_file()).map(|blob| blob.id))?;
        if blobs.len() <= FEW_BLOBS {
            return blobs.iter().map(here).collect();
        }
        // Only one thread at a time can read from a repository, so each opens its own. Objects of
        // a merge are only in the memory of this one, so missing blobs are read again here.
        let (root, opened_from) = (self.root().to_path_buf(), self.opened_from.clone());
        let loaded: Vec<Option<T>> = blobs
            .par_chunks(BLOBS_A_THREAD)
            .flat_map_iter(|blobs| {
                let own = opened_from.open();
                let objects = own.as_ref().and_then(|own| own.odb().ok());
                let read = |blob: &Blob<'_>| {
                    // The index notes sizes modulo 4 GiB, so the file has to have the same one.
                    let file = root.join(blob.path.as_ref()).symlink_metadata();
                    let is_noted = file.is_ok_and(|file| file.len() == u64::from(blob.noted_size));
                    let noted_size = if is_noted { blob.noted_size } else { 0 };
                    bytes(objects.as_ref()?, &Blob { noted_size, ..blob.clone() }, limit).ok()?.ok()
                };
                blobs
                    .iter()
                    .map(|blob| read(blob).map(|bytes| load(file(blob, Ok(bytes)))))
                    .collect::<Vec<_>>()
            })
            .collect();
        loaded
            .into_iter()
            .zip(blobs)
            .map(|(loaded, blob)| loaded.map_or_else(|| here(blob), Ok))
            .collect()
    }

    /// Returns the content of a file of a commit or the index, or why it has none.
    ///
    /// # Errors
    /// A blob that a partial clone lacks and that cannot be fetched.
    pub(in crate::vcs) fn read_file(
        &self,
        path: &str,
        id: Oid,
        mode: u32,
        limit: u64,
    ) -> Result<Result<Vec<u8>, Unreadable>, SourceError> {
        let blob = Blob { path: path.into(), id, mode, noted_size: 0 };
        let read = || bytes(&self.git.odb()?, &blob, limit);
        match promised::retry(&self.git, &|| self.program(), read) {
            Ok(content) => Ok(content),
            Err(ReadError::Git(error)) => Ok(Err(Unreadable::Object(error.message().to_owned()))),
            Err(missing) => Err(source_error(missing, format!("`{path}`"))),
        }
    }
}

/// Returns the content of a blob, or why it is not that of a file.
fn bytes(
    objects: &git2::Odb<'_>,
    blob: &Blob<'_>,
    limit: u64,
) -> Result<Result<Vec<u8>, Unreadable>, git2::Error> {
    match blob.mode {
        SYMBOLIC_LINK => return Ok(Err(Unreadable::NotAFile("symbolic link"))),
        SUBMODULE => return Ok(Err(Unreadable::NotAFile("submodule"))),
        _ => {}
    }
    let too_large = |size: usize| Unreadable::TooLarge { size: size as u64, limit };
    // The header has the size, so that a huge blob is never decompressed. In a pack it takes as
    // long to read as the blob, and the index of this clone already notes the size of most files.
    if blob.noted_size == 0 || u64::from(blob.noted_size) > limit {
        let (size, _) = objects.read_header(blob.id)?;
        if size as u64 > limit {
            return Ok(Err(too_large(size)));
        }
    }
    let blob = objects.read(blob.id)?;
    if blob.len() as u64 > limit {
        return Ok(Err(too_large(blob.len())));
    }
    Ok(Ok(blob.data().to_vec()))
}

fn source_error(error: ReadError, what: String) -> SourceError {
    match error {
        ReadError::Git(error) => SourceError::git(what)(error),
        ReadError::Missing(missing) => SourceError::Missing { what, missing },
    }
}
