//! `schemas/metadata/secret_types.yaml`: which keys a value has, by `spec.secretType`, and how they are made.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ConfigError, Enums, read, read_built_in};
use crate::suggest;

/// The keys that goldenpath has built in; `init` writes this very text.
pub const BUILT_IN: &str = include_str!("../../schemas/metadata/secret_types.yaml");

/// The longest name of a key, in characters (Kubernetes, `IsConfigMapKey`).
const NAME_LENGTH: usize = 253;

/// The characters that are made for a key: not so few that they can be guessed, and as many as AWS makes
/// (GetRandomPassword, `PasswordLength`).
const LENGTHS: std::ops::RangeInclusive<u16> = 8..=4096;

/// The random bytes that are made for a key.
const BYTES: std::ops::RangeInclusive<u16> = 16..=1024;

/// What a value of each type looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretTypes(BTreeMap<String, SecretType>);

/// What a value of one type looks like.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretType {
    /// In the order in which people are asked for them.
    pub keys: Vec<Key>,
    /// Whether a value may have keys beside these.
    #[serde(default)]
    pub other_keys: bool,
}

/// A key of a value, and of the Kubernetes Secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Key {
    pub name: String,
    #[serde(default)]
    pub required: bool,
    /// A file's content, which nobody types.
    #[serde(default)]
    pub multiline: bool,
    /// None for what only somebody else can know.
    #[serde(default)]
    pub generate: Option<Recipe>,
}

/// How a key's text is made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenRecipe")]
pub struct Recipe {
    pub make: Make,
    /// Made for the first value, and kept when that is rotated.
    pub once: bool,
}

/// What a text is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Make {
    Characters(Characters),
    Bytes { count: u16, encoding: Encoding },
}

/// So many characters of these kinds, at least one of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Characters {
    pub length: u16,
    pub from: Vec<Kind>,
    /// None of these.
    pub without: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Lowercase,
    Uppercase,
    Digits,
    /// ASCII's punctuation, which AWS takes too (GetRandomPassword, `ExcludePunctuation`).
    Symbols,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    Hex,
    Base64,
    /// Without padding, as tokens have it.
    Base64url,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenRecipe {
    length: Option<u16>,
    from: Option<Vec<Kind>>,
    without: Option<String>,
    bytes: Option<u16>,
    r#as: Option<Encoding>,
    #[serde(default)]
    once: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Written {
    secret_types: BTreeMap<String, SecretType>,
}

impl SecretTypes {
    /// The built-in types.
    #[must_use]
    pub fn built_in() -> Self {
        Self(read_built_in::<Written>(BUILT_IN).secret_types)
    }

    /// Reads a catalog's own types; a type that `text` leaves out is the built-in one.
    ///
    /// # Errors
    /// Broken YAML, an unknown field, a type that `enums` do not have, a key that Kubernetes would not take or that stands there
    /// twice, and a recipe that nothing can be made by.
    pub fn parse(path: &str, text: &str, enums: &Enums) -> Result<Self, ConfigError> {
        let own = read::<Option<Written>>(path, text)?.unwrap_or_default().secret_types;
        for (name, secret_type) in &own {
            let wrong = |below: &[&str], message: String, help: &str| {
                let keys = [&["secretTypes", name.as_str()], below].concat();
                ConfigError::new(path, message, help).at_field(text, &keys)
            };
            if !enums.secret_types.contains(name) {
                let near =
                    suggest::did_you_mean(name, enums.secret_types.iter().map(String::as_str));
                let help = near
                    .unwrap_or_else(|| format!("the enums have {}", enums.secret_types.join(", ")));
                return Err(wrong(&[], format!("there is no secret type `{name}`"), &help));
            }
            for (index, key) in secret_type.keys.iter().enumerate() {
                let place = index.to_string();
                let below = ["keys", &place, "name"];
                if let Err(why) = check_key(&key.name) {
                    return Err(wrong(
                        &below,
                        format!("`{name}` cannot have the key `{}`", key.name.escape_debug()),
                        &why,
                    ));
                }
                if secret_type.keys[..index].iter().any(|other| other.name == key.name) {
                    let message = format!("the key `{}` stands twice under `{name}`", key.name);
                    return Err(wrong(&below, message, "leave one of them out"));
                }
            }
            if secret_type.keys.is_empty() && !secret_type.other_keys {
                let message = format!("a value of type `{name}` could have no key at all");
                return Err(wrong(&[], message, "give it keys, or `otherKeys: true`"));
            }
        }
        let mut all = Self::built_in();
        all.0.extend(own);
        Ok(all)
    }

    /// What a value of this type looks like. One that nothing is said of may have any keys.
    #[must_use]
    pub fn of(&self, name: &str) -> SecretType {
        self.0.get(name).cloned().unwrap_or(SecretType { keys: Vec::new(), other_keys: true })
    }
}

impl SecretType {
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The keys that a value cannot be without and that nobody but a person can give.
    #[must_use]
    pub fn only_given(&self) -> Vec<&str> {
        let only = self.keys.iter().filter(|key| key.required && key.generate.is_none());
        only.map(|key| key.name.as_str()).collect()
    }

    /// The keys that a first value is made of where nobody gives it: those that it cannot be without, or else all, as far as they
    /// can be made.
    #[must_use]
    pub fn made_at_first(&self) -> Vec<&Key> {
        let is_required = self.keys.iter().any(|key| key.required);
        self.keys
            .iter()
            .filter(|key| key.generate.is_some() && (key.required || !is_required))
            .collect()
    }

    /// Whether a first value can be made without anybody's help.
    #[must_use]
    pub fn can_be_generated(&self) -> bool {
        self.only_given().is_empty() && self.keys.iter().any(|key| key.generate.is_some())
    }
}

impl Kind {
    /// The characters of this kind, in ASCII's order.
    #[must_use]
    pub fn characters(self) -> &'static str {
        match self {
            Self::Lowercase => "abcdefghijklmnopqrstuvwxyz",
            Self::Uppercase => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Self::Digits => "0123456789",
            Self::Symbols => "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        }
    }
}

impl TryFrom<WrittenRecipe> for Recipe {
    type Error = String;

    fn try_from(written: WrittenRecipe) -> Result<Self, String> {
        let WrittenRecipe { length, from, without, bytes, r#as, once } = written;
        let make = match (length, bytes) {
            (Some(length), None) if r#as.is_none() => {
                let mut from =
                    from.unwrap_or_else(|| vec![Kind::Lowercase, Kind::Uppercase, Kind::Digits]);
                from.sort_unstable();
                from.dedup();
                let without = without.unwrap_or_default();
                if !LENGTHS.contains(&length) {
                    let (min, max) = (LENGTHS.start(), LENGTHS.end());
                    return Err(format!(
                        "`length` is {length}, and can be {min} to {max}\nwrite {min} to {max}"
                    ));
                }
                if from.is_empty() {
                    return Err(
                        "`from` is empty\ngive lowercase, uppercase, digits or symbols".to_owned()
                    );
                }
                if from
                    .iter()
                    .any(|kind| kind.characters().chars().all(|one| without.contains(one)))
                {
                    return Err(
                        "`without` leaves nothing of a kind in `from`\nleave that kind out"
                            .to_owned(),
                    );
                }
                Make::Characters(Characters { length, from, without })
            }
            (None, Some(count)) if from.is_none() && without.is_none() => {
                if !BYTES.contains(&count) {
                    let (min, max) = (BYTES.start(), BYTES.end());
                    return Err(format!(
                        "`bytes` is {count}, and can be {min} to {max}\nwrite {min} to {max}"
                    ));
                }
                Make::Bytes { count, encoding: r#as.unwrap_or(Encoding::Base64) }
            }
            _ => {
                return Err(
                    "`generate` takes `length` with `from` and `without`, or `bytes` with `as`\n\
                     write `length` or `bytes`"
                        .to_owned(),
                );
            }
        };
        Ok(Self { make, once })
    }
}

/// What Kubernetes takes as a key of a Secret (`IsConfigMapKey`).
///
/// # Errors
/// A sentence that says what is wrong with `name`.
pub fn check_key(name: &str) -> Result<(), String> {
    let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > NAME_LENGTH || !name.bytes().all(is_taken) {
        return Err(format!("Kubernetes takes 1 to {NAME_LENGTH} letters, digits and -_."));
    }
    match name == "." || name.starts_with("..") {
        true => Err("Kubernetes takes no key that is `.` or begins with `..`".to_owned()),
        false => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SecretTypes, ConfigError> {
        SecretTypes::parse("secret_types.yaml", text, &Enums::built_in())
    }

    #[test]
    fn every_built_in_type_is_there_and_says_what_can_be_made() {
        let types = parse(BUILT_IN).unwrap();
        assert_eq!(types, SecretTypes::built_in());
        for name in Enums::built_in().secret_types {
            assert!(types.0.contains_key(&name), "{name}");
        }
        let database = types.of("database-credentials");
        let names: Vec<&str> = database.keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["username", "password", "host", "port", "dbname", "engine"]);
        assert!(database.can_be_generated());
        assert_eq!(types.of("tls-private-key").only_given(), ["tls.key", "tls.crt"]);
        assert!(!types.of("api-key").can_be_generated());
        let made = |name: &str| {
            types.of(name).made_at_first().iter().map(|key| key.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (made("database-credentials").join(" "), made("generic").join(" ")),
            ("username password".to_owned(), "value".to_owned())
        );
    }

    #[test]
    fn a_type_that_is_left_out_is_the_built_in_one_and_an_unknown_one_takes_any_key() {
        let types = parse("secretTypes:\n  api-key: { keys: [{ name: token }] }\n").unwrap();
        assert_eq!(types.of("api-key").keys.len(), 1);
        assert_eq!(types.of("signing-key"), SecretTypes::built_in().of("signing-key"));
        assert!(types.of("house-made").other_keys);
        assert_eq!(parse("# nothing yet\n").unwrap(), SecretTypes::built_in());
    }

    #[test]
    fn what_no_value_could_be_made_by_is_refused_where_it_stands() {
        for (text, words) in [
            ("api-keys: { keys: [{ name: a }] }", "there is no secret type `api-keys`"),
            ("api-key: { keys: [{ name: a b }] }", "cannot have the key `a b`"),
            ("api-key: { keys: [{ name: a }, { name: a }] }", "stands twice"),
            ("api-key: { keys: [] }", "no key at all"),
            ("api-key: { keys: [{ name: a, secret: true }] }", "secret"),
            ("api-key: { keys: [{ name: a, generate: { length: 7 } }] }", "8 to 4096"),
            ("api-key: { keys: [{ name: a, generate: { bytes: 8 } }] }", "16 to 1024"),
            (
                "api-key: { keys: [{ name: a, generate: { bytes: 32, length: 32 } }] }",
                "or `bytes` with `as`",
            ),
            (
                "api-key: { keys: [{ name: a, generate: { length: 9, from: [digits], without: \"0123456789\" } }] }",
                "leaves nothing",
            ),
        ] {
            let error = parse(&format!("secretTypes:\n  {text}\n")).unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
            assert!(miette::Diagnostic::labels(&error).is_some(), "{text}");
        }
    }
}
