//! Signed checkpoints: what they cover cannot be changed without being found.

use std::fs;

use super::records::named;
use super::{BRANCH, records};
use goldenpath_testkit::{Outcome, Platform, Repository};

/// Returns an applied platform, a new key, and the file of allowed signers.
fn signed() -> (Platform, String, String) {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    let catalog = &platform.catalog;
    let key = catalog.home().join("key").display().to_string();
    catalog.program("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key]).run().success();
    let public = fs::read_to_string(format!("{key}.pub")).unwrap();
    let signers = catalog.home().join("signers").display().to_string();
    fs::write(&signers, format!("auditor@example.com {public}")).unwrap();
    (platform, key, signers)
}

fn verify(catalog: &Repository, signers: &str, more: &[&str]) -> Outcome {
    let arguments = ["audit", "verify", "--allowed-signers", signers];
    catalog.goldenpath(&[&arguments, more].concat()).run()
}

/// Changes the audit branch, in a commit on top of it or instead of its last one.
fn on_branch(catalog: &Repository, change: &dyn Fn(&Repository)) {
    catalog.git(&["switch", "--quiet", BRANCH]);
    change(catalog);
    catalog.git(&["switch", "--quiet", "main"]);
}

#[test]
fn what_a_checkpoint_covers_and_what_came_later_is_counted() {
    let (platform, key, signers) = signed();
    let catalog = &platform.catalog;
    let outcome = verify(catalog, &signers, &[]).fails_with(1);
    assert!(outcome.stdout.contains("it has no checkpoint of an allowed signer"));
    let out = catalog.home().join("kept.json").display().to_string();
    let outcome =
        catalog.goldenpath(&["audit", "checkpoint", "--key", &key, "--out", &out]).run().success();
    assert!(outcome.stdout.starts_with("Signed 2 records up to commit "), "{}", outcome.stdout);
    platform.seed_changed("owner: team-payments", "owner: platform-team");
    platform.apply().run().success();
    let outcome = verify(catalog, &signers, &["--checkpoint", &out]).success();
    assert!(outcome.stdout.contains("2 covered, not covered: 2."), "{}", outcome.stdout);
    let report = verify(catalog, &signers, &["--format", "json"]).success().json();
    assert_eq!((report["covered"].as_u64(), report["notCovered"].as_u64()), (Some(2), Some(2)));
    // Another person's key, and a signature of something else.
    let stranger = fs::read_to_string(&signers).unwrap().replace("AAAA", "AAAB");
    let other = catalog.home().join("others").display().to_string();
    fs::write(&other, stranger).unwrap();
    let outcome = verify(catalog, &other, &[]).fails_with(1);
    assert!(outcome.stdout.contains("is not one of an allowed signer"), "{}", outcome.stdout);
    let forged = fs::read_to_string(&out).unwrap().replace("\"count\": 2", "\"count\": 1");
    fs::write(&out, forged).unwrap();
    let outcome = verify(catalog, &signers, &["--checkpoint", &out]).fails_with(1);
    assert!(outcome.stdout.contains("--checkpoint: its signature"), "{}", outcome.stdout);
}

#[test]
fn a_rewritten_history_and_a_dropped_tail_are_found() {
    let (platform, key, signers) = signed();
    let catalog = &platform.catalog;
    let out = catalog.home().join("kept.json").display().to_string();
    catalog.goldenpath(&["audit", "checkpoint", "--key", &key, "--out", &out]).run().success();
    let whole = catalog.git(&["rev-parse", BRANCH]);
    // The record is replaced by another with the right hash, in a history without traces.
    on_branch(catalog, &|catalog| {
        let file = catalog.git(&["ls-files"]).lines().next().unwrap().to_owned();
        let text = catalog.read(&file).replace("Dev Eloper", "Some Body");
        catalog.git(&["rm", "--quiet", &file]);
        catalog.write(named(&file, &text), &text).git(&["add", "--all"]);
        let tree = catalog.git(&["write-tree"]);
        let commit = catalog.git(&["commit-tree", "-m", "x", &tree]);
        catalog.git(&["reset", "--quiet", "--hard", &commit]);
    });
    let outcome = verify(catalog, &signers, &[]).fails_with(1);
    assert!(outcome.stdout.contains("the history was rewritten"), "{}", outcome.stdout);
    // Everything after the first record is dropped, with the checkpoint.
    catalog.git(&["branch", "--force", BRANCH, &format!("{whole}~2")]);
    catalog.goldenpath(&["audit", "verify"]).run().success();
    assert_eq!(records(catalog, BRANCH).len(), 1);
    let outcome = verify(catalog, &signers, &["--checkpoint", &out]).fails_with(1);
    assert!(outcome.stdout.contains("--checkpoint: it signs commit"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("records were dropped"), "{}", outcome.stdout);
}

#[test]
fn apply_signs_where_a_key_is_configured_and_starts_nothing_where_that_fails() {
    let (platform, key, signers) = signed();
    let catalog = &platform.catalog;
    let text = catalog.read("goldenpath.yaml");
    let with = |key: &str| format!("{text}audit: {{ signingKey: \"{key}\" }}\n");
    catalog.write("goldenpath.yaml", &with("/nowhere/key")).commit_all("No key");
    platform.seed_changed("owner: team-payments", "owner: platform-team");
    let before = catalog.audit_branch();
    let outcome = platform.apply().run().fails_with(1);
    assert!(outcome.stderr.contains("cannot sign with `/nowhere/key`"), "{}", outcome.stderr);
    assert_eq!(catalog.audit_branch(), before);
    catalog.write("goldenpath.yaml", &with(&key)).commit_all("Key");
    platform.apply().run().success();
    let outcome = verify(catalog, &signers, &[]).success();
    assert!(outcome.stdout.contains("not covered: 0."), "{}", outcome.stdout);
}
