//! Where secrets live: AWS Secrets Manager, or an embedded local store for trying out and for tests.

mod aws;
mod error;
mod local;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use crate::config::{Backend, StoreConfig};
use crate::manifest::StoreKey;

pub use aws::AwsStore;
pub use error::StoreError;
pub use local::LocalStore;

/// A secret's metadata as a store holds it. Never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// As the store has it; a secret that is not ours may have a name that is no [`StoreKey`].
    pub name: String,
    /// None where it was never given; AWS leaves an empty one out too.
    pub description: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub created: Option<Timestamp>,
    /// Present when the secret is marked for deletion: when that happened (ListSecrets, `DeletedDate`). It can be
    /// restored until its recovery window has passed.
    pub deletion: Option<Timestamp>,
    /// Whether there is a value to use: a version that is current.
    pub has_value: bool,
    /// When the store rotated the value last.
    pub last_rotated: Option<Timestamp>,
    /// When anything of it was changed last, value, description or tags.
    pub last_changed: Option<Timestamp>,
}

/// What plan and apply ask of a store. Every call is safe to repeat.
///
/// The futures are polled on one thread: the local store's hold a database connection, which is not `Sync`.
#[allow(async_fn_in_trait)] // No caller needs `Send`, and the two implementers stand in this room.
pub trait SecretStore {
    /// Where this is, for people: `local store .goldenpath/store.db`, `AWS Secrets Manager, us-east-1`.
    fn place(&self) -> String;

    /// All secrets, ours or not, planned deletions included, sorted by name. On AWS it may lag by minutes
    /// (ListSecrets: "eventually consistent"), so what it shows as missing or different wants a [`describe`].
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    ///
    /// [`describe`]: SecretStore::describe
    async fn sweep(&self) -> Result<Vec<StoredSecret>, StoreError>;

    /// The secret of that name now, or None. One that is marked for deletion is there.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError>;

    /// Creates a secret without a value; description and tags go in with the same call, so that it is ours from its
    /// first moment.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when the name is taken, which may be this very call, made before, its answer
    /// lost. [`StoreError::Rejected`] when AWS holds a secret of that name that is marked for deletion.
    async fn create(
        &self,
        key: &StoreKey,
        description: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError>;

    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn set_description(&self, key: &StoreKey, description: &str) -> Result<(), StoreError>;

    /// Adds these tags or replaces their values; other tags stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn put_tags(&self, key: &StoreKey, tags: &BTreeMap<String, String>) -> Result<(), StoreError>;
}

/// The store that a catalog's configuration names.
#[derive(Debug)]
pub enum Store {
    Local(LocalStore),
    Aws(Box<AwsStore>),
}

impl Store {
    /// Reads what there is to configure. Neither the network nor the disk is touched but for AWS's own configuration
    /// files, so a store that is not there shows with the first call.
    ///
    /// # Errors
    /// [`StoreError::NoBackend`], and for AWS a region, endpoint or proxy that is missing or cannot be used.
    pub async fn open(config: &StoreConfig, root: &Path) -> Result<Self, StoreError> {
        match config.backend {
            None => Err(StoreError::NoBackend),
            Some(Backend::Local) => Ok(Self::Local(LocalStore::new(root, &config.path))),
            Some(Backend::Aws) => Ok(Self::Aws(Box::new(AwsStore::connect(config).await?))),
        }
    }
}

impl SecretStore for Store {
    fn place(&self) -> String {
        match self {
            Self::Local(store) => store.place(),
            Self::Aws(store) => store.place(),
        }
    }

    async fn sweep(&self) -> Result<Vec<StoredSecret>, StoreError> {
        match self {
            Self::Local(store) => store.sweep().await,
            Self::Aws(store) => store.sweep().await,
        }
    }

    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError> {
        match self {
            Self::Local(store) => store.describe(key).await,
            Self::Aws(store) => store.describe(key).await,
        }
    }

    async fn create(
        &self,
        key: &StoreKey,
        description: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Local(store) => store.create(key, description, tags).await,
            Self::Aws(store) => store.create(key, description, tags).await,
        }
    }

    async fn set_description(&self, key: &StoreKey, description: &str) -> Result<(), StoreError> {
        match self {
            Self::Local(store) => store.set_description(key, description).await,
            Self::Aws(store) => store.set_description(key, description).await,
        }
    }

    async fn put_tags(&self, key: &StoreKey, tags: &BTreeMap<String, String>) -> Result<(), StoreError> {
        match self {
            Self::Local(store) => store.put_tags(key, tags).await,
            Self::Aws(store) => store.put_tags(key, tags).await,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn where_secrets_live_is_never_guessed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let opened = runtime.block_on(Store::open(&StoreConfig::default(), Path::new(".")));
        assert!(matches!(opened, Err(StoreError::NoBackend)));
    }
}
