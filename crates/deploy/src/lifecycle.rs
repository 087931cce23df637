//! The lifecycle of a manifest: the legal steps, and setting the status in its file.

use std::collections::BTreeMap;

use miette::Diagnostic;

use goldenpath_core::catalog::{Catalog, Entry, Project, Selection};
use goldenpath_core::fixes::Rewrite;
use goldenpath_core::manifest::{LifecycleStatus, SecretId};
use goldenpath_core::vcs::{File, Repository, Snapshot, SourceError};
use goldenpath_core::yaml::{Scalar, YamlEdit};

/// The JSON pointer to the status in a manifest.
const POINTER: &str = "/spec/lifecycle/status";

/// The statuses on the default branch, or else in the last commit.
///
/// A change is checked against them, so a step that has not been merged does not count (GP403,
/// GP405).
pub struct BaseStatuses {
    snapshot: Snapshot,
    statuses: BTreeMap<SecretId, LifecycleStatus>,
}

/// Why a manifest cannot have a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionError {
    /// `SEC-0007 is active`
    pub reason: String,
    /// The statuses that it can have instead.
    pub legal: Vec<LifecycleStatus>,
    /// Another remedy.
    pub help: Option<String>,
}

/// Why a status was not written.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum LifecycleError {
    #[error("cannot read the status in `{path}`")]
    #[diagnostic(
        code(goldenpath::lifecycle::unreadable),
        help("run `goldenpath validate {path}` to see what is wrong with the manifest")
    )]
    Unreadable { path: String },

    #[error("cannot change the status in `{path}` without changing something else")]
    #[diagnostic(
        code(goldenpath::lifecycle::unwritable),
        help("set `status: {to}` in the file by hand")
    )]
    Unwritable { path: String, to: LifecycleStatus },
}

impl BaseStatuses {
    /// Reads the statuses; None if there is no commit yet.
    ///
    /// # Errors
    /// If the repository cannot be read.
    pub fn of(repository: &Repository, project: &Project) -> Result<Option<Self>, SourceError> {
        let Some(snapshot) =
            repository.upstream().map_or_else(|| repository.last_commit(), |tip| Ok(Some(tip)))?
        else {
            return Ok(None);
        };
        let catalog = Catalog::load(repository, project, snapshot, &Selection::All)?;
        let statuses = catalog.requests().map(|request| (request.id, request.status)).collect();
        Ok(Some(Self { snapshot, statuses }))
    }

    fn allows(&self, id: SecretId, to: LifecycleStatus) -> bool {
        match self.statuses.get(&id) {
            Some(old) => *old == to || old.steps().contains(&to),
            None => to == LifecycleStatus::Active,
        }
    }
}

/// Checks that a person may change the status of `id` from `now` to `to`.
///
/// A person never sets `decommissioned`: apply sets it once the secret is deleted.
///
/// # Errors
/// The reason, and the statuses that are legal instead.
pub fn check(
    id: SecretId,
    now: LifecycleStatus,
    to: LifecycleStatus,
    base: Option<&BaseStatuses>,
) -> Result<(), TransitionError> {
    let is_allowed = |to: LifecycleStatus| base.is_none_or(|base| base.allows(id, to));
    let by_hand = |to: &LifecycleStatus| *to != LifecycleStatus::Decommissioned;
    if now.steps().contains(&to) && by_hand(&to) && is_allowed(to) {
        return Ok(());
    }
    let legal = now.steps().iter().copied().filter(by_hand).filter(|to| is_allowed(*to)).collect();
    let refusal = |reason: String, help: Option<String>| TransitionError { reason, legal, help };
    // The step is legal, but starts from a status that has not been merged.
    if let Some(base) = base.filter(|_| now.steps().contains(&to) && by_hand(&to)) {
        let place = base.snapshot;
        return Err(match base.statuses.get(&id) {
            Some(old) => refusal(
                format!("{id} is `{now}` here and still `{old}` in {place}"),
                Some(format!("merge `{now}` first: each step must be merged before the next")),
            ),
            None => refusal(
                format!("{id} is not in {place} yet, and a manifest starts as `active`"),
                Some("merge it first, or delete its file".to_owned()),
            ),
        });
    }
    let is_final = now == LifecycleStatus::Decommissioned;
    let help = is_final.then(|| {
        "create a new secret with `goldenpath new secret`: `decommissioned` is final".to_owned()
    });
    Err(refusal(format!("{id} is `{now}`"), help))
}

/// Sets the status of the manifest at `path` in the catalog.
///
/// Keeps comments and layout, writes nothing to disk, and does not check that the step is legal.
///
/// # Errors
/// If the file has no status, or the status cannot be changed in place.
pub fn set(
    catalog: &mut Catalog,
    project: &Project,
    path: &str,
    to: LifecycleStatus,
) -> Result<Rewrite, LifecycleError> {
    let unreadable = || LifecycleError::Unreadable { path: path.to_owned() };
    let number = catalog
        .entries
        .binary_search_by(|entry| entry.path.as_str().cmp(path))
        .map_err(|_| unreadable())?;
    let entry = &catalog.entries[number];
    let root = entry.root().filter(|_| entry.request().is_some()).ok_or_else(unreadable)?;
    let change =
        YamlEdit::Set { pointer: POINTER.to_owned(), value: Scalar::String(to.to_string()) };
    let changed = change.apply(&entry.text, root).map(|text| {
        Entry::read(
            File { path: path.to_owned(), bytes: Ok(text.into_bytes()) },
            entry.selected,
            project,
        )
    });
    let has_status = |entry: &Entry| entry.request().is_some_and(|request| request.status == to);
    let changed = changed
        .filter(has_status)
        .ok_or_else(|| LifecycleError::Unwritable { path: path.to_owned(), to })?;
    let before = std::mem::replace(&mut catalog.entries[number], changed);
    Ok(Rewrite { before, path: path.to_owned() })
}
