//! The accounts of a run: which store has the secrets of which environments. One that cannot be used does not keep the
//! others from being served.

use std::collections::BTreeSet;
use std::path::Path;

use super::ReconcileError;
use crate::store::{SecretStore, Store};
use goldenpath_core::config::{Config, StoreConfig};

/// A store, and the environments whose secrets it has.
pub struct Account {
    pub environments: BTreeSet<String>,
    pub store: Store,
}

/// An account that could not be looked at: of its environments nothing is known and nothing is done.
#[derive(Debug)]
pub struct UnreadableAccount {
    pub environments: BTreeSet<String>,
    /// For people; None where not even that is known.
    pub place: Option<String>,
    pub error: ReconcileError,
}

impl Account {
    /// Opens the stores of these environments, one for all that live in the same place.
    pub async fn open(
        config: &Config,
        root: &Path,
        environments: BTreeSet<String>,
    ) -> (Vec<Self>, Vec<UnreadableAccount>) {
        let mut places: Vec<(StoreConfig, BTreeSet<String>)> = Vec::new();
        for environment in environments {
            // The key is each secret's own matter.
            let place = StoreConfig { kms_key_id: None, ..config.store_of(&environment) };
            match places.iter_mut().find(|(known, _)| *known == place) {
                Some((_, environments)) => _ = environments.insert(environment),
                None => places.push((place, [environment].into())),
            }
        }
        let (mut accounts, mut unseen) = (Vec::new(), Vec::new());
        for (place, environments) in places {
            match Store::open(&place, root).await {
                Ok(store) => accounts.push(Self { environments, store }),
                Err(error) => unseen.push(UnreadableAccount {
                    environments,
                    place: None,
                    error: error.into(),
                }),
            }
        }
        (accounts, unseen)
    }

    /// The same account, of which `error` keeps the rest from being known.
    pub(super) fn unseen(&self, error: ReconcileError) -> UnreadableAccount {
        UnreadableAccount {
            environments: self.environments.clone(),
            place: Some(self.store.place()),
            error,
        }
    }
}

impl UnreadableAccount {
    /// `dev, test`
    #[must_use]
    pub fn names(&self) -> String {
        self.environments.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}
