//! Edits of fields in block mappings.

use super::{TextEdit, flow, last_token, parent, tokens};
use crate::yaml::node::{Key, Node, NodeValue};

/// The mapping that receives a field, as far as it exists.
enum TargetMapping<'a> {
    /// A block mapping.
    Block(&'a [(Key, Node)]),
    /// A flow mapping.
    Flow(&'a Node),
    /// A key without a value.
    Empty(&'a Key),
}

/// Returns the edits that move a field to the end of the mapping at `into`.
pub(super) fn move_field(
    text: &str,
    root: &Node,
    pointer: &str,
    into: &str,
) -> Option<Vec<TextEdit>> {
    let (key, node) = root.at(pointer)?;
    let (key, source) = (key?, root.at(parent(pointer))?.1);
    let removal = remove_field(text, root, pointer)?;
    // Find the deepest existing ancestor; missing mappings below it are created.
    let mut existing = into;
    while root.at(existing).is_none() {
        existing = parent(existing);
    }
    let missing: Vec<String> = tokens(&into[existing.len()..]).collect();
    let (home_key, home) = root.at(existing)?;
    let home = match (&home.value, home_key) {
        (NodeValue::Mapping(_), _) if is_flow(text, home) => TargetMapping::Flow(home),
        (NodeValue::Mapping(entries), _) => TargetMapping::Block(entries),
        (NodeValue::Null, Some(key)) if home.span.is_empty() => TargetMapping::Empty(key),
        _ => return None,
    };
    // With flow style on either side, only a value on one line, without a comment, can move.
    let value = || {
        let value = text
            .get(node.span.clone())
            .filter(|value| !value.is_empty() && !value.contains('\n'))?;
        let is_scalar = !matches!(node.value, NodeValue::Mapping(_) | NodeValue::Sequence(_))
            || is_flow(text, node);
        is_scalar.then(|| format!("{}: {value}", &text[key.span.clone()]))
    };
    if let TargetMapping::Flow(mapping) = home {
        let is_bare = is_flow(text, source) || rest_of_line(text, node.span.end).trim().is_empty();
        return if missing.is_empty() && is_bare {
            Some(vec![removal, flow::insert(text, mapping, &value()?)?])
        } else {
            None
        };
    }
    let (indent, mut at) = match &home {
        TargetMapping::Block(entries) => {
            let ((first, _), (last, value)) = (entries.first()?, entries.last()?);
            (column(text, first)?, after_line(text, end_of(text, last, value)?)?)
        }
        TargetMapping::Empty(key) => {
            (column(text, key)? + step(text, root), after_line(text, end_of_key(text, key)?)?)
        }
        TargetMapping::Flow(_) => return None,
    };
    if !missing.is_empty() && existing == parent(pointer) && !is_flow(text, source) {
        // The new mapping replaces the field that it will contain.
        at = removal.span.start;
    }
    let (step, newline) = (step(text, root), newline(text));
    let mut lines = String::new();
    for (depth, name) in missing.iter().enumerate() {
        lines.push_str(&format!("{:1$}{name}:{newline}", "", indent + depth * step));
    }
    let indent = indent + missing.len() * step;
    if is_flow(text, source) {
        lines.push_str(&format!("{:indent$}{}", "", value()?));
    } else {
        lines.push_str(&reindent(&text[removal.span.clone()], column(text, key)?, indent)?);
    }
    if !lines.ends_with('\n') {
        lines.push_str(newline);
    }
    // The text that will precede the insertion.
    let before = &text[..if at == removal.span.end { removal.span.start } else { at }];
    if !before.is_empty() && !before.ends_with('\n') {
        lines.insert_str(0, newline);
    }
    match (at > removal.span.start, at < removal.span.end) {
        // The insertion is inside the removed text.
        (true, true) => None,
        _ => Some(vec![removal, TextEdit { span: at..at, text: lines }]),
    }
}

/// Returns the edit that adds a field to the end of an existing mapping.
pub(super) fn add_field(text: &str, root: &Node, pointer: &str, value: &str) -> Option<TextEdit> {
    let mapping = root.at(parent(pointer))?.1;
    let field = format!("{}: {value}", last_token(pointer));
    if is_flow(text, mapping) {
        return flow::insert(text, mapping, &field);
    }
    let NodeValue::Mapping(entries) = &mapping.value else { return None };
    let ((first, _), (last, value)) = (entries.first()?, entries.last()?);
    let at = after_line(text, end_of(text, last, value)?)?;
    let (indent, newline) = (column(text, first)?, newline(text));
    // The last line of a text may lack a newline.
    let before = if text[..at].ends_with('\n') { "" } else { newline };
    Some(TextEdit { span: at..at, text: format!("{before}{:indent$}{field}{newline}", "") })
}

/// Returns the edit that removes a field with its lines and its comments.
///
/// Its comments are the one on its last line and the lines directly above it.
pub(super) fn remove_field(text: &str, root: &Node, pointer: &str) -> Option<TextEdit> {
    let mapping = root.at(parent(pointer))?.1;
    let NodeValue::Mapping(entries) = &mapping.value else { return None };
    let name = last_token(pointer);
    let number = entries.iter().position(|(key, _)| key.name == name)?;
    if is_flow(text, mapping) {
        return flow::remove(text, entries, number);
    }
    let (key, value) = &entries[number];
    let column = column(text, key)?;
    let mut start = line_start(text, key.span.start);
    // A comment above the first field may describe the mapping, or the file.
    if number > 0 {
        while let Some(above) = start.checked_sub(1).map(|newline| line_start(text, newline)) {
            let line = &text[above..start];
            if !line.trim_start().starts_with('#')
                || line.len() - line.trim_start_matches(' ').len() != column
            {
                break;
            }
            start = above;
        }
    }
    let end = after_line(text, end_of(text, key, value)?)?;
    Some(TextEdit { span: start..end, text: String::new() })
}

/// Returns whether a collection is in flow style.
pub(super) fn is_flow(text: &str, node: &Node) -> bool {
    matches!(node.value, NodeValue::Mapping(_) | NodeValue::Sequence(_))
        && text[node.span.start..].starts_with(['{', '['])
}

/// Returns the end of a field without the comment after its value.
///
/// The parser's spans of block collections include trailing comments, so the end of a collection is
/// that of its last value.
pub(super) fn end_of(text: &str, key: &Key, value: &Node) -> Option<usize> {
    match &value.value {
        NodeValue::Null if value.span.is_empty() => end_of_key(text, key),
        NodeValue::Mapping(entries) if !is_flow(text, value) => {
            let (key, value) = entries.last()?;
            end_of(text, key, value)
        }
        NodeValue::Sequence(items) if !is_flow(text, value) => {
            // Like a field without a name; an empty one has no definite end.
            let last = items.last().filter(|last| !last.span.is_empty())?;
            end_of(text, key, last)
        }
        _ => Some(value.span.end),
    }
}

/// Returns the offset after a key's colon.
pub(super) fn end_of_key(text: &str, key: &Key) -> Option<usize> {
    let rest = rest_of_line(text, key.span.end);
    let colon = rest.find(':')?;
    rest[..colon].trim().is_empty().then_some(key.span.end + colon + 1)
}

/// Returns the start of the next line if only a comment follows `end` on its line.
pub(super) fn after_line(text: &str, end: usize) -> Option<usize> {
    let rest = rest_of_line(text, end);
    let (words, is_apart) = (rest.trim(), rest.starts_with([' ', '\t']));
    (words.is_empty() || (is_apart && words.starts_with('#'))).then_some(end + rest.len())
}

/// Returns the text from `at` to the end of its line, with the newline.
fn rest_of_line(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    &rest[..rest.find('\n').map_or(rest.len(), |newline| newline + 1)]
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Returns the indentation of a key, or None if other text precedes it on its line.
pub(super) fn column(text: &str, key: &Key) -> Option<usize> {
    let before = &text[line_start(text, key.span.start)..key.span.start];
    before.bytes().all(|byte| byte == b' ').then_some(before.len())
}

/// Returns the document's indentation width, that of its first nested mapping.
fn step(text: &str, root: &Node) -> usize {
    let NodeValue::Mapping(entries) = &root.value else { return 2 };
    let inner = entries.iter().find_map(|(key, node)| match &node.value {
        NodeValue::Mapping(inner) if !is_flow(text, node) => {
            column(text, &inner.first()?.0)?.checked_sub(column(text, key)?)
        }
        _ => None,
    });
    inner.unwrap_or(2)
}

/// Returns the document's line ending.
pub(super) fn newline(text: &str) -> &'static str {
    match text.find('\n') {
        Some(newline) if text[..newline].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Moves lines from the column `from` to the column `to`.
///
/// Returns None if a line, other than a comment, is not indented enough to move that far left.
fn reindent(lines: &str, from: usize, to: usize) -> Option<String> {
    let mut shifted = String::with_capacity(lines.len() + 16);
    for line in lines.split_inclusive('\n') {
        let words = line.trim_start_matches(' ');
        let has = line.len() - words.len();
        match (words.trim().is_empty(), (has + to).checked_sub(from)) {
            (true, _) => shifted.push_str(line),
            (false, Some(wanted)) => shifted.push_str(&format!("{:wanted$}{words}", "")),
            (false, None) if words.starts_with('#') => shifted.push_str(words),
            (false, None) => return None,
        }
    }
    Some(shifted)
}
