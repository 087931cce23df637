//! The limit up to which IDs count.

use std::collections::BTreeSet;

use super::{RESERVATIONS, allocated_ids};
use crate::manifest::SecretId;
use crate::vcs::{Repository, SourceError};

/// The highest ID of the default branch, and how far above it an ID may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// None if the default branch has no manifest.
    pub base: Option<SecretId>,
    /// `ids.maxGap`
    pub max_gap: u32,
}

/// The reservations that a clone or a server knows without a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reservations {
    /// Those in its refs: on a server all of them, in a clone those that were fetched.
    refs: BTreeSet<SecretId>,
    /// The IDs that this clone has allocated.
    allocated: BTreeSet<SecretId>,
}

impl Limit {
    /// Returns the last ID that counts.
    #[must_use]
    pub fn last(self) -> SecretId {
        let number = self.base.map_or(0, SecretId::number).saturating_add(self.max_gap);
        SecretId::of_number(number).unwrap_or(SecretId::LAST)
    }

    /// Reports whether a new manifest may have this ID.
    ///
    /// It may if the ID counts, or if it and all IDs from the limit up to it are reserved. A single
    /// reservation far away does not count.
    #[must_use]
    pub fn allows(self, id: SecretId, reservations: &Reservations) -> bool {
        let last = self.last();
        let steps = id.number().saturating_sub(last.number()) as usize;
        steps == 0
            || reservations.allocated.contains(&id)
            || (steps <= reservations.refs.len()
                && (last.number() + 1..=id.number()).all(|number| {
                    SecretId::of_number(number).is_some_and(|id| reservations.refs.contains(&id))
                }))
    }
}

impl Reservations {
    /// Reads the reservations of this clone or server.
    ///
    /// # Errors
    /// Refs that cannot be read.
    pub fn read(repository: &Repository) -> Result<Self, SourceError> {
        let names = repository.refs_below(RESERVATIONS)?;
        let refs = names.iter().filter_map(|name| SecretId::parse(name).ok()).collect();
        Ok(Self { refs, allocated: allocated_ids(repository) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn id(number: u32) -> SecretId {
        SecretId::of_number(number).unwrap()
    }

    #[test]
    fn a_limit_ends_with_the_last_possible_id() {
        assert_eq!(Limit { base: Some(id(7)), max_gap: 1000 }.last(), id(1007));
        assert_eq!(Limit { base: None, max_gap: 1 }.last(), id(1));
        assert_eq!(Limit { base: Some(id(999_999_998)), max_gap: 1000 }.last(), id(999_999_999));
        assert_eq!(Limit { base: Some(id(7)), max_gap: u32::MAX }.last(), id(999_999_999));
    }

    #[test]
    fn without_a_reservation_the_limit_is_the_last_id_that_is_allowed() {
        let limit = Limit { base: Some(id(7)), max_gap: 2 };
        let allowed = |number| limit.allows(id(number), &Reservations::default());
        assert!([1, 7, 8, 9].into_iter().all(allowed));
        assert!(![10, 11, 999_999_999].into_iter().any(allowed));
    }

    #[test]
    fn reservations_without_a_gap_count_and_one_far_away_does_not() {
        let limit = Limit { base: Some(id(7)), max_gap: 2 };
        let reservations = Reservations {
            refs: [10, 11, 13, 999_999_999].map(id).into_iter().collect(),
            allocated: [id(500)].into_iter().collect(),
        };
        let allowed = |number| limit.allows(id(number), &reservations);
        assert!([1, 7, 9, 10, 11, 500].into_iter().all(allowed));
        assert!(![12, 13, 499, 501, 999_999_998, 999_999_999].into_iter().any(allowed));
    }
}
