//! The characters that no output may contain: those that steer a terminal, reorder text or are
//! invisible. For tests alone, which compare the code with this list.
#![allow(unreachable_pub)] // the test kit includes this file, and exports its functions

/// The first and the last of each range, by the code points in the standard's tables: C0 and C1
/// controls without the line feed and the tab, and the format characters of Unicode's TR 36 and
/// UAX 9.
const HARMFUL: [(u32, u32); 9] = [
    (0x00, 0x08),
    (0x0b, 0x1f),
    (0x7f, 0x9f),
    (0x061c, 0x061c),
    (0x200b, 0x200f),
    (0x2028, 0x2029),
    (0x202a, 0x202e),
    (0x2060, 0x2069),
    (0xfeff, 0xfeff),
];

/// Returns whether a character is one of them.
pub fn is_harmful(character: char) -> bool {
    let point = u32::from(character);
    HARMFUL.iter().any(|(first, last)| (*first..=*last).contains(&point))
}

/// Returns each of them once, in a text.
pub fn every_harmful_character() -> String {
    HARMFUL.iter().flat_map(|(first, last)| *first..=*last).filter_map(char::from_u32).collect()
}
