//! Nodes → typed values with serde. Each error has the span of its key or value.

use std::fmt;
use std::ops::Range;

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::node::{Key, Node, NodeValue};
use crate::suggest::did_you_mean;

/// A node that does not have the expected type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The keys of the node, such as `tiers.low` or `policies[0]`.
    path: String,
    message: String,
    /// The remedy, as plain text.
    pub help: String,
    /// None if there is nothing to underline, as in an empty file.
    pub span: Option<Range<usize>>,
}

/// Deserializes a `T` from the node `root` of `text`.
///
/// # Errors
/// The first node that does not have the expected type.
pub fn deserialize<'a, T: Deserialize<'a>>(text: &'a str, root: &'a Node) -> Result<T, Mismatch> {
    T::deserialize(Typed { text, node: root })
}

/// A node whose type is chosen by the `Deserialize` implementation.
#[derive(Clone, Copy)]
struct Typed<'a> {
    text: &'a str,
    node: &'a Node,
}

impl Typed<'_> {
    fn mismatch(self, expected: &dyn Expected) -> Mismatch {
        let found = match &self.node.value {
            NodeValue::Null => Unexpected::Unit,
            NodeValue::Bool(value) => Unexpected::Bool(*value),
            NodeValue::Int(value) => Unexpected::Signed(*value),
            NodeValue::Float(value) => Unexpected::Float(*value),
            NodeValue::String(value) => Unexpected::Str(value),
            NodeValue::Sequence(_) => Unexpected::Seq,
            NodeValue::Mapping(_) => Unexpected::Map,
        };
        Mismatch::invalid_type(found, expected)
    }

    /// Sets the span of an error to this node, unless it has one.
    fn locate<T>(self, result: Result<T, Mismatch>) -> Result<T, Mismatch> {
        result.map_err(|error| error.at(self.node.first_line(self.text)))
    }
}

impl<'de> Deserializer<'de> for Typed<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let result = match &self.node.value {
            NodeValue::Null => visitor.visit_unit(),
            NodeValue::Bool(value) => visitor.visit_bool(*value),
            NodeValue::Int(value) => visitor.visit_i64(*value),
            NodeValue::Float(value) => visitor.visit_f64(*value),
            NodeValue::String(value) => visitor.visit_borrowed_str(value),
            NodeValue::Sequence(_) => return self.deserialize_seq(visitor),
            NodeValue::Mapping(_) => return self.deserialize_map(visitor),
        };
        self.locate(result)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let result = match (self.node.scalar(self.text), &self.node.value) {
            (Some(text), _) => visitor.visit_borrowed_str(text),
            (None, NodeValue::Null) => Err(Mismatch::custom(NO_VALUE)),
            (None, _) => Err(self.mismatch(&visitor)),
        };
        self.locate(result)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.node.value {
            NodeValue::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    /// Reads a key without a value as an empty list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let items = match &self.node.value {
            NodeValue::Sequence(items) => items.iter().enumerate(),
            NodeValue::Null if self.node.span.is_empty() => [].iter().enumerate(),
            _ => return self.locate(Err(self.mismatch(&visitor))),
        };
        self.locate(visitor.visit_seq(ItemAccess { text: self.text, items }))
    }

    /// Reads a key without a value as an empty mapping.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let rest = match &self.node.value {
            NodeValue::Mapping(entries) => entries.iter(),
            NodeValue::Null if self.node.span.is_empty() => [].iter(),
            _ => return self.locate(Err(self.mismatch(&visitor))),
        };
        self.locate(visitor.visit_map(EntryAccess { text: self.text, rest, value: None }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_map(visitor)
    }

    /// Reads a word: the enums of configuration files have no content.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let result = match self.node.scalar(self.text) {
            Some(word) => visitor.visit_enum(WordAccess(word)),
            None => Err(Mismatch { help: values(variants), ..self.mismatch(&"one of its values") }),
        };
        self.locate(result)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct identifier ignored_any
    }
}

/// Access to a variant without content.
struct WordAccess<'a>(&'a str);

impl<'de> EnumAccess<'de> for WordAccess<'_> {
    type Error = Mismatch;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Mismatch> {
        Ok((seed.deserialize(StrDeserializer::<Mismatch>::new(self.0))?, self))
    }
}

impl<'de> VariantAccess<'de> for WordAccess<'_> {
    type Error = Mismatch;

    fn unit_variant(self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, Mismatch> {
        Err(Mismatch::invalid_type(Unexpected::Str(self.0), &"a mapping"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mismatch> {
        Err(Mismatch::invalid_type(Unexpected::Str(self.0), &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        Err(Mismatch::invalid_type(Unexpected::Str(self.0), &visitor))
    }
}

struct ItemAccess<'a> {
    text: &'a str,
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for ItemAccess<'de> {
    type Error = Mismatch;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Mismatch> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        let value = seed.deserialize(Typed { text: self.text, node });
        value.map(Some).map_err(|error| error.below(&format!("[{index}]")))
    }
}

struct EntryAccess<'a> {
    text: &'a str,
    rest: std::slice::Iter<'a, (Key, Node)>,
    /// The entry whose key is already read.
    value: Option<&'a (Key, Node)>,
}

impl<'de> MapAccess<'de> for EntryAccess<'de> {
    type Error = Mismatch;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Mismatch> {
        self.value = self.rest.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        // In quotation marks it is an ordinary key.
        if self.text.get(key.span.clone()) == Some("<<") {
            return Err(Mismatch::custom(MERGE_KEY).at(key.span.clone()));
        }
        let name = seed.deserialize(StrDeserializer::<Mismatch>::new(&key.name));
        name.map(Some).map_err(|error| error.at(key.span.clone()))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mismatch> {
        let Some((key, node)) = self.value else {
            return Err(Mismatch::custom("a value without a key"));
        };
        let value = seed.deserialize(Typed { text: self.text, node });
        value.map_err(|error| error.below(&key.name).at(key.span.clone()))
    }
}

const NO_VALUE: &str = "this has no value\nwrite its value, or omit the line for the default";
const MERGE_KEY: &str = "a merge key is not supported\nwrite out the fields";

impl Mismatch {
    fn new(message: String, help: String) -> Self {
        Self { path: String::new(), message, help, span: None }
    }

    /// Sets the span, unless there is one or `span` is empty.
    fn at(mut self, span: Range<usize>) -> Self {
        if self.span.is_none() && !span.is_empty() {
            self.span = Some(span);
        }
        self
    }

    /// Prepends a key, or an index in brackets, to the path.
    fn below(mut self, key: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{key}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => out.write_str(&self.message),
            path => write!(out, "{path}: {}", self.message),
        }
    }
}

impl std::error::Error for Mismatch {}

/// serde's errors in the terms of YAML, without Rust's type names.
impl Error for Mismatch {
    /// Splits the text: the first line is the message, the second the help.
    fn custom<T: fmt::Display>(text: T) -> Self {
        let text = text.to_string();
        let (message, help) = text.split_once('\n').unwrap_or((&text, "change the value"));
        Self::new(message.to_owned(), help.to_owned())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a mapping".to_owned(),
            Unexpected::Unit => "nothing".to_owned(),
            found => format!("the {found}"),
        };
        let expected = plain_name(&expected.to_string());
        Self::new(format!("this is {found}, not {expected}"), format!("write {expected} here"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(word: &str, variants: &'static [&'static str]) -> Self {
        Self::new(format!("unknown value `{word}`"), suggestion(word, variants, values(variants)))
    }

    fn unknown_field(name: &str, fields: &'static [&'static str]) -> Self {
        let list = format!("the fields here are {}", fields.join(", "));
        Self::new(format!("unknown field `{name}`"), suggestion(name, fields, list))
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(format!("missing field `{name}`"), format!("add `{name}:` with a value"))
    }
}

fn values(variants: &[&str]) -> String {
    format!("the values are {}", variants.join(", "))
}

fn suggestion(word: &str, known: &[&str], list: String) -> String {
    match did_you_mean(word, known.iter().copied()) {
        Some(question) => format!("{question} {list}"),
        None => list,
    }
}

/// Returns YAML's name of a type that serde expects.
fn plain_name(expected: &str) -> String {
    let max = match expected {
        "a sequence" => return "a list".to_owned(),
        "a map" => return "a mapping".to_owned(),
        "a boolean" => return "true or false".to_owned(),
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" => u64::from(u32::MAX),
        "usize" => return "a whole number".to_owned(),
        _ if expected.starts_with("struct ") => return "a mapping".to_owned(),
        other => return other.to_owned(),
    };
    format!("a whole number from 0 to {max}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::yaml::parse_configuration;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Sample {
        text: Option<String>,
        #[serde(default)]
        small: u8,
        count: Option<u32>,
        on: Option<bool>,
        color: Option<Color>,
        list: Option<Vec<String>>,
        #[serde(default)]
        table: BTreeMap<String, Row>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        name: String,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Color {
        Green,
        Blue,
    }

    fn read(text: &str) -> Result<Sample, Mismatch> {
        deserialize(text, &parse_configuration(text).unwrap())
    }

    /// Each row is a test: its text, the message, the underlined bytes, the help.
    macro_rules! mismatches {
        ($($name:ident: $text:expr => $message:expr, $under:expr, $help:expr;)*) => {$(
            #[test]
            fn $name() {
                let text = $text;
                let error = read(text).unwrap_err();
                let under = error.span.clone().map(|span| (span.start, &text[span]));
                assert_eq!(error.to_string(), $message);
                assert_eq!(under, $under);
                assert_eq!(error.help, $help);
            }
        )*};
    }

    const FIELDS: &str = "the fields here are text, small, count, on, color, list, table";

    mismatches! {
        an_unknown_field_is_underlined_at_its_key: "{list: [colour], colour: x}"
            => "unknown field `colour`", Some((17, "colour")),
               format!("did you mean `color`? {FIELDS}");
        an_unknown_field_has_the_path_of_its_mapping: "table: {a: {nam: x}}"
            => "table.a: unknown field `nam`", Some((12, "nam")),
               "did you mean `name`? the fields here are name";
        a_missing_field_is_underlined_at_its_mapping: "table:\n  a: {}\n"
            => "table.a: missing field `name`", Some((12, "{}")), "add `name:` with a value";
        a_missing_field_of_an_empty_value_is_underlined_at_its_key: "table:\n  a:\n"
            => "table.a: missing field `name`", Some((9, "a")), "add `name:` with a value";
        only_the_first_line_of_a_long_value_is_underlined: "text:\n  a: 1\n  b: 2\n"
            => "text: this is a mapping, not a string", Some((8, "a: 1")), "write a string here";
        a_list_is_not_a_text: "text: [text]"
            => "text: this is a list, not a string", Some((6, "[text]")), "write a string here";
        an_item_without_a_value_has_the_path_of_its_index: "list: [a, ~]"
            => "list[1]: this has no value", Some((10, "~")),
               "write its value, or omit the line for the default";
        a_text_is_not_a_list: "list: list"
            => "list: this is the string \"list\", not a list", Some((6, "list")),
               "write a list here";
        a_text_is_not_a_mapping: "table: table"
            => "table: this is the string \"table\", not a mapping", Some((7, "table")),
               "write a mapping here";
        an_explicit_null_is_not_a_mapping: "table: null"
            => "table: this is nothing, not a mapping", Some((7, "null")), "write a mapping here";
        a_number_out_of_range_has_its_range: "{text: '300', small: 300}"
            => "small: this is the integer `300`, not a whole number from 0 to 255",
               Some((21, "300")), "write a whole number from 0 to 255 here";
        a_text_is_not_a_number: "count: many"
            => "count: this is the string \"many\", not a whole number from 0 to 4294967295",
               Some((7, "many")), "write a whole number from 0 to 4294967295 here";
        a_text_is_not_a_boolean: "on: yes"
            => "on: this is the string \"yes\", not true or false", Some((4, "yes")),
               "write true or false here";
        a_word_that_is_not_in_the_list_has_a_suggestion: "color: &c gren # color"
            => "color: unknown value `gren`", Some((10, "gren")),
               "did you mean `green`? the values are green, blue";
        a_list_is_not_in_the_list_of_words: "color: [green]"
            => "color: this is a list, not one of its values", Some((7, "[green]")),
               "the values are green, blue";
        a_merge_key_is_rejected: "table: {<<: {name: x}}"
            => "table: a merge key is not supported", Some((8, "<<")), "write out the fields";
        an_alias_is_underlined_at_its_value: "text: &x [1]\nlist: *x"
            => "text: this is a list, not a string", Some((9, "[1]")), "write a string here";
        a_value_other_than_a_mapping_is_underlined_whole: "- a\n- b\n"
            => "this is a list, not a mapping", Some((0, "- a")), "write a mapping here";
    }

    #[test]
    fn an_error_in_an_empty_file_has_no_span() {
        let root = parse_configuration("# nothing\n").unwrap();
        let error = deserialize::<Row>("# nothing\n", &root).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.span), ("missing field `name`", None));
        assert_eq!(deserialize::<Option<Row>>("", &root), Ok(None));
    }

    #[test]
    fn a_text_field_accepts_a_number_as_it_is_written() {
        for written in ["012345678901", "0x10", "1e3", "true", "1.50", "-0"] {
            let sample = read(&format!("text: &t {written}  # x\n")).unwrap();
            assert_eq!(sample.text.as_deref(), Some(written));
        }
        assert_eq!(
            read("list: [1.0, *x]".replace("*x", "a").as_str()).unwrap().list.unwrap(),
            ["1.0", "a"]
        );
    }

    #[test]
    fn a_key_without_a_value_is_none_or_empty() {
        let sample = read("text:\ncount: ~\nlist: null\ntable:\n").unwrap();
        assert_eq!((sample.text, sample.count, sample.list), (None, None, None));
        assert!(sample.table.is_empty());
    }
}
