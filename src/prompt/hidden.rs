//! A question whose answer is not shown.
//!
//! dialoguer's password prompt reads a line of the terminal, which silently cuts it at 4,095 bytes
//! and turns Ctrl-C into a signal. This prompt reads key by key, as the other questions do.

use std::io;

use console::{Key, Term, truncate_str};
use dialoguer::theme::Theme;
use secrecy::SecretString;
use zeroize::{Zeroize, Zeroizing};

use super::text::format_with;

/// The longest answer in bytes, which is the longest value.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// The columns that a question leaves free for the cursor.
const MIN_FREE: usize = 4;

/// Asks on `term`; returns `None` if the user cancels.
pub(crate) fn ask(words: &str, theme: &dyn Theme, term: &Term) -> io::Result<Option<SecretString>> {
    let prompt = format_with(|out| theme.format_password_prompt(out, words));
    let columns = usize::from(term.size().1).max(10);
    term.write_str(&truncate_str(&prompt, columns - MIN_FREE, ""))?;
    term.flush()?;
    // Allocated at full size: a growing text would leave copies of the answer behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_ANSWER + 4));
    let mut in_sequence = false;
    loop {
        let key = term.read_key_raw()?;
        if in_sequence {
            in_sequence = !matches!(key, Key::Char('@'..='~'));
            continue;
        }
        match key {
            Key::Enter => {
                term.clear_line()?;
                let given = if text.is_empty() { "left empty" } else { "hidden" };
                // The same line as dialoguer's password prompt.
                let line = format_with(|out| {
                    theme.format_input_prompt_selection(out, words, &format!("[{given}]"))
                });
                term.write_line(&line)?;
                return Ok(Some(SecretString::from(text.as_str())));
            }
            Key::CtrlC | Key::Escape => return term.write_line("").map(|()| None),
            Key::Char('\x04') if text.is_empty() => return term.write_line("").map(|()| None),
            Key::Backspace => _ = text.pop(),
            Key::Char('\x15') => text.zeroize(),
            Key::Char(character) if !character.is_control() && text.len() < MAX_ANSWER => {
                text.push(character)
            }
            Key::UnknownEscSeq(sequence) => {
                in_sequence = match sequence.as_slice() {
                    ['['] | ['O'] => true,
                    ['[', .., last] => !('@'..='~').contains(last),
                    _ => false,
                };
            }
            _ => {}
        }
    }
}
