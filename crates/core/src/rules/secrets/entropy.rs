//! Distinguishes random text from words.
//!
//! Shannon's entropy, which detect-secrets uses, cannot distinguish
//! `PaymentsServiceDatabaseReadOnly2024` from a key of the same length. So this module measures how
//! much of a text consists of words: pronounceable runs of letters.

use std::ops::Range;

/// Prefixes of random text that is public.
///
/// They belong to AWS IDs that are not keys ("IAM identifiers", unique ID prefixes), multi-Region
/// KMS keys, Stripe's publishable keys, OpenSSH's public keys (RFC 4253, RFC 5656, base64 of their
/// name), age's recipients, base64 of certificates and public keys in PEM, and public keys in DER
/// (RFC 5280, SubjectPublicKeyInfo).
const PUBLIC: [&[u8]; 44] = [
    b"AGPA",
    b"AIDA",
    b"AIPA",
    b"ANPA",
    b"ANVA",
    b"APKA",
    b"AROA",
    b"ASCA",
    b"mrk-",
    b"pk_live_",
    b"pk_test_",
    b"AAAAB3NzaC1",
    b"AAAAC3NzaC1",
    b"AAAAE2VjZHNh",
    b"AAAAGnNrLXNzaC1",
    b"AAAAInNrLWVjZHNh",
    b"age1",
    b"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS",
    b"LS0tLS1CRUdJTiBQVUJMSUMg",
    b"LS0tLS1CRUdJTiBSU0EgUFVCTElD",
    b"LS0tLS1CRUdJTiBUUlVTVEVE",
    b"MIIBIjANBgkqhkiG9w0BAQEFAAOC",
    b"MIICIjANBgkqhkiG9w0BAQEFAAOC",
    b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD",
    b"MHYwEAYHKoZIzj0CAQYFK4EEACID",
    b"MCowBQYDK2VwAyEA",
    b"MIGfMA0GCSqGSIb3DQEBAQUAA4GN",
    // RFC 8017, RSAPublicKey
    b"MIIBCgKCAQEA",
    b"MIICCgKCAgEA",
    // OpenSSH's certificates ("PROTOCOL.certkeys")
    b"AAAAIHNzaC1",
    b"AAAAKGVjZHNh",
    // Stripe, "Object IDs"
    b"acct_",
    b"ch_",
    b"cus_",
    b"evt_",
    b"in_",
    b"pi_",
    b"pm_",
    b"price_",
    b"prod_",
    b"req_",
    b"sub_",
    b"we_",
    // AWS KMS, ciphertexts of symmetric keys
    b"AQICAH",
];

/// Words before a hexadecimal number that is a digest or a Git object, not a key.
const NAMES_OF_DIGESTS: [&str; 26] = [
    "commit",
    "sha",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "md5",
    "digest",
    "checksum",
    "rev",
    "revision",
    "tree",
    "blob",
    "fingerprint",
    "thumbprint",
    "hash",
    "etag",
    "image",
    "oid",
    "blake2b",
    "blake3",
    "sha3",
    "md5sum",
    "sha1sum",
    "sha256sum",
];

/// Words before a random text that is an identifier or otherwise public.
const NAMES_OF_PUBLIC: [&str; 20] = [
    "id",
    "ids",
    "uid",
    "uuid",
    "guid",
    "kid",
    "zone",
    "hostedzone",
    "distribution",
    "serial",
    "pubkey",
    "publickey",
    "recipient",
    "recipients",
    "fingerprint",
    "thumbprint",
    "sitekey",
    "trace",
    "span",
    "signature",
];

/// Words before a random text that is an identifier, if the length matches.
const NAMES_OF_IDS: [&str; 15] = [
    "request",
    "run",
    "version",
    "event",
    "job",
    "build",
    "deployment",
    "execution",
    "invocation",
    "transaction",
    "correlation",
    "nanoid",
    "ksuid",
    "ulid",
    "cuid",
];

/// Prefixes of Twilio's identifiers (Twilio, "SIDs"), without `SK` for API keys.
const TWILIO: [&[u8]; 22] = [
    b"AC", b"AD", b"AP", b"BN", b"BU", b"CA", b"CF", b"CH", b"CL", b"CN", b"FW", b"IS", b"KS",
    b"MB", b"MG", b"MM", b"NO", b"PN", b"RE", b"SM", b"VA", b"ZS",
];

/// Prefixes of Okta's identifiers: apps, users, groups, organizations, servers.
const OKTA: [&[u8]; 7] = [b"0oa", b"00u", b"00g", b"00o", b"00p", b"exk", b"aus"];

/// The characters of Bech32 (BIP 173).
const BECH32: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// The maximum distance to the start of a word, in bytes: it keeps the time linear.
const LOOK_BACK: usize = 512;

/// Returns the random part of a run of `[A-Za-z0-9_+/.-]`, if it has one.
///
/// It extends to the end of the run.
pub(super) fn random_part(text: &[u8], run: Range<usize>) -> Option<Range<usize>> {
    let (mut start, whole) = (run.start, run.end);
    for piece in text[run].split(|&byte| byte == b'.') {
        let end = start + piece.len();
        if piece.len() >= 20
            && is_random(piece)
            && !is_public(text, start..end)
            && !is_public_below(text, start..end)
        {
            let padding = text[whole..].iter().take(2).take_while(|&&byte| byte == b'=').count();
            return Some(start..whole + padding);
        }
        start = end + 1;
    }
    None
}

/// Returns whether a lower-case path ends in a public ID: `/hostedzone/Z0…`.
fn is_public_below(text: &[u8], piece: Range<usize>) -> bool {
    let Some(slash) = text[piece.clone()].iter().rposition(|byte| *byte == b'/') else {
        return false;
    };
    let tail = piece.start + slash + 1..piece.end;
    let folders = &text[piece.start..tail.start];
    folders.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'/' | b'-' | b'_'))
        && tail.len() >= 20
        && is_public(text, tail)
}

/// Returns whether the body after a known prefix is random.
///
/// `sk-live-something-service` is not.
pub(super) fn is_random_body(body: &[u8]) -> bool {
    let is_words = |bytes: &[u8]| words(bytes) * 10 >= bytes.len() * 6;
    // With both cases, one of 30,000 texts of 20 base64 characters has no capital.
    let has_capital = body.iter().any(u8::is_ascii_uppercase);
    let mut parts = body.split(|byte| !byte.is_ascii_alphanumeric());
    has_variety(body)
        && !is_words(body)
        && (has_capital || parts.any(|part| part.len() >= 12 && !is_words(part)))
}

/// Returns whether a text has more variety than `xxxxxxxx` or `T0000/B0000`.
pub(super) fn has_variety(text: &[u8]) -> bool {
    let seen = text.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 0x7f));
    seen.count_ones() >= 6
}

/// Returns whether a text may be a name: lower-case words between separators.
pub(super) fn is_name_like(text: &str) -> bool {
    let bytes = text.as_bytes();
    let allowed =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_./".contains(byte);
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    bytes.iter().all(allowed)
        && bytes.iter().any(|byte| b"-_./".contains(byte))
        && digits * 4 <= bytes.len()
        && !is_uuid(bytes)
}

/// Returns whether a text is a UUID (RFC 9562).
fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_random(piece: &[u8]) -> bool {
    if !has_variety(piece) {
        return false;
    }
    let mut parts = piece.split(|byte| !byte.is_ascii_alphanumeric());
    let is_solid = |part: &[u8]| match part.len() {
        ..20 => false,
        // 40 digits are a Git commit (SHA-1); 24 or fewer are short commits and object IDs.
        length if is_hex(part) => length >= 32 && length != 40,
        length => CharacterCounts::of(part).is_noise(words(part), length),
    };
    // Or base64 that `+`, `/`, `-` and `_` split into short parts.
    parts.any(is_solid)
        || (piece.len() >= 32
            && CharacterCounts::of(piece).is_base64()
            && words(piece) * 5 < piece.len() * 2)
}

/// Counts the characters of each kind.
struct CharacterCounts {
    digits: usize,
    small: usize,
    capitals: usize,
}

impl CharacterCounts {
    fn of(text: &[u8]) -> Self {
        let count = |is: fn(&u8) -> bool| text.iter().filter(|byte| is(byte)).count();
        Self {
            digits: count(u8::is_ascii_digit),
            small: count(u8::is_ascii_lowercase),
            capitals: count(u8::is_ascii_uppercase),
        }
    }

    fn is_base64(&self) -> bool {
        self.small >= 3 && self.capitals >= 3 && self.digits >= 1
    }

    fn is_noise(&self, words: usize, length: usize) -> bool {
        match self.digits {
            // One of seven random texts of 20 characters has this few, but most names do.
            0 | 1 => self.small >= 3 && self.capitals >= 3 && words * 10 < length * 3,
            // Only digits: accounts, dates and times.
            _ => self.small + self.capitals >= 2 && words * 2 < length,
        }
    }
}

fn is_hex(part: &[u8]) -> bool {
    part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        || part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

/// Returns the number of bytes of `text` that belong to words.
///
/// A word has at least four pronounceable letters, in the same case except for the first.
fn words(text: &[u8]) -> usize {
    let mut sum = 0;
    let mut at = 0;
    while at < text.len() {
        let start = at;
        match text[at] {
            b'A'..=b'Z' => {
                while at < text.len() && text[at].is_ascii_uppercase() {
                    at += 1;
                }
                if at == start + 1 {
                    while at < text.len() && text[at].is_ascii_lowercase() {
                        at += 1;
                    }
                } else if text.get(at).is_some_and(u8::is_ascii_lowercase) {
                    // The last capital begins the next word: `DBCredentials`.
                    at -= 1;
                }
            }
            b'a'..=b'z' => {
                while at < text.len() && text[at].is_ascii_lowercase() {
                    at += 1;
                }
            }
            _ => at += 1,
        }
        // Three letters count only with a capital, as in `TheQuickBrownFox`.
        let shortest = if text[start].is_ascii_uppercase() { 3 } else { 4 };
        if at - start >= shortest && is_pronounceable(&text[start..at]) {
            sum += at - start;
        }
    }
    sum
}

/// Returns whether four of five letter pairs are common; in random text, two are.
fn is_pronounceable(word: &[u8]) -> bool {
    let is_common =
        |pair: &&[u8]| matches!(pair, [one, two] if COMMON[letter(*one)] >> letter(*two) & 1 == 1);
    word.windows(2).filter(is_common).count() * 5 >= (word.len() - 1) * 4
}

/// Returns the index of a letter, 0 to 25.
const fn letter(byte: u8) -> usize {
    (byte.to_ascii_lowercase() - b'a') as usize
}

/// The letters that often follow each letter.
///
/// These pairs are 97 % of all pairs in 4,300 words of English technical prose and of business
/// terms in German, French, Spanish, Italian, Dutch, Portuguese and Swedish.
const FOLLOWERS: [&str; 26] = [
    "bcdfghiklmnprstuvwxyz",   // a
    "aeijlorsu",               // b
    "acehiklorstu",            // c
    "adeilorsu",               // d
    "abcdefghilmnopqrstuvwxy", // e
    "adefilortuy",             // f
    "aehinorsu",               // g
    "aeiortuy",                // h
    "abcdefgklmnoprstvxz",     // i
    "aeou",                    // j
    "aeis",                    // k
    "acdeilopstuy",            // l
    "abeimopsu",               // m
    "acdefgiklnostuvy",        // n
    "abcdfgiklmnoprstuvw",     // o
    "aehiloprstuy",            // p
    "u",                       // q
    "acdefgiklmnoprstuvy",     // r
    "acefhiklmopstuy",         // s
    "acefhilorstuwy",          // t
    "abcdegilmnprst",          // u
    "aeio",                    // v
    "aehinors",                // w
    "aceipt",                  // x
    "aeinops",                 // y
    "aeioy",                   // z
];

const COMMON: [u32; 26] = {
    let mut common = [0; 26];
    let mut row = 0;
    while row < 26 {
        let letters = FOLLOWERS[row].as_bytes();
        let mut at = 0;
        while at < letters.len() {
            common[row] |= 1 << letter(letters[at]);
            at += 1;
        }
        row += 1;
    }
    common
};

/// Returns whether the context shows that a random text is public.
///
/// Such as a link, an ARN, a digest or a public key.
fn is_public(text: &[u8], piece: Range<usize>) -> bool {
    let from = piece.start.saturating_sub(LOOK_BACK);
    let before = &text[from..piece.start];
    let is_edge = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>()[]{}|".contains(byte);
    let word = before.iter().rposition(is_edge).map_or(from, |edge| from + edge + 1);
    let body = &text[piece.clone()];
    let slashes = body.iter().take_while(|byte| **byte == b'/').count();
    let prefix = &text[word..piece.start + slashes];
    let body = &body[slashes..];
    // The client secret of a payment is its ID and a secret.
    if PUBLIC.iter().any(|public| body.starts_with(public))
        && !body.windows(8).any(|part| part == b"_secret_")
    {
        return true;
    }
    if prefix.starts_with(b"arn:") {
        return true;
    }
    // The path of a link is a page. Credentials are in the query, or have a known format.
    if let Some(scheme) = prefix.windows(3).position(|window| window == b"://") {
        return !prefix[scheme..].iter().any(|byte| b"?#&=".contains(byte));
    }
    // `image@sha256:…`, npm's `sha512-…`, OpenSSH's `SHA256:…`
    let spelt = |text: &[u8]| String::from_utf8_lossy(text).to_ascii_lowercase();
    if spelt(&body[..body.len().min(7)]).starts_with("sha")
        && matches!(body.get(3..7), Some(b"256-" | b"384-" | b"512-"))
    {
        return true;
    }
    // Go's and Terraform's checksums
    if prefix.ends_with(b"h1:") && body.len() <= 44 || prefix.ends_with(b"zh:") && is_hex(body) {
        return true;
    }
    if is_known_id(body)
        || is_host(text, &piece)
        || is_checksum_line(body, &text[piece.end..])
        || is_tagged_key(body, before)
        || is_dns_record(body, before, prefix)
        || is_hashed_host(body, before, &text[piece.end..])
        || is_encrypted(body, before)
    {
        return true;
    }
    let ends = |byte: &u8| byte.is_ascii_alphanumeric();
    let mut words = before.rsplit(|byte| !ends(byte)).filter(|word| !word.is_empty());
    let Some(word) = words.next().filter(|word| word.len() <= 24) else { return false };
    let name = spelt(word);
    if NAMES_OF_DIGESTS.contains(&name.as_str()) && is_digest(body, prefix) {
        return true;
    }
    let second = words.next().map(spelt).unwrap_or_default();
    // `checksum/config: …`
    if is_hex(body) && NAMES_OF_DIGESTS.contains(&second.as_str()) {
        return true;
    }
    // The public parts of a JSON Web Key (RFC 7518, section 6)
    if matches!(name.as_str(), "n" | "x" | "y") && before.windows(3).any(|part| part == b"kty") {
        return true;
    }
    // The ID of a session and Vault's `secret_id` are secrets.
    let is_secret = |word: &str| {
        ["secret", "session", "sess", "token"].iter().any(|secret| word.contains(secret))
    };
    // A field named only `id` is not enough; `client id` and `client_id` are.
    let is_alone = matches!(name.as_str(), "id" | "ids") && {
        let behind = before.iter().rev().take_while(|byte| !ends(byte)).count();
        !matches!(
            before[..before.len() - behind - word.len()],
            [.., one, b' ' | b'_' | b'-' | b'/'] if one.is_ascii_alphanumeric()
        )
    };
    let is_id = !is_alone
        && (NAMES_OF_PUBLIC.contains(&name.as_str())
            || word.ends_with(b"Id")
            || word.ends_with(b"ID"));
    let is_sized = match name.as_str() {
        // Nano ID has 21 characters, ULID 26 and KSUID 27.
        "id" | "ids" => matches!(body.len(), 21 | 26 | 27),
        // A Cognito app client
        "client" => second == "app" && body.len() == 26,
        name => NAMES_OF_IDS.contains(&name) && matches!(body.len(), 20..=22 | 24 | 26 | 27 | 32),
    };
    let says_secret = |word: &[u8]| {
        is_secret(&spelt(word)) || ["key", "password"].contains(&spelt(word).as_str())
    };
    let is_id =
        is_id || (is_sized && !line_of(before).rsplit(|byte| !ends(byte)).take(8).any(says_secret));
    (is_id && !is_secret(&name) && !is_secret(&second))
        || (name == "key"
            && matches!(
                second.as_str(),
                "public" | "site" | "publishable" | "verification" | "verify"
            ))
}

/// Returns whether a text is a digest.
///
/// That is: hexadecimal, base64 of a digest's length, or text right after `SHA256:`.
fn is_digest(body: &[u8], prefix: &[u8]) -> bool {
    is_hex(body) || prefix.ends_with(b":") || matches!(body.len(), 22 | 27 | 43 | 64 | 86)
}

/// Returns whether a text has a format that only identifiers have.
///
/// That is: a trace (W3C, "Trace Context"), a multipart object (S3's ETag), a ULID, a resource of
/// Twilio or Okta, or an address of a blockchain.
fn is_known_id(body: &[u8]) -> bool {
    let hex = |part: Option<&[u8]>| part.is_some_and(is_hex);
    let is_trace = body.len() == 55
        && [2, 35, 52].iter().all(|at| body[*at] == b'-')
        && hex(body.get(3..35))
        && hex(body.get(36..52));
    let is_etag = hex(body.get(..32))
        && body.get(32) == Some(&b'-')
        && body.len() <= 38
        && body[33..].iter().all(u8::is_ascii_digit);
    // Until 2039, the time in a ULID begins with `01`. Its alphabet is not checked.
    let is_ulid = body.len() == 26
        && body[0] == b'0'
        && body.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && (body[1] == b'1' || !body.iter().any(|byte| b"ILOU".contains(byte)));
    let is_twilio =
        body.len() == 34 && TWILIO.iter().any(|sid| body.starts_with(sid)) && hex(body.get(2..));
    let is_okta = body.len() == 20
        && OKTA.iter().any(|id| body.starts_with(id))
        && body.iter().all(u8::is_ascii_alphanumeric);
    // An Ethereum address has mixed case (EIP-55); an OpenPGP fingerprint has the same length.
    let is_address = body
        .strip_prefix(b"0x")
        .is_some_and(|digits| digits.len() == 40 && digits.iter().all(u8::is_ascii_hexdigit));
    let segwit = [b"bc1", b"tb1"].iter().find_map(|prefix| body.strip_prefix(prefix.as_slice()));
    let is_segwit = segwit.is_some_and(|data| {
        matches!(data.len(), 39 | 59) && data.iter().all(|byte| BECH32.contains(byte))
    });
    // RDS: `db-` or `cluster-`, and 26 characters of base32
    let resource = body.strip_prefix(b"db-").or_else(|| body.strip_prefix(b"cluster-"));
    let is_resource = resource.is_some_and(|id| {
        id.len() == 26
            && id.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7'))
    });
    is_trace || is_etag || is_ulid || is_resource || is_twilio || is_okta || is_address || is_segwit
}

/// Returns whether a text is a label of a host name.
///
/// Such as in `d111111abcdef8.cloudfront.net`.
fn is_host(text: &[u8], piece: &Range<usize>) -> bool {
    let is_label = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    if !text[piece.clone()].iter().all(is_label) {
        return false;
    }
    let rest = &text[piece.end..(piece.end + 128).min(text.len())];
    let name = &rest[..rest.iter().take_while(|byte| is_label(byte) || **byte == b'.').count()];
    let mut labels = name.rsplit(|byte| *byte == b'.').filter(|label| !label.is_empty());
    let is_end = matches!(
        labels.next(),
        Some(b"com" | b"net" | b"org" | b"io" | b"dev" | b"cloud" | b"internal" | b"local" | b"cn")
    );
    name.starts_with(b".") && is_end && labels.next().is_some()
}

/// Returns whether a line is output of a tool such as `sha256sum`.
///
/// It has the digest, two spaces or a space and `*`, and a file.
fn is_checksum_line(body: &[u8], rest: &[u8]) -> bool {
    let file = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"));
    is_hex(body)
        && matches!(body.len(), 32 | 40 | 56 | 64 | 96 | 128)
        && file.is_some_and(|file| file.first().is_some_and(|byte| byte.is_ascii_graphic()))
}

/// Returns whether a text is a minisign or signify key, or an ECDSA signature.
fn is_tagged_key(body: &[u8], before: &[u8]) -> bool {
    let is_line = before.last().is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let is_key = body.starts_with(b"RW") && body.len() == 56;
    let is_signature =
        (body.starts_with(b"MEUCI") || body.starts_with(b"MEQCI") || body.starts_with(b"MEYCI"))
            && (88..=98).contains(&body.len());
    is_line && (is_key || is_signature)
}

/// Returns the part of a text after its last line break.
fn line_of(before: &[u8]) -> &[u8] {
    before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// Returns whether a text is in a public DNS record.
///
/// That is: a DKIM key (RFC 6376, section 3.6.1), an ACME challenge (RFC 8555, section 8.4), or a
/// proof of ownership such as `google-site-verification=…`.
fn is_dns_record(body: &[u8], before: &[u8], prefix: &[u8]) -> bool {
    let line = line_of(before);
    let says = |text: &[u8]| line.windows(text.len()).any(|part| part == text);
    let proof = prefix.strip_suffix(b"=").or_else(|| prefix.strip_suffix(b":")).unwrap_or(prefix);
    // A long record has several quoted strings.
    let is_key = prefix == b"p=" || prefix.ends_with(b";p=") || line.ends_with(b"\" \"");
    (is_key && (says(b"DKIM1") || says(b"_domainkey") || says(b"k=rsa") || says(b"k=ed25519")))
        || (body.len() == 43 && says(b"_acme-challenge"))
        || proof.ends_with(b"-verification")
}

/// Returns whether a text is a hashed host in `known_hosts`: `|1|salt|hash`.
///
/// See OpenSSH, "sshd", SSH_KNOWN_HOSTS FILE FORMAT.
fn is_hashed_host(body: &[u8], before: &[u8], rest: &[u8]) -> bool {
    let is_sha1 = body.len() == 27 && rest.starts_with(b"=");
    let salt =
        before.strip_suffix(b"=|").and_then(|before| before.get(..before.len().checked_sub(27)?));
    is_sha1 && (before.ends_with(b"|1|") || salt.is_some_and(|before| before.ends_with(b"|1|")))
}

/// Returns whether a text is encrypted.
///
/// By SOPS (values and data keys), Vault's transit engine, or SealedSecrets.
fn is_encrypted(body: &[u8], before: &[u8]) -> bool {
    const SOPS: &[u8] = b"ENC[AES256_GCM,";
    let is_in_sops = before
        .windows(SOPS.len())
        .rposition(|part| part == SOPS)
        .is_some_and(|at| !before[at..].iter().any(|byte| matches!(byte, b']' | b'\n')));
    // The start of a long value is too far away.
    let is_part_of_sops = (before.ends_with(b",iv:") && body.len() == 43)
        || (before.ends_with(b",tag:") && body.len() == 22);
    let field = before.trim_ascii_end().strip_suffix(b"enc:");
    let begins = |before: &[u8]| {
        before.last().is_none_or(|byte| byte.is_ascii_whitespace() || b"\"'{,".contains(byte))
    };
    let is_data_key = body.len() >= 100 && field.is_some_and(begins);
    let version = before.strip_suffix(b":").unwrap_or_default();
    let digits = version.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let is_transit = digits > 0 && version[..version.len() - digits].ends_with(b"vault:v");
    is_in_sops || is_part_of_sops || is_data_key || is_transit || is_sealed(body)
}

/// Returns whether a text is the value of a SealedSecret.
///
/// It has the length of an RSA session key (512, in two bytes), that key and the ciphertext.
pub(super) fn is_sealed(text: &[u8]) -> bool {
    text.len() >= 200
        && matches!(text, [b'A', b'g', b'A'..=b'D', ..])
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        random_part(text.as_bytes(), 0..text.len()).map(|span| &text[span])
    }

    #[test]
    fn words_are_distinguished_from_random_text() {
        for name in [
            "PaymentsServiceDatabaseReadOnly2024",
            "payments-db-credentials-2024-11-primary-eu-west-1",
            "K8sSecretNameV2Prod01",
            "catalogs/secrets/payments/dev/SEC-0007.yaml",
            "donaudampfschifffahrtsgesellschaftskapitaen2024",
            "AWSReservedSSO_AdministratorAccess_0123456789abcdef",
            "550e8400-e29b-41d4-a716-446655440000",
            "550E8400-E29B-41D4-A716-446655440000",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "11111111111111111111aaaaaaaaaaaaaaaaaaa2",
            "2024-11-30T10-00-00Z-backup-of-payments",
            "TheQuickBrownFoxJumpsOverTheLazyDog2024",
            "getUserByIdAndTenantForQaEnv02",
            "AWSReservedSSO_PowerUserAccess_a1b2c3d4e5f60718",
            "ZahlungsverkehrDatenbankZugang2024Q3",
            "KB0012345-INC0067890-CHG0054321-RITM0011223",
            "ip-10-0-12-34.eu-west-2.compute.internal",
        ] {
            assert_eq!(found(name), None, "{name}");
        }
        for noise in [
            "q8Zr2VtYw0Lk9XhNc5Jd",
            "3f9a1c7be04d5826a1b2c3d4e5f60718",
            "x7k2p9q4m1z8w3v6t5r0b",
            "Zm9v+mJh/cXV4K2Jhe/jEyMw9+a8Qx/1bQ==",
        ] {
            assert!(found(noise.trim_end_matches('=')).is_some(), "{noise}");
        }
    }

    #[test]
    fn names_are_words_with_separators() {
        for name in ["payments-db-credentials", "goldenpath/payments/dev/db", "a.b"] {
            assert!(is_name_like(name), "{name}");
        }
        for other in ["hunter2", "Hunter-2", "a1b2-c3d4", "correct horse"] {
            assert!(!is_name_like(other), "{other}");
        }
    }

    /// Tests 2,000 texts of each kind.
    ///
    /// A check of entropy misses more of them, or reports names.
    #[test]
    fn few_random_texts_are_mistaken_for_words() {
        let mut state: u64 = 88_172_645_463_325_252; // Marsaglia's xorshift
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) as usize
        };
        let base62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        for (alphabet, length, most) in
            [(base62, 20, 60), (base62, 32, 5), (&base62[26..], 24, 40), (&base62[26..], 40, 5)]
        {
            let mut text = || {
                (0..length)
                    .map(|_| char::from(alphabet.as_bytes()[next() % alphabet.len()]))
                    .collect::<String>()
            };
            let missed = (0..2_000).filter(|_| found(&text()).is_none()).count();
            assert!(missed <= most, "{missed} of {length} in {alphabet}");
        }
    }
}
