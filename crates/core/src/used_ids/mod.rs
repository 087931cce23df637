//! The IDs in use, and the limit up to which they count.
//!
//! An ID is in use if a file, a ref or its history has it.
//!
//! Anyone who can push a branch or a ref can use any number, and only the default branch is
//! reviewed. So an ID counts if it is at most `ids.maxGap` above the highest ID of a manifest
//! there.

mod folder_cache;
mod limit;
mod origin;
mod recorded;
mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use git2::Oid;

pub use limit::{Limit, Reservations};
pub use origin::IdOrigin;
pub use recorded::RecordedUse;
pub use scan::ScanDepth;

use crate::config::AuditConfig;
use crate::files;
use crate::manifest::{MAX_BYTES, SecretId};
use crate::vcs::{Branch, File, Repository, Snapshot, SourceError, Unreadable};
use crate::yaml;

/// The prefix of reservations: one ref for each ID.
pub const RESERVATIONS: &str = "refs/goldenpath/ids/";

/// The file of allocated IDs below `.git/goldenpath/`, one per line.
pub const ALLOCATED_FILE: &str = "given-out";

/// The size limit of that file, in bytes: enough for more than a million IDs.
pub const MAX_ALLOCATED_BYTES: u64 = 16 * 1024 * 1024;

/// The IDs in use, as far as a clone knows.
#[derive(Debug)]
pub struct UsedIds {
    /// Every ID in a file's name or `metadata.id`, with the place where it was found.
    pub origins: BTreeMap<SecretId, IdOrigin>,
    /// The highest ID of the default branch, and how far above it an ID counts.
    pub limit: Limit,
    /// Whether the clone is shallow, so that files deleted earlier are unknown.
    pub is_shallow: bool,
    /// The IDs in the audit trail, which are never free again.
    recorded: BTreeSet<SecretId>,
    /// The commit of the default branch.
    base: Option<Snapshot>,
}

/// The scope of a scan for IDs.
#[derive(Debug, Clone, Copy)]
pub struct HistoryScope<'a> {
    /// The catalog's folder.
    pub catalog: &'a str,
    /// `ids.maxGap`: how far above the default branch's highest ID an ID counts.
    pub max_gap: u32,
    /// The name of the remote whose default branch counts.
    pub remote: Option<&'a str>,
    /// That remote's current answer: its default branch, and all of its branches.
    pub default: Option<&'a Branch>,
    /// All branches in that answer; empty without one.
    pub branches: &'a [Branch],
    /// Where the audit trail is, whose IDs count too.
    pub audit: &'a AuditConfig,
    /// Its commit in that answer.
    pub audit_tip: Option<Oid>,
    /// Whether each file of the work tree is listed, or only its folders.
    pub depth: ScanDepth,
}

impl UsedIds {
    /// Scans the work tree, the index, all refs and the branches of `scope`.
    ///
    /// Refs and branches are scanned with their histories. In the work tree, the catalog and the
    /// files of the trail of version 0.1 are scanned. The audit trail counts as far as it was
    /// fetched. `progress` receives the number of commits read if that takes long.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn read(
        repository: &Repository,
        scope: HistoryScope<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self, SourceError> {
        let mut found =
            scan::scan(repository, scope.catalog, scope.branches, scope.depth, progress)?;
        let recorded = recorded::recorded_ids(repository, scope.audit, scope.audit_tip)?;
        for id in &recorded {
            let branch = scope.audit.branch.clone();
            found.origins.entry(*id).or_insert(IdOrigin::AuditTrail { branch });
        }
        let known = default_tip(repository, scope.remote)?;
        let fetched = scope.default.map(|branch| Snapshot::Commit(branch.tip));
        // In a shallow clone nothing is fetched, so the commit can be missing.
        let fetched = fetched.filter(|tip| repository.has_object(&tip.id()));
        let mut highest = None;
        // The current answer of the remote takes precedence over the refs of this clone.
        if let Some(tip) = fetched.or(known) {
            highest = highest_at(repository, tip, scope.catalog)?;
        }
        if highest.is_none() {
            // Before the first merge, the checked-out catalog counts.
            highest = found.manifests_on_disk;
            for snapshot in repository.last_commit()?.into_iter().chain([Snapshot::Index]) {
                match highest_at(repository, snapshot, scope.catalog) {
                    Ok(own) => highest = highest.max(own),
                    // During a merge the index has no single state.
                    Err(SourceError::Unmerged { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let limit = Limit { base: highest, max_gap: scope.max_gap };
        Ok(Self {
            origins: found.origins,
            limit,
            is_shallow: repository.is_shallow(),
            recorded,
            base: fetched.or(known),
        })
    }

    /// Returns the highest ID that counts.
    #[must_use]
    pub fn highest(&self) -> Option<SecretId> {
        self.origins.range(..=self.limit.last()).next_back().map(|(id, _)| *id).max(self.limit.base)
    }

    /// Returns the IDs that do not count, with their places.
    pub fn above_limit(&self) -> impl Iterator<Item = (SecretId, &IdOrigin)> {
        self.origins
            .iter()
            .map(|(id, origin)| (*id, origin))
            .filter(|(id, _)| *id > self.limit.last())
    }

    /// Returns the next free IDs, in ascending order.
    ///
    /// They are the lowest ones above all IDs that count, without those in `taken` and those that
    /// the default branch or the audit trail ever had. None if one would have more than nine
    /// digits.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn next_free(
        &self,
        repository: &Repository,
        catalog: &str,
        taken: &BTreeSet<SecretId>,
        count: usize,
    ) -> Result<Option<Vec<SecretId>>, SourceError> {
        let highest = self.highest().max(taken.range(..=self.limit.last()).next_back().copied());
        let mut retired: Option<BTreeSet<SecretId>> = None;
        let mut number = highest.map_or(0, SecretId::number);
        let mut free = Vec::new();
        while free.len() < count {
            number += 1;
            let Some(id) = SecretId::of_number(number) else { return Ok(None) };
            if taken.contains(&id) || self.recorded.contains(&id) {
                continue;
            }
            if id > self.limit.last() && self.origins.contains_key(&id) {
                if retired.is_none() {
                    retired = Some(self.retired(repository, catalog)?);
                }
                if retired.as_ref().is_some_and(|retired| retired.contains(&id)) {
                    continue;
                }
            }
            free.push(id);
        }
        Ok(Some(free))
    }

    /// Returns the IDs above the limit that the default branch had and has removed.
    fn retired(
        &self,
        repository: &Repository,
        catalog: &str,
    ) -> Result<BTreeSet<SecretId>, SourceError> {
        let Some(base) = self.base else { return Ok(BTreeSet::new()) };
        let ids: BTreeSet<String> = self.above_limit().map(|(id, _)| id.to_string()).collect();
        let held = find_in_history(repository, base, catalog, ids.iter().map(String::as_str))?;
        Ok(held.into_keys().filter_map(|id| SecretId::parse(&id).ok()).collect())
    }
}

/// What shows that an ID was used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EarlierUse {
    /// The newest commit that has a manifest with the ID.
    Commit(String),
    /// An event of the audit trail, where history is cut.
    Event(RecordedUse),
}

/// The earlier uses of IDs.
#[derive(Debug, Default)]
pub struct EarlierUses {
    /// By ID.
    pub found: BTreeMap<String, EarlierUse>,
    /// The IDs of which it is unknown: history is cut, and the clone has no audit trail.
    pub unknown: BTreeSet<String>,
}

/// Returns which of `ids` the history of a commit has, or the audit trail if history is cut.
///
/// The audit trail is read as it was fetched last.
///
/// # Errors
/// A repository that cannot be read.
pub fn find_earlier_uses(
    repository: &Repository,
    commit: Snapshot,
    scope: (&str, &AuditConfig),
    ids: &BTreeSet<String>,
) -> Result<EarlierUses, SourceError> {
    let (catalog, audit) = scope;
    let held = find_in_history(repository, commit, catalog, ids.iter().map(String::as_str))?;
    let mut uses = EarlierUses::default();
    let open: BTreeSet<SecretId> = ids
        .iter()
        .filter(|id| !held.contains_key(*id))
        .filter_map(|id| SecretId::parse(id).ok())
        .collect();
    uses.found.extend(held.into_iter().map(|(id, commit)| (id, EarlierUse::Commit(commit))));
    if open.is_empty() || !repository.is_history_cut(commit)? {
        return Ok(uses);
    }
    let recorded = match repository.commit_time(commit)? {
        Some(time) => recorded::find_recorded_uses(repository, audit, &open, time),
        None => Ok(None),
    };
    match recorded {
        Ok(Some(recorded)) => uses.found.extend(
            recorded.into_iter().map(|(id, event)| (id.to_string(), EarlierUse::Event(event))),
        ),
        // A trail that cannot be read says as little as none.
        Ok(None) | Err(_) => uses.unknown.extend(open.iter().map(SecretId::to_string)),
    }
    Ok(uses)
}

/// Returns which of `ids` were a manifest's file name in the history of a commit.
///
/// Each comes with the newest commit that has it.
///
/// # Errors
/// A repository that cannot be read.
pub fn find_in_history<'a>(
    repository: &Repository,
    commit: Snapshot,
    catalog: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, String>, SourceError> {
    let names: BTreeSet<String> =
        ids.flat_map(|id| [format!("{id}.yaml"), format!("{id}.yml")]).collect();
    let held = repository.find_names_in_history(commit, catalog, &names)?;
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
    Ok(held.into_iter().map(|(name, commit)| (stem(&name), commit)).collect())
}

/// Returns the highest ID of a manifest in the catalog of a snapshot.
///
/// The ID is that of the file's name, or else that in `metadata.id`.
///
/// # Errors
/// A repository that cannot be read.
pub fn highest_at(
    repository: &Repository,
    snapshot: Snapshot,
    catalog: &str,
) -> Result<Option<SecretId>, SourceError> {
    let folder = match snapshot {
        Snapshot::Commit(_) => repository.folder_id(snapshot, catalog)?,
        Snapshot::Index | Snapshot::WorkTree | Snapshot::Merge(_) => None,
    };
    let Some(folder) = folder else {
        return find_highest(repository, snapshot, catalog);
    };
    // An unchanged folder has the same IDs, so the last answers are cached.
    let cache = repository.disk_cache("highest", (HIGHEST_EDITION, catalog));
    let records = cache.load(HIGHEST_RECORD).unwrap_or_default();
    if let Some(known) =
        records.chunks_exact(HIGHEST_RECORD).find(|record| record.starts_with(folder.as_bytes()))
    {
        let number = known[HIGHEST_RECORD - 4..]
            .first_chunk::<4>()
            .map_or(0, |bytes| u32::from_le_bytes(*bytes));
        return Ok(SecretId::of_number(number));
    }
    let highest = find_highest(repository, snapshot, catalog)?;
    let number = highest.map_or(0, SecretId::number).to_le_bytes();
    let kept = records.len().min((HIGHEST_KEPT - 1) * HIGHEST_RECORD);
    cache.store(&[folder.as_bytes(), &number, &records[..kept]].concat());
    Ok(highest)
}

/// The cache's edition; it changes when the same folder gets another highest ID.
const HIGHEST_EDITION: u32 = 1;

/// The size of a record: a folder's object ID and its highest ID, 0 for none.
const HIGHEST_RECORD: usize = 20 + 4;

/// The number of cached folders: those of the default branch and a few commits.
const HIGHEST_KEPT: usize = 8;

/// Returns the highest ID of the manifests in a snapshot.
fn find_highest(
    repository: &Repository,
    snapshot: Snapshot,
    catalog: &str,
) -> Result<Option<SecretId>, SourceError> {
    let blobs = repository.blobs_below(snapshot, catalog)?.unwrap_or_default();
    let (named, others): (Vec<_>, Vec<_>) =
        blobs.into_iter().partition(|blob| of_file_name(&blob.path).is_some());
    let claimed = repository.load(&others, MAX_BYTES, claimed_id_of)?;
    let mut highest = named.iter().filter_map(|blob| of_file_name(&blob.path)).max();
    for id in claimed {
        highest = highest.max(id?);
    }
    Ok(highest)
}

/// Returns the ID in a file's `metadata.id`; None if it is not a manifest.
///
/// # Errors
/// A file that git cannot read: it may have any ID.
fn claimed_id_of(file: File) -> Result<Option<SecretId>, SourceError> {
    match file.bytes {
        Ok(bytes) => Ok(claimed_id(&bytes)),
        Err(Unreadable::Object(message)) => {
            Err(SourceError::Git { what: format!("`{}`", file.path), message })
        }
        Err(_) => Ok(None),
    }
}

/// Returns the tip that limits which IDs count, without a query.
///
/// It is the default branch of `remote`, the remote on which IDs are reserved; or else
/// [`Repository::default_tip`], or else HEAD. The module `vcs::default_branch` describes how the
/// notions of the default branch differ.
fn default_tip(
    repository: &Repository,
    remote: Option<&str>,
) -> Result<Option<Snapshot>, SourceError> {
    let of_remote = remote.and_then(|remote| repository.branch_of(remote)).map(|branch| branch.tip);
    match of_remote.or_else(|| repository.default_tip()) {
        Some(tip) => Ok(Some(tip)),
        None => repository.last_commit(),
    }
}

/// Returns the ID in a file's name.
#[must_use]
pub fn of_file_name(path: &str) -> Option<SecretId> {
    SecretId::parse(Path::new(path).file_stem()?.to_str()?).ok()
}

/// Returns the IDs that this clone has allocated, without waiting for the lock.
#[must_use]
pub fn allocated_ids(repository: &Repository) -> BTreeSet<SecretId> {
    let bytes =
        files::read_regular(&repository.data_folder().join(ALLOCATED_FILE), MAX_ALLOCATED_BYTES)
            .unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().filter_map(|line| SecretId::parse(line).ok()).collect()
}

fn claimed_id(bytes: &[u8]) -> Option<SecretId> {
    let root = yaml::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    SecretId::parse(root.string_at("/metadata/id")?).ok()
}
