//! Where secrets live: AWS Secrets Manager, or an embedded local store for trying out and for tests.

mod aws;
mod error;
mod generator;
mod local;
mod secret;

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;

use goldenpath_core::config::{Backend, Characters, StoreConfig};
use goldenpath_core::manifest::StoreKey;

pub use aws::AwsStore;
pub use error::StoreError;
pub use generator::{ValueSource, generate};
pub use local::LocalStore;
pub use secret::{
    CURRENT, NewSecret, PREVIOUS, RotationState, SecretUpdate, StoredSecret, StoredValue,
    ValueVersion,
};

/// What plan and apply ask of a store. Every call is safe to repeat.
///
/// The futures are polled on one thread: the local store's hold a database connection, which is not `Sync`.
#[allow(async_fn_in_trait)] // No caller needs `Send`, and the two implementers stand in this room.
pub trait SecretStore {
    /// Where this is, for people: `local store .goldenpath/store.db`, `AWS Secrets Manager, us-east-1`.
    fn place(&self) -> String;

    /// Who the store takes the caller for; None where it knows nobody, or does not say.
    async fn caller(&self) -> Option<String>;

    /// Whose store this is, beyond its [`place`]: the number of the AWS account, or the file's absolute path.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    ///
    /// [`place`]: SecretStore::place
    async fn identity(&self) -> Result<String, StoreError>;

    /// All secrets that carry a tag whose name begins with `tag` (an empty one: all secrets), planned deletions included, sorted by name. On AWS it
    /// may lag by minutes (ListSecrets: "might not reflect changes from the last five minutes"), so what it shows as
    /// missing or different wants a [`describe`]; so does what somebody else has at our name, which it does not show.
    /// `read` is told how many more there are, each time that some have come.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    ///
    /// [`describe`]: SecretStore::describe
    async fn sweep(&self, tag: &str, read: &dyn Fn(usize))
    -> Result<Vec<StoredSecret>, StoreError>;

    /// The secret of that name now, or None. One that is marked for deletion is there.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses.
    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError>;

    /// The resource policy of a secret as the store has it, in JSON; None where there is none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn policy(&self, key: &StoreKey) -> Result<Option<String>, StoreError>;

    /// The versions of a secret's value that have a staging label, the youngest first. No value is read.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn versions(&self, key: &StoreKey) -> Result<Vec<ValueVersion>, StoreError>;

    /// The current value; None where there is none. The store takes note that somebody has read it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn value(&self, key: &StoreKey) -> Result<Option<StoredValue>, StoreError>;

    /// Writes a version of the value under the ID `version`, and makes it the current one, but only where `replaces` still is that;
    /// None where there was no value.
    ///
    /// # Errors
    /// [`StoreError::ValueMoved`] when somebody else was faster: theirs is the current one, and `value` is not. [`StoreError::NotFound`].
    async fn put_value(
        &self,
        key: &StoreKey,
        value: &SecretString,
        version: &str,
        replaces: Option<&str>,
    ) -> Result<(), StoreError>;

    /// Makes a version the current one that is there already, but only where `replaces` still is that.
    ///
    /// # Errors
    /// [`StoreError::ValueMoved`], and [`StoreError::NotFound`].
    async fn make_current(
        &self,
        key: &StoreKey,
        version: &str,
        replaces: &str,
    ) -> Result<(), StoreError>;

    /// A text that the store makes of so many characters, at least one of each kind.
    ///
    /// # Errors
    /// The store cannot be asked, or refuses, or makes none.
    async fn random(&self, wanted: &Characters) -> Result<SecretString, StoreError>;

    /// Creates a secret, with a value or without one; all that is known of it goes in with the same call.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] when the name is taken, which may be this very call, made before, its answer
    /// lost. [`StoreError::Rejected`] when AWS holds a secret of that name that is marked for deletion.
    async fn create(
        &self,
        key: &StoreKey,
        new: &NewSecret,
        value: Option<&SecretString>,
    ) -> Result<(), StoreError>;

    /// Takes the mark for deletion off; nothing happens to a secret without one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn restore(&self, key: &StoreKey) -> Result<(), StoreError>;

    /// Marks a secret for deletion, which the store carries out after so many days. A mark that is there stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn delete(&self, key: &StoreKey, days: u8) -> Result<(), StoreError>;

    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn update(&self, key: &StoreKey, update: &SecretUpdate) -> Result<(), StoreError>;

    /// Adds these tags or replaces their values; other tags stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn put_tags(
        &self,
        key: &StoreKey,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError>;

    /// Replaces the resource policy, after it was found to be one that the store takes.
    ///
    /// # Errors
    /// [`StoreError::PolicyRefused`] with what is wrong with it, and [`StoreError::NotFound`].
    async fn put_policy(&self, key: &StoreKey, policy: &str) -> Result<(), StoreError>;

    /// # Errors
    /// [`StoreError::NotFound`] when there is no such secret.
    async fn delete_policy(&self, key: &StoreKey) -> Result<(), StoreError>;

    /// Has the secret rotated from now on, and not at once: there may be no value yet.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or a function that the store may not call.
    async fn rotate(&self, key: &StoreKey, rotation: &RotationState) -> Result<(), StoreError>;
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
            Some(Backend::Local) => {
                Ok(Self::Local(LocalStore::new(root, &config.path, config.key_file.as_deref())))
            }
            Some(Backend::Aws) => Ok(Self::Aws(Box::new(AwsStore::connect(config).await?))),
        }
    }
}

/// The call on whichever store it is.
macro_rules! on_each {
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

    async fn identity(&self) -> Result<String, StoreError> {
        on_each!(self, identity())
    }

    async fn caller(&self) -> Option<String> {
        on_each!(self, caller())
    }

    async fn sweep(
        &self,
        tag: &str,
        read: &dyn Fn(usize),
    ) -> Result<Vec<StoredSecret>, StoreError> {
        on_each!(self, sweep(tag, read))
    }

    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError> {
        on_each!(self, describe(key))
    }

    async fn policy(&self, key: &StoreKey) -> Result<Option<String>, StoreError> {
        on_each!(self, policy(key))
    }

    async fn versions(&self, key: &StoreKey) -> Result<Vec<ValueVersion>, StoreError> {
        on_each!(self, versions(key))
    }

    async fn value(&self, key: &StoreKey) -> Result<Option<StoredValue>, StoreError> {
        on_each!(self, value(key))
    }

    async fn put_value(
        &self,
        key: &StoreKey,
        value: &SecretString,
        version: &str,
        replaces: Option<&str>,
    ) -> Result<(), StoreError> {
        on_each!(self, put_value(key, value, version, replaces))
    }

    async fn make_current(
        &self,
        key: &StoreKey,
        version: &str,
        replaces: &str,
    ) -> Result<(), StoreError> {
        on_each!(self, make_current(key, version, replaces))
    }

    async fn random(&self, wanted: &Characters) -> Result<SecretString, StoreError> {
        on_each!(self, random(wanted))
    }

    async fn create(
        &self,
        key: &StoreKey,
        new: &NewSecret,
        value: Option<&SecretString>,
    ) -> Result<(), StoreError> {
        on_each!(self, create(key, new, value))
    }

    async fn restore(&self, key: &StoreKey) -> Result<(), StoreError> {
        on_each!(self, restore(key))
    }

    async fn delete(&self, key: &StoreKey, days: u8) -> Result<(), StoreError> {
        on_each!(self, delete(key, days))
    }

    async fn update(&self, key: &StoreKey, update: &SecretUpdate) -> Result<(), StoreError> {
        on_each!(self, update(key, update))
    }

    async fn put_tags(
        &self,
        key: &StoreKey,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        on_each!(self, put_tags(key, tags))
    }

    async fn put_policy(&self, key: &StoreKey, policy: &str) -> Result<(), StoreError> {
        on_each!(self, put_policy(key, policy))
    }

    async fn delete_policy(&self, key: &StoreKey) -> Result<(), StoreError> {
        on_each!(self, delete_policy(key))
    }

    async fn rotate(&self, key: &StoreKey, rotation: &RotationState) -> Result<(), StoreError> {
        on_each!(self, rotate(key, rotation))
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
