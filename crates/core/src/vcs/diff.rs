//! What differs between two snapshots, and what a merge would make.

use std::collections::BTreeSet;
use std::path::Path;

use git2::{Delta, Oid};

use super::repository::slashed;
use super::{Repository, Snapshot, SourceError};

/// The files in which two snapshots differ, by their paths on either side. A file that moved counts as gone from the one
/// place and new in the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedPaths {
    /// Changed or gone.
    pub before: BTreeSet<String>,
    /// Changed or new.
    pub after: BTreeSet<String>,
}

/// The branch that merges go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetBranch {
    /// Its full name where it is pushed to, such as `refs/heads/main`.
    pub name: String,
    pub tip: Snapshot,
}

impl ChangedPaths {
    /// Whether the file at `path` is new, changed or gone.
    #[must_use]
    pub fn touches(&self, path: &str) -> bool {
        self.before.contains(path) || self.after.contains(path)
    }
}

impl Repository {
    /// How the files and folders `under` differ from `before`, a commit or None for nothing at all, to `after`.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn change(
        &self,
        before: Option<Snapshot>,
        after: Snapshot,
        under: &[&str],
    ) -> Result<ChangedPaths, SourceError> {
        let old = before.map(|before| self.tree(before)).transpose()?;
        let mut change = ChangedPaths::default();
        let failed = || SourceError::git(format!("what changes in {after}"));
        if after == Snapshot::Index {
            let index = self.index()?;
            for path in under {
                index.compare(&self.git, old.as_ref(), path, &mut change).map_err(failed())?;
            }
            return Ok(change);
        }
        let mut options = git2::DiffOptions::new();
        options.disable_pathspec_match(true);
        for path in under {
            options.pathspec(path);
        }
        let diff = match after {
            Snapshot::WorkTree => {
                options.include_untracked(true).recurse_untracked_dirs(true);
                self.git.diff_tree_to_workdir(old.as_ref(), Some(&mut options))
            }
            Snapshot::Index | Snapshot::Commit(_) | Snapshot::Merge(_) => {
                let new = self.tree(after)?;
                self.git.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options))
            }
        }
        .map_err(failed())?;
        for delta in diff.deltas() {
            if delta.status() != Delta::Added && delta.status() != Delta::Untracked {
                change.before.extend(delta.old_file().path().map(slashed));
            }
            if delta.status() != Delta::Deleted {
                change.after.extend(delta.new_file().path().map(slashed));
            }
        }
        Ok(change)
    }

    /// Where the histories of two commits parted; None where they have nothing in common.
    ///
    /// # Errors
    /// A repository that cannot be read, or a shallow one that ends before that place.
    pub fn merge_base(
        &self,
        one: Snapshot,
        other: Snapshot,
    ) -> Result<Option<Snapshot>, SourceError> {
        let (Snapshot::Commit(a), Snapshot::Commit(b)) = (one, other) else { return Ok(Some(one)) };
        match self.git.merge_base(a, b) {
            Ok(base) => Ok(Some(Snapshot::Commit(base))),
            Err(error) if error.code() == git2::ErrorCode::NotFound && self.git.is_shallow() => {
                Err(SourceError::Shallow { one: one.to_string(), other: other.to_string() })
            }
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(SourceError::git(format!("where {one} and {other} parted"))(error)),
        }
    }

    /// Takes out of a staged `change` what the branch of `upstream` holds already, as it is staged or not at all: what a
    /// merge brings from there, and what goes back to how it was there. That was judged when it got there.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn leave_out_settled(
        &self,
        change: &mut ChangedPaths,
        upstream: Snapshot,
    ) -> Result<(), SourceError> {
        let index = self.index()?;
        let mut trees = Vec::new();
        for snapshot in self.settled(upstream)? {
            trees.push(self.tree(snapshot)?);
        }
        let held = |tree: &git2::Tree<'_>, path: &str| {
            tree.get_path(Path::new(path)).ok().map(|entry| entry.id())
        };
        change.before.retain(|path| held(&trees[0], path).is_some());
        let staged = |path: &str| index.at(path).map(|held| held.id);
        let settled: Vec<String> = change
            .after
            .iter()
            .filter(|path| {
                staged(path).is_some_and(|id| trees.iter().any(|tree| held(tree, path) == Some(id)))
            })
            .cloned()
            .collect();
        for path in settled {
            change.before.remove(&path);
            change.after.remove(&path);
        }
        Ok(())
    }

    /// The commits of upstream's history that the next commit builds on: its tip first, then where the history of each of
    /// the next commit's parents left it.
    pub(super) fn settled(&self, upstream: Snapshot) -> Result<Vec<Snapshot>, SourceError> {
        let mut settled = vec![upstream];
        for parent in self.commit("HEAD").ok().into_iter().chain(self.merged()) {
            // Where a shallow clone ends, the tip alone will do.
            if let Ok(Some(base)) = self.merge_base(upstream, parent)
                && !settled.contains(&base)
            {
                settled.push(base);
            }
        }
        Ok(settled)
    }

    /// The commits that are being merged into HEAD.
    pub(super) fn merged(&self) -> Vec<Snapshot> {
        // What `git merge` sets for its hooks, which run before there is a MERGE_HEAD:
        // GITHEAD_<id>=<name>.
        let names = std::env::vars_os()
            .filter_map(|(name, _)| name.to_str()?.strip_prefix("GITHEAD_").map(str::to_owned));
        std::iter::once("MERGE_HEAD".to_owned())
            .chain(names)
            .filter_map(|name| self.commit(&name).ok())
            .collect()
    }

    /// Whether the history of `tip` has `commit`, or it is `commit` itself.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn contains(&self, tip: Snapshot, commit: Snapshot) -> Result<bool, SourceError> {
        let (Snapshot::Commit(one), Snapshot::Commit(other)) = (tip, commit) else {
            return Ok(false);
        };
        let failed = SourceError::git(format!("the history of {tip}"));
        Ok(one == other || self.git.graph_descendant_of(one, other).map_err(failed)?)
    }

    /// The tip of the branch that merges go to, as [`Repository::upstream`] has it, and in a
    /// repository without remotes that of `main` or `master`.
    #[must_use]
    pub fn default_tip(&self) -> Option<Snapshot> {
        let own = || match self.remotes().is_empty() {
            true => self.target_branch(&["refs/heads/main", "refs/heads/master"], "refs/heads/"),
            false => None,
        };
        self.upstream().or_else(|| own().map(|branch| branch.tip))
    }

    /// The tip of the branch that merges go to, where that is certain: not by the name `main` or
    /// `master` of a remote whose HEAD this clone does not know, since anyone who may push can
    /// create a branch of that name.
    #[must_use]
    pub fn certain_default_tip(&self) -> Option<Snapshot> {
        let is_certain = self.git.is_bare()
            || self.remotes().is_empty()
            || self
                .git
                .find_reference("refs/remotes/origin/HEAD")
                .is_ok_and(|head| matches!(head.symbolic_target(), Ok(Some(_))));
        self.default_tip().filter(|_| is_certain)
    }

    /// The tip of a branch by its name: of `remote`, and in a bare repository its own.
    #[must_use]
    pub fn tip_of(&self, remote: &str, branch: &str) -> Option<Snapshot> {
        let name = match self.git.is_bare() {
            true => format!("refs/heads/{branch}"),
            false => format!("refs/remotes/{remote}/{branch}"),
        };
        let commit = self.git.find_reference(&name).ok()?.peel_to_commit().ok()?;
        Some(Snapshot::Commit(commit.id()))
    }

    /// The tree that merging `theirs` into `ours` would make. It is made in memory: nothing is written.
    ///
    /// # Errors
    /// [`SourceError::Conflict`] where git itself would not merge.
    pub fn merge(&self, ours: Snapshot, theirs: Snapshot) -> Result<Snapshot, SourceError> {
        let failed = || SourceError::git(format!("the merge of {ours} and {theirs}"));
        let find = |snapshot: Snapshot| match snapshot {
            Snapshot::Commit(commit) => self.git.find_commit(commit),
            _ => Err(git2::Error::from_str("only commits can be merged")),
        };
        let (one, other) = (find(ours).map_err(failed())?, find(theirs).map_err(failed())?);
        let mut index = self.git.merge_commits(&one, &other, None).map_err(failed())?;
        if index.has_conflicts() {
            let conflicts = index.conflicts().map_err(failed())?;
            let paths: BTreeSet<String> = conflicts
                .flatten()
                .filter_map(|conflict| conflict.our.or(conflict.their).or(conflict.ancestor))
                .map(|entry| String::from_utf8_lossy(&entry.path).into_owned())
                .collect();
            let paths = paths.into_iter().collect::<Vec<_>>().join(", ");
            return Err(SourceError::Conflict {
                one: ours.to_string(),
                other: theirs.to_string(),
                paths,
            });
        }
        // The objects of the merged tree go to memory and are forgotten with this process.
        let objects = self.git.odb().map_err(failed())?;
        objects.add_new_mempack_backend(1000).map_err(failed())?;
        let tree: Oid = index.write_tree_to(&self.git).map_err(failed())?;
        Ok(Snapshot::Merge(tree))
    }

    /// The branch that merges go to, as a clone knows it: what `origin/HEAD` points to, or else `origin/main` or
    /// `origin/master`.
    #[must_use]
    pub fn upstream_branch(&self) -> Option<TargetBranch> {
        self.branch_of("origin")
    }

    /// The branch that is checked out, by its full name; None on no branch.
    #[must_use]
    pub fn checked_out_branch(&self) -> Option<String> {
        let head = self.git.find_reference("HEAD").ok()?;
        head.symbolic_target().ok().flatten().map(str::to_owned)
    }

    /// The same of another remote. None also for one that this repository does not know.
    #[must_use]
    pub fn branch_of(&self, remote: &str) -> Option<TargetBranch> {
        let prefix = format!("refs/remotes/{remote}/");
        let names = ["HEAD", "main", "master"].map(|name| format!("{prefix}{name}"));
        self.target_branch(&names.each_ref().map(String::as_str), &prefix)
    }

    /// The branch that merges go to, on the server itself: its own HEAD. Where that names a branch that nobody pushed,
    /// `main` or `master`.
    #[must_use]
    pub fn own_branch(&self) -> Option<TargetBranch> {
        self.target_branch(&["HEAD", "refs/heads/main", "refs/heads/master"], "refs/heads/")
    }

    fn target_branch(&self, names: &[&str], prefix: &str) -> Option<TargetBranch> {
        names.iter().find_map(|name| {
            let reference = self.git.find_reference(name).ok()?;
            // A remote's HEAD is symbolic. Another one is a branch of that name, which anyone may have pushed.
            if name.starts_with("refs/remotes/") && name.ends_with("/HEAD") {
                reference.symbolic_target().ok().flatten()?;
            }
            let reference = reference.resolve().ok()?;
            let commit = reference.peel_to_commit().ok()?;
            let branch = reference.name().ok()?.strip_prefix(prefix)?;
            Some(TargetBranch {
                name: format!("refs/heads/{branch}"),
                tip: Snapshot::Commit(commit.id()),
            })
        })
    }

    /// The tip of the branch that merges go to: of [`Repository::own_branch`] in a bare repository, otherwise of
    /// [`Repository::upstream_branch`].
    #[must_use]
    pub fn upstream(&self) -> Option<Snapshot> {
        let branch = if self.git.is_bare() { self.own_branch() } else { self.upstream_branch() };
        branch.map(|branch| branch.tip)
    }
}
