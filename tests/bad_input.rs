//! Bad input: one clear error with a remedy and the right exit code; no panic, no hang, and no
//! partial write.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use goldenpath_testkit::{
    Command, Outcome, Repository, SEED, SEED_PATH, cases, checked, findings, seed_with,
};

const DEV: &str = "catalogs/secrets/payments/dev";

/// Long enough for any run. A hang ends the test: `timeout` then exits with 124.
const PATIENCE: &str = "30";

fn run(repository: &Repository, arguments: &[&str]) -> Outcome {
    let program = env!("CARGO_BIN_EXE_goldenpath");
    let outcome = repository.program("timeout", &[&[PATIENCE, program], arguments].concat()).run();
    assert_calm(&outcome);
    outcome
}

#[track_caller]
fn assert_calm(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        for word in ["panicked", "RUST_BACKTRACE", "internal error", "thread '"] {
            assert!(!text.contains(word), "{text}");
        }
    }
    assert!(outcome.code <= 2, "ended with {}", outcome.code);
}

/// Asserts one error that contains a text and a remedy, and an empty stdout.
#[track_caller]
fn one_error(outcome: &Outcome, message: &str, help: &str) {
    let text = &outcome.stderr;
    assert_eq!(outcome.stdout, "", "{text}");
    assert_eq!(text.matches("  × ").count(), 1, "{text}");
    // The text without the line breaks and the frame of the error.
    let flat = text.replace("\n  │ ", " ").replace("\n        ", " ");
    assert!(flat.contains(message), "{message}\nin\n{text}");
    let reported = flat.split("help: ").nth(1).unwrap_or_else(|| panic!("no help in {text}"));
    assert!(reported.contains(help), "{help}\nin\n{text}");
}

/// Returns each path of the work tree with its type and length.
fn state(repository: &Repository) -> String {
    let script = "find . -path ./.git -prune -o -printf '%p %y %s %T@\\n' | sort";
    repository.program("sh", &["-c", script]).run().success().stdout
}

/// Creates something in a repository.
type Put = fn(&Repository, &Path);

/// Asserts that `put` creates a file with one finding next to the seed, which is checked too.
#[track_caller]
fn is_one_finding(put: Put, rule_and_place: &str, message: &str, help: &str) {
    let repository = Repository::with_seed();
    // Short, because the path of a socket has a limit.
    let path = format!("{DEV}/x.yaml");
    put(&repository, &repository.path().join(&path));
    for arguments in
        [&["validate", "--format", "json"][..], &["validate", "--format", "json", &path]]
    {
        let outcome = run(&repository, arguments).fails_with(1);
        let found = findings(&outcome);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, path);
        assert_eq!(format!("{} {}", found[0].rule, found[0].place), rule_and_place, "{found:?}");
        assert!(found[0].message.contains(message) && found[0].help.contains(help), "{found:?}");
        assert_eq!(checked(&outcome), if arguments.len() == 3 { 2 } else { 1 });
    }
    let people = run(&repository, &["validate"]).fails_with(1);
    assert!(
        people.stdout.contains(&format!("{path}:1:"))
            || people.stdout.contains(&format!("{path}:3:")),
        "{}",
        people.stdout
    );
    assert!(people.stdout.contains("help: ") && people.stdout.len() < 2000, "{}", people.stdout);
    assert!(people.stdout.ends_with("checked 2 manifests: 1 error\n"), "{}", people.stdout);
    // Such a catalog is not rendered either.
    assert_eq!(run(&repository, &["render"]).fails_with(1).stdout, "");
}

// `latin_1` has four characters before the invalid byte, one of them of two bytes. The parser looks
// ahead, so the place of `a_deep_file` is one of the values that are too deep.
cases! { a_file_that_is_not_a_manifest_is_one_finding_and_the_others_are_checked(is_one_finding):
    an_empty_file(
        |_, at| fs::write(at, "").unwrap(), "GP001 1:1..1:1", "the file is empty",
        "goldenpath new secret",
    );
    a_binary_file(
        |_, at| fs::write(at, b"\x7fELF\x02\x01\x01\0\0\0").unwrap(), "GP001 1:1..1:2",
        "the control character U+007F", "plain text in UTF-8",
    );
    zeros(
        |_, at| fs::write(at, [0; 4096]).unwrap(), "GP001 1:1..1:2", "U+0000",
        "plain text in UTF-8",
    );
    latin_1(
        |_, at| fs::write(at, b"a: 1\nb: 2\nc: \xc3\xa9\xe9\n").unwrap(), "GP001 3:5..3:5",
        "byte 16 is not UTF-8", "save the file as UTF-8",
    );
    utf_16(
        |_, at| fs::write(at, b"\xff\xfea\0:\0").unwrap(), "GP001 1:1..1:1",
        "byte 1 is not UTF-8", "looks like UTF-16",
    );
    a_large_file(
        |_, at| fs::write(at, "a: b\n".repeat(2_000_000)).unwrap(), "GP003 1:1..1:1",
        "10000000 bytes, more than the limit of 262144", "remove this file from the catalog",
    );
    a_folder(
        |_, at| fs::create_dir(at).unwrap(), "GP001 1:1..1:1", "this is a folder",
        "put a regular file there",
    );
    a_fifo(
        |repository,
        at| { drop(repository.program("mkfifo", &[at.to_str().unwrap()]).run().success()) },
        "GP001 1:1..1:1", "this is a FIFO", "put a regular file there",
    );
    a_socket(
        |_, at| drop(std::os::unix::net::UnixListener::bind(at).unwrap()), "GP001 1:1..1:1",
        "this is a socket", "put a regular file there",
    );
    a_link(
        |_, at| symlink("/etc/hostname", at).unwrap(), "GP001 1:1..1:1", "a symbolic link",
        "regular file",
    );
    a_dangling_link(
        |_, at| symlink("nowhere", at).unwrap(), "GP001 1:1..1:1", "a symbolic link",
        "regular file",
    );
    a_link_to_itself(
        |_, at| symlink(at, at).unwrap(), "GP001 1:1..1:1", "a symbolic link", "regular file",
    );
    a_deep_file(
        |_, at| fs::write(at, "[".repeat(100_000)).unwrap(), "GP002 1:256..1:100001",
        "deeper than 32 levels", "a SecretRequest has 3 levels",
    );
}

#[test]
fn a_file_that_may_not_be_read_is_a_finding() {
    let repository = Repository::with_seed();
    let path = repository.path().join(SEED_PATH);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let outcome = run(&repository, &["validate", "--format", "json"]);
    let found = findings(&outcome);
    if fs::read(&path).is_ok() {
        // Root can read every file.
        assert_eq!((outcome.code, found), (0, Vec::new()));
    } else {
        assert_eq!((outcome.code, found.len()), (1, 1), "{found:?}");
        assert!(
            found[0].message.contains("Permission denied") && found[0].help.contains("permissions"),
            "{found:?}"
        );
    }
}

#[test]
fn names_that_are_not_utf_8_are_reported() {
    use std::os::unix::ffi::OsStrExt;
    let repository = Repository::with_seed();
    let name = std::ffi::OsStr::from_bytes(b"\xff.yaml");
    fs::write(repository.path().join(DEV).join(name), SEED).unwrap();
    let found = findings(&run(&repository, &["validate", "--format", "json"]).fails_with(1));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].message.contains("not UTF-8") && found[0].help.contains("rename it"),
        "{found:?}"
    );
}

#[test]
fn nothing_is_read_through_a_link_that_leads_out_of_the_repository() {
    let outside = Repository::with_seed();
    outside
        .write(SEED_PATH, &seed_with(&[("owner: team-payments", "owner: the-secret-of-another")]));
    outside.write("schemas/metadata/enums.yaml", "the-secret-of-another: [x]\n");
    let target = |path: &str| outside.path().join(path);
    // The folder of the service, of the catalog, and one above it.
    for (link, leads_to) in [
        ("catalogs/secrets/payments", "catalogs/secrets/payments"),
        ("catalogs/secrets", "catalogs/secrets"),
        ("catalogs", "catalogs"),
    ] {
        let repository = Repository::new();
        repository.write("catalogs/x", "");
        repository.write("catalogs/secrets/x", "");
        let at = repository.path().join(link);
        fs::remove_dir_all(&at).ok();
        symlink(target(leads_to), &at).unwrap();
        let outcome = run(&repository, &["validate", "--format", "json"]).fails_with(1);
        let found = findings(&outcome);
        assert_eq!(found.len(), 1, "{link}: {found:?}");
        assert!(found[0].message.contains("symbolic link"), "{link}: {found:?}");
        assert!(!outcome.stdout.contains("the-secret-of-another"), "{link}: {}", outcome.stdout);
        let named = run(&repository, &["validate", SEED_PATH]).fails_with(2);
        one_error(&named, "is outside the repository", "name files of this repository");
    }
    let repository = Repository::with_seed();
    symlink(target("schemas"), repository.path().join("schemas")).unwrap();
    let outcome = run(&repository, &["validate"]).fails_with(2);
    one_error(&outcome, "its folder `schemas` is a symbolic link", "put a regular file");
    assert!(!outcome.stderr.contains("the-secret-of-another"), "{}", outcome.stderr);
}

/// Asserts whether a link at `at` is reported in the work tree, the index and commits alike.
#[track_caller]
fn is_reported(at: &str, target: &str, is_reported: bool) {
    let repository = Repository::new();
    repository
        .write("README.md", "words")
        .write("hidden/payments/dev/SEC-0007.yaml", "not: a manifest\n");
    symlink("hidden/payments", repository.path().join("to-hidden")).unwrap();
    repository.write("catalogs/x", "").commit_all("Before");
    fs::remove_dir_all(repository.path().join("catalogs")).unwrap();
    let link = repository.path().join(at);
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(target, &link).unwrap();
    let judge = |arguments: &[&str]| {
        let outcome = run(&repository, &[&["validate", "--format", "json"], arguments].concat());
        let found = findings(&outcome);
        assert_eq!(outcome.code, i32::from(is_reported), "{arguments:?}: {found:?}");
        assert_eq!(found.len(), usize::from(is_reported), "{arguments:?}: {found:?}");
        assert!(
            found
                .iter()
                .all(|found| found.rule == "GP001" && found.message.contains("symbolic link")),
            "{found:?}"
        );
    };
    judge(&[]);
    repository.git(&["add", "--all"]);
    judge(&["--staged"]);
    repository.git(&["commit", "--quiet", "-m", "Link"]);
    judge(&["--from-ref", "HEAD~1"]);
    let zeros = "0".repeat(40);
    judge(&["--from-ref", &zeros]);
}

cases! { a_link_that_hides_a_folder_is_reported(is_reported):
    of_a_service("catalogs/secrets/payments", "../../hidden/payments", true);
    with_dots("catalogs/secrets/payments", "../../hidden/../hidden/./payments/", true);
    to_a_link("catalogs/secrets/payments", "../../to-hidden", true);
    below_a_link("catalogs/secrets/payments", "../../to-hidden/dev", true);
    of_all_secrets("catalogs/secrets", "../hidden", true);
    of_all_catalogs("catalogs", "hidden", true);
    to_another_repository(
        "catalogs/secrets/orders/dev", &Repository::with_seed().path().to_string_lossy(), true,
    );
    but_not_to_a_file("catalogs/secrets/README.md", "../../README.md", false);
    but_not_to_nothing("catalogs/secrets/later", "nowhere", false);
    but_not_a_hidden_one("catalogs/secrets/.cache", "../../hidden", false);
}

#[test]
fn a_submodule_in_the_catalog_is_reported_in_the_index_and_in_commits() {
    let repository = Repository::new();
    repository.write("README.md", "words").commit_all("Before");
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let entry = format!("160000,{commit},catalogs/secrets/payments");
    repository.git(&["update-index", "--add", "--cacheinfo", &entry]);
    let reported = |arguments: &[&str]| {
        let outcome = run(&repository, &[&["validate", "--format", "json"], arguments].concat())
            .fails_with(1);
        let found = findings(&outcome);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].path.as_str(), found[0].message.as_str()),
            ("catalogs/secrets/payments", "this is a submodule, not a regular file")
        );
    };
    reported(&["--staged"]);
    repository.git(&["commit", "--quiet", "-m", "Submodule"]);
    reported(&["--from-ref", "HEAD~1"]);
}

#[test]
fn a_manifest_outside_of_the_catalog_is_reported_with_its_right_path() {
    let repository = Repository::new();
    repository.write("elsewhere/SEC-0007.yaml", SEED);
    let found = findings(
        &run(&repository, &["validate", "--format", "json", "elsewhere/SEC-0007.yaml"])
            .fails_with(1),
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].rule.as_str(), found[0].place.as_str()), ("GP301", "1:1..1:29"));
    assert_eq!(found[0].help, format!("move the file to {SEED_PATH}"));
    let folder = run(&repository, &["validate", "elsewhere"]).success();
    assert_eq!(folder.stderr, "no manifest at these paths: the catalog is `catalogs/secrets`\n");
}

#[track_caller]
fn is_wrong_usage(path: &str, message: &str, help: &str) {
    let repository = Repository::with_seed();
    // A run with a wrong path does not start: the valid path is not checked either.
    for arguments in [&["validate", path][..], &["validate", SEED_PATH, path], &["render", path]] {
        one_error(&run(&repository, arguments).fails_with(2), message, help);
    }
}

cases! { a_path_that_is_not_in_the_repository_is_wrong_usage(is_wrong_usage):
    a_missing_file(
        "nowhere.yaml", "`nowhere.yaml` does not exist", "relative to the current folder",
    );
    a_missing_folder("nowhere/x.yaml", "`nowhere/x.yaml` does not exist", "check the spelling");
    a_file_below_a_file(
        "catalogs/secrets/payments/dev/SEC-0007.yaml/x", "does not exist", "check the spelling",
    );
    a_file_elsewhere(
        "/etc/hostname", "`/etc/hostname` is outside the repository",
        "name files of this repository",
    );
    the_folder_above("..", "`..` is outside the repository", "`-C DIR`");
    the_root("/", "`/` is outside the repository", "`-C DIR`");
}

#[track_caller]
fn ends_with_2(arguments: &[&str]) {
    let home = tempfile::tempdir().unwrap();
    let bare = Repository::bare();
    let outcome =
        Command::new(env!("CARGO_BIN_EXE_goldenpath"), arguments, home.path(), home.path())
            .run()
            .fails_with(2);
    assert_calm(&outcome);
    one_error(&outcome, "is not in a git repository", "`git init`");
    let outcome = run(&bare, arguments).fails_with(2);
    one_error(&outcome, "is a bare repository", "a clone that has a work tree");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is written");
}

cases! { without_a_repository_with_a_work_tree_a_command_ends_with_2(ends_with_2):
    validate(&["validate"]);
    validate_staged(&["validate", "--staged"]);
    render(&["render"]);
    init(&["init"]);
    plan(&["plan"]);
    apply(&["apply", "--yes"]);
    new_secret(&["new", "secret", "--name", "x"]);
}

#[test]
fn a_folder_or_a_configuration_that_is_not_there_is_wrong_usage() {
    let repository = Repository::with_seed();
    for (arguments, message, help) in [
        (
            &["-C", "nowhere", "validate"][..],
            "`-C nowhere`: No such file",
            "give an existing folder",
        ),
        (&["-C", SEED_PATH, "validate"], "Not a directory", "give an existing folder"),
        (
            &["--config", "nowhere.yaml", "validate"],
            "nowhere.yaml: the file cannot be read: No such file",
            "`--config`",
        ),
        (&["--config", "catalogs", "validate"], "catalogs: this is a folder", "`--config`"),
        (
            &["--config", SEED_PATH, "validate"],
            "unknown field `apiVersion`",
            "the fields here are catalog,",
        ),
    ] {
        one_error(&run(&repository, arguments).fails_with(2), message, help);
    }
}

#[track_caller]
fn is_an_error(flags: &[&str], break_it: Put, message: &str, help: &str) {
    let repository = Repository::with_seed();
    repository.commit_all("Seed");
    repository.write(SEED_PATH, &seed_with(&[("ttlDays: 30", "ttlDays: 31")]));
    repository.git(&["add", "--all"]);
    break_it(&repository, &repository.path().join(".git"));
    let outcome = run(&repository, &[&["validate"], flags].concat());
    assert_eq!(outcome.code, 2, "{}{}", outcome.stdout, outcome.stderr);
    one_error(&outcome, message, help);
}

cases! { a_broken_git_folder_is_an_error(is_an_error):
    without_head(
        &[], |_, git| fs::remove_file(git.join("HEAD")).unwrap(), "is not in a git repository",
        "`git init`",
    );
    with_a_broken_configuration(
        &[], |_, git| fs::write(git.join("config"), "[core\n").unwrap(),
        "git cannot read the repository", "check the repository",
    );
    that_is_a_file_to_nowhere(
        &[], |_,
        git| { fs::remove_dir_all(git).unwrap(); fs::write(git, "gitdir: /nowhere\n").unwrap(); },
        "is not in a git repository", "`git init`",
    );
    with_a_broken_index(
        &["--staged"], |_,
        git| {
            let text = "DIRC and then nothing that git wrote, and a lot of it";
            fs::write(git.join("index"), text).unwrap()
        },
        "git cannot read the index", "`git fsck`",
    );
    with_an_empty_head(
        &["--staged"], |_, git| fs::write(git.join("HEAD"), "").unwrap(), "git cannot read",
        "`git fsck`",
    );
    without_objects(
        &["--staged"], |_, git| fs::remove_dir_all(git.join("objects")).unwrap(), "", "",
    );
}

#[test]
fn an_object_that_is_missing_is_a_finding_in_its_file() {
    let repository = Repository::with_seed();
    repository.git(&["add", "--all"]);
    let id = repository.git(&["rev-parse", &format!(":{SEED_PATH}")]);
    fs::remove_file(repository.path().join(".git/objects").join(&id[..2]).join(&id[2..])).unwrap();
    let found =
        findings(&run(&repository, &["validate", "--staged", "--format", "json"]).fails_with(1));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].rule.as_str(), found[0].path.as_str()), ("GP001", SEED_PATH));
    assert!(found[0].message.contains("git cannot read its content"), "{found:?}");
    assert!(found[0].help.contains("git fsck"), "{found:?}");
}

/// Asserts that each command ends with the error of a file and changes nothing.
#[track_caller]
fn cannot_be_used(file: &str, text: &str, message: &str, place: &str, help: &str) {
    let repository = Repository::with_seed();
    repository.write(file, text);
    repository.commit_all("All"); // what plan reads
    let before = state(&repository);
    for arguments in [&["validate"][..], &["render"], &["plan"]] {
        let outcome = run(&repository, arguments).fails_with(2);
        one_error(&outcome, message, help);
        assert!(
            outcome.stderr.replace("\n  │ ", " ").contains(&format!("× {file}: ")),
            "{}",
            outcome.stderr
        );
        let drawn = format!("[{file}:{place}]");
        assert!(outcome.stderr.contains(&drawn), "{drawn}: {}", outcome.stderr);
    }
    assert_eq!(state(&repository), before, "{text}");
}

// The unit tests of the configuration cover all mistakes.
cases! { a_configuration_that_cannot_be_used_is_an_error_of_every_command(cannot_be_used):
    the_configuration(
        "goldenpath.yaml", "# x\ncatalgo: x\n", "unknown field `catalgo`", "2:1",
        "did you mean `catalog`?",
    );
    the_enums(
        "schemas/metadata/enums.yaml", "ownrs: [a]\n", "unknown field `ownrs`", "1:1",
        "did you mean `owners`?",
    );
    the_governance_table(
        "schemas/metadata/governance.yaml", "tiers: {}\n", "the risk tier `low` has no row",
        "1:1", "add `low:` with rotation",
    );
    the_schema(
        "schemas/secret_request.schema.json", "{\n  \"type\": \"object\",\n  ]\n",
        "invalid JSON: key must be a string", "3:3", "fix it",
    );
}

/// Asserts the error where `put` creates something in the place of each configuration file.
#[track_caller]
fn is_not_a_configuration(put: Put, message: &str) {
    for file in [
        "goldenpath.yaml",
        "schemas/metadata/enums.yaml",
        "schemas/metadata/governance.yaml",
        "schemas/secret_request.schema.json",
    ] {
        let repository = Repository::with_seed();
        let at = repository.path().join(file);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        put(&repository, &at);
        let outcome = run(&repository, &["validate"]).fails_with(2);
        one_error(&outcome, &format!("{file}: {message}"), "");
    }
}

cases! { something_else_in_the_place_of_a_configuration_is_an_error(is_not_a_configuration):
    a_folder(|_, at| fs::create_dir(at).unwrap(), "this is a folder");
    a_fifo(
        |repository,
        at| { drop(repository.program("mkfifo", &[at.to_str().unwrap()]).run().success()) },
        "this is a FIFO",
    );
    a_link(|_, at| symlink("/etc/hostname", at).unwrap(), "this is a symbolic link");
    a_dangling_link(|_, at| symlink("nowhere", at).unwrap(), "this is a symbolic link");
    a_large_file(
        |_, at| fs::write(at, vec![b'#'; 10_000_000]).unwrap(),
        "the file has 10000000 bytes, more than the limit of 1048576",
    );
    latin_1(|_, at| fs::write(at, b"# \xe9\n").unwrap(), "byte 3 is not UTF-8");
    a_binary_file(|_, at| fs::write(at, b"\x7fELF\0\0").unwrap(), "");
}

#[test]
fn a_missing_configuration_is_all_defaults_and_so_is_one_of_comments() {
    let repository = Repository::with_seed();
    assert!(!repository.exists("goldenpath.yaml"));
    run(&repository, &["validate"]).success();
    for text in
        ["", "# nothing\n", "\u{feff}catalog: catalogs/secrets\r\n", "store:\n", "rules: {}\n"]
    {
        repository.write("goldenpath.yaml", text);
        let outcome = run(&repository, &["validate"]).success();
        assert_eq!(outcome.stdout, "checked 1 manifest: no findings\n", "{text:?}");
    }
}

#[test]
fn wrong_flags_are_wrong_usage() {
    let repository = Repository::with_seed();
    for arguments in [
        &["validate", "--bogus"][..],
        &["validate", "--format", "xml"],
        &["validate", "--quiet", "--verbose"],
        &["validate", ""],
        &["vlaidate"],
        &["render", "--out-dir"],
        &[],
    ] {
        let outcome = run(&repository, arguments).fails_with(2);
        assert!(
            outcome.stdout.is_empty() && outcome.stderr.contains("--help"),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
    let near = run(&repository, &["vlaidate"]).fails_with(2);
    assert!(near.stderr.contains("'validate'"), "{}", near.stderr);
}
