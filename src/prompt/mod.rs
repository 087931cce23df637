//! The person's terminal: how to draw on it, what is harmless to show on it, and asking questions there.

mod fuzzy;
mod hidden;
mod input_guard;

mod line;

pub(crate) mod line_mode;
mod prompter;

mod text;

pub use prompter::{PromptError, Prompter};

pub use text::Question;

/// Whether the terminal calls itself dumb: it knows no escape sequences.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Whether this is a pipeline, which may have a terminal that nobody sits at.
pub(crate) fn has_no_user() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}
