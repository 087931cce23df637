//! Text that a CI runner must not interpret as a command.
//!
//! A runner reads each line that a job prints. GitHub's interprets a line that begins with `::name
//! …::`, leading white space aside, and one with `##[name …]` anywhere in it (actions/runner,
//! `ActionCommand.cs`). Azure's interprets `##vso[…]`, TeamCity's `##teamcity[…]`. GitHub's
//! compares
//! text culture-sensitively, which ignores invisible characters.

use std::borrow::Cow;

/// Returns whether a CI runner reads the output.
#[must_use]
pub fn reads_output() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    ["GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION"].into_iter().any(is_set)
}

/// Escapes the first character of each runner command as `\u{…}`.
#[must_use]
pub fn escape_commands(text: &str) -> Cow<'_, str> {
    escape_with(text, |character| character.escape_unicode().to_string())
}

/// Escapes like [`escape_commands`], preserving the meaning of JSON.
///
/// In JSON the characters occur in strings only.
#[must_use]
pub fn escape_commands_in_json(json: &str) -> Cow<'_, str> {
    escape_with(json, |character| format!("\\u{:04x}", u32::from(character)))
}

fn escape_with(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    // Nearly every text has neither character.
    if !text.contains([':', '#']) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    let (mut copied, mut starts_line) = (0, true);
    for (at, character) in text.char_indices() {
        let begins = match character {
            ':' => starts_line && visible(&text[at + 1..]).next() == Some(':'),
            '#' => {
                let mut rest = visible(&text[at + 1..]);
                rest.next() == Some('#')
                    && rest.find(|next| !next.is_ascii_alphabetic()) == Some('[')
            }
            _ => false,
        };
        if begins {
            shown.push_str(&text[copied..at]);
            shown.push_str(&escape(character));
            copied = at + character.len_utf8();
        }
        starts_line = match character {
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => true,
            _ => starts_line && (character.is_whitespace() || is_invisible(character)),
        };
    }
    if shown.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(shown + &text[copied..]) }
}

fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|character| !is_invisible(*character))
}

/// Returns whether a character is invisible.
///
/// Control characters other than line breaks, and Unicode's Default_Ignorable_Code_Point.
fn is_invisible(character: char) -> bool {
    match character {
        '\n' | '\r' => false,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_escaped_and_no_other_text_is() {
        for (text, shown) in [
            ("::error::x", "\\u{3a}:error::x"),
            ("a\n \t\u{a0}::warning file=x::y\n", "a\n \t\u{a0}\\u{3a}:warning file=x::y\n"),
            ("a\r::error::x", "a\r\\u{3a}:error::x"),
            ("\u{ad}:\u{200b}:error::x", "\u{ad}\\u{3a}\u{200b}:error::x"),
            ("x ##[error]y", "x \\u{23}#[error]y"),
            ("###[error]y", "#\\u{23}#[error]y"),
            ("#\u{ad}#\u{feff}[error]", "\\u{23}\u{ad}#\u{feff}[error]"),
            ("##VSO[task.setvariable]", "\\u{23}#VSO[task.setvariable]"),
            ("##teamcity[x]", "\\u{23}#teamcity[x]"),
            ("##[a]##[b]", "\\u{23}#[a]\\u{23}#[b]"),
            (":::x", "\\u{3a}::x"),
        ] {
            assert_eq!(escape_commands(text), shown, "{text:?}");
            assert_eq!(escape_commands(shown), shown, "{text:?}");
        }
        for harmless in [
            "goldenpath::usage",
            "a: b\n  c: d",
            "## Heading [x]",
            "# # [",
            "a ::b",
            ":",
            "#",
            "",
            "é#",
        ] {
            assert!(matches!(escape_commands(harmless), Cow::Borrowed(_)), "{harmless:?}");
        }
    }

    #[test]
    fn escaped_json_keeps_its_meaning() {
        let value =
            serde_json::json!({ "##[error]": ["\\##vso[x]", "::error::", "a\n::error::x"] });
        for json in [value.to_string(), format!("{value:#}")] {
            let shown = escape_commands_in_json(&json);
            assert!(!shown.contains("##[") && !shown.contains("##vso["), "{shown}");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&shown).ok().as_ref(),
                Some(&value)
            );
        }
    }
}
