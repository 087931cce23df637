//! The output of findings for people, programs, terminals and pipes.

use goldenpath_testkit::{
    Repository, SEED, SEED_PATH, checked, every_harmful_character, findings, is_harmful, seed_with,
};

fn with(text: &str) -> Repository {
    let repository = Repository::new();
    repository.write(SEED_PATH, text);
    repository
}

fn wrong() -> Repository {
    with(&seed_with(&[("tier: medium", "tier: mediun")]))
}

#[test]
fn people_see_rule_message_place_and_help() {
    let shown = wrong().goldenpath(&["validate"]).run().fails_with(1).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], "GP105 not-in-enum");
    assert!(lines.contains(&"  × `mediun` is not a value of `tier`"), "{shown}");
    assert!(shown.contains(&format!("[{SEED_PATH}:13:11]\n")), "{shown}");
    let source = lines
        .iter()
        .position(|line| {
            line.starts_with("13 │     tier: mediun ")
                || line.starts_with(" 13 │     tier: mediun ")
        })
        .unwrap();
    // The underline is below the word and has its length.
    let column = |line: &str, what: char| line.chars().position(|c| c == what).unwrap();
    let word = lines[source].chars().collect::<String>().find("mediun").unwrap();
    let word = lines[source][..word].chars().count();
    assert_eq!(column(lines[source + 1], '─'), word, "{shown}");
    assert_eq!(lines[source + 1].matches('─').count(), "mediun".len(), "{shown}");
    assert!(
        shown.contains("  help: did you mean `medium`? the values are low, medium, high"),
        "{shown}"
    );
    assert_eq!(lines.last(), Some(&"checked 1 manifest: 1 error"));
}

#[test]
fn the_underline_is_as_wide_as_the_word_on_the_screen() {
    let shown = with(&seed_with(&[("owner: team-payments", "owner: 世界")]))
        .goldenpath(&["validate"])
        .run()
        .stdout;
    let lines: Vec<&str> = shown.lines().collect();
    let source = lines.iter().position(|line| line.contains("owner: 世界")).unwrap();
    assert_eq!(
        lines[source + 1].matches('─').count(),
        4,
        "two characters, two cells each:\n{shown}"
    );
}

#[test]
fn the_last_line_says_how_many_manifests_were_checked_and_what_came_of_it() {
    let repository = Repository::new();
    let last = |arguments: &[&str]| {
        let outcome = repository.goldenpath(&[&["validate"], arguments].concat()).run();
        outcome.stdout.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(last(&[]), "checked 0 manifests: no findings");
    repository.write(SEED_PATH, SEED);
    assert_eq!(last(&[]), "checked 1 manifest: no findings");
    assert_eq!(last(&["--quiet"]), "checked 1 manifest: no findings");
    let second = seed_with(&[
        ("id: SEC-0007", "id: SEC-0008"),
        ("name: payments-db-credentials", "name: second"),
        ("SecretName: payments-db-creds", "SecretName: second"),
        ("rotationClass: standard", "rotationClass: none"),
    ]);
    repository.write(SEED_PATH.replace('7', "8"), &second);
    assert_eq!(last(&[]), "checked 2 manifests: 1 warning");
    repository.write(SEED_PATH.replace('7', "8"), &second.replace("tier: medium", "tier: huge"));
    assert_eq!(last(&[]), "checked 2 manifests: 1 error");
    repository.write(
        SEED_PATH,
        &seed_with(&[("tier: medium", "tier: huge"), ("ttlDays: 30", "ttlDays: 0")]),
    );
    repository.write(SEED_PATH.replace('7', "8"), &second);
    assert_eq!(last(&[]), "checked 2 manifests: 2 errors, 1 warning");
    assert_eq!(last(&["catalogs/secrets/payments"]), "checked 2 manifests: 2 errors, 1 warning");
}

#[test]
fn all_findings_of_all_files_come_in_one_run_in_the_same_order_every_time() {
    let repository = Repository::new();
    let text = seed_with(&[
        ("tier: medium", "tier: mediun"),
        ("owner:", "ownr:"),
        ("ttlDays: 30", "ttlDays: 0"),
    ]);
    for number in (10..50).rev() {
        let service = if number % 2 == 0 { "a" } else { "b" };
        let own = text
            .replace("SEC-0007", &format!("SEC-00{number}"))
            .replace("service: payments", &format!("service: {service}"));
        repository.write(format!("catalogs/secrets/{service}/dev/SEC-00{number}.yaml"), &own);
    }
    repository.write("catalogs/secrets/a.yaml", "[").write("catalogs/secrets/b/dev/empty.yaml", "");
    let first = repository.goldenpath(&["validate", "--format", "json"]).run().fails_with(1);
    let found = findings(&first);
    assert_eq!((checked(&first), found.len()), (42, 40 * 3 + 2));
    let order = |path: &str, place: &str| {
        let number = |part: &str| part.parse::<usize>().unwrap();
        let (line, rest) = place.split_once(':').unwrap();
        (path.to_owned(), number(line), number(rest.split('.').next().unwrap()))
    };
    let keys: Vec<_> = found.iter().map(|found| order(&found.path, &found.place)).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    for _ in 0..3 {
        assert_eq!(
            repository.goldenpath(&["validate", "--format", "json"]).run().stdout,
            first.stdout
        );
    }
    let people = repository.goldenpath(&["validate"]).run().stdout;
    assert_eq!(people.matches("help: ").count(), found.len());
    assert!(
        people.ends_with("checked 42 manifests: 122 errors\n"),
        "{}",
        people.lines().last().unwrap()
    );
}

#[test]
fn what_could_steer_a_terminal_is_written_out() {
    // In a value, in a key, in a comment and in a file's name.
    let text = seed_with(&[
        ("owner: team-payments ", "owner: \"\\e[31mred\\u202e\\a\" "),
        // U+009B starts escape sequences on its own, outside of ASCII.
        ("  environment:", "  \"\\e]0;title\\a\": x\n  \"\\x9b2J\\x7f\\u061c\": x\n  environment:"),
        ("Mandatory: Provider", "\u{202e}redivorP"),
    ]);
    let repository = with(&text);
    repository.write(
        "catalogs/secrets/payments/dev/a\u{1b}[2J\nchecked 1 manifest: no findings\n.yaml",
        "x\u{1b}[31m",
    );
    let outcome = repository.goldenpath(&["validate"]).run().fails_with(1);
    assert!(!outcome.stdout.contains(is_harmful), "{:?}", outcome.stdout);
    assert!(
        outcome.stdout.contains("`\\u{1b}[31mred\\u{202e}\\u{7}` is not a value of `owner`"),
        "{}",
        outcome.stdout
    );
    assert!(
        !outcome.stdout.lines().any(|line| line == "checked 1 manifest: no findings"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.ends_with("checked 2 manifests: 4 errors\n"), "{}", outcome.stdout);
    for format in ["sarif", "github"] {
        let outcome = repository.goldenpath(&["validate", "--format", format]).run().fails_with(1);
        assert!(!outcome.stdout.contains(is_harmful), "{:?}", outcome.stdout);
    }
    // Machine formats keep the text and escape it.
    let outcome = repository.goldenpath(&["validate", "--format", "json"]).run().fails_with(1);
    assert!(!outcome.stdout.contains(is_harmful), "{:?}", outcome.stdout);
    assert!(outcome.stdout.contains("`\\u009b2J\\u007f\\u061c`"), "{}", outcome.stdout);
    let found = findings(&outcome);
    assert!(
        found.iter().any(|found| found.message.contains("`\u{1b}[31mred\u{202e}\u{7}`")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|found| found.message.contains("`\u{9b}2J\u{7f}\u{61c}`")),
        "{found:?}"
    );
    assert!(found.iter().any(|found| found.path.contains("a\u{1b}[2J\n")), "{found:?}");
}

#[test]
fn no_format_holds_a_character_that_steers_reorders_or_hides() {
    let every = every_harmful_character();
    let escaped: String = every.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let repository = with(&seed_with(&[
        ("owner: team-payments ", &format!("owner: \"{escaped}\" ")),
        ("  environment:", &format!("  \"{escaped}\": x\n  environment:")),
    ]));
    for format in ["human", "json", "sarif", "github"] {
        let outcome = repository.goldenpath(&["validate", "--format", format]).run().fails_with(1);
        let written = outcome.stdout.matches("2066").count();
        assert!(written >= 2, "{format} shows the value and the key:\n{}", outcome.stdout);
        assert!(!outcome.stdout.contains(is_harmful), "{format}: {:?}", outcome.stdout);
    }
}

#[test]
fn windows_line_ends_are_drawn_as_line_ends() {
    let text = seed_with(&[("tier: medium", "tier: mediun")]).replace('\n', "\r\n");
    let shown = with(&text).goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert!(!shown.contains('\r') && shown.contains("tier: mediun"), "{shown:?}");
    assert!(
        shown.lines().any(|line| line.trim_end().ends_with("# Mandatory: Governance")),
        "{shown}"
    );
}

#[test]
fn a_very_long_line_is_not_drawn() {
    let text = seed_with(&[("owner: team-payments", &format!("owner: {}", "x".repeat(5000)))]);
    let shown = with(&text).goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert!(shown.contains(&format!("{SEED_PATH}:6:10:")), "{}", &shown[..200]);
    assert!(shown.contains("help: the values are"), "{}", &shown[shown.len() - 400..]);
}

#[test]
fn colour_is_for_terminals_unless_asked_otherwise() {
    let repository = wrong();
    let colour = |arguments: &[&str], environment: &[(&'static str, &str)]| {
        let command = repository
            .goldenpath(&[&["validate"], arguments].concat())
            .envs(environment.iter().copied());
        command.run().fails_with(1).stdout.contains('\u{1b}')
    };
    assert!(!colour(&[], &[]), "a pipe");
    assert!(colour(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colour(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(!colour(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "NO_COLOR wins");
    assert!(
        colour(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]),
        "an empty NO_COLOR is none (no-color.org)"
    );
    assert!(colour(&["--color", "always"], &[]));
    assert!(
        colour(&["--color", "always"], &[("NO_COLOR", "1")]),
        "who asks on the command line means it"
    );
    assert!(!colour(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colour(&["--color", "auto"], &[]));
    let outcome = repository.goldenpath(&["validate", "--color", "sometimes"]).run().fails_with(2);
    assert!(
        outcome.stderr.contains("auto") && outcome.stderr.contains("never"),
        "{}",
        outcome.stderr
    );
    // JSON never has any.
    let json = repository
        .goldenpath(&["validate", "--format", "json", "--color", "always"])
        .run()
        .fails_with(1);
    assert_eq!(findings(&json).len(), 1);
}

#[test]
fn a_terminal_gets_colour_and_no_color_takes_it_away() {
    let repository = wrong();
    for (environment, expected) in
        [(None, true), (Some(("NO_COLOR", "1")), false), (Some(("TERM", "dumb")), false)]
    {
        let mut terminal =
            repository.goldenpath(&["validate"]).envs(environment).in_terminal(100, 30);
        assert_eq!(terminal.wait(), 1);
        assert_eq!(
            terminal.raw().windows(2).any(|pair| pair == b"\x1b["),
            expected,
            "{environment:?}"
        );
        let screen = terminal.screen();
        assert!(screen.ends_with("checked 1 manifest: 1 error"), "{screen}");
    }
}

#[test]
fn without_a_utf_8_locale_the_drawing_is_ascii() {
    let shown = wrong().goldenpath(&["validate"]).env("LC_ALL", "C").run().fails_with(1).stdout;
    assert!(shown.is_ascii(), "{shown}");
    assert!(shown.contains("13 |     tier: mediun"), "{shown}");
}

#[test]
fn a_reader_that_closes_the_pipe_early_causes_no_panic() {
    let repository = Repository::new();
    for number in 1000..1200 {
        repository.write(format!("catalogs/secrets/x/dev/SEC-{number}.yaml"), "owner: 1\n");
    }
    for format in ["human", "json"] {
        let script = "{ \"$0\" \"$@\"; echo \"ended with $?\" >&2; } | head -n 1";
        let program = env!("CARGO_BIN_EXE_goldenpath");
        let arguments = ["-c", script, program, "validate", "--format", format];
        let outcome = repository.program("sh", &arguments).run().success();
        assert_eq!(outcome.stdout.lines().count(), 1);
        assert_eq!(outcome.stderr, "ended with 1\n", "the findings still count");
    }
}

#[test]
fn verbose_names_each_file_on_standard_error_and_the_result_stays_the_same() {
    let repository = wrong();
    let plain = repository.goldenpath(&["validate"]).run().fails_with(1);
    let verbose = repository.goldenpath(&["validate", "--verbose"]).run().fails_with(1);
    assert_eq!(verbose.stderr, format!("checking {SEED_PATH}\n"));
    assert_eq!(verbose.stdout, plain.stdout);
    let quiet = repository.goldenpath(&["validate", "--quiet"]).run().fails_with(1);
    assert_eq!((quiet.stdout, quiet.stderr), (plain.stdout, String::new()));
}
