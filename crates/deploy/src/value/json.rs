//! A parser for a JSON object of texts.

use std::cell::Cell;
use std::fmt;

use secrecy::SecretString;
use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};

use super::{ValueError, shown};

/// An error without serde's own message, which may contain a part of the value.
#[derive(Clone)]
enum JsonProblem {
    Shape(&'static str),
    Key(&'static str, String),
}

/// Returns the keys and texts of an object in their order; a key can occur twice.
///
/// Numbers, true and false become their texts, as in the External Secrets Operator.
pub(super) fn parse(text: &str) -> Result<Vec<(String, SecretString)>, ValueError> {
    let wrong = Cell::new(None);
    let mut from = serde_json::Deserializer::from_str(text);
    let read =
        from.deserialize_map(ObjectVisitor(&wrong)).and_then(|texts| from.end().map(|()| texts));
    read.map_err(|error| match wrong.take() {
        Some(JsonProblem::Key(why, key)) => ValueError::JsonKey { why, key: shown(&key) },
        Some(JsonProblem::Shape(why)) => {
            ValueError::Json { why, line: error.line(), column: error.column() }
        }
        None => {
            let why = match error.classify() {
                serde_json::error::Category::Eof => "it ends too early",
                serde_json::error::Category::Data => "it is not an object",
                _ => "it is not JSON",
            };
            ValueError::Json { why, line: error.line(), column: error.column() }
        }
    })
}

/// Returns the keys of an object with any values, each once; None for another text.
pub(super) fn keys(text: &str) -> Option<Vec<String>> {
    struct KeyVisitor;

    impl<'de> Visitor<'de> for KeyVisitor {
        type Value = Vec<String>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, _)) = entries.next_entry::<String, serde::de::IgnoredAny>()? {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            Ok(keys)
        }
    }

    let mut from = serde_json::Deserializer::from_str(text);
    let keys = from.deserialize_map(KeyVisitor).ok()?;
    from.end().ok().map(|()| keys)
}

struct ObjectVisitor<'a>(&'a Cell<Option<JsonProblem>>);

impl<'de> Visitor<'de> for ObjectVisitor<'_> {
    type Value = Vec<(String, SecretString)>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            let text: Text = entries.next_value()?;
            match text {
                Text::Is(text) => texts.push((key, text)),
                Text::Not(why) => {
                    self.0.set(Some(JsonProblem::Key(why, key)));
                    return Err(A::Error::custom(""));
                }
            }
            if texts.len() > super::MAX_BYTES {
                self.0.set(Some(JsonProblem::Shape("it has more keys than a secret can hold")));
                return Err(A::Error::custom(""));
            }
        }
        Ok(texts)
    }
}

/// A text, or why the JSON value is not one.
enum Text {
    Is(SecretString),
    Not(&'static str),
}

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text::Is(SecretString::from(text)))
            }

            fn visit_string<E>(self, text: String) -> Result<Text, E> {
                Ok(Text::Is(SecretString::from(text)))
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Text, E> {
                Ok(Text::Is(SecretString::from(yes.to_string())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
                Ok(Text::Is(SecretString::from(number.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
                Ok(Text::Is(SecretString::from(number.to_string())))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
                Ok(Text::Not("there is a number that other programs can read differently"))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text::Not("there is null"))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Text, A::Error> {
                while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Text::Not("there is a list"))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Text, A::Error> {
                while entries
                    .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
                    .is_some()
                {}
                Ok(Text::Not("there is an object"))
            }
        }

        from.deserialize_any(TextVisitor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn numbers_and_booleans_become_their_texts() {
        let texts = parse(r#" {"port": 5432, "tls": true, "a": "x\n\"\u00fc", "b": -1} "#).unwrap();
        let texts: Vec<_> =
            texts.iter().map(|(key, text)| (key.as_str(), text.expose_secret())).collect();
        assert_eq!(texts, [("port", "5432"), ("tls", "true"), ("a", "x\n\"ü"), ("b", "-1")]);
    }

    #[test]
    fn the_error_for_a_value_that_is_not_a_text_has_its_key() {
        for (text, words) in [
            (r#"{"a": {"b": "c"}}"#, "there is an object under `a`"),
            (r#"{"a": ["b"]}"#, "there is a list under `a`"),
            (r#"{"a": null}"#, "there is null under `a`"),
            (
                r#"{"a": 1.50}"#,
                "there is a number that other programs can read differently under `a`",
            ),
            ("{\"a\": \"b\",\n 5}", "it is not JSON (line 2, column 2)"),
            (r#"{"a": "b""#, "it ends too early"),
            (r#"["a"]"#, "it is not an object"),
            (r#"{"a": "b"} x"#, "it is not JSON"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
