//! Manifests along their lifecycle: which step one may take, and the step itself in its file.

use std::collections::BTreeMap;

use miette::Diagnostic;

use goldenpath_core::catalog::{Catalog, Entry, Project, Selection};
use goldenpath_core::fixes::Rewrite;
use goldenpath_core::manifest::{LifecycleStatus, SecretId};
use goldenpath_core::vcs::{File, Repository, Snapshot, SourceError};
use goldenpath_core::yaml::{Scalar, YamlEdit};

/// Where the status stands in a manifest.
const POINTER: &str = "/spec/lifecycle/status";

/// What has been promised already: the branch that merges go to, or else the last commit. A change is judged against it,
/// and so a step that has not merged yet counts for nothing (GP403, GP405).
pub struct Promised {
    snapshot: Snapshot,
    statuses: BTreeMap<SecretId, LifecycleStatus>,
}

/// Why a manifest cannot have a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionRefusal {
    /// `SEC-0007 is active`
    pub because: String,
    /// The statuses that it can have instead.
    pub legal: Vec<LifecycleStatus>,
    /// What else there is to do.
    pub help: Option<String>,
}

/// Why a status was not written.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LifecycleError {
    #[error("the status in `{path}` cannot be read")]
    #[diagnostic(
        code(goldenpath::lifecycle::unreadable),
        help("`goldenpath validate {path}` says what is wrong with the manifest")
    )]
    Unreadable { path: String },

    #[error("the status in `{path}` cannot be changed without changing something else too")]
    #[diagnostic(
        code(goldenpath::lifecycle::unwritable),
        help("write `status: {to}` into it by hand")
    )]
    Unwritable { path: String, to: LifecycleStatus },
}

impl Promised {
    /// None where there is no commit yet.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn of(repository: &Repository, project: &Project) -> Result<Option<Self>, SourceError> {
        let Some(snapshot) = repository.upstream().or_else(|| repository.head().ok()) else {
            return Ok(None);
        };
        let catalog = Catalog::load(repository, project, snapshot, &Selection::All)?;
        let statuses = catalog.requests().map(|request| (request.id, request.status)).collect();
        Ok(Some(Self { snapshot, statuses }))
    }

    fn allows(&self, id: SecretId, to: LifecycleStatus) -> bool {
        match self.statuses.get(&id) {
            Some(was) => *was == to || was.steps().contains(&to),
            None => to == LifecycleStatus::Active,
        }
    }
}

/// Whether the manifest `id`, which is `now`, may be made `to` by a person. `decommissioned` is never set so: apply does it
/// when the secret is gone.
///
/// # Errors
/// Why not, and what may be done instead.
pub fn check(
    id: SecretId,
    now: LifecycleStatus,
    to: LifecycleStatus,
    promised: Option<&Promised>,
) -> Result<(), TransitionRefusal> {
    let is_allowed = |to: LifecycleStatus| promised.is_none_or(|promised| promised.allows(id, to));
    let by_hand = |to: &LifecycleStatus| *to != LifecycleStatus::Decommissioned;
    if now.steps().contains(&to) && by_hand(&to) && is_allowed(to) {
        return Ok(());
    }
    let legal = now.steps().iter().copied().filter(by_hand).filter(|to| is_allowed(*to)).collect();
    let refusal =
        |because: String, help: Option<String>| TransitionRefusal { because, legal, help };
    // The step is one, but from a status that nobody else knows of.
    if let Some(promised) = promised.filter(|_| now.steps().contains(&to) && by_hand(&to)) {
        let place = promised.snapshot;
        return Err(match promised.statuses.get(&id) {
            Some(was) => refusal(
                format!("{id} is `{now}` here and still `{was}` in {place}"),
                Some(format!("merge `{now}` first: one step at a time gives everybody time")),
            ),
            None => refusal(
                format!("{id} is not in {place} yet, and a manifest starts as `active`"),
                Some("merge it first, or delete its file".to_owned()),
            ),
        });
    }
    let is_final = now == LifecycleStatus::Decommissioned;
    let help =
        is_final.then(|| "that is final; ask for a new secret: `goldenpath new secret`".to_owned());
    Err(refusal(format!("{id} is `{now}`"), help))
}

/// Gives the manifest at `path` of the catalog the status `to`, comments and layout kept. Nothing is written, and nobody is
/// asked whether the step is legal.
///
/// # Errors
/// A file that has no status, or not one that can be changed in place.
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
    let is_so = |entry: &Entry| entry.request().is_some_and(|request| request.status == to);
    let changed = changed
        .filter(is_so)
        .ok_or_else(|| LifecycleError::Unwritable { path: path.to_owned(), to })?;
    let before = std::mem::replace(&mut catalog.entries[number], changed);
    Ok(Rewrite { before, path: path.to_owned() })
}
