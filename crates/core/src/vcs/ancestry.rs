//! Whether one commit contains another, also in a shallow clone.

use git2::Oid;

use super::git::NETWORK;
use super::{Repository, SourceError};

/// The numbers of commits by which a shallow clone is deepened, one after the other.
///
/// After the last one, the whole history is fetched.
const DEEPEN: [u32; 3] = [50, 500, 5000];

impl Repository {
    /// Reports whether `commit` is `ancestor` or has it in its history.
    ///
    /// A shallow clone is deepened until that is known, from the remote of this name.
    ///
    /// # Errors
    /// [`SourceError::Cut`] if a shallow clone cannot be deepened, or a repository that cannot be
    /// read.
    pub fn has_ancestor(
        &self,
        commit: &str,
        ancestor: &str,
        remote: Option<&str>,
    ) -> Result<bool, SourceError> {
        let parse = |text: &str| Oid::from_str(text).map_err(SourceError::git(format!("`{text}`")));
        let (commit, ancestor) = (parse(commit)?, parse(ancestor)?);
        // After the last fetch, it is compared once more.
        for deepen in DEEPEN.into_iter().map(Some).chain([None, None]) {
            if commit == ancestor || self.is_descendant(commit, ancestor)? {
                return Ok(true);
            }
            if !self.is_shallow_now() {
                return Ok(false);
            }
            let depth = deepen
                .map_or_else(|| "--unshallow".to_owned(), |commits| format!("--deepen={commits}"));
            let cut = |why: String| SourceError::Cut {
                commit: commit.to_string(),
                ancestor: ancestor.to_string(),
                why,
            };
            let main = self.main_remote().map_err(|error| cut(error.to_string()))?;
            let remote = remote
                .or(main.as_deref())
                .ok_or_else(|| cut("the clone has no remote".to_owned()))?;
            let arguments = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", &depth];
            self.program()
                .without_prompts()
                .run(&[&arguments[..], &[remote]].concat(), NETWORK)
                .map_err(|error| cut(error.to_string()))?;
        }
        let why = "its history is still cut after the fetch".to_owned();
        Err(SourceError::Cut { commit: commit.to_string(), ancestor: ancestor.to_string(), why })
    }

    fn is_descendant(&self, commit: Oid, ancestor: Oid) -> Result<bool, SourceError> {
        // A repository that was opened before a fetch does not see the new boundary.
        let git =
            git2::Repository::open(self.git.path()).map_err(SourceError::git("the repository"))?;
        let objects = git.odb().map_err(SourceError::git("the objects"))?;
        if !objects.exists(ancestor) {
            return Ok(false);
        }
        git.graph_descendant_of(commit, ancestor).map_err(SourceError::git("the history"))
    }

    fn is_shallow_now(&self) -> bool {
        !self.shallow_ends().is_empty()
    }
}
