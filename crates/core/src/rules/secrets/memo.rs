//! Lines in which there is nothing to find, whatever lines stand around them.
//!
//! The manifests of a catalog come from few templates: most of their lines are the same in all of
//! them. Such a line is searched once a thread and then recognized by its bytes, all of which are
//! compared.

use std::cell::Cell;

/// How many lines are remembered, each in the place that its hash says.
const SLOTS: usize = 512;

/// The longest line that is remembered, in bytes.
const LONGEST: usize = 100;

thread_local! {
    static MEMO: Cell<LineMemo> = const { Cell::new(LineMemo { slots: Vec::new() }) };
}

/// The lines that a thread remembers.
#[derive(Default)]
pub(super) struct LineMemo {
    /// Empty, or [`SLOTS`] of them.
    slots: Vec<MemoSlot>,
}

#[derive(Clone, Copy)]
struct MemoSlot {
    length: usize,
    line: [u8; LONGEST],
}

impl LineMemo {
    /// Runs `search` with this thread's memo. A search inside of a search has one of its own.
    pub(super) fn with(search: impl FnOnce(&mut Self)) {
        let mut memo = MEMO.take();
        search(&mut memo);
        MEMO.set(memo);
    }

    /// Whether there is nothing to find in `line`.
    pub(super) fn has(&self, line: &[u8]) -> bool {
        self.slots
            .get(slot_of(line))
            .is_some_and(|slot| slot.line.get(..slot.length) == Some(line) && !line.is_empty())
    }

    /// Remembers that there is nothing to find in `line`.
    pub(super) fn add(&mut self, line: &[u8]) {
        if line.len() > LONGEST {
            return;
        }
        if self.slots.is_empty() {
            self.slots = vec![MemoSlot { length: 0, line: [0; LONGEST] }; SLOTS];
        }
        if let Some(slot) = self.slots.get_mut(slot_of(line)) {
            slot.length = line.len();
            slot.line[..line.len()].copy_from_slice(line);
        }
    }
}

fn slot_of(line: &[u8]) -> usize {
    // The multiplier of rustc's FxHash. Lines of one place replace each other, and no more.
    let mix = |sum: u64, word: u64| (sum.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let (words, rest) = line.as_chunks::<8>();
    let sum = words.iter().fold(line.len() as u64, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
    (mix(sum, last) >> (u64::BITS - SLOTS.ilog2())) as usize
}
