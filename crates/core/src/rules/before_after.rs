//! Pairs manifests before and after a change by ID, for the rules on changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Entry};

/// Returns the changed manifests whose ID existed before: (before, after).
///
/// Their paths may differ.
pub(super) fn kept(catalog: &Catalog) -> Vec<(&Entry, &Entry)> {
    if catalog.before.is_none() {
        return Vec::new();
    }
    let before = by_id(before(catalog));
    after(catalog).filter_map(|entry| Some((*before.get(entry.claimed_id()?)?, entry))).collect()
}

/// Returns the manifests that the change adds: their ID did not exist before.
///
/// A file whose ID changed is not new.
pub(super) fn added(catalog: &Catalog) -> Vec<&Entry> {
    if catalog.before.is_none() {
        return Vec::new();
    }
    let before = by_id(before(catalog));
    let renumbered: BTreeSet<&str> =
        renumbered(catalog).into_iter().map(|(after, ..)| after.path.as_str()).collect();
    after(catalog)
        .filter(|entry| entry.claimed_id().is_some_and(|id| !before.contains_key(id)))
        .filter(|entry| !renumbered.contains(entry.path.as_str()))
        .collect()
}

/// Returns the manifests that the change removes: their ID no longer exists.
///
/// A file whose ID changed is not removed. Other rules report files that became unreadable.
pub(super) fn removed(catalog: &Catalog) -> Vec<&Entry> {
    if catalog.before.is_none() {
        return Vec::new();
    }
    let ids = by_id(remaining(catalog));
    let paths: BTreeSet<&str> = remaining(catalog).map(|entry| entry.path.as_str()).collect();
    before(catalog)
        .filter(|entry| entry.claimed_id().is_some_and(|id| !ids.contains_key(id)))
        .filter(|entry| !paths.contains(entry.path.as_str()))
        .collect()
}

/// Returns the files whose ID changed and whose old ID no longer exists.
///
/// Each is (the file after the change, old ID, new ID).
pub(super) fn renumbered(catalog: &Catalog) -> Vec<(&Entry, &str, &str)> {
    if catalog.before.is_none() {
        return Vec::new();
    }
    let ids = by_id(remaining(catalog));
    let paths: BTreeMap<&str, &Entry> =
        before(catalog).map(|entry| (entry.path.as_str(), entry)).collect();
    after(catalog)
        .filter_map(|after| {
            let (old, new) = (paths.get(after.path.as_str())?.claimed_id()?, after.claimed_id()?);
            (old != new && !ids.contains_key(old)).then_some((after, old, new))
        })
        .collect()
}

/// Returns the manifests in the catalog after the change.
///
/// If the change moves the catalog, manifests left in the old folder do not count.
fn remaining(catalog: &Catalog) -> impl Iterator<Item = &Entry> {
    let before = catalog.before.as_ref();
    catalog
        .entries
        .iter()
        .filter(move |entry| before.is_none_or(|before| before.retains(&entry.path)))
}

fn before(catalog: &Catalog) -> impl Iterator<Item = &Entry> {
    catalog.before.iter().flat_map(|before| &before.entries)
}

fn after(catalog: &Catalog) -> impl Iterator<Item = &Entry> {
    let changed = catalog.before.as_ref().map(|before| &before.changed);
    catalog
        .entries
        .iter()
        .filter(move |entry| changed.is_some_and(|changed| changed.contains(&entry.path)))
}

fn by_id<'a>(entries: impl Iterator<Item = &'a Entry>) -> BTreeMap<&'a str, &'a Entry> {
    entries.filter_map(|entry| Some((entry.claimed_id()?, entry))).collect()
}
