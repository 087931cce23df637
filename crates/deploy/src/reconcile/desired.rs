//! The desired state of a secret and its projection, from the manifest.

use std::collections::BTreeMap;

use super::resource_policy::ResourcePolicy;
use crate::store::RotationState;
use goldenpath_core::catalog::{Catalog, Entry, Project};
use goldenpath_core::config;
use goldenpath_core::config::{Backend, KeyDefinition, ROTATION_DAYS, ReplicaRegion, Rotator};
use goldenpath_core::manifest::{LifecycleStatus, SecretRequest, StoreKey};
use goldenpath_core::projection::{Projection, ProjectionError, ProjectionTemplate};
use goldenpath_core::rules;

/// The prefix of all tags that goldenpath sets.
pub(crate) const OURS: &str = "goldenpath.io/";

/// The tag of secrets that goldenpath manages.
pub(super) const MANAGED_BY: &str = "goldenpath.io/managed-by";

/// The value of [`MANAGED_BY`].
pub(super) const MANAGED: &str = "goldenpath";

/// The tag with the catalog's ID.
pub(crate) const CATALOG: &str = "goldenpath.io/catalog";

/// The tag with the catalog's repository: host and path of the audit remote's URL.
///
/// A clone without a remote does not set it.
pub(crate) const REPOSITORY: &str = "goldenpath.io/repository";

/// The tag with the manifest's ID.
pub(super) const ID: &str = "goldenpath.io/id";

pub(super) const SERVICE: &str = "goldenpath.io/service";

pub(super) const ENVIRONMENT: &str = "goldenpath.io/environment";

/// The tag with the digest of the resource policy.
///
/// Only secrets whose manifest has access lists have it.
pub(super) const POLICY: &str = "goldenpath.io/policy";

/// The tag with the time of the current value, in RFC 3339.
///
/// It is written with each new value. It is not part of the desired state.
pub const VALUE_SINCE: &str = "goldenpath.io/value-since";

/// The desired state of one manifest.
pub(super) struct DesiredSecret<'catalog> {
    pub(super) entry: &'catalog Entry,
    pub(super) request: &'catalog SecretRequest,
    pub(super) key: StoreKey,
    /// For a new secret. An existing description changes only if the manifest has one.
    pub(super) description: String,
    pub(super) tags: BTreeMap<String, String>,
    /// The reason why the store would reject the secret, if any.
    pub(super) refusal: Option<String>,
    /// The keys of the generated first value; empty if a person sets the value.
    pub(super) generate: Vec<KeyDefinition>,
    /// None if each secret keeps its current key; empty for the key that AWS manages.
    pub(super) kms_key: Option<String>,
    /// None if the manifest has no access lists.
    pub(super) policy: Option<ResourcePolicy>,
    /// None if the replicas of each secret stay as they are.
    pub(super) replicas: Option<Vec<ReplicaRegion>>,
    pub(super) rotation: DesiredRotation,
    /// The partner's name for the type, if a partner holds the credential.
    pub(super) external_type: Option<String>,
    /// Whether an AWS service creates and owns the secrets of this type.
    pub(super) is_service_owned: bool,
    pub(super) projection: Projection,
}

impl DesiredSecret<'_> {
    /// Returns whether the replicas of the secret determine the actions.
    ///
    /// If so, the secret is described, since a list does not name replicas.
    pub(super) fn has_relevant_replicas(&self) -> bool {
        self.replicas.is_some() || self.request.status == LifecycleStatus::DecommissionRequested
    }
}

/// The desired rotation of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DesiredRotation {
    /// By a person: the rotation in the store, if any, is left alone.
    Manual,
    /// By AWS: a function, a service or a partner.
    By {
        rotation: RotationState,
        /// Why AWS would reject it, by the configuration alone.
        objection: Option<String>,
    },
    /// None: a rotation by one of these is canceled. They are the environment's.
    None { rotators: Vec<Rotator> },
}

impl DesiredRotation {
    fn of(request: &SecretRequest, project: &Project) -> Self {
        let (config, environment) = (&project.config, request.environment.as_str());
        let Some(days) = interval(request, project).filter(|_| request.status.is_in_use()) else {
            let functions = config.rotation_functions(environment);
            let functions = functions.map(|function| Rotator::Function(function.to_owned()));
            let rotators = functions.chain(project.rotators(environment)).collect();
            return Self::None { rotators };
        };
        let Some(rotator) = project.rotator(environment, &request.secret_type) else {
            return Self::Manual;
        };
        let objection = config
            .find_rotation_objection(environment, &rotator)
            .map(|objection| match &rotator {
                Rotator::Function(used) | Rotator::Partner { role: used, .. } => {
                    format!("`{used}` cannot be used: {objection}")
                }
                Rotator::OwningService => objection,
            })
            .or_else(|| {
                let (least, most) = (ROTATION_DAYS.start(), ROTATION_DAYS.end());
                (!ROTATION_DAYS.contains(&days))
                    .then(|| format!("AWS rotates every {least} to {most} days, not every {days}"))
            });
        let rotation = RotationState { rotator, days: Some(days) };
        Self::By { rotation, objection }
    }
}

/// Returns the desired state of the selected manifests, in the catalog's order.
///
/// `is_selected` filters the manifests.
pub(super) fn desired_secrets<'catalog>(
    catalog: &'catalog Catalog,
    project: &Project,
    template: &ProjectionTemplate,
    is_selected: impl Fn(&SecretRequest) -> bool,
) -> Result<Vec<DesiredSecret<'catalog>>, ProjectionError> {
    catalog
        .selected()
        .filter_map(|entry| Some((entry, entry.request().filter(|request| is_selected(request))?)))
        .map(|(entry, request)| {
            let redact = |text: &mut String| rules::redact_texts(entry, project, [text]);
            desired_secret(entry, request, project, template)
                .map_err(|error| error.map_texts(redact))
        })
        .collect()
}

fn desired_secret<'catalog>(
    entry: &'catalog Entry,
    request: &'catalog SecretRequest,
    project: &Project,
    template: &ProjectionTemplate,
) -> Result<DesiredSecret<'catalog>, ProjectionError> {
    let tags = tags(request, project);
    let policy = request.principals.as_ref().map(ResourcePolicy::of);
    let environment = request.environment.as_str();
    let store = project.config.store_of(environment);
    Ok(DesiredSecret {
        entry,
        request,
        refusal: refusal(&tags).or_else(|| policy.as_ref()?.refusal()),
        generate: if request.generate {
            let secret_type = project.secret_type_of(request);
            secret_type.keys_to_generate().into_iter().cloned().collect()
        } else {
            Vec::new()
        },
        kms_key: store.kms_key_id,
        // A local store has none.
        replicas: store.replica_regions.filter(|_| store.backend == Some(Backend::Aws)),
        policy,
        rotation: DesiredRotation::of(request, project),
        external_type: project.external_type(environment, &request.secret_type),
        is_service_owned: project.rotator(environment, &request.secret_type)
            == Some(Rotator::OwningService),
        key: StoreKey::of(request, &project.key_template)?,
        description: request.description.clone().unwrap_or_else(|| {
            format!(
                "{} of {} in {} ({})",
                request.name, request.service, request.environment, request.id
            )
        }),
        tags,
        projection: Projection::of(request, project, template)?,
    })
}

/// Returns the days between two rotations, if the manifest's class has an interval.
pub(super) fn interval(request: &SecretRequest, project: &Project) -> Option<u16> {
    project
        .governance
        .rotation_interval_days
        .get(&request.rotation_class)
        .copied()
        .filter(|days| *days > 0)
}

/// Returns why AWS would reject a tag, if so.
///
/// The catalog's own lists may contain any text.
fn refusal(tags: &BTreeMap<String, String>) -> Option<String> {
    tags.iter().find_map(|(name, value)| {
        let reason = config::check_tag_value(value).err()?;
        Some(format!("`{value}` cannot be the value of the tag {name}: {reason}"))
    })
}

/// Returns the tags of a secret.
///
/// CreateSecret sets them, so that a secret is ours from the start.
fn tags(request: &SecretRequest, project: &Project) -> BTreeMap<String, String> {
    let tags = [
        (ID, request.id.to_string()),
        ("goldenpath.io/owner", request.owner.clone()),
        (SERVICE, request.service.to_string()),
        (ENVIRONMENT, request.environment.to_string()),
        ("goldenpath.io/risk-tier", request.risk_tier.clone()),
        ("goldenpath.io/secret-type", request.secret_type.clone()),
        (MANAGED_BY, MANAGED.to_owned()),
        (CATALOG, project.catalog_id.clone()),
    ];
    let repository = project.repository.clone().map(|repository| (REPOSITORY, repository));
    tags.into_iter().chain(repository).map(|(name, value)| (name.to_owned(), value)).collect()
}
