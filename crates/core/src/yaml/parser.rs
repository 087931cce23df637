//! The full parser: YAML text → nodes with spans.
//!
//! [`plain`] gives the same results faster. A manifest is plain data: everything beyond that in
//! YAML (anchors, aliases, tags, merge keys, duplicate keys, several documents) is rejected here,
//! with its location, and never expanded. A configuration file may use anchors and aliases, which
//! are expanded up to a limit.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::aliases::Aliases;
use super::closers::{indent_closers, is_closer};
use super::node::{Key, Node, NodeValue, resolve};
use super::plain;

/// The maximum depth; a SecretRequest needs 3 levels.
pub(super) const MAX_DEPTH: usize = 32;

/// The maximum number of problems reported per file.
const MAX_PROBLEMS: usize = 100;

/// Above this number of keys, duplicates are found with an index.
///
/// A SecretRequest has at most 8 keys; the index keeps the worst case linear in the file's size.
const FEW_KEYS: usize = 32;

/// Why a text is not valid YAML for its kind of file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the text is not YAML at all.
    pub kind: ProblemKind,
    /// The byte range to underline.
    pub span: Range<usize>,
    /// The problem, as plain text.
    pub message: String,
    /// The remedy, as plain text.
    pub help: String,
    /// A related location, such as the first occurrence of a key.
    pub related: Option<(Range<usize>, String)>,
}

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The text is not YAML.
    Invalid,
    /// The text is YAML, with features that the file may not use.
    Unsupported,
}

/// Parses one document of plain data.
///
/// # Errors
/// All problems, in the text's order; never empty.
pub fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    parse_as(Dialect::Manifest, text)
}

/// Parses one document of a configuration file.
///
/// Aliases are expanded, and an empty text is null.
///
/// # Errors
/// All problems, in the text's order; never empty.
pub fn parse_configuration(text: &str) -> Result<Node, Vec<Problem>> {
    parse_as(Dialect::Configuration, text)
}

/// The part of YAML that a text may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Plain data.
    Manifest,
    /// Plain data with anchors and aliases, or an empty text.
    Configuration,
}

fn parse_as(dialect: Dialect, text: &str) -> Result<Node, Vec<Problem>> {
    match plain::parse(text) {
        Some(root) => {
            debug_assert_eq!(
                parse_any(dialect, text).as_ref(),
                Ok(&root),
                "the plain form has one reading"
            );
            Ok(root)
        }
        None => parse_any(dialect, text),
    }
}

/// Parses any YAML, without trying the plain form first.
fn parse_any(dialect: Dialect, text: &str) -> Result<Node, Vec<Problem>> {
    // Nearly every text has none, which its bytes show fastest: C1 controls are 0xC2 and one byte.
    let suspicious = text
        .bytes()
        .any(|byte| (byte < b' ' && !b"\t\n\r".contains(&byte)) || matches!(byte, 0x7f | 0xc2));
    let forbidden = suspicious
        .then(|| text.char_indices().find(|(_, character)| is_forbidden(*character)))
        .flatten();
    if let Some((offset, character)) = forbidden {
        return Err(vec![Problem {
            kind: ProblemKind::Invalid,
            span: offset..offset + character.len_utf8(),
            message: format!(
                "the control character U+{:04X} is not allowed in YAML",
                u32::from(character)
            ),
            help: "remove it; YAML is plain text in UTF-8".to_owned(),
            related: None,
        }]);
    }
    let read_again = |problems: Vec<Problem>| match problems.last() {
        Some(problem) if is_closer(&text[problem.span.clone()]) => {
            let (indented, offsets) = indent_closers(text);
            read(dialect, text, &indented, Offsets::Table(offsets))
        }
        _ => Err(problems),
    };
    match read(dialect, text, text, Offsets::of(text)) {
        Err(problems) if dialect == Dialect::Configuration => read_again(problems),
        result => result,
    }
}

/// Parses `source`, which differs from `text` in indentation only.
///
/// `offsets` maps the characters of `source` to bytes of `text`.
fn read(
    dialect: Dialect,
    text: &str,
    source: &str,
    offsets: Offsets,
) -> Result<Node, Vec<Problem>> {
    let mut builder = Builder {
        dialect,
        is_indented: source.len() != text.len(),
        offsets,
        text,
        open: Vec::new(),
        root: None,
        aliases: Aliases::default(),
        problems: Vec::new(),
    };
    for event in Parser::new_from_str(source) {
        match event {
            Ok((event, span)) => {
                if !builder.take(event, span) {
                    break;
                }
            }
            Err(_) if builder.report_conflict() => break,
            // The parser looks ahead, and may give up before it emits the levels that are too deep.
            Err(error) if error.info().contains("recursion limit") => {
                builder.report_too_deep(builder.offsets.byte(error.marker().index()));
                break;
            }
            Err(error) => {
                let mut offset = builder.offsets.byte(error.marker().index());
                // Underline the forbidden tab, not the text after it.
                offset -= text[..offset].len() - text[..offset].trim_end_matches('\t').len();
                let span = builder.visible(offset);
                builder.report_problem(
                    ProblemKind::Invalid,
                    span,
                    &format!("invalid YAML: {}", error.info()),
                    dialect.syntax_help(error.info()),
                );
                break;
            }
        }
    }
    // An anchor and a tag come in either order, and the cause can be above the syntax error.
    builder.problems.sort_by_key(|problem| problem.span.start);
    match builder.root {
        Some(root) if builder.problems.is_empty() => Ok(root),
        _ if !builder.problems.is_empty() => Err(builder.problems),
        _ if dialect == Dialect::Configuration => Ok(Node { span: 0..0, value: NodeValue::Null }),
        _ => Err(vec![Problem {
            kind: ProblemKind::Invalid,
            span: 0..0,
            message: "the file is empty".to_owned(),
            help: "write a SecretRequest with `goldenpath new secret`, or remove the file"
                .to_owned(),
            related: None,
        }]),
    }
}

/// Returns whether YAML forbids a character.
///
/// These are C0 and C1 controls except tab and line breaks (YAML 1.2, section 5.1).
fn is_forbidden(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{85}')
}

impl Dialect {
    /// Returns the help for the kind of file.
    fn advice(self, manifest: &'static str, configuration: &'static str) -> &'static str {
        match self {
            Self::Manifest => manifest,
            Self::Configuration => configuration,
        }
    }

    fn syntax_help(self, info: &str) -> &'static str {
        if info.contains("anchor") {
            self.advice(NO_ALIASES, "set the anchor `&name` above, or write out the value")
        } else if info.contains("tab") {
            "indent with spaces; YAML allows no tabs there"
        } else if info.contains("quote") {
            "close the quotation on the same line"
        } else {
            "check the indentation and the `key: value` form here and on the line above"
        }
    }
}

const NO_ALIASES: &str = "write out the value; a manifest uses no anchors and aliases";

/// Converts character offsets, which saphyr counts, to byte offsets.
///
/// They are identical in an ASCII text.
enum Offsets {
    Ascii(usize),
    Table(Vec<usize>),
}

impl Offsets {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            Self::Ascii(text.len())
        } else {
            Self::Table(text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect())
        }
    }

    fn byte(&self, character: usize) -> usize {
        match self {
            Self::Ascii(length) => character.min(*length),
            Self::Table(offsets) => offsets.get(character).or(offsets.last()).copied().unwrap_or(0),
        }
    }
}

/// A collection whose end is not reached yet.
struct OpenNode {
    start: usize,
    /// The parser's number of its anchor; 0 without one.
    anchor: usize,
    items: Items,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping(Mapping),
}

#[derive(Default)]
struct Mapping {
    entries: Vec<(Key, Node)>,
    /// The key whose value is not complete yet.
    key: Option<Key>,
    /// The first occurrence of each key, once there are many.
    names: BTreeMap<String, Range<usize>>,
}

impl Mapping {
    /// Returns the span of an earlier key `name`.
    fn first_occurrence(&self, name: &str) -> Option<Range<usize>> {
        if self.names.is_empty() {
            self.entries.iter().find(|(key, _)| key.name == name).map(|(key, _)| key.span.clone())
        } else {
            self.names.get(name).cloned()
        }
    }

    fn push(&mut self, key: Key, value: Node) {
        self.entries.push((key, value));
        let unnamed = if !self.names.is_empty() {
            self.entries.len() - 1
        } else if self.entries.len() > FEW_KEYS {
            0
        } else {
            return;
        };
        for (key, _) in &self.entries[unnamed..] {
            self.names.entry(key.name.clone()).or_insert_with(|| key.span.clone());
        }
    }
}

struct Builder<'text> {
    dialect: Dialect,
    /// Whether closing brackets are parsed with more indentation than they have.
    is_indented: bool,
    text: &'text str,
    offsets: Offsets,
    open: Vec<OpenNode>,
    root: Option<Node>,
    aliases: Aliases,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    /// Handles the next event.
    ///
    /// Returns false if the rest of the text is not worth parsing.
    fn take(&mut self, event: Event<'_>, span: Span) -> bool {
        let start = self.offsets.byte(span.start.index());
        let span = start..self.offsets.byte(span.end.index()).max(start);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let span = self.visible(start);
                self.report_unsupported(
                    span,
                    "a second document starts here",
                    self.dialect.advice(
                        "give each SecretRequest its own file",
                        "keep one document in the file",
                    ),
                );
                return false;
            }
            Event::Alias(anchor) => return self.alias(span, anchor),
            Event::Scalar(text, style, anchor, tag) => {
                self.reject_properties(&span, anchor, tag.is_some());
                let start = self.after_anchor(&span, anchor);
                let span = match style {
                    _ if start > span.end => span.end..span.end,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                        self.trim_to_quotes(start..span.end)
                    }
                    // An omitted value: the parser gives it the bytes of the next token, such as a
                    // comma.
                    ScalarStyle::Plain if text.is_empty() => start..start,
                    _ => self.trim(start..span.end),
                };
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if self.is_indented && is_block && self.text[span.clone()].lines().any(is_closer) {
                    self.report_unsupported(
                        self.visible(span.start),
                        "cannot read this text: a bracket elsewhere is not indented",
                        "indent the brackets that close lists and mappings more than their keys",
                    );
                    return false;
                }
                return self.scalar(span, text, style, anchor);
            }
            Event::SequenceStart(anchor, tag) => {
                self.reject_properties(&span, anchor, tag.is_some());
                return self.start(&span, anchor, Items::Sequence(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.reject_properties(&span, anchor, tag.is_some());
                return self.start(&span, anchor, Items::Mapping(Mapping::default()));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let value = match open.items {
                        Items::Sequence(items) => NodeValue::Sequence(items),
                        Items::Mapping(mapping) => NodeValue::Mapping(mapping.entries),
                    };
                    // Flow style ends at the bracket; the parser's span includes trailing white
                    // space and comments.
                    let span = if self.text[open.start..].starts_with(['[', '{']) {
                        open.start..(span.start + 1).min(span.end)
                    } else {
                        self.trim(open.start..span.end)
                    };
                    return self.complete_anchored(Node { span, value }, open.anchor);
                }
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        self.problems.len() < MAX_PROBLEMS
    }

    fn start(&mut self, span: &Range<usize>, anchor: usize, items: Items) -> bool {
        if self.open.len() == MAX_DEPTH {
            self.report_too_deep(span.start);
            return false;
        }
        let start = self.after_anchor(span, anchor);
        self.open.push(OpenNode { start, anchor, items });
        true
    }

    fn scalar(
        &mut self,
        span: Range<usize>,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
    ) -> bool {
        if let Some(OpenNode { items: Items::Mapping(mapping), .. }) = self.open.last_mut()
            && mapping.key.is_none()
        {
            let first = mapping.first_occurrence(&text);
            mapping.key = Some(Key { span: span.clone(), name: text.to_string() });
            if text == "<<" && style == ScalarStyle::Plain && self.dialect == Dialect::Manifest {
                self.report_unsupported(
                    span,
                    "a merge key is not allowed",
                    "write out the fields; a manifest uses no merge keys",
                );
            } else if let Some(first) = first {
                self.report_unsupported(
                    span,
                    &format!("duplicate key `{text}`"),
                    "keep one of the two",
                );
                if let Some(problem) = self.problems.last_mut() {
                    problem.related = Some((first, "first here".to_owned()));
                }
            }
            return self.problems.len() < MAX_PROBLEMS;
        }
        let value = match style {
            ScalarStyle::Plain if text.is_empty() => NodeValue::Null,
            ScalarStyle::Plain => resolve(text),
            _ => NodeValue::String(text.into_owned()),
        };
        self.complete_anchored(Node { span, value }, anchor)
    }

    /// Replaces the alias at `span` with a copy of its anchor's value.
    fn alias(&mut self, span: Range<usize>, anchor: usize) -> bool {
        if self.dialect == Dialect::Manifest {
            self.report_unsupported(span.clone(), "an alias is not allowed", NO_ALIASES);
            self.complete(Node { span, value: NodeValue::Null });
            return self.problems.len() < MAX_PROBLEMS;
        }
        match self.aliases.expand(anchor, self.open.len()) {
            Ok(node) => {
                self.complete(node);
                self.problems.len() < MAX_PROBLEMS
            }
            Err(error) => {
                self.report_unsupported(span, &error.to_string(), error.help());
                false
            }
        }
    }

    /// Completes a node with an anchor, which aliases may repeat.
    fn complete_anchored(&mut self, node: Node, anchor: usize) -> bool {
        if anchor != 0
            && self.dialect == Dialect::Configuration
            && let Err(error) = self.aliases.define(anchor, &node)
        {
            self.report_unsupported(
                self.visible(node.span.start),
                &error.to_string(),
                error.help(),
            );
            return false;
        }
        self.complete(node);
        self.problems.len() < MAX_PROBLEMS
    }

    /// Adds a finished node to its parent.
    fn complete(&mut self, node: Node) {
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::Sequence(items)) => items.push(node),
            Some(Items::Mapping(mapping)) => match mapping.key.take() {
                Some(key) => mapping.push(key, node),
                None => {
                    mapping.key = Some(Key { span: node.span.clone(), name: String::new() });
                    self.report_unsupported(
                        node.span,
                        "this key is not a plain word",
                        self.dialect.advice(
                            "a manifest's keys are plain words, such as `metadata`",
                            "write a plain word as the key, such as `catalog`",
                        ),
                    );
                }
            },
        }
    }

    /// Reports conflict markers of git if they cause the syntax error.
    fn report_conflict(&mut self) -> bool {
        let Some(offset) = self
            .text
            .match_indices("<<<<<<< ")
            .map(|(offset, _)| offset)
            .find(|offset| *offset == 0 || self.text[..*offset].ends_with('\n'))
        else {
            return false;
        };
        let span = self.visible(offset);
        let help =
            "choose one side, and remove the lines that start with <<<<<<<, ======= and >>>>>>>";
        self.report_problem(ProblemKind::Invalid, span, "unresolved merge conflict", help);
        true
    }

    /// Rejects the tag at the start of a node's span, and in a manifest the anchor.
    ///
    /// They come in either order.
    fn reject_properties(&mut self, span: &Range<usize>, anchor: usize, tagged: bool) {
        // Scanning for an end reads to the end of the line: for each item of a long line, that is
        // quadratic.
        let is_rejected = anchor != 0 && self.dialect == Dialect::Manifest;
        if !is_rejected && !tagged {
            return;
        }
        let mark = |sigil: char| {
            let mut start = span.start;
            let mut words = 0;
            for word in self.text[span.start..].split([' ', '\t', '\r', '\n', ',']) {
                if word.starts_with(sigil) {
                    return start..start + word.len();
                }
                words += usize::from(!word.is_empty());
                if words == 2 {
                    break;
                }
                start += word.len() + 1;
            }
            self.visible(span.start)
        };
        let (anchor_span, tag_span) = (mark('&'), mark('!'));
        if is_rejected {
            self.report_unsupported(
                anchor_span,
                "an anchor is not allowed",
                "remove it; a manifest uses no anchors and aliases",
            );
        }
        if tagged {
            self.report_unsupported(
                tag_span,
                "a tag is not allowed",
                "remove it; quote the value if it must be a string",
            );
        }
    }

    /// Returns the start of a value whose span may begin with an anchor.
    fn after_anchor(&self, span: &Range<usize>, anchor: usize) -> usize {
        let rest = &self.text[span.start..];
        if anchor == 0 || !rest.starts_with('&') {
            return span.start;
        }
        let mut rest = &rest[rest.find([' ', '\t', '\r', '\n', ',']).unwrap_or(rest.len())..];
        loop {
            rest = rest.trim_start();
            match rest.strip_prefix('#') {
                Some(comment) => rest = &comment[comment.find('\n').unwrap_or(comment.len())..],
                None => return self.text.len() - rest.len(),
            }
        }
    }

    fn report_too_deep(&mut self, offset: usize) {
        let span = self.visible(offset);
        self.report_unsupported(
            span,
            &format!("nested deeper than {MAX_DEPTH} levels"),
            self.dialect.advice(
                "a SecretRequest has 3 levels; see `schemas/secret_request.schema.json`",
                "remove levels; a configuration file needs at most 8",
            ),
        );
    }

    fn report_unsupported(&mut self, span: Range<usize>, message: &str, help: &str) {
        self.report_problem(ProblemKind::Unsupported, span, message, help);
    }

    fn report_problem(&mut self, kind: ProblemKind, span: Range<usize>, message: &str, help: &str) {
        self.problems.push(Problem {
            kind,
            span,
            message: message.to_owned(),
            help: help.to_owned(),
            related: None,
        });
    }

    /// Removes the white space at the end of a plain scalar or block collection.
    fn trim(&self, span: Range<usize>) -> Range<usize> {
        let end = span.start + self.text[span.clone()].trim_end().len();
        span.start..end
    }

    /// Returns the span from quote to quote.
    ///
    /// The parser's span includes trailing white space and comments.
    fn trim_to_quotes(&self, span: Range<usize>) -> Range<usize> {
        let text = &self.text[span.clone()];
        let mut characters = text.char_indices().peekable();
        let Some((_, quote @ ('"' | '\''))) = characters.next() else { return self.trim(span) };
        while let Some((offset, character)) = characters.next() {
            match character {
                '\\' if quote == '"' => drop(characters.next()),
                '\'' if quote == '\''
                    && characters.next_if(|(_, next)| *next == '\'').is_some() => {}
                _ if character == quote => return span.start..span.start + offset + 1,
                _ => {}
            }
        }
        self.trim(span)
    }

    /// Returns a span to underline at `offset`.
    ///
    /// It is the rest of the line, or of the last non-empty one.
    fn visible(&self, offset: usize) -> Range<usize> {
        let offset = if self.text[offset..].trim_start().is_empty() {
            self.text[..offset].trim_end().rfind('\n').map_or(0, |newline| newline + 1)
        } else {
            offset
        };
        let rest = self.text[offset..].split(['\n', '\r']).next().unwrap_or_default();
        offset..offset + rest.trim_end().len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn spans<'text>(text: &'text str, pointer: &str) -> (&'text str, &'text str) {
        let root = parse(text).unwrap();
        let (key, node) = root.at(pointer).unwrap();
        (key.map_or("", |key| &text[key.span.clone()]), &text[node.span.clone()])
    }

    fn only_problem(text: &str) -> (ProblemKind, String, &str) {
        let problems = parse(text).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        (problems[0].kind, problems[0].message.clone(), &text[problems[0].span.clone()])
    }

    #[test]
    fn spans_are_the_exact_key_and_value() {
        let text = "a:\n  b: one two   # why\n  c: 'x y'\n  d: \"q\"  \ne: [1, two]\nf: é\n\
                    h: {i: [ j ] } # k\ng: last";
        assert_eq!(spans(text, "/a/b"), ("b", "one two"));
        assert_eq!(spans(text, "/a/c"), ("c", "'x y'"));
        assert_eq!(spans(text, "/a/d"), ("d", "\"q\""));
        assert_eq!(spans(text, "/e/1"), ("", "two"));
        assert_eq!(spans(text, "/f"), ("f", "é"));
        assert_eq!(spans(text, "/e"), ("e", "[1, two]"));
        assert_eq!(spans(text, "/h"), ("h", "{i: [ j ] }"));
        assert_eq!(spans(text, "/h/i"), ("i", "[ j ]"));
        assert_eq!(spans(text, "/g"), ("g", "last"));
    }

    #[test]
    fn a_quoted_value_ends_at_its_quote_whatever_follows() {
        let text = "a: \"q \\\" \\\\\"  # \"why\"\nb: 'it''s'''   # 'why'\nc: ''  # x\n\
                    'd': [\"x\" , 'y' ]\n";
        assert_eq!(spans(text, "/a"), ("a", r#""q \" \\""#));
        assert_eq!(spans(text, "/b"), ("b", "'it''s'''"));
        assert_eq!(spans(text, "/c"), ("c", "''"));
        assert_eq!(spans(text, "/d/0"), ("", "\"x\""));
        assert_eq!(spans(text, "/d"), ("'d'", "[\"x\" , 'y' ]"));
    }

    #[test]
    fn an_omitted_value_or_key_has_an_empty_span() {
        let text = "a: {b, c: , d}\n? \n? e\nf:\n";
        for (pointer, key) in
            [("/a/b", "b"), ("/a/c", "c"), ("/a/d", "d"), ("/", ""), ("/e", "e"), ("/f", "f")]
        {
            assert_eq!(spans(text, pointer), (key, ""), "{pointer}");
        }
    }

    #[test]
    fn carriage_returns_do_not_shift_spans() {
        assert_eq!(spans("a: é\r\nb: two\r\n", "/b"), ("b", "two"));
    }

    #[test]
    fn values_resolve_by_the_core_schema() {
        let json = parse("a: 30\nb: '30'\nc: no\nd: true\ne:\nf: 1.5\n").unwrap().to_json();
        assert_eq!(
            json,
            serde_json::json!({ "a": 30, "b": "30", "c": "no", "d": true, "e": null, "f": 1.5 })
        );
    }

    #[test]
    fn yaml_beyond_plain_data_is_unsupported_at_its_location() {
        use ProblemKind::Unsupported;
        assert_eq!(
            only_problem("a: &x 1\n"),
            (Unsupported, "an anchor is not allowed".into(), "&x")
        );
        assert_eq!(
            only_problem("a: &x\n  b: 1\n"),
            (Unsupported, "an anchor is not allowed".into(), "&x")
        );
        assert_eq!(
            only_problem("a: &x [1, 2]\n"),
            (Unsupported, "an anchor is not allowed".into(), "&x")
        );
        assert_eq!(
            only_problem("a: !!str 1\n"),
            (Unsupported, "a tag is not allowed".into(), "!!str")
        );
        let both = parse("a: &x   !!str  foo\n").unwrap_err();
        assert_eq!(
            both.iter().map(|problem| problem.span.clone()).collect::<Vec<_>>(),
            [3..5, 8..13]
        );
        let swapped = parse("a: !!str &x foo\n").unwrap_err();
        assert_eq!(
            swapped.iter().map(|problem| problem.span.clone()).collect::<Vec<_>>(),
            [3..8, 9..11]
        );
        assert_eq!(only_problem("a: 1\na: 2\n"), (Unsupported, "duplicate key `a`".into(), "a"));
        assert_eq!(
            only_problem("a: {<<: 1}\n"),
            (Unsupported, "a merge key is not allowed".into(), "<<")
        );
        assert_eq!(
            only_problem("a: 1\n---\nb: 2\n"),
            (Unsupported, "a second document starts here".into(), "---")
        );
    }

    #[test]
    fn a_duplicate_key_is_found_among_few_and_among_many() {
        for count in [1, FEW_KEYS - 1, FEW_KEYS, FEW_KEYS + 1, 1000] {
            let keys: String = (0..count).map(|key| format!("k{key}: 1\n")).collect();
            for again in [0, count / 2, count - 1] {
                let text = format!("{keys}k{again}: 2\n");
                let problems = parse(&text).unwrap_err();
                assert_eq!(problems.len(), 1);
                let first = problems[0].related.as_ref().unwrap().0.clone();
                assert_eq!(
                    (first.start, &text[first]),
                    (text.find(&format!("k{again}:")).unwrap(), format!("k{again}").as_str())
                );
            }
            assert!(parse(&keys).is_ok());
        }
    }

    #[test]
    fn an_empty_configuration_file_is_null() {
        for text in ["", "# nothing\n", "---\n"] {
            assert_eq!(parse_configuration(text).unwrap().value, NodeValue::Null, "{text:?}");
        }
    }

    #[test]
    fn a_configuration_file_has_its_own_problems() {
        for (text, place, help) in [
            ("a: !x 1\n", "!x", "remove it"),
            ("a: 1\n'a': 2\n", "'a'", "keep one"),
            ("[a]: 1\n", "[a]", "such as `catalog`"),
            ("a: &x 1\n*x : 2\n", "1", "write a plain word"),
            ("a: *x\n", "*x", "set the anchor"),
            ("a: 1\n---\n", "---", "keep one document"),
        ] {
            let problems = parse_configuration(text).unwrap_err();
            assert_eq!(&text[problems[0].span.clone()], place, "{problems:?}");
            assert!(problems[0].help.contains(help), "{problems:?}");
        }
    }

    #[test]
    fn aliases_are_never_expanded() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n";
        assert_eq!(parse(bomb).unwrap_err().len(), 9);
    }

    #[test]
    fn deep_nesting_ends_early() {
        for deep in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(100_000)] {
            let problems = parse(&deep).unwrap_err();
            assert_eq!(problems.len(), 1);
        }
    }

    #[test]
    fn a_long_line_is_read_in_linear_time() {
        let started = std::time::Instant::now();
        parse(&format!("a: [{}]\n", "item, ".repeat(40_000))).unwrap();
        // Quadratic, this takes minutes.
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }

    #[test]
    fn invalid_yaml_is_reported_with_its_location() {
        let (kind, message, place) = only_problem("a: [1, 2\nb: 3\n");
        assert_eq!(kind, ProblemKind::Invalid, "{message} at {place}");
        let (_, message, place) =
            only_problem("a:\n<<<<<<< HEAD\n  b: 1\n=======\n  b: 2\n>>>>>>> x\n");
        assert_eq!((message.as_str(), place), ("unresolved merge conflict", "<<<<<<< HEAD"));
        assert_eq!(only_problem("").1, "the file is empty");
        assert_eq!(only_problem("# only words\n").1, "the file is empty");
        assert_eq!(only_problem("a: \u{0}b\n").2, "\u{0}");
    }

    /// The plain form and the full parser agree on any combination of lines.
    #[test]
    fn the_plain_form_agrees_with_the_full_parser() {
        let lines = [
            "a: 1",
            "b: x y  # z",
            "c:",
            "  d: \"e # f\"",
            "  g:",
            "    h: true",
            "   i: 2",
            "# j",
            "",
            "  ",
            "---",
            "  k: 0x1E",
            "a:",
            "    l: null",
            "m: it's 1.5",
            "n: \"\"",
            "  o: 1e3 ",
            "p:   # q",
            "      r: no",
            "s: 2026-11-23",
        ];
        let mut state: u64 = 7;
        let mut plain_ones = 0;
        for _ in 0..4000 {
            let mut text = String::new();
            loop {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let draw = usize::try_from(state >> 33).unwrap();
                text.push_str(lines[draw % lines.len()]);
                if draw / 64 % 5 == 0 {
                    break;
                }
                text.push('\n');
            }
            if let Some(root) = plain::parse(&text) {
                for dialect in [Dialect::Manifest, Dialect::Configuration] {
                    assert_eq!(parse_any(dialect, &text).as_ref(), Ok(&root), "{text:?}");
                }
                plain_ones += 1;
            }
        }
        assert!(plain_ones > 400, "{plain_ones} of them were plain");
    }
}
