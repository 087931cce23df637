//! A question with a text as its answer, redrawn in place, with suggestions below.
//!
//! The question takes one row, and each line below one, because no line is wider than the terminal.
//! The cursor stays in the question's row, so that everything can be redrawn from there.

use std::{fmt, io};

use console::{Key, Term, measure_text_width, truncate_str};
use dialoguer::theme::Theme;

use super::fuzzy;
use super::line::EditedLine;
use crate::output::style::TerminalStyle;
use crate::output::style::wrap;
use goldenpath_core::sanitize::{sanitize, sanitize_name};

/// A question with a text as its answer.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub words: &'a str,
    /// The meaning of an empty answer.
    pub default: Option<&'a str>,
    pub suggestions: &'a [String],
    /// Whether an answer may be a text that is not suggested.
    pub accepts_new_value: bool,
}

/// How many suggestions are shown.
const PAGE: usize = 8;

/// The width for the answer in columns; if the default would take it, it is shown below.
const ANSWER_WIDTH: usize = 24;

/// The least width for the answer in columns, for any question.
const MIN_ANSWER_WIDTH: usize = 6;

/// The longest answer in bytes; more can only be a paste by mistake.
const MAX_ANSWER: usize = 8 * 1024;

/// Asks until `check` accepts an answer; returns `None` if the user cancels.
pub(crate) fn ask(
    question: &Question<'_>,
    theme: &dyn Theme,
    terminal: TerminalStyle,
    check: &mut dyn FnMut(&str) -> Result<(), String>,
) -> io::Result<Option<String>> {
    // Buffered, so that no partly drawn question is visible.
    let term = Term::buffered_stderr();
    let mut prompt = TextPrompt {
        question,
        theme,
        terminal,
        line: EditedLine::default(),
        found: Vec::new(),
        chosen: None,
        rejection: None,
    };
    prompt.search();
    // Whether the rest of an unknown escape sequence is skipped.
    let mut in_sequence = false;
    loop {
        prompt.draw(&term)?;
        let key = term.read_key_raw()?;
        match (in_sequence, &key) {
            (true, Key::Char(character)) => {
                in_sequence = !('@'..='~').contains(character);
                continue;
            }
            _ => in_sequence = false,
        }
        match key {
            Key::Escape | Key::CtrlC => return prompt.cancel(&term).map(|()| None),
            Key::Char('\x04') if prompt.line.text().is_empty() => {
                return prompt.cancel(&term).map(|()| None);
            }
            Key::Enter => {
                let answer = prompt.answer();
                match check(&answer) {
                    Ok(()) => return prompt.accept(&term, &answer).map(|()| Some(answer)),
                    Err(why) => prompt.rejection = Some(why),
                }
            }
            Key::UnknownEscSeq(sequence) => {
                in_sequence = match sequence.as_slice() {
                    ['['] | ['O'] => true,
                    ['[', .., last] => !('@'..='~').contains(last),
                    _ => false,
                };
            }
            key => prompt.take(&key),
        }
    }
}

struct TextPrompt<'a> {
    question: &'a Question<'a>,
    theme: &'a dyn Theme,
    terminal: TerminalStyle,
    line: EditedLine,
    /// The indices of the suggestions that match the typed text.
    found: Vec<usize>,
    /// The position in `found` of the chosen suggestion.
    chosen: Option<usize>,
    /// The reason why the last answer was rejected.
    rejection: Option<String>,
}

impl TextPrompt<'_> {
    fn take(&mut self, key: &Key) {
        match key {
            Key::ArrowUp | Key::ArrowDown => return self.choose(*key == Key::ArrowDown),
            Key::ArrowLeft => return self.line.left(),
            Key::ArrowRight => return self.line.right(),
            Key::Home => return self.line.home(),
            Key::End => return self.line.end(),
            Key::Tab => self.complete(),
            Key::Backspace => self.line.erase_before(),
            Key::Del | Key::Char('\x04') => self.line.erase_after(),
            Key::Char('\x0b') => self.line.erase_end(),
            Key::Char('\x15') => self.line.erase_start(),
            Key::Char('\x17') => self.line.erase_word(),
            Key::Char(character)
                if !character.is_control() && self.line.text().len() < MAX_ANSWER =>
            {
                self.line.insert(*character);
            }
            _ => return,
        }
        self.search();
    }

    /// Updates the suggestions after a change of the text.
    fn search(&mut self) {
        let Question { suggestions, default, accepts_new_value, .. } = *self.question;
        self.found = fuzzy::find_matches(self.line.text(), suggestions);
        let default =
            || self.found.iter().position(|index| Some(suggestions[*index].as_str()) == default);
        self.chosen = match (accepts_new_value, self.line.text().is_empty()) {
            (true, _) => None,
            (false, true) => default().or(Some(0)),
            (false, false) => Some(0),
        };
    }

    /// Moves the choice down or up, around the ends of the list.
    ///
    /// If a new text may be typed, there is a position without a choice between the ends.
    fn choose(&mut self, down: bool) {
        let last = self.found.len().checked_sub(1);
        self.chosen = match (self.chosen, down) {
            (Some(at), true) if Some(at) < last => Some(at + 1),
            (Some(at), false) if at > 0 => Some(at - 1),
            (Some(_), _) if self.question.accepts_new_value => None,
            (_, true) => last.and(Some(0)),
            (_, false) => last,
        };
    }

    /// Completes the line with the chosen suggestion, the default or the best match.
    fn complete(&mut self) {
        let suggestion = self.suggestion(self.chosen.unwrap_or(0));
        let default =
            self.question.default.filter(|_| self.line.text().is_empty() && self.chosen.is_none());
        if let Some(text) = default.or(suggestion) {
            self.line = EditedLine::of(text);
        }
    }

    fn suggestion(&self, at: usize) -> Option<&str> {
        self.found.get(at).map(|index| self.question.suggestions[*index].as_str())
    }

    /// Returns the answer that Enter gives now.
    fn answer(&self) -> String {
        let chosen = self.chosen.and_then(|at| self.suggestion(at));
        let typed = Some(self.line.text()).filter(|typed| !typed.is_empty());
        chosen.or(typed).or(self.question.default).unwrap_or_default().to_owned()
    }

    fn draw(&self, term: &Term) -> io::Result<()> {
        let (rows, columns) = term.size();
        let (rows, columns) = (usize::from(rows).max(4), usize::from(columns).max(10));
        let (head, has_default) = self.head(columns);
        let (before, after) = self.line.view(columns.saturating_sub(measure_text_width(&head)));
        let below = self.below(rows - 2, columns, !has_default);
        term.write_str("\r")?;
        term.clear_to_end_of_screen()?;
        term.write_str(&format!("{head}{before}{after}"))?;
        for line in &below {
            term.write_str(&format!("\n{line}"))?;
        }
        term.move_cursor_up(below.len())?;
        // Writing the text again positions the cursor, however wide the terminal draws the text.
        term.write_str(&format!("\r{head}{before}"))?;
        term.flush()
    }

    /// Returns the question in front of the answer, and whether it includes the default.
    fn head(&self, columns: usize) -> (String, bool) {
        let Question { words, default, accepts_new_value, .. } = *self.question;
        let default = default.filter(|default| accepts_new_value && !default.is_empty());
        let with = |default: Option<&str>| {
            let default = default.map(sanitize_name);
            format_with(|out| self.theme.format_input_prompt(out, words, default.as_deref()))
        };
        let whole = with(default);
        if measure_text_width(&whole) + ANSWER_WIDTH <= columns || default.is_none() {
            return (truncate_str(&whole, columns - MIN_ANSWER_WIDTH, "").into_owned(), true);
        }
        (truncate_str(&with(None), columns - MIN_ANSWER_WIDTH, "").into_owned(), false)
    }

    /// Returns the lines below the question, at most `rows`.
    fn below(&self, rows: usize, columns: usize, with_default: bool) -> Vec<String> {
        let wrap_in_margin = |text: &str, margin: usize| wrap(text, columns.saturating_sub(margin));
        let mut lines = Vec::new();
        let margin = measure_text_width(&format_with(|out| self.theme.format_error(out, ""))) + 2;
        for (number, line) in
            self.rejection.iter().flat_map(|why| wrap_in_margin(&sanitize(why), margin)).enumerate()
        {
            lines.push(match number {
                0 => format_with(|out| self.theme.format_error(out, &line)),
                _ => format!("  {line}"),
            });
        }
        lines.truncate(rows);
        let notes: Vec<String> =
            self.notes(with_default).iter().flat_map(|note| wrap_in_margin(note, 3)).collect();
        let page = PAGE.min(rows.saturating_sub(lines.len() + notes.len()));
        let first = self.chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(page));
        for (at, index) in self.found.iter().enumerate().skip(first).take(page) {
            let text = sanitize_name(&self.question.suggestions[*index]);
            let text = truncate_str(&text, columns.saturating_sub(4), ">");
            let is_chosen = self.chosen == Some(at);
            lines.push(format_with(|out| {
                self.theme.format_select_prompt_item(out, &text, is_chosen)
            }));
        }
        let dim = self.terminal.style().dim();
        lines.extend(notes.iter().map(|note| format!("  {}", dim.apply_to(note))));
        lines.truncate(rows);
        lines
    }

    fn notes(&self, with_default: bool) -> Vec<String> {
        let Question { default, suggestions, accepts_new_value, .. } = *self.question;
        let mut notes = Vec::new();
        let is_answer =
            |default: &&str| with_default && !default.is_empty() && self.line.text().is_empty();
        if let Some(default) = default.filter(is_answer) {
            notes.push(format!("Enter takes {}", sanitize_name(default)));
        }
        if !suggestions.is_empty() {
            let found = self.found.len();
            let more = if found > PAGE { format!("{found} match. ") } else { String::new() };
            notes.push(if accepts_new_value {
                format!("{more}Down and Tab choose one of these, or type a new one")
            } else {
                format!("{more}Type to search, Up and Down choose")
            });
        }
        notes
    }

    /// Ends the question, showing its answer.
    fn accept(&self, term: &Term, answer: &str) -> io::Result<()> {
        let (words, answer) = (self.question.words, sanitize_name(answer));
        self.leave(
            term,
            &format_with(|out| self.theme.format_input_prompt_selection(out, words, &answer)),
        )
    }

    /// Ends the question, showing the typed text.
    fn cancel(&self, term: &Term) -> io::Result<()> {
        let (head, _) = self.head(usize::from(term.size().1).max(10));
        self.leave(term, &format!("{head}{}", sanitize_name(self.line.text())))
    }

    fn leave(&self, term: &Term, line: &str) -> io::Result<()> {
        term.write_str("\r")?;
        term.clear_to_end_of_screen()?;
        term.write_line(line)?;
        term.flush()
    }
}

/// Returns the text that a theme writes.
pub(crate) fn format_with(format: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut formatted = String::new();
    // Writing into a String cannot fail.
    let _ = format(&mut formatted);
    formatted
}
