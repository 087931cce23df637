//! New commits, signed if git is configured to sign.
//!
//! The `git` program signs: the format, the key and its agent are in the user's configuration
//! (git-config, `commit.gpgSign`, `gpg.format`, `user.signingKey`).

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use git2::{Oid, Signature};

use super::SourceError;
use crate::vcs::git::{Git, LOCAL};

/// The time limit of a signature for which a person may enter a password.
const WITH_PROMPT: Duration = Duration::from_secs(300);

/// The time limit of a signature without a person.
const WITHOUT_PROMPT: Duration = Duration::from_secs(30);

/// The tree without files, which every repository has.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Writes a commit, to which no ref points yet.
///
/// Its author and committer are those of git, or else goldenpath.
///
/// # Errors
/// [`SourceError::Unsigned`] if git cannot sign it, or a repository that cannot be written.
pub fn write_commit(
    git: &git2::Repository,
    program: &Git,
    tree: Oid,
    parents: &[Oid],
    message: &str,
) -> Result<Oid, SourceError> {
    let failed = || SourceError::git("or write a commit");
    let (author, committer) = signatures(git).map_err(failed())?;
    if !signs_commits(program)? {
        let write = || {
            let tree = git.find_tree(tree)?;
            let parents =
                parents.iter().map(|id| git.find_commit(*id)).collect::<Result<Vec<_>, _>>()?;
            let parents: Vec<_> = parents.iter().collect();
            git.commit(None, &author, &committer, message, &tree, &parents)
        };
        return write().map_err(failed());
    }
    let names: Vec<String> = parents.iter().map(ToString::to_string).collect();
    let mut arguments = vec!["commit-tree".to_owned(), "-S".to_owned()];
    arguments.extend(names.into_iter().flat_map(|name| ["-p".to_owned(), name]));
    arguments.push(tree.to_string());
    let program = program.clone().with_identities(&author, &committer);
    sign(program, &arguments, message)
}

/// Checks that git can sign a commit, if it is configured to.
///
/// # Errors
/// [`SourceError::Unsigned`]
pub fn check_signer(git: &git2::Repository, program: &Git) -> Result<(), SourceError> {
    if !signs_commits(program)? {
        return Ok(());
    }
    let (author, committer) = signatures(git).map_err(SourceError::git("the author"))?;
    let program = program.clone().with_identities(&author, &committer);
    let arguments = ["commit-tree", "-S", EMPTY_TREE].map(str::to_owned);
    sign(program, &arguments, "goldenpath: is a commit signed?\n").map(drop)
}

/// Returns how a repository's own configuration signs commits, as `name=value`.
///
/// goldenpath's copies of other repositories sign as the repository that they belong to.
///
/// # Errors
/// A configuration that cannot be read.
pub fn signing_settings(git_folder: &Path) -> Result<Vec<String>, SourceError> {
    let read = || {
        let config = git2::Config::open(&git_folder.join("config"))?;
        let mut entries =
            config.entries(Some("^(commit\\.gpgsign|gpg\\..*|user\\.signingkey)$"))?;
        let mut settings = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let value = if entry.has_value() { entry.value()? } else { "true" };
            settings.push(format!("{}={value}", entry.name()?));
        }
        Ok(settings)
    };
    read().map_err(SourceError::git("git's configuration"))
}

/// Reports whether git is configured to sign every commit.
fn signs_commits(program: &Git) -> Result<bool, SourceError> {
    let failed = |message: String| SourceError::Git { what: "commit.gpgSign".to_owned(), message };
    let arguments = ["config", "--type=bool", "--get", "commit.gpgSign"];
    let found = program.run_unchecked(&arguments, LOCAL).map_err(|why| failed(why.to_string()))?;
    match found.code {
        Some(0) => Ok(found.stdout.trim() == "true"),
        // It is not set.
        Some(1) => Ok(false),
        _ => Err(failed(found.stderr)),
    }
}

/// Runs `git commit-tree`, and returns the commit that it prints.
fn sign(program: Git, arguments: &[String], message: &str) -> Result<Oid, SourceError> {
    let is_pipeline = std::env::var_os("CI").is_some();
    let has_person = !is_pipeline && io::stdin().is_terminal() && io::stderr().is_terminal();
    let (program, limit) = if has_person {
        (program, WITH_PROMPT)
    } else {
        (program.without_prompts(), WITHOUT_PROMPT)
    };
    let unsigned = |why: String| SourceError::Unsigned { why };
    let signed = program
        .run_with_input(arguments, message.as_bytes(), limit)
        .map_err(|error| unsigned(error.to_string()))?;
    if !signed.success {
        return Err(unsigned(signed.stderr));
    }
    signed.stdout.trim().parse().map_err(SourceError::git("the new commit"))
}

/// Returns the author and committer from git, or else goldenpath.
fn signatures(
    git: &git2::Repository,
) -> Result<(Signature<'static>, Signature<'static>), git2::Error> {
    let default = |_| Signature::now("goldenpath", "goldenpath@localhost");
    Ok((
        git.author_from_env().or_else(default)?.to_owned(),
        git.committer_from_env().or_else(default)?.to_owned(),
    ))
}
