//! Adds the hook to `.pre-commit-config.yaml`.
//!
//! The file is edited as text, to preserve comments and formatting.

use serde_json::json;

use crate::config::{CODE_OWNERS_PLACES, Config, FILE_NAME};
use crate::template;
use crate::template::{Output, TemplateError};
use crate::yaml;
use crate::yaml::{Node, NodeValue};

/// The framework's configuration file in the root of a repository.
pub const CONFIG_FILE_NAME: &str = ".pre-commit-config.yaml";

const BUILT_IN: &str = crate::template::built_in::PRE_COMMIT_HOOK;

/// The hook's ID, by which an existing hook is detected.
const HOOK_ID: &str = "goldenpath-validate";

/// The result of adding the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookEdit {
    /// The configuration already has the hook.
    AlreadyThere,
    /// The new text of the configuration.
    Added(String),
    /// The configuration cannot be edited safely: the user must add the hook.
    ByHand,
}

/// The command that installs the framework's hooks for each stage of the hook.
pub const INSTALL: &str = "pre-commit install --hook-type pre-commit --hook-type pre-merge-commit";

/// Returns the list item for `repos:` in the catalog of a configuration.
///
/// # Errors
/// The template does not render, which no folder name causes.
pub fn item(config: &Config) -> Result<String, TemplateError> {
    let mut files = String::from("^");
    for character in config.catalog.chars() {
        if !(character.is_alphanumeric() || "/_-".contains(character)) {
            files.push('\\');
        }
        files.push(character);
    }
    files.push_str(r"/.*\.ya?ml$");
    let paths: Vec<String> = checked_paths(config).into_iter().map(shell_quoted).collect();
    // A JSON string is a quoted YAML string.
    let variables = json!({ "files": json!(files).to_string(), "paths": paths.join(" ") });
    template::render("pre_commit_hook.yaml.j2", BUILT_IN, Output::Text, &variables)
}

/// Returns the paths of manifests and rule files, each once.
fn checked_paths(config: &Config) -> Vec<&str> {
    let (schemas, templates) = ("schemas", "templates");
    let own = [config.enums.as_str(), &config.governance, &config.secret_types];
    let own = own.into_iter().filter(|path| !path.starts_with("schemas/"));
    let mut paths = vec![config.catalog.as_str(), FILE_NAME, schemas, templates];
    for path in own.chain(CODE_OWNERS_PLACES.into_iter().flatten()) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// Quotes a path for a POSIX shell within single quotes.
fn shell_quoted(path: &str) -> String {
    if path.chars().all(|character| character.is_alphanumeric() || "/._-".contains(character)) {
        return path.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in path.chars() {
        match character {
            '\'' => quoted.push_str("'\"'\"'"),
            '"' | '$' | '`' | '\\' => quoted.extend(['\\', character]),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Appends `item` to `repos:` in `text`.
///
/// The result is parsed again, and must equal `text` plus the item.
#[must_use]
pub fn add(text: &str, item: &str) -> HookEdit {
    if text.contains(HOOK_ID) {
        return HookEdit::AlreadyThere;
    }
    insert_item(text, item).map_or(HookEdit::ByHand, HookEdit::Added)
}

fn insert_item(text: &str, item: &str) -> Option<String> {
    let root = yaml::parse(text).ok()?;
    let (_, repos) = root.at("/repos")?;
    let NodeValue::Sequence(items) = &repos.value else { return None };
    let last = items.last()?;
    let line = text[..last.span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let indent = text[line..last.span.start].strip_suffix("- ")?;
    if !indent.chars().all(|character| character == ' ') {
        return None;
    }
    let end = end_of(last, text);
    let end = text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1);
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut edited = text[..end].to_owned();
    if !edited.ends_with('\n') {
        edited.push_str(newline);
    }
    for line in item.lines() {
        edited.push_str(indent);
        edited.push_str(line);
        edited.push_str(newline);
    }
    edited.push_str(&text[end..]);

    let mut expected = root.to_json();
    let added = yaml::parse(item).ok()?.to_json().get(0)?.clone();
    expected["repos"].as_array_mut()?.push(added);
    (yaml::parse(&edited).ok()?.to_json() == expected).then_some(edited)
}

/// Returns the end of a node's content.
///
/// The span of a block also includes the comments after it.
fn end_of(node: &Node, text: &str) -> usize {
    let is_flow = text[node.span.start..].starts_with(['[', '{']);
    let last = match &node.value {
        NodeValue::Sequence(items) if !is_flow => items.last(),
        NodeValue::Mapping(entries) if !is_flow => entries.last().map(|(_, value)| value),
        _ => None,
    };
    last.map_or(node.span.end, |last| end_of(last, text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_hook_is_added_after_the_last_repository_and_nothing_else_changes() {
        let item = item(&Config::default()).unwrap();
        for text in [
            "repos:\n  - repo: a\n    rev: v1 # pinned\n    hooks:\n      - id: x # why\n\n# end\n\
             ci:\n  skip: [x]\n",
            "repos:\n- repo: a\n  hooks:\n  - id: x",
            "repos:\r\n- repo: a\r\n  hooks: [{id: x}]\r\n",
        ] {
            let HookEdit::Added(edited) = add(text, &item) else { panic!("{text}") };
            for line in text.lines() {
                assert!(edited.contains(line), "{edited}");
            }
            assert_eq!(add(&edited, &item), HookEdit::AlreadyThere);
        }
    }

    #[test]
    fn the_hook_names_the_folder_and_the_rule_files_of_the_configuration() {
        let config = Config {
            catalog: "it's a $place".to_owned(),
            enums: "lists/enums.yaml".to_owned(),
            ..Config::default()
        };
        let item = item(&config).unwrap();
        assert!(
            item.contains(
                "-- \"it'\"'\"'s a \\$place\" goldenpath.yaml schemas templates lists/enums.yaml \
                 .github/CODEOWNERS CODEOWNERS docs/CODEOWNERS .gitlab/CODEOWNERS &&\n"
            ),
            "{item}"
        );
        assert!(yaml::parse(&item).is_ok(), "{item}");
    }

    #[test]
    fn a_configuration_that_cannot_be_edited_safely_is_unchanged() {
        let item = item(&Config::default()).unwrap();
        for text in [
            "",
            "repos: []\n",
            "repos: [{repo: a}]\n",
            "repos:\n",
            "x: &a 1\nrepos:\n- repo: *a\n",
            "{",
        ] {
            assert_eq!(add(text, &item), HookEdit::ByHand, "{text}");
        }
    }
}
