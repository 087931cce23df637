//! Applies one step in a store. Each step can be repeated, also after a failure.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use super::desired::{CATALOG, ID, REPOSITORY, VALUE_SINCE};
use super::kms;
use super::{Action, ExpectedTags, ReconcileContext, SecretOwnership, Step};
use crate::store;
use crate::store::{
    NewSecret, SecretCreation, SecretStore, SecretUpdate, Store, StoreError, StoredSecret,
    ValueSource,
};
use goldenpath_core::config::KeyDefinition;
use goldenpath_core::manifest::{StoreKey, ValueFormat};

/// Checks the owner again before a deletion: the plan may be hours old.
///
/// # Errors
/// [`StoreError::NotOurs`] if the secret has another owner now.
pub(super) async fn check(
    context: &ReconcileContext<'_>,
    store: &Store,
    action: &Action,
) -> Result<(), StoreError> {
    let (Step::DeleteSecret { key, .. } | Step::RemoveReplica { key, .. }) = &action.step else {
        return Ok(());
    };
    let Some(found) = store.describe(key).await? else { return Ok(()) };
    match SecretOwnership::of(&found, &ExpectedTags::of(context.project, Some(action.id)))
        .foreign_reason()
    {
        None => Ok(()),
        Some(whose) => Err(StoreError::NotOurs { name: key.to_string(), whose }),
    }
}

/// Applies a store step. Returns None for other steps.
///
/// The result has what a creation answered.
pub(super) async fn apply_in_store(
    store: &Store,
    step: &Step,
) -> Option<Result<SecretCreation, StoreError>> {
    let result = match step {
        Step::CreateSecret { key, new, generate, format, .. } => {
            return Some(create(store, key, new, (generate, format)).await);
        }
        Step::RestoreSecret { key } => store.restore(key).await,
        Step::UpdateSecret { key, update, has_value } if *has_value => {
            update_secret(store, key, update).await
        }
        Step::UpdateSecret { key, update, .. } => store.update(key, update).await,
        Step::TagSecret { key, tags } => store.put_tags(key, tags).await,
        // The tag is set last: it says that the policy is in place.
        Step::PutPolicy { key, policy, tag } => match store.put_policy(key, policy).await {
            Ok(()) => store.put_tags(key, tag).await,
            error => error,
        },
        Step::DeletePolicy { key, tag } => match store.delete_policy(key).await {
            Ok(()) => store.put_tags(key, tag).await,
            error => error,
        },
        Step::DeleteSecret { key, days, .. } => delete(store, key, *days).await,
        Step::ConfigureRotation { key, rotation } => store.rotate(key, rotation).await,
        Step::CancelRotation { key } => store.cancel_rotation(key).await,
        Step::AddReplica { key, replica } => store.add_replica(key, replica).await,
        Step::RemoveReplica { key, region, .. } => store.remove_replica(key, region).await,
        Step::WriteProjection { .. }
        | Step::RemoveProjection { .. }
        | Step::RecordRequest
        | Step::MarkDecommissioned { .. }
        | Step::Blocked(_) => return None,
    };
    Some(result.map(|()| SecretCreation::default()))
}

/// Creates the secret, with its generated value in the same call.
///
/// If it exists already, the answer to an earlier try was lost or another process was faster. If it
/// has the tags of this creation, it is ours and the step is done.
async fn create(
    store: &Store,
    key: &StoreKey,
    new: &NewSecret,
    (generate, format): (&[KeyDefinition], &ValueFormat),
) -> Result<SecretCreation, StoreError> {
    let (mut new, mut value) = (new.clone(), None);
    if !generate.is_empty() {
        let generated = store::generate(store, ValueSource::Os, generate).await?;
        value = Some(generated.to_stored(format));
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        new.tags.insert(VALUE_SINCE.to_owned(), now.to_string());
    }
    match store.create(key, &new, value.as_ref()).await {
        Err(error @ StoreError::AlreadyExists { .. }) => {
            let found = store.describe(key).await?;
            let expected = ExpectedTags::of_tags(&new.tags);
            let is_created = |found: &StoredSecret| {
                let is_same_tag = |name: &&str| found.tags.get(*name) == new.tags.get(*name);
                found.deletion.is_none()
                    && SecretOwnership::of(found, &expected).is_ours()
                    // An earlier try set all tags in the same call.
                    && [CATALOG, REPOSITORY, ID].iter().all(is_same_tag)
            };
            match found.filter(is_created) {
                Some(found) => {
                    Ok(SecretCreation { arn: found.arn, version: found.current_version })
                }
                None => Err(error),
            }
        }
        result => result,
    }
}

/// The pauses before the keys of the value are read again after a key change.
const WAITS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// Changes the description and the KMS key of a secret with a value.
///
/// Checks that the value is under the new key: without `kms:Encrypt` on that or `kms:Decrypt` on
/// the old one, AWS changes the key and leaves the value under the old one, without an error
/// (UpdateSecret, `KmsKeyId`).
async fn update_secret(
    store: &Store,
    key: &StoreKey,
    update: &SecretUpdate,
) -> Result<(), StoreError> {
    let Some(wanted) = &update.kms_key else { return store.update(key, update).await };
    let before = kms::current_keys(store, key).await?;
    store.update(key, update).await?;
    // The store may not name the keys.
    if before.is_empty() || before.iter().any(|found| kms::is_same_key(wanted, Some(found))) {
        return Ok(());
    }
    for wait in WAITS {
        sleep(wait).await;
        let now = kms::current_keys(store, key).await?;
        if now != before || !kms::has_old_key(&now, wanted) {
            return Ok(());
        }
    }
    Err(StoreError::ValueUnderOldKey { name: key.to_string(), old: before.join(", ") })
}

/// Marks the secret for deletion.
///
/// The store may reject the call if the secret is marked already: then the answer to an earlier try
/// was lost. A secret that is not found was not deleted by this run.
async fn delete(store: &Store, key: &StoreKey, days: u8) -> Result<(), StoreError> {
    match store.delete(key, days).await {
        Err(error @ StoreError::Rejected { .. }) => {
            let found = store.describe(key).await?;
            if found.is_some_and(|found| found.deletion.is_some()) { Ok(()) } else { Err(error) }
        }
        result => result,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::reconcile::desired::{MANAGED, MANAGED_BY};
    use crate::store::LocalStore;

    #[test]
    fn only_a_secret_from_an_earlier_try_counts_as_created() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::Local(LocalStore::new(folder.path(), "store.db".as_ref(), None));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tags = [
            (MANAGED_BY, MANAGED),
            (CATALOG, "acme"),
            (REPOSITORY, "git.example.com/acme"),
            (ID, "SEC-0001"),
        ];
        let tags = tags.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let new = NewSecret { tags: tags.into(), ..NewSecret::default() };
        let key = |name: &str| StoreKey::parse(name).unwrap();
        let nothing = (&[][..], &ValueFormat::Json);
        let exists = |result| matches!(result, Err(StoreError::AlreadyExists { .. }));
        runtime.block_on(async {
            create(&store, &key("lost/answer"), &new, nothing).await.unwrap();
            create(&store, &key("lost/answer"), &new, nothing).await.unwrap();

            for name in [MANAGED_BY, CATALOG, REPOSITORY, ID] {
                let (mut without, mut other) = (new.clone(), new.clone());
                without.tags.remove(name);
                other.tags.insert(name.to_owned(), "other".to_owned());
                for (kind, theirs) in [("without", without), ("other", other)] {
                    let key = key(&format!("{kind}/{}", name.replace("goldenpath.io/", "")));
                    store.create(&key, &theirs, None).await.unwrap();
                    assert!(exists(create(&store, &key, &new, nothing).await), "{key}");
                }
            }

            let marked = key("marked/for/deletion");
            create(&store, &marked, &new, nothing).await.unwrap();
            store.delete(&marked, 7).await.unwrap();
            assert!(
                exists(create(&store, &marked, &new, nothing).await),
                "it is not created: it is marked for deletion"
            );
        });
    }
}
