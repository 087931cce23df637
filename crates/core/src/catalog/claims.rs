//! What manifests claim for themselves alone: an ID, a store key, a Kubernetes Secret, an ExternalSecret. Remembered by
//! blob.
//!
//! To check one staged manifest is to know whether any of ten thousand others claims what it does. A blob never changes, so
//! what one claims is read once and kept in a file under `.git/`. The file tells which manifests to look at, never what to
//! find: whatever is reported is read from the manifests themselves. It may be deleted at any time, and concurrent runs
//! replace it whole.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use git2::Oid;

use super::{Entry, EntryState, Project};
use crate::manifest::MAX_BYTES;
use crate::vcs::{Blob, DiskCache, Repository};

/// One more whenever the same bytes claim something else than before: hooks are built from commits, and not only from
/// versions.
const EDITION: u32 = 2;

/// How many kinds of claims there are.
const KINDS: usize = 4;

/// The bytes of a remembered blob: its ID and a hash for each claim.
const RECORD: usize = ID + KINDS * 8;

/// The bytes of a blob's ID.
const ID: usize = 20;

/// How far from its place a record may be and still be found without a look at all of them.
const NEAR: usize = 4;

/// From how many blobs on that were not known it pays to write all down again.
const WORTH_WRITING: usize = 32;

/// What a manifest claims, as hashes; 0 for what it does not claim. Two that claim the same have a hash in common, and
/// should two that do not have one, they are looked at in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Claims([u64; KINDS]);

/// What earlier runs have learned.
struct KnownClaims {
    memory: DiskCache,
    /// In the order in which blobs were asked for.
    records: Vec<u8>,
    /// Where the next record to be asked for should be.
    next: usize,
    /// Where each record is, once one was not near that place.
    places: Option<HashMap<Vec<u8>, usize>>,
}

/// Which of `others` claim something that is `sought`.
pub(super) fn rivals<'a>(
    repository: &Repository,
    project: &Project,
    others: Vec<Blob<'a>>,
    sought: &BTreeSet<u64>,
) -> Vec<Blob<'a>> {
    if sought.is_empty() {
        return Vec::new();
    }
    let mut earlier = KnownClaims::open(repository, project);
    let known: Vec<Option<Claims>> = others.iter().map(|blob| earlier.claims(blob.id)).collect();
    let unknown: Vec<Blob<'_>> = others
        .iter()
        .zip(&known)
        .filter(|(_, known)| known.is_none())
        .map(|(blob, _)| blob.clone())
        .collect();
    let learned = repository.load(&unknown, MAX_BYTES, |file| {
        let entry = Entry::read(file, false, project);
        // What git cannot read now, such as a blob that a partial clone lacks, may claim anything.
        (!matches!(entry.state, EntryState::Unreadable(_))).then(|| Claims::of(&entry, project))
    });
    let count = learned.len();
    let mut learned = learned.into_iter();
    let claims: Vec<Option<Claims>> =
        known.into_iter().map(|known| known.or_else(|| learned.next()?)).collect();
    earlier.keep(
        others.iter().zip(&claims).filter_map(|(blob, claims)| Some((blob.id, (*claims)?))),
        count,
    );
    let is_rival = |claims: &Option<Claims>| {
        claims.iter().flat_map(|claims| claims.each()).any(|claim| sought.contains(&claim))
    };
    others
        .into_iter()
        .zip(&claims)
        .filter(|(_, claims)| is_rival(claims))
        .map(|(blob, _)| blob)
        .collect()
}

impl Claims {
    pub(super) fn of(entry: &Entry, project: &Project) -> Self {
        Self([
            hashed(0, entry.claimed_id()),
            hashed(1, entry.claimed_store_key()),
            hashed(2, entry.claimed_target(project)),
            hashed(3, entry.claimed_external_secret(project)),
        ])
    }

    /// The claims that there are.
    pub(super) fn each(self) -> impl Iterator<Item = u64> {
        self.0.into_iter().filter(|hash| *hash != 0)
    }
}

fn hashed(kind: u8, claim: Option<impl Hash>) -> u64 {
    claim.map_or(0, |claim| {
        let mut hasher = DefaultHasher::new();
        (kind, claim).hash(&mut hasher);
        hasher.finish().max(1)
    })
}

impl KnownClaims {
    /// What is remembered of this repository's blobs.
    fn open(repository: &Repository, project: &Project) -> Self {
        // What a claim's hash depends on, other than the blob.
        let clusters: Vec<(&str, &str)> = project.config.named_clusters().collect();
        let memory =
            repository.memory_of("claims", (EDITION, &project.config.store.key_template, clusters));
        let records = memory.recall(RECORD).unwrap_or_default();
        Self { memory, records, next: 0, places: None }
    }

    /// What a blob claims, if that is known. Blobs are asked for in much the same order as last time.
    fn claims(&mut self, blob: Oid) -> Option<Claims> {
        let records = || self.records.chunks_exact(RECORD);
        let is_it = |record: &&[u8]| record.starts_with(blob.as_bytes());
        let at = match records().skip(self.next).take(NEAR).position(|record| is_it(&record)) {
            Some(near) => self.next + near,
            None => {
                let places = || {
                    records().enumerate().map(|(at, record)| (record[..ID].to_vec(), at)).collect()
                };
                *self.places.get_or_insert_with(places).get(blob.as_bytes())?
            }
        };
        self.next = at + 1;
        let record = &self.records[at * RECORD..];
        let hash = |at: usize| {
            record[ID + at * 8..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        Some(Claims(std::array::from_fn(hash)))
    }

    /// Writes down what these blobs claim, in place of what was remembered, if `learned` of them make it worth while.
    fn keep(self, blobs: impl Iterator<Item = (Oid, Claims)>, learned: usize) {
        if learned < WORTH_WRITING {
            return;
        }
        let records: Vec<[u8; RECORD]> = blobs
            .map(|(id, claims)| {
                let mut record = [0; RECORD];
                let hashes = claims.0.into_iter().flat_map(u64::to_le_bytes);
                for (place, byte) in
                    record.iter_mut().zip(id.as_bytes().iter().copied().chain(hashes))
                {
                    *place = byte;
                }
                record
            })
            .collect();
        self.memory.remember(&records.concat());
    }
}
