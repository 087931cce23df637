//! Values after a name: fields, assignments, connection strings and URLs.

use super::field_names;
use super::field_names::{SensitiveName, Strength};
use super::sentences::{ValueKind, is_password};
use super::{Scan, entropy};

/// The maximum length of a value in a sentence, in bytes.
///
/// This limit and the next keep the time linear in a text that consists only of names.
const LONGEST_WORD: usize = 512;
/// The maximum length of the indentation before a name, in bytes.
const LONGEST_MARGIN: usize = 256;

/// The maximum length of each half of `user:password@host`, in bytes.
const LONGEST_PAIR: usize = 160;

/// Words before a colon and an address with `@` that are not user names.
const NOT_USERS: [&str; 8] = ["mailto", "email", "mail", "contact", "sip", "xmpp", "acct", "npm"];

/// Passwords in example URLs besides `password`, if the host is an example too.
const TEMPLATE_PASSWORDS: [&str; 8] =
    ["passwd", "pass", "pwd", "pw", "secret", "mypassword", "mysecret", "yourpassword"];

/// Users with the password `password` in examples, with any host.
const TEMPLATE_USERS: [&str; 6] =
    ["user", "username", "myuser", "dbuser", "youruser", "yourusername"];

/// The maximum length of a quoted value that is checked as a whole, in bytes.
const LONGEST_QUOTATION: usize = 96;

impl Scan<'_> {
    /// Checks the text on both sides of a `:` or `=`.
    pub(super) fn check_separator(&mut self, at: usize) {
        let bytes = self.bytes;
        let colon = bytes[at] == b':';
        if colon && bytes[at + 1..].starts_with(b"//") {
            self.is_self_contained = false;
            self.check_url(at);
            return;
        }
        if at < self.names_from {
            self.is_self_contained = false;
            return;
        }
        if colon && bytes.get(at + 1).is_some_and(u8::is_ascii_graphic) {
            self.check_user_and_password(at);
        }
        let back = |from: usize, limit: usize, belongs: fn(u8) -> bool| {
            let least = self.line.max(from.saturating_sub(limit));
            let mut at = from;
            while at > least && belongs(bytes[at - 1]) {
                at -= 1;
            }
            at
        };
        let end =
            back(at, 8, |byte| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'*' | b'\\'));
        let is_of_name = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
        };
        let mut start =
            self.text.ceil_char_boundary(back(end, field_names::LONGEST_NAME, is_of_name));
        if start >= end || field_names::is_schema_field(&bytes[start..end]) {
            return;
        }
        // `jdbc:oracle:thin:scott/tiger@…` (Oracle, "JDBC Developer's Guide")
        if colon && &bytes[start..end] == b"thin" {
            self.check_oracle(at + 1);
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
            start = self.text.ceil_char_boundary(back(
                start - 1,
                field_names::LONGEST_NAME,
                is_of_name,
            ));
        }
        self.is_self_contained &= last != b"default";
        if last == b"default"
            && let Some(name) = self.terraform_variable(start)
        {
            self.check_prose(name, at, false);
            return;
        }
        if !field_names::may_be_sensitive(&bytes[start..end]) {
            return;
        }
        let Some(name) = field_names::classify_name(&self.text[start..end]) else { return };
        self.is_self_contained = false;
        let margin = &bytes[self.line..start];
        let margin_is = |allowed: &[u8]| {
            margin.len() <= LONGEST_MARGIN && margin.iter().all(|byte| allowed.contains(byte))
        };
        let is_key = colon && bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
        if is_key && margin_is(b" \t-?\"'") {
            self.check_field(name, start, at + 1);
        } else {
            // `#   password: …` is a commented-out field.
            self.check_prose(name, at, margin_is(b" \t-#\"'`*/;"));
        }
    }

    /// Checks `name: value` on its own line.
    fn check_field(&mut self, name: SensitiveName, key: usize, after: usize) {
        let mut end = self.line_end(after);
        let line = &self.text[after..end];
        let value = line.trim();
        let mut start = after + (line.len() - line.trim_start().len());
        let mut is_open = false;
        let value = match value.as_bytes() {
            [quote @ (b'"' | b'\''), ..] => {
                let close = find_closing_quote(value, *quote);
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
                // A tag or an anchor may precede a block.
                is_open = value.ends_with(['|', '>']);
                value.find(" #").map_or(value, |comment| &value[..comment]).trim_end()
            }
        };
        let mut span = start..start + value.len();
        // Without the parser, all following lines with more indentation belong to the value.
        let indent = key - self.line;
        while !self.is_parsed && end < self.bytes.len() {
            let begin = end + 1;
            end = self.line_end(begin);
            let line = &self.text[begin..end];
            let inner = line.trim();
            let depth = line.len() - line.trim_start().len();
            // `secret:` above `name: …` is a mapping.
            let is_field =
                inner.contains(": ") || inner.ends_with(':') || inner.starts_with(['-', '#']);
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
        if field_names::is_value(name.strength, &self.text[span.clone()], self.is_name) {
            self.names_from = span.end;
            self.add_match(span, name.what, 1);
        }
    }

    /// Returns the Terraform variable at byte `at`, if its name is sensitive.
    ///
    /// Such as `variable "db_password" { default = "…" }`.
    fn terraform_variable(&self, at: usize) -> Option<SensitiveName> {
        let from = self.text.ceil_char_boundary(at.saturating_sub(LONGEST_MARGIN));
        let (_, block) = self.text.get(from..at)?.rsplit_once("variable \"")?;
        let (name, body) = block.split_once('"')?;
        field_names::classify_name(name).filter(|_| !body.contains('}'))
    }

    fn line_end(&self, from: usize) -> usize {
        self.bytes[from..]
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(self.bytes.len(), |at| from + at)
    }

    /// Checks `name: value` and `name=value` in comments, prose and connection strings.
    fn check_prose(&mut self, name: SensitiveName, separator: usize, first: bool) {
        let bytes = self.bytes;
        let mut start = separator + 1;
        // `==`, `:=`, `=>`, and the characters around the value
        while start < bytes.len() && start - separator < 8 && b" \t=>\"'`\\".contains(&bytes[start])
        {
            start += 1;
        }
        // HTTP schemes (RFC 9110, section 11.4), and those of Okta, GitHub, Discord and others
        for scheme in
            ["Bearer ", "Basic ", "Token ", "SSWS ", "ApiKey ", "Api-Key ", "Bot ", "Key "]
        {
            let begins = bytes.get(start..start + scheme.len());
            start += if begins.is_some_and(|begins| begins.eq_ignore_ascii_case(scheme.as_bytes()))
            {
                scheme.len()
            } else {
                0
            };
        }
        // `Authorization: Splunk …`
        if name.what == "an authorization"
            && let Some((scheme, _)) = self.text
                [start..self.text.floor_char_boundary((start + 24).min(self.text.len()))]
                .split_once(' ')
            && !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphabetic())
        {
            start += scheme.len() + 1;
        }
        // `password='two words'`
        let quote = bytes[start - 1];
        if matches!(quote, b'"' | b'\'')
            && name.strength == Strength::Password
            && let Some(length) = bytes[start..]
                .iter()
                .take(LONGEST_QUOTATION)
                .position(|byte| *byte == quote || *byte == b'\n')
            && bytes[start + length] == quote
            && let Some(quoted) = self.text.get(start..start + length)
            && quoted.contains(' ')
            && quoted.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_punctuation())
            && field_names::is_value(name.strength, quoted, self.is_name)
        {
            self.add_match(start..start + length, name.what, 1);
            self.names_from = start + length;
            return;
        }
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"&;,\"'`<>{}|\\".contains(byte);
        let length =
            |limit: usize| bytes[start..].iter().take(limit).take_while(|byte| !ends(byte)).count();
        let judged = self.text.floor_char_boundary(start + length(LONGEST_WORD));
        let word = &self.text[start..judged];
        // A placeholder starts with a delimiter: `<password>`, `{{ password }}`, `${PASSWORD}`
        if word.is_empty() || word.starts_with("$(") || word == "$" {
            return;
        }
        let behind = &bytes[judged..(judged + 64).min(bytes.len())];
        let next = behind.iter().find(|byte| !b" \t\r\"'`,;".contains(byte));
        let last = next.is_none_or(|&byte| byte == b'\n' || byte == b'#');
        let assigned = bytes[separator] == b'=';
        if field_names::is_value_in_prose(
            name.strength,
            word,
            (first, last, assigned),
            self.is_name,
        ) {
            let end = start
                + self.text[start..start + length(usize::MAX)]
                    .trim_end_matches(['.', '!', '?', ')'])
                    .len();
            self.add_match(start..end, name.what, 1);
            self.names_from = end;
        }
    }

    /// Checks `scheme://user:password@host`, and a token before the `@`.
    ///
    /// See RFC 3986, section 3.2.1.
    fn check_url(&mut self, colon: usize) {
        let start = colon + 3;
        let rest = &self.bytes[start..];
        let until = |ends: &[u8]| {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || ends.contains(byte);
            &rest[..rest.iter().take(LONGEST_WORD).take_while(|byte| !ends(byte)).count()]
        };
        let mut authority = until(b"/?#\"'`\\");
        // A `/` in a password must be escaped, but often is not; a port has only digits.
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
            None if user.len() >= 16 && entropy::is_random_body(user) => (0, "a token in a URL"),
            None => return,
        };
        let Some(password) = self.text.get(start + from..start + at) else { return };
        // The key of a Sentry DSN without a second part is public (Sentry, "Data Source Name").
        if from == 0 && authority[at..].windows(6).any(|part| part == b"sentry") {
            return;
        }
        let is_template = || {
            let user = fold(&user[..from.saturating_sub(1)]);
            let host = authority[at + 1..].split(|byte| *byte == b':').next().unwrap_or_default();
            let is_example = user.is_empty() || is_template_host(&host.to_ascii_lowercase());
            match fold(password.as_bytes()).as_str() {
                "password" => is_example || TEMPLATE_USERS.contains(&user.as_str()),
                password => is_example && TEMPLATE_PASSWORDS.contains(&password),
            }
        };
        if !field_names::is_placeholder(password) && !is_template() {
            self.add_match(start + from..start + at, what, 0);
            self.names_from = self.names_from.max(start + at);
        }
    }

    /// Checks `user:password@host` without a scheme, and lines of `.pgpass`.
    ///
    /// Go's MySQL driver and others accept the former.
    fn check_user_and_password(&mut self, colon: usize) {
        let bytes = self.bytes;
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>,;".contains(byte);
        let rest = &bytes[colon + 1..];
        let word = &rest[..rest.iter().take(LONGEST_PAIR).take_while(|byte| !ends(byte)).count()];
        let before = &bytes[self.line.max(colon.saturating_sub(LONGEST_PAIR))..colon];
        let user = &before
            [before.iter().rposition(|byte| ends(byte) || *byte == b'=').map_or(0, |at| at + 1)..];
        if user.is_empty() || word.is_empty() {
            return;
        }
        let Ok(word) = std::str::from_utf8(word) else { return };
        // host:port:database:user:password (PostgreSQL, "The Password File")
        let parts: Vec<&str> = word.splitn(4, ':').collect();
        if let [port, database, name, password] = parts[..]
            && (port == "*"
                || (port.len() <= 5
                    && !port.is_empty()
                    && port.bytes().all(|byte| byte.is_ascii_digit())))
            && !database.is_empty()
            && !name.is_empty()
            && password.len() >= 4
            && !password.contains(':')
            && !user.contains(&b':')
            && !field_names::is_placeholder(password)
        {
            let from = colon + 1 + port.len() + database.len() + name.len() + 3;
            self.add_match(from..from + password.len(), "a password", 1);
            return;
        }
        let is_user =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if user.iter().all(is_user)
            && let Some((password, host)) = word.rsplit_once('@')
            && !host.is_empty()
            && !host.starts_with("sha")
            && !password.contains('/')
            && !NOT_USERS.iter().any(|name| user.eq_ignore_ascii_case(name.as_bytes()))
            && is_password(password, true, ValueKind::Password)
        {
            self.add_match(colon + 1..colon + 1 + password.len(), "a password", 1);
        }
    }

    fn check_oracle(&mut self, start: usize) {
        let rest = &self.bytes[start..];
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`".contains(byte);
        let word = &rest[..rest
            .iter()
            .take(LONGEST_WORD)
            .position(ends)
            .unwrap_or(rest.len().min(LONGEST_WORD))];
        let (Some(slash), Some(at)) =
            (word.iter().position(|&b| b == b'/'), word.iter().position(|&b| b == b'@'))
        else {
            return;
        };
        if slash + 1 < at
            && let Some(password) = self.text.get(start + slash + 1..start + at)
            && !field_names::is_placeholder(password)
        {
            self.add_match(start + slash + 1..start + at, "a password in a URL", 0);
        }
    }
}

/// Returns the letters and digits of a part of a URL, in lower case.
fn fold(part: &[u8]) -> String {
    part.iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| byte.to_ascii_lowercase() as char)
        .collect()
}

/// Returns whether a host is an example: localhost, a Compose service, or RFC 2606.
fn is_template_host(host: &[u8]) -> bool {
    matches!(host, b"localhost" | b"127.0.0.1" | b"db" | b"database")
        || [b".example".as_slice(), b"example.com", b"example.org", b"example.net"]
            .iter()
            .any(|end| host.ends_with(end))
        || host == b"example"
}

/// Returns the end of the quotation at the start of `text`, if there is one.
fn find_closing_quote(text: &str, quote: u8) -> Option<usize> {
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
