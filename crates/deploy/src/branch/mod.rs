//! A branch to which files are committed: the one that is checked out in a folder, or one of a repository somewhere else.
//! Nothing else that lies there is touched.

mod blobs;
mod checkout;
mod error;
mod index;
mod lock;
mod private_dir;
mod remote;
mod tree;

pub use blobs::store;
pub use checkout::{Checkout, CommitEntry};
pub use error::BranchError;
pub use lock::CheckoutLock;
pub use private_dir::Aside;
pub use remote::{FileEdit, RemoteBranch, RemotePlace};
pub use tree::{TreeItem, find, text, visit};

/// The bytes of a file that are read at most.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;
