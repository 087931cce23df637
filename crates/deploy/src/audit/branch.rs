//! The audit branch: of the remote, or of the clone if it has no remote.
//!
//! The remote's branch is kept in a bare repository below `.git/goldenpath/`, with its whole
//! history, so that shallow, partial and sparse clones of the catalog lack nothing of it.

use std::cell::{Cell, Ref, RefCell};

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Oid, Reference};

use super::{RecordError, WHAT, remote_url};
use crate::branch::{BranchError, BranchScope, FileEdit, RemoteBranch, RemotePlace};
use goldenpath_core::config::AuditConfig;
use goldenpath_core::crash_point;
use goldenpath_core::trail::{AuditLog, AuditRecord, path_of};
use goldenpath_core::vcs;
use goldenpath_core::vcs::Repository;
use goldenpath_core::vcs::git::Protocols;

/// How often a commit is tried again after another process moved the branch of the clone.
const MAX_TRIES: usize = 50;

/// The branch with the audit records.
pub struct AuditBranch {
    place: BranchPlace,
    /// Its name: `goldenpath/audit`
    name: String,
    log: RefCell<AuditLog>,
    /// The commit that `log` has.
    read: Cell<Option<Oid>>,
    /// The commit of the clone's own branch, if the clone has a remote.
    own: Option<Oid>,
}

enum BranchPlace {
    Clone { clone: Box<Repository>, reference: String },
    Remote(Box<RemoteBranch>),
}

impl AuditBranch {
    /// Fetches the branch and reads its records. It may not exist yet.
    ///
    /// # Errors
    /// The remote does not answer, or the branch cannot be read or has other files.
    pub fn open(repository: &Repository, config: &AuditConfig) -> Result<Self, RecordError> {
        let reference = reference_of(config)?;
        let name = config.branch.clone();
        let place = match remote_url(repository, config)? {
            Some(url) => {
                let remote = RemotePlace { url, branch: Some(name.clone()) };
                // The URL comes from git's configuration, which is the user's.
                let protocols = Protocols::Configured;
                let (root, data_folder) = (repository.root(), repository.data_folder());
                let remote = RemoteBranch::open(
                    WHAT,
                    &remote,
                    root,
                    &data_folder,
                    protocols,
                    BranchScope::OptionalWithHistory,
                )?;
                BranchPlace::Remote(Box::new(remote))
            }
            None => clone(repository, reference)?,
        };
        let own = match &place {
            BranchPlace::Remote(_) => repository.tip_of_ref(&reference_of(config)?)?,
            BranchPlace::Clone { .. } => None,
        };
        let branch = Self { place, name, log: RefCell::default(), read: Cell::new(None), own };
        branch.read()?;
        branch.add_own(repository, config)?;
        Ok(branch)
    }

    /// Adds the records from the time before the clone had a remote.
    fn add_own(&self, repository: &Repository, config: &AuditConfig) -> Result<(), RecordError> {
        if let (BranchPlace::Remote(remote), Some(_)) = (&self.place, self.own)
            && remote.head().is_none()
        {
            remote.start_from(repository.git_folder(), &reference_of(config)?)?;
            self.read()?;
        }
        self.check_own()
    }

    /// Checks that the remote's branch has the records of the clone's own branch.
    fn check_own(&self) -> Result<(), RecordError> {
        let (BranchPlace::Remote(remote), Some(own)) = (&self.place, self.own) else {
            return Ok(());
        };
        let has_own = |head: Oid| {
            head == own || remote.git().graph_descendant_of(head, own).unwrap_or_default()
        };
        if remote.head().is_some_and(has_own) {
            Ok(())
        } else {
            Err(RecordError::Diverged { branch: self.name.clone() })
        }
    }

    /// Reads the branch as it was fetched last, by goldenpath or by git.
    ///
    /// Returns None if the clone does not have it.
    ///
    /// # Errors
    /// A branch that cannot be read.
    pub fn offline(
        repository: &Repository,
        config: &AuditConfig,
    ) -> Result<Option<Self>, RecordError> {
        let reference = reference_of(config)?;
        let name = config.branch.clone();
        let mut found: Option<Self> = None;
        let mut add = |place: BranchPlace| {
            let (name, log, read) = (name.clone(), RefCell::default(), Cell::new(None));
            let branch = Self { place, name, log, read, own: None };
            branch.read()?;
            let is_newer = found
                .as_ref()
                .is_none_or(|other| other.log.borrow().last() < branch.log.borrow().last());
            if branch.tip()?.is_some() && is_newer {
                found = Some(branch);
            }
            Ok::<_, RecordError>(())
        };
        if let Some(url) = remote_url(repository, config)? {
            let remote = RemotePlace { url, branch: Some(name.clone()) };
            let (root, data_folder) = (repository.root(), repository.data_folder());
            if let Some(remote) = RemoteBranch::offline(WHAT, &remote, root, &data_folder)? {
                add(BranchPlace::Remote(Box::new(remote)))?;
            }
        }
        let remotes = repository.remotes();
        let fetched = remotes.iter().map(|remote| format!("refs/remotes/{remote}/{name}"));
        for reference in fetched.chain([reference]) {
            add(clone(repository, reference)?)?;
        }
        Ok(found)
    }

    /// Returns the records.
    pub fn log(&self) -> Ref<'_, AuditLog> {
        self.log.borrow()
    }

    /// Returns the branch's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the repository that has the branch.
    #[must_use]
    pub fn git(&self) -> &git2::Repository {
        match &self.place {
            BranchPlace::Clone { clone, .. } => clone.raw(),
            BranchPlace::Remote(remote) => remote.git(),
        }
    }

    /// Returns the commit of the branch, as it was read last; None if the branch does not exist.
    ///
    /// # Errors
    /// A repository that cannot be read.
    pub fn tip(&self) -> Result<Option<Oid>, RecordError> {
        match &self.place {
            BranchPlace::Remote(remote) => Ok(remote.head()),
            BranchPlace::Clone { clone, reference } => match clone.raw().refname_to_id(reference) {
                Ok(id) => Ok(Some(id)),
                Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
                Err(error) => Err(failed(clone.raw(), &error)),
            },
        }
    }

    /// Checks that the remote lets this user push the branch, without a push.
    ///
    /// # Errors
    /// If it does not, or does not answer.
    pub fn check_push(&self) -> Result<(), RecordError> {
        match &self.place {
            BranchPlace::Remote(remote) => Ok(remote.check_push()?),
            BranchPlace::Clone { .. } => Ok(()),
        }
    }

    /// Returns the place of the branch, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.place {
            BranchPlace::Remote(remote) => remote.place(),
            BranchPlace::Clone { .. } => format!("this clone (branch {})", self.name),
        }
    }

    /// Fetches the branch, and reads its new records.
    ///
    /// # Errors
    /// The remote does not answer, or the branch cannot be read.
    pub fn update(&self) -> Result<(), RecordError> {
        if let BranchPlace::Remote(remote) = &self.place {
            remote.update()?;
        }
        self.read()
    }

    /// Reads the records that are not known yet.
    fn read(&self) -> Result<(), RecordError> {
        let Some(tip) = self.tip()? else { return Ok(()) };
        if self.read.get() == Some(tip) {
            return Ok(());
        }
        let mut log = self.log.borrow_mut();
        log.read(self.git(), tip)?;
        if let Some(file) = log.foreign_file() {
            let (branch, file) = (self.name.clone(), file.to_owned());
            return Err(RecordError::ForeignBranch { branch, file });
        }
        self.read.set(Some(tip));
        Ok(())
    }

    /// Adds the records that `build` returns, in one commit, and pushes it.
    ///
    /// `build` is called again after each lost race, with the records of the others. Returns the
    /// commit; None if there is nothing to add.
    ///
    /// # Errors
    /// An error of `build`, or the commit cannot be made or pushed: then nothing is added.
    pub fn add(
        &self,
        build: &mut dyn FnMut(&AuditLog) -> Result<Vec<AuditRecord>, RecordError>,
        message: &str,
    ) -> Result<Option<String>, RecordError> {
        let mut failure = None;
        let mut tried: Vec<Vec<String>> = Vec::new();
        let mut files = || {
            let mut files_of = || {
                self.read()?;
                self.check_own()?;
                // The push of an earlier try has arrived, although nothing said so.
                let log = self.log.borrow();
                let has_all =
                    |names: &Vec<String>| names.iter().all(|name| log.records.contains_key(name));
                if tried.iter().any(has_all) {
                    return Ok(None);
                }
                let mut last = log.last().to_owned();
                let (mut names, mut files) = (Vec::new(), Vec::new());
                for mut record in build(&log)? {
                    if record.previous.is_empty() {
                        record.previous.clone_from(&last);
                    }
                    let (name, text) = record.to_file(&last);
                    files.push((path_of(&name).unwrap_or_default(), text));
                    last.clone_from(&name);
                    names.push(name);
                }
                if files.is_empty() {
                    return Ok(None);
                }
                tried.push(names);
                Ok(Some(files))
            };
            files_of().unwrap_or_else(|error| {
                failure = Some(error);
                None
            })
        };
        let commit = match &self.place {
            BranchPlace::Remote(remote) => remote.change(&mut || {
                let edit = |(file, text)| FileEdit { file, text: Some(text) };
                Some((files()?.into_iter().map(edit).collect(), message.to_owned()))
            })?,
            BranchPlace::Clone { clone, reference } => {
                self.commit_in_clone(clone, reference, &mut files, message)?
            }
        };
        if let Some(error) = failure {
            return Err(error);
        }
        self.read()?;
        Ok(commit)
    }

    fn commit_in_clone(
        &self,
        clone: &Repository,
        reference: &str,
        files: &mut dyn FnMut() -> Option<Vec<(String, String)>>,
        message: &str,
    ) -> Result<Option<String>, RecordError> {
        let (git, program) = (clone.raw(), clone.program());
        for _ in 0..MAX_TRIES {
            let tip = self.tip()?;
            let Some(files) = files() else { return Ok(None) };
            let tree = || {
                let parent = tip.map(|tip| git.find_commit(tip)).transpose()?;
                let base = match &parent {
                    Some(parent) => parent.tree()?,
                    None => git.find_tree(git.treebuilder(None)?.write()?)?,
                };
                let mut update = TreeUpdateBuilder::new();
                for (path, text) in &files {
                    update.upsert(path.as_str(), git.blob(text.as_bytes())?, FileMode::Blob);
                }
                update.create_updated(git, &base)
            };
            let tree = tree().map_err(|error| failed(git, &error))?;
            crash_point::point("audit: trees written");
            let parents: Vec<Oid> = tip.into_iter().collect();
            let commit = vcs::write_commit(git, &program, tree, &parents, message)?;
            let moved = match tip {
                Some(tip) => git.reference_matching(reference, commit, true, tip, "record"),
                None => git.reference(reference, commit, false, "record"),
            };
            match moved {
                Ok(_) => return Ok(Some(commit.to_string())),
                // Another process moved the branch since.
                Err(error)
                    if matches!(
                        error.code(),
                        ErrorCode::Modified | ErrorCode::Exists | ErrorCode::Locked
                    ) || self.tip()? != tip => {}
                Err(error) => return Err(failed(git, &error)),
            }
            goldenpath_core::vcs::git::sleep_with_jitter(std::time::Duration::from_millis(20));
        }
        let why = format!("other processes kept moving the branch `{}`", self.name);
        Err(BranchError::Commit { path: git.path().to_path_buf(), why }.into())
    }
}

fn reference_of(config: &AuditConfig) -> Result<String, RecordError> {
    let reference = format!("refs/heads/{}", config.branch);
    if Reference::is_valid_name(&reference) {
        Ok(reference)
    } else {
        Err(RecordError::BadBranch { branch: config.branch.clone() })
    }
}

/// Opens the clone once more: the branch outlives the handle of the command.
fn clone(repository: &Repository, reference: String) -> Result<BranchPlace, RecordError> {
    let clone = Box::new(Repository::open_to_read(repository.root())?);
    Ok(BranchPlace::Clone { clone, reference })
}

fn failed(git: &git2::Repository, error: &git2::Error) -> RecordError {
    let why = error.message().to_owned();
    BranchError::Commit { path: git.path().to_path_buf(), why }.into()
}
