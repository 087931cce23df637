//! The default branch of the remote, which decides where a value goes: a work tree may hold a
//! branch without approval.

use std::path::Path;

use super::secret::concealed;
use goldenpath_core::catalog::{Catalog, Destination, DestinationDifference, Entry, Project};
use crate::failure::Failure;
use goldenpath_core::vcs::{DefaultBranch, Repository, SourceError};
use goldenpath_core::sanitize::harmless_name;

/// The longest value of a setting that is shown, in characters.
const LONGEST: usize = 200;

/// What the default branch says.
pub(crate) struct DefaultBranchCatalog {
    branch: DefaultBranch,
    project: Project,
    /// What the work tree says of `audit.remote`, where that is another remote.
    other_remote: Option<DestinationDifference>,
}

impl DefaultBranchCatalog {
    /// Reads the configuration of the default branch of the remote that the audit trail uses, in
    /// place of the one of the work tree's `project`. None where there is no remote: then the work
    /// tree decides.
    ///
    /// Which remote that is, the work tree does not decide either: the main one's default branch
    /// does.
    ///
    /// # Errors
    /// A default branch that is not known, was not fetched, or cannot be read.
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
                return Err(Failure::refused(
                    format!(
                        "`audit.remote` is `{}` in {}, and `{}` in {}",
                        harmless_name(&named),
                        base.branch,
                        harmless_name(&back),
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
            base.other_remote =
                Some(DestinationDifference { key: "audit.remote".to_owned(), ours: Some(ours), theirs });
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
                        Failure::refused(
                            format!(
                                "{branch} does not have `{}`, the file of `--config`",
                                harmless_name(&path)
                            ),
                            "merge it first, or keep it outside the repository",
                        )
                    })?
                }
                // One from outside the repository is the user's own.
                None => Project::open(repository, branch.tip, config_file)?,
            };
        Ok(Self { branch, project, other_remote: None })
    }

    /// Refuses a manifest of the work tree whose value would go elsewhere than on the default
    /// branch.
    ///
    /// # Errors
    /// Each setting that differs, with both sides; a manifest that is not on the default branch.
    pub(crate) fn check(
        &self,
        repository: &Repository,
        project: &Project,
        entry: &Entry,
    ) -> Result<(), Failure> {
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
                return Err(Failure::refused(
                    format!(
                        "{} is not merged yet: {} has no manifest of it",
                        harmless_name(id),
                        self.name()
                    ),
                    format!(
                        "merge it, fetch with `git fetch {}`, and let `goldenpath apply` create the secret first",
                        harmless_name(&branch.remote)
                    ),
                ));
            }
            several => {
                let paths: Vec<_> =
                    several.iter().map(|entry| harmless_name(&entry.path)).collect();
                return Err(Failure::refused(
                    format!(
                        "{} has several manifests of {}: {}",
                        self.name(),
                        harmless_name(id),
                        paths.join(", ")
                    ),
                    "`goldenpath id renumber` gives the younger one another ID",
                ));
            }
        };
        let theirs = Destination::of(base, merged).ok_or_else(|| {
            Failure::refused(
                format!(
                    "`{}` in {} has errors that keep it from being read",
                    harmless_name(&merged.path),
                    self.name()
                ),
                "`goldenpath validate` shows them; fix it on that branch first",
            )
        })?;
        let differences: Vec<DestinationDifference> =
            other_remote.iter().cloned().chain(ours.differences(&theirs)).collect();
        if differences.is_empty() {
            return Ok(());
        }
        let shown = |value: Option<String>, entry: &Entry, project: &Project| match value {
            None => "not set".to_owned(),
            Some(text) => {
                let text = concealed(entry, project, text);
                let cut: String = harmless_name(&text).chars().take(LONGEST).collect();
                if cut.len() < text.len() { format!("{cut}…") } else { cut }
            }
        };
        let mut message = format!(
            "the work tree sends the value of {} elsewhere than {}",
            harmless_name(id),
            self.name()
        );
        for DestinationDifference { key, ours, theirs } in differences {
            message.push_str(&format!("\n{}\n", harmless_name(&key)));
            message.push_str(&format!("  work tree: {}\n", shown(ours, entry, project)));
            message.push_str(&format!("  {branch}: {}", shown(theirs, merged, base)));
        }
        Err(Failure::refused(
            message,
            format!(
                "check out what {branch} has, or merge the change first and run `git fetch {}`; settings for this \
                 machine alone belong in a file outside the repository, named by `--config`",
                harmless_name(&branch.remote)
            ),
        ))
    }

    /// `origin/main (commit 1a2b3c4d)`
    fn name(&self) -> String {
        format!("{} ({})", self.branch, self.branch.tip)
    }
}

/// The path from the repository's root of a file that is in the repository; None for one outside.
/// It is not a link, which the work tree's configuration was not read through.
fn path_inside(repository: &Repository, file: &Path) -> Result<Option<String>, SourceError> {
    match repository.relative(file) {
        Ok(path) => Ok(Some(path)),
        Err(SourceError::Outside { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
