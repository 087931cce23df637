//! A secret's value: texts by key, parsed from input and stored as a JSON object; or one text.
//!
//! Each text is a [`SecretString`], which is wiped on drop and hidden in `{:?}`. No error contains
//! one, nor the message of a parser, which could contain one.

mod dotenv;
mod format;
mod json;
mod random;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use goldenpath_core::config;
use goldenpath_core::config::SecretType;
use goldenpath_core::manifest::ValueFormat;

pub use random::{bytes_from_hex, characters, encoded, token};

/// The maximum size of a value in bytes (PutSecretValue, `SecretString`).
pub const MAX_BYTES: usize = 65_536;

/// The maximum size of input with a value, which can be longer than the value.
pub const MAX_INPUT: usize = 1024 * 1024;

/// Texts by key, in the order of the input.
#[derive(Debug, Clone, Default)]
pub struct SecretValue(Vec<(String, SecretString)>);

/// The change of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKeyChange {
    /// The value before did not have it.
    Added,
    /// Its text is different from before.
    Changed,
    /// It is given with the text that it had before.
    Unchanged,
    /// It is not given and stays.
    Kept,
    /// The new value does not have it.
    Removed,
    /// It is given, and the value before was not read.
    Written,
    /// Its text was generated.
    Generated,
}

/// Why a value is rejected. No message contains a text of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum ValueError {
    #[error("cannot parse the value as JSON: {why} (line {line}, column {column})")]
    #[diagnostic(
        code(goldenpath::value::json),
        help("give one object of texts: {{\"username\": \"…\", \"password\": \"…\"}}")
    )]
    Json { why: &'static str, line: usize, column: usize },

    #[error("cannot parse the value as JSON: {why} under `{key}`")]
    #[diagnostic(
        code(goldenpath::value::json),
        help("put the text in quotes: each key of a Kubernetes Secret has one text")
    )]
    JsonKey { why: &'static str, key: String },

    #[error("cannot parse line {line} of the value: {why}")]
    #[diagnostic(
        code(goldenpath::value::dotenv),
        help("give lines of KEY=VALUE, or a JSON object")
    )]
    Dotenv { why: &'static str, line: usize },

    #[error("the key `{key}` is given twice")]
    #[diagnostic(code(goldenpath::value::twice), help("give it once"))]
    Twice { key: String },

    #[error("`{key}` cannot be a key: {why}")]
    #[diagnostic(code(goldenpath::value::key), help("rename it"))]
    BadKey { key: String, why: String },

    #[error("a value of type `{secret_type}` has no key `{key}`")]
    #[diagnostic(code(goldenpath::value::unknown_key), help("{help}"))]
    UnknownKey { key: String, secret_type: String, help: String },

    #[error("the value is a text under the key `{text_key}`, and has no key `{key}`")]
    #[diagnostic(
        code(goldenpath::value::text),
        help("give the text under `{text_key}`, or as standard input")
    )]
    OtherKeyThanText { key: String, text_key: String },

    #[error("the value lacks {}, which a value of type `{secret_type}` needs", quoted(keys))]
    #[diagnostic(code(goldenpath::value::missing_key), help("{help}"))]
    MissingKeys { keys: Vec<String>, secret_type: String, help: String },

    #[error("the text of `{key}` is empty")]
    #[diagnostic(code(goldenpath::value::empty), help("give it a text, or leave the key out"))]
    Empty { key: String },

    #[error("no key is given")]
    #[diagnostic(
        code(goldenpath::value::nothing),
        help("give a key and its text, as JSON, as lines of KEY=VALUE or with --from-file")
    )]
    Nothing,

    #[error("the value has {bytes} bytes, more than the {MAX_BYTES} that a secret can hold")]
    #[diagnostic(
        code(goldenpath::value::too_large),
        help("split it into several secrets, or store large data elsewhere")
    )]
    TooLarge { bytes: usize },

    #[error("{what} has more than {MAX_INPUT} bytes")]
    #[diagnostic(
        code(goldenpath::value::too_large),
        help("give a smaller value: a secret can hold {MAX_BYTES} bytes")
    )]
    InputTooLarge { what: String },

    #[error("{what} is not UTF-8: byte {place} is not valid")]
    #[diagnostic(code(goldenpath::value::not_utf8), help("encode it, for example in base64"))]
    NotUtf8 { what: String, place: usize },

    #[error("cannot read random bytes from the operating system: {why}")]
    #[diagnostic(
        code(goldenpath::value::no_randomness),
        help("generate the value with `--source aws`")
    )]
    NoRandomness { why: String },
}

impl SecretValue {
    /// Parses input: JSON if it begins like an object, or else lines of `KEY=VALUE`.
    ///
    /// # Errors
    /// If there is a syntax error, a key is given twice, or Kubernetes does not accept a key.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim_start_matches('\u{feff}');
        let value = if text.trim_start().starts_with(['{', '[', '"']) {
            json::parse(text)?
        } else {
            dotenv::parse(text)?
        };
        for (index, (key, _)) in value.iter().enumerate() {
            config::check_key(key).map_err(|why| ValueError::BadKey { key: shown(key), why })?;
            if value[..index].iter().any(|(other, _)| other == key) {
                return Err(ValueError::Twice { key: shown(key) });
            }
        }
        Ok(Self(value))
    }

    /// Returns a text as a value: the only one, under this key.
    ///
    /// Standard input of one line loses its line break, which programs add to their output.
    ///
    /// # Errors
    /// [`ValueError::Empty`]
    pub fn of_text(key: &str, text: &str) -> Result<Self, ValueError> {
        let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let text = line.filter(|line| !line.contains('\n')).unwrap_or(text);
        if text.is_empty() {
            return Err(ValueError::Empty { key: key.to_owned() });
        }
        Ok(Self(vec![(key.to_owned(), SecretString::from(text))]))
    }

    /// Returns the value as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> SecretString {
        // Written by hand into a sufficient capacity, because growing would leave copies in memory.
        let capacity = self
            .0
            .iter()
            .map(|(key, text)| key.len() + 6 * text.expose_secret().len() + 8)
            .sum::<usize>()
            + 2;
        let mut json = Zeroizing::new(Vec::with_capacity(capacity));
        json.push(b'{');
        for (index, (key, text)) in self.0.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            // Writing a string to a `Vec` cannot fail.
            let _ = serde_json::to_writer(&mut *json, key);
            json.push(b':');
            let _ = serde_json::to_writer(&mut *json, text.expose_secret());
        }
        json.push(b'}');
        SecretString::from(String::from_utf8_lossy(&json).into_owned())
    }

    /// Returns the keys, in the order of the input.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(key, _)| key.as_str()).collect()
    }

    /// Returns whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text of a key.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&SecretString> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, text)| text)
    }

    /// Returns each key with its text, in the order of the input.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(key, text)| (key.as_str(), text))
    }

    /// Sets the text of a key, keeping its position if it exists.
    pub fn set(&mut self, key: &str, text: SecretString) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = text,
            None => self.0.push((key.to_owned(), text)),
        }
    }

    /// Returns these keys merged over those of `before`.
    #[must_use]
    pub fn merge_over(self, before: &Self) -> Self {
        let mut all = before.clone();
        for (key, text) in self.0 {
            all.set(&key, text);
        }
        all
    }

    /// Returns the change of each key from `before` to `self`, in the order of `self`.
    ///
    /// `given` are the keys in the input. `before` is None if it was not read.
    #[must_use]
    pub fn key_changes(
        &self,
        before: Option<&Self>,
        given: &[&str],
    ) -> Vec<(String, ValueKeyChange)> {
        let Some(before) = before else {
            return self.0.iter().map(|(key, _)| (key.clone(), ValueKeyChange::Written)).collect();
        };
        let change = |(key, text): &(String, SecretString)| match before.text(key) {
            None => ValueKeyChange::Added,
            Some(_) if !given.contains(&key.as_str()) => ValueKeyChange::Kept,
            Some(old) if old.expose_secret() == text.expose_secret() => ValueKeyChange::Unchanged,
            Some(_) => ValueKeyChange::Changed,
        };
        let removed = before.0.iter().filter(|(key, _)| self.text(key).is_none());
        let present = self.0.iter().map(|entry| (entry.0.clone(), change(entry)));
        present.chain(removed.map(|(key, _)| (key.clone(), ValueKeyChange::Removed))).collect()
    }

    /// Checks that this is a complete value of a type, in the format of its manifest.
    ///
    /// # Errors
    /// If a key is unknown or missing, a text is empty, or the value is too large.
    pub fn check(
        &self,
        name: &str,
        secret_type: &SecretType,
        format: &ValueFormat,
    ) -> Result<(), ValueError> {
        if self.is_empty() {
            return Err(ValueError::Nothing);
        }
        for (key, text) in &self.0 {
            check_known(key, name, secret_type)?;
            if text.expose_secret().is_empty() {
                return Err(ValueError::Empty { key: shown(key) });
            }
        }
        let missing =
            secret_type.keys.iter().filter(|key| key.required && self.text(&key.name).is_none());
        let missing: Vec<_> = missing.collect();
        if !missing.is_empty() {
            let help = if missing.iter().all(|key| key.generate.is_some()) {
                "give them, or generate them with --generate"
            } else {
                "give them"
            };
            let keys = missing.iter().map(|key| key.name.clone()).collect();
            return Err(ValueError::MissingKeys {
                keys,
                secret_type: name.to_owned(),
                help: help.to_owned(),
            });
        }
        match self.to_stored(format).expose_secret().len() {
            bytes if bytes > MAX_BYTES => Err(ValueError::TooLarge { bytes }),
            _ => Ok(()),
        }
    }
}

/// Checks that a value of this type may have a key.
///
/// # Errors
/// [`ValueError::UnknownKey`], with the most similar key.
pub fn check_known(key: &str, name: &str, secret_type: &SecretType) -> Result<(), ValueError> {
    if secret_type.other_keys || secret_type.key(key).is_some() {
        return Ok(());
    }
    let names = secret_type.keys.iter().map(|key| key.name.as_str());
    let near = goldenpath_core::suggest::did_you_mean(key, names.clone());
    let is_near = near.is_some();
    let help =
        near.unwrap_or_else(|| format!("its keys are {}", names.collect::<Vec<_>>().join(", ")));
    // A key that is not similar to a known one may be a value in the place of a key.
    let key = if is_near { shown(key) } else { hidden(key) };
    Err(ValueError::UnknownKey { key, secret_type: name.to_owned(), help })
}

/// Returns a key for an error.
///
/// A key that does not look like a name is hidden, because it may be a value in its place.
fn shown(key: &str) -> String {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    let is_name = config::check_key(key).is_ok() && key.len() <= 40 && digits <= 3;
    if is_name { key.to_owned() } else { hidden(key) }
}

fn hidden(key: &str) -> String {
    format!("({} characters)", key.chars().count())
}

fn quoted(keys: &[String]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use goldenpath_core::config::SecretTypes;

    fn value(texts: &[(&str, &str)]) -> SecretValue {
        let mut value = SecretValue::default();
        for (key, text) in texts {
            value.set(key, SecretString::from(*text));
        }
        value
    }

    #[test]
    fn the_json_object_has_the_texts_as_other_parsers_read_them() {
        let value = value(&[("a", "plain"), ("b.c", "quote\" \\ line\nend ü \u{1} 🔑")]);
        let json: serde_json::Value =
            serde_json::from_str(value.to_json().expose_secret()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({ "a": "plain", "b.c": "quote\" \\ line\nend ü \u{1} 🔑" })
        );
        let again = SecretValue::stored(&value.to_json(), &ValueFormat::Json).unwrap();
        assert_eq!(again.names(), ["a", "b.c"]);
        assert_eq!(again.to_json().expose_secret(), value.to_json().expose_secret());
    }

    #[test]
    fn a_value_is_checked_against_its_type() {
        let types = SecretTypes::built_in();
        let database = types.of("database-credentials");
        let check = |texts: &[(&str, &str)]| {
            value(texts).check("database-credentials", &database, &ValueFormat::Json)
        };
        assert_eq!(check(&[("username", "u"), ("password", "p")]), Ok(()));
        assert!(matches!(
            check(&[("username", "u")]),
            Err(ValueError::MissingKeys { keys, .. }) if keys == ["password"]
        ));
        assert!(matches!(
            check(&[("username", "u"), ("password", "")]),
            Err(ValueError::Empty { .. })
        ));
        assert!(matches!(
            check(&[("usrname", "u")]),
            Err(ValueError::UnknownKey { help, .. }) if help.contains("username")
        ));
        assert_eq!(check(&[]), Err(ValueError::Nothing));
        let long = "x".repeat(MAX_BYTES);
        assert!(matches!(
            check(&[("username", "u"), ("password", &long)]),
            Err(ValueError::TooLarge { .. })
        ));
        let fits = "x".repeat(MAX_BYTES - r#"{"username":"u","password":""}"#.len());
        assert_eq!(check(&[("username", "u"), ("password", &fits)]), Ok(()));
        let bytes = MAX_BYTES + 1;
        assert_eq!(
            check(&[("username", "u"), ("password", &format!("{fits}x"))]),
            Err(ValueError::TooLarge { bytes })
        );
    }

    #[test]
    fn one_line_of_input_is_a_text_without_its_line_break() {
        for (given, expected) in [
            ("abc", "abc"),
            ("abc\n", "abc"),
            ("abc\r\n", "abc"),
            (" a b \n", " a b "),
            ("abc\n\n", "abc\n\n"),
            ("a\nb\n", "a\nb\n"),
            ("{\"a\": 1}\n", "{\"a\": 1}"),
        ] {
            let value = SecretValue::of_text("token", given).unwrap();
            assert_eq!(value.text("token").unwrap().expose_secret(), expected, "{given:?}");
        }
        for empty in ["", "\n", "\r\n"] {
            let key = "token".to_owned();
            let error = SecretValue::of_text("token", empty).unwrap_err();
            assert_eq!(error, ValueError::Empty { key });
        }
    }

    #[test]
    fn the_change_of_each_key_is_found() {
        let before = value(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let given = value(&[("b", "2"), ("c", "4"), ("d", "5")]);
        let merged = given.clone().merge_over(&before);
        let key_changes = |after: &SecretValue| {
            let key_changes = after.key_changes(Some(&before), &given.names());
            key_changes
                .iter()
                .map(|(key, change)| format!("{key} {change:?}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(key_changes(&merged), "a Kept, b Unchanged, c Changed, d Added");
        assert_eq!(key_changes(&given), "b Unchanged, c Changed, d Added, a Removed");
    }

    #[test]
    fn no_error_and_no_debug_output_shows_a_possible_value() {
        for text in [
            "hunter2canary",
            "\"hunter2canary\"",
            "{\"a\": [\"hunter2canary\"]}",
            "{\"a\": \"hunter2canary",
            "{\"a\": \"hunter2canary\" hunter2canary}",
            "{\"hunter2canary \": 1}",
            "a='hunter2canary",
            "a=\"\\hunter2canary\"",
            "hunter2canary !=1",
            "[\"hunter2canary\"]",
            // A value without its key that ends like base64.
            "aHVudGVyMmNhbmFyeQ==",
            "hunter2canary=",
            "hunter2canary=1",
        ] {
            let database = SecretTypes::built_in().of("database-credentials");
            let error = SecretValue::parse(text)
                .and_then(|value| {
                    value.check("database-credentials", &database, &ValueFormat::Json)
                })
                .unwrap_err();
            let shown = format!("{error} {error:?} {:?}", miette::Report::new(error.clone()));
            assert!(!shown.contains("hunter2") && !shown.contains("aHVud"), "{text}: {shown}");
        }
        let value = SecretValue::parse("a=hunter2canary").unwrap();
        assert!(!format!("{value:?}").contains("hunter2"));
    }
}
