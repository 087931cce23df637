//! A file of answers, for those who ask elsewhere: a portal, a script.

use miette::{Diagnostic, LabeledSpan, NamedSource};

use super::{AnswerOrigin, Draft, Field, InvalidAnswer};
use crate::catalog::{Entry, Project};
use crate::rules::{Confidential, conceal};
use crate::suggest;
use crate::vcs::File;
use crate::yaml;
use crate::yaml::{Node, NodeValue};

/// The bytes of a file of answers that are read at most.
pub const MAX_ANSWERS_BYTES: u64 = 1024 * 1024;

/// Answers in YAML: a mapping with the names of the template's variables.
#[derive(Debug)]
pub struct AnswersFile {
    name: String,
    text: String,
    /// The text as it may be shown.
    shown: String,
    draft: Draft,
}

/// A file of answers that cannot be taken, with the places in it.
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
    /// An error about the file as a whole.
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
    /// Reads the answers in `bytes`; `name` is what the file is called in messages.
    ///
    /// # Errors
    /// What is not plain YAML, too large, no mapping, or has an unknown key or a value of the wrong kind.
    pub fn parse(name: &str, bytes: Vec<u8>, project: &Project) -> Result<Self, AnswersError> {
        if bytes.len() as u64 > MAX_ANSWERS_BYTES {
            return Err(AnswersError::new(
                name,
                "the file has more than the 1 MiB that is read",
                "a file of answers holds one secret's; is this the right file?",
            ));
        }
        if let Err(error) = str::from_utf8(&bytes) {
            let message = format!("byte {} is not UTF-8", error.valid_up_to() + 1);
            return Err(AnswersError::new(name, message, "save the file as UTF-8"));
        }
        // As an entry, so that what looks like a secret is found, and not shown.
        let entry = Entry::read(File { path: String::new(), bytes: Ok(bytes) }, false, project);
        let shown = Confidential::of(&entry, project).mask(&entry.text).into_owned();
        let mut file = Self {
            name: name.to_owned(),
            text: entry.text.clone(),
            shown,
            draft: Draft::default(),
        };
        file.read().map_err(|mut error| {
            conceal(&entry, project, [&mut error.message, &mut error.help]);
            error
        })?;
        Ok(file)
    }

    /// The answers that it holds.
    #[must_use]
    pub fn draft(&self) -> Draft {
        self.draft.clone()
    }

    /// The error for those answers of this file that are wrong.
    #[must_use]
    pub fn refuse(&self, wrong: &[InvalidAnswer]) -> Option<AnswersError> {
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
        let help = "correct the answer, or give it by flag, which wins over the file";
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
                    "write `service: …`, one answer a line",
                ),
            })?;
        let NodeValue::Mapping(answers) = &root.value else {
            let help = format!(
                "write one answer a line, such as `service: payments`; the keys are {}",
                keys()
            );
            return Err(self.at(
                first_line(&self.text, &root),
                "this is no mapping of answers",
                help,
            ));
        };
        for (key, value) in answers {
            let Some(field) = Field::ALL.into_iter().find(|field| field.variable() == key.name)
            else {
                let message = format!("there is no answer called `{}`", key.name);
                return Err(self.at(key.span.clone(), message, what_is_meant(&key.name)));
            };
            for (answer, span) in self.values(field, value)? {
                self.draft.answer(field, answer, AnswerOrigin::File(span));
            }
        }
        Ok(())
    }

    /// The answer or, for the environments, the answers that a value holds.
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
            (_, NodeValue::Null) => ("something", "leave the key out where there is no answer"),
            (Field::TtlDays, _) => ("a number of days", "write it as a whole number, such as 90"),
            (Field::Environment, _) => {
                ("an environment or a list of them", "write `[dev, prod]`, or one name")
            }
            (_, NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Bool(_)) => {
                ("a text", "put quotes around it")
            }
            _ => ("a text", "write one value behind the key"),
        };
        let message = format!("`{}` is to be {expected}", field.variable());
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

    #[allow(clippy::unnecessary_wraps, reason = "errors hold it so")]
    fn source(&self) -> Option<NamedSource<String>> {
        Some(NamedSource::new(&self.name, self.shown.clone()))
    }
}

/// What of a value is underlined: its first line.
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

/// Help with a key that is unknown, and may be a flag's name.
fn what_is_meant(key: &str) -> String {
    let by_flag = Field::ALL.into_iter().find(|field| field.flag().trim_start_matches('-') == key);
    match by_flag {
        Some(field) => format!("did you mean `{}`?", field.variable()),
        None => suggest::did_you_mean(key, Field::ALL.map(Field::variable))
            .unwrap_or_else(|| format!("the keys are {}", keys())),
    }
}
