//! Secrets whose manifests were removed from the catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use goldenpath_core::catalog::{Catalog, Entry, Project};
use goldenpath_core::manifest::SecretId;
use goldenpath_core::trail::AuditEvent;
use goldenpath_core::vcs::{Repository, Snapshot, SourceError};
use serde_json::{Value, json};

use super::csv_line;
use super::due::day;

/// An ID that history or the audit trail has, and no manifest.
#[derive(Debug)]
pub struct RemovedSecret {
    /// The ID, which is never used again.
    pub id: SecretId,
    /// The last recorded action; None if nothing was ever applied.
    pub last: Option<AuditEvent>,
}

/// Returns the removed secrets in the order of their IDs, by the history of `tip` and `events`.
///
/// # Errors
/// The history cannot be read.
pub fn find_removed(
    repository: &Repository,
    project: &Project,
    catalog: &Catalog,
    tip: Option<Snapshot>,
    events: Vec<AuditEvent>,
) -> Result<Vec<RemovedSecret>, SourceError> {
    // The name counts, too: a broken manifest is not a removed one.
    let name_of = |entry: &Entry| Some(Path::new(&entry.path).file_stem()?.to_str()?.to_owned());
    let claimed = catalog.entries.iter().filter_map(|entry| entry.claimed_id().map(str::to_owned));
    let there: BTreeSet<String> =
        claimed.chain(catalog.entries.iter().filter_map(name_of)).collect();
    let mut last: BTreeMap<SecretId, Option<AuditEvent>> = BTreeMap::new();
    if let Some(tip) = tip {
        let names = repository.first_seen(tip, &project.config.catalog)?;
        let ids = names.keys().filter_map(|name| SecretId::parse(name.strip_suffix(".yaml")?).ok());
        last.extend(ids.map(|id| (id, None)));
    }
    // They are sorted by time.
    last.extend(events.into_iter().map(|event| (event.id, Some(event))));
    let removed = last.into_iter().filter(|(id, _)| !there.contains(&id.to_string()));
    Ok(removed.map(|(id, last)| RemovedSecret { id, last }).collect())
}

impl RemovedSecret {
    /// Returns the environment, if the audit trail has it.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.last.as_ref().map(|event| event.environment.as_str())
    }

    /// Returns it as JSON.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let last = self.last.as_ref();
        json!({
            "id": self.id,
            "environment": self.environment(),
            "target": last.map(|event| &event.target),
            "lastAction": last.map(|event| &event.action),
            "lastResult": last.map(|event| &event.result),
            "lastTime": last.map(|event| event.time),
        })
    }

    /// Returns the cells of a table: ID, environment, last action, its result and day, target.
    #[must_use]
    pub fn cells(&self) -> [String; 6] {
        let text = |of: fn(&AuditEvent) -> String| self.last.as_ref().map(of).unwrap_or_default();
        [
            self.id.to_string(),
            text(|event| event.environment.clone()),
            text(|event| event.action.clone()),
            text(|event| event.result.clone()),
            text(|event| day(event.time)),
            text(|event| event.target.clone()),
        ]
    }
}

/// Returns removed secrets as CSV, with a line of names.
#[must_use]
pub fn removed_csv(secrets: &[RemovedSecret]) -> String {
    let head = ["id", "environment", "lastAction", "lastResult", "lastDay", "target"];
    let rows = secrets.iter().map(|one| csv_line(one.cells().iter().map(String::as_str)));
    std::iter::once(csv_line(head)).chain(rows).collect()
}
