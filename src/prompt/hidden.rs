//! A question whose answer nobody sees.
//!
//! dialoguer's own is answered by a line of the terminal, which the terminal cuts at 4,095 bytes without a word, and whose Ctrl-C
//! becomes a signal. This one reads key by key, as the other questions do.

use std::io;

use console::{Key, Term, truncate_str};
use dialoguer::theme::Theme;
use secrecy::SecretString;
use zeroize::{Zeroize, Zeroizing};

use super::text::formatted;

/// The longest answer, in bytes: no value is longer.
pub(crate) const LONGEST: usize = 64 * 1024;

/// Columns that a question leaves free at least, for the cursor.
const LEAST: usize = 4;

/// Asks on `term`. None when the person backs out.
pub(crate) fn ask(words: &str, theme: &dyn Theme, term: &Term) -> io::Result<Option<SecretString>> {
    let prompt = formatted(|out| theme.format_password_prompt(out, words));
    let columns = usize::from(term.size().1).max(10);
    term.write_str(&truncate_str(&prompt, columns - LEAST, ""))?;
    term.flush()?;
    // Room for the longest, so that no half of it is left behind where it grew.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST + 4));
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
                // As dialoguer leaves a password behind.
                let line = formatted(|out| {
                    theme.format_input_prompt_selection(out, words, &format!("[{given}]"))
                });
                term.write_line(&line)?;
                return Ok(Some(SecretString::from(text.as_str())));
            }
            Key::CtrlC | Key::Escape => return term.write_line("").map(|()| None),
            Key::Char('\x04') if text.is_empty() => return term.write_line("").map(|()| None),
            Key::Backspace => _ = text.pop(),
            Key::Char('\x15') => text.zeroize(),
            Key::Char(character) if !character.is_control() && text.len() < LONGEST => {
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
