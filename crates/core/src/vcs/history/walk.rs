//! The files of the index, of every ref and of all of history.
//!
//! Each object is read once, by this run or an earlier one.

use std::borrow::Cow;
use std::path::Path;
use std::rc::Rc;

use git2::{Commit, ObjectType, Oid, Tree};

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
        let mut open: Vec<(Commit<'_>, Rc<str>)> = self.tips(seen)?;
        let named = |branch: &Branch| {
            Some((self.git.find_commit(branch.tip).ok()?, branch.name.as_str().into()))
        };
        open.extend(branches.iter().filter_map(named));
        let mut count = 0;
        while let Some((commit, reference)) = open.pop() {
            if !seen.add(commit.id()) {
                continue;
            }
            count += 1;
            if count % STEP == 0 {
                progress(count);
            }
            if let Ok(tree) = commit.tree() {
                let sighting = Occurrence::Commit { id: commit.id(), reference: &reference };
                self.visit_tree(&tree, places, seen, &mut |blob, is_new| {
                    visit(blob, is_new, sighting)
                });
            }
            // Commits beyond the end of a shallow clone do not exist here.
            let parents =
                commit.parent_ids().filter_map(|parent| self.git.find_commit(parent).ok());
            open.extend(parents.map(|parent| (parent, Rc::clone(&reference))));
        }
        Ok(())
    }

    /// Returns the object ID of a folder in a commit; None if it has no such folder.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn folder_id(&self, commit: Snapshot, folder: &str) -> Result<Option<Oid>, SourceError> {
        match self.tree(commit)?.get_path(Path::new(folder)) {
            Ok(entry) => Ok((entry.kind() == Some(ObjectType::Tree)).then(|| entry.id())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(SourceError::git(format!("`{folder}` in {commit}"))(error)),
        }
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
        std::fs::read(self.git.commondir().join("shallow")).unwrap_or_default()
    }

    /// Returns the unseen commits of refs; a ref to another object has no catalog.
    fn tips(&self, seen: &mut ObjectCache) -> Result<Vec<(Commit<'_>, Rc<str>)>, SourceError> {
        let references = self.git.references().map_err(SourceError::git("the refs"))?;
        let mut tips = Vec::new();
        for reference in references.flatten().chain(self.git.head().ok()) {
            // The target of a symbolic ref is a ref itself.
            let Some(target) = reference.target().filter(|target| !seen.has(*target)) else {
                continue;
            };
            if let Ok(commit) = reference.peel_to_commit() {
                if commit.id() != target {
                    seen.add(target);
                }
                tips.push((commit, String::from_utf8_lossy(reference.shorthand_bytes()).into()));
            }
        }
        // The ref has only the last stash; the others are in its reflog.
        if let Ok(stashed) = self.git.reflog("refs/stash") {
            let commits =
                stashed.iter().filter_map(|entry| self.git.find_commit(entry.id_new()).ok());
            tips.extend(commits.map(|commit| (commit, "stash".into())));
        }
        Ok(tips)
    }

    fn visit_tree(
        &self,
        tree: &Tree<'_>,
        places: &[ManifestFolder<'_>],
        seen: &mut ObjectCache,
        visit: &mut dyn FnMut(Blob<'static>, bool),
    ) {
        for place in places {
            let Ok(entry) = tree.get_path(Path::new(place.folder)) else { continue };
            if entry.kind() != Some(ObjectType::Tree) || seen.has(entry.id()) {
                continue;
            }
            let Ok(folder) = self.git.find_tree(entry.id()) else { continue };
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
            );
            for blob in files {
                let is_new = seen.add(blob.id);
                visit(blob, is_new);
            }
        }
    }
}
