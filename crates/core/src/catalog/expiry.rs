//! Manifests with an expired ttl, by the time since their IDs are in the catalog.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Catalog, Entry, Project};
use crate::manifest::SecretRequest;
use crate::vcs::{Repository, Snapshot, SourceError};

impl Catalog {
    /// Finds the selected manifests whose ttl has expired at `now`.
    ///
    /// The ttl of a manifest has expired if the history of `history_tip` had its ID before the ttl
    /// began.
    /// Only file names are compared, since a manifest's file is named after its ID.
    ///
    /// # Errors
    /// A history that cannot be read.
    pub fn find_expired(
        &mut self,
        repository: &Repository,
        project: &Project,
        history_tip: Snapshot,
        now: Timestamp,
    ) -> Result<(), SourceError> {
        let begin =
            |days: u32| now.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)).ok();
        // There are few different ttls, even with many manifests.
        let ttls: BTreeSet<u32> =
            self.selected().filter_map(request_in_use).map(|request| request.ttl_days).collect();
        let begins = ttls.into_iter().filter_map(begin).collect();
        let held = repository.names_at(history_tip, &project.config.catalog, &begins)?;
        let expired = |entry: &Entry| {
            let request = request_in_use(entry)?;
            let since = *held.get(&format!("{}.yaml", request.id))?;
            (since <= begin(request.ttl_days)?).then(|| (entry.path.clone(), since))
        };
        self.expired = self.selected().filter_map(expired).collect();
        Ok(())
    }
}

/// Returns the request if its secret may be in use.
fn request_in_use(entry: &Entry) -> Option<&SecretRequest> {
    entry.request().filter(|request| request.status.is_in_use())
}
