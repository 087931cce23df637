//! `policies` in `goldenpath.yaml`: the platform team's own rules, in CEL (the Common Expression Language,
//! <https://cel.dev>).
//!
//! Whoever writes a policy may be wrong or hostile, and so may whoever writes the manifest that it judges: what is too
//! long or too deep is refused before it is parsed, and what could take too long on a manifest before it runs (see
//! [`cost`]). What cannot be judged is an error at the policy's own place, never a silent pass.

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

/// More than these are a mistake, or meant to keep the parser busy.
const MAX_POLICIES: usize = 200;

/// The characters of a name, a field, a message or a help at most.
const MAX_TEXT: usize = 1000;

/// The stack that the parser gets, in bytes. It needs 0.3 MB a level unoptimized, and levels are bounded.
const PARSER_STACK: usize = 64 * 1024 * 1024;

/// A policy as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyConfig {
    /// In kebab case, unique.
    pub name: String,
    /// Which manifests the policy is about, in CEL; without it, all of them.
    pub when: Option<String>,
    /// What must be true of them, in CEL.
    pub assert: String,
    /// What to tell people when it is not.
    pub message: String,
    #[serde(default)]
    pub severity: PolicySeverity,
    /// The field to point at, dotted (`metadata.owner`) or a JSON pointer (`/metadata/owner`).
    pub field: Option<String>,
    pub help: Option<String>,
}

/// What a policy's findings count as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicySeverity {
    #[default]
    Error,
    Warn,
}

/// A policy, compiled.
#[derive(Debug)]
pub struct Policy {
    pub name: String,
    pub message: String,
    pub severity: PolicySeverity,
    /// JSON pointer to the field to point at; empty for the manifest as a whole.
    pub pointer: String,
    pub help: Option<String>,
    when: Option<Expression>,
    assert: Expression,
}

/// What a policy sees of a manifest.
#[derive(Debug, Clone, Copy)]
pub struct PolicySubject<'a> {
    /// From the repository's root.
    pub path: &'a str,
    pub manifest: &'a Value,
    /// Where a change is judged: the manifest of the same ID before it, null where there was none.
    pub base: Option<&'a Value>,
}

/// All policies of a `goldenpath.yaml`, compiled once.
#[derive(Default)]
pub struct Policies {
    /// The configuration's name and text, for errors that point into it.
    file: String,
    text: String,
    policies: Vec<Policy>,
    /// Every pattern that a policy gives to `matches`.
    patterns: Arc<BTreeMap<String, Regex>>,
    /// None where there are no policies: it takes a while to build.
    functions: Option<Arc<Env>>,
}

impl Policies {
    /// The stack that a thread needs for [`Self::broken_by`], in bytes: the interpreter takes 60 KB a level
    /// unoptimized, and an expression has at most [`expression::MAX_DEPTH`] of them.
    pub const STACK: usize = 16 * 1024 * 1024;

    /// Compiles the policies `written` in the configuration `file`, whose text is `text`.
    ///
    /// # Errors
    /// The first one that cannot be used, at its place.
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
                format!("{MAX_POLICIES} at most are allowed"),
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
            let work = parser.spawn_scoped(scope, || policies.compiled(written));
            let unable = |why: String| {
                ConfigError::new(file, why, "this is a bug or a lack of memory; please report it")
            };
            let work = work
                .map_err(|error| unable(format!("no thread to parse the policies on: {error}")))?;
            work.join().map_err(|_| unable("the policies cannot be parsed".to_owned()))?
        })?;
        policies.policies = compiled;
        policies.patterns = Arc::new(patterns);
        // Without optionals and their namespace: less to look a name up in, and less to reason about.
        policies.functions =
            Some(Arc::new(Env::default().with_optional_support(false).with_stdlib()));
        Ok(policies)
    }

    fn compiled(
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

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// The configuration that they stand in.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The policies that `subject` breaks, in the configuration's order. To be called on a thread with a stack of
    /// [`Self::STACK`]. A policy that speaks of `base` has nothing to say where no change is judged.
    ///
    /// # Errors
    /// A policy that cannot be run on `subject`, at its place.
    pub fn broken_by(&self, subject: PolicySubject<'_>) -> Result<Vec<&Policy>, ConfigError> {
        let Some(functions) = &self.functions else { return Ok(Vec::new()) };
        let context = self.context(Arc::clone(functions), subject);
        let sizes = Sizes::of(subject);
        let mut broken = Vec::new();
        for (index, policy) in self.policies.iter().enumerate() {
            let run = |key: &'static str, expression: &Expression| {
                expression.run(&context, &sizes).map_err(|fault| {
                    let message = format!("cannot judge `{}`: {}", subject.path, fault.message);
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
            // Compiled once instead of at each call, as cel's own `matches` does. Adding it fails where a function of
            // this name exists, and none does without cel's feature `regex`; should one come, it does the same.
            let _ = context.add_function(
                "matches",
                move |This(text): This<Arc<String>>, pattern: Arc<String>| {
                    patterns.get(pattern.as_str()).is_some_and(|regex| regex.is_match(&text))
                },
            );
        }
        context
    }

    /// What is wrong with the value of `key` of the policy at `index`, drawn into the configuration.
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

/// What of a policy is wrong, but for its CEL: the key, and how.
fn check_texts(policy: &PolicyConfig, is_taken: bool) -> Result<(), (&'static str, Fault)> {
    if !is_kebab_case(&policy.name) {
        let message = format!("`{}` cannot be a policy's name", policy.name);
        let help = "begin with a letter, then small letters, digits and single hyphens: `prod-needs-approval`";
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
                "say what is wrong, for people"
            } else {
                "fill it in, or leave it out"
            };
            return Err((key, Fault::whole("is empty", help)));
        }
        if text.chars().count() > MAX_TEXT {
            return Err((
                key,
                Fault::whole("is too long", format!("{MAX_TEXT} characters at most are allowed")),
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
        // RFC 6901: a tilde stands for nothing by itself.
        Some(_) => field.replace("~0", "").replace("~1", "").find('~').is_none(),
        None => {
            field != "manifest"
                && !field.starts_with("manifest.")
                && field.split('.').all(|part| !part.is_empty())
        }
    }
}

/// A dotted path as the JSON pointer that it stands for; a pointer as it is.
fn to_pointer(field: &str) -> String {
    if field.starts_with('/') {
        return field.to_owned();
    }
    field
        .split('.')
        .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")))
        .collect()
}

/// JSON as CEL sees it, its strings borrowed. Whole numbers are `int`, so that they compare and add up with literals.
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
