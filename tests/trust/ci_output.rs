//! Text of others starts no workflow command.

use goldenpath_testkit::{Command, Outcome, Platform, Repository, SEED_PATH, seed_with};

const PLAN: &str = "templates/plan.md.j2";
const TEMPLATE: &str = "templates/external_secret.yaml.j2";

/// Returns the lines in which a runner finds a command: `::` at the start or `##[` and `##vso[`
/// anywhere.
fn commands(text: &str) -> Vec<&str> {
    let lines = text.split(['\n', '\r', '\u{2028}', '\u{85}']);
    lines
        .filter(|line| {
            line.trim_start().starts_with("::") || line.contains("##[") || line.contains("##vso[")
        })
        .collect()
}

#[track_caller]
fn in_actions(command: Command) -> Outcome {
    let outcome = command.env("GITHUB_ACTIONS", "true").run();
    for text in [&outcome.stdout, &outcome.stderr] {
        assert_eq!(commands(text), Vec::<&str>::new(), "{text}");
    }
    outcome
}

/// Returns a manifest with commands in every text field.
fn hostile() -> String {
    let description = "\"##[error]from a description\\n::error::another line\"";
    seed_with(&[(
        "  owner: team-payments",
        &format!("  description: {description}\n  owner: '##[set-output name=x]y'"),
    )])
}

#[test]
fn findings_and_verbose_talk_start_no_command() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &hostile());
    repository
        .write("catalogs/secrets/payments/dev/a\n::error::b.yaml", "\n::error::c: [\n##[error]d\n");
    for format in ["human", "json", "sarif"] {
        let outcome = in_actions(repository.goldenpath(&["validate", "-v", "--format", format]));
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    }
    let ordinary = repository.goldenpath(&["validate"]).run().fails_with(1);
    assert!(!commands(&ordinary.stdout).is_empty(), "the texts hold none: {}", ordinary.stdout);
}

#[test]
fn each_runner_that_follows_commands_is_known_by_its_variable() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &hostile());
    for variable in ["GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION"] {
        let outcome =
            repository.goldenpath(&["validate"]).env(variable, "True").run().fails_with(1);
        assert_eq!(commands(&outcome.stdout), Vec::<&str>::new(), "{variable}");
    }
}

#[test]
fn json_says_the_same_with_and_without_a_runner() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &hostile());
    let arguments = ["validate", "--format", "json"];
    let inert = in_actions(repository.goldenpath(&arguments));
    assert_eq!(inert.json(), repository.goldenpath(&arguments).run().json());
    assert!(inert.json().to_string().contains("##[set-output name=x]y"), "{}", inert.stdout);
}

#[test]
fn yaml_says_the_same_with_and_without_a_runner() {
    let repository = Repository::with_seed();
    let built_in = include_str!("../../templates/external_secret.yaml.j2");
    let annotations = "metadata:\n  annotations:\n    a: '##[error]x'\n    b: |\n      \
                       ::error::y\n    c: \"\n\n      ::error::z\"\n";
    repository.write(
        TEMPLATE,
        &format!("# ##[error]comment\n{}", built_in.replace("metadata:\n", annotations)),
    );
    let parsed = |text: &str| serde_yaml::from_str::<serde_json::Value>(text).unwrap();
    let inert = in_actions(repository.goldenpath(&["render"])).success();
    let plain = repository.goldenpath(&["render"]).run().success();
    assert!(!commands(&plain.stdout).is_empty(), "{}", plain.stdout);
    assert_eq!(parsed(&inert.stdout), parsed(&plain.stdout));
    assert!(
        inert.stdout.starts_with("---\n# Managed by goldenpath: SEC-0007 "),
        "{}",
        inert.stdout
    );
    // Text without a command is printed unchanged.
    repository.write(TEMPLATE, built_in);
    let inert = in_actions(repository.goldenpath(&["render"])).success();
    assert_eq!(inert.stdout, repository.goldenpath(&["render"]).run().success().stdout);
}

#[test]
fn a_plan_and_its_comment_start_no_command() {
    let platform = Platform::local();
    platform.seed();
    platform
        .catalog
        .write(PLAN, "::error::from a template\n\n \t::add-mask::x\n##[error]y\n")
        .commit_all("Comment");
    for format in ["human", "json", "markdown"] {
        in_actions(platform.plan(&["--format", format])).success();
    }
    in_actions(platform.apply()).success();
}

#[test]
fn an_error_that_quotes_an_argument_starts_no_command() {
    let repository = Repository::with_seed();
    for arguments in [
        &["validate", "--format", "x\n::error::y"][..],
        &["\n::error::y ##[error]z"],
        &["validate", "--no-such\n::error::y"],
        &["validate", "no\n::error::such/file"],
        &["render", "--env", "\n::error::x"],
        &["-C", "no\n::error::folder", "validate"],
        &["--config", "no\n##[error]file", "validate"],
        &["explain", "\n::error::x"],
    ] {
        let outcome = in_actions(repository.goldenpath(arguments));
        assert_ne!(outcome.code, 0, "{arguments:?}");
        assert!(outcome.stderr.contains("error"), "{}", outcome.stderr);
    }
    // Help is not truncated.
    let inert = in_actions(repository.goldenpath(&["--help"])).success();
    assert_eq!(inert.stdout, repository.goldenpath(&["--help"]).run().success().stdout);
}

#[test]
fn what_git_s_hooks_print_starts_no_command() {
    let repository = Repository::with_seed();
    repository.commit_all("Seed");
    let hook = ".git/hooks/commit-msg";
    repository
        .write(hook, "#!/bin/sh\nprintf '::error::from a hook\\nsay ##[error]x\\nlast' >&2\n");
    repository.program("chmod", &["+x", hook]).run().success();
    let arguments = [
        "new",
        "secret",
        "--from",
        "SEC-0007",
        "--name",
        "orders-key",
        "--k8s-secret-name",
        "orders-key",
        "--commit",
        "--env",
        "dev",
    ];
    let outcome = in_actions(repository.goldenpath(&arguments)).success();
    assert!(
        outcome.stderr.contains("from a hook") && outcome.stderr.contains("last"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn goldenpath_s_own_commands_still_work_and_hold_no_other() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &hostile());
    let run = repository.goldenpath(&["validate", "-v", "--format", "github"]);
    let outcome = run.env("GITHUB_ACTIONS", "true").run().fails_with(1);
    let found: Vec<&str> = outcome.stdout.lines().filter(|line| line.starts_with("::")).collect();
    assert!(
        found.iter().any(|line| line.starts_with("::error file=catalogs/secrets/payments/dev/")),
        "{found:?}"
    );
    assert!(!outcome.stdout.contains("##["), "{}", outcome.stdout);
    assert!(outcome.stderr.starts_with("::debug::checking "), "{}", outcome.stderr);
}
