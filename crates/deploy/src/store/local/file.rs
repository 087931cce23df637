//! The local store's file: creation, opening, locking and migrations.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::access;
use super::access::{AccessError, FileRole};
use crate::store::StoreError;
use goldenpath_core::files;

/// `PRAGMA user_version`. Each step of [`MIGRATIONS`] raises it by one.
const VERSION: i64 = MIGRATIONS.len() as i64;

/// `PRAGMA application_id`, "gpst", which identifies the store's files.
const APPLICATION: i64 = 0x6770_7374;

/// The migrations from each version to the next. A released one never changes.
const MIGRATIONS: [&str; 4] = [
    "
    CREATE TABLE secrets (
        name        TEXT NOT NULL PRIMARY KEY,
        description TEXT NOT NULL,
        created_at  TEXT NOT NULL, -- RFC 3339, UTC
        deletion_at TEXT           -- when it was marked for deletion
    );
    CREATE TABLE tags (
        secret TEXT NOT NULL REFERENCES secrets (name) ON DELETE CASCADE,
        key    TEXT NOT NULL,
        value  TEXT NOT NULL,
        PRIMARY KEY (secret, key)
    );
",
    "
    ALTER TABLE secrets ADD COLUMN kms_key TEXT;
    ALTER TABLE secrets ADD COLUMN policy TEXT;            -- JSON
    ALTER TABLE secrets ADD COLUMN rotation_function TEXT; -- null where it is not rotated
    ALTER TABLE secrets ADD COLUMN rotation_days INTEGER;
",
    "
    CREATE TABLE versions (
        secret     TEXT NOT NULL REFERENCES secrets (name) ON DELETE CASCADE,
        id         TEXT NOT NULL,
        stage      TEXT NOT NULL, -- AWSCURRENT or AWSPREVIOUS
        created_at TEXT NOT NULL, -- RFC 3339, UTC
        value      BLOB NOT NULL, -- encrypted with the key file's key
        PRIMARY KEY (secret, id)
    );
",
    // From here on, goldenpath encrypts values itself. A value encrypted by age stays as it is
    // until it is replaced.
    "
    ALTER TABLE secrets ADD COLUMN labels BLOB; -- authenticates the labels; null without a value
",
];

/// How long a call waits for another process's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// The file, which need not exist yet.
///
/// Each call opens it again and is one transaction, so several processes can share it. The journal
/// is SQLite's rollback journal: WAL would leave two more files next to the store, which even a
/// reader would create.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    /// The repository's root.
    root: PathBuf,
}

impl DatabaseFile {
    /// Configures the file at `path`, relative to `root`.
    pub(super) fn new(root: &Path, path: &Path) -> Self {
        Self { path: root.join(path), root: root.to_owned() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `read` on the tables, if there are any, with their version.
    ///
    /// Tables of an older version are migrated by the first write only.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        if !self.exists()? {
            return Ok(None);
        }
        let mut connection = self.open()?;
        let transaction = self.begin(&mut connection, TransactionBehavior::Deferred)?;
        match self.version(&transaction)? {
            0 => Ok(None),
            version => read(&transaction, version).map(Some).map_err(|error| self.failed(&error)),
        }
    }

    /// Runs `write` in a transaction that is rolled back if it fails.
    ///
    /// Creates the file and its tables if they are missing.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, TransactionError>,
    ) -> Result<T, StoreError> {
        if !self.exists()? {
            self.check_folders()?;
            self.create_file().map_err(|error| self.unusable(error.to_string()))?;
        }
        let mut connection = self.open()?;
        // Immediate: two transactions that read first and lock later can block each other.
        let transaction = self.begin(&mut connection, TransactionBehavior::Immediate)?;
        let version = usize::try_from(self.version(&transaction)?).unwrap_or(0);
        if version < MIGRATIONS.len() {
            migrate(&transaction, version).map_err(|error| self.failed(&error))?;
        }
        let done = write(&transaction).map_err(|refusal| match refusal {
            TransactionError::Store(error) => error,
            TransactionError::Sqlite(error) => self.failed(&error),
        })?;
        transaction.commit().map_err(|error| self.failed(&error))?;
        Ok(done)
    }

    /// Returns whether the file exists, and checks who may access it.
    ///
    /// # Errors
    /// If other users may access the file or its folder, or it is not a file: SQLite's message for
    /// a folder is not clear, and on a FIFO it would wait forever.
    pub(super) fn exists(&self) -> Result<bool, StoreError> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.is_dir() => Err(self.unusable("it is a folder".to_owned())),
            Ok(found) if !found.is_file() && !found.is_symlink() => {
                Err(self.unusable("it is not a regular file".to_owned()))
            }
            Ok(_) => {
                self.check_folders()?;
                self.check_access("the local store", &self.path, FileRole::File)?;
                // SQLite's files next to it have its mode, and exist only while another process
                // uses the store.
                for suffix in ["-journal", "-wal", "-shm"] {
                    let mut path = self.path.clone().into_os_string();
                    path.push(suffix);
                    self.check_access("the local store's file", Path::new(&path), FileRole::File)?;
                }
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.unusable(error.to_string())),
        }
    }

    /// Checks the folder of the file.
    ///
    /// No folder between it and the repository's root may be a symbolic link.
    fn check_folders(&self) -> Result<(), StoreError> {
        let Some(folder) = self.path.parent() else { return Ok(()) };
        let what = "the local store's folder";
        let below_root = folder
            .ancestors()
            .take_while(|above| above.starts_with(&self.root) && *above != self.root);
        for link in below_root.filter(|above| above.is_symlink()) {
            self.check_access(what, link, FileRole::Folder)?;
        }
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (root, real) = (real(&self.root), real(folder));
        if real != root && real.starts_with(&root) {
            self.check_access(what, folder, FileRole::Folder)
        } else {
            // Outside the repository, the user created the links on the path.
            self.check_access(what, &real, FileRole::SharedFolder)
        }
    }

    fn check_access(
        &self,
        what: &'static str,
        path: &Path,
        kind: FileRole,
    ) -> Result<(), StoreError> {
        access::check(path, kind).map_err(|error| match error {
            AccessError::Exposed { reason, remedy } => {
                StoreError::LocalExposed { what, path: path.to_owned(), reason, remedy }
            }
            AccessError::Io(error) => self.unusable(error.to_string()),
        })
    }

    fn open(&self) -> Result<Connection, StoreError> {
        // Never CREATE: create_file does it, with a mode. Not READ_ONLY for reading: after a
        // crash, the next process that opens the file has to roll back the journal. If the file is
        // not writable, SQLite falls back to reading.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&self.path, flags).map_err(|error| self.failed(&error))?;
        let configure = || {
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "foreign_keys", true)?;
            // A file from elsewhere may contain code (SQLite, "Defense Against The Dark Arts").
            for (setting, value) in [
                (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
                (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
            ] {
                connection.set_db_config(setting, value)?;
            }
            Ok(())
        };
        configure().map_err(|error| self.failed(&error))?;
        Ok(connection)
    }

    fn begin<'a>(
        &self,
        connection: &'a mut Connection,
        behavior: TransactionBehavior,
    ) -> Result<Transaction<'a>, StoreError> {
        connection.transaction_with_behavior(behavior).map_err(|error| self.failed(&error))
    }

    /// Returns the version of the tables, or 0 if there are none.
    fn version(&self, transaction: &Transaction<'_>) -> Result<i64, StoreError> {
        let query = |sql| {
            transaction.query_row(sql, [], |row| row.get(0)).map_err(|error| self.failed(&error))
        };
        let version: i64 = query("PRAGMA user_version")?;
        let application: i64 = query("PRAGMA application_id")?;
        let empty =
            version == 0 && application == 0 && query("SELECT count(*) FROM sqlite_schema")? == 0;
        match version {
            _ if empty => Ok(0),
            1.. if application == APPLICATION && version > VERSION => Err(StoreError::LocalNewer {
                path: self.path.clone(),
                found: version,
                known: VERSION,
            }),
            1.. if application == APPLICATION => Ok(version),
            _ => Err(self.damaged("it is another program's SQLite database".to_owned())),
        }
    }

    /// Creates an empty file that only its owner can access.
    ///
    /// To SQLite, it is an empty database.
    fn create_file(&self) -> io::Result<()> {
        if let Some(folder) =
            self.path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        {
            create_folder(folder)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&self.path) {
            // Another process created it concurrently.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created.map(drop),
        }
    }

    fn failed(&self, error: &rusqlite::Error) -> StoreError {
        let reason = match error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            error => error.to_string(),
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::LocalLocked { path: self.path.clone() }
            }
            // A statement or a value that does not fit the tables means damage, too.
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown)
            | None => self.damaged(reason),
            Some(_) => self.unusable(reason),
        }
    }

    fn damaged(&self, reason: String) -> StoreError {
        StoreError::LocalDamaged { path: self.path.clone(), reason }
    }

    fn unusable(&self, reason: String) -> StoreError {
        StoreError::LocalUnusable { path: self.path.clone(), reason }
    }
}

/// Migrates the tables, inside the transaction.
fn migrate(transaction: &Transaction<'_>, version: usize) -> rusqlite::Result<()> {
    for step in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)
}

/// Why a transaction's work is rolled back.
pub(super) enum TransactionError {
    Store(StoreError),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for TransactionError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Creates a folder for the store, which git ignores.
///
/// It is renamed to its place when it is complete: a killed run leaves no folder without its
/// `.gitignore`, from which the store could be committed.
fn create_folder(folder: &Path) -> io::Result<()> {
    let parent =
        folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(files::TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let temporary = builder.tempdir_in(parent)?;
    fs::write(temporary.path().join(".gitignore"), "*\n")?;
    match fs::rename(temporary.path(), folder) {
        Ok(()) => {
            // Nothing is left to remove at the old name.
            let _ = temporary.keep();
            Ok(())
        }
        // Another process created it concurrently.
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_a_new_store_does_not_mention_age() {
        let mut store = Connection::open_in_memory().unwrap();
        let transaction = store.transaction().unwrap();
        migrate(&transaction, 0).unwrap();
        let sql = "SELECT sql FROM sqlite_schema WHERE name = 'versions'";
        let tables: String = transaction.query_row(sql, [], |row| row.get(0)).unwrap();
        assert!(tables.contains("-- encrypted") && !tables.contains("by age"), "{tables}");
    }
}
