//! A CEL expression: text → checked program → boolean.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue};
use cel::common::types::CelBool;
use cel::{Context, ExecutionError, IdedExpr, ParseError, Program, Value};
use regex::{Regex, RegexBuilder};

use super::cost;
use super::cost::Sizes;
use crate::suggest::did_you_mean;

/// The maximum length of an expression, in bytes.
///
/// Parsing and loop-free evaluation are linear in it.
const MAX_LENGTH: usize = 4096;

/// The maximum nesting of brackets. The parser needs 0.2 MB of stack per level.
const MAX_BRACKETS: usize = 32;

/// The maximum nesting of operations, `a + b + c` being two.
///
/// The interpreter recurses for each.
pub(super) const MAX_DEPTH: usize = 64;

/// The maximum size of a compiled pattern, in bytes: some thousand states.
const MAX_PATTERN: usize = 128 * 1024;

/// The maximum length of a quoted interpreter message, in characters.
///
/// Such a message contains values.
const MAX_QUOTED: usize = 200;

/// The variables of an expression.
const VARIABLES: [&str; 3] = ["manifest", "path", "base"];

/// The types, for `type(x) == string`.
const TYPES: [&str; 9] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"];

/// The functions with their number of arguments, including the target of a method.
const FUNCTIONS: [(&str, usize); 12] = [
    ("bool", 1),
    ("contains", 2),
    ("double", 1),
    ("dyn", 1),
    ("endsWith", 2),
    ("int", 1),
    ("matches", 2),
    ("size", 1),
    ("startsWith", 2),
    ("string", 1),
    ("type", 1),
    ("uint", 1),
];

/// The macros that the parser expands; an unexpanded one has the wrong arguments.
const MACROS: [(&str, &str); 6] = [
    ("has", "has(manifest.metadata.description)"),
    ("all", "list.all(item, item != \"\")"),
    ("exists", "list.exists(item, item == \"\")"),
    ("exists_one", "list.exists_one(item, item == \"\")"),
    ("map", "list.map(item, item + \"\")"),
    ("filter", "list.filter(item, item != \"\")"),
];

/// A checked program.
pub(super) struct Expression {
    program: Program,
    pub(super) mentions_base: bool,
}

/// A fault of an expression.
///
/// It has a byte range, a message that follows the expression's name, and a help.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) span: Option<Range<usize>>,
    pub(super) message: String,
    pub(super) help: String,
}

impl Fault {
    pub(super) fn whole(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span: None, message: message.into(), help: help.into() }
    }

    fn at(span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span: Some(span), message: message.into(), help: help.into() }
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.program.source_info().source)
    }
}

impl Expression {
    /// Parses and checks `source`, adding the patterns of `matches` to `patterns`.
    ///
    /// Call it on a thread with a deep stack.
    pub(super) fn compile(
        source: &str,
        patterns: &mut BTreeMap<String, Regex>,
    ) -> Result<Self, Fault> {
        if source.trim().is_empty() {
            return Err(Fault::whole(
                "is empty",
                "write a condition in CEL, such as `manifest.spec.ttlDays <= 90`",
            ));
        }
        if source.len() > MAX_LENGTH {
            let message = format!("is {} bytes long", source.len());
            return Err(Fault::whole(
                message,
                format!("split it into several policies: the maximum is {MAX_LENGTH}"),
            ));
        }
        if let Some(place) = too_deep(source) {
            return Err(nested_too_deep(Some(place), MAX_BRACKETS));
        }
        let program = catch_panic(|| Program::compile(source))
            .ok_or_else(|| {
                Fault::whole("cannot be parsed: the CEL parser gave up", "write it another way")
            })?
            .map_err(|errors| syntax(source, errors.errors))?;
        let mut check = ExpressionCheck {
            source,
            program: &program,
            patterns,
            bound: Vec::new(),
            mentions_base: false,
        };
        check.expression(program.expression(), 1)?;
        let mentions_base = check.mentions_base;
        Ok(Self { program, mentions_base })
    }

    /// Evaluates the expression. Call it on a thread with a deep stack.
    pub(super) fn run<'a>(
        &'a self,
        context: &Context<'_, 'a>,
        sizes: &Sizes<'a>,
    ) -> Result<bool, Fault> {
        let expression = self.program.expression();
        if sizes.cost(expression) > cost::MAX {
            let help = "simplify it: avoid nested loops over long lists, and repeated \
                        concatenation of texts and lists";
            return Err(Fault::whole("it could take too much time or memory", help));
        }
        let result = catch_panic(|| {
            Value::resolve_val(expression, context).map(|value| match value.downcast_ref() {
                Some(truth) => Ok(*CelBool::inner(truth)),
                None => Err(value.get_type().name().to_owned()),
            })
        });
        match result {
            Some(Ok(Ok(truth))) => Ok(truth),
            Some(Ok(Err(kind))) => Err(Fault::whole(
                format!("its result has the type {kind}"),
                "return a boolean: compare the value with another",
            )),
            Some(Err(error)) => Err(self.failure(&error)),
            None => Err(Fault::whole("the CEL interpreter gave up", "write it another way")),
        }
    }

    fn failure(&self, error: &ExecutionError) -> Fault {
        let guard = |path: &str| format!("guard it if it can be missing: `has({path}) && …`");
        match error {
            ExecutionError::NoSuchKey(key) => {
                let message = format!("there is no `{key}`");
                match self.selection(self.program.expression(), key) {
                    Some((path, span)) => Fault::at(span, message, guard(&path)),
                    None => Fault::whole(message, guard("manifest.metadata.description")),
                }
            }
            ExecutionError::NoSuchOverload(error) => {
                let types = error.argument_types().join(" and ");
                let help = "check the types: guard a field that can be missing or of another type \
                            with `has(manifest.metadata.description) && …` or `type(x) == string \
                            && …`";
                match to_source(error.function()) {
                    "." => Fault::whole(
                        format!("a value of the type {} has no fields", error.argument_types()[0]),
                        help,
                    ),
                    function => Fault::whole(format!("`{function}` does not accept {types}"), help),
                }
            }
            other => Fault::whole(
                lower_first(&shorten(other)),
                "return a boolean for every manifest: limit it with `when`, or guard it with \
                 `has(manifest.metadata.description) && …`",
            ),
        }
    }

    /// Returns the path and span of the first selection of `field`.
    fn selection(&self, expression: &IdedExpr, field: &str) -> Option<(String, Range<usize>)> {
        if let Expr::Select(select) = &expression.expr
            && select.field == field
            && !select.test
            && let Some(path) = path(&select.operand)
        {
            let info = self.program.source_info();
            let dot = info.offset_for(expression.id)?.0 as usize;
            let start = dot + info.source.get(dot..)?.find(field)?;
            return Some((format!("{path}.{field}"), start..start + field.len()));
        }
        children(expression).into_iter().find_map(|child| self.selection(child, field))
    }
}

/// The visitor of a program that accepts only known, bounded operations.
struct ExpressionCheck<'a> {
    source: &'a str,
    program: &'a Program,
    patterns: &'a mut BTreeMap<String, Regex>,
    /// The variables of the enclosing loops.
    bound: Vec<&'a str>,
    mentions_base: bool,
}

impl<'a> ExpressionCheck<'a> {
    fn expression(&mut self, expression: &'a IdedExpr, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(nested_too_deep(None, MAX_DEPTH));
        }
        match &expression.expr {
            Expr::Ident(name) => return self.variable(expression, name),
            Expr::Call(call) => self.call(expression, call)?,
            Expr::Struct(_) | Expr::Unspecified => {
                let help = "use lists `[…]` and maps `{\"key\": …}` only";
                return Err(Fault::at(
                    self.place(expression),
                    "creates a value of a type that does not exist",
                    help,
                ));
            }
            Expr::Comprehension(comprehension) => {
                self.expression(&comprehension.iter_range, depth + 1)?;
                self.expression(&comprehension.accu_init, depth + 1)?;
                self.bound
                    .extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
                for part in
                    [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result]
                {
                    self.expression(part, depth + 1)?;
                }
                self.bound.truncate(self.bound.len() - 2);
                return Ok(());
            }
            Expr::Select(_) | Expr::Literal(_) | Expr::List(_) | Expr::Map(_) => {}
        }
        children(expression).into_iter().try_for_each(|child| self.expression(child, depth + 1))
    }

    fn variable(&mut self, expression: &IdedExpr, name: &str) -> Result<(), Fault> {
        if self.bound.contains(&name) || TYPES.contains(&name) {
            return Ok(());
        }
        if !VARIABLES.contains(&name) {
            let help = match name {
                "metadata" | "spec" | "kind" | "apiVersion" => format!("write `manifest.{name}`"),
                _ => did_you_mean(name, VARIABLES).unwrap_or_else(|| {
                    "use the variables `manifest`, `path` and, on a change, `base`; quote texts"
                        .to_owned()
                }),
            };
            return Err(Fault::at(
                self.place(expression),
                format!("uses the unknown variable `{name}`"),
                help,
            ));
        }
        self.mentions_base |= name == "base";
        Ok(())
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Result<(), Fault> {
        let name = call.func_name.as_str();
        // The operators have names such as `_+_`, which are not valid identifiers.
        if !name.bytes().any(|byte| byte.is_ascii_alphanumeric()) || name.starts_with('@') {
            return Ok(());
        }
        let place = self.place_of_name(expression, name);
        if let Some((_, example)) = MACROS.iter().find(|(other, _)| *other == name) {
            let message = format!("uses `{name}` with the wrong arguments");
            return Err(Fault::at(place, message, format!("write it as in `{example}`")));
        }
        let Some((_, takes)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = FUNCTIONS
                .iter()
                .map(|(name, _)| *name)
                .chain(MACROS.map(|(name, _)| name))
                .collect();
            let message = format!("uses the unknown function `{name}`");
            let help = did_you_mean(name, known.iter().copied());
            return Err(Fault::at(
                place,
                message,
                help.unwrap_or_else(|| format!("use one of {}", known.join(", "))),
            ));
        };
        let given = call.args.len() + usize::from(call.target.is_some());
        if given != *takes {
            let example = match takes {
                1 => format!("{name}(manifest.metadata.name)"),
                _ => format!("manifest.metadata.name.{name}(\"…\")"),
            };
            let message = format!("uses `{name}` with the wrong arguments");
            return Err(Fault::at(place, message, format!("write it as in `{example}`")));
        }
        if name == "matches" { self.pattern(call, place) } else { Ok(()) }
    }

    /// Compiles the pattern of a call of `matches`, once for all manifests.
    fn pattern(&mut self, call: &CallExpr, place: Range<usize>) -> Result<(), Fault> {
        let Some(Expr::Literal(LiteralValue::String(pattern))) =
            call.args.last().map(|pattern| &pattern.expr)
        else {
            let help =
                "write the pattern as a literal in quotes; it is compiled once for all manifests";
            return Err(Fault::at(
                place,
                "uses `matches` with a pattern that is not a literal",
                help,
            ));
        };
        let pattern = pattern.inner();
        if !self.patterns.contains_key(pattern) {
            let compiled =
                RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build().map_err(|error| {
                    let why = error.to_string();
                    let why = why
                        .lines()
                        .last()
                        .unwrap_or_default()
                        .trim_start_matches("error: ")
                        .to_owned();
                    let help = format!(
                        "{}; the syntax is that of https://docs.rs/regex",
                        lower_first(&why)
                    );
                    Fault::at(
                        place,
                        format!(
                            "has a pattern for `matches` that cannot be used: {}",
                            shorten(pattern)
                        ),
                        help,
                    )
                })?;
            self.patterns.insert(pattern.to_owned(), compiled);
        }
        Ok(())
    }

    /// Returns the span of an expression, or of its operator.
    fn place(&self, expression: &IdedExpr) -> Range<usize> {
        let found = self.program.source_info().offset_for(expression.id);
        found.map_or(0..self.source.len(), |(start, last)| start as usize..last as usize + 1)
    }

    /// Returns the span of a function's name.
    ///
    /// The parser has only the position of the parenthesis.
    fn place_of_name(&self, expression: &IdedExpr, name: &str) -> Range<usize> {
        let place = self.place(expression);
        match self.source.get(..place.start) {
            Some(before) if before.trim_end().ends_with(name) => {
                let end = before.trim_end().len();
                end - name.len()..end
            }
            _ => place,
        }
    }
}

/// Returns the subexpressions of an expression; of a loop, those in the source.
fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
                EntryExpr::StructField(field) => vec![&field.value],
            })
            .collect(),
        Expr::Comprehension(comprehension) => {
            vec![&comprehension.iter_range, &comprehension.loop_step]
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => Vec::new(),
    }
}

/// Returns a path such as `manifest.metadata`, if the expression is one.
fn path(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        _ => None,
    }
}

fn nested_too_deep(place: Option<usize>, levels: usize) -> Fault {
    let help = "split it into several policies";
    let span = place.map(|place| place..place + 1);
    Fault { span, message: format!("is nested deeper than {levels} levels"), help: help.to_owned() }
}

/// Returns the bracket that exceeds the maximum nesting.
///
/// Skips texts and comments. If this disagrees with the parser, the parser's own limit and stack
/// still hold.
fn too_deep(source: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(character) = source[at..].chars().next() {
        match character {
            '(' | '[' | '{' if depth == MAX_BRACKETS => return Some(at),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '"' | '\'' => {
                let raw = source[..at].ends_with(['r', 'R']);
                at = end_of_text(source, at, raw);
                continue;
            }
            '/' if source[at..].starts_with("//") => {
                at = source[at..].find('\n').map_or(source.len(), |length| at + length);
                continue;
            }
            _ => {}
        }
        at += character.len_utf8();
    }
    None
}

/// Returns the end of the text whose quotation mark, or triple mark, is at `start`.
fn end_of_text(source: &str, start: usize, raw: bool) -> usize {
    let mark = &source[start..=start];
    let three = mark.repeat(3);
    let mark = if source[start..].starts_with(&three) { three.as_str() } else { mark };
    let mut at = start + mark.len();
    while let Some(character) = source[at..].chars().next() {
        if source[at..].starts_with(mark) {
            return at + mark.len();
        }
        at += character.len_utf8();
        if character == '\\' && !raw {
            at += source[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    source.len()
}

/// Converts the parser's first error.
///
/// The parser counts lines and columns from 1, columns in characters.
fn syntax(source: &str, errors: Vec<ParseError>) -> Fault {
    let help = "write it in CEL: https://github.com/google/cel-spec/blob/master/doc/langdef.md";
    let Some(error) = errors.into_iter().next() else { return Fault::whole("is not CEL", help) };
    if error.msg.contains("Recursion limit") {
        return nested_too_deep(None, MAX_BRACKETS);
    }
    let why = shorten(error.msg.trim_start_matches("Syntax error: "));
    let message = format!("is not CEL: {}", why.replace("'<EOF>'", "the end"));
    let (Ok(line), Ok(column)) = (usize::try_from(error.pos.0), usize::try_from(error.pos.1))
    else {
        return Fault::whole(message, help);
    };
    if line == 0 || column == 0 {
        return Fault::whole(message, help);
    }
    let before: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = source.get(before..).unwrap_or_default();
    let start = before
        + rest.char_indices().nth(column - 1).map_or(rest.trim_end().len(), |(offset, _)| offset);
    let length = source[start..].chars().next().map_or(0, char::len_utf8);
    Fault::at(start..start + length, message, help)
}

/// Returns None if `work` panics.
///
/// A bug of the parser or interpreter must not end the run.
fn catch_panic<T>(work: impl FnOnce() -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Returns the operator `_+_` as it is written.
fn to_source(function: &str) -> &str {
    function.trim_matches(['_', '@'])
}

fn shorten(text: impl Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    first + characters.as_str()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn compiled(source: &str) -> Result<Expression, Fault> {
        // The same stack as the parser's thread, since these are parsed on a test's thread.
        let work = move |source: String| Expression::compile(&source, &mut BTreeMap::new());
        let source = source.to_owned();
        let thread =
            std::thread::Builder::new().stack_size(64 * 1024 * 1024).spawn(move || work(source));
        thread.unwrap().join().unwrap()
    }

    /// Returns the message, and the text at its span.
    fn fault(source: &str) -> (String, String) {
        let fault = compiled(source).err().unwrap_or_else(|| Fault::whole("nothing", ""));
        (fault.message, fault.span.map(|span| source[span].to_owned()).unwrap_or_default())
    }

    #[test]
    fn text_that_is_not_cel_is_reported_with_its_location() {
        let (message, place) = fault("manifest.kind === \"é\"");
        assert!(message.starts_with("is not CEL: token recognition error"), "{message}");
        assert_eq!(place, "=");
        assert_eq!(fault("\"é\" == manifest..kind").1, ".");
        assert_eq!(fault("true &&\n  (path").1, "");
        assert!(fault("true &&\n  (path").0.contains("the end"), "{}", fault("true &&\n  (path").0);
    }

    #[test]
    fn unknown_names_are_reported_with_their_location() {
        let unknown = |source, place: &str| {
            let (message, found) = fault(source);
            assert!(message.contains("unknown") && message.contains(place), "{source}: {message}");
            assert_eq!(found, place, "{source}");
        };
        unknown("\"é\" == nope.kind", "nope");
        unknown("[1].all(x, x == y)", "y");
        unknown("[1].all(x, true) && x == 1", "x");
        unknown("has(metadata.name)", "metadata");
        unknown("manifest.kind.lowerAscii() == path", "lowerAscii");
        unknown("duration (\"1h\") == path", "duration");
        assert_eq!(fault("path.size(1) == 1").1, "size");
        assert_eq!(fault("manifest.all(x) == 1").1, "all");
        assert_eq!(fault("Thing{a: 1} == 1").1, "{");
    }

    #[test]
    fn every_known_name_can_be_used() {
        for source in [
            "size(path) + path.size() == 2 && type(path) == string && dyn(path) == path",
            "bool(\"true\") && int(\"1\") == 1 && uint(1) == 1u && double(1) == 1.0 && \
             string(1) == \"1\"",
            "path.contains(\"a\") || path.startsWith(\"b\") || path.endsWith(\"c\") || \
             path.matches(\"^d$\")",
            "has(manifest.a) && [1].all(x, x > 0) && [1].exists(x, x > 0) && \
             [1].exists_one(x, x > 0)",
            "[1].map(x, x + 1).filter(x, x in {1: 2}) == [base, null, -1 % 2 * 3 / 4][0]",
            "type(1) in [int, uint, double, bool, bytes, string, list, map, null_type]",
        ] {
            assert_eq!(fault(source).0, "nothing", "{source}");
        }
    }

    #[test]
    fn base_is_mentioned_only_by_the_variable() {
        for (source, mentions) in [
            ("base == null", true),
            ("[1].all(x, has(base.metadata))", true),
            ("manifest.base == 1", false),
            ("[1].all(base, base == 1)", false),
            ("path == \"base\"", false),
        ] {
            assert_eq!(compiled(source).unwrap().mentions_base, mentions, "{source}");
        }
    }

    #[test]
    fn patterns_are_literals_that_compile() {
        assert_eq!(fault("path.matches(\"[\")").1, "matches");
        assert!(fault("path.matches(manifest.kind)").0.contains("not a literal"));
        assert!(fault("path.matches(\"(a{200}){200}\")").0.contains("cannot be used"));
    }

    #[test]
    fn length_and_nesting_are_bounded_before_parsing_and_after() {
        let deep = |open: &str, close: &str, levels| {
            format!("{}1{} == 1", open.repeat(levels), close.repeat(levels))
        };
        assert_eq!(fault(&deep("(", ")", 32)).0, "nothing");
        for (open, close) in
            [("(", ")"), ("[", "]"), ("size([", "])"), ("{1: ", "}"), ("path[", "]")]
        {
            assert_eq!(
                fault(&deep(open, close, 33)).0,
                "is nested deeper than 32 levels",
                "{open}"
            );
        }
        for operators in ["1 + ".repeat(100) + "1 == 1", "false ? false : ".repeat(80) + "true"] {
            assert_eq!(fault(&operators).0, "is nested deeper than 64 levels");
        }
        assert!(fault(&"x".repeat(5000)).0.contains("5000 bytes"));
        // Brackets in texts and comments do not nest.
        for text in [
            "\"{}\"",
            "'{}'",
            "\"\"\"{}\"\"\"",
            "r\"{}\\\"",
            "\"\\\"{}\"",
            "1 == 1 // {}\n && \"a\"",
        ] {
            let source = format!("\"a\" != {}", text.replace("{}", &"([{".repeat(20)));
            assert_eq!(too_deep(&source), None, "{source}");
        }
    }
}
