//! The files of the index, of every ref and of all of history.
//!
//! Each object is read once, by this run or an earlier one.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use git2::{ErrorCode, Oid, Tree};

use crate::vcs::snapshot::Blob;
use crate::vcs::{Branch, ObjectCache, Repository, Snapshot, SourceError};

/// A folder that is searched, and which file names in it count.
#[derive(Debug, Clone, Copy)]
pub struct ManifestFolder<'a> {
    /// From the repository's root.
    pub folder: &'a str,
    /// Returns whether a file counts, by its path or its name alone.
    pub includes: fn(&Path) -> bool,
}

/// Where a file was found.
#[derive(Debug, Clone, Copy)]
pub enum Occurrence<'a> {
    /// In the index.
    Index,
    /// In a commit.
    Commit {
        /// The ID of the commit.
        id: Oid,
        /// The short name of the ref in whose history the commit is.
        reference: &'a str,
    },
}

/// The number of commits between two progress reports.
const STEP: usize = 256;

impl Repository {
    /// Calls `visit` with each file in `places` that is not in `seen`.
    ///
    /// It walks the index, all refs, the stash, `branches` and the history of each. The second
    /// argument of `visit` is whether the content is new, and not only the name; the third is the
    /// place of the file. `progress` receives the number of commits read, at intervals.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn visit_everywhere(
        &self,
        places: &[ManifestFolder<'_>],
        branches: &[Branch],
        seen: &mut ObjectCache,
        progress: &mut dyn FnMut(usize),
        visit: &mut dyn FnMut(Blob<'static>, bool, Occurrence<'_>),
    ) -> Result<(), SourceError> {
        for place in places {
            self.index()?.visit_unseen(place.folder, seen, &mut |held, seen| {
                if (place.includes)(Path::new(held.path.as_ref())) {
                    let is_new = seen.add(held.id);
                    let blob = Blob {
                        path: Cow::Owned(held.path.into_owned()),
                        id: held.id,
                        mode: held.mode,
                        noted_size: 0,
                    };
                    visit(blob, is_new, Occurrence::Index);
                }
            });
        }
        let mut open: Vec<(Oid, Rc<str>)> = self.tips(seen)?;
        for branch in branches {
            // In a shallow clone, a remote's branches are not fetched.
            if self.has(branch.tip)? {
                open.push((branch.tip, branch.name.as_str().into()));
            }
        }
        self.fetch_unseen(&open, seen)?;
        let mut count = 0;
        while let Some((id, reference)) = open.pop() {
            if !seen.add(id) {
                continue;
            }
            count += 1;
            if count % STEP == 0 {
                progress(count);
            }
            let commit = self.find_commit(id)?;
            let sighting = Occurrence::Commit { id, reference: &reference };
            self.visit_tree(&self.tree_of(&commit)?, places, seen, &mut |blob, is_new| {
                visit(blob, is_new, sighting)
            })?;
            open.extend(commit.parent_ids().map(|parent| (parent, Rc::clone(&reference))));
        }
        Ok(())
    }

    /// Fetches the folders of all unseen commits in one batch, in a partial clone.
    fn fetch_unseen(&self, tips: &[(Oid, Rc<str>)], seen: &ObjectCache) -> Result<(), SourceError> {
        if !self.is_partial()? {
            return Ok(());
        }
        let mut open: Vec<Oid> = tips.iter().map(|(id, _)| *id).collect();
        let mut found = HashSet::new();
        while let Some(id) = open.pop() {
            if !seen.has(id) && found.insert(id) {
                open.extend(self.find_commit(id)?.parent_ids());
            }
        }
        self.fetch_folders(found.into_iter())
    }

    /// Returns the object ID of a folder in a commit; None if it has no such folder.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn folder_id(&self, commit: Snapshot, folder: &str) -> Result<Option<Oid>, SourceError> {
        let found = self.item_at(&self.tree(commit)?, folder)?;
        Ok(found.filter(|item| item.is_folder()).map(|item| item.id))
    }

    /// Returns the names of all refs below `prefix`, without the prefix.
    ///
    /// # Errors
    /// Refs that cannot be read.
    pub fn refs_below(&self, prefix: &str) -> Result<Vec<String>, SourceError> {
        let failed = || SourceError::git(format!("the refs below {prefix}"));
        let mut names = Vec::new();
        for reference in self.git.references_glob(&format!("{prefix}*")).map_err(failed())? {
            let reference = reference.map_err(failed())?;
            let name = String::from_utf8_lossy(reference.name_bytes());
            names.extend(name.strip_prefix(prefix).map(str::to_owned));
        }
        Ok(names)
    }

    /// Reports whether the clone is shallow, so that its history is incomplete.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.git.is_shallow()
    }

    /// Returns git's list of a shallow clone's last commits; empty if it is complete.
    #[must_use]
    pub fn shallow_ends(&self) -> Vec<u8> {
        std::fs::read(self.common_folder().join("shallow")).unwrap_or_default()
    }

    /// Returns the unseen commits of refs; a ref to another object has no catalog.
    fn tips(&self, seen: &mut ObjectCache) -> Result<Vec<(Oid, Rc<str>)>, SourceError> {
        let failed = || SourceError::git("the refs");
        let mut references = Vec::new();
        for reference in self.git.references().map_err(failed())? {
            references.push(reference.map_err(failed())?);
        }
        match self.git.head() {
            Ok(head) => references.push(head),
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
            }
            Err(error) => return Err(SourceError::git("HEAD")(error)),
        }
        let mut tips = Vec::new();
        for reference in references {
            // The target of a symbolic ref is a ref itself.
            let Some(target) = reference.target().filter(|target| !seen.has(*target)) else {
                continue;
            };
            let name = String::from_utf8_lossy(reference.shorthand_bytes());
            let peel = || match reference.peel_to_commit() {
                Ok(commit) => Ok(Some(commit.id())),
                // A tag of a file or a folder.
                Err(error) if error.code() == ErrorCode::Peel => Ok(None),
                Err(error) => Err(error),
            };
            if let Some(commit) = self.read_objects(|| format!("`{name}`"), peel)? {
                if commit != target {
                    seen.add(target);
                }
                tips.push((commit, name.as_ref().into()));
            }
        }
        // The ref has only the last stash; the others are in its reflog.
        match self.git.reflog("refs/stash") {
            Ok(stashed) => {
                tips.extend(stashed.iter().map(|entry| (entry.id_new(), "stash".into())));
            }
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => return Err(SourceError::git("the stash")(error)),
        }
        Ok(tips)
    }

    fn visit_tree(
        &self,
        tree: &Tree<'_>,
        places: &[ManifestFolder<'_>],
        seen: &mut ObjectCache,
        visit: &mut dyn FnMut(Blob<'static>, bool),
    ) -> Result<(), SourceError> {
        for place in places {
            let folder = self.item_at(tree, place.folder)?;
            let Some(folder) = folder.filter(|item| item.is_folder() && !seen.has(item.id)) else {
                continue;
            };
            let folder = self.find_tree(folder.id)?;
            let includes = |name: &str, _: u32| (place.includes)(Path::new(name));
            let mut files = Vec::new();
            self.each_file(
                &folder,
                place.folder,
                &includes,
                &mut |tree| seen.add(tree),
                &mut |path, id, mode| {
                    files.push(Blob { path: path.into(), id, mode, noted_size: 0 });
                },
            )?;
            for blob in files {
                let is_new = seen.add(blob.id);
                visit(blob, is_new);
            }
        }
        Ok(())
    }
}
