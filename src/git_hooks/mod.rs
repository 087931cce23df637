//! Native git hooks: writing them beside what is there, and reading what git tells them.

mod install;
mod refs;

use std::path::PathBuf;

use miette::Diagnostic;

pub use install::{HookChange, install, uninstall};
pub use refs::{PushedRef, of_lines, of_update};

/// The hooks that goldenpath has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum HookName {
    /// Check the staged manifests before a commit
    PreCommit,
    /// Check the staged manifests before a merge commit
    PreMergeCommit,
    /// Check the new commits before a push
    PrePush,
    /// Check the commits of a push on a server
    PreReceive,
    /// Check the commits of one pushed ref on a server
    Update,
}

impl HookName {
    /// The file's name in git's hooks folder.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PreMergeCommit => "pre-merge-commit",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
            Self::Update => "update",
        }
    }

    /// What `install` writes.
    #[must_use]
    pub fn script(self) -> &'static str {
        match self {
            Self::PreCommit => include_str!("../../hooks/pre-commit"),
            Self::PreMergeCommit => include_str!("../../hooks/pre-merge-commit"),
            Self::PrePush => include_str!("../../hooks/pre-push"),
            Self::PreReceive => include_str!("../../hooks/pre-receive"),
            Self::Update => include_str!("../../hooks/update"),
        }
    }
}

/// Why a hook cannot be written or run.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum HookError {
    #[error("`{}` serves other repositories too (core.hooksPath)", folder.display())]
    #[diagnostic(
        code(goldenpath::hooks::shared),
        help(
            "`--shared` installs there all the same; or give this repository a folder: git config core.hooksPath .githooks"
        )
    )]
    Shared { folder: PathBuf },

    #[error("core.hooksPath is set to nothing, so git runs no hooks here")]
    #[diagnostic(
        code(goldenpath::hooks::no_folder),
        help("unset it: git config --unset core.hooksPath")
    )]
    NoFolder,

    #[error("core.hooksPath is `{}`, which is no folder, so git runs no hooks here", path.display())]
    #[diagnostic(
        code(goldenpath::hooks::not_a_folder),
        help(
            "`git config --show-origin core.hooksPath` tells where it is set; `git config core.hooksPath .githooks` sets one for this repository"
        )
    )]
    NotAFolder { path: PathBuf },

    #[error("husky writes `{}` anew whenever it is installed", folder.display())]
    #[diagnostic(
        code(goldenpath::hooks::husky),
        help("add the line `goldenpath hook run {name}` to .husky/{name} instead")
    )]
    Husky { folder: PathBuf, name: &'static str },

    #[error("`{}` cannot be written: {why}", path.display())]
    #[diagnostic(code(goldenpath::hooks::write), help("check the folder's permissions"))]
    Write { path: PathBuf, why: String },

    #[error("`{}` is in the way: the hook of before is kept under this name", path.display())]
    #[diagnostic(
        code(goldenpath::hooks::in_the_way),
        help("move one of the two away, and install again")
    )]
    InTheWay { path: PathBuf },

    #[error("git told the hook something else than refs: `{line}`")]
    #[diagnostic(
        code(goldenpath::hooks::input),
        help("`goldenpath hook run` is for git to call; see githooks(5)")
    )]
    Input { line: String },
}
