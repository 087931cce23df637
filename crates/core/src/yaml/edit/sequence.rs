//! Edits of sequences of strings.

use super::mapping::{after_line, column, end_of, end_of_key, is_flow, line_start, newline};
use super::{TextEdit, flow, parent, quoted_as, tokens};
use crate::yaml::node::{Node, NodeValue};

/// Returns the ways to append `values` to the sequence at `pointer`, best first.
///
/// A root field that is missing or empty becomes a sequence.
pub(super) fn append_items(
    text: &str,
    root: &Node,
    pointer: &str,
    values: &[String],
) -> Vec<Vec<TextEdit>> {
    // All items plain, or all items quoted.
    let ways = [0, 1].map(|way| {
        values
            .iter()
            .filter_map(|value| quoted_as("", value).into_iter().nth(way))
            .collect::<Vec<String>>()
    });
    ways.iter().filter_map(|words| Some(vec![append_edit(text, root, pointer, words)?])).collect()
}

fn append_edit(text: &str, root: &Node, pointer: &str, words: &[String]) -> Option<TextEdit> {
    let newline = newline(text);
    let lines = |indent: usize| {
        words.iter().map(|word| format!("{:indent$}- {word}{newline}", "")).collect::<String>()
    };
    let at_line = |at: usize, lines: String| {
        // The last line of a text may lack a newline.
        let before = if text[..at].is_empty() || text[..at].ends_with('\n') { "" } else { newline };
        Some(TextEdit { span: at..at, text: format!("{before}{lines}") })
    };
    let Some((key, sequence)) = root.at(pointer) else {
        let name = tokens(pointer).last().filter(|_| parent(pointer).is_empty())?;
        let NodeValue::Mapping(entries) = &root.value else { return None };
        let (key, value) = entries.last().filter(|_| !is_flow(text, root))?;
        let at = after_line(text, end_of(text, key, value)?)?;
        return at_line(at, format!("{name}:{newline}{}", lines(0)));
    };
    let key = key?;
    match &sequence.value {
        NodeValue::Null if sequence.span.is_empty() => {
            at_line(after_line(text, end_of_key(text, key)?)?, lines(column(text, key)?))
        }
        NodeValue::Sequence(items) if is_flow(text, sequence) => match items.last() {
            Some(last) => {
                Some(flow::insert_after(text, sequence, last.span.clone(), &words.join(", ")))
            }
            // Empty brackets become block lines, unless other text follows them.
            None if text[sequence.span.end..].starts_with(['\r', '\n']) => {
                let lines = lines(column(text, key)?);
                let lines = format!("{newline}{}", lines.strip_suffix(newline)?);
                Some(TextEdit { span: end_of_key(text, key)?..sequence.span.end, text: lines })
            }
            None => {
                let inside = sequence.span.start + 1;
                Some(TextEdit { span: inside..inside, text: words.join(", ") })
            }
        },
        NodeValue::Sequence(items) => {
            let last = items.last().filter(|last| !last.span.is_empty())?;
            let start = line_start(text, last.span.start);
            let dash = text[start..last.span.start].trim_end();
            let indent = dash
                .strip_suffix('-')
                .filter(|before| before.bytes().all(|byte| byte == b' '))?
                .len();
            at_line(after_line(text, last.span.end)?, lines(indent))
        }
        _ => None,
    }
}

/// Returns the edits that remove each item equal to `value`.
///
/// They remove its line and its comment, too.
///
/// Returns None if there is no such item.
pub(super) fn remove_items(
    text: &str,
    root: &Node,
    pointer: &str,
    value: &str,
) -> Option<Vec<TextEdit>> {
    let (key, sequence) = root.at(pointer)?;
    let NodeValue::Sequence(items) = &sequence.value else { return None };
    let is_it = |item: &Node| matches!(&item.value, NodeValue::String(held) if held == value);
    let gone: Vec<usize> = (0..items.len()).filter(|index| is_it(&items[*index])).collect();
    let (first, last) = (items.first()?, items.last()?);
    let none_left = gone.len() == items.len();
    if is_flow(text, sequence) {
        if none_left {
            return Some(vec![TextEdit {
                span: first.span.start..last.span.end,
                text: String::new(),
            }]);
        }
        let span = |index: &usize| match items.get(index + 1) {
            Some(next) => items[*index].span.start..next.span.start,
            None => items[index - 1].span.end..items[*index].span.end,
        };
        return match gone.len() {
            // Two adjacent items would both remove the comma between them.
            1 => Some(
                gone.iter()
                    .map(|index| TextEdit { span: span(index), text: String::new() })
                    .collect(),
            ),
            _ => None,
        };
    }
    if none_left {
        let start = end_of_key(text, key?)?;
        let end = after_line(text, last.span.end)?;
        return Some(vec![TextEdit { span: start..end, text: format!(" []{}", newline(text)) }]);
    }
    let line = |index: &usize| {
        let span = &items[*index].span;
        let start = line_start(text, span.start);
        text[start..span.start].trim().strip_suffix('-').filter(|before| before.is_empty())?;
        Some(TextEdit { span: start..after_line(text, span.end)?, text: String::new() })
    };
    (!gone.is_empty()).then(|| gone.iter().map(line).collect::<Option<Vec<_>>>()).flatten()
}
