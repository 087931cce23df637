//! Errors that end a command, with their exit codes.

use std::io;
use std::path::Path;

use miette::Diagnostic;

use crate::git_hooks::HookError;
use crate::interrupt::INTERRUPTED;
use crate::prompt::PromptError;
use goldenpath_core::catalog::{FindError, ProjectError};
use goldenpath_core::check::CheckError;
use goldenpath_core::codeowners::CodeownersError;
use goldenpath_core::config::ConfigError;
use goldenpath_core::fixes::WriteError;
use goldenpath_core::ids::{IdError, RemoteError, RenumberError};
use goldenpath_core::projection::ProjectionError;
use goldenpath_core::rules;
use goldenpath_core::scaffold::{AnswersError, CopyError, EditError, ScaffoldError};
use goldenpath_core::template::TemplateError;
use goldenpath_core::vcs::git::GitError;
use goldenpath_core::vcs::{DefaultBranchError, SourceError};
use goldenpath_deploy::audit::RecordError;
use goldenpath_deploy::branch::BranchError;
use goldenpath_deploy::gitops::GitopsError;
use goldenpath_deploy::iam::IamError;
use goldenpath_deploy::lifecycle::LifecycleError;
use goldenpath_deploy::reconcile::{ReconcileError, SavedPlanError};
use goldenpath_deploy::store::StoreError;
use goldenpath_deploy::value::ValueError;

/// An error with its exit code.
pub(crate) struct Failure {
    exit_code: u8,
    report: Box<dyn Diagnostic + Send + Sync>,
}

/// Invalid usage, in one message.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(code(goldenpath::usage))]
struct UsageError {
    message: String,
    #[help]
    help: String,
}

/// An operation that the file system rejected.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(code(goldenpath::io))]
struct IoFailure {
    message: String,
    #[help]
    help: String,
}

/// A request that the current state does not allow.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(code(goldenpath::refused))]
struct RejectedRequest {
    message: String,
    #[help]
    help: String,
}

impl Failure {
    /// Returns a failure with exit code 2: usage, configuration, not a git repository.
    fn misused(report: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { exit_code: 2, report: Box::new(report) }
    }

    /// Returns a failure with exit code 1: an action failed.
    fn failed(report: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { exit_code: 1, report: Box::new(report) }
    }

    /// Returns an error of usage, with exit code 2.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::misused(UsageError { message: message.into(), help: help.into() })
    }

    pub(crate) fn no_directory(directory: &Path, error: &io::Error) -> Self {
        Self::usage(format!("`-C {}`: {error}", directory.display()), "give an existing folder")
    }

    /// Returns an error of the file system; `failure` says what cannot be done.
    pub(crate) fn io(failure: &str, error: &io::Error) -> Self {
        let message = format!("{failure}: {error}");
        Self::failed(IoFailure {
            message,
            help: "check the path, its permissions and the free disk space".to_owned(),
        })
    }

    /// Returns an error for a request that cannot be fulfilled, with exit code 1.
    pub(crate) fn rejected(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::failed(RejectedRequest { message: message.into(), help: help.into() })
    }

    pub(crate) fn demo(message: String) -> Self {
        Self::failed(IoFailure {
            message,
            help: "run `goldenpath demo --keep` and look into the folder".to_owned(),
        })
    }

    /// Returns its message and its help, in one line each.
    pub(crate) fn texts(&self) -> (String, String) {
        let help = self.report.help().map(|help| help.to_string()).unwrap_or_default();
        (self.report.to_string(), help)
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    pub(crate) fn report(&self) -> &dyn Diagnostic {
        &*self.report
    }
}

/// Implements `From` for errors whose exit code depends only on their type.
macro_rules! exit_codes {
    ($($constructor:ident: $($error:ty),+;)+) => {
        $($(
            impl From<$error> for Failure {
                fn from(error: $error) -> Self {
                    Self::$constructor(error)
                }
            }
        )+)+
    };
}

exit_codes! {
    misused: SourceError, FindError, TemplateError, ProjectionError, HookError, AnswersError,
        CopyError, IamError;
    failed: GitError, ScaffoldError, RenumberError, StoreError, LifecycleError,
        ValueError, CodeownersError;
}

impl From<PromptError> for Failure {
    fn from(error: PromptError) -> Self {
        let is_interrupted = matches!(error, PromptError::Interrupted);
        let failure = Self::failed(error);
        if is_interrupted { Self { exit_code: INTERRUPTED, ..failure } } else { failure }
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Copy(error) => error.into(),
            EditError::Config(error) => error.into(),
        }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Source(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<DefaultBranchError> for Failure {
    fn from(error: DefaultBranchError) -> Self {
        match error {
            DefaultBranchError::Source(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Source(error) => Self::misused(error),
            RecordError::NoRemote { .. }
            | RecordError::BadBranch { .. }
            | RecordError::ForeignBranch { .. } => Self::misused(error),
            error => Self::failed(error),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::misused(error.mask_spans(rules::secret_spans))
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        match error {
            ProjectError::Config(error) => error.into(),
            other => Self::misused(other),
        }
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Project(error) => error.into(),
            CheckError::Projection(error) => error.into(),
        }
    }
}

impl From<IdError> for Failure {
    fn from(error: IdError) -> Self {
        match error {
            IdError::NoRemote { .. } | IdError::Source(_) => Self::misused(error),
            _ => Self::failed(error),
        }
    }
}

impl From<BranchError> for Failure {
    fn from(error: BranchError) -> Self {
        if error.is_configuration_error() { Self::misused(error) } else { Self::failed(error) }
    }
}

impl From<GitopsError> for Failure {
    fn from(error: GitopsError) -> Self {
        if error.is_configuration_error() { Self::misused(error) } else { Self::failed(error) }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Mixed { .. } | WriteError::Refused { .. } | WriteError::Source(_) => {
                Self::misused(error)
            }
            WriteError::Changed { .. } | WriteError::Write { .. } | WriteError::Index(_) => {
                Self::failed(error)
            }
        }
    }
}

impl From<ReconcileError> for Failure {
    fn from(error: ReconcileError) -> Self {
        match error {
            // An unusable template or `gitops.file` is an error of the configuration.
            ReconcileError::Projection(_) | ReconcileError::SameFile { .. } => Self::misused(error),
            ReconcileError::Store(_) | ReconcileError::Gitops(_) | ReconcileError::Record(_) => {
                Self::failed(error)
            }
        }
    }
}

impl From<SavedPlanError> for Failure {
    fn from(error: SavedPlanError) -> Self {
        match error {
            SavedPlanError::Unusable { .. } | SavedPlanError::Version { .. } => {
                Self::misused(error)
            }
            SavedPlanError::Changed { .. } | SavedPlanError::Write { .. } => Self::failed(error),
        }
    }
}
