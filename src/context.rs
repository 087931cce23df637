//! The settings and streams that commands run with.

use std::path::{Path, PathBuf};

use goldenpath_core::catalog::{ConfigFile, Project};
use goldenpath_core::config::{Config, FILE_NAME};
use goldenpath_core::vcs::{Repository, Snapshot};
use jiff::Timestamp;

use crate::failure::Failure;
use crate::output::streams::Streams;

/// The settings and streams that commands run with.
pub(crate) struct Context {
    pub(crate) config: Option<PathBuf>,
    pub(crate) streams: Streams,
    /// The time of this run, the same for every check.
    pub(crate) now: Timestamp,
    /// Describes the command line.
    pub(crate) command: fn() -> clap::Command,
}

/// The variable that sets `--config`.
pub(crate) const CONFIG_VARIABLE: &str = "GOLDENPATH_CONFIG";

impl Context {
    /// Reads the repository's configuration from the snapshot `rules_from`.
    pub(crate) fn open(
        &self,
        repository: &Repository,
        rules_from: Snapshot,
    ) -> Result<Project, Failure> {
        Ok(Project::open(repository, rules_from, self.config.as_deref())?)
    }

    /// Warns of a `goldenpath.yaml` in the current folder that does not apply.
    pub(crate) fn warn_of_unused_config(&self) {
        // At the root, the file applies: every start there is spared the search for a repository.
        let is_root = self.config.is_none() && Path::new(".git").exists();
        if is_root || !Path::new(FILE_NAME).is_file() {
            return;
        }
        let Ok(repository) = Repository::discover_to_read() else { return };
        let Some(here) = repository.path_inside(Path::new(FILE_NAME)) else { return };
        let used = match ConfigFile::of(&repository, self.config.as_deref()) {
            ConfigFile::Tracked(path) if path == here => return,
            ConfigFile::Tracked(path) => format!("`{path}`, from the root of the repository"),
            ConfigFile::OnDisk(path) => format!("`{}`", path.display()),
        };
        self.streams.message(&format!(
            "Warning: `{here}` does not apply: the configuration is {used}. To use the one here, \
             give `--config {FILE_NAME}`."
        ));
    }

    /// Reads only the work tree's `goldenpath.yaml`, for commands that need no rules.
    pub(crate) fn configuration(&self, repository: &Repository) -> Result<Config, Failure> {
        Ok(Project::configuration(repository, Snapshot::WorkTree, self.config.as_deref())?.config)
    }
}

/// Runs the asynchronous part of a command on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::io("cannot start the runtime for calls to the store", &error))?
        .block_on(work)
}
