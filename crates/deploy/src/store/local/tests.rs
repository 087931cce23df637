//! Tests of the local store, alone and on damaged or foreign files.

use std::fs;
use std::future::Future;

use jiff::Timestamp;
use rusqlite::Connection;
use secrecy::ExposeSecret;
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

fn new(description: &str, tags: BTreeMap<String, String>) -> NewSecret {
    NewSecret { description: description.to_owned(), tags, ..NewSecret::default() }
}

fn described(description: &str) -> SecretUpdate {
    SecretUpdate { description: Some(description.to_owned()), ..SecretUpdate::default() }
}

/// Returns a store in a new folder, and the path of its file to be.
fn fresh() -> (TempDir, LocalStore, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let store = LocalStore::new(
        root.path(),
        Path::new(".goldenpath/store.db"),
        Some(&root.path().with_extension("key")),
    );
    let path = root.path().join(".goldenpath/store.db");
    (root, store, path)
}

/// Returns a store whose file contains `bytes`.
fn holding(bytes: &[u8]) -> (TempDir, LocalStore, PathBuf) {
    let (root, store, path) = fresh();
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    #[cfg(unix)]
    for (path, mode) in [(path.parent().unwrap(), 0o700), (&*path, 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    (root, store, path)
}

#[test]
fn created_secrets_are_described_and_listed_by_name() {
    let (_root, store, _) = fresh();
    let before = Timestamp::now();
    run(store.create(&key("b"), &new("second", tags([("team", "blue")])), None)).unwrap();
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
    let found = run(store.describe(&key("b"))).unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.description.as_deref()), ("b", Some("second")));
    assert_eq!((found.tags.clone(), found.deletion), (tags([("team", "blue")]), None));
    assert!(found.created.unwrap() >= before && found.created.unwrap() <= Timestamp::now());
    let swept = run(store.sweep("", &|_| ())).unwrap();
    assert_eq!(swept.iter().map(|secret| secret.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((&swept[1], &swept[0].description), (&found, &None));
    assert_eq!(run(store.describe(&key("c"))).unwrap(), None);
    assert_eq!(store.place(), "local store .goldenpath/store.db");
}

#[test]
fn tags_are_added_or_replaced_and_others_stay() {
    let (_root, store, _) = fresh();
    run(store.create(&key("a"), &new("text", tags([("keep", "1"), ("change", "1")])), None))
        .unwrap();
    for _ in 0..2 {
        run(store.put_tags(&key("a"), &tags([("change", "2"), ("add", "3")]))).unwrap();
        run(store.update(&key("a"), &described("another"))).unwrap();
    }
    let found = run(store.describe(&key("a"))).unwrap().unwrap();
    assert_eq!(found.tags, tags([("add", "3"), ("change", "2"), ("keep", "1")]));
    assert_eq!(found.description.as_deref(), Some("another"));
}

#[test]
fn a_name_that_is_taken_keeps_its_first_secret() {
    let (_root, store, _) = fresh();
    run(store.create(&key("a"), &new("first", tags([("x", "1")])), None)).unwrap();
    let error = run(store.create(&key("a"), &new("second", tags([("x", "2")])), None)).unwrap_err();
    assert!(matches!(error, StoreError::AlreadyExists { ref name } if name == "a"), "{error}");
    let found = run(store.describe(&key("a"))).unwrap().unwrap();
    assert_eq!((found.description.as_deref(), found.tags), (Some("first"), tags([("x", "1")])));
}

#[test]
fn a_missing_secret_cannot_be_changed() {
    let (_root, store, path) = fresh();
    for exists in [false, true] {
        assert_eq!(path.exists(), exists);
        assert!(matches!(
            run(store.update(&key("a"), &described(""))),
            Err(StoreError::NotFound { .. })
        ));
        assert!(matches!(
            run(store.put_tags(&key("a"), &tags([("x", "1")]))),
            Err(StoreError::NotFound { .. })
        ));
        run(store.create(&key("b"), &new("", tags([])), None)).ok();
    }
}

#[test]
fn a_missing_store_is_empty_and_reading_does_not_create_it() {
    let (root, store, _) = fresh();
    assert_eq!(run(store.sweep("", &|_| ())).unwrap(), []);
    assert_eq!(run(store.describe(&key("a"))).unwrap(), None);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn a_new_folder_is_ignored_by_git_and_an_existing_one_is_not_changed() {
    let (root, store, path) = fresh();
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
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
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn concurrent_writers_lose_nothing_and_exactly_one_creates_a_name() {
    let (root, store, _) = fresh();
    let won: usize = std::thread::scope(|scope| {
        let writer = |writer: usize| {
            let store = LocalStore::new(
                root.path(),
                Path::new(".goldenpath/store.db"),
                Some(&root.path().with_extension("key")),
            );
            let shared = run(store.create(&key("shared"), &new("", tags([])), None)).is_ok();
            for number in 0..5 {
                run(store.create(
                    &key(&format!("{writer}/{number}")),
                    &new("", tags([("n", "1")])),
                    None,
                ))
                .unwrap();
                run(store.sweep("", &|_| ())).unwrap();
            }
            usize::from(shared)
        };
        let writers: Vec<_> = (0..6).map(|number| scope.spawn(move || writer(number))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!((won, run(store.sweep("", &|_| ())).unwrap().len()), (1, 31));
}

#[test]
fn a_file_that_is_not_a_store_is_rejected_and_not_changed() {
    let (_root, store, path) = holding(b"this is not a database, however long you look at it");
    for error in [
        run(store.sweep("", &|_| ())).unwrap_err(),
        run(store.create(&key("a"), &new("", tags([])), None)).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::LocalDamaged { .. }), "{error}");
    }
    assert!(fs::read_to_string(&path).unwrap().starts_with("this is not"));

    let (_root, store, path) = holding(b"");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    for error in [
        run(store.sweep("", &|_| ())).unwrap_err(),
        run(store.create(&key("a"), &new("", tags([])), None)).unwrap_err(),
    ] {
        assert!(error.to_string().contains("another program's"), "{error}");
    }
}

#[test]
fn a_damaged_store_is_reported_as_damaged() {
    let (_root, store, path) = fresh();
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let error = run(store.sweep("", &|_| ())).unwrap_err();
    assert!(matches!(error, StoreError::LocalDamaged { .. }), "{error}");

    let (_root, store, path) = fresh();
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE secrets SET created_at = 'once'")
        .unwrap();
    let error = run(store.describe(&key("a"))).unwrap_err();
    assert!(matches!(error, StoreError::LocalDamaged { .. }), "{error}");
}

#[test]
fn a_store_of_a_newer_version_is_rejected() {
    let (_root, store, path) = fresh();
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    for error in [
        run(store.sweep("", &|_| ())).unwrap_err(),
        run(store.create(&key("b"), &new("", tags([])), None)).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::LocalNewer { found: 99, .. }), "{error}");
    }
}

#[test]
fn a_folder_in_place_of_the_file_is_reported() {
    let root = tempfile::tempdir().unwrap();
    let error =
        run(LocalStore::new(root.path(), Path::new("."), None).sweep("", &|_| ())).unwrap_err();
    assert!(error.to_string().contains("it is a folder"), "{error}");
    fs::write(root.path().join("file"), "").unwrap();
    let error =
        run(LocalStore::new(root.path(), Path::new("file/store.db"), None).sweep("", &|_| ()))
            .unwrap_err();
    assert!(matches!(error, StoreError::LocalUnusable { .. }), "{error}");
}

#[test]
fn a_secret_marked_for_deletion_is_listed_with_its_date() {
    let (_root, store, path) = fresh();
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
    let mark = "UPDATE secrets SET deletion_at = '2099-01-02T03:04:05Z'";
    Connection::open(&path).unwrap().execute_batch(mark).unwrap();
    let found = run(store.describe(&key("a"))).unwrap().unwrap();
    assert_eq!(found.deletion, Some("2099-01-02T03:04:05Z".parse().unwrap()));
    assert_eq!(run(store.sweep("", &|_| ())).unwrap(), [found]);
}

#[test]
fn a_secret_marked_for_deletion_is_restored() {
    let (_root, store, path) = fresh();
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE secrets SET deletion_at = '2099-01-02T03:04:05Z'")
        .unwrap();
    for _ in 0..2 {
        run(store.restore(&key("a"))).unwrap();
        assert_eq!(run(store.describe(&key("a"))).unwrap().unwrap().deletion, None);
    }
}

#[test]
fn a_secret_is_marked_once_and_does_not_exist_after_its_recovery_window() {
    let (_root, store, path) = fresh();
    run(store.create(&key("a"), &new("", tags([("goldenpath.io/id", "x")])), None)).unwrap();
    run(store.delete(&key("a"), 7)).unwrap();
    let marked = run(store.describe(&key("a"))).unwrap().unwrap().deletion.unwrap();
    let days = marked.duration_since(Timestamp::now()).as_hours();
    assert!((7 * 24 - 1..=7 * 24).contains(&days), "{days}");
    run(store.delete(&key("a"), 30)).unwrap();
    assert_eq!(run(store.describe(&key("a"))).unwrap().unwrap().deletion, Some(marked));
    assert!(matches!(run(store.delete(&key("b"), 7)), Err(StoreError::NotFound { .. })));

    let end = "UPDATE secrets SET deletion_at = '2020-01-02T03:04:05.123456789Z'";
    Connection::open(&path).unwrap().execute_batch(end).unwrap();
    assert_eq!(run(store.describe(&key("a"))).unwrap(), None);
    assert_eq!(run(store.sweep("", &|_| ())).unwrap(), []);
    assert!(matches!(run(store.restore(&key("a"))), Err(StoreError::NotFound { .. })));
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
    assert_eq!(run(store.describe(&key("a"))).unwrap().unwrap().tags, tags([]));
}

#[test]
fn a_policy_a_key_and_a_rotation_are_kept_and_replaced() {
    let (_root, store, _) = fresh();
    let secret = NewSecret { kms_key: Some("alias/one".to_owned()), ..new("text", tags([])) };
    run(store.create(&key("a"), &secret, None)).unwrap();
    assert_eq!(run(store.policy(&key("a"))).unwrap(), None);
    run(store.put_policy(&key("a"), "{}")).unwrap();
    assert_eq!(run(store.policy(&key("a"))).unwrap().as_deref(), Some("{}"));
    run(store.delete_policy(&key("a"))).unwrap();
    assert_eq!(run(store.policy(&key("a"))).unwrap(), None);
    assert!(matches!(run(store.policy(&key("b"))), Err(StoreError::NotFound { .. })));

    let rotation = RotationState { rotator: Rotator::Function("arn:f".to_owned()), days: Some(30) };
    run(store.rotate(&key("a"), &rotation)).unwrap();
    run(store.update(
        &key("a"),
        &SecretUpdate { kms_key: Some("alias/two".to_owned()), ..SecretUpdate::default() },
    ))
    .unwrap();
    let found = run(store.describe(&key("a"))).unwrap().unwrap();
    assert_eq!(found.rotation, Some(rotation));
    assert_eq!(
        (found.kms_key.as_deref(), found.description.as_deref()),
        (Some("alias/two"), Some("text"))
    );
}

#[test]
fn only_secrets_with_the_tag_are_listed() {
    let (_root, store, _) = fresh();
    run(store.create(
        &key("ours"),
        &new("", tags([("goldenpath.io/managed-by", "x"), ("y", "z")])),
        None,
    ))
    .unwrap();
    run(store.create(&key("theirs"), &new("", tags([("Goldenpath.io/managed-by", "x")])), None))
        .unwrap();
    let swept = run(store.sweep("goldenpath.io/managed-by", &|_| ())).unwrap();
    assert_eq!(swept.iter().map(|secret| secret.name.as_str()).collect::<Vec<_>>(), ["ours"]);
    assert_eq!(swept[0].tags.len(), 2);
}

#[test]
fn tables_of_an_older_goldenpath_are_read_unchanged_and_migrated_by_the_first_write() {
    let (_root, store, path) = fresh();
    run(store.create(&key("a"), &new("text", tags([("x", "1")])), None)).unwrap();
    let columns = ["kms_key", "policy", "rotation_function", "rotation_days", "labels"];
    let drop: String =
        columns.map(|column| format!("ALTER TABLE secrets DROP COLUMN {column};")).concat();
    Connection::open(&path)
        .unwrap()
        .execute_batch(&format!("{drop} DROP TABLE versions; PRAGMA user_version = 1"))
        .unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(run(store.sweep("", &|_| ())).unwrap()[0].description.as_deref(), Some("text"));
    assert_eq!(run(store.policy(&key("a"))).unwrap(), None);
    assert_eq!(run(store.versions(&key("a"))).unwrap(), []);
    assert!(run(store.value(&key("a"))).unwrap().is_none());
    assert_eq!(fs::read(&path).unwrap(), before);
    run(store.put_policy(&key("a"), "{}")).unwrap();
    assert_eq!(run(store.policy(&key("a"))).unwrap().as_deref(), Some("{}"));
    assert_eq!(run(store.describe(&key("a"))).unwrap().unwrap().tags, tags([("x", "1")]));
}

/// A store with a secret `a`, which has the version `one` and after it `two`, and the folder of its
/// key.
fn with_two_versions() -> (TempDir, TempDir, LocalStore, PathBuf) {
    let (root, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = Path::new(".goldenpath/store.db");
    let store = LocalStore::new(root.path(), file, Some(&keys.path().join("store.key")));
    run(store.create(&key("a"), &new("", tags([])), None)).unwrap();
    put(&store, "one", None).unwrap();
    put(&store, "two", Some("one")).unwrap();
    let path = root.path().join(file);
    (root, keys, store, path)
}

/// Puts a value whose text is the version's name.
fn put(store: &LocalStore, version: &str, replaces: Option<&str>) -> Result<(), StoreError> {
    run(store.put_value(&key("a"), &SecretString::from(version), version, replaces))
}

/// The versions that have the labels, and the current one's text.
fn versions(store: &LocalStore) -> (Vec<(String, String)>, String) {
    let found = run(store.versions(&key("a"))).unwrap().into_iter();
    let mut labeled: Vec<_> = found.map(|version| (version.stages.concat(), version.id)).collect();
    labeled.sort();
    let value = run(store.value(&key("a"))).unwrap().unwrap();
    (labeled, value.text.unwrap().expose_secret().to_owned())
}

fn labeled(current: &str, previous: &str) -> (Vec<(String, String)>, String) {
    let label = |label: &str, version: &str| (label.to_owned(), version.to_owned());
    (vec![label("AWSCURRENT", current), label("AWSPREVIOUS", previous)], current.to_owned())
}

#[test]
fn a_value_replaces_the_version_that_was_seen_and_no_other() {
    let (_root, _keys, store, _) = with_two_versions();
    assert_eq!(versions(&store), labeled("two", "one"));
    for stale in [None, Some("one"), Some("three"), Some("")] {
        let refused = put(&store, "late", stale);
        assert!(
            matches!(refused, Err(StoreError::ValueMoved { ref name }) if name == "a"),
            "{stale:?}: {refused:?}"
        );
        assert_eq!(versions(&store), labeled("two", "one"), "{stale:?}");
    }
    put(&store, "three", Some("two")).unwrap();
    assert_eq!(versions(&store), labeled("three", "two"), "the oldest is removed");
}

#[test]
fn the_previous_version_is_made_current_while_both_are_what_was_seen() {
    let (_root, _keys, store, _) = with_two_versions();
    let make_current = |version, replaces| run(store.make_current(&key("a"), version, replaces));
    for (version, replaces) in [("one", "three"), ("two", "one"), ("three", "two"), ("two", "two")]
    {
        let refused = make_current(version, replaces);
        assert!(
            matches!(refused, Err(StoreError::ValueMoved { .. })),
            "{version} {replaces}: {refused:?}"
        );
        assert_eq!(versions(&store), labeled("two", "one"), "{version} {replaces}");
    }
    make_current("one", "two").unwrap();
    assert_eq!(versions(&store), labeled("one", "two"));
}

#[test]
fn a_version_whose_labels_or_text_were_changed_is_not_made_current() {
    for change in [
        "UPDATE secrets SET labels = NULL",
        "UPDATE versions SET stage = \
         CASE stage WHEN 'AWSCURRENT' THEN 'AWSPREVIOUS' ELSE 'AWSCURRENT' END",
        "UPDATE versions SET value = (SELECT value FROM versions WHERE id = 'two') \
         WHERE id = 'one'",
        "UPDATE versions SET value = x'0102' WHERE id = 'one'",
    ] {
        let (_root, _keys, store, path) = with_two_versions();
        Connection::open(&path).unwrap().execute(change, []).unwrap();
        let swapped = change.contains("CASE");
        let (version, replaces) = if swapped { ("two", "one") } else { ("one", "two") };
        let refused = run(store.make_current(&key("a"), version, replaces));
        assert!(matches!(refused, Err(StoreError::LocalValue { .. })), "{change}: {refused:?}");
    }
}

#[test]
fn where_the_labels_do_not_verify_a_new_value_leaves_no_version_but_its_own() {
    let (_root, _keys, store, path) = with_two_versions();
    Connection::open(&path).unwrap().execute("UPDATE secrets SET labels = NULL", []).unwrap();
    put(&store, "three", Some("two")).unwrap();
    let current = vec![("AWSCURRENT".to_owned(), "three".to_owned())];
    assert_eq!(versions(&store), (current, "three".to_owned()));
}
