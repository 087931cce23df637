//! Edits of fields in flow mappings (`{a: 1}`).

use std::ops::Range;

use super::TextEdit;
use crate::yaml::node::{Key, Node, NodeValue};

/// Returns the edit that removes a field and the comma between it and its neighbor.
pub(super) fn remove(text: &str, entries: &[(Key, Node)], number: usize) -> Option<TextEdit> {
    let (key, value) = entries.get(number)?;
    let (start, end) = (key.span.start, value.span.end);
    // A comment between two fields could describe either.
    let span = match (
        entries.get(number + 1),
        number.checked_sub(1).and_then(|before| entries.get(before)),
    ) {
        (Some((next, _)), _) => start..gap(text, end..next.span.start, ',')?.end,
        (None, Some((_, before))) => gap(text, before.span.end..start, ',')?.start..end,
        (None, None) => start..end,
    };
    Some(TextEdit { span, text: String::new() })
}

/// Returns the edit that appends `field`.
///
/// It gets its own line if the last field has its own.
pub(super) fn insert(text: &str, mapping: &Node, field: &str) -> Option<TextEdit> {
    let NodeValue::Mapping(entries) = &mapping.value else { return None };
    let Some((key, value)) = entries.last() else {
        let inside = mapping.span.start + 1;
        return Some(TextEdit { span: inside..inside, text: field.to_owned() });
    };
    Some(insert_after(text, mapping, key.span.start..value.span.end, field))
}

/// Returns the edit that inserts `words` after `last`, a collection's last element.
///
/// They get their own line if `last` has its own.
pub(super) fn insert_after(
    text: &str,
    collection: &Node,
    last: Range<usize>,
    words: &str,
) -> TextEdit {
    let line = text[..last.start].rfind('\n').filter(|line| *line > collection.span.start);
    let between = match line.and_then(|line| gap(text, line..last.start, '\n')) {
        Some(gap) if text[..gap.start].ends_with('\r') => format!("\r{}", &text[gap]),
        Some(gap) => text[gap].to_owned(),
        None => " ".to_owned(),
    };
    TextEdit { span: last.end..last.end, text: format!(",{between}{words}") }
}

/// Returns the span if it contains only white space and `allowed`.
fn gap(text: &str, span: Range<usize>, allowed: char) -> Option<Range<usize>> {
    let between = text.get(span.clone())?;
    between
        .chars()
        .all(|character| character.is_whitespace() || character == allowed)
        .then_some(span)
}
