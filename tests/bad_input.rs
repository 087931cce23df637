//! What bad input gets: one clear error with a way out and the right exit code; no panic, no hang, nothing half-written.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use goldenpath_testkit::{
    Command, Outcome, Repository, SEED, SEED_PATH, checked, findings, seed_with,
};

const DEV: &str = "catalogs/secrets/payments/dev";

/// Long enough for any run, so that a hang ends the test: `timeout` then ends with 124.
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

/// One error and no more, with this in it and a way out; on standard output, nothing.
#[track_caller]
fn one_error(outcome: &Outcome, message: &str, help: &str) {
    let text = &outcome.stderr;
    assert_eq!(outcome.stdout, "", "{text}");
    assert_eq!(text.matches("  × ").count(), 1, "{text}");
    // As it reads without the line breaks of the drawing.
    let flat = text.replace("\n  │ ", " ").replace("\n        ", " ");
    assert!(flat.contains(message), "{message}\nin\n{text}");
    let told = flat.split("help: ").nth(1).unwrap_or_else(|| panic!("no help in {text}"));
    assert!(told.contains(help), "{help}\nin\n{text}");
}

/// Every path of the work tree with what it is and how long.
fn state(repository: &Repository) -> String {
    let script = "find . -path ./.git -prune -o -printf '%p %y %s %T@\\n' | sort";
    repository.program("sh", &["-c", script]).run().success().stdout
}

/// A way to put something into a repository.
type Put = fn(&Repository, &Path);

#[test]
fn a_file_that_is_no_manifest_is_one_finding_and_the_others_are_checked_all_the_same() {
    let cases: [(&str, Put, &str, &str, &str); 16] = [
        (
            "empty",
            |_, at| fs::write(at, "").unwrap(),
            "GP001 1:1..1:1",
            "the file is empty",
            "goldenpath new secret",
        ),
        (
            "blank",
            |_, at| fs::write(at, "\n \n").unwrap(),
            "GP001 1:1..1:1",
            "the file is empty",
            "new secret",
        ),
        (
            "comments",
            |_, at| fs::write(at, "# soon\n").unwrap(),
            "GP001 1:1..1:1",
            "the file is empty",
            "new secret",
        ),
        (
            "mark",
            |_, at| fs::write(at, "\u{feff}").unwrap(),
            "GP001 1:1..1:1",
            "the file is empty",
            "new secret",
        ),
        (
            "binary",
            |_, at| fs::write(at, b"\x7fELF\x02\x01\x01\0\0\0").unwrap(),
            "GP001 1:1..1:2",
            "the control character U+007F",
            "plain text in UTF-8",
        ),
        (
            "zeros",
            |_, at| fs::write(at, [0; 4096]).unwrap(),
            "GP001 1:1..1:2",
            "U+0000",
            "plain text in UTF-8",
        ),
        (
            // The third line begins with 4 characters in front of the byte, one of them two bytes long.
            "latin",
            |_, at| fs::write(at, b"a: 1\nb: 2\nc: \xc3\xa9\xe9\n").unwrap(),
            "GP001 3:5..3:5",
            "byte 16 is not UTF-8",
            "save the file as UTF-8",
        ),
        (
            "utf16",
            |_, at| fs::write(at, b"\xff\xfea\0:\0").unwrap(),
            "GP001 1:1..1:1",
            "byte 1 is not UTF-8",
            "looks like UTF-16",
        ),
        (
            "large",
            |_, at| fs::write(at, "a: b\n".repeat(2_000_000)).unwrap(),
            "GP003 1:1..1:1",
            "10000000 bytes, more than the limit of 262144",
            "remove this file from the catalog",
        ),
        (
            "folder",
            |_, at| fs::create_dir(at).unwrap(),
            "GP001 1:1..1:1",
            "this is a folder",
            "put a regular file there",
        ),
        (
            "fifo",
            |repository, at| {
                drop(repository.program("mkfifo", &[at.to_str().unwrap()]).run().success())
            },
            "GP001 1:1..1:1",
            "this is a FIFO",
            "put a regular file there",
        ),
        (
            "socket",
            |_, at| drop(std::os::unix::net::UnixListener::bind(at).unwrap()),
            "GP001 1:1..1:1",
            "this is a socket",
            "put a regular file there",
        ),
        (
            "link",
            |_, at| symlink("/etc/hostname", at).unwrap(),
            "GP001 1:1..1:1",
            "a symbolic link",
            "regular file",
        ),
        (
            "dangling",
            |_, at| symlink("nowhere", at).unwrap(),
            "GP001 1:1..1:1",
            "a symbolic link",
            "regular file",
        ),
        (
            "loop",
            |_, at| symlink(at, at).unwrap(),
            "GP001 1:1..1:1",
            "a symbolic link",
            "regular file",
        ),
        (
            "deep",
            |_, at| fs::write(at, "[".repeat(100_000)).unwrap(),
            // The parser looks some way ahead, so the place is one of those that are too deep.
            "GP002 1:256..1:100001",
            "deeper than 32 levels",
            "a SecretRequest has 3 levels",
        ),
    ];
    for (what, put, rule_and_place, message, help) in cases {
        let repository = Repository::with_seed();
        // Short: a socket's path has a limit.
        let path = format!("{DEV}/x.yaml");
        put(&repository, &repository.path().join(&path));
        for arguments in
            [&["validate", "--format", "json"][..], &["validate", "--format", "json", &path]]
        {
            let outcome = run(&repository, arguments).fails_with(1);
            let found = findings(&outcome);
            assert_eq!(found.len(), 1, "{what}: {found:?}");
            assert_eq!(found[0].path, path, "{what}");
            assert_eq!(
                format!("{} {}", found[0].rule, found[0].place),
                rule_and_place,
                "{what}: {found:?}"
            );
            assert!(
                found[0].message.contains(message) && found[0].help.contains(help),
                "{what}: {found:?}"
            );
            assert_eq!(checked(&outcome), if arguments.len() == 3 { 2 } else { 1 }, "{what}");
        }
        let people = run(&repository, &["validate"]).fails_with(1);
        assert!(
            people.stdout.contains(&format!("{path}:1:"))
                || people.stdout.contains(&format!("{path}:3:")),
            "{what}"
        );
        assert!(
            people.stdout.contains("help: ") && people.stdout.len() < 2000,
            "{what}: {}",
            people.stdout
        );
        assert!(
            people.stdout.ends_with("checked 2 manifests: 1 error\n"),
            "{what}: {}",
            people.stdout
        );
        // And nothing is rendered from such a catalog.
        assert_eq!(run(&repository, &["render"]).fails_with(1).stdout, "", "{what}");
    }
}

#[test]
fn a_file_that_may_not_be_read_is_a_finding() {
    let repository = Repository::with_seed();
    let path = repository.path().join(SEED_PATH);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let outcome = run(&repository, &["validate", "--format", "json"]);
    let found = findings(&outcome);
    if fs::read(&path).is_ok() {
        // To root nothing is unreadable.
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
fn names_that_are_not_utf_8_are_told() {
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
    // The service's folder, the catalog's, and one above it.
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

#[test]
fn what_hides_a_folder_is_told_in_the_work_tree_the_index_and_commits_alike() {
    let elsewhere = Repository::with_seed();
    for (at, target, told) in [
        ("catalogs/secrets/payments", "../../hidden/payments", true),
        ("catalogs/secrets/payments", "../../hidden/../hidden/./payments/", true),
        // From link to link, the second outside of the catalog
        ("catalogs/secrets/payments", "../../to-hidden", true),
        ("catalogs/secrets/payments", "../../to-hidden/dev", true),
        ("catalogs/secrets", "../hidden", true),
        ("catalogs", "hidden", true),
        ("catalogs/secrets/orders/dev", elsewhere.path().to_str().unwrap(), true),
        // A link to a file hides nothing, nor does one to nowhere, nor what is hidden itself.
        ("catalogs/secrets/README.md", "../../README.md", false),
        ("catalogs/secrets/later", "nowhere", false),
        ("catalogs/secrets/.cache", "../../hidden", false),
    ] {
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
            let outcome =
                run(&repository, &[&["validate", "--format", "json"], arguments].concat());
            let found = findings(&outcome);
            assert_eq!(outcome.code, i32::from(told), "{at} -> {target} {arguments:?}: {found:?}");
            assert_eq!(found.len(), usize::from(told), "{at} -> {target} {arguments:?}: {found:?}");
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
}

#[test]
fn a_submodule_in_the_catalog_is_told_in_the_index_and_in_commits() {
    let repository = Repository::new();
    repository.write("README.md", "words").commit_all("Before");
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let entry = format!("160000,{commit},catalogs/secrets/payments");
    repository.git(&["update-index", "--add", "--cacheinfo", &entry]);
    let told = |arguments: &[&str]| {
        let outcome = run(&repository, &[&["validate", "--format", "json"], arguments].concat())
            .fails_with(1);
        let found = findings(&outcome);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].path.as_str(), found[0].message.as_str()),
            ("catalogs/secrets/payments", "this is a submodule, not a regular file")
        );
    };
    told(&["--staged"]);
    repository.git(&["commit", "--quiet", "-m", "Submodule"]);
    told(&["--from-ref", "HEAD~1"]);
}

#[test]
fn a_manifest_outside_of_the_catalog_is_told_where_it_belongs() {
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

#[test]
fn a_path_that_is_not_there_or_not_in_the_repository_is_wrong_usage() {
    let repository = Repository::with_seed();
    for (path, message, help) in [
        ("nowhere.yaml", "`nowhere.yaml` does not exist", "relative to the current folder"),
        ("nowhere/x.yaml", "`nowhere/x.yaml` does not exist", "check the spelling"),
        ("catalogs/secrets/payments/dev/SEC-0007.yaml/x", "does not exist", "check the spelling"),
        (
            "/etc/hostname",
            "`/etc/hostname` is outside the repository",
            "name files of this repository",
        ),
        ("..", "`..` is outside the repository", "`-C DIR`"),
        ("/", "`/` is outside the repository", "`-C DIR`"),
    ] {
        // The good one beside it is not checked half-heartedly: the run does not start.
        for arguments in
            [&["validate", path][..], &["validate", SEED_PATH, path], &["render", path]]
        {
            one_error(&run(&repository, arguments).fails_with(2), message, help);
        }
    }
}

#[test]
fn without_a_repository_with_a_work_tree_every_command_ends_with_2() {
    let home = tempfile::tempdir().unwrap();
    let bare = Repository::bare();
    for arguments in [
        &["validate"][..],
        &["validate", "--staged"],
        &["render"],
        &["init"],
        &["plan"],
        &["apply", "--yes"],
        &["new", "secret", "--name", "x"],
    ] {
        let outcome =
            Command::new(env!("CARGO_BIN_EXE_goldenpath"), arguments, home.path(), home.path())
                .run()
                .fails_with(2);
        assert_calm(&outcome);
        one_error(&outcome, "is not in a git repository", "`git init`");
        let outcome = run(&bare, arguments).fails_with(2);
        one_error(&outcome, "is a bare repository", "a clone that has a work tree");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is written");
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

#[test]
fn a_git_folder_that_is_broken_is_told() {
    let cases: [(&str, &[&str], Put, &str, &str); 6] = [
        (
            "no HEAD",
            &[],
            |_, git| fs::remove_file(git.join("HEAD")).unwrap(),
            "is not in a git repository",
            "`git init`",
        ),
        (
            "config",
            &[],
            |_, git| fs::write(git.join("config"), "[core\n").unwrap(),
            "git cannot read the repository",
            "check the repository",
        ),
        (
            "a file that leads nowhere",
            &[],
            |_, git| {
                fs::remove_dir_all(git).unwrap();
                fs::write(git, "gitdir: /nowhere\n").unwrap();
            },
            "is not in a git repository",
            "`git init`",
        ),
        (
            "index",
            &["--staged"],
            |_, git| {
                fs::write(
                    git.join("index"),
                    "DIRC and then nothing that git wrote, and a lot of it",
                )
                .unwrap()
            },
            "git cannot read the index",
            "`git fsck`",
        ),
        (
            "HEAD",
            &["--staged"],
            |_, git| fs::write(git.join("HEAD"), "").unwrap(),
            "git cannot read",
            "`git fsck`",
        ),
        (
            "objects",
            &["--staged"],
            |_, git| fs::remove_dir_all(git.join("objects")).unwrap(),
            "",
            "",
        ),
    ];
    for (what, flags, break_it, message, help) in cases {
        let repository = Repository::with_seed();
        repository.commit_all("Seed");
        repository.write(SEED_PATH, &seed_with(&[("ttlDays: 30", "ttlDays: 31")]));
        repository.git(&["add", "--all"]);
        break_it(&repository, &repository.path().join(".git"));
        let outcome = run(&repository, &[&["validate"], flags].concat());
        assert_eq!(outcome.code, 2, "{what}: {}{}", outcome.stdout, outcome.stderr);
        one_error(&outcome, message, help);
    }
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

/// Each of these in turn, wrong in one way: file, text, message, place and help.
#[test]
fn a_configuration_that_cannot_be_used_is_told_with_its_place() {
    const CONFIG: &str = "goldenpath.yaml";
    const ENUMS: &str = "schemas/metadata/enums.yaml";
    const GOVERNANCE: &str = "schemas/metadata/governance.yaml";
    const SCHEMA: &str = "schemas/secret_request.schema.json";
    let row = "{rotation: free, approvals: 1, recoveryWindowDays: 7, maxTtlDays: 9}";
    let rows = |low: &str| format!("tiers:\n  low: {low}\n  medium: {row}\n  high: {row}\n");
    let block = format!(
        "# recoveryWindowDays: 3\ntiers:\n  low: {row}\n  medium:\n    rotation: free\n    approvals: 1\n    recoveryWindowDays: 3   # too few\n    maxTtlDays: 9\n  high: {row}\n"
    );
    for (file, text, message, place, help) in [
        // Not YAML.
        (CONFIG, "catalog: 'x\n", "invalid YAML", "1:", "close the quotation"),
        (CONFIG, "store:\n  path: b\n c: d\n", "invalid YAML", "3:2", "check the indentation"),
        (CONFIG, "store:\n\tpath: x\n", "invalid YAML", "2:1", "indent with spaces"),
        (CONFIG, "catalog: a\n---\ncatalog: b\n", "a second document", "2:1", "keep one document"),
        (
            CONFIG,
            "catalog: a\ngitops: {}\ncatalog: b\n",
            "duplicate key `catalog`",
            "3:1",
            "keep one of the two",
        ),
        (
            CONFIG,
            "rules:\n  GP102: off\n  GP102: error\n",
            "duplicate key `GP102`",
            "3:3",
            "keep one of the two",
        ),
        (
            GOVERNANCE,
            &format!("{}  low: {row}\n", rows(row)),
            "duplicate key `low`",
            "5:3",
            "keep one of the two",
        ),
        (
            CONFIG,
            "store: { path: \"duplicate path: x\", path: y }\n",
            "duplicate key `path`",
            "1:37",
            "keep one of the two",
        ),
        // A field that is not one.
        (CONFIG, "# x\ncatalgo: x\n", "unknown field `catalgo`", "2:1", "did you mean `catalog`?"),
        (
            CONFIG,
            "store:\n  backnd: local\n",
            "store: unknown field `backnd`",
            "2:3",
            "did you mean `backend`?",
        ),
        (
            CONFIG,
            "colour: blue\n",
            "unknown field `colour`",
            "1:1",
            "the fields here are catalog, catalogId, enums",
        ),
        // A value of the wrong kind.
        (CONFIG, "- catalog\n", "this is a list, not a mapping", "1:1", "write a mapping here"),
        (
            CONFIG,
            "hello\n",
            "this is the string \"hello\", not a mapping",
            "1:1",
            "write a mapping here",
        ),
        (
            CONFIG,
            "store: local\n",
            "store: this is the string \"local\", not a mapping",
            "1:8",
            "write a mapping here",
        ),
        (
            CONFIG,
            "catalog: [a]\n",
            "catalog: this is a list, not a string",
            "1:10",
            "write a string here",
        ),
        (
            CONFIG,
            "store: {backend: gcp}\n",
            "unknown value `gcp`",
            "1:18",
            "the values are local, aws",
        ),
        (
            CONFIG,
            "store:\n  backend: awss\n",
            "unknown value `awss`",
            "2:12",
            "did you mean `aws`?",
        ),
        (CONFIG, "rules: {GP102: of}\n", "unknown value `of`", "1:16", "did you mean `off`?"),
        // A value that cannot be.
        (
            CONFIG,
            "# ../x\ncatalog: ../x\n",
            "`catalog: ../x` is not a path inside the repository",
            "2:1",
            "without `..`",
        ),
        (CONFIG, "catalog: ''\n", "is not a path inside", "1:1", "give a relative path"),
        (CONFIG, "catalog: .\n", "is not a path inside", "1:1", "give a relative path"),
        (CONFIG, "enums: /etc/passwd\n", "is not a path inside", "1:1", "give a relative path"),
        (
            CONFIG,
            "governance: gov.yml\n",
            "`governance: gov.yml` names a file that does not exist",
            "1:1",
            "remove `governance` to use the built-in file",
        ),
        (
            CONFIG,
            "enums: list.yaml # x\n",
            "`enums: list.yaml` names a file that does not exist",
            "1:1",
            "create `list.yaml`, or remove `enums` to use the built-in file",
        ),
        (
            CONFIG,
            "{store: {path: enums}, enums: list.yaml}\n",
            "`enums: list.yaml` names a file that does not exist",
            "1:24",
            "create `list.yaml`, or remove `enums` to use the built-in file",
        ),
        (
            CONFIG,
            "store:\n  keyTemplate: '{{ env }}'\n",
            "`store.keyTemplate`: `env` is undefined",
            "2:3",
            "use the variables id, name",
        ),
        (
            CONFIG,
            "gitops:\n  file: '{{ id'\n",
            "`gitops.file`: unexpected end",
            "2:3",
            "use the variables id, name",
        ),
        (
            CONFIG,
            "catalogId: a!b\n",
            "`catalogId: a!b` cannot be the value of a tag",
            "1:1",
            "1 to 256 letters",
        ),
        // The lists.
        (ENUMS, "owners: [\n", "", "1:1", "check the indentation"),
        (ENUMS, "ownrs: [a]\n", "unknown field `ownrs`", "1:1", "did you mean `owners`?"),
        (ENUMS, "- a\n", "this is a list, not a mapping", "1:1", "write a mapping here"),
        (
            ENUMS,
            "owners: us\n",
            "owners: this is the string \"us\", not a list",
            "1:9",
            "write a list here",
        ),
        (ENUMS, "# owners\nowners: []\n", "the list `owners` is empty", "2:1", "give it a value"),
        (
            ENUMS,
            "lifecycleStates: [active, retired]\n",
            "does not support the value `retired`",
            "1:27",
            "active, deprecated",
        ),
        (
            ENUMS,
            "providers: [vault]\n",
            "does not support the value `vault`",
            "1:13",
            "aws-secrets-manager",
        ),
        // The table.
        (GOVERNANCE, "", "missing field `tiers`", "", "add `tiers:`"),
        (
            GOVERNANCE,
            "tiers: {}\n",
            "the risk tier `low` has no row",
            "1:1",
            "add `low:` with rotation",
        ),
        (
            GOVERNANCE,
            "tiers: []\n",
            "tiers: this is a list, not a mapping",
            "1:8",
            "write a mapping here",
        ),
        (
            GOVERNANCE,
            &rows("{rotation: maybe}"),
            "unknown value `maybe`",
            "2:19",
            "required, recommended, free",
        ),
        (
            GOVERNANCE,
            &rows("{rotation: free}"),
            "tiers.low: missing field `approvals`",
            "2:8",
            "add `approvals:`",
        ),
        (
            GOVERNANCE,
            &rows(&row.replace("approvals: 1", "approvals: 300")),
            "the integer `300`",
            "2:36",
            "from 0 to 255",
        ),
        (
            GOVERNANCE,
            &block,
            "the tier `medium` has a recovery window of 3 days",
            "7:5",
            "7 to 30 days",
        ),
        (
            GOVERNANCE,
            &rows(&row.replace("Days: 7", "Days: 31")),
            "the tier `low` has a recovery window of 31 days",
            "2:",
            "7 to 30",
        ),
        // The schema.
        (SCHEMA, "", "invalid JSON", "", "delete it to use the built-in schema"),
        (
            SCHEMA,
            "{\n  \"type\": \"object\",\n  ]\n",
            "invalid JSON: key must be a string",
            "3:3",
            "fix it",
        ),
        (SCHEMA, "[]", "not a usable JSON Schema", "", "fix it"),
        (SCHEMA, "{\"type\": \"objekt\"}", "not a usable JSON Schema", "", "fix it"),
        (SCHEMA, "{\"$ref\": \"https://example.com/x\"}", "is external", "", "fix it"),
        (SCHEMA, "{\"$ref\": \"file:///etc/passwd\"}", "is external", "", "fix it"),
        (
            SCHEMA,
            "{\"$ref\": \"metadata/enums.yaml#/colours\"}",
            "'/colours' does not exist",
            "",
            "fix it",
        ),
    ] {
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
            match place {
                "" => assert!(!outcome.stderr.contains(&format!("[{file}:")), "{}", outcome.stderr),
                _ => assert!(
                    outcome.stderr.contains(&format!("[{file}:{place}")),
                    "{place}: {}",
                    outcome.stderr
                ),
            }
        }
        assert_eq!(state(&repository), before, "{text}");
    }
}

#[test]
fn the_tiers_of_the_lists_must_be_in_the_table() {
    let repository = Repository::with_seed();
    repository.write("schemas/metadata/enums.yaml", "riskTiers: [low, medium, extreme]\n");
    let outcome = run(&repository, &["validate"]).fails_with(2);
    one_error(
        &outcome,
        "schemas/metadata/governance.yaml: there is no such file",
        "add `extreme:` below its `tiers:`",
    );
}

#[test]
fn something_else_in_a_configurations_place_is_told() {
    let kinds: [(&str, Put, &str); 7] = [
        ("folder", |_, at| fs::create_dir(at).unwrap(), "this is a folder"),
        (
            "fifo",
            |repository, at| {
                drop(repository.program("mkfifo", &[at.to_str().unwrap()]).run().success())
            },
            "this is a FIFO",
        ),
        ("link", |_, at| symlink("/etc/hostname", at).unwrap(), "this is a symbolic link"),
        ("dangling", |_, at| symlink("nowhere", at).unwrap(), "this is a symbolic link"),
        (
            "large",
            |_, at| fs::write(at, vec![b'#'; 10_000_000]).unwrap(),
            "the file has 10000000 bytes, more than the limit of 1048576",
        ),
        ("latin", |_, at| fs::write(at, b"# \xe9\n").unwrap(), "byte 3 is not UTF-8"),
        ("binary", |_, at| fs::write(at, b"\x7fELF\0\0").unwrap(), ""),
    ];
    for file in [
        "goldenpath.yaml",
        "schemas/metadata/enums.yaml",
        "schemas/metadata/governance.yaml",
        "schemas/secret_request.schema.json",
    ] {
        for (what, put, message) in kinds {
            let repository = Repository::with_seed();
            let at = repository.path().join(file);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            put(&repository, &at);
            let outcome = run(&repository, &["validate"]).fails_with(2);
            one_error(&outcome, &format!("{file}: {message}"), "");
            assert!(!outcome.stderr.contains("mend or remove"), "{what}");
        }
    }
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
