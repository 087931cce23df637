//! The accounts of a run: a store and the environments whose secrets it has.
//!
//! An account that cannot be used does not stop the others.

use std::collections::BTreeSet;
use std::path::Path;

use super::ReconcileError;
use crate::store::{SecretStore, Store};
use goldenpath_core::config::{Config, StoreConfig};

/// A store and the environments whose secrets it has.
pub struct Account {
    /// The names of the environments, at least one.
    pub environments: BTreeSet<String>,
    /// The opened store.
    pub store: Store,
}

/// An account that could not be read: nothing is planned for its environments.
#[derive(Debug)]
pub struct UnreadableAccount {
    /// The names of the environments, at least one.
    pub environments: BTreeSet<String>,
    /// The store's name for messages; None where the store could not be opened.
    pub place: Option<String>,
    /// The first error, which stops all reads of the account.
    pub error: ReconcileError,
}

impl Account {
    /// Opens one store for all environments with the same store settings.
    pub async fn open(
        config: &Config,
        root: &Path,
        environments: BTreeSet<String>,
    ) -> (Vec<Self>, Vec<UnreadableAccount>) {
        let mut places: Vec<(StoreConfig, BTreeSet<String>)> = Vec::new();
        for environment in environments {
            // The KMS key is set per secret, not per store.
            let place = StoreConfig { kms_key_id: None, ..config.store_of(&environment) };
            match places.iter_mut().find(|(known, _)| *known == place) {
                Some((_, environments)) => _ = environments.insert(environment),
                None => places.push((place, [environment].into())),
            }
        }
        let (mut accounts, mut unreadable) = (Vec::new(), Vec::new());
        for (place, environments) in places {
            match Store::open(&place, root).await {
                Ok(store) => accounts.push(Self { environments, store }),
                Err(error) => unreadable.push(UnreadableAccount {
                    environments,
                    place: None,
                    error: error.into(),
                }),
            }
        }
        (accounts, unreadable)
    }

    /// Returns this account as unreadable because of `error`.
    pub(super) fn to_unreadable(&self, error: ReconcileError) -> UnreadableAccount {
        UnreadableAccount {
            environments: self.environments.clone(),
            place: Some(self.store.place()),
            error,
        }
    }
}

impl UnreadableAccount {
    /// Returns the environments for messages: `dev, test`.
    #[must_use]
    pub fn names(&self) -> String {
        self.environments.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}
