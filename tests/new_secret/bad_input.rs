//! Invalid answers, and places that cannot be written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use goldenpath_testkit::{Key, Repository, killed_ever_later, skip};

use super::{REQUIRED, catalog, new_secret, says};

/// Invalid names, each with its error.
fn names() -> [(String, &'static str); 7] {
    [
        ("n".repeat(300), "the name has 300 characters, the maximum is 63"),
        ("../../etc".to_owned(), "`.` is not allowed in"),
        ("two words".to_owned(), "a space is not allowed in"),
        ("Payments".to_owned(), "the capital `P` is not allowed in"),
        ("k\u{1f511}y".to_owned(), "`\u{1f511}` is not allowed in"),
        ("a: b # c".to_owned(), "`:` is not allowed in"),
        ("{{ name }}".to_owned(), "`{` is not allowed in"),
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
        terminal.wait_for("Write this file?").send("y").key(Key::Enter);
        assert_eq!(terminal.wait(), 0);
        let made = super::manifest(&repository, "catalogs/secrets/payments/dev/SEC-0001.yaml");
        assert_eq!(made["metadata"]["description"], description);
    }
}

/// Runs `new secret` after a line of shell, with the exit code of the program.
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
    // A write over the limit is an error and does not end the program. The limit is 0 bytes, and
    // then 512, which only the manifest exceeds.
    let long = format!("--description '{}'", "word ".repeat(100).trim());
    for (limit, more, place) in [
        (0, "", ".git/goldenpath/given-out`: File too large"),
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
        if limit == 0 {
            says(&outcome, "cannot write `");
        }
        says(&outcome, "check the folder's permissions and the free space");
        assert!(!repository.exists("catalogs"), "not even a folder");
    }
}

#[test]
fn a_read_only_folder_is_reported_and_nothing_is_left() {
    let repository = Repository::new();
    let folder = repository.path().join("catalogs/secrets/payments");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = new_secret(&repository, &[]);
    if fs::write(folder.join("probe"), "").is_ok() {
        // Root can write everywhere, by a capability that the test drops.
        fs::remove_file(folder.join("probe")).unwrap();
        let bound = "--bounding-set=-dac_override";
        let ran = std::process::Command::new("setpriv").args([bound, "true"]).status();
        if !ran.is_ok_and(|status| status.success()) {
            return skip("there is no `setpriv` that runs a program as root without capabilities");
        }
        let flags = REQUIRED.iter().flat_map(|(flag, value)| [*flag, *value]);
        let arguments: Vec<&str> = [bound, env!("CARGO_BIN_EXE_goldenpath"), "new", "secret"]
            .into_iter()
            .chain(flags)
            .collect();
        command = repository.program("setpriv", &arguments);
    }
    let outcome = command.run().fails_with(1);
    says(&outcome, "cannot write `catalogs/secrets/payments/dev/SEC-0001.yaml`: Permission denied");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_kill_at_any_time_leaves_no_file_in_part() {
    let repository = Repository::new();
    let dry = new_secret(&repository, &["--dry-run"]).run().success().stdout;
    let last_line = dry.lines().last().unwrap();
    let mut files_after_a_kill = 0;
    killed_ever_later(
        |number| new_secret(&repository, &["--name", &format!("name-{number:03}")]),
        |_, ended| {
            let files = catalog(&repository);
            for file in &files {
                let text = fs::read_to_string(file).unwrap();
                let name = Path::new(file).file_name().unwrap().to_string_lossy();
                assert!(name.ends_with(".yaml") && !name.starts_with('.'), "{file}");
                assert!(text.ends_with(&format!("{last_line}\n")), "{file}:\n{text}");
            }
            files_after_a_kill += if ended.code == -1 { files.len() } else { 0 };
        },
    );
    assert!(files_after_a_kill > 0, "no file was looked at");
    repository.goldenpath(&["validate"]).run().success();
}
