//! The plain form of a manifest: block mappings of one-line values. Text → nodes with spans.
//!
//! Nearly every manifest is written in it, and that small part of YAML has only one reading, which is found here at a
//! tenth of what the parser for the whole of YAML needs. Whatever is not plainly of this form is left to that one: this
//! never says that a text is wrong. In debug builds [`super::yaml::parse`] compares the two at every call.

use super::yaml::{Key, Node, Value, resolve};

/// How many keys a mapping of the plain form has at most, since each is compared with those before it.
const MAX_KEYS: usize = 32;

/// How deep the plain form nests; a SecretRequest needs 3 levels.
const MAX_DEPTH: usize = 8;

/// The longest key, in bytes.
const MAX_KEY: usize = 64;

/// A mapping whose last line has not come yet.
struct Open<'text> {
    /// How far its keys are indented.
    indent: usize,
    start: usize,
    entries: Vec<(Key, Node)>,
    /// Its last key, while that has no value.
    key: Option<(usize, &'text str)>,
}

/// Reads a text of the plain form: ASCII, no tabs, `key: value` lines, comments, at most a `---` at the top. None where
/// it is anything else.
pub(super) fn parse(text: &str) -> Option<Node> {
    if !text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')) {
        return None;
    }
    let mut open: Vec<Open<'_>> = Vec::with_capacity(4);
    let mut after = 0;
    for line in text.split('\n') {
        let start = after;
        after += line.len() + 1;
        let content = line.trim_start_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if open.is_empty() && line.trim_end_matches(' ') == "---" && !text[..start].contains("---") {
            continue;
        }
        let indent = line.len() - content.len();
        let start = start + indent;
        let (key, rest) = key(content)?;
        descend(text, &mut open, indent, start)?;
        let mapping = open.last_mut()?;
        if mapping.entries.len() == MAX_KEYS || mapping.entries.iter().any(|(known, _)| known.name == key) {
            return None;
        }
        mapping.key = Some((start, key));
        if let Some((written, value)) = value(rest)? {
            let start = start + content.len() - rest.len() + rest.find(written)?;
            mapping.complete(Node { span: start..start + written.len(), value });
        }
    }
    while open.len() > 1 {
        close(text, &mut open, text.len())?;
    }
    open.pop()?.closed(text, text.len())
}

/// Makes the mapping whose keys are indented by `indent` the last open one.
fn descend(text: &str, open: &mut Vec<Open<'_>>, indent: usize, start: usize) -> Option<()> {
    let (current, waits) = open.last().map_or((None, indent == 0), |last| (Some(last.indent), last.key.is_some()));
    match current {
        // A key whose value is null, or more of a value than one line.
        Some(current) if waits != (indent > current) => return None,
        Some(current) if !waits && indent <= current => {
            while open.last()?.indent > indent {
                close(text, open, start)?;
            }
        }
        _ if waits && open.len() < MAX_DEPTH => {
            open.push(Open { indent, start, entries: Vec::with_capacity(8), key: None });
        }
        _ => return None,
    }
    (open.last()?.indent == indent).then_some(())
}

/// Ends the last open mapping, as something else begins at `next`.
fn close(text: &str, open: &mut Vec<Open<'_>>, next: usize) -> Option<()> {
    let node = open.pop()?.closed(text, next)?;
    open.last_mut()?.complete(node);
    Some(())
}

impl Open<'_> {
    fn complete(&mut self, node: Node) {
        if let Some((start, name)) = self.key.take() {
            self.entries.push((Key { span: start..start + name.len(), name: name.to_owned() }, node));
        }
    }

    fn closed(self, text: &str, next: usize) -> Option<Node> {
        // A key without a value is null, which no field of a manifest is.
        if self.key.is_some() {
            return None;
        }
        let end = self.start + text[self.start..next].trim_end().len();
        Some(Node { span: self.start..end, value: Value::Mapping(self.entries) })
    }
}

/// A line's key, a plain word, and what comes after its colon.
fn key(content: &str) -> Option<(&str, &str)> {
    let length = content.bytes().position(|byte| !byte.is_ascii_alphanumeric())?;
    let (key, rest) = content.split_at(length);
    let rest = rest.strip_prefix(':')?;
    let is_word = key.starts_with(|first: char| first.is_ascii_alphabetic()) && length <= MAX_KEY;
    (is_word && (rest.is_empty() || rest.starts_with(' '))).then_some((key, rest))
}

/// What stands after a key's colon: a value as written and as read, or `Some(None)` for at most a comment.
#[expect(clippy::option_option, reason = "the outer one says whether this is the plain form at all")]
fn value(rest: &str) -> Option<Option<(&str, Value)>> {
    let content = rest.trim_start_matches(' ');
    match content.as_bytes().first() {
        None | Some(b'#') => Some(None),
        Some(b'"') => {
            let length = 2 + content[1..].find(['"', '\\'])?;
            let (written, rest) = content.split_at(length);
            let rest_is_comment = rest.trim_start_matches(' ').is_empty() || rest.trim_start().starts_with('#');
            let separate = rest.is_empty() || rest.starts_with(' ');
            (written.ends_with('"') && rest_is_comment && separate)
                .then(|| Some((written, Value::String(written[1..length - 1].to_owned()))))
        }
        Some(first) if first.is_ascii_alphanumeric() => {
            let written = content.split_once(" #").map_or(content, |(before, _)| before).trim_end_matches(' ');
            let is_plain = written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._/-,()+'@".contains(&byte));
            is_plain.then(|| Some((written, resolve(written.into()))))
        }
        Some(_) => None,
    }
}
