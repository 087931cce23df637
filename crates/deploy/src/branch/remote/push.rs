//! Committing on what the remote has, and pushing. Whoever loses a race looks again, and does it on the new commit.

use std::time::{Duration, Instant};

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid};

use super::{FileEdit, RemoteBranch};
use crate::branch::checkout::signatures;
use crate::branch::{BranchError, TreeItem, tree};
use goldenpath_core::crash_point;
use goldenpath_core::vcs::git;
use goldenpath_core::vcs::git::{NETWORK, Rejections};

/// How long others may be faster.
const LIMIT: Duration = Duration::from_secs(300);

/// The longest pause after the first race that was lost; it doubles with each further one, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(3);

/// How often a push is tried of which nothing was heard.
const UNHEARD: usize = 3;

/// How often a race can be lost to nobody, before it is something else that keeps the ref from moving.
const STUCK: usize = 8;

/// What became of a push.
enum PushResult {
    Done,
    /// Somebody else was faster, as it seems, and what was said.
    Lost(String),
    /// The remote takes none.
    Refused(String),
    /// It may have arrived, and may not.
    Unheard(BranchError),
}

impl RemoteBranch {
    /// Pushes one commit with what `edits` says of the branch's last commit: files, and the message. It is asked again each
    /// time that somebody else was faster, and says None where there is nothing to do, or nothing any more. Returns the
    /// commit's ID.
    ///
    /// # Errors
    /// A remote that does not answer or takes no push, and others who are faster all the time.
    pub fn change(
        &self,
        edits: &mut dyn FnMut() -> Option<(Vec<FileEdit>, String)>,
    ) -> Result<Option<String>, BranchError> {
        let begin = Instant::now();
        let (mut pause, mut unheard, mut stuck, mut last) = (FIRST_PAUSE, 0, 0, None);
        let (what, branch) = (self.cache.what, || self.branch.clone());
        loop {
            let Some((edits, message)) = edits() else {
                // A push of which nothing was heard has arrived, or another run has done all of it.
                return Ok(last.map(|commit: Oid| commit.to_string()));
            };
            let commit =
                self.commit(&edits, &message).map_err(|error| self.cache.broken(&error))?;
            last = Some(commit);
            crash_point::point("remote: commit made");
            match self.push(commit) {
                PushResult::Done => {
                    crash_point::point("remote: pushed");
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
                PushResult::Lost(why) if stuck == STUCK => {
                    return Err(BranchError::Refused {
                        what,
                        place: self.cache.name.clone(),
                        branch: branch(),
                        why,
                    });
                }
                PushResult::Lost(_) => {
                    // Not all at once again.
                    git::sleep_apart(pause);
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                PushResult::Unheard(error) => {
                    unheard += 1;
                    if unheard == UNHEARD {
                        return Err(error);
                    }
                }
            }
            let head = self.cache.look(Some(&self.branch))?.1;
            stuck = if head == self.head() { stuck + 1 } else { 0 };
            self.head.set(head);
        }
    }

    /// A commit on the branch's last one.
    fn commit(&self, edits: &[FileEdit], message: &str) -> Result<Oid, git2::Error> {
        let git = &self.cache.git;
        let base = git.find_tree(self.cache.tree_of(self.head())?)?;
        let mut update = TreeUpdateBuilder::new();
        for FileEdit { file, text } in edits {
            let held = tree::find(git, base.id(), file)?;
            match (text, held) {
                (Some(text), TreeItem::File { mode, .. }) if mode & 0o111 != 0 => {
                    update.upsert(
                        file.as_str(),
                        git.blob(text.as_bytes())?,
                        FileMode::BlobExecutable,
                    );
                }
                (Some(text), _) => {
                    _ = update.upsert(file.as_str(), git.blob(text.as_bytes())?, FileMode::Blob)
                }
                (None, TreeItem::File { .. }) => _ = update.remove(file.as_str()),
                (None, _) => {}
            }
        }
        let tree = git.find_tree(update.create_updated(git, &base)?)?;
        let parent = self.head().map(|head| git.find_commit(head)).transpose()?;
        let (author, committer) = signatures(git)?;
        git.commit(None, &author, &committer, message, &tree, &parent.iter().collect::<Vec<_>>())
    }

    fn push(&self, commit: Oid) -> PushResult {
        let what = format!("{commit}:refs/heads/{}", self.branch);
        let arguments =
            ["push", "--porcelain", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags"];
        let arguments =
            [&arguments[..], &["--recurse-submodules=no", &self.cache.target, &what]].concat();
        let unheard = |source| PushResult::Unheard(self.cache.unreachable(source));
        match self.cache.program.ask(&arguments, NETWORK) {
            Ok(answer) if answer.success => PushResult::Done,
            Ok(answer) => match (
                Rejections(&answer.stdout).are_collisions(),
                Rejections(&answer.stdout).first(),
            ) {
                (true, why) => PushResult::Lost(why.unwrap_or_default()),
                (false, Some(why)) => PushResult::Refused(match answer.complaint.is_empty() {
                    true => why,
                    false => format!("{why}; {}", answer.complaint),
                }),
                (false, None) => unheard(git::GitError::Failed {
                    command: "push".to_owned(),
                    complaint: answer.complaint,
                }),
            },
            Err(error) => unheard(error),
        }
    }
}
