//! `docs/reference/new-secret-dialogue.md` is current: screens of the dialogue in a terminal of 80
//! by 24.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use goldenpath_testkit::{Repository, Terminal};

/// Returns a catalog with values to suggest and names that conflict.
fn catalog() -> Repository {
    let repository = Repository::new();
    for (service, environment, name, owner) in [
        ("orders", "prod", "orders-webhook", "app-team"),
        ("payments", "dev", "payments-books", "team-payments"),
        ("payments", "prod", TAKEN, "team-payments"),
    ] {
        let flags = ["--service", service, "--env", environment, "--name", name, "--owner", owner];
        super::new_secret(&repository, &flags).run().success();
    }
    repository
}

/// The title of each step, the keys that lead to it from the step before, and a text of its screen.
const KEYS: [(&str, &str, &str); 19] = [
    ("The service: the most used of the catalog first", "", "orders"),
    ("A few letters find one; Tab completes it, and Enter takes it", "pymt", "pymt"),
    ("The environments: each gets a manifest and an ID", "\t\r", "ephemeral"),
    ("Space selects and deselects", " \u{1b}[B\u{1b}[B\u{1b}[B ", "✔ prod"),
    ("The type", "\r", "? Type of secret"),
    ("By search", "apk", "❯ api-key"),
    ("The name: the default is free", "\r", "? Name"),
    (
        "A name that is taken is refused, in the words of the rule",
        "payments-api-key\r",
        "another name",
    ),
    ("The owner: the service's own first", "\u{15}\r", "❯ team-payments"),
    ("The risk tier", "\r", "❯ medium"),
    ("The rotation class: the default follows from type and tier", "\u{1b}[B\r", "30 days"),
    ("A class that the tier does not allow is refused", "\u{1b}[A\u{1b}[A\r", "❯ none"),
    ("The namespace", "\u{1b}[B\u{1b}[B\r", "? Kubernetes namespace"),
    ("The Kubernetes Secret", "\r", "? Kubernetes Secret"),
    ("The days until a review", "\r", "? Days until review"),
    ("A description", "\r", "? Description"),
    ("It is quoted where needed", "Token: for the PSP #1", "PSP #1"),
    ("The file, and the last question", "\r", "Write this file?"),
    ("Done", "\r", "Next: git add"),
];

/// A name that another manifest uses.
const TAKEN: &str = "payments-api-key";

/// The end of the line of each question, and the answer.
const LINES: [(&str, &str); 12] = [
    ("or a new one:", "payments"),
    ("Default dev:", "dev, prod"),
    ("10 generic:", "api-key"),
    ("Default payments-api-key-2:", TAKEN),
    ("Default payments-api-key-2:", ""),
    ("team-payments:", ""),
    ("Default medium:", "3"),
    ("high:", ""),
    ("Default payments:", ""),
    ("Default payments-api-key-2:", ""),
    ("Default 90:", "30"),
    ("(may stay empty):", ""),
];

/// Returns the screen once it no longer changes.
fn settled(terminal: &Terminal) -> String {
    let mut screen = terminal.screen();
    loop {
        std::thread::sleep(Duration::from_millis(80));
        match terminal.screen() {
            same if same == screen => return screen,
            other => screen = other,
        }
    }
}

fn page() -> String {
    let mut page = String::from(
        "# The dialogue of `goldenpath new secret`\n\nEach step in a terminal of 80 by 24. A test \
         takes them from the built binary and fails when this page is\nout of date. Escape or \
         Ctrl-C cancels every question, and nothing is changed.\n",
    );
    let repository = catalog();
    let mut terminal = repository.goldenpath(&["new", "secret"]).in_terminal(80, 24);
    for (title, keys, shown) in KEYS {
        terminal.send(keys).wait_for(shown);
        let _ = write!(page, "\n## {title}\n\n```text\n{}\n```\n", settled(&terminal));
    }
    assert_eq!(terminal.wait(), 0);

    let repository = catalog();
    let mut terminal = repository.goldenpath(&["new", "secret", "--plain"]).in_terminal(80, 100);
    for (question, answer) in LINES {
        terminal.wait_for_last(question).send(answer).send("\r");
        if answer == TAKEN {
            terminal.wait_for("Not accepted: ");
        }
    }
    terminal.wait_for_last("Write these 2 files? yes or no. Default yes:").send("\r");
    assert_eq!(terminal.wait(), 0);
    let raw = String::from_utf8(terminal.raw()).unwrap().replace("\r\n", "\n");
    let _ = write!(
        page,
        "\n## With `--plain`\n\nFor screen readers: no line is drawn twice, and there is no color \
         and no other escape sequence. An answer is a number or\nthe word. This is the default \
         where \
         `TERM` is `dumb`.\n\n\
         ```text\n{}\n```\n",
        raw.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end()
    );
    page
}

/// `UPDATE_DOCS=1 cargo test screens` updates the page.
#[test]
fn the_dialogue_in_the_documentation_is_what_is_shown() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/new-secret-dialogue.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&file).unwrap_or_default(),
        page,
        "docs/reference/new-secret-dialogue.md is out of date: UPDATE_DOCS=1 cargo test screens"
    );
}
