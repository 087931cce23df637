//! The IDs in the audit trail: their manifests may be gone from a history that is cut.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use jiff::Timestamp;

use crate::config::AuditConfig;
use crate::manifest::SecretId;
use crate::trail::{AuditLog, results};
use crate::vcs::{Repository, SourceError};

/// The edition of the cache: it changes when the same commits yield other IDs.
const EDITION: u32 = 1;

/// The actions after which a manifest is only removed.
const LAST: [&str; 2] = ["delete-secret", "mark-decommissioned"];

/// An event of the audit trail that shows an earlier use of an ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedUse {
    /// The action, such as `create-secret`.
    pub action: String,
    /// When it was done.
    pub time: Timestamp,
}

/// Returns the events that show that one of `ids` was used before a commit of the time `before`.
///
/// None if the clone has no audit trail. An event after that time may be of the same manifest, so
/// it counts only if it is of the end of a secret.
///
/// # Errors
/// A branch that cannot be read.
pub(super) fn find_recorded_uses(
    repository: &Repository,
    config: &AuditConfig,
    ids: &BTreeSet<SecretId>,
    before: Timestamp,
) -> Result<Option<BTreeMap<SecretId, RecordedUse>>, SourceError> {
    if AuditLog::fetched_tips(repository, config)?.is_empty() {
        return Ok(None);
    }
    let recorded = recorded_ids(repository, config, None)?;
    let mut uses = BTreeMap::new();
    if recorded.is_disjoint(ids) {
        return Ok(Some(uses));
    }
    for event in AuditLog::fetched(repository, config)?.events() {
        let is_end = LAST.contains(&event.action.as_str()) && event.result == results::DONE;
        if ids.contains(&event.id) && (event.time < before || is_end) {
            let (action, time) = (event.action, event.time);
            uses.entry(event.id).or_insert(RecordedUse { action, time });
        }
    }
    Ok(Some(uses))
}

/// Returns the IDs of all events that a clone has fetched.
///
/// `tip` is the commit of the branch that a remote has just named.
///
/// # Errors
/// A branch that cannot be read.
pub(super) fn recorded_ids(
    repository: &Repository,
    config: &AuditConfig,
    tip: Option<Oid>,
) -> Result<BTreeSet<SecretId>, SourceError> {
    let mut tips = AuditLog::fetched_tips(repository, config)?;
    // It is not fetched by a command that only lists what the remote has.
    tips.extend(tip.filter(|tip| repository.has_object(&tip.to_string())).map(|tip| (None, tip)));
    if tips.is_empty() {
        return Ok(BTreeSet::new());
    }
    let commits: BTreeSet<&[u8]> = tips.iter().map(|(_, tip): &(_, Oid)| tip.as_bytes()).collect();
    let cache = repository.disk_cache("recorded", (EDITION, commits));
    if let Some(bytes) = cache.load(4) {
        let numbers = bytes.chunks_exact(4).filter_map(|bytes| bytes.first_chunk::<4>());
        return Ok(numbers.filter_map(|n| SecretId::of_number(u32::from_le_bytes(*n))).collect());
    }
    let mut log = AuditLog::default();
    for (copy, tip) in &tips {
        log.read(copy.as_ref().unwrap_or(repository.raw()), *tip)?;
    }
    let ids: BTreeSet<SecretId> = log.events().into_iter().map(|event| event.id).collect();
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.number().to_le_bytes()).collect();
    cache.store(&bytes);
    Ok(ids)
}
