//! Questions on a terminal, by dialoguer, on standard error so that standard output stays the result's.

use std::io::{self, IsTerminal};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, MultiSelect, Select};

use super::held::Held;
use super::{Look, harmless};

/// The choices that are shown at once; an 80×24 terminal keeps the question in sight.
const PAGE: usize = 12;

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
    theme: Box<dyn Theme>,
    term: Term,
    /// Columns that a message may take, beside the mark in front of it.
    width: usize,
}

/// Whether Ctrl-C belongs to a question that is open, or that has just ended by it.
static ASKING: AtomicBool = AtomicBool::new(false);

impl Prompter {
    /// None where nobody can be asked: standard input or standard error is no terminal, or `CI` is set.
    #[must_use]
    pub fn on_terminal(look: Look) -> Option<Self> {
        static HANDLER: Once = Once::new();
        // A pipeline may have a terminal, and still nobody sits at it.
        let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        if in_ci || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        // The console crate turns Ctrl-C at a question into a signal, whose default would end the program with the
        // cursor hidden. Should no handler be allowed here, that is all that is lost.
        HANDLER.call_once(|| {
            let _ = ctrlc::set_handler(|| {
                if !ASKING.load(Ordering::SeqCst) {
                    std::process::exit(130);
                }
            });
        });
        let theme: Box<dyn Theme> = match look.color {
            true => Box::new(ColorfulTheme::default()),
            false => Box::new(SimpleTheme),
        };
        Some(Self { theme, term: Term::stderr(), width: look.width.saturating_sub(4) })
    }

    /// A line of text that `check` accepts; its error is shown and the question asked again.
    ///
    /// # Errors
    /// Cancelled, or the terminal is gone.
    pub fn text(
        &self,
        question: &str,
        default: Option<&str>,
        may_be_empty: bool,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, PromptError> {
        let mut input = Input::<String>::with_theme(&*self.theme)
            .with_prompt(question)
            .allow_empty(may_be_empty)
            // dialoguer takes back as many lines as a message has; one that the terminal wraps would stay in part.
            .validate_with(|answer: &String| check(answer).map_err(|why| textwrap::fill(&harmless(&why), self.width)));
        if let Some(default) = default {
            input = input.default(default.to_owned());
        }
        self.asking(|| input.interact_text_on(&self.term).map(Some))
    }

    /// One of `choices`, by its index.
    ///
    /// # Errors
    /// Cancelled, or the terminal is gone.
    pub fn one(&self, question: &str, choices: &[String], default: usize) -> Result<usize, PromptError> {
        let select =
            Select::with_theme(&*self.theme).with_prompt(question).items(choices).default(default).max_length(PAGE);
        self.asking(|| select.interact_on_opt(&self.term))
    }

    /// At least one of `choices`, by their indices.
    ///
    /// # Errors
    /// Cancelled, or the terminal is gone.
    pub fn several(&self, question: &str, choices: &[String], default: usize) -> Result<Vec<usize>, PromptError> {
        let question = format!("{question} (space selects, enter confirms)");
        loop {
            let select = MultiSelect::with_theme(&*self.theme)
                .with_prompt(&question)
                .items_checked(choices.iter().enumerate().map(|(index, choice)| (choice, index == default)))
                .max_length(PAGE);
            let chosen = self.asking(|| select.interact_on_opt(&self.term))?;
            if !chosen.is_empty() {
                return Ok(chosen);
            }
            self.say("Select at least one.")?;
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// Cancelled, or the terminal is gone.
    pub fn confirm(&self, question: &str, default: bool) -> Result<bool, PromptError> {
        let confirm = Confirm::with_theme(&*self.theme).with_prompt(question).default(default);
        self.asking(|| confirm.interact_on_opt(&self.term))
    }

    /// A line that is no question.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn say(&self, line: &str) -> Result<(), PromptError> {
        self.term.write_line(&harmless(line)).map_err(|error| PromptError::Terminal(error.to_string()))
    }

    fn asking<T>(&self, ask: impl FnOnce() -> dialoguer::Result<Option<T>>) -> Result<T, PromptError> {
        let held = Held::new();
        ASKING.store(true, Ordering::SeqCst);
        let answer = ask();
        // The console crate has raised the signal of a Ctrl-C that it read, and the handler may run at any time from
        // now: the question's end is told by its own error, so the handler is to leave it alone.
        let interrupted =
            matches!(&answer, Err(dialoguer::Error::IO(error)) if error.kind() == io::ErrorKind::Interrupted);
        ASKING.store(interrupted, Ordering::SeqCst);
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
