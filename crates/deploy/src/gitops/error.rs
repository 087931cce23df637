//! Why the GitOps repository cannot be used.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::branch::BranchError;

/// Why the GitOps repository cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum GitopsError {
    #[error("the GitOps working copy `{}` {why}", path.display())]
    #[diagnostic(
        code(goldenpath::gitops::unusable),
        help(
            "clone the GitOps repository there, or set `gitops.path` in goldenpath.yaml to where it is"
        )
    )]
    Unusable { path: PathBuf, why: String },

    #[error("a projection's path is not allowed: {why}")]
    #[diagnostic(code(goldenpath::gitops::path), help("see `gitops.file` in goldenpath.yaml"))]
    Path { why: String },

    #[error("`{file}` has come to be in the GitOps repository since the plan was made: {why}")]
    #[diagnostic(code(goldenpath::gitops::foreign), help("move it away and run apply again"))]
    Foreign { file: String, why: String },

    #[error("`{file}` is not what it was in the GitOps repository when the plan was made")]
    #[diagnostic(
        code(goldenpath::gitops::changed),
        help(
            "another run has written it meanwhile; take the latest commit of the catalog and run apply again"
        )
    )]
    Changed { file: String },

    #[error("`{file}` cannot be listed: {why}")]
    #[diagnostic(code(goldenpath::gitops::kustomization), help("mend that, and run apply again"))]
    Unlistable { file: String, why: String },

    #[error("`{file}` cannot be written in the GitOps working copy: {why}")]
    #[diagnostic(
        code(goldenpath::gitops::write),
        help("check the folder's permissions and the free space, and run apply again")
    )]
    Write { file: String, why: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Branch(#[from] BranchError),
}

impl GitopsError {
    /// Whether it is the configuration that has to change, or the run's surroundings.
    #[must_use]
    pub fn is_of_the_configuration(&self) -> bool {
        match self {
            Self::Unusable { .. } | Self::Path { .. } => true,
            Self::Branch(error) => error.is_of_the_configuration(),
            Self::Foreign { .. }
            | Self::Changed { .. }
            | Self::Unlistable { .. }
            | Self::Write { .. } => false,
        }
    }
}
