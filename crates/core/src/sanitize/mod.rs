//! Text from outside, made safe before a terminal, a CI log or a comment shows it.

use std::borrow::Cow;

pub mod runner;

/// `text` with what could steer a terminal, or reorder what a reviewer sees, written out as `\u{…}`. Line breaks and
/// tabs stay.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match is_harmful(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// As [`harmless`], for what has no lines, such as a path: a line break in it is written out too.
#[must_use]
pub fn harmless_name(name: &str) -> Cow<'_, str> {
    match harmless(name) {
        shown if shown.contains(['\n', '\t']) => {
            Cow::Owned(shown.replace('\n', "\\n").replace('\t', "\\t"))
        }
        shown => shown,
    }
}

/// As [`harmless`], but as many bytes as before, so that spans into the text still hold.
#[must_use]
pub fn harmless_in_place(text: &str) -> String {
    let stand_in = |character: char| match character.len_utf8() {
        1 => '?',
        2 => '\u{bf}',
        _ => '\u{fffd}',
    };
    let mut characters = text.chars().peekable();
    let mut shown = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        shown.push(match character {
            // A line that ends as on Windows is an ordinary line.
            '\r' if characters.peek() == Some(&'\n') => ' ',
            _ if is_harmful(character) => stand_in(character),
            _ => character,
        });
    }
    shown
}

/// As [`harmless`], for JSON, which means the same afterwards: serializing escapes control
/// characters up to U+001F, and terminals listen to others too. They are in strings alone. Neither
/// does it hold a command of a CI job's runner.
#[must_use]
pub fn harmless_json(json: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = json;
    while let Some((at, character)) =
        rest.char_indices().find(|(_, character)| is_harmful(*character))
    {
        shown.push_str(&rest[..at]);
        shown.extend(
            character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")),
        );
        rest = &rest[at + character.len_utf8()..];
    }
    match shown.is_empty() {
        true => runner::without_commands_in_json(json),
        false => Cow::Owned(runner::without_commands_in_json(&(shown + rest)).into_owned()),
    }
}

/// Control characters, and the invisible ones that reorder or hide text (Unicode's TR 36, "Bidirectional Text
/// Spoofing"; CVE-2021-42574).
fn is_harmful(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}'
        | '\u{2028}'
        | '\u{2029}' => true,
        _ => character.is_control(),
    }
}

/// The list that the tests of the whole suite share, apart from the code above.
#[cfg(test)]
#[allow(dead_code, reason = "the tests of the binary use all of it")]
mod harmful;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_reordering_are_written_out() {
        assert_eq!(harmless("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(harmless("\u{202e}x"), "\\u{202e}x");
        assert_eq!(harmless("plain é\n"), "plain é\n");
        assert_eq!(harmless_name("a\nb\u{7}"), "a\\nb\\u{7}");
    }

    #[test]
    fn every_character_that_steers_or_hides_is_written_out_and_no_other() {
        for character in (0..=0xffff).filter_map(char::from_u32) {
            let point = u32::from(character);
            let is_listed = harmful::is_harmful(character);
            let text = format!("a{character}b");
            assert_eq!(harmless(&text) != text, is_listed, "U+{point:04X}");
            assert_eq!(harmless_in_place(&text) != text, is_listed, "U+{point:04X}");
            let json = format!("\"{text}\"");
            assert_eq!(harmless_json(&json) != json, is_listed, "U+{point:04X}");
        }
    }

    #[test]
    fn json_says_the_same_in_harmless_characters() {
        let json = serde_json::json!({ "\u{9b}2J": ["\u{7f}", "\u{61c}", "\u{202e}é\n"] });
        let shown = harmless_json(&format!("{json:#}")).into_owned();
        assert_eq!(
            shown,
            "{\n  \"\\u009b2J\": [\n    \"\\u007f\",\n    \"\\u061c\",\n    \"\\u202eé\\n\"\n  ]\n}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).ok(), Some(json));
    }

    #[test]
    fn in_place_keeps_every_offset() {
        for text in ["\u{1b}[31m", "\u{85}x", "\u{61c}z", "\u{202e}y", "a\r\n"] {
            let shown = harmless_in_place(text);
            assert_eq!(shown.len(), text.len());
            assert!(!shown.chars().any(is_harmful));
        }
        assert_eq!(harmless_in_place("a\r\nb\rc"), "a \nb?c");
    }
}
