//! One string as one YAML scalar.

/// Writes `text` plain where YAML 1.1 and 1.2 parsers all read the same string back, and as a JSON string otherwise.
pub fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Writes `text` as a JSON string, which is a YAML double-quoted scalar. Beyond JSON's own escapes, what YAML does not
/// allow in a stream or reads as a line break is escaped too.
pub fn quoted(text: &str) -> String {
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

/// Starts with a letter, holds only characters without a meaning in YAML, and is no word that a parser takes for a
/// boolean or null. Deliberately narrower than YAML: what it refuses is quoted, which is always right.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}
