//! Unique claims of manifests, cached by blob.
//!
//! A manifest claims an ID, a store key, a Kubernetes Secret and an ExternalSecret for itself.
//!
//! To check one staged manifest, the claims of all others are needed. A blob never changes, so its
//! claims are read once and cached in a file below `.git/`. The cache only selects the manifests to
//! read; findings come from the manifests themselves. It may be deleted at any time, and concurrent
//! runs replace it as a whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use git2::Oid;

use super::{Entry, EntryState, Project};
use crate::manifest::MAX_BYTES;
use crate::vcs::{Blob, DiskCache, Repository, SourceError, Unreadable};

/// The edition of the cache: it changes when the same bytes get other claims.
///
/// The program's version is not enough, since hooks are also built from commits.
const EDITION: u32 = 2;

/// The number of kinds of claims.
const KINDS: usize = 4;

/// The size of a record: a blob's ID and a hash for each claim.
const RECORD: usize = ID + KINDS * 8;

/// The size of a blob's ID.
const ID: usize = 20;

/// How many records are compared before an index of all is built.
const NEAR: usize = 4;

/// The number of new blobs from which on the cache is written.
const WORTH_WRITING: usize = 32;

/// The claims of a manifest as hashes; 0 for a missing claim.
///
/// Equal claims have equal hashes. If different claims have equal hashes, a manifest is read in
/// vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Claims([u64; KINDS]);

/// The claims that earlier runs have cached.
struct KnownClaims {
    cache: DiskCache,
    /// In the order of the last run's queries.
    records: Vec<u8>,
    /// The expected position of the next record.
    next: usize,
    /// The position of each record, built at the first miss.
    places: Option<HashMap<Vec<u8>, usize>>,
}

/// Returns which of `others` have one of the `sought` claims.
///
/// # Errors
/// A manifest that git cannot read: it may claim anything.
pub(super) fn find_claimants<'a>(
    repository: &Repository,
    project: &Project,
    others: &[Blob<'a>],
    sought: &BTreeSet<u64>,
) -> Result<Vec<Blob<'a>>, SourceError> {
    if sought.is_empty() {
        return Ok(Vec::new());
    }
    // A few hashes are compared with those of every manifest: a slice is faster than a set.
    let hashes: Vec<u64> = sought.iter().copied().collect();
    let is_sought =
        |claims: Claims| claims.hashes().any(|hash| hashes.binary_search(&hash).is_ok());
    let mut cached = KnownClaims::open(repository, project);
    let (mut unknown, mut found) = (Vec::new(), BTreeSet::new());
    for (at, blob) in others.iter().enumerate() {
        match cached.claims(blob.id) {
            Some(claims) if is_sought(claims) => drop(found.insert(at)),
            Some(_) => {}
            None => unknown.push(at),
        }
    }
    let blobs: Vec<Blob<'_>> = unknown.iter().map(|at| others[*at].clone()).collect();
    let learned = repository.load(&blobs, MAX_BYTES, |file| {
        let entry = Entry::read(file, false, project);
        match &entry.state {
            EntryState::Unreadable(Unreadable::Object(message)) => {
                let what = format!("`{}`", entry.path);
                Err(SourceError::Git { what, message: message.clone() })
            }
            // A link or a file that is too large claims nothing.
            EntryState::Unreadable(_) => Ok(None),
            _ => Ok(Some(Claims::of(&entry, project))),
        }
    })?;
    let mut known = BTreeMap::new();
    for (at, claims) in unknown.into_iter().zip(learned) {
        known.extend(claims?.map(|claims| (at, claims)));
    }
    let learned: BTreeMap<usize, Claims> = known;
    found.extend(learned.iter().filter(|(_, claims)| is_sought(**claims)).map(|(at, _)| *at));
    if learned.len() >= WORTH_WRITING {
        cached.rewind();
        let claims = others.iter().enumerate().filter_map(|(at, blob)| {
            Some((blob.id, learned.get(&at).copied().or_else(|| cached.claims(blob.id))?))
        });
        let records = records(claims);
        cached.cache.store(&records);
    }
    Ok(found.into_iter().map(|at| others[at].clone()).collect())
}

impl Claims {
    pub(super) fn of(entry: &Entry, project: &Project) -> Self {
        Self([
            hash_claim(0, entry.claimed_id()),
            hash_claim(1, entry.claimed_store_key()),
            hash_claim(2, entry.claimed_target(project)),
            hash_claim(3, entry.claimed_external_secret(project)),
        ])
    }

    /// Returns the hashes of the existing claims.
    pub(super) fn hashes(self) -> impl Iterator<Item = u64> {
        self.0.into_iter().filter(|hash| *hash != 0)
    }
}

fn hash_claim(kind: u8, claim: Option<impl Hash>) -> u64 {
    claim.map_or(0, |claim| {
        let mut hasher = DefaultHasher::new();
        (kind, claim).hash(&mut hasher);
        hasher.finish().max(1)
    })
}

impl KnownClaims {
    /// Reads the cache for this repository.
    fn open(repository: &Repository, project: &Project) -> Self {
        // The inputs of a claim's hash, other than the blob.
        let clusters: Vec<(&str, &str)> = project.config.named_clusters().collect();
        let inputs = (EDITION, &project.config.store.key_template, clusters);
        let cache = repository.disk_cache("claims", inputs);
        let records = cache.load(RECORD).unwrap_or_default();
        Self { cache, records, next: 0, places: None }
    }

    /// Returns a blob's cached claims; fast if the order is that of the last run.
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

    /// Starts again at the first record.
    fn rewind(&mut self) {
        self.next = 0;
    }
}

/// Returns the records of blobs and their claims, as the cache contains them.
fn records(claims: impl Iterator<Item = (Oid, Claims)>) -> Vec<u8> {
    let mut records = Vec::new();
    for (id, claims) in claims {
        records.extend_from_slice(id.as_bytes());
        records.extend(claims.0.into_iter().flat_map(u64::to_le_bytes));
    }
    records
}
