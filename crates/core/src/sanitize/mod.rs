//! Untrusted text, escaped for terminals, CI logs and comments.

use std::borrow::Cow;

pub mod runner;

/// Escapes characters that could control a terminal or reorder text as `\u{…}`.
///
/// Line breaks and tabs are preserved.
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_harmful(character) {
            shown.extend(character.escape_unicode())
        } else {
            shown.push(character)
        }
    }
    Cow::Owned(shown)
}

/// Escapes like [`sanitize`], and line breaks too: for text such as a path.
#[must_use]
pub fn sanitize_name(name: &str) -> Cow<'_, str> {
    match sanitize(name) {
        shown if shown.contains(['\n', '\t']) => {
            Cow::Owned(shown.replace('\n', "\\n").replace('\t', "\\t"))
        }
        shown => shown,
    }
}

/// Replaces harmful characters without changing the length in bytes.
///
/// Byte spans into the text stay valid.
#[must_use]
pub fn sanitize_in_place(text: &str) -> String {
    let substitute = |character: char| match character.len_utf8() {
        1 => '?',
        2 => '\u{bf}',
        _ => '\u{fffd}',
    };
    let mut characters = text.chars().peekable();
    let mut shown = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        shown.push(match character {
            // A CRLF line ending is harmless.
            '\r' if characters.peek() == Some(&'\n') => ' ',
            _ if is_harmful(character) => substitute(character),
            _ => character,
        });
    }
    shown
}

/// Escapes like [`sanitize`], preserving the meaning of JSON.
///
/// Serializers escape control characters only up to U+001F; terminals interpret others too. In JSON
/// these occur in strings only. Commands of CI runners are escaped as well.
#[must_use]
pub fn sanitize_json(json: &str) -> Cow<'_, str> {
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
    if shown.is_empty() {
        runner::escape_commands_in_json(json)
    } else {
        Cow::Owned(runner::escape_commands_in_json(&(shown + rest)).into_owned())
    }
}

/// Returns whether a character controls, reorders or hides text.
///
/// Control characters, and the invisible ones of Unicode's TR 36, "Bidirectional Text Spoofing"
/// (CVE-2021-42574).
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
    fn escape_sequences_and_reordering_characters_are_escaped() {
        assert_eq!(sanitize("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(sanitize("\u{202e}x"), "\\u{202e}x");
        assert_eq!(sanitize("plain é\n"), "plain é\n");
        assert_eq!(sanitize_name("a\nb\u{7}"), "a\\nb\\u{7}");
    }

    #[test]
    fn every_harmful_character_is_escaped_and_no_other() {
        for character in (0..=0xffff).filter_map(char::from_u32) {
            let point = u32::from(character);
            let is_listed = harmful::is_harmful(character);
            let text = format!("a{character}b");
            assert_eq!(sanitize(&text) != text, is_listed, "U+{point:04X}");
            assert_eq!(sanitize_in_place(&text) != text, is_listed, "U+{point:04X}");
            let json = format!("\"{text}\"");
            assert_eq!(sanitize_json(&json) != json, is_listed, "U+{point:04X}");
        }
    }

    #[test]
    fn escaped_json_keeps_its_meaning() {
        let json = serde_json::json!({ "\u{9b}2J": ["\u{7f}", "\u{61c}", "\u{202e}é\n"] });
        let shown = sanitize_json(&format!("{json:#}")).into_owned();
        assert_eq!(
            shown,
            "{\n  \"\\u009b2J\": [\n    \"\\u007f\",\n    \"\\u061c\",\n    \"\\u202eé\\n\"\n  ]\n}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).ok(), Some(json));
    }

    #[test]
    fn in_place_keeps_every_offset() {
        for text in ["\u{1b}[31m", "\u{85}x", "\u{61c}z", "\u{202e}y", "a\r\n"] {
            let shown = sanitize_in_place(text);
            assert_eq!(shown.len(), text.len());
            assert!(!shown.chars().any(is_harmful));
        }
        assert_eq!(sanitize_in_place("a\r\nb\rc"), "a \nb?c");
    }
}
