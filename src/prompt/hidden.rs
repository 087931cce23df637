//! A question whose answer is not shown, only bullets.
//!
//! dialoguer's password prompt reads a line of the terminal, which silently cuts it at 4,095 bytes
//! and turns Ctrl-C into a signal. This prompt reads key by key, as the other questions do.

use console::{Key, Term, measure_text_width, truncate_str};
use dialoguer::theme::Theme;
use secrecy::SecretString;
use zeroize::{Zeroize, Zeroizing};

use super::PromptError;
use super::keys::{KeyReader, TerminalInput};
use super::text::format_with;

/// The longest answer in bytes, which is the longest value.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// The columns that a question leaves free for bullets and the cursor.
const MIN_FREE: usize = 8;

/// An answer that was not shown.
pub(crate) struct HiddenAnswer {
    pub(crate) text: SecretString,
    /// Whether all of it came in one paste.
    pub(crate) is_pasted: bool,
}

/// Asks on `term`.
pub(crate) fn ask(
    words: &str,
    theme: &dyn Theme,
    term: &Term,
) -> Result<HiddenAnswer, PromptError> {
    let prompt = format_with(|out| theme.format_password_prompt(out, words));
    // Allocated at full size: a growing text would leave copies of the answer behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_ANSWER + 4));
    let (mut in_paste, mut typed, mut pastes) = (false, false, 0);
    let mut reader = KeyReader::new(term)?;
    loop {
        draw(&prompt, text.chars().count(), term)?;
        // A paste is drawn once: each bullet of a long one would be a screen to draw.
        let key = loop {
            match reader.read()? {
                TerminalInput::Resized => break None,
                TerminalInput::Paste(begins) => {
                    (in_paste, pastes) = (begins, pastes + u32::from(begins));
                    if !begins {
                        break None;
                    }
                }
                TerminalInput::Key(key) if in_paste => match key {
                    // A line break at the end is not part of the value, one inside is.
                    Key::Enter => push(&mut text, '\n'),
                    Key::Tab => push(&mut text, '\t'),
                    Key::Char(character) => push(&mut text, character),
                    Key::CtrlC => return interrupted(term),
                    _ => {}
                },
                TerminalInput::Key(key) => break Some(key),
            }
        };
        match key {
            None => {}
            Some(Key::Enter) => {
                while pastes > 0 && text.ends_with('\n') {
                    text.pop();
                }
                let is_pasted = pastes == 1 && !typed;
                let given = match text.chars().count() {
                    0 => "left empty".to_owned(),
                    count if is_pasted => format!("pasted, {count} characters"),
                    _ => "hidden".to_owned(),
                };
                term.clear_line()?;
                term.write_line(&format_with(|out| {
                    theme.format_input_prompt_selection(out, words, &format!("[{given}]"))
                }))?;
                return Ok(HiddenAnswer { text: SecretString::from(text.as_str()), is_pasted });
            }
            Some(Key::CtrlC) => return interrupted(term),
            Some(Key::Escape) => {
                term.write_line("")?;
                return Err(PromptError::Canceled);
            }
            Some(Key::Char('\x04')) if text.is_empty() => {
                term.write_line("")?;
                return Err(PromptError::Canceled);
            }
            Some(Key::Backspace) => typed = text.pop().is_some() || typed,
            Some(Key::Char('\x15')) => {
                text.zeroize();
                (typed, pastes) = (false, 0);
            }
            Some(Key::Char(character)) if !character.is_control() => {
                typed = true;
                push(&mut text, character);
            }
            Some(_) => {}
        }
    }
}

fn push(text: &mut String, character: char) {
    if text.len() < MAX_ANSWER {
        text.push(character);
    }
}

fn interrupted<T>(term: &Term) -> Result<T, PromptError> {
    term.write_line("")?;
    Err(PromptError::Interrupted)
}

/// Draws the question with one bullet for each character, as far as they fit.
fn draw(prompt: &str, characters: usize, term: &Term) -> Result<(), PromptError> {
    let columns = usize::from(term.size().1).max(10);
    let prompt = truncate_str(prompt, columns - MIN_FREE, "");
    let free = columns.saturating_sub(measure_text_width(&prompt) + 1);
    let bullets = "•".repeat(characters.min(free));
    term.clear_line()?;
    term.write_str(&format!("{prompt}{bullets}"))?;
    Ok(term.flush()?)
}
