//! One line of text while somebody edits it.

use console::measure_text_width;
use unicode_segmentation::UnicodeSegmentation;

use goldenpath_core::sanitize::harmless_name;

/// The text so far, and where the cursor stands in it.
#[derive(Debug, Default)]
pub(crate) struct EditedLine {
    text: String,
    /// In bytes; always between two characters as people count them.
    at: usize,
}

/// What shows that the line goes on beyond what is seen of it.
const MORE_BEFORE: &str = "<";
const MORE_BEHIND: &str = ">";

impl EditedLine {
    /// `text`, with the cursor behind it.
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
        self.at = self.behind();
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

    pub(crate) fn erase_behind(&mut self) {
        self.text.replace_range(self.at..self.behind(), "");
    }

    /// Up to the cursor, as Ctrl-U does it.
    pub(crate) fn erase_start(&mut self) {
        self.erase_from(0);
    }

    /// From the cursor on, as Ctrl-K does it.
    pub(crate) fn erase_end(&mut self) {
        self.text.truncate(self.at);
    }

    /// The word before the cursor and the blanks behind it, as Ctrl-W does it.
    pub(crate) fn erase_word(&mut self) {
        let words = self.text[..self.at].trim_end();
        self.erase_from(words.rfind(char::is_whitespace).map_or(0, |blank| {
            // Blanks may take more than a byte.
            blank + words[blank..].chars().next().map_or(0, char::len_utf8)
        }));
    }

    /// What fits into `columns`, the cursor's own among them: the part before the cursor, and the part from it on.
    pub(crate) fn view(&self, columns: usize) -> (String, String) {
        let (before, behind) = self.text.split_at(self.at);
        let (before, behind): (Vec<Shown>, Vec<Shown>) = (shown(before), shown(behind));
        let width = |part: &[Shown]| part.iter().map(|(_, width)| width).sum::<usize>();
        let text = |part: &[Shown]| part.iter().map(|(text, _)| text.as_str()).collect::<String>();
        if width(&before) + width(&behind) < columns {
            return (text(&before), text(&behind));
        }
        // The marks and the cursor.
        let room = columns.saturating_sub(3);
        let wanted = width(&behind).min(room / 4);
        let mut left = room - wanted;
        let first =
            before.iter().rposition(|(_, width)| !take(&mut left, *width)).map_or(0, |cut| cut + 1);
        let mut left = left + wanted;
        let last =
            behind.iter().position(|(_, width)| !take(&mut left, *width)).unwrap_or(behind.len());
        let mark = |is_cut: bool, mark: &'static str| if is_cut { mark } else { "" };
        (
            format!("{}{}", mark(first > 0, MORE_BEFORE), text(&before[first..])),
            format!("{}{}", text(&behind[..last]), mark(last < behind.len(), MORE_BEHIND)),
        )
    }

    fn erase_from(&mut self, start: usize) {
        self.text.replace_range(start..self.at, "");
        self.at = start;
    }

    /// The place before the character that stands before the cursor.
    fn before(&self) -> usize {
        self.text[..self.at].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn behind(&self) -> usize {
        self.at + self.text[self.at..].graphemes(true).next().map_or(0, str::len)
    }
}

/// A character as it is drawn, and how many columns that may take.
type Shown = (String, usize);

fn shown(text: &str) -> Vec<Shown> {
    text.graphemes(true)
        .map(|character| {
            let drawn = harmless_name(character).into_owned();
            // Terminals disagree on what several code points make together; none takes more than all of them apart.
            let apart =
                drawn.chars().map(|part| measure_text_width(part.encode_utf8(&mut [0; 4]))).sum();
            let width = measure_text_width(&drawn).max(apart);
            (drawn, width)
        })
        .collect()
}

/// Takes `width` columns of those that are left, if there are as many.
fn take(left: &mut usize, width: usize) -> bool {
    match left.checked_sub(width) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
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
    fn characters_go_where_the_cursor_is() {
        let mut line = typed("pyments");
        line.home();
        line.right();
        line.insert('a');
        line.end();
        line.erase_before();
        line.left();
        line.erase_behind();
        assert_eq!(line.text(), "paymen");
        line.right();
        line.erase_behind();
        line.insert('t');
        assert_eq!(line.text(), "payment");
    }

    #[test]
    fn what_people_take_for_one_character_goes_as_one() {
        for character in ["é", "e\u{301}", "秘", "🔑", "❤\u{fe0f}", "👩\u{1f3fd}"] {
            let mut line = EditedLine::of(&format!("a{character}b"));
            line.left();
            line.left();
            line.erase_behind();
            assert_eq!(line.text(), "ab", "{character}");
        }
    }

    #[test]
    fn a_word_or_all_up_to_the_cursor_or_from_it_is_erased() {
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
    fn a_view_never_takes_more_than_its_columns_and_has_the_cursor_in_it() {
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
                    let (before, behind) = line.view(columns);
                    let width = measure_text_width(&before) + measure_text_width(&behind);
                    assert!(width < columns.max(4), "{before:?}{behind:?} in {columns}");
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
