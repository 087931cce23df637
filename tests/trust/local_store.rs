//! An attacker with write access to the local store's file and without the key: a value is served
//! under its own name and version, or not at all. Other users have no access to the file, its
//! folder and the key.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use goldenpath_testkit::{Command, KEY, Outcome, Platform, skip};

const OTHER: &str = "goldenpath/payments/dev/payments-admin";

/// Returns SEC-0007 with the passwords `first` and, as the current one, `second`, and SEC-0008 with
/// `other`.
fn platform() -> Platform {
    let platform = Platform::local();
    platform.seed().write("SEC-0008", "payments-admin").catalog.commit_all("Two");
    platform.apply().run().success();
    for (id, password) in [("SEC-0007", "first"), ("SEC-0007", "second"), ("SEC-0008", "other")] {
        set(&platform, id, password, &[]).success();
    }
    platform
}

fn value(platform: &Platform, arguments: &[&str]) -> Command {
    platform.catalog.goldenpath(&[&["value"], arguments].concat())
}

fn set(platform: &Platform, id: &str, password: &str, flags: &[&str]) -> Outcome {
    let given = format!(r#"{{"username":"app","password":"{password}"}}"#);
    value(platform, &[&["set", id, "--yes"], flags].concat()).stdin(given).run()
}

fn env(platform: &Platform, id: &str) -> Outcome {
    value(platform, &["env", id, "--", "printenv", "password"]).run()
}

#[track_caller]
fn serves(platform: &Platform, id: &str, password: &str) {
    assert_eq!(env(platform, id).success().stdout, format!("{password}\n"));
}

fn said(outcome: &Outcome) -> String {
    outcome.stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that the value is not served, and that the error names the secret, the cause and the
/// command that sets it again.
#[track_caller]
fn refuses(platform: &Platform, id: &str, secret: &str, cause: &str) {
    let outcome = env(platform, id).fails_with(1);
    assert_eq!(outcome.stdout, "");
    let said = said(&outcome);
    assert!(said.contains(&format!("cannot read the value of `{secret}`")), "{}", outcome.stderr);
    assert!(said.contains(cause), "{}", outcome.stderr);
    assert!(said.contains("`goldenpath value set ID --replace`"), "{}", outcome.stderr);
}

fn store(platform: &Platform) -> PathBuf {
    platform.catalog.path().join(".goldenpath/store.db")
}

fn tamper(platform: &Platform, statements: &str) {
    let store = Connection::open(store(platform)).unwrap();
    store.execute_batch(&format!("PRAGMA foreign_keys = OFF; {statements}")).unwrap();
}

const MOVED: &str = "belongs to another secret or version, or was changed";
const RELABELED: &str = "its versions or their labels are not as goldenpath wrote them";

/// Returns the value of the version with a label.
fn version(secret: &str, stage: &str) -> String {
    format!("(SELECT value FROM versions WHERE secret = '{secret}' AND stage = '{stage}')")
}

#[test]
fn ciphertexts_that_are_swapped_between_two_secrets_are_refused() {
    let platform = platform();
    serves(&platform, "SEC-0007", "second");
    serves(&platform, "SEC-0008", "other");
    let [seven, eight] = [KEY, OTHER].map(|secret| version(secret, "AWSCURRENT"));
    tamper(
        &platform,
        &format!(
            "CREATE TEMP TABLE held AS SELECT {seven} AS seven, {eight} AS eight;
            UPDATE versions SET value = (SELECT eight FROM held) \
                WHERE secret = '{KEY}' AND stage = 'AWSCURRENT';
            UPDATE versions SET value = (SELECT seven FROM held) WHERE secret = '{OTHER}';"
        ),
    );
    refuses(&platform, "SEC-0007", KEY, MOVED);
    refuses(&platform, "SEC-0008", OTHER, MOVED);
    // It is not read to keep other keys, either.
    set(&platform, "SEC-0008", "third", &[]).fails_with(1);
}

#[test]
fn whole_rows_that_are_swapped_between_two_secrets_are_refused() {
    let platform = platform();
    tamper(
        &platform,
        &format!(
            "UPDATE versions SET secret = 'x' WHERE secret = '{KEY}';
            UPDATE versions SET secret = '{KEY}' WHERE secret = '{OTHER}';
            UPDATE versions SET secret = '{OTHER}' WHERE secret = 'x';"
        ),
    );
    refuses(&platform, "SEC-0007", KEY, RELABELED);
    refuses(&platform, "SEC-0008", OTHER, RELABELED);
}

#[test]
fn a_secret_that_is_renamed_to_another_one_is_refused() {
    let platform = platform();
    tamper(
        &platform,
        &format!(
            "DELETE FROM versions WHERE secret = '{KEY}'; DELETE FROM secrets WHERE name = '{KEY}';
            UPDATE secrets SET name = '{KEY}' WHERE name = '{OTHER}';
            UPDATE versions SET secret = '{KEY}' WHERE secret = '{OTHER}';
            UPDATE tags SET value = 'SEC-0007' WHERE key = 'goldenpath.io/id';"
        ),
    );
    refuses(&platform, "SEC-0007", KEY, RELABELED);
}

#[test]
fn the_ciphertext_of_an_older_version_in_the_place_of_the_current_one_is_refused() {
    let platform = platform();
    let old = version(KEY, "AWSPREVIOUS");
    tamper(
        &platform,
        &format!(
            "UPDATE versions SET value = {old} WHERE secret = '{KEY}' AND stage = 'AWSCURRENT'"
        ),
    );
    refuses(&platform, "SEC-0007", KEY, MOVED);
    serves(&platform, "SEC-0008", "other");
}

#[test]
fn labels_that_are_swapped_do_not_make_an_older_version_current() {
    let platform = platform();
    tamper(
        &platform,
        &format!(
            "UPDATE versions SET stage = CASE stage WHEN 'AWSCURRENT' THEN 'AWSPREVIOUS' ELSE \
                'AWSCURRENT' END
            WHERE secret = '{KEY}'"
        ),
    );
    refuses(&platform, "SEC-0007", KEY, RELABELED);
    value(&platform, &["rotate", "SEC-0007", "--rollback", "--yes"]).run().fails_with(1);
}

#[test]
fn the_older_version_does_not_become_current_when_the_current_one_is_removed() {
    let platform = platform();
    tamper(
        &platform,
        &format!(
            "DELETE FROM versions WHERE secret = '{KEY}' AND stage = 'AWSCURRENT';
            UPDATE versions SET stage = 'AWSCURRENT' WHERE secret = '{KEY}';"
        ),
    );
    refuses(&platform, "SEC-0007", KEY, RELABELED);
    tamper(&platform, &format!("UPDATE versions SET stage = 'AWSPREVIOUS' WHERE secret = '{KEY}'"));
    refuses(&platform, "SEC-0007", KEY, RELABELED);
}

#[test]
fn versions_whose_ids_are_exchanged_are_refused() {
    let platform = platform();
    let id = |stage: &str| {
        format!("(SELECT id FROM versions WHERE secret = '{KEY}' AND stage = '{stage}')")
    };
    let (current, previous) = (id("AWSCURRENT"), id("AWSPREVIOUS"));
    tamper(
        &platform,
        &format!(
            "CREATE TEMP TABLE held AS SELECT {current} AS current, {previous} AS previous;
            UPDATE versions SET id = 'x' WHERE id = (SELECT current FROM held);
            UPDATE versions SET id = (SELECT current FROM held), stage = 'AWSCURRENT'
                WHERE id = (SELECT previous FROM held);
            UPDATE versions SET id = (SELECT previous FROM held), stage = 'AWSPREVIOUS' \
                WHERE id = 'x';"
        ),
    );
    refuses(&platform, "SEC-0007", KEY, MOVED);
}

#[test]
fn a_second_current_version_is_refused() {
    let platform = platform();
    let other = version(OTHER, "AWSCURRENT");
    tamper(
        &platform,
        &format!(
            "INSERT INTO versions VALUES ('{KEY}', 'a', 'AWSCURRENT', '2099-01-01T00:00:00Z', \
             {other})"
        ),
    );
    refuses(&platform, "SEC-0007", KEY, RELABELED);
}

#[test]
fn labels_without_what_authenticates_them_are_refused() {
    let platform = platform();
    tamper(&platform, "UPDATE secrets SET labels = NULL");
    refuses(&platform, "SEC-0007", KEY, RELABELED);
    tamper(&platform, "UPDATE secrets SET labels = x'01'");
    refuses(&platform, "SEC-0007", KEY, RELABELED);
    tamper(&platform, "UPDATE secrets SET labels = zeroblob(37)");
    refuses(&platform, "SEC-0007", KEY, "it has format 0");
    tamper(
        &platform,
        &format!(
            "UPDATE secrets SET labels = (SELECT value FROM versions WHERE secret = '{OTHER}')"
        ),
    );
    refuses(&platform, "SEC-0007", KEY, RELABELED);
}

#[test]
fn a_ciphertext_that_is_cut_off_or_changed_is_refused() {
    for (value, cause) in [
        ("substr(value, 1, length(value) - 1)", MOVED),
        ("substr(value, 1, 20)", MOVED),
        ("x''", MOVED),
        ("zeroblob(100)", "it has format 0"),
        ("CAST(substr(value, 1, 40) || x'00' || substr(value, 42) AS BLOB)", MOVED),
        ("x'6167652d656e6372797074696f6e2e6f72672f76310a'", "goldenpath 0.1 encrypted it with age"),
    ] {
        let platform = platform();
        tamper(&platform, &format!("UPDATE versions SET value = {value} WHERE secret = '{KEY}'"));
        refuses(&platform, "SEC-0007", KEY, cause);
        serves(&platform, "SEC-0008", "other");
    }
}

#[test]
fn a_refused_value_can_be_set_again_and_versions_that_nothing_proves_are_removed() {
    let platform = platform();
    tamper(
        &platform,
        &format!(
            "UPDATE versions SET stage = CASE stage WHEN 'AWSCURRENT' THEN 'AWSPREVIOUS' ELSE \
                'AWSCURRENT' END
            WHERE secret = '{KEY}'"
        ),
    );
    set(&platform, "SEC-0007", "again", &["--replace"]).success();
    serves(&platform, "SEC-0007", "again");
    let rollback = || value(&platform, &["rotate", "SEC-0007", "--rollback", "--yes"]).run();
    rollback().fails_with(1);
    set(&platform, "SEC-0007", "last", &[]).success();
    rollback().success();
    serves(&platform, "SEC-0007", "again");
    rollback().success();
    serves(&platform, "SEC-0007", "last");
}

#[test]
fn a_rollback_refuses_a_previous_version_that_was_exchanged() {
    let platform = platform();
    let other = version(OTHER, "AWSCURRENT");
    tamper(
        &platform,
        &format!(
            "UPDATE versions SET value = {other} WHERE secret = '{KEY}' AND stage = 'AWSPREVIOUS'"
        ),
    );
    let outcome =
        value(&platform, &["rotate", "SEC-0007", "--rollback", "--yes"]).run().fails_with(1);
    assert!(said(&outcome).contains(MOVED), "{}", outcome.stderr);
    serves(&platform, "SEC-0007", "second");
}

#[test]
fn code_that_a_store_file_brings_along_is_not_run() {
    let platform = platform();
    let old = version(KEY, "AWSPREVIOUS");
    tamper(
        &platform,
        &format!(
            "CREATE TRIGGER swap AFTER UPDATE ON secrets BEGIN
                UPDATE versions SET value = {old} WHERE secret = '{KEY}'; END;"
        ),
    );
    set(&platform, "SEC-0007", "third", &[]).success();
    serves(&platform, "SEC-0007", "third");
    tamper(
        &platform,
        "DROP TRIGGER swap; ALTER TABLE versions RENAME TO kept;
        CREATE VIEW versions AS SELECT secret, id, stage, created_at, value FROM kept;",
    );
    assert_eq!(env(&platform, "SEC-0007").fails_with(1).stdout, "");
}

#[test]
fn a_value_of_another_key_is_refused_and_the_key_is_named() {
    let platform = platform();
    let key = platform.catalog.home().join(".config/goldenpath/local-store.key");
    let own = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    set(&platform, "SEC-0008", "again", &["--replace"]).success();
    refuses(
        &platform,
        "SEC-0007",
        KEY,
        "it was encrypted with another key than the one in the key file",
    );
    fs::write(&key, own).unwrap();
    serves(&platform, "SEC-0007", "second");
}

// Returns the permissions of other users.

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o777
}

/// Runs the command that the error quotes.
#[track_caller]
fn run_remedy(platform: &Platform, said: &str) {
    let (_, command) = said.split_once("run `").unwrap_or_else(|| panic!("no command in {said}"));
    let (command, _) = command.split_once('`').unwrap();
    platform.catalog.program("sh", &["-c", command]).run().success();
}

/// Asserts that every command rejects the path with this mode until the command in the error was
/// run.
#[track_caller]
fn refuses_mode(platform: &Platform, path: &Path, lax: u32) {
    let right = mode(path);
    set_mode(path, lax);
    for outcome in [env(platform, "SEC-0007"), set(platform, "SEC-0007", "third", &["--replace"])] {
        let said = said(&outcome.fails_with(1));
        assert!(
            said.contains(&format!("other users may access it (its mode is {lax:03o})")),
            "{said}"
        );
    }
    run_remedy(platform, &said(&env(platform, "SEC-0007")));
    assert_eq!(mode(path), right);
    serves(platform, "SEC-0007", "second");
}

#[test]
fn a_store_file_that_others_may_access_is_refused_with_the_command_that_corrects_it() {
    let platform = platform();
    for lax in [0o640, 0o604, 0o620, 0o666] {
        refuses_mode(&platform, &store(&platform), lax);
    }
    set_mode(&store(&platform), 0o644);
    let outcome = platform.plan(&[]).run().fails_with(1);
    assert!(said(&outcome).contains("chmod 600"), "{}", outcome.stderr);
}

#[test]
fn a_store_folder_that_others_may_access_is_refused_with_the_command_that_corrects_it() {
    let platform = platform();
    for lax in [0o755, 0o770, 0o701, 0o777] {
        refuses_mode(&platform, store(&platform).parent().unwrap(), lax);
    }
}

#[test]
fn a_key_file_that_others_may_access_is_refused_with_the_command_that_corrects_it() {
    let platform = platform();
    for lax in [0o640, 0o604, 0o620] {
        refuses_mode(
            &platform,
            &platform.catalog.home().join(".config/goldenpath/local-store.key"),
            lax,
        );
    }
}

#[test]
fn a_journal_that_others_may_access_is_not_played_back() {
    for name in ["store.db-journal", "store.db-wal", "store.db-shm"] {
        let platform = platform();
        let journal = store(&platform).with_file_name(name);
        fs::write(&journal, "").unwrap();
        set_mode(&journal, 0o644);
        let said = said(&env(&platform, "SEC-0007").fails_with(1));
        assert!(said.contains(name) && said.contains("other users may access it"), "{said}");
        fs::remove_file(&journal).unwrap();
        symlink(store(&platform), &journal).unwrap();
        let outcome = env(&platform, "SEC-0007").fails_with(1);
        assert!(self::said(&outcome).contains("symbolic link"), "{}", outcome.stderr);
    }
}

#[test]
fn new_files_are_this_users_alone_whatever_the_umask() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.write("x.sh", "umask 000 && exec \"$@\"");
    let program = env!("CARGO_BIN_EXE_goldenpath");
    let loosely = |arguments: &[&str]| {
        platform
            .catalog
            .program("sh", &[&["x.sh", program], arguments].concat())
            .stdin("username=app\npassword=x")
    };
    loosely(&["apply", "--yes"]).run().success();
    loosely(&["value", "set", "SEC-0007", "--yes"]).run().success();
    let key = platform.catalog.home().join(".config/goldenpath/local-store.key");
    assert_eq!((mode(&store(&platform)), mode(store(&platform).parent().unwrap())), (0o600, 0o700));
    assert_eq!((mode(&key), mode(key.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn a_store_in_a_folder_with_other_files_asks_only_that_others_cannot_write_there() {
    for path in ["store.db", "../stores/store.db"] {
        let platform = Platform::with_store(&format!("backend: local\npath: {path}"));
        let folder = platform.catalog.path().join(path).parent().unwrap().to_owned();
        fs::create_dir_all(&folder).unwrap();
        platform.seed();
        set_mode(&folder, 0o755);
        platform.apply().run().success();
        set(&platform, "SEC-0007", "second", &[]).success();
        serves(&platform, "SEC-0007", "second");
        set_mode(&folder, 0o775);
        run_remedy(&platform, &said(&env(&platform, "SEC-0007").fails_with(1)));
        assert_eq!(mode(&folder), 0o755);
        serves(&platform, "SEC-0007", "second");
    }
}

#[test]
fn a_store_or_a_key_behind_a_symbolic_link_is_refused() {
    let platform = platform();
    let key = platform.catalog.home().join(".config/goldenpath/local-store.key");
    // The paths of the configuration are checked before the store: exit code 2.
    for (path, code) in
        [(store(&platform), 2), (store(&platform).parent().unwrap().to_owned(), 2), (key, 1)]
    {
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).unwrap();
        symlink(&aside, &path).unwrap();
        for outcome in
            [env(&platform, "SEC-0007"), set(&platform, "SEC-0007", "third", &["--replace"])]
        {
            let outcome = outcome.fails_with(code);
            assert!(said(&outcome).contains("symbolic link"), "{}", outcome.stderr);
        }
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
    serves(&platform, "SEC-0007", "second");
}

#[test]
fn a_link_that_leads_nowhere_is_not_written_through() {
    let platform = Platform::local();
    platform.seed();
    let folder = store(&platform).parent().unwrap().to_owned();
    let elsewhere = platform.catalog.home().join("elsewhere");
    symlink(&elsewhere, &folder).unwrap();
    platform.apply().run().fails_with(2);
    assert!(!elsewhere.exists());
    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    set_mode(&folder, 0o700);
    symlink(&elsewhere, store(&platform)).unwrap();
    platform.apply().run().fails_with(2);
    assert!(!elsewhere.exists());
}

#[test]
fn a_file_of_another_user_is_refused() {
    if rustix::process::geteuid().as_raw() != 0 {
        return skip("only root can give a file to another user");
    }
    let platform = platform();
    let key = platform.catalog.home().join(".config/goldenpath/local-store.key");
    for path in [store(&platform), store(&platform).parent().unwrap().to_owned(), key] {
        chown(&path, Some(12345), None).unwrap();
        let outcome = env(&platform, "SEC-0007").fails_with(1);
        assert!(said(&outcome).contains("it belongs to user 12345"), "{}", outcome.stderr);
        chown(&path, Some(0), None).unwrap();
    }
    serves(&platform, "SEC-0007", "second");
}

// Returns a store of goldenpath 0.1.

const OLD_STORE: &str = include_str!("../fixtures/local_store_0.1.sql");
const OLD_KEY: &str = include_str!("../fixtures/local_store_0.1.key");

/// Returns the seed's secret with two versions of a value, in a store and with a key of goldenpath
/// 0.1.
fn old_platform() -> (Platform, PathBuf) {
    let platform = Platform::local();
    platform.seed();
    let key = platform.catalog.home().join(".config/goldenpath/local-store.key");
    let store = store(&platform);
    for (path, text) in [(&key, OLD_KEY), (&store, "")] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        set_mode(path.parent().unwrap(), 0o700);
        fs::write(path, text).unwrap();
        set_mode(path, 0o600);
    }
    platform.catalog.write(".goldenpath/.gitignore", "*\n");
    tamper(&platform, OLD_STORE);
    (platform, key)
}

const AGE: &str = "goldenpath 0.1 encrypted it with age, which this version cannot decrypt";

#[test]
fn a_value_of_goldenpath_0_1_is_refused_with_the_command_that_sets_it_again() {
    let (platform, key) = old_platform();
    refuses(&platform, "SEC-0007", KEY, AGE);
    assert!(said(&env(&platform, "SEC-0007")).contains("docs/how-to/upgrade-a-local-store.md"));
    // The command fixes it, and the key decrypts both versions.
    set(&platform, "SEC-0007", "third", &["--replace"]).success();
    serves(&platform, "SEC-0007", "third");
    assert_eq!(fs::read_to_string(&key).unwrap(), OLD_KEY);
    value(&platform, &["rotate", "SEC-0007", "--rollback", "--yes"]).run().fails_with(1);
    set(&platform, "SEC-0007", "fourth", &[]).success();
    value(&platform, &["rotate", "SEC-0007", "--rollback", "--yes"]).run().success();
    serves(&platform, "SEC-0007", "third");
}

#[test]
fn the_metadata_of_a_store_of_goldenpath_0_1_is_kept_and_so_are_its_ciphertexts() {
    let (platform, _) = old_platform();
    let ciphertexts = || {
        let store = Connection::open(store(&platform)).unwrap();
        let mut rows = store.prepare("SELECT id, stage, value FROM versions ORDER BY id").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect::<Vec<(String, String, Vec<u8>)>>()
    };
    let before = ciphertexts();
    assert_eq!(before.len(), 2);
    assert!(before.iter().all(|(_, _, value)| value.starts_with(b"age-encryption.org/v1")));
    let untouched = fs::read(store(&platform)).unwrap();
    let status = value(&platform, &["status", "--format", "json"]).run().success().json();
    assert_eq!(status["secrets"][0]["version"], "009e3ed2-e0bd-4efe-b529-ac4f5e301bb9");
    assert_eq!(fs::read(store(&platform)).unwrap(), untouched, "reading changes nothing");
    // The first write migrates the tables to this version and changes no value.
    platform.seed_changed("tier: medium", "tier: low");
    let plan = platform.plan(&[]).run().success().stdout;
    assert!(plan.contains("tag-secret") && !plan.contains("create-secret"), "{plan}");
    platform.apply().run().success();
    assert_eq!(ciphertexts(), before);
    refuses(&platform, "SEC-0007", KEY, AGE);
    assert_eq!(
        fs::read_to_string(platform.catalog.home().join(".config/goldenpath/local-store.key"))
            .unwrap(),
        OLD_KEY
    );
}
