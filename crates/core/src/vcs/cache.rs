//! What a run leaves to later ones to be faster: files under `.git/goldenpath/`, each sealed with what its contents depend on
//! and a checksum. One that is missing, damaged or of another seal is as if it were not there.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use super::Repository;
use crate::files;

/// The bytes behind what is remembered, where they are taken off without moving it: the seal and the checksum.
const TRAILER: usize = 2 * 8;

/// As many bytes as a catalog of more than a million manifests needs.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// One file of memory.
#[derive(Debug)]
pub struct DiskCache {
    file: PathBuf,
    seal: u64,
}

impl Repository {
    /// The memory called `name`. What it holds is forgotten when anything that it `depends_on` is another, or the version.
    #[must_use]
    pub fn memory_of(&self, name: &str, depends_on: impl Hash) -> DiskCache {
        let mut hasher = DefaultHasher::new();
        // Should the standard library change its hasher, this comes out different.
        (env!("CARGO_PKG_VERSION"), depends_on).hash(&mut hasher);
        DiskCache { file: self.memory().join(name), seal: hasher.finish() }
    }
}

impl DiskCache {
    /// What is remembered, in records of `size` bytes.
    #[must_use]
    pub fn recall(&self, size: usize) -> Option<Vec<u8>> {
        let mut bytes = files::read_regular(&self.file, MAX_FILE).ok()?;
        let length = bytes.len().checked_sub(TRAILER)?;
        let (records, trailer) = bytes.split_at(length);
        if length % size != 0 || trailer != self.trailer(records) {
            return None;
        }
        bytes.truncate(length);
        Some(bytes)
    }

    /// Remembers `records` in place of what was. Where it cannot be written, the next run learns it again.
    pub fn remember(&self, records: &[u8]) {
        if (records.len() + TRAILER) as u64 <= MAX_FILE {
            drop(files::write_forgettable(&self.file, &[records, &self.trailer(records)].concat()));
        }
    }

    /// What has to stand behind `records`.
    fn trailer(&self, records: &[u8]) -> [u8; TRAILER] {
        // The multiplier of rustc's FxHash. This is to notice damage, and nobody's attack.
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
