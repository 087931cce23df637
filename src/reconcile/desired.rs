//! What a manifest asks of the store and of the GitOps repository.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, Entry, Project};
use crate::manifest::{SecretRequest, StoreKey};
use crate::projection::{Projection, ProjectionError};
use crate::rules;

/// The tag that says that goldenpath made a secret.
pub(super) const MANAGED_BY: &str = "goldenpath.io/managed-by";

/// The tag that says for which catalog.
pub(super) const CATALOG: &str = "goldenpath.io/catalog";

/// The tag that says for which manifest.
pub(super) const ID: &str = "goldenpath.io/id";

/// One manifest's wishes.
pub(super) struct Desired<'catalog> {
    pub(super) entry: &'catalog Entry,
    pub(super) request: &'catalog SecretRequest,
    pub(super) key: StoreKey,
    /// For a secret that is created. An existing one's description is only changed where the manifest has one.
    pub(super) description: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) projection: Projection,
}

/// The wishes of the selected manifests that `holds` lets through, in the catalog's order.
pub(super) fn all<'catalog>(
    catalog: &'catalog Catalog,
    project: &Project,
    own_template: Option<&str>,
    holds: impl Fn(&SecretRequest) -> bool,
) -> Result<Vec<Desired<'catalog>>, ProjectionError> {
    catalog
        .selected()
        .filter_map(|entry| Some((entry, entry.request().filter(|request| holds(request))?)))
        .map(|(entry, request)| {
            let conceal = |text: &mut String| rules::conceal(entry, project, [text]);
            desired(entry, request, project, own_template).map_err(|error| error.reworded(conceal))
        })
        .collect()
}

fn desired<'catalog>(
    entry: &'catalog Entry,
    request: &'catalog SecretRequest,
    project: &Project,
    own_template: Option<&str>,
) -> Result<Desired<'catalog>, ProjectionError> {
    Ok(Desired {
        entry,
        request,
        key: StoreKey::of(request, &project.key_template)?,
        description: request.description.clone().unwrap_or_else(|| {
            format!("{} of {} in {} ({})", request.name, request.service, request.environment, request.id)
        }),
        tags: tags(request, &project.catalog_id),
        projection: Projection::of(request, project, own_template)?,
    })
}

/// The tags of every secret. They go in with CreateSecret, so that a secret is ours from its first moment.
fn tags(request: &SecretRequest, catalog_id: &str) -> BTreeMap<String, String> {
    [
        (ID, request.id.to_string()),
        ("goldenpath.io/owner", request.owner.clone()),
        ("goldenpath.io/service", request.service.to_string()),
        ("goldenpath.io/environment", request.environment.to_string()),
        ("goldenpath.io/risk-tier", request.risk_tier.clone()),
        ("goldenpath.io/secret-type", request.secret_type.clone()),
        (MANAGED_BY, "goldenpath".to_owned()),
        (CATALOG, catalog_id.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
