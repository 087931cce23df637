//! What the index, every ref and all of history hold, whether checked out or not: each object is looked into once, by this
//! run or an earlier one.

use std::borrow::Cow;
use std::path::Path;
use std::rc::Rc;

use git2::{Commit, ObjectType, Oid, Tree};

use crate::vcs::snapshot::Blob;
use crate::vcs::{Branch, ObjectCache, Repository, Snapshot, SourceError};

/// A folder that is looked through, and which files in it count, by their names.
#[derive(Debug, Clone, Copy)]
pub struct ManifestFolder<'a> {
    /// From the repository's root.
    pub folder: &'a str,
    pub counts: fn(&Path) -> bool,
}

/// Where a file was seen.
#[derive(Debug, Clone, Copy)]
pub enum Occurrence<'a> {
    Index,
    Commit {
        id: Oid,
        /// The ref in whose history the commit is, as people call it.
        reference: &'a str,
    },
}

/// How many commits are looked into between two words on how far it is.
const STEP: usize = 256;

impl Repository {
    /// Calls `visit` with each file in `places` that the index, any ref, the stash, `branches` and
    /// the histories of all those hold, as far as `seen` has it not. The second argument says
    /// whether the file's bytes were not seen before, perhaps under another name, the third where
    /// it is. `progress` hears now and then how many commits were looked into.
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
                if (place.counts)(Path::new(held.path.as_ref())) {
                    let is_new = seen.add(held.id);
                    let blob = Blob {
                        path: Cow::Owned(held.path.into_owned()),
                        id: held.id,
                        mode: held.mode,
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
            // What lies beyond the end of a shallow clone is not there.
            let parents =
                commit.parent_ids().filter_map(|parent| self.git.find_commit(parent).ok());
            open.extend(parents.map(|parent| (parent, Rc::clone(&reference))));
        }
        Ok(())
    }

    /// The object of a folder in a commit; None where it has no folder of that path.
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

    /// The names of all refs below `prefix`, without it.
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

    /// Whether the history ends before its beginning.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.git.is_shallow()
    }

    /// Where a shallow clone's history ends, as git has it written down; empty where it is whole.
    #[must_use]
    pub fn shallow_ends(&self) -> Vec<u8> {
        std::fs::read(self.git.commondir().join("shallow")).unwrap_or_default()
    }

    /// The commits that refs point to and that were not seen. A ref to anything else holds no catalog.
    fn tips(&self, seen: &mut ObjectCache) -> Result<Vec<(Commit<'_>, Rc<str>)>, SourceError> {
        let references = self.git.references().map_err(SourceError::git("the refs"))?;
        let mut tips = Vec::new();
        for reference in references.flatten().chain(self.git.head().ok()) {
            // What a symbolic ref points to is a ref itself.
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
        // Of all that is stashed, the ref has only the last one.
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
            let counts = |name: &str, _: u32| (place.counts)(Path::new(name));
            let mut files = Vec::new();
            self.each_file(
                &folder,
                place.folder,
                &counts,
                &mut |tree| seen.add(tree),
                &mut |path, id, mode| {
                    files.push(Blob { path: path.into(), id, mode });
                },
            );
            for blob in files {
                let is_new = seen.add(blob.id);
                visit(blob, is_new);
            }
        }
    }
}
