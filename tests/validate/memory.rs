//! Duplicates of staged manifests are found in the whole catalog, with any state of the cache and
//! any format of the index.

use std::fs;
use std::path::PathBuf;

use goldenpath_testkit::{Outcome, Repository, findings, request};

const MEMORY: &str = ".git/goldenpath/claims";

fn path(id: &str) -> String {
    format!("catalogs/secrets/payments/dev/{id}.yaml")
}

/// Returns enough committed manifests that a run caches them: SEC-0101 to SEC-0160.
fn catalog() -> Repository {
    let repository = Repository::new();
    for number in 101..=160 {
        let id = format!("SEC-{number:04}");
        repository.write(path(&id), &request(&id, &format!("name-{number}")));
    }
    repository.commit_all("A catalog");
    repository
}

/// Stages a manifest, and returns the findings of a check: the rules and the places.
fn staged(repository: &Repository, id: &str, text: &str) -> Vec<(String, String)> {
    repository.write(path(id), text);
    repository.git(&["add", "--all"]);
    found(&check(repository))
}

fn check(repository: &Repository) -> Outcome {
    repository.goldenpath(&["validate", "--staged", "--format", "json"]).run()
}

fn found(outcome: &Outcome) -> Vec<(String, String)> {
    findings(outcome).into_iter().map(|found| (found.rule, found.path)).collect()
}

fn rules(repository: &Repository, id: &str, text: &str) -> Vec<String> {
    staged(repository, id, text).into_iter().map(|(rule, _)| rule).collect()
}

fn remembered(repository: &Repository) -> PathBuf {
    repository.path().join(MEMORY)
}

/// Returns a new manifest with the name and the target of SEC-0117.
fn rival() -> String {
    request("SEC-0200", "name-117")
}

#[test]
fn what_a_staged_manifest_takes_is_found_with_and_without_what_is_remembered() {
    let repository = catalog();
    assert!(!remembered(&repository).exists());
    let first = staged(&repository, "SEC-0200", &rival());
    let place = path("SEC-0200");
    assert_eq!(first, [("GP303".to_owned(), place.clone()), ("GP304".to_owned(), place)]);
    assert!(remembered(&repository).exists(), "a run that read many manifests remembers them");
    let with = check(&repository);
    fs::remove_file(remembered(&repository)).unwrap();
    let without = check(&repository);
    assert_eq!((with.code, with.stdout), (without.code, without.stdout));
}

#[test]
fn what_is_remembered_is_of_the_blobs_and_follows_every_change_of_them() {
    let repository = catalog();
    staged(&repository, "SEC-0200", &rival());
    // Another commit renames SEC-0117, so the name is available.
    repository.git(&["reset", "--quiet", "--hard"]);
    repository.write(path("SEC-0117"), &request("SEC-0117", "another-name"));
    repository.commit_all("Rename");
    assert_eq!(rules(&repository, "SEC-0200", &rival()), [""; 0]);
    // That commit is undone.
    repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    assert_eq!(rules(&repository, "SEC-0200", &rival()), ["GP303", "GP304"]);
    // The same if the staged change renames SEC-0117.
    repository.write(path("SEC-0117"), &request("SEC-0117", "another-name"));
    let outcome = staged(&repository, "SEC-0200", &rival());
    assert_eq!(outcome, [("GP402".to_owned(), path("SEC-0117"))]);
}

#[test]
fn a_manifest_that_is_removed_or_decommissioned_leaves_its_name() {
    let repository = catalog();
    let old = request("SEC-0117", "name-117");
    for status in ["deprecated", "decommission_requested", "decommissioned"] {
        repository
            .write(path("SEC-0117"), &old.replace("status: active", &format!("status: {status}")));
        repository.commit_all(status);
        let expected: &[&str] = if status == "decommissioned" { &[] } else { &["GP303", "GP304"] };
        assert_eq!(rules(&repository, "SEC-0200", &rival()), expected, "{status}");
        repository.git(&["rm", "--quiet", "--force", &path("SEC-0200")]);
    }
    repository.git(&["rm", "--quiet", &path("SEC-0117")]);
    assert_eq!(rules(&repository, "SEC-0200", &rival()), [""; 0]);
}

#[test]
fn an_id_that_another_file_has_is_found_and_both_places_are_shown() {
    let repository = catalog();
    staged(&repository, "SEC-0200", &rival());
    let text = request("SEC-0117", "a-name-of-its-own");
    repository.git(&["reset", "--quiet", "--hard"]);
    let outcome = staged(&repository, "SEC-0300", &text);
    assert!(outcome.contains(&("GP302".to_owned(), path("SEC-0300"))), "{outcome:?}");
    let drawn = repository.goldenpath(&["validate", "--staged"]).run().fails_with(1).stdout;
    assert!(drawn.contains("taken here") && drawn.contains("SEC-0117.yaml:"), "{drawn}");
}

#[test]
fn a_damaged_cache_is_ignored() {
    let repository = catalog();
    let expected = staged(&repository, "SEC-0200", &rival());
    let sound = fs::read(remembered(&repository)).unwrap();
    let mut flipped = Vec::new();
    for at in [0, 7, 8, 15, 16, 40, 44, 59, sound.len() / 2, sound.len() - 1] {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        flipped.push(bytes);
    }
    let cut = [0, 1, 15, 16, 17, 60, sound.len() - 1].map(|length| sound[..length].to_vec());
    let longer = [sound.clone(), sound[16..].to_vec()].concat();
    let others = [longer, vec![0; sound.len()], b"goldenpath".repeat(1000)];
    for damaged in flipped.into_iter().chain(cut).chain(others) {
        fs::write(remembered(&repository), &damaged).unwrap();
        assert_eq!(found(&check(&repository)), expected);
        assert_eq!(fs::read(remembered(&repository)).unwrap(), sound, "it is written again");
    }
    fs::remove_file(remembered(&repository)).unwrap();
    fs::create_dir(remembered(&repository)).unwrap();
    assert_eq!(found(&check(&repository)), expected, "a folder in its place");
}

#[test]
fn another_key_template_makes_other_claims() {
    let repository = catalog();
    let elsewhere =
        request("SEC-0200", "name-117").replace("k8sSecretName: name-117", "k8sSecretName: other");
    assert_eq!(rules(&repository, "SEC-0200", &elsewhere), ["GP303"]);
    repository.git(&["reset", "--quiet", "--hard"]);
    repository.write("goldenpath.yaml", "store:\n  keyTemplate: \"{{ id }}\"\n");
    repository.commit_all("Keys by ID");
    // The ExternalSecret still has the manifest's name.
    assert_eq!(rules(&repository, "SEC-0200", &elsewhere), ["GP305"]);
}

#[test]
fn runs_at_once_find_the_same_and_leave_a_sound_memory() {
    let repository = catalog();
    let expected = staged(&repository, "SEC-0200", &rival());
    for _ in 0..3 {
        fs::remove_dir_all(remembered(&repository).parent().unwrap()).unwrap();
        let start =
            |_| repository.goldenpath(&["validate", "--staged", "--format", "json"]).start();
        let running: Vec<_> = (0..6).map(start).collect();
        for one in running {
            assert_eq!(found(&one.wait()), expected);
        }
        let left: Vec<_> =
            fs::read_dir(remembered(&repository).parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(found(&check(&repository)), expected);
    }
}

#[test]
fn a_linked_work_tree_shares_what_is_remembered() {
    let repository = catalog();
    let linked = repository.path().parent().unwrap().join("linked");
    repository.git(&["worktree", "add", "--quiet", "-b", "other", linked.to_str().unwrap()]);
    fs::write(linked.join(path("SEC-0200")), rival()).unwrap();
    let folder = linked.to_str().unwrap();
    repository.git(&["-C", folder, "add", "--all"]);
    let run =
        || repository.goldenpath(&["-C", folder, "validate", "--staged", "--format", "json"]).run();
    let rules = |outcome: &Outcome| {
        findings(outcome).into_iter().map(|found| found.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(&run()), ["GP303", "GP304"]);
    assert!(remembered(&repository).exists());
    assert_eq!(rules(&run()), ["GP303", "GP304"]);
}

#[test]
fn every_form_of_the_index_says_the_same() {
    for form in [
        &["update-index", "--index-version", "2"][..],
        &["update-index", "--index-version", "4"],
        &["update-index", "--split-index"],
        &["update-index", "--force-untracked-cache"],
        &["read-tree", "HEAD"],
        &["update-index", "--no-split-index", "--index-version", "3"],
        &["-c", "index.skipHash=true", "update-index", "--force-write-index"],
        &[
            "-c",
            "index.threads=4",
            "-c",
            "index.recordEndOfIndexEntries=true",
            "update-index",
            "--force-write-index",
        ],
    ] {
        let repository = catalog();
        repository.git(form);
        repository.git(&["mv", &path("SEC-0101"), "catalogs/secrets/payments/dev/SEC-0500.yaml"]);
        repository.git(&["rm", "--quiet", &path("SEC-0102")]);
        let outcome = staged(&repository, "SEC-0200", &rival());
        let expected = [
            ("GP404", "SEC-0102"),
            ("GP303", "SEC-0200"),
            ("GP304", "SEC-0200"),
            ("GP301", "SEC-0500"),
        ];
        assert_eq!(outcome, expected.map(|(rule, id)| (rule.to_owned(), path(id))), "{form:?}");
    }
}

#[test]
fn a_sparse_index_has_the_manifests_that_it_leaves_out() {
    let repository = catalog();
    repository.write("other/file", "x").commit_all("More");
    repository.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "other"]);
    repository.goldenpath(&["validate", "--staged"]).run().success();
    let place = path("SEC-0200");
    repository.write(&place, &rival()).git(&["add", "--sparse", &place]);
    assert_eq!(
        found(&check(&repository)),
        [("GP303".to_owned(), place.clone()), ("GP304".to_owned(), place)]
    );
}

#[cfg(unix)]
#[test]
fn folders_and_files_whose_names_are_not_utf_8_are_gone_past() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let repository = catalog();
    let folder =
        repository.path().join("catalogs/secrets").join(OsStr::from_bytes(b"\xff\xfe\xfd"));
    fs::create_dir_all(folder.join(OsStr::from_bytes(b"d\xff"))).unwrap();
    fs::write(folder.join(OsStr::from_bytes(b"d\xff/x\xff\xff")), "a").unwrap();
    fs::write(folder.join("y"), "b").unwrap();
    assert_eq!(rules(&repository, "SEC-0200", &rival()), ["GP303", "GP304"]);
    repository.git(&["commit", "--quiet", "--no-verify", "--message", "Strange names"]);
    fs::write(folder.join("y"), "c").unwrap();
    repository.git(&[
        "rm",
        "--quiet",
        "-r",
        "--cached",
        "catalogs/secrets/payments/dev/SEC-0200.yaml",
    ]);
    fs::remove_file(repository.path().join(path("SEC-0200"))).unwrap();
    assert_eq!(
        rules(&repository, "SEC-0201", &request("SEC-0201", "name-117")),
        ["GP404", "GP303", "GP304"]
    );
}

#[test]
fn a_damaged_index_is_refused_or_read_and_never_worse() {
    let repository = catalog();
    staged(&repository, "SEC-0200", &rival());
    let file = repository.path().join(".git/index");
    let sound = fs::read(&file).unwrap();
    let mut seed: usize = 7;
    let mut refused = 0;
    for round in 0..60 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (seed >> 33) % sound.len();
        let mut bytes = sound.clone();
        match round % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 0x55,
            _ => bytes[8..12].copy_from_slice(&u32::try_from(at).unwrap().to_be_bytes()),
        }
        fs::write(&file, &bytes).unwrap();
        let outcome = check(&repository);
        assert!(matches!(outcome.code, 0..=2), "round {round}: {}", outcome.said());
        refused += usize::from(outcome.code == 2 && outcome.stderr.contains("the index"));
    }
    assert!(refused > 30, "{refused} were refused");
}

#[test]
fn a_file_outside_of_the_catalog_that_is_named_is_held_against_the_catalog() {
    let repository = catalog();
    repository.write("stray/SEC-0200.yaml", &rival()).git(&["add", "--all"]);
    for _ in 0..2 {
        let staged = ["validate", "--staged", "--format", "json", "stray/SEC-0200.yaml"];
        let rules: Vec<String> = findings(&repository.goldenpath(&staged).run())
            .into_iter()
            .map(|found| found.rule)
            .collect();
        assert_eq!(rules, ["GP301", "GP303", "GP304"]);
    }
}
