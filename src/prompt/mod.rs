//! Questions on the user's terminal.

mod fuzzy;
mod hidden;
mod input_guard;
mod line;
pub(crate) mod line_mode;
mod prompter;
mod text;

pub use prompter::{PromptError, Prompter};
pub use text::Question;

/// Returns whether the terminal is dumb: it knows no escape sequences.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Returns whether this is a pipeline, which may have a terminal without a user.
pub(crate) fn has_no_user() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}
