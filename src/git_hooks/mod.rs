//! Native git hooks: their installation, and the refs that git passes to them.

mod install;
mod refs;

use std::path::PathBuf;

use miette::Diagnostic;

pub(crate) use install::{HookChange, HookState, install, state_of, uninstall};
pub(crate) use refs::{PushedRef, of_lines, of_update};

/// The hooks of goldenpath.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum HookName {
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
    /// Returns the file's name in git's hooks folder.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PreMergeCommit => "pre-merge-commit",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
            Self::Update => "update",
        }
    }

    /// Returns the script that `install` writes, which checks by the configuration file `config`.
    #[must_use]
    pub(crate) fn script(self, config: Option<&str>) -> String {
        let text = match self {
            Self::PreCommit => include_str!("../../hooks/pre-commit"),
            Self::PreMergeCommit => include_str!("../../hooks/pre-merge-commit"),
            Self::PrePush => include_str!("../../hooks/pre-push"),
            Self::PreReceive => include_str!("../../hooks/pre-receive"),
            Self::Update => include_str!("../../hooks/update"),
        };
        match config {
            None => text.to_owned(),
            Some(config) => {
                let config = quoted(config);
                text.replace(CALL, &format!("goldenpath --config={config} hook run"))
                    .replace(CONFIG, &format!("config={config}\n"))
            }
        }
    }
}

/// The call of goldenpath in the scripts, without a configuration file.
const CALL: &str = "goldenpath hook run";

/// The line that names the configuration file, for a user without goldenpath.
const CONFIG: &str = "config=\"${GOLDENPATH_CONFIG:-goldenpath.yaml}\"\n";

/// Quotes a text for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns the configuration file that an installed script names.
fn configuration_of(script: &str) -> Option<String> {
    let (_, rest) = script.split_once("goldenpath --config='")?;
    let (config, _) = rest.rsplit_once("' hook run")?;
    Some(config.replace(r"'\''", "'"))
}

/// The reason why a hook cannot be written or run.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum HookError {
    #[error("other repositories use the hooks folder `{}`, too (core.hooksPath)", folder.display())]
    #[diagnostic(
        code(goldenpath::hooks::shared),
        help(
            "give `--shared` to install there anyway, or set a folder for this repository: git \
             config core.hooksPath .githooks"
        )
    )]
    Shared { folder: PathBuf },

    #[error("core.hooksPath is empty, so git runs no hooks here")]
    #[diagnostic(
        code(goldenpath::hooks::no_folder),
        help("unset it: git config --unset core.hooksPath")
    )]
    NoFolder,

    #[error("core.hooksPath is `{}`, which is not a folder, so git runs no hooks", path.display())]
    #[diagnostic(
        code(goldenpath::hooks::not_a_folder),
        help(
            "set a folder for this repository: `git config core.hooksPath .githooks`; `git config \
             --show-origin core.hooksPath` shows where it is set now"
        )
    )]
    NotAFolder { path: PathBuf },

    #[error("husky overwrites `{}` at every installation", folder.display())]
    #[diagnostic(
        code(goldenpath::hooks::husky),
        help("add the line `goldenpath hook run {name}` to .husky/{name} instead")
    )]
    Husky { folder: PathBuf, name: &'static str },

    #[error("cannot write `{}`: {why}", path.display())]
    #[diagnostic(code(goldenpath::hooks::write), help("check the folder's permissions"))]
    Write { path: PathBuf, why: String },

    #[error("cannot keep the existing hook as `{}`: the file already exists", path.display())]
    #[diagnostic(
        code(goldenpath::hooks::in_the_way),
        help("move one of the two hooks away and install again")
    )]
    InTheWay { path: PathBuf },

    #[error("the hook's input is not a ref of git: `{line}`")]
    #[diagnostic(
        code(goldenpath::hooks::input),
        help("let git call `goldenpath hook run`; see githooks(5)")
    )]
    Input { line: String },
}
