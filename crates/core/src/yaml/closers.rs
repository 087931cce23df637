//! Unindented brackets that close a list or mapping.
//!
//! Other YAML parsers accept them below their key; saphyr does so only after some items.

/// Returns whether a line begins with such a bracket.
pub(super) fn is_closer(line: &str) -> bool {
    line.trim_start_matches(' ').starts_with([']', '}'])
}

/// Indents each such bracket by one space.
///
/// Returns the new text and, for each of its characters and its end, the offset in `text`.
pub(super) fn indent_closers(text: &str) -> (String, Vec<usize>) {
    let mut indented = String::with_capacity(text.len());
    let mut offsets = Vec::with_capacity(text.len());
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if is_closer(line) {
            indented.push(' ');
            offsets.push(start);
        }
        indented.push_str(line);
        offsets.extend(line.char_indices().map(|(offset, _)| start + offset));
        start += line.len();
    }
    offsets.push(start);
    (indented, offsets)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use crate::yaml::{parse, parse_configuration};

    /// Each row is a test: a text, and its value.
    macro_rules! accepts {
        ($($name:ident: $text:expr => $value:tt;)*) => {$(
            #[test]
            fn $name() {
                let text = $text;
                let root = parse_configuration(text).unwrap();
                assert_eq!(root.to_json(), json!($value));
                assert_eq!(serde_yaml::from_str::<Value>(text).unwrap(), json!($value));
                for (key, node) in ["/a", "/é"].iter().filter_map(|key| root.at(key)) {
                    assert!(["a", "é"].contains(&&text[key.unwrap().span.clone()]), "{text}");
                    assert!(text[node.span.clone()].ends_with([']', '}', '"']), "{text}");
                }
            }
        )*};
    }

    accepts! {
        quoted_items: "a: [\n  'x',\n  \"y\"\n]\né: [\n 'z'\n]\n"
            => {"a": ["x", "y"], "é": ["z"]};
        no_items: "a: [\n]\né: {\n}\n" => {"a": [], "é": {}};
        a_level_below: "b:\n  a: [\n    'x',\n  ]\n" => {"b": {"a": ["x"]}};
        a_mapping_in_a_list: "a: [\r\n {\r\n 'b': 1\r\n}\r\n]\r\n" => {"a": [{"b": 1}]};
        a_text_of_several_lines: "a: [\n]\né: \"}\n  } x\" # ]\n" => {"a": [], "é": "} } x"};
    }

    #[test]
    fn a_block_scalar_that_would_change_is_an_error_at_its_location() {
        let text = "a: [\n]\nb: |\n  {\n  }\n";
        let problems = parse_configuration(text).unwrap_err();
        assert!(text[problems[0].span.clone()].starts_with('{'), "{problems:?}");
        assert!(problems[0].help.contains("indent the brackets"), "{problems:?}");
        assert!(parse_configuration(&text.replace("\n]", "]")).is_ok());
    }

    #[test]
    fn a_later_syntax_error_is_reported() {
        let text = "a: [\n]\nb: *x\n";
        assert_eq!(&text[parse_configuration(text).unwrap_err()[0].span.clone()], "*x");
    }

    #[test]
    fn a_manifest_has_its_own_rules() {
        assert!(parse("a: [\n]\n").is_err());
    }
}
