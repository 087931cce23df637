#![allow(clippy::unwrap_used)]

use super::*;
use crate::yaml::parse;

fn apply(text: &str, change: &YamlEdit) -> Option<String> {
    change.apply(text, &parse(text).unwrap())
}

fn set(text: &str, pointer: &str, value: &str) -> Option<String> {
    apply(text, &YamlEdit::Set { pointer: pointer.into(), value: Scalar::String(value.into()) })
}

fn rename(text: &str, pointer: &str, name: &str) -> Option<String> {
    apply(text, &YamlEdit::Rename { pointer: pointer.into(), name: name.into() })
}

fn moved(text: &str, pointer: &str, into: &str) -> Option<String> {
    apply(text, &YamlEdit::Move { pointer: pointer.into(), into: into.into() })
}

fn removed(text: &str, pointer: &str) -> Option<String> {
    apply(text, &YamlEdit::Remove { pointer: pointer.into() })
}

#[test]
fn a_value_keeps_its_quotes_and_gets_quotes_if_it_needs_them() {
    assert_eq!(set("a: x   # why\n", "/a", "y").unwrap(), "a: y   # why\n");
    assert_eq!(set("a: 'x' # why\r\n", "/a", "it's").unwrap(), "a: 'it''s' # why\r\n");
    assert_eq!(set("a: \"x\"\n", "/a", "y\"z").unwrap(), "a: \"y\\\"z\"\n");
    for (plain, quoted) in
        [("42", "\"42\""), ("true", "\"true\""), ("a: b", "\"a: b\""), ("# x", "\"# x\"")]
    {
        assert_eq!(set("a: x\n", "/a", plain).unwrap(), format!("a: {quoted}\n"));
    }
    assert_eq!(set("世: {b: 界, c: é}\n", "/世/b", "x, y").unwrap(), "世: {b: \"x, y\", c: é}\n");
    let number = YamlEdit::Set { pointer: "/a".into(), value: Scalar::Int(30) };
    assert_eq!(apply("a: \"30\" # days\n", &number).unwrap(), "a: 30 # days\n");
}

#[test]
fn only_scalars_are_replaced() {
    for text in ["a: |\n  x\n", "a: 'x\n  y'\n", "a: [x]\n", "a:\n  b: c\n", "a:\nb: c\n"] {
        assert_eq!(set(text, "/a", "y"), None, "{text}");
    }
    assert_eq!(set("a: x\n", "/b", "y"), None);
}

#[test]
fn a_field_is_added_at_the_end_of_its_mapping() {
    let added = |text: &str, pointer: &str, value: &str| {
        apply(text, &YamlEdit::Add { pointer: pointer.into(), value: Scalar::String(value.into()) })
    };
    assert_eq!(
        added("a:\n    b: c # d\ne: f\n", "/a/g", "h").unwrap(),
        "a:\n    b: c # d\n    g: h\ne: f\n"
    );
    assert_eq!(added("a: {b: c}\r\n", "/a/g", "h: #").unwrap(), "a: {b: c, g: \"h: #\"}\r\n");
    assert_eq!(added("a:\r\n  b: c", "/a/g", "h").unwrap(), "a:\r\n  b: c\r\n  g: h\r\n");
    assert_eq!(added("a: {b: c}\n", "/a/b", "h"), None, "the field exists");
    assert_eq!(added("a: b\n", "/c/d", "h"), None, "the mapping does not exist");
}

#[test]
fn items_are_appended_in_the_style_of_the_sequence() {
    let appended = |text: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        apply(text, &YamlEdit::Append { pointer: "/a".into(), values })
    };
    assert_eq!(
        appended("a:\n- x # y\n# z\nb: c\n", &["u", "v"]).unwrap(),
        "a:\n- x # y\n- u\n- v\n# z\nb: c\n"
    );
    assert_eq!(appended("a:\r\n    -   x", &["u"]).unwrap(), "a:\r\n    -   x\r\n    - u\r\n");
    assert_eq!(appended("a: [x, 'y'] # z\n", &["u", "v"]).unwrap(), "a: [x, 'y', u, v] # z\n");
    assert_eq!(appended("a: [\n  x,\n]\n", &["u"]).unwrap(), "a: [\n  x,\n  u,\n]\n");
    assert_eq!(appended("a: []\nb: c\n", &["u", "v"]).unwrap(), "a:\n- u\n- v\nb: c\n");
    assert_eq!(appended("a: [] # z\n", &["u"]).unwrap(), "a: [u] # z\n");
    assert_eq!(appended("a: # z\nb: c\n", &["u"]).unwrap(), "a: # z\n- u\nb: c\n");
    assert_eq!(appended("b: c", &["u"]).unwrap(), "b: c\na:\n- u\n");
    assert_eq!(appended("a:\n- x\n", &["1", "- #"]).unwrap(), "a:\n- x\n- \"1\"\n- \"- #\"\n");
    for text in ["a: x\n", "a: {b: c}\n", "{b: c}\n", "- a\n"] {
        assert_eq!(appended(text, &["u"]), None, "{text}");
    }
}

#[test]
fn items_are_removed_with_their_lines_and_the_rest_stays() {
    let withdrawn = |text: &str, value: &str| {
        apply(text, &YamlEdit::Withdraw { pointer: "/a".into(), value: value.into() })
    };
    assert_eq!(
        withdrawn("a:\n- x # one\n# two\n- y\nb: c\n", "x").unwrap(),
        "a:\n# two\n- y\nb: c\n"
    );
    assert_eq!(withdrawn("a:\n  - x\n  - y\n  - x\n", "x").unwrap(), "a:\n  - y\n");
    assert_eq!(withdrawn("a:\n- x\nb: c\n", "x").unwrap(), "a: []\nb: c\n");
    assert_eq!(withdrawn("a: [x, y, z] # w\n", "y").unwrap(), "a: [x, z] # w\n");
    assert_eq!(withdrawn("a: [x, y]\n", "y").unwrap(), "a: [x]\n");
    assert_eq!(withdrawn("a: [x]\n", "x").unwrap(), "a: []\n");
    for (text, value) in [("a: [x]\n", "y"), ("a:\n- x\n", "y"), ("a: x\n", "x"), ("b: [x]\n", "x")]
    {
        assert_eq!(withdrawn(text, value), None, "{text}");
    }
}

#[test]
fn a_key_is_renamed_in_place_unless_its_new_name_exists() {
    assert_eq!(
        rename("a: {teir : low} # x\n", "/a/teir", "tier").unwrap(),
        "a: {tier : low} # x\n"
    );
    assert_eq!(rename("'k8s/x~y': 1\n", "/k8s~1x~0y", "z").unwrap(), "'z': 1\n");
    assert_eq!(rename("? ab\n: 1\n", "/ab", "a").unwrap(), "? a\n: 1\n");
    assert_eq!(rename("a: 1\nb: 2\n", "/a", "b"), None);
}

#[test]
fn a_field_moves_to_the_end_of_its_mapping_with_its_comments() {
    let text = "owner: x   # who\n# meta\nmeta:\n    id: 1   # one\n    # two\n    name: y\n\n\
                # the spec\nspec: z\n";
    let expected = "# meta\nmeta:\n    id: 1   # one\n    # two\n    name: y\n    \
                    owner: x   # who\n\n# the spec\nspec: z\n";
    assert_eq!(moved(text, "/owner", "/meta").unwrap(), expected);
    // The comment above a field moves with it, except above the first field.
    let text = "# file\na:\n  b: 1\n\n# about c\n# and more\nc: 2\nd: 3\n";
    assert_eq!(
        moved(text, "/c", "/a").unwrap(),
        "# file\na:\n  b: 1\n  # about c\n  # and more\n  c: 2\n\nd: 3\n"
    );
    assert_eq!(
        moved("# file\nc: 2\na:\n  b: 1", "/c", "/a").unwrap(),
        "# file\na:\n  b: 1\n  c: 2\n"
    );
    assert_eq!(moved("a:\r\n  b: 1\r\nc: 2", "/c", "/a").unwrap(), "a:\r\n  b: 1\r\n  c: 2\r\n");
    assert_eq!(
        moved("a:\n  b: 1\n  c: 2\nd: 3\n", "/a/c", "").unwrap(),
        "a:\n  b: 1\nd: 3\nc: 2\n"
    );
}

#[test]
fn a_mapping_moves_with_its_lines() {
    let text = "risk:   # r\n  tier: low\n  # inside\nspec:\n  a: |\n    one\n\n    two\n  \
                b: [1,\n    2]\n";
    let expected = "  # inside\nspec:\n  a: |\n    one\n\n    two\n  b: [1,\n    2]\n  \
                    risk:   # r\n    tier: low\n";
    assert_eq!(moved(text, "/risk", "/spec").unwrap(), expected);
    assert_eq!(
        moved("s:\n    r:\n        t: 1\nx: 2\n", "/s/r", ""),
        None,
        "the mapping would become empty"
    );
    let text = "s:\n    q: 0\n    r:\n        t: |\n          1\nx: 2\n";
    assert_eq!(moved(text, "/s/r", "").unwrap(), "s:\n    q: 0\nx: 2\nr:\n    t: |\n      1\n");
}

#[test]
fn a_missing_mapping_is_created() {
    // It replaces a sibling of its own; otherwise it goes to the end of the nearest mapping.
    assert_eq!(
        moved("spec:\n  a: 1\n  tier: low # x\n  b: 2\n", "/spec/tier", "/spec/risk").unwrap(),
        "spec:\n  a: 1\n  risk:\n    tier: low # x\n  b: 2\n"
    );
    assert_eq!(moved("id: 1\nname: 2\n", "/id", "/meta").unwrap(), "meta:\n  id: 1\nname: 2\n");
    assert_eq!(
        moved("tier: 1\na: 2\n", "/tier", "/spec/risk").unwrap(),
        "spec:\n  risk:\n    tier: 1\na: 2\n"
    );
    assert_eq!(
        moved("tier: 1\nspec:\n   a: 2\n", "/tier", "/spec/risk").unwrap(),
        "spec:\n   a: 2\n   risk:\n      tier: 1\n"
    );
    // A key without a value: the field gets the document's indentation.
    assert_eq!(
        moved("spec:\n  risk:  # r\n  tier: low\n", "/spec/tier", "/spec/risk").unwrap(),
        "spec:\n  risk:  # r\n    tier: low\n"
    );
    assert_eq!(moved("a: x\nb: 1\n", "/b", "/a"), None, "a scalar cannot become a mapping");
}

#[test]
fn fields_move_into_and_out_of_flow_mappings() {
    assert_eq!(
        moved("s: {a: 1, t: 2}\nm:\n  b: 3\n", "/s/t", "/m").unwrap(),
        "s: {a: 1}\nm:\n  b: 3\n  t: 2\n"
    );
    assert_eq!(moved("t: 2\nm: {b: 3 } # x\n", "/t", "/m").unwrap(), "m: {b: 3, t: 2 } # x\n");
    assert_eq!(moved("t: 2\nm: {}\n", "/t", "/m").unwrap(), "m: {t: 2}\n");
    assert_eq!(moved("t: 2 # why\nm: {b: 3}\n", "/t", "/m"), None, "a comment cannot move there");
    let json = "{\n  \"t\": 2,\n  \"m\": {\n    \"b\": 3\n  }\n}\n";
    assert_eq!(
        moved(json, "/t", "/m").unwrap(),
        "{\n  \"m\": {\n    \"b\": 3,\n    \"t\": 2\n  }\n}\n"
    );
    assert_eq!(
        moved(&json.replace('\n', "\r\n"), "/t", "/m").unwrap(),
        "{\r\n  \"m\": {\r\n    \"b\": 3,\r\n    \"t\": 2\r\n  }\r\n}\r\n"
    );
    assert_eq!(
        moved("{a: 1, # one\n t: 2, m: {b: 1}}\n", "/a", "/m"),
        None,
        "the comment is ambiguous"
    );
}

#[test]
fn a_field_is_removed_with_its_line() {
    assert_eq!(removed("a: 1\n# b\nb: 2 # two\nc: 3\n", "/b").unwrap(), "a: 1\nc: 3\n");
    assert_eq!(removed("{a: 1, b: 2, c: 3}\n", "/b").unwrap(), "{a: 1, c: 3}\n");
    assert_eq!(removed("{a: 1, b: 2}\n", "/b").unwrap(), "{a: 1}\n");
    assert_eq!(removed("s:\n  b: 2\nc: 3\n", "/s/b"), None, "the mapping would become empty");
    assert_eq!(removed("? b\n: 2\nc: 3\n", "/b"), None);
}

#[test]
fn an_edit_that_changes_any_other_value_is_not_made() {
    // The parser decides: a text with any other content is never returned.
    assert_eq!(moved("a: |+\n  x\n\nb:\n  c: 1\n", "/a", "/b"), None);
    assert_eq!(moved("- a: 1\n  b: 2\n", "/0/a", "/0/c"), None);
}
