//! Carrying one step out in a store. Each can be made again, whatever became of it the first time.

use jiff::Timestamp;

use super::Step;
use super::desired::{CATALOG, ID, MANAGED_BY, VALUE_SINCE};
use crate::config::Key;
use crate::manifest::StoreKey;
use crate::store::{self, NewSecret, SecretStore, Source, Store, StoreError};

/// None for a step that is none of the store's.
pub(super) async fn in_the_store(store: &Store, step: &Step) -> Option<Result<(), StoreError>> {
    Some(match step {
        Step::CreateSecret { key, new, make } => create(store, key, new, make).await,
        Step::RestoreSecret { key } => store.restore(key).await,
        Step::UpdateSecret { key, update } => store.update(key, update).await,
        Step::TagSecret { key, tags } => store.put_tags(key, tags).await,
        // The tag comes last: it says that the policy is there.
        Step::PutPolicy { key, policy, tag } => match store.put_policy(key, policy).await {
            Ok(()) => store.put_tags(key, tag).await,
            refused => refused,
        },
        Step::DeletePolicy { key, tag } => match store.delete_policy(key).await {
            Ok(()) => store.put_tags(key, tag).await,
            refused => refused,
        },
        Step::DeleteSecret { key, days, .. } => delete(store, key, *days).await,
        Step::ConfigureRotation { key, rotation } => store.rotate(key, rotation).await,
        Step::WriteProjection { .. }
        | Step::RemoveProjection { .. }
        | Step::MarkDecommissioned { .. }
        | Step::Blocked(_) => return None,
    })
}

/// Creates the secret, with a value where one is to be made, in the same call: never is there a second one. When it exists already, the answer to an earlier try was lost, or somebody was faster: if its
/// tags are the ones that were to go in, it is ours and done.
async fn create(store: &Store, key: &StoreKey, new: &NewSecret, make: &[Key]) -> Result<(), StoreError> {
    let (mut new, mut value) = (new.clone(), None);
    if !make.is_empty() {
        value = Some(store::generate(store, Source::Os, make).await?.to_json());
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        new.tags.insert(VALUE_SINCE.to_owned(), now.to_string());
    }
    match store.create(key, &new, value.as_ref()).await {
        Err(error @ StoreError::AlreadyExists { .. }) => {
            let found = store.describe(key).await?;
            let ours = found.is_some_and(|found| {
                found.deletion.is_none()
                    && [MANAGED_BY, CATALOG, ID].iter().all(|name| found.tags.get(*name) == new.tags.get(*name))
            });
            if ours { Ok(()) } else { Err(error) }
        }
        result => result,
    }
}

/// Marks the secret for deletion. One that is marked already takes no such call: the answer to an earlier try was lost.
async fn delete(store: &Store, key: &StoreKey, days: u8) -> Result<(), StoreError> {
    match store.delete(key, days).await {
        Err(error @ (StoreError::Rejected { .. } | StoreError::NotFound { .. })) => {
            let found = store.describe(key).await?;
            if found.is_none_or(|found| found.deletion.is_some()) { Ok(()) } else { Err(error) }
        }
        result => result,
    }
}
