//! Pushing a commit to a remote branch, with a retry after each lost race.

use std::time::{Duration, Instant};

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid};

use super::cache::Cache;
use super::{BranchScope, FileEdit, RemoteBranch};
use crate::branch::{BranchError, TreeItem, tree};
use goldenpath_core::crash_point;
use goldenpath_core::vcs;
use goldenpath_core::vcs::git;
use goldenpath_core::vcs::git::{NETWORK, PushRejections};

/// The maximum time of losing races.
const LIMIT: Duration = Duration::from_secs(300);

/// The maximum pause after the first lost race, doubled after each, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(3);

/// The maximum number of pushes without an answer.
const MAX_UNANSWERED: usize = 3;

/// The maximum number of lost races without a new commit on the branch.
///
/// After that, something else keeps the ref from moving.
const MAX_STUCK: usize = 8;

/// The result of a push.
enum PushResult {
    Done,
    /// Another push was probably faster, with git's reason.
    Lost(String),
    /// The remote rejected it, with the reason.
    Refused(String),
    /// It is not known whether the push arrived.
    Unanswered(BranchError),
}

impl RemoteBranch {
    /// Pushes one commit with the files and the message that `edits` returns.
    ///
    /// `edits` is called again for the new last commit after each lost race, and returns None if
    /// there is nothing to do any more. Returns the commit's ID.
    ///
    /// # Errors
    /// If the remote does not answer or rejects the push, or other pushes are always faster.
    pub fn change(
        &self,
        edits: &mut dyn FnMut() -> Option<(Vec<FileEdit>, String)>,
    ) -> Result<Option<String>, BranchError> {
        let begin = Instant::now();
        let (mut pause, mut unanswered, mut stuck, mut last) = (FIRST_PAUSE, 0, 0, None);
        let (what, branch) = (self.cache.what, || self.branch.clone());
        loop {
            let Some((edits, message)) = edits() else {
                // A push without an answer has arrived, or another run made all changes.
                return Ok(last.map(|commit: Oid| commit.to_string()));
            };
            let commit = self.commit(&edits, &message)?;
            last = Some(commit);
            crash_point::point("remote: commit made");
            match self.push(commit, &self.branch, &[]) {
                PushResult::Done => {
                    crash_point::point("remote: pushed");
                    if self.scope == BranchScope::OptionalWithHistory {
                        self.cache.set_fetched(&self.branch, commit);
                    }
                    self.head.set(Some(commit));
                    return Ok(Some(commit.to_string()));
                }
                PushResult::Lost(_) if begin.elapsed() > LIMIT => {
                    let (place, seconds) = (self.cache.name.clone(), LIMIT.as_secs());
                    return Err(BranchError::Contended { what, place, branch: branch(), seconds });
                }
                PushResult::Refused(why) => {
                    return Err(BranchError::Refused {
                        what,
                        place: self.cache.name.clone(),
                        branch: branch(),
                        why,
                    });
                }
                PushResult::Lost(why) if stuck == MAX_STUCK => {
                    return Err(BranchError::Refused {
                        what,
                        place: self.cache.name.clone(),
                        branch: branch(),
                        why,
                    });
                }
                PushResult::Lost(_) => {
                    // Random pauses keep runs from pushing at the same time again.
                    git::sleep_with_jitter(pause);
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                PushResult::Unanswered(error) => {
                    unanswered += 1;
                    if unanswered == MAX_UNANSWERED {
                        return Err(error);
                    }
                }
            }
            let head = self.cache.update(Some(&self.branch), self.scope)?.1;
            stuck = if head == self.head() { stuck + 1 } else { 0 };
            self.set_head(head);
        }
    }

    /// Pushes a commit with these files, on top of the branch's last one, to another branch.
    ///
    /// That branch is replaced, unless it has the same commit already.
    ///
    /// # Errors
    /// If the remote does not answer or rejects the push.
    pub fn propose(
        &self,
        edits: &[FileEdit],
        message: &str,
        branch: &str,
    ) -> Result<(), BranchError> {
        let Cache { git, what, name, .. } = &self.cache;
        let broken = |error: &git2::Error| self.cache.broken(error);
        let (_, old) = self.cache.update(Some(branch), BranchScope::Optional)?;
        let commit = self.commit(edits, message)?;
        let content = |id: Oid| {
            let commit = git.find_commit(id)?;
            Ok((commit.tree_id(), commit.parent_ids().collect::<Vec<Oid>>()))
        };
        let new = content(commit).map_err(|error| broken(&error))?;
        if let Some(old) = old
            && content(old).map_err(|error| broken(&error))? == new
        {
            return Ok(());
        }
        let lease = format!(
            "--force-with-lease=refs/heads/{branch}:{}",
            old.map(|old| old.to_string()).unwrap_or_default()
        );
        match self.push(commit, branch, &[&lease]) {
            PushResult::Done => Ok(()),
            PushResult::Unanswered(error) => Err(error),
            PushResult::Lost(why) | PushResult::Refused(why) => Err(BranchError::Refused {
                what,
                place: name.clone(),
                branch: branch.to_owned(),
                why,
            }),
        }
    }

    /// Creates a commit on the branch's last one.
    fn commit(&self, edits: &[FileEdit], message: &str) -> Result<Oid, BranchError> {
        let git = &self.cache.git;
        let broken = |error: git2::Error| self.cache.broken(&error);
        let base = self.cache.tree_of(self.head()).and_then(|tree| git.find_tree(tree));
        let base = base.map_err(broken)?;
        let mut update = TreeUpdateBuilder::new();
        for FileEdit { file, text } in edits {
            let found = tree::find(git, base.id(), file).map_err(broken)?;
            let blob = |text: &String| git.blob(text.as_bytes()).map_err(broken);
            match (text, found) {
                (Some(text), TreeItem::File { mode, .. }) if mode & 0o111 != 0 => {
                    update.upsert(file.as_str(), blob(text)?, FileMode::BlobExecutable);
                }
                (Some(text), _) => _ = update.upsert(file.as_str(), blob(text)?, FileMode::Blob),
                (None, TreeItem::File { .. }) => _ = update.remove(file.as_str()),
                (None, _) => {}
            }
        }
        let tree = update.create_updated(git, &base).map_err(broken)?;
        let parents: Vec<Oid> = self.head().into_iter().collect();
        vcs::write_commit(git, &self.cache.program, tree, &parents, message)
            .map_err(|source| self.cache.source(source))
    }

    /// Checks that git can sign a commit, if it is configured to.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check_signer(&self) -> Result<(), BranchError> {
        vcs::check_signer(&self.cache.git, &self.cache.program)
            .map_err(|source| self.cache.source(source))
    }

    /// Checks that the remote accepts a push to the branch from this user. Changes nothing there.
    ///
    /// The remote's hooks and rules for branches decide only on a real push.
    ///
    /// # Errors
    /// If the remote does not answer or does not let the user push.
    pub fn check_push(&self) -> Result<(), BranchError> {
        let commit = match self.head() {
            Some(head) => head,
            None => self.commit(&[], "goldenpath: is a push allowed?\n")?,
        };
        match self.push(commit, &self.branch, &["--dry-run"]) {
            PushResult::Done => Ok(()),
            PushResult::Unanswered(error) => Err(error),
            PushResult::Lost(why) | PushResult::Refused(why) => Err(BranchError::Refused {
                what: self.cache.what,
                place: self.cache.name.clone(),
                branch: self.branch.clone(),
                why,
            }),
        }
    }

    fn push(&self, commit: Oid, branch: &str, options: &[&str]) -> PushResult {
        let refspec = format!("{commit}:refs/heads/{branch}");
        let arguments =
            ["push", "--porcelain", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags"];
        let arguments =
            [&arguments[..], options, &["--recurse-submodules=no", &self.cache.target, &refspec]]
                .concat();
        let unanswered = |source| PushResult::Unanswered(self.cache.unreachable(source));
        match self.cache.program.run_unchecked(&arguments, NETWORK) {
            Ok(answer) if answer.success => PushResult::Done,
            Ok(answer) => match (
                PushRejections(&answer.stdout).are_races(),
                PushRejections(&answer.stdout).first(),
            ) {
                (true, why) => PushResult::Lost(why.unwrap_or_default()),
                (false, Some(why)) => PushResult::Refused(if answer.stderr.is_empty() {
                    why
                } else {
                    format!("{why}; {}", answer.stderr)
                }),
                (false, None) => unanswered(git::GitError::Failed {
                    command: "push".to_owned(),
                    stderr: answer.stderr,
                }),
            },
            Err(error) => unanswered(error),
        }
    }
}
