//! `goldenpath new secret`: by flags, and in a terminal of 80 by 24.

use std::fs;
use std::path::PathBuf;

use serde_yaml::Value;

use crate::support::{Key, Outcome, Repository, Terminal};

/// What must be given where nobody can be asked.
const REQUIRED: [(&str, &str); 6] = [
    ("--service", "payments"),
    ("--env", "dev"),
    ("--type", "api-key"),
    ("--name", "payments-psp-token"),
    ("--owner", "team-payments"),
    ("--risk", "low"),
];

/// `new secret` with [`REQUIRED`], and `more`, whose flags replace those of the same name.
fn new_secret(repository: &Repository, more: &[&str]) -> crate::support::Command {
    let mut arguments = vec!["new", "secret"];
    for (flag, value) in REQUIRED.iter().filter(|(flag, _)| !more.contains(flag)) {
        arguments.extend([flag, value]);
    }
    arguments.extend(more);
    repository.goldenpath(&arguments)
}

#[track_caller]
fn says(outcome: &Outcome, words: &str) {
    // Reports wrap their lines, so words may stand on two.
    let said = outcome.stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{words:?} is not in:\n{}", outcome.stderr);
}

#[track_caller]
fn manifest(repository: &Repository, path: &str) -> Value {
    serde_yaml::from_str(&repository.read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below the catalog's folder.
fn catalog(repository: &Repository) -> Vec<String> {
    fn below(folder: PathBuf, files: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(path, files) } else { files.push(path.display().to_string()) }
        }
    }
    let mut files = Vec::new();
    below(repository.path().join("catalogs"), &mut files);
    files
}

#[test]
fn every_flag_lands_in_its_field_and_the_result_validates() {
    let repository = Repository::new();
    let more = ["--name", "ledger-db", "--rotation", "high", "--namespace", "ledger-ns", "--k8s-secret-name"];
    let more = [&more[..], &["ledger.db.creds", "--ttl-days", "45", "--description", "The ledger's database"]].concat();
    let outcome =
        new_secret(&repository, &[&more[..], &["--env", "staging", "--risk", "high"]].concat()).run().success();
    assert_eq!(outcome.stdout, "SEC-0001 catalogs/secrets/payments/staging/SEC-0001.yaml\n");
    let expected = "
apiVersion: goldenpath.io/v1
kind: SecretRequest
metadata:
  id: SEC-0001
  name: ledger-db
  description: The ledger's database
  owner: team-payments
  service: payments
  environment: staging
spec:
  provider: aws-secrets-manager
  secretType: api-key
  risk: { tier: high }
  rotation: { rotationClass: high }
  lifecycle: { status: active }
  access: { namespace: ledger-ns, k8sSecretName: ledger.db.creds }
  ttlDays: 45
";
    let expected: Value = serde_yaml::from_str(expected).unwrap();
    assert_eq!(manifest(&repository, "catalogs/secrets/payments/staging/SEC-0001.yaml"), expected);
    let checked = repository.goldenpath(&["validate", "--format", "json"]).run().success().json();
    assert_eq!(
        (checked["summary"]["files"].as_u64(), checked["findings"].as_array().map(Vec::len)),
        (Some(1), Some(0))
    );
    assert_eq!(catalog(&repository).len(), 1, "and no temporary file");
}

#[test]
fn what_follows_from_other_answers_needs_no_flag() {
    let repository = Repository::new();
    for (risk, rotation) in [("low", "none"), ("medium", "standard"), ("high", "high")] {
        let name = format!("a-token-of-{risk}-risk");
        let outcome = new_secret(&repository, &["--risk", risk, "--name", &name]).run().success();
        let path = outcome.stdout.trim().split_once(' ').unwrap().1.to_owned();
        let made = manifest(&repository, &path);
        assert_eq!(made["spec"]["rotation"]["rotationClass"], rotation);
        assert_eq!(made["spec"]["access"]["namespace"], "payments");
        assert_eq!(made["spec"]["access"]["k8sSecretName"], name.as_str());
        assert_eq!(made["spec"]["ttlDays"], 90);
        assert_eq!(made["metadata"].get("description"), None);
    }
}

#[test]
fn a_description_reads_back_as_it_was_given() {
    let descriptions = [
        "plain words",
        "a: b",
        "# no comment",
        "trailing colon:",
        "- a list",
        "{ a: b }",
        "'single' and \"double\" quotes",
        r"back\slash \n and %",
        "yes",
        "null",
        "2024-01-01",
        "0x1f",
        "!!str tagged",
        "&anchor *alias",
        "{{ name }} {% if %}",
        "Ünïcödé – 秘密 🔑",
        " spaces around ",
        "| block",
        "line\u{2028}separator",
    ];
    let repository = Repository::new();
    for (number, description) in descriptions.into_iter().enumerate() {
        let name = format!("description-no-{number}");
        let flag = format!("--description={description}");
        let outcome = new_secret(&repository, &["--name", &name, &flag]).run().success();
        let path = outcome.stdout.trim().split_once(' ').unwrap().1.to_owned();
        assert_eq!(manifest(&repository, &path)["metadata"]["description"], description);
        assert_eq!(manifest(&repository, &path)["metadata"].as_mapping().unwrap().len(), 6);
    }
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn several_environments_make_a_manifest_and_an_id_each() {
    let repository = Repository::new();
    let outcome = new_secret(&repository, &["--env", "dev", "--env", "prod", "--env", "dev"]).run().success();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "SEC-0001 catalogs/secrets/payments/dev/SEC-0001.yaml",
            "SEC-0002 catalogs/secrets/payments/prod/SEC-0002.yaml",
        ]
    );
    assert_eq!(
        manifest(&repository, "catalogs/secrets/payments/prod/SEC-0002.yaml")["metadata"]["environment"],
        "prod"
    );
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn a_dry_run_shows_the_file_and_writes_nothing() {
    let repository = Repository::new();
    let shown = new_secret(&repository, &["--dry-run"]).run().success().stdout;
    let (path, text) = shown.split_once('\n').unwrap();
    assert_eq!(path, "# catalogs/secrets/payments/dev/SEC-0001.yaml");
    assert_eq!(catalog(&repository), [""; 0]);
    new_secret(&repository, &[]).run().success();
    assert_eq!(repository.read("catalogs/secrets/payments/dev/SEC-0001.yaml"), text, "it is what gets written");
}

#[test]
fn json_names_the_ids_and_paths() {
    let repository = Repository::new();
    let dry = new_secret(&repository, &["--json", "--dry-run"]).run().success().json();
    assert_eq!((&dry["version"], &dry["dryRun"]), (&1.into(), &true.into()));
    let made = new_secret(&repository, &["--json", "--env", "dev", "--env", "test"]).run().success();
    let expected = serde_json::json!({
        "version": 1,
        "dryRun": false,
        "manifests": [
            { "id": "SEC-0001", "path": "catalogs/secrets/payments/dev/SEC-0001.yaml" },
            { "id": "SEC-0002", "path": "catalogs/secrets/payments/test/SEC-0002.yaml" },
        ],
    });
    assert_eq!(made.json(), expected);
    assert_eq!(dry["manifests"][0]["manifest"], repository.read("catalogs/secrets/payments/dev/SEC-0001.yaml"));
}

#[test]
fn without_a_terminal_the_missing_flags_are_named_and_no_others() {
    let repository = Repository::new();
    let flags: Vec<&str> = REQUIRED.iter().map(|(flag, _)| *flag).collect();
    let missing = |arguments: &[&str]| {
        let outcome = repository.goldenpath(&[&["new", "secret"], arguments].concat()).stdin("payments\ndev\n").run();
        assert_eq!(outcome.stdout, "");
        let outcome = outcome.fails_with(2);
        says(&outcome, "there is no terminal to ask on");
        let words = outcome.stderr.split(|c: char| !(c.is_alphanumeric() || c == '-'));
        let mut named: Vec<String> = words.filter(|word| word.starts_with("--")).map(str::to_owned).collect();
        // The last one is the help's `--help`.
        assert_eq!(named.pop().as_deref(), Some("--help"));
        named
    };
    assert_eq!(missing(&[]), flags);
    assert_eq!(missing(&["--yes"]), flags);
    for (flag, value) in REQUIRED {
        let others: Vec<&str> = flags.iter().copied().filter(|other| *other != flag).collect();
        assert_eq!(missing(&[flag, value]), others);
        let given: Vec<&str> =
            REQUIRED.iter().filter(|(other, _)| *other != flag).flat_map(|(flag, value)| [*flag, *value]).collect();
        assert_eq!(missing(&given), [flag]);
    }
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn wrong_answers_name_their_flag_and_what_to_give_instead() {
    let repository = Repository::new();
    for (flag, value, words) in [
        ("--type", "api-keys", "did you mean `api-key`?"),
        ("--env", "prd", "did you mean `prod`?"),
        ("--owner", "team-payment", "did you mean `team-payments`?"),
        ("--risk", "hihg", "did you mean `high`?"),
        ("--rotation", "standrad", "did you mean `standard`?"),
        ("--service", "Payments", "the capital `P`"),
        ("--name", "a_b", "use lowercase letters, digits and hyphens"),
        ("--name", "", "the name is empty"),
        ("--namespace", "-a", "starts and ends with a letter or digit"),
        ("--k8s-secret-name", "a..b", "a dot must stand between two names"),
        ("--ttl-days", "0", "1"),
        ("--ttl-days", "3651", "3650"),
        ("--ttl-days", "soon", "integer"),
        ("--ttl-days", "1.5", "integer"),
        ("--description", "two\nlines", "keep it to one line"),
        ("--description", "bell\u{7}", "U+0007"),
    ] {
        let outcome = new_secret(&repository, &[&format!("{flag}={value}")]).run();
        // The same flag twice is wrong usage too, so the required ones are replaced.
        let outcome = match REQUIRED.iter().any(|(required, _)| *required == flag) {
            true => new_secret(&repository, &[flag, value]).run(),
            false => outcome,
        };
        let outcome = outcome.fails_with(2);
        says(&outcome, &format!("{flag}: "));
        says(&outcome, words);
        assert!(!outcome.stderr.contains('\u{7}'));
    }
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn all_wrong_answers_are_told_at_once() {
    let repository = Repository::new();
    let outcome =
        new_secret(&repository, &["--type", "api-keys", "--risk", "hihg", "--ttl-days", "0"]).run().fails_with(2);
    for flag in ["--type: ", "--risk: ", "--ttl-days: "] {
        says(&outcome, flag);
    }
}

#[test]
fn a_high_risk_without_rotation_is_refused_and_nothing_is_written() {
    let repository = Repository::new();
    let outcome = new_secret(&repository, &["--risk", "high", "--rotation", "none"]).run().fails_with(1);
    says(&outcome, "GP201");
    says(&outcome, "Nothing was written.");
    assert_eq!(outcome.stdout, "");
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn a_medium_risk_without_rotation_is_written_with_a_warning() {
    let repository = Repository::new();
    let outcome = new_secret(&repository, &["--risk", "medium", "--rotation", "none"]).run().success();
    says(&outcome, "GP202");
    assert_eq!(catalog(&repository).len(), 1);
}

#[test]
fn a_name_or_target_that_is_taken_is_refused_with_the_one_that_has_it() {
    let repository = Repository::new();
    new_secret(&repository, &[]).run().success();
    let outcome = new_secret(&repository, &["--k8s-secret-name", "another"]).run().fails_with(1);
    says(&outcome, "GP303");
    says(&outcome, "SEC-0001");
    let outcome =
        new_secret(&repository, &["--name", "another", "--k8s-secret-name", "payments-psp-token"]).run().fails_with(1);
    says(&outcome, "GP304");
    says(&outcome, "SEC-0001");
    assert_eq!(catalog(&repository).len(), 1);
    // In another environment both are free.
    new_secret(&repository, &["--env", "prod"]).run().success();
}

#[test]
fn of_several_environments_all_are_written_or_none() {
    let repository = Repository::new();
    new_secret(&repository, &["--env", "prod"]).run().success();
    says(&new_secret(&repository, &["--env", "dev", "--env", "prod"]).run().fails_with(1), "GP303");
    assert_eq!(catalog(&repository).len(), 1);

    // A file where the second one's folder must be.
    repository.write("catalogs/secrets/web/staging", "in the way\n");
    let outcome =
        new_secret(&repository, &["--service", "web", "--env", "dev", "--env", "staging"]).run().fails_with(1);
    says(&outcome, "catalogs/secrets/web/staging/SEC-0003.yaml");
    assert_eq!(catalog(&repository).len(), 2, "{:?}", catalog(&repository));
}

#[test]
fn a_name_that_aws_would_misread_is_refused() {
    let repository = Repository::new();
    // A hyphen and six characters at the end of a key are an ARN's (CreateSecret, `Name`).
    let outcome = new_secret(&repository, &["--name", "payments-db-secret"]).run();
    assert_ne!(outcome.code, 0);
    says(&outcome, "a hyphen and six characters");
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn an_error_somewhere_else_in_the_catalog_is_no_hindrance() {
    let repository = Repository::new();
    repository.write("catalogs/secrets/web/dev/SEC-0004.yaml", "not: [a manifest\n");
    let outcome = new_secret(&repository, &[]).run().success();
    assert_eq!(outcome.stdout, "SEC-0005 catalogs/secrets/payments/dev/SEC-0005.yaml\n");
}

#[test]
fn a_link_in_the_catalog_is_not_written_through() {
    let outside = tempfile::tempdir().unwrap();
    let repository = Repository::new();
    fs::create_dir_all(repository.path().join("catalogs/secrets")).unwrap();
    std::os::unix::fs::symlink(outside.path(), repository.path().join("catalogs/secrets/payments")).unwrap();
    says(&new_secret(&repository, &[]).run().fails_with(1), "symbolic link");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

/// The built-in template's shape, with a comment of the catalog's own.
const OWN_TEMPLATE: &str = "\
# Ask #platform before you change this.
apiVersion: goldenpath.io/v1
kind: SecretRequest
metadata:
  id: {{ id }}
  name: {{ name }}
  owner: {{ owner }}
  service: {{ service }}
  environment: {{ environment }}
spec:
  provider: {{ provider }}
  secretType: {{ secretType }}
  risk: { tier: {{ riskTier }} }
  rotation: { rotationClass: {{ rotationClass }} }
  lifecycle: { status: {{ status }} }
  access: { namespace: {{ namespace }}, k8sSecretName: {{ k8sSecretName }} }
  ttlDays: {{ ttlDays }}
";
const TEMPLATE: &str = "templates/secret_request.yaml.j2";

#[test]
fn the_catalog_s_own_template_wins() {
    let repository = Repository::new();
    repository.write(TEMPLATE, OWN_TEMPLATE);
    new_secret(&repository, &[]).run().success();
    let made = repository.read("catalogs/secrets/payments/dev/SEC-0001.yaml");
    assert!(made.starts_with("# Ask #platform before you change this.\n"), "{made}");
    assert!(made.contains("access: { namespace: payments, k8sSecretName: payments-psp-token }"), "{made}");
}

#[test]
fn a_template_that_drops_or_alters_an_answer_is_refused() {
    for (from, to, words) in [
        ("  owner: {{ owner }}\n", "", "owner"),
        ("  owner: {{ owner }}\n", "  owner: sre-team\n", "`owner` was to be `team-payments`"),
        ("id: {{ id }}", "id: SEC-0042", "`id` was to be `SEC-0001`"),
        ("status: {{ status }}", "status: decommissioned", "`status` was to be `active`"),
        ("{{ provider }}", "gcp-secret-manager", "gcp-secret-manager"),
        ("ttlDays: {{ ttlDays }}", "ttlDays: 9", "`ttlDays` was to be `90`"),
        ("{{ environment }}", "prod", "`environment` was to be `dev`"),
        ("kind: SecretRequest", "kind: [", "GP001"),
    ] {
        let repository = Repository::new();
        assert!(OWN_TEMPLATE.contains(from));
        repository.write(TEMPLATE, &OWN_TEMPLATE.replace(from, to));
        let outcome = new_secret(&repository, &[]).run().fails_with(1);
        says(&outcome, words);
        assert_eq!(catalog(&repository), [""; 0], "{to}");
    }
    // Ours has no place for a description: to lose one silently would be to alter the answers.
    let repository = Repository::new();
    repository.write(TEMPLATE, OWN_TEMPLATE);
    let outcome = new_secret(&repository, &["--description", "kept"]).run().fails_with(1);
    says(&outcome, "`description` was to be `kept`");
}

#[test]
fn an_error_in_a_template_shows_its_place() {
    for (from, to, words, place) in [
        ("{{ owner }}", "{{ ownr }}", "undefined", "  owner: {{ ownr }}"),
        ("{{ service }}", "{{ service", "expected end of variable block", "  service: {{ service"),
        ("{{ owner }}", "{{ owner | shout }}", "shout", "  owner: {{ owner | shout }}"),
    ] {
        let repository = Repository::new();
        repository.write(TEMPLATE, &OWN_TEMPLATE.replace(from, to));
        let outcome = new_secret(&repository, &[]).run();
        assert!([1, 2].contains(&outcome.code), "{}", outcome.code);
        says(&outcome, "the template `secret_request.yaml.j2` cannot be rendered");
        says(&outcome, words);
        assert!(outcome.stderr.contains(place), "{}", outcome.stderr);
        assert_eq!(catalog(&repository), [""; 0]);
    }
}

fn dialogue(repository: &Repository, arguments: &[&str]) -> Terminal {
    repository.goldenpath(&[&["new", "secret"], arguments].concat()).in_terminal(80, 24)
}

/// Answers every question, up to the confirmation: text where there is no default, and defaults where there are some.
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
        // The enums' first values, or what the design and the governance table say follows.
        let made = manifest(&repository, path);
        assert_eq!(made["spec"]["secretType"], "api-key", "the second in the design's list");
        assert_eq!(made["metadata"]["name"], "payments-api-key");
        assert_eq!(made["metadata"]["owner"], "platform-team");
        assert_eq!(made["spec"]["risk"]["tier"], "medium");
        assert_eq!(made["spec"]["rotation"]["rotationClass"], "standard");
        assert_eq!(made["spec"]["access"]["k8sSecretName"], "payments-api-key");
        repository.goldenpath(&["validate"]).run().success();
        // A colour's escape sequence: ESC [ digits m, but for the reset of attributes.
        let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
        let colours = raw.split("\u{1b}[").skip(1).filter(|rest| {
            rest.split_once('m').is_some_and(|(code, _)| {
                !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';') && code != "0"
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
    terminal.wait_for("the capital `P` cannot stand in a DNS-").wait_for("write it as `payments`");
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
    terminal.wait_for("Write this file?").send("y");
    assert_eq!(terminal.wait(), 0);
    let made = manifest(&repository, "catalogs/secrets/web/dev/SEC-0001.yaml");
    assert_eq!(made["spec"]["ttlDays"], 14);
}

#[test]
fn several_environments_are_chosen_with_the_space_bar_and_none_is_not_enough() {
    let repository = Repository::new();
    let flags = ["--service", "web", "--type", "generic", "--name", "web-key", "--owner", "sre-team", "--risk", "low"];
    let mut terminal = dialogue(&repository, &[&flags[..], &["--yes"]].concat());
    terminal.wait_for("Environments").key(Key::Space).key(Key::Enter);
    terminal.wait_for("Select at least one.");
    // The default is back, so dev is taken out again; then down past test to staging and prod (the design's order).
    terminal
        .key(Key::Space)
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
    let mut arguments: Vec<&str> = REQUIRED.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    arguments.extend(["--rotation", "none", "--namespace", "payments", "--k8s-secret-name", "x", "--ttl-days", "7"]);
    let mut terminal = dialogue(&repository, &arguments);
    terminal.wait_for("Description").send("Words").key(Key::Enter).wait_for("Write this file?").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    assert_eq!(
        manifest(&repository, "catalogs/secrets/payments/dev/SEC-0001.yaml")["metadata"]["description"],
        "Words"
    );

    arguments.extend(["--yes", "--env", "prod"]);
    let mut terminal = dialogue(&repository, &arguments);
    assert_eq!(terminal.wait(), 1, "the one in dev is there already: {}", terminal.screen());
    assert!(!terminal.screen().contains('?'), "nothing was asked: {}", terminal.screen());
}

/// The questions in their order, each with an answer. Where there is a choice, Escape backs out as well.
const STEPS: [(&str, &str, bool); 11] = [
    ("Service", "payments\r", false),
    ("Environments", "\r", true),
    ("Type of secret", "\r", true),
    ("Name", "\r", false),
    ("Owner", "\r", true),
    ("Risk tier", "\r", true),
    ("Rotation class", "\r", true),
    ("Kubernetes namespace", "\r", false),
    ("Kubernetes Secret", "\r", false),
    ("Days until review", "\r", false),
    ("Description", "\r", false),
];

#[track_caller]
fn backs_out(stop: usize, key: &str) {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &[]);
    for (question, answer, _) in &STEPS[..stop] {
        terminal.wait_for(question).send(answer);
    }
    let question = STEPS[stop].0;
    terminal.wait_for(question).send(key);
    let code = terminal.wait();
    let screen = terminal.screen();
    assert_eq!(code, 1, "at {question}:\n{screen}");
    assert!(terminal.cursor_visible(), "at {question}:\n{screen}");
    assert!(screen.contains("cancelled: nothing was changed"), "at {question}:\n{screen}");
    assert_eq!(catalog(&repository), [""; 0]);
}

#[test]
fn ctrl_c_backs_out_of_every_question() {
    for stop in 0..STEPS.len() {
        backs_out(stop, "\u{3}");
    }
}

#[test]
fn escape_backs_out_of_every_choice() {
    for stop in (0..STEPS.len()).filter(|stop| STEPS[*stop].2) {
        backs_out(stop, "\u{1b}");
    }
}

#[test]
fn the_terminal_is_as_it_was_however_the_dialogue_ends() {
    for key in ["\u{3}", "\u{1b}"] {
        let repository = Repository::new();
        let program = env!("CARGO_BIN_EXE_goldenpath");
        let script = format!("stty -g; '{program}' new secret --service web --env dev; stty -g; echo end");
        let mut terminal = repository.program("sh", &["-c", &script]).in_terminal(200, 24);
        terminal.wait_for("Type of secret").send(key).wait_for("end");
        assert_eq!(terminal.wait(), 0);
        let screen = terminal.screen();
        // `stty -g` prints all settings as numbers, joined by colons.
        let settings: Vec<&str> = screen.lines().filter(|line| line.matches(':').count() > 20).collect();
        assert_eq!(settings.len(), 2, "{screen}");
        assert_eq!(settings[0], settings[1]);
    }
}

#[test]
fn questions_fit_a_narrow_terminal_too() {
    let repository = Repository::new();
    let mut terminal = repository.goldenpath(&["new", "secret"]).in_terminal(40, 24);
    terminal.wait_for("Service").send("payments").key(Key::Enter);
    terminal.wait_for("Environments").key(Key::Enter);
    terminal.wait_for("Type of secret").key(Key::Escape);
    assert_ne!(terminal.wait(), 0);
    assert!(terminal.cursor_visible());
}

#[test]
fn in_no_repository_it_says_what_to_do() {
    let nowhere = Repository::new();
    fs::remove_dir_all(nowhere.path().join(".git")).unwrap();
    let outcome = new_secret(&nowhere, &[]).run().fails_with(2);
    says(&outcome, "is not in a git repository");
    says(&outcome, "git init");
    assert_eq!(catalog(&nowhere), [""; 0]);
}

#[test]
fn in_ci_nothing_is_asked_whatever_the_terminal() {
    let repository = Repository::new();
    let mut terminal = repository.goldenpath(&["new", "secret"]).env("CI", "true").in_terminal(80, 24);
    assert_eq!(terminal.wait(), 2);
    assert!(terminal.screen().contains("no answer for --service"), "{}", terminal.screen());
}
