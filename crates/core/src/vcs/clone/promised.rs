//! Objects that a partial clone left out, and that its remotes promise to have.
//!
//! git fetches them when it needs them (gitformat-partial-clone); libgit2 does not. They are
//! fetched here in one batch, by the `git` program, as git itself fetches them.

use std::env;
use std::time::Duration;

use git2::{ErrorClass, ErrorCode, OdbLookupFlags, Oid};

use crate::vcs::conversion::GitReader;
use crate::vcs::git::Git;

/// The time limit of a fetch.
const LIMIT: Duration = Duration::from_secs(30);

/// The variable that forbids fetching missing objects (git, "GIT_NO_LAZY_FETCH").
const NO_LAZY_FETCH: &str = "GIT_NO_LAZY_FETCH";

/// The limit of fetches for one read, against remotes that lack what they promise.
const MOST_FETCHES: usize = 64;

/// Why objects that a partial clone lacks are not available.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot fetch {objects} that this partial clone lacks: {why}")]
pub struct MissingObjects {
    /// How many: `1 object`.
    objects: String,
    why: String,
    /// The command that helps.
    pub help: String,
}

/// Why a read failed.
#[derive(Debug)]
pub(super) enum ReadError {
    Git(git2::Error),
    Missing(MissingObjects),
}

/// Runs `read`, and again after fetching an object that it misses.
///
/// For repositories that are not a [`Repository`](crate::vcs::Repository).
///
/// # Errors
/// Those of `read`, with the reason if an object cannot be fetched.
pub fn read_or_fetch<T>(
    git: &git2::Repository,
    read: impl FnMut() -> Result<T, git2::Error>,
) -> Result<T, git2::Error> {
    retry(git, &|| program_of(git), read).map_err(to_git_error)
}

/// Fetches those of `ids` that a repository of libgit2 lacks, in one batch.
///
/// # Errors
/// The reason, if they cannot be fetched.
pub fn fetch_missing(
    git: &git2::Repository,
    ids: impl Iterator<Item = Oid>,
) -> Result<(), git2::Error> {
    ensure(git, &|| program_of(git), ids).map_err(to_git_error)
}

/// Reports whether a remote promises objects that a repository of libgit2 may lack.
///
/// # Errors
/// A git configuration that cannot be read.
pub fn is_partial(git: &git2::Repository) -> Result<bool, git2::Error> {
    Ok(GitReader::of_view(git)?.is_some() || !promisors(git)?.is_empty())
}

fn to_git_error(error: ReadError) -> git2::Error {
    match error {
        ReadError::Git(error) => error,
        ReadError::Missing(missing) => {
            git2::Error::from_str(&format!("{missing}; run `{}`", missing.help))
        }
    }
}

/// Returns the `git` program for a repository of libgit2.
fn program_of(git: &git2::Repository) -> Git {
    Git::new(git.path(), git.workdir().unwrap_or_else(|| git.path()))
}

/// Runs `read`, and again after fetching each object that it misses.
pub(super) fn retry<T>(
    git: &git2::Repository,
    program: &dyn Fn() -> Git,
    mut read: impl FnMut() -> Result<T, git2::Error>,
) -> Result<T, ReadError> {
    let mut last = None;
    for _ in 0..MOST_FETCHES {
        let error = match read() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let missing = missing_object(&error).filter(|id| last != Some(*id));
        let Some(missing) = missing else { return Err(ReadError::Git(error)) };
        if !fetch(git, program, &[missing]).map_err(ReadError::Missing)? {
            return Err(ReadError::Git(error));
        }
        last = Some(missing);
    }
    read().map_err(ReadError::Git)
}

/// Fetches those of `ids` that this clone lacks, in one batch.
///
/// What no remote promises stays missing.
pub(super) fn ensure(
    git: &git2::Repository,
    program: &dyn Fn() -> Git,
    ids: impl Iterator<Item = Oid>,
) -> Result<(), ReadError> {
    let objects = git.odb().map_err(ReadError::Git)?;
    let mut missing: Vec<Oid> =
        ids.filter(|id| !objects.exists_ext(*id, OdbLookupFlags::NO_REFRESH)).collect();
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        fetch(git, program, &missing).map_err(ReadError::Missing)?;
    }
    Ok(())
}

/// Fetches objects from the remotes that promise them; returns false if there are none.
fn fetch(
    git: &git2::Repository,
    program: &dyn Fn() -> Git,
    ids: &[Oid],
) -> Result<bool, MissingObjects> {
    let objects = match ids.len() {
        1 => "1 object".to_owned(),
        count => format!("{count} objects"),
    };
    let failed = |why: String, help: String| MissingObjects { objects: objects.clone(), why, help };
    let unconverted =
        |why: String| failed(why, "git fsck --connectivity-only --no-dangling".to_owned());
    let reader = GitReader::of_view(git);
    if let Some(reader) = reader.map_err(|error| unconverted(error.message().to_owned()))? {
        let names = ids.iter().map(Oid::to_string).collect();
        let converted = reader.convert(&git.path().join("objects"), names);
        return converted.map(|()| true).map_err(|error| unconverted(error.to_string()));
    }
    let refetch = |remote: &str| format!("git fetch --refetch --no-filter {remote}");
    let promisors = promisors(git)
        .map_err(|error| failed(error.message().to_owned(), "git config --list".to_owned()))?;
    let Some(first) = promisors.first() else { return Ok(false) };
    if env::var(NO_LAZY_FETCH).is_ok_and(|value| is_true(&value)) {
        let why = format!("{NO_LAZY_FETCH} forbids it");
        return Err(failed(why, format!("unset {NO_LAZY_FETCH}, or: {}", refetch(first))));
    }
    let names: String = ids.iter().map(|id| format!("{id}\n")).collect();
    let mut why = String::new();
    for remote in &promisors {
        // The arguments of git's own fetch of missing objects (promisor-remote.c).
        let arguments = [
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--recurse-submodules=no",
            "--filter=blob:none",
            "--stdin",
            remote,
        ];
        let notice = format!("Fetching {objects} that this partial clone lacks from {remote} …");
        let program = program().without_prompts().with_notice(notice);
        match program.run_with_input(&arguments, names.as_bytes(), LIMIT) {
            Ok(answer) if answer.success => return Ok(true),
            Ok(answer) => why = answer.stderr,
            Err(error) => why = error.to_string(),
        }
    }
    Err(failed(why, refetch(first)))
}

/// Returns the remotes that promise missing objects, in git's order.
///
/// These are `remote.<name>.promisor` and, from older versions of git, `extensions.partialClone`.
pub(super) fn promisors(git: &git2::Repository) -> Result<Vec<String>, git2::Error> {
    let config = git.config()?;
    let mut names: Vec<String> = Vec::new();
    let mut entries =
        config.entries(Some("^(remote\\..*\\.promisor|extensions\\.partialclone)$"))?;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        // A key without a value is true.
        let value = if entry.has_value() { entry.value()? } else { "true" };
        let remote = match entry.name()?.strip_prefix("remote.") {
            Some(rest) => rest.strip_suffix(".promisor").filter(|_| is_true(value)),
            None => Some(value),
        };
        let remote = remote.map(str::to_owned);
        if let Some(remote) = remote.filter(|remote| !names.contains(remote)) {
            names.push(remote);
        }
    }
    Ok(names)
}

fn is_true(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
}

/// Returns the object that libgit2 did not find; None for another error.
///
/// Its message ends with the ID in parentheses (odb.c, `git_odb__error_notfound`).
fn missing_object(error: &git2::Error) -> Option<Oid> {
    if error.code() != ErrorCode::NotFound || error.class() != ErrorClass::Odb {
        return None;
    }
    let (_, id) = error.message().rsplit_once('(')?;
    let id = id.strip_suffix(')')?;
    if id.len() == 40 { id.parse().ok() } else { None }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_missing_object_is_in_the_message_of_libgit2() {
        let folder = tempfile::tempdir().unwrap();
        let git = git2::Repository::init(folder.path()).unwrap();
        let id = Oid::from_bytes(&[7; 20]).unwrap();
        let odb = git.odb().unwrap();
        let errors = [
            git.find_tree(id).map(drop).unwrap_err(),
            git.find_commit(id).map(drop).unwrap_err(),
            odb.read(id).map(drop).unwrap_err(),
            odb.read_header(id).map(drop).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(missing_object(&error), Some(id), "{error}");
        }
        let other = git.find_reference("refs/heads/none").map(drop).unwrap_err();
        assert_eq!(missing_object(&other), None);
    }

    #[test]
    fn promisor_remotes_of_old_and_new_versions_of_git_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let git = git2::Repository::init(folder.path()).unwrap();
        assert_eq!(promisors(&git).unwrap(), Vec::<String>::new());
        let mut config = git.config().unwrap();
        config.set_str("remote.a.promisor", "true").unwrap();
        config.set_str("remote.b.promisor", "no").unwrap();
        config.set_str("extensions.partialClone", "origin").unwrap();
        config.set_str("remote.o/c.promisor", "1").unwrap();
        let mut found = promisors(&git).unwrap();
        found.sort();
        assert_eq!(found, ["a", "o/c", "origin"]);
    }
}
