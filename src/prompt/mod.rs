//! Questions on the user's terminal.

mod fuzzy;
mod hidden;
mod input_guard;
mod keys;
mod line;
mod line_mode;
mod prompter;
mod text;

pub use prompter::{PromptError, Prompter};
pub use text::Question;
