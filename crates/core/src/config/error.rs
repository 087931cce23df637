//! Errors in a configuration file, with their location.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, NamedSource, SourceSpan};

use crate::yaml::{Mismatch, Node, NodeValue, Problem, parse_configuration};

/// An error in a configuration file, with its location and a help.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{path}: {message}")]
#[diagnostic(code(goldenpath::config))]
pub struct ConfigError {
    path: String,
    message: String,
    #[help]
    help: String,
    #[source_code]
    source_code: Option<NamedSource<String>>,
    #[label(primary, "here")]
    place: Option<SourceSpan>,
    /// The first occurrence of a duplicate key.
    #[label("first here")]
    first: Option<SourceSpan>,
}

impl ConfigError {
    /// Creates an error about the whole file at `path`.
    #[must_use]
    pub fn new(path: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            message: message.into(),
            help: help.into(),
            source_code: None,
            place: None,
            first: None,
        }
    }

    /// Applies `reword` to all its texts.
    #[must_use]
    pub fn map_texts(mut self, reword: impl Fn(&mut String)) -> Self {
        reword(&mut self.message);
        reword(&mut self.help);
        self
    }

    /// Masks the bytes that `find` returns in its texts and its source text.
    #[must_use]
    pub fn mask_spans(mut self, find: impl Fn(&str) -> Vec<Range<usize>>) -> Self {
        mask(&mut self.message, &find);
        mask(&mut self.help, &find);
        if let Some(source) = &self.source_code {
            let mut text = source.inner().clone();
            mask(&mut text, &find);
            self.source_code = Some(NamedSource::new(source.name(), text));
        }
        self
    }

    /// Adds that the file is from `snapshot`.
    #[must_use]
    pub fn in_snapshot(mut self, snapshot: impl fmt::Display) -> Self {
        self.message.push_str(&format!(" (in {snapshot})"));
        self
    }

    /// Underlines the last of the `keys` in `text`, or the last existing one before it.
    #[must_use]
    pub fn at_field(self, text: &str, keys: &[&str]) -> Self {
        self.at_item(text, keys, None)
    }

    /// Underlines `item` in `text`, an item or the value of the last of the `keys`.
    ///
    /// Without an item, it underlines that key.
    #[must_use]
    pub fn at_item(self, text: &str, keys: &[&str], item: Option<&str>) -> Self {
        // The text was parsed before, or there is another error to report.
        let Ok(root) = parse_configuration(text) else { return self };
        let mut node = &root;
        let mut place = None;
        for key in keys {
            let Some((key, child)) = node.child(key) else {
                return self.at_place(text, place);
            };
            place = Some(key.map_or_else(|| child.first_line(text), |key| key.span.clone()));
            node = child;
        }
        let values = match &node.value {
            NodeValue::Sequence(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let is_item = |value: &&Node| item.is_some() && value.scalar(text) == item;
        let item = values.iter().find(is_item).map(|value| value.first_line(text));
        self.at_place(text, item.filter(|span| !span.is_empty()).or(place))
    }

    fn at_place(self, text: &str, place: Option<Range<usize>>) -> Self {
        match place {
            Some(span) if !span.is_empty() => self.at_span(text, span),
            _ => self,
        }
    }

    /// Underlines a byte range of `text`.
    #[must_use]
    pub fn at_span(mut self, text: &str, span: Range<usize>) -> Self {
        self.source_code = Some(NamedSource::new(&self.path, text.to_owned()));
        self.place = Some(SourceSpan::from((span.start, span.len())));
        self
    }

    /// Underlines at a line and column of `text`, both from 1, columns in bytes.
    #[must_use]
    pub fn at_position(self, text: &str, line: usize, column: usize) -> Self {
        let start: usize =
            text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        self.over_line(text, start + column.saturating_sub(1))
    }

    /// Creates an error from problems in the YAML of `text`.
    pub(super) fn from_problems(path: &str, text: &str, problems: Vec<Problem>) -> Self {
        match problems.into_iter().next() {
            Some(Problem { message, help, span, related, .. }) => {
                let first = related.map(|(first, _)| SourceSpan::from((first.start, first.len())));
                Self { first, ..Self::new(path, message, help).at_place(text, Some(span)) }
            }
            None => Self::new(path, "invalid YAML", "write one `key: value` per line"),
        }
    }

    /// Creates an error from a value in `text` of the wrong type.
    pub(super) fn from_mismatch(path: &str, text: &str, mismatch: Mismatch) -> Self {
        Self::new(path, mismatch.to_string(), mismatch.help).at_place(text, mismatch.span)
    }

    /// Underlines the line from `offset`, or the last non-empty line before it.
    fn over_line(self, text: &str, offset: usize) -> Self {
        let offset = text.floor_char_boundary(offset.min(text.len()));
        let offset = if text[offset..].trim_start().is_empty() {
            text[..offset].trim_end().rfind('\n').map_or(0, |newline| newline + 1)
        } else {
            offset
        };
        let length = text[offset..].split(['\n', '\r']).next().unwrap_or_default().trim_end().len();
        self.at_place(text, Some(offset..offset + length))
    }
}

/// Replaces each byte that `find` returns with `*`, so that spans stay valid.
fn mask(text: &mut String, find: &impl Fn(&str) -> Vec<Range<usize>>) {
    let mut masked = String::with_capacity(text.len());
    let mut end = 0;
    let mut found = find(text);
    found.sort_by_key(|span| span.start);
    for span in found {
        if let (Some(before), Some(inside)) = (text.get(end..span.start), text.get(span.clone())) {
            masked.push_str(before);
            masked.extend(std::iter::repeat_n('*', inside.len()));
            end = span.end;
        }
    }
    masked.push_str(text.get(end..).unwrap_or_default());
    *text = masked;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn place(error: ConfigError, text: &str) -> Option<&str> {
        let place = error.place?;
        Some(&text[place.offset()..place.offset() + place.len()])
    }

    /// Each row is a test: a text, the keys, an item, and the underlined text.
    macro_rules! places {
        ($($name:ident: $text:expr, $keys:expr, $item:expr => $place:expr;)*) => {$(
            #[test]
            fn $name() {
                let text: &str = $text;
                let error = ConfigError::new("f", "m", "h").at_item(text, &$keys, $item);
                let offset = error.place.map(|place| place.offset());
                assert_eq!(offset.zip(place(error, text)), $place);
            }
        )*};
    }

    const BLOCK: &str = "# a: no\na:\n  b: [pay] # pay\n  pay: # why\n    - payments\n    - pay\n";
    const FLOW: &str = "{ pay: pay, a: { b: [pay], pay: [payments, 'pay'] } }";

    places! {
        a_key_that_is_another_keys_value_before:
            "{store: {path: enums}, enums: list.yaml}", ["enums"], None => Some((23, "enums"));
        a_key_in_a_block: BLOCK, ["a", "pay"], None => Some((30, "pay"));
        a_key_in_braces: FLOW, ["a", "pay"], None => Some((27, "pay"));
        a_key_in_quotation_marks: "'a b': 1", ["a b"], None => Some((0, "'a b'"));
        a_key_that_is_not_a_plain_word: "a/b~: {c: 1}", ["a/b~", "c"], None => Some((7, "c"));
        an_item_in_a_block: BLOCK, ["a", "pay"], Some("pay") => Some((62, "pay"));
        an_item_in_braces: FLOW, ["a", "pay"], Some("pay") => Some((43, "'pay'"));
        an_item_as_it_is_written: "a: [12, 012]", ["a"], Some("012") => Some((8, "012"));
        an_item_by_its_index: "a: [{b: 1}, {b: 2}]", ["a", "1"], None => Some((12, "{b: 2}"));
        a_single_value: "b: x\na: x # x", ["a"], Some("x") => Some((8, "x"));
        a_missing_item: FLOW, ["a", "b"], Some("x") => Some((17, "b"));
        a_missing_key: FLOW, ["a", "x"], None => Some((12, "a"));
        a_missing_key_of_the_root: FLOW, ["x"], None => None;
        an_invalid_text: "a: [", ["a"], None => None;
    }

    #[test]
    fn an_offset_past_the_end_underlines_the_last_non_empty_line() {
        let text = "a: [\n  b\n\n";
        assert_eq!(
            place(ConfigError::new("f", "m", "h").at_position(text, 9, 1), text),
            Some("  b")
        );
        assert_eq!(place(ConfigError::new("f", "m", "h").at_position("", 1, 1), ""), None);
    }
}
