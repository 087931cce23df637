//! Committing on what the remote has, and pushing. Whoever loses a race looks again, and does it on the new commit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid};

use super::super::commit::signatures;
use super::super::kustomization::split;
use super::super::tree::{self, Found};
use super::super::{FileState, GitopsError, Published};
use super::Remote;
use crate::git::{self, NETWORK, Rejections};
use crate::projection::Projection;

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
enum Pushed {
    Done,
    /// Somebody else was faster, as it seems, and what was said.
    Lost(String),
    /// The remote takes none.
    Refused(String),
    /// It may have arrived, and may not.
    Unheard(GitopsError),
}

impl Remote {
    /// As [`super::super::Target::publish`].
    pub(in super::super) fn publish(
        &self,
        projections: &[&Projection],
        message: &dyn Fn(&[usize]) -> String,
    ) -> Published {
        let planned = self.head.get();
        let mut written = Vec::new();
        let commit = self.pushed(planned, projections, message, &mut written);
        written.resize_with(projections.len(), || Ok(()));
        Published { written, commit }
    }

    fn pushed(
        &self,
        planned: Option<Oid>,
        projections: &[&Projection],
        message: &dyn Fn(&[usize]) -> String,
        written: &mut Vec<Result<(), GitopsError>>,
    ) -> Result<Option<String>, GitopsError> {
        let begin = Instant::now();
        let (mut pause, mut unheard, mut stuck, mut last) = (FIRST_PAUSE, 0, 0, None);
        let place = || (self.cache.name.clone(), self.branch.clone());
        loop {
            let states: Vec<_> = projections.iter().map(|projection| self.judged(projection, planned)).collect();
            let open = |state: &Result<FileState, _>| matches!(state, Ok(state) if *state != FileState::Current);
            let open: Vec<usize> = (0..projections.len()).filter(|index| open(&states[*index])).collect();
            *written = states.into_iter().map(|state| state.map(drop)).collect();
            if open.is_empty() {
                // A push of which nothing was heard has arrived, or another run has done all of it.
                return Ok(last.map(|commit: Oid| commit.to_string()));
            }
            let commit = self.commit(projections, &open, &message(&open)).map_err(|error| self.cache.broken(&error))?;
            last = Some(commit);
            match self.push(commit) {
                Pushed::Done => {
                    self.moves_to(Some(commit));
                    return Ok(Some(commit.to_string()));
                }
                Pushed::Lost(_) if begin.elapsed() > LIMIT => {
                    let (place, branch) = place();
                    return Err(GitopsError::Contended { place, branch, seconds: LIMIT.as_secs() });
                }
                Pushed::Lost(why) if stuck == STUCK => {
                    let (place, branch) = place();
                    return Err(GitopsError::Refused { place, branch, why });
                }
                Pushed::Lost(_) => {
                    // Not all at once again.
                    git::sleep_apart(pause);
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                Pushed::Refused(why) => {
                    let (place, branch) = place();
                    return Err(GitopsError::Refused { place, branch, why });
                }
                Pushed::Unheard(error) => {
                    unheard += 1;
                    if unheard == UNHEARD {
                        return Err(error);
                    }
                }
            }
            let head = self.cache.look(Some(&self.branch))?.1;
            stuck = if head == self.head.get() { stuck + 1 } else { 0 };
            self.moves_to(head);
        }
    }

    /// What stands where a projection belongs now, where that may be written over.
    fn judged(&self, projection: &Projection, planned: Option<Oid>) -> Result<FileState, GitopsError> {
        let file = || projection.file.clone();
        let state = self.listing(&projection.file).judge(self.state(projection)?);
        match state {
            FileState::Foreign(why) => Err(GitopsError::Foreign { file: file(), why }),
            FileState::Unlistable(why) => Err(GitopsError::Unlistable { file: file(), why }),
            FileState::Current | FileState::Unlisted => Ok(state),
            _ if self.held(planned, &projection.file) != self.held(self.head.get(), &projection.file) => {
                Err(GitopsError::Changed { file: file() })
            }
            state => Ok(state),
        }
    }

    /// The blob that a commit has at a path.
    fn held(&self, commit: Option<Oid>, file: &str) -> Option<Oid> {
        match tree::find(&self.cache.git, self.cache.tree_of(commit).ok()?, file) {
            Ok(Found::File { id, .. }) => Some(id),
            _ => None,
        }
    }

    /// A commit on the branch's with these projections in it, and in the kustomizations beside them.
    fn commit(&self, projections: &[&Projection], open: &[usize], message: &str) -> Result<Oid, git2::Error> {
        let git = &self.cache.git;
        let base = git.find_tree(self.tree()?)?;
        let mut update = TreeUpdateBuilder::new();
        let mut put = |file: &str, text: &str| -> Result<(), git2::Error> {
            let mode = match tree::find(git, base.id(), file)? {
                Found::File { mode, .. } if mode & 0o111 != 0 => FileMode::BlobExecutable,
                _ => FileMode::Blob,
            };
            update.upsert(file, git.blob(text.as_bytes())?, mode);
            Ok(())
        };
        let mut folders: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for projection in open.iter().map(|index| projections[*index]) {
            put(&projection.file, &projection.text)?;
            let (folder, name) = split(&projection.file);
            folders.entry(folder).or_default().push(name.to_owned());
        }
        for (folder, names) in folders {
            let beside = self.beside(folder);
            let Some(Ok(kustomization)) = &*beside else { continue };
            let text = kustomization.with(&names).map_err(|why| git2::Error::from_str(&why))?;
            if text != kustomization.text {
                put(&kustomization.file, &text)?;
            }
        }
        let tree = git.find_tree(update.create_updated(git, &base)?)?;
        let parent = self.head.get().map(|head| git.find_commit(head)).transpose()?;
        let (author, committer) = signatures(git)?;
        git.commit(None, &author, &committer, message, &tree, &parent.iter().collect::<Vec<_>>())
    }

    fn push(&self, commit: Oid) -> Pushed {
        let what = format!("{commit}:refs/heads/{}", self.branch);
        let arguments = ["push", "--porcelain", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags"];
        let arguments = [&arguments[..], &["--recurse-submodules=no", &self.cache.target, &what]].concat();
        let unheard = |source| Pushed::Unheard(GitopsError::Unreachable { place: self.cache.name.clone(), source });
        match self.cache.program.ask(&arguments, NETWORK) {
            Ok(answer) if answer.success => Pushed::Done,
            Ok(answer) => match (Rejections(&answer.stdout).are_collisions(), Rejections(&answer.stdout).first()) {
                (true, why) => Pushed::Lost(why.unwrap_or_default()),
                (false, Some(why)) => Pushed::Refused(match answer.complaint.is_empty() {
                    true => why,
                    false => format!("{why}; {}", answer.complaint),
                }),
                (false, None) => {
                    unheard(git::GitError::Failed { command: "push".to_owned(), complaint: answer.complaint })
                }
            },
            Err(error) => unheard(error),
        }
    }
}
