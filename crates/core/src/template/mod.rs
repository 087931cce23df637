//! Sandboxed minijinja templates.
//!
//! Values never change a document's structure, undefined is an error, and work is bounded.

pub mod built_in;
mod markdown;
mod yaml;

use miette::{Diagnostic, NamedSource, SourceSpan};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, State, UndefinedBehavior, Value};
use serde::Serialize;

/// The maximum number of instructions of a template.
///
/// The built-in ones need a few hundred.
const FUEL: u64 = 200_000;

/// As [`FUEL`], for Markdown, which may list thousands of manifests.
const FUEL_OF_LISTS: u64 = 4_000_000;

/// As [`FUEL`], for pages, which hold whole catalogs in one document.
const FUEL_OF_PAGES: u64 = 2_000_000_000;

/// The maximum nesting of a template's blocks and calls.
const RECURSION: usize = 64;

/// A template that does not compile or render, with its location.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("cannot render the template `{name}`: {what}")]
#[diagnostic(code(goldenpath::template), help("{help}"))]
pub struct TemplateError {
    name: String,
    what: String,
    help: &'static str,
    #[source_code]
    source_code: NamedSource<String>,
    #[label("here")]
    place: Option<SourceSpan>,
}

impl TemplateError {
    fn new(name: &str, source: &str, output: Output, error: &Error) -> Self {
        Self {
            name: name.to_owned(),
            what: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
            help: match output {
                Output::Markdown => {
                    "use the variables of the built-in template: summary, approvals, changed, \
                     blocked, …"
                }
                Output::Html => "this is a bug; please report it with the command that you ran",
                Output::Yaml | Output::Text => {
                    "use the manifest's fields: id, name, description, owner, service, \
                     environment, …"
                }
            },
            source_code: NamedSource::new(name, source.to_owned()),
            place: error.range().map(SourceSpan::from),
        }
    }

    /// Returns the cause, without the template's name.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// The format of a template's output, which decides how values are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Each value becomes a YAML scalar that parses to the same value.
    Yaml,
    /// Each string becomes a code span without markup, links and mentions.
    ///
    /// Two must not be adjacent.
    Markdown,
    /// Each string is escaped for text and quoted attributes.
    ///
    /// For goldenpath's own pages.
    Html,
    /// Values are not escaped: paths and store keys, which are checked after rendering.
    Text,
}

/// A compiled template, for repeated use.
#[derive(Debug)]
pub struct Template {
    name: String,
    output: Output,
    environment: Environment<'static>,
    /// What it consists of, where that is text and variables alone.
    pieces: Option<Vec<TemplatePiece>>,
}

/// A part of a template that needs no interpreter.
#[derive(Debug, PartialEq, Eq)]
enum TemplatePiece {
    Text(String),
    Variable(String),
}

impl Template {
    /// Compiles `source`, called `name` in messages.
    ///
    /// # Errors
    /// [`TemplateError`] for a syntax error.
    pub fn compile(name: &str, source: &str, output: Output) -> Result<Self, TemplateError> {
        let mut environment = environment(output);
        // Checkouts on Windows may have CRLF line endings.
        let source = source.replace("\r\n", "\n");
        match environment.add_template_owned(name.to_owned(), source.clone()) {
            Ok(()) => {
                let pieces = (output == Output::Text).then(|| pieces(&source)).flatten();
                Ok(Self { name: name.to_owned(), output, environment, pieces })
            }
            Err(error) => Err(TemplateError::new(name, &source, output, &error)),
        }
    }

    /// Returns what [`Template::render`] would, at a fraction of its cost, where the template is
    /// text and variables whose values are texts; None where it is anything else.
    pub fn fill<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
        let mut filled = String::with_capacity(64);
        for piece in self.pieces.as_ref()? {
            filled.push_str(match piece {
                TemplatePiece::Text(text) => text,
                TemplatePiece::Variable(name) => value(name)?,
            });
        }
        Some(filled)
    }

    /// Renders it with `context`: a struct or map whose fields are the template's variables.
    ///
    /// # Errors
    /// [`TemplateError`] for an undefined variable, or a template that exceeds its fuel.
    pub fn render(&self, context: &impl Serialize) -> Result<String, TemplateError> {
        let template = self.environment.get_template(&self.name);
        let rendered = template.and_then(|template| template.render(Value::from(Serde(context))));
        let rendered = rendered.map(|text| match self.output {
            // Terminals display comments too. Values are escaped already; the template's own text
            // is not.
            Output::Markdown => text.replace(
                |character: char| character.is_control() && !matches!(character, '\n' | '\t'),
                "",
            ),
            Output::Yaml | Output::Html | Output::Text => text,
        });
        rendered.map_err(|error| {
            let source = self
                .environment
                .get_template(&self.name)
                .map(|template| template.source().to_owned());
            TemplateError::new(&self.name, &source.unwrap_or_default(), self.output, &error)
        })
    }
}

/// Splits a template of text and variables on one line, such as `a/{{ name }}`.
fn pieces(source: &str) -> Option<Vec<TemplatePiece>> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while !rest.is_empty() {
        let (text, behind) = rest.split_once("{{").unwrap_or((rest, ""));
        if text.contains(['{', '}', '\n', '\r']) {
            return None;
        }
        pieces.push(TemplatePiece::Text(text.to_owned()));
        if text.len() == rest.len() {
            break;
        }
        let (name, behind) = behind.split_once("}}")?;
        let name = name.trim_matches(' ');
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return None;
        }
        pieces.push(TemplatePiece::Variable(name.to_owned()));
        rest = behind;
    }
    Some(pieces)
}

/// Compiles and renders a template that is used once.
///
/// # Errors
/// [`TemplateError`] for a syntax error, an undefined variable, or a template that exceeds its
/// fuel.
pub fn render(
    name: &str,
    source: &str,
    output: Output,
    context: &impl Serialize,
) -> Result<String, TemplateError> {
    Template::compile(name, source, output)?.render(context)
}

fn environment(output: Output) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_debug(true); // without it errors have a line but no range
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(match output {
        Output::Yaml | Output::Text => FUEL,
        Output::Markdown => FUEL_OF_LISTS,
        Output::Html => FUEL_OF_PAGES,
    }));
    environment.set_recursion_limit(RECURSION);
    if let Ok(syntax) = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    match output {
        Output::Yaml => {
            environment
                .add_filter("quote", |value: String| Value::from_safe_string(yaml::quoted(&value)));
            environment.set_formatter(|out, state, value| write(out, state, value, yaml::scalar));
        }
        Output::Markdown => {
            environment
                .set_formatter(|out, state, value| write(out, state, value, markdown::code_span));
        }
        Output::Html => environment.set_auto_escape_callback(|_| AutoEscape::Html),
        Output::Text => {}
    }
    environment
}

/// Writes strings with `form`, and all other values unchanged.
fn write(
    out: &mut minijinja::Output,
    state: &mut State,
    value: &Value,
    form: fn(&str) -> String,
) -> Result<(), Error> {
    match value.as_str() {
        Some(text) if !value.is_safe() => out.write_str(&form(text)).map_err(Error::from),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_stays_one_yaml_scalar() {
        for hostile in [
            "a: b",
            "x #y",
            "'",
            "\"",
            "- z",
            "no",
            "1e3",
            "",
            "a\nb: c",
            "{{ id }}",
            "\u{1b}[2J",
            "é\u{2028}",
        ] {
            let text = render("t", "v: {{ v }}\n", Output::Yaml, &json!({ "v": hostile })).unwrap();
            let back: serde_json::Value = serde_yaml::from_str(&text).unwrap();
            assert_eq!(back, json!({ "v": hostile }), "{text}");
        }
    }

    #[test]
    fn a_value_is_never_markup_in_a_page() {
        let hostile = "</script><img src=x onerror='alert(1)'>\"&";
        let text =
            render("t", "<p title=\"{{ v }}\">{{ v }}", Output::Html, &json!({ "v": hostile }))
                .unwrap();
        assert_eq!(text.matches(['<', '\'', '"']).count(), 3, "{text}");
    }

    #[test]
    fn numbers_and_plain_words_are_not_quoted_and_the_filter_returns_them() {
        let context = json!({ "days": 30, "name": "payments-db" });
        let text = render("t", "{{ days }} {{ name }} {{ name | quote }}", Output::Yaml, &context)
            .unwrap();
        assert_eq!(text, "30 payments-db \"payments-db\"");
    }

    #[test]
    fn an_undefined_variable_is_an_error_with_its_location() {
        let error =
            render("t", "a: {{ nmae }}", Output::Yaml, &json!({ "name": "x" })).unwrap_err();
        assert_eq!(error.place.map(|place| place.offset()), Some(6));
    }

    fn filled(source: &str) -> Option<String> {
        let template = Template::compile("t", source, Output::Text).unwrap();
        let filled = template.fill(|name| (name == "name").then_some("x<y"));
        if let Some(filled) = &filled {
            assert_eq!(template.render(&json!({ "name": "x<y" })).unwrap(), *filled, "{source}");
        }
        filled
    }

    #[test]
    fn text_and_variables_are_filled_in_as_they_are_rendered() {
        assert_eq!(filled("a/{{ name }}/{{name}}-b").as_deref(), Some("a/x<y/x<y-b"));
        assert_eq!(filled("plain").as_deref(), Some("plain"));
        assert_eq!(filled("").as_deref(), Some(""));
    }

    #[test]
    fn what_is_more_than_text_and_variables_is_left_to_the_interpreter() {
        for source in [
            "{{ id }}",
            "{{ name | upper }}",
            "{{- name }}",
            "{{ name -}} a",
            "{% if name %}a{% endif %}",
            "{# name #}a",
            "a\n{{ name }}",
            "{{ 'name' }}",
            "{{ name.x }}",
        ] {
            assert_eq!(filled(source), None, "{source}");
        }
    }

    #[test]
    fn an_endless_template_is_stopped() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
        let error = render("t", endless, Output::Text, &json!({})).unwrap_err();
        assert!(error.to_string().contains("fuel"), "{error}");
    }
}
