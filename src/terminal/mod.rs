//! The person's terminal: how to draw on it, what is harmless to show on it, and asking questions there.

mod bar;
mod fuzzy;
mod held;
mod hidden;
pub mod interrupt;
mod line;
mod look;
mod plain;
mod prompt;
pub mod runner;
mod table;
mod typed;

pub use bar::{Bar, grouped};
pub(crate) use look::wrapped;
pub use look::{ColorChoice, Look, harmless, harmless_in_place, harmless_json, harmless_name};
pub use prompt::{PromptError, Prompter};
pub use table::{Cell, Column, table};
pub use typed::Question;

/// Whether the terminal calls itself dumb: it knows no escape sequences.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Whether this is a pipeline, which may have a terminal that nobody sits at.
fn nobody_watches() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}
