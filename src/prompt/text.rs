//! A question with a text as its answer, redrawn in place, with suggestions below.
//!
//! The question takes one row, and each line below one, because no line is wider than the terminal.
//! The cursor stays in the question's row, so that everything can be redrawn from there.

use std::{fmt, io};

use console::{Key, Term, measure_text_width, truncate_str};
use dialoguer::theme::Theme;

use super::keys::{KeyReader, TerminalInput};
use super::line::EditedLine;
use super::{PromptError, fuzzy};
use crate::output::style::TerminalStyle;
use crate::output::style::wrap;
use goldenpath_core::sanitize::{sanitize, sanitize_name};

/// A question with a text as its answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Question<'a> {
    pub words: &'a str,
    /// The meaning of an empty answer.
    pub default: Option<&'a str>,
    pub suggestions: &'a [String],
    /// The meaning of each suggestion; empty without any.
    pub meanings: &'a [String],
    /// Whether an answer may be a text that is not suggested.
    pub accepts_new_value: bool,
    /// Whether Shift-Tab returns to the question before it.
    pub can_go_back: bool,
}

/// How many suggestions are shown.
const PAGE: usize = 8;

/// The width for the answer in columns; if the default would take it, it is shown below.
const ANSWER_WIDTH: usize = 24;

/// The least width for the answer in columns, for any question.
const MIN_ANSWER_WIDTH: usize = 6;

/// The longest answer in bytes; more can only be a paste by mistake.
const MAX_ANSWER: usize = 8 * 1024;

/// Asks until `check` accepts an answer.
pub(crate) fn ask(
    question: &Question<'_>,
    theme: &dyn Theme,
    terminal: TerminalStyle,
    check: &mut dyn FnMut(&str) -> Result<(), String>,
) -> Result<String, PromptError> {
    let parse = &mut |answer: &str| check(answer).map(|()| (answer.to_owned(), answer.to_owned()));
    ask_parsed(question, theme, terminal, parse)
}

/// Parses what is typed; returns the answer and the words to show for it, or why it is rejected.
type ParseAnswer<'a, T> = dyn FnMut(&str) -> Result<(T, String), String> + 'a;

/// Asks until `parse` accepts an answer; it returns the answer and the words to show for it.
pub(crate) fn ask_parsed<T>(
    question: &Question<'_>,
    theme: &dyn Theme,
    terminal: TerminalStyle,
    parse: &mut ParseAnswer<'_, T>,
) -> Result<T, PromptError> {
    TextPrompt::new(question, theme, terminal, None).ask(|prompt| parse(&prompt.answer()))
}

/// Asks until `check` accepts at least one of the suggestions; `checked` are chosen at first.
///
/// Returns their indices.
pub(crate) fn ask_several(
    question: &Question<'_>,
    checked: Vec<bool>,
    theme: &dyn Theme,
    terminal: TerminalStyle,
    check: &mut dyn FnMut(&[usize]) -> Result<(), String>,
) -> Result<Vec<usize>, PromptError> {
    TextPrompt::new(question, theme, terminal, Some(checked)).ask(|prompt| {
        let checked = prompt.checked.iter().flatten().enumerate();
        let chosen: Vec<usize> = checked.filter(|(_, is)| **is).map(|(index, _)| index).collect();
        if chosen.is_empty() {
            return Err("select at least one with the space bar".to_owned());
        }
        check(&chosen)?;
        let names: Vec<&str> =
            chosen.iter().map(|index| question.suggestions[*index].as_str()).collect();
        Ok((chosen.clone(), names.join(", ")))
    })
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
    /// Which suggestions are selected, if several may be.
    checked: Option<Vec<bool>>,
}

impl<'a> TextPrompt<'a> {
    fn new(
        question: &'a Question<'a>,
        theme: &'a dyn Theme,
        terminal: TerminalStyle,
        checked: Option<Vec<bool>>,
    ) -> Self {
        let mut prompt = Self {
            question,
            theme,
            terminal,
            line: EditedLine::default(),
            found: Vec::new(),
            chosen: None,
            rejection: None,
            checked,
        };
        prompt.search();
        prompt
    }

    /// Asks until `answer` accepts what is typed or chosen; it returns the answer and its text.
    fn ask<T>(
        mut self,
        mut answer: impl FnMut(&Self) -> Result<(T, String), String>,
    ) -> Result<T, PromptError> {
        // Buffered, so that no partly drawn question is visible.
        let term = Term::buffered_stderr();
        let mut reader = KeyReader::new(&term)?;
        let mut in_paste = false;
        loop {
            self.draw(&term)?;
            let key = match reader.read()? {
                TerminalInput::Key(key) => key,
                TerminalInput::Paste(begins) => {
                    in_paste = begins;
                    continue;
                }
                TerminalInput::Resized => continue,
            };
            match key {
                Key::Enter if in_paste => {}
                Key::CtrlC => return self.cancel(&term, PromptError::Interrupted),
                Key::Escape => return self.cancel(&term, PromptError::Canceled),
                Key::Char('\x04') if self.line.text().is_empty() => {
                    return self.cancel(&term, PromptError::Canceled);
                }
                Key::BackTab if self.question.can_go_back => {
                    self.leave(&term, None)?;
                    return Err(PromptError::Back);
                }
                Key::Enter => match answer(&self) {
                    Ok((given, text)) => {
                        self.accept(&term, &text)?;
                        return Ok(given);
                    }
                    Err(why) => self.rejection = Some(why),
                },
                key => self.take(&key),
            }
        }
    }

    fn take(&mut self, key: &Key) {
        match key {
            Key::Char(' ') if self.checked.is_some() => {
                let at = self.chosen.and_then(|chosen| self.found.get(chosen).copied());
                if let (Some(at), Some(checked)) = (at, &mut self.checked) {
                    checked[at] = !checked[at];
                }
                return;
            }
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
            let meaning = self.question.meanings.get(*index).filter(|meaning| !meaning.is_empty());
            let text = match meaning {
                Some(meaning) => format!("{text}: {}", sanitize_name(meaning)),
                None => text.into_owned(),
            };
            let text = truncate_str(&text, columns.saturating_sub(6), ">");
            let is_chosen = self.chosen == Some(at);
            lines.push(format_with(|out| match &self.checked {
                Some(checked) => self.theme.format_multi_select_prompt_item(
                    out,
                    &text,
                    checked[*index],
                    is_chosen,
                ),
                None => self.theme.format_select_prompt_item(out, &text, is_chosen),
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
            } else if self.checked.is_some() {
                format!("{more}Space selects, Enter confirms")
            } else {
                format!("{more}Type to search, Up and Down choose")
            });
        }
        notes
    }

    /// Ends the question, showing its answer.
    fn accept(&self, term: &Term, answer: &str) -> io::Result<()> {
        let (words, answer) = (self.question.words, sanitize_name(answer));
        let line = format_with(|out| self.theme.format_input_prompt_selection(out, words, &answer));
        self.leave(term, Some(&line))
    }

    /// Ends the question, showing the typed text.
    fn cancel<T>(&self, term: &Term, why: PromptError) -> Result<T, PromptError> {
        let (head, _) = self.head(usize::from(term.size().1).max(10));
        self.leave(term, Some(&format!("{head}{}", sanitize_name(self.line.text()))))?;
        Err(why)
    }

    /// Removes the question, and leaves one line in its place.
    fn leave(&self, term: &Term, line: Option<&str>) -> io::Result<()> {
        term.write_str("\r")?;
        term.clear_to_end_of_screen()?;
        if let Some(line) = line {
            term.write_line(line)?;
        }
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
