//! Answers by flags and at a terminal: what init shows, asks and writes with them.

use goldenpath_core::config::{Config, Enums, FILE_NAME};
use goldenpath_testkit::{Key, Repository, Terminal, hook_programs};

use super::{FILES, HOOKS, files, init, line_per_file};

const ENUMS: &str = "schemas/metadata/enums.yaml";

fn config(repository: &Repository) -> Config {
    Config::parse(FILE_NAME, &repository.read(FILE_NAME)).unwrap()
}

fn enums(repository: &Repository) -> Enums {
    Enums::parse(ENUMS, &repository.read(ENUMS)).unwrap()
}

fn dialogue(repository: &Repository, arguments: &[&str]) -> Terminal {
    repository.goldenpath(&[&["init"], arguments].concat()).in_terminal(80, 40)
}

#[test]
fn flags_decide_all_that_is_written_without_a_terminal() {
    let repository = Repository::new();
    let arguments = "--backend aws --account-id 210987654321 --region eu-west-2 --env dev --env \
                     prod --owner payments --owner web --platform @acme/platform --ci github \
                     --install-hook --gitops https://git.example.com/acme/gitops.git";
    let outcome = init(&repository, &arguments.split_whitespace().collect::<Vec<_>>());
    let created = format!(
        "{}created .github/workflows/goldenpath.yml\ncreated .github/CODEOWNERS\n",
        line_per_file("created")
    );
    assert!(outcome.stdout.starts_with(&created), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("/hooks/pre-commit\n"), "{}", outcome.stdout);

    let config = config(&repository);
    assert_eq!(config.store.account_id.as_deref(), Some("210987654321"));
    assert_eq!(config.store.region.as_deref(), Some("eu-west-2"));
    let url = "https://git.example.com/acme/gitops.git";
    assert_eq!((config.gitops.url.as_deref(), config.gitops.path), (Some(url), None));
    assert_eq!(config.ownership.platform, ["@acme/platform"]);
    let written = enums(&repository);
    assert_eq!(written.environments, ["dev", "prod"]);
    assert_eq!(written.owners, ["payments", "web"]);
    let pipeline = repository.read(".github/workflows/goldenpath.yml");
    assert!(pipeline.contains("APPLY_ROLE: arn:aws:iam::210987654321:role/"), "{pipeline}");
    assert!(pipeline.contains("AWS_REGION: eu-west-2\n"), "{pipeline}");
    for command in ["validate --merge-with", "plan --from-ref", "gh pr comment", "apply --yes"] {
        assert!(pipeline.contains(command), "{command}");
    }
    let owners = repository.read(".github/CODEOWNERS");
    assert!(owners.contains("/.github/workflows/ @acme/platform\n"), "{owners}");
    repository.goldenpath(&["validate"]).run().success();
    repository.goldenpath(&["codeowners", "--check"]).run().success();
    for hook in ["pre-commit", "pre-merge-commit", "pre-push"] {
        assert!(repository.exists(format!(".git/hooks/{hook}")), "{hook}");
    }

    // The three next commands, and what to do with the pipeline.
    let next = "\n  git add goldenpath.yaml schemas .github/workflows/goldenpath.yml \
                .github/CODEOWNERS && git commit -m \"chore: set goldenpath up\"\n  goldenpath \
                doctor\n  goldenpath new secret\n";
    assert!(outcome.stderr.contains(next), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("Set the values below `env`"), "{}", outcome.stderr);
}

#[test]
fn a_pipeline_of_the_user_is_kept() {
    for own in [".github/workflows/goldenpath.yml", ".github/workflows/goldenpath.yaml"] {
        let repository = Repository::new();
        repository.write(own, "name: ours\n");
        let outcome = init(&repository, &["--ci", "github", "--force"]);
        assert!(outcome.stdout.ends_with(&format!("kept your {own}\n")), "{}", outcome.stdout);
        assert_eq!(repository.read(own), "name: ours\n");
    }
    let repository = Repository::new();
    let outcome = init(&repository, &["--ci", "gitlab"]);
    assert!(outcome.stdout.ends_with("created .gitlab-ci.goldenpath.yml\n"), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("include it in .gitlab-ci.yml"), "{}", outcome.stderr);
    let text = repository.read(".gitlab-ci.goldenpath.yml");
    let jobs: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    for job in ["goldenpath-validate", "goldenpath-plan", "goldenpath-apply"] {
        assert!(jobs[job]["script"].is_sequence(), "{job}");
    }
    let again = init(&repository, &["--ci", "gitlab"]);
    assert!(again.stdout.ends_with("unchanged .gitlab-ci.goldenpath.yml\n"), "{}", again.stdout);
}

#[test]
fn a_dry_run_shows_the_difference_and_writes_nothing() {
    let repository = Repository::new();
    init(&repository, &["--env", "dev"]);
    let text = repository.read(FILE_NAME).replace("backend: local", "backend: aws");
    repository.write(FILE_NAME, &text).write(HOOKS, "repos:\n- repo: x\n  hooks: [{id: y}]\n");
    let before = files(&repository);
    let kept = init(&repository, &["--dry-run"]);
    assert!(kept.stdout.starts_with("keep your goldenpath.yaml\n"), "{}", kept.stdout);
    assert!(kept.stdout.contains("\n+- repo: local\n"), "the hook: {}", kept.stdout);
    assert!(!kept.stdout.contains("backend: local"), "{}", kept.stdout);
    let forced = init(&repository, &["--dry-run", "--force"]);
    assert!(forced.stdout.contains("\n-  backend: aws\n+  backend: local\n"), "{}", forced.stdout);
    assert!(forced.stderr.contains("Nothing was written."), "{}", forced.stderr);
    assert_eq!(files(&repository), before);
}

#[test]
fn answers_that_would_not_be_written_are_refused() {
    let repository = Repository::new();
    init(&repository, &["--env", "dev", "--platform", "@acme/platform"]);
    let before = files(&repository);
    for (arguments, words) in [
        (&["--env", "dev", "--env", "prod"][..], "other environments"),
        (&["--owner", "web"], "other owners"),
        (&["--gitops", "../other"], "another GitOps repository"),
        (&["--platform", "@acme/other"], "another `ownership.platform`"),
        (&["--region", "eu-west-2"], "without --backend aws"),
        (&["--backend", "aws", "--region", "eu-west-2"], "another store"),
        (&["--backend", "aws", "--region", "Ireland"], "a region as AWS writes it"),
        (&["--env", "Dev"], "--env"),
        (&["--owner", ""], "give a text"),
        (&["--platform", "acme"], "@organization/team"),
    ] {
        let outcome = repository.goldenpath(&[&["init"], arguments].concat()).run().fails_with(2);
        assert!(outcome.stderr.contains(words), "{arguments:?}: {}", outcome.stderr);
    }
    init(&repository, &["--env", "dev", "--gitops", "../gitops", "--platform", "@acme/platform"]);
    assert_eq!(files(&repository), before);
}

#[test]
fn the_hook_of_a_framework_is_installed_with_it() {
    let repository = Repository::new();
    repository.write(
        HOOKS,
        "repos:\n- repo: local\n  hooks:\n  - {id: y, name: y, entry: y, language: system}\n",
    );
    let programs = repository.home().join("programs");
    std::fs::create_dir_all(&programs).unwrap();
    std::os::unix::fs::symlink(hook_programs().join("prek"), programs.join("prek")).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let command = repository.goldenpath(&["init", "--install-hook"]).env("PATH", &path);
    let outcome = command.run().success();
    assert!(outcome.stdout.contains("installed the hooks of prek\n"), "{}", outcome.stdout);
    assert!(repository.exists(".git/hooks/pre-commit"));
    assert!(repository.exists(".git/hooks/pre-merge-commit"));

    let other = Repository::new();
    other.write(HOOKS, "repos:\n- repo: x\n  hooks: [{id: y}]\n");
    let command = other.goldenpath(&["init", "--install-hook"]).env("PATH", "/usr/bin:/bin");
    let outcome = command.run().fails_with(1);
    assert!(outcome.stderr.contains("neither pre-commit nor prek is on the PATH"));
    assert!(other.exists(FILE_NAME), "the files are written first");
}

#[test]
fn a_person_is_asked_sees_the_files_and_confirms() {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &[]);
    terminal.wait_for("Store of the secrets").key(Key::Enter);
    terminal.wait_for("GitOps repository").send("../deploy").key(Key::Enter);
    terminal.wait_for("Environments").send("dev, prod").key(Key::Enter);
    terminal.wait_for("Owners of secrets").send("web").key(Key::Enter);
    terminal.wait_for("Code owners of the rule files").send("@acme/platform").key(Key::Enter);
    terminal.wait_for("Pipeline").send("gitlab").key(Key::Enter);
    terminal.wait_for("Install git hooks").send("n").key(Key::Enter);
    terminal.wait_for("Write these files?");
    let shown = String::from_utf8(terminal.raw()).unwrap();
    for line in
        ["create goldenpath.yaml", "path: \"../deploy\"", "create .gitlab-ci.goldenpath.yml"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(!repository.exists(FILE_NAME), "not before the confirmation");
    terminal.key(Key::Enter);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert!(terminal.screen().contains("goldenpath doctor"), "{}", terminal.screen());
    assert_eq!(config(&repository).gitops.path, Some("../deploy".into()));
    assert_eq!(enums(&repository).environments, ["dev", "prod"]);
    assert_eq!(enums(&repository).owners, ["web"]);
    let owners = repository.read(".gitlab/CODEOWNERS");
    assert!(owners.contains("/.gitlab-ci.goldenpath.yml @acme/platform\n"), "{owners}");
    assert!(!repository.exists(".git/hooks/pre-commit"));
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn enter_at_every_question_gives_the_defaults_and_the_hook() {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &["--plain"]);
    for question in ["Store of", "GitOps", "Environments", "Owners", "Code owners", "Pipeline"] {
        terminal.wait_for(question).send("\r");
    }
    terminal.wait_for("Install git hooks").send("\r");
    terminal.wait_for("Write these files?").send("\r");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    let asked = files(&repository);
    let bare = Repository::new();
    init(&bare, &[]);
    assert_eq!(asked, files(&bare), "as without a terminal");
    assert!(repository.exists(".git/hooks/pre-commit"));
    assert_eq!(asked.len(), FILES.len());
}

#[test]
fn an_existing_setup_is_asked_about_nothing_that_it_decides_and_no_changes_nothing() {
    let repository = Repository::new();
    init(&repository, &["--platform", "@acme/platform"]);
    repository.write(HOOKS, "repos:\n- repo: x\n  hooks: [{id: y}]\n");
    let owners = repository.read(".github/CODEOWNERS");
    repository.write(".github/CODEOWNERS", &owners.replace("/schemas/ ", "/other/ "));
    let before = files(&repository);
    let mut terminal = dialogue(&repository, &["--ci", "github"]);
    terminal.wait_for("Update CODEOWNERS from `ownership`?").key(Key::Enter);
    terminal.wait_for("Install the framework's commit hook").send("n").key(Key::Enter);
    terminal.wait_for("Write these files?");
    let raw = String::from_utf8(terminal.raw()).unwrap();
    assert!(
        !raw.contains("Store of the secrets") && !raw.contains("Environments, separated"),
        "{raw}"
    );
    assert!(raw.contains("+- repo: local") && raw.contains("+/schemas/ "), "{raw}");
    terminal.send("n").key(Key::Enter);
    assert_eq!(terminal.wait(), 1);
    assert_eq!(files(&repository), before);
}

#[test]
fn a_canceled_dialogue_writes_nothing_and_yes_asks_nothing() {
    let repository = Repository::new();
    let mut terminal = dialogue(&repository, &[]);
    terminal.wait_for("Store of the secrets").key(Key::Enter);
    terminal.wait_for("GitOps repository").send("\u{3}");
    assert_eq!(terminal.wait(), 130, "{}", terminal.screen());
    assert!(files(&repository).is_empty());
    let mut terminal = dialogue(&repository, &["--yes"]);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert!(repository.exists(FILE_NAME));
    assert!(!repository.exists(".git/hooks/pre-commit"));
}
