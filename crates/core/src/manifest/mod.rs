//! One SecretRequest: its text, its nodes with spans, its schema, its typed model.

mod bundled_schema;
mod json_view;
mod model;
mod names;

mod principals;
mod schema;
mod store_key;
mod value_format;

use crate::yaml;

pub use bundled_schema::{GENERATED_START, bundle_schema, has_older_lists};
pub use model::{LifecycleStatus, SecretRequest};
pub use names::{DnsLabel, DnsSubdomain, LABEL_LENGTH, SecretId, check_one_line, to_label};

pub use principals::Principals;
pub use schema::{
    BUILT_IN as BUILT_IN_SCHEMA, FILE_NAME as SCHEMA_FILE_NAME, Schema, Violation, ViolationKind,
};
pub use store_key::{StoreKey, StoreKeyError};
pub use value_format::{DEFAULT_TEXT_KEY, ValueFormat};

/// Returns the status in a manifest's bytes, even if the manifest has other errors.
#[must_use]
pub fn status_in(bytes: &[u8]) -> Option<LifecycleStatus> {
    let root = yaml::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    LifecycleStatus::parse(root.string_at("/spec/lifecycle/status")?).ok()
}

/// The maximum size of a manifest; a SecretRequest needs a thousandth of it.
pub const MAX_BYTES: u64 = 256 * 1024;
