//! Finds manifests that claim the same key, for the rules on uniqueness.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rayon::prelude::*;

use super::Sink;
use crate::catalog::{Catalog, Entry};

/// Below this number of entries, starting threads costs more than it saves.
const FEW: usize = 1000;

/// Reports each selected entry that shares its key with another entry.
///
/// The finding shows the other entry. `key` returns None for an entry that claims nothing.
/// `describe` names the key in the message.
/// Both entries are underlined at `pointer`.
pub(super) fn report<'a, K: Hash + Eq>(
    catalog: &'a Catalog,
    sink: &mut Sink<'_>,
    key: impl Fn(&'a Entry) -> Option<K> + Sync,
    pointer: &str,
    describe: impl Fn(&K) -> String,
    help: &str,
) {
    report_unless(catalog, sink, key, pointer, describe, help, |_, _| false);
}

/// Like [`report`], but skips pairs that another rule reports for the same reason.
pub(super) fn report_unless<'a, K: Hash + Eq>(
    catalog: &'a Catalog,
    sink: &mut Sink<'_>,
    key: impl Fn(&'a Entry) -> Option<K> + Sync,
    pointer: &str,
    describe: impl Fn(&K) -> String,
    help: &str,
    is_reported: impl Fn(&Entry, &Entry) -> bool,
) {
    let mut holders: HashMap<K, Vec<&Entry>> = HashMap::new();
    for entry in find_candidates(&catalog.entries, &key) {
        if let Some(key) = key(entry) {
            holders.entry(key).or_default().push(entry);
        }
    }
    for (key, entries) in holders.iter().filter(|(_, entries)| entries.len() > 1) {
        for entry in entries.iter().filter(|entry| entry.selected) {
            let is_other = |other: &&&Entry| other.path != entry.path && !is_reported(entry, other);
            let others: Vec<&&Entry> = entries.iter().filter(is_other).collect();
            if others.is_empty() {
                continue;
            }
            let paths: Vec<&str> = others.iter().map(|other| other.path.as_str()).take(3).collect();
            let more = match others.len() - paths.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let has = if others.len() == 1 { "has" } else { "have" };
            let message =
                format!("{} is taken: {}{more} {has} it too", describe(key), paths.join(", "));
            let finding = sink.at(entry, pointer, message, help.to_owned());
            if let Some(other) = others.first() {
                finding.with(other, other.span(pointer), "taken here");
            }
        }
    }
}

/// Returns the entries whose key has the same hash as another, in catalog order.
///
/// In most catalogs there are none.
fn find_candidates<'a, K: Hash>(
    entries: &'a [Entry],
    key: impl Fn(&'a Entry) -> Option<K> + Sync,
) -> Vec<&'a Entry> {
    let hashed = |(at, entry): (usize, &'a Entry)| {
        let mut hasher = DefaultHasher::new();
        key(entry)?.hash(&mut hasher);
        Some((hasher.finish(), at))
    };
    let mut hashes: Vec<(u64, usize)> = match entries.len() {
        ..FEW => entries.iter().enumerate().filter_map(hashed).collect(),
        FEW.. => entries.par_iter().enumerate().filter_map(hashed).collect(),
    };
    hashes.sort_unstable();
    let shared = hashes.chunk_by(|one, other| one.0 == other.0).filter(|chunk| chunk.len() > 1);
    let mut places: Vec<usize> = shared.flatten().map(|(_, at)| *at).collect();
    places.sort_unstable();
    places.into_iter().map(|at| &entries[at]).collect()
}
