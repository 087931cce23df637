//! Lines and columns of byte offsets in a text.

use std::ops::Range;

/// A range in a text.
///
/// Lines and columns count from 1, columns in characters; the end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line of the first character.
    pub line: usize,
    /// The column of the first character.
    pub column: usize,
    /// The line of the position after the last character.
    pub end_line: usize,
    /// The column of the position after the last character.
    pub end_column: usize,
}

/// The line starts of a text, for many lookups in one text.
#[derive(Debug)]
pub struct Lines {
    /// The offset of the first byte after each newline.
    starts: Vec<usize>,
}

impl Lines {
    /// Indexes a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self { starts: text.match_indices('\n').map(|(newline, _)| newline + 1).collect() }
    }

    /// Returns the lines and columns of the byte range `span`.
    ///
    /// `text` must be the indexed text. Offsets are rounded to character boundaries.
    #[must_use]
    pub fn place(&self, text: &str, span: &Range<usize>) -> Place {
        let (line, column) = self.position(text, span.start);
        let (end_line, end_column) = self.position(text, span.end.max(span.start));
        Place { line, column, end_line, end_column }
    }

    fn position(&self, text: &str, offset: usize) -> (usize, usize) {
        let offset = text.floor_char_boundary(offset);
        let newlines = self.starts.partition_point(|start| *start <= offset);
        let line_start = newlines.checked_sub(1).map_or(0, |last| self.starts[last]);
        (1 + newlines, 1 + text[line_start..offset].chars().count())
    }
}

/// Returns the lines and columns of the byte range `span`, for a single lookup.
#[must_use]
pub fn place(text: &str, span: &Range<usize>) -> Place {
    Lines::of(text).place(text, span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_at_a_newline() {
        let text = "a: é\r\nb: 世界 x\n";
        let start = text.find('x').unwrap_or_default();
        assert_eq!(
            place(text, &(start..start + 1)),
            Place { line: 2, column: 7, end_line: 2, end_column: 8 }
        );
    }

    #[test]
    fn every_offset_agrees_with_counting() {
        let text = "\na\n\né: 世\r\n\n";
        let lines = Lines::of(text);
        for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let before: Vec<&str> = text[..offset].split('\n').collect();
            let column = before.last().map_or(0, |line| line.chars().count()) + 1;
            let place = lines.place(text, &(offset..offset));
            assert_eq!((place.line, place.column), (before.len(), column), "at {offset}");
        }
    }

    #[test]
    fn an_offset_past_the_end_is_the_end() {
        assert_eq!(place("ab", &(9..12)), Place { line: 1, column: 3, end_line: 1, end_column: 3 });
    }
}
