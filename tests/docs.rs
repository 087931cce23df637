//! The documentation says what is true: generated pages are current, links lead somewhere, the README's commands run.

use std::fs;
use std::path::{Path, PathBuf};

use goldenpath_core::rules::{RULES, Rule, Severity};

use goldenpath_testkit::Repository;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(rule: &Rule) -> String {
    let severity = match rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("# {} {}\n\nSeverity: {severity}.\n\n{}", rule.code, rule.name, rule.page())
}

fn pages() -> Vec<(String, String)> {
    let mut list = String::from(
        "# The rules\n\nWhat `goldenpath explain` prints. Generated from the rules' doc comments.\n\n| rule | name | |\n| --- | --- | --- |\n",
    );
    for rule in RULES {
        list.push_str(&format!(
            "| [{0}]({0}.md) | `{1}` | {2} |\n",
            rule.code,
            rule.name,
            rule.sentence()
        ));
    }
    let pages = RULES.iter().map(|rule| (format!("{}.md", rule.code), page(rule)));
    pages.chain([("README.md".to_owned(), list)]).collect()
}

/// `UPDATE_DOCS=1 cargo test pages` writes them anew.
#[test]
fn the_rules_pages_are_what_the_rules_say() {
    let folder = root().join("docs/rules");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in pages() {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    for (name, text) in pages() {
        let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert_eq!(found, text, "docs/rules/{name} is stale: UPDATE_DOCS=1 cargo test pages");
    }
    assert_eq!(
        fs::read_dir(&folder).unwrap().count(),
        RULES.len() + 1,
        "docs/rules/ has a page of no rule"
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
fn links_in_the_documentation_lead_somewhere() {
    let mut files: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
        .map(|name| root().join(name))
        .to_vec();
    files.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for file in files.into_iter().filter(|file| file.is_file()) {
        let text = fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let link = link.split_once('#').map_or(link, |(page, _)| page);
            if !link.contains("://") {
                let target = file.parent().unwrap_or(Path::new("")).join(link);
                assert!(target.exists(), "{} links to {link}", file.display());
            }
        }
    }
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
    for name in [
        "README.md",
        "docs/commands.md",
        "docs/gitops.md",
        "docs/lifecycle.md",
        "docs/values.md",
        "docs/ids.md",
        "docs/hooks.md",
        "docs/pipeline.md",
        "docs/configuration.md",
        "deploy/github-actions.yaml",
        "deploy/kubernetes-indexed-job.yaml",
        "deploy/argo-workflows.yaml",
    ] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        for line in text.lines().filter(|line| {
            line.contains("goldenpath") || line.starts_with("| `-") || line.contains("`--")
        }) {
            for flag in line
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .filter(|word| word.starts_with("--") && word.len() > 3)
            {
                // Of cargo, git and the frameworks.
                let others = [
                    "--no-verify",
                    "--intent-to-add",
                    "--all-files",
                    "--release",
                    "--git",
                    "--rev",
                    "--path",
                    "--locked",
                    "--all",
                    "--no-ff",
                    "--unshallow",
                    "--delete",
                ];
                assert!(
                    help.contains(flag) || others.contains(&flag),
                    "{name} names {flag}: {line}"
                );
            }
        }
    }
}
