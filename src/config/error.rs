//! A configuration file that cannot be used, with the place in it.

use miette::{Diagnostic, NamedSource, SourceSpan};

/// What is wrong with a configuration file, where, and what to do.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{path}: {message}")]
#[diagnostic(code(goldenpath::config))]
pub struct ConfigError {
    path: String,
    message: String,
    #[help]
    help: Option<String>,
    #[source_code]
    source_code: Option<NamedSource<String>>,
    #[label("here")]
    place: Option<SourceSpan>,
}

impl ConfigError {
    /// An error about the file at `path` as a whole.
    #[must_use]
    pub fn new(path: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { path: path.to_owned(), message: message.into(), help: Some(help.into()), source_code: None, place: None }
    }

    /// The same error, pointing at the first place in `text` where `needle` stands; without one, at the file.
    #[must_use]
    pub fn at(mut self, text: &str, needle: &str) -> Self {
        if let Some(offset) = text.find(needle) {
            self.source_code = Some(NamedSource::new(&self.path, text.to_owned()));
            self.place = Some(SourceSpan::from((offset, needle.len())));
        }
        self
    }

    /// What serde found wrong, at its place in `text`.
    pub(super) fn from_yaml(path: &str, text: &str, error: &serde_yaml::Error) -> Self {
        let message = error.to_string();
        // The place is drawn below the message, so its words need not repeat it.
        let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
        let place = error.location().map(|location| {
            let offset = location.index().min(text.len());
            let length = text[offset..].find(['\n', '\r']).unwrap_or(0);
            SourceSpan::from((offset, length))
        });
        Self {
            path: path.to_owned(),
            message,
            help: None,
            source_code: place.map(|_| NamedSource::new(path, text.to_owned())),
            place,
        }
    }
}
