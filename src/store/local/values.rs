//! The versions of values in the local store, with AWS's staging labels. Each is encrypted for the key in the key file.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use secrecy::SecretString;

use super::file::Refused;
use super::{LIVES, LocalStore, timestamp};
use crate::manifest::StoreKey;
use crate::store::{CURRENT, PREVIOUS, StoreError, StoredValue, Version};

/// The version of the tables from which on there are values.
const SINCE: i64 = 3;

impl LocalStore {
    pub(super) fn read_versions(&self, key: &StoreKey) -> Result<Vec<Version>, StoreError> {
        let found = self.file.read(|transaction, version| {
            if !is_there(transaction, key)? {
                return Ok(None);
            }
            if version < SINCE {
                return Ok(Some(Vec::new()));
            }
            let select = "SELECT id, stage, created_at FROM versions WHERE secret = ?1 ORDER BY created_at DESC, stage";
            let mut versions = transaction.prepare(select)?;
            let versions = versions.query_map([key.as_str()], |row| {
                let stages = vec![row.get(1)?];
                Ok(Version { id: row.get(0)?, stages, created: timestamp(row, 2)?, last_accessed: None })
            })?;
            versions.collect::<Result<Vec<_>, _>>().map(Some)
        })?;
        found.flatten().ok_or_else(|| missing(key))
    }

    pub(super) fn read_value(&self, key: &StoreKey) -> Result<Option<StoredValue>, StoreError> {
        let found = self.file.read(|transaction, version| {
            if !is_there(transaction, key)? {
                return Ok(None);
            }
            if version < SINCE {
                return Ok(Some(None));
            }
            let select = "SELECT id, value FROM versions WHERE secret = ?1 AND stage = ?2";
            let both = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?));
            transaction.query_row(select, [key.as_str(), CURRENT], both).optional().map(Some)
        })?;
        let Some((version, bytes)) = found.flatten().ok_or_else(|| missing(key))? else { return Ok(None) };
        Ok(Some(StoredValue { version, text: Some(self.key_file.decrypt(&bytes)?) }))
    }

    pub(super) fn write_value(
        &self,
        key: &StoreKey,
        value: &SecretString,
        version: &str,
        replaces: Option<&str>,
    ) -> Result<(), StoreError> {
        let bytes = self.key_file.encrypt(value)?;
        self.change(key, |transaction| {
            if current(transaction, key)?.as_deref() != replaces {
                return Err(Refused::Store(moved(key)));
            }
            Ok(insert(transaction, key, version, &bytes)?)
        })
    }

    pub(super) fn move_current(&self, key: &StoreKey, version: &str, replaces: &str) -> Result<(), StoreError> {
        self.change(key, |transaction| {
            if current(transaction, key)?.as_deref() != Some(replaces) {
                return Err(Refused::Store(moved(key)));
            }
            let exchange = "UPDATE versions SET stage = CASE WHEN id = ?2 THEN ?3 ELSE ?4 END
                WHERE secret = ?1 AND id IN (?2, ?5)";
            transaction.execute(
                "DELETE FROM versions WHERE secret = ?1 AND id NOT IN (?2, ?3)",
                [key.as_str(), version, replaces],
            )?;
            match transaction.execute(exchange, [key.as_str(), version, CURRENT, PREVIOUS, replaces])? {
                2 => Ok(()),
                _ => Err(Refused::Store(moved(key))),
            }
        })
    }
}

/// Makes a version the current one, the one that was current the previous one, and removes what was that before.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    key: &StoreKey,
    version: &str,
    bytes: &[u8],
) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM versions WHERE secret = ?1 AND stage = ?2", [key.as_str(), PREVIOUS])?;
    transaction.execute("UPDATE versions SET stage = ?2 WHERE secret = ?1", [key.as_str(), PREVIOUS])?;
    let insert = "INSERT INTO versions (secret, id, stage, created_at, value) VALUES (?1, ?2, ?3, ?4, ?5)";
    let now = Timestamp::now().to_string();
    transaction.execute(insert, params![key.as_str(), version, CURRENT, now, bytes]).map(drop)
}

fn current(transaction: &Transaction<'_>, key: &StoreKey) -> rusqlite::Result<Option<String>> {
    let select = "SELECT id FROM versions WHERE secret = ?1 AND stage = ?2";
    transaction.query_row(select, [key.as_str(), CURRENT], |row| row.get(0)).optional()
}

fn is_there(transaction: &Transaction<'_>, key: &StoreKey) -> rusqlite::Result<bool> {
    transaction.prepare(&format!("SELECT 1 FROM secrets WHERE name = ?1 AND {LIVES}"))?.exists([key.as_str()])
}

fn missing(key: &StoreKey) -> StoreError {
    StoreError::NotFound { name: key.to_string() }
}

fn moved(key: &StoreKey) -> StoreError {
    StoreError::ValueMoved { name: key.to_string() }
}
