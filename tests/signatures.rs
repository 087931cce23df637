//! Commits are signed if git is configured to sign, which is tested before anything changes.

use std::fs;

use goldenpath_testkit::{Platform, Repository, SEED, SEED_PATH, skip};

/// Configures git, in the home of `repository`, to sign with a new key of ssh.
fn sign(repository: &Repository) -> bool {
    let key = repository.home().join("key");
    let key = key.to_str().unwrap();
    if std::process::Command::new("ssh-keygen").arg("-?").output().is_err() {
        skip("ssh-keygen is not installed");
        return false;
    }
    repository.program("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key]).run().success();
    let public = fs::read_to_string(format!("{key}.pub")).unwrap();
    let allowed = repository.home().join("allowed");
    fs::write(&allowed, format!("dev@example.com {public}")).unwrap();
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingKey", key),
        ("commit.gpgSign", "true"),
        ("gpg.ssh.allowedSignersFile", allowed.to_str().unwrap()),
    ] {
        repository.git(&["config", "--global", name, value]);
    }
    true
}

/// Returns git's verdict on the signature of a commit: `G` for a good one.
fn verdict(repository: &Repository, of: &Repository, commit: &str) -> String {
    let folder = of.path();
    let folder = folder.to_str().unwrap();
    repository.git(&["-C", folder, "log", "-1", "--format=%G? %an", commit])
}

#[test]
fn commits_in_a_gitops_copy_are_signed() {
    let platform = Platform::local();
    platform.seed();
    if !sign(&platform.catalog) {
        return;
    }
    platform.apply().run().success();
    assert_eq!(verdict(&platform.catalog, &platform.gitops, "HEAD"), "G Dev Eloper");
}

/// Returns a catalog, and the GitOps repository that it pushes to.
fn pushing_catalog() -> (Repository, Repository) {
    let (catalog, gitops) = (Repository::new(), Repository::bare());
    let url = gitops.path().display().to_string();
    let config = format!("store:\n  backend: local\ngitops:\n  url: {url}\n");
    catalog.write("goldenpath.yaml", &config).write(SEED_PATH, SEED).commit_all("Start");
    (catalog, gitops)
}

#[test]
fn commits_that_are_pushed_to_a_gitops_repository_are_signed() {
    let (catalog, gitops) = pushing_catalog();
    if !sign(&catalog) {
        return;
    }
    catalog.goldenpath(&["apply", "--yes"]).run().success();
    assert_eq!(verdict(&catalog, &gitops, "main"), "G Dev Eloper");
}

#[test]
fn settings_of_the_catalogs_clone_alone_sign_what_is_pushed() {
    let (catalog, gitops) = pushing_catalog();
    if !sign(&catalog) {
        return;
    }
    for name in ["gpg.format", "user.signingKey", "commit.gpgSign"] {
        let value = catalog.git(&["config", "--global", name]);
        catalog.git(&["config", "--global", "--unset", name]);
        catalog.git(&["config", name, &value]);
    }
    catalog.goldenpath(&["apply", "--yes"]).run().success();
    assert_eq!(verdict(&catalog, &gitops, "main"), "G Dev Eloper");
}

#[test]
fn the_commit_of_a_reservation_is_signed() {
    let server = Repository::bare();
    let catalog = Repository::clone_of(&server);
    catalog.write("goldenpath.yaml", "store:\n  backend: local\n").commit_all("Start");
    catalog.git(&["push", "--quiet", "origin", "main"]);
    if !sign(&catalog) {
        return;
    }
    catalog.goldenpath(&["id", "reserve"]).run().success();
    let verdict = verdict(&catalog, &server, "refs/goldenpath/ids/SEC-0001");
    assert!(verdict.starts_with("G "), "{verdict}");
}

#[test]
fn settings_of_the_environment_sign_too() {
    let platform = Platform::local();
    platform.seed();
    if !sign(&platform.catalog) {
        return;
    }
    platform.catalog.git(&["config", "--global", "--unset", "commit.gpgSign"]);
    platform
        .apply()
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "commit.gpgSign")
        .env("GIT_CONFIG_VALUE_0", "true")
        .run()
        .success();
    assert_eq!(verdict(&platform.catalog, &platform.gitops, "HEAD"), "G Dev Eloper");
}

#[test]
fn a_signer_that_fails_stops_apply_before_the_first_change() {
    let platform = Platform::local();
    platform.seed();
    if !sign(&platform.catalog) {
        return;
    }
    platform.catalog.git(&["config", "--global", "user.signingKey", "/nowhere/key"]);
    let before = platform.gitops_state();
    let refused = platform.apply().run().fails_with(2);
    assert!(refused.stderr.contains("cannot sign commits"), "{}", refused.stderr);
    assert_eq!(platform.gitops_state(), before);
    let plan = platform.plan(&[]).run().success();
    assert!(plan.stdout.contains("+ create-secret"), "{}", plan.stdout);
}
