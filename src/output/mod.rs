//! Results, tables and progress: everything that goes to standard output and standard error.

pub(crate) mod apply_summary;
pub mod diff;
pub(crate) mod due_list;
pub mod findings;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod progress_bar;
pub(crate) mod secret_details;
pub(crate) mod secret_table;
pub(crate) mod streams;
pub mod style;
pub(crate) mod table;
