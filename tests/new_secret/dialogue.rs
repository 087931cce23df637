//! The dialogue in a terminal of 80 by 24, and in a narrow one.

use goldenpath_testkit::{Key, Repository, Terminal, cases};

use super::{REQUIRED, catalog, manifest};

/// Shift-Tab, as xterm sends it (CBT).
const SHIFT_TAB: &str = "\u{1b}[Z";

fn dialogue(repository: &Repository, arguments: &[&str]) -> Terminal {
    repository.goldenpath(&[&["new", "secret"], arguments].concat()).in_terminal(80, 24)
}

/// Answers all questions up to the confirmation: with a text if there is no default, else with the
/// default.
#[track_caller]
fn answer_all(terminal: &mut Terminal) {
    terminal.wait_for("Service").send("payments").key(Key::Enter);
    terminal.wait_for("Environments").key(Key::Enter);
    terminal.wait_for("Type of secret").key(Key::Down).key(Key::Enter);
    terminal.wait_for("Name").key(Key::Enter);
    terminal.wait_for("Owner").key(Key::Enter);
    terminal.wait_for("Risk tier").key(Key::Enter);
    terminal.wait_for("Rotation class").key(Key::Enter);
    terminal.wait_for("Kubernetes namespace").key(Key::Enter);
    terminal.wait_for("Kubernetes Secret").key(Key::Enter);
    terminal.wait_for("Days until review").key(Key::Enter);
    terminal.wait_for("Description").key(Key::Enter);
    terminal.wait_for("Write this file?");
}

#[test]
fn a_person_answers_sees_what_will_be_written_and_confirms() {
    for no_color in [false, true] {
        let repository = Repository::new();
        let command = repository.goldenpath(&["new", "secret"]);
        let command = if no_color { command.env("NO_COLOR", "1") } else { command };
        let mut terminal = command.in_terminal(80, 24);
        answer_all(&mut terminal);
        assert_eq!(catalog(&repository), [""; 0], "not before the confirmation");
        let preview = terminal.screen();
        terminal.key(Key::Enter);
        assert_eq!(terminal.wait(), 0);
        assert!(terminal.cursor_visible());
        let path = "catalogs/secrets/payments/dev/SEC-0001.yaml";
        assert!(terminal.screen().contains(&format!("SEC-0001 {path}")), "{}", terminal.screen());
        for line in repository.read(path).lines() {
            assert!(preview.contains(line), "{line:?} is not in the preview:\n{preview}");
        }
        // The first values of the enums, or what the design and the governance table derive from
        // them.
        let made = manifest(&repository, path);
        assert_eq!(made["spec"]["secretType"], "api-key", "the second in the design's list");
        assert_eq!(made["metadata"]["name"], "payments-api-key");
        assert_eq!(made["metadata"]["owner"], "platform-team");
        assert_eq!(made["spec"]["risk"]["tier"], "medium");
        assert_eq!(made["spec"]["rotation"]["rotationClass"], "standard");
        assert_eq!(made["spec"]["access"]["k8sSecretName"], "payments-api-key");
        repository.goldenpath(&["validate"]).run().success();
        // An escape sequence for a color: ESC [ digits m, except the reset of attributes.
        let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
        let colours = raw.split("\u{1b}[").skip(1).filter(|rest| {
            rest.split_once('m').is_some_and(|(code, _)| {
                !code.is_empty()
                    && code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';')
                    && code != "0"
            })
        });
        assert_eq!(colours.count() == 0, no_color);
    }
}

#[test]
fn whoever_says_no_at_the_end_has_written_nothing() {
    for key in ["n", "\u{1b}", "\u{3}"] {
        let repository = Repository::new();
        let mut terminal = dialogue(&repository, &[]);
        answer_all(&mut terminal);
        terminal.send(key);
        match key {
            "n" => drop(terminal.key(Key::Enter)),
            "\u{1b}" => drop(terminal.wait_for("Discard the answers?").send("y").key(Key::Enter)),
            _ => {}
        }
        assert_ne!(terminal.wait(), 0);
        assert!(terminal.cursor_visible());
        assert_eq!(catalog(&repository), [""; 0]);
    }
}

#[test]
fn an_answer_that_is_wrong_is_refused_in_the_rule_s_words_and_asked_again() {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &[]);
    terminal.wait_for("Service").send("Payments").key(Key::Enter);
    terminal.wait_for("the capital `P` is not allowed in a").wait_for("`payments`");
    for _ in 0.."Payments".len() {
        terminal.key(Key::Backspace);
    }
    terminal.send("web").key(Key::Enter);
    terminal.wait_for("Environments").key(Key::Enter);
    terminal.wait_for("Type of secret").key(Key::Enter);
    terminal.wait_for("Name").key(Key::Enter);
    terminal.wait_for("Owner").key(Key::Enter);
    terminal.wait_for("Risk tier").key(Key::Enter);
    terminal.wait_for("Rotation class").key(Key::Enter);
    terminal.wait_for("Kubernetes namespace").key(Key::Enter);
    terminal.wait_for("Kubernetes Secret").key(Key::Enter);
    terminal.wait_for("Days until review").send("99999").key(Key::Enter);
    terminal.wait_for("3650");
    for _ in 0..5 {
        terminal.key(Key::Backspace);
    }
    terminal.send("14").key(Key::Enter);
    terminal.wait_for("Description").key(Key::Enter);
    terminal.wait_for("Write this file?").send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    let made = manifest(&repository, "catalogs/secrets/web/dev/SEC-0001.yaml");
    assert_eq!(made["spec"]["ttlDays"], 14);
}

#[test]
fn shift_tab_returns_to_the_question_before_with_its_answer() {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &[]);
    terminal.wait_for("Service").send("payments").key(Key::Enter);
    terminal.wait_for("Environments").send(SHIFT_TAB);
    terminal.wait_for("? Service (payments) ›").send("orders").key(Key::Enter);
    terminal.wait_for("Environments").key(Key::Enter);
    terminal.wait_for("Type of secret").key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
    assert!(terminal.screen().contains("✔ Service · orders"), "{}", terminal.screen());
}

#[test]
fn escape_keeps_the_answers_unless_they_may_be_lost() {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &[]);
    terminal.wait_for("Service").send("payments").key(Key::Enter);
    terminal.wait_for("Environments").key(Key::Escape);
    terminal.wait_for("Discard the answers?").key(Key::Enter);
    terminal.wait_for("✔ Discard the answers?").wait_for("⬚ test").key(Key::Enter);
    terminal.wait_for("Type of secret").key(Key::Escape);
    terminal.wait_for_last("Discard the answers? [y/N] ›").send("y\r");
    assert_eq!(terminal.wait(), 1);
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn what_is_typed_before_a_question_does_not_answer_it() {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &[]);
    // A paste of two lines answers one question.
    terminal.wait_for("Service").send("payments\rprod\r");
    terminal.wait_for("? Environments").wait_for("Space selects").key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
    assert!(!terminal.screen().contains("✔ Environments"), "{}", terminal.screen());
}

#[test]
fn tiers_and_rotation_classes_are_explained_where_they_are_chosen() {
    let repository = Repository::new();
    let mut terminal = dialogue(
        &repository,
        &[
            "--service",
            "web",
            "--env",
            "dev",
            "--type",
            "generic",
            "--name",
            "a",
            "--owner",
            "sre-team",
        ],
    );
    // The built-in governance.yaml.
    terminal.wait_for("high: rotation required, 2 reviewers, reviewed within 365 days");
    terminal.key(Key::Enter).wait_for("standard: a new value at least every 90 days");
    terminal.key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
}

#[test]
fn a_question_is_drawn_again_after_a_resize() {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &["--service", "web", "--env", "dev"]);
    terminal.wait_for("Type of secret").wait_for("Type to search");
    terminal.resize(40, 12);
    terminal.wait_for("? Type of secret").wait_for("Type to search");
    terminal.key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
}

#[test]
fn several_environments_are_chosen_with_the_space_bar_and_none_is_not_enough() {
    let repository = Repository::new();
    let flags = [
        "--service",
        "web",
        "--type",
        "generic",
        "--name",
        "web-key",
        "--owner",
        "sre-team",
        "--risk",
        "low",
    ];
    let mut terminal = dialogue(&repository, &[&flags[..], &["--yes"]].concat());
    terminal.wait_for("Environments").key(Key::Space).key(Key::Enter);
    terminal.wait_for("select at least one");
    // Down past test to staging and prod (the design's order).
    terminal
        .key(Key::Down)
        .key(Key::Down)
        .key(Key::Space)
        .key(Key::Down)
        .key(Key::Space)
        .key(Key::Enter);
    terminal.wait_for("SEC-0002 catalogs/secrets/web/prod/SEC-0002.yaml");
    assert_eq!(terminal.wait(), 0);
    assert!(repository.exists("catalogs/secrets/web/staging/SEC-0001.yaml"));
    assert_eq!(catalog(&repository).len(), 2);
}

#[test]
fn only_what_the_flags_leave_open_is_asked() {
    let repository = Repository::new();
    let mut arguments: Vec<&str> =
        REQUIRED.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    arguments.extend([
        "--rotation",
        "none",
        "--namespace",
        "payments",
        "--k8s-secret-name",
        "x",
        "--ttl-days",
        "7",
    ]);
    let mut terminal = dialogue(&repository, &arguments);
    terminal
        .wait_for("Description")
        .send("Words")
        .key(Key::Enter)
        .wait_for("Write this file?")
        .key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    let written = manifest(&repository, "catalogs/secrets/payments/dev/SEC-0001.yaml");
    assert_eq!(written["metadata"]["description"], "Words");

    arguments.extend(["--yes", "--env", "prod"]);
    let mut terminal = dialogue(&repository, &arguments);
    assert_eq!(terminal.wait(), 1, "the one in dev is there already: {}", terminal.screen());
    assert!(!terminal.screen().contains('?'), "nothing was asked: {}", terminal.screen());
}

/// The questions in order, each with an answer.
const STEPS: [(&str, &str); 11] = [
    ("Service", "payments\r"),
    ("Environments", "\r"),
    ("Type of secret", "\r"),
    ("Name", "\r"),
    ("Owner", "\r"),
    ("Risk tier", "\r"),
    ("Rotation class", "\r"),
    ("Kubernetes namespace", "\r"),
    ("Kubernetes Secret", "\r"),
    ("Days until review", "\r"),
    ("Description", "\r"),
];

#[track_caller]
fn backs_out(stop: usize, keys: &str) {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &[]);
    for (question, answer) in &STEPS[..stop] {
        terminal.wait_for(question).send(answer);
    }
    let question = STEPS[stop].0;
    terminal.wait_for(question).send(keys);
    if keys == "\u{1b}" && stop > 0 {
        // Answers are lost only on purpose.
        terminal.wait_for("Discard the answers?").send("y\r");
    }
    let code = terminal.wait();
    let screen = terminal.screen();
    let expected = if keys == "\u{3}" { 130 } else { 1 };
    assert_eq!(code, expected, "at {question}:\n{screen}");
    assert!(terminal.cursor_visible(), "at {question}:\n{screen}");
    assert!(screen.contains("canceled: nothing was changed"), "at {question}:\n{screen}");
    assert_eq!(catalog(&repository), [""; 0]);
}

cases! { ctrl_c_backs_out_of_every_question(backs_out):
    service(0, "\u{3}");
    environments(1, "\u{3}");
    type_of_secret(2, "\u{3}");
    name(3, "\u{3}");
    owner(4, "\u{3}");
    risk_tier(5, "\u{3}");
    rotation_class(6, "\u{3}");
    namespace(7, "\u{3}");
    kubernetes_secret(8, "\u{3}");
    ttl(9, "\u{3}");
    description(10, "\u{3}");
}

cases! { escape_backs_out_of_every_question(backs_out):
    service(0, "\u{1b}");
    environments(1, "\u{1b}");
    type_of_secret(2, "\u{1b}");
    name(3, "\u{1b}");
    owner(4, "\u{1b}");
    risk_tier(5, "\u{1b}");
    rotation_class(6, "\u{1b}");
    namespace(7, "\u{1b}");
    kubernetes_secret(8, "\u{1b}");
    ttl(9, "\u{1b}");
    description(10, "\u{1b}");
}

#[test]
fn every_question_is_backed_out_of() {
    assert_eq!(STEPS.len(), 11, "a row in each of the two tables");
}

#[test]
fn the_terminal_is_as_it_was_however_the_dialogue_ends() {
    let program = env!("CARGO_BIN_EXE_goldenpath");
    let flags = "--service web --env dev";
    for (key, flags, question) in [
        ("\u{3}", flags, "Type of secret"),
        ("\u{1b}", flags, "Type of secret"),
        ("\u{3}", "--env dev", "Service"),
        ("\u{1b}", "--env dev", "Service"),
        ("\u{3}", "--plain", "Service"),
        ("\u{1b}\r", "--plain", "Service"),
        ("\u{4}", "--plain", "Service"),
    ] {
        let repository = Repository::new();
        // In plain mode Ctrl-C is a signal, which the shell gets too.
        let script =
            format!("trap : INT; stty -g; '{program}' new secret {flags}; stty -g; echo end");
        let mut terminal = repository.program("sh", &["-c", &script]).in_terminal(200, 24);
        terminal.wait_for(question).send(key).wait_for("end");
        assert_eq!(terminal.wait(), 0);
        let screen = terminal.screen();
        // `stty -g` prints all settings as numbers, joined by colons.
        let settings: Vec<&str> =
            screen.lines().filter(|line| line.matches(':').count() > 20).collect();
        assert_eq!(settings.len(), 2, "{screen}");
        assert_eq!(settings[0], settings[1]);
        assert!(screen.contains("canceled: nothing was changed"), "{screen}");
        assert_eq!(repository.git(&["status", "--porcelain"]), "");
    }
}

/// Returns `new secret --yes` for payments in dev, with more flags.
fn with_some(names: &[(&str, &str, &str)]) -> Repository {
    let repository = Repository::new();
    for (service, name, owner) in names {
        super::new_secret(&repository, &["--service", service, "--name", name, "--owner", owner])
            .run()
            .success();
    }
    repository
}

#[test]
fn a_service_is_found_by_a_few_letters_and_its_owner_comes_first() {
    let repository = with_some(&[
        ("orders", "orders-key", "app-team"),
        ("payments", "first", "team-payments"),
        ("payments", "second", "sre-team"),
        ("payments", "third", "team-payments"),
    ]);
    let mut terminal = dialogue(&repository, &[]);
    let head = "New secret. Shift-Tab goes back; Escape or Ctrl-C cancels, nothing is written.\n";
    let how = "  Down and Tab choose one of these, or type a new one";
    terminal.wait_for_all(&format!("{head}? Service ›\n  payments\n  orders\n{how}"));
    terminal.send("pymt").wait_for_all(&format!("{head}? Service › pymt\n  payments\n{how}"));
    terminal.key(Key::Tab).wait_for_all(&format!("{head}? Service › payments\n  payments\n{how}"));
    terminal.key(Key::Enter).wait_for("✔ Service · payments");
    terminal.wait_for("Environments").key(Key::Enter);
    terminal.wait_for("Type of secret").send("apky").wait_for("❯ api-key").key(Key::Enter);
    terminal.wait_for("Name").key(Key::Enter);
    terminal.wait_for("? Owner ›\n❯ team-payments\n  sre-team\n  platform-team\n  security-team");
    // The rule rejects a value that the enums do not have; a match of the search can be selected.
    terminal
        .send("nobody")
        .key(Key::Enter)
        .wait_for("✘ `nobody` is not a value of `owner`; the values are");
    terminal
        .send("\u{15}srt")
        .wait_for("❯ sre-team")
        .key(Key::Enter)
        .wait_for("✔ Owner · sre-team");
    terminal.wait_for("Risk tier").key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
}

#[test]
fn a_suggestion_is_taken_with_down_and_a_new_service_as_it_is_typed() {
    let repository =
        with_some(&[("orders", "orders-key", "app-team"), ("payments", "first", "team-payments")]);
    for (keys, service) in [
        ("\u{1b}[B\u{1b}[B\r", "payments"),
        ("\u{1b}[A\r", "payments"),
        ("\u{1b}[B\u{1b}[A\u{1b}[B\r", "orders"),
        ("pay\u{1b}[B\r", "payments"),
        ("pay\r", "pay"),
        ("ord\t-new\r", "orders-new"),
    ] {
        let mut terminal = dialogue(&repository, &[]);
        terminal.wait_for("Service").send(keys).wait_for(&format!("✔ Service · {service}\n"));
        terminal.wait_for("Environments").key(Key::CtrlC);
        assert_eq!(terminal.wait(), 130);
    }
}

#[test]
fn a_name_that_is_taken_is_refused_when_it_is_given_and_the_default_is_free() {
    let repository = with_some(&[("payments", "payments-api-key", "team-payments")]);
    let flags =
        ["--service", "payments", "--type", "api-key", "--owner", "team-payments", "--risk", "low"];
    let mut terminal = dialogue(&repository, &flags);
    terminal.wait_for("Environments").key(Key::Enter);
    terminal.wait_for("? Name (payments-api-key-2) ›").send("payments-api-key").key(Key::Enter);
    terminal.wait_for("✘ the store key `goldenpath/payments/dev/payments-api-key` is taken:");
    terminal.wait_for_words("SEC-0001.yaml has it too; give one of the two another name");
    terminal.send("\u{15}other").key(Key::Enter).wait_for("✔ Name · other");
    terminal.wait_for("Rotation class").key(Key::Enter);
    terminal.wait_for("Kubernetes namespace").key(Key::Enter);
    terminal.wait_for("? Kubernetes Secret (other) ›").send("payments-api-key").key(Key::Enter);
    terminal.wait_for("✘ the Kubernetes Secret `payments/payments-api-key` in dev is taken:");
    terminal.send("-3").key(Key::Enter);
    // The limit of the tier is reported when an answer exceeds it.
    terminal.wait_for("Days until review").send("366").key(Key::Enter);
    terminal.wait_for_words(
        "`ttlDays` is 366, but risk tier `low` allows at most 365 days; write 365 or less",
    );
    terminal.key(Key::Backspace).send("5").key(Key::Enter);
    terminal.wait_for("Description").key(Key::Enter);
    terminal.wait_for("Write this file?").send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    let made = manifest(&repository, "catalogs/secrets/payments/dev/SEC-0002.yaml");
    assert_eq!(made["spec"]["access"]["k8sSecretName"], "payments-api-key-3");
    assert_eq!(made["spec"]["ttlDays"], 365);
}

#[test]
fn a_high_risk_without_rotation_is_refused_at_the_question_and_a_warning_is_not() {
    let repository = Repository::new();
    let mut arguments: Vec<&str> =
        REQUIRED.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    let tier = arguments.len() - 1;
    arguments[tier] = "high";
    let mut terminal = dialogue(&repository, &arguments);
    terminal.wait_for("Rotation class").key(Key::Up).key(Key::Up).key(Key::Enter);
    terminal.wait_for("✘ a secret of risk tier `high` must be rotated, but");
    terminal.wait_for("choose the rotation class").key(Key::Down).key(Key::Enter);
    terminal
        .wait_for("✔ Rotation class · standard")
        .wait_for("Kubernetes namespace")
        .key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);

    arguments[tier] = "medium";
    let mut terminal = dialogue(&repository, &arguments);
    terminal.wait_for("Rotation class").key(Key::Up).key(Key::Enter);
    terminal
        .wait_for("Warning: a secret of risk tier `medium` should be rotated")
        .wait_for("Kubernetes namespace");
}

#[test]
fn a_flag_that_does_not_fit_the_answers_is_reported_and_asked_again() {
    let repository = with_some(&[("payments", "taken", "team-payments")]);
    let flags =
        ["--service", "payments", "--name", "taken", "--type", "api-key", "--owner", "sre-team"];
    let mut terminal = dialogue(&repository, &flags);
    terminal.wait_for("Environments").key(Key::Enter);
    terminal
        .wait_for("✘ --name taken: the store key")
        .wait_for("? Name (taken-2) ›")
        .key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
}

#[test]
fn what_the_governance_table_says_of_a_type_is_the_default_unless_the_tier_asks_for_more() {
    let repository = Repository::new();
    for (secret_type, tier, rotation) in [
        ("database-credentials", "low", "standard"),
        ("database-credentials", "medium", "standard"),
        ("database-credentials", "high", "high"),
        ("signing-key", "low", "high"),
        ("signing-key", "medium", "high"),
        ("api-key", "low", "none"),
        ("api-key", "medium", "standard"),
        ("api-key", "high", "high"),
    ] {
        let flags = ["--type", secret_type, "--risk", tier, "--dry-run"];
        let shown = super::new_secret(&repository, &flags).run().success().stdout;
        assert!(
            shown.contains(&format!("rotationClass: {rotation}\n")),
            "{secret_type} {tier}:\n{shown}"
        );
    }
}

#[test]
fn defaults_have_63_characters_at_most() {
    let repository = Repository::new();
    let service = "s".repeat(63);
    let flags = [
        "--env",
        "dev",
        "--owner",
        "sre-team",
        "--risk",
        "low",
        "--type",
        "api-key",
        "--rotation",
        "none",
    ];
    let mut terminal =
        dialogue(&repository, &[&flags[..], &["--service", &service, "--ttl-days", "9"]].concat());
    terminal.wait_for(&format!("Enter takes {service}")).key(Key::Enter);
    terminal.wait_for("✔ Name").wait_for("Kubernetes namespace").key(Key::Enter);
    terminal.wait_for("Kubernetes Secret").key(Key::Enter);
    terminal.wait_for("Description").key(Key::Enter);
    terminal.wait_for("Write this file?").send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn questions_fit_a_narrow_terminal_too() {
    let repository = Repository::new();
    let mut terminal = repository.goldenpath(&["new", "secret"]).in_terminal(40, 24);
    terminal.wait_for("Service").send("payments").key(Key::Enter);
    terminal.wait_for("Environments").key(Key::Enter);
    terminal.wait_for("Type of secret").key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
    assert!(terminal.cursor_visible());
}
