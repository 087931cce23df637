//! A disk cache between runs: files in `.git/goldenpath/`.
//!
//! Each file ends with a seal, the hash of the inputs of its content, and a checksum. A file that
//! is missing, damaged or has another seal counts as empty.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use super::Repository;
use crate::files;

/// The size of the seal and the checksum.
///
/// They follow the records, so that they can be cut off without moving the records.
const TRAILER: usize = 2 * 8;

/// The size limit, in bytes: enough for a catalog of more than a million manifests.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// One file of the cache.
#[derive(Debug)]
pub struct DiskCache {
    file: PathBuf,
    seal: u64,
}

impl Repository {
    /// Returns the cache file `name`, valid for this version and these `inputs`.
    #[must_use]
    pub fn disk_cache(&self, name: &str, inputs: impl Hash) -> DiskCache {
        let mut hasher = DefaultHasher::new();
        // A new hasher in the standard library changes the seal, which empties the cache once.
        (env!("CARGO_PKG_VERSION"), inputs).hash(&mut hasher);
        DiskCache { file: self.data_folder().join(name), seal: hasher.finish() }
    }
}

impl DiskCache {
    /// Returns the cached bytes, in records of `size` bytes; None if there are none.
    #[must_use]
    pub fn load(&self, size: usize) -> Option<Vec<u8>> {
        let mut bytes = files::read_regular(&self.file, MAX_FILE).ok()?;
        let length = bytes.len().checked_sub(TRAILER)?;
        let (records, trailer) = bytes.split_at(length);
        if length % size != 0 || trailer != self.trailer(records) {
            return None;
        }
        bytes.truncate(length);
        Some(bytes)
    }

    /// Replaces the cached records; a failed write costs the next run only time.
    pub fn store(&self, records: &[u8]) {
        if (records.len() + TRAILER) as u64 <= MAX_FILE {
            drop(files::write_unsynced(&self.file, &[records, &self.trailer(records)].concat()));
        }
    }

    /// Returns the seal and the checksum of `records`.
    fn trailer(&self, records: &[u8]) -> [u8; TRAILER] {
        // The multiplier of rustc's FxHash: it detects damage, not an attack.
        let mix =
            |sum: u64, word: u64| (sum.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        let (words, rest) = records.as_chunks::<8>();
        let sum = words.iter().fold(self.seal ^ records.len() as u64, |sum, word| {
            mix(sum, u64::from_le_bytes(*word))
        });
        let sum = rest.iter().fold(sum, |sum, byte| mix(sum, u64::from(*byte)));
        let mut trailer = [0; TRAILER];
        trailer[..8].copy_from_slice(&self.seal.to_le_bytes());
        trailer[8..].copy_from_slice(&sum.to_le_bytes());
        trailer
    }
}
