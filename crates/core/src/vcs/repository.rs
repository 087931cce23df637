//! The repository in use.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use git2::{ErrorCode, ObjectType, RepositoryOpenFlags};
use tempfile::TempDir;

use super::conversion;
use super::conversion::{ForeignFormat, GitReader};
use super::index::{Index, StampedIndex};
use super::view::Opened;
use super::{Snapshot, SourceError};
use crate::vcs::git::Git;

/// The number of digits of an ID in a snapshot.
const ID_DIGITS: usize = 40;

/// A git repository, usually with a work tree.
pub struct Repository {
    pub(super) git: git2::Repository,
    pub(super) index: OnceCell<Index>,
    /// The index as it was read last.
    pub(super) staged: RefCell<Option<StampedIndex>>,
    /// Whether a remote promises objects that this clone may lack.
    pub(super) is_partial: OnceCell<bool>,
    pub(super) opened_from: OpenedFrom,
    /// The index that git has set for a hook (git, "GIT_INDEX_FILE").
    pub(super) temporary_index: Option<PathBuf>,
    root: PathBuf,
    git_folder: PathBuf,
    common_folder: PathBuf,
    /// The temporary git folder of libgit2; None if it opens the real one.
    view: Option<Rc<TempDir>>,
    /// The format that libgit2 does not read; then nothing is written by libgit2.
    format: Option<ForeignFormat>,
}

/// Where a repository was opened, so that other threads can open it too.
#[derive(Debug, Clone)]
pub(super) enum OpenedFrom {
    /// From git's environment and the current folder.
    Environment,
    Folder(PathBuf),
}

impl OpenedFrom {
    /// Opens the repository again; None if that fails, which costs only speed.
    pub(super) fn open(&self) -> Option<git2::Repository> {
        match self {
            Self::Environment => git2::Repository::open_from_env().ok(),
            Self::Folder(folder) => git2::Repository::open(folder).ok(),
        }
    }
}

impl Repository {
    /// Finds the repository of the current folder, as git itself does.
    ///
    /// In a hook, git's environment (`GIT_DIR`, `GIT_INDEX_FILE` and others) names the repository;
    /// otherwise it is the nearest one upwards.
    ///
    /// # Errors
    /// No repository, a bare one, one that git refuses, or one in a format that is only read.
    pub fn discover() -> Result<Self, SourceError> {
        Self::discover_to_read()?.check_format()
    }

    /// Finds the repository as [`Repository::discover`] does, in any format that git reads.
    ///
    /// # Errors
    /// No repository, a bare one, or one that git refuses.
    pub fn discover_to_read() -> Result<Self, SourceError> {
        let repository = Self::discover_any()?;
        if repository.git.is_bare() {
            Err(SourceError::Bare { path: repository.root })
        } else {
            Ok(repository)
        }
    }

    /// Finds the repository as [`Repository::discover_to_read`] does, and accepts a bare one.
    ///
    /// In a server's hook it has the objects of a push that is still in quarantine.
    ///
    /// # Errors
    /// No repository, or one that git refuses.
    pub fn discover_any() -> Result<Self, SourceError> {
        let dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let opened = Opened::discover(&dir)?;
        if std::env::var_os("GIT_DIR").is_none()
            && let Some(root) = find_enclosing_work_tree(&opened)
        {
            return Err(SourceError::Embedded { path: opened.git_folder, root });
        }
        if is_given_without_work_tree(&opened.git) {
            opened.git.set_workdir(&dir, false).map_err(SourceError::git("the work tree"))?;
        }
        let temporary_index = std::env::var_os("GIT_INDEX_FILE").map(PathBuf::from);
        Ok(Self { temporary_index, ..Self::new(opened, OpenedFrom::Environment) })
    }

    fn new(opened: Opened, opened_from: OpenedFrom) -> Self {
        let Opened { git, git_folder, common_folder, view, format } = opened;
        let opened_from = match &view {
            Some(view) => OpenedFrom::Folder(view.path().to_path_buf()),
            None => opened_from,
        };
        let root = git.workdir().unwrap_or(&git_folder);
        let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
        let (index, staged, is_partial) = (OnceCell::new(), RefCell::default(), OnceCell::new());
        Self {
            git,
            index,
            staged,
            is_partial,
            opened_from,
            temporary_index: None,
            root,
            git_folder,
            common_folder,
            view,
            format,
        }
    }

    /// Returns the repository if its format is also written.
    ///
    /// # Errors
    /// [`SourceError::Format`], with the command that converts it.
    pub fn check_format(self) -> Result<Self, SourceError> {
        match self.format {
            Some(format) => Err(format.error(&self.root)),
            None => Ok(self),
        }
    }

    /// Reports whether object IDs have more digits than those of this repository's snapshots.
    ///
    /// Those are their first 40 digits.
    #[must_use]
    pub fn has_long_ids(&self) -> bool {
        self.format.is_some_and(|format| format.has_long_ids)
    }

    /// Returns the index that was converted, if the IDs in git's own are longer.
    pub(super) fn converted_index(&self) -> Option<PathBuf> {
        self.view.as_ref().filter(|_| self.has_long_ids()).map(|view| view.path().join("index"))
    }

    /// Converts the index as it is now, if its IDs are longer.
    pub(super) fn convert_index(&self) -> Result<(), SourceError> {
        let Some(view) = self.view.as_ref().filter(|_| self.has_long_ids() && !self.is_bare())
        else {
            return Ok(());
        };
        GitReader::new(&self.git_folder).write_index(view.path()).map_err(|error| {
            SourceError::Git { what: "the index".to_owned(), message: error.to_string() }
        })
    }

    /// Returns a revision with the IDs of this repository's snapshots.
    ///
    /// A commit that no ref has yet, such as one in a push, is converted.
    fn local_spec<'s>(&self, spec: &'s str) -> Result<Cow<'s, str>, SourceError> {
        let Some((id, local)) = conversion::local_spec(spec).filter(|_| self.has_long_ids()) else {
            return Ok(Cow::Borrowed(spec));
        };
        if !self.has_object(&id[..ID_DIGITS]) {
            let failed = |error: io::Error| SourceError::Git {
                what: format!("`{spec}`"),
                message: error.to_string(),
            };
            let reader = GitReader::new(&self.git_folder);
            let objects = self.git.path().join("objects");
            reader.convert_commits(&objects, &[id, "--not", "--all"]).map_err(failed)?;
        }
        Ok(Cow::Owned(local))
    }

    /// Opens the repository whose work tree is `dir`, independent of the environment.
    ///
    /// # Errors
    /// No repository there, one that git refuses, or one in a format that is only read.
    pub fn open(dir: &Path) -> Result<Self, SourceError> {
        Self::open_to_read(dir)?.check_format()
    }

    /// Opens the repository as [`Repository::open`] does, in any format that git reads.
    ///
    /// # Errors
    /// No repository there, or one that git refuses.
    pub fn open_to_read(dir: &Path) -> Result<Self, SourceError> {
        Ok(Self::new(Opened::at(dir)?, OpenedFrom::Folder(dir.to_path_buf())))
    }

    /// Opens the repository once more for libgit2 alone.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn reopen(&self) -> Result<git2::Repository, SourceError> {
        let failed = || SourceError::git("the repository");
        match &self.view {
            Some(view) => {
                let git = git2::Repository::open_bare(view.path()).map_err(failed())?;
                git.set_workdir(&self.root, false).map_err(failed())?;
                Ok(git)
            }
            None => git2::Repository::open(&self.git_folder).map_err(failed()),
        }
    }

    /// Returns git's folder of hooks, and whether other repositories share it.
    ///
    /// None if git is configured to have no such folder.
    ///
    /// # Errors
    /// A git configuration that cannot be read.
    pub fn hooks_folder(&self) -> Result<Option<(PathBuf, bool)>, SourceError> {
        let config = self
            .git
            .config()
            .and_then(|mut config| config.snapshot())
            .map_err(SourceError::git("git's configuration"))?;
        if config.get_string("core.hooksPath").is_ok_and(|path| path.is_empty()) {
            return Ok(None);
        }
        let folder = match config.get_path("core.hooksPath") {
            // Relative to the folder in which hooks run: the work tree's root, or the bare
            // repository (git-config, "core.hooksPath").
            Ok(path) => self.root.join(path),
            Err(error) if error.code() == ErrorCode::NotFound => self.common_folder.join("hooks"),
            Err(error) => return Err(SourceError::git("core.hooksPath")(error)),
        };
        let common = resolve(&self.common_folder);
        // Linked work trees share the main one's hooks; its root usually contains the common
        // folder.
        let main = common.parent().filter(|_| common.ends_with(".git"));
        let own = [Some(self.root()), Some(&common), main];
        let real = resolve(&folder);
        let shared = !own.into_iter().flatten().any(|own| real.starts_with(own));
        Ok(Some((folder, shared)))
    }

    /// Returns the absolute folder of the work tree, or of a bare repository itself.
    ///
    /// It has no symbolic links.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns goldenpath's own folder below `.git/`.
    ///
    /// All linked work trees share it. Runs leave files there for later ones. It may not exist yet,
    /// and it may be deleted while no run is active.
    #[must_use]
    pub fn data_folder(&self) -> PathBuf {
        self.common_folder.join("goldenpath")
    }

    /// Returns the names of the remotes; none if they cannot be read.
    #[must_use]
    pub fn remotes(&self) -> Vec<String> {
        let names = self.git.remotes();
        names.iter().flat_map(|names| names.iter().flatten().flatten()).map(str::to_owned).collect()
    }

    /// Returns the commit of a ref with this full name; None if there is no such ref.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn tip_of_ref(&self, reference: &str) -> Result<Option<git2::Oid>, SourceError> {
        match self.git.refname_to_id(reference) {
            Ok(id) => Ok(Some(id)),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {
                Ok(None)
            }
            Err(error) => Err(SourceError::git(format!("`{reference}`"))(error)),
        }
    }

    /// Returns libgit2's handle.
    #[must_use]
    pub fn raw(&self) -> &git2::Repository {
        &self.git
    }

    /// Returns git's own folder of this work tree, usually `.git`.
    #[must_use]
    pub fn git_folder(&self) -> &Path {
        &self.git_folder
    }

    /// Returns git's folder that all work trees of the repository share.
    pub(super) fn common_folder(&self) -> &Path {
        &self.common_folder
    }

    /// Returns the `git` program for this repository.
    #[must_use]
    pub fn program(&self) -> Git {
        Git::new(&self.git_folder, &self.root)
    }

    /// Returns the last part of `origin`'s URL, or else the name of the folder.
    #[must_use]
    pub fn name(&self) -> String {
        let origin = self.git.find_remote("origin").ok();
        let url = origin
            .as_ref()
            .and_then(|origin| origin.url().ok())
            .map(|url| url.trim_end_matches('/').to_owned());
        let last = url
            .as_deref()
            .and_then(|url| url.rsplit(['/', ':', '\\']).next())
            .map(|name| name.trim_end_matches(".git"));
        match last {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => self.root.file_name().map_or_else(
                || "repository".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            ),
        }
    }

    /// Returns the commit at HEAD.
    ///
    /// # Errors
    /// [`SourceError::NoCommit`] before the first commit.
    pub fn head(&self) -> Result<Snapshot, SourceError> {
        match self.git.head() {
            Ok(head) => {
                let commit = head.peel(ObjectType::Commit).map_err(SourceError::git("HEAD"))?;
                Ok(Snapshot::Commit(commit.id()))
            }
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                Err(SourceError::NoCommit)
            }
            Err(error) => Err(SourceError::git("HEAD")(error)),
        }
    }

    /// Returns the commit at HEAD; None before the first commit.
    ///
    /// # Errors
    /// A HEAD that cannot be read.
    pub fn last_commit(&self) -> Result<Option<Snapshot>, SourceError> {
        match self.head() {
            Ok(head) => Ok(Some(head)),
            Err(SourceError::NoCommit) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns `path` relative to the root, with `/`.
    ///
    /// `path` is absolute or relative to the current folder. Symbolic links in its folders are
    /// resolved; a link in its last part is kept.
    ///
    /// # Errors
    /// A path that does not exist, or is outside the repository.
    pub fn relative(&self, path: &Path) -> Result<String, SourceError> {
        let no_such_path = || SourceError::NoSuchPath { path: path.to_path_buf() };
        if path.symlink_metadata().is_err()
            && self.is_sparse()?
            && let Some(inside) = self.path_inside(path)
            && !self.left_out(&inside)?.is_empty()
        {
            return Ok(inside);
        }
        let resolved = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => {
                let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
                parent.canonicalize().map_err(|_| no_such_path())?.join(name)
            }
            _ => path.canonicalize().map_err(|_| no_such_path())?,
        };
        resolved.symlink_metadata().map_err(|_| no_such_path())?;
        let inside = resolved.strip_prefix(&self.root).map_err(|_| SourceError::Outside {
            path: path.to_path_buf(),
            root: self.root.clone(),
        })?;
        Ok(to_slashes(inside))
    }

    /// Returns a path relative to the root, whether it exists or not.
    ///
    /// None outside the repository, or if it has no work tree. A symbolic link is inside if it or
    /// its target is.
    #[must_use]
    pub fn path_inside(&self, path: &Path) -> Option<String> {
        if self.git.is_bare() {
            return None;
        }
        let dir = std::env::current_dir().ok()?;
        let inside = |path: &Path| {
            path.strip_prefix(&self.root).ok().map(to_slashes).filter(|path| !path.is_empty())
        };
        // By its name first, so that a symbolic link in the work tree cannot lead outside.
        let mut named = PathBuf::new();
        for part in resolve(&dir).join(path).components() {
            match part {
                Component::ParentDir => drop(named.pop()),
                Component::CurDir => {}
                other => named.push(other),
            }
        }
        inside(&named).or_else(|| inside(&resolve(path)))
    }

    /// Reports whether the repository has no work tree.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.git.is_bare()
    }

    /// Reports whether this clone has an object with this ID, of any kind.
    #[must_use]
    pub fn has_object(&self, id: &str) -> bool {
        self.git.revparse_single(id).is_ok()
    }

    /// Returns the commit of `spec`, in any form that `git rev-parse` accepts.
    ///
    /// # Errors
    /// [`SourceError::NoSuchCommit`], or [`SourceError::Ambiguous`] if several refs have the name:
    /// git would prefer a tag to a branch, and anyone who can push can create a tag.
    pub fn commit(&self, spec: &str) -> Result<Snapshot, SourceError> {
        let local = self.local_spec(spec)?;
        self.check_unambiguous(&local)?;
        self.git
            .revparse_single(&local)
            .and_then(|object| object.peel_to_commit())
            .map(|commit| Snapshot::Commit(commit.id()))
            .map_err(|_| SourceError::NoSuchCommit { spec: spec.to_owned() })
    }

    /// Rejects a name that is ambiguous between kinds of refs, or a ref and a short ID.
    fn check_unambiguous(&self, spec: &str) -> Result<(), SourceError> {
        let name = spec.split(['~', '^', '@', ':']).next().unwrap_or_default();
        let is_pseudo_ref =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let is_whole_id =
            matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_pseudo_ref || is_whole_id || name.starts_with("refs/") {
            return Ok(());
        }
        let mut found: Vec<(String, git2::Oid)> = Vec::new();
        for prefix in ["refs/", "refs/tags/", "refs/heads/", "refs/remotes/"] {
            let full = format!("{prefix}{name}");
            match self.git.find_reference(&full).and_then(|reference| reference.peel_to_commit()) {
                Ok(commit) => found.push((full, commit.id())),
                Err(error)
                    if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {}
                // A tag of a blob or a tree is not a commit.
                Err(error) if matches!(error.code(), ErrorCode::Peel) => {}
                Err(error) => return Err(SourceError::git(format!("`{full}`"))(error)),
            }
        }
        let is_short_id =
            name.len() >= 4 && name.len() < 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_short_id
            && let Ok(object) = self.git.find_object_by_prefix(name, Some(git2::ObjectType::Commit))
        {
            found.push((object.id().to_string(), object.id()));
        }
        if found.iter().any(|(_, commit)| *commit != found[0].1) {
            let names = found.into_iter().map(|(name, _)| name).collect();
            return Err(SourceError::Ambiguous { spec: spec.to_owned(), names });
        }
        Ok(())
    }

    pub(super) fn tree(&self, snapshot: Snapshot) -> Result<git2::Tree<'_>, SourceError> {
        match snapshot {
            Snapshot::Commit(commit) => self.tree_of(&self.find_commit(commit)?),
            Snapshot::Merge(tree) => self.find_tree(tree),
            Snapshot::Index | Snapshot::WorkTree => Err(SourceError::git(snapshot.to_string())(
                git2::Error::from_str("it is not a tree"),
            )),
        }
    }
}

/// Reports whether `GIT_DIR` is set without a work tree.
///
/// Then the work tree is the current folder (git, "GIT_DIR"); libgit2 would use the folder around
/// the repository.
fn is_given_without_work_tree(git: &git2::Repository) -> bool {
    let given = |name: &str| std::env::var_os(name).is_some();
    let configured =
        || git.config().and_then(|config| config.get_entry("core.worktree").map(|_| ())).is_ok();
    given("GIT_DIR")
        && !given("GIT_WORK_TREE")
        && !git.is_bare()
        && !git.is_worktree()
        && !configured()
}

/// Returns the work tree that contains a repository found without a `.git`.
///
/// Such a repository is bare, or configured as not bare. A commit can contain all of its files,
/// hooks and configuration included (git-config, "safe.bareRepository").
fn find_enclosing_work_tree(opened: &Opened) -> Option<PathBuf> {
    let folder = resolve(&opened.git_folder);
    let is_git = |part: Component<'_>| part.as_os_str().eq_ignore_ascii_case(".git");
    if folder.components().any(is_git) || is_named_by_its_work_tree(&opened.git, &folder) {
        return None;
    }
    folder.ancestors().skip(1).find(|above| above.join(".git").exists()).map(Path::to_path_buf)
}

/// Reports whether `.git` in its work tree points to the repository.
///
/// `git init --separate-git-dir` sets it up in this way.
fn is_named_by_its_work_tree(git: &git2::Repository, folder: &Path) -> bool {
    let root = git.workdir().filter(|root| resolve(root) != folder && root.join(".git").exists());
    let none = std::iter::empty::<&Path>();
    let opened = root.and_then(|root| {
        git2::Repository::open_ext(root, RepositoryOpenFlags::NO_SEARCH, none).ok()
    });
    opened.is_some_and(|opened| resolve(opened.path()) == folder)
}

/// Returns a path without symbolic links and `..`, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let found = path
        .ancestors()
        .find_map(|above| Some((above.canonicalize().ok()?, path.strip_prefix(above).ok()?)));
    found.map_or_else(|| path.to_path_buf(), |(above, rest)| above.join(rest))
}

/// Returns a relative path with `/` on every platform.
pub(super) fn to_slashes(path: &Path) -> String {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    names.collect::<Vec<_>>().join("/")
}
