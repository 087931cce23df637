//! Git: the files of a repository in its work tree, its index and its commits.

pub mod git;
mod history;

mod ancestry;
mod boundary;
mod branch_commit;
mod branch_files;
mod branch_heads;
mod commit;
mod default_branch;
mod diff;

mod cache;
mod identity;
mod index;
mod manifest_path;
mod new_commit;
mod symlinks;

mod clone;
mod conversion;
mod index_update;
mod object_cache;
mod repository;
mod snapshot;
mod view;

mod disk_status;
mod work_tree;

use std::path::PathBuf;

pub use crate::files::Unreadable;
pub use boundary::{Boundary, Exposure, Location, resolve};
pub use branch_files::{
    BRANCH_COPIES, BranchHistory, COPIED_REFS, FileChange, branch_history, branch_paths,
    visit_branch_files,
};
pub use branch_heads::Branch;
pub use cache::DiskCache;
pub use clone::{CloneGaps, MissingObjects, fetch_missing, is_partial, read_or_fetch};
pub use conversion::parse_id;
pub use default_branch::{DefaultBranch, DefaultBranchError};
pub use diff::{ChangedPaths, TargetBranch};
pub use disk_status::Disk;
pub use history::{HistoryTime, ManifestFolder, NamesAt, Occurrence};
pub use history::{TrailCommit, TrailDelta, TrailFile};
pub use index::StagedBlob;
pub use manifest_path::{is_hidden, is_yaml};
pub use new_commit::{check_signer, signing_settings, write_commit};
pub use object_cache::ObjectCache;
pub use repository::Repository;
pub use snapshot::{Blob, Snapshot};

/// A file of a snapshot: its path from the root, and its bytes or an error.
#[derive(Debug, Clone)]
pub struct File {
    /// From the repository's root, with `/`.
    pub path: String,
    /// The content, or why it cannot be read.
    pub bytes: Result<Vec<u8>, Unreadable>,
}

/// The help for an object that git cannot read.
pub const GET_OBJECTS: &str = "check the repository with `git fsck`; in a partial clone, fetch \
                               what was left out: `git fetch --refetch --no-filter origin`";

/// Why a repository, or a path in it, cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum SourceError {
    #[error("`{}` is not in a git repository", dir.display())]
    #[diagnostic(
        code(goldenpath::source::not_a_repository),
        help("run `git init`, run it inside a repository, or name one with `-C DIR`")
    )]
    NotARepository { dir: PathBuf },

    #[error("`{}` is a bare repository without a work tree", path.display())]
    #[diagnostic(code(goldenpath::source::bare), help("run it in a clone that has a work tree"))]
    Bare { path: PathBuf },

    #[error("git refuses the repository at `{}`: it belongs to another user", dir.display())]
    #[diagnostic(
        code(goldenpath::source::owner),
        help("if you trust it: git config --global --add safe.directory '{}'", dir.display())
    )]
    Owner { dir: PathBuf },

    #[error("this command cannot use the repository at `{}`: it has {what}", dir.display())]
    #[diagnostic(code(goldenpath::source::format), help("convert it: {help}"))]
    Format { dir: PathBuf, what: String, help: &'static str },

    #[error("`{}` is outside the repository at `{}`", path.display(), root.display())]
    #[diagnostic(
        code(goldenpath::source::outside),
        help("name files of this repository, or choose another with `-C DIR`")
    )]
    Outside { path: PathBuf, root: PathBuf },

    #[error(
        "`{folder}` has no manifests, but {} outside it: `{first}`",
        if *count == 1 { "there is one".to_owned() } else { format!("there are {count}") }
    )]
    #[diagnostic(
        code(goldenpath::source::misplaced),
        help(
            "name the catalog's configuration with `--config FILE`, or set `catalog` in \
             goldenpath.yaml to the folder of the manifests"
        )
    )]
    Misplaced { folder: String, first: String, count: usize },

    #[error("`{}` does not exist", path.display())]
    #[diagnostic(
        code(goldenpath::source::no_such_path),
        help("check the spelling; paths are relative to the current folder")
    )]
    NoSuchPath { path: PathBuf },

    #[error("cannot follow the path `{}`: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::source::unresolved),
        help("check the path, its symbolic links and its permissions")
    )]
    Unresolved { path: PathBuf, why: String },

    #[error("`{}` is a bare repository among the files of `{}`", path.display(), root.display())]
    #[diagnostic(
        code(goldenpath::source::embedded),
        help(
            "set GIT_DIR to use it, or run goldenpath in another folder with `-C`: its \
             configuration and hooks could come from those files"
        )
    )]
    Embedded { path: PathBuf, root: PathBuf },

    #[error("the repository has no commit yet")]
    #[diagnostic(
        code(goldenpath::source::no_commit),
        help("commit first, or use `--work-tree` to read uncommitted files")
    )]
    NoCommit,

    #[error(
        "`{spec}` names several commits: {}",
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )]
    #[diagnostic(
        code(goldenpath::source::ambiguous),
        help("give the full name, such as `refs/remotes/origin/main`, or the commit's full ID")
    )]
    Ambiguous { spec: String, names: Vec<String> },

    #[error("there is no commit `{spec}`")]
    #[diagnostic(
        code(goldenpath::source::no_such_commit),
        help(
            "check the name; a clone in CI may be shallow or lack the branch: git fetch \
             --unshallow origin"
        )
    )]
    NoSuchCommit { spec: String },

    #[error("the merge base of {one} and {other} is not in this shallow clone")]
    #[diagnostic(
        code(goldenpath::source::shallow),
        help(
            "git fetch --unshallow origin fetches the history; in GitHub Actions, set \
             `fetch-depth: 0`"
        )
    )]
    Shallow { one: String, other: String },

    #[error(
        "cannot tell whether commit {commit} contains {ancestor}: the clone is shallow, and {why}"
    )]
    #[diagnostic(
        code(goldenpath::source::cut),
        help("git fetch --unshallow origin fetches the history")
    )]
    Cut { commit: String, ancestor: String, why: String },

    #[error("cannot merge {one} and {other}: {paths} conflict")]
    #[diagnostic(
        code(goldenpath::source::conflict),
        help("merge or rebase, resolve the conflicts, and check again")
    )]
    Conflict { one: String, other: String, paths: String },

    #[error("`{path}` is in conflict: the index has several versions of it")]
    #[diagnostic(
        code(goldenpath::source::unmerged),
        help("resolve the merge, then run `git add` for the result")
    )]
    Unmerged { path: String },

    #[error("git cannot sign commits: {why}")]
    #[diagnostic(
        code(goldenpath::source::unsigned),
        help(
            "check `gpg.format` and `user.signingKey`, and unlock the key for this process: git \
             commit-tree -S -m test HEAD^{{tree}}; without signatures: git config commit.gpgSign \
             false"
        )
    )]
    Unsigned { why: String },

    #[error("cannot change the index: `{}` exists", lock.display())]
    #[diagnostic(
        code(goldenpath::source::locked),
        help("wait for the other git process, or remove the file if that process crashed")
    )]
    Locked { lock: PathBuf },

    #[error("cannot read {what}: {missing}")]
    #[diagnostic(code(goldenpath::source::missing), help("{}", missing.help))]
    Missing { what: String, missing: MissingObjects },

    #[error("git cannot read {what}: {message}")]
    #[diagnostic(code(goldenpath::source::git), help("{}", GET_OBJECTS))]
    Git { what: String, message: String },
}

impl SourceError {
    fn git(what: impl Into<String>) -> impl FnOnce(git2::Error) -> Self {
        let what = what.into();
        move |error| Self::Git { what, message: error.message().to_owned() }
    }
}
