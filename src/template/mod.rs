//! minijinja, fenced in: a value never changes a document's structure, undefined is an error, work is bounded.

mod yaml;

use miette::{Diagnostic, NamedSource, SourceSpan};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, State, UndefinedBehavior, Value};
use serde::Serialize;

/// How many instructions a template may run; the built-in ones need a few hundred.
const FUEL: u64 = 200_000;

/// How deep a template's blocks and calls may nest.
const RECURSION: usize = 64;

/// A template that does not compile or does not render, with its place.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("the template `{name}` cannot be rendered: {what}")]
#[diagnostic(
    code(goldenpath::template),
    help("the variables are the manifest's fields: id, name, description, owner, service, environment, …")
)]
pub struct TemplateError {
    name: String,
    what: String,
    #[source_code]
    source_code: NamedSource<String>,
    #[label("here")]
    place: Option<SourceSpan>,
}

impl TemplateError {
    fn new(name: &str, source: &str, error: &Error) -> Self {
        Self {
            name: name.to_owned(),
            what: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
            source_code: NamedSource::new(name, source.to_owned()),
            place: error.range().map(SourceSpan::from),
        }
    }

    /// What is wrong, without the template's name.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// What a template writes, which decides how values go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Each value becomes a YAML scalar that reads back as that value.
    Yaml,
    /// Values go in as they are: paths and store keys, which are checked after rendering.
    Text,
}

/// A template that compiles, for use again and again.
#[derive(Debug)]
pub struct Template {
    name: String,
    environment: Environment<'static>,
}

impl Template {
    /// Compiles `source`, called `name` in messages.
    ///
    /// # Errors
    /// [`TemplateError`] for a syntax error.
    pub fn compile(name: &str, source: &str, output: Output) -> Result<Self, TemplateError> {
        let mut environment = environment(output);
        match environment.add_template_owned(name.to_owned(), source.to_owned()) {
            Ok(()) => Ok(Self { name: name.to_owned(), environment }),
            Err(error) => Err(TemplateError::new(name, source, &error)),
        }
    }

    /// Renders it with `context`: a struct or map whose fields are the template's variables.
    ///
    /// # Errors
    /// [`TemplateError`] for an undefined variable, or a template that runs too long.
    pub fn render(&self, context: &impl Serialize) -> Result<String, TemplateError> {
        let template = self.environment.get_template(&self.name);
        let rendered = template.and_then(|template| template.render(Value::from(Serde(context))));
        rendered.map_err(|error| {
            let source = self.environment.get_template(&self.name).map(|template| template.source().to_owned());
            TemplateError::new(&self.name, &source.unwrap_or_default(), &error)
        })
    }
}

/// Compiles and renders a template that is used once.
///
/// # Errors
/// [`TemplateError`] for a syntax error, an undefined variable, or a template that runs too long.
pub fn render(name: &str, source: &str, output: Output, context: &impl Serialize) -> Result<String, TemplateError> {
    Template::compile(name, source, output)?.render(context)
}

fn environment(output: Output) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_debug(true); // without it errors have a line but no range
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    if let Ok(syntax) =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()
    {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    if output == Output::Yaml {
        environment.add_filter("quote", |value: String| Value::from_safe_string(yaml::quoted(&value)));
        environment.set_formatter(write_yaml);
    }
    environment
}

fn write_yaml(out: &mut minijinja::Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) if !value.is_safe() => out.write_str(&yaml::scalar(text)).map_err(Error::from),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_stays_one_yaml_scalar_whatever_it_holds() {
        for hostile in
            ["a: b", "x #y", "'", "\"", "- z", "no", "1e3", "", "a\nb: c", "{{ id }}", "\u{1b}[2J", "é\u{2028}"]
        {
            let text = render("t", "v: {{ v }}\n", Output::Yaml, &json!({ "v": hostile })).unwrap();
            let back: serde_json::Value = serde_yaml::from_str(&text).unwrap();
            assert_eq!(back, json!({ "v": hostile }), "{text}");
        }
    }

    #[test]
    fn numbers_and_plain_words_need_no_quotes_and_the_filter_gives_them() {
        let context = json!({ "days": 30, "name": "payments-db" });
        let text = render("t", "{{ days }} {{ name }} {{ name | quote }}", Output::Yaml, &context).unwrap();
        assert_eq!(text, "30 payments-db \"payments-db\"");
    }

    #[test]
    fn an_undefined_variable_is_an_error_with_its_place() {
        let error = render("t", "a: {{ nmae }}", Output::Yaml, &json!({ "name": "x" })).unwrap_err();
        assert_eq!(error.place.map(|place| place.offset()), Some(6));
    }

    #[test]
    fn an_endless_template_is_stopped() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
        let error = render("t", endless, Output::Text, &json!({})).unwrap_err();
        assert!(error.to_string().contains("fuel"), "{error}");
    }
}
