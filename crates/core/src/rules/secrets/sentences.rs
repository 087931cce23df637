//! Passwords in sentences, in several languages: `the password for … is …`.

use super::entropy;
use super::entropy::is_name_like;
use super::field_names;
use super::field_names::is_plain_word;
use super::{Scan, commands};

/// The kind of value that a word announces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    Password,
    Token,
    /// A user name, a slash and a password may follow.
    Login,
    /// Only digits.
    Pin,
}

/// Words for a password in languages of Europe and East Asia.
///
/// East Asian words include the following particle or verb, since no space separates them.
pub(super) const KEYWORDS: [(&str, ValueKind); 100] = [
    ("password", ValueKind::Password),
    ("passwd", ValueKind::Password),
    ("passphrase", ValueKind::Password),
    ("passcode", ValueKind::Password),
    ("pwd", ValueKind::Password),
    ("pw", ValueKind::Password),
    ("pass", ValueKind::Password),
    ("psk", ValueKind::Password),
    ("passwort", ValueKind::Password),
    ("kennwort", ValueKind::Password),
    ("mot de passe", ValueKind::Password),
    ("mots de passe", ValueKind::Password),
    ("mdp", ValueKind::Password),
    ("contraseña", ValueKind::Password),
    ("contrasena", ValueKind::Password),
    ("clave", ValueKind::Password),
    ("senha", ValueKind::Password),
    ("wachtwoord", ValueKind::Password),
    ("secret", ValueKind::Token),
    ("secreto", ValueKind::Token),
    ("token", ValueKind::Token),
    ("jeton", ValueKind::Token),
    ("pat", ValueKind::Token),
    ("api key", ValueKind::Token),
    ("api-key", ValueKind::Token),
    ("apikey", ValueKind::Token),
    ("access key", ValueKind::Token),
    ("secret key", ValueKind::Token),
    ("private key", ValueKind::Token),
    ("encryption key", ValueKind::Token),
    ("signing key", ValueKind::Token),
    ("master key", ValueKind::Token),
    ("license key", ValueKind::Token),
    ("schlüssel", ValueKind::Token),
    ("api-schlüssel", ValueKind::Token),
    ("zugangsschlüssel", ValueKind::Token),
    ("geheimnis", ValueKind::Token),
    ("clé", ValueKind::Token),
    ("clé api", ValueKind::Token),
    ("clé d'api", ValueKind::Token),
    ("clé secrète", ValueKind::Token),
    ("clé d'accès", ValueKind::Token),
    ("clave de acceso", ValueKind::Token),
    ("clave secreta", ValueKind::Token),
    ("credential", ValueKind::Login),
    ("credentials", ValueKind::Login),
    ("creds", ValueKind::Login),
    ("login", ValueKind::Login),
    ("zugangsdaten", ValueKind::Login),
    ("anmeldedaten", ValueKind::Login),
    ("identifiants", ValueKind::Login),
    ("identifiant", ValueKind::Login),
    ("credenciales", ValueKind::Login),
    ("usuario", ValueKind::Login),
    ("pin", ValueKind::Pin),
    // SQL
    ("identified by", ValueKind::Password),
    ("sign in", ValueKind::Login),
    ("sign-in", ValueKind::Login),
    ("log in", ValueKind::Login),
    ("log on", ValueKind::Login),
    ("logon", ValueKind::Login),
    // SNMP communities authorize like passwords (RFC 1157, section 3.2.5)
    ("snmp community", ValueKind::Password),
    ("community string", ValueKind::Password),
    ("rocommunity", ValueKind::Password),
    ("rwcommunity", ValueKind::Password),
    ("snmp-server community", ValueKind::Password),
    // Italian, Portuguese
    ("parola", ValueKind::Password),
    ("parola d'ordine", ValueKind::Password),
    ("parola segreta", ValueKind::Password),
    ("chiave api", ValueKind::Token),
    ("chiave segreta", ValueKind::Token),
    ("credenziali", ValueKind::Login),
    ("palavra-passe", ValueKind::Password),
    ("chave", ValueKind::Token),
    ("chave secreta", ValueKind::Token),
    ("chave de api", ValueKind::Token),
    ("segredo", ValueKind::Token),
    ("credenciais", ValueKind::Login),
    // Swedish, Danish, Norwegian, Polish, Russian
    ("lösenord", ValueKind::Password),
    ("lösenordet", ValueKind::Password),
    ("adgangskode", ValueKind::Password),
    ("adgangskoden", ValueKind::Password),
    ("passord", ValueKind::Password),
    ("passordet", ValueKind::Password),
    ("hasło", ValueKind::Password),
    ("Hasło", ValueKind::Password),
    ("hasło to", ValueKind::Password),
    ("haslo", ValueKind::Password),
    ("пароль", ValueKind::Password),
    ("Пароль", ValueKind::Password),
    // Japanese, Chinese, Korean
    ("パスワード", ValueKind::Password),
    ("パスワードは", ValueKind::Password),
    ("密码", ValueKind::Password),
    ("密码是", ValueKind::Password),
    ("密码为", ValueKind::Password),
    ("密碼", ValueKind::Password),
    ("密碼是", ValueKind::Password),
    ("口令", ValueKind::Password),
    ("비밀번호", ValueKind::Password),
    ("비밀번호는", ValueKind::Password),
];

/// Words between a keyword and its value.
const COPULAS: [&str; 28] = [
    ":", "=", "->", "=>", "→", "is", "was", "are", "ist", "lautet", "lautete", "war", "est",
    "était", "es", "era", "será", "is:", "ist:", "é", "è", "sarà", "era:", "foi", "är", "er", "—",
    "–",
];

/// Words that may precede the value.
const ADVERBS: [&str; 26] = [
    "now",
    "currently",
    "still",
    "set",
    "changed",
    "reset",
    "to",
    "just",
    "jetzt",
    "nun",
    "aktuell",
    "derzeit",
    "noch",
    "auf",
    "maintenant",
    "actuellement",
    "toujours",
    "ahora",
    "actualmente",
    "todavía",
    "the",
    "das",
    "die",
    "der",
    "le",
    "la",
];

/// Prepositions of a phrase after a keyword: `password for the test database:`.
///
/// In `password policy:` the phrase is about something else.
const PREPOSITIONS: [&str; 80] = [
    "for",
    "of",
    "on",
    "at",
    "in",
    "to",
    "from",
    "with",
    "used",
    "value",
    "für",
    "fürs",
    "der",
    "des",
    "dem",
    "vom",
    "von",
    "zum",
    "zur",
    "im",
    "am",
    "mit",
    "pour",
    "de",
    "du",
    "actuel",
    "actuelle",
    "sur",
    "para",
    "del",
    "en",
    "actual",
    "per",
    "da",
    "van",
    "voor",
    "d'accès",
    "set",
    "changed",
    "reset",
    "updated",
    "nueva",
    "nuevo",
    "antigua",
    "vieja",
    "temporal",
    "nouveau",
    "ancien",
    "temporaire",
    "provisoire",
    "provisional",
    "initial",
    "courant",
    // Italian, Portuguese
    "di",
    "dell",
    "dello",
    "della",
    "dei",
    "delle",
    "degli",
    "dal",
    "nel",
    "nuova",
    "attuale",
    "temporanea",
    "do",
    "dos",
    "das",
    "no",
    "na",
    "nova",
    "atual",
    "provisória",
    // Swedish, Polish, Russian
    "för",
    "till",
    "dla",
    "od",
    "от",
    "для",
    // `sign in as root`
    "as",
];

/// Words after a verb of change: `changed to …`, `used to be …`.
/// Words between a user and the password: `sign in as root with …`.
const WITH: [&str; 6] = ["with", "using", "mit", "avec", "con", "com"];

const BECOMES: [&str; 6] = ["to", "be", "auf", "à", "a", "en"];
const CHANGES: [&str; 6] = ["set", "changed", "reset", "updated", "used", "to"];

/// Words between a value and a keyword after it: `… as the password`.
const AS: [&str; 9] = ["as", "is", "the", "als", "ist", "das", "comme", "como", "our"];

/// Signs between a keyword and its value, including full-width ones.
const SIGNS: [char; 4] = [':', '=', '：', '＝'];

/// The maximum number of words between a keyword and the value.
const MOST_WORDS: usize = 10;

/// The maximum length of a sentence, in bytes: it keeps the time linear.
const REACH: usize = 160;

/// The maximum length of a quotation, in bytes.
const LONGEST_QUOTATION: usize = 96;

/// Opening quotation marks, each with its closing marks.
const QUOTATIONS: [(char, &str); 10] = [
    ('"', "\""),
    ('\'', "'"),
    ('`', "`"),
    ('«', "»"),
    ('»', "«"),
    ('„', "“”\""),
    ('“', "”“"),
    ('‚', "‘’'"),
    ('‘', "’"),
    ('「', "」"),
];

/// The certainty that a value follows in a sentence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ExpectedWord {
    /// The previous word is a keyword: `password hunter2`.
    Next,
    /// The keyword is further back, or follows.
    Later,
    /// The previous word is `is`, `:` or similar.
    Value,
}

impl<'text> Scan<'text> {
    /// Checks the sentence after a keyword, which ends at `end`.
    pub(super) fn check_sentence(&mut self, start: usize, end: usize, kind: ValueKind) {
        let rest = self.rest_of_line(end, REACH);
        if let Some(option) = commands::long_option(self.bytes, start) {
            if option && rest.starts_with(' ') {
                self.check_option_value(end + 1);
            }
            return;
        }
        // The keyword is the end of a variable's name, as in `set -x DEPLOY_TOKEN …`
        let is_name = start > 0 && self.bytes[start - 1] == b'_';
        if !is_name && kind != ValueKind::Login && kind != ValueKind::Pin {
            self.check_text_before(start, kind);
        }
        // `パスワードは…です`
        let is_joined = is_unspaced(self.bytes[start]);
        let mut at = rest.len() - rest.trim_start_matches(['*', '_', '`', '"', ')']).len();
        let mut expected = ExpectedWord::Next;
        if let Some(sign) = rest[at..].chars().next().filter(|sign| SIGNS.contains(sign)) {
            if is_name {
                return;
            }
            (expected, at) = (ExpectedWord::Value, at + sign.len_utf8());
        } else if let Some(argument) = rest[at..].trim_start_matches(['\'', '"']).strip_prefix(',')
        {
            // `define('DB_PASSWORD', '…')`
            let from = rest.len() - argument.trim_start().len();
            if let Some(inner) = quotation(&rest[from..]) {
                let word = &rest[from + inner.start..from + inner.end];
                if word.len() >= 4
                    && !field_names::is_placeholder(word)
                    && !field_names::is_reference(word)
                    && !is_plain_word(word)
                    && !is_name_like(word)
                {
                    self.check_password(end + from + inner.start, end + from + inner.end, kind);
                }
            }
            return;
        } else if !is_joined
            && !rest[at..].starts_with([' ', '\t', '\u{a0}', '\u{202f}', '\u{3000}', '>'])
        {
            return;
        } else if rest[at..].starts_with('>') {
            self.check_element(end + at + 1, &rest[at + 1..]);
            return;
        }
        let (mut previous_is_prepositional, mut names_user) = (false, false);
        let mut previous = String::new();
        for number in 0..MOST_WORDS {
            at += rest[at..].len() - rest[at..].trim_start().len();
            let Some(first) = rest[at..].chars().next() else {
                if expected == ExpectedWord::Value && !is_name {
                    self.check_next_line(end + at, kind);
                }
                return;
            };
            if let Some(inner) = quotation(&rest[at..]) {
                let (from, to) = (at + inner.start, at + inner.end);
                let word = &rest[from..to];
                if (number == 0 || expected != ExpectedWord::Next) && is_password(word, true, kind)
                {
                    self.check_password(end + from, end + to, kind);
                }
                return;
            }
            let ends = |c: char| c.is_whitespace() || (is_joined && !c.is_ascii());
            let length = rest[at..].find(ends).unwrap_or(rest.len() - at);
            let token = &rest[at..at + length];
            let lower = token.to_lowercase();
            let next = at + length;
            if COPULAS.contains(&lower.as_str()) || (kind == ValueKind::Login && token == "/") {
                if is_name {
                    return;
                }
                (expected, at) = (ExpectedWord::Value, next);
                continue;
            }
            let word = token
                .trim_end_matches(['.', ',', ';', ':', '?', ')', '"', '\'', '»', '”', '“', '`']);
            let word_from = at + usize::from(matches!(first, '(' | '['));
            let word = word.trim_start_matches(['(', '[']);
            if kind == ValueKind::Login
                && !is_name
                && let Some(from) = pair(word)
            {
                self.check_password(end + word_from + from, end + word_from + word.len(), kind);
                return;
            }
            match expected {
                ExpectedWord::Value => {
                    if is_password(word, true, kind) {
                        self.check_password(end + word_from, end + word_from + word.len(), kind);
                        return;
                    }
                    let goes_on = ADVERBS.contains(&lower.as_str())
                        || (kind == ValueKind::Login
                            && (is_plain_word(word) || is_name_like(word) || is_user(word)));
                    if !goes_on {
                        return;
                    }
                    // `user / password`
                    if kind == ValueKind::Login && !ADVERBS.contains(&lower.as_str()) {
                        expected = ExpectedWord::Later;
                    }
                }
                ExpectedWord::Next
                    if kind != ValueKind::Login
                        && (is_password(word, false, kind)
                            || (kind == ValueKind::Token && is_key(word))
                            || (next == rest.len() && self.is_entry(start, word))) =>
                {
                    self.check_password(end + word_from, end + word_from + word.len(), kind);
                    return;
                }
                ExpectedWord::Next | ExpectedWord::Later => {
                    if is_name || token.ends_with(['.', ';', '?', '!']) {
                        return;
                    }
                    if number == 0 {
                        previous_is_prepositional = PREPOSITIONS.contains(&lower.as_str());
                    }
                    if !previous_is_prepositional
                        || !(is_plain_word(word) || is_name_like(word) || is_user(word))
                    {
                        return;
                    }
                    let becomes =
                        BECOMES.contains(&lower.as_str()) && CHANGES.contains(&previous.as_str());
                    names_user |=
                        number == 0 && matches!(lower.as_str(), "as" | "als" | "como" | "come");
                    let with = names_user
                        && kind == ValueKind::Login
                        && number >= 2
                        && WITH.contains(&lower.as_str());
                    let is_announced = becomes || with || token.ends_with(SIGNS);
                    expected = if is_announced { ExpectedWord::Value } else { ExpectedWord::Later };
                }
            }
            (at, previous) = (next, lower);
        }
    }

    /// Checks the line after a line that has only `password:`.
    fn check_next_line(&mut self, at: usize, kind: ValueKind) {
        self.is_self_contained = false;
        let Some(below) =
            self.text[at..].strip_prefix('\n').or_else(|| self.text[at..].strip_prefix("\r\n"))
        else {
            return;
        };
        let from = self.text.len() - below.len();
        let line = self.rest_of_line(from, REACH);
        let word =
            line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '"' | '\'' | '`'));
        if kind != ValueKind::Login
            && !word.contains(char::is_whitespace)
            && !word.ends_with(':')
            && !is_name_like(word)
            && is_password(word, true, kind)
            && let Some(margin) = line.find(word)
        {
            self.check_password(from + margin, from + margin + word.len(), kind);
        }
    }

    /// Checks the text before a keyword: `… as the password`.
    fn check_text_before(&mut self, start: usize, kind: ValueKind) {
        let from =
            self.text.ceil_char_boundary(start.saturating_sub(REACH).max(self.line_start(start)));
        let mut rest = self.text.get(from..start).unwrap_or_default().trim_end_matches(' ');
        let mut is_said = false;
        for _ in 0..3 {
            let word = rest.rsplit(' ').next().unwrap_or_default();
            if AS.contains(&word.to_ascii_lowercase().as_str()) {
                // `the password` without `as` does not refer to the text before it.
                is_said |= !matches!(word, "the" | "das" | "our");
                rest = rest[..rest.len() - word.len()].trim_end_matches(' ');
                continue;
            }
            let word = word.trim_matches(['"', '\'', '`', '(', ',']);
            if is_said && is_password(word, false, kind) {
                let at = from + rest.rfind(word).unwrap_or_default();
                self.check_password(at, at + word.len(), kind);
            }
            return;
        }
    }

    /// Returns whether `password …` is a whole line, or follows `login …`.
    ///
    /// `.netrc` has such lines.
    fn is_entry(&self, start: usize, word: &str) -> bool {
        let line = self.text.get(self.line_start(start)..start).unwrap_or_default();
        let before = line.trim_start_matches([' ', '\t', '#']);
        word.len() >= 8
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !field_names::is_placeholder(word)
            && !field_names::is_reference(word)
            && (before.is_empty() || before.starts_with("machine ") || before.starts_with("login "))
    }

    /// Checks `<password>…</password>`.
    fn check_element(&mut self, from: usize, rest: &str) {
        let Some(length) = rest.find('<') else { return };
        let word = &rest[..length];
        let is_closed = rest[length..].starts_with("</");
        if is_closed
            && word.len() >= 4
            && !field_names::is_placeholder(word)
            && !field_names::is_reference(word)
            && !is_plain_word(word)
        {
            self.add_match(from..from + length, "a password", 1);
        }
    }

    fn check_password(&mut self, from: usize, to: usize, kind: ValueKind) {
        let what = match kind {
            ValueKind::Password | ValueKind::Login => "a password",
            ValueKind::Token => "a secret",
            ValueKind::Pin => "a PIN",
        };
        self.add_match(from..to, what, 1);
    }

    /// Returns the start of the line of a byte, at most [`REACH`] bytes before it.
    fn line_start(&self, at: usize) -> usize {
        let from = at.saturating_sub(REACH);
        self.bytes[from..at]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(from, |newline| from + newline + 1)
    }

    /// Returns the text from `from` to the end of its line, at most `limit` bytes.
    pub(super) fn rest_of_line(&self, from: usize, limit: usize) -> &'text str {
        let end = self.text.floor_char_boundary((from + limit).min(self.text.len()));
        let rest = self.text.get(from..end).unwrap_or_default();
        rest.split(['\n', '\r']).next().unwrap_or_default()
    }
}

/// Returns the span of the quotation at the start of `text`, without its marks.
fn quotation(text: &str) -> Option<std::ops::Range<usize>> {
    let first = text.chars().next()?;
    let (_, closing) = QUOTATIONS.iter().find(|(opening, _)| *opening == first)?;
    let start = first.len_utf8();
    let limit = text.floor_char_boundary(text.len().min(start + LONGEST_QUOTATION));
    let length = text[start..limit].find(|c: char| closing.contains(c))?;
    let inner = &text[start..start + length];
    let margin = inner.len() - inner.trim_start().len();
    Some(start + margin..start + margin + inner.trim().len())
}

/// Returns whether a word is a user name, such as `svc_pay`.
fn is_user(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'.' | b'@'))
}

/// Returns whether a letter with this first byte is Chinese, Japanese or Korean.
///
/// These have no spaces between words, or particles right after a word. In UTF-8, they have three
/// bytes.
pub(super) fn is_unspaced(byte: u8) -> bool {
    byte >= 0xe0
}

/// Returns the start of the password in `root:hunter2` and `app/Tr0ub4dor`.
fn pair(word: &str) -> Option<usize> {
    let is_pair = |(user, password): (&str, &str), announced| {
        (is_user(user) && is_password(password, announced, ValueKind::Password))
            .then_some(user.len() + 1)
    };
    let colon = word.split_once(':').and_then(|parts| is_pair(parts, true));
    colon.or_else(|| word.split_once('/').and_then(|parts| is_pair(parts, false)))
}

/// Returns whether a word right after a keyword such as `secret` is a generated key.
fn is_key(word: &str) -> bool {
    word.len() >= 16
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && !field_names::is_placeholder(word)
        && entropy::is_random_body(word.as_bytes())
}

/// Technical terms that look like passwords.
const TERMS: [&str; 31] = [
    "oauth", "base", "sha", "md", "rs", "hs", "es", "ps", "ed", "argon", "argon2id", "pbkdf",
    "bcrypt", "scrypt", "aes", "rsa", "utf", "ipv", "http", "https", "tls", "ssl", "x", "k", "s",
    "ec", "route", "auth", "p", "v", "secp",
];

/// Returns whether a word in a sentence looks like a password.
///
/// It mixes kinds of characters in another way than names, dates, versions, paths and words.
/// `announced`: the previous word announces a value.
pub(super) fn is_password(word: &str, announced: bool, kind: ValueKind) -> bool {
    if kind == ValueKind::Pin {
        return announced
            && (4..=12).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_digit());
    }
    let length = word.chars().count();
    if !(6..=256).contains(&length)
        || field_names::is_placeholder(word)
        || field_names::is_reference(word)
    {
        return false;
    }
    if word.starts_with(['/', '.', '~', '-', '$', '%', '{', '<', '!', '&', '*'])
        || word.contains("://")
    {
        return false;
    }
    // Code and markup
    if word.contains(['(', ')', '{', '}', '[', ']', '<', '>', '|', '\\', '=', '"', '`', '/']) {
        return false;
    }
    // A date, a time, a number, a version
    let mark = |c: char| c.is_ascii_digit() || "-:./+,%".contains(c);
    if word.trim_start_matches(['v', 'V']).chars().all(|c| mark(c) || matches!(c, 'T' | 'Z')) {
        return false;
    }
    // An address
    if word.contains('@')
        && word.split('@').nth(1).is_some_and(|host| host.contains('.') && is_user(host))
    {
        return false;
    }
    let has = |is: fn(char) -> bool| word.chars().any(is);
    let (small, capital, digit) =
        (has(char::is_lowercase), has(char::is_uppercase), has(|c| c.is_ascii_digit()));
    let body = word.trim_end_matches(['!', '?']);
    let symbol = word.chars().any(|c| "!#$%^&*?+~@§€".contains(c));
    if symbol
        && (digit || (small && capital) || body.chars().any(|c| "!#$%^&*?+~@§€".contains(c)))
        && (small || capital)
    {
        return !word.contains("...");
    }
    let letters: String = word.chars().take_while(char::is_ascii_alphabetic).collect();
    let behind = &word[letters.len()..];
    if digit
        && behind.chars().all(|c| c.is_ascii_digit() || c == '-')
        && TERMS.contains(&letters.to_lowercase().as_str())
    {
        return false;
    }
    if digit && small && capital {
        return announced || length >= 8;
    }
    let solid = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if digit && (small || capital) {
        // `30days`, `INC0012345`, `payments-db-2`
        let is_count =
            word.trim_start_matches(|c: char| c.is_ascii_digit()).chars().all(char::is_alphabetic);
        let is_number = capital
            && letters.len() < word.len()
            && behind.bytes().all(|byte| byte.is_ascii_digit());
        return announced && solid && !is_count && !is_number;
    }
    // Only letters: random if not pronounceable.
    solid
        && small
        && capital
        && (announced || length >= 8)
        && entropy::is_random_body(word.as_bytes())
}
