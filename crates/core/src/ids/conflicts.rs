//! IDs that another branch gives to another manifest.

use std::collections::BTreeMap;

use crate::manifest::{MAX_BYTES, SecretId};
use crate::used_ids::of_file_name;
use crate::vcs::{Blob, Branch, ManifestFolder, Repository, Snapshot, is_yaml};
use crate::yaml;

/// A manifest of the branch at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewManifestId {
    pub id: SecretId,
    /// From the repository's root.
    pub path: String,
    /// `metadata.name`
    pub name: Option<String>,
}

/// Another manifest that has the ID too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdConflict {
    pub mine: NewManifestId,
    /// The branch that holds the other.
    pub branch: Branch,
    /// Where the other lies.
    pub path: String,
}

/// Which of `mine`, manifests that a branch with its tip at `here` brings in, have an ID that one of `others` gives to
/// another manifest. A manifest is the same one where both branches have it from a common commit, even if one has moved it
/// since, and where it has the same path and name, as after a rebase.
#[must_use]
pub fn elsewhere(
    repository: &Repository,
    catalog: &str,
    mine: &[NewManifestId],
    here: Option<Snapshot>,
    others: &[Branch],
) -> Vec<IdConflict> {
    let by_id: BTreeMap<SecretId, &NewManifestId> =
        mine.iter().map(|mine| (mine.id, mine)).collect();
    if by_id.is_empty() {
        return Vec::new();
    }
    // What this branch holds comes first, and so is not looked into again in the others.
    let own = match here {
        Some(Snapshot::Commit(here)) => Some(here),
        _ => None,
    };
    let tips: Vec<_> = own.into_iter().chain(others.iter().map(|branch| branch.tip)).collect();
    let offset = usize::from(own.is_some());
    let mut found = Vec::new();
    repository.visit_tips(
        &tips,
        ManifestFolder { folder: catalog, counts: is_yaml },
        &mut |number, blob| {
            let id = of_file_name(&blob.path);
            if let (Some(number), Some(mine)) =
                (number.checked_sub(offset), id.and_then(|id| by_id.get(&id)))
            {
                found.push((number, *mine, blob));
            }
        },
    );
    let is_another = |(number, mine, blob): &(usize, &NewManifestId, Blob<'_>)| {
        let base = own.and_then(|own| {
            let (ours, theirs) = (Snapshot::Commit(own), Snapshot::Commit(others[*number].tip));
            match repository.merge_base(ours, theirs) {
                Ok(Some(Snapshot::Commit(base))) => Some(base),
                _ => None,
            }
        });
        let is_shared = base.is_some_and(|base| {
            repository.holds(base, &mine.path) || repository.holds(base, &blob.path)
        });
        !is_shared && !is_same(repository, mine, blob)
    };
    let clash = |(number, mine, blob): (usize, &NewManifestId, Blob<'_>)| IdConflict {
        mine: mine.clone(),
        branch: others[number].clone(),
        path: blob.path.into_owned(),
    };
    let mut clashes: Vec<IdConflict> = found.into_iter().filter(is_another).map(clash).collect();
    // One is enough to know; the first is on the branch that was named first.
    clashes.sort_by(|one, other| one.mine.path.cmp(&other.mine.path));
    clashes.dedup_by(|one, other| one.mine == other.mine);
    clashes
}

fn is_same(repository: &Repository, mine: &NewManifestId, blob: &Blob<'_>) -> bool {
    let name = || {
        let file = repository
            .load(std::slice::from_ref(blob), MAX_BYTES, |file| file.bytes.ok())
            .pop()??;
        let root = yaml::parse(std::str::from_utf8(&file).ok()?).ok()?;
        root.string_at("/metadata/name").map(str::to_owned)
    };
    blob.path == mine.path && name() == mine.name
}
