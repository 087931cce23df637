//! Native hooks: real git runs the built binary from its PATH.

mod commit;
mod install;
mod push;
mod server;

use std::ffi::OsString;
use std::path::Path;

use goldenpath_testkit::{Command, Outcome, Repository};

/// Returns a valid manifest that conflicts with no other.
pub(crate) fn manifest(id: &str) -> String {
    format!(
        "apiVersion: goldenpath.io/v1\nkind: SecretRequest\nmetadata:\n  id: {id}\n  \
         name: {name}\n  owner: team-payments\n  service: payments\n  environment: dev\nspec:\n  \
         provider: aws-secrets-manager\n  secretType: generic\n  risk:\n    tier: low\n  \
         rotation:\n    rotationClass: none\n  lifecycle:\n    status: active\n  access:\n    \
         namespace: payments\n    k8sSecretName: {name}\n  ttlDays: 30\n",
        name = format!("{}-password", id.to_lowercase())
    )
}

/// Returns a manifest that breaks GP105.
pub(crate) fn wrong(id: &str) -> String {
    manifest(id).replace("tier: low", "tier: lwo")
}

/// Returns a manifest with another lifecycle status.
pub(crate) fn with_status(id: &str, status: &str) -> String {
    manifest(id).replace("status: active", &format!("status: {status}"))
}

pub(crate) fn path(id: &str) -> String {
    format!("catalogs/secrets/payments/dev/{id}.yaml")
}

/// Returns the PATH of a user who has installed goldenpath.
pub(crate) fn path_with_goldenpath() -> OsString {
    let binary = Path::new(env!("CARGO_BIN_EXE_goldenpath")).parent().unwrap();
    let mut path = OsString::from(binary);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    path
}

/// Returns a `git` command whose hooks find goldenpath.
pub(crate) fn git(repository: &Repository, arguments: &[&str]) -> Command {
    repository
        .program("git", arguments)
        .env("PATH", path_with_goldenpath())
        .env("GIT_AUTHOR_DATE", "2024-01-01T12:00Z")
}

/// Runs `git commit` with the arguments.
#[track_caller]
pub(crate) fn commit(repository: &Repository, arguments: &[&str]) -> Outcome {
    git(repository, &[&["commit", "--quiet", "--message", "change"], arguments].concat()).run()
}

/// Stages and commits all changes.
#[track_caller]
pub(crate) fn commit_all(repository: &Repository) -> Outcome {
    repository.git(&["add", "--all"]);
    commit(repository, &[])
}

/// Returns a repository with the hooks and a first commit of SEC-0001.
#[track_caller]
pub(crate) fn hooked() -> Repository {
    let repository = Repository::new();
    repository.goldenpath(&["hook", "install"]).run().success();
    repository.write(path("SEC-0001"), &manifest("SEC-0001"));
    commit_all(&repository).success();
    repository
}
