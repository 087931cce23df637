//! The span of a part of an expression in the text of `goldenpath.yaml`.
//!
//! The text may fold the expression and escape characters in it.

use std::ops::Range;

use crate::yaml::Node;

/// Returns the span in `text` of the bytes `part` of a node's value, or of all.
///
/// A part's span excludes quotation marks; no span includes a block's header. Returns None if the
/// value is not a scalar.
pub(super) fn locate(text: &str, node: &Node, part: Option<Range<usize>>) -> Option<Range<usize>> {
    let value = node.scalar(text)?;
    let written = text.get(node.span.clone())?;
    let header = if written.starts_with(['|', '>']) { written.find('\n').unwrap_or(0) } else { 0 };
    let content = written[header..].trim_start();
    let start = node.span.end - content.len();
    let all = start..start + content.trim_end().len();
    Some(part.and_then(|part| align(text, value, part, &all)).unwrap_or(all))
}

/// Returns the span of the bytes `part` of `value` within `all`.
///
/// YAML writes a value with other white space (a folded line), quotation marks around it, and
/// additional characters (`''`, `\"`), but in the same order.
fn align(text: &str, value: &str, part: Range<usize>, all: &Range<usize>) -> Option<Range<usize>> {
    let mut at = all.start;
    let mut found: Option<Range<usize>> = None;
    for (offset, character) in
        value.char_indices().filter(|(_, character)| !character.is_whitespace())
    {
        if offset >= part.end && found.is_some() {
            break;
        }
        at += text[at..all.end].find(character)?;
        let next = at + character.len_utf8();
        if offset >= part.start {
            found = Some(found.map_or(at, |found| found.start)..next);
        }
        at = next;
    }
    // The part is after the last character: a missing token.
    Some(found.unwrap_or(at..at))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::yaml::parse_configuration;

    fn located(text: &str, key: &str, part: Option<Range<usize>>) -> Range<usize> {
        let root = parse_configuration(text).unwrap();
        locate(text, root.at(&format!("/policies/0/{key}")).unwrap().1, part).unwrap()
    }

    fn found(text: &str, part: &str) -> (usize, String) {
        let root = parse_configuration(text).unwrap();
        let start = root.string_at("/policies/0/assert").unwrap().find(part).unwrap();
        let span = located(text, "assert", Some(start..start + part.len()));
        (span.start, text[span].to_owned())
    }

    #[test]
    fn a_part_of_an_expression_is_found_in_every_style_of_yaml() {
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
    fn the_span_of_a_value_excludes_its_header_and_outer_line_breaks() {
        let text = "policies:\n  - name: x\n    assert: |\n      a &&\n      b\n\nrules: {}\n";
        assert_eq!(&text[located(text, "assert", None)], "a &&\n      b");
        assert_eq!(&text[located(text, "name", None)], "x");
    }

    #[test]
    fn a_missing_part_is_located_after_the_last_character() {
        let text = "policies:\n  - assert: \"a &&\"\n";
        let span = located(text, "assert", Some(4..4));
        assert_eq!((span.start, span.len()), (text.find("&&").unwrap() + 2, 0));
    }
}
