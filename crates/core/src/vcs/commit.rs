//! Single commits: their authors, and commits without parents.

use git2::{Commit, Oid};
use jiff::Timestamp;

use super::conversion::parse_id;
use super::git::{GitError, LOCAL};
use super::new_commit::write_commit;
use super::{Repository, Snapshot, SourceError};
use crate::sanitize::sanitize_name;

impl Repository {
    /// Reports whether this clone has the commit.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn has_commit(&self, id: Oid) -> Result<bool, SourceError> {
        self.has(id)
    }

    /// Returns the author that git would write into a new commit, as `name <address>`.
    #[must_use]
    pub fn author(&self) -> Option<String> {
        let author = self.git.author_from_env().ok()?;
        let text = |bytes: &[u8]| sanitize_name(&String::from_utf8_lossy(bytes)).into_owned();
        Some(format!("{} <{}>", text(author.name_bytes()), text(author.email_bytes())))
    }

    /// Returns the URL of the remote `name`, or else of `origin` or of the only remote.
    #[must_use]
    pub fn remote_url(&self, name: Option<&str>) -> Option<String> {
        let remotes = self.remotes();
        let name = match (name, remotes.as_slice()) {
            (Some(name), _) => name,
            (None, all) if all.iter().any(|remote| remote == "origin") => "origin",
            (None, [only]) => only,
            (None, _) => return None,
        };
        let remote = self.git.find_remote(name).ok()?;
        remote.url().ok().map(str::to_owned)
    }

    /// Returns the author and the day of a commit, sanitized for the terminal.
    ///
    /// None if this clone does not have the commit.
    ///
    /// # Errors
    /// A commit that cannot be read.
    pub fn author_and_day(&self, id: Oid) -> Result<Option<String>, SourceError> {
        if !self.has(id)? {
            return Ok(None);
        }
        let commit = self.find_commit(id)?;
        let author = commit.author();
        let name = String::from_utf8_lossy(author.name_bytes()).into_owned();
        Ok(day(&commit).map(|day| format!("{}, {day}", sanitize_name(&name))))
    }

    /// Creates an empty commit without parents, to which no ref points.
    ///
    /// # Errors
    /// A repository that cannot be written.
    pub fn create_root_commit(&self, message: &str) -> Result<Oid, SourceError> {
        if self.has_long_ids() {
            return self.create_long_root_commit(message);
        }
        let write = || self.git.treebuilder(None)?.write();
        let nothing = write().map_err(SourceError::git("or write its objects"))?;
        write_commit(&self.git, &self.program(), nothing, &[], message)
    }

    /// Creates it by the `git` program, with an ID that libgit2 does not know.
    fn create_long_root_commit(&self, message: &str) -> Result<Oid, SourceError> {
        let what = || "or write its objects".to_owned();
        let failed =
            |error: GitError| SourceError::Git { what: what(), message: error.to_string() };
        let program = self.program();
        let run = |arguments: &[&str], input: &str| {
            let answer = program.run_with_input(arguments, input.as_bytes(), LOCAL);
            let answer = answer.map_err(failed)?;
            if answer.success {
                return Ok(answer.stdout.trim().to_owned());
            }
            Err(SourceError::Git { what: what(), message: answer.stderr })
        };
        let nothing = run(&["mktree"], "")?;
        let signs = self.git.config().and_then(|config| config.get_bool("commit.gpgSign"));
        let sign: &[&str] = if signs.unwrap_or_default() { &["-S"] } else { &[] };
        let commit = run(&[&["commit-tree", &nothing, "-F", "-"], sign].concat(), message)?;
        parse_id(&commit).ok_or_else(|| SourceError::Git { what: what(), message: commit })
    }

    /// Creates a commit on top of `base`, to which no ref points yet.
    ///
    /// # Errors
    /// A repository that cannot be written, or a commit that git cannot sign.
    pub fn create_commit(
        &self,
        tree: Oid,
        base: Snapshot,
        message: &str,
    ) -> Result<Snapshot, SourceError> {
        let parents = match base {
            Snapshot::Commit(base) => vec![base],
            _ => Vec::new(),
        };
        write_commit(&self.git, &self.program(), tree, &parents, message).map(Snapshot::Commit)
    }
}

/// Returns the day of a commit, in UTC.
fn day(commit: &Commit<'_>) -> Option<String> {
    let time = Timestamp::from_second(commit.time().seconds()).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}
