//! Carrying one step out in a store. Each can be made again, whatever became of it the first time.

use jiff::Timestamp;

use super::desired::{CATALOG, ID, REPOSITORY, VALUE_SINCE};
use super::{Action, ExpectedTags, SecretOwnership, Step, World};
use crate::store;
use crate::store::{NewSecret, SecretStore, Store, StoreError, ValueSource};
use goldenpath_core::config::Key;
use goldenpath_core::manifest::StoreKey;

/// Looks once more before what cannot be undone: hours may have passed since the plan was made.
///
/// # Errors
/// [`StoreError::NotOurs`] where the secret belongs to something else now.
pub(super) async fn check(
    world: &World<'_>,
    store: &Store,
    action: &Action,
) -> Result<(), StoreError> {
    let Step::DeleteSecret { key, .. } = &action.step else { return Ok(()) };
    let Some(found) = store.describe(key).await? else { return Ok(()) };
    match SecretOwnership::of(&found, &ExpectedTags::of(world.project, Some(action.id))).stranger()
    {
        None => Ok(()),
        Some(whose) => Err(StoreError::NotOurs { name: key.to_string(), whose }),
    }
}

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
async fn create(
    store: &Store,
    key: &StoreKey,
    new: &NewSecret,
    make: &[Key],
) -> Result<(), StoreError> {
    let (mut new, mut value) = (new.clone(), None);
    if !make.is_empty() {
        value = Some(store::generate(store, ValueSource::Os, make).await?.to_json());
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        new.tags.insert(VALUE_SINCE.to_owned(), now.to_string());
    }
    match store.create(key, &new, value.as_ref()).await {
        Err(error @ StoreError::AlreadyExists { .. }) => {
            let found = store.describe(key).await?;
            let expected = ExpectedTags::of_tags(&new.tags);
            let ours = found.is_some_and(|found| {
                found.deletion.is_none()
                    && SecretOwnership::of(&found, &expected).is_ours()
                    // An earlier try has written all tags in the same call.
                    && [CATALOG, REPOSITORY, ID].iter().all(|name| found.tags.get(*name) == new.tags.get(*name))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::reconcile::desired::{MANAGED, MANAGED_BY};
    use crate::store::LocalStore;

    #[test]
    fn only_a_secret_that_an_earlier_try_created_counts_as_created() {
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
        let exists = |result| matches!(result, Err(StoreError::AlreadyExists { .. }));
        runtime.block_on(async {
            create(&store, &key("lost/answer"), &new, &[]).await.unwrap();
            create(&store, &key("lost/answer"), &new, &[]).await.unwrap();

            for name in [MANAGED_BY, CATALOG, REPOSITORY, ID] {
                let (mut without, mut other) = (new.clone(), new.clone());
                without.tags.remove(name);
                other.tags.insert(name.to_owned(), "other".to_owned());
                for (kind, theirs) in [("without", without), ("other", other)] {
                    let key = key(&format!("{kind}/{}", name.replace("goldenpath.io/", "")));
                    store.create(&key, &theirs, None).await.unwrap();
                    assert!(exists(create(&store, &key, &new, &[]).await), "{key}");
                }
            }

            let ending = key("marked/for/deletion");
            create(&store, &ending, &new, &[]).await.unwrap();
            store.delete(&ending, 7).await.unwrap();
            assert!(
                exists(create(&store, &ending, &new, &[]).await),
                "it is not created, but about to go"
            );
        });
    }
}
