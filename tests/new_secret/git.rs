//! Git operations of `new secret`: the reservation on the remote, and the requested branch and
//! commit.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{REQUIRED, catalog, new_secret, says};
use goldenpath_testkit::{Key, Repository};

const FIRST: &str = "catalogs/secrets/payments/dev/SEC-0001.yaml";

/// Returns a remote with a commit on main, and two clones of it.
fn clones() -> (Repository, Repository, Repository) {
    let origin = Repository::bare();
    let ours = Repository::clone_of(&origin);
    ours.write("README.md", "x\n").commit_all("Start");
    ours.git(&["push", "--quiet", "origin", "main"]);
    let theirs = Repository::clone_of(&origin);
    (origin, ours, theirs)
}

fn reservations(origin: &Repository) -> String {
    origin.git(&["for-each-ref", "--format=%(refname:lstrip=3)", "refs/goldenpath/ids/"])
}

#[test]
fn the_id_is_reserved_and_no_other_process_gets_it() {
    let (origin, ours, theirs) = clones();
    let made = new_secret(&ours, &["--json"]).run().success().json();
    assert_eq!(
        (&made["manifests"][0]["id"], &made["reservedOn"]),
        (&"SEC-0001".into(), &"origin".into())
    );
    let made = new_secret(&theirs, &["--env", "dev", "--env", "prod"]).run().success();
    assert!(
        made.stdout.starts_with("SEC-0002 ") && made.stdout.contains("\nSEC-0003 "),
        "{}",
        made.stdout
    );
    assert_eq!(reservations(&origin), "SEC-0001\nSEC-0002\nSEC-0003");
    for id in ["SEC-0002", "SEC-0003"] {
        let environment = if id == "SEC-0002" { "dev" } else { "prod" };
        let text = theirs.read(format!("catalogs/secrets/payments/{environment}/{id}.yaml"));
        assert!(text.contains(&format!("id: {id}\n")), "{text}");
    }
    assert_eq!(catalog(&theirs).len(), 2);
}

#[test]
fn what_is_refused_shown_or_declined_reserves_nothing() {
    let (origin, ours, _theirs) = clones();
    new_secret(&ours, &["--dry-run"]).run().success();
    new_secret(&ours, &["--risk", "high", "--rotation", "none"]).run().fails_with(1);
    let flags: Vec<&str> = REQUIRED.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    let more = [
        "--rotation",
        "none",
        "--namespace",
        "x",
        "--k8s-secret-name",
        "x",
        "--ttl-days",
        "7",
        "--description",
        "y",
    ];
    let arguments = [&["new", "secret"], &flags[..], &more].concat();
    let mut terminal = ours.goldenpath(&arguments).in_terminal(80, 30);
    terminal.wait_for("Write this file?").key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
    assert_eq!(reservations(&origin), "");
    assert!(!ours.exists(".git/goldenpath/given-out"));
}

#[test]
fn a_number_that_was_taken_while_the_answers_were_given_is_another_one_in_the_file() {
    let (origin, ours, theirs) = clones();
    let flags: Vec<&str> = REQUIRED.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    let more = [
        "--rotation",
        "none",
        "--namespace",
        "x",
        "--k8s-secret-name",
        "x",
        "--ttl-days",
        "7",
        "--description",
        "y",
    ];
    let mut terminal =
        ours.goldenpath(&[&["new", "secret"], &flags[..], &more].concat()).in_terminal(80, 30);
    terminal.wait_for("id: SEC-0001").wait_for("Write this file?");
    new_secret(&theirs, &[]).run().success();
    terminal.key(Key::Enter).wait_for("SEC-0002 catalogs/secrets/payments/dev/SEC-0002.yaml");
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.screen().contains("SEC-0001 was taken concurrently"), "{}", terminal.screen());
    assert!(ours.read("catalogs/secrets/payments/dev/SEC-0002.yaml").contains("id: SEC-0002\n"));
    assert_eq!(catalog(&ours).len(), 1);
    assert_eq!(reservations(&origin), "SEC-0001\nSEC-0002");
}

#[test]
fn the_branch_and_the_commit_hold_the_new_files_and_nothing_else() {
    let (_origin, ours, _theirs) = clones();
    ours.write("notes.md", "staged\n").git(&["add", "notes.md"]);
    ours.write("README.md", "changed\n");
    let arguments =
        ["--branch", "secrets/psp-token", "--commit", "--env", "dev", "--env", "prod", "--json"];
    let made = new_secret(&ours, &arguments).run().success().json();
    assert_eq!(made["branch"], "secrets/psp-token");
    assert_eq!(made["commit"], ours.git(&["rev-parse", "secrets/psp-token"]));
    assert_eq!(ours.git(&["branch", "--show-current"]), "secrets/psp-token");
    let files = ours.git(&["show", "--format=", "--name-only", "HEAD"]);
    assert_eq!(files, format!("{FIRST}\ncatalogs/secrets/payments/prod/SEC-0002.yaml"));
    let subject = ours.git(&["show", "--no-patch", "--format=%s", "HEAD"]);
    assert_eq!(subject, "SEC-0001 and SEC-0002: payments-psp-token for payments in dev and prod");
    assert_eq!(ours.git(&["rev-parse", "HEAD~1"]), ours.git(&["rev-parse", "main"]));
    // Both branches are unchanged.
    assert_eq!(ours.git(&["status", "--porcelain"]), "M README.md\nA  notes.md");
}

#[test]
fn a_branch_alone_leaves_the_files_uncommitted_and_a_commit_alone_stays_on_the_branch() {
    let repository = Repository::new();
    // Also before the first commit.
    new_secret(&repository, &["--branch", "first"]).run().success();
    assert_eq!(repository.git(&["branch", "--show-current"]), "first");
    assert_eq!(
        repository.git(&["status", "--porcelain", "--untracked-files=all"]),
        format!("?? {FIRST}")
    );
    let made = new_secret(&repository, &["--commit", "--env", "prod"]).run().success();
    says(&made, "Committed as");
    assert_eq!(
        repository.git(&["show", "--format=", "--name-only", "HEAD"]),
        "catalogs/secrets/payments/prod/SEC-0002.yaml"
    );
    // With a detached HEAD.
    repository.git(&["checkout", "--quiet", "--detach"]);
    new_secret(&repository, &["--commit", "--env", "test"]).run().success();
    assert_eq!(repository.git(&["rev-list", "--count", "HEAD"]), "2");
}

#[test]
fn a_branch_that_cannot_be_made_is_refused_before_anything_is_asked_or_written() {
    let repository = Repository::new();
    repository.write("README.md", "x\n").commit_all("Start").git(&["branch", "taken"]);
    for (name, words) in [
        ("taken", "this branch already exists"),
        ("a b", "git does not allow this branch name"),
        ("x.lock", "git does not allow this branch name"),
        ("a..b", "git does not allow this branch"),
        ("", "git does not allow this branch"),
    ] {
        let mut arguments = vec!["new", "secret", "--branch", name];
        arguments.extend(REQUIRED.iter().flat_map(|(flag, value)| [*flag, *value]));
        let outcome = repository.goldenpath(&arguments).run().fails_with(2);
        says(&outcome, words);
    }
    assert_eq!(catalog(&repository), [""; 0]);
    assert!(!repository.exists(".git/goldenpath/given-out"));
}

#[test]
fn a_hook_that_refuses_the_commit_is_heard_and_the_files_stay() {
    let repository = Repository::new();
    let hook = repository.path().join(".git/hooks/pre-commit");
    fs::write(&hook, "#!/bin/sh\necho 'not on a Friday'\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = new_secret(&repository, &["--commit"]).run().fails_with(1);
    says(&outcome, "not on a Friday");
    says(&outcome, "`git commit` failed");
    assert_eq!(outcome.stdout, format!("SEC-0001 {FIRST}\n"), "the created file is reported");
    assert!(repository.exists(FIRST));
    assert_eq!(repository.git(&["status", "--porcelain"]), format!("A  {FIRST}"));
}
