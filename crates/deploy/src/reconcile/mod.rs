//! Compares desired and actual state, plans the difference and applies the plan.

mod absence;
mod accounts;
mod apply;
mod consumer_losses;
mod consumers;
mod decommission;
mod desired;
mod diff;
mod gates;
mod kms;
pub mod missing_values;
mod orphans;
mod ownership;
mod plan;
mod plan_comment;
mod replicas;
mod resource_policy;
mod rotation;
mod stored_state;
mod unmanaged;
mod value_change;

mod recorded_secrets;
mod renewal;
mod saved_plan;
mod shard;

mod execution;
mod planner;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use miette::Diagnostic;

use ownership::AllowedTakeovers;

pub use accounts::{Account, PlannedStore, UnreadableAccount};
pub use apply::{Applied, ApplyEvent, apply, finish_recording};
pub use desired::VALUE_SINCE;
pub(crate) use desired::{
    CATALOG as CATALOG_TAG, OURS as TAG_PREFIX, REPOSITORY as REPOSITORY_TAG,
};
pub use gates::Gate;
pub use kms::{account_of_default_key, find_old_key};
pub use missing_values::MissingValue;
pub use orphans::{Orphan, StaleFile};
pub use ownership::{ExpectedTags, SecretOwnership};
pub use plan::{Action, BlockReason, Effect, Plan, Step, TextChange};
pub use replicas::UnfinishedReplica;
pub use resource_policy::find_unrequested_policy;

pub use plan_comment::{PLAN_TEMPLATE, render_comment};
pub use stored_state::{read_store_dates, store_dates_of};
pub use unmanaged::{UnmanagedSecret, find_unmanaged, unmanaged_csv};
pub use value_change::{ValueChangeEvent, change_value};

pub use recorded_secrets::RecordedSecrets;
pub use renewal::renewal;
pub use saved_plan::{SavedPlan, SavedPlanError, SavedSelection, digest, places};
pub use shard::Shard;

pub use planner::{PlanProgress, plan};

use crate::audit::RecordError;
use crate::gitops::{GitopsError, Target};
use crate::store::{Store, StoreError};
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest::{SecretId, SecretRequest};
use goldenpath_core::projection::{ProjectionError, ProjectionTemplate};

/// Everything that a run reads and writes.
pub struct ReconcileContext<'run> {
    /// The configuration of the catalog.
    pub project: &'run Project,
    /// The manifests that describe the desired state.
    pub catalog: &'run Catalog,
    /// The template of the ExternalSecrets.
    pub template: ProjectionTemplate,
    /// Each environment is in at most one account.
    pub accounts: Vec<Account>,
    /// The GitOps repositories, each with the environments whose projections it has.
    ///
    /// An environment without `gitops.path` and `gitops.url` has no repository and no projections.
    pub gitops: Vec<(BTreeSet<String>, Target)>,
    /// The times of each decommission request.
    pub requested: BTreeMap<SecretId, DecommissionRequest>,
    /// What the audit trail says about the secrets.
    pub recorded: RecordedSecrets<'run>,
    /// The options of the run, mostly from flags.
    pub options: ReconcileOptions,
}

/// When the decommission of a secret was requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecommissionRequest {
    /// The time of the commit, by the clock of whoever made it; None if history is cut before it.
    pub committed: Option<Timestamp>,
    /// The time at which a run first recorded the request, by its own clock.
    ///
    /// None if no run did; an error if the audit trail cannot be read.
    pub recorded: Result<Option<Timestamp>, String>,
}

/// The subject of a selection: a manifest, or an object identified by its tags.
#[derive(Debug, Clone, Copy)]
pub struct SecretSubject<'a> {
    /// `metadata.environment`, or the value of the tag; empty if unknown.
    pub environment: &'a str,
    /// `metadata.service`, or the value of the tag; empty if unknown.
    pub service: &'a str,
    /// None for an object without a valid ID in its tags.
    pub id: Option<SecretId>,
}

impl<'a> SecretSubject<'a> {
    /// Returns a manifest as a subject.
    #[must_use]
    pub fn of(request: &'a SecretRequest) -> Self {
        Self {
            environment: request.environment.as_str(),
            service: request.service.as_str(),
            id: Some(request.id),
        }
    }
}

/// The options of a run.
#[derive(Debug, Clone)]
pub struct ReconcileOptions {
    /// How many store calls run at the same time.
    pub parallelism: Parallelism,
    /// Whether to read each resource policy instead of trusting its tag.
    pub refresh: bool,
    /// Manifests that may adopt an unmanaged secret.
    pub adopt: BTreeSet<SecretId>,
    /// Whether to bind secrets of another repository with the same catalog to this one.
    pub rebind_catalog: bool,
    /// Manifests whose secret is created again although it was lost, with the reason.
    pub recreate: BTreeMap<SecretId, String>,
    /// Manifests whose Kubernetes Secret may change its type, with the reason.
    pub recreate_secret: BTreeMap<SecretId, String>,
    /// Gates that are overridden for all secrets of the run, each with the reason.
    pub overrides: BTreeMap<Gate, String>,
    /// The time of the run.
    pub now: Timestamp,
}

/// The number of concurrent store calls, at least 1 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parallelism {
    /// While planning, when calls only read.
    ///
    /// AWS allows 10,000 DescribeSecret calls per second.
    pub reads: usize,
    /// While applying. AWS allows 50 writing calls of each kind per second.
    pub writes: usize,
}

impl Default for Parallelism {
    fn default() -> Self {
        Self { reads: 128, writes: 16 }
    }
}

impl Parallelism {
    /// Returns the same limit for both.
    #[must_use]
    pub fn of(calls: usize) -> Self {
        Self { reads: calls.max(1), writes: calls.max(1) }
    }
}

impl ReconcileContext<'_> {
    /// Returns an environment's store; None if it could not be opened.
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

    /// Returns which secrets may be taken over for a manifest.
    fn takeover(&self, id: SecretId) -> AllowedTakeovers {
        AllowedTakeovers {
            unmanaged: self.options.adopt.contains(&id),
            repository: self.options.rebind_catalog,
        }
    }
}

/// Why a plan cannot be created or applied.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
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
            "add `{{{{ id }}}}` to `gitops.file` in goldenpath.yaml, so that each manifest has a \
             file of its own"
        )
    )]
    SameFile { file: String, ids: String },
}
