//! The rotation of a secret by a Lambda function.

use super::desired::{DesiredRotation, DesiredSecret};
use super::{Action, BlockReason, Step};
use crate::store::{RotationState, StoredSecret};
use goldenpath_core::arn;
use goldenpath_core::arn::Arn;

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
        DesiredRotation::None { functions } => {
            let current = current.filter(|current| functions.contains(&current.function))?;
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
            let reason = format!("{now}; from now on every {days} days by {}", rotation.function);
            action(reason, Step::ConfigureRotation { key, rotation: rotation.clone() })
        }
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

/// Returns why AWS would reject the function, by the secret's ARN.
fn find_objection(rotation: &RotationState, found: &StoredSecret) -> Option<String> {
    let secret = Arn::parse(found.arn.as_deref()?)?;
    let (partition, region) = (Some(secret.partition), Some(secret.region));
    arn::find_function_objection(&rotation.function, partition, region, Some(secret.account))
        .map(|objection| format!("`{}` cannot be invoked: {objection}", rotation.function))
}

fn in_words(rotation: &RotationState) -> String {
    let every = rotation
        .days
        .map_or_else(|| "on a schedule".to_owned(), |days| format!("every {days} days"));
    format!("rotated {every} by {}", rotation.function)
}
