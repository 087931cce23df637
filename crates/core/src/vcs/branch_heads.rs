//! The files that the branches have now, and since when.

use std::collections::HashSet;
use std::path::Path;

use git2::{BranchType, Oid, Sort};

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
            for branch in self.git.branches(Some(kind)).map_err(failed())? {
                let (branch, _) = branch.map_err(failed())?;
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
    /// A folder that several of `tips` share is visited once, for the first of them. A tip that
    /// this clone does not have is left out: it is a branch that was not fetched.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn visit_tips(
        &self,
        tips: &[Oid],
        place: ManifestFolder<'_>,
        visit: &mut dyn FnMut(usize, Blob<'static>),
    ) -> Result<(), SourceError> {
        let mut trees: HashSet<Oid> = HashSet::new();
        let includes = |name: &str, _: u32| (place.includes)(Path::new(name));
        let mut known = Vec::new();
        for (number, tip) in tips.iter().enumerate() {
            if self.has(*tip)? {
                known.push((number, *tip));
            }
        }
        self.fetch_folders(known.iter().map(|(_, tip)| *tip))?;
        for (number, tip) in known {
            let tree = self.tree_of(&self.find_commit(tip)?)?;
            let Some(folder) = self.folder_at(&tree, place.folder)? else { continue };
            let mut enter = |tree| trees.insert(tree);
            let mut take = |path: String, id, mode| {
                visit(number, Blob { path: path.into(), id, mode, noted_size: 0 });
            };
            self.each_file(&folder, place.folder, &includes, &mut enter, &mut take)?;
        }
        Ok(())
    }

    /// Reports whether a commit has a file at `path`.
    ///
    /// # Errors
    /// A commit or a folder that cannot be read.
    pub fn has_file(&self, commit: Oid, path: &str) -> Result<bool, SourceError> {
        Ok(self.item_at(&self.tree(Snapshot::Commit(commit))?, path)?.is_some())
    }

    /// Returns the time of the oldest commit in the history of `from` that has `path`.
    ///
    /// In seconds since 1970; None if no commit has it.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn first_commit_time(&self, from: Oid, path: &str) -> Result<Option<i64>, SourceError> {
        let commits = self.history(&[from], Sort::TIME)?;
        self.fetch_folders(commits.iter().copied())?;
        let mut first = None;
        for id in commits {
            let commit = self.find_commit(id)?;
            if self.item_at(&self.tree_of(&commit)?, path)?.is_some() {
                let time = commit.time().seconds();
                first = Some(first.map_or(time, |first: i64| first.min(time)));
            }
        }
        Ok(first)
    }

    /// Returns the commits in the history of `tips`, as far as this clone has it.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub(super) fn history(&self, tips: &[Oid], sorting: Sort) -> Result<Vec<Oid>, SourceError> {
        let walk = || -> Result<Vec<Oid>, git2::Error> {
            let mut walk = self.git.revwalk()?;
            walk.set_sorting(sorting)?;
            tips.iter().try_for_each(|tip| walk.push(*tip))?;
            walk.collect()
        };
        walk().map_err(SourceError::git("the history"))
    }
}
