//! A string as a YAML scalar.

/// Writes `text` plain if all YAML parsers read it back, else as a JSON string.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Writes `text` as a JSON string, which is a YAML double-quoted scalar.
///
/// Also escapes characters that YAML forbids or reads as line breaks.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\u{2028}' | '\u{2029}' | '\u{feff}' => push_escape(&mut quoted, character),
            _ if character.is_control() => push_escape(&mut quoted, character),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn push_escape(quoted: &mut String, character: char) {
    quoted.push_str(&format!("\\u{:04x}", u32::from(character)));
}

/// Returns whether `text` needs no quotes in any YAML parser.
///
/// It starts with a letter, has only characters without a meaning in YAML, and is not a boolean or
/// null. Narrower than YAML on purpose: quotes are always correct.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}
