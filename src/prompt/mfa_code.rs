//! The code of an MFA device.

use super::{Prompter, Question};
use crate::output::style::TerminalStyle;

/// The digits of a code (AWS STS, GetSessionToken, `TokenCode`).
const DIGITS: usize = 6;

/// Asks for a code; returns None without a terminal.
///
/// The code is shown: it is accepted once, for half a minute.
pub(crate) fn ask_mfa_code(words: &str, terminal: TerminalStyle) -> Result<Option<String>, String> {
    let Some(prompter) = Prompter::on_terminal(terminal) else { return Ok(None) };
    let question = Question { words, accepts_new_value: true, ..Question::default() };
    let check = |text: &str| {
        let is_code = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_code { Ok(()) } else { Err(format!("a code has {DIGITS} digits")) }
    };
    prompter.text(&question, check).map(Some).map_err(|error| error.to_string())
}
