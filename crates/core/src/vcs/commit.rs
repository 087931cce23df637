//! Single commits: their authors, and commits without parents.

use git2::{Commit, Oid, Signature};
use jiff::Timestamp;

use super::{Repository, SourceError};
use crate::sanitize::sanitize_name;

impl Repository {
    /// Reports whether this clone has the commit.
    #[must_use]
    pub fn has_commit(&self, id: Oid) -> bool {
        self.git.find_commit(id).is_ok()
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
    #[must_use]
    pub fn author_and_day(&self, id: Oid) -> Option<String> {
        let commit = self.git.find_commit(id).ok()?;
        let author = commit.author();
        let name = String::from_utf8_lossy(author.name_bytes()).into_owned();
        Some(format!("{}, {}", sanitize_name(&name), day(&commit)?))
    }

    /// Creates an empty commit without parents, to which no ref points.
    ///
    /// # Errors
    /// A repository that cannot be written.
    pub fn create_root_commit(&self, message: &str) -> Result<Oid, SourceError> {
        let write = || {
            let fallback = |_| Signature::now("goldenpath", "goldenpath@localhost");
            let author = self.git.author_from_env().or_else(fallback)?;
            let committer = self.git.committer_from_env().or_else(fallback)?;
            let nothing = self.git.find_tree(self.git.treebuilder(None)?.write()?)?;
            self.git.commit(None, &author, &committer, message, &nothing, &[])
        };
        write().map_err(SourceError::git("or write its objects"))
    }
}

/// Returns the day of a commit, in UTC.
fn day(commit: &Commit<'_>) -> Option<String> {
    let time = Timestamp::from_second(commit.time().seconds()).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}
