//! The output of `apply` while it works and at the end: in a terminal, in a pipeline and with
//! `--quiet`.

use goldenpath_testkit::{Aws, HoldPoint, Platform};

/// Returns a platform with `count` new secrets, on the embedded store.
fn local(count: usize) -> Platform {
    let platform = Platform::local();
    write(&platform, count);
    platform
}

fn write(platform: &Platform, count: usize) {
    for number in 1..=count {
        platform.write(&format!("SEC-{number:04}"), &format!("number-{number:02}"));
    }
    platform.catalog.commit_all("New");
}

#[test]
fn a_few_steps_are_a_line_each() {
    let outcome = local(2).apply().run().success();
    for line in [
        "SEC-0001 create-secret goldenpath/payments/dev/number-01",
        "SEC-0002 write-projection \
         kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0002.yaml",
    ] {
        assert!(outcome.stderr.lines().any(|said| said == line), "{}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("applied "), "{}", outcome.stderr);
}

#[test]
fn many_steps_are_a_line_for_each_tenth_of_them_and_with_verbose_a_line_each() {
    let platform = local(30);
    let outcome = platform.apply().run().success();
    let said: Vec<&str> =
        outcome.stderr.lines().filter(|line| line.starts_with("applied ")).collect();
    let expected: Vec<String> =
        (1..=10).map(|tenth| format!("applied {} of 60", tenth * 6)).collect();
    assert_eq!(said, expected);
    assert!(!outcome.stderr.contains("create-secret"), "{}", outcome.stderr);

    let outcome = local(30).catalog.goldenpath(&["apply", "--yes", "--verbose"]).run().success();
    assert_eq!(outcome.stderr.lines().filter(|line| line.contains(" create-secret ")).count(), 30);
}

#[test]
fn quiet_says_nothing_but_the_result_and_what_failed() {
    let platform = local(2);
    let outcome = platform.catalog.goldenpath(&["apply", "--yes", "--quiet"]).run().success();
    assert_eq!(outcome.stderr, "");
    assert!(outcome.stdout.ends_with("Applied: 4 created, 0 changed.\n"), "{}", outcome.stdout);

    let aws = Aws::new("quiet");
    write(&aws.platform, 2);
    aws.recorder.refuse(
        "CreateSecret",
        "number-02",
        usize::MAX,
        "AccessDeniedException",
        "not you",
    );
    let outcome = aws.apply_with(&["--quiet"]).fails_with(1);
    assert!(
        outcome
            .stderr
            .starts_with("SEC-0002 create-secret goldenpath/payments/dev/number-02 failed:\n")
    );
    assert!(outcome.stderr.contains("secretsmanager:CreateSecret"), "{}", outcome.stderr);
}

#[test]
fn what_failed_is_said_in_full_at_once_and_in_a_line_at_the_end() {
    let aws = Aws::new("failures");
    write(&aws.platform, 30);
    for number in ["number-02", "number-29"] {
        aws.recorder.refuse("CreateSecret", number, usize::MAX, "AccessDeniedException", "not you");
    }
    let outcome = aws.apply().fails_with(1);
    let (_, end) = outcome.stdout.split_once("\nFailed:\n").unwrap();
    let mut lines: Vec<&str> = end.lines().collect();
    lines[..2].sort_unstable();
    assert_eq!(
        lines,
        [
            "  SEC-0002 create-secret goldenpath/payments/dev/number-02: AWS does not allow \
             CreateSecret: not you",
            "  SEC-0029 create-secret goldenpath/payments/dev/number-29: AWS does not allow \
             CreateSecret: not you",
            "",
            "Applied: 56 created, 0 changed, 2 failed, 2 skipped.",
        ]
    );
    assert_eq!(outcome.stderr.matches("  × ").count(), 2, "{}", outcome.stderr);
    assert_eq!(
        outcome.stderr.matches("× AWS does not allow CreateSecret").count(),
        2,
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("goldenpath::"), "{}", outcome.stderr);
    assert_eq!(aws.names().len(), 28, "everything else is done");
}

#[test]
fn a_file_that_cannot_be_written_is_among_what_failed() {
    let platform = local(2);
    platform.gitops.write("kustomize", "no folder\n").commit_all("Something else");
    let outcome = platform.apply().run().fails_with(1);
    let file = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0002.yaml";
    assert!(
        outcome.stdout.contains(&format!("  SEC-0002 write-projection {file}: ")),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.ends_with("Applied: 2 created, 0 changed, 2 failed.\n"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn on_a_terminal_a_bar_says_how_far_it_is() {
    let aws = Aws::new("bar");
    write(&aws.platform, 30);
    aws.recorder.refuse(
        "CreateSecret",
        "number-01",
        usize::MAX,
        "AccessDeniedException",
        "not you",
    );
    let lists = aws.recorder.hold("ListSecrets", "", 1, HoldPoint::BeforeResponse);
    let looks = aws.recorder.hold("DescribeSecret", "number-09", 1, HoldPoint::BeforeRequest);
    let creations = aws.recorder.hold("CreateSecret", "number-20", 1, HoldPoint::BeforeRequest);
    let arguments = ["apply", "--yes", "--parallelism", "1"];
    let mut terminal = aws.reach(aws.platform.catalog.goldenpath(&arguments)).in_terminal(100, 40);
    assert!(lists.is_reached_by(1));
    lists.open();
    terminal.wait_for("Comparing").wait_for("8 of 30");
    assert!(looks.is_reached_by(1));
    looks.open();
    terminal.wait_for("Applying").wait_for("19 of 60, 1 failed");
    assert!(creations.is_reached_by(1));
    creations.open();
    assert_eq!(terminal.wait(), 1);
    let screen = terminal.screen();
    assert!(screen.contains("Applied: 58 created, 0 changed, 1 failed, 1 skipped."), "{screen}");
    assert!(!screen.contains("Applying") && terminal.cursor_visible(), "the bar is gone: {screen}");
}

#[test]
fn there_is_no_bar_where_nothing_is_to_be_drawn() {
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("CI", "true")] {
        let platform = local(2);
        let command = platform.catalog.goldenpath(&["apply", "--yes"]).env(name, value);
        let mut terminal = command.in_terminal(100, 40);
        assert_eq!(terminal.wait(), 0);
        let raw = String::from_utf8(terminal.raw()).unwrap();
        assert!(raw.contains("SEC-0001 create-secret"), "{name}: {raw}");
        assert!(!raw.contains("Applying") && !raw.contains("Comparing"), "{name}: {raw}");
    }
    let platform = local(2);
    let mut terminal =
        platform.catalog.goldenpath(&["apply", "--yes", "--quiet"]).in_terminal(100, 40);
    assert_eq!(terminal.wait(), 0);
    let raw = String::from_utf8(terminal.raw()).unwrap();
    assert!(raw.contains("Applied: 4 created") && !raw.contains("Applying"), "{raw}");
    assert!(!raw.contains("SEC-0001 create-secret"), "{raw}");
}
