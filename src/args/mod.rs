//! Groups of arguments that several commands share, and what they select.

pub(crate) mod commit;
pub(crate) mod due_window;
pub(crate) mod filter;
pub(crate) mod plan;
pub(crate) mod reservation;
pub(crate) mod shard;
