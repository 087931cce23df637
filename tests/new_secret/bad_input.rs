//! What cannot be taken, and places where nothing can be written.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use goldenpath_testkit::{Key, Repository};

use super::{REQUIRED, catalog, new_secret, says};

/// Names that are none, each with what is said of it.
fn names() -> [(String, &'static str); 7] {
    [
        ("n".repeat(300), "the name has 300 characters, 63 at most are allowed"),
        ("../../etc".to_owned(), "`.` cannot stand in"),
        ("two words".to_owned(), "a space cannot stand in"),
        ("Payments".to_owned(), "the capital `P` cannot stand in"),
        ("k\u{1f511}y".to_owned(), "`\u{1f511}` cannot stand in"),
        ("a: b # c".to_owned(), "`:` cannot stand in"),
        ("{{ name }}".to_owned(), "`{` cannot stand in"),
    ]
}

#[test]
fn a_name_that_is_none_is_refused_by_flag_and_at_the_prompt() {
    let repository = Repository::new();
    let arguments: Vec<&str> = REQUIRED
        .iter()
        .filter(|(flag, _)| *flag != "--name")
        .flat_map(|(flag, value)| [*flag, *value])
        .chain(["--rotation", "none"])
        .collect();
    let mut terminal =
        repository.goldenpath(&[&["new", "secret"], &arguments[..]].concat()).in_terminal(80, 24);
    for (name, words) in names() {
        let outcome = new_secret(&repository, &["--name", &name]).run().fails_with(2);
        says(&outcome, words);
        terminal.wait_for("Name").send("\u{15}").send(&name).key(Key::Enter).wait_for_words(words);
    }
    terminal.key(Key::Escape);
    assert_eq!(terminal.wait(), 1);
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn yaml_in_a_description_that_is_typed_stays_a_description() {
    for description in
        ["a: b # c", "'quoted' \"twice\"", "- [x, {y: z}]", "&a *b !!c", "{{ id }} {% raw %}"]
    {
        let repository = Repository::new();
        let flags =
            ["--rotation", "none", "--namespace", "x", "--k8s-secret-name", "x", "--ttl-days", "9"];
        let required = REQUIRED.iter().flat_map(|(flag, value)| [*flag, *value]);
        let arguments: Vec<&str> =
            ["new", "secret"].into_iter().chain(required).chain(flags).collect();
        let mut terminal = repository.goldenpath(&arguments).in_terminal(80, 24);
        terminal.wait_for("Description").send(description).key(Key::Enter);
        terminal.wait_for("Write this file?").send("y");
        assert_eq!(terminal.wait(), 0);
        let made = super::manifest(&repository, "catalogs/secrets/payments/dev/SEC-0001.yaml");
        assert_eq!(made["metadata"]["description"], description);
    }
}

/// Runs `new secret` behind a line of shell. Its exit code is the program's.
fn behind(repository: &Repository, script: &str) -> goldenpath_testkit::Outcome {
    let flags: Vec<String> =
        REQUIRED.iter().map(|(flag, value)| format!("{flag} {value}")).collect();
    let program = env!("CARGO_BIN_EXE_goldenpath");
    repository
        .program(
            "sh",
            &["-c", &format!("{script}; '{program}' new secret {} \"$@\"", flags.join(" "))],
        )
        .run()
}

#[test]
fn a_disk_that_takes_nothing_more_leaves_no_trace() {
    // A write that would make a file larger is an error and not the end of the program. Not a byte, and then so few (512)
    // that only the manifest does not fit.
    let long = format!("--description '{}'", "word ".repeat(100).trim());
    for (limit, more, place) in [
        (0, "", ".git/goldenpath/given-out` cannot be written: File too large"),
        (
            1,
            &long[..],
            "cannot write `catalogs/secrets/payments/dev/SEC-0001.yaml`: File too large",
        ),
    ] {
        let repository = Repository::new();
        let script = format!("set -- {more}; trap '' XFSZ; ulimit -f {limit}");
        let outcome = behind(&repository, &script).fails_with(1);
        says(&outcome, place);
        says(&outcome, "check the folder's permissions and the free space");
        assert!(!repository.exists("catalogs"), "not even a folder");
    }
}

#[test]
fn a_folder_that_is_read_only_is_told_and_nothing_is_left() {
    let repository = Repository::new();
    let folder = repository.path().join("catalogs/secrets/payments");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    // Whoever may write anywhere cannot be shown this.
    if fs::write(folder.join("probe"), "").is_ok() {
        fs::remove_file(folder.join("probe")).unwrap();
        return;
    }
    let outcome = new_secret(&repository, &[]).run().fails_with(1);
    says(&outcome, "cannot write `catalogs/secrets/payments/dev/SEC-0001.yaml`: Permission denied");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_kill_at_any_time_leaves_no_file_in_part() {
    let repository = Repository::new();
    let whole = new_secret(&repository, &["--dry-run"]).run().success().stdout;
    let size = whole.lines().skip(1).map(|line| line.len() + 1).sum::<usize>();
    for moment in 0..30 {
        let name = format!("name-{moment:02}");
        let running = new_secret(&repository, &["--name", &name]).start();
        std::thread::sleep(std::time::Duration::from_millis(moment));
        running.kill();
        for file in catalog(&repository) {
            assert!(file.ends_with(".yaml") && !file.contains("/."), "{file}");
            assert!(
                fs::read(&file).unwrap().len() >= size - "payments-psp-token".len() * 2,
                "{file}"
            );
        }
    }
}
