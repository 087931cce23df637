//! The errors of recording.

use miette::Diagnostic;

use crate::branch::BranchError;
use goldenpath_core::vcs::{DefaultBranchError, SourceError};

/// Why actions cannot be recorded, and so cannot start.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum RecordError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Branch(#[from] BranchError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),

    #[error("cannot write the audit journal in `{path}`: {why}")]
    #[diagnostic(
        code(goldenpath::audit::journal),
        help("check the folder's permissions and the free disk space")
    )]
    Journal { path: String, why: String },

    #[error("cannot write `{file}`: {why}")]
    #[diagnostic(
        code(goldenpath::audit::write),
        help("fix the cause and run `goldenpath apply` again")
    )]
    Write { file: String, why: String },

    #[error("cannot set the status of `{file}` to `decommissioned`: {why}")]
    #[diagnostic(
        code(goldenpath::audit::mark),
        help("fix the cause and run `goldenpath apply` again")
    )]
    Mark { file: String, why: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    DefaultBranch(#[from] DefaultBranchError),

    #[error("the catalog's repository has no remote `{name}`")]
    #[diagnostic(
        code(goldenpath::audit::no_remote),
        help("set `audit.remote` in goldenpath.yaml, or run `git remote add`")
    )]
    NoRemote { name: String },

    #[error("`audit.branch` is `{branch}`, which is not a name of a branch")]
    #[diagnostic(
        code(goldenpath::audit::bad_branch),
        help("set `audit.branch` in goldenpath.yaml to a name such as `goldenpath/audit`")
    )]
    BadBranch { branch: String },

    #[error("the branch `{branch}` has other files than audit records: `{file}`")]
    #[diagnostic(
        code(goldenpath::audit::foreign_branch),
        help(
            "if it is the branch of the audit trail, remove the file there; otherwise set \
             `audit.branch` in goldenpath.yaml to a branch of its own, such as `goldenpath/audit`"
        )
    )]
    ForeignBranch { branch: String, file: String },

    #[error("cannot use the record `{file}` of the branch `{branch}`: {why}")]
    #[diagnostic(
        code(goldenpath::audit::unreadable_record),
        help(
            "if a newer goldenpath wrote it, use that one; otherwise restore the record in a new \
             commit; `goldenpath audit verify` shows more"
        )
    )]
    Unreadable { branch: String, file: String, why: &'static str },

    #[error("the branch `{branch}` of this clone has audit records that the remote does not have")]
    #[diagnostic(
        code(goldenpath::audit::diverged),
        help(
            "merge and push them: git switch {branch}, git pull --no-rebase \
             --allow-unrelated-histories, git push"
        )
    )]
    Diverged { branch: String },

    #[error(
        "commit {} was already applied to `{environment}` ({when}), and commit {} does not \
         contain it",
        short(last),
        short(commit)
    )]
    #[diagnostic(
        code(goldenpath::audit::older_commit),
        help(
            "apply the newer commit; to go back on purpose, or after the history was rewritten: \
             --allow-older --reason TEXT"
        )
    )]
    OlderCommit { environment: String, commit: String, last: String, when: String },

    #[error(
        "another run began to apply commit {} to `{environment}` ({when}); this one, of commit \
         {}, stops",
        short(newer),
        short(commit)
    )]
    #[diagnostic(
        code(goldenpath::audit::superseded),
        help("wait for the other run; what this one did is recorded")
    )]
    Superseded { environment: String, commit: String, newer: String, when: String },

    #[error("{what}")]
    #[diagnostic(code(goldenpath::audit::checkpoint), help("{help}"))]
    Checkpoint { what: String, help: String },
}

/// Returns the first characters of a commit's ID.
fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}
