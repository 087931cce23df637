//! Answers to `new secret` from a YAML file, for portals and scripts.

use miette::{Diagnostic, LabeledSpan, NamedSource};

use super::{AnswerOrigin, Draft, Field, InvalidAnswer};
use crate::catalog::{Entry, Project};
use crate::rules::{ConfidentialSpans, redact_texts};
use crate::suggest;
use crate::vcs::File;
use crate::yaml;
use crate::yaml::{Node, NodeValue};

/// The maximum size of an answers file, in bytes.
pub const MAX_ANSWERS_BYTES: u64 = 1024 * 1024;

/// Answers in YAML: a mapping whose keys are the names of the template variables.
#[derive(Debug)]
pub struct AnswersFile {
    name: String,
    text: String,
    /// The text with secrets masked, for error messages.
    shown: String,
    draft: Draft,
}

/// An error in an answers file, with the locations in it.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {message}")]
pub struct AnswersError {
    name: String,
    message: String,
    help: String,
    source_code: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
}

impl Diagnostic for AnswersError {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new("goldenpath::answers"))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source_code.as_ref().map(|source| source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<_>)
    }
}

impl AnswersError {
    /// Creates an error about the whole file.
    #[must_use]
    pub fn new(name: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            message: message.into(),
            help: help.into(),
            source_code: None,
            labels: Vec::new(),
        }
    }
}

impl AnswersFile {
    /// Parses the answers in `bytes`; `name` is the file's name in messages.
    ///
    /// # Errors
    /// The file is too large, not plain YAML or not a mapping, or it has an unknown key or a value
    /// of the wrong type.
    pub fn parse(name: &str, bytes: Vec<u8>, project: &Project) -> Result<Self, AnswersError> {
        if bytes.len() as u64 > MAX_ANSWERS_BYTES {
            return Err(AnswersError::new(
                name,
                "the file is larger than 1 MiB",
                "check the path: an answers file describes one secret",
            ));
        }
        if let Err(error) = str::from_utf8(&bytes) {
            let message = format!("byte {} is not UTF-8", error.valid_up_to() + 1);
            return Err(AnswersError::new(name, message, "save the file as UTF-8"));
        }
        // Parsed as a catalog entry, so that text that looks like a secret is masked.
        let entry = Entry::read(File { path: String::new(), bytes: Ok(bytes) }, false, project);
        let shown = ConfidentialSpans::of(&entry, project).mask(&entry.text).into_owned();
        let mut file = Self {
            name: name.to_owned(),
            text: entry.text.clone(),
            shown,
            draft: Draft::default(),
        };
        file.read().map_err(|mut error| {
            redact_texts(&entry, project, [&mut error.message, &mut error.help]);
            error
        })?;
        Ok(file)
    }

    /// Returns the answers of the file.
    #[must_use]
    pub fn draft(&self) -> Draft {
        self.draft.clone()
    }

    /// Returns the error about the wrong answers of this file, if any.
    #[must_use]
    pub fn find_error(&self, wrong: &[InvalidAnswer]) -> Option<AnswersError> {
        let mut labels = Vec::new();
        let mut lines = Vec::new();
        for InvalidAnswer { field, origin, why } in wrong {
            if let AnswerOrigin::File(span) = origin {
                lines.push(format!("`{}`: {why}", field.variable()));
                labels.push(LabeledSpan::new_with_span(
                    Some(format!("`{}`", field.variable())),
                    span.clone(),
                ));
            }
        }
        if lines.is_empty() {
            return None;
        }
        let help = "correct the answer, or pass its flag, which overrides the file";
        Some(AnswersError {
            labels,
            source_code: self.source(),
            ..AnswersError::new(&self.name, lines.join("\n"), help)
        })
    }

    fn read(&mut self) -> Result<(), AnswersError> {
        if self.text.trim().is_empty() {
            return Err(AnswersError::new(
                &self.name,
                "the file is empty",
                format!("the keys are {}", keys()),
            ));
        }
        let root =
            yaml::parse(&self.text).map_err(|problems| match problems.into_iter().next() {
                Some(problem) => self.at(problem.span, problem.message, problem.help),
                None => AnswersError::new(
                    &self.name,
                    "this is not YAML",
                    "write one answer per line, such as `service: payments`",
                ),
            })?;
        let NodeValue::Mapping(answers) = &root.value else {
            let help = format!(
                "write one answer per line, such as `service: payments`; the keys are {}",
                keys()
            );
            return Err(self.at(
                first_line(&self.text, &root),
                "this is not a mapping of answers",
                help,
            ));
        };
        for (key, value) in answers {
            let Some(field) = Field::ALL.into_iter().find(|field| field.variable() == key.name)
            else {
                let message = format!("there is no answer `{}`", key.name);
                return Err(self.at(key.span.clone(), message, suggest_key(&key.name)));
            };
            for (answer, span) in self.values(field, value)? {
                self.draft.answer(field, answer, AnswerOrigin::File(span));
            }
        }
        Ok(())
    }

    /// Returns the answer in a value, or several for the environments.
    fn values(
        &self,
        field: Field,
        value: &Node,
    ) -> Result<Vec<(String, std::ops::Range<usize>)>, AnswersError> {
        match (&value.value, field) {
            (NodeValue::String(text), _) => Ok(vec![(text.clone(), value.span.clone())]),
            (NodeValue::Int(number), Field::TtlDays) => {
                Ok(vec![(number.to_string(), value.span.clone())])
            }
            (NodeValue::Sequence(items), Field::Environment) if !items.is_empty() => {
                let mut environments = Vec::new();
                for item in items {
                    match &item.value {
                        NodeValue::String(text) => {
                            environments.push((text.clone(), item.span.clone()))
                        }
                        _ => return Err(self.wrong_kind(field, item)),
                    }
                }
                Ok(environments)
            }
            _ => Err(self.wrong_kind(field, value)),
        }
    }

    fn wrong_kind(&self, field: Field, value: &Node) -> AnswersError {
        let (expected, help) = match (field, &value.value) {
            (_, NodeValue::Null) => ("a value", "remove the key if there is no answer"),
            (Field::TtlDays, _) => ("a number of days", "write it as a whole number, such as 90"),
            (Field::Environment, _) => {
                ("an environment or a list of them", "write `[dev, prod]`, or one name")
            }
            (_, NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Bool(_)) => {
                ("a string", "quote it")
            }
            _ => ("a string", "write one value after the key"),
        };
        let message = format!("`{}` must be {expected}", field.variable());
        self.at(first_line(&self.text, value), message, help)
    }

    fn at(
        &self,
        span: std::ops::Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> AnswersError {
        let labels = vec![LabeledSpan::new_with_span(Some("here".to_owned()), span)];
        AnswersError {
            labels,
            source_code: self.source(),
            ..AnswersError::new(&self.name, message, help)
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "the error has an optional source")]
    fn source(&self) -> Option<NamedSource<String>> {
        Some(NamedSource::new(&self.name, self.shown.clone()))
    }
}

/// Returns the span of the first line of a value, which is underlined.
fn first_line(text: &str, node: &Node) -> std::ops::Range<usize> {
    let shown = text
        .get(node.span.clone())
        .and_then(|text| text.lines().next())
        .unwrap_or_default()
        .trim_end();
    node.span.start..node.span.start + shown.len()
}

fn keys() -> String {
    Field::ALL.map(Field::variable).join(", ")
}

/// Returns the help for an unknown key, which may be the name of a flag.
fn suggest_key(key: &str) -> String {
    let by_flag = Field::ALL.into_iter().find(|field| field.flag().trim_start_matches('-') == key);
    match by_flag {
        Some(field) => format!("did you mean `{}`?", field.variable()),
        None => suggest::did_you_mean(key, Field::ALL.map(Field::variable))
            .unwrap_or_else(|| format!("the keys are {}", keys())),
    }
}
