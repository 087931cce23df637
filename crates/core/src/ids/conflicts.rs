//! Conflicts of IDs between branches.

use std::collections::BTreeMap;

use crate::manifest::{MAX_BYTES, SecretId};
use crate::used_ids::of_file_name;
use crate::vcs::{Blob, Branch, File, ManifestFolder, Repository, Snapshot, SourceError, is_yaml};
use crate::yaml;

/// A manifest of the current branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewManifestId {
    /// The ID in `metadata.id`.
    pub id: SecretId,
    /// From the repository's root.
    pub path: String,
    /// `metadata.name`
    pub name: Option<String>,
}

/// A manifest of another branch with the same ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdConflict {
    /// The manifest of the current branch.
    pub mine: NewManifestId,
    /// The branch with the other manifest.
    pub branch: Branch,
    /// The path of the other manifest.
    pub path: String,
}

/// Returns which of `mine` have an ID that another manifest has on one of `others`.
///
/// `mine` are manifests that a branch with its tip at `here` adds. Two manifests are the same one
/// if both branches have it from a common commit, even if one has moved it since, and if path and
/// name are equal, as after a rebase.
///
/// # Errors
/// A repository that cannot be read, or a shallow clone without the common commit.
pub fn find_conflicts(
    repository: &Repository,
    catalog: &str,
    mine: &[NewManifestId],
    here: Option<Snapshot>,
    others: &[Branch],
) -> Result<Vec<IdConflict>, SourceError> {
    let by_id: BTreeMap<SecretId, &NewManifestId> =
        mine.iter().map(|mine| (mine.id, mine)).collect();
    if by_id.is_empty() {
        return Ok(Vec::new());
    }
    // The folders of this branch come first, so they are not read again in the others.
    let own = match here {
        Some(Snapshot::Commit(here)) => Some(here),
        _ => None,
    };
    let tips: Vec<_> = own.into_iter().chain(others.iter().map(|branch| branch.tip)).collect();
    let offset = usize::from(own.is_some());
    let mut found = Vec::new();
    repository.visit_tips(
        &tips,
        ManifestFolder { folder: catalog, includes: is_yaml },
        &mut |number, blob| {
            let id = of_file_name(&blob.path);
            if let (Some(number), Some(mine)) =
                (number.checked_sub(offset), id.and_then(|id| by_id.get(&id)))
            {
                found.push((number, *mine, blob));
            }
        },
    )?;
    let mut conflicts = Vec::new();
    for (number, mine, blob) in found {
        if is_same(repository, mine, &blob)? {
            continue;
        }
        let base = match own {
            Some(own) => repository
                .merge_base(Snapshot::Commit(own), Snapshot::Commit(others[number].tip))?,
            None => None,
        };
        if let Some(Snapshot::Commit(base)) = base
            && (repository.has_file(base, &mine.path)? || repository.has_file(base, &blob.path)?)
        {
            continue;
        }
        conflicts.push(IdConflict {
            mine: mine.clone(),
            branch: others[number].clone(),
            path: blob.path.into_owned(),
        });
    }
    // One conflict per manifest is enough: that with the first branch in the list.
    conflicts.sort_by(|one, other| one.mine.path.cmp(&other.mine.path));
    conflicts.dedup_by(|one, other| one.mine == other.mine);
    Ok(conflicts)
}

fn is_same(
    repository: &Repository,
    mine: &NewManifestId,
    blob: &Blob<'_>,
) -> Result<bool, SourceError> {
    if blob.path != mine.path {
        return Ok(false);
    }
    let name = |file: File| {
        let root = yaml::parse(std::str::from_utf8(&file.bytes.ok()?).ok()?).ok()?;
        root.string_at("/metadata/name").map(str::to_owned)
    };
    let names = repository.load(std::slice::from_ref(blob), MAX_BYTES, name)?;
    Ok(names.into_iter().all(|name| name == mine.name))
}
