//! History: what commits, branches and the index held, and since when.
//!
//! | module | question |
//! | --- | --- |
//! | [`walk`] | what the index, every ref and all of history hold |
//! | [`commit`] | what the history of one commit held |
//! | [`at_time`] | what a branch held at a time |
//! | [`age`] | since when a branch has what it has |
//! | [`trail`] | what commits did to the files of the audit trail |

mod age;
mod at_time;
mod commit;
mod trail;
mod walk;

pub use trail::{TrailChange, TrailCommit, TrailDelta, TrailFile};
pub use walk::{ManifestFolder, Occurrence};
