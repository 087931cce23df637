//! Reads the state of the manifests' secrets from the stores, without a plan.

use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;

use super::desired::MANAGED_BY;
use super::renewal::renewal;
use super::{Account, ExpectedTags, SecretOwnership, UnreadableAccount};
use crate::inventory::StoreDates;
use crate::store::{SecretStore, StoredSecret};
use goldenpath_core::catalog::{Catalog, Project};
use goldenpath_core::manifest::{SecretId, SecretRequest};

/// The number of accounts that are swept concurrently.
const AT_ONCE: usize = 8;

/// Returns the dates of the manifests' secrets and the unreadable accounts.
///
/// `is_selected` filters the manifests. `read` receives the number of secrets of each page.
pub async fn read_store_dates(
    project: &Project,
    catalog: &Catalog,
    accounts: &[Account],
    now: Timestamp,
    is_selected: impl Fn(&SecretRequest) -> bool,
    read: &dyn Fn(usize),
) -> (BTreeMap<SecretId, StoreDates>, Vec<UnreadableAccount>) {
    let (mut found, mut unreadable) = (BTreeMap::new(), Vec::new());
    let mut sweeps = stream::iter(accounts)
        .map(|account| async move { (account, account.store.sweep(MANAGED_BY, read).await) })
        .buffered(AT_ONCE);
    while let Some((account, swept)) = sweeps.next().await {
        let swept = match swept {
            Ok(swept) => swept,
            Err(error) => {
                unreadable.push(account.to_unreadable(error.into()));
                continue;
            }
        };
        let by_name: HashMap<&str, &StoredSecret> =
            swept.iter().map(|secret| (secret.name.as_str(), secret)).collect();
        for entry in &catalog.entries {
            let key =
                entry.manifest().and_then(|manifest| manifest.store_key.as_ref()?.as_ref().ok());
            let (Some(request), Some(key)) = (entry.request(), key) else { continue };
            let secret = by_name
                .get(key.as_str())
                .filter(|_| account.environments.contains(request.environment.as_str()));
            if let Some(secret) = secret
                && is_selected(request)
                && SecretOwnership::of(secret, &ExpectedTags::of(project, Some(request.id)))
                    .is_ours()
            {
                found.insert(request.id, store_dates_of(secret, now));
            }
        }
    }
    (found, unreadable)
}

/// Returns the dates of a secret at the time `now`.
#[must_use]
pub fn store_dates_of(found: &StoredSecret, now: Timestamp) -> StoreDates {
    let replicas = found.replicas.iter().flatten();
    let elsewhere = replicas.filter_map(|replica| replica.last_accessed).max();
    StoreDates {
        created: found.created,
        has_value: found.has_value(),
        renewal: renewal(found, now),
        // In any region, as far as the store says.
        last_accessed: found.last_accessed.max(elsewhere),
        deletion: found.deletion,
    }
}
