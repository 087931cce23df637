//! Which manifests have outlived their ttl, by when their IDs came into the catalog.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Catalog, Entry, Project};
use crate::source::{Repository, Snapshot};

impl Catalog {
    /// Finds the selected manifests whose ttl has run out at `now`: the history of the commit `line` had their IDs in the
    /// catalog before it began. No state of a manifest is kept for that: the file's name is the ID, so it is the name
    /// that is looked for.
    pub fn look_back(&mut self, repository: &Repository, project: &Project, line: Snapshot, now: Timestamp) {
        let counted: Vec<(&Entry, String, Timestamp)> = self
            .selected()
            .filter_map(|entry| {
                let request = entry.request().filter(|request| request.status.is_in_use())?;
                let lifetime = SignedDuration::from_hours(i64::from(request.ttl_days) * 24);
                Some((entry, format!("{}.yaml", request.id), now.checked_sub(lifetime).ok()?))
            })
            .collect();
        let names: BTreeSet<String> = counted.iter().map(|(_, name, _)| name.clone()).collect();
        let begins: BTreeSet<Timestamp> = counted.iter().map(|(.., begin)| *begin).collect();
        let held = repository.held_at(line, &project.config.catalog, &names, &begins);
        self.outlived = counted
            .into_iter()
            .filter_map(|(entry, name, begin)| {
                let since = held.get(&name).filter(|since| **since <= begin)?;
                Some((entry.path.clone(), *since))
            })
            .collect();
    }
}
