//! `schemas/metadata/secret_types.yaml`: the keys of a value, and their generation.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ConfigError, Enums, KubernetesSecret, TypeRotation, read, read_built_in};
use crate::suggest;

/// The built-in keys, which `init` writes unchanged.
pub const BUILT_IN: &str = include_str!("../../schemas/metadata/secret_types.yaml");

/// The maximum length of a key, in characters (Kubernetes, `IsConfigMapKey`).
const NAME_LENGTH: usize = 253;

/// The allowed number of generated characters.
///
/// The minimum prevents guessing; the maximum is AWS's (GetRandomPassword, `PasswordLength`).
const LENGTHS: std::ops::RangeInclusive<u16> = 8..=4096;

/// The allowed number of generated random bytes.
const BYTES: std::ops::RangeInclusive<u16> = 16..=1024;

/// The keys of a value, by type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretTypes(BTreeMap<String, SecretType>);

/// The keys of a value of one type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretType {
    /// In the order of the prompts; empty if `other_keys` are all.
    #[serde(default)]
    pub keys: Vec<KeyDefinition>,
    /// Whether a value may have additional keys.
    #[serde(default)]
    pub other_keys: bool,
    /// None if they are rotated by a function, or by hand.
    #[serde(default)]
    pub rotation: Option<TypeRotation>,
    /// None for a Secret of type Opaque with the keys of the value.
    #[serde(default)]
    pub kubernetes: Option<KubernetesSecret>,
}

/// A key of a value, and of the Kubernetes Secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyDefinition {
    /// 1 to 253 letters, digits, `-`, `_` and `.`, as Kubernetes allows.
    pub name: String,
    /// Whether each value must have it.
    #[serde(default)]
    pub required: bool,
    /// Whether it is a file's content, which is not typed.
    #[serde(default)]
    pub multiline: bool,
    /// None if it cannot be generated.
    #[serde(default)]
    pub generate: Option<Recipe>,
}

/// How a key's text is generated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RecipeConfig")]
pub struct Recipe {
    /// The kind and amount of random data.
    pub source: TextSource,
    /// Whether rotation keeps it.
    pub once: bool,
}

/// The source of a generated text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextSource {
    /// Random characters, not encoded.
    Characters(Characters),
    /// Random bytes, encoded as text.
    Bytes {
        /// The number of bytes before encoding, 16 to 1024.
        count: u16,
        /// The form of the bytes in the text.
        encoding: Encoding,
    },
}

/// A number of characters of these kinds, at least one of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Characters {
    /// The number of characters, 8 to 4096.
    pub length: u16,
    /// The kinds of characters; the text has at least one of each.
    pub from: Vec<CharacterClass>,
    /// Excluded characters.
    pub without: String,
}

/// A kind of ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CharacterClass {
    /// `a` to `z`.
    Lowercase,
    /// `A` to `Z`.
    Uppercase,
    /// `0` to `9`.
    Digits,
    /// ASCII's punctuation, as in AWS (GetRandomPassword, `ExcludePunctuation`).
    Symbols,
}

/// The form of bytes in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Two lowercase hexadecimal digits for each byte.
    Hex,
    /// The standard alphabet, with padding (RFC 4648, section 4).
    Base64,
    /// Without padding, as in tokens.
    Base64url,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RecipeConfig {
    length: Option<u16>,
    from: Option<Vec<CharacterClass>>,
    without: Option<String>,
    bytes: Option<u16>,
    r#as: Option<Encoding>,
    #[serde(default)]
    once: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct SecretTypesFile {
    secret_types: BTreeMap<String, SecretType>,
}

impl SecretTypes {
    /// Returns the built-in types.
    #[must_use]
    pub fn built_in() -> Self {
        Self(read_built_in::<SecretTypesFile>(BUILT_IN).secret_types)
    }

    /// Parses a catalog's own types; a missing type is the built-in one.
    ///
    /// # Errors
    /// Invalid YAML, an unknown field, a type that is not in `enums`, a key that Kubernetes would
    /// reject, a duplicate key, an impossible recipe, or an impossible rotation.
    pub fn parse(path: &str, text: &str, enums: &Enums) -> Result<Self, ConfigError> {
        let own = read::<Option<SecretTypesFile>>(path, text)?.unwrap_or_default().secret_types;
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
                    let message = format!("duplicate key `{}` under `{name}`", key.name);
                    return Err(wrong(&below, message, "remove one of them"));
                }
            }
            if let Some(rotation) = &secret_type.rotation {
                rotation.check(name, path, text, enums)?;
            }
            if secret_type.keys.is_empty() && !secret_type.other_keys {
                let message = format!("a value of type `{name}` cannot have any keys");
                return Err(wrong(&[], message, "give it keys, or `otherKeys: true`"));
            }
            let shape = secret_type.kubernetes.as_ref();
            if let Some(problem) = shape.and_then(|shape| shape.find_problem(name, secret_type)) {
                let at = problem.at.iter().map(String::as_str);
                let below: Vec<&str> = std::iter::once("kubernetes").chain(at).collect();
                return Err(wrong(&below, problem.message, &problem.help));
            }
        }
        let mut all = Self::built_in();
        all.0.extend(own);
        Ok(all)
    }

    /// Returns the keys of a value of this type; an unlisted type may have any keys.
    #[must_use]
    pub fn of(&self, name: &str) -> SecretType {
        let any = || SecretType { other_keys: true, ..SecretType::default() };
        self.0.get(name).cloned().unwrap_or_else(any)
    }
}

impl SecretType {
    /// Returns the definition of a key; None if the type does not list it.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&KeyDefinition> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Returns the type of a value that is a text under this key.
    ///
    /// The text is generated like the type's key of this name.
    #[must_use]
    pub fn of_text(&self, key: &str) -> Self {
        let known = self.key(key).cloned();
        let known = known.unwrap_or(KeyDefinition {
            name: key.to_owned(),
            required: true,
            multiline: false,
            generate: None,
        });
        Self {
            keys: vec![KeyDefinition { required: true, ..known }],
            other_keys: false,
            rotation: self.rotation.clone(),
            kubernetes: self.kubernetes.as_ref().map(|shape| shape.of_text(key)),
        }
    }

    /// Returns the required keys that cannot be generated.
    #[must_use]
    pub fn required_keys_without_recipe(&self) -> Vec<&str> {
        let only = self.keys.iter().filter(|key| key.required && key.generate.is_none());
        only.map(|key| key.name.as_str()).collect()
    }

    /// Returns the keys to generate for a first value that is not given.
    ///
    /// These are the required keys, or else all that can be generated.
    #[must_use]
    pub fn keys_to_generate(&self) -> Vec<&KeyDefinition> {
        let is_required = self.keys.iter().any(|key| key.required);
        self.keys
            .iter()
            .filter(|key| key.generate.is_some() && (key.required || !is_required))
            .collect()
    }

    /// Returns whether a first value can be generated entirely.
    #[must_use]
    pub fn can_be_generated(&self) -> bool {
        self.required_keys_without_recipe().is_empty()
            && self.keys.iter().any(|key| key.generate.is_some())
    }
}

impl CharacterClass {
    /// Returns the characters of this kind, in ASCII's order.
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

impl TryFrom<RecipeConfig> for Recipe {
    type Error = String;

    fn try_from(written: RecipeConfig) -> Result<Self, String> {
        let RecipeConfig { length, from, without, bytes, r#as, once } = written;
        let source = match (length, bytes) {
            (Some(length), None) if r#as.is_none() => {
                let mut from = from.unwrap_or_else(|| {
                    vec![
                        CharacterClass::Lowercase,
                        CharacterClass::Uppercase,
                        CharacterClass::Digits,
                    ]
                });
                from.sort_unstable();
                from.dedup();
                let without = without.unwrap_or_default();
                if !LENGTHS.contains(&length) {
                    let (min, max) = (LENGTHS.start(), LENGTHS.end());
                    return Err(format!(
                        "`length` is {length}, but must be {min} to {max}\nwrite {min} to {max}"
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
                        "`without` excludes all characters of a kind in `from`\nremove that kind"
                            .to_owned(),
                    );
                }
                TextSource::Characters(Characters { length, from, without })
            }
            (None, Some(count)) if from.is_none() && without.is_none() => {
                if !BYTES.contains(&count) {
                    let (min, max) = (BYTES.start(), BYTES.end());
                    return Err(format!(
                        "`bytes` is {count}, but must be {min} to {max}\nwrite {min} to {max}"
                    ));
                }
                TextSource::Bytes { count, encoding: r#as.unwrap_or(Encoding::Base64) }
            }
            _ => {
                return Err(
                    "`generate` needs `length` with `from` and `without`, or `bytes` with `as`\n\
                     write `length` or `bytes`"
                        .to_owned(),
                );
            }
        };
        Ok(Self { source, once })
    }
}

/// Checks a key of a Kubernetes Secret (`IsConfigMapKey`).
///
/// # Errors
/// A sentence that says why `name` is rejected.
pub fn check_key(name: &str) -> Result<(), String> {
    let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > NAME_LENGTH || !name.bytes().all(is_taken) {
        return Err(format!("Kubernetes allows 1 to {NAME_LENGTH} letters, digits and -_."));
    }
    if name == "." || name.starts_with("..") {
        Err("Kubernetes rejects `.` and keys that begin with `..`".to_owned())
    } else {
        Ok(())
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
    fn every_built_in_type_exists_and_has_its_generated_keys() {
        let types = parse(BUILT_IN).unwrap();
        assert_eq!(types, SecretTypes::built_in());
        for name in Enums::built_in().secret_types {
            assert!(types.0.contains_key(&name), "{name}");
        }
        let database = types.of("database-credentials");
        let names: Vec<&str> = database.keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["username", "password", "host", "port", "dbname", "engine"]);
        assert!(database.can_be_generated());
        assert_eq!(
            types.of("tls-private-key").required_keys_without_recipe(),
            ["tls.key", "tls.crt"]
        );
        assert!(!types.of("api-key").can_be_generated());
        let made = |name: &str| {
            types.of(name).keys_to_generate().iter().map(|key| key.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (made("database-credentials").join(" "), made("generic").join(" ")),
            ("username password".to_owned(), "value".to_owned())
        );
    }

    #[test]
    fn a_text_has_one_key_with_the_recipe_of_its_name() {
        let types = SecretTypes::built_in();
        let text = types.of("webhook-secret").of_text("secret");
        assert!(text.can_be_generated() && text.keys.len() == 1 && text.keys[0].required);
        let other = types.of("webhook-secret").of_text("value");
        assert_eq!(other.required_keys_without_recipe(), ["value"]);
        let generic = types.of("generic").of_text("value");
        assert!(generic.can_be_generated() && generic.keys[0].required && !generic.other_keys);
    }

    #[test]
    fn a_missing_type_is_the_built_in_one_and_an_unlisted_one_has_any_keys() {
        let types = parse("secretTypes:\n  api-key: { keys: [{ name: token }] }\n").unwrap();
        assert_eq!(types.of("api-key").keys.len(), 1);
        assert_eq!(types.of("signing-key"), SecretTypes::built_in().of("signing-key"));
        assert!(types.of("custom-type").other_keys);
        assert_eq!(parse("# nothing yet\n").unwrap(), SecretTypes::built_in());
    }

    #[test]
    fn an_impossible_type_is_rejected_at_its_location() {
        for (text, words) in [
            ("api-keys: { keys: [{ name: a }] }", "there is no secret type `api-keys`"),
            ("api-key: { keys: [{ name: a b }] }", "cannot have the key `a b`"),
            ("api-key: { keys: [{ name: a }, { name: a }] }", "duplicate key `a`"),
            ("api-key: { keys: [] }", "cannot have any keys"),
            ("api-key: { keys: [{ name: a, secret: true }] }", "secret"),
            ("api-key: { keys: [{ name: a, generate: { length: 7 } }] }", "8 to 4096"),
            ("api-key: { keys: [{ name: a, generate: { bytes: 8 } }] }", "16 to 1024"),
            (
                "api-key: { keys: [{ name: a, generate: { bytes: 32, length: 32 } }] }",
                "or `bytes` with `as`",
            ),
            (
                "api-key: { keys: [{ name: a, generate: \
                 { length: 9, from: [digits], without: \"0123456789\" } }] }",
                "excludes all",
            ),
        ] {
            let error = parse(&format!("secretTypes:\n  {text}\n")).unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
            assert!(miette::Diagnostic::labels(&error).is_some(), "{text}");
        }
    }
}
