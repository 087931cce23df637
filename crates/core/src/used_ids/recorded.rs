//! The IDs in the audit trail: their manifests may be gone from a history that is cut.

use std::collections::BTreeSet;

use git2::Oid;

use crate::config::AuditConfig;
use crate::manifest::SecretId;
use crate::trail::AuditLog;
use crate::vcs::{Repository, SourceError};

/// The edition of the cache: it changes when the same commits yield other IDs.
const EDITION: u32 = 1;

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
