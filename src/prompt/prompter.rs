//! Questions on a terminal, on standard error so that standard output stays the result's: choices by dialoguer, text by
//! [`typed`], and all of them line by line in [`plain`].

use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering;

use console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, MultiSelect, Select};
use secrecy::SecretString;

use super::input_guard::InputGuard;
use super::text::formatted;
use super::{Question, has_no_user, hidden, is_dumb, line_mode, text};
use crate::interrupt;
use crate::output::style::TerminalStyle;
use crate::output::style::wrapped;
use goldenpath_core::sanitize::harmless;

/// The choices that are shown at once; an 80×24 terminal keeps the question in sight.
const PAGE: usize = 12;

/// Columns that the marks around a question, or in front of a message, take at most.
const MARKS: usize = 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PromptError {
    #[error("cancelled: nothing was changed")]
    #[diagnostic(code(goldenpath::cancelled))]
    Cancelled,
    #[error("the terminal cannot be read: {0}")]
    #[diagnostic(code(goldenpath::terminal), help("answer with flags instead"))]
    Terminal(String),
}

/// Asks. While one exists, Ctrl-C ends the question and not the program, so that the terminal is left sane.
pub struct Prompter {
    mode: Mode,
    term: Term,
    look: TerminalStyle,
}

/// How questions are asked.
enum Mode {
    /// Key by key, drawn in place.
    Keys(Box<dyn Theme>),
    /// Line by line, nothing drawn twice.
    Lines,
}

impl Prompter {
    /// None where nobody can be asked: standard input or standard error is no terminal, or `CI` is set. A terminal that
    /// calls itself dumb is asked line by line.
    #[must_use]
    pub fn on_terminal(look: TerminalStyle) -> Option<Self> {
        if has_no_user() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        // The console crate turns Ctrl-C at a question into a signal, whose default would end the program with the
        // cursor hidden.
        interrupt::listen();
        let theme: Box<dyn Theme> = match look.color {
            true => Box::new(ColorfulTheme::default()),
            false => Box::new(SimpleTheme),
        };
        let prompter = Self { mode: Mode::Keys(theme), term: Term::stderr(), look };
        Some(if is_dumb() { prompter.plainly() } else { prompter })
    }

    /// The same, asking line by line, as a screen reader likes it.
    #[must_use]
    pub fn plainly(self) -> Self {
        Self { mode: Mode::Lines, ..self }
    }

    /// Whether it asks line by line.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.mode, Mode::Lines)
    }

    /// A line of text that `check` accepts; its error is shown and the question asked again, with the text kept.
    ///
    /// # Errors
    /// Cancelled, or the terminal is gone.
    pub fn text(
        &self,
        question: &Question<'_>,
        mut check: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<String, PromptError> {
        match &self.mode {
            Mode::Lines => line_mode::text(question, &mut check),
            Mode::Keys(theme) => {
                self.asking(|| Ok(text::ask(question, &**theme, self.look, &mut check)?))
            }
        }
    }

    /// A text that nobody sees while it is typed. An empty one is an answer too.
    ///
    /// # Errors
    /// Cancelled, or the terminal is gone.
    pub fn hidden(&self, words: &str) -> Result<SecretString, PromptError> {
        match &self.mode {
            Mode::Lines => line_mode::hidden(words),
            Mode::Keys(theme) => self.asking(|| Ok(hidden::ask(words, &**theme, &self.term)?)),
        }
    }

    /// One of `choices` that `check` accepts, by its index.
    ///
    /// # Errors
    /// Cancelled, or the terminal is gone.
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
            let chosen = self.asking(|| select.interact_on_opt(&self.term))?;
            match check(chosen) {
                Ok(()) => {
                    let name = choices.get(chosen).map(String::as_str).unwrap_or_default();
                    self.draw(&formatted(|out| {
                        theme.format_select_prompt_selection(out, words, name)
                    }))?;
                    return Ok(chosen);
                }
                Err(why) => self.refuse(&why)?,
            }
            default = chosen;
        }
    }

    /// At least one of `choices` that `check` accepts, by their indices.
    ///
    /// # Errors
    /// Cancelled, or the terminal is gone.
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
        // dialoguer takes back as many lines as a question has; one that the terminal wraps would stay in part.
        let how = "space selects, enter confirms";
        let prompt = match words.len() + how.len() + MARKS <= usize::from(self.term.size().1) {
            true => format!("{words} ({how})"),
            false => {
                self.say(&format!("({how})"))?;
                words.to_owned()
            }
        };
        let mut checked: Vec<bool> = (0..choices.len()).map(|index| index == default).collect();
        loop {
            let select = MultiSelect::with_theme(&**theme)
                .with_prompt(&prompt)
                .items_checked(choices.iter().zip(checked.iter().copied()))
                .report(false)
                .max_length(PAGE);
            let chosen = self.asking(|| select.interact_on_opt(&self.term))?;
            if chosen.is_empty() {
                self.say("Select at least one.")?;
                continue;
            }
            match check(&chosen) {
                Ok(()) => {
                    let names: Vec<&str> =
                        chosen.iter().map(|index| choices[*index].as_str()).collect();
                    self.draw(&formatted(|out| {
                        theme.format_multi_select_prompt_selection(out, words, &names)
                    }))?;
                    return Ok(chosen);
                }
                Err(why) => self.refuse(&why)?,
            }
            checked = (0..choices.len()).map(|index| chosen.contains(&index)).collect();
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// Cancelled, or the terminal is gone.
    pub fn confirm(&self, question: &str, default: bool) -> Result<bool, PromptError> {
        let Mode::Keys(theme) = &self.mode else { return line_mode::confirm(question, default) };
        let confirm = Confirm::with_theme(&**theme).with_prompt(question).default(default);
        self.asking(|| confirm.interact_on_opt(&self.term))
    }

    /// A line that is no question.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn say(&self, line: &str) -> Result<(), PromptError> {
        self.draw(&harmless(line))
    }

    /// Words that go with the questions, wrapped between words where they are drawn.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn note(&self, text: &str) -> Result<(), PromptError> {
        match self.mode {
            Mode::Keys(_) => self.say(&wrapped(text, self.look.width.saturating_sub(1)).join("\n")),
            Mode::Lines => self.say(text),
        }
    }

    /// Says why an answer cannot be taken.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn refuse(&self, why: &str) -> Result<(), PromptError> {
        let Mode::Keys(theme) = &self.mode else {
            return self.say(&format!("{}{why}", line_mode::NOT_ACCEPTED));
        };
        let why = wrapped(&harmless(why), self.look.width.saturating_sub(MARKS)).join("\n");
        self.draw(&formatted(|out| theme.format_error(out, &why)))
    }

    fn draw(&self, line: &str) -> Result<(), PromptError> {
        self.term.write_line(line).map_err(|error| PromptError::Terminal(error.to_string()))
    }

    fn asking<T>(
        &self,
        ask: impl FnOnce() -> dialoguer::Result<Option<T>>,
    ) -> Result<T, PromptError> {
        let held = InputGuard::new();
        interrupt::ASKING.store(true, Ordering::SeqCst);
        let answer = ask();
        // The console crate has raised the signal of a Ctrl-C that it read, and the handler may run at any time from
        // now: the question's end is told by its own error, so the handler is to leave it alone.
        let interrupted = matches!(&answer, Err(dialoguer::Error::IO(error)) if error.kind() == io::ErrorKind::Interrupted);
        interrupt::ASKING.store(interrupted, Ordering::SeqCst);
        drop(held);
        // A question that ended early has left the cursor hidden.
        let _ = self.term.show_cursor();
        match answer {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(PromptError::Cancelled),
            Err(_) if interrupted => {
                let _ = self.term.write_line("");
                Err(PromptError::Cancelled)
            }
            Err(dialoguer::Error::IO(error)) => Err(PromptError::Terminal(error.to_string())),
        }
    }
}
