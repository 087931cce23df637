//! A line of text with a cursor.

use console::measure_text_width;
use unicode_segmentation::UnicodeSegmentation;

use goldenpath_core::sanitize::sanitize_name;

/// The text and the position of the cursor.
#[derive(Debug, Default)]
pub(crate) struct EditedLine {
    text: String,
    /// The cursor's position in bytes, always between two grapheme clusters.
    at: usize,
}

/// The marks of a line that is longer than its visible part.
const MORE_BEFORE: &str = "<";
const MORE_AFTER: &str = ">";

impl EditedLine {
    /// Returns a line with the cursor at its end.
    pub(crate) fn of(text: &str) -> Self {
        Self { text: text.to_owned(), at: text.len() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn insert(&mut self, character: char) {
        self.text.insert(self.at, character);
        self.at += character.len_utf8();
    }

    pub(crate) fn left(&mut self) {
        self.at = self.before();
    }

    pub(crate) fn right(&mut self) {
        self.at = self.after();
    }

    pub(crate) fn home(&mut self) {
        self.at = 0;
    }

    pub(crate) fn end(&mut self) {
        self.at = self.text.len();
    }

    pub(crate) fn erase_before(&mut self) {
        self.erase_from(self.before());
    }

    pub(crate) fn erase_after(&mut self) {
        self.text.replace_range(self.at..self.after(), "");
    }

    /// Erases the text up to the cursor, like Ctrl-U.
    pub(crate) fn erase_start(&mut self) {
        self.erase_from(0);
    }

    /// Erases the text from the cursor on, like Ctrl-K.
    pub(crate) fn erase_end(&mut self) {
        self.text.truncate(self.at);
    }

    /// Erases the word before the cursor and the blanks after it, like Ctrl-W.
    pub(crate) fn erase_word(&mut self) {
        let words = self.text[..self.at].trim_end();
        self.erase_from(words.rfind(char::is_whitespace).map_or(0, |blank| {
            // A blank may have several bytes.
            blank + words[blank..].chars().next().map_or(0, char::len_utf8)
        }));
    }

    /// Returns the visible text before and from the cursor, in `columns` including the cursor's.
    pub(crate) fn view(&self, columns: usize) -> (String, String) {
        let (before, after) = self.text.split_at(self.at);
        let (before, after): (Vec<ShownCluster>, Vec<ShownCluster>) = (shown(before), shown(after));
        let width = |part: &[ShownCluster]| part.iter().map(|(_, width)| width).sum::<usize>();
        let text =
            |part: &[ShownCluster]| part.iter().map(|(text, _)| text.as_str()).collect::<String>();
        if width(&before) + width(&after) < columns {
            return (text(&before), text(&after));
        }
        // Two marks and the cursor take three columns.
        let available = columns.saturating_sub(3);
        let wanted = width(&after).min(available / 4);
        let mut left = available - wanted;
        let first =
            before.iter().rposition(|(_, width)| !take(&mut left, *width)).map_or(0, |cut| cut + 1);
        let mut left = left + wanted;
        let last =
            after.iter().position(|(_, width)| !take(&mut left, *width)).unwrap_or(after.len());
        let mark = |is_cut: bool, mark: &'static str| if is_cut { mark } else { "" };
        (
            format!("{}{}", mark(first > 0, MORE_BEFORE), text(&before[first..])),
            format!("{}{}", text(&after[..last]), mark(last < after.len(), MORE_AFTER)),
        )
    }

    fn erase_from(&mut self, start: usize) {
        self.text.replace_range(start..self.at, "");
        self.at = start;
    }

    /// Returns the position before the previous grapheme cluster.
    fn before(&self) -> usize {
        self.text[..self.at].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.at + self.text[self.at..].graphemes(true).next().map_or(0, str::len)
    }
}

/// A grapheme cluster as it is shown, and its width in columns.
type ShownCluster = (String, usize);

fn shown(text: &str) -> Vec<ShownCluster> {
    text.graphemes(true)
        .map(|character| {
            let shown = sanitize_name(character).into_owned();
            // Terminals disagree on the width of combined code points; their sum is the maximum.
            let sum =
                shown.chars().map(|part| measure_text_width(part.encode_utf8(&mut [0; 4]))).sum();
            let width = measure_text_width(&shown).max(sum);
            (shown, width)
        })
        .collect()
}

/// Subtracts `width` from the columns `left`, or returns false if they are not enough.
fn take(left: &mut usize, width: usize) -> bool {
    let Some(rest) = left.checked_sub(width) else { return false };
    *left = rest;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> EditedLine {
        let mut line = EditedLine::default();
        text.chars().for_each(|character| line.insert(character));
        line
    }

    #[test]
    fn characters_are_inserted_at_the_cursor() {
        let mut line = typed("pyments");
        line.home();
        line.right();
        line.insert('a');
        line.end();
        line.erase_before();
        line.left();
        line.erase_after();
        assert_eq!(line.text(), "paymen");
        line.right();
        line.erase_after();
        line.insert('t');
        assert_eq!(line.text(), "payment");
    }

    #[test]
    fn a_grapheme_cluster_is_erased_as_one_character() {
        for character in ["é", "e\u{301}", "秘", "🔑", "❤\u{fe0f}", "👩\u{1f3fd}"] {
            let mut line = EditedLine::of(&format!("a{character}b"));
            line.left();
            line.left();
            line.erase_after();
            assert_eq!(line.text(), "ab", "{character}");
        }
    }

    #[test]
    fn a_word_and_the_text_up_to_or_from_the_cursor_are_erased() {
        let mut line = typed("one  two\u{2003}three  ");
        line.erase_word();
        assert_eq!(line.text(), "one  two\u{2003}");
        line.erase_word();
        assert_eq!(line.text(), "one  ");
        line.left();
        line.erase_end();
        assert_eq!(line.text(), "one ");
        line.left();
        line.erase_start();
        assert_eq!(line.text(), " ");
        line.erase_word();
        line.erase_before();
        assert_eq!(line.text(), " ");
    }

    #[test]
    fn a_view_fits_its_columns_and_contains_the_cursor() {
        for text in [
            "short",
            &"long-".repeat(30),
            &"秘密".repeat(30),
            &"🔑a".repeat(30),
            "\u{202e}\u{1b}[2J",
        ] {
            let mut line = EditedLine::of(text);
            for _ in 0..=text.chars().count() {
                for columns in [1, 2, 3, 7, 20, 80] {
                    let (before, after) = line.view(columns);
                    let width = measure_text_width(&before) + measure_text_width(&after);
                    assert!(width < columns.max(4), "{before:?}{after:?} in {columns}");
                }
                line.left();
            }
        }
        let mut line = EditedLine::of("abcdefghijklmnop");
        assert_eq!(line.view(9), ("<klmnop".to_owned(), String::new()));
        line.home();
        assert_eq!(line.view(9), (String::new(), "abcdef>".to_owned()));
    }
}
