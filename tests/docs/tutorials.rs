//! The commands of the tutorials run from start to end, and print the output that the page shows.

use std::fs;

use super::root;
use crate::hooks::path_with_goldenpath;
use goldenpath_testkit::{Command, Repository};

/// A command of a tutorial and the output that is shown below it.
#[derive(Debug)]
struct Step {
    command: String,
    shown: Vec<String>,
}

/// The steps in the `console` blocks of a tutorial.
fn steps(name: &str) -> Vec<Step> {
    let page = fs::read_to_string(root().join(format!("docs/tutorials/{name}.md"))).unwrap();
    let mut steps: Vec<Step> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        let mut lines = block.split("```").next().unwrap().lines();
        while let Some(line) = lines.next() {
            let Some(command) = line.strip_prefix("$ ") else {
                steps.last_mut().unwrap().shown.push(line.to_owned());
                continue;
            };
            let mut command = command.to_owned();
            if let Some((_, end)) = command.split_once("<<'") {
                let end = end.trim_end_matches('\'').to_owned();
                for line in lines.by_ref() {
                    command = format!("{command}\n{line}");
                    if line == end {
                        break;
                    }
                }
            }
            steps.push(Step { command, shown: Vec::new() });
        }
    }
    steps
}

/// Runs a tutorial in one shell. A command must succeed unless the page shows that it fails, by the
/// `×` of an error.
#[track_caller]
fn run(name: &str, expected_steps: usize) {
    const END: &str = "=== exit";
    let steps = steps(name);
    assert_eq!(steps.len(), expected_steps, "{steps:?}");
    let script: String =
        steps.iter().map(|step| format!("{}\necho \"{END} $?\"\n", step.command)).collect();
    let home = Repository::new();
    let folder = tempfile::tempdir().unwrap();
    let outcome = Command::new("bash", &["-c", &script], folder.path(), &home.home())
        .env("PATH", path_with_goldenpath())
        .run();
    let shell = outcome.success();
    let said = format!("{}\n{}", shell.stdout, shell.stderr);
    let ends: Vec<&str> =
        shell.stdout.lines().filter_map(|line| line.strip_prefix(END)).map(str::trim).collect();
    assert_eq!(ends.len(), steps.len(), "{said}");
    for (step, end) in steps.iter().zip(ends) {
        let fails = step.shown.iter().any(|line| line.trim_start().starts_with('×'));
        assert_eq!(end != "0", fails, "{}: exit code {end}\n{said}", step.command);
        for line in step.shown.iter().map(|line| line.trim_end()) {
            assert!(said.contains(line), "`{}` does not print: {line}\n{said}", step.command);
        }
    }
}

#[test]
fn the_tutorial_for_developers_runs_from_start_to_end() {
    run("first-secret", 33);
}

#[test]
fn the_tutorial_for_platform_teams_runs_from_start_to_end() {
    run("set-up", 43);
}
