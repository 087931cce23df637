//! The IDs in use: which of them files, refs and their histories hold, and up to which one they
//! count.
//!
//! Whoever can push a branch or a ref can bring any number. The default branch alone is reviewed:
//! an ID counts when it is at most `ids.maxGap` above the highest ID of a manifest there.

mod folder_cache;
mod limit;
mod origin;
mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub use limit::{Limit, Reservations};
pub use origin::IdOrigin;
pub use scan::ScanDepth;

use crate::files;
use crate::manifest::{MAX_BYTES, SecretId};
use crate::vcs::{Branch, Repository, Snapshot, SourceError, Unreadable};
use crate::yaml;

/// Where reservations are: a ref for each ID.
pub const RESERVATIONS: &str = "refs/goldenpath/ids/";

/// The file of the IDs that a clone has given out, one a line, below `.git/goldenpath/`.
pub const GIVEN_OUT: &str = "given-out";

/// The most that is read of that file, in bytes: more than a million IDs.
pub const GIVEN_OUT_BYTES: u64 = 16 * 1024 * 1024;

/// What is in use, as far as a clone knows.
#[derive(Debug)]
pub struct UsedIds {
    /// Every ID that a file has by its name or claims, or had, and where it was seen first.
    pub origins: BTreeMap<SecretId, IdOrigin>,
    pub limit: Limit,
    /// Whether history ends before its beginning, as in a shallow clone: what was deleted before
    /// that is not known.
    pub is_cut: bool,
    /// The commit of the default branch.
    base: Option<Snapshot>,
}

/// What is looked at, and how.
#[derive(Debug, Clone, Copy)]
pub struct HistoryScope<'a> {
    /// The catalog's folder.
    pub catalog: &'a str,
    pub max_gap: u32,
    /// The remote whose default branch counts, by its name.
    pub remote: Option<&'a str>,
    /// What that remote answered just now: its default branch, and all of its branches.
    pub default: Option<&'a Branch>,
    pub branches: &'a [Branch],
    pub look: ScanDepth,
}

impl UsedIds {
    /// Looks at the work tree's catalog and audit trail, the index, all refs and the branches of
    /// `scope` with their histories. `progress` is called with the number of commits read, once
    /// that takes long.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn read(
        repository: &Repository,
        scope: HistoryScope<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self, SourceError> {
        let found = scan::survey(repository, scope.catalog, scope.branches, scope.look, progress)?;
        let known = default_tip(repository, scope.remote);
        let asked = scope.default.map(|branch| Snapshot::Commit(branch.tip));
        // A shallow clone fetches nothing, and so has not the commit.
        let asked = asked.filter(|tip| repository.has_object(&tip.id()));
        let mut highest = None;
        // What the remote answers counts more than what this clone believes.
        if let Some(tip) = asked.or(known) {
            highest = highest_at(repository, tip, scope.catalog)?;
        }
        if highest.is_none() {
            // Before the first merge, the catalog is the one that is checked out.
            highest = found.manifests_on_disk;
            for snapshot in repository.head().ok().into_iter().chain([Snapshot::Index]) {
                match highest_at(repository, snapshot, scope.catalog) {
                    Ok(own) => highest = highest.max(own),
                    // In the middle of a merge the index has no one state.
                    Err(SourceError::Unmerged { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let limit = Limit { base: highest, max_gap: scope.max_gap };
        Ok(Self {
            origins: found.origins,
            limit,
            is_cut: repository.is_shallow(),
            base: asked.or(known),
        })
    }

    /// The highest ID that counts.
    #[must_use]
    pub fn highest(&self) -> Option<SecretId> {
        self.origins.range(..=self.limit.last()).next_back().map(|(id, _)| *id).max(self.limit.base)
    }

    /// The IDs that do not count, and where they were seen.
    pub fn beyond(&self) -> impl Iterator<Item = (SecretId, &IdOrigin)> {
        self.origins
            .iter()
            .map(|(id, origin)| (*id, origin))
            .filter(|(id, _)| *id > self.limit.last())
    }

    /// The next numbers to give out: the lowest above all that counts that are not `taken`, and
    /// that the default branch has never held. None for one of more than nine digits.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn free(
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
            if taken.contains(&id) {
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

    /// The IDs that do not count and that the default branch has held: their manifests were
    /// removed.
    fn retired(
        &self,
        repository: &Repository,
        catalog: &str,
    ) -> Result<BTreeSet<SecretId>, SourceError> {
        let Some(base) = self.base else { return Ok(BTreeSet::new()) };
        let ids: BTreeSet<String> = self.beyond().map(|(id, _)| id.to_string()).collect();
        let held = held_before(repository, base, catalog, ids.iter().map(String::as_str))?;
        Ok(held.into_keys().filter_map(|id| SecretId::parse(&id).ok()).collect())
    }
}

/// Returns which of `ids` the history of a commit has held as the name of a manifest's file, with
/// the youngest commit that did.
///
/// # Errors
/// A repository that cannot be read.
pub fn held_before<'a>(
    repository: &Repository,
    commit: Snapshot,
    catalog: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, String>, SourceError> {
    let names: BTreeSet<String> =
        ids.flat_map(|id| [format!("{id}.yaml"), format!("{id}.yml")]).collect();
    let held = repository.held_in_history(commit, catalog, &names)?;
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
    Ok(held.into_iter().map(|(name, commit)| (stem(&name), commit)).collect())
}

/// Returns the highest ID of a manifest in the catalog of a snapshot: by the names of files, and by
/// what those claim that are named otherwise.
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
        return Ok(look_for_highest(repository, snapshot, catalog)?.0);
    };
    // The same folder holds the same IDs: the last answers are kept.
    let memory = repository.memory_of("highest", (HIGHEST_EDITION, catalog));
    let records = memory.recall(HIGHEST_RECORD).unwrap_or_default();
    if let Some(known) =
        records.chunks_exact(HIGHEST_RECORD).find(|record| record.starts_with(folder.as_bytes()))
    {
        let number = known[HIGHEST_RECORD - 4..]
            .first_chunk::<4>()
            .map_or(0, |bytes| u32::from_le_bytes(*bytes));
        return Ok(SecretId::of_number(number));
    }
    let (highest, is_whole) = look_for_highest(repository, snapshot, catalog)?;
    if !is_whole {
        return Ok(highest);
    }
    let number = highest.map_or(0, SecretId::number).to_le_bytes();
    let kept = records.len().min((HIGHEST_KEPT - 1) * HIGHEST_RECORD);
    memory.remember(&[folder.as_bytes(), &number, &records[..kept]].concat());
    Ok(highest)
}

/// One more whenever the same folder has another highest ID than before.
const HIGHEST_EDITION: u32 = 1;

/// The bytes of a folder that was looked into: its object's ID and the number of its highest ID, 0
/// for none.
const HIGHEST_RECORD: usize = 20 + 4;

/// How many folders are kept: the default branch's and those of a few other commits.
const HIGHEST_KEPT: usize = 8;

/// The highest ID, and whether all files could be read. One that a partial clone lacks has none,
/// which makes the limit lower and never higher.
fn look_for_highest(
    repository: &Repository,
    snapshot: Snapshot,
    catalog: &str,
) -> Result<(Option<SecretId>, bool), SourceError> {
    let blobs = repository.blobs_below(snapshot, catalog)?.unwrap_or_default();
    let (named, others): (Vec<_>, Vec<_>) =
        blobs.into_iter().partition(|blob| of_file_name(&blob.path).is_some());
    let claimed = repository.load(&others, MAX_BYTES, |file| match file.bytes {
        Ok(bytes) => (claimed_id(&bytes), true),
        Err(why) => (None, !matches!(why, Unreadable::Object(_))),
    });
    let named = named.iter().filter_map(|blob| of_file_name(&blob.path)).max();
    let is_whole = claimed.iter().all(|(_, is_read)| *is_read);
    Ok((named.max(claimed.into_iter().filter_map(|(id, _)| id).max()), is_whole))
}

/// Returns the tip of the default branch of `remote`, by its name, or of the one that a clone has
/// as a rule. Without any, that of `main` or `master`, or else HEAD.
fn default_tip(repository: &Repository, remote: Option<&str>) -> Option<Snapshot> {
    let of_remote = remote.and_then(|remote| repository.branch_of(remote)).map(|branch| branch.tip);
    of_remote.or_else(|| repository.default_tip()).or_else(|| repository.head().ok())
}

/// Returns the ID that a file is named after.
#[must_use]
pub fn of_file_name(path: &str) -> Option<SecretId> {
    SecretId::parse(Path::new(path).file_stem()?.to_str()?).ok()
}

/// Returns the IDs that this clone has given out, without waiting for other runs; none before the
/// first.
#[must_use]
pub fn given_out(repository: &Repository) -> BTreeSet<SecretId> {
    let bytes = files::read_regular(&repository.memory().join(GIVEN_OUT), GIVEN_OUT_BYTES)
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().filter_map(|line| SecretId::parse(line).ok()).collect()
}

fn claimed_id(bytes: &[u8]) -> Option<SecretId> {
    let root = yaml::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    SecretId::parse(root.string_at("/metadata/id")?).ok()
}
