//! Questions on the user's terminal.

mod fuzzy;
mod hidden;
mod input_guard;
mod keys;
mod line;
mod line_mode;
mod mfa_code;
mod prompter;
mod text;

pub(crate) use mfa_code::ask_mfa_code;
pub use prompter::{PromptError, Prompter};
pub use text::Question;
