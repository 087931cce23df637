//! `--plain`: one question per line, for screen readers and simple terminals.

use goldenpath_testkit::{Repository, Terminal};

use super::{catalog, manifest};

fn dialogue(repository: &Repository, arguments: &[&str]) -> Terminal {
    repository.goldenpath(&[&["new", "secret", "--plain"], arguments].concat()).in_terminal(80, 24)
}

/// The beginning of each question, and an answer.
const STEPS: [(&str, &str); 12] = [
    ("Service: ", "payments"),
    ("Environments, one or several, separated by commas. 1 dev, 2 test, 3 staging,", "1, prod"),
    ("Type of secret. 1 database-credentials, 2 api-key,", "2"),
    ("Name. Default payments-api-key: ", ""),
    ("Owner. 1 platform-team, 2 security-team,", "team-payments"),
    ("Risk tier. 1 low: rotation optional,", "3"),
    ("Rotation class. 1 none: the value stays", "standard"),
    ("Kubernetes namespace. Default payments: ", ""),
    ("Kubernetes Secret. Default payments-api-key: ", ""),
    ("Days until review (ttl). Default 90: ", "30"),
    ("Description (may stay empty): ", "Psp: the token #1"),
    ("Write these 2 files? yes or no. Default yes: ", "yes"),
];

#[test]
fn a_whole_dialogue_is_lines_of_words() {
    let repository = Repository::new();
    // Colors are off in plain mode, even if requested.
    let mut terminal = dialogue(&repository, &["--color", "always"]);
    for (question, answer) in STEPS {
        terminal.wait_for(question.trim_end()).send(answer).send("\r");
    }
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    let raw = String::from_utf8(terminal.raw()).unwrap();
    assert!(!raw.contains('\u{1b}'), "{raw:?}");
    let mut rest = raw.as_str();
    for (question, answer) in STEPS {
        let (_, behind) =
            rest.split_once(question).unwrap_or_else(|| panic!("{question:?} is not in {rest:?}"));
        rest = behind;
        assert!(rest.contains(answer));
    }
    assert!(rest.contains("SEC-0001 catalogs/secrets/payments/dev/SEC-0001.yaml\r\n"), "{rest:?}");
    // In sequence: no line is overwritten.
    assert!(!raw.replace("\r\n", "\n").contains('\r'), "{raw:?}");
    let made = manifest(&repository, "catalogs/secrets/payments/prod/SEC-0002.yaml");
    assert_eq!(made["metadata"]["description"], "Psp: the token #1");
    assert_eq!(made["spec"]["rotation"]["rotationClass"], "standard");
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn a_dumb_terminal_is_asked_the_same_way() {
    let repository = Repository::new();
    let mut terminal =
        repository.goldenpath(&["new", "secret"]).env("TERM", "dumb").in_terminal(80, 24);
    terminal.wait_for("Service:").send("web\r").wait_for("Default dev:").send("\u{4}");
    terminal.wait_for("Discard the answers?").send("\u{4}");
    assert_eq!(terminal.wait(), 1);
    assert!(!terminal.raw().contains(&0x1b));
}

#[test]
fn a_rejected_answer_is_reported_on_its_own_line_and_asked_again() {
    let repository = Repository::new();
    super::new_secret(&repository, &["--service", "web", "--name", "taken"]).run().success();
    // Wide enough that no line is wrapped.
    let mut terminal = repository.goldenpath(&["new", "secret", "--plain"]).in_terminal(300, 60);
    let environments = "4 prod, 5 ephemeral. Default dev:";
    for (question, answer, why) in [
        (
            "Service. 1 web, or a new one:",
            "Web",
            "`service` is not in the right form: the capital `W` is not allowed",
        ),
        ("Service. 1 web, or a new one:", "1", ""),
        (environments, "prd", "`prd` is not one of the choices; did you mean `prod`?"),
        (
            environments,
            "dev,9",
            "`9` is not one of the choices; answer with a number from 1 to 5, or the word",
        ),
        (environments, ",", "give at least one"),
        (environments, "", ""),
        ("9 third-party-token, 10 generic:", "11", "`11` is not a value of `secretType`"),
        ("9 third-party-token, 10 generic:", "generic", ""),
        (
            "Name. Default web-generic:",
            "taken",
            "the store key `goldenpath/web/dev/taken` is taken",
        ),
        ("Name. Default web-generic:", "", ""),
        ("7 database-team. Default team-payments:", "", ""),
        ("reviewed within 365 days. Default medium:", "high", ""),
        ("every 30 days. Default high:", "1", "a secret of risk tier `high` must be rotated"),
        ("every 30 days. Default high:", "3", ""),
        ("Kubernetes namespace. Default web:", "", ""),
        ("Kubernetes Secret. Default web-generic:", "", ""),
        ("Days until review (ttl). Default 90:", "366", "`ttlDays` is 366"),
        ("Days until review (ttl). Default 90:", "", ""),
        ("Description (may stay empty):", "", ""),
        ("Write this file? yes or no. Default yes:", "perhaps", "answer yes or no"),
        ("Write this file? yes or no. Default yes:", "n", ""),
    ] {
        terminal.wait_for_last(question).send(answer).send("\r");
        if !why.is_empty() {
            terminal.wait_for(&format!("\nNot accepted: {why}"));
        }
    }
    assert_eq!(terminal.wait(), 1);
    assert_eq!(catalog(&repository).len(), 1);
}

#[test]
fn every_question_is_backed_out_of() {
    // End of file, Escape, Ctrl-C.
    for keys in ["\u{4}", "\u{1b}\r", "\u{3}"] {
        for stop in 0..STEPS.len() {
            let repository = Repository::new();
            let mut terminal = dialogue(&repository, &[]);
            for (question, answer) in &STEPS[..stop] {
                terminal.wait_for(question.trim_end()).send(answer).send("\r");
            }
            let question = STEPS[stop].0;
            terminal.wait_for(question.trim_end()).send(keys);
            if keys != "\u{3}" && stop > 0 {
                terminal.wait_for("Discard the answers? yes or no. Default no:").send("yes\r");
            }
            let code = if keys == "\u{3}" { 130 } else { 1 };
            assert_eq!(terminal.wait(), code, "{keys:?} at {question}:\n{}", terminal.screen());
            let screen = terminal.screen();
            assert!(
                screen.contains("canceled: nothing was changed"),
                "{keys:?} at {question}:\n{screen}"
            );
            assert!(!terminal.raw().contains(&0x1b), "{keys:?} at {question}");
            assert_eq!(catalog(&repository), [""; 0]);
        }
    }
}
