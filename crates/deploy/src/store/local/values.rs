//! The versions of values in the local store, with AWS's staging labels.
//!
//! Each value is encrypted for its secret and version. `secrets.labels` authenticates which
//! versions have the labels: without the key, an older version cannot become the current one.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use secrecy::{ExposeSecret, SecretString};

use super::cipher::{Binding, DecryptionError, EncryptionKey, is_age};
use super::file::TransactionError;
use super::{EXISTS, LocalStore, timestamp};
use crate::store::{CURRENT, PREVIOUS, StoreError, StoredValue, ValueVersion};
use goldenpath_core::manifest::StoreKey;

/// The first version of the tables with values, encrypted with age.
const VALUES_SINCE: i64 = 3;

/// The first version of the tables with authenticated labels.
const LABELS_SINCE: i64 = 4;

/// An encrypted version of a value, and its key.
pub(super) struct Encrypted {
    pub(super) version: String,
    ciphertext: Vec<u8>,
    key: EncryptionKey,
}

/// The versions of a secret with a label, as the file has them.
#[derive(Debug, Default)]
struct Labels {
    current: Option<String>,
    previous: Option<String>,
    /// Whether a label is on several versions, or there is an unknown label.
    is_ambiguous: bool,
    /// Authenticates the labels.
    seal: Option<Vec<u8>>,
}

impl Labels {
    fn read(
        transaction: &Transaction<'_>,
        version: i64,
        secret: &StoreKey,
    ) -> rusqlite::Result<Self> {
        let mut labels = Self::default();
        if version >= LABELS_SINCE {
            let select = "SELECT labels FROM secrets WHERE name = ?1";
            labels.seal = transaction
                .query_row(select, [secret.as_str()], |row| row.get(0))
                .optional()?
                .flatten();
        }
        let mut versions =
            transaction.prepare("SELECT id, stage FROM versions WHERE secret = ?1")?;
        let mut rows = versions.query([secret.as_str()])?;
        while let Some(row) = rows.next()? {
            let (id, stage): (String, String) = (row.get(0)?, row.get(1)?);
            let place = match stage.as_str() {
                CURRENT => &mut labels.current,
                PREVIOUS => &mut labels.previous,
                _ => {
                    labels.is_ambiguous = true;
                    continue;
                }
            };
            labels.is_ambiguous |= place.replace(id).is_some();
        }
        Ok(labels)
    }

    /// Returns whether the secret never had a value.
    fn is_empty(&self) -> bool {
        self.current.is_none()
            && self.previous.is_none()
            && !self.is_ambiguous
            && self.seal.is_none()
    }

    /// Checks that goldenpath wrote the labels; returns the current version.
    fn verify(&self, secret: &StoreKey, key: &EncryptionKey) -> Result<&str, DecryptionError> {
        let (Some(current), Some(seal), false) = (&self.current, &self.seal, self.is_ambiguous)
        else {
            return Err(DecryptionError::Relabeled);
        };
        match key.decrypt(labels(secret, current, self.previous.as_deref()), seal) {
            Ok(_) => Ok(current),
            Err(DecryptionError::Altered | DecryptionError::Age) => Err(DecryptionError::Relabeled),
            Err(error) => Err(error),
        }
    }
}

impl LocalStore {
    pub(super) fn read_versions(&self, key: &StoreKey) -> Result<Vec<ValueVersion>, StoreError> {
        let found = self.file.read(|transaction, version| {
            if !exists(transaction, key)? {
                return Ok(None);
            }
            if version < VALUES_SINCE {
                return Ok(Some(Vec::new()));
            }
            let select = "SELECT id, stage, created_at FROM versions WHERE secret = ?1
                ORDER BY created_at DESC, stage";
            let mut versions = transaction.prepare(select)?;
            let versions = versions.query_map([key.as_str()], |row| {
                Ok(ValueVersion {
                    id: row.get(0)?,
                    stages: vec![row.get(1)?],
                    created: timestamp(row, 2)?,
                    last_accessed: None,
                    kms_keys: Vec::new(),
                })
            })?;
            versions.collect::<Result<Vec<_>, _>>().map(Some)
        })?;
        found.flatten().ok_or_else(|| missing_error(key))
    }

    pub(super) fn read_value(&self, secret: &StoreKey) -> Result<Option<StoredValue>, StoreError> {
        let found = self.file.read(|transaction, version| {
            if !exists(transaction, secret)? {
                return Ok(None);
            }
            if version < VALUES_SINCE {
                return Ok(Some((Labels::default(), None)));
            }
            let labels = Labels::read(transaction, version, secret)?;
            let ciphertext = match &labels.current {
                Some(current) => ciphertext(transaction, secret, current)?,
                None => None,
            };
            Ok(Some((labels, ciphertext)))
        })?;
        let (labels, ciphertext) = found.flatten().ok_or_else(|| missing_error(secret))?;
        if labels.is_empty() {
            return Ok(None);
        }
        let unreadable = |error| self.unreadable(secret, error);
        // Before the key file is read, which may be one of another version.
        if ciphertext.as_deref().is_some_and(is_age) {
            return Err(unreadable(DecryptionError::Age));
        }
        let key = self.key_file.key()?;
        let version = labels.verify(secret, &key).map_err(unreadable)?;
        let ciphertext = ciphertext.ok_or_else(|| unreadable(DecryptionError::Relabeled))?;
        let text = key.decrypt(value(secret, version), &ciphertext).map_err(unreadable)?;
        let text = std::str::from_utf8(&text).map_err(|_| unreadable(DecryptionError::Altered))?;
        Ok(Some(StoredValue { version: version.to_owned(), text: Some(SecretString::from(text)) }))
    }

    pub(super) fn write_value(
        &self,
        secret: &StoreKey,
        value: &SecretString,
        version: &str,
        replaces: Option<&str>,
    ) -> Result<(), StoreError> {
        let new = self.encrypt(secret, value, version.to_owned())?;
        self.change(secret, |transaction| {
            if current(transaction, secret)?.as_deref() != replaces {
                return Err(TransactionError::Store(moved_error(secret)));
            }
            self.insert(transaction, secret, &new)
        })
    }

    pub(super) fn move_current(
        &self,
        secret: &StoreKey,
        version: &str,
        replaces: &str,
    ) -> Result<(), StoreError> {
        let key = self.key_file.key()?;
        self.change(secret, |transaction| {
            let found = Labels::read(transaction, LABELS_SINCE, secret)?;
            if found.current.as_deref() != Some(replaces)
                || found.previous.as_deref() != Some(version)
            {
                return Err(TransactionError::Store(moved_error(secret)));
            }
            let unreadable = |error| TransactionError::Store(self.unreadable(secret, error));
            let target = ciphertext(transaction, secret, version)?
                .ok_or_else(|| TransactionError::Store(moved_error(secret)))?;
            if is_age(&target) {
                return Err(unreadable(DecryptionError::Age));
            }
            found.verify(secret, &key).map_err(unreadable)?;
            key.decrypt(value(secret, version), &target).map_err(unreadable)?;
            let exchange = "UPDATE versions SET stage = CASE WHEN id = ?2 THEN ?3 ELSE ?4 END
                WHERE secret = ?1";
            transaction.execute(exchange, [secret.as_str(), version, CURRENT, PREVIOUS])?;
            self.seal(transaction, secret, labels(secret, version, Some(replaces)), &key)
        })
    }

    /// Encrypts a value for a version of a secret, with a new key if there is none.
    pub(super) fn encrypt(
        &self,
        secret: &StoreKey,
        text: &SecretString,
        version: String,
    ) -> Result<Encrypted, StoreError> {
        let key = self.key_file.key_or_new()?;
        let ciphertext = key.encrypt(value(secret, &version), text.expose_secret().as_bytes());
        Ok(Encrypted { ciphertext: ciphertext.map_err(|_| self.key_file.failed())?, version, key })
    }

    /// Inserts a version as the current one.
    ///
    /// The old current one becomes the previous one. Deletes the other versions, and all of them if
    /// the labels do not verify: then nothing proves which of them was current.
    pub(super) fn insert(
        &self,
        transaction: &Transaction<'_>,
        secret: &StoreKey,
        new: &Encrypted,
    ) -> Result<(), TransactionError> {
        let found = Labels::read(transaction, LABELS_SINCE, secret)?;
        let previous = found.verify(secret, &new.key).ok();
        let others = "DELETE FROM versions WHERE secret = ?1 AND id IS NOT ?2";
        transaction.execute(others, params![secret.as_str(), previous])?;
        transaction.execute(
            "UPDATE versions SET stage = ?2 WHERE secret = ?1",
            [secret.as_str(), PREVIOUS],
        )?;
        let insert = "INSERT INTO versions (secret, id, stage, created_at, value)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        let now = Timestamp::now().to_string();
        transaction
            .execute(insert, params![secret.as_str(), new.version, CURRENT, now, new.ciphertext])?;
        self.seal(transaction, secret, labels(secret, &new.version, previous), &new.key)
    }

    /// Authenticates the labels.
    fn seal(
        &self,
        transaction: &Transaction<'_>,
        secret: &StoreKey,
        labels: Binding<'_>,
        key: &EncryptionKey,
    ) -> Result<(), TransactionError> {
        let seal = key
            .encrypt(labels, b"")
            .map_err(|_| TransactionError::Store(self.key_file.failed()))?;
        transaction.execute(
            "UPDATE secrets SET labels = ?2 WHERE name = ?1",
            params![secret.as_str(), seal],
        )?;
        Ok(())
    }

    fn unreadable(&self, secret: &StoreKey, error: DecryptionError) -> StoreError {
        let again = "set it again with `goldenpath value set ID --replace`";
        let remedy = match error {
            DecryptionError::Age => {
                format!(
                    "{again}; docs/how-to/upgrade-a-local-store.md shows how to read the old value \
                     first"
                )
            }
            DecryptionError::Format(_) => format!("update goldenpath, or {again}"),
            DecryptionError::OtherKey => {
                format!(
                    "restore the key file (`store.keyFile`), or {again}, which deletes the \
                     versions of the other key"
                )
            }
            DecryptionError::Altered | DecryptionError::Relabeled => format!(
                "restore `{}` from a copy that you trust, or {again}, which deletes the other \
                 versions; another program or person changed the file",
                self.file.path().display()
            ),
        };
        StoreError::LocalValue { name: secret.to_string(), reason: error.to_string(), remedy }
    }
}

fn value<'a>(secret: &'a StoreKey, version: &'a str) -> Binding<'a> {
    Binding::Value { secret: secret.as_str(), version }
}

fn labels<'a>(secret: &'a StoreKey, current: &'a str, previous: Option<&'a str>) -> Binding<'a> {
    Binding::Labels { secret: secret.as_str(), current, previous }
}

fn ciphertext(
    transaction: &Transaction<'_>,
    secret: &StoreKey,
    version: &str,
) -> rusqlite::Result<Option<Vec<u8>>> {
    let select = "SELECT value FROM versions WHERE secret = ?1 AND id = ?2";
    transaction.query_row(select, [secret.as_str(), version], |row| row.get(0)).optional()
}

fn current(transaction: &Transaction<'_>, key: &StoreKey) -> rusqlite::Result<Option<String>> {
    let select = "SELECT id FROM versions WHERE secret = ?1 AND stage = ?2";
    transaction.query_row(select, [key.as_str(), CURRENT], |row| row.get(0)).optional()
}

fn exists(transaction: &Transaction<'_>, key: &StoreKey) -> rusqlite::Result<bool> {
    transaction
        .prepare(&format!("SELECT 1 FROM secrets WHERE name = ?1 AND {EXISTS}"))?
        .exists([key.as_str()])
}

fn missing_error(key: &StoreKey) -> StoreError {
    StoreError::NotFound { name: key.to_string() }
}

fn moved_error(key: &StoreKey) -> StoreError {
    StoreError::ValueMoved { name: key.to_string() }
}
