//! Why the GitOps repository cannot be used.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::git::GitError;

/// Why the GitOps repository cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum GitopsError {
    #[error("the GitOps working copy `{}` {why}", path.display())]
    #[diagnostic(
        code(goldenpath::gitops::unusable),
        help("clone the GitOps repository there, or set `gitops.path` in goldenpath.yaml to where it is")
    )]
    Unusable { path: PathBuf, why: String },

    #[error("the GitOps working copy `{}` {why}", path.display())]
    #[diagnostic(code(goldenpath::gitops::not_ready), help("{help}"))]
    NotReady { path: PathBuf, why: String, help: &'static str },

    #[error("a projection's path is not allowed: {why}")]
    #[diagnostic(code(goldenpath::gitops::path), help("see `gitops.file` in goldenpath.yaml"))]
    Path { why: String },

    #[error("`{file}` has come to be in the GitOps repository since the plan was made: {why}")]
    #[diagnostic(code(goldenpath::gitops::foreign), help("move it away and run apply again"))]
    Foreign { file: String, why: String },

    #[error("`{file}` is not what it was in the GitOps repository when the plan was made")]
    #[diagnostic(
        code(goldenpath::gitops::changed),
        help("another run has written it meanwhile; take the latest commit of the catalog and run apply again")
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

    #[error("git cannot commit in `{}`: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::gitops::commit),
        help("the files are written; mend the repository and run apply again, which commits them")
    )]
    Commit { path: PathBuf, why: String },

    #[error("the GitOps repository `{place}` cannot be asked: {source}")]
    #[diagnostic(
        code(goldenpath::gitops::unreachable),
        help("check the network and your rights; `git ls-remote {place}` shows more")
    )]
    Unreachable { place: String, source: GitError },

    #[error("the GitOps repository `{place}` has no branch `{branch}`")]
    #[diagnostic(
        code(goldenpath::gitops::no_branch),
        help("push it there first, or set `gitops.branch` in goldenpath.yaml to the one that Argo CD or Flux reads")
    )]
    NoBranch { place: String, branch: String },

    #[error("the GitOps repository `{place}` takes no push to `{branch}`: {why}")]
    #[diagnostic(
        code(goldenpath::gitops::refused),
        help(
            "nothing is written there; where the branch is protected, let the identity that runs apply push to it, or set `gitops.branch` to another one"
        )
    )]
    Refused { place: String, branch: String, why: String },

    #[error("others have pushed to `{branch}` of the GitOps repository `{place}` all the time, for {seconds} seconds")]
    #[diagnostic(code(goldenpath::gitops::contended), help("nothing is written there; run apply again"))]
    Contended { place: String, branch: String, seconds: u64 },

    #[error("the copy of the GitOps repository in `{}` cannot be used: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::gitops::cache),
        help("delete the folder; the next run makes it anew, and nothing is lost with it")
    )]
    Cache { path: PathBuf, why: String },
}

impl GitopsError {
    /// Whether it is the configuration that has to change, or the run's surroundings.
    #[must_use]
    pub fn is_of_the_configuration(&self) -> bool {
        match self {
            Self::Unusable { .. } | Self::NotReady { .. } | Self::Path { .. } | Self::NoBranch { .. } => true,
            Self::Foreign { .. }
            | Self::Changed { .. }
            | Self::Unlistable { .. }
            | Self::Write { .. }
            | Self::Commit { .. }
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Contended { .. }
            | Self::Cache { .. } => false,
        }
    }
}
