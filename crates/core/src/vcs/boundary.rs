//! Places on disk that a repository controls: work trees and git folders.
//!
//! A commit can change what is in them, so a program or a key that is configured in the repository
//! must come from elsewhere.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use git2::{ErrorCode, ObjectType};

use super::repository::to_slashes;
use super::{Repository, SourceError};
use crate::vcs::git::{GitError, LOCAL};

/// The limit of symbolic links on one path; Linux stops after 40.
const MOST_LINKS: usize = 40;

/// The files that SQLite reads: the database, and journals that it would roll back.
const SQLITE_FILES: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// The mode of a submodule in the index.
const SUBMODULE: &str = "160000";

/// The work trees and git folders of one repository.
pub struct Boundary<'r> {
    repository: &'r Repository,
    root: KnownFolder,
    /// The main work tree and the linked ones.
    work_trees: Vec<KnownFolder>,
    git_folders: Vec<KnownFolder>,
}

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// Outside all work trees and git folders of the repository.
    Outside,
    /// The work tree of the opened repository.
    WorkTree,
    /// Another work tree of the same repository.
    OtherWorkTree,
    /// A folder of git itself, such as `.git`, which has hooks and configuration.
    GitFolder,
}

/// Why a file in the work tree is not private to this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposure {
    /// The path leads through this symbolic link of the work tree.
    Link(PathBuf),
    /// The index or the last commit has a file at or below this path.
    Tracked(String),
    /// The path leads into this other repository in the work tree, such as a submodule.
    Repository(String),
}

/// A folder with its path and its device and inode numbers.
///
/// The same folder has other paths if names are compared without case or if it is mounted twice.
struct KnownFolder {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl KnownFolder {
    fn new(path: &Path) -> Result<Self, SourceError> {
        let path = resolve(path).map_err(|why| unreadable(path, &why))?;
        let identity = identity(&path).map_err(|why| unreadable(&path, &why))?;
        Ok(Self { path, identity })
    }

    /// Reports whether `resolved` is this folder or is inside it.
    fn contains(&self, resolved: &Path) -> io::Result<bool> {
        if resolved.starts_with(&self.path) {
            return Ok(true);
        }
        for above in resolved.ancestors() {
            if self.identity.is_some() && identity(above)? == self.identity {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<'r> Boundary<'r> {
    /// Finds the work trees and git folders of a repository.
    ///
    /// # Errors
    /// A repository whose work trees cannot be listed.
    pub fn of(repository: &'r Repository) -> Result<Self, SourceError> {
        let git = &repository.git;
        let listed = SourceError::git("the list of its work trees");
        let mut work_trees = Vec::new();
        // The main work tree, if this is a linked one.
        match git2::Repository::open(git.commondir()) {
            Ok(main) => work_trees.extend(main.workdir().map(KnownFolder::new).transpose()?),
            Err(error) => return Err(listed(error)),
        }
        for name in git.worktrees().map_err(listed)?.iter() {
            let name = name.map_err(SourceError::git("the name of a work tree"))?;
            let linked = name.map(|name| git.find_worktree(name)).transpose();
            let linked = linked.map_err(SourceError::git(format!(
                "the work tree `{}`",
                name.unwrap_or_default()
            )))?;
            work_trees.extend(linked.map(|linked| KnownFolder::new(linked.path())).transpose()?);
        }
        let git_folders = [repository.git_folder(), repository.common_folder()]
            .into_iter()
            .map(KnownFolder::new)
            .collect::<Result<_, _>>()?;
        Ok(Self { repository, root: KnownFolder::new(repository.root())?, work_trees, git_folders })
    }

    /// Returns where a path leads after following all symbolic links.
    ///
    /// The path need not exist.
    ///
    /// # Errors
    /// A path that the system cannot follow.
    pub fn locate(&self, path: &Path) -> Result<Location, SourceError> {
        let why = |why: io::Error| unreadable(path, &why);
        let resolved = resolve(path).map_err(why)?;
        let is_in = |folders: &[KnownFolder]| {
            folders
                .iter()
                .map(|folder| folder.contains(&resolved))
                .try_fold(false, |any, held| Ok::<_, io::Error>(any | held?))
        };
        Ok(if is_in(&self.git_folders).map_err(why)? {
            Location::GitFolder
        } else if self.root.contains(&resolved).map_err(why)? {
            Location::WorkTree
        } else if is_in(&self.work_trees).map_err(why)? {
            Location::OtherWorkTree
        } else {
            Location::Outside
        })
    }

    /// Returns where a path on an ssh server leads if the server is this machine.
    ///
    /// A folder without read permission counts as its parent: no commit controls what is in it. The
    /// path has no `..`.
    ///
    /// # Errors
    /// A path that the system cannot follow.
    pub fn locate_on_server(&self, path: &Path) -> Result<Location, SourceError> {
        match (resolve(path), path.parent()) {
            (Err(error), Some(parent)) if error.kind() == ErrorKind::PermissionDenied => {
                self.locate_on_server(parent)
            }
            _ => self.locate(path),
        }
    }

    /// Reports whether a path is the root of one of the repository's work trees.
    ///
    /// # Errors
    /// A path that the system cannot follow.
    pub fn is_work_tree(&self, path: &Path) -> Result<bool, SourceError> {
        let why = |why: io::Error| unreadable(path, &why);
        let resolved = resolve(path).map_err(why)?;
        let found = identity(&resolved).map_err(why)?;
        let is_it = |folder: &KnownFolder| {
            folder.path == resolved || (found.is_some() && folder.identity == found)
        };
        Ok(std::iter::once(&self.root).chain(&self.work_trees).any(is_it))
    }

    /// Reports whether a path is the root of a registered submodule.
    ///
    /// It is registered if the index has its commit and `.gitmodules` has its path.
    ///
    /// # Errors
    /// A submodule that git cannot read.
    pub fn is_submodule(&self, path: &Path) -> Result<bool, SourceError> {
        let resolved = resolve(path).map_err(|why| unreadable(path, &why))?;
        let Ok(relative) = resolved.strip_prefix(&self.root.path) else { return Ok(false) };
        let name = to_slashes(relative);
        if name.is_empty() {
            return Ok(false);
        }
        let program = self.repository.program();
        let failed = |why: String| SourceError::Git {
            what: format!("the submodule `{name}`"),
            message: why,
        };
        let pathspec = format!(":(literal){name}");
        let staged = program.run(&["ls-files", "--stage", "-z", "--", &pathspec], LOCAL);
        let staged = staged.map_err(|why| failed(why.to_string()))?;
        if !entries(&staged.stdout).any(|(mode, path)| mode == SUBMODULE && path == name) {
            return Ok(false);
        }
        let file = self.root.path.join(".gitmodules");
        match file.symlink_metadata() {
            Ok(found) if found.is_file() => {}
            // Git does not follow a symbolic link there either.
            Ok(_) => return Ok(false),
            Err(error) if is_not_found(&error) => return Ok(false),
            Err(error) => return Err(unreadable(&file, &error)),
        }
        let arguments = [
            "config".as_ref(),
            "-z".as_ref(),
            "--list".as_ref(),
            "--file".as_ref(),
            file.as_os_str(),
        ];
        let registered = program.run(&arguments, LOCAL).map_err(|why| failed(why.to_string()))?;
        let mut fields = registered.stdout.split('\0').filter_map(|entry| entry.split_once('\n'));
        Ok(fields.any(|(field, path)| {
            let is_path = field.starts_with("submodule.") && field.ends_with(".path");
            is_path && path.trim_end_matches('/') == name
        }))
    }

    /// Returns why a file in the work tree is not private; None if it is.
    ///
    /// # Errors
    /// An index or a commit that git cannot read.
    pub fn exposure(&self, path: &Path) -> Result<Option<Exposure>, SourceError> {
        let why = |why: io::Error| unreadable(path, &why);
        let mut walked = PathBuf::new();
        for part in path.components() {
            let is_inside = !walked.as_os_str().is_empty()
                && self.root.contains(&resolve(&walked).map_err(why)?).map_err(why)?;
            walked.push(part);
            if is_inside && matches!(part, Component::Normal(_)) && is_link(&walked).map_err(why)? {
                return Ok(Some(Exposure::Link(walked)));
            }
        }
        let resolved = resolve(path).map_err(why)?;
        let Ok(relative) = resolved.strip_prefix(&self.root.path) else { return Ok(None) };
        let above: Vec<&Path> =
            relative.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
        for above in &above {
            match self.root.path.join(above).join(".git").symlink_metadata() {
                Ok(_) => return Ok(Some(Exposure::Repository(to_slashes(above)))),
                Err(error) if is_not_found(&error) => {}
                Err(error) => return Err(why(error)),
            }
        }
        let names = SQLITE_FILES.map(|ending| format!("{}{ending}", to_slashes(relative)));
        let above: Vec<String> = above.into_iter().map(to_slashes).collect();
        if let Some(exposure) = self.find_staged(&names, &above)? {
            return Ok(Some(exposure));
        }
        for name in names {
            if self.is_committed(&name)? {
                return Ok(Some(Exposure::Tracked(name)));
            }
        }
        Ok(None)
    }

    /// Finds a staged submodule at one of `above`, or a file at or below `names`.
    ///
    /// The `git` program reads it: libgit2 does not support split and sparse indexes.
    fn find_staged(
        &self,
        names: &[String],
        above: &[String],
    ) -> Result<Option<Exposure>, SourceError> {
        let ignores_case = self.ignores_case()?;
        let in_case =
            |text: &str| if ignores_case { text.to_ascii_lowercase() } else { text.to_owned() };
        let magic = if ignores_case { "icase,literal" } else { "literal" };
        let failed = |why: GitError| SourceError::Git {
            what: "the index".to_owned(),
            message: why.to_string(),
        };
        let list = |paths: &[String]| {
            let paths = paths.iter().map(|name| format!(":({magic}){name}"));
            let options = ["ls-files", "--stage", "-z", "--"].map(str::to_owned);
            let arguments: Vec<String> = options.into_iter().chain(paths).collect();
            Ok(self.repository.program().run(&arguments, LOCAL).map_err(failed)?.stdout)
        };
        let listed = list(&[names, above].concat())?;
        let above: Vec<String> = above.iter().map(|name| in_case(name)).collect();
        let names: Vec<String> = names.iter().map(|name| in_case(name)).collect();
        for (mode, path) in entries(&listed) {
            let found = in_case(path);
            if mode == SUBMODULE && above.contains(&found) {
                return Ok(Some(Exposure::Repository(path.to_owned())));
            }
            if names.iter().any(|name| is_at_or_below(&found, name)) {
                return Ok(Some(Exposure::Tracked(path.to_owned())));
            }
        }
        Ok(None)
    }

    /// Reports whether the last commit has a file or a folder at a path.
    fn is_committed(&self, name: &str) -> Result<bool, SourceError> {
        let ignores_case = self.ignores_case()?;
        let in_case =
            |text: &[u8]| if ignores_case { text.to_ascii_lowercase() } else { text.to_vec() };
        let Some(head) = self.repository.last_commit()? else { return Ok(false) };
        let mut tree = self.repository.tree(head)?;
        let name = in_case(name.as_bytes());
        let mut parts = name.split(|byte| *byte == b'/').peekable();
        while let Some(part) = parts.next() {
            let entry = tree.iter().find(|entry| in_case(entry.name_bytes()) == part);
            let Some((id, kind)) = entry.map(|entry| (entry.id(), entry.kind())) else {
                return Ok(false);
            };
            if parts.peek().is_none() {
                return Ok(true);
            }
            if kind != Some(ObjectType::Tree) {
                // The content of a submodule is in the commits of another repository.
                return Ok(kind == Some(ObjectType::Commit));
            }
            tree = self.repository.find_tree(id)?;
        }
        Ok(false)
    }

    /// Reports whether the work tree's file system compares names without case.
    fn ignores_case(&self) -> Result<bool, SourceError> {
        match self.repository.git.config().and_then(|config| config.get_bool("core.ignorecase")) {
            Ok(ignores_case) => Ok(ignores_case),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
            Err(error) => Err(SourceError::git("core.ignoreCase")(error)),
        }
    }
}

/// Returns mode and path of each entry in the output of `git ls-files --stage -z`.
fn entries(listed: &str) -> impl Iterator<Item = (&str, &str)> {
    listed.split('\0').filter_map(|entry| {
        let (description, path) = entry.split_once('\t')?;
        Some((description.split(' ').next()?, path))
    })
}

fn is_at_or_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_link(path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(found) => Ok(found.is_symlink()),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_not_found(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns the absolute path without symbolic links, `.` and `..`.
///
/// The path need not exist: a link to a missing target resolves to that target's path.
///
/// # Errors
/// A path that the system cannot follow, or that differs from process to process.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    let parts = |path: &Path| {
        path.components().map(|part| part.as_os_str().to_owned()).collect::<VecDeque<OsString>>()
    };
    let mut open = parts(&std::path::absolute(path)?);
    let (mut resolved, mut links) = (PathBuf::new(), 0);
    while let Some(part) = open.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::ParentDir) => _ = resolved.pop(),
            Some(Component::Normal(name)) => {
                let next = resolved.join(name);
                if is_process_relative(&next) {
                    let why = format!("`{}` differs from process to process", next.display());
                    return Err(io::Error::new(ErrorKind::InvalidInput, why));
                }
                if is_link(&next)? {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(io::Error::new(
                            ErrorKind::InvalidInput,
                            "too many symbolic links",
                        ));
                    }
                    let mut target = parts(&fs::read_link(&next)?);
                    target.append(&mut open);
                    open = target;
                } else {
                    resolved = next;
                }
            }
            // The path starts again at a root or a drive.
            Some(Component::RootDir | Component::Prefix(_)) => resolved.push(&part),
            Some(Component::CurDir) | None => {}
        }
    }
    Ok(resolved)
}

/// Reports whether a path can lead elsewhere in git's process than in this one.
///
/// `/proc/self/cwd` and `/dev/fd` can. Shared memory below `/dev/shm` is an ordinary file system.
fn is_process_relative(path: &Path) -> bool {
    let is_device =
        path.starts_with("/dev") && path != Path::new("/dev") && !path.starts_with("/dev/shm");
    cfg!(unix) && (path.starts_with("/proc") || is_device)
}

/// Returns the device and inode numbers of a path; None if it does not exist.
#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Option<(u64, u64)>> {
    use std::os::unix::fs::MetadataExt;
    match path.metadata() {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn identity(_: &Path) -> io::Result<Option<(u64, u64)>> {
    Ok(None)
}

fn unreadable(path: &Path, why: &io::Error) -> SourceError {
    SourceError::Unresolved { path: path.to_path_buf(), why: why.to_string() }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_resolved_as_by_the_system_even_if_it_does_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("real/below")).unwrap();
        symlink("real/below", root.join("link")).unwrap();
        symlink("missing/target", root.join("dangling")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        for (path, expected) in [
            ("link/../x", "real/x"),
            ("./link/new/../other", "real/below/other"),
            ("dangling/x", "missing/target/x"),
            ("missing/../real", "real"),
            ("real/./below//", "real/below"),
        ] {
            assert_eq!(resolve(&root.join(path)).unwrap(), root.join(expected), "{path}");
        }
        assert!(resolve(&root.join("loop/x")).is_err());
    }

    #[test]
    fn every_work_tree_and_git_folder_of_a_repository_is_inside() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        let git = git2::Repository::init(at("catalog")).unwrap();
        let author = git2::Signature::now("a", "a@example.com").unwrap();
        let tree = git.find_tree(git.treebuilder(None).unwrap().write().unwrap()).unwrap();
        git.commit(Some("HEAD"), &author, &author, "start", &tree, &[]).unwrap();
        git.worktree("linked", &at("linked"), None).unwrap();
        symlink(at("catalog/later"), at("link")).unwrap();
        symlink(at("catalog"), at("whole")).unwrap();

        let main = Repository::open(&at("catalog")).unwrap();
        let linked = Repository::open(&at("linked")).unwrap();
        let (main, linked) = (Boundary::of(&main).unwrap(), Boundary::of(&linked).unwrap());
        use Location::{GitFolder, OtherWorkTree, Outside, WorkTree};
        for (path, from_main, from_linked) in [
            ("catalog", WorkTree, OtherWorkTree),
            ("catalog/evil", WorkTree, OtherWorkTree),
            ("catalog/../catalog/evil/x", WorkTree, OtherWorkTree),
            ("link/x", WorkTree, OtherWorkTree),
            ("whole/evil", WorkTree, OtherWorkTree),
            ("catalog/.git/x", GitFolder, GitFolder),
            ("whole/.git", GitFolder, GitFolder),
            ("linked/evil", OtherWorkTree, WorkTree),
            ("catalog-2", Outside, Outside),
            ("gitops", Outside, Outside),
            (".", Outside, Outside),
        ] {
            let found = [&main, &linked].map(|boundary| boundary.locate(&at(path)).unwrap());
            assert_eq!(found, [from_main, from_linked], "{path}");
        }
    }
}
