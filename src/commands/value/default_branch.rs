//! The check of a value's destination against the remote's default branch.
//!
//! A work tree may have a branch that was not reviewed.

use std::path::Path;

use super::secret::redact;
use crate::failure::Failure;
use goldenpath_core::catalog::{Catalog, Destination, DestinationDifference, Entry, Project};
use goldenpath_core::manifest::ValueFormat;
use goldenpath_core::sanitize::sanitize_name;
use goldenpath_core::vcs::{DefaultBranch, Repository, SourceError};

/// The longest shown value of a setting, in characters.
const LONGEST: usize = 200;

/// The configuration of the default branch.
pub(crate) struct DefaultBranchCatalog {
    branch: DefaultBranch,
    project: Project,
    /// The difference in `audit.remote` if the work tree names another remote.
    other_remote: Option<DestinationDifference>,
}

impl DefaultBranchCatalog {
    /// Reads the configuration of the default branch of the audit trail's remote.
    ///
    /// The main remote's default branch names that remote, not the work tree's `project`. Returns
    /// `None` without a remote: then the work tree decides.
    ///
    /// # Errors
    /// A default branch that is unknown, was not fetched, or cannot be read.
    pub(crate) fn open(
        repository: &Repository,
        project: &Project,
        config_file: Option<&Path>,
    ) -> Result<Option<Self>, Failure> {
        let Some(main) = repository.main_remote()? else { return Ok(None) };
        let mut base = Self::of(repository, &main, config_file)?;
        if let Some(named) = base.project.config.audit.remote.clone().filter(|named| *named != main)
        {
            let next = Self::of(repository, &named, config_file)?;
            let back = next.project.config.audit.remote.clone().unwrap_or_else(|| main.clone());
            if back != named {
                return Err(Failure::rejected(
                    format!(
                        "`audit.remote` is `{}` in {}, and `{}` in {}",
                        sanitize_name(&named),
                        base.branch,
                        sanitize_name(&back),
                        next.branch
                    ),
                    "fetch both remotes; both default branches must name the same remote",
                ));
            }
            base = next;
        }
        let ours = project.config.audit.remote.clone().unwrap_or(main);
        if ours != base.branch.remote {
            let theirs = Some(base.branch.remote.clone());
            base.other_remote = Some(DestinationDifference {
                key: "audit.remote".to_owned(),
                ours: Some(ours),
                theirs,
            });
        }
        Ok(Some(base))
    }

    fn of(
        repository: &Repository,
        remote: &str,
        config_file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let branch = repository.default_branch(remote)?;
        let project =
            match config_file.map(|file| path_inside(repository, file)).transpose()?.flatten() {
                Some(path) => {
                    Project::open_at(repository, branch.tip, &path)?.ok_or_else(|| {
                        Failure::rejected(
                            format!(
                                "{branch} does not have `{}`, the file of `--config`",
                                sanitize_name(&path)
                            ),
                            "merge it first, or keep it outside the repository",
                        )
                    })?
                }
                // A file outside the repository is the user's own.
                None => Project::open(repository, branch.tip, config_file)?,
            };
        Ok(Self { branch, project, other_remote: None })
    }

    /// Rejects a manifest whose value has another destination on the default branch, and returns
    /// the format of the value there.
    ///
    /// # Errors
    /// Each setting that differs, with both values; a manifest that is not on the default branch.
    pub(crate) fn check(
        &self,
        repository: &Repository,
        project: &Project,
        entry: &Entry,
    ) -> Result<Option<ValueFormat>, Failure> {
        let Self { branch, project: base, other_remote } = self;
        let unreadable = |entry: &Entry| goldenpath_deploy::lifecycle::LifecycleError::Unreadable {
            path: entry.path.clone(),
        };
        let id = entry.claimed_id().unwrap_or_default();
        let ours = Destination::of(project, entry).ok_or_else(|| unreadable(entry))?;
        let found = Catalog::find_in_commit(repository, base, branch.tip, id, &entry.path)?;
        let merged = match found.as_slice() {
            [merged] => merged,
            [] => {
                return Err(Failure::rejected(
                    format!(
                        "{} is not merged yet: {} has no manifest of it",
                        sanitize_name(id),
                        self.name()
                    ),
                    format!(
                        "merge it, run `git fetch {}`, and let `goldenpath apply` create the \
                         secret first",
                        sanitize_name(&branch.remote)
                    ),
                ));
            }
            several => {
                let paths: Vec<_> =
                    several.iter().map(|entry| sanitize_name(&entry.path)).collect();
                return Err(Failure::rejected(
                    format!(
                        "{} has several manifests of {}: {}",
                        self.name(),
                        sanitize_name(id),
                        paths.join(", ")
                    ),
                    "run `goldenpath id renumber` to change the ID of the younger one",
                ));
            }
        };
        let theirs = Destination::of(base, merged).ok_or_else(|| {
            Failure::rejected(
                format!(
                    "cannot read `{}` in {}: it has errors",
                    sanitize_name(&merged.path),
                    self.name()
                ),
                "run `goldenpath validate` on that branch and fix them first",
            )
        })?;
        let differences: Vec<DestinationDifference> =
            other_remote.iter().cloned().chain(ours.differences(&theirs)).collect();
        if differences.is_empty() {
            return Ok(merged.request().map(|request| request.value_format.clone()));
        }
        let shown = |value: Option<String>, entry: &Entry, project: &Project| match value {
            None => "not set".to_owned(),
            Some(text) => {
                let text = redact(entry, project, text);
                let cut: String = sanitize_name(&text).chars().take(LONGEST).collect();
                if cut.len() < text.len() { format!("{cut}…") } else { cut }
            }
        };
        let mut message = format!(
            "the value of {} has another destination in the work tree than in {}",
            sanitize_name(id),
            self.name()
        );
        for DestinationDifference { key, ours, theirs } in differences {
            message.push_str(&format!("\n{}\n", sanitize_name(&key)));
            message.push_str(&format!("  work tree: {}\n", shown(ours, entry, project)));
            message.push_str(&format!("  {branch}: {}", shown(theirs, merged, base)));
        }
        Err(Failure::rejected(
            message,
            format!(
                "check out {branch}, or merge the change first and run `git fetch {}`; put \
                 settings of this machine into a file outside the repository and give it with \
                 `--config`",
                sanitize_name(&branch.remote)
            ),
        ))
    }

    /// Returns the branch with its commit: `origin/main (commit 1a2b3c4d)`.
    pub(crate) fn name(&self) -> String {
        format!("{} ({})", self.branch, self.branch.tip)
    }
}

/// Returns a file's path from the repository's root; `None` for a file outside.
///
/// Links are rejected, as for the work tree's configuration.
fn path_inside(repository: &Repository, file: &Path) -> Result<Option<String>, SourceError> {
    match repository.relative(file) {
        Ok(path) => Ok(Some(path)),
        Err(SourceError::Outside { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
