//! What this clone knows of IDs: every one that the work tree, the index, any ref or its history holds or has held.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use git2::Oid;
use rayon::prelude::*;

use super::folders;
use crate::files;
use crate::manifest::{self, MAX_BYTES, SecretId};
use crate::source::{Blob, Disk, Place, Repository, Seen, SourceError, is_yaml};

/// The folder of the audit trail, with a file an ID, `audit/SEC-0007.jsonl`.
pub const AUDIT_FOLDER: &str = "audit";

/// One more whenever the same objects tell of other IDs than before.
const EDITION: u32 = 1;

/// How many blobs are read before what they claim is kept and their bytes are let go.
const AT_ONCE: usize = 4096;

/// How long the history may be read before somebody is told.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a look at everything has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Survey {
    /// The highest ID that anything holds or has held.
    pub highest: Option<SecretId>,
    /// Whether history ends before its beginning, as in a shallow clone: what was deleted before that is not known.
    pub is_cut: bool,
}

/// How the work tree is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// By what the folders tell, to show an ID soon.
    AtFolders,
    /// Every file, to give an ID out.
    AtFiles,
}

/// Looks at the work tree's `catalog` and audit trail, the index, all refs with their histories, and the commits `tips` with
/// theirs. A file counts by its name and by the ID that it claims, whichever is higher, however broken it is otherwise.
/// History that an earlier run has read is not read again. `progress` hears of the commits read, once it takes long.
///
/// # Errors
/// A repository that cannot be read.
pub fn survey(
    repository: &Repository,
    catalog: &str,
    tips: &[Oid],
    look: Look,
    progress: &mut dyn FnMut(usize),
) -> Result<Survey, SourceError> {
    let places = [Place { folder: catalog, counts: is_yaml }, Place { folder: AUDIT_FOLDER, counts: is_trail }];
    let disk = repository.disk()?;
    let folders = repository.memory_of("folders", (EDITION, catalog));
    let (committed, on_disk) = thread::scope(|scope| {
        let on_disk = scope.spawn(|| match look {
            Look::AtFolders => folders::highest(&disk, &places, &folders, &|path| of_file(&disk, path)),
            Look::AtFiles => places.iter().filter_map(|place| highest_on_disk(&disk, *place)).max(),
        });
        (highest_in_git(repository, catalog, &places, tips, progress), on_disk.join())
    });
    let on_disk = on_disk.unwrap_or_else(|panic| resume_unwind(panic));
    Ok(Survey { highest: committed?.max(on_disk), is_cut: repository.is_shallow() })
}

/// The highest ID that the index, the refs and their histories hold or have held.
fn highest_in_git(
    repository: &Repository,
    catalog: &str,
    places: &[Place<'_>],
    tips: &[Oid],
    progress: &mut dyn FnMut(usize),
) -> Result<Option<SecretId>, SourceError> {
    // Deepening a shallow clone brings in what lies behind commits that were read already.
    let memory = repository.memory_of("ids", (EDITION, catalog, repository.shallow_ends()));
    let (mut highest, mut seen) = recall(memory.recall(RECORD));

    let begin = Instant::now();
    let mut told = |commits: usize| {
        if begin.elapsed() > PATIENCE {
            progress(commits);
        }
    };
    let before = highest;
    let mut unread: Vec<Blob<'static>> = Vec::new();
    repository.visit_everywhere(places, tips, &mut seen, &mut told, &mut |blob, is_new| {
        highest = highest.max(of_file_name(&blob.path));
        if is_new && is_yaml(Path::new(blob.path.as_ref())) {
            unread.push(blob);
            if unread.len() >= AT_ONCE {
                highest = highest.max(claimed_by(repository, &std::mem::take(&mut unread)));
            }
        }
    })?;
    highest = highest.max(claimed_by(repository, &unread));
    if seen.is_news() || highest != before {
        memory.remember(&[&seen.all()[..], &record_of(highest)].concat());
    }
    Ok(highest)
}

/// The highest ID of the files on disk that the index does not have as they are; those that it has are looked into there.
fn highest_on_disk(disk: &Disk<'_>, place: Place<'_>) -> Option<SecretId> {
    disk.unstaged(place).into_par_iter().filter_map(|path| of_file(disk, &path)).max()
}

/// The ID that a file on disk has by its name or claims, whichever is higher.
fn of_file(disk: &Disk<'_>, path: &str) -> Option<SecretId> {
    let read = || files::read_regular(&disk.root().join(path), MAX_BYTES).ok();
    let claimed = if is_yaml(Path::new(path)) { read().and_then(|bytes| claimed_id(&bytes)) } else { None };
    of_file_name(path).max(claimed)
}

/// The ID that a file is named after.
pub fn of_file_name(path: &str) -> Option<SecretId> {
    SecretId::parse(Path::new(path).file_stem()?.to_str()?).ok()
}

fn is_trail(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

fn claimed_by(repository: &Repository, blobs: &[Blob<'_>]) -> Option<SecretId> {
    // What a partial clone lacks counts by its name.
    repository.load(blobs, MAX_BYTES, |file| claimed_id(&file.bytes.ok()?)).into_iter().max().flatten()
}

fn claimed_id(bytes: &[u8]) -> Option<SecretId> {
    let root = manifest::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    SecretId::parse(root.string_at("/metadata/id")?).ok()
}

/// The bytes of a record in memory: an object's ID.
const RECORD: usize = 20;

/// The last record in memory: the highest ID, in the bytes that an object's ID would take.
fn record_of(highest: Option<SecretId>) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..4].copy_from_slice(&highest.map_or(0, SecretId::number).to_le_bytes());
    record
}

fn recall(records: Option<Vec<u8>>) -> (Option<SecretId>, Seen) {
    match records {
        Some(mut records) if records.len() >= RECORD => {
            let last = records.len() - RECORD;
            let number = records[last..].first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            records.truncate(last);
            (SecretId::of_number(number), Seen::of(records))
        }
        _ => (None, Seen::default()),
    }
}
