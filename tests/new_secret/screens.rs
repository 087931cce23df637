//! The whole dialogue, screen by screen, in `docs/dialogue.md`: driven through a terminal of 80 by 24, and current.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use goldenpath_testkit::{Repository, Terminal};

/// A catalog that has something to suggest, and to be in the way.
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

/// What each step shows, the keys that lead to it from the one before, and what it then has on the screen.
const KEYS: [(&str, &str, &str); 17] = [
    ("The service: those that the catalog has, the most used first", "", "orders"),
    ("A few letters find one; Tab completes it, and Enter takes it", "pymt", "pymt"),
    ("The environments, of which each gets a manifest and an ID", "\t\r", "ephemeral"),
    ("Space takes the first out, and another in", " \u{1b}[B\u{1b}[B\u{1b}[B ", "✔ prod"),
    ("The type, searched as well", "\rapk", "❯ api-key"),
    ("The name: the default is one that is free", "\r", "? Name"),
    (
        "One that is taken is refused, in the words of the rule",
        "payments-api-key\r",
        "another name",
    ),
    ("The owner: the service's own first", "\u{15}\r", "❯ team-payments"),
    ("The risk tier", "\r", "❯ medium"),
    ("The rotation class: what type and tier ask for", "\u{1b}[B\r", "❯ high"),
    ("What the tier does not allow is refused here already", "\u{1b}[A\u{1b}[A\r", "❯ none"),
    ("The namespace", "\u{1b}[B\u{1b}[B\r", "? Kubernetes namespace"),
    ("The Kubernetes Secret", "\r", "? Kubernetes Secret"),
    ("The days until somebody looks again", "\r", "? Days until review"),
    ("A description, quoted where it has to be", "\rToken: for the PSP #1", "PSP #1"),
    ("What will be written, and the last question", "\r", "Write this file?"),
    ("Done", "\r", "Next: git add"),
];

/// A name that another manifest has.
const TAKEN: &str = "payments-api-key";

/// The end of each line that asks, and the answer.
const LINES: [(&str, &str); 12] = [
    ("or a new one:", "payments"),
    ("Default dev:", "dev, prod"),
    ("10 generic:", "api-key"),
    ("Default payments-api-key-2:", TAKEN),
    ("Default payments-api-key-2:", ""),
    ("team-payments:", ""),
    ("Default medium:", "3"),
    ("Default high:", ""),
    ("Default payments:", ""),
    ("Default payments-api-key-2:", ""),
    ("Default 90:", "30"),
    ("(may stay empty):", ""),
];

/// The screen once nothing changes on it any more.
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
        "# The dialogue of `goldenpath new secret`\n\nEach step as a terminal of 80 by 24 shows it, taken from the built \
         binary by a test that fails when this page is stale. Escape or Ctrl-C backs out of every question, and nothing is \
         changed then.\n",
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
        "\n## With `--plain`, from beginning to end\n\nFor screen readers: no line is drawn twice, and there is neither \
         colour nor any other escape sequence. A number or the word answers. So it is too where `TERM` is `dumb`.\n\n\
         ```text\n{}\n```\n",
        raw.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end()
    );
    page
}

/// `UPDATE_DOCS=1 cargo test screens` writes it anew.
#[test]
fn the_dialogue_in_the_documentation_is_what_is_shown() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dialogue.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), page, "docs/dialogue.md is stale");
}
