//! Desired state against actual state → plan → apply.

mod apply;
mod desired;
mod difference;
mod plan;
mod renewal;
mod show;

use miette::Diagnostic;

pub use apply::{Applied, Event, apply};
pub use difference::plan;
pub use plan::{Action, Effect, Obstacle, Plan, Step};
pub use show::{for_people, summary};

use crate::catalog::{Catalog, Project};
use crate::gitops::{GitopsError, WorkingCopy};
use crate::projection::ProjectionError;
use crate::store::{Store, StoreError};

/// How many calls to the store are in flight at once.
const CALLS_IN_FLIGHT: usize = 16;

/// What a run reads and writes.
pub struct World<'run> {
    pub project: &'run Project,
    pub catalog: &'run Catalog,
    /// The catalog's own projection template, if it has one.
    pub template: Option<String>,
    pub store: Store,
    /// None where `gitops.path` is not set: no projections are written.
    pub gitops: Option<WorkingCopy>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ReconcileError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Gitops(#[from] GitopsError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Projection(#[from] ProjectionError),
    #[error("{ids} have the same projection file `{file}`")]
    #[diagnostic(
        code(goldenpath::reconcile::same_file),
        help("`gitops.file` in goldenpath.yaml must tell manifests apart: put `{{{{ id }}}}` into it")
    )]
    SameFile { file: String, ids: String },
}
