//! Manifests with an expired ttl, by the time since their IDs are in the catalog.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Catalog, Entry, Project};
use crate::manifest::{SecretId, SecretRequest};
use crate::trail::AuditLog;
use crate::vcs::{Repository, Snapshot, SourceError};

impl Catalog {
    /// Finds the selected manifests whose ttl has expired at `now`.
    ///
    /// The ttl of a manifest has expired if its ID was in the catalog before the ttl began: by the
    /// history of `history_tip`, or by `recorded`, which has the first event of each secret in the
    /// audit trail. Without `recorded`, the trail is read as it was fetched last, and only if
    /// history is cut. Only file names are compared, since a manifest's file is named after its ID.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn find_expired(
        &mut self,
        repository: &Repository,
        project: &Project,
        history_tip: Snapshot,
        recorded: Option<&BTreeMap<SecretId, Timestamp>>,
        now: Timestamp,
    ) -> Result<(), SourceError> {
        let begin =
            |days: u32| now.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)).ok();
        // There are few different ttls, even with many manifests.
        let ttls: BTreeSet<u32> =
            self.selected().filter_map(request_in_use).map(|request| request.ttl_days).collect();
        let begins = ttls.into_iter().filter_map(begin).collect();
        let names = repository.names_at(history_tip, &project.config.catalog, &begins)?;
        let fetched = match recorded {
            // Nothing is fetched for a warning: without the trail, the ages are unknown.
            None if !names.cut.is_empty() && !repository.is_partial()? => {
                AuditLog::fetched(repository, &project.config.audit)
                    .map(|log| log.times().first)
                    .unwrap_or_default()
            }
            _ => BTreeMap::new(),
        };
        let recorded = recorded.unwrap_or(&fetched);
        let (mut expired, mut unknown) = (BTreeMap::new(), BTreeSet::new());
        for entry in self.selected() {
            let Some((request, begin)) =
                request_in_use(entry).and_then(|request| Some((request, begin(request.ttl_days)?)))
            else {
                continue;
            };
            let name = format!("{}.yaml", request.id);
            let first = recorded.get(&request.id).copied();
            let since = names.held.get(&name).copied().into_iter().chain(first).min();
            match since.filter(|since| *since <= begin) {
                Some(since) => _ = expired.insert(entry.path.clone(), since),
                None if first.is_none() && names.cut.contains(&name) => {
                    unknown.insert(entry.path.clone());
                }
                None => {}
            }
        }
        (self.expired, self.unknown_ages) = (expired, unknown);
        Ok(())
    }
}

/// Returns the request if its secret may be in use.
fn request_in_use(entry: &Entry) -> Option<&SecretRequest> {
    entry.request().filter(|request| request.status.is_in_use())
}
