//! The rotation of a secret: by a Lambda function, by the service that owns it, or by a partner.

use std::collections::BTreeSet;

use super::desired::{DesiredRotation, DesiredSecret};
use super::{Action, BlockReason, Step};
use crate::store::{RotationState, StoredSecret};
use goldenpath_core::arn;
use goldenpath_core::arn::Arn;
use goldenpath_core::config::Rotator;

/// Returns the action that configures or cancels the rotation, if it differs.
///
/// `actual` is None for a secret that is created. A rotation waits for a value: AWS invokes the
/// function at once to test it (RotateSecret, "Request Syntax", `RotateImmediately`), and without
/// a value that leaves a version that later calls stumble over.
pub(super) fn rotation_action(
    desired: &DesiredSecret<'_>,
    actual: Option<&StoredSecret>,
) -> Option<Action> {
    let current = actual.and_then(|found| found.rotation.as_ref());
    let action = |reason: String, step: Step| {
        Some(Action::of(desired.request, desired.key.as_str(), reason, step))
    };
    let key = desired.key.clone();
    match &desired.rotation {
        DesiredRotation::Manual => None,
        DesiredRotation::None { rotators } => {
            let current = current.filter(|current| {
                rotators.iter().any(|one| is_configured_by(&current.rotator, one))
            })?;
            let why = if desired.request.status.is_in_use() {
                format!("the class `{}` has no interval", desired.request.rotation_class)
            } else {
                format!("the manifest is {}", desired.request.status)
            };
            let reason = format!("{}, but {why}", in_words(current));
            action(reason, Step::CancelRotation { key })
        }
        DesiredRotation::By { rotation, .. } if current == Some(rotation) => None,
        DesiredRotation::By { .. } if awaits_value(desired, actual) => None,
        DesiredRotation::By { rotation, objection } => {
            let objection = objection.clone().or_else(|| find_objection(rotation, actual?));
            if let Some(objection) = objection {
                let reason = format!("the rotation cannot be configured: {objection}");
                return action(reason, Step::Blocked(BlockReason::Conflict));
            }
            let now = current.map_or_else(|| "not rotated yet".to_owned(), in_words);
            let days = rotation.days.unwrap_or_default();
            let rotator = &rotation.rotator;
            let mut reason = format!("{now}; from now on every {days} days by {rotator}");
            let old = current.map(|current| &current.rotator);
            let keys = old.map(|old| changed_metadata(old, rotator)).unwrap_or_default();
            if !keys.is_empty() {
                reason.push_str(&format!("; its metadata differs ({})", keys.join(", ")));
            }
            action(reason, Step::ConfigureRotation { key, rotation: rotation.clone() })
        }
    }
}

/// Returns the sorted keys of a partner's metadata that differ.
fn changed_metadata<'a>(old: &'a Rotator, new: &'a Rotator) -> Vec<&'a str> {
    let (Rotator::Partner { metadata: old, .. }, Rotator::Partner { metadata: new, .. }) =
        (old, new)
    else {
        return Vec::new();
    };
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    changed.map(String::as_str).collect()
}

/// Returns whether goldenpath configured a rotation, if it configures those of `ours`.
fn is_configured_by(current: &Rotator, ours: &Rotator) -> bool {
    match (current, ours) {
        (Rotator::Partner { role, .. }, Rotator::Partner { role: ours, .. }) => role == ours,
        // The service that owns the secret configured it.
        (Rotator::OwningService, _) => false,
        (current, ours) => current == ours,
    }
}

/// Returns whether a rotation is configured by the first run after the value is set.
pub(super) fn is_held_back(desired: &DesiredSecret<'_>, actual: Option<&StoredSecret>) -> bool {
    matches!(desired.rotation, DesiredRotation::By { .. }) && awaits_value(desired, actual)
}

fn awaits_value(desired: &DesiredSecret<'_>, actual: Option<&StoredSecret>) -> bool {
    match actual {
        Some(found) => !found.has_value(),
        None => desired.generate.is_empty(),
    }
}

/// Returns why AWS would reject the function or the role, by the secret's ARN.
fn find_objection(rotation: &RotationState, found: &StoredSecret) -> Option<String> {
    let secret = Arn::parse(found.arn.as_deref()?)?;
    let (used, region) = match &rotation.rotator {
        Rotator::Function(function) => (function, Some(secret.region)),
        Rotator::Partner { role, .. } => (role, None),
        Rotator::OwningService => return None,
    };
    arn::find_arn_objection(used, Some(secret.partition), region, Some(secret.account))
        .map(|objection| format!("`{used}` cannot be used: {objection}"))
}

fn in_words(rotation: &RotationState) -> String {
    let every = rotation
        .days
        .map_or_else(|| "on a schedule".to_owned(), |days| format!("every {days} days"));
    format!("rotated {every} by {}", rotation.rotator)
}
