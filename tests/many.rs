//! Many secrets: what is prepared while the store works, and what other processes see of it.

use std::fs::{self, File};

use goldenpath_testkit::{Platform, Repository};

const COUNT: usize = 120;

fn many() -> Platform {
    let platform = Platform::local();
    for number in 1..=COUNT {
        platform.write(&format!("SEC-{number:04}"), &format!("number-{number}"));
    }
    platform.catalog.commit_all("Many");
    platform
}

/// Returns goldenpath's folders in `.git` that are left.
fn aside(repository: &Repository) -> Vec<String> {
    let ours =
        fs::read_dir(repository.path().join(".git/goldenpath")).into_iter().flatten().flatten();
    let names = ours.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(".goldenpath-")).collect()
}

#[test]
fn they_go_into_one_pack_and_git_finds_all_of_it_as_it_should_be() {
    let platform = many();
    platform.apply().run().success();
    {
        let repository = &platform.gitops;
        assert_eq!(repository.git(&["ls-files", "kustomize"]).lines().count(), COUNT);
        // The index is enough: the files' content is not read.
        repository.git(&["diff-files", "--quiet"]);
        repository.git(&["diff-index", "--cached", "--quiet", "HEAD"]);
        assert_eq!(repository.git(&["status", "--porcelain", "-uall"]), "");
        repository.git(&["fsck", "--strict", "--no-dangling"]);
        let objects = repository.git(&["count-objects", "-v"]);
        let count = |what: &str| -> usize {
            let line = objects.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
            line.unwrap().parse().unwrap()
        };
        assert_eq!(
            (count("packs"), count("in-pack"), count("garbage")),
            (1, COUNT, 0),
            "{objects}"
        );
        assert_eq!(aside(repository), [""; 0]);
    }
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn files_whose_text_git_s_settings_change_are_added_as_git_would() {
    let platform = many();
    platform.gitops.git(&["config", "core.autocrlf", "true"]);
    platform.gitops.git(&["config", "core.filemode", "false"]);
    platform.apply().run().success();
    assert_eq!(platform.gitops.git(&["ls-files", "kustomize"]).lines().count(), COUNT);
    assert_eq!(platform.gitops.git(&["status", "--porcelain", "-uall"]), "");
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn what_a_killed_run_had_made_ready_is_taken_away_and_another_run_s_stays() {
    let platform = Platform::local();
    platform.seed();
    let ours = platform.gitops.path().join(".git/goldenpath");
    for name in [".goldenpath-left", ".goldenpath-in-use"] {
        fs::create_dir_all(ours.join(name)).unwrap();
        fs::write(ours.join(name).join(".goldenpath-file"), "text").unwrap();
    }
    let kept = File::open(ours.join(".goldenpath-in-use")).unwrap();
    kept.lock().unwrap();
    platform.apply().run().success();
    assert_eq!(aside(&platform.gitops), [".goldenpath-in-use"]);
    assert!(ours.join(".goldenpath-in-use/.goldenpath-file").exists());
    drop(kept);
    // Also if there is nothing to do.
    platform.apply().run().success();
    assert_eq!(aside(&platform.gitops), [""; 0]);
}

#[test]
fn the_disk_is_as_it_was_where_nothing_can_be_made_ready() {
    let platform = Platform::local();
    platform.seed();
    // A file is in place of the folder.
    fs::write(platform.gitops.path().join(".git/goldenpath"), "").unwrap();
    platform.apply().run().success();
    assert_eq!(platform.gitops.git(&["ls-files", "kustomize"]).lines().count(), 1);
}
