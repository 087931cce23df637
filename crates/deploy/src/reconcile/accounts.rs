//! The accounts of a run: a store and the environments whose secrets it has.
//!
//! An account that cannot be used does not stop the others.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::ReconcileError;
use crate::store::{SecretStore, Store, StoreError};
use goldenpath_core::config::{Config, StoreConfig};

/// A store and the environments whose secrets it has.
pub struct Account {
    /// The names of the environments, at least one.
    pub environments: BTreeSet<String>,
    /// The opened store.
    pub store: Store,
}

/// A store of a plan, with its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedStore {
    /// The names of the environments, at least one.
    pub environments: BTreeSet<String>,
    /// The store's name for messages.
    pub store: String,
    /// The number of the AWS account; None for the local store or if it is unknown.
    pub account: Option<String>,
    /// The AWS region; None for the local store.
    pub region: Option<String>,
    /// Why STS does not confirm the account; None if it does, or for the local store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<String>,
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
    ///
    /// # Errors
    /// [`StoreError::WrongAccount`]: a run with the wrong credentials does nothing at all.
    pub async fn open(
        config: &Config,
        root: &Path,
        environments: BTreeSet<String>,
    ) -> Result<(Vec<Self>, Vec<UnreadableAccount>), StoreError> {
        let mut places: Vec<(StoreConfig, BTreeSet<String>)> = Vec::new();
        for environment in environments {
            // The KMS key and the replicas are set per secret, not per store.
            let place = StoreConfig {
                kms_key_id: None,
                replica_regions: None,
                ..config.store_of(&environment)
            };
            match places.iter_mut().find(|(known, _)| *known == place) {
                Some((_, environments)) => _ = environments.insert(environment),
                None => places.push((place, [environment].into())),
            }
        }
        let (mut accounts, mut unreadable) = (Vec::new(), Vec::new());
        let opened = places.iter().map(|(place, _)| Store::open(place, root));
        for (opened, (_, environments)) in join_all(opened).await.into_iter().zip(&places) {
            let environments = environments.clone();
            match opened {
                Ok(store) => accounts.push(Self { environments, store }),
                Err(error @ StoreError::WrongAccount { .. }) => return Err(error),
                Err(error) => unreadable.push(UnreadableAccount {
                    environments,
                    place: None,
                    error: error.into(),
                }),
            }
        }
        Ok((accounts, unreadable))
    }

    /// Returns the store as the plan names it.
    pub(super) fn to_planned(&self) -> PlannedStore {
        let identity = self.store.identity();
        PlannedStore {
            environments: self.environments.clone(),
            store: self.store.place(),
            account: identity.account.number().map(str::to_owned),
            region: identity.region,
            unconfirmed: identity.doubt,
        }
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
