//! When a secret's value was last renewed.

use crate::rules::Renewal;
use crate::store::StoredSecret;

/// None for a secret without a value, or one that is marked for deletion. A rotation is told from other changes; where
/// there was none, any change counts, since a store does not tell a new value from a new tag.
pub(super) fn renewal(found: &StoredSecret) -> Option<Renewal> {
    if !found.has_value || found.deletion.is_some() {
        return None;
    }
    found.last_rotated.map(Renewal::Rotated).or(found.last_changed.map(Renewal::Changed))
}
