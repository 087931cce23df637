//! What the rules on uniqueness share: manifests grouped by what must be theirs alone.

use std::collections::HashMap;
use std::hash::Hash;

use super::Sink;
use crate::catalog::{Catalog, Entry};

/// Reports every selected entry whose key another entry has too, with the place of the other. `key` gives None for an
/// entry that claims nothing; `describe` names the key in the message; `pointer` is where both are underlined.
pub(super) fn report<'a, K: Hash + Eq>(
    catalog: &'a Catalog,
    sink: &mut Sink<'_>,
    key: impl Fn(&'a Entry) -> Option<K>,
    pointer: &str,
    describe: impl Fn(&K) -> String,
    help: &str,
) {
    let mut holders: HashMap<K, Vec<&Entry>> = HashMap::with_capacity(catalog.entries.len());
    for entry in &catalog.entries {
        if let Some(key) = key(entry) {
            holders.entry(key).or_default().push(entry);
        }
    }
    for (key, entries) in holders.iter().filter(|(_, entries)| entries.len() > 1) {
        for entry in entries.iter().filter(|entry| entry.selected) {
            let others: Vec<&&Entry> = entries.iter().filter(|other| other.path != entry.path).collect();
            let paths: Vec<&str> = others.iter().map(|other| other.path.as_str()).take(3).collect();
            let more = match others.len() - paths.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let has = if others.len() == 1 { "has" } else { "have" };
            let message = format!("{} is taken: {}{more} {has} it too", describe(key), paths.join(", "));
            let finding = sink.at(entry, pointer, message, help.to_owned());
            if let Some(other) = others.first() {
                finding.with(other, other.span(pointer), "taken here");
            }
        }
    }
}
