//! A value as a store has it, in the format of its manifest.

use secrecy::{ExposeSecret, SecretString};

use super::{SecretValue, json};
use goldenpath_core::manifest::ValueFormat;

impl SecretValue {
    /// Parses a value from a store.
    ///
    /// Returns None if the format is JSON and the value is not an object of texts, numbers, true
    /// and false.
    #[must_use]
    pub fn stored(text: &SecretString, format: &ValueFormat) -> Option<Self> {
        match format {
            ValueFormat::Json => json::parse(text.expose_secret()).ok().map(Self),
            ValueFormat::Text { key } => Some(Self(vec![(key.clone(), text.clone())])),
        }
    }

    /// Returns the value as a store has it: a JSON object, or the text alone.
    #[must_use]
    pub fn to_stored(&self, format: &ValueFormat) -> SecretString {
        match format {
            ValueFormat::Json => self.to_json(),
            ValueFormat::Text { key } => self.text(key).cloned().unwrap_or_default(),
        }
    }

    /// Returns the keys that the operator extracts from a stored value.
    ///
    /// Returns None if it is not a JSON object, for which the operator's `dataFrom.extract` fails.
    #[must_use]
    pub fn extracted_keys(text: &SecretString) -> Option<Vec<String>> {
        json::keys(text.expose_secret())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_stored_as_it_is() {
        let text = ValueFormat::Text { key: "token".to_owned() };
        for given in ["abc", " {\"a\": 1} \n", "-----BEGIN KEY-----\nx\n-----END KEY-----\n"] {
            let value = SecretValue::stored(&SecretString::from(given), &text).unwrap();
            assert_eq!(value.names(), ["token"]);
            assert_eq!(value.to_stored(&text).expose_secret(), given);
        }
        assert!(SecretValue::stored(&SecretString::from("abc"), &ValueFormat::Json).is_none());
    }

    #[test]
    fn the_operator_extracts_keys_from_an_object_of_anything_and_from_nothing_else() {
        let keys = |text: &str| SecretValue::extracted_keys(&SecretString::from(text));
        let of = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(keys(r#"{"a": "b", "c": {"d": [1, 1.5]}, "e": null}"#), of(&["a", "c", "e"]));
        assert_eq!(keys(r#"{"a": 1, "a": 2}"#), of(&["a"]));
        assert_eq!(keys("{}"), of(&[]));
        for text in ["", "abc", "\"abc\"", "[\"a\"]", "{\"a\": 1", "{\"a\": 1} x", "7", "null"] {
            assert_eq!(keys(text), None, "{text}");
        }
    }
}
