//! The default branch of a remote, from its HEAD and never from a guess.
//!
//! There are three notions of the default branch:
//!
//! - [`Repository::default_branch`], in this module, is the branch that the HEAD of the given
//!   remote names. It is read from `refs/remotes/<remote>/HEAD`, or else queried over the
//!   network. Without an answer it is an error. The `value` commands use it to compare the
//!   destinations of the work tree with those of reviewed files.
//! - [`Repository::known_default_branch`] is the name in the HEAD of [`Repository::main_remote`],
//!   without network and without a guess. `iam` names it in the trust of a role.
//! - [`Repository::upstream_branch`] is the HEAD of `origin` as it was fetched, or else a
//!   guess: `origin/main` or `origin/master`. It uses no network, and without an answer it is
//!   None. Checks, hooks, fixes, `due` and renumbering compare with it. Its variants are
//!   [`Repository::branch_of`] for another remote, [`Repository::own_branch`] in a bare
//!   repository, [`Repository::upstream`] for either, [`Repository::default_tip`] with a local
//!   branch if there are no remotes, and [`Repository::certain_default_tip`] without the guess.
//! - `default_tip` in [`crate::used_ids`] is the tip of the remote on which IDs are reserved,
//!   or else [`Repository::default_tip`], or else HEAD. It uses no network and has an answer
//!   from the first commit on. The highest ID there limits which IDs count; a current answer of
//!   the remote takes precedence.

use std::fmt;
use std::time::Duration;

use git2::{ErrorCode, Reference};

use super::{Repository, Snapshot, SourceError};
use crate::sanitize::sanitize_name;
use crate::vcs::git::GitError;

/// The time limit of the query for a remote's HEAD.
const LIMIT: Duration = Duration::from_secs(20);

/// The branch that a remote's HEAD names, at the commit that was fetched last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultBranch {
    /// The name of the remote in this clone.
    pub remote: String,
    /// Without `refs/heads/`.
    pub branch: String,
    /// The commit that was fetched last.
    pub tip: Snapshot,
}

/// Why the default branch is unknown.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum DefaultBranchError {
    #[error("cannot choose one of the remotes {}: none is `origin`", remotes.join(", "))]
    #[diagnostic(
        code(goldenpath::source::ambiguous_remote),
        help("git config checkout.defaultRemote {}", remotes.first().map_or("NAME", String::as_str))
    )]
    Ambiguous { remotes: Vec<String> },

    #[error("this clone has no remote `{remote}`, which `audit.remote` in goldenpath.yaml names")]
    #[diagnostic(code(goldenpath::source::no_such_remote), help("git remote add {remote} URL"))]
    NoSuchRemote { remote: String },

    #[error("cannot find the default branch of `{remote}`: {why}")]
    #[diagnostic(code(goldenpath::source::no_default_branch), help("{help}"))]
    Unknown { remote: String, why: String, help: String },

    #[error("cannot query the default branch of `{remote}`: {source}")]
    #[diagnostic(
        code(goldenpath::source::unreachable_remote),
        help("check the network and your access, or set it: git remote set-head {remote} BRANCH")
    )]
    Unreachable { remote: String, source: GitError },

    #[error("`{remote}/{branch}` is not in this clone")]
    #[diagnostic(
        code(goldenpath::source::not_fetched),
        help(
            "git fetch {remote} +refs/heads/{branch}:refs/remotes/{remote}/{branch}; if the \
             branch was renamed, git remote set-head {remote} --auto"
        )
    )]
    NotFetched { remote: String, branch: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
}

impl fmt::Display for DefaultBranch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", sanitize_name(&self.remote), sanitize_name(&self.branch))
    }
}

impl Repository {
    /// Returns the remote whose default branch decides; None without remotes.
    ///
    /// It is `origin`, or else the only remote, or else the one in git's `checkout.defaultRemote`.
    ///
    /// # Errors
    /// Several remotes of other names.
    pub fn main_remote(&self) -> Result<Option<String>, DefaultBranchError> {
        let names = self.remote_names()?;
        if names.iter().any(|name| name == "origin") {
            return Ok(Some("origin".to_owned()));
        }
        if names.len() <= 1 {
            return Ok(names.into_iter().next());
        }
        let config = self.git.config().map_err(SourceError::git("git's configuration"))?;
        match config.get_string("checkout.defaultRemote") {
            Ok(name) if names.contains(&name) => Ok(Some(name)),
            Ok(remote) => {
                let first = names.first().map_or("NAME", String::as_str);
                let help = format!(
                    "git config checkout.defaultRemote {}, or another remote of this clone",
                    sanitize_name(first)
                );
                Err(DefaultBranchError::Unknown {
                    remote,
                    why: "this clone has no such remote".to_owned(),
                    help,
                })
            }
            Err(error) if error.code() == ErrorCode::NotFound => {
                let remotes = names.iter().map(|name| sanitize_name(name).into_owned()).collect();
                Err(DefaultBranchError::Ambiguous { remotes })
            }
            Err(error) => Err(SourceError::git("checkout.defaultRemote")(error).into()),
        }
    }

    /// Returns the default branch of a remote, and never a guess.
    ///
    /// It is the branch in `refs/remotes/<remote>/HEAD`; if this clone does not have that ref, the
    /// remote is queried over the network. [`Repository::upstream_branch`] is offline and guesses.
    ///
    /// # Errors
    /// A remote that does not exist, does not answer or has no default branch, or a branch that was
    /// not fetched.
    pub fn default_branch(&self, remote: &str) -> Result<DefaultBranch, DefaultBranchError> {
        if !self.remote_names()?.iter().any(|name| name == remote) {
            return Err(DefaultBranchError::NoSuchRemote {
                remote: sanitize_name(remote).into_owned(),
            });
        }
        let branch = match self.remote_head(remote)? {
            Some(branch) => branch,
            None => self.fetch_remote_head(remote)?,
        };
        let (remote, name) = (remote.to_owned(), format!("refs/remotes/{remote}/{branch}"));
        // By its full name: a tag or a branch can be called `origin/main` too.
        let reference = self.git.find_reference(&name).map_err(|error| match error.code() {
            ErrorCode::NotFound => {
                DefaultBranchError::NotFetched { remote: remote.clone(), branch: branch.clone() }
            }
            _ => SourceError::git(format!("`{name}`"))(error).into(),
        })?;
        let commit = reference
            .peel_to_commit()
            .map_err(SourceError::git(format!("the commit of `{name}`")))?;
        Ok(DefaultBranch { remote, branch, tip: Snapshot::Commit(commit.id()) })
    }

    /// Returns the name of the default branch, as far as this clone knows it. Uses no network.
    ///
    /// None without a remote, among several of which none is the main one, and without its HEAD.
    ///
    /// # Errors
    /// A remote's HEAD that cannot be read.
    pub fn known_default_branch(&self) -> Result<Option<String>, DefaultBranchError> {
        match self.main_remote() {
            Ok(Some(remote)) => self.remote_head(&remote),
            Ok(None) | Err(DefaultBranchError::Ambiguous { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the branch in `refs/remotes/<remote>/HEAD`; None without that ref.
    fn remote_head(&self, remote: &str) -> Result<Option<String>, DefaultBranchError> {
        let prefix = format!("refs/remotes/{remote}/");
        let name = format!("{prefix}HEAD");
        let reference = match self.git.find_reference(&name) {
            Ok(reference) => reference,
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(SourceError::git(format!("`{name}`"))(error).into()),
        };
        let target = reference.symbolic_target().map_err(SourceError::git(format!("`{name}`")))?;
        match target.and_then(|target| target.strip_prefix(&prefix)) {
            Some(branch) => Ok(Some(branch.to_owned())),
            None => {
                let why = format!("`{name}` does not point to one of its branches");
                Err(self.unknown(remote, why)?)
            }
        }
    }

    /// Queries the branch of a remote's HEAD over the network.
    fn fetch_remote_head(&self, remote: &str) -> Result<String, DefaultBranchError> {
        let git = self.program().without_prompts();
        let answer =
            git.run(&["ls-remote", "--quiet", "--symref", "--", remote, "HEAD"], LIMIT).map_err(
                |source| DefaultBranchError::Unreachable { remote: remote.to_owned(), source },
            )?;
        let lines = answer.stdout.lines().filter_map(|line| line.split_once('\t'));
        let branch = lines
            .filter(|(_, name)| *name == "HEAD")
            .find_map(|(target, _)| target.strip_prefix("ref: refs/heads/"))
            .filter(|branch| Reference::is_valid_name(&format!("refs/heads/{branch}")));
        match branch {
            Some(branch) => Ok(branch.to_owned()),
            None => {
                Err(self
                    .unknown(remote, "its HEAD is not on a branch that has a commit".to_owned())?)
            }
        }
    }

    /// Returns the error with the command that sets the default branch.
    ///
    /// `--auto` fails if the remote's HEAD is on a branch without commits, so a branch that this
    /// clone has comes first.
    ///
    /// # Errors
    /// Refs that cannot be read.
    fn unknown(&self, remote: &str, why: String) -> Result<DefaultBranchError, SourceError> {
        let mut branches = self.refs_below(&format!("refs/remotes/{remote}/"))?;
        // Characters that need no quotes in a shell.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        branches.retain(|branch| branch != "HEAD" && branch.bytes().all(is_plain));
        let usual = ["main", "master"]
            .into_iter()
            .find(|name| branches.iter().any(|branch| branch == name));
        let likely = match branches.as_slice() {
            [only] => Some(only.as_str()),
            _ => usual,
        };
        let help = match likely {
            Some(branch) => {
                format!(
                    "git remote set-head {remote} {branch}, if `{branch}` is the default branch; \
                         or another one"
                )
            }
            None => format!(
                "git remote set-head {remote} --auto, or git remote set-head {remote} BRANCH; if \
                     `{remote}` has no commits yet, push its default branch first"
            ),
        };
        Ok(DefaultBranchError::Unknown { remote: remote.to_owned(), why, help })
    }

    /// Returns the names of the remotes; unlike [`Repository::remotes`], it can fail.
    fn remote_names(&self) -> Result<Vec<String>, SourceError> {
        let names = self.git.remotes().map_err(SourceError::git("the remotes"))?;
        let names: Result<Vec<Option<&str>>, git2::Error> = names.iter().collect();
        let names = names.map_err(SourceError::git("the names of the remotes"))?;
        Ok(names.into_iter().flatten().map(str::to_owned).collect())
    }
}
