//! What stands behind a name that says what it is: fields, assignments, connection strings, URLs.

use super::keys::{self, Sensitive};
use super::{Scan, random};

/// The longest value in a sentence that is judged, and the longest margin before a name, in bytes; so that time stays
/// linear in a text of nothing but names.
const LONGEST_WORD: usize = 512;
const LONGEST_MARGIN: usize = 256;

impl Scan<'_> {
    /// Looks at what stands on both sides of a `:` or `=`.
    pub(super) fn separator(&mut self, at: usize) {
        let bytes = self.bytes;
        let colon = bytes[at] == b':';
        if colon && bytes[at + 1..].starts_with(b"//") {
            self.url(at);
            return;
        }
        if at < self.names_from {
            return;
        }
        let back = |from: usize, limit: usize, belongs: fn(u8) -> bool| {
            let least = self.line.max(from.saturating_sub(limit));
            let mut at = from;
            while at > least && belongs(bytes[at - 1]) {
                at -= 1;
            }
            at
        };
        let end = back(at, 8, |byte| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'*' | b'\\'));
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let mut start = back(end, keys::LONGEST_NAME, is_of_name);
        if start == end || keys::is_of_the_schema(&bytes[start..end]) {
            return;
        }
        // `jdbc:oracle:thin:scott/tiger@…` (Oracle, "JDBC Developer's Guide", thin-style service names)
        if colon && &bytes[start..end] == b"thin" {
            self.oracle(at + 1);
            return;
        }
        // A part of an identifier, as in `arn:aws:secretsmanager:…:secret:payments`
        if colon && start > self.line && bytes[start - 1] == b':' {
            return;
        }
        // `api key`, `connection string`
        let last = &bytes[start..end];
        if start > self.line
            && bytes[start - 1] == b' '
            && (last.eq_ignore_ascii_case(b"key") || last.eq_ignore_ascii_case(b"string"))
        {
            start = back(start - 1, keys::LONGEST_NAME, is_of_name);
        }
        if !keys::may_be_sensitive(&bytes[start..end]) {
            return;
        }
        let Some(name) = keys::sensitive(&self.text[start..end]) else { return };
        let margin = &bytes[self.line..start];
        let margin_is =
            |allowed: &[u8]| margin.len() <= LONGEST_MARGIN && margin.iter().all(|byte| allowed.contains(byte));
        let is_key = colon && bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
        if is_key && margin_is(b" \t-?\"'") {
            self.field(name, start, at + 1);
        } else {
            // `#   password: …` is a field that was commented out.
            self.prose(name, at, margin_is(b" \t-#\"'`*/;"));
        }
    }

    /// `name: value` on a line of its own.
    fn field(&mut self, name: Sensitive, key: usize, after: usize) {
        let mut end = self.line_end(after);
        let line = &self.text[after..end];
        let value = line.trim();
        let mut start = after + (line.len() - line.trim_start().len());
        let mut is_open = false;
        let value = match value.as_bytes() {
            [quote @ (b'"' | b'\''), ..] => {
                let close = closing(value, *quote);
                is_open = close.is_none();
                start += 1;
                &value[1..close.unwrap_or(value.len())]
            }
            [b'{' | b'[', ..] if self.is_parsed => return,
            [b'|' | b'>', ..] => {
                is_open = true;
                ""
            }
            [b'#', ..] => "",
            _ => {
                // A tag or an anchor may stand before a block.
                is_open = value.ends_with(['|', '>']);
                value.find(" #").map_or(value, |comment| &value[..comment]).trim_end()
            }
        };
        let mut span = start..start + value.len();
        // The parser knows where the value ends; without it, the lines below that are further in belong to it.
        let indent = key - self.line;
        while !self.is_parsed && end < self.bytes.len() {
            let begin = end + 1;
            end = self.line_end(begin);
            let line = &self.text[begin..end];
            let inner = line.trim();
            let depth = line.len() - line.trim_start().len();
            // `secret:` above `name: …` is a mapping.
            let is_field = inner.contains(": ") || inner.ends_with(':') || inner.starts_with(['-', '#']);
            if !inner.is_empty() && (depth <= indent || (is_field && !is_open)) {
                break;
            }
            if !inner.is_empty() {
                if span.is_empty() {
                    span.start = begin + depth;
                }
                span.end = begin + depth + inner.len();
            }
        }
        if keys::is_value(name.strength, &self.text[span.clone()], self.is_name) {
            self.names_from = span.end;
            self.found(span, name.what, 1);
        }
    }

    fn line_end(&self, from: usize) -> usize {
        self.bytes[from..].iter().position(|&byte| byte == b'\n').map_or(self.bytes.len(), |at| from + at)
    }

    /// `name: value` and `name=value` in a comment, a sentence, a connection string or a query.
    fn prose(&mut self, name: Sensitive, separator: usize, first: bool) {
        let bytes = self.bytes;
        let mut start = separator + 1;
        // `==`, `:=`, `=>`, and what surrounds the value
        while start < bytes.len() && start - separator < 8 && b" \t=>\"'`\\".contains(&bytes[start]) {
            start += 1;
        }
        for scheme in ["Bearer ", "Basic ", "Token "] {
            start += if self.text[start..].starts_with(scheme) { scheme.len() } else { 0 };
        }
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"&;,\"'`<>{}|\\".contains(byte);
        let length = |limit: usize| bytes[start..].iter().take(limit).take_while(|byte| !ends(byte)).count();
        let judged = self.text.floor_char_boundary(start + length(LONGEST_WORD));
        let word = &self.text[start..judged];
        // What ends the word at once begins a placeholder: `<password>`, `{{ password }}`, `${PASSWORD}`
        if word.is_empty() || word.starts_with("$(") || word == "$" {
            return;
        }
        let behind = &bytes[judged..(judged + 64).min(bytes.len())];
        let next = behind.iter().find(|byte| !b" \t\r\"'`,;".contains(byte));
        let last = next.is_none_or(|&byte| byte == b'\n' || byte == b'#');
        let assigned = bytes[separator] == b'=';
        if keys::is_value_in_prose(name.strength, word, (first, last, assigned), self.is_name) {
            let end = start + self.text[start..start + length(usize::MAX)].trim_end_matches(['.', '!', '?', ')']).len();
            self.found(start..end, name.what, 1);
            self.names_from = end;
        }
    }

    /// `scheme://user:password@host` (RFC 3986, section 3.2.1), and a token alone before the `@`.
    fn url(&mut self, colon: usize) {
        let start = colon + 3;
        let rest = &self.bytes[start..];
        let until = |ends: &[u8]| {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || ends.contains(byte);
            &rest[..rest.iter().take(LONGEST_WORD).take_while(|byte| !ends(byte)).count()]
        };
        let mut authority = until(b"/?#\"'`\\");
        // A password with a `/` in it has to be escaped, and often is not; a port has digits alone.
        if !authority.contains(&b'@')
            && let Some(colon) = authority.iter().position(|&byte| byte == b':')
            && !authority[colon + 1..].iter().all(u8::is_ascii_digit)
        {
            authority = until(b"\"'`\\");
        }
        let Some(at) = authority.iter().rposition(|&byte| byte == b'@') else { return };
        let user = &authority[..at];
        let (from, what) = match user.iter().position(|&byte| byte == b':') {
            Some(colon) => (colon + 1, "a password in a URL"),
            None if user.len() >= 16 && random::is_random_body(user) => (0, "a token in a URL"),
            None => return,
        };
        let Some(password) = self.text.get(start + from..start + at) else { return };
        if !keys::is_stand_in(password) {
            self.found(start + from..start + at, what, 0);
            self.names_from = self.names_from.max(start + at);
        }
    }

    fn oracle(&mut self, start: usize) {
        let rest = &self.bytes[start..];
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`".contains(byte);
        let word = &rest[..rest.iter().take(LONGEST_WORD).position(ends).unwrap_or(rest.len().min(LONGEST_WORD))];
        let (Some(slash), Some(at)) = (word.iter().position(|&b| b == b'/'), word.iter().position(|&b| b == b'@'))
        else {
            return;
        };
        if slash + 1 < at
            && let Some(password) = self.text.get(start + slash + 1..start + at)
            && !keys::is_stand_in(password)
        {
            self.found(start + slash + 1..start + at, "a password in a URL", 0);
        }
    }
}

/// Where the quotation ends that `text` begins with, if it does.
fn closing(text: &str, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}
