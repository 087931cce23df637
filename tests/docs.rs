//! The documentation is true: generated pages are current, links and anchors lead somewhere, flags
//! and messages exist, tutorials run.

mod links;
mod tutorials;

use std::fs;
use std::path::{Path, PathBuf};

use goldenpath_core::rules::{RULES, Rule, Severity};

use goldenpath_testkit::Repository;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every page of the documentation: those at the root of the project, and `docs/`.
pub fn pages() -> Vec<PathBuf> {
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

fn rule_page(rule: &Rule) -> String {
    let severity = match rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("# {} {}\n\nSeverity: {severity}.\n\n{}", rule.code, rule.name, rule.page())
}

fn rule_pages() -> Vec<(String, String)> {
    let mut list = String::from(
        "# The rules\n\n`goldenpath explain` prints these pages. They are generated from the rules' doc \
         comments.\n\n| rule | name | |\n| --- | --- | --- |\n",
    );
    for rule in RULES {
        list.push_str(&format!(
            "| [{0}]({0}.md) | `{1}` | {2} |\n",
            rule.code,
            rule.name,
            rule.sentence()
        ));
    }
    let pages = RULES.iter().map(|rule| (format!("{}.md", rule.code), rule_page(rule)));
    pages.chain([("README.md".to_owned(), list)]).collect()
}

/// `UPDATE_DOCS=1 cargo test pages` updates them.
#[test]
fn the_rules_pages_are_what_the_rules_say() {
    let folder = root().join("docs/reference/rules");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in rule_pages() {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    for (name, text) in rule_pages() {
        let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        let remedy = "UPDATE_DOCS=1 cargo test pages";
        assert_eq!(found, text, "docs/reference/rules/{name} is out of date: {remedy}");
    }
    assert_eq!(
        fs::read_dir(&folder).unwrap().count(),
        RULES.len() + 1,
        "docs/reference/rules/ has a page without a rule"
    );
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

#[test]
fn every_flag_in_the_documentation_exists() {
    let repository = Repository::new();
    let help: String = [
        &["--help"][..],
        &["init", "--help"],
        &["new", "secret", "--help"],
        &["validate", "--help"],
    ]
    .into_iter()
    .chain([
        &["render", "--help"][..],
        &["plan", "--help"],
        &["apply", "--help"],
        &["demo", "--help"],
    ])
    .chain([
        &["hook", "install", "--help"][..],
        &["hook", "uninstall", "--help"],
        &["hook", "run", "--help"],
    ])
    .chain([&["id", "next", "--help"][..], &["id", "reserve", "--help"], &["id", "list", "--help"]])
    .chain([
        &["id", "renumber", "--help"][..],
        &["lifecycle", "set", "--help"],
        &["audit", "show", "--help"],
        &["audit", "verify", "--help"],
        &["list", "--help"],
        &["show", "--help"],
        &["due", "--help"],
        &["report", "--help"],
        &["value", "set", "--help"],
        &["value", "generate", "--help"],
        &["value", "rotate", "--help"],
        &["value", "status", "--help"],
        &["value", "env", "--help"],
        &["codeowners", "--help"],
    ])
    .map(|arguments| repository.goldenpath(arguments).run().success().stdout)
    .collect();
    let examples = ["github-actions", "kubernetes-indexed-job", "argo-workflows"]
        .map(|name| root().join(format!("deploy/{name}.yaml")));
    for file in pages().into_iter().chain(examples) {
        let name = file.display();
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| {
            line.contains("goldenpath") || line.starts_with("| `-") || line.contains("`--")
        }) {
            for flag in line
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .filter(|word| word.starts_with("--") && word.len() > 3)
            {
                // Of cargo, git, gh and the hook frameworks.
                let others = [
                    "--all",
                    "--all-files",
                    "--auto",
                    "--delete",
                    "--edit-last",
                    "--git",
                    "--global",
                    "--intent-to-add",
                    "--locked",
                    "--message",
                    "--no-default-features",
                    "--no-verify",
                    "--oneline",
                    "--path",
                    "--quiet",
                    "--release",
                    "--rev",
                    "--unset",
                    "--unshallow",
                ];
                assert!(
                    help.contains(flag) || others.contains(&flag),
                    "{name} names {flag}: {line}"
                );
            }
        }
    }
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
