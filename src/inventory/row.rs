//! One secret in a row, as its manifest says. Nothing in it shows what looks like a secret value.

use serde::Serialize;
use serde_json::{Value, json};

use crate::catalog::{Catalog, Entry, Project, Selection};
use crate::manifest::{LifecycleStatus, SecretId, SecretRequest};
use crate::rules;
use crate::source::{Repository, Snapshot, SourceError};
use crate::terminal::{Cell, Column, Look, table};

/// A manifest's fields, with what looks like a secret value taken out of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub id: SecretId,
    pub name: String,
    pub description: Option<String>,
    pub service: String,
    pub environment: String,
    pub owner: String,
    pub status: LifecycleStatus,
    pub risk_tier: String,
    pub secret_type: String,
    pub rotation_class: String,
    pub ttl_days: u32,
    pub namespace: String,
    pub k8s_secret_name: String,
    pub provider: String,
    /// What it is called in its store; None where it cannot be called so.
    pub store_key: Option<String>,
    /// From the repository's root.
    pub path: String,
    /// Whether its secret has a value; None where no store was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_value: Option<bool>,
}

impl Row {
    /// None for a file that is no readable manifest.
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
        rules::conceal(entry, project, row.texts());
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

/// Reads a catalog, and the rows of the manifests that `holds` lets through, by ID.
///
/// # Errors
/// A repository that cannot be read.
pub fn read(
    repository: &Repository,
    project: &Project,
    snapshot: Snapshot,
    holds: impl Fn(&SecretRequest) -> bool + Sync + Send,
) -> Result<(Catalog, Vec<Row>), SourceError> {
    let row = |entry: &mut Entry| {
        let row = if entry.request().is_some_and(&holds) { Row::of(entry, project) } else { None };
        entry.let_nodes_go();
        row.into_iter().collect()
    };
    let (catalog, mut rows) =
        Catalog::inspect(repository, project, snapshot, &Selection::All, None, row)?;
    rows.sort_by(|one, other| (one.id, &one.path).cmp(&(other.id, &other.path)));
    Ok((catalog, rows))
}

/// `{"version":1,"secrets":[…]}`
#[must_use]
pub fn as_json(rows: &[Row]) -> Value {
    json!({ "version": 1, "secrets": rows })
}

/// A table for people; at a `width` in columns, cut to it.
#[must_use]
pub fn as_table(rows: &[Row], width: Option<usize>, look: Look) -> String {
    let column = |head, least, rank| Column { head, least, rank };
    let tells_values = rows.iter().any(|row| row.has_value.is_some());
    let mut columns = vec![
        column("ID", None, 0),
        column("NAME", Some(12), 0),
        column("SERVICE", Some(8), 2),
        column("ENV", Some(4), 1),
        column("OWNER", Some(10), 3),
        column("TIER", Some(4), 4),
        column("TYPE", Some(8), 6),
        column("TTL", None, 5),
        column("STATUS", None, 0),
    ];
    columns.extend(tells_values.then(|| column("VALUE", None, 0)));
    let value = |row: &Row| match row.has_value {
        Some(false) => Cell::styled("awaiting a value", look.style().yellow()),
        Some(true) => Cell::plain("yes"),
        None => Cell::plain("-"),
    };
    let cells = |row: &Row| {
        let mut cells = vec![
            Cell::plain(&row.id.to_string()),
            Cell::plain(&row.name),
            Cell::plain(&row.service),
            Cell::plain(&row.environment),
            Cell::plain(&row.owner),
            Cell::plain(&row.risk_tier),
            Cell::plain(&row.secret_type),
            Cell::plain(&format!("{}d", row.ttl_days)),
            Cell::styled(row.status.as_str(), style(row.status, look)),
        ];
        cells.extend(tells_values.then(|| value(row)));
        cells
    };
    let rows: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    table(&columns, &rows, width, look)
}

/// How a status is drawn.
#[must_use]
pub fn style(status: LifecycleStatus, look: Look) -> console::Style {
    match status {
        LifecycleStatus::Active => look.style(),
        LifecycleStatus::Deprecated => look.style().yellow(),
        LifecycleStatus::DecommissionRequested => look.style().red(),
        LifecycleStatus::Decommissioned => look.style().dim(),
    }
}
