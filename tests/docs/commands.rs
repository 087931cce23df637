//! Every command line in the documentation is one that goldenpath understands: its command exists,
//! and each of its flags is one of that command.

use std::fs;

use clap::Command;

use super::{pages, root};

/// Returns the command lines in a text: what follows `goldenpath` up to the end of the command.
fn command_lines(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut rest = line;
        while let Some((before, behind)) = rest.split_once("goldenpath ") {
            rest = behind;
            // A name such as `cargo-goldenpath`, or the middle of a path.
            if before.ends_with(|c: char| c.is_ascii_alphanumeric() || "-_/.@".contains(c)) {
                continue;
            }
            let end =
                behind.find(['`', '|', ';', '#', '&', '<', '\\', '│']).unwrap_or(behind.len());
            let words = behind[..end]
                .split_whitespace()
                .map(|word| word.trim_matches(|c: char| "\"'(),.:…[]".contains(c)).to_owned());
            lines.push((number + 1, words.collect()));
        }
    }
    lines
}

/// Returns why goldenpath does not understand these words; None if it does, or if they are prose.
fn problem(root_command: &Command, words: &[String]) -> Option<String> {
    let mut command = root_command;
    let mut has_command = false;
    for word in words {
        // The arguments of another program.
        if word == "--" {
            break;
        }
        if let Some(flag) = word.strip_prefix("--") {
            let name: String =
                flag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            let has_it = |command: &&Command| {
                command.get_arguments().any(|argument| argument.get_long() == Some(&name))
            };
            let is_there = has_it(&command)
                || root_command
                    .get_arguments()
                    .any(|argument| argument.get_long() == Some(&name) && argument.is_global_set())
                || matches!(name.as_str(), "help" | "version");
            if !is_there && has_command && !name.is_empty() {
                return Some(format!("`goldenpath {}` has no flag --{name}", command.get_name()));
            }
        } else if let Some(sub) = command.find_subcommand(word) {
            command = sub;
            has_command = true;
        }
    }
    None
}

#[test]
fn every_command_line_in_the_documentation_is_understood() {
    let root_command = goldenpath::cli::command();
    let examples = ["github-actions", "kubernetes-indexed-job", "argo-workflows"]
        .map(|name| root().join(format!("deploy/{name}.yaml")));
    let (mut checked, mut problems) = (0, Vec::new());
    for file in pages().into_iter().chain(examples) {
        let text = fs::read_to_string(&file).unwrap();
        for (line, words) in command_lines(&text) {
            checked += 1;
            if let Some(problem) = problem(&root_command, &words) {
                problems.push(format!("{}:{line}: {problem}", file.display()));
            }
        }
    }
    assert!(checked > 300, "only {checked} command lines were found");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_flag_of_another_command_is_a_problem() {
    let root_command = goldenpath::cli::command();
    let problem = |line: &str| {
        let [(_, words)] = command_lines(line).try_into().unwrap();
        problem(&root_command, &words)
    };
    assert_eq!(problem("run `goldenpath validate --staged --fix` first"), None);
    assert_eq!(problem("goldenpath -C repo value set SEC-0007 --generate # x"), None);
    assert_eq!(problem("goldenpath value env SEC-0007 -- psql --host db"), None);
    assert_eq!(
        problem("$ goldenpath plan --staged"),
        Some("`goldenpath plan` has no flag --staged".to_owned())
    );
    assert_eq!(
        problem("`goldenpath value set SEC-0007 --nothing`"),
        Some("`goldenpath set` has no flag --nothing".to_owned())
    );
}
