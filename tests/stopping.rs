//! Ctrl-C and SIGTERM: manifests in progress are completed, no other is started, and a second
//! signal stops immediately.

use std::sync::Arc;

use goldenpath_testkit::{Aws, Gate, HoldPoint, Key};

const FOLDER: &str = "kustomize/overlays/dev/apps/payments/externalsecrets";

/// Returns five new secrets, created sequentially, of which the second waits at the gate.
fn five(test: &str) -> (Aws, Arc<Gate>) {
    let aws = Aws::new(test);
    for number in 1..=5 {
        aws.platform.write(&format!("SEC-000{number}"), &format!("number-{number}"));
    }
    aws.platform.catalog.commit_all("Five");
    let gate = aws.recorder.hold("CreateSecret", "number-2", 1, HoldPoint::BeforeRequest);
    (aws, gate)
}

const ONE_BY_ONE: [&str; 4] = ["apply", "--yes", "--parallelism", "1"];

/// Asserts that only the first two manifests are applied, and that another run applies the rest.
#[track_caller]
fn two_of_five_and_then_the_rest(aws: &Aws) {
    let key = |number| format!("goldenpath/payments/dev/number-{number}");
    assert_eq!(aws.names(), [1, 2].map(key));
    let committed =
        || aws.platform.gitops.git(&["ls-tree", "-r", "--name-only", "HEAD", "kustomize"]);
    assert_eq!(
        committed(),
        [1, 2].map(|number| format!("{FOLDER}/SEC-000{number}.yaml")).join("\n")
    );
    assert_eq!(aws.platform.gitops.git(&["status", "--porcelain"]), "");

    let outcome = aws.apply().success();
    assert!(outcome.stdout.ends_with("Applied: 6 created, 0 changed.\n"), "{}", outcome.stdout);
    assert_eq!(aws.names(), [1, 2, 3, 4, 5].map(key));
    assert_eq!(
        committed(),
        [1, 2, 3, 4, 5].map(|number| format!("{FOLDER}/SEC-000{number}.yaml")).join("\n")
    );
}

#[test]
fn a_signal_finishes_what_is_begun_and_begins_nothing_else() {
    for signal in ["INT", "TERM"] {
        let (aws, gate) = five("stopped");
        let running = aws.reach(aws.platform.catalog.goldenpath(&ONE_BY_ONE)).start();
        assert!(gate.is_reached_by(1));
        running.signal(signal).wait_for("Stopping after the current manifests");
        gate.open();
        let outcome = running.wait().fails_with(130);
        assert!(
            outcome.stdout.ends_with("Applied: 4 created, 0 changed, 6 not started.\n"),
            "{signal}: {}",
            outcome.stdout
        );
        assert!(
            outcome.stderr.contains("Run `goldenpath apply` again to apply the rest"),
            "{}",
            outcome.stderr
        );
        two_of_five_and_then_the_rest(&aws);
    }
}

#[test]
fn the_second_signal_ends_it_at_once() {
    for signal in ["INT", "TERM"] {
        let (aws, gate) = five("stopped-at-once");
        let running = aws.reach(aws.platform.catalog.goldenpath(&ONE_BY_ONE)).start();
        assert!(gate.is_reached_by(1));
        running.signal(signal).wait_for("Stopping after the current manifests.").signal(signal);
        // The gate stays closed: the program does not wait for calls in progress.
        let outcome = running.wait().fails_with(130);
        assert!(!outcome.stdout.contains("Applied:"), "{}", outcome.stdout);
        gate.open();
        aws.apply().success();
        assert_eq!(aws.names().len(), 5);
    }
}

#[test]
fn while_it_plans_a_ctrl_c_ends_it_at_once() {
    let aws = Aws::new("stopped-planning");
    aws.platform.seed();
    let gate = aws.recorder.hold("ListSecrets", "", 1, HoldPoint::BeforeRequest);
    let running = aws.reach(aws.platform.apply()).start();
    assert!(gate.is_reached_by(1));
    running.signal("INT");
    let outcome = running.wait().fails_with(130);
    assert_eq!(outcome.stdout, "");
    assert_eq!(aws.writes(), [""; 0]);
    gate.open();
}

#[test]
fn on_a_terminal_a_ctrl_c_is_answered_above_the_bar_and_leaves_the_terminal_as_it_was() {
    let (aws, gate) = five("stopped-on-a-terminal");
    let mut terminal = aws.reach(aws.platform.catalog.goldenpath(&ONE_BY_ONE)).in_terminal(100, 40);
    assert!(gate.is_reached_by(1));
    terminal.wait_for("Applying");
    terminal.key(Key::CtrlC).wait_for("Press Ctrl-C again to stop immediately.");
    gate.open();
    assert_eq!(terminal.wait(), 130);
    let screen = terminal.screen();
    assert!(screen.contains("Applied: 4 created, 0 changed, 6 not started."), "{screen}");
    assert!(!screen.contains("Applying") && terminal.cursor_visible(), "the bar is gone: {screen}");
    two_of_five_and_then_the_rest(&aws);
}

#[test]
fn on_a_terminal_a_ctrl_c_while_it_plans_takes_the_bar_away() {
    let aws = Aws::new("stopped-planning-on-a-terminal");
    aws.platform.seed();
    let gate = aws.recorder.hold("ListSecrets", "", 1, HoldPoint::BeforeRequest);
    let mut terminal = aws.reach(aws.platform.apply()).in_terminal(100, 40);
    assert!(gate.is_reached_by(1));
    terminal.wait_for("Secrets read: 0").key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
    let screen = terminal.screen();
    assert!(
        screen.contains("Catalog") && !screen.contains("Secrets read") && !screen.contains("^C"),
        "{screen}"
    );
    gate.open();
}

#[test]
fn on_a_terminal_the_second_ctrl_c_takes_the_bar_away_too() {
    let (aws, gate) = five("stopped-at-once-on-a-terminal");
    let mut terminal = aws.reach(aws.platform.catalog.goldenpath(&ONE_BY_ONE)).in_terminal(100, 40);
    assert!(gate.is_reached_by(1));
    terminal.wait_for("Applying");
    terminal.key(Key::CtrlC).wait_for("Press Ctrl-C again to stop immediately.");
    terminal.key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
    let screen = terminal.screen();
    assert!(!screen.contains("Applying") && terminal.cursor_visible(), "{screen}");
    gate.open();
}
