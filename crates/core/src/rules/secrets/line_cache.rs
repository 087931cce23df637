//! A cache of lines that contain no secret, regardless of the lines around them.
//!
//! The manifests of a catalog come from few templates, so most of their lines are the same. Each
//! thread searches such a line once, and then recognizes it by comparing all of its bytes.

use std::cell::Cell;

/// The number of cached lines. A line's hash is its index.
const SLOTS: usize = 512;

/// The maximum length of a cached line, in bytes.
const LONGEST: usize = 100;

thread_local! {
    static CACHE: Cell<LineCache> = const { Cell::new(LineCache { slots: Vec::new() }) };
}

/// The lines cached by a thread.
#[derive(Default)]
pub(super) struct LineCache {
    /// Empty, or exactly [`SLOTS`] entries.
    slots: Vec<CacheSlot>,
}

#[derive(Clone, Copy)]
struct CacheSlot {
    length: usize,
    line: [u8; LONGEST],
}

impl LineCache {
    /// Runs `search` with this thread's cache. A nested search gets its own cache.
    pub(super) fn with(search: impl FnOnce(&mut Self)) {
        let mut cache = CACHE.take();
        search(&mut cache);
        CACHE.set(cache);
    }

    /// Returns whether `line` is known to contain no secret.
    pub(super) fn has(&self, line: &[u8]) -> bool {
        self.slots
            .get(slot_of(line))
            .is_some_and(|slot| slot.line.get(..slot.length) == Some(line) && !line.is_empty())
    }

    /// Records that `line` contains no secret.
    pub(super) fn add(&mut self, line: &[u8]) {
        if line.len() > LONGEST {
            return;
        }
        if self.slots.is_empty() {
            self.slots = vec![CacheSlot { length: 0, line: [0; LONGEST] }; SLOTS];
        }
        if let Some(slot) = self.slots.get_mut(slot_of(line)) {
            slot.length = line.len();
            slot.line[..line.len()].copy_from_slice(line);
        }
    }
}

fn slot_of(line: &[u8]) -> usize {
    // The multiplier of rustc's FxHash. Lines with the same index replace each other.
    let mix = |sum: u64, word: u64| (sum.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let (words, rest) = line.as_chunks::<8>();
    let sum = words.iter().fold(line.len() as u64, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
    (mix(sum, last) >> (u64::BITS - SLOTS.ilog2())) as usize
}
