//! A fast parser for block mappings of one-line values, as in most manifests.
//!
//! This subset of YAML has only one reading, and this parser needs a tenth of the full parser's
//! time. It returns None for any other text, valid or not, which the full parser then reads. Debug
//! builds compare both results at every call.

use memchr::memchr;

use super::node::{Key, Node, NodeValue, resolve};

/// The maximum number of keys in a mapping: each is compared with all before it.
const MAX_KEYS: usize = 32;

/// The maximum depth; a SecretRequest needs 3 levels.
const MAX_DEPTH: usize = 8;

/// The maximum length of a key, in bytes.
const MAX_KEY: usize = 64;

/// The number of bytes that are classified at once.
const CHUNK: usize = 64;

/// Whether a byte is allowed in an unquoted value, apart from spaces.
const IN_VALUE: [bool; 256] = {
    let mut in_value = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        in_value[byte] = (byte as u8).is_ascii_alphanumeric()
            || matches!(
                byte as u8,
                b'.' | b'_' | b'-' | b'/' | b',' | b'(' | b')' | b'+' | b'\'' | b'@'
            );
        byte += 1;
    }
    in_value
};

/// A mapping whose last line is not reached yet.
struct OpenMapping<'text> {
    /// The indentation of its keys, in spaces.
    indent: usize,
    start: usize,
    entries: Vec<(Key, Node)>,
    /// The last key, until its value is complete.
    key: Option<(usize, &'text str)>,
}

/// Parses a text of the plain form; None for any other text.
///
/// The plain form is ASCII without tabs: `key: value` lines, comments, optionally `---` first.
pub(super) fn parse(text: &str) -> Option<Node> {
    // Without an early end, the compiler does many bytes at once.
    let is_plain = |chunk: &[u8]| {
        chunk.iter().fold(true, |plain, byte| plain & matches!(byte, b'\n' | b' '..=b'~'))
    };
    if !text.as_bytes().chunks(CHUNK).all(is_plain) {
        return None;
    }
    let mut open: Vec<OpenMapping<'_>> = Vec::with_capacity(4);
    let mut after = 0;
    while after < text.len() {
        let start = after;
        let length = memchr(b'\n', &text.as_bytes()[start..]).unwrap_or(text.len() - start);
        let line = &text[start..start + length];
        after += length + 1;
        let indent = spaces(line);
        let content = &line[indent..];
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if open.is_empty() && line == "---" && !text[..start].contains("---") {
            continue;
        }
        let start = start + indent;
        let (key, rest) = key(content)?;
        descend(text, &mut open, indent, start)?;
        let mapping = open.last_mut()?;
        if mapping.entries.len() == MAX_KEYS
            || mapping.entries.iter().any(|(known, _)| known.name == key)
        {
            return None;
        }
        mapping.key = Some((start, key));
        let gap = spaces(rest);
        if let Some((length, value)) = value(&rest[gap..])? {
            let start = start + content.len() - rest.len() + gap;
            mapping.complete(Node { span: start..start + length, value });
        }
    }
    while open.len() > 1 {
        close(text, &mut open, text.len())?;
    }
    open.pop()?.into_node(text, text.len())
}

/// Makes the mapping with indentation `indent` the last open one.
fn descend(text: &str, open: &mut Vec<OpenMapping<'_>>, indent: usize, start: usize) -> Option<()> {
    let (current, waits) =
        open.last().map_or((None, indent == 0), |last| (Some(last.indent), last.key.is_some()));
    match current {
        // A key with a null value, or a value of several lines.
        Some(current) if waits != (indent > current) => return None,
        Some(current) if !waits && indent <= current => {
            while open.last()?.indent > indent {
                close(text, open, start)?;
            }
        }
        _ if waits && open.len() < MAX_DEPTH => {
            open.push(OpenMapping { indent, start, entries: Vec::with_capacity(8), key: None });
        }
        _ => return None,
    }
    (open.last()?.indent == indent).then_some(())
}

/// Closes the last open mapping; `next` is the offset of the next content.
fn close(text: &str, open: &mut Vec<OpenMapping<'_>>, next: usize) -> Option<()> {
    let node = open.pop()?.into_node(text, next)?;
    open.last_mut()?.complete(node);
    Some(())
}

impl OpenMapping<'_> {
    fn complete(&mut self, node: Node) {
        if let Some((start, name)) = self.key.take() {
            self.entries
                .push((Key { span: start..start + name.len(), name: name.to_owned() }, node));
        }
    }

    fn into_node(self, text: &str, next: usize) -> Option<Node> {
        // A key without a value is null, which no field of a manifest is.
        if self.key.is_some() {
            return None;
        }
        let end = self.start + text[self.start..next].trim_end().len();
        Some(Node { span: self.start..end, value: NodeValue::Mapping(self.entries) })
    }
}

/// Splits a line into its key, a plain word, and the text after the colon.
fn key(content: &str) -> Option<(&str, &str)> {
    let length = content.bytes().position(|byte| !byte.is_ascii_alphanumeric())?;
    let (key, rest) = content.split_at(length);
    let rest = rest.strip_prefix(':')?;
    let is_word = key.starts_with(|first: char| first.is_ascii_alphabetic()) && length <= MAX_KEY;
    (is_word && (rest.is_empty() || rest.starts_with(' '))).then_some((key, rest))
}

/// Parses the text after a key's colon and spaces.
///
/// Returns the length of the value in bytes, and the value.
///
/// Returns `Some(None)` if there is at most a comment.
#[expect(
    clippy::option_option,
    reason = "the outer one says whether this is the plain form at all"
)]
fn value(content: &str) -> Option<Option<(usize, NodeValue)>> {
    let bytes = content.as_bytes();
    match bytes.first() {
        None | Some(b'#') => Some(None),
        Some(b'"') => {
            let length = 2 + bytes[1..].iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            let rest = &content[length..];
            let gap = spaces(rest);
            let is_last = gap == rest.len() || (gap > 0 && rest[gap..].starts_with('#'));
            let value = || Some((length, NodeValue::String(content[1..length - 1].to_owned())));
            (bytes[length - 1] == b'"' && is_last).then(value)
        }
        Some(first) if first.is_ascii_alphanumeric() => {
            let (mut length, mut at) = (0, 0);
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b' ' => at += 1,
                    b'#' if bytes[at - 1] == b' ' => break,
                    _ => {
                        let run =
                            bytes[at..].iter().take_while(|byte| IN_VALUE[usize::from(**byte)]);
                        let run = run.count();
                        if run == 0 {
                            return None;
                        }
                        at += run;
                        length = at;
                    }
                }
            }
            Some(Some((length, resolve(content[..length].into()))))
        }
        Some(_) => None,
    }
}

/// Returns the number of leading spaces.
fn spaces(text: &str) -> usize {
    text.bytes().position(|byte| byte != b' ').unwrap_or(text.len())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The manifest of the seed's section 1.
    const SEED: &str = include_str!("../../testdata/seed.yaml");

    #[test]
    fn the_seeds_manifest_is_of_the_plain_form() {
        assert!(parse(SEED).is_some());
        assert!(parse(&format!("# first\n---\n\n{SEED}")).is_some());
    }

    #[test]
    fn ambiguous_texts_are_left_to_the_full_parser() {
        for text in [
            "",
            "# a\n",
            "---\n---\na: 1\n",
            "a: 1\n---\nb: 1\n",
            "a:\n",
            "a:\nb: 1\n",
            " a: 1\n  b: 1\n",
            "a: 1\na: 2\n",
            "a: b: c\n",
            "a: b\n  c\n",
            "a: b\n  c: d\n",
            "a: b#c\n",
            "a:b\n",
            "a: \"b\\n\"\n",
            "a: \"b\"c\n",
            "a: \"b\n",
            "a: &x 1\n",
            "a: *x\n",
            "a: !!str 1\n",
            "a: [1]\n",
            "a: {}\n",
            "a: |\n  b\n",
            "- a\n",
            "a:\n- b\n",
            "? a\n",
            "<<: 1\n",
            "a: \t1\n",
            "a: 1\r\n",
            "a: é\n",
            "é: a\n",
            "a b: 1\n",
            "\"a\": 1\n",
            "a: b c: d\n",
            "a:\n    b: 1\n  c: 1\n",
            "a: %b\n",
            "a: @b\n",
            "a: `b\n",
            "a: ~\n",
            "a: .5\n",
            "a: -1\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
