//! A parser for lines of `KEY=VALUE`, as in `.env` files.
//!
//! It supports the syntax common to all dialects: comments, `export`, single quotes (literal text)
//! and double quotes (`\n`, `\r`, `\t`, `\"`, `\\`, `\$`), both over several lines. Nothing is
//! expanded: a `$` in a password is a `$`.

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::ValueError;

/// Returns the keys and texts in their order; a key can occur twice.
pub(super) fn parse(text: &str) -> Result<Vec<(String, SecretString)>, ValueError> {
    let mut texts = Vec::new();
    let mut rest = text;
    let line_of = |rest: &str| text[..text.len() - rest.len()].matches('\n').count() + 1;
    while !rest.is_empty() {
        let (line, after) = first_line(rest);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            rest = after;
            continue;
        }
        let wrong = |why| ValueError::Dotenv { why, line: line_of(rest) };
        let (key, _) = line.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
        let value = &rest[key.len() + 1..];
        let key = key.trim();
        let key = key
            .strip_prefix("export")
            .filter(|key| key.starts_with([' ', '\t']))
            .unwrap_or(key)
            .trim();
        if key.is_empty() {
            return Err(wrong("there is no key before the `=`"));
        }
        let start = value.trim_start_matches([' ', '\t']);
        let (text, left) = match start.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (text, left) = quoted(&start[1..], quote).map_err(wrong)?;
                let (tail, after) = first_line(left);
                let tail = tail.trim();
                if !tail.is_empty() && !tail.starts_with('#') {
                    return Err(wrong("there is text after the closing quote"));
                }
                (text, after)
            }
            _ => match plain(first_line(value).0) {
                // A value without its key may end like this, so the error leaves out the key.
                "" | "=" => return Err(wrong("there is nothing after the `=`")),
                text => (SecretString::from(text), after),
            },
        };
        texts.push((key.to_owned(), text));
        rest = left;
    }
    Ok(texts)
}

/// Returns the first line without its line end, and the rest.
fn first_line(text: &str) -> (&str, &str) {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    (line.strip_suffix('\r').unwrap_or(line), after)
}

/// Returns a text without quotes: up to a comment or the end of the line.
fn plain(text: &str) -> &str {
    let comment = text
        .match_indices('#')
        .find(|(at, _)| text[..*at].ends_with([' ', '\t']))
        .map(|(at, _)| at);
    text[..comment.unwrap_or(text.len())].trim()
}

/// Returns a text up to its closing quote, and the rest.
fn quoted(text: &str, quote: char) -> Result<(SecretString, &str), &'static str> {
    // Capacity for all of it, because growing would leave copies of the text in memory.
    let mut read = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => {
                return Ok((SecretString::from(read.as_str()), &text[at + 1..]));
            }
            '\\' if quote == '"' => match characters.next().map(|(_, character)| character) {
                Some('n') => read.push('\n'),
                Some('r') => read.push('\r'),
                Some('t') => read.push('\t'),
                Some(same @ ('"' | '\\' | '$' | '\'' | '`')) => read.push(same),
                _ => {
                    return Err("there is a backslash before a character that needs none; write \
                                it twice, or use single quotes");
                }
            },
            _ => read.push(character),
        }
    }
    Err("a quote is not closed")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let texts = parse(text).unwrap();
        texts.into_iter().map(|(key, text)| (key, text.expose_secret().to_owned())).collect()
    }

    fn one(text: &str) -> String {
        read(text).into_iter().next().unwrap().1
    }

    #[test]
    fn lines_are_read_as_in_shells_and_compose_files() {
        let text = "# comment\n\nexport A=one\r\nB = two words # why\nC=''\nexported=x\n  \
                    D='$it is \"so\" \\n'  # yes\n";
        let expected = [
            ("A", "one"),
            ("B", "two words"),
            ("C", ""),
            ("exported", "x"),
            ("D", "$it is \"so\" \\n"),
        ];
        assert_eq!(read(text), expected.map(|(key, text)| (key.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_password_keeps_its_characters() {
        assert_eq!(one("P=a#b$c=d\\n'\""), "a#b$c=d\\n'\"");
        assert_eq!(one(r#"P="a\"b\\c\$d\te # f""#), "a\"b\\c$d\te # f");
        assert_eq!(one("P=$(id) `id`"), "$(id) `id`");
    }

    #[test]
    fn a_quoted_text_can_have_several_lines() {
        let key = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n";
        assert_eq!(read(&format!("K=\"{key}\"\nL=1\n"))[0].1, key);
        assert_eq!(read(&format!("K='{key}'\nL=1\n"))[1], ("L".to_owned(), "1".to_owned()));
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        for (text, line, words) in [
            ("A=1\nnothing\n", 2, "no `=`"),
            ("A=1\n\n =2", 3, "no key"),
            ("A=\"x\n", 1, "not closed"),
            ("A='x' y", 1, "after the closing quote"),
            ("A=\n", 1, "nothing after the `=`"),
            ("B=1\naHVudGVyMg==", 2, "nothing after the `=`"),
            ("A=\"\\x\"", 1, "backslash"),
        ] {
            let ValueError::Dotenv { why, line: found } = parse(text).unwrap_err() else {
                unreachable!()
            };
            assert_eq!(found, line, "{text}");
            assert!(why.contains(words), "{why}");
        }
    }
}
