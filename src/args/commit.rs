//! `new secret --branch` and `--commit`: what a person would do next, done by git itself, with its hooks and signing.

use crate::cli::Context;
use crate::failure::Failure;
use goldenpath_core::vcs::Repository;

/// What becomes of the new manifests in git.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct CommitArgs {
    /// Commit only the new manifests; other staged changes stay staged
    #[arg(long)]
    commit: bool,
    /// Create the branch NAME and switch to it
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Committed {
    pub(crate) branch: Option<String>,
    /// The commit's ID.
    pub(crate) commit: Option<String>,
}

impl CommitArgs {
    /// Refuses, before anything is asked or written, a branch that cannot be made.
    pub(crate) fn check(&self, repository: &Repository) -> Result<(), Failure> {
        let Some(name) = &self.branch else { return Ok(()) };
        check_branch(
            repository,
            name,
            &format!("or `git switch {name}` first and leave `--branch` out"),
        )
    }

    /// Makes the branch and the commit. `paths` are the new files; they stay, whatever git says.
    pub(crate) fn carry_out(
        &self,
        repository: &Repository,
        paths: &[&str],
        message: &str,
        context: &Context,
    ) -> Result<Committed, Failure> {
        let git = repository.program();
        let mut done = Committed::default();
        if let Some(name) = &self.branch {
            git.attend(&["switch", "--quiet", "--create", name])?;
            done.branch = Some(name.clone());
        }
        if self.commit {
            // Whatever else is staged stays staged. Paths are no patterns.
            let paths: Vec<String> =
                paths.iter().map(|path| format!(":(top,literal){path}")).collect();
            let on_paths = |words: &[&str]| {
                [words.iter().map(|word| (*word).to_owned()).collect(), paths.clone()].concat()
            };
            git.attend(&on_paths(&["add", "--"]))?;
            git.attend(&on_paths(&["commit", "--quiet", "--message", message, "--only", "--"]))?;
            let fresh = Repository::discover()?;
            done.commit = fresh.commit("HEAD").ok().map(|commit| commit.id());
        }
        if let Some(branch) = &done.branch {
            context.streams.talk(&format!("Switched to the new branch {branch}."));
        }
        Ok(done)
    }
}

/// Refuses a branch that cannot be made; `otherwise` is what to do where there is one of that name.
pub(crate) fn check_branch(
    repository: &Repository,
    name: &str,
    otherwise: &str,
) -> Result<(), Failure> {
    if !git2::Reference::is_valid_name(&format!("refs/heads/{name}"))
        || name.starts_with('-')
        || name == "HEAD"
    {
        return Err(Failure::usage(
            format!("`--branch {name}`: git allows no branch of this name"),
            "letters, digits, `-`, `/` and `.` will do, as in `secrets/payments-db`",
        ));
    }
    if repository.commit(&format!("refs/heads/{name}")).is_ok() {
        return Err(Failure::usage(
            format!("`--branch {name}`: there is such a branch already"),
            format!("choose another name, {otherwise}"),
        ));
    }
    Ok(())
}
