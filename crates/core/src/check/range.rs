//! The range of a check: a state, the state before it, and the rules that apply.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::CheckError;
use crate::catalog::{ConfigFile, Project, Selection};
use crate::trail::{self, TrailCommits, TrailViolation};
use crate::vcs::{ChangedPaths, Repository, Snapshot, TargetBranch};

/// The range of a check.
#[derive(Debug, Clone)]
pub struct Range {
    /// The state before; None if only the state itself is checked.
    pub(super) before: Option<Snapshot>,
    pub(super) after: Snapshot,
    pub(super) rules_from: Snapshot,
    /// The commit whose history has the used IDs; by default `before`.
    pub(super) used_ids_tip: Option<Snapshot>,
    /// The commit whose history has the age of manifests; None skips time rules.
    pub(super) history_tip: Option<Snapshot>,
    pub(super) trails: TrailScope,
    /// The file of `--config`.
    pub(super) config: Option<PathBuf>,
    /// The current time for time rules.
    pub(super) now: Timestamp,
}

/// How the audit trails of a range are checked.
#[derive(Debug, Clone)]
pub(super) struct TrailScope {
    /// The last commit of the range.
    pub(super) tip: Option<Snapshot>,
    /// Checked commits, besides those of the branch that the rules are from.
    known: Vec<Snapshot>,
}

impl Range {
    /// Returns the state that is checked.
    pub fn after(&self) -> Snapshot {
        self.after
    }

    fn of(
        before: Option<Snapshot>,
        after: Snapshot,
        rules_from: Snapshot,
        trails: TrailScope,
    ) -> Self {
        let (used_ids_tip, history_tip, config, now) = (None, None, None, Timestamp::UNIX_EPOCH);
        Self { before, after, rules_from, used_ids_tip, history_tip, trails, config, now }
    }

    /// Returns the range with the configuration in the file of `--config`.
    #[must_use]
    pub fn with_config(self, config: Option<&Path>) -> Self {
        Self { config: config.map(Path::to_path_buf), ..self }
    }

    /// Returns the range of the files on disk.
    pub fn work_tree() -> Self {
        let trails = TrailScope::proposed(None);
        Self::of(None, Snapshot::WorkTree, Snapshot::WorkTree, trails)
    }

    /// Returns the range from HEAD to the index.
    pub fn staged(repository: &Repository) -> Result<Self, CheckError> {
        let before = repository.last_commit()?;
        // An ID that was only used and dropped on this branch is still free.
        let used_ids_tip = repository.upstream();
        let trails = TrailScope::proposed(None);
        Ok(Self { used_ids_tip, ..Self::of(before, Snapshot::Index, Snapshot::Index, trails) })
    }

    /// Returns the range of the changes in `to` since its merge base with `from`.
    ///
    /// The rules of `from` apply.
    pub fn since(
        repository: &Repository,
        from: Option<Snapshot>,
        to: Snapshot,
    ) -> Result<Self, CheckError> {
        let before = from.map(|from| repository.merge_base(from, to)).transpose()?.flatten();
        let trails = TrailScope::proposed(Some(to));
        Ok(Self::of(before, to, from.unwrap_or(to), trails))
    }

    /// Returns the range of a moved branch; commits that the new tip lacks are lost.
    pub fn moved(from: Snapshot, to: Snapshot) -> Self {
        let trails = TrailScope::proposed(Some(to));
        Self::of(Some(from), to, from, trails)
    }

    /// Returns the range of a merge of `to` into `target`, whose rules apply.
    pub fn merged(
        repository: &Repository,
        target: Snapshot,
        to: Snapshot,
    ) -> Result<Self, CheckError> {
        let after = repository.merge(target, to)?;
        let trails = TrailScope::proposed(Some(to));
        Ok(Self::of(Some(target), after, target, trails))
    }

    /// Returns the range as pushed to the ref `name`.
    ///
    /// `moves_to` is the tip of the default branch after that push.
    pub fn pushed_to(
        mut self,
        name: &str,
        target: Option<&TargetBranch>,
        moves_to: Option<Snapshot>,
    ) -> Self {
        if target.is_none_or(|target| target.name != name) {
            self.trails.known.extend(moves_to);
        }
        self
    }

    /// Reports whether a check of this range includes the `other` of the same push.
    pub fn covers(&self, other: &Self) -> bool {
        (self.before, self.after, self.rules_from) == (other.before, other.after, other.rules_from)
    }

    /// Returns the range with time rules.
    ///
    /// Hooks do without: they must be fast, and a date must not stop a commit or a push.
    ///
    /// # Errors
    /// A HEAD that cannot be read.
    pub fn with_time_rules(
        self,
        repository: &Repository,
        now: Timestamp,
    ) -> Result<Self, CheckError> {
        let history_tip = match self.after {
            Snapshot::WorkTree => repository.last_commit()?,
            Snapshot::Commit(_) => Some(self.after),
            Snapshot::Merge(_) => self.before,
            Snapshot::Index => None,
        };
        Ok(Self { history_tip, now, ..self })
    }

    /// Returns the command that applies the fixes of this range.
    pub fn fixing_command(&self) -> &'static str {
        match self.after {
            Snapshot::Index => "goldenpath validate --staged --fix",
            _ => "goldenpath validate --fix",
        }
    }

    /// Returns the changes of audit trails that `apply` did not make.
    pub(super) fn find_trail_violations(
        &self,
        repository: &Repository,
        project: &Project,
    ) -> Result<Vec<TrailViolation>, CheckError> {
        let Some(before) = self.before else { return Ok(Vec::new()) };
        let branch = &project.config.audit;
        if self.after == Snapshot::Index {
            let upstream = repository.upstream();
            return Ok(trail::staged_changes(repository, Some(before), upstream, branch)?);
        }
        let TrailScope { tip, known } = self.trails.clone();
        let known = [vec![self.rules_from], known].concat();
        let commits = TrailCommits { tip, known: &known, branch };
        Ok(trail::changes(repository, before, self.after, commits)?)
    }

    /// Returns the snapshot that rule files are compared with; None for a single state.
    pub(super) fn origin(&self) -> Option<Snapshot> {
        (self.rules_from != self.after).then(|| self.before.unwrap_or(self.rules_from))
    }

    /// Returns the range with the head's own rules if the base does not use goldenpath.
    ///
    /// Such a base has no configuration, no rule files and no manifests. In any other base,
    /// built-in files replace missing ones.
    pub(super) fn with_rules(
        self,
        repository: &Repository,
        config: &ConfigFile,
    ) -> Result<Self, CheckError> {
        let sets_up = self.rules_from != self.after
            && Project::is_uninitialized(repository, self.rules_from, config)?;
        Ok(if sets_up { Self { rules_from: self.after, ..self } } else { self })
    }

    /// Returns the change, and which manifests are checked.
    ///
    /// All are checked if their rules change, and all in the new folder if the catalog moves.
    pub(super) fn change(
        &self,
        repository: &Repository,
        project: &Project,
    ) -> Result<CheckScope, CheckError> {
        let is_own = self.rules_from == self.after;
        let mut under: Vec<&str> = project.folders().collect();
        if is_own {
            under.extend(project.rule_files());
        }
        let mut change = repository.change(self.before, self.after, &under)?;
        let is_whole_move = match &project.moved_to {
            Some(folder) => {
                self.move_catalog(repository, &mut change, &project.config.catalog, folder)?
            }
            None => false,
        };
        let upstream = repository.upstream().filter(|_| self.after == Snapshot::Index);
        // Manifests that a merge from upstream could bring into conflict with its own.
        let mut merged = BTreeSet::new();
        if let Some(upstream) = upstream {
            let staged = change.after.len();
            // Unmerged manifests may change freely: only those of the upstream branch are a
            // promise.
            repository.remove_checked_parts(&mut change, upstream)?;
            let heads = if change.after.len() < staged { repository.merge_heads() } else { vec![] };
            for head in heads {
                let mut own = repository.change(Some(head), self.after, &under)?;
                repository.remove_checked_parts(&mut own, upstream)?;
                merged.append(&mut own.after);
            }
        }
        let mut hiding = BTreeSet::new();
        for path in change.before.union(&change.after).chain(&merged) {
            if project.is_in_catalog(path) && repository.hides_folder(self.after, path)? {
                hiding.insert(path.clone());
            }
        }
        let hides = |path: &str| hiding.contains(path);
        let counts = |path: &&String| project.is_manifest(path) || hides(path);
        // A removed file counts too: built-in rules replace it.
        let all = is_own && project.rule_files().iter().any(|path| change.contains(path));
        let selection = if all {
            Selection::All
        } else {
            // If the catalog's own folder is hidden, there is nothing else to check, whether this
            // change hides it or not.
            let changed = change.after.iter().chain(&merged).filter(counts).cloned();
            let mut paths: BTreeSet<String> = changed.collect();
            for folder in project.folders() {
                paths.extend(repository.hides(self.after, folder)?);
            }
            Selection::Paths(paths)
        };
        let has_manifests =
            !is_whole_move && change.before.union(&change.after).any(|path| counts(&path));
        Ok(CheckScope { change, selection, has_manifests })
    }

    /// Changes `change` to lead from the catalog's old folder to its new folder.
    ///
    /// A file that was in the new folder already counts as new, a file that stays in the old one as
    /// removed, and a file in both as moved. Returns whether the catalog moves as a whole, with
    /// every file unchanged.
    fn move_catalog(
        &self,
        repository: &Repository,
        change: &mut ChangedPaths,
        old: &str,
        new: &str,
    ) -> Result<bool, CheckError> {
        let files = |snapshot: Snapshot, folder: &str| -> Result<_, CheckError> {
            let files = repository.blobs_below(snapshot, folder)?.unwrap_or_default();
            Ok(files
                .into_iter()
                .map(|file| (file.path.clone().into_owned(), file))
                .collect::<BTreeMap<_, _>>())
        };
        let is_in = |path: &str, folder: &str| {
            path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        let before =
            self.before.map_or_else(|| Ok(BTreeMap::new()), |before| files(before, old))?;
        let (after, left) = (files(self.after, new)?, files(self.after, old)?);
        change.before.retain(|path| is_in(path, old));
        change.before.extend(before.keys().cloned());
        change.after.extend(after.keys().cloned());
        let moved =
            |path: &str| path.strip_prefix(old).and_then(|rest| after.get(&format!("{new}{rest}")));
        Ok(before.len() == after.len()
            && left.keys().all(|path| is_in(path, new))
            && before
                .iter()
                .all(|(path, file)| moved(path).is_some_and(|other| file.is_same_file(other))))
    }
}

/// The part of a range that is checked.
pub(super) struct CheckScope {
    pub(super) change: ChangedPaths,
    pub(super) selection: Selection,
    /// Whether manifests change.
    pub(super) has_manifests: bool,
}

impl TrailScope {
    fn proposed(tip: Option<Snapshot>) -> Self {
        Self { tip, known: Vec::new() }
    }
}
