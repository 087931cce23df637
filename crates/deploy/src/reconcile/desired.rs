//! What a manifest asks of the store and of the GitOps repository.

use std::collections::BTreeMap;

use super::resource_policy::ResourcePolicy;
use crate::store::RotationState;
use goldenpath_core::catalog::{Catalog, Entry, Project};
use goldenpath_core::config;
use goldenpath_core::config::Key;
use goldenpath_core::manifest::{SecretRequest, StoreKey};
use goldenpath_core::projection::{Projection, ProjectionError, ProjectionTemplate};
use goldenpath_core::rules;

/// How the names of all our tags begin.
pub(super) const OURS: &str = "goldenpath.io/";

/// The tag that says that goldenpath made a secret.
pub(super) const MANAGED_BY: &str = "goldenpath.io/managed-by";

/// What it says then.
pub(super) const MANAGED: &str = "goldenpath";

/// The tag that says for which catalog.
pub(super) const CATALOG: &str = "goldenpath.io/catalog";

/// The tag that says of which repository the catalog is: host and path of the URL of the audit
/// trail's remote. A clone without a remote asks for none.
pub(super) const REPOSITORY: &str = "goldenpath.io/repository";

/// The tag that says for which manifest.
pub(super) const ID: &str = "goldenpath.io/id";

pub(super) const SERVICE: &str = "goldenpath.io/service";

pub(super) const ENVIRONMENT: &str = "goldenpath.io/environment";

/// The tag that says which resource policy was put. Only secrets whose manifest says who may use them have it.
pub(super) const POLICY: &str = "goldenpath.io/policy";

/// The tag that says since when the value is the one that it is, in RFC 3339: who writes a new one writes it too. No manifest asks
/// for it.
pub const VALUE_SINCE: &str = "goldenpath.io/value-since";

/// One manifest's wishes.
pub(super) struct DesiredSecret<'catalog> {
    pub(super) entry: &'catalog Entry,
    pub(super) request: &'catalog SecretRequest,
    pub(super) key: StoreKey,
    /// For a secret that is created. An existing one's description is only changed where the manifest has one.
    pub(super) description: String,
    pub(super) tags: BTreeMap<String, String>,
    /// Why the store cannot take it, if so.
    pub(super) refusal: Option<String>,
    /// The keys that a first value is made of; none where somebody gives it.
    pub(super) make: Vec<Key>,
    /// None where each secret keeps the key that it has.
    pub(super) kms_key: Option<String>,
    /// None where the manifest does not say who may use it.
    pub(super) policy: Option<ResourcePolicy>,
    /// None where it is to be left alone: the class asks for none, or nobody but a person can do it.
    pub(super) rotation: Option<RotationState>,
    pub(super) projection: Projection,
}

/// The wishes of the selected manifests that `holds` lets through, in the catalog's order.
pub(super) fn all<'catalog>(
    catalog: &'catalog Catalog,
    project: &Project,
    template: &ProjectionTemplate,
    holds: impl Fn(&SecretRequest) -> bool,
) -> Result<Vec<DesiredSecret<'catalog>>, ProjectionError> {
    catalog
        .selected()
        .filter_map(|entry| Some((entry, entry.request().filter(|request| holds(request))?)))
        .map(|(entry, request)| {
            let conceal = |text: &mut String| rules::conceal(entry, project, [text]);
            desired(entry, request, project, template).map_err(|error| error.reworded(conceal))
        })
        .collect()
}

fn desired<'catalog>(
    entry: &'catalog Entry,
    request: &'catalog SecretRequest,
    project: &Project,
    template: &ProjectionTemplate,
) -> Result<DesiredSecret<'catalog>, ProjectionError> {
    let tags = tags(request, project);
    let environment = request.environment.as_str();
    Ok(DesiredSecret {
        entry,
        request,
        refusal: refusal(&tags),
        make: match request.generate {
            true => project
                .secret_types
                .of(&request.secret_type)
                .made_at_first()
                .into_iter()
                .cloned()
                .collect(),
            false => Vec::new(),
        },
        kms_key: project.config.store_of(environment).kms_key_id,
        policy: request.principals.as_ref().map(ResourcePolicy::of),
        rotation: interval(request, project).and_then(|days| {
            let function =
                project.config.rotation_function(environment, &request.secret_type)?.to_owned();
            Some(RotationState { function, days: Some(days) })
        }),
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

/// Days between two rotations, where the manifest's class has an interval.
pub(super) fn interval(request: &SecretRequest, project: &Project) -> Option<u16> {
    project
        .governance
        .rotation_interval_days
        .get(&request.rotation_class)
        .copied()
        .filter(|days| *days > 0)
}

/// What AWS would say of a tag, said before anything is done: lists of the catalog's own may hold any text.
fn refusal(tags: &BTreeMap<String, String>) -> Option<String> {
    tags.iter().find_map(|(name, value)| {
        let reason = config::check_tag_value(value).err()?;
        Some(format!("`{value}` cannot be the value of the tag {name}: {reason}"))
    })
}

/// The tags of every secret. They go in with CreateSecret, so that a secret is ours from its first moment.
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
