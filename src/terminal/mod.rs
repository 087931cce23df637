//! The person's terminal: how to draw on it, what is harmless to show on it, and asking questions there.

mod fuzzy;
mod held;
mod line;
mod look;
mod plain;
mod prompt;
mod typed;

pub use look::{ColorChoice, Look, harmless, harmless_in_place, harmless_json, harmless_name};
pub use prompt::{PromptError, Prompter};
pub use typed::Question;
