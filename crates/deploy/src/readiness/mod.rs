//! Whether all that `apply` will need is there and permitted. Nothing is changed.

mod git;
mod stores;

use std::fmt;

use miette::Diagnostic;

pub use git::{check_audit, check_gitops, check_signer};
pub use stores::{UnsetAccount, check_account, check_unusable};

/// What was found about one thing that `apply` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessCheck {
    /// A word for what was checked, such as `identity`.
    pub subject: &'static str,
    /// The environments or the place that it is about; empty for the whole repository.
    pub scope: String,
    /// Whether it is there.
    pub readiness: Readiness,
    /// What was found.
    pub message: String,
    /// What to do; empty if nothing is to be done.
    pub remedy: String,
}

/// Whether something that `apply` needs is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It is there.
    Ok,
    /// It is not there, or not permitted.
    Missing,
    /// It was not possible to say.
    Unknown,
}

impl Readiness {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

impl ReadinessCheck {
    /// Returns a check that found what it looked for.
    pub fn ok(subject: &'static str, scope: &str, message: impl Into<String>) -> Self {
        Self {
            subject,
            scope: scope.to_owned(),
            readiness: Readiness::Ok,
            message: message.into(),
            remedy: String::new(),
        }
    }

    /// Returns a check of something that is missing.
    pub fn missing(
        subject: &'static str,
        scope: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let readiness = Readiness::Missing;
        Self { readiness, remedy: remedy.into(), ..Self::ok(subject, scope, message) }
    }

    /// Returns a check without an answer. `remedy` says how a person gets it.
    pub fn unknown(
        subject: &'static str,
        scope: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let readiness = Readiness::Unknown;
        Self { readiness, remedy: remedy.into(), ..Self::ok(subject, scope, message) }
    }

    /// Returns a check that failed with an error.
    pub fn failed(
        subject: &'static str,
        scope: &str,
        error: &(impl Diagnostic + fmt::Display),
    ) -> Self {
        let help = error.help().map(|help| help.to_string()).unwrap_or_default();
        Self::missing(subject, scope, error.to_string(), help)
    }
}
