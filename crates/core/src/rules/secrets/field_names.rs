//! Names that announce a secret: `password: …`, `API_KEY=…`, `AccountKey=…`.

use super::entropy::{is_name_like, is_random_body, is_sealed};
use crate::config;

/// The kind of secret that the name of a field announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SensitiveName {
    pub what: &'static str,
    pub strength: Strength,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// Chosen by people: any word may be the value.
    Password,
    /// Generated: a word with hyphens is a reference, not a value.
    Token,
    /// `value`, `data`: they count only as the whole name of a field.
    Value,
    /// `auth`, `session`: often settings, so the value must look like a secret.
    Weak,
}

/// The description of a value in a field named `value` or `data`.
pub(in crate::rules) const ANY_VALUE: &str = "a value";

/// Endings of names that announce a secret, in lower case without separators.
const ENDINGS: [(&str, SensitiveName); 51] = [
    ("password", password("a password")),
    ("passwd", password("a password")),
    ("passwort", password("a password")),
    ("passphrase", password("a passphrase")),
    ("pwd", password("a password")),
    ("secret", token("a secret")),
    ("token", token("a token")),
    ("apikey", token("an API key")),
    ("privatekey", token("a private key")),
    ("accesskey", token("an access key")),
    ("accesskeyid", token("an access key ID")),
    ("secretkey", token("a secret key")),
    ("accountkey", token("an account key")),
    ("masterkey", token("a master key")),
    ("signingkey", token("a signing key")),
    ("encryptionkey", token("an encryption key")),
    ("authkey", token("an authentication key")),
    ("connectionstring", token("a connection string")),
    ("credential", token("a credential")),
    ("authorization", token("an authorization")),
    ("bearer", token("a bearer token")),
    // Signatures of Azure ("Create a service SAS") and AWS (Signature Version 4, in a query)
    ("sig", token("a signature")),
    ("xamzsignature", token("a signature")),
    ("webhookurl", token("a webhook URL")),
    ("stringdata", SensitiveName { what: ANY_VALUE, strength: Strength::Value }),
    ("passcode", password("a password")),
    ("passwrd", password("a password")),
    ("pw", password("a password")),
    // German, French, Spanish, Portuguese, Dutch
    ("kennwort", password("a password")),
    ("motdepasse", password("a password")),
    ("mdp", password("a password")),
    ("contrasena", password("a password")),
    ("senha", password("a password")),
    ("wachtwoord", password("a password")),
    ("presharedkey", token("a pre-shared key")),
    ("psk", token("a pre-shared key")),
    ("sharedkey", token("a shared key")),
    ("sessionkey", token("a session key")),
    ("cookiesecret", token("a secret")),
    ("functionskey", token("a key")),
    ("auth", weak("a credential")),
    ("session", weak("a session")),
    ("sessionid", weak("a session")),
    ("clave", weak("a password")),
    ("jeton", weak("a token")),
    ("cookie", weak("a cookie")),
    ("appkey", weak("a key")),
    ("licensekey", weak("a license key")),
    ("hmackey", token("a key")),
    ("secretid", token("a secret ID")),
    ("secretstring", token("a secret")),
];

const fn password(what: &'static str) -> SensitiveName {
    SensitiveName { what, strength: Strength::Password }
}

const fn token(what: &'static str) -> SensitiveName {
    SensitiveName { what, strength: Strength::Token }
}

const fn weak(what: &'static str) -> SensitiveName {
    SensitiveName { what, strength: Strength::Weak }
}

/// Suffixes that do not change the kind of value: `passwordProd`, `secretValue`.
const SUFFIXES: [&str; 10] =
    ["value", "plaintext", "plain", "production", "prod", "staging", "dev", "test", "old", "new"];

/// The maximum length of a name, in bytes.
pub(super) const LONGEST_NAME: usize = 64;

/// The fields of a SecretRequest: names and metadata, never values.
pub(super) fn is_schema_field(name: &[u8]) -> bool {
    matches!(
        name,
        b"apiVersion"
            | b"kind"
            | b"metadata"
            | b"id"
            | b"name"
            | b"description"
            | b"owner"
            | b"service"
            | b"environment"
            | b"spec"
            | b"provider"
            | b"secretType"
            | b"risk"
            | b"tier"
            | b"rotation"
            | b"rotationClass"
            | b"lifecycle"
            | b"status"
            | b"access"
            | b"namespace"
            | b"k8sSecretName"
            | b"ttlDays"
    )
}

/// Returns whether [`classify_name`] may return a result, by the last two letters.
pub(super) fn may_be_sensitive(name: &[u8]) -> bool {
    if !name.is_ascii() {
        return true;
    }
    let number = name.iter().rev().take_while(|byte| !byte.is_ascii_alphabetic()).count();
    let name = &name[..name.len() - number];
    let name = match name {
        [rest @ .., b's' | b'S'] if !matches!(rest, [.., b's' | b'S']) => rest,
        _ => name,
    };
    let [.., one, two] = name else { return false };
    matches!(
        [one.to_ascii_lowercase(), two.to_ascii_lowercase()],
        // ENDINGS and `pass`, `value`, `data`
        [b'r', b'd' | b't' | b'l'] | [b'w', b'd'] | [b's', b'e' | b's'] | [b'i', b'd' | b'e' | b'g']
            | [b'e', b't' | b'n' | b'y' | b'r'] | [b'n', b'g' | b'a'] | [b'a', b'l'] | [b'o', b'n']
            | [b'r', b'e'] | [b't', b'a' | b'h'] | [b'u', b'e'] | [b'd', b'e' | b'p']
            | [b'p', b'w'] | [b's', b'k'] | [b'h', b'a'] | [b'v', b'e'] | [b'k', b'i']
            // SUFFIXES
            | [b'x', b't'] | [b'i', b'n'] | [_, b'b'] | [b'o', b'd'] | [b'e', b'v' | b'w']
            | [b's', b't'] | [b'l', b'd']
    )
}

/// Returns the kind of secret that a name announces, if any.
pub(super) fn classify_name(name: &str) -> Option<SensitiveName> {
    if name.len() < 3 || name.len() > LONGEST_NAME || is_schema_field(name.as_bytes()) {
        return None;
    }
    // With separators, the last letters are not enough.
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word && !may_be_sensitive(name.as_bytes()) {
        return None;
    }
    let folded: String = name.chars().filter_map(fold).collect();
    let plain =
        ["base64", "b64"].iter().find_map(|suffix| folded.strip_suffix(suffix)).unwrap_or(&folded);
    // `PASSWORD_2`, `tokens`
    let mut rest = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    if matches!(rest, "value" | "values" | "data") {
        return Some(SensitiveName { what: ANY_VALUE, strength: Strength::Value });
    }
    if let Some(found) = classify_ending(rest) {
        return Some(found);
    }
    rest = SUFFIXES.iter().find_map(|suffix| rest.strip_suffix(suffix)).unwrap_or(rest);
    classify_ending(rest).or_else(|| {
        // Too many words end in `pass`.
        const ENDS: [&str; 10] =
            ["_pass", "-pass", ".pass", "Pass", "_PASS", "_pw", "-pw", ".pw", "Pw", "_PW"];
        let is_pass = rest == "pass" || ENDS.iter().any(|end| name.ends_with(end));
        is_pass.then_some(password("a password"))
    })
}

/// Converts a letter or digit of a name to lower case without accents.
fn fold(c: char) -> Option<char> {
    match c {
        'ñ' | 'Ñ' => Some('n'),
        'é' | 'É' | 'è' => Some('e'),
        'ü' | 'Ü' => Some('u'),
        _ => c.is_ascii_alphanumeric().then_some(c.to_ascii_lowercase()),
    }
}

fn classify_ending(folded: &str) -> Option<SensitiveName> {
    let one = folded.strip_suffix('s').unwrap_or(folded);
    ENDINGS.iter().find_map(|(ending, found)| {
        let whole = ["sig", "bearer", "pw", "mdp", "psk", "clave", "auth", "senha", "cookie"]
            .contains(ending);
        let fits = |name: &str| if whole { name == *ending } else { name.ends_with(ending) };
        (fits(folded) || fits(one)).then_some(*found)
    })
}

/// Returns whether `value`, the whole text after a name, is a secret.
///
/// Placeholders and references are not.
pub(super) fn is_value(strength: Strength, value: &str, is_name: &dyn Fn(&str) -> bool) -> bool {
    let value = value.trim();
    if is_placeholder(value) || is_reference(value) {
        return false;
    }
    // A boolean or a number is a setting: `tokens: 5`.
    let is_setting =
        ["true", "false", "yes", "no"].iter().any(|word| value.eq_ignore_ascii_case(word));
    match strength {
        Strength::Password => !is_setting,
        Strength::Weak => {
            value.len() >= 12
                && !value.contains(char::is_whitespace)
                && is_random_body(value.as_bytes())
        }
        Strength::Token | Strength::Value => {
            let is_count =
                value.len() < 6 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            !is_setting && !is_count && !is_name(value) && !is_name_like(value)
        }
    }
}

/// Returns whether a text may be the name of a key, such as `api_key`, `tls.key` and `PASSWORD`.
///
/// A word with digits, such as `hunter2`, is one only with separators.
pub(super) fn is_key_name(text: &str) -> bool {
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    config::check_key(text).is_ok()
        && text.len() <= LONGEST_NAME
        && !is_random_body(text.as_bytes())
        && (!has_digit || text.len() < 5 || is_name_like(&text.to_ascii_lowercase()))
}

/// Returns whether a word after a name in a sentence or a comment is a secret.
///
/// `password: rotated by hand` is prose. `first`: the name begins the comment; `last`: no text
/// follows the word; `assigned`: the separator is `=`.
pub(super) fn is_value_in_prose(
    strength: Strength,
    word: &str,
    (first, last, assigned): (bool, bool, bool),
    is_name: &dyn Fn(&str) -> bool,
) -> bool {
    let word = word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')']);
    if word.chars().count() < if assigned { 3 } else { 4 } || !is_value(strength, word, is_name) {
        return false;
    }
    let is_plain = is_plain_word(word);
    match strength {
        Strength::Password => !is_plain || (last && (first || assigned)),
        Strength::Token | Strength::Weak => !is_plain && word.len() >= 6 && !is_name_like(word),
        Strength::Value => !is_plain && word.len() >= 6 && first && last,
    }
}

/// Returns whether a text is an ordinary word.
///
/// It has only letters, in one case except for the first; `-`, `/` and apostrophes may join parts.
pub(super) fn is_plain_word(word: &str) -> bool {
    let word =
        word.trim_start_matches(['#', '@', '(', '[', '"', '\'']).trim_end_matches([']', ')']);
    let mut parts = word.split(['-', '/', '\'', '\u{2019}']);
    parts.all(|part| {
        let rest = part.char_indices().nth(1).map_or("", |(second, _)| &part[second..]);
        let letters = part.chars().all(char::is_alphabetic);
        letters && (!rest.chars().any(char::is_uppercase) || !part.chars().any(char::is_lowercase))
    })
}

/// Returns whether a value is a placeholder.
///
/// `changeme` counts as one: templates use it, it discloses nothing, and GP102 rejects the field
/// anyway.
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = value.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    let Some(first) = value.chars().next() else { return true };
    let within = |open: &str, close: &str| value.starts_with(open) && value.ends_with(close);
    if within("<", ">") || within("${", "}") || within("$(", ")") || value.starts_with("{{") {
        return true;
    }
    if value.len() > 2
        && (within("%", "%") || within("@", "@") || within("{", "}") || within("#{", "}#"))
    {
        return true;
    }
    if value.len() > 4 && within("__", "__") {
        return true;
    }
    if is_code(value) {
        return true;
    }
    // printf directives
    if value.len() == 2 && first == '%' {
        return true;
    }
    let is_variable = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if value.strip_prefix('$').is_some_and(is_variable) {
        return true;
    }
    // `***`, `xxxx`, `....`, `XXXX-XXXX`; a single digit may be a value
    let masked = |c: char| c == first || c == '-' || c == ' ';
    let count = value.chars().count();
    if count > if first.is_ascii_digit() { 15 } else { 1 } && value.chars().all(masked) {
        return true;
    }
    let decoration = |c: char| c.is_ascii_alphanumeric() || "[]()*_-./ ~".contains(c);
    if value.len() > LONGEST_NAME || !value.chars().all(decoration) {
        return false;
    }
    let folded: String =
        value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    matches!(
        folded.as_str(),
        "changeme"
            | "changeit"
            | "changethis"
            | "replaceme"
            | "replacethis"
            | "fillmein"
            | "optional"
            | "required"
            | "mandatory"
            | "generated"
            | "autogenerated"
            | "rotated"
            | "unknown"
            | "disabled"
            | "enabled"
            | "encrypted"
            | "managed"
            | "omitted"
            | "filtered"
            | "sanitized"
            | "changemeplease"
            | "string"
            | "undefined"
            | "redacted"
            | "removed"
            | "hidden"
            | "masked"
            | "placeholder"
            | "todo"
            | "tbd"
            | "none"
            | "null"
            | "nil"
            | "na"
            | "empty"
            | "unset"
    ) || matches!(value, "~" | "-")
        || (["your", "insert", "replacewith", "enter", "putyour"]
            .iter()
            .any(|start| folded.starts_with(start))
            && folded.bytes().all(|byte| byte.is_ascii_lowercase()))
        || (["here", "goeshere"].iter().any(|end| folded.ends_with(end))
            && value.contains(['-', '_'])
            && folded.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// Returns whether a value is code that reads the secret.
///
/// Such as `os.environ["…"]`, `var.db_password`, `config.getPassword()`, `!Ref Password`.
fn is_code(value: &str) -> bool {
    const STARTS: [&str; 11] = [
        "os.environ",
        "os.getenv",
        "process.env",
        "System.getenv",
        "ENV[",
        "getenv(",
        "env(",
        "var.",
        "local.",
        "secrets.",
        "self.",
    ];
    let is_letters = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    };
    let is_tag = value.strip_prefix('!').is_some_and(|tag| is_letters(tag) && is_plain_word(tag));
    // A path of three names, or a call
    let is_path =
        value.split('.').count() >= 3 && value.split('.').all(is_letters) && value.contains('_');
    let is_call = value
        .split_once('(')
        .is_some_and(|(name, _)| name.contains('.') && name.split('.').all(is_letters));
    is_tag || is_path || is_call || STARTS.iter().any(|start| value.starts_with(start))
}

/// Returns whether a value is a reference in the syntax of a secret manager.
pub(super) fn is_reference(value: &str) -> bool {
    const SCHEMES: [&str; 19] = [
        "arn:",
        "vault:",
        "op://", // 1Password, "Secret reference syntax"
        "ref+",  // vals
        "ssm:",
        "secretsmanager:",
        "awssm:",
        "env:",
        "file:",
        "sops:",
        "akv://",
        "sm://",
        "keyvault:",
        "gcpsecretmanager:",
        "secret:",
        "ENC[", // ciphertexts of SOPS
        "$ANSIBLE_VAULT",
        "!vault |", // before it, as a block
        "!vault >",
    ];
    let folded =
        || value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    let is = |word: &str| folded().eq(word.chars());
    SCHEMES.iter().any(|scheme| value.starts_with(scheme))
        || value.starts_with("/run/secrets/")
        || value.starts_with("/var/run/secrets/")
        // Another check finds passwords in URLs.
        || value.contains("://")
        || is_sealed(value.as_bytes())
        || (value.len() < 16
            && ["vault", "1password", "bitwarden", "lastpass", "keepass"].into_iter().any(is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn may_be_sensitive_accepts_every_ending() {
        let endings = ENDINGS
            .iter()
            .map(|(ending, _)| *ending)
            .chain(SUFFIXES)
            .chain(["value", "data", "pass", "base64", "b64"]);
        for ending in endings {
            for name in [
                format!("x_{ending}"),
                format!("x_{ending}_2"),
                format!("X_{}", ending.to_uppercase()),
            ] {
                assert!(may_be_sensitive(name.as_bytes()), "{name}");
            }
            assert!(
                may_be_sensitive(format!("x_{ending}s").as_bytes()) || ending.ends_with("64"),
                "{ending}s"
            );
        }
    }

    const NOTHING: &dyn Fn(&str) -> bool = &|_| false;

    #[test]
    fn names_of_secrets_are_sensitive_and_names_about_secrets_are_not() {
        for name in [
            "password",
            "PASSWORD",
            "dbPassword",
            "db_passwd",
            "pwd",
            "db.pass",
            "DB_PASS",
            "passphrase",
            "PASSWORD_2",
            "PASSWORD_PROD",
            "secret",
            "clientSecret",
            "secretValue",
            "token",
            "access_token",
            "api-key",
            "apiKey",
            "api key",
            "x-api-key",
            "privateKey",
            "aws_secret_access_key",
            "AccountKey",
            "connectionString",
            "value",
            "data",
            "stringData",
            "credentials",
            "Authorization",
        ] {
            assert!(classify_name(name).is_some(), "{name}");
            assert!(may_be_sensitive(name.as_bytes()), "{name}");
        }
        for name in [
            "secretType",
            "k8sSecretName",
            "secretName",
            "secretRef",
            "tokenUrl",
            "passwordPolicy",
            "password_rotation",
            "metadata",
            "key",
            "bypass",
            "compass",
            "design",
            "sku",
            "valueFrom",
            "name",
            "tokenType",
            "secretStoreRef",
        ] {
            assert_eq!(classify_name(name), None, "{name}");
        }
    }

    #[test]
    fn placeholders_are_not_values() {
        for text in [
            "",
            "<password>",
            "${PASSWORD}",
            "$(PASSWORD)",
            "$PASSWORD",
            "{{ password }}",
            "%PASSWORD%",
            "changeme",
            "CHANGE_ME",
            "xxxx",
            "***",
            "REDACTED",
            "[redacted]",
            "...",
            "your-password-here",
            "TODO",
            "n/a",
            "~",
            "op://vault/db/password",
            "arn:aws:secretsmanager:eu-west-2:123456789012:secret:db-AbCdEf",
            "1Password",
            "https://vault.example.com/db",
        ] {
            assert!(!is_value(Strength::Password, text, NOTHING), "{text}");
        }
        for text in [
            "hunter2",
            "swordfish",
            "correct horse battery staple",
            "12345",
            "$ecret",
            "password",
            "test",
            "7",
        ] {
            assert!(is_value(Strength::Password, text, NOTHING), "{text}");
        }
    }
}
