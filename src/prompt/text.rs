//! A question that is answered by typing, drawn in place, with suggestions below it.
//!
//! What is drawn takes known rows: one for the question, and one for each line below it, since no line is wider than
//! the terminal. The cursor always stands in the question's row, so that all of it can be drawn anew from there.

use std::{fmt, io};

use console::{Key, Term, measure_text_width, truncate_str};
use dialoguer::theme::Theme;

use super::fuzzy;
use super::line::EditedLine;
use crate::output::style::TerminalStyle;
use crate::output::style::wrapped;
use goldenpath_core::sanitize::{harmless, harmless_name};

/// A question that is answered by typing.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub words: &'a str,
    /// What an empty answer stands for.
    pub default: Option<&'a str>,
    pub suggestions: &'a [String],
    /// Whether an answer may be something that is not suggested.
    pub takes_new: bool,
}

/// The suggestions that are shown at once.
const PAGE: usize = 8;

/// Columns of text that a question leaves to its answer; where the default would take them, it stands below.
const ROOM: usize = 24;

/// Columns that are left to the answer whatever the question is.
const LEAST: usize = 6;

/// The longest answer that is taken in, in bytes; more is a paste that went wrong.
const LONGEST: usize = 8 * 1024;

/// Asks on `term` until `check` accepts an answer. None when the person backs out.
pub(crate) fn ask(
    question: &Question<'_>,
    theme: &dyn Theme,
    look: TerminalStyle,
    check: &mut dyn FnMut(&str) -> Result<(), String>,
) -> io::Result<Option<String>> {
    // What is drawn goes out at once: nobody sees it half done.
    let term = Term::buffered_stderr();
    let mut typing = Typing {
        question,
        theme,
        look,
        line: EditedLine::default(),
        found: Vec::new(),
        chosen: None,
        wrong: None,
    };
    typing.search();
    // The rest of an escape sequence that no key of ours has.
    let mut in_sequence = false;
    loop {
        typing.draw(&term)?;
        let key = term.read_key_raw()?;
        match (in_sequence, &key) {
            (true, Key::Char(character)) => {
                in_sequence = !('@'..='~').contains(character);
                continue;
            }
            _ => in_sequence = false,
        }
        match key {
            Key::Escape | Key::CtrlC => return typing.back_out(&term).map(|()| None),
            Key::Char('\x04') if typing.line.text().is_empty() => {
                return typing.back_out(&term).map(|()| None);
            }
            Key::Enter => {
                let answer = typing.answer();
                match check(&answer) {
                    Ok(()) => return typing.settle(&term, &answer).map(|()| Some(answer)),
                    Err(why) => typing.wrong = Some(why),
                }
            }
            Key::UnknownEscSeq(sequence) => {
                in_sequence = match sequence.as_slice() {
                    ['['] | ['O'] => true,
                    ['[', .., last] => !('@'..='~').contains(last),
                    _ => false,
                };
            }
            key => typing.take(&key),
        }
    }
}

struct Typing<'a> {
    question: &'a Question<'a>,
    theme: &'a dyn Theme,
    look: TerminalStyle,
    line: EditedLine,
    /// The suggestions that fit what is typed, by their indices.
    found: Vec<usize>,
    /// Which of those found is chosen.
    chosen: Option<usize>,
    /// What was wrong with the last answer.
    wrong: Option<String>,
}

impl Typing<'_> {
    fn take(&mut self, key: &Key) {
        match key {
            Key::ArrowUp | Key::ArrowDown => return self.choose(*key == Key::ArrowDown),
            Key::ArrowLeft => return self.line.left(),
            Key::ArrowRight => return self.line.right(),
            Key::Home => return self.line.home(),
            Key::End => return self.line.end(),
            Key::Tab => self.complete(),
            Key::Backspace => self.line.erase_before(),
            Key::Del | Key::Char('\x04') => self.line.erase_behind(),
            Key::Char('\x0b') => self.line.erase_end(),
            Key::Char('\x15') => self.line.erase_start(),
            Key::Char('\x17') => self.line.erase_word(),
            Key::Char(character) if !character.is_control() && self.line.text().len() < LONGEST => {
                self.line.insert(*character);
            }
            _ => return,
        }
        self.search();
    }

    /// Finds the suggestions anew after a change to the text.
    fn search(&mut self) {
        let Question { suggestions, default, takes_new, .. } = *self.question;
        self.found = fuzzy::matching(self.line.text(), suggestions);
        let default =
            || self.found.iter().position(|index| Some(suggestions[*index].as_str()) == default);
        self.chosen = match (takes_new, self.line.text().is_empty()) {
            (true, _) => None,
            (false, true) => default().or(Some(0)),
            (false, false) => Some(0),
        };
    }

    /// Goes down or up in the list, and over its ends; where something new may be typed, to nothing chosen in between.
    fn choose(&mut self, down: bool) {
        let last = self.found.len().checked_sub(1);
        self.chosen = match (self.chosen, down) {
            (Some(at), true) if Some(at) < last => Some(at + 1),
            (Some(at), false) if at > 0 => Some(at - 1),
            (Some(_), _) if self.question.takes_new => None,
            (_, true) => last.and(Some(0)),
            (_, false) => last,
        };
    }

    /// Puts the chosen suggestion, the best one or the default into the line, to go on from there.
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

    /// What Enter takes now.
    fn answer(&self) -> String {
        let chosen = self.chosen.and_then(|at| self.suggestion(at));
        let typed = Some(self.line.text()).filter(|typed| !typed.is_empty());
        chosen.or(typed).or(self.question.default).unwrap_or_default().to_owned()
    }

    fn draw(&self, term: &Term) -> io::Result<()> {
        let (rows, columns) = term.size();
        let (rows, columns) = (usize::from(rows).max(4), usize::from(columns).max(10));
        let (head, tells_default) = self.head(columns);
        let (before, behind) = self.line.view(columns.saturating_sub(measure_text_width(&head)));
        let below = self.below(rows - 2, columns, !tells_default);
        term.write_str("\r")?;
        term.clear_to_end_of_screen()?;
        term.write_str(&format!("{head}{before}{behind}"))?;
        for line in &below {
            term.write_str(&format!("\n{line}"))?;
        }
        term.move_cursor_up(below.len())?;
        // Written once more, the text puts the cursor where it belongs, whatever columns this terminal gives it.
        term.write_str(&format!("\r{head}{before}"))?;
        term.flush()
    }

    /// The question as it stands before the answer, and whether it tells the default.
    fn head(&self, columns: usize) -> (String, bool) {
        let Question { words, default, takes_new, .. } = *self.question;
        let default = default.filter(|default| takes_new && !default.is_empty());
        let with = |default: Option<&str>| {
            let default = default.map(harmless_name);
            formatted(|out| self.theme.format_input_prompt(out, words, default.as_deref()))
        };
        let whole = with(default);
        if measure_text_width(&whole) + ROOM <= columns || default.is_none() {
            return (truncate_str(&whole, columns - LEAST, "").into_owned(), true);
        }
        (truncate_str(&with(None), columns - LEAST, "").into_owned(), false)
    }

    /// The lines below the question, as many as there are rows at most.
    fn below(&self, rows: usize, columns: usize, tells_default: bool) -> Vec<String> {
        let wrapped = |text: &str, margin: usize| wrapped(text, columns.saturating_sub(margin));
        let mut lines = Vec::new();
        let margin = measure_text_width(&formatted(|out| self.theme.format_error(out, ""))) + 2;
        for (number, line) in
            self.wrong.iter().flat_map(|why| wrapped(&harmless(why), margin)).enumerate()
        {
            lines.push(match number {
                0 => formatted(|out| self.theme.format_error(out, &line)),
                _ => format!("  {line}"),
            });
        }
        lines.truncate(rows);
        let notes: Vec<String> =
            self.notes(tells_default).iter().flat_map(|note| wrapped(note, 3)).collect();
        let page = PAGE.min(rows.saturating_sub(lines.len() + notes.len()));
        let first = self.chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(page));
        for (at, index) in self.found.iter().enumerate().skip(first).take(page) {
            let text = harmless_name(&self.question.suggestions[*index]);
            let text = truncate_str(&text, columns.saturating_sub(4), ">");
            let is_chosen = self.chosen == Some(at);
            lines
                .push(formatted(|out| self.theme.format_select_prompt_item(out, &text, is_chosen)));
        }
        let dim = self.look.style().dim();
        lines.extend(notes.iter().map(|note| format!("  {}", dim.apply_to(note))));
        lines.truncate(rows);
        lines
    }

    fn notes(&self, tells_default: bool) -> Vec<String> {
        let Question { default, suggestions, takes_new, .. } = *self.question;
        let mut notes = Vec::new();
        let would_take =
            |default: &&str| tells_default && !default.is_empty() && self.line.text().is_empty();
        if let Some(default) = default.filter(would_take) {
            notes.push(format!("Enter takes {}", harmless_name(default)));
        }
        if !suggestions.is_empty() {
            let found = self.found.len();
            let more = if found > PAGE { format!("{found} match. ") } else { String::new() };
            notes.push(match takes_new {
                true => format!("{more}Down and Tab take one of these; a new one may be typed"),
                false => format!("{more}Type to search, Up and Down choose"),
            });
        }
        notes
    }

    /// Leaves the question with its answer behind.
    fn settle(&self, term: &Term, answer: &str) -> io::Result<()> {
        let (words, answer) = (self.question.words, harmless_name(answer));
        self.leave(
            term,
            &formatted(|out| self.theme.format_input_prompt_selection(out, words, &answer)),
        )
    }

    /// Leaves the question with what was typed behind.
    fn back_out(&self, term: &Term) -> io::Result<()> {
        let (head, _) = self.head(usize::from(term.size().1).max(10));
        self.leave(term, &format!("{head}{}", harmless_name(self.line.text())))
    }

    fn leave(&self, term: &Term, line: &str) -> io::Result<()> {
        term.write_str("\r")?;
        term.clear_to_end_of_screen()?;
        term.write_line(line)?;
        term.flush()
    }
}

/// What a theme writes.
pub(crate) fn formatted(format: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut formatted = String::new();
    // Writing into a String cannot fail.
    let _ = format(&mut formatted);
    formatted
}
