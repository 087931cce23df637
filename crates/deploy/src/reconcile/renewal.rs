//! The last renewal of a secret's value.

use jiff::Timestamp;

use super::desired::VALUE_SINCE;
use crate::store::StoredSecret;
use goldenpath_core::rules::Renewal;

/// Returns the last renewal of a value.
///
/// None for a secret without a value, or one that is marked for deletion. A rotation by the store
/// or, by our tag, by a person takes precedence. Otherwise any change counts, since a store does
/// not distinguish a new value from a new tag.
#[must_use]
pub fn renewal(found: &StoredSecret, now: Timestamp) -> Option<Renewal> {
    if !found.has_value() || found.deletion.is_some() {
        return None;
    }
    // A tag may have any text, including a future time.
    let by_hand = found
        .tags
        .get(VALUE_SINCE)
        .and_then(|when| when.parse::<Timestamp>().ok())
        .map(|when| when.min(now));
    found
        .last_rotated
        .max(by_hand)
        .map(Renewal::Rotated)
        .or(found.last_changed.map(Renewal::Changed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_rotation_and_tag_counts_and_otherwise_the_last_change() {
        let time = |second| Timestamp::from_second(second).unwrap_or_default();
        let of = |rotated: Option<i64>, tag: &str| {
            let tags = [(VALUE_SINCE.to_owned(), tag.to_owned())]
                .into_iter()
                .filter(|(_, tag)| !tag.is_empty());
            let found = StoredSecret {
                current_version: Some("7a1c".to_owned()),
                tags: tags.collect(),
                last_rotated: rotated.map(time),
                last_changed: Some(time(90)),
                ..StoredSecret::default()
            };
            renewal(&found, time(100))
        };
        assert_eq!(of(None, ""), Some(Renewal::Changed(time(90))));
        assert_eq!(of(None, "1970-01-01T00:00:50Z"), Some(Renewal::Rotated(time(50))));
        assert_eq!(of(Some(40), "1970-01-01T00:00:50Z"), Some(Renewal::Rotated(time(50))));
        assert_eq!(of(Some(60), "1970-01-01T00:00:50Z"), Some(Renewal::Rotated(time(60))));
        assert_eq!(
            of(None, "2999-01-01T00:00:00Z"),
            Some(Renewal::Rotated(time(100))),
            "a future tag counts as now"
        );
        for broken in ["yesterday", "1970-01-01", "50", "1970-01-01T00:00:50"] {
            assert_eq!(of(None, broken), Some(Renewal::Changed(time(90))), "{broken}");
            assert_eq!(of(Some(60), broken), Some(Renewal::Rotated(time(60))), "{broken}");
        }
    }
}
