//! The errors of the GitOps repository.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::branch::BranchError;
use goldenpath_core::vcs::GET_OBJECTS;

/// Why the GitOps repository could not be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum GitopsError {
    #[error("the GitOps working copy `{}` {why}", path.display())]
    #[diagnostic(
        code(goldenpath::gitops::unusable),
        help(
            "clone the GitOps repository there, or set `gitops.path` in goldenpath.yaml to its \
             folder"
        )
    )]
    Unusable { path: PathBuf, why: String },

    #[error("cannot use the path of a projection: {why}")]
    #[diagnostic(code(goldenpath::gitops::path), help("change `gitops.file` in goldenpath.yaml"))]
    Path { why: String },

    #[error("`{file}` was created in the GitOps repository after planning: {why}")]
    #[diagnostic(code(goldenpath::gitops::foreign), help("move the file and run apply again"))]
    Foreign { file: String, why: String },

    #[error("`{file}` was changed in the GitOps repository after planning")]
    #[diagnostic(
        code(goldenpath::gitops::changed),
        help(
            "check out the latest commit of the catalog and run apply again; another run wrote \
             the file"
        )
    )]
    Changed { file: String },

    #[error("cannot list `{file}` in the kustomization: {why}")]
    #[diagnostic(
        code(goldenpath::gitops::kustomization),
        help("fix the kustomization and run apply again")
    )]
    Unlistable { file: String, why: String },

    #[error("cannot write `{file}` in the GitOps working copy: {why}")]
    #[diagnostic(
        code(goldenpath::gitops::write),
        help("check the folder's permissions and the free space, and run apply again")
    )]
    Write { file: String, why: String },

    #[error("cannot read `{file}` in the GitOps repository: {why}")]
    #[diagnostic(code(goldenpath::gitops::unreadable), help("{}", GET_OBJECTS))]
    Unreadable { file: String, why: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Branch(#[from] BranchError),
}

impl GitopsError {
    /// Returns whether the cause is the configuration, and not the environment.
    #[must_use]
    pub fn is_configuration_error(&self) -> bool {
        match self {
            Self::Unusable { .. } | Self::Path { .. } => true,
            Self::Branch(error) => error.is_configuration_error(),
            Self::Foreign { .. }
            | Self::Changed { .. }
            | Self::Unlistable { .. }
            | Self::Unreadable { .. }
            | Self::Write { .. } => false,
        }
    }
}
