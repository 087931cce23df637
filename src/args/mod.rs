//! Groups of arguments that several commands share, and the data they select.

pub(crate) mod audit_trail;
pub(crate) mod checked_catalog;
pub(crate) mod commit;
pub(crate) mod due_window;
pub(crate) mod duration;
pub(crate) mod environments;
pub(crate) mod filter;
pub(crate) mod gitops_place;
pub(crate) mod named_secrets;
pub(crate) mod plan;
pub(crate) mod reservation;
pub(crate) mod selection;
pub(crate) mod shard;
