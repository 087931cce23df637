//! History is read once; the cache of it never changes a result.

use std::fs;
use std::thread;
use std::time::Duration;

use super::{next, path, write};
use goldenpath_testkit::{Platform, Repository, request};

fn memory(repository: &Repository) -> std::path::PathBuf {
    repository.path().join(".git/goldenpath/ids")
}

#[test]
fn what_is_remembered_is_not_read_again() {
    let repository = Repository::new();
    write(&repository, "SEC-0009");
    repository.commit_all("Nine");
    repository.git(&["rm", "--quiet", &path("SEC-0009")]);
    repository.commit_all("Gone");
    assert_eq!(next(&repository), "SEC-0010");
    let remembered = fs::read(memory(&repository)).unwrap();
    // The test deletes the commit that had SEC-0009, its trees and its blob, as in a damaged clone:
    // reading that history again would not find the ID.
    let lost = repository.git(&["rev-list", "--objects", "HEAD~1"]);
    for object in lost.lines().filter_map(|line| line.split(' ').next()) {
        let _ = fs::remove_file(
            repository.path().join(".git/objects").join(&object[..2]).join(&object[2..]),
        );
    }
    assert_eq!(next(&repository), "SEC-0010");
    assert_eq!(fs::read(memory(&repository)).unwrap(), remembered, "nothing new was learned");
}

#[test]
fn what_comes_after_is_seen() {
    let repository = Repository::new();
    write(&repository, "SEC-0001");
    repository.commit_all("One");
    assert_eq!(next(&repository), "SEC-0002");
    repository.git(&["checkout", "--quiet", "-b", "other"]);
    write(&repository, "SEC-0020");
    repository.commit_all("Twenty");
    repository.git(&["rm", "--quiet", &path("SEC-0020")]);
    repository.commit_all("Gone");
    repository.git(&["checkout", "--quiet", "main"]);
    assert_eq!(next(&repository), "SEC-0021");
    repository.git(&["branch", "--quiet", "-D", "other"]);
    assert_eq!(next(&repository), "SEC-0021", "it was given to something once");
}

#[test]
fn a_damaged_or_missing_cache_is_written_again() {
    let repository = Repository::new();
    write(&repository, "SEC-0005");
    repository.commit_all("Five");
    assert_eq!(next(&repository), "SEC-0006");
    let sound = fs::read(memory(&repository)).unwrap();
    for damaged in [
        vec![],
        sound[..sound.len() - 1].to_vec(),
        [&sound[..20], &[0xff; 20], &sound[40..]].concat(),
    ] {
        fs::write(memory(&repository), damaged).unwrap();
        assert_eq!(next(&repository), "SEC-0006");
        assert_eq!(fs::read(memory(&repository)).unwrap(), sound);
    }
    fs::remove_dir_all(repository.path().join(".git/goldenpath")).unwrap();
    assert_eq!(next(&repository), "SEC-0006");
}

#[test]
fn a_file_that_is_changed_in_its_place_is_read_before_an_id_is_given_out() {
    let repository = Repository::new();
    write(&repository, "SEC-0003");
    repository.commit_all("Three");
    at_rest();
    assert_eq!(next(&repository), "SEC-0004");
    let text = repository.read(path("SEC-0003")).replace("id: SEC-0003", "id: SEC-0077");
    repository.write(path("SEC-0003"), &text);
    assert_eq!(repository.goldenpath(&["id", "reserve"]).run().success().stdout, "SEC-0078\n");
    assert_eq!(next(&repository), "SEC-0079");
}

/// Waits until the folders are cached: a folder that has just changed is read again.
fn at_rest() {
    thread::sleep(Duration::from_millis(1100));
}

#[test]
fn what_comes_into_a_folder_that_is_remembered_is_seen_and_what_goes_is_gone() {
    let repository = Repository::new();
    write(&repository, "SEC-0003");
    write(&repository, "SEC-0009");
    at_rest();
    assert_eq!(next(&repository), "SEC-0010");
    let folders = repository.path().join(".git/goldenpath/folders");
    let remembered = fs::read(&folders).unwrap();
    assert!(
        String::from_utf8_lossy(&remembered)
            .contains("\tSEC-0009 catalogs/secrets/payments/dev/SEC-0009.yaml\n")
    );
    assert_eq!(next(&repository), "SEC-0010");
    assert_eq!(fs::read(&folders).unwrap(), remembered);
    repository.write(path("notes"), &request("SEC-0020", "claims-more"));
    assert_eq!(next(&repository), "SEC-0021");
    repository.write("catalogs/secrets/web/prod/SEC-0030.yaml", "a: b\n");
    assert_eq!(next(&repository), "SEC-0031");
    fs::remove_dir_all(repository.path().join("catalogs/secrets/web")).unwrap();
    fs::remove_file(repository.path().join(path("notes"))).unwrap();
    fs::rename(repository.path().join(path("SEC-0009")), repository.path().join(path("SEC-0012")))
        .unwrap();
    assert_eq!(
        next(&repository),
        "SEC-0013",
        "what was never in git and never given out leaves nothing"
    );
}

#[test]
fn a_shallow_clone_says_that_history_is_cut_and_deepening_it_brings_the_rest() {
    let origin = Repository::new();
    write(&origin, "SEC-0009");
    origin.commit_all("Nine");
    origin.git(&["rm", "--quiet", &path("SEC-0009")]);
    origin.commit_all("Gone");
    let shallow = Repository::new();
    let url = format!("file://{}", origin.path().display());
    shallow.git(&["remote", "add", "origin", &url]);
    shallow.git(&["fetch", "--quiet", "--depth=1", "origin", "main:refs/remotes/origin/main"]);
    let asked = shallow.goldenpath(&["id", "next"]).run().success();
    assert_eq!(asked.stdout, "SEC-0001\n");
    assert!(
        asked.stderr.contains("this clone is shallow") && asked.stderr.contains("--unshallow"),
        "{}",
        asked.stderr
    );
    shallow.git(&["fetch", "--quiet", "--unshallow", "origin"]);
    let asked = shallow.goldenpath(&["id", "next"]).run().success();
    assert_eq!((asked.stdout.as_str(), asked.stderr.as_str()), ("SEC-0010\n", ""));
}

/// Returns the remote of a catalog that had SEC-0012 when it was applied, and has removed it.
fn applied_and_removed() -> (Platform, Repository) {
    let (platform, origin) = (Platform::local(), Repository::bare());
    let catalog = &platform.catalog;
    catalog.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    platform.seed();
    platform.write("SEC-0012", "an-old-key");
    catalog.commit_all("Twelve");
    catalog.git(&["push", "--quiet", "origin", "main"]);
    platform.apply().run().success();
    catalog.git(&["rm", "--quiet", "catalogs/secrets/payments/dev/SEC-0012.yaml"]);
    catalog.commit_all("Gone");
    catalog.git(&["push", "--quiet", "origin", "main"]);
    (platform, origin)
}

fn shallow_clone(origin: &Repository) -> Repository {
    let clone = Repository::new();
    clone.git(&["remote", "add", "origin", &format!("file://{}", origin.path().display())]);
    clone.git(&["fetch", "--quiet", "--depth=1", "origin", "main"]);
    clone.git(&["checkout", "--quiet", "-B", "main", "FETCH_HEAD"]);
    clone
}

#[test]
fn what_was_applied_is_not_given_again_although_its_history_is_cut() {
    let (_platform, origin) = applied_and_removed();
    let clone = shallow_clone(&origin);
    let reserved = clone.goldenpath(&["id", "reserve"]).run().success();
    assert_eq!(reserved.stdout, "SEC-0013\n");
    assert_eq!(clone.git(&["rev-list", "--count", "HEAD"]), "1", "no history is added");
    let refs = clone.git(&["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main\nrefs/remotes/origin/main");
}

#[test]
fn without_the_network_the_audit_trail_counts_as_it_was_fetched_last() {
    let (_platform, origin) = applied_and_removed();
    let id_next = |clone: &Repository| clone.goldenpath(&["id", "next"]).run().success().stdout;
    let by_git = shallow_clone(&origin);
    let trail = "goldenpath/audit:refs/remotes/origin/goldenpath/audit";
    by_git.git(&["fetch", "--quiet", "--depth=1", "origin", trail]);
    let by_goldenpath = shallow_clone(&origin);
    by_goldenpath.goldenpath(&["audit", "show"]).run().success();
    for clone in [by_git, by_goldenpath] {
        clone.git(&["remote", "set-url", "origin", "/nowhere"]);
        assert_eq!(id_next(&clone), "SEC-0013\n");
        // The second time from the cache.
        assert_eq!(id_next(&clone), "SEC-0013\n");
    }
}

#[test]
fn a_number_in_the_audit_trail_that_is_too_high_does_not_count_and_stays_taken() {
    let (platform, origin) = applied_and_removed();
    platform.catalog.write(
        "goldenpath.yaml",
        &format!("{}ids: {{ maxGap: 2 }}\n", platform.catalog.read("goldenpath.yaml")),
    );
    platform.catalog.commit_all("Two");
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
    let clone = shallow_clone(&origin);
    let reserved = clone.goldenpath(&["id", "reserve", "--count", "6"]).run().success();
    let ids = ["SEC-0008", "SEC-0009", "SEC-0010", "SEC-0011", "SEC-0013", "SEC-0014"];
    assert_eq!(reserved.stdout.lines().collect::<Vec<_>>(), ids);
}

#[test]
fn what_was_stashed_before_the_last_stash_counts() {
    let repository = Repository::new();
    repository.write("README.md", "x\n").commit_all("Start");
    for id in ["SEC-0080", "SEC-0002"] {
        write(&repository, id);
        repository.git(&["add", "--all"]);
        repository.git(&["stash", "push", "--quiet"]);
    }
    assert_eq!(next(&repository), "SEC-0081");
}
