//! The embedded store for trials and tests: one SQLite file with encrypted values.

mod access;
mod cipher;
mod file;
mod keyfile;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use secrecy::SecretString;

use super::{
    NewSecret, RotationState, SecretCreation, SecretStore, SecretUpdate, StoreError, StoreIdentity,
    StoredSecret, StoredValue, ValueVersion,
};
use crate::value;
use file::{DatabaseFile, TransactionError};
use goldenpath_core::config::{Characters, ReplicaRegion, Rotator};
use goldenpath_core::manifest::StoreKey;
use keyfile::KeyFile;

/// A store in a file that need not exist yet.
#[derive(Debug)]
pub struct LocalStore {
    /// The path as configured.
    configured_path: PathBuf,
    file: DatabaseFile,
    key_file: KeyFile,
}

impl LocalStore {
    /// Configures the store at `path`, relative to `root`, without opening anything.
    ///
    /// The key is in `key_file`, by default in the user's configuration folder.
    #[must_use]
    pub fn new(root: &Path, path: &Path, key_file: Option<&Path>) -> Self {
        let file = DatabaseFile::new(root, path);
        Self { configured_path: path.to_owned(), file, key_file: KeyFile::new(root, key_file) }
    }

    /// Runs `change` on an existing secret.
    fn change(
        &self,
        key: &StoreKey,
        change: impl FnOnce(&Transaction<'_>) -> Result<(), TransactionError>,
    ) -> Result<(), StoreError> {
        let missing = || StoreError::NotFound { name: key.to_string() };
        if !self.file.exists()? {
            return Err(missing());
        }
        self.file.write(|transaction| {
            let exists = format!("SELECT 1 FROM secrets WHERE name = ?1 AND {EXISTS}");
            if transaction.prepare(&exists)?.exists([key.as_str()])? {
                change(transaction)
            } else {
                Err(TransactionError::Store(missing()))
            }
        })
    }
}

impl SecretStore for LocalStore {
    fn place(&self) -> String {
        format!("local store {}", self.configured_path.display())
    }

    fn identity(&self) -> StoreIdentity {
        StoreIdentity::local(self.file.path().display().to_string())
    }

    async fn sweep(
        &self,
        tag: &str,
        read: &dyn Fn(usize),
    ) -> Result<Vec<StoredSecret>, StoreError> {
        let found: Option<Vec<_>> = self.file.read(|transaction, version| {
            let tagged = "WHERE (?1 = '' OR name IN
                (SELECT secret FROM tags WHERE substr(key, 1, length(?1)) = ?1))";
            let select = format!("{} {tagged} AND {EXISTS} ORDER BY name", secrets(version));
            let mut secrets = transaction.prepare(&select)?;
            let secrets: Vec<_> = secrets.query_map([tag], secret)?.collect::<Result<_, _>>()?;
            let mut all: BTreeMap<_, _> =
                secrets.into_iter().map(|secret| (secret.name.clone(), secret)).collect();
            let mut tags = transaction.prepare("SELECT secret, key, value FROM tags")?;
            let mut rows = tags.query([])?;
            while let Some(row) = rows.next()? {
                if let Some(secret) = all.get_mut(row.get_ref(0)?.as_str()?) {
                    secret.tags.insert(row.get(1)?, row.get(2)?);
                }
            }
            Ok(all.into_values().collect())
        })?;
        let found = found.unwrap_or_default();
        read(found.len());
        Ok(found)
    }

    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError> {
        let found = self.file.read(|transaction, version| {
            let mut secrets = transaction
                .prepare(&format!("{} WHERE name = ?1 AND {EXISTS}", secrets(version)))?;
            let Some(mut found) = secrets.query_map([key.as_str()], secret)?.next().transpose()?
            else {
                return Ok(None);
            };
            let mut tags = transaction.prepare("SELECT key, value FROM tags WHERE secret = ?1")?;
            let tags = tags.query_map([key.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.tags = tags.collect::<Result<_, _>>()?;
            Ok(Some(found))
        })?;
        Ok(found.flatten())
    }

    fn expect(&self, _: &StoreKey) {}

    async fn policy(&self, key: &StoreKey) -> Result<Option<String>, StoreError> {
        let found = self.file.read(|transaction, version| {
            let policy = match version {
                1 => "SELECT NULL FROM secrets WHERE name = ?1",
                _ => "SELECT policy FROM secrets WHERE name = ?1",
            };
            transaction.query_row(policy, [key.as_str()], |row| row.get(0)).optional()
        })?;
        found.flatten().ok_or_else(|| StoreError::NotFound { name: key.to_string() })
    }

    async fn versions(&self, key: &StoreKey) -> Result<Vec<ValueVersion>, StoreError> {
        self.read_versions(key)
    }

    async fn value(&self, key: &StoreKey) -> Result<Option<StoredValue>, StoreError> {
        self.read_value(key)
    }

    async fn put_value(
        &self,
        key: &StoreKey,
        value: &SecretString,
        version: &str,
        replaces: Option<&str>,
    ) -> Result<(), StoreError> {
        self.write_value(key, value, version, replaces)
    }

    async fn make_current(
        &self,
        key: &StoreKey,
        version: &str,
        replaces: &str,
    ) -> Result<(), StoreError> {
        self.move_current(key, version, replaces)
    }

    /// Uses the generator of the operating system.
    async fn random(&self, wanted: &Characters) -> Result<SecretString, StoreError> {
        value::characters(wanted).map_err(|error| StoreError::NoValue { reason: error.to_string() })
    }

    async fn create(
        &self,
        key: &StoreKey,
        new: &NewSecret,
        value: Option<&SecretString>,
    ) -> Result<SecretCreation, StoreError> {
        let no_version =
            |error: value::ValueError| StoreError::NoValue { reason: error.to_string() };
        let first = match value {
            Some(value) => Some(self.encrypt(key, value, value::token().map_err(no_version)?)?),
            None => None,
        };
        let version = first.as_ref().map(|first| first.version.clone());
        self.file.write(|transaction| {
            let expired = format!("DELETE FROM secrets WHERE name = ?1 AND NOT {EXISTS}");
            transaction.execute(&expired, [key.as_str()])?;
            let insert = "INSERT INTO secrets (name, description, created_at, kms_key)
                VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
            let now = Timestamp::now().to_string();
            let values = params![key.as_str(), new.description, now, new.kms_key];
            match transaction.execute(insert, values)? {
                0 => Err(TransactionError::Store(StoreError::AlreadyExists {
                    name: key.to_string(),
                })),
                _ => {
                    put(transaction, key, &new.tags)?;
                    first.map_or(Ok(()), |first| self.insert(transaction, key, &first))
                }
            }
        })?;
        Ok(SecretCreation { arn: None, version })
    }

    async fn restore(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.change(key, |transaction| {
            transaction
                .execute("UPDATE secrets SET deletion_at = NULL WHERE name = ?1", [key.as_str()])?;
            Ok(())
        })
    }

    async fn delete(&self, key: &StoreKey, days: u8) -> Result<(), StoreError> {
        let end = Timestamp::now() + jiff::SignedDuration::from_hours(24 * i64::from(days));
        self.change(key, |transaction| {
            let mark = "UPDATE secrets SET deletion_at = coalesce(deletion_at, ?2) WHERE name = ?1";
            transaction.execute(mark, params![key.as_str(), end.to_string()])?;
            Ok(())
        })
    }

    async fn update(&self, key: &StoreKey, update: &SecretUpdate) -> Result<(), StoreError> {
        self.change(key, |transaction| {
            let statement = "UPDATE secrets SET description = coalesce(?2, description),
                kms_key = coalesce(?3, kms_key) WHERE name = ?1";
            let values = params![key.as_str(), update.description, update.kms_key];
            transaction.execute(statement, values)?;
            Ok(())
        })
    }

    async fn put_tags(
        &self,
        key: &StoreKey,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        if tags.is_empty() {
            return Ok(());
        }
        self.change(key, |transaction| Ok(put(transaction, key, tags)?))
    }

    async fn put_policy(&self, key: &StoreKey, policy: &str) -> Result<(), StoreError> {
        self.change(key, |transaction| {
            let update = "UPDATE secrets SET policy = ?2 WHERE name = ?1";
            transaction.execute(update, params![key.as_str(), policy])?;
            Ok(())
        })
    }

    async fn delete_policy(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.change(key, |transaction| {
            transaction
                .execute("UPDATE secrets SET policy = NULL WHERE name = ?1", [key.as_str()])?;
            Ok(())
        })
    }

    async fn rotate(&self, key: &StoreKey, rotation: &RotationState) -> Result<(), StoreError> {
        self.change(key, |transaction| {
            let update =
                "UPDATE secrets SET rotation_function = ?2, rotation_days = ?3 WHERE name = ?1";
            // Only functions: no service or partner has secrets in a local store.
            let rotator = rotation.rotator.to_string();
            transaction.execute(update, params![key.as_str(), rotator, rotation.days])?;
            Ok(())
        })
    }

    async fn cancel_rotation(&self, key: &StoreKey) -> Result<(), StoreError> {
        self.change(key, |transaction| {
            let update = "UPDATE secrets SET rotation_function = NULL, rotation_days = NULL
                WHERE name = ?1";
            transaction.execute(update, [key.as_str()])?;
            Ok(())
        })
    }

    async fn add_replica(&self, _: &StoreKey, replica: &ReplicaRegion) -> Result<(), StoreError> {
        Err(StoreError::NoReplicas { region: replica.region.clone() })
    }

    async fn remove_replica(&self, _: &StoreKey, region: &str) -> Result<(), StoreError> {
        Err(StoreError::NoReplicas { region: region.to_owned() })
    }
}

/// The condition that a secret exists: its recovery window, if any, has not ended.
const EXISTS: &str = "(deletion_at IS NULL OR julianday(deletion_at) > julianday('now'))";

/// Selects the columns that [`secret`] reads, from tables of this version.
fn secrets(version: i64) -> &'static str {
    match version {
        1 => {
            "SELECT name, description, created_at, deletion_at, NULL, NULL, NULL, NULL, NULL
            FROM secrets"
        }
        2 => {
            "SELECT name, description, created_at, deletion_at,
                kms_key, rotation_function, rotation_days, NULL, NULL
            FROM secrets"
        }
        _ => {
            "SELECT name, description, secrets.created_at, deletion_at,
                kms_key, rotation_function, rotation_days, versions.created_at, versions.id
            FROM secrets LEFT JOIN versions ON secret = name AND stage = 'AWSCURRENT'"
        }
    }
}

/// Converts a row of [`secrets`] to a secret without its tags.
fn secret(row: &Row<'_>) -> rusqlite::Result<StoredSecret> {
    let function: Option<String> = row.get(5)?;
    let days = row.get(6)?;
    Ok(StoredSecret {
        name: row.get(0)?,
        description: Some(row.get(1)?).filter(|text: &String| !text.is_empty()),
        created: timestamp(row, 2)?,
        deletion: timestamp(row, 3)?,
        kms_key: row.get(4)?,
        rotation: function
            .map(|function| RotationState { rotator: Rotator::Function(function), days }),
        current_version: row.get(8)?,
        last_changed: timestamp(row, 7)?,
        replicas: Some(Vec::new()),
        ..StoredSecret::default()
    })
}

fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let text: Option<String> = row.get(column)?;
    let parsed = text.map(|text| text.parse::<Timestamp>()).transpose();
    parsed.map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}

fn put(
    transaction: &Transaction<'_>,
    key: &StoreKey,
    tags: &BTreeMap<String, String>,
) -> rusqlite::Result<()> {
    let upsert = "INSERT INTO tags (secret, key, value) VALUES (?1, ?2, ?3)
        ON CONFLICT (secret, key) DO UPDATE SET value = excluded.value";
    let mut upsert = transaction.prepare(upsert)?;
    for (tag, value) in tags {
        upsert.execute(params![key.as_str(), tag, value])?;
    }
    Ok(())
}
