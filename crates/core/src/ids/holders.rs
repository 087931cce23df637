//! The holders of IDs: manifests on all branches, reservations, and the ledger.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;

use super::reservation::RemoteRefs;
use crate::catalog::Catalog;
use crate::manifest::{MAX_BYTES, SecretId};
use crate::used_ids::{IdOrigin, UsedIds, allocated_ids, of_file_name};
use crate::vcs::{Blob, Branch, ManifestFolder, Repository, SourceError, is_yaml};
use crate::yaml;

/// The status of an ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdStatus {
    /// A manifest has it.
    Used,
    /// It is reserved, and no branch uses it.
    Reserved,
    /// This clone has allocated it, and no branch or reservation has it.
    Allocated,
    /// A file of the audit trail or of history has it, and it does not count.
    Ignored,
}

/// An ID with one of its holders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdHolder {
    /// An ID with several holders has an entry for each of them.
    pub id: SecretId,
    /// Whether a manifest, a reservation or a record has the ID.
    pub status: IdStatus,
    /// The path of the manifest, from the repository's root.
    pub path: Option<String>,
    /// The first branch with the manifest; None if only the work tree has it.
    pub branch: Option<String>,
    /// `metadata.owner`
    pub owner: Option<String>,
    /// `metadata.name`
    pub name: Option<String>,
    /// Whether another manifest has the same ID.
    pub collides: bool,
    /// Whether it is too far above the default branch's IDs to count.
    pub is_above_limit: bool,
}

impl IdStatus {
    /// Returns its name in JSON and in the table of `id list`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Reserved => "reserved",
            Self::Allocated => "given-out",
            Self::Ignored => "ignored",
        }
    }
}

/// Returns all holders, sorted by ID.
///
/// `catalog` is the work tree's; `remote_refs` is a remote's name and its answer.
///
/// # Errors
/// Refs that cannot be read.
pub fn find_holders(
    repository: &Repository,
    folder: &str,
    catalog: &Catalog,
    remote_refs: Option<(&str, &RemoteRefs)>,
    used_ids: &UsedIds,
) -> Result<Vec<IdHolder>, SourceError> {
    let mut holders: Vec<IdHolder> = Vec::new();
    for entry in &catalog.entries {
        let claimed = entry.claimed_id().and_then(|id| SecretId::parse(id).ok());
        let Some(id) = claimed.or_else(|| of_file_name(&entry.path)) else { continue };
        let text =
            |pointer| entry.root().and_then(|root| root.string_at(pointer)).map(str::to_owned);
        let (owner, name) = (text("/metadata/owner"), text("/metadata/name"));
        holders.push(IdHolder::of_manifest(id, entry.path.clone(), None, owner, name));
    }

    let mut branches = repository.branches()?;
    for theirs in
        remote_refs.iter().flat_map(|(remote, remote_refs)| remote_refs.named_branches(remote))
    {
        if !branches.iter().any(|branch: &Branch| branch.tip == theirs.tip) {
            branches.push(theirs);
        }
    }
    let on_disk: BTreeSet<(SecretId, String)> =
        holders.iter().filter_map(|holder| Some((holder.id, holder.path.clone()?))).collect();
    let mut seen: BTreeMap<(SecretId, String), usize> = BTreeMap::new();
    let mut elsewhere: Vec<(usize, Blob<'static>)> = Vec::new();
    let tips: Vec<Oid> = branches.iter().map(|branch| branch.tip).collect();
    repository.visit_tips(
        &tips,
        ManifestFolder { folder, includes: is_yaml },
        &mut |number, blob| {
            let Some(id) = of_file_name(&blob.path) else { return };
            let key = (id, blob.path.to_string());
            if seen.contains_key(&key) {
                return;
            }
            seen.insert(key.clone(), number);
            if !on_disk.contains(&key) {
                elsewhere.push((number, blob));
            }
        },
    )?;
    for holder in &mut holders {
        let number = holder.path.as_ref().and_then(|path| seen.get(&(holder.id, path.clone())));
        holder.branch = number.map(|number| branches[*number].name.clone());
    }
    let (numbers, blobs): (Vec<usize>, Vec<Blob<'static>>) = elsewhere.into_iter().unzip();
    let read = repository.load(&blobs, MAX_BYTES, |file| {
        let root =
            file.bytes.ok().and_then(|bytes| yaml::parse(std::str::from_utf8(&bytes).ok()?).ok());
        let text = |pointer| root.as_ref()?.string_at(pointer).map(str::to_owned);
        (file.path, text("/metadata/owner"), text("/metadata/name"))
    })?;
    for (number, (path, owner, name)) in numbers.into_iter().zip(read) {
        let Some(id) = of_file_name(&path) else { continue };
        // A manifest that one branch has moved is still the same.
        if !holders.iter().any(|holder| holder.id == id && name.is_some() && holder.name == name) {
            holders.push(IdHolder::of_manifest(
                id,
                path,
                Some(branches[number].name.clone()),
                owner,
                name,
            ));
        }
    }

    let mut used: BTreeMap<SecretId, usize> = BTreeMap::new();
    for holder in &holders {
        *used.entry(holder.id).or_default() += 1;
    }
    for holder in &mut holders {
        holder.collides = used[&holder.id] > 1;
    }
    let reserved: BTreeSet<SecretId> = remote_refs
        .iter()
        .flat_map(|(_, remote_refs)| remote_refs.reserved.keys().copied())
        .collect();
    let unused = |id: &SecretId| !used.contains_key(id);
    holders.extend(
        reserved
            .iter()
            .copied()
            .filter(unused)
            .map(|id| IdHolder::of_number(id, IdStatus::Reserved)),
    );
    let given: BTreeSet<SecretId> =
        allocated_ids(repository).into_iter().filter(|id| !reserved.contains(id)).collect();
    holders.extend(
        given.iter().copied().filter(unused).map(|id| IdHolder::of_number(id, IdStatus::Allocated)),
    );
    let others = used_ids
        .above_limit()
        .filter(|(id, _)| unused(id) && !reserved.contains(id) && !given.contains(id));
    holders.extend(others.map(|(id, origin)| IdHolder {
        path: origin.path().map(str::to_owned),
        branch:
            match origin {
                IdOrigin::AuditTrail { branch } => Some(branch.clone()),
                _ => origin.commit().map(|(commit, reference)| {
                    format!("{}, {reference}", &commit.to_string()[..8])
                }),
            },
        ..IdHolder::of_number(id, IdStatus::Ignored)
    }));
    for holder in &mut holders {
        holder.is_above_limit = holder.id > used_ids.limit.last();
    }
    holders.sort_by(|one, other| (one.id, &one.path).cmp(&(other.id, &other.path)));
    Ok(holders)
}

impl IdHolder {
    fn of_manifest(
        id: SecretId,
        path: String,
        branch: Option<String>,
        owner: Option<String>,
        name: Option<String>,
    ) -> Self {
        Self {
            id,
            status: IdStatus::Used,
            path: Some(path),
            branch,
            owner,
            name,
            collides: false,
            is_above_limit: false,
        }
    }

    fn of_number(id: SecretId, status: IdStatus) -> Self {
        Self {
            id,
            status,
            path: None,
            branch: None,
            owner: None,
            name: None,
            collides: false,
            is_above_limit: false,
        }
    }
}
