//! The state of the terminal after a question without echo.

use super::scene::{Said, Scene, type_twice};
use goldenpath_testkit::{Canary, Key, Terminal};

/// Opens the first question, rendered or in plain mode.
fn asked(scene: &Scene) -> [Terminal; 2] {
    let ask = |term: &str| {
        let mut terminal = scene.value(&["set", "SEC-0007"]).env("TERM", term).in_terminal(100, 40);
        terminal.wait_for("username (");
        terminal
    };
    [ask("xterm-256color"), ask("dumb")]
}

#[test]
fn its_echo_comes_back_however_the_question_ends() {
    let scene = Scene::local();
    let untouched = Canary::new();
    for (end, drawn_alone) in [(Key::CtrlC, false), (Key::Escape, true)] {
        for mut terminal in asked(&scene).into_iter().take(if drawn_alone { 1 } else { 2 }) {
            assert!(!terminal.is_as_shells_leave_it(), "nothing is shown while it is typed");
            terminal.send(&untouched.text[..4]).send(end.bytes());
            let code = if drawn_alone { 1 } else { 130 };
            assert_eq!(terminal.wait(), code, "{}", terminal.screen());
            assert!(terminal.screen().contains("nothing was changed"), "{}", terminal.screen());
            assert!(terminal.is_as_shells_leave_it(), "{}", terminal.screen());
        }
    }
    // In plain mode, the end of input cancels.
    let [_, mut lines] = asked(&scene);
    lines.send("\u{4}");
    assert_eq!(lines.wait(), 1);
    assert!(lines.is_as_shells_leave_it());
    // Ctrl-C in the middle of an answer, and at the last question.
    for mut terminal in asked(&scene) {
        type_twice(&mut terminal, "username", "app");
        terminal.wait_for("password (");
        let canary = Canary::new();
        terminal.send(&canary.text).key(Key::CtrlC);
        assert_eq!(terminal.wait(), 130, "{}", terminal.screen());
        assert!(terminal.is_as_shells_leave_it());
        scene.assert_no_leak("Ctrl-C", &canary, &Said::in_terminal(terminal).words);
    }
    let said = Said::from(scene.value(&["status", "SEC-0007"]).run().success());
    assert!(said.words.contains("awaiting a value"), "nothing was written: {}", said.words);
}
