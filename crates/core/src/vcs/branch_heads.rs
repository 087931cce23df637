//! The files that the branches have now, and since when.

use std::collections::HashSet;
use std::path::Path;

use git2::{BranchType, ObjectType, Oid, Sort};

use super::history::ManifestFolder;
use super::snapshot::Blob;
use super::{Repository, Snapshot, SourceError};

/// A branch, or another name of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The short name: `main`, `origin/main`.
    pub name: String,
    /// The commit that the branch points to.
    pub tip: Oid,
}

impl Repository {
    /// Returns HEAD's branch, then the other local branches, then those of the remotes.
    ///
    /// If HEAD is detached, the first one is called `HEAD`.
    ///
    /// # Errors
    /// Refs that cannot be read.
    pub fn branches(&self) -> Result<Vec<Branch>, SourceError> {
        let failed = || SourceError::git("the branches");
        let mut branches = Vec::new();
        if let Ok(head) = self.git.head()
            && let (Ok(name), Some(tip)) = (head.shorthand(), head.target())
        {
            branches.push(Branch { name: name.to_owned(), tip });
        }
        for kind in [BranchType::Local, BranchType::Remote] {
            for (branch, _) in self.git.branches(Some(kind)).map_err(failed())?.flatten() {
                // A symbolic ref repeats another branch.
                if let (Ok(Some(name)), Some(tip)) = (branch.name(), branch.get().target())
                    && !branches.iter().any(|known| known.name == name)
                {
                    branches.push(Branch { name: name.to_owned(), tip });
                }
            }
        }
        Ok(branches)
    }

    /// Calls `visit` with the index of a tip and each file in `place` that it adds.
    ///
    /// A folder that several of `tips` share is visited once, for the first of them.
    pub fn visit_tips(
        &self,
        tips: &[Oid],
        place: ManifestFolder<'_>,
        visit: &mut dyn FnMut(usize, Blob<'static>),
    ) {
        let mut trees: HashSet<Oid> = HashSet::new();
        let includes = |name: &str, _: u32| (place.includes)(Path::new(name));
        for (number, tip) in tips.iter().enumerate() {
            let Ok(tree) = self.git.find_commit(*tip).and_then(|commit| commit.tree()) else {
                continue;
            };
            let Ok(entry) = tree.get_path(Path::new(place.folder)) else { continue };
            if entry.kind() == Some(ObjectType::Tree)
                && let Ok(folder) = self.git.find_tree(entry.id())
            {
                self.each_file(
                    &folder,
                    place.folder,
                    &includes,
                    &mut |tree| trees.insert(tree),
                    &mut |path, id, mode| {
                        visit(number, Blob { path: path.into(), id, mode, noted_size: 0 });
                    },
                );
            }
        }
    }

    /// Reports whether a commit has a file at `path`.
    #[must_use]
    pub fn has_file(&self, commit: Oid, path: &str) -> bool {
        self.tree(Snapshot::Commit(commit)).is_ok_and(|tree| tree.get_path(Path::new(path)).is_ok())
    }

    /// Returns the time of the oldest commit in the history of `from` that has `path`.
    ///
    /// In seconds since 1970; None if no commit has it.
    #[must_use]
    pub fn first_commit_time(&self, from: Oid, path: &str) -> Option<i64> {
        let mut walk = self.git.revwalk().ok()?;
        walk.push(from).ok()?;
        walk.set_sorting(Sort::TIME).ok()?;
        let held = walk.flatten().filter(|commit| self.has_file(*commit, path));
        held.filter_map(|commit| Some(self.git.find_commit(commit).ok()?.time().seconds())).min()
    }
}
