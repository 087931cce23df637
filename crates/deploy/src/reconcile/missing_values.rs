//! Secrets without a value. The operator reports an error for each of them.

use super::{Action, Step};
use crate::store::StoredSecret;
use goldenpath_core::manifest::SecretId;

/// The maximum number of secrets that are listed.
pub const FEW: usize = 20;

/// A secret without a value that exists or is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingValue {
    /// The ID of the secret's manifest.
    pub id: SecretId,
    /// The environment of the secret.
    pub environment: String,
    /// The store key for messages.
    pub target: String,
    /// Whether its projection waits for the value (`externalSecret.waitForValue`).
    pub held_back: bool,
    /// Whether its rotation is configured by the first run after the value is set.
    pub rotation_held_back: bool,
    /// Whether the manifest requests a generated value, but the secret exists already.
    pub can_be_generated: bool,
}

/// Returns whether a secret has no value after its actions.
pub(super) fn awaits_value(actual: Option<&StoredSecret>, actions: &[Action]) -> bool {
    let is_generated = |action: &Action| match &action.step {
        Step::CreateSecret { generate, .. } => !generate.is_empty(),
        _ => false,
    };
    match actual {
        Some(found) => !found.has_value(),
        None => !actions.iter().any(is_generated),
    }
}

impl MissingValue {
    /// Returns the command that sets its value.
    #[must_use]
    pub fn remedy(&self) -> String {
        let verb = if self.can_be_generated { "generate" } else { "set" };
        format!("goldenpath value {verb} {}", self.id)
    }
}
