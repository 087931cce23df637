//! A file's text, and places in it as people count them.

use std::ops::Range;

/// A place in a text: lines and columns from 1, columns in characters; the end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
}

/// The place of the byte range `span` in `text`. Both ends are moved onto character boundaries inside the text.
#[must_use]
pub fn place(text: &str, span: &Range<usize>) -> Place {
    let (line, column) = position(text, span.start);
    let (end_line, end_column) = position(text, span.end.max(span.start));
    Place { line, column, end_line, end_column }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (1 + before.bytes().filter(|&byte| byte == b'\n').count(), 1 + before[line_start..].chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_at_a_newline() {
        let text = "a: é\r\nb: 世界 x\n";
        let start = text.find('x').unwrap_or_default();
        assert_eq!(place(text, &(start..start + 1)), Place { line: 2, column: 7, end_line: 2, end_column: 8 });
    }

    #[test]
    fn an_offset_past_the_end_is_the_end() {
        assert_eq!(place("ab", &(9..12)), Place { line: 1, column: 3, end_line: 1, end_column: 3 });
    }
}
