//! Secrets without a value. Until somebody gives one, the operator reports an error of each.

use super::{Action, Step};
use crate::store::StoredSecret;
use goldenpath_core::manifest::SecretId;

/// Up to so many are told of one by one: each new secret is one of them.
pub const FEW: usize = 20;

/// A secret that is there, or is about to be, and has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingValue {
    pub id: SecretId,
    pub environment: String,
    /// The store key, for showing.
    pub target: String,
    /// Whether its projection waits for the value too (`externalSecret.waitForValue`).
    pub held_back: bool,
    /// Whether the manifest has a first value made, which is too late now: the secret is there.
    pub can_be_generated: bool,
}

/// Whether a secret has no value when the actions for it, which are not blocked, are done.
pub(super) fn awaits_value(actual: Option<&StoredSecret>, actions: &[Action]) -> bool {
    let is_made = |action: &Action| matches!(&action.step, Step::CreateSecret { make, .. } if !make.is_empty());
    match actual {
        Some(found) => !found.has_value(),
        None => !actions.iter().any(is_made),
    }
}

impl MissingValue {
    /// What gives it a value.
    #[must_use]
    pub fn way_out(&self) -> String {
        let verb = if self.can_be_generated { "generate" } else { "set" };
        format!("goldenpath value {verb} {}", self.id)
    }
}
