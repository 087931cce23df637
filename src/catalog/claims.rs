//! What manifests claim for themselves alone: an ID, a store key, a Kubernetes Secret. Remembered by blob.
//!
//! To check one staged manifest is to know whether any of ten thousand others claims what it does. A blob never changes, so
//! what one claims is read once and kept in a file under `.git/`. The file tells which manifests to look at, never what to
//! find: whatever is reported is read from the manifests themselves. It may be deleted at any time, and concurrent runs
//! replace it whole.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use git2::Oid;

use super::{Entry, Project};
use crate::files;
use crate::manifest::MAX_BYTES;
use crate::source::{Blob, Repository};

/// The bytes of a remembered blob: its ID and a hash for each claim.
const RECORD: usize = ID + 3 * 8;

/// The bytes of a blob's ID.
const ID: usize = 20;

/// The bytes in front of the records: what they depend on beside the blobs, and their checksum.
const HEADER: usize = 2 * 8;

/// As many bytes as a catalog of more than a million manifests needs.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// From how many blobs on that were not known it pays to write all down again.
const WORTH_WRITING: usize = 32;

/// What a manifest claims, as hashes; 0 for what it does not claim. Two that claim the same have a hash in common, and
/// should two that do not have one, they are looked at in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Claims([u64; 3]);

/// What earlier runs have learned.
struct Memory {
    file: PathBuf,
    seal: u64,
    /// Sorted by ID.
    records: Vec<u8>,
}

/// Which of `others` claim something that is `sought`.
pub(super) fn rivals(
    repository: &Repository,
    project: &Project,
    others: Vec<Blob>,
    sought: &BTreeSet<u64>,
) -> Vec<Blob> {
    if sought.is_empty() {
        return Vec::new();
    }
    let memory = Memory::open(repository, project);
    let known: Vec<Option<Claims>> = others.iter().map(|blob| memory.claims(blob.id)).collect();
    let unknown: Vec<Blob> =
        others.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(blob, _)| blob.clone()).collect();
    let learned = repository.load(&unknown, MAX_BYTES, |file| Claims::of(&Entry::read(file, false, project)));
    let mut learned_in_turn = learned.iter().copied();
    let claims: Vec<Claims> =
        known.into_iter().map(|known| known.or_else(|| learned_in_turn.next()).unwrap_or_default()).collect();
    memory.keep(others.iter().map(|blob| blob.id).zip(claims.iter().copied()), learned.len());
    let is_rival = |claims: Claims| claims.each().any(|claim| sought.contains(&claim));
    others.into_iter().zip(claims).filter(|(_, claims)| is_rival(*claims)).map(|(blob, _)| blob).collect()
}

impl Claims {
    pub(super) fn of(entry: &Entry) -> Self {
        Self([hashed(0, entry.claimed_id()), hashed(1, entry.claimed_store_key()), hashed(2, entry.claimed_target())])
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

impl Memory {
    /// What is remembered of this repository's blobs; nothing where the file is missing, damaged, or of another version or
    /// configuration.
    fn open(repository: &Repository, project: &Project) -> Self {
        let file = repository.memory().join("claims");
        let mut hasher = DefaultHasher::new();
        (env!("CARGO_PKG_VERSION"), RECORD, &project.config.store.key_template).hash(&mut hasher);
        let seal = hasher.finish();
        let records = files::read_regular(&file, MAX_FILE).ok().and_then(|bytes| {
            let records = bytes.get(HEADER..)?;
            let is_whole = bytes[..HEADER] == header(seal, records) && records.len() % RECORD == 0;
            is_whole.then(|| records.to_vec())
        });
        Self { file, seal, records: records.unwrap_or_default() }
    }

    fn claims(&self, blob: Oid) -> Option<Claims> {
        let (mut from, mut to) = (0, self.records.len() / RECORD);
        while from < to {
            let middle = from + (to - from) / 2;
            let record = &self.records[middle * RECORD..(middle + 1) * RECORD];
            match record[..ID].cmp(blob.as_bytes()) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => {
                    let hash = |at: usize| {
                        let bytes = record[ID + at * 8..].first_chunk::<8>();
                        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
                    };
                    return Some(Claims([hash(0), hash(1), hash(2)]));
                }
            }
        }
        None
    }

    /// Writes down what these blobs claim, in place of what was remembered, if `learned` of them make it worth while.
    fn keep(self, blobs: impl Iterator<Item = (Oid, Claims)>, learned: usize) {
        if learned < WORTH_WRITING {
            return;
        }
        let mut records: Vec<[u8; RECORD]> = blobs
            .map(|(id, claims)| {
                let mut record = [0; RECORD];
                let hashes = claims.0.into_iter().flat_map(u64::to_le_bytes);
                for (place, byte) in record.iter_mut().zip(id.as_bytes().iter().copied().chain(hashes)) {
                    *place = byte;
                }
                record
            })
            .collect();
        records.sort_unstable();
        records.dedup();
        let records = records.concat();
        let bytes = [header(self.seal, &records).to_vec(), records].concat();
        // Where it cannot be written, the next run learns it again.
        drop(files::write_forgettable(&self.file, &bytes));
    }
}

/// The hasher is the standard library's, which may change with it: then the checksum of an older file does not hold.
fn header(seal: u64, records: &[u8]) -> [u8; HEADER] {
    let mut hasher = DefaultHasher::new();
    (seal, records).hash(&mut hasher);
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&seal.to_le_bytes());
    header[8..].copy_from_slice(&hasher.finish().to_le_bytes());
    header
}
