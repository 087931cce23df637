//! Why a branch cannot be committed to.

use std::path::PathBuf;

use miette::Diagnostic;

use goldenpath_core::vcs::git::GitError;

/// Why a branch cannot be committed to. `what` is which repository it is, for people: `the GitOps repository`.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum BranchError {
    #[error("{what} `{}` {why}", path.display())]
    #[diagnostic(code(goldenpath::branch::not_ready), help("{help}"))]
    NotReady { what: &'static str, path: PathBuf, why: String, help: &'static str },

    #[error("another run of goldenpath is at work in {what} `{}`", path.display())]
    #[diagnostic(code(goldenpath::branch::busy), help("run apply again when it is done"))]
    Busy { what: &'static str, path: PathBuf },

    #[error("git cannot commit in `{}`: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::branch::commit),
        help("the files are written; mend the repository and run apply again, which commits them")
    )]
    Commit { path: PathBuf, why: String },

    #[error("{what} `{place}` cannot be asked: {source}")]
    #[diagnostic(
        code(goldenpath::branch::unreachable),
        help("check the network and your rights; `git ls-remote {place}` shows more")
    )]
    Unreachable { what: &'static str, place: String, source: GitError },

    #[error("{what} `{place}` has no branch `{branch}`")]
    #[diagnostic(
        code(goldenpath::branch::no_branch),
        help("push it there first, or set another `branch` in goldenpath.yaml")
    )]
    NoBranch { what: &'static str, place: String, branch: String },

    #[error("{what} `{place}` takes no push to `{branch}`: {why}")]
    #[diagnostic(
        code(goldenpath::branch::refused),
        help(
            "nothing is written there; where the branch is protected, let the identity that runs apply push to it, or set another `branch` in goldenpath.yaml"
        )
    )]
    Refused { what: &'static str, place: String, branch: String, why: String },

    #[error(
        "others have pushed to `{branch}` of {what} `{place}` all the time, for {seconds} seconds"
    )]
    #[diagnostic(
        code(goldenpath::branch::contended),
        help("nothing is written there; run apply again")
    )]
    Contended { what: &'static str, place: String, branch: String, seconds: u64 },

    #[error("the copy of {what} in `{}` cannot be used: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::branch::cache),
        help("delete the folder; the next run makes it anew, and nothing is lost with it")
    )]
    Cache { what: &'static str, path: PathBuf, why: String },
}

impl BranchError {
    /// Whether it is the configuration that has to change, and not the run's surroundings.
    #[must_use]
    pub fn is_of_the_configuration(&self) -> bool {
        matches!(self, Self::NotReady { .. } | Self::NoBranch { .. })
    }
}
