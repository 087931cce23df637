//! `goldenpath id list`: which ID is used where.

use serde_json::Value;

use super::{clones, path, write};
use goldenpath_testkit::{Repository, request};

fn list(repository: &Repository, arguments: &[&str]) -> Vec<Value> {
    let listed = repository
        .goldenpath(&[&["id", "list", "--json"], arguments].concat())
        .run()
        .success()
        .json();
    assert_eq!(listed["version"], 1);
    listed["ids"].as_array().unwrap().clone()
}

#[test]
fn the_work_tree_every_branch_and_reservations_are_listed_with_who_holds_them() {
    let (_origin, clones) = clones(2);
    let (ours, theirs) = (&clones[0], &clones[1]);
    write(theirs, "SEC-0002");
    theirs.git(&["checkout", "--quiet", "-b", "feature"]);
    theirs.commit_all("Two").git(&["push", "--quiet", "origin", "feature"]);
    assert_eq!(theirs.goldenpath(&["id", "reserve"]).run().success().stdout, "SEC-0003\n");
    write(ours, "SEC-0001");
    assert_eq!(
        ours.goldenpath(&["id", "reserve", "--no-reserve"]).run().success().stdout,
        "SEC-0002\n"
    );

    // This clone has never fetched the feature branch.
    let rows = list(ours, &[]);
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row["id"].as_str().unwrap(), row["state"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("SEC-0001", "used"), ("SEC-0002", "used"), ("SEC-0003", "reserved")]);
    assert_eq!((&rows[0]["path"], &rows[0]["branch"]), (&path("SEC-0001").into(), &Value::Null));
    assert_eq!(
        (&rows[1]["path"], &rows[1]["branch"]),
        (&path("SEC-0002").into(), &"origin/feature".into())
    );
    assert_eq!(
        (&rows[1]["owner"], &rows[1]["name"]),
        (&"team-payments".into(), &"name-of-sec-0002".into())
    );
    let maker = rows[2]["reservedBy"].as_str().unwrap();
    let today = jiff_today(ours);
    assert!(maker == format!("Dev Eloper, {today}"), "{maker}");

    let unused = list(ours, &["--unused"]);
    assert_eq!(unused.len(), 1);
    assert_eq!(unused[0]["id"], "SEC-0003");
    // Without the remote, the reserved ID has no manifest.
    let offline = list(ours, &["--offline"]);
    let seen: Vec<_> = offline
        .iter()
        .map(|row| (row["id"].as_str().unwrap(), row["state"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("SEC-0001", "used"), ("SEC-0002", "given-out")]);

    let shown = ours.goldenpath(&["id", "list"]).run().success().stdout;
    assert!(
        shown.contains(
            "SEC-0002    used       catalogs/secrets/payments/dev/SEC-0002.yaml (team-payments, on \
             origin/feature)"
        ),
        "{shown}"
    );
    assert!(
        shown.contains(
            "SEC-0003    reserved   not used by any branch (reserved on origin by Dev Eloper"
        ),
        "{shown}"
    );
}

/// Returns the day of git's clock.
fn jiff_today(repository: &Repository) -> String {
    let ident = repository.program("git", &["var", "GIT_COMMITTER_IDENT"]).run().success().stdout;
    let seconds = ident.split_whitespace().rev().nth(1).unwrap().to_owned();
    repository
        .program("date", &["-u", "-d", &format!("@{seconds}"), "+%F"])
        .run()
        .success()
        .stdout
        .trim()
        .to_owned()
}

#[test]
fn an_id_that_two_manifests_have_is_marked_and_one_that_moved_is_not() {
    let repository = Repository::new();
    write(&repository, "SEC-0001");
    repository
        .write("catalogs/secrets/web/dev/SEC-0001.yaml", &request("SEC-0001", "something-else"));
    write(&repository, "SEC-0002");
    repository.commit_all("Two of one");
    repository.git(&["checkout", "--quiet", "-b", "moves"]);
    repository.git(&["mv", &path("SEC-0002"), "catalogs/secrets/payments/SEC-0002.yaml"]);
    repository.commit_all("Moved");
    let rows = list(&repository, &[]);
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row["id"].as_str().unwrap(), row["collides"].as_bool().unwrap()))
        .collect();
    assert_eq!(seen, [("SEC-0001", true), ("SEC-0001", true), ("SEC-0002", false)]);
}

#[test]
fn a_remote_that_is_away_leaves_what_this_clone_knows() {
    let (origin, clones) = clones(1);
    write(&clones[0], "SEC-0001");
    std::fs::rename(origin.path(), origin.home().join("away")).unwrap();
    let listed = clones[0].goldenpath(&["id", "list"]).run().success();
    assert!(
        listed.stderr.contains("Warning: showing only what this clone knows"),
        "{}",
        listed.stderr
    );
    assert!(listed.stdout.starts_with("SEC-0001    used"), "{}", listed.stdout);
}

#[test]
fn names_from_a_branch_steer_no_terminal() {
    let repository = Repository::new();
    let text = request("SEC-0001", "x").replace("team-payments", "\"\\e[2J\"");
    repository.write(path("SEC-0001"), &text).commit_all("Hostile");
    for arguments in [&["id", "list"][..], &["id", "list", "--json"]] {
        let shown = repository.goldenpath(arguments).run().success().stdout;
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
    }
}
