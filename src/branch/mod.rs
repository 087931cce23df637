//! A branch to which files are committed: the one that is checked out in a folder, or one of a repository somewhere else.
//! Nothing else that lies there is touched.

mod aside;
mod blobs;
mod checkout;
mod error;
mod remote;
mod staging;
mod tree;
mod unfinished;

pub use aside::Aside;
pub use blobs::store;
pub use checkout::{Checkout, Entry};
pub use error::BranchError;
pub use remote::{Edit, Remote, RemotePlace};
pub use tree::{Found, find, text, visit};
pub use unfinished::Held;

/// The bytes of a file that are read at most.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;
