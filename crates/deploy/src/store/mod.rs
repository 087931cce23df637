//! The stores: AWS Secrets Manager, and a local one for trials and tests.

mod aws;
mod error;
mod generator;
mod identity;
mod local;
mod secret;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::SignedDuration;
use secrecy::SecretString;

use goldenpath_core::config::{Backend, Characters, ReplicaRegion, StoreConfig};
use goldenpath_core::manifest::StoreKey;

pub use aws::{AwsStore, StoreProbe, set_code_prompt, set_listener};
pub use error::StoreError;
pub use generator::{ValueSource, generate};
pub(crate) use identity::LOCAL;
pub use identity::{StoreAccount, StoreIdentity};
pub use local::LocalStore;
pub use secret::{
    CURRENT, NewSecret, PREVIOUS, Replica, ReplicaStatus, RotationState, SecretCreation,
    SecretUpdate, StoredSecret, StoredValue, ValueVersion,
};

/// The age up to which a secret is new, and may be missing from answers of AWS.
///
/// As old as a list may be (ListSecrets, "might not reflect changes from the last five minutes").
pub(crate) const NEW: SignedDuration = SignedDuration::from_mins(5);

/// A secret store. Every call is safe to repeat.
///
/// The futures are polled on one thread: those of the local store hold a database connection,
/// which is not `Sync`.
#[allow(async_fn_in_trait)] // No caller needs `Send`, and both implementers are in this module.
pub trait SecretStore {
    /// Returns the location for messages.
    ///
    /// For example `local store .goldenpath/store.db` or `AWS Secrets Manager, us-east-1`.
    fn place(&self) -> String;

    /// Returns the account as it is known so far.
    fn identity(&self) -> StoreIdentity;

    /// Lists the secrets with a tag whose key begins with `tag`, sorted by name.
    ///
    /// An empty `tag` lists all secrets. Secrets marked for deletion are included. On AWS, the
    /// list may be minutes out of date (ListSecrets: "might not reflect changes from the last
    /// five minutes"): check a secret that is missing or different with [`describe`]. Unmanaged
    /// secrets with a managed name are not listed either. `read` is called after each page with
    /// the number of secrets in it.
    ///
    /// # Errors
    /// If the store cannot be reached or rejects the call.
    ///
    /// [`describe`]: SecretStore::describe
    async fn sweep(&self, tag: &str, read: &dyn Fn(usize))
    -> Result<Vec<StoredSecret>, StoreError>;

    /// Returns the current state of a secret, also of one that is marked for deletion.
    ///
    /// # Errors
    /// If the store cannot be reached or rejects the call.
    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError>;

    /// Notes that an earlier run has just created the secret: calls that miss it are tried again.
    fn expect(&self, key: &StoreKey);

    /// Returns the resource policy of a secret as JSON, as the store has it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn policy(&self, key: &StoreKey) -> Result<Option<String>, StoreError>;

    /// Returns the versions of a value with a staging label, the newest first.
    ///
    /// Reads no value.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn versions(&self, key: &StoreKey) -> Result<Vec<ValueVersion>, StoreError>;

    /// Returns the current value, if any. The store records the access.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn value(&self, key: &StoreKey) -> Result<Option<StoredValue>, StoreError>;

    /// Writes a value as the version `version`, and makes it the current one.
    ///
    /// Only if `replaces` is still the current version; None if there was no value.
    ///
    /// # Errors
    /// [`StoreError::ValueMoved`] if the value was changed concurrently: the other value stays the
    /// current one. [`StoreError::NotFound`] if there is no such secret.
    async fn put_value(
        &self,
        key: &StoreKey,
        value: &SecretString,
        version: &str,
        replaces: Option<&str>,
    ) -> Result<(), StoreError>;

    /// Makes an existing version the current one, if `replaces` still is.
    ///
    /// # Errors
    /// [`StoreError::ValueMoved`] and [`StoreError::NotFound`].
    async fn make_current(
        &self,
        key: &StoreKey,
        version: &str,
        replaces: &str,
    ) -> Result<(), StoreError>;

    /// Has the store generate a text, with at least one character of each kind.
    ///
    /// # Errors
    /// If the store cannot be reached, rejects the call, or returns something else.
    async fn random(&self, wanted: &Characters) -> Result<SecretString, StoreError>;

    /// Creates a secret with all its properties in one call, with or without a value.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] if the name is taken, possibly by an earlier try of this call
    /// that lost its response. [`StoreError::Rejected`] if AWS has a secret of that name that is
    /// marked for deletion.
    async fn create(
        &self,
        key: &StoreKey,
        new: &NewSecret,
        value: Option<&SecretString>,
    ) -> Result<SecretCreation, StoreError>;

    /// Removes the deletion mark, if any.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn restore(&self, key: &StoreKey) -> Result<(), StoreError>;

    /// Marks a secret for deletion after `days`. An existing mark stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn delete(&self, key: &StoreKey, days: u8) -> Result<(), StoreError>;

    /// Changes the description or the KMS key.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn update(&self, key: &StoreKey, update: &SecretUpdate) -> Result<(), StoreError>;

    /// Adds these tags or replaces their values; other tags stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn put_tags(
        &self,
        key: &StoreKey,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError>;

    /// Replaces the resource policy, after the store has validated it.
    ///
    /// # Errors
    /// [`StoreError::PolicyRefused`] with the reason, and [`StoreError::NotFound`].
    async fn put_policy(&self, key: &StoreKey, policy: &str) -> Result<(), StoreError>;

    /// Deletes the resource policy.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn delete_policy(&self, key: &StoreKey) -> Result<(), StoreError>;

    /// Enables rotation, without a first rotation now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or if the store may not invoke the function or use the role.
    async fn rotate(&self, key: &StoreKey, rotation: &RotationState) -> Result<(), StoreError>;

    /// Cancels the rotation, if there is one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn cancel_rotation(&self, key: &StoreKey) -> Result<(), StoreError>;

    /// Adds a replica, or tries again to create one that failed. It replaces no other secret.
    ///
    /// It may still be in progress when the call returns.
    ///
    /// # Errors
    /// [`StoreError::ReplicaFailed`] with the reason, and [`StoreError::NotFound`].
    async fn add_replica(&self, key: &StoreKey, replica: &ReplicaRegion) -> Result<(), StoreError>;

    /// Removes the replica in a region, if there is one, and waits until it is gone.
    ///
    /// The store deletes it at once, without a recovery window.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such secret.
    async fn remove_replica(&self, key: &StoreKey, region: &str) -> Result<(), StoreError>;
}

/// The store in a catalog's configuration.
#[derive(Debug)]
pub enum Store {
    /// An encrypted SQLite file.
    Local(LocalStore),
    /// AWS Secrets Manager in one account and region.
    Aws(Box<AwsStore>),
}

impl Store {
    /// Opens the store, and asks STS for the account of an AWS store.
    ///
    /// A local store need not exist yet. If STS cannot be reached or rejects the
    /// call, the account is not confirmed.
    ///
    /// # Errors
    /// [`StoreError::NoBackend`], and for AWS [`StoreError::WrongAccount`], unusable credentials,
    /// or a region, endpoint or proxy that is missing or unusable.
    pub async fn open(config: &StoreConfig, root: &Path) -> Result<Self, StoreError> {
        match config.backend {
            None => Err(StoreError::NoBackend),
            Some(Backend::Local) => {
                Ok(Self::Local(LocalStore::new(root, &config.path, config.key_file.as_deref())))
            }
            Some(Backend::Aws) => Ok(Self::Aws(Box::new(AwsStore::open(config).await?))),
        }
    }
}

/// Makes the call on the configured store.
macro_rules! dispatch {
    ($store:expr, $call:ident($($argument:expr),*)) => {
        match $store {
            Self::Local(store) => store.$call($($argument),*).await,
            Self::Aws(store) => store.$call($($argument),*).await,
        }
    };
}

impl SecretStore for Store {
    fn place(&self) -> String {
        match self {
            Self::Local(store) => store.place(),
            Self::Aws(store) => store.place(),
        }
    }

    fn identity(&self) -> StoreIdentity {
        match self {
            Self::Local(store) => store.identity(),
            Self::Aws(store) => store.identity(),
        }
    }

    async fn sweep(
        &self,
        tag: &str,
        read: &dyn Fn(usize),
    ) -> Result<Vec<StoredSecret>, StoreError> {
        dispatch!(self, sweep(tag, read))
    }

    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError> {
        dispatch!(self, describe(key))
    }

    fn expect(&self, key: &StoreKey) {
        match self {
            Self::Local(store) => store.expect(key),
            Self::Aws(store) => store.expect(key),
        }
    }

    async fn policy(&self, key: &StoreKey) -> Result<Option<String>, StoreError> {
        dispatch!(self, policy(key))
    }

    async fn versions(&self, key: &StoreKey) -> Result<Vec<ValueVersion>, StoreError> {
        dispatch!(self, versions(key))
    }

    async fn value(&self, key: &StoreKey) -> Result<Option<StoredValue>, StoreError> {
        dispatch!(self, value(key))
    }

    async fn put_value(
        &self,
        key: &StoreKey,
        value: &SecretString,
        version: &str,
        replaces: Option<&str>,
    ) -> Result<(), StoreError> {
        dispatch!(self, put_value(key, value, version, replaces))
    }

    async fn make_current(
        &self,
        key: &StoreKey,
        version: &str,
        replaces: &str,
    ) -> Result<(), StoreError> {
        dispatch!(self, make_current(key, version, replaces))
    }

    async fn random(&self, wanted: &Characters) -> Result<SecretString, StoreError> {
        dispatch!(self, random(wanted))
    }

    async fn create(
        &self,
        key: &StoreKey,
        new: &NewSecret,
        value: Option<&SecretString>,
    ) -> Result<SecretCreation, StoreError> {
        dispatch!(self, create(key, new, value))
    }

    async fn restore(&self, key: &StoreKey) -> Result<(), StoreError> {
        dispatch!(self, restore(key))
    }

    async fn delete(&self, key: &StoreKey, days: u8) -> Result<(), StoreError> {
        dispatch!(self, delete(key, days))
    }

    async fn update(&self, key: &StoreKey, update: &SecretUpdate) -> Result<(), StoreError> {
        dispatch!(self, update(key, update))
    }

    async fn put_tags(
        &self,
        key: &StoreKey,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        dispatch!(self, put_tags(key, tags))
    }

    async fn put_policy(&self, key: &StoreKey, policy: &str) -> Result<(), StoreError> {
        dispatch!(self, put_policy(key, policy))
    }

    async fn delete_policy(&self, key: &StoreKey) -> Result<(), StoreError> {
        dispatch!(self, delete_policy(key))
    }

    async fn rotate(&self, key: &StoreKey, rotation: &RotationState) -> Result<(), StoreError> {
        dispatch!(self, rotate(key, rotation))
    }

    async fn cancel_rotation(&self, key: &StoreKey) -> Result<(), StoreError> {
        dispatch!(self, cancel_rotation(key))
    }

    async fn add_replica(&self, key: &StoreKey, replica: &ReplicaRegion) -> Result<(), StoreError> {
        dispatch!(self, add_replica(key, replica))
    }

    async fn remove_replica(&self, key: &StoreKey, region: &str) -> Result<(), StoreError> {
        dispatch!(self, remove_replica(key, region))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_store_without_a_configured_backend_is_not_opened() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let opened = runtime.block_on(Store::open(&StoreConfig::default(), Path::new(".")));
        assert!(matches!(opened, Err(StoreError::NoBackend)));
    }
}
