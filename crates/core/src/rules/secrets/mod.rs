//! Finds values of secrets in text.
//!
//! One pass over the whole text, including comments and invalid YAML, in linear time. Runs of token
//! characters are compared with known formats and checked for randomness. For `:` and `=`, the name
//! in front is checked, and whether they belong to a URL with a password. Values that only the
//! parser knows (flow style, several lines, escapes) come from the nodes.

mod assignments;
mod commands;
mod encoded;
mod entropy;
mod field_names;
mod formats;
mod gitleaks;
mod line_cache;
mod nodes;
mod sentences;

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memchr;

use super::secrets::commands::{COMMANDS, CommandUsage};
pub(super) use super::secrets::field_names::ANY_VALUE;
use super::secrets::formats::{FormatCache, TokenMatch};
use super::secrets::line_cache::LineCache;
use super::secrets::sentences::{KEYWORDS, ValueKind};
use crate::yaml::Node;

/// Bytes that look like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretMatch {
    pub span: Range<usize>,
    /// A noun with its article, never a part of the text.
    pub what: &'static str,
    /// The certainty: 0 for a known format, 1 for a name, 2 for randomness.
    rank: u8,
    /// The decoded value, if quoting or folding changes it.
    pub decoded: Option<String>,
}

/// Returns whether a word is a name in the catalog, such as a value of an enum.
pub(super) type IsName<'a> = &'a dyn Fn(&str) -> bool;

/// The minimum length of a run of token characters: `-----BEGIN`.
const SHORTEST_RUN: usize = 10;

/// A word or phrase that a value may follow.
#[derive(Clone, Copy)]
enum Keyword {
    Sentence(ValueKind),
    Command(CommandUsage),
}

/// The number of [`slot`]s for words by their first bytes.
const SLOTS: usize = 1024;

/// [`KEYWORDS`] and [`COMMANDS`] by their first two bytes, longest first.
///
/// Building an automaton takes longer than reading one staged manifest.
static KEYWORDS_BY_SLOT: LazyLock<[Vec<(&str, Keyword)>; SLOTS]> = LazyLock::new(|| {
    let mut by_slot = [const { Vec::new() }; SLOTS];
    let keywords = KEYWORDS.iter().map(|(word, kind)| (*word, Keyword::Sentence(*kind)));
    let commands = COMMANDS.iter().map(|(word, usage)| (*word, Keyword::Command(*usage)));
    for (word, announced) in keywords.chain(commands) {
        by_slot[slot(word.as_bytes())].push((word, announced));
    }
    for words in &mut by_slot {
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    }
    by_slot
});

/// The second bytes of the words with a first byte, ignoring case, as a bit set.
///
/// The bits are numbered by the last five bits of the second byte, which do not depend on case.
const BEGINNINGS: [u32; 256] = {
    let mut beginnings = [0; 256];
    let mut row = 0;
    while row < KEYWORDS.len() + COMMANDS.len() {
        let is_cue = row < KEYWORDS.len();
        let word =
            if is_cue { KEYWORDS[row].0 } else { COMMANDS[row - KEYWORDS.len()].0 }.as_bytes();
        let second = 1 << (word[1] & 31);
        beginnings[word[0].to_ascii_lowercase() as usize] |= second;
        beginnings[word[0].to_ascii_uppercase() as usize] |= second;
        row += 1;
    }
    beginnings
};

/// Returns whether one of these words may begin like `text`: in a manifest, few do.
#[inline]
fn may_be_keyword(text: &[u8]) -> bool {
    let [first, second, ..] = text else { return false };
    BEGINNINGS[usize::from(*first)] >> (second & 31) & 1 == 1
}

/// Returns the slot of words that begin like `text`, ignoring case.
///
/// No word has only one byte.
fn slot(text: &[u8]) -> usize {
    let byte = |at: usize| text.get(at).map_or(0, |byte| usize::from(byte.to_ascii_lowercase()));
    (byte(0) * 37 + byte(1)) % SLOTS
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Other,
    Token,
    Separator,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'/' | b'.' | b'-') {
            classes[byte] = Class::Token;
        }
        byte += 1;
    }
    classes[b':' as usize] = Class::Separator;
    classes[b'=' as usize] = Class::Separator;
    classes
};

/// Returns text that looks like a secret, in text order, without overlaps.
///
/// If the text was parsed, `root` are its nodes.
pub(super) fn find_secrets(
    text: &str,
    root: Option<&Node>,
    is_name: IsName<'_>,
) -> Vec<SecretMatch> {
    let mut scan = Scan {
        text,
        bytes: text.as_bytes(),
        is_parsed: root.is_some(),
        is_name,
        line: 0,
        names_from: 0,
        format_cache: FormatCache::default(),
        has_aws_key_id: false,
        is_self_contained: true,
        matches: Vec::new(),
    };
    LineCache::with(|cache| {
        let lines = scan.scan_lines(cache);
        scan.check_keywords(&lines, cache);
    });
    if let Some(root) = root {
        scan.check_node(root, None);
    }
    merge_matches(scan.matches)
}

/// Returns text that looks like a secret in a message or another text.
pub(super) fn find_secrets_in_message(text: &str) -> Vec<SecretMatch> {
    find_secrets(text, None, &|_| false)
}

fn merge_matches(mut matches: Vec<SecretMatch>) -> Vec<SecretMatch> {
    matches.sort_by_key(|secret| (secret.span.start, secret.span.end));
    let mut merged: Vec<SecretMatch> = Vec::with_capacity(matches.len());
    for secret in matches {
        match merged.last_mut().filter(|last| secret.span.start < last.span.end) {
            None => merged.push(secret),
            Some(last) => {
                last.span.end = last.span.end.max(secret.span.end);
                last.decoded = last.decoded.take().or(secret.decoded);
                if secret.rank < last.rank {
                    (last.rank, last.what) = (secret.rank, secret.what);
                }
            }
        }
    }
    merged
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// Whether the text was parsed: then the nodes have the values.
    is_parsed: bool,
    is_name: IsName<'a>,
    line: usize,
    /// Names before this byte are part of a value that was found.
    names_from: usize,
    format_cache: FormatCache,
    has_aws_key_id: bool,
    /// Whether the result for this line so far does not depend on other lines.
    is_self_contained: bool,
    matches: Vec<SecretMatch>,
}

/// A line to search.
struct SearchedLine {
    span: Range<usize>,
    /// Whether nothing was found so far, regardless of other lines.
    is_empty: bool,
}

impl Scan<'_> {
    /// Searches runs and separators. Returns the lines that are not in the cache.
    fn scan_lines(&mut self, cache: &LineCache) -> Vec<SearchedLine> {
        let bytes = self.bytes;
        let mut lines = Vec::new();
        let (mut start, mut at) = (0, 0);
        while start < bytes.len() {
            let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length);
            let is_whole = at <= start;
            if start < end && !(is_whole && cache.has(&bytes[start..end])) {
                let found = self.matches.len();
                (self.line, self.is_self_contained) = (start, is_whole);
                // A block may end in the middle of a later line.
                at = self.scan_line(at.max(start), end);
                let is_empty = self.is_self_contained && self.matches.len() == found;
                lines.push(SearchedLine { span: start..end, is_empty });
            }
            start = end + 1;
        }
        if self.has_aws_key_id {
            self.find_aws_secret_keys();
        }
        lines
    }

    /// Searches runs and separators from `at` to the end of the line.
    ///
    /// Returns the byte at which to continue.
    fn scan_line(&mut self, mut at: usize, end: usize) -> usize {
        let bytes = self.bytes;
        while at < end {
            match CLASSES[bytes[at] as usize] {
                Class::Other => {
                    at += 1;
                    while at < end && bytes[at] == b' ' {
                        at += 1;
                    }
                }
                Class::Separator => {
                    self.check_separator(at);
                    at += 1;
                }
                Class::Token => {
                    let start = at;
                    while at < end && CLASSES[bytes[at] as usize] == Class::Token {
                        at += 1;
                    }
                    let is_short_start = match at - start {
                        4 => bytes[start..].starts_with(b"---- BEGIN "),
                        6 => bytes[start..].starts_with(b"sha256~"),
                        length => length >= SHORTEST_RUN,
                    };
                    if is_short_start {
                        at = self.check_run(start..at);
                    }
                }
            }
        }
        at
    }

    /// Searches for command lines, and for words that announce a value.
    ///
    /// Adds the lines without either to the cache.
    fn check_keywords(&mut self, lines: &[SearchedLine], cache: &mut LineCache) {
        for line in lines {
            let found = self.matches.len();
            self.is_self_contained = line.is_empty;
            self.check_keywords_of_line(line.span.clone());
            if self.is_self_contained && self.matches.len() == found {
                cache.add(&self.bytes[line.span.clone()]);
            }
        }
    }

    fn check_keywords_of_line(&mut self, line: Range<usize>) {
        let bytes = self.bytes;
        let mut at = line.start;
        while at < line.end {
            let is_inside = at > 0 && bytes[at - 1].is_ascii_alphanumeric() && !self.is_escape(at);
            if is_inside && bytes[at].is_ascii_alphanumeric() {
                // Most positions are inside an ASCII word.
                at += 1;
                while at < line.end && bytes[at].is_ascii_alphanumeric() {
                    at += 1;
                }
                continue;
            }
            let may_begin =
                may_be_keyword(&bytes[at..]) && (!is_inside || sentences::is_unspaced(bytes[at]));
            at = may_begin.then(|| self.check_keyword(at)).flatten().unwrap_or(at + 1);
        }
    }

    /// Checks the text after the word at `at`, if it announces a value.
    ///
    /// Returns the end of the word.
    fn check_keyword(&mut self, at: usize) -> Option<usize> {
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let (text, bytes) = (self.text, self.bytes);
        let is_same = |one: Option<&u8>, other: Option<&u8>| match (one, other) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            (word_ends, _) => word_ends.is_none(),
        };
        let is_here = |word: &str| {
            is_same(word.as_bytes().get(2), bytes.get(at + 2))
                && bytes
                    .get(at..at + word.len())
                    .is_some_and(|here| here.eq_ignore_ascii_case(word.as_bytes()))
        };
        let words = &KEYWORDS_BY_SLOT[slot(&bytes[at..])];
        let (word, announced) = words.iter().find(|(word, _)| is_here(word))?;
        let end = at + word.len();
        let begins = !is_letter(text[..at].chars().next_back()) || self.is_escape(at);
        if sentences::is_unspaced(bytes[at]) || (begins && !is_letter(text[end..].chars().next())) {
            match announced {
                Keyword::Sentence(kind) => self.check_sentence(at, end, *kind),
                Keyword::Command(usage) => self.check_command(end, *usage),
            }
        }
        Some(end)
    }

    /// Returns whether the letter before `start` belongs to an escape such as `\n`.
    fn is_escape(&self, start: usize) -> bool {
        start >= 2
            && self.bytes[start - 2] == b'\\'
            && matches!(self.bytes[start - 1], b'n' | b'r' | b't')
    }

    fn add_match(&mut self, span: Range<usize>, what: &'static str, rank: u8) {
        self.matches.push(SecretMatch { span, what, rank, decoded: None });
    }

    /// Searches a run of token characters. Returns the byte at which to continue.
    fn check_run(&mut self, run: Range<usize>) -> usize {
        let bytes = self.bytes;
        // `\nghp_…`: the letter belongs to the escape.
        let escaped = run.start > 0
            && bytes[run.start - 1] == b'\\'
            && matches!(bytes[run.start], b'n' | b'r' | b't');
        // Digits and capitals; names in a manifest have few of either.
        let (mut word_starts, mut rare) = (true, 0);
        let mut at = run.start;
        let mut rest = run.start + usize::from(escaped);
        while at < run.end {
            let byte = bytes[at];
            if word_starts && formats::may_start(&bytes[at..]) {
                let found = formats::at(self.text, at, &mut self.format_cache);
                // The end of a block is on a later line.
                self.is_self_contained &= found.is_none() && byte != b'-';
                let end = match found {
                    None => at,
                    Some(TokenMatch::Public(end)) => end,
                    Some(TokenMatch::Secret(span, what)) => {
                        self.add_match(span.clone(), what, 0);
                        span.end
                    }
                    Some(TokenMatch::AwsKeyId(span)) => {
                        self.has_aws_key_id = true;
                        self.add_match(span.clone(), "an AWS access key ID", 0);
                        span.end
                    }
                };
                if end > at {
                    if end >= run.end {
                        return end;
                    }
                    (at, rest, word_starts, rare) = (end, end, true, 0);
                    continue;
                }
            }
            rare += usize::from(byte.is_ascii_digit() || byte.is_ascii_uppercase());
            word_starts = !byte.is_ascii_alphanumeric() || (escaped && at == run.start);
            at += 1;
        }
        if rare < 2 || run.end - rest < 20 {
            return run.end;
        }
        self.is_self_contained = false;
        if let Some(span) = entropy::random_part(bytes, rest..run.end) {
            match encoded::decode_text(&self.text[span.clone()]) {
                None => self.add_match(span, "a random string, such as a key or a token", 2),
                Some(text) if encoded::contains_secret(&text) => {
                    self.add_match(span, "a secret in base64", 2)
                }
                Some(_) => {}
            }
        }
        run.end
    }

    /// Finds the 40 characters of base64 that belong to an access key ID.
    ///
    /// See AWS, "Managing access keys". Keys that contain words, such as those in the
    /// documentation, are found only next to an ID.
    fn find_aws_secret_keys(&mut self) {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let mut start = 0;
        for part in self.bytes.split(|byte| !is_part(byte)) {
            let has = |is: fn(&u8) -> bool| part.iter().any(is);
            if part.len() == 40
                && has(u8::is_ascii_lowercase)
                && has(u8::is_ascii_uppercase)
                && (has(u8::is_ascii_digit) || has(|byte| matches!(byte, b'+' | b'/')))
            {
                self.add_match(start..start + 40, "an AWS secret access key", 0);
            }
            start += part.len() + 1;
        }
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_value_below_its_name_is_found_even_if_its_line_was_harmless_before() {
        assert_eq!(find_secrets_in_message("see below:\nTr0ub4dor&3\n"), []);
        let matches = find_secrets_in_message("the password is:\nTr0ub4dor&3\n");
        let [secret] = matches.as_slice() else { panic!("{matches:?}") };
        assert_eq!(secret.span, 17..28);
    }

    #[test]
    fn a_line_with_a_secret_is_reported_each_time() {
        let text = "# the password is Tr0ub4dor&3\n";
        for _ in 0..3 {
            assert_eq!(find_secrets_in_message(text).len(), 1);
        }
    }

    #[test]
    fn a_block_hides_the_lines_in_it_and_not_those_after_it() {
        let block = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        assert_eq!(find_secrets_in_message(&format!("MIIB\n{block}")), []);
        let matches = find_secrets_in_message(&format!("{block}password=hunter2\n"));
        assert_eq!(matches.len(), 1);
    }

    /// Each text of 256 KiB makes a naive scanner read the same bytes many times.
    #[test]
    fn hostile_text_takes_linear_time() {
        let texts = [
            "sk-",
            "sk-a",
            "eyJ-",
            "eyJhbGciOiJIUzI1NiJ9-",
            "-----BEGIN X",
            "-----BEGIN PRIVATE KEY-----\n",
            "-----BEGIN CERTIFICATE-----\n",
            "END -----BEGIN X\n",
            "password=",
            "password=a://",
            "password:a ",
            "password: a\n",
            "password: |\n",
            "://",
            "://a:b",
            "a://a:b@",
            "=",
            ":",
            "a=",
            "a1B2-",
            "A1b2C3d4E5",
            "0123456789abcdef",
            "é",
            "password: é",
            "\\n",
            "\"",
            "'",
            "' ''",
            "#",
            "  - ",
            "AKIAAAAA",
            "sha256:",
            "xoxb-1-",
            "hooks.slack.com/services/",
            "thin:",
            "thin:a/b@",
            "value: ",
            "{data: [",
            "api key: ",
            "jdbc:oracle:thin:a/",
            "password: <a",
            "password: ",
            "default=",
            "variable \"password\" default=",
            "ANSIBLE_VAULT;1\n",
            "ENC[AES256_GCM,data:a1B2c3D4e5F6g7H8i9J0",
            "|1|a1B2c3D4e5F6g7H8i9J0k1L2m3N=",
            "sign in as a with ",
            "net use \\\\a ",
            "htpasswd -b ",
            "--key a ",
            "password：",
            "密码",
            "password:\n\n",
        ];
        let length = 256 * 1024;
        let texts = texts.into_iter().map(|pattern| pattern.repeat(length / pattern.len()));
        let stairs: String =
            (0..700).map(|depth| format!("{}password: |\n", " ".repeat(depth))).collect();
        let margin = format!("{}{}", " ".repeat(length / 2), "password: ${A} ".repeat(length / 30));
        for text in texts.chain([stairs, margin]) {
            let started = std::time::Instant::now();
            find_secrets_in_message(&text);
            let taken = started.elapsed();
            let start: String = text.trim_start().chars().take(30).collect();
            // Quadratic time would be many minutes; a busy machine takes seconds.
            assert!(taken.as_secs() < 120, "{taken:?} for {start}");
        }
    }
}
