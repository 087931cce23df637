//! The set of git objects that this run or an earlier one has read.
//!
//! An object never changes, so its content is read once.

use std::collections::HashSet;

use git2::Oid;

/// The number of bytes of an object's ID.
const ID: usize = 20;

/// The objects that were read; a commit counts as read with its whole history.
#[derive(Debug, Default)]
pub struct ObjectCache {
    /// The IDs from earlier runs, sorted and concatenated.
    known: Vec<u8>,
    fresh: HashSet<Oid>,
}

impl ObjectCache {
    /// Creates the set from the output of [`ObjectCache::all`].
    #[must_use]
    pub fn of(known: Vec<u8>) -> Self {
        Self { known, fresh: HashSet::new() }
    }

    /// Returns whether the set has an object.
    #[must_use]
    pub fn has(&self, id: Oid) -> bool {
        self.fresh.contains(&id)
            || self.ids().binary_search_by(|known| known[..].cmp(id.as_bytes())).is_ok()
    }

    /// Adds an object; returns false if it was in the set.
    pub fn add(&mut self, id: Oid) -> bool {
        self.ids().binary_search_by(|known| known[..].cmp(id.as_bytes())).is_err()
            && self.fresh.insert(id)
    }

    /// Reports whether this run has added an object.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Returns all IDs, sorted and concatenated.
    #[must_use]
    pub fn all(&self) -> Vec<u8> {
        let mut ids: Vec<[u8; ID]> = self.ids().to_vec();
        ids.extend(self.fresh.iter().filter_map(|id| id.as_bytes().first_chunk::<ID>()));
        ids.sort_unstable();
        ids.concat()
    }

    fn ids(&self) -> &[[u8; ID]] {
        self.known.as_chunks().0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_one_run_is_known_to_the_next() {
        let id = |byte: u8| Oid::from_bytes(&[byte; ID]).unwrap();
        let mut first = ObjectCache::default();
        assert!(first.add(id(9)) && first.add(id(3)) && !first.add(id(9)));
        let mut second = ObjectCache::of(first.all());
        assert!(second.has(id(3)) && second.has(id(9)) && !second.has(id(4)));
        assert!(!second.add(id(3)) && !second.has_changed());
        assert!(second.add(id(4)) && second.has_changed());
        assert_eq!(second.all(), [[3; ID], [4; ID], [9; ID]].concat());
    }
}
