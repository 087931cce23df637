//! The prompter asks on stderr, so that stdout has only results.
//!
//! Choices use dialoguer, texts use [`text`], and [`line_mode`] has all questions line by line.

use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering;

use console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, MultiSelect, Select};
use secrecy::SecretString;

use super::input_guard::InputGuard;
use super::text::format_with;
use super::{Question, hidden, line_mode, text};
use crate::interrupt;
use crate::output::style::TerminalStyle;
use crate::output::style::wrap;
use crate::output::style::{has_no_user, is_dumb};
use goldenpath_core::sanitize::sanitize;

/// How many choices are shown, so that an 80×24 terminal also shows the question.
const PAGE: usize = 12;

/// The largest width of the marks around a question or in front of a message, in columns.
const MARKS: usize = 10;

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PromptError {
    #[error("canceled: nothing was changed")]
    #[diagnostic(code(goldenpath::canceled))]
    Canceled,
    #[error("cannot read from the terminal: {0}")]
    #[diagnostic(code(goldenpath::terminal), help("give the answers as flags instead"))]
    Terminal(String),
}

/// Asks questions.
///
/// Ctrl-C ends the question instead of the program, so that the terminal's mode is restored.
pub struct Prompter {
    mode: Mode,
    term: Term,
    terminal: TerminalStyle,
}

/// The mode of questions.
enum Mode {
    /// Reads key by key and redraws the question.
    Keys(Box<dyn Theme>),
    /// Reads lines and redraws nothing.
    Lines,
}

impl Prompter {
    /// Returns a prompter if there is a user: stdin and stderr are terminals, and `CI` is not set.
    ///
    /// On a dumb terminal, it asks line by line.
    #[must_use]
    pub fn on_terminal(terminal: TerminalStyle) -> Option<Self> {
        if has_no_user() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        // The console crate raises a signal for Ctrl-C at a question. Without a handler, the signal
        // ends the program with a hidden cursor.
        interrupt::set_question_end(line_mode::interrupt);
        interrupt::listen();
        let theme: Box<dyn Theme> =
            if terminal.color { Box::new(ColorfulTheme::default()) } else { Box::new(SimpleTheme) };
        let prompter = Self { mode: Mode::Keys(theme), term: Term::stderr(), terminal };
        Some(if is_dumb() { prompter.line_mode() } else { prompter })
    }

    /// Returns a prompter that asks line by line, for screen readers.
    #[must_use]
    pub fn line_mode(self) -> Self {
        Self { mode: Mode::Lines, ..self }
    }

    /// Returns whether it asks line by line.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.mode, Mode::Lines)
    }

    /// Asks for a line of text that `check` accepts.
    ///
    /// After an error of `check`, the question is asked again with the typed text.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn text(
        &self,
        question: &Question<'_>,
        mut check: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<String, PromptError> {
        match &self.mode {
            Mode::Lines => line_mode::text(question, &mut check),
            Mode::Keys(theme) => {
                self.ask(|| Ok(text::ask(question, &**theme, self.terminal, &mut check)?))
            }
        }
    }

    /// Asks for a text that is not shown. An empty text is an answer, too.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn hidden(&self, words: &str) -> Result<SecretString, PromptError> {
        match &self.mode {
            Mode::Lines => line_mode::hidden(words),
            Mode::Keys(theme) => self.ask(|| Ok(hidden::ask(words, &**theme, &self.term)?)),
        }
    }

    /// Asks for one of `choices` that `check` accepts; returns its index.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn one(
        &self,
        words: &str,
        choices: &[String],
        default: usize,
        mut check: impl FnMut(usize) -> Result<(), String>,
    ) -> Result<usize, PromptError> {
        let Mode::Keys(theme) = &self.mode else {
            return line_mode::one(words, choices, default, &mut check);
        };
        let mut default = default;
        loop {
            let select = Select::with_theme(&**theme)
                .with_prompt(words)
                .items(choices)
                .default(default)
                .report(false)
                .max_length(PAGE);
            let chosen = self.ask(|| select.interact_on_opt(&self.term))?;
            match check(chosen) {
                Ok(()) => {
                    let name = choices.get(chosen).map(String::as_str).unwrap_or_default();
                    self.draw(&format_with(|out| {
                        theme.format_select_prompt_selection(out, words, name)
                    }))?;
                    return Ok(chosen);
                }
                Err(why) => self.reject(&why)?,
            }
            default = chosen;
        }
    }

    /// Asks for at least one of `choices` that `check` accepts; returns their indices.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn several(
        &self,
        words: &str,
        choices: &[String],
        default: usize,
        mut check: impl FnMut(&[usize]) -> Result<(), String>,
    ) -> Result<Vec<usize>, PromptError> {
        let Mode::Keys(theme) = &self.mode else {
            return line_mode::several(words, choices, default, &mut check);
        };
        // dialoguer erases one line per line of the question, so the terminal must not wrap it.
        let help = "space selects, enter confirms";
        let fits = words.len() + help.len() + MARKS <= usize::from(self.term.size().1);
        let prompt = if fits {
            format!("{words} ({help})")
        } else {
            self.print(&format!("({help})"))?;
            words.to_owned()
        };
        let mut checked: Vec<bool> = (0..choices.len()).map(|index| index == default).collect();
        loop {
            let select = MultiSelect::with_theme(&**theme)
                .with_prompt(&prompt)
                .items_checked(choices.iter().zip(checked.iter().copied()))
                .report(false)
                .max_length(PAGE);
            let chosen = self.ask(|| select.interact_on_opt(&self.term))?;
            if chosen.is_empty() {
                self.print("Select at least one.")?;
                continue;
            }
            match check(&chosen) {
                Ok(()) => {
                    let names: Vec<&str> =
                        chosen.iter().map(|index| choices[*index].as_str()).collect();
                    self.draw(&format_with(|out| {
                        theme.format_multi_select_prompt_selection(out, words, &names)
                    }))?;
                    return Ok(chosen);
                }
                Err(why) => self.reject(&why)?,
            }
            checked = (0..choices.len()).map(|index| chosen.contains(&index)).collect();
        }
    }

    /// Asks a question with the answers yes and no.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn confirm(&self, question: &str, default: bool) -> Result<bool, PromptError> {
        let Mode::Keys(theme) = &self.mode else { return line_mode::confirm(question, default) };
        let confirm = Confirm::with_theme(&**theme).with_prompt(question).default(default);
        self.ask(|| confirm.interact_on_opt(&self.term))
    }

    /// Prints a line.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn print(&self, line: &str) -> Result<(), PromptError> {
        self.draw(&sanitize(line))
    }

    /// Prints a note, wrapped between words unless questions are asked line by line.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn note(&self, text: &str) -> Result<(), PromptError> {
        match self.mode {
            Mode::Keys(_) => {
                self.print(&wrap(text, self.terminal.width.saturating_sub(1)).join("\n"))
            }
            Mode::Lines => self.print(text),
        }
    }

    /// Prints why an answer is rejected.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn reject(&self, why: &str) -> Result<(), PromptError> {
        let Mode::Keys(theme) = &self.mode else {
            return self.print(&format!("{}{why}", line_mode::NOT_ACCEPTED));
        };
        let why = wrap(&sanitize(why), self.terminal.width.saturating_sub(MARKS)).join("\n");
        self.draw(&format_with(|out| theme.format_error(out, &why)))
    }

    fn draw(&self, line: &str) -> Result<(), PromptError> {
        self.term.write_line(line).map_err(|error| PromptError::Terminal(error.to_string()))
    }

    fn ask<T>(&self, ask: impl FnOnce() -> dialoguer::Result<Option<T>>) -> Result<T, PromptError> {
        let guard = InputGuard::new();
        interrupt::ASKING.store(true, Ordering::SeqCst);
        let answer = ask();
        // After Ctrl-C, the console crate has raised its signal, and the handler may run at any
        // time. The error already ends the question, so the handler must ignore this signal.
        let interrupted = matches!(
            &answer,
            Err(dialoguer::Error::IO(error)) if error.kind() == io::ErrorKind::Interrupted
        );
        interrupt::ASKING.store(interrupted, Ordering::SeqCst);
        drop(guard);
        // A question that ends early leaves the cursor hidden.
        let _ = self.term.show_cursor();
        match answer {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(PromptError::Canceled),
            Err(_) if interrupted => {
                let _ = self.term.write_line("");
                Err(PromptError::Canceled)
            }
            Err(dialoguer::Error::IO(error)) => Err(PromptError::Terminal(error.to_string())),
        }
    }
}
