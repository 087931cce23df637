//! Repositories that git accepts and libgit2 refuses.
//!
//! git decides whether a repository of another user is safe: it knows all places of
//! `safe.directory`, such as `git -c`, `GIT_CONFIG_COUNT` and `/path/*`. libgit2 also refuses
//! `extensions.partialClone`. Such a repository is opened through a view: a temporary git folder
//! with links to everything in the real one, and a configuration without what libgit2 refuses.
//! The view of a repository in another format is only for reading; see the module `conversion`.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use git2::ErrorCode;
use tempfile::TempDir;

use super::SourceError;
use super::conversion::{ForeignFormat, GitReader};
use crate::vcs::git::{Git, LOCAL};

/// The parts of git's folder that all work trees of a repository share.
const SHARED: [&str; 4] = ["objects", "refs", "logs", "packed-refs"];

/// The parts of git's folder that a view has of its own, or none of.
const OWN: [&str; 4] = ["config", "config.worktree", "commondir", "gitdir"];

/// A repository of libgit2, with the real places of its folders.
pub(super) struct Opened {
    pub(super) git: git2::Repository,
    pub(super) git_folder: PathBuf,
    pub(super) common_folder: PathBuf,
    /// The temporary git folder, deleted on drop; None if libgit2 opens the real one.
    pub(super) view: Option<Rc<TempDir>>,
    /// The format that libgit2 does not read; then the view is only for reading.
    pub(super) format: Option<ForeignFormat>,
}

/// What git says about a repository.
struct Accepted {
    git_folder: PathBuf,
    common_folder: PathBuf,
    /// None for a bare repository.
    root: Option<PathBuf>,
    object_format: String,
    has_reftable: bool,
}

impl Opened {
    fn real(git: git2::Repository) -> Self {
        let (git_folder, common_folder) = (git.path().to_path_buf(), git.commondir().to_path_buf());
        Self { git, git_folder, common_folder, view: None, format: None }
    }

    /// Opens the repository of the current folder and git's environment.
    pub(super) fn discover(dir: &Path) -> Result<Self, SourceError> {
        match git2::Repository::open_from_env() {
            Ok(git) => Ok(Self::real(git)),
            Err(error) if error.code() == ErrorCode::NotFound => {
                Err(SourceError::NotARepository { dir: dir.to_path_buf() })
            }
            Err(error) => Self::by_git(dir, &error, true),
        }
    }

    /// Opens the repository at `dir`, independent of the environment.
    pub(super) fn at(dir: &Path) -> Result<Self, SourceError> {
        let none = std::iter::empty::<&Path>();
        let flags = git2::RepositoryOpenFlags::NO_SEARCH;
        match git2::Repository::open_ext(dir, flags, none) {
            Ok(git) => Ok(Self::real(git)),
            Err(error) if error.code() == ErrorCode::NotFound => {
                Err(SourceError::NotARepository { dir: dir.to_path_buf() })
            }
            Err(error) => Self::by_git(dir, &error, false),
        }
    }

    /// Opens a repository that libgit2 refuses, if git accepts it.
    fn by_git(
        dir: &Path,
        error: &git2::Error,
        uses_environment: bool,
    ) -> Result<Self, SourceError> {
        let unusable = || SourceError::Git {
            what: format!("the repository at `{}`", dir.display()),
            message: error.message().to_owned(),
        };
        let accepted = Accepted::by_git(dir, uses_environment)?;
        let format = match accepted.object_format.as_str() {
            "sha1" if accepted.has_reftable => Some(ForeignFormat::REFTABLE),
            "sha1" => None,
            _ => Some(ForeignFormat::SHA256),
        };
        let is_known = format.is_some()
            || error.code() == ErrorCode::Owner
            || error.message().contains(PARTIAL_CLONE);
        if !is_known || cfg!(not(unix)) {
            return Err(format.map_or_else(unusable, |format| format.error(dir)));
        }
        let view = accepted.view(format, uses_environment).map_err(|why| SourceError::Git {
            what: format!("the repository at `{}`", dir.display()),
            message: format!("cannot link to it: {why}"),
        })?;
        if format.is_some_and(|format| format.has_long_ids) {
            // A converted object has the ID of the real one, which is not that of its content.
            git2::opts::strict_hash_verification(false);
        }
        let git = git2::Repository::open_bare(view.path()).map_err(|_| unusable())?;
        if let Some(root) = &accepted.root {
            git.set_workdir(root, false).map_err(SourceError::git("the work tree"))?;
        }
        let Accepted { git_folder, common_folder, .. } = accepted;
        Ok(Self { git, git_folder, common_folder, view: Some(Rc::new(view)), format })
    }
}

/// The extension that older versions of git set in a partial clone, in libgit2's message.
const PARTIAL_CLONE: &str = "partialclone";

/// The parts of git's folder that a view has of its own if its refs are converted.
const REFS: [&str; 5] = ["HEAD", "refs", "packed-refs", "logs", "reftable"];

/// The parts of git's folder that a view has of its own if its objects are converted.
const OBJECTS: [&str; 3] = ["objects", "index", "shallow"];

/// The folder of converted objects, below goldenpath's own folder.
const CONVERTED: &str = "goldenpath/converted";

impl Accepted {
    /// Asks git about the repository at `dir`.
    fn by_git(dir: &Path, uses_environment: bool) -> Result<Self, SourceError> {
        let failed = |message: String| SourceError::Git {
            what: format!("the repository at `{}`", dir.display()),
            message,
        };
        let ask = |arguments: &[&str]| {
            let mut command = Command::new("git");
            if !uses_environment {
                for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE"] {
                    command.env_remove(name);
                }
            }
            command.arg("-C").arg(dir).arg("rev-parse").args(arguments);
            command.stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
            let said = command.output().map_err(|error| failed(error.to_string()))?;
            if said.status.success() {
                Ok(String::from_utf8_lossy(&said.stdout).into_owned())
            } else {
                Err(refusal(dir, &String::from_utf8_lossy(&said.stderr)))
            }
        };
        let folders = ["--path-format=absolute", "--git-dir", "--git-common-dir"];
        let format = ["--show-object-format", "--is-bare-repository"];
        let text = ask(&[&folders[..], &format].concat())?;
        let lines: Vec<&str> = text.lines().collect();
        let [git_folder, common_folder, object_format, is_bare] = lines[..] else {
            return Err(failed(format!("`git rev-parse` printed {text:?}")));
        };
        let root = match is_bare {
            "true" => None,
            _ => Some(PathBuf::from(ask(&["--show-toplevel"])?.trim_end_matches('\n'))),
        };
        Ok(Self {
            git_folder: PathBuf::from(git_folder),
            common_folder: PathBuf::from(common_folder),
            root,
            object_format: object_format.to_owned(),
            has_reftable: Path::new(common_folder).join("reftable").is_dir(),
        })
    }

    /// Creates the temporary git folder.
    #[cfg(unix)]
    fn view(&self, format: Option<ForeignFormat>, uses_environment: bool) -> io::Result<TempDir> {
        let view = tempfile::Builder::new().prefix("goldenpath-view-").tempdir()?;
        let has_long_ids = format.is_some_and(|format| format.has_long_ids);
        let is_own = |name: &str| {
            OWN.contains(&name)
                || (format.is_some() && REFS.contains(&name))
                || (has_long_ids && OBJECTS.contains(&name))
        };
        let link = |from: &Path, includes: &dyn Fn(&str) -> bool| -> io::Result<()> {
            for entry in fs::read_dir(from)? {
                let entry = entry?;
                let name = entry.file_name();
                let (text, to) = (name.to_string_lossy(), view.path().join(&name));
                if is_own(&text) || !includes(&text) {
                    continue;
                }
                match fs::remove_file(&to) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => std::os::unix::fs::symlink(entry.path(), to)?,
                }
            }
            Ok(())
        };
        link(&self.common_folder, &|_| true)?;
        if self.git_folder != self.common_folder {
            link(&self.git_folder, &|name| !SHARED.contains(&name))?;
        }
        fs::write(view.path().join("config"), self.configuration()?)?;
        if format.is_some() {
            let reader = GitReader::new(&self.git_folder);
            reader.write_refs(view.path())?;
            let objects = view.path().join("objects");
            if has_long_ids {
                let kept = self.common_folder.join(CONVERTED);
                fs::create_dir_all(&kept)?;
                std::os::unix::fs::symlink(&kept, &objects)?;
                reader.start_conversion(view.path(), &kept)?;
                if self.root.is_some() {
                    reader.write_index(view.path())?;
                }
            } else if uses_environment && let Some(own) = env::var_os("GIT_OBJECT_DIRECTORY") {
                // The objects of a push are in quarantine until its hooks accept it.
                fs::remove_file(&objects)?;
                fs::create_dir_all(objects.join("info"))?;
                let others = env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES").unwrap_or_default();
                let real = self.common_folder.join("objects");
                let folders =
                    [PathBuf::from(own), real].into_iter().chain(env::split_paths(&others));
                let absolute =
                    folders.map(|folder| folder.canonicalize()).collect::<Result<Vec<_>, _>>()?;
                let lines = absolute.iter().map(|folder| format!("{}\n", folder.display()));
                fs::write(objects.join("info/alternates"), lines.collect::<String>())?;
            }
        }
        Ok(view)
    }

    #[cfg(not(unix))]
    fn view(&self, _: Option<ForeignFormat>, _: bool) -> io::Result<TempDir> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// Returns the repository's own configuration, without what libgit2 refuses.
    fn configuration(&self) -> io::Result<String> {
        let work_tree = self.root.as_deref().unwrap_or(&self.git_folder);
        let program = Git::new(&self.git_folder, work_tree);
        let mut text = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n".to_owned();
        for scope in ["--local", "--worktree"] {
            let arguments = ["config", "--list", "--includes", "-z", scope];
            let listed = program.run_unchecked(&arguments, LOCAL);
            let listed = listed.map_err(|error| io::Error::other(error.to_string()))?;
            // Without work trees of its own, the second scope is the first one.
            for entry in listed.stdout.split('\0').filter(|entry| !entry.is_empty()) {
                text.push_str(&setting(entry).unwrap_or_default());
            }
        }
        Ok(text)
    }
}

/// Returns the lines of a setting in the output of `git config --list -z`.
///
/// None for a setting that a view has of its own.
fn setting(entry: &str) -> Option<String> {
    let (key, value) = match entry.split_once('\n') {
        Some((key, value)) => (key, Some(value)),
        None => (entry, None),
    };
    let (section, rest) = key.split_once('.')?;
    let (subsection, name) = match rest.rsplit_once('.') {
        Some((subsection, name)) => (Some(subsection), name),
        None => (None, rest),
    };
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    match (section, name) {
        ("extensions", "partialclone") => {
            let remote = escape(value.unwrap_or_default());
            return Some(format!("[remote \"{remote}\"]\n\tpromisor = true\n"));
        }
        ("extensions", _) => return None,
        ("core", "repositoryformatversion" | "bare" | "worktree") => return None,
        _ => {}
    }
    let heading = match subsection {
        Some(subsection) => format!("[{section} \"{}\"]", escape(subsection)),
        None => format!("[{section}]"),
    };
    let value = value.map(|value| format!(" = \"{}\"", escape(value))).unwrap_or_default();
    Some(format!("{heading}\n\t{name}{value}\n"))
}

/// Returns the error for a repository that git refuses.
fn refusal(dir: &Path, said: &str) -> SourceError {
    let line = |begin: &str| said.lines().map(str::trim).find_map(|line| line.strip_prefix(begin));
    if let Some(folder) = line("git config --global --add safe.directory ") {
        let folder = PathBuf::from(folder.trim_matches('\''));
        return SourceError::Owner { dir: folder };
    }
    if said.contains("refstorage") {
        // This version of git does not read them, so that it cannot convert them either.
        let what = "refs of a format that this version of git does not read".to_owned();
        let help = ForeignFormat::REFTABLE.help;
        return SourceError::Format { dir: dir.to_path_buf(), what, help };
    }
    SourceError::Git {
        what: format!("the repository at `{}`", dir.display()),
        message: line("fatal: ").unwrap_or(said.trim()).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_as_git_reads_them() {
        for (entry, expected) in [
            ("user.name\nAnn", Some("[user]\n\tname = \"Ann\"\n")),
            ("remote.a.b.url\n/x \"y\"", Some("[remote \"a.b\"]\n\turl = \"/x \\\"y\\\"\"\n")),
            ("core.ignorecase", Some("[core]\n\tignorecase\n")),
            ("core.bare\nfalse", None),
            ("extensions.worktreeconfig\ntrue", None),
            ("extensions.partialclone\norigin", Some("[remote \"origin\"]\n\tpromisor = true\n")),
        ] {
            assert_eq!(setting(entry).as_deref(), expected, "{entry}");
        }
    }

    #[test]
    fn git_names_the_folder_that_belongs_to_another_user() {
        let said = "fatal: detected dubious ownership in repository at '/srv/a b'\nTo add an \
                    exception for this directory, call:\n\n\tgit config --global --add \
                    safe.directory '/srv/a b'\n";
        let error = refusal(Path::new("/"), said);
        assert!(matches!(error, SourceError::Owner { dir } if dir == Path::new("/srv/a b")));
    }
}
