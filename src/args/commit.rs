//! `new secret --branch` and `--commit`, done by git itself with its hooks and signing.

use crate::context::Context;
use crate::failure::Failure;
use goldenpath_core::vcs::Repository;

/// Whether the new manifests go to a new branch and into a commit.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct CommitArgs {
    /// Commit only the new manifests; other staged changes stay staged
    #[arg(long)]
    commit: bool,
    /// Create the branch NAME and switch to it
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

/// The branch and commit that were created.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommitResult {
    pub(crate) branch: Option<String>,
    /// The commit's ID.
    pub(crate) commit: Option<String>,
}

impl CommitArgs {
    /// Rejects a branch that cannot be created, before any question or write.
    pub(crate) fn check(&self, repository: &Repository) -> Result<(), Failure> {
        let Some(name) = &self.branch else { return Ok(()) };
        check_branch(
            repository,
            name,
            &format!("or run `git switch {name}` first and leave out `--branch`"),
        )
    }

    /// Creates the branch and the commit of the files at `paths`, which stay if git fails.
    pub(crate) fn apply(
        &self,
        repository: &Repository,
        paths: &[&str],
        message: &str,
        context: &Context,
    ) -> Result<CommitResult, Failure> {
        let git = repository.program();
        let mut done = CommitResult::default();
        if let Some(name) = &self.branch {
            git.run_interactive(&["switch", "--quiet", "--create", name])?;
            done.branch = Some(name.clone());
        }
        if self.commit {
            // Only these paths are committed, and git must not read them as patterns.
            let paths: Vec<String> =
                paths.iter().map(|path| format!(":(top,literal){path}")).collect();
            let with_paths = |words: &[&str]| {
                [words.iter().map(|word| (*word).to_owned()).collect(), paths.clone()].concat()
            };
            // A new manifest may be where a sparse checkout leaves files out.
            let is_sparse = repository.gaps()?.is_sparse;
            let add: &[&str] = if is_sparse { &["add", "--sparse", "--"] } else { &["add", "--"] };
            git.run_interactive(&with_paths(add))?;
            git.run_interactive(&with_paths(&[
                "commit",
                "--quiet",
                "--message",
                message,
                "--only",
                "--",
            ]))?;
            let repository = Repository::discover()?;
            done.commit = repository.commit("HEAD").ok().map(|commit| commit.id());
        }
        if let Some(branch) = &done.branch {
            context.streams.message(&format!("Switched to the new branch {branch}."));
        }
        Ok(done)
    }
}

/// Rejects a branch that cannot be created.
///
/// `alternative` is the help's second way if a branch of this name exists.
pub(crate) fn check_branch(
    repository: &Repository,
    name: &str,
    alternative: &str,
) -> Result<(), Failure> {
    if !git2::Reference::is_valid_name(&format!("refs/heads/{name}"))
        || name.starts_with('-')
        || name == "HEAD"
    {
        return Err(Failure::usage(
            format!("`--branch {name}`: git does not allow this branch name"),
            "use letters, digits, `-`, `/` and `.`, as in `secrets/payments-db`",
        ));
    }
    if repository.commit(&format!("refs/heads/{name}")).is_ok() {
        return Err(Failure::usage(
            format!("`--branch {name}`: this branch already exists"),
            format!("give another name, {alternative}"),
        ));
    }
    Ok(())
}
