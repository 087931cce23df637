//! Repositories of another user.

use std::process::Command;

use goldenpath_testkit::{Platform, Repository, skip};

/// Gives a folder to another user; returns false if this user may not.
fn give_away(repository: &Repository) -> bool {
    let folder = repository.path();
    let given = Command::new("chown").args(["-R", "65534:65534"]).arg(folder).output();
    let is_given = given.is_ok_and(|given| given.status.success());
    if !is_given {
        skip("only root may give folders to another user");
    }
    is_given
}

fn setting(key: &str, value: String) -> [(&'static str, String); 3] {
    [
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", key.to_owned()),
        ("GIT_CONFIG_VALUE_0", value),
    ]
}

#[test]
fn what_git_refuses_gets_gits_own_remedy() {
    let platform = Platform::local();
    platform.seed();
    if !give_away(&platform.catalog) {
        return;
    }
    let refused = platform.catalog.goldenpath(&["validate"]).run().fails_with(2);
    let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let folder = platform.catalog.path();
    let remedy = format!("git config --global --add safe.directory '{}'", folder.display());
    assert!(said.contains(&remedy), "{said}");
}

#[test]
fn what_git_accepts_by_its_environment_is_read_and_written() {
    let platform = Platform::local();
    platform.seed();
    if !give_away(&platform.catalog) || !give_away(&platform.gitops) {
        return;
    }
    let safe = setting("safe.directory", "*".to_owned());
    let catalog = &platform.catalog;
    for command in [&["validate"][..], &["validate", "--staged"], &["list"], &["plan"]] {
        catalog.goldenpath(command).envs(safe.clone()).run().success();
    }
    platform.apply().envs(safe.clone()).run().success();
    let plan = platform.plan(&[]).envs(safe).run().success();
    assert!(plan.stdout.contains("Nothing to do"), "{}", plan.stdout);
    // git itself passes the settings of `-c` on to what it starts.
    let alias = format!("alias.check=!{} validate", goldenpath_testkit::program());
    catalog.git(&["-c", "safe.directory=*", "-c", &alias, "check"]);
}

#[test]
fn the_gitops_copy_of_another_user_gets_gits_own_remedy_too() {
    let platform = Platform::local();
    platform.seed();
    if !give_away(&platform.gitops) {
        return;
    }
    let refused = platform.plan(&[]).run().fails_with(2);
    let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let folder = platform.gitops.path();
    let remedy = format!("git config --global --add safe.directory '{}'", folder.display());
    assert!(said.contains("GitOps") && said.contains(&remedy), "{said}");
}
