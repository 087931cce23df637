//! Which of git's objects have been looked into, by this run or an earlier one. An object never changes, and so what it holds
//! is learned once.

use std::collections::HashSet;

use git2::Oid;

/// The bytes of an object's ID.
const ID: usize = 20;

/// Objects that were looked into. A commit among them stands for its whole history.
#[derive(Debug, Default)]
pub struct ObjectCache {
    /// The IDs that earlier runs knew, in order, one behind the other.
    known: Vec<u8>,
    fresh: HashSet<Oid>,
}

impl ObjectCache {
    /// What [`ObjectCache::all`] gave, once.
    #[must_use]
    pub fn of(known: Vec<u8>) -> Self {
        Self { known, fresh: HashSet::new() }
    }

    #[must_use]
    pub fn has(&self, id: Oid) -> bool {
        self.fresh.contains(&id)
            || self.ids().binary_search_by(|known| known[..].cmp(id.as_bytes())).is_ok()
    }

    /// Adds an object; false where it was there.
    pub fn add(&mut self, id: Oid) -> bool {
        self.ids().binary_search_by(|known| known[..].cmp(id.as_bytes())).is_err()
            && self.fresh.insert(id)
    }

    /// Whether this run has seen what no earlier one has.
    #[must_use]
    pub fn is_news(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// All that was seen, in order.
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
    fn what_was_seen_is_known_to_the_next_run() {
        let id = |byte: u8| Oid::from_bytes(&[byte; ID]).unwrap();
        let mut first = ObjectCache::default();
        assert!(first.add(id(9)) && first.add(id(3)) && !first.add(id(9)));
        let mut second = ObjectCache::of(first.all());
        assert!(second.has(id(3)) && second.has(id(9)) && !second.has(id(4)));
        assert!(!second.add(id(3)) && !second.is_news());
        assert!(second.add(id(4)) && second.is_news());
        assert_eq!(second.all(), [[3; ID], [4; ID], [9; ID]].concat());
    }
}
