//! Manifests become `decommissioned` although the default branch takes no push.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::{protect, shown};
use goldenpath_testkit::{Aws, KEY, Repository, SEED, SEED_PATH};
use serde_json::json;

/// Returns a secret whose recovery window has ended, and the protected remote of its catalog.
fn ended(test: &str) -> (Aws, Repository) {
    let aws = Aws::new(test);
    let (catalog, origin) = (&aws.platform.catalog, Repository::bare());
    catalog.write(SEED_PATH, SEED).commit_all("SEC-0007");
    catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    catalog.git(&["push", "--quiet", "origin", "main"]);
    catalog.git(&["remote", "set-head", "origin", "main"]);
    protect(&origin, "nothing");
    aws.apply().success();
    for status in ["deprecated", "decommission_requested"] {
        let old = catalog.read(SEED_PATH);
        let line = old.lines().find(|line| line.contains("status: ")).unwrap();
        let new = format!("{}status: {status}", &line[..line.find("status").unwrap()]);
        catalog.write(SEED_PATH, &old.replace(line, &new)).commit_all(status);
        catalog.git(&["push", "--quiet", "origin", "main"]);
        aws.apply().success();
    }
    let reason = ["--id", "SEC-0007", "--override", "cooling-off", "--reason", "test"];
    // Deleted long ago, so that the recovery window has passed.
    let delete = catalog.goldenpath(&[&["apply", "--yes"], &reason[..]].concat());
    aws.reach(delete).env("GOLDENPATH_CLOCK", "1700000000").run().success();
    aws.call("RestoreSecret", json!({ "SecretId": KEY }));
    aws.call("DeleteSecret", json!({ "SecretId": KEY, "ForceDeleteWithoutRecovery": true }));
    (aws, origin)
}

#[test]
fn an_open_default_branch_gets_the_commit() {
    let (aws, origin) = ended("mark-open");
    aws.apply().success();
    let marked = origin.git(&["show", &format!("main:{SEED_PATH}")]);
    assert!(marked.contains("status: decommissioned"), "{marked}");
    assert_eq!(shown(&aws.platform.catalog, &[]).last().unwrap(), "mark-decommissioned done");
}

#[test]
fn a_protected_one_gets_one_branch_and_one_pull_request_until_it_merges() {
    let (aws, origin) = ended("mark-protected");
    protect(&origin, "main");
    let catalog = &aws.platform.catalog;
    let programs = catalog.home().join("programs");
    fs::create_dir_all(&programs).unwrap();
    let gh = programs.join("gh");
    let calls = catalog.home().join("calls");
    fs::write(
        &gh,
        format!(
            "#!/bin/sh\necho \"$1 $2 $4\" >>{0}\n[ $2 = list ] && echo '[]' && exit\n\
             echo https://example.com/pull/1\n",
            calls.display()
        ),
    )
    .unwrap();
    fs::set_permissions(&gh, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let outcome = aws.reach(aws.platform.apply()).env("PATH", path).run().success();
    assert!(outcome.said().contains("https://example.com/pull/1"), "{}", outcome.said());
    assert!(outcome.stdout.contains("1 waiting for review"), "{}", outcome.stdout);
    let branch = "goldenpath/decommissioned";
    let marked = origin.git(&["show", &format!("{branch}:{SEED_PATH}")]);
    assert!(marked.contains("status: decommissioned"), "{marked}");
    assert_eq!(
        origin.git(&["rev-parse", &format!("{branch}~1")]),
        origin.git(&["rev-parse", "main"])
    );
    let calls = fs::read_to_string(calls).unwrap();
    assert_eq!(calls, format!("pr list {branch}\npr create {branch}\n"));
    assert_eq!(shown(catalog, &[]).last().unwrap(), "mark-decommissioned proposed");
    // It waits, and changes nothing.
    let tip = origin.git(&["rev-parse", branch]);
    let plan = aws.plan().json();
    assert_eq!(plan["actions"][0]["action"], "blocked", "{plan}");
    assert!(plan["actions"][0]["reason"].as_str().unwrap().contains(branch), "{plan}");
    aws.apply().success();
    assert_eq!(origin.git(&["rev-parse", branch]), tip);
    // The review merges it.
    fs::remove_file(origin.path().join("hooks/pre-receive")).unwrap();
    catalog.git(&["pull", "--quiet", "--ff-only", "origin", branch]);
    catalog.git(&["push", "--quiet", "origin", "main"]);
    assert!(aws.apply().success().stdout.starts_with("Nothing to do."));
}
