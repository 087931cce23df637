//! Where the policies' values stand in the text of `goldenpath.yaml`; serde keeps no places.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// The scalars of each policy by their key.
pub(super) struct Places<'text> {
    text: &'text str,
    policies: Vec<BTreeMap<String, Scalar>>,
}

struct Scalar {
    /// Bytes of the text, quotation marks and a block's header included.
    span: Range<usize>,
    is_block: bool,
    value: String,
}

/// An open collection, and how far it has been read.
enum Open {
    Sequence(usize),
    /// The key whose value comes next.
    Mapping(Option<String>),
}

impl<'text> Places<'text> {
    /// Finds the policies of a text that serde has read; what saphyr does not see is not there.
    pub(super) fn of(text: &'text str) -> Self {
        let mut places = Self { text, policies: Vec::new() };
        let offsets: Vec<usize> =
            text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
        let byte = |character: usize| offsets.get(character).copied().unwrap_or(text.len());
        let mut open: Vec<Open> = Vec::new();
        for (event, span) in Parser::new_from_str(text).map_while(Result::ok) {
            match event {
                Event::SequenceStart(..) => open.push(Open::Sequence(0)),
                Event::MappingStart(..) => open.push(Open::Mapping(None)),
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    complete(&mut open);
                }
                Event::Alias(_) => complete(&mut open),
                Event::Scalar(value, style, ..) => {
                    if let Some(Open::Mapping(key @ None)) = open.last_mut() {
                        *key = Some(value.into_owned());
                        continue;
                    }
                    if let [
                        Open::Mapping(Some(top)),
                        Open::Sequence(index),
                        Open::Mapping(Some(key)),
                    ] = open.as_slice()
                        && top == "policies"
                    {
                        let span = byte(span.start.index())..byte(span.end.index());
                        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                        places
                            .policies
                            .resize_with(places.policies.len().max(index + 1), BTreeMap::new);
                        let scalar = Scalar { span, is_block, value: value.into_owned() };
                        places.policies[*index].insert(key.clone(), scalar);
                    }
                    complete(&mut open);
                }
                _ => {}
            }
        }
        places
    }

    /// Where the bytes `part` of the value of `key` stand, or all of it, for the policy at `index`.
    pub(super) fn within(
        &self,
        index: usize,
        key: &str,
        part: Option<Range<usize>>,
    ) -> Option<Range<usize>> {
        let scalar = self.policies.get(index)?.get(key)?;
        let written = &self.text[scalar.span.clone()];
        let header = match scalar.is_block && written.starts_with(['|', '>']) {
            true => written.find('\n').unwrap_or(0),
            false => 0,
        };
        let content = written[header..].trim_start();
        let start = scalar.span.end - content.len();
        let all = start..start + content.trim_end().len();
        Some(part.and_then(|part| self.aligned(&scalar.value, part, &all)).unwrap_or(all))
    }

    /// Where the bytes `part` of `value` stand within `all`. YAML writes a value with other white space (a folded line),
    /// quotation marks around it, and a character more here and there (`''`, `\"`), but in the same order.
    fn aligned(&self, value: &str, part: Range<usize>, all: &Range<usize>) -> Option<Range<usize>> {
        let mut at = all.start;
        let mut found: Option<Range<usize>> = None;
        for (offset, character) in
            value.char_indices().filter(|(_, character)| !character.is_whitespace())
        {
            if offset >= part.end && found.is_some() {
                break;
            }
            at += self.text[at..all.end].find(character)?;
            let next = at + character.len_utf8();
            if offset >= part.start {
                found = Some(found.map_or(at, |found| found.start)..next);
            }
            at = next;
        }
        // Past the last character something is missing.
        Some(found.unwrap_or(at..at))
    }
}

/// A value has ended: the collection around it goes on behind it.
fn complete(open: &mut [Open]) {
    match open.last_mut() {
        Some(Open::Sequence(index)) => *index += 1,
        Some(Open::Mapping(key)) => *key = None,
        None => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(text: &str, part: &str) -> (usize, String) {
        let value: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
        let value = value["policies"][0]["assert"].as_str().unwrap().to_owned();
        let start = value.find(part).unwrap();
        let span = Places::of(text).within(0, "assert", Some(start..start + part.len())).unwrap();
        (span.start, text[span].to_owned())
    }

    #[test]
    fn a_part_of_an_expression_is_found_however_yaml_writes_it() {
        for text in [
            "policies:\n  - assert: manifest.é == nope\n",
            "policies: [{assert: manifest.é == nope}]\n",
            "policies:\n  - name: é\n    assert: 'manifest.é == nope'  # why\n",
            "policies:\n  - assert: \"manifest.é == \\\"x\\\" || nope\"\n",
            "policies:\n  - assert: 'manifest.é == ''x'' || nope'\n",
            "policies:\n  - assert: |- # why\n      manifest.é\n        == nope\n    name: x\n",
            "policies:\r\n  - assert: >\r\n      manifest.é ==\r\n      nope\r\n",
            "policies:\n  - assert: manifest.é ==\n      nope\n",
        ] {
            assert_eq!(
                found(text, "nope"),
                (text.find("nope").unwrap(), "nope".to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn all_of_a_value_is_without_its_header_and_the_line_breaks_around_it() {
        let text = "policies:\n  - name: x\n    assert: |\n      a &&\n      b\n\nrules: {}\n";
        let places = Places::of(text);
        assert_eq!(&text[places.within(0, "assert", None).unwrap()], "a &&\n      b");
        assert_eq!(&text[places.within(0, "name", None).unwrap()], "x");
        assert!(places.within(1, "name", None).is_none());
    }

    #[test]
    fn what_is_missing_is_missing_behind_the_last_character() {
        let text = "policies:\n  - assert: \"a &&\"\n";
        let span = Places::of(text).within(0, "assert", Some(4..4)).unwrap();
        assert_eq!((span.start, span.len()), (text.find("&&").unwrap() + 2, 0));
    }
}
