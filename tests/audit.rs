//! The audit trail: a branch of its own, written before a change and after it.

mod checkpoints;
mod import;
mod order;
mod records;
mod reviewed;
mod schedules;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use goldenpath_testkit::{Outcome, Platform, Repository};
use serde_json::Value;

/// The branch of the trail.
const BRANCH: &str = "goldenpath/audit";

/// Returns a platform with the seed's manifest and a bare remote that has `main`.
fn with_remote() -> (Platform, Repository) {
    let platform = Platform::local();
    platform.seed();
    let origin = Repository::bare();
    platform.catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
    platform.catalog.git(&["remote", "set-head", "origin", "main"]);
    (platform, origin)
}

/// Makes a remote refuse pushes to a branch, as a protected one does.
fn protect(origin: &Repository, branch: &str) {
    let hook = origin.path().join("hooks/pre-receive");
    let text = format!(
        "#!/bin/sh\nwhile read old new ref; do [ \"$ref\" = refs/heads/{branch} ] && \
         echo protected >&2 && exit 1; done; exit 0\n"
    );
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, text).unwrap();
    fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
}

/// Returns the records of a branch, the oldest first.
fn records(repository: &Repository, branch: &str) -> Vec<Value> {
    let files = repository.git(&["ls-tree", "-r", "--name-only", branch]);
    let text = |file: &str| repository.git(&["show", &format!("{branch}:{file}")]);
    files.lines().map(|file| serde_json::from_str(&text(file)).unwrap()).collect()
}

/// Returns the events of a record, as `action result`.
fn events(record: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = record["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| format!("{} {}", text(&event["action"]), text(&event["result"])))
        .collect()
}

/// Returns the events that `audit show` has, as `action result`.
fn shown(catalog: &Repository, arguments: &[&str]) -> Vec<String> {
    let arguments = [&["audit", "show", "--format", "json"], arguments].concat();
    events(&catalog.goldenpath(&arguments).run().success().json())
}

#[track_caller]
fn verified(catalog: &Repository) -> Outcome {
    catalog.goldenpath(&["audit", "verify"]).run()
}
