//! A row of the catalog: a manifest's fields, without secret values.

use serde::Serialize;
use serde_json::{Value, json};

use goldenpath_core::catalog::{Catalog, Entry, Project, Selection};
use goldenpath_core::manifest::{LifecycleStatus, SecretId, SecretRequest};
use goldenpath_core::rules;
use goldenpath_core::vcs::{Repository, Snapshot, SourceError};

/// A manifest's fields. Text that looks like a secret value is redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogRow {
    /// `metadata.id`
    pub id: SecretId,
    /// `metadata.name`
    pub name: String,
    /// `metadata.description`; None if not given.
    pub description: Option<String>,
    /// `metadata.service`
    pub service: String,
    /// `metadata.environment`
    pub environment: String,
    /// `metadata.owner`
    pub owner: String,
    /// `spec.lifecycle.status`
    pub status: LifecycleStatus,
    /// `spec.risk.tier`
    pub risk_tier: String,
    /// `spec.secretType`
    pub secret_type: String,
    /// `spec.rotation.rotationClass`
    pub rotation_class: String,
    /// `spec.ttlDays`
    pub ttl_days: u32,
    /// `spec.access.namespace`
    pub namespace: String,
    /// `spec.access.k8sSecretName`
    pub k8s_secret_name: String,
    /// `spec.provider`
    pub provider: String,
    /// The store key; None if the store's template gives an invalid one.
    pub store_key: Option<String>,
    /// The path from the repository's root.
    pub path: String,
    /// Whether the secret has a value; None if no store was queried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_value: Option<bool>,
}

impl CatalogRow {
    /// Returns the row of a manifest; None for a file that is not readable.
    #[must_use]
    pub fn of(entry: &Entry, project: &Project) -> Option<Self> {
        let request = entry.request()?;
        let store_key =
            entry.manifest().and_then(|manifest| manifest.store_key.as_ref()?.as_ref().ok());
        let mut row = Self {
            id: request.id,
            name: request.name.to_string(),
            description: request.description.clone(),
            service: request.service.to_string(),
            environment: request.environment.to_string(),
            owner: request.owner.clone(),
            status: request.status,
            risk_tier: request.risk_tier.clone(),
            secret_type: request.secret_type.clone(),
            rotation_class: request.rotation_class.clone(),
            ttl_days: request.ttl_days,
            namespace: request.namespace.to_string(),
            k8s_secret_name: request.k8s_secret_name.to_string(),
            provider: request.provider.clone(),
            store_key: store_key.map(ToString::to_string),
            path: entry.path.clone(),
            has_value: None,
        };
        rules::redact_texts(entry, project, row.texts());
        Some(row)
    }

    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let Self {
            id: _,
            status: _,
            ttl_days: _,
            name,
            description,
            service,
            environment,
            owner,
            ..
        } = self;
        let Self {
            risk_tier,
            secret_type,
            rotation_class,
            namespace,
            k8s_secret_name,
            provider,
            store_key,
            path,
            ..
        } = self;
        [
            name,
            service,
            environment,
            owner,
            risk_tier,
            secret_type,
            rotation_class,
            namespace,
            k8s_secret_name,
        ]
        .into_iter()
        .chain([provider, path])
        .chain(description)
        .chain(store_key)
    }
}

/// Reads a catalog and its rows, sorted by ID. `is_selected` filters the manifests.
///
/// # Errors
/// Fails if the repository cannot be read.
pub fn read(
    repository: &Repository,
    project: &Project,
    snapshot: Snapshot,
    is_selected: impl Fn(&SecretRequest) -> bool + Sync + Send,
) -> Result<(Catalog, Vec<CatalogRow>), SourceError> {
    let row = |entry: &mut Entry| {
        let row = if entry.request().is_some_and(&is_selected) {
            CatalogRow::of(entry, project)
        } else {
            None
        };
        entry.drop_nodes();
        row.into_iter().collect()
    };
    let (catalog, mut rows) =
        Catalog::load_with(repository, project, snapshot, &Selection::All, None, row)?;
    catalog.check_folder(repository, project)?;
    rows.sort_by(|one, other| (one.id, &one.path).cmp(&(other.id, &other.path)));
    Ok((catalog, rows))
}

/// Returns the rows as `{"version":1,"secrets":[…]}`.
#[must_use]
pub fn as_json(rows: &[CatalogRow]) -> Value {
    json!({ "version": 1, "secrets": rows })
}
