//! The prompter asks on stderr, so that stdout has only results.
//!
//! [`text`] redraws a question in place with dialoguer's themes, and [`line_mode`] has all
//! questions line by line.

use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering;

use console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use secrecy::{ExposeSecret, SecretString};

use super::hidden::HiddenAnswer;
use super::input_guard::InputGuard;
use super::text::format_with;
use super::{Question, hidden, line_mode, text};
use crate::interrupt;
use crate::output::style::TerminalStyle;
use crate::output::style::wrap;
use crate::output::style::{has_no_user, is_dumb};
use goldenpath_core::sanitize::sanitize;

/// The largest width of the marks around a question or in front of a message, in columns.
const MARKS: usize = 10;

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PromptError {
    #[error("canceled: nothing was changed")]
    #[diagnostic(code(goldenpath::canceled))]
    Canceled,
    /// Ctrl-C.
    #[error("canceled: nothing was changed")]
    #[diagnostic(code(goldenpath::interrupted))]
    Interrupted,
    /// To the question before; only where a question permits it.
    #[error("there is no question before this one")]
    Back,
    #[error("cannot read from the terminal: {0}")]
    #[diagnostic(code(goldenpath::terminal), help("give the answers as flags instead"))]
    Terminal(String),
}

impl From<io::Error> for PromptError {
    fn from(error: io::Error) -> Self {
        Self::Terminal(error.to_string())
    }
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
                self.ask(|| text::ask(question, &**theme, self.terminal, &mut check))
            }
        }
    }

    /// Asks for a text that is not shown, twice unless it was pasted. An empty text is an answer,
    /// too.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn hidden(&self, words: &str) -> Result<SecretString, PromptError> {
        loop {
            let first = self.hidden_once(words)?;
            if first.is_pasted || first.text.expose_secret().is_empty() {
                return Ok(first.text);
            }
            let again = self.hidden_once(&format!("{words}, again"))?;
            if again.text.expose_secret() == first.text.expose_secret() {
                return Ok(first.text);
            }
            self.reject("the two entries differ")?;
        }
    }

    fn hidden_once(&self, words: &str) -> Result<HiddenAnswer, PromptError> {
        match &self.mode {
            Mode::Lines => line_mode::hidden(words),
            Mode::Keys(theme) => self.ask(|| hidden::ask(words, &**theme, &self.term)),
        }
    }

    /// Asks for one of the suggestions that `check` accepts; returns its index.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn one(
        &self,
        question: &Question<'_>,
        mut check: impl FnMut(usize) -> Result<(), String>,
    ) -> Result<usize, PromptError> {
        let Mode::Keys(_) = &self.mode else { return line_mode::one(question, &mut check) };
        let index = |answer: &str| question.suggestions.iter().position(|one| one == answer);
        let mut chosen = 0;
        self.text(question, |answer| {
            chosen = index(answer).ok_or("choose one of these")?;
            check(chosen)
        })?;
        Ok(chosen)
    }

    /// Asks for at least one of the suggestions that `check` accepts; returns their indices.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn several(
        &self,
        question: &Question<'_>,
        mut check: impl FnMut(&[usize]) -> Result<(), String>,
    ) -> Result<Vec<usize>, PromptError> {
        let Mode::Keys(theme) = &self.mode else {
            return line_mode::several(question, &mut check);
        };
        let is_default = |choice: &String| Some(choice.as_str()) == question.default;
        let checked: Vec<bool> = question.suggestions.iter().map(is_default).collect();
        self.ask(|| text::ask_several(question, checked, &**theme, self.terminal, &mut check))
    }

    /// Asks a question with the answers yes and no, each followed by Enter.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn confirm(&self, question: &str, default: bool) -> Result<bool, PromptError> {
        let Mode::Keys(_) = &self.mode else { return line_mode::confirm(question, default) };
        let choices = if default { "[Y/n]" } else { "[y/N]" };
        self.decide(&format!("{question} {choices}"), |answer| match answer {
            "" => Ok(default),
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("answer yes or no".to_owned()),
        })
    }

    /// Asks for the whole word `yes`; an empty answer and `no` mean no.
    ///
    /// # Errors
    /// The user cancels, or the terminal is gone.
    pub fn confirm_in_full(&self, question: &str) -> Result<bool, PromptError> {
        self.decide(&format!("{question} Only yes is accepted"), |answer| match answer {
            "" | "n" | "no" => Ok(false),
            "yes" => Ok(true),
            _ => Err("type `yes`, or press Enter to change nothing".to_owned()),
        })
    }

    /// Asks until `parse` accepts the answer in lower case.
    fn decide(
        &self,
        words: &str,
        parse: impl Fn(&str) -> Result<bool, String>,
    ) -> Result<bool, PromptError> {
        let question = Question { words, accepts_new_value: true, ..Question::default() };
        let parse = |answer: &str| parse(&answer.trim().to_lowercase());
        match &self.mode {
            Mode::Lines => {
                let answer = line_mode::text(&question, &mut |answer| parse(answer).map(drop))?;
                Ok(parse(&answer).unwrap_or(false))
            }
            Mode::Keys(theme) => {
                let shown = |is_yes: bool| if is_yes { "yes" } else { "no" }.to_owned();
                let parse = &mut |answer: &str| parse(answer).map(|is_yes| (is_yes, shown(is_yes)));
                self.ask(|| text::ask_parsed(&question, &**theme, self.terminal, parse))
            }
        }
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

    fn ask<T>(&self, ask: impl FnOnce() -> Result<T, PromptError>) -> Result<T, PromptError> {
        let guard = InputGuard::new();
        interrupt::ASKING.store(true, Ordering::SeqCst);
        let answer = ask();
        interrupt::ASKING.store(false, Ordering::SeqCst);
        if answer.is_err() {
            // The rest of a paste or of an escape sequence is not for the shell.
            guard.forget_line();
        }
        drop(guard);
        // A question that ends early leaves the cursor hidden.
        let _ = self.term.show_cursor();
        answer
    }
}
