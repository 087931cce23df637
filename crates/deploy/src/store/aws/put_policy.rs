//! Setting a resource policy: validation, and retries for a new principal.

use std::time::Duration;

use tokio::time::sleep;

use super::AwsStore;
use crate::store::StoreError;
use goldenpath_core::manifest::StoreKey;

/// The pauses between retries for a new principal.
///
/// A new role or user is not visible everywhere at once, and until then AWS rejects a policy with
/// it as malformed (IAM, "Changes that I make are not always immediately visible").
const WAITS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The code for a policy with an unknown principal (PutResourcePolicy, "Errors").
const MALFORMED: &str = "MalformedPolicyDocumentException";

pub(super) async fn put(store: &AwsStore, key: &StoreKey, policy: &str) -> Result<(), StoreError> {
    let mut waits = WAITS.into_iter();
    loop {
        let reason = match put_once(store, key, policy).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Rejected { code, message, .. }) if code == MALFORMED => message,
            Err(StoreError::PolicyRefused { reason, .. })
                if reason.to_lowercase().contains("principal") =>
            {
                reason
            }
            Err(error) => return Err(error),
        };
        match waits.next() {
            Some(wait) => sleep(wait).await,
            None => return Err(StoreError::PolicyRefused { name: key.to_string(), reason }),
        }
    }
}

async fn put_once(store: &AwsStore, key: &StoreKey, policy: &str) -> Result<(), StoreError> {
    let request =
        store.client.validate_resource_policy().secret_id(key.as_str()).resource_policy(policy);
    let found = store.query("ValidateResourcePolicy", Some(key), || request.clone().send()).await?;
    if !found.policy_validation_passed() {
        let errors = found.validation_errors().iter().filter_map(|entry| entry.error_message());
        let reason = errors.collect::<Vec<_>>().join("; ");
        return Err(StoreError::PolicyRefused {
            name: key.to_string(),
            reason: super::error::readable(&reason),
        });
    }
    let request =
        store.client.put_resource_policy().secret_id(key.as_str()).resource_policy(policy);
    let request = request.block_public_policy(true);
    store.execute("PutResourcePolicy", key, || request.clone().send()).await
}
