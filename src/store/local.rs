//! The embedded store: one SQLite file, for trying out and for tests. It holds metadata, no values.

mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};

use super::{SecretStore, StoreError, StoredSecret};
use crate::manifest::StoreKey;
use file::{File, Refused};

/// A store in a file that need not be there yet.
#[derive(Debug)]
pub struct LocalStore {
    /// As the configuration has it.
    written: PathBuf,
    file: File,
}

impl LocalStore {
    /// The store at `path`, from `root` if it is relative. Nothing is opened yet.
    #[must_use]
    pub fn new(root: &Path, path: &Path) -> Self {
        Self { written: path.to_owned(), file: File::new(root.join(path)) }
    }

    /// Runs `change` on a secret that is there.
    fn change(
        &self,
        key: &StoreKey,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let missing = || StoreError::NotFound { name: key.to_string() };
        if !self.file.exists()? {
            return Err(missing());
        }
        self.file.write(|transaction| {
            match transaction.prepare("SELECT 1 FROM secrets WHERE name = ?1")?.exists([key.as_str()])? {
                true => Ok(change(transaction)?),
                false => Err(Refused::Store(missing())),
            }
        })
    }
}

impl SecretStore for LocalStore {
    fn place(&self) -> String {
        format!("local store {}", self.written.display())
    }

    async fn sweep(&self) -> Result<Vec<StoredSecret>, StoreError> {
        let found = self.file.read(|transaction| {
            let mut secrets = transaction.prepare(&format!("{SECRETS} ORDER BY name"))?;
            let secrets: Vec<_> = secrets.query_map([], secret)?.collect::<Result<_, _>>()?;
            let mut all: BTreeMap<_, _> = secrets.into_iter().map(|secret| (secret.name.clone(), secret)).collect();
            let mut tags = transaction.prepare("SELECT secret, key, value FROM tags")?;
            let mut rows = tags.query([])?;
            while let Some(row) = rows.next()? {
                if let Some(secret) = all.get_mut(row.get_ref(0)?.as_str()?) {
                    secret.tags.insert(row.get(1)?, row.get(2)?);
                }
            }
            Ok(all.into_values().collect())
        })?;
        Ok(found.unwrap_or_default())
    }

    async fn describe(&self, key: &StoreKey) -> Result<Option<StoredSecret>, StoreError> {
        let found = self.file.read(|transaction| {
            let mut secrets = transaction.prepare(&format!("{SECRETS} WHERE name = ?1"))?;
            let Some(mut found) = secrets.query_map([key.as_str()], secret)?.next().transpose()? else {
                return Ok(None);
            };
            let mut tags = transaction.prepare("SELECT key, value FROM tags WHERE secret = ?1")?;
            let tags = tags.query_map([key.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.tags = tags.collect::<Result<_, _>>()?;
            Ok(Some(found))
        })?;
        Ok(found.flatten())
    }

    async fn create(
        &self,
        key: &StoreKey,
        description: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        self.file.write(|transaction| {
            let new = "INSERT INTO secrets (name, description, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let now = Timestamp::now().to_string();
            match transaction.execute(new, params![key.as_str(), description, now])? {
                0 => Err(Refused::Store(StoreError::AlreadyExists { name: key.to_string() })),
                _ => Ok(put(transaction, key, tags)?),
            }
        })
    }

    async fn set_description(&self, key: &StoreKey, description: &str) -> Result<(), StoreError> {
        self.change(key, |transaction| {
            let update = "UPDATE secrets SET description = ?2 WHERE name = ?1";
            transaction.execute(update, params![key.as_str(), description]).map(drop)
        })
    }

    async fn put_tags(&self, key: &StoreKey, tags: &BTreeMap<String, String>) -> Result<(), StoreError> {
        if tags.is_empty() {
            return Ok(());
        }
        self.change(key, |transaction| put(transaction, key, tags))
    }
}

const SECRETS: &str = "SELECT name, description, created_at, deletion_at FROM secrets";

/// A row of [`SECRETS`], its tags still to come.
fn secret(row: &Row<'_>) -> rusqlite::Result<StoredSecret> {
    Ok(StoredSecret {
        name: row.get(0)?,
        description: Some(row.get(1)?).filter(|text: &String| !text.is_empty()),
        tags: BTreeMap::new(),
        created: timestamp(row, 2)?,
        deletion: timestamp(row, 3)?,
        has_value: false,
        last_rotated: None,
        last_changed: None,
    })
}

fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let text: Option<String> = row.get(column)?;
    let parsed = text.map(|text| text.parse::<Timestamp>()).transpose();
    parsed.map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn put(transaction: &Transaction<'_>, key: &StoreKey, tags: &BTreeMap<String, String>) -> rusqlite::Result<()> {
    let upsert = "INSERT INTO tags (secret, key, value) VALUES (?1, ?2, ?3)
        ON CONFLICT (secret, key) DO UPDATE SET value = excluded.value";
    let mut upsert = transaction.prepare(upsert)?;
    for (tag, value) in tags {
        upsert.execute(params![key.as_str(), tag, value])?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::future::Future;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    fn key(name: &str) -> StoreKey {
        StoreKey::parse(name).unwrap()
    }

    fn tags<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// A store in a folder of its own, and its file, which is not there yet.
    fn fresh() -> (TempDir, LocalStore, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let store = LocalStore::new(root.path(), Path::new(".goldenpath/store.db"));
        let path = root.path().join(".goldenpath/store.db");
        (root, store, path)
    }

    /// A store whose file holds `bytes`.
    fn holding(bytes: &[u8]) -> (TempDir, LocalStore, PathBuf) {
        let (root, store, path) = fresh();
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        (root, store, path)
    }

    #[test]
    fn what_is_created_is_described_and_swept_in_order_of_name() {
        let (_root, store, _) = fresh();
        let before = Timestamp::now();
        run(store.create(&key("b"), "second", &tags([("team", "blue")]))).unwrap();
        run(store.create(&key("a"), "", &tags([]))).unwrap();
        let found = run(store.describe(&key("b"))).unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.description.as_deref()), ("b", Some("second")));
        assert_eq!((found.tags.clone(), found.deletion), (tags([("team", "blue")]), None));
        assert!(found.created.unwrap() >= before && found.created.unwrap() <= Timestamp::now());
        let swept = run(store.sweep()).unwrap();
        assert_eq!(swept.iter().map(|secret| secret.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((&swept[1], &swept[0].description), (&found, &None));
        assert_eq!(run(store.describe(&key("c"))).unwrap(), None);
        assert_eq!(store.place(), "local store .goldenpath/store.db");
    }

    #[test]
    fn tags_are_added_or_replaced_and_others_stay() {
        let (_root, store, _) = fresh();
        run(store.create(&key("a"), "text", &tags([("keep", "1"), ("change", "1")]))).unwrap();
        for _ in 0..2 {
            run(store.put_tags(&key("a"), &tags([("change", "2"), ("add", "3")]))).unwrap();
            run(store.set_description(&key("a"), "another")).unwrap();
        }
        let found = run(store.describe(&key("a"))).unwrap().unwrap();
        assert_eq!(found.tags, tags([("add", "3"), ("change", "2"), ("keep", "1")]));
        assert_eq!(found.description.as_deref(), Some("another"));
    }

    #[test]
    fn a_name_that_is_taken_keeps_its_first_secret() {
        let (_root, store, _) = fresh();
        run(store.create(&key("a"), "first", &tags([("x", "1")]))).unwrap();
        let error = run(store.create(&key("a"), "second", &tags([("x", "2")]))).unwrap_err();
        assert!(matches!(error, StoreError::AlreadyExists { ref name } if name == "a"), "{error}");
        let found = run(store.describe(&key("a"))).unwrap().unwrap();
        assert_eq!((found.description.as_deref(), found.tags), (Some("first"), tags([("x", "1")])));
    }

    #[test]
    fn a_secret_that_is_not_there_cannot_change() {
        let (_root, store, path) = fresh();
        for there in [false, true] {
            assert_eq!(path.exists(), there);
            assert!(matches!(run(store.set_description(&key("a"), "")), Err(StoreError::NotFound { .. })));
            assert!(matches!(run(store.put_tags(&key("a"), &tags([("x", "1")]))), Err(StoreError::NotFound { .. })));
            run(store.create(&key("b"), "", &tags([]))).ok();
        }
    }

    #[test]
    fn a_store_that_is_not_there_is_empty_and_reading_does_not_make_it() {
        let (root, store, _) = fresh();
        assert_eq!(run(store.sweep()).unwrap(), []);
        assert_eq!(run(store.describe(&key("a"))).unwrap(), None);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_new_folder_is_hidden_from_git_and_one_that_was_there_is_left_alone() {
        let (root, store, path) = fresh();
        run(store.create(&key("a"), "", &tags([]))).unwrap();
        let folder = path.parent().unwrap();
        assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(folder), mode(&path)), (0o700, 0o600));
        }
        let (_root, store, path) = holding(b"");
        run(store.create(&key("a"), "", &tags([]))).unwrap();
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn several_writers_at_once_lose_nothing_and_one_of_them_wins_a_name() {
        let (root, store, _) = fresh();
        let won: usize = std::thread::scope(|scope| {
            let writer = |writer: usize| {
                let store = LocalStore::new(root.path(), Path::new(".goldenpath/store.db"));
                let shared = run(store.create(&key("shared"), "", &tags([]))).is_ok();
                for number in 0..5 {
                    run(store.create(&key(&format!("{writer}/{number}")), "", &tags([("n", "1")]))).unwrap();
                    run(store.sweep()).unwrap();
                }
                usize::from(shared)
            };
            let writers: Vec<_> = (0..6).map(|number| scope.spawn(move || writer(number))).collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).sum()
        });
        assert_eq!((won, run(store.sweep()).unwrap().len()), (1, 31));
    }

    #[test]
    fn what_is_no_store_of_ours_is_refused_and_left_as_it_was() {
        let (_root, store, path) = holding(b"this is not a database, however long you look at it");
        for error in [run(store.sweep()).unwrap_err(), run(store.create(&key("a"), "", &tags([]))).unwrap_err()] {
            assert!(matches!(error, StoreError::LocalDamaged { .. }), "{error}");
        }
        assert!(fs::read_to_string(&path).unwrap().starts_with("this is not"));

        let (_root, store, path) = holding(b"");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        for error in [run(store.sweep()).unwrap_err(), run(store.create(&key("a"), "", &tags([]))).unwrap_err()] {
            assert!(error.to_string().contains("another program's"), "{error}");
        }
    }

    #[test]
    fn a_damaged_store_says_so() {
        let (_root, store, path) = fresh();
        run(store.create(&key("a"), "", &tags([]))).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[4096..].fill(0xff);
        fs::write(&path, bytes).unwrap();
        let error = run(store.sweep()).unwrap_err();
        assert!(matches!(error, StoreError::LocalDamaged { .. }), "{error}");

        let (_root, store, path) = fresh();
        run(store.create(&key("a"), "", &tags([]))).unwrap();
        Connection::open(&path).unwrap().execute_batch("UPDATE secrets SET created_at = 'once'").unwrap();
        let error = run(store.describe(&key("a"))).unwrap_err();
        assert!(matches!(error, StoreError::LocalDamaged { .. }), "{error}");
    }

    #[test]
    fn a_store_of_a_newer_version_is_refused() {
        let (_root, store, path) = fresh();
        run(store.create(&key("a"), "", &tags([]))).unwrap();
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        for error in [run(store.sweep()).unwrap_err(), run(store.create(&key("b"), "", &tags([]))).unwrap_err()] {
            assert!(matches!(error, StoreError::LocalNewer { found: 99, .. }), "{error}");
        }
    }

    #[test]
    fn a_folder_in_the_file_s_place_is_named() {
        let root = tempfile::tempdir().unwrap();
        let error = run(LocalStore::new(root.path(), Path::new(".")).sweep()).unwrap_err();
        assert!(error.to_string().contains("it is a folder"), "{error}");
        fs::write(root.path().join("file"), "").unwrap();
        let error = run(LocalStore::new(root.path(), Path::new("file/store.db")).sweep()).unwrap_err();
        assert!(matches!(error, StoreError::LocalUnusable { .. }), "{error}");
    }

    #[test]
    fn a_marked_secret_is_there_with_its_date() {
        let (_root, store, path) = fresh();
        run(store.create(&key("a"), "", &tags([]))).unwrap();
        let mark = "UPDATE secrets SET deletion_at = '2026-01-02T03:04:05Z'";
        Connection::open(&path).unwrap().execute_batch(mark).unwrap();
        let found = run(store.describe(&key("a"))).unwrap().unwrap();
        assert_eq!(found.deletion, Some("2026-01-02T03:04:05Z".parse().unwrap()));
        assert_eq!(run(store.sweep()).unwrap(), [found]);
    }
}
