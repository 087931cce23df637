//! The contents of commits, branches and the index over time.
//!
//! | module | question |
//! | --- | --- |
//! | [`walk`] | which files the index, every ref and all of history have |
//! | [`commit`] | which file names the history of one commit has |
//! | [`at_time`] | which files a branch had at a given time |
//! | [`age`] | since when a branch has a name or a state |
//! | [`trail`] | how commits changed the files of the trail of version 0.1 |

mod age;
mod at_time;
mod commit;
mod trail;
mod walk;

pub use age::HistoryTime;
pub use at_time::NamesAt;
pub use trail::{TrailCommit, TrailDelta, TrailFile};
pub use walk::{ManifestFolder, Occurrence};
