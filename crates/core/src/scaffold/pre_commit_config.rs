//! The hook in `.pre-commit-config.yaml`: added as text, so that comments and layout stay.

use serde_json::json;

use crate::template;
use crate::template::{Output, TemplateError};
use crate::yaml;
use crate::yaml::{Node, NodeValue};

/// The framework's configuration at the root of a repository.
pub const CONFIG_FILE_NAME: &str = ".pre-commit-config.yaml";

const BUILT_IN: &str = crate::template::built_in::PRE_COMMIT_HOOK;

/// How a configuration that has the hook already mentions it.
const HOOK_ID: &str = "goldenpath-validate";

/// What came of adding the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookEdit {
    AlreadyThere,
    /// The configuration's new text.
    Added(String),
    /// The configuration is written in a way that cannot be added to safely.
    ByHand,
}

/// The list item to put under `repos:`; `catalog` is the catalog's folder.
///
/// # Errors
/// None that a catalog's name can cause.
pub fn item(catalog: &str) -> Result<String, TemplateError> {
    let mut files = String::from("^");
    for character in catalog.chars() {
        if !(character.is_alphanumeric() || "/_-".contains(character)) {
            files.push('\\');
        }
        files.push(character);
    }
    files.push_str(r"/.*\.ya?ml$");
    template::render("pre_commit_hook.yaml.j2", BUILT_IN, Output::Yaml, &json!({ "files": files }))
}

/// Adds the `item` as the last of `repos:` in `text`. The result is read back: it must say what `text` says and the
/// item, and nothing else.
#[must_use]
pub fn add(text: &str, item: &str) -> HookEdit {
    if text.contains(HOOK_ID) {
        return HookEdit::AlreadyThere;
    }
    inserted(text, item).map_or(HookEdit::ByHand, HookEdit::Added)
}

fn inserted(text: &str, item: &str) -> Option<String> {
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

/// Where what a node says ends: a block collection's span goes on over the comments behind it.
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
    fn the_hook_goes_behind_the_last_repository_and_nothing_else_moves() {
        let item = item("catalogs/secrets").unwrap();
        for text in [
            "repos:\n  - repo: a\n    rev: v1 # pinned\n    hooks:\n      - id: x # why\n\n# the end\nci:\n  skip: [x]\n",
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
    fn what_cannot_be_added_to_safely_is_left_alone() {
        let item = item("catalogs/secrets").unwrap();
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
