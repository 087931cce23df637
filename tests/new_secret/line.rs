//! Editing a line of text in a terminal of 80 columns and of 40: after any input, the screen shows
//! only the question.

use goldenpath_testkit::{Key, Repository, Terminal};

const HEAD: [&str; 2] = [
    "New secret. Shift-Tab goes back; Escape or Ctrl-C cancels, nothing is written.\n",
    "New secret. Shift-Tab goes back; Escape\nor Ctrl-C cancels, nothing is written.\n",
];

/// Returns the terminal at the question for the description.
fn description(repository: &Repository, columns: u16) -> Terminal {
    let flags = [
        "--service",
        "web",
        "--env",
        "dev",
        "--type",
        "api-key",
        "--name",
        "web-key",
        "--owner",
        "sre-team",
    ];
    let more = [
        "--risk",
        "low",
        "--rotation",
        "none",
        "--namespace",
        "web",
        "--k8s-secret-name",
        "x",
        "--ttl-days",
        "9",
    ];
    let mut terminal = repository
        .goldenpath(&[&["new", "secret"], &flags[..], &more].concat())
        .in_terminal(columns, 24);
    terminal.wait_for("Description");
    terminal
}

#[track_caller]
fn shows(terminal: &mut Terminal, line: &str) {
    terminal.wait_for_all(format!("{}? Description (may stay empty) › {line}", HEAD[0]).trim_end());
}

#[test]
fn a_line_is_edited_at_the_cursor() {
    let repository = Repository::new();
    let mut terminal = description(&repository, 80);
    let column = |columns: u16| (1, 33 + columns);
    shows(&mut terminal, "");
    terminal.send("one tow three");
    shows(&mut terminal, "one tow three");
    assert_eq!(terminal.cursor(), column(13));
    for _ in 0.."w three".len() {
        terminal.key(Key::Left);
    }
    terminal.key(Key::Backspace).key(Key::Right).send("o");
    shows(&mut terminal, "one two three");
    assert_eq!(terminal.cursor(), column(7));
    terminal.key(Key::Home).key(Key::Delete).send("O").key(Key::End).send("!");
    shows(&mut terminal, "One two three!");
    terminal.send("\u{17}");
    shows(&mut terminal, "One two");
    terminal.key(Key::Left).send("\u{15}");
    shows(&mut terminal, "");
    terminal.key(Key::Left).key(Key::Backspace).key(Key::Home).send("\u{b}new\u{1}\u{4}");
    shows(&mut terminal, "ew");
    assert_eq!(terminal.cursor(), column(0));
    // Unsupported keys have no effect: page up, control and an arrow, F1, Alt and a letter.
    for key in ["\u{1b}[5~", "\u{1b}[1;5C", "\u{1b}OP", "\u{1b}[15~", "\u{1b}x", "\u{7}"] {
        terminal.send(key);
    }
    terminal.send("n");
    shows(&mut terminal, "new");
    assert!(terminal.cursor_visible());
    terminal
        .key(Key::Enter)
        .wait_for("  description: new\n")
        .wait_for("Write this file?")
        .send("y")
        .key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn wide_characters_and_emoji_take_the_columns_that_they_take() {
    let repository = Repository::new();
    let mut terminal = description(&repository, 80);
    terminal.send("秘密 🔑 é e\u{301}");
    shows(&mut terminal, "秘密 🔑 é e\u{301}");
    assert_eq!(terminal.cursor(), (1, 33 + 11));
    for _ in 0..4 {
        terminal.key(Key::Left);
    }
    terminal.key(Key::Backspace).key(Key::Backspace).send("語");
    shows(&mut terminal, "秘密語 é e\u{301}");
    terminal.key(Key::Enter).wait_for("Write this file?").send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    let made = super::manifest(&repository, "catalogs/secrets/web/dev/SEC-0001.yaml");
    assert_eq!(made["metadata"]["description"], "秘密語 é e\u{301}");
}

#[test]
fn a_line_that_is_longer_than_the_terminal_scrolls_and_wraps_nowhere() {
    let text = format!("{}end", "one two, ".repeat(22));
    for (columns, head) in [(80, HEAD[0]), (40, HEAD[1])] {
        let repository = Repository::new();
        let mut terminal = description(&repository, columns);
        terminal.send(&text);
        // The marks, and the columns of the row without those of the cursor and the marks.
        let room = usize::from(columns) - 33 - 3;
        let end = &text[text.len() - room..];
        terminal.wait_for_all(&format!("{head}? Description (may stay empty) › <{end}"));
        terminal.key(Key::Home);
        terminal
            .wait_for_all(&format!("{head}? Description (may stay empty) › {}>", &text[..room]));
        assert_eq!(usize::from(terminal.cursor().1), 33);
        for _ in 0..100 {
            terminal.key(Key::Right);
        }
        terminal.send("|").wait_for("o|n");
        let rows = terminal.screen().lines().count();
        assert_eq!(rows, head.lines().count() + 1, "{}", terminal.screen());
        terminal.key(Key::Enter).wait_for("Write this file?").send("n").key(Key::Enter);
        assert_eq!(terminal.wait(), 1);
    }
}

#[test]
fn a_reason_is_wrapped_and_the_text_stays_and_both_are_gone_with_the_right_answer() {
    for (columns, head, no_color) in
        [(80, HEAD[0], false), (40, HEAD[1], false), (40, HEAD[1], true)]
    {
        let repository = Repository::new();
        let command = repository.goldenpath(&["new", "secret", "--env", "dev"]);
        let command = if no_color { command.env("NO_COLOR", "1") } else { command };
        let mut terminal = command.in_terminal(columns, 24);
        let (question, error, settled) = match no_color {
            false => ("? Service › ", "✘ `service` is not in", "✔ Service · web"),
            true => ("Service: ", "error: `service` is not in", "Service: web"),
        };
        let bare = format!("{head}{}", question.trim_end());
        terminal.wait_for_all(&bare).send("../../etc").key(Key::Enter);
        terminal.wait_for(&format!("{question}../../etc\n{error}")).wait_for("write it as `etc`");
        assert_eq!(usize::from(terminal.cursor().1), question.chars().count() + 9);
        // Reported once, whatever is typed next.
        terminal.send("x").key(Key::Enter).wait_for("`etcx`");
        assert_eq!(terminal.screen().matches("is not in").count(), 1, "{}", terminal.screen());
        terminal
            .send("\u{15}web")
            .key(Key::Enter)
            .wait_for(&format!("{head}{settled}\n"))
            .wait_for("Type of secret");
        assert!(!terminal.screen().contains("DNS-1123"), "{}", terminal.screen());
        terminal.key(Key::CtrlC);
        assert_eq!(terminal.wait(), 130);
    }
}

#[test]
fn a_long_list_is_shown_in_part_and_follows_the_choice() {
    let repository = Repository::new();
    for (columns, rows) in [(80, 24), (40, 24), (40, 10)] {
        let flags = ["--service", "web", "--env", "dev"];
        let mut terminal = repository
            .goldenpath(&[&["new", "secret"], &flags[..]].concat())
            .in_terminal(columns, rows);
        terminal.wait_for("❯ database-credentials");
        for _ in 0..9 {
            terminal.key(Key::Down);
        }
        terminal.wait_for("❯ generic").key(Key::Down).wait_for("❯ database-credentials");
        terminal.key(Key::Up).wait_for("❯ generic");
        terminal.wait_for("? Type of secret");
        let screen = terminal.screen();
        assert!(screen.lines().count() <= usize::from(rows), "{screen}");
        assert_eq!(screen.matches("Type of secret").count(), 1, "{screen}");
        terminal.send("regis").wait_for("❯ container-registry-credential").key(Key::Enter);
        terminal
            .wait_for("✔ Type of secret · container-registry-")
            .wait_for("Name")
            .key(Key::CtrlC);
        assert_eq!(terminal.wait(), 130);
        assert!(!terminal.screen().contains("Type to search"), "{}", terminal.screen());
    }
}

#[test]
fn the_end_of_file_key_on_an_empty_line_backs_out() {
    let repository = Repository::new();
    let mut terminal = description(&repository, 80);
    terminal.send("\u{4}");
    assert_eq!(terminal.wait(), 1);
    assert!(terminal.screen().contains("canceled: nothing was changed"), "{}", terminal.screen());
}

#[test]
fn choices_too_leave_no_rubbish_in_a_narrow_terminal() {
    let repository = Repository::new();
    let mut terminal =
        repository.goldenpath(&["new", "secret", "--service", "web"]).in_terminal(40, 24);
    terminal.wait_for("ephemeral");
    for _ in 0..6 {
        terminal.key(Key::Down).key(Key::Space).key(Key::Space);
    }
    terminal.key(Key::Enter).wait_for("✔ Environments · dev\n").wait_for("Type of secret");
    assert_eq!(terminal.screen().matches("Environments").count(), 1, "{}", terminal.screen());
}
