//! A string as a Markdown code span, which renders no links, mentions or markup.

/// Writes `text` between backticks, one more than its longest run of backticks.
///
/// (GitHub Flavored Markdown, "Code spans".) The result is one line. A `<` that could begin a tag
/// is escaped, since a template may put the value inside HTML, where Markdown is not parsed.
pub(super) fn code_span(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let begins_a_tag = |next: &char| next.is_ascii_alphabetic() || "!/?".contains(*next);
        match character {
            '<' if characters.peek().is_some_and(begins_a_tag) => line.push_str("\\u{3c}"),
            '\u{2028}' | '\u{2029}' => line.push(' '),
            _ if character.is_control() => line.push(' '),
            _ => line.push(character),
        }
    }
    let longest = line.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    // A parser strips one space from both ends if both have one.
    let at_an_end = |pattern: char| line.starts_with(pattern) || line.ends_with(pattern);
    match (line.trim_matches(' ').is_empty(), at_an_end('`') || at_an_end(' ')) {
        (true, _) => format!("{fence} {fence}"),
        (false, true) => format!("{fence} {line} {fence}"),
        (false, false) => format!("{fence}{line}{fence}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_any_run_in_the_text() {
        for (text, span) in [
            ("plain", "`plain`"),
            ("a`b", "``a`b``"),
            ("``x", "``` ``x ```"),
            (" ` ", "``  `  ``"),
            ("", "` `"),
            ("a\n# b\r\n- c", "`a # b  - c`"),
            ("\u{1b}[2J", "`  [2J `"),
            ("a < b <= c", "`a < b <= c`"),
            ("</details>", "`\\u{3c}/details>`"),
        ] {
            assert_eq!(code_span(text), span, "{text:?}");
        }
    }
}
