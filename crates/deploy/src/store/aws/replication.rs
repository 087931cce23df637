//! Replicas in other regions: AWS creates them after the call, and deletes them at once.

use std::time::Duration;

use aws_sdk_secretsmanager::types::ReplicaRegionType;
use tokio::time::sleep;

use super::AwsStore;
use crate::store::{Replica, ReplicaStatus, SecretStore, StoreError};
use goldenpath_core::arn;
use goldenpath_core::config::ReplicaRegion;
use goldenpath_core::manifest::StoreKey;

/// The pauses before the status of a new replica is read.
///
/// A replica that is still in progress then is shown by the next plan.
const WAITS: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// Adds a replica. A secret of that name in the region is never overwritten: then the status is
/// Failed (ReplicateSecretToRegions, `ForceOverwriteReplicaSecret`).
pub(super) async fn add(
    store: &AwsStore,
    key: &StoreKey,
    replica: &ReplicaRegion,
) -> Result<(), StoreError> {
    let kms_key = replica.kms_key_id.clone().filter(|key| !arn::is_default_kms_key(Some(key)));
    let region = ReplicaRegionType::builder().region(&replica.region).set_kms_key_id(kms_key);
    let request = store.client.replicate_secret_to_regions().secret_id(key.as_str());
    let request = request.add_replica_regions(region.build());
    let region = replica.region.as_str();
    let send = || request.clone().send();
    let refused = match store.execute("ReplicateSecretToRegions", key, send).await {
        Ok(()) => None,
        // It is there already if the answer to an earlier try was lost.
        Err(error @ (StoreError::Rejected { .. } | StoreError::AlreadyExists { .. })) => {
            Some(error)
        }
        Err(error) => return Err(error),
    };
    if refused.is_none() {
        store.written.note_replica(key, region, true);
    }
    let mut last = None;
    for wait in WAITS {
        sleep(wait).await;
        last = find(store, key, region).await?;
        if last.as_ref().is_some_and(|found| found.status == ReplicaStatus::InSync) {
            return Ok(());
        }
    }
    let (name, region) = (key.to_string(), region.to_owned());
    match (last, refused) {
        // What was shown first may be from before this call.
        (Some(Replica { status: ReplicaStatus::Failed, message, .. }), _) => {
            let reason = message.unwrap_or_else(|| "AWS gave no reason".to_owned());
            Err(StoreError::ReplicaFailed { name, region, reason })
        }
        (Some(_), _) => Ok(()),
        (None, Some(error)) => Err(error),
        (None, None) => {
            let reason = format!("it has no replica in {region}");
            Err(StoreError::NotVisible { name, reason })
        }
    }
}

/// Removes a replica, and waits until AWS no longer lists it.
///
/// Until then, the secret cannot be deleted (DeleteSecret).
pub(super) async fn remove(
    store: &AwsStore,
    key: &StoreKey,
    region: &str,
) -> Result<(), StoreError> {
    let request = store.client.remove_regions_from_replication().secret_id(key.as_str());
    let request = request.remove_replica_regions(region);
    let send = || request.clone().send();
    let refused = match store.execute("RemoveRegionsFromReplication", key, send).await {
        Ok(()) => None,
        // It is gone already if the answer to an earlier try was lost.
        Err(error @ StoreError::Rejected { .. }) => Some(error),
        Err(error) => return Err(error),
    };
    if refused.is_none() {
        store.written.note_replica(key, region, false);
    }
    for wait in std::iter::once(Duration::ZERO).chain(WAITS) {
        sleep(wait).await;
        if find(store, key, region).await?.is_none() {
            store.written.note_replica(key, region, false);
            return Ok(());
        }
    }
    Err(refused.unwrap_or_else(|| {
        let reason = format!("it still has a replica in {region}");
        StoreError::NotVisible { name: key.to_string(), reason }
    }))
}

/// Returns the replica in a region, if any.
async fn find(
    store: &AwsStore,
    key: &StoreKey,
    region: &str,
) -> Result<Option<Replica>, StoreError> {
    let Some(found) = store.describe(key).await? else {
        return Err(StoreError::NotFound { name: key.to_string() });
    };
    Ok(found.replicas.into_iter().flatten().find(|replica| replica.region == region))
}
