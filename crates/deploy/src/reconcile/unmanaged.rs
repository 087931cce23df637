//! Secrets with a name like ours that goldenpath does not manage.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Account, ExpectedTags, SecretOwnership, UnreadableAccount};
use crate::inventory::{csv_line, day};
use crate::store::{SecretStore, StoredSecret};
use goldenpath_core::catalog::Project;

/// The number of accounts that are swept concurrently.
const AT_ONCE: usize = 8;

/// A secret whose name begins like those of the catalog, without goldenpath's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmanagedSecret {
    /// The secret's name in the store.
    pub name: String,
    /// The environments of its store: `dev, test`.
    pub environments: String,
    /// The store's location, such as `AWS Secrets Manager, us-east-1`.
    pub place: String,
    /// None if the store does not know.
    pub created: Option<Timestamp>,
    /// The day of the last access to the value, if there was one and the store knows.
    pub last_accessed: Option<Timestamp>,
    /// The end of the recovery window, if marked for deletion.
    pub deletion: Option<Timestamp>,
}

impl UnmanagedSecret {
    /// Returns the secret as an object of JSON.
    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({
            "name": self.name,
            "environments": self.environments,
            "store": self.place,
            "created": self.created.map(day),
            "lastAccessed": self.last_accessed.map(day),
            "deletion": self.deletion.map(day),
        })
    }
}

/// Returns the secrets as CSV, with a header line.
#[must_use]
pub fn unmanaged_csv(secrets: &[UnmanagedSecret]) -> String {
    let heads = ["name", "environments", "store", "created", "lastAccessed", "deletion"];
    let mut text = csv_line(heads);
    for secret in secrets {
        let days = [secret.created, secret.last_accessed, secret.deletion];
        let days = days.map(|when| when.map(day).unwrap_or_default());
        let texts = [&secret.name, &secret.environments, &secret.place];
        text.push_str(&csv_line(texts.into_iter().chain(&days).map(String::as_str)));
    }
    text
}

/// Returns the unmanaged secrets below the prefix of `store.keyTemplate`, by name.
///
/// The prefix is the text before the first variable. Also returns the unreadable accounts. `read`
/// receives the number of secrets of each page.
pub async fn find_unmanaged(
    project: &Project,
    accounts: &[Account],
    read: &dyn Fn(usize),
) -> (Vec<UnmanagedSecret>, Vec<UnreadableAccount>) {
    let prefix = project.config.store.key_template.split('{').next().unwrap_or_default();
    let expected = ExpectedTags::of(project, None);
    let is_unmanaged = |secret: &&StoredSecret| {
        secret.name.starts_with(prefix)
            && SecretOwnership::of(secret, &expected) == SecretOwnership::Unmanaged
    };
    let mut unreadable = Vec::new();
    // By ARN: two configurations may share an account.
    let mut found = BTreeMap::new();
    let mut sweeps = stream::iter(accounts)
        .map(|account| async move { (account, account.store.sweep("", read).await) })
        .buffered(AT_ONCE);
    while let Some((account, swept)) = sweeps.next().await {
        let swept = match swept {
            Ok(swept) => swept,
            Err(error) => {
                unreadable.push(account.to_unreadable(error.into()));
                continue;
            }
        };
        for secret in swept.iter().filter(is_unmanaged) {
            let place = account.store.place();
            let identity = secret.arn.clone().unwrap_or_else(|| place.clone());
            let environments: Vec<&str> = account.environments.iter().map(String::as_str).collect();
            let row = UnmanagedSecret {
                name: secret.name.clone(),
                environments: environments.join(", "),
                place,
                created: secret.created,
                last_accessed: secret.last_accessed,
                deletion: secret.deletion,
            };
            found.entry((secret.name.clone(), identity)).or_insert(row);
        }
    }
    (found.into_values().collect(), unreadable)
}
