//! A configuration file that cannot be used, with the place in it.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, NamedSource, SourceSpan};

use super::wording;

/// What is wrong with a configuration file, where, and what to do.
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
    #[label("here")]
    place: Option<SourceSpan>,
}

impl ConfigError {
    /// An error about the file at `path` as a whole.
    #[must_use]
    pub fn new(path: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            message: message.into(),
            help: help.into(),
            source_code: None,
            place: None,
        }
    }

    /// The same error, its words put through `reword`.
    #[must_use]
    pub fn reworded(mut self, reword: impl Fn(&mut String)) -> Self {
        reword(&mut self.message);
        reword(&mut self.help);
        self
    }

    /// The same error with what `find` finds, bytes of a text, masked in its words and in the text that it points into.
    #[must_use]
    pub fn masked(mut self, find: impl Fn(&str) -> Vec<Range<usize>>) -> Self {
        mask(&mut self.message, &find);
        mask(&mut self.help, &find);
        if let Some(source) = &self.source_code {
            let mut text = source.inner().clone();
            mask(&mut text, &find);
            self.source_code = Some(NamedSource::new(source.name(), text));
        }
        self
    }

    /// The same error about the file as `snapshot` has it.
    #[must_use]
    pub fn in_snapshot(mut self, snapshot: impl fmt::Display) -> Self {
        self.message.push_str(&format!(" (in {snapshot})"));
        self
    }

    /// The same error, pointing at the first place in `text`, comments aside, where `needle` stands; without one, at
    /// the file.
    #[must_use]
    pub fn at(self, text: &str, needle: &str) -> Self {
        let mut places = text.match_indices(needle).map(|(offset, _)| offset);
        match places.find(|&offset| !needle.is_empty() && !is_in_comment(text, offset)) {
            Some(offset) => self.over(text, offset, needle.len()),
            None => self,
        }
    }

    /// The same error, pointing at the field that the keys lead to in `text`; in a flow mapping, where the last of them
    /// first stands.
    #[must_use]
    pub fn at_field(self, text: &str, keys: &[&str]) -> Self {
        match field(text, keys) {
            Some((offset, length)) => self.over(text, offset, length),
            None => self.at(text, keys.last().copied().unwrap_or_default()),
        }
    }

    /// The same error, pointing at `item`, or without one at the last key, below the keys that lead to it in `text`,
    /// whether its mappings and lists are in block or in flow style.
    #[must_use]
    pub fn at_item(self, text: &str, keys: &[&str], item: Option<&str>) -> Self {
        let mut found: Option<(usize, usize)> = None;
        let words = keys.iter().map(|key| (*key, true)).chain(item.map(|item| (item, false)));
        for (word, is_key) in words {
            let start = found.map_or(0, |(offset, length)| offset + length);
            let Some(offset) = find_word(text, start, word, is_key) else { break };
            found = Some((offset, word.len()));
        }
        match found {
            Some((offset, length)) => self.over(text, offset, length),
            None => self,
        }
    }

    /// The same error, pointing at a byte range of `text`.
    #[must_use]
    pub fn at_span(self, text: &str, span: std::ops::Range<usize>) -> Self {
        self.over(text, span.start, span.len())
    }

    /// The same error, pointing at a line and column of `text`, both counted from 1, columns in bytes.
    #[must_use]
    pub fn at_position(self, text: &str, line: usize, column: usize) -> Self {
        let start: usize =
            text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        self.over_line(text, start + column.saturating_sub(1))
    }

    /// What serde found wrong, at its place in `text`.
    pub(super) fn from_yaml(path: &str, text: &str, error: &serde_yaml::Error) -> Self {
        let told = error.to_string();
        // The place is drawn below the message, so its words need not repeat it.
        let told = told.split(" at line ").next().unwrap_or(&told);
        let new = Self::new(path, wording::message(told), wording::help(told));
        if let Some(field) = wording::duplicate(told) {
            // serde points at the mapping around it; the second one is what to look at.
            let second = text
                .match_indices(field)
                .map(|(offset, _)| offset)
                .filter(|&offset| {
                    text[offset + field.len()..].starts_with(':') && !is_in_comment(text, offset)
                })
                .nth(1);
            if let Some(offset) = second {
                return new.over(text, offset, field.len());
            }
        }
        match error.location() {
            Some(location) => new.over_line(text, location.index()),
            None => new,
        }
    }

    /// The rest of the line at `offset`, or the last line before it that has something to underline.
    fn over_line(self, text: &str, offset: usize) -> Self {
        let offset = text.floor_char_boundary(offset.min(text.len()));
        let offset = match text[offset..].trim_start().is_empty() {
            true => text[..offset].trim_end().rfind('\n').map_or(0, |newline| newline + 1),
            false => offset,
        };
        let length = text[offset..].split(['\n', '\r']).next().unwrap_or_default().trim_end().len();
        if length == 0 { self } else { self.over(text, offset, length) }
    }

    /// The same error, pointing at `length` bytes of `text` from `offset`.
    pub(super) fn over(mut self, text: &str, offset: usize, length: usize) -> Self {
        self.source_code = Some(NamedSource::new(&self.path, text.to_owned()));
        self.place = Some(SourceSpan::from((offset, length)));
        self
    }
}

/// Returns where `word` is in `text` from `start` on, as a whole word outside of comments, followed by a colon if it
/// `is_key`.
fn find_word(text: &str, start: usize, word: &str, is_key: bool) -> Option<usize> {
    let is_part = |character: char| character.is_alphanumeric() || "-_*".contains(character);
    let places = text[start..].match_indices(word).map(|(offset, _)| start + offset);
    places.filter(|&offset| !word.is_empty() && !is_in_comment(text, offset)).find(|&offset| {
        let (before, after) = (&text[..offset], &text[offset + word.len()..]);
        let is_whole = !before.ends_with(is_part) && !after.starts_with(is_part);
        let ends_a_key =
            after.trim_start_matches(['"', '\'']).trim_start_matches(' ').starts_with(':');
        is_whole && (!is_key || ends_a_key)
    })
}

fn is_in_comment(text: &str, offset: usize) -> bool {
    let line = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    text[line..offset].starts_with('#') || text[line..offset].contains(" #")
}

/// Offset and length of the field that `keys` lead to, with its value as far as that stands on the same line. Looks at
/// the indentation of block mappings, which is how people write these files.
fn field(text: &str, keys: &[&str]) -> Option<(usize, usize)> {
    let mut indents: Vec<usize> = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if !content.is_empty() && !content.starts_with('#') {
            indents.truncate(indents.iter().take_while(|outer| **outer < indent).count());
            let wanted = keys.get(indents.len())?;
            let key = content.trim_start_matches(['"', '\'']).strip_prefix(wanted);
            if key.is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
                && (indents.is_empty() == (indent == 0))
            {
                indents.push(indent);
                if indents.len() == keys.len() {
                    let shown = content.split(" #").next().unwrap_or_default().trim_end();
                    return Some((offset + indent, shown.len()));
                }
            }
        }
        offset += line.len();
    }
    None
}

/// Replaces each byte that `find` finds with `*`, so that places in the text stay where they are.
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

    #[test]
    fn a_field_is_found_below_the_keys_that_lead_to_it() {
        let text = "# tiers: no\ntiers:\n  low:\n    days: 7\n  high: # why\n    days: 3  # too few\nother:\n  days: 1\n";
        let at = |keys: &[&str]| place(ConfigError::new("f", "m", "h").at_field(text, keys), text);
        assert_eq!(at(&["tiers"]), Some("tiers:"));
        assert_eq!(at(&["tiers", "high", "days"]), Some("days: 3"));
        assert_eq!(at(&["other", "days"]), Some("days: 1"));
        assert_eq!(at(&["nowhere"]), None);
    }

    #[test]
    fn an_item_is_found_below_the_keys_that_lead_to_it_in_both_styles() {
        let block = "x: pay\na:\n  b: [pay] # pay\n  pay:\n    - payments\n    - pay\n";
        let flow = "x: pay\na: { b: [pay], pay: [payments, \"pay\"] }\n";
        for text in [block, flow] {
            let error = ConfigError::new("f", "m", "h").at_item(text, &["a", "pay"], Some("pay"));
            assert_eq!(error.place.unwrap().offset(), text.rfind("pay").unwrap(), "{text}");
            let error = ConfigError::new("f", "m", "h").at_item(text, &["a", "pay"], None);
            assert_eq!(error.place.unwrap().offset(), text.find("pay:").unwrap(), "{text}");
        }
        assert_eq!(ConfigError::new("f", "m", "h").at_item("y: 1\n", &["a"], None).place, None);
    }

    #[test]
    fn a_word_in_a_comment_is_not_the_place() {
        let text = "# ../x\na: b # ../x\ncatalog: ../x\n";
        let error = ConfigError::new("f", "m", "h").at(text, "../x");
        assert_eq!(error.place.unwrap().offset(), text.rfind("../x").unwrap());
        assert_eq!(ConfigError::new("f", "m", "h").at(text, "").place, None);
    }

    #[test]
    fn a_place_past_the_end_is_the_last_line_with_something_on_it() {
        let text = "a: [\n  b\n\n";
        assert_eq!(
            place(ConfigError::new("f", "m", "h").at_position(text, 9, 1), text),
            Some("  b")
        );
        assert_eq!(place(ConfigError::new("f", "m", "h").at_position("", 1, 1), ""), None);
    }
}
