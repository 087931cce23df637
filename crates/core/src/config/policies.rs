//! `policies` in `goldenpath.yaml`: the platform team's own rules, in CEL.
//!
//! (The Common Expression Language, <https://cel.dev>.) The author of a policy may make mistakes or
//! be hostile, and so may the author of a manifest: too long or too deep expressions are rejected
//! before they are parsed, and too expensive ones before they run on a manifest (see [`cost`]). A
//! policy that cannot be evaluated is an error at its location, never a silent pass.

mod alignment;
mod cost;
mod expression;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
};
use cel::common::value::Val;
use cel::extractors::This;
use cel::{Context, Env};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::ConfigError;
use crate::yaml::parse_configuration;
use cost::Sizes;
use expression::{Expression, Fault};

/// The maximum number of policies: more are a mistake or an attack on the parser.
const MAX_POLICIES: usize = 200;

/// The maximum length of a name, a field, a message or a help, in characters.
const MAX_TEXT: usize = 1000;

/// The parser's stack, in bytes.
///
/// It needs 0.3 MB per level unoptimized, and levels are bounded.
const PARSER_STACK: usize = 64 * 1024 * 1024;

/// A policy in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyConfig {
    /// Unique, in kebab case.
    pub name: String,
    /// A condition in CEL that selects manifests; all of them without it.
    pub when: Option<String>,
    /// A condition in CEL that selected manifests must meet.
    pub assert: String,
    /// The message for a manifest that does not meet it.
    pub message: String,
    /// By default, an error.
    #[serde(default)]
    pub severity: PolicySeverity,
    /// The field to underline, dotted or a JSON pointer.
    ///
    /// For example, `metadata.owner` or `/metadata/owner`.
    pub field: Option<String>,
    /// The remedy or a contact; by default, the message names the policy.
    pub help: Option<String>,
}

/// The severity of a policy's findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicySeverity {
    /// A finding fails the run.
    #[default]
    Error,
    /// A finding does not fail the run.
    Warn,
}

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    /// Unique, in kebab case; the message of a finding begins with it.
    pub name: String,
    /// The message for a manifest that does not meet `assert`.
    pub message: String,
    /// The severity of its findings, unless `rules` overrides it.
    pub severity: PolicySeverity,
    /// JSON pointer to the field to underline; empty for the whole manifest.
    pub pointer: String,
    /// The remedy or a contact, as configured.
    pub help: Option<String>,
    when: Option<Expression>,
    assert: Expression,
}

/// The variables of a policy for one manifest.
#[derive(Debug, Clone, Copy)]
pub struct PolicySubject<'a> {
    /// Path from the repository's root.
    pub path: &'a str,
    /// The document as JSON.
    pub manifest: &'a Value,
    /// For a change: the previous manifest of the same ID, null if there was none.
    pub base: Option<&'a Value>,
}

/// All policies of a `goldenpath.yaml`, compiled once.
#[derive(Default)]
pub struct Policies {
    /// The configuration's name and text, for the location of errors.
    file: String,
    text: String,
    policies: Vec<Policy>,
    /// The compiled patterns of `matches`.
    patterns: Arc<BTreeMap<String, Regex>>,
    /// None without policies: it is expensive to build.
    functions: Option<Arc<Env>>,
}

impl Policies {
    /// The stack that a thread needs for [`Self::find_violated`], in bytes.
    ///
    /// The interpreter needs 60 KB per level unoptimized, and an expression has at most
    /// [`expression::MAX_DEPTH`] levels.
    pub const STACK: usize = 16 * 1024 * 1024;

    /// Compiles the policies of the configuration `file` with the text `text`.
    ///
    /// # Errors
    /// The first invalid policy, with its location.
    pub fn compile(file: &str, text: &str, written: &[PolicyConfig]) -> Result<Self, ConfigError> {
        if written.is_empty() {
            return Ok(Self::default());
        }
        let mut policies = Self { file: file.to_owned(), text: text.to_owned(), ..Self::default() };
        if written.len() > MAX_POLICIES {
            let message = format!("there are {} policies", written.len());
            return Err(ConfigError::new(
                file,
                message,
                format!("remove some: the maximum is {MAX_POLICIES}"),
            )
            .at_field(text, &["policies"]));
        }
        for (index, policy) in written.iter().enumerate() {
            let same = |other: &PolicyConfig| other.name == policy.name;
            if let Err((key, fault)) = check_texts(policy, written[..index].iter().any(same)) {
                return Err(policies.error(index, &policy.name, key, fault));
            }
        }
        let (compiled, patterns) = thread::scope(|scope| {
            let parser =
                thread::Builder::new().name("policies".to_owned()).stack_size(PARSER_STACK);
            let work = parser.spawn_scoped(scope, || policies.compile_all(written));
            let unable = |why: String| {
                ConfigError::new(file, why, "this is a bug or a lack of memory; please report it")
            };
            let work = work.map_err(|error| {
                unable(format!("cannot start a thread for the parser: {error}"))
            })?;
            work.join().map_err(|_| unable("cannot parse the policies".to_owned()))?
        })?;
        policies.policies = compiled;
        policies.patterns = Arc::new(patterns);
        // Without optionals and their namespace: fewer names to look up and to reason about.
        policies.functions =
            Some(Arc::new(Env::default().with_optional_support(false).with_stdlib()));
        Ok(policies)
    }

    fn compile_all(
        &self,
        written: &[PolicyConfig],
    ) -> Result<(Vec<Policy>, BTreeMap<String, Regex>), ConfigError> {
        let mut patterns = BTreeMap::new();
        let mut compiled = Vec::with_capacity(written.len());
        for (index, policy) in written.iter().enumerate() {
            let mut expression = |key: &'static str, source: &str| {
                Expression::compile(source, &mut patterns)
                    .map_err(|fault| self.error(index, &policy.name, key, fault))
            };
            compiled.push(Policy {
                name: policy.name.clone(),
                message: policy.message.clone(),
                severity: policy.severity,
                pointer: policy.field.as_deref().map(to_pointer).unwrap_or_default(),
                help: policy.help.clone(),
                when: policy
                    .when
                    .as_deref()
                    .map(|source| expression("when", source))
                    .transpose()?,
                assert: expression("assert", &policy.assert)?,
            });
        }
        Ok((compiled, patterns))
    }

    /// Returns whether the configuration has no policy.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// Returns the name of their configuration file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the policies that `subject` violates, in the configuration's order.
    ///
    /// Call it on a thread with a stack of [`Self::STACK`]. A policy that uses `base` is skipped
    /// unless a change is checked.
    ///
    /// # Errors
    /// A policy that cannot be evaluated on `subject`, with its location.
    pub fn find_violated(&self, subject: PolicySubject<'_>) -> Result<Vec<&Policy>, ConfigError> {
        let Some(functions) = &self.functions else { return Ok(Vec::new()) };
        let context = self.context(Arc::clone(functions), subject);
        let sizes = Sizes::of(subject);
        let mut broken = Vec::new();
        for (index, policy) in self.policies.iter().enumerate() {
            let run = |key: &'static str, expression: &Expression| {
                expression.run(&context, &sizes).map_err(|fault| {
                    let message = format!("cannot evaluate `{}`: {}", subject.path, fault.message);
                    self.error(index, &policy.name, key, Fault { message, ..fault })
                })
            };
            if policy.mentions_base() && subject.base.is_none() {
                continue;
            }
            let applies = policy.when.as_ref().map_or(Ok(true), |when| run("when", when))?;
            if applies && !run("assert", &policy.assert)? {
                broken.push(policy);
            }
        }
        Ok(broken)
    }

    fn context<'a>(&self, functions: Arc<Env>, subject: PolicySubject<'a>) -> Context<'a, 'a> {
        let mut context = Context::with_env(functions);
        context.add_variable_as_val("path", Box::new(CelString::from(subject.path)));
        context.add_variable_as_val("manifest", to_cel(subject.manifest));
        if let Some(base) = subject.base {
            context.add_variable_as_val("base", to_cel(base));
        }
        if !self.patterns.is_empty() {
            let patterns = Arc::clone(&self.patterns);
            // Compiled once, where cel's own `matches` compiles at each call. Adding it fails only
            // if a function of this name exists, which requires cel's feature `regex`; that
            // function does the same.
            let _ = context.add_function(
                "matches",
                move |This(text): This<Arc<String>>, pattern: Arc<String>| {
                    patterns.get(pattern.as_str()).is_some_and(|regex| regex.is_match(&text))
                },
            );
        }
        context
    }

    /// Returns an error for `key` of the policy at `index`, with its location.
    fn error(&self, index: usize, name: &str, key: &str, fault: Fault) -> ConfigError {
        let message = match key {
            "name" => fault.message,
            _ => format!("the `{key}` of policy `{name}` {}", fault.message),
        };
        let error = ConfigError::new(&self.file, message, fault.help);
        let root = parse_configuration(&self.text).ok();
        let value = root.as_ref().and_then(|root| root.at(&format!("/policies/{index}/{key}")));
        match value.and_then(|(_, value)| alignment::locate(&self.text, value, fault.span)) {
            Some(span) => error.at_span(&self.text, span),
            None => error.at_field(&self.text, &["policies", &index.to_string(), key]),
        }
    }
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.policies.iter().map(|policy| &policy.name)).finish()
    }
}

impl Policy {
    fn mentions_base(&self) -> bool {
        self.assert.mentions_base || self.when.as_ref().is_some_and(|when| when.mentions_base)
    }
}

/// Checks everything in a policy except its CEL.
///
/// The error is the key and the fault.
fn check_texts(policy: &PolicyConfig, is_taken: bool) -> Result<(), (&'static str, Fault)> {
    if !is_kebab_case(&policy.name) {
        let message = format!("`{}` cannot be a policy's name", policy.name);
        let help = "begin with a letter, then lowercase letters, digits and single hyphens: \
                    `prod-needs-approval`";
        return Err(("name", Fault::whole(message, help)));
    }
    if is_taken {
        let message = format!("there are two policies `{}`", policy.name);
        return Err(("name", Fault::whole(message, "rename or remove one of them")));
    }
    let texts = [
        ("message", Some(&policy.message)),
        ("field", policy.field.as_ref()),
        ("help", policy.help.as_ref()),
    ];
    for (key, text) in texts.into_iter().filter_map(|(key, text)| Some((key, text?))) {
        if text.trim().is_empty() {
            let help = if key == "message" {
                "describe the problem to the user"
            } else {
                "fill it in, or omit it"
            };
            return Err((key, Fault::whole("is empty", help)));
        }
        if text.chars().count() > MAX_TEXT {
            return Err((
                key,
                Fault::whole("is too long", format!("shorten it to at most {MAX_TEXT} characters")),
            ));
        }
    }
    match policy.field.as_deref() {
        Some(field) if !is_field(field) => {
            let help =
                "write `metadata.owner` or the JSON pointer `/metadata/owner`, without `manifest`";
            Err(("field", Fault::whole("is not the path of a field", help)))
        }
        _ => Ok(()),
    }
}

fn is_kebab_case(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() <= 100
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split('-').all(is_word)
}

fn is_field(field: &str) -> bool {
    match field.strip_prefix('/') {
        // RFC 6901: a tilde has no meaning on its own.
        Some(_) => field.replace("~0", "").replace("~1", "").find('~').is_none(),
        None => {
            field != "manifest"
                && !field.starts_with("manifest.")
                && field.split('.').all(|part| !part.is_empty())
        }
    }
}

/// Converts a dotted path to a JSON pointer; a pointer is unchanged.
fn to_pointer(field: &str) -> String {
    if field.starts_with('/') {
        return field.to_owned();
    }
    field
        .split('.')
        .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")))
        .collect()
}

/// Converts JSON for CEL, borrowing strings.
///
/// Whole numbers become `int`, to match literals.
fn to_cel(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(value) => match value.as_i64() {
            Some(value) => Box::new(CelInt::from(value)),
            None => Box::new(CelDouble::from(value.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(value) => Box::new(CelString::from(value.as_str())),
        Value::Array(items) => {
            Box::new(CelList::from(items.iter().map(to_cel).collect::<Vec<_>>()))
        }
        Value::Object(fields) => {
            let entries =
                fields.iter().map(|(name, value)| (CelMapKey::from(name.as_str()), to_cel(value)));
            Box::new(CelMap::from(entries.collect::<std::collections::HashMap<_, _>>()))
        }
    }
}
