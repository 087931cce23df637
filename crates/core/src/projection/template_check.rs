//! Checks a catalog's template for changes to the built-in projection.
//!
//! Both results are parsed and compared. The GitOps repository's readers (kustomize, Argo CD, Flux)
//! use other YAML parsers than goldenpath, so a text that two parsers read differently is rejected
//! too.

use std::ops::Range;

use crate::config::reserved_names;
use crate::config::reserved_names::SECRET_TYPES;
use crate::config::{find_placeholder, value_template};
use crate::yaml;
use crate::yaml::{Key, Node, NodeValue};

const HELP: &str = "a template may add labels and annotations to `metadata`, and `type`, `data` \
                    and `metadata.labels` to `spec.target.template`; everything else comes from \
                    the manifest and goldenpath.yaml: remove it from the template";

/// A change that a template may not make.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TemplateViolation {
    /// A clause with the JSON pointer: "it adds `/spec/dataFrom/1`".
    pub what: String,
    pub help: String,
    /// A byte range of the rendered text.
    pub span: Range<usize>,
}

/// Checks the result of a catalog's template against that of the built-in one.
///
/// # Errors
/// The first difference that is not an allowed addition.
pub(super) fn check(built_in: &str, own: &str) -> Result<(), TemplateViolation> {
    if let Some((at, character)) =
        own.char_indices().find(|(_, character)| is_ambiguous(*character))
    {
        let what = format!(
            "it contains the character U+{:04X}, which YAML parsers read differently",
            u32::from(character)
        );
        let help =
            "save the template as UTF-8 without a byte order mark, with LF at the end of each line"
                .to_owned();
        return Err(TemplateViolation { what, help, span: at..at + character.len_utf8() });
    }
    // goldenpath's header precedes it, and a directive is not allowed after that.
    if let Some(at) =
        own.match_indices('%').map(|(at, _)| at).find(|at| *at == 0 || own[..*at].ends_with('\n'))
    {
        let help = "remove the directive from the template".to_owned();
        return Err(TemplateViolation {
            what: "it contains a YAML directive".to_owned(),
            help,
            span: at..at + 1,
        });
    }
    if let Some(span) = setter(own) {
        let what = "it has a comment that makes Flux's image automation change the file".to_owned();
        return Err(TemplateViolation {
            what,
            help: "remove the comment from the template".to_owned(),
            span,
        });
    }
    let expected = parse(built_in)?;
    let found = parse(own)?;
    compare(&expected, &found, &mut Vec::new())?;
    match serde_yaml::from_str::<serde_json::Value>(own) {
        Ok(other) if other == found.to_json() => Ok(()),
        _ => {
            let what = "YAML parsers read it differently".to_owned();
            let help = "write block mappings with one `key: value` per line, and quote texts: \
                        `{{ value | quote }}`";
            Err(TemplateViolation { what, help: help.to_owned(), span: 0..0 })
        }
    }
}

/// Finds a comment with JSON that Flux reads.
///
/// For example, `# {"$imagepolicy": "flux-system:app"}`.
fn setter(text: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(hash) = line.find('#') {
            let dense: String = line[hash..].split_whitespace().collect();
            // JSON may write the dollar sign as an escape.
            if [r#"{"$"#, r#"{"\"#].iter().any(|setter| dense.contains(setter)) {
                return Some(start + hash..start + line.trim_end().len());
            }
        }
        start += line.len();
    }
    None
}

/// Returns whether YAML parsers could disagree on a character.
///
/// YAML 1.1 and 1.2 differ on whether it ends a line, or it is invisible at the start of a text.
fn is_ambiguous(character: char) -> bool {
    matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        || (character.is_control() && !matches!(character, '\n' | '\t'))
}

fn parse(text: &str) -> Result<Node, TemplateViolation> {
    yaml::parse(text).map_err(|problems| match problems.into_iter().next() {
        Some(problem) => {
            let place = yaml::place(text, &problem.span);
            TemplateViolation {
                what: format!("line {}: {}", place.line, problem.message),
                help: HELP.to_owned(),
                span: problem.span,
            }
        }
        None => TemplateViolation {
            what: "it is not YAML".to_owned(),
            help: HELP.to_owned(),
            span: 0..0,
        },
    })
}

/// Compares two values at `path`.
///
/// Everything expected must be present; everything else must be an allowed addition.
fn compare(expected: &Node, found: &Node, path: &mut Vec<String>) -> Result<(), TemplateViolation> {
    match (&expected.value, &found.value) {
        (NodeValue::Mapping(expected), NodeValue::Mapping(entries)) => {
            for (key, value) in entries {
                path.push(key.name.clone());
                match expected.iter().find(|(known, _)| known.name == key.name) {
                    Some((_, expected)) => compare(expected, value, path)?,
                    None => check_addition(key, value, path)?,
                }
                path.pop();
            }
            let is_there = |name: &str| entries.iter().any(|(key, _)| key.name == name);
            match expected.iter().find(|(key, _)| !is_there(&key.name)) {
                Some((key, _)) => Err(missing_error(found, path, &key.name)),
                None => Ok(()),
            }
        }
        (NodeValue::Sequence(expected), NodeValue::Sequence(items)) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                match expected.get(index) {
                    Some(expected) => compare(expected, item, path)?,
                    None => return Err(added_error(item.span.clone(), path)),
                }
                path.pop();
            }
            if items.len() < expected.len() {
                Err(missing_error(found, path, &items.len().to_string()))
            } else {
                Ok(())
            }
        }
        (expected, value) if is_scalar(expected) && expected == value => Ok(()),
        (expected, value) => {
            let what = format!(
                "`{}` is {} instead of {}",
                pointer(path),
                describe_value(value),
                describe_value(expected)
            );
            Err(TemplateViolation { what, help: HELP.to_owned(), span: found.span.clone() })
        }
    }
}

/// Checks a field that the built-in projection does not have.
fn check_addition(
    key: &Key,
    value: &Node,
    path: &mut Vec<String>,
) -> Result<(), TemplateViolation> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let reject = |why: String, help: &str| {
        Err(TemplateViolation {
            what: format!("`{}` {why}", pointer(path)),
            help: help.to_owned(),
            span: value.span.clone(),
        })
    };
    match names[..] {
        ["metadata", "labels" | "annotations"]
        | ["spec", "target", "template"]
        | ["spec", "target", "template", "data" | "metadata"]
        | ["spec", "target", "template", "metadata", "labels"] => {
            let NodeValue::Mapping(entries) = &value.value else {
                return reject(
                    format!("is {} instead of a mapping", describe_value(&value.value)),
                    HELP,
                );
            };
            for (key, value) in entries {
                path.push(key.name.clone());
                check_addition(key, value, path)?;
                path.pop();
            }
            Ok(())
        }
        ["metadata", "labels" | "annotations", name]
        | ["spec", "target", "template", "metadata", "labels", name] => {
            let Some(text) = string(value) else { return reject(not_a_string(value), QUOTE) };
            if let Some(why) = find_placeholder(name).or_else(|| find_placeholder(text)) {
                return reject(why.to_owned(), PLAIN);
            }
            if let Some(reason) = reserved_names::reason(name, text) {
                return reject(
                    format!("is reserved: it {reason}"),
                    "remove it from the template: a secret is for its manifest's namespace only",
                );
            }
            if text.contains("{{") {
                let why = "contains `{{`, which the operator would replace with the value";
                return reject(why.to_owned(), PLAIN);
            }
            Ok(())
        }
        ["spec", "target", "template", "type"] => match string(value) {
            Some(text) if SECRET_TYPES.contains(&text) => Ok(()),
            _ => reject(
                format!("is {}, which is not a plain type of Secret", describe_value(&value.value)),
                &format!("write one of {}", SECRET_TYPES.join(", ")),
            ),
        },
        ["spec", "target", "template", "data", name] => {
            let Some(text) = string(value) else { return reject(not_a_string(value), QUOTE) };
            if let Some(why) = find_placeholder(name).or_else(|| find_placeholder(text)) {
                return reject(why.to_owned(), DATA);
            }
            match value_template::check(text) {
                Ok(()) => Ok(()),
                Err(why) => reject(format!("uses more than this secret's own keys: {why}"), DATA),
            }
        }
        _ => Err(added_error(key.span.clone(), path)),
    }
}

const QUOTE: &str = "quote it: `{{ value | quote }}`";
const DATA: &str = "refer to keys of this secret, as in `{{ .password }}`, with functions such as \
                    `b64enc`, `printf` and `toJson`";
const PLAIN: &str = "remove it from the template: labels and annotations are plain text";

fn not_a_string(value: &Node) -> String {
    format!("is {} instead of a string", describe_value(&value.value))
}

fn added_error(span: Range<usize>, path: &[String]) -> TemplateViolation {
    TemplateViolation { what: format!("it adds `{}`", pointer(path)), help: HELP.to_owned(), span }
}

fn missing_error(parent: &Node, path: &[String], name: &str) -> TemplateViolation {
    let pointer = pointer(&[path, &[name.to_owned()]].concat());
    TemplateViolation {
        what: format!("`{pointer}` is missing"),
        help: HELP.to_owned(),
        span: parent.span.clone(),
    }
}

fn is_scalar(value: &NodeValue) -> bool {
    !matches!(value, NodeValue::Sequence(_) | NodeValue::Mapping(_))
}

fn string(node: &Node) -> Option<&str> {
    match &node.value {
        NodeValue::String(text) => Some(text),
        _ => None,
    }
}

fn describe_value(value: &NodeValue) -> String {
    match value {
        NodeValue::Null => "empty".to_owned(),
        NodeValue::Bool(value) => format!("`{value}`, a boolean,"),
        NodeValue::Int(value) => format!("`{value}`, a number,"),
        NodeValue::Float(value) => format!("`{value}`, a number,"),
        NodeValue::String(text) => format!("`{text}`"),
        NodeValue::Sequence(_) => "a list".to_owned(),
        NodeValue::Mapping(_) => "a mapping".to_owned(),
    }
}

/// Formats a JSON pointer (RFC 6901).
fn pointer(path: &[String]) -> String {
    path.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect()
}
