//! Desired state against actual state → plan → apply.

mod accounts;
mod apply;
mod decommission;
mod desired;
mod diff;
mod gates;
pub mod missing_values;
mod orphans;
mod ownership;
mod plan;
mod plan_comment;
mod resource_policy;
mod stored_state;

mod renewal;
mod saved_plan;
mod shard;

mod execution;
mod planner;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use miette::Diagnostic;

use ownership::Takeover;

pub use accounts::{Account, UnreadableAccount};
pub use apply::{Applied, ApplyEvent, apply, conclude};
pub use desired::VALUE_SINCE;
pub use gates::Gate;
pub use missing_values::MissingValue;
pub use orphans::{Orphan, StaleFile};
pub use ownership::{ExpectedTags, SecretOwnership};
pub use plan::{Action, Effect, Obstacle, Plan, Step};
pub use plan_comment::{PLAN_TEMPLATE, for_a_comment};
pub use stored_state::{known, known_of};

pub use saved_plan::{Saved, SavedError, Selected, digest, places};
pub use shard::Shard;

pub use planner::{Progress, plan};

use crate::audit::RecordError;
use crate::gitops::{GitopsError, Target};
use crate::store::{Store, StoreError};
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest::{SecretId, SecretRequest};
use goldenpath_core::projection::{ProjectionError, ProjectionTemplate};

/// What a run reads and writes.
pub struct World<'run> {
    pub project: &'run Project,
    pub catalog: &'run Catalog,
    pub template: ProjectionTemplate,
    /// No environment has two.
    pub accounts: Vec<Account>,
    /// The GitOps repositories, each with the environments whose projections go there. An environment without one has
    /// neither `gitops.path` nor `gitops.url`: no projections are written.
    pub gitops: Vec<(BTreeSet<String>, Target)>,
    /// Since when each manifest that asks for its secret's end does so.
    pub requested: BTreeMap<SecretId, Timestamp>,
    pub options: Options,
}

/// What a selection is asked about: a manifest, or something of which tags say what it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct SecretSubject<'a> {
    pub environment: &'a str,
    pub service: &'a str,
    pub id: Option<SecretId>,
}

impl<'a> SecretSubject<'a> {
    /// A manifest as one.
    #[must_use]
    pub fn of(request: &'a SecretRequest) -> Self {
        Self {
            environment: request.environment.as_str(),
            service: request.service.as_str(),
            id: Some(request.id),
        }
    }
}

/// How a run goes about it.
#[derive(Debug, Clone)]
pub struct Options {
    pub parallelism: Parallelism,
    /// Read every resource policy that a manifest speaks of, instead of believing what a tag says of it.
    pub refresh: bool,
    /// Manifests that may take over a secret that goldenpath did not make.
    pub adopt: BTreeSet<SecretId>,
    /// Whether secrets of another repository with the same catalog are bound to this one.
    pub rebind_catalog: bool,
    /// Gates that are passed by for every secret of the run, each with the reason.
    pub overrides: BTreeMap<Gate, String>,
    /// The time of the run.
    pub now: Timestamp,
}

/// How many calls to stores are in flight at once, at least 1 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parallelism {
    /// While planning, when calls only look: AWS takes 10,000 DescribeSecret calls a second.
    pub looking: usize,
    /// While applying: of each kind of call that changes something, AWS takes 50 a second.
    pub changing: usize,
}

impl Default for Parallelism {
    fn default() -> Self {
        Self { looking: 128, changing: 16 }
    }
}

impl Parallelism {
    /// So many of any kind.
    #[must_use]
    pub fn of(calls: usize) -> Self {
        Self { looking: calls.max(1), changing: calls.max(1) }
    }
}

impl World<'_> {
    /// The store that has an environment's secrets; None where it could not be opened.
    fn store(&self, environment: &str) -> Option<&Store> {
        let account =
            self.accounts.iter().find(|account| account.environments.contains(environment));
        account.map(|account| &account.store)
    }

    fn gitops(&self, environment: &str) -> Option<&Target> {
        self.gitops_index(environment).map(|index| &self.gitops[index].1)
    }

    fn gitops_index(&self, environment: &str) -> Option<usize> {
        self.gitops.iter().position(|(environments, _)| environments.contains(environment))
    }

    /// What may be taken over for a manifest.
    fn takeover(&self, id: SecretId) -> Takeover {
        Takeover {
            unmanaged: self.options.adopt.contains(&id),
            repository: self.options.rebind_catalog,
        }
    }
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
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
    #[error("{ids} have the same projection file `{file}`")]
    #[diagnostic(
        code(goldenpath::reconcile::same_file),
        help(
            "`gitops.file` in goldenpath.yaml must tell manifests apart: put `{{{{ id }}}}` into it"
        )
    )]
    SameFile { file: String, ids: String },
}
