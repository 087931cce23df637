//! The documentation is true: links and anchors lead somewhere, command lines and messages exist,
//! tutorials run. `cargo xtask check` checks that the generated pages are current.

mod commands;
mod links;
mod tutorials;

use std::fs;
use std::path::{Path, PathBuf};

use goldenpath_core::rules::RULES;

use goldenpath_testkit::Repository;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every page of the documentation: those at the root of the project, and `docs/`.
pub(crate) fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
        .map(|name| root().join(name))
        .to_vec();
    add_pages_below(&root().join("docs"), &mut pages);
    pages
}

fn add_pages_below(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_pages_below(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

#[test]
fn every_rule_has_a_whole_page_and_a_place_of_its_own() {
    let headings = ["## What it does", "## Why is this bad?", "## Example", "## Use instead"];
    for rule in RULES {
        let page = rule.page();
        for heading in headings {
            assert!(page.contains(&format!("\n{heading}\n")), "{} lacks {heading}", rule.code);
        }
        assert!(rule.sentence().ends_with('.'), "{}", rule.code);
    }
    let mut codes: Vec<_> = RULES.iter().map(|rule| rule.code).collect();
    assert!(codes.is_sorted());
    codes.dedup();
    assert_eq!(codes.len(), RULES.len());
}

#[test]
fn explain_prints_the_page_and_knows_near_misses() {
    let repository = Repository::new();
    let page = repository.goldenpath(&["explain", "gp105"]).run().success().stdout;
    assert!(page.starts_with("GP105 not-in-enum (error)\n"), "{page}");
    assert!(page.contains("Why is this bad?"), "{page}");
    let list = repository.goldenpath(&["explain"]).run().success().stdout;
    assert_eq!(list.lines().count(), RULES.len());
    let unknown = repository.goldenpath(&["explain", "not-in-enums"]).run().fails_with(2);
    assert!(unknown.stderr.contains("did you mean `not-in-enum`?"), "{}", unknown.stderr);
}

/// Each heading of a message in docs/troubleshooting.md is a message of the program. `…` is a part
/// that differs.
#[test]
fn every_message_in_troubleshooting_is_one_of_the_program() {
    let sources = source_text();
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let messages: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert!(messages.len() >= 25, "{}", messages.len());
    for message in messages {
        for part in message.split('…') {
            let part = part.replace('`', "");
            let part = part.trim_matches(|c: char| !c.is_alphanumeric());
            assert!(sources.contains(part), "no message of the program has {part:?}: {message}");
        }
    }
}

/// The Rust sources without backticks, each line break with its indentation as one space.
fn source_text() -> String {
    let mut text = String::new();
    for folder in ["src", "crates"].map(|name| root().join(name)) {
        add_sources_below(&folder, &mut text);
    }
    text.replace("\\\n", " ").replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn add_sources_below(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_sources_below(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
