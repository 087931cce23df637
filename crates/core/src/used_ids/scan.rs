//! A scan for IDs in the work tree, the index, all refs and their histories.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::origin::take;
use super::{IdOrigin, claimed_id, claimed_id_of, folder_cache, of_file_name};
use crate::files;
use crate::manifest::{MAX_BYTES, SecretId};
use crate::vcs::{
    Blob, Branch, Disk, ManifestFolder, ObjectCache, Occurrence, Repository, SourceError, is_yaml,
};

/// The folder of the audit trail, with a file for each ID, `audit/SEC-0007.jsonl`.
const AUDIT_FOLDER: &str = "audit";

/// The edition of the cache: it changes when the same objects yield other IDs.
const EDITION: u32 = 3;

/// The number of blobs that are in memory at once.
const AT_ONCE: usize = 4096;

/// The time after which progress is reported.
const PATIENCE: Duration = Duration::from_secs(1);

/// The result of a scan.
#[derive(Debug, Default)]
pub(super) struct FoundIds {
    pub(super) origins: BTreeMap<SecretId, IdOrigin>,
    /// The highest ID of the manifests on disk that differ from the index.
    pub(super) manifests_on_disk: Option<SecretId>,
}

/// How the work tree is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanDepth {
    /// By the timestamps of folders, to show an ID quickly.
    AtFolders,
    /// By every file, to allocate an ID.
    AtFiles,
}

/// Scans the `catalog` and audit trail on disk, the index, refs and `branches`.
///
/// Refs and branches are scanned with their histories. A file counts by its name and by the ID in
/// its `metadata.id`, even if it is invalid otherwise. History that an earlier run has read is not
/// read again. `progress` receives the number of commits read if that takes long.
///
/// # Errors
/// A repository that cannot be read.
pub(super) fn scan(
    repository: &Repository,
    catalog: &str,
    branches: &[Branch],
    depth: ScanDepth,
    progress: &mut dyn FnMut(usize),
) -> Result<FoundIds, SourceError> {
    let places = [
        ManifestFolder { folder: catalog, includes: is_yaml },
        ManifestFolder { folder: AUDIT_FOLDER, includes: is_trail },
    ];
    let disk = repository.disk()?;
    let folders = repository.disk_cache("folders", (EDITION, catalog));
    let (committed, on_disk) = thread::scope(|scope| {
        let on_disk = scope.spawn(|| match depth {
            ScanDepth::AtFolders => {
                folder_cache::ids(&disk, &places, &folders, &|path| of_file(&disk, path))
            }
            ScanDepth::AtFiles => places.iter().flat_map(|place| on_disk(&disk, *place)).collect(),
        });
        (in_git(repository, catalog, &places, branches, progress), on_disk.join())
    });
    let on_disk = on_disk.unwrap_or_else(|panic| resume_unwind(panic));
    let mut origins = committed?;
    let manifests = on_disk.iter().filter(|(_, path)| is_yaml(Path::new(path)));
    let manifests_on_disk = manifests.map(|(id, _)| *id).max();
    for (id, path) in on_disk {
        origins.entry(id).or_insert(IdOrigin::WorkTree { path });
    }
    Ok(FoundIds { origins, manifests_on_disk })
}

/// Returns the IDs in the index, the refs and their histories.
fn in_git(
    repository: &Repository,
    catalog: &str,
    places: &[ManifestFolder<'_>],
    branches: &[Branch],
    progress: &mut dyn FnMut(usize),
) -> Result<BTreeMap<SecretId, IdOrigin>, SourceError> {
    // Deepening a shallow clone adds history behind commits that were read already.
    let cache = repository.disk_cache("ids", (EDITION, catalog, repository.shallow_ends()));
    let (mut origins, mut seen) =
        cache.load(1).and_then(|bytes| decode(&bytes)).unwrap_or_default();
    let known = origins.len();

    let begin = Instant::now();
    let mut count = |commits: usize| {
        if begin.elapsed() > PATIENCE {
            progress(commits);
        }
    };
    let mut unread: Vec<(Blob<'static>, IdOrigin)> = Vec::new();
    let mut failure = None;
    repository.visit_everywhere(
        places,
        branches,
        &mut seen,
        &mut count,
        &mut |blob, is_new, occurrence| {
            let origin = || origin_of(&blob, occurrence);
            if let Some(id) = of_file_name(&blob.path) {
                origins.entry(id).or_insert_with(origin);
            }
            if is_new && is_yaml(Path::new(blob.path.as_ref())) {
                let origin = origin();
                unread.push((blob, origin));
                if unread.len() >= AT_ONCE && failure.is_none() {
                    let files = std::mem::take(&mut unread);
                    failure = add_claimed(repository, files, &mut origins).err();
                }
            }
        },
    )?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    add_claimed(repository, unread, &mut origins)?;
    if seen.has_changed() || origins.len() != known {
        cache.store(&encode(&origins, &seen));
    }
    Ok(origins)
}

fn origin_of(blob: &Blob<'_>, occurrence: Occurrence<'_>) -> IdOrigin {
    let path = blob.path.to_string();
    match occurrence {
        Occurrence::Index => IdOrigin::Index { path },
        Occurrence::Commit { id, reference } => {
            IdOrigin::Commit { path, id, reference: reference.to_owned() }
        }
    }
}

/// Returns the IDs of the files on disk that differ from the index.
fn on_disk(disk: &Disk<'_>, place: ManifestFolder<'_>) -> Vec<(SecretId, String)> {
    let ids = |path: String| {
        of_file(disk, &path).into_iter().map(|id| (id, path.clone())).collect::<Vec<_>>()
    };
    disk.find_unstaged(place).into_par_iter().flat_map_iter(ids).collect()
}

/// Returns the IDs in the name and the `metadata.id` of a file on disk.
fn of_file(disk: &Disk<'_>, path: &str) -> Vec<SecretId> {
    let read = || files::read_regular(&disk.root().join(path), MAX_BYTES).ok();
    let claimed =
        if is_yaml(Path::new(path)) { read().and_then(|bytes| claimed_id(&bytes)) } else { None };
    let named = of_file_name(path);
    named.into_iter().chain(claimed.filter(|_| claimed != named)).collect()
}

fn is_trail(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

fn add_claimed(
    repository: &Repository,
    files: Vec<(Blob<'static>, IdOrigin)>,
    origins: &mut BTreeMap<SecretId, IdOrigin>,
) -> Result<(), SourceError> {
    let (blobs, places): (Vec<_>, Vec<_>) = files.into_iter().unzip();
    let claimed = repository.load(&blobs, MAX_BYTES, claimed_id_of)?;
    for (id, origin) in claimed.into_iter().zip(places) {
        if let Some(id) = id? {
            origins.entry(id).or_insert(origin);
        }
    }
    Ok(())
}

/// Encodes the IDs with their origins, followed by the objects that were read.
fn encode(origins: &BTreeMap<SecretId, IdOrigin>, seen: &ObjectCache) -> Vec<u8> {
    let mut bytes = u32::try_from(origins.len()).unwrap_or_default().to_le_bytes().to_vec();
    for (id, origin) in origins {
        bytes.extend_from_slice(&id.number().to_le_bytes());
        origin.encode(&mut bytes);
    }
    bytes.extend_from_slice(&seen.all());
    bytes
}

fn decode(mut bytes: &[u8]) -> Option<(BTreeMap<SecretId, IdOrigin>, ObjectCache)> {
    let number = |bytes: &mut &[u8]| Some(u32::from_le_bytes(*take(bytes, 4)?.first_chunk()?));
    let mut origins = Vec::new();
    for _ in 0..number(&mut bytes)? {
        let id = SecretId::of_number(number(&mut bytes)?)?;
        origins.push((id, IdOrigin::decode(&mut bytes)?));
    }
    Some((origins.into_iter().collect(), ObjectCache::of(bytes.to_vec())))
}
