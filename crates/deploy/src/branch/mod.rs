//! Commits to a branch: checked out in a folder, or of a remote repository.
//!
//! Other changes there are never touched.

mod blobs;
mod checkout;
mod error;
mod lock;
mod private_dir;
mod remote;
mod tree;

pub use blobs::store;
pub use checkout::{Checkout, CommitEntry};
pub use error::BranchError;
pub use lock::CheckoutLock;
pub use private_dir::PrivateDir;
pub use remote::{BranchScope, FileEdit, RemoteBranch, RemotePlace};
pub use tree::{LACKED, SEARCH_LIMIT, TreeItem, VisitedItem, find, link, resolve, text, visit};

/// The maximum size of a file that is read, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;
