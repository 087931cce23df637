//! The working copy of the GitOps repository: what is there, and writing and committing projections.

mod commit;
mod unfinished;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, IndexEntry, Oid, Repository, RepositoryOpenFlags};
use miette::Diagnostic;

use crate::files::{self, Unreadable};
use crate::projection::Projection;

pub use unfinished::Held;

/// The bytes of a file that are read at most to see whether it is ours.
const MAX_BYTES: u64 = 1024 * 1024;

/// A folder that Argo CD or Flux reads, as a rule the root of a git repository.
pub struct WorkingCopy {
    root: PathBuf,
    /// None where the folder is no git repository: projections are written and not committed.
    git: Option<Repository>,
    /// The last commit that was looked at, and its tree.
    last_tree: Cell<Option<(Oid, Oid)>>,
    /// What git's index is to hold of the files that were written, by their paths.
    staged: RefCell<BTreeMap<String, IndexEntry>>,
}

/// What stands where a projection belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// The projection, and committed.
    Current,
    Missing,
    /// A projection of this manifest that says something else.
    Outdated,
    /// The projection, but the last commit has none or another.
    Uncommitted,
    /// Something that goldenpath did not write for this manifest, or cannot read.
    Foreign(String),
}

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

    #[error("`{file}` has come to be in the GitOps working copy since the plan was made: {why}")]
    #[diagnostic(code(goldenpath::gitops::foreign), help("move it away and run apply again"))]
    Foreign { file: String, why: String },

    #[error("`{file}` cannot be written in the GitOps working copy: {why}")]
    #[diagnostic(
        code(goldenpath::gitops::write),
        help("check the folder's permissions and the free space, and run apply again")
    )]
    Write { file: String, why: String },

    #[error("another run of goldenpath is at work in the GitOps working copy `{}`", path.display())]
    #[diagnostic(code(goldenpath::gitops::busy), help("run apply again when it is done"))]
    Busy { path: PathBuf },

    #[error("git cannot commit in `{}`: {why}", path.display())]
    #[diagnostic(
        code(goldenpath::gitops::commit),
        help("the files are written; mend the repository and run apply again, which commits them")
    )]
    Commit { path: PathBuf, why: String },
}

impl WorkingCopy {
    /// Opens the folder at `path`. It is never made: an empty one would be somebody's mistake.
    ///
    /// # Errors
    /// No folder, a bare repository, or one in a state in which nothing can be committed.
    pub fn open(path: &Path) -> Result<Self, GitopsError> {
        let unusable = |why: &str| GitopsError::Unusable { path: path.to_path_buf(), why: why.to_owned() };
        let root = match path.canonicalize() {
            Ok(root) if root.is_dir() => root,
            Ok(_) => return Err(unusable("is not a folder")),
            Err(_) => return Err(unusable("does not exist")),
        };
        // Only the folder itself: a plain folder inside some other repository is none of that repository's business.
        let git = match Repository::open_ext(&root, RepositoryOpenFlags::NO_SEARCH, std::iter::empty::<&Path>()) {
            Ok(git) if git.is_bare() => return Err(unusable("is a bare repository")),
            Ok(git) => Some(git),
            Err(error) if error.code() == ErrorCode::NotFound => None,
            Err(error) => return Err(unusable(&format!("cannot be opened: {}", error.message()))),
        };
        let copy = Self { root, git, last_tree: Cell::new(None), staged: RefCell::default() };
        copy.check_ready()?;
        Ok(copy)
    }

    /// For people: where it is, and on which branch.
    #[must_use]
    pub fn place(&self) -> String {
        let folder = self.root.display();
        let head = self.git.as_ref().map(|git| git.find_reference("HEAD"));
        match head {
            None => format!("{folder} (not a git repository: files are written, not committed)"),
            Some(head) => {
                let target = head.ok().and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned));
                let branch = target.as_deref().map(|name| name.trim_start_matches("refs/heads/")).unwrap_or("HEAD");
                format!("{folder} (branch {branch})")
            }
        }
    }

    /// What stands where `projection` belongs.
    ///
    /// # Errors
    /// A path that leaves the working copy.
    pub fn state(&self, projection: &Projection) -> Result<FileState, GitopsError> {
        let path = self.path_of(&projection.file)?;
        let found = match files::read_regular(&path, MAX_BYTES) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()),
            Err(Unreadable::Io(_)) if path.symlink_metadata().is_err() => return Ok(FileState::Missing),
            Err(why) => Err(why.to_string()),
        };
        Ok(match found {
            Err(why) => FileState::Foreign(why),
            // Where git turns line ends around (core.autocrlf), the work tree never has the projection's own bytes.
            Ok(text) if text.replace("\r\n", "\n") == projection.text => match self.is_committed(projection) {
                true => FileState::Current,
                false => FileState::Uncommitted,
            },
            Ok(text) if projection.is_of_the_same_manifest(&text) => FileState::Outdated,
            Ok(_) => FileState::Foreign("it was not written by goldenpath for this ID of this catalog".to_owned()),
        })
    }

    /// Makes ready to write the projection's file.
    ///
    /// # Errors
    /// A path that leaves the working copy, or a foreign file that stands there by now.
    pub fn prepare(&self, projection: &Projection) -> Result<Write, GitopsError> {
        if let FileState::Foreign(why) = self.state(projection)? {
            return Err(GitopsError::Foreign { file: projection.file.clone(), why });
        }
        let (file, text) = (projection.file.clone(), projection.text.clone());
        Ok(Write { path: self.path_of(&file)?, file, text })
    }

    fn path_of(&self, file: &str) -> Result<PathBuf, GitopsError> {
        if file.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
            return Err(GitopsError::Path { why: format!("`{file}` leads into git's own folder") });
        }
        files::confine(&self.root, file).map_err(|why| GitopsError::Path { why })
    }
}

/// A file that is about to be written; what writes it may be another thread.
pub struct Write {
    path: PathBuf,
    file: String,
    text: String,
}

impl Write {
    /// Writes it, whole or not at all. It is safe on disk when it is committed.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn run(self) -> Result<(), GitopsError> {
        files::write_one_of_many(&self.path, self.text.as_bytes())
            .map_err(|error| GitopsError::Write { file: self.file, why: error.to_string() })
    }
}
