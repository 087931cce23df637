//! The errors of committing to a branch.

use std::path::PathBuf;

use miette::Diagnostic;

use goldenpath_core::vcs::SourceError;
use goldenpath_core::vcs::git::GitError;

/// Why a commit to a branch failed.
///
/// `what` is the name of the repository in messages: `the GitOps repository`.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum BranchError {
    #[error("{what} `{}` {why}", path.display())]
    #[diagnostic(code(goldenpath::branch::not_ready), help("{help}"))]
    NotReady { what: &'static str, path: PathBuf, why: String, help: &'static str },

    #[error("another run of goldenpath is using {what} `{}`", path.display())]
    #[diagnostic(code(goldenpath::branch::busy), help("run apply again when it is done"))]
    Busy { what: &'static str, path: PathBuf },

    #[error("git cannot commit in `{}`: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::branch::commit),
        help(
            "fix the repository and run apply again, which commits the files; they are already \
             written"
        )
    )]
    Commit { path: PathBuf, why: String },

    #[error("cannot query {what} `{place}`: {source}")]
    #[diagnostic(
        code(goldenpath::branch::unreachable),
        help(
            "run `git ls-remote {place}` for details, and check the network and your permissions"
        )
    )]
    Unreachable { what: &'static str, place: String, source: GitError },

    #[error("{what} `{place}` has no branch `{branch}`")]
    #[diagnostic(
        code(goldenpath::branch::no_branch),
        help("push the branch there first, or set another `branch` in goldenpath.yaml")
    )]
    NoBranch { what: &'static str, place: String, branch: String },

    #[error("{what} `{place}` rejected the push to `{branch}`: {why}")]
    #[diagnostic(
        code(goldenpath::branch::refused),
        help(
            "allow the identity that runs apply to push to the branch if it is protected, or set \
             another `branch` in goldenpath.yaml; nothing was pushed"
        )
    )]
    Refused { what: &'static str, place: String, branch: String, why: String },

    #[error(
        "cannot push to `{branch}` of {what} `{place}`: other pushes were faster for {seconds} \
         seconds"
    )]
    #[diagnostic(code(goldenpath::branch::contended), help("run apply again; nothing was pushed"))]
    Contended { what: &'static str, place: String, branch: String, seconds: u64 },

    #[error("cannot use the copy of {what} in `{}`: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::branch::cache),
        help("delete the folder; the next run creates it again, and nothing is lost")
    )]
    Cache { what: &'static str, path: PathBuf, why: String },

    #[error("{what} `{}`: {source}", path.display())]
    #[diagnostic(
        code(goldenpath::branch::source),
        help("{}", source.help().map(|help| help.to_string()).unwrap_or_default())
    )]
    Source { what: &'static str, path: PathBuf, source: SourceError },
}

impl BranchError {
    /// Returns whether the cause is the configuration, and not the environment.
    #[must_use]
    pub fn is_configuration_error(&self) -> bool {
        matches!(self, Self::NotReady { .. } | Self::NoBranch { .. } | Self::Source { .. })
    }
}
