//! Differences between snapshots, merges in memory, and the default branch offline.
//!
//! The module `default_branch` describes how the notions of the default branch differ.

use std::collections::BTreeSet;

use git2::{Delta, Oid};

use super::repository::to_slashes;
use super::{Repository, Snapshot, SourceError};
use crate::vcs::git::LOCAL;

/// The paths of the files in which two snapshots differ, on either side.
///
/// A moved file counts as deleted in one place and new in the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedPaths {
    /// Changed or deleted.
    pub before: BTreeSet<String>,
    /// Changed or new.
    pub after: BTreeSet<String>,
}

/// The default branch, as far as this clone knows it without a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetBranch {
    /// The full name where it is pushed to, such as `refs/heads/main`.
    pub name: String,
    /// The newest commit of the branch that this clone has.
    pub tip: Snapshot,
}

impl ChangedPaths {
    /// Reports whether the file at `path` is new, changed or deleted.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.before.contains(path) || self.after.contains(path)
    }
}

impl Repository {
    /// Returns how the files in the folders `under` differ between two snapshots.
    ///
    /// `before` is a commit, or None for an empty tree.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn change(
        &self,
        before: Option<Snapshot>,
        after: Snapshot,
        under: &[&str],
    ) -> Result<ChangedPaths, SourceError> {
        let mut change = ChangedPaths::default();
        let new = match after {
            Snapshot::Index => {
                let old = before.map(|before| self.tree(before)).transpose()?;
                let index = self.index()?;
                for path in under {
                    index.compare(self, old.as_ref(), path, &mut change)?;
                }
                return Ok(change);
            }
            Snapshot::WorkTree => return self.work_tree_change(before, under),
            Snapshot::Commit(_) | Snapshot::Merge(_) => self.tree(after)?,
        };
        let old = before.map(|before| self.tree(before)).transpose()?;
        let mut options = git2::DiffOptions::new();
        options.disable_pathspec_match(true);
        for path in under {
            options.pathspec(path);
        }
        let compare = || self.git.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options));
        let diff = self.read_objects(|| format!("the changes in {after}"), compare)?;
        for delta in diff.deltas() {
            if delta.status() != Delta::Added {
                change.before.extend(delta.old_file().path().map(to_slashes));
            }
            if delta.status() != Delta::Deleted {
                change.after.extend(delta.new_file().path().map(to_slashes));
            }
        }
        Ok(change)
    }

    /// Returns how the files on disk differ from a commit, by the `git` program.
    ///
    /// What a sparse checkout leaves out is unchanged, and untracked files are new.
    fn work_tree_change(
        &self,
        before: Option<Snapshot>,
        under: &[&str],
    ) -> Result<ChangedPaths, SourceError> {
        let mut change = ChangedPaths::default();
        let paths: Vec<String> = under.iter().map(|path| format!(":(top,literal){path}")).collect();
        let list = |arguments: &[&str]| {
            let arguments: Vec<&str> = arguments
                .iter()
                .copied()
                .chain(["--"])
                .chain(paths.iter().map(String::as_str))
                .collect();
            self.list_files("the changes in the work tree", &arguments)
        };
        if let Some(before) = before {
            let options = ["diff", "--name-status", "--no-renames", "--no-ext-diff", "-z"];
            let fields = list(&[&options[..], &[&before.id()]].concat())?;
            for pair in fields.chunks_exact(2) {
                if pair[0] != "A" {
                    change.before.insert(pair[1].clone());
                }
                if pair[0] != "D" {
                    change.after.insert(pair[1].clone());
                }
            }
        } else {
            change.after.extend(list(&["ls-files", "--cached", "-z"])?);
        }
        let untracked = ["ls-files", "--others", "--exclude-standard", "--full-name", "-z"];
        change.after.extend(list(&untracked)?);
        Ok(change)
    }

    /// Returns the fields that a `git` command prints, each ended by a NUL byte.
    pub(super) fn list_files(
        &self,
        what: &str,
        arguments: &[&str],
    ) -> Result<Vec<String>, SourceError> {
        let output = self
            .index_program()
            .run(arguments, LOCAL)
            .map_err(|why| SourceError::Git { what: what.to_owned(), message: why.to_string() })?;
        let fields = output.stdout.split('\0').filter(|field| !field.is_empty());
        Ok(fields.map(str::to_owned).collect())
    }

    /// Returns the merge base of two commits; None if their histories share no commit.
    ///
    /// # Errors
    /// A repository that cannot be read, or a shallow clone whose history ends before the merge
    /// base.
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
            Err(error) => {
                Err(SourceError::git(format!("the merge base of {one} and {other}"))(error))
            }
        }
    }

    /// Removes from a staged `change` the parts that were checked in `upstream`.
    ///
    /// A file that upstream's history has as it is staged comes from a merge, or the change reverts
    /// to it. A file that upstream's tip does not have has no earlier state that counts.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn remove_checked_parts(
        &self,
        change: &mut ChangedPaths,
        upstream: Snapshot,
    ) -> Result<(), SourceError> {
        let index = self.index()?;
        let mut trees = Vec::new();
        for snapshot in self.checked_commits(upstream)? {
            trees.push(self.tree(snapshot)?);
        }
        let held = |tree: &git2::Tree<'_>, path: &str| -> Result<Option<Oid>, SourceError> {
            Ok(self.item_at(tree, path)?.map(|item| item.id))
        };
        for path in std::mem::take(&mut change.before) {
            if held(&trees[0], &path)?.is_some() {
                change.before.insert(path);
            }
        }
        for path in std::mem::take(&mut change.after) {
            let mut is_settled = false;
            if let Some(staged) = index.at(&path).map(|held| held.id) {
                for tree in &trees {
                    is_settled = is_settled || held(tree, &path)? == Some(staged);
                }
            }
            if is_settled {
                change.before.remove(&path);
            } else {
                change.after.insert(path);
            }
        }
        Ok(())
    }

    /// Returns the commits of upstream's history that the next commit builds on.
    ///
    /// Its tip comes first, then the merge base with each of the next commit's parents.
    pub(super) fn checked_commits(&self, upstream: Snapshot) -> Result<Vec<Snapshot>, SourceError> {
        let mut settled = vec![upstream];
        for parent in self.last_commit()?.into_iter().chain(self.merge_heads()) {
            match self.merge_base(upstream, parent) {
                Ok(Some(base)) if !settled.contains(&base) => settled.push(base),
                // If a shallow clone has no merge base, the tip is enough.
                Ok(_) | Err(SourceError::Shallow { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(settled)
    }

    /// Returns the commits that are being merged into HEAD.
    #[must_use]
    pub fn merge_heads(&self) -> Vec<Snapshot> {
        // `git merge` sets GITHEAD_<id>=<name> for its hooks, which run before MERGE_HEAD exists.
        let names = std::env::vars_os()
            .filter_map(|(name, _)| name.to_str()?.strip_prefix("GITHEAD_").map(str::to_owned));
        std::iter::once("MERGE_HEAD".to_owned())
            .chain(names)
            .filter_map(|name| self.commit(&name).ok())
            .collect()
    }

    /// Reports whether `commit` is `tip` or in its history.
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

    /// Returns the default branch's tip, with a local guess if there are no remotes.
    ///
    /// It is [`Repository::upstream`]; without remotes, the tip of `main` or `master`. A check of
    /// staged files compares new IDs with it.
    #[must_use]
    pub fn default_tip(&self) -> Option<Snapshot> {
        let local = || {
            if self.remotes().is_empty() {
                self.target_branch(&["refs/heads/main", "refs/heads/master"], "refs/heads/")
            } else {
                None
            }
        };
        self.upstream().or_else(|| local().map(|branch| branch.tip))
    }

    /// Merges `theirs` into `ours` in memory; nothing is written to disk.
    ///
    /// # Errors
    /// [`SourceError::Conflict`] if git itself would report a conflict.
    pub fn merge(&self, ours: Snapshot, theirs: Snapshot) -> Result<Snapshot, SourceError> {
        let what = || format!("the merge of {ours} and {theirs}");
        let failed = || SourceError::git(what());
        let find = |snapshot: Snapshot| match snapshot {
            Snapshot::Commit(commit) => self.find_commit(commit),
            _ => Err(failed()(git2::Error::from_str("only commits can be merged"))),
        };
        let (one, other) = (find(ours)?, find(theirs)?);
        // Without a base, everything that differs would look like a conflict.
        if let Some(base) = self.merge_base(ours, theirs)? {
            self.fetch_merged(base, ours, theirs)?;
        }
        let mut index = self.read_objects(what, || self.git.merge_commits(&one, &other, None))?;
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
        // The objects of the merged tree stay in memory and end with this process.
        let objects = self.git.odb().map_err(failed())?;
        objects.add_new_mempack_backend(1000).map_err(failed())?;
        // The merged tree names files that a partial clone lacks.
        git2::opts::strict_object_creation(!self.is_partial()?);
        let tree = index.write_tree_to(&self.git).map_err(failed());
        git2::opts::strict_object_creation(true);
        Ok(Snapshot::Merge(tree?))
    }

    /// Fetches in one batch what a merge reads, in a partial clone.
    ///
    /// These are the files that both sides have changed.
    fn fetch_merged(
        &self,
        base: Snapshot,
        ours: Snapshot,
        theirs: Snapshot,
    ) -> Result<(), SourceError> {
        if !self.is_partial()? {
            return Ok(());
        }
        let base = self.tree(base)?;
        let changes = |side: Snapshot| {
            let side = self.tree(side)?;
            let compare = || self.git.diff_tree_to_tree(Some(&base), Some(&side), None);
            let diff = self.read_objects(|| "the changes of a merge".to_owned(), compare)?;
            let ids = |file: git2::DiffFile<'_>| (file.path().map(to_slashes), file.id());
            let of_delta =
                |delta: git2::DiffDelta<'_>| [ids(delta.old_file()), ids(delta.new_file())];
            Ok::<_, SourceError>(diff.deltas().flat_map(of_delta).collect::<Vec<_>>())
        };
        let (ours, theirs) = (changes(ours)?, changes(theirs)?);
        let of_ours: BTreeSet<&Option<String>> = ours.iter().map(|(path, _)| path).collect();
        let of_both: BTreeSet<&Option<String>> =
            theirs.iter().map(|(path, _)| path).filter(|path| of_ours.contains(path)).collect();
        let read = ours.iter().chain(&theirs).filter(|(path, _)| of_both.contains(path));
        self.fetch_missing(read.map(|(_, id)| *id).filter(|id| !id.is_zero()))
    }

    /// Returns `origin`'s default branch offline: its HEAD, else `main` or `master`.
    ///
    /// The last two are a guess, and None means only that this clone has none of the three. Hooks,
    /// renumbering, warnings and checks of new names use it. Where a guess would be
    /// wrong, use [`Repository::default_branch`]; in a bare repository, [`Repository::own_branch`].
    #[must_use]
    pub fn upstream_branch(&self) -> Option<TargetBranch> {
        self.branch_of("origin")
    }

    /// Returns the full name of the checked-out branch; None if HEAD is detached.
    #[must_use]
    pub fn checked_out_branch(&self) -> Option<String> {
        let head = self.git.find_reference("HEAD").ok()?;
        head.symbolic_target().ok().flatten().map(str::to_owned)
    }

    /// Returns the default branch of `remote`, offline.
    ///
    /// It is found as by [`Repository::upstream_branch`]. None also for a remote that this
    /// repository does not have.
    #[must_use]
    pub fn branch_of(&self, remote: &str) -> Option<TargetBranch> {
        let prefix = format!("refs/remotes/{remote}/");
        let names = ["HEAD", "main", "master"].map(|name| format!("{prefix}{name}"));
        self.target_branch(&names.each_ref().map(String::as_str), &prefix)
    }

    /// Returns the default branch of the repository itself, for hooks on a server.
    ///
    /// It is the branch of its own HEAD; if that branch has no commits, `main` or `master`.
    #[must_use]
    pub fn own_branch(&self) -> Option<TargetBranch> {
        self.target_branch(&["HEAD", "refs/heads/main", "refs/heads/master"], "refs/heads/")
    }

    fn target_branch(&self, names: &[&str], prefix: &str) -> Option<TargetBranch> {
        names.iter().find_map(|name| {
            let reference = self.git.find_reference(name).ok()?;
            // A remote's HEAD is symbolic. Otherwise it is a pushed branch called `HEAD`.
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

    /// Returns the tip of the default branch, offline.
    ///
    /// It is that of [`Repository::own_branch`] in a bare repository, otherwise that of
    /// [`Repository::upstream_branch`].
    #[must_use]
    pub fn upstream(&self) -> Option<Snapshot> {
        let branch = if self.git.is_bare() { self.own_branch() } else { self.upstream_branch() };
        branch.map(|branch| branch.tip)
    }
}
