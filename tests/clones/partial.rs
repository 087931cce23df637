//! Objects that a partial clone lacks: fetched in one batch, or an error.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use goldenpath_testkit::{Platform, Repository};

use super::{PAYMENTS, clone, server};

/// Counts the fetches from the server.
struct FetchLog<'clone>(&'clone Repository);

impl<'clone> FetchLog<'clone> {
    fn start(clone: &'clone Repository) -> Self {
        let log = clone.home().join("fetches");
        let script = clone.home().join("upload-pack");
        let text =
            format!("#!/bin/sh\necho fetch >>'{}'\nexec git-upload-pack \"$@\"\n", log.display());
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        clone.git(&["config", "remote.origin.uploadpack", &script.display().to_string()]);
        Self(clone)
    }

    fn count(&self) -> usize {
        fs::read_to_string(self.0.home().join("fetches")).unwrap_or_default().lines().count()
    }
}

#[test]
fn missing_files_are_fetched_in_one_batch_and_once() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--filter=blob:none", "--no-checkout"]);
    let log = FetchLog::start(&clone);
    clone.goldenpath(&["list", "--ref", "origin/main"]).run().success();
    // The configuration, the list of owners, and all manifests.
    let first = log.count();
    assert!((1..=3).contains(&first), "{first}");
    clone.goldenpath(&["list", "--ref", "origin/main"]).run().success();
    assert_eq!(log.count(), first);
}

#[test]
fn the_folders_of_history_are_fetched_in_one_batch() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--filter=tree:0"]);
    let log = FetchLog::start(&clone);
    let next = clone.goldenpath(&["id", "next"]).run().success();
    assert_eq!(next.stdout.trim(), "SEC-0100");
    assert!(log.count() <= 3, "{}", log.count());
}

#[test]
fn nothing_is_fetched_where_nothing_is_missing() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--filter=blob:none"]);
    let log = FetchLog::start(&clone);
    clone.goldenpath(&["validate"]).run().success();
    clone.goldenpath(&["validate", "--staged"]).run().success();
    assert_eq!(log.count(), 0);
}

#[test]
fn without_the_server_the_command_that_helps_is_named() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--filter=blob:none"]);
    clone.git(&["remote", "set-url", "origin", "file:///nowhere"]);
    for arguments in [
        &["validate", "--from-ref", "origin/main"][..],
        &["validate", "--merge-with", "origin/main"],
        &["list", "--ref", "origin/main"],
        &["id", "next"],
    ] {
        let refused = clone.goldenpath(arguments).run().fails_with(2);
        let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("git fetch --refetch --no-filter origin"), "{said}");
        assert!(!said.contains("fsck") && refused.stdout.is_empty(), "{said}");
    }
}

#[test]
fn a_slow_fetch_says_after_a_second_what_it_fetches() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--filter=blob:none"]);
    let script = clone.home().join("slow-upload-pack");
    fs::write(&script, "#!/bin/sh\nsleep 2\nexec git-upload-pack \"$@\"\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    clone.git(&["config", "remote.origin.uploadpack", &script.display().to_string()]);
    let arguments = ["validate", "--from-ref", "origin/main"];
    let done = clone.goldenpath(&arguments).run().success();
    let notice = "Fetching 1 object that this partial clone lacks from origin";
    assert!(done.stderr.contains(notice), "{}", done.stderr);
    let quiet = super::clone(&server, &["--filter=blob:none"]);
    quiet.git(&["config", "remote.origin.uploadpack", &script.display().to_string()]);
    let done = quiet.goldenpath(&[&arguments[..], &["--quiet"]].concat()).run().success();
    assert_eq!(done.stderr, "");
}

#[test]
fn apply_works_in_a_partial_clone_of_the_gitops_repository() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    let server = &platform.gitops;
    server.git(&["config", "uploadpack.allowFilter", "true"]);
    server.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    server.git(&["checkout", "--quiet", "--detach"]);
    for filter in ["--filter=blob:none", "--filter=tree:0"] {
        let copy = Repository::new();
        fs::remove_dir_all(copy.path()).unwrap();
        fs::create_dir(copy.path()).unwrap();
        let url = format!("file://{}", server.path().display());
        copy.git(&["clone", "--quiet", filter, "--sparse", "--branch", "main", &url, "."]);
        platform.configure("backend: local", &copy.path().display().to_string());
        let plan = platform.plan(&[]).run().success();
        assert!(plan.stdout.contains("Nothing to do"), "{}", plan.stdout);
        let id = if filter.ends_with("none") { "SEC-0011" } else { "SEC-0012" };
        platform.write(id, &format!("payments-{}", id.to_lowercase())).catalog.commit_all("More");
        platform.apply().run().success();
        assert_eq!(copy.git(&["status", "--porcelain"]), "");
        assert!(copy.git(&["show", "--stat", "--format=", "HEAD"]).contains(id));
        copy.git(&["push", "--quiet", "origin", "main"]);
    }
}

#[test]
fn a_variable_of_git_forbids_the_fetch() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--filter=blob:none"]);
    let log = FetchLog::start(&clone);
    let command = clone.goldenpath(&["validate", "--from-ref", "origin/main"]);
    let refused = command.env("GIT_NO_LAZY_FETCH", "1").run().fails_with(2);
    assert!(refused.stderr.contains("GIT_NO_LAZY_FETCH"), "{}", refused.stderr);
    assert_eq!(log.count(), 0);
}

#[test]
fn the_extension_of_older_versions_of_git_names_the_remote_too() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--filter=blob:none"]);
    clone.git(&["config", "--unset", "remote.origin.promisor"]);
    clone.git(&["config", "extensions.partialClone", "origin"]);
    let outcome = clone.goldenpath(&["validate", "--from-ref", "origin/main"]).run().success();
    outcome.says_last(1, "no findings");
}

#[test]
fn a_duplicate_in_a_file_that_was_not_fetched_is_found() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--filter=blob:none", "--sparse"]);
    clone.git(&["sparse-checkout", "set", "--cone", "catalogs/secrets/web"]);
    let taken = server.read(format!("{PAYMENTS}/SEC-0008.yaml"));
    let moved = taken.replace("SEC-0008", "SEC-0500");
    clone.write("catalogs/secrets/web/dev/SEC-0500.yaml", &moved);
    clone.git(&["add", "--sparse", "catalogs/secrets/web"]);
    let found = clone.goldenpath(&["validate", "--staged"]).run().fails_with(1);
    assert!(found.said().contains("GP303"), "{}", found.said());
}

#[test]
fn shallow_branches_without_a_common_commit_are_not_in_conflict() {
    let (server, _gitops) = server();
    let clone = clone(&server, &["--depth=1"]);
    clone.git(&["fetch", "--quiet", "--depth=1", "origin", "main:refs/remotes/origin/main"]);
    let refused =
        clone.goldenpath(&["validate", "--merge-with", "origin/main"]).run().fails_with(2);
    assert!(refused.stderr.contains("git fetch --unshallow"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("conflict"), "{}", refused.stderr);
}
