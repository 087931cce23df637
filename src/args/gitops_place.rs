//! The places that projections are written to: a folder, or a remote GitOps repository.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::Failure;
use goldenpath_core::catalog::Project;
use goldenpath_core::config::GitopsConfig;
use goldenpath_core::vcs::Repository;
use goldenpath_core::vcs::git::{Git, SAFE_VERSION};
use goldenpath_deploy::branch::{BranchScope, RemoteBranch, RemotePlace};
use goldenpath_deploy::gitops::{GitopsError, RemoteRepository, Target, WorkingCopy};

/// The place of the projections: a folder, or a branch of a remote repository.
pub(crate) enum GitopsPlace {
    Folder(PathBuf),
    Remote(RemotePlace),
}

impl GitopsPlace {
    /// Returns the configured place; `None` if none is set.
    pub(crate) fn of(config: GitopsConfig, root: &Path) -> Option<Self> {
        match (config.path, config.url) {
            (Some(path), _) => Some(Self::Folder(root.join(path))),
            (None, Some(url)) => Some(Self::Remote(RemotePlace { url, branch: config.branch })),
            (None, None) => None,
        }
    }

    /// Opens it. A remote repository is queried.
    pub(crate) fn open(
        &self,
        project: &Project,
        repository: &Repository,
        context: &Context,
    ) -> Result<Target, Failure> {
        match self {
            Self::Folder(path) => Ok(Target::Copy(WorkingCopy::open(path)?)),
            Self::Remote(place) => {
                let git = repository.program();
                warn_about_old_git(&git, context)?;
                let (protocols, data_folder) = (git.protocols()?, repository.data_folder());
                context.streams.brief_progress("Querying the GitOps repository …");
                let remote = RemoteBranch::open(
                    "the GitOps repository",
                    place,
                    &project.root,
                    &data_folder,
                    protocols,
                    BranchScope::Existing,
                );
                context.streams.end_progress();
                Ok(Target::Remote(Box::new(RemoteRepository::new(
                    remote.map_err(GitopsError::from)?,
                ))))
            }
        }
    }

    /// Returns whether both are the same place. A missing folder is reported when it is opened.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Remote(one), Self::Remote(other)) => one == other,
            (Self::Folder(one), Self::Folder(other)) => {
                match (one.canonicalize(), other.canonicalize()) {
                    (Ok(one), Ok(other)) => one == other,
                    _ => one == other,
                }
            }
            _ => false,
        }
    }
}

/// Warns, once a run, about a git that may run hooks of a repository that it only reads.
fn warn_about_old_git(git: &Git, context: &Context) -> Result<(), Failure> {
    let old = match git.version()? {
        Some(version) if version >= SAFE_VERSION => return Ok(()),
        Some(version) => format!("git {version} is older than {SAFE_VERSION}"),
        None => format!("git does not report whether it is older than {SAFE_VERSION}"),
    };
    context.streams.message_once(&format!(
        "Warning: {old}: it may run hooks of a repository that it clones or fetches from \
         (CVE-2024-32002, CVE-2024-32004, CVE-2024-32465). Update git, unless your distribution \
         has fixed these in its own version."
    ));
    Ok(())
}
