//! Concurrent and killed reservations; `bench/ids` runs the same on a larger scale.

use std::collections::BTreeSet;
use std::fs;
use std::thread;

use super::clones;
use goldenpath_testkit::{Repository, killed_ever_later};

/// Reserves `each` IDs in all `repositories` concurrently, and returns the IDs in no order.
fn at_once(repositories: &[&Repository], each: usize) -> Vec<String> {
    let take = |repository: &Repository| {
        let runs = (0..each).map(|_| repository.goldenpath(&["id", "reserve"]).run().success());
        runs.map(|outcome| {
            assert!(!outcome.stderr.contains("Warning"), "{}", outcome.stderr);
            outcome.stdout.trim().to_owned()
        })
        .collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> =
            repositories.iter().map(|repository| scope.spawn(|| take(repository))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn clones_that_take_ids_at_once_get_different_ones_without_gaps() {
    let (_origin, clones) = clones(6);
    let ids = at_once(&clones.iter().collect::<Vec<_>>(), 4);
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), 24, "{ids:?}");
    assert_eq!(distinct.last().unwrap().as_str(), "SEC-0024", "no number was skipped");
}

#[test]
fn processes_in_one_clone_have_their_turn_one_after_the_other() {
    let repository = Repository::new();
    let ids = at_once(&[&repository; 8], 5);
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), 40, "{ids:?}");
    assert_eq!(distinct.last().unwrap().as_str(), "SEC-0040");
}

#[test]
fn whoever_is_killed_leaves_no_lock_and_no_number_twice() {
    let (origin, clones) = clones(2);
    let mut shown = Vec::new();
    killed_ever_later(
        |number| clones[number as usize % 2].goldenpath(&["id", "reserve"]),
        |_, ended| shown.extend(ended.stdout.strip_suffix('\n').map(str::to_owned)),
    );
    for clone in &clones {
        shown.push(clone.goldenpath(&["id", "reserve"]).run().success().stdout.trim().to_owned());
    }
    let distinct: BTreeSet<&String> = shown.iter().collect();
    assert_eq!(distinct.len(), shown.len(), "{shown:?}");
    // An ID is used up if the process was killed after the remote had accepted it.
    let reserved =
        origin.git(&["for-each-ref", "--format=%(refname:lstrip=3)", "refs/goldenpath/ids/"]);
    let reserved: BTreeSet<String> = reserved.lines().map(str::to_owned).collect();
    assert!(distinct.iter().all(|id| reserved.contains(*id)), "{shown:?} of {reserved:?}");
}

#[test]
fn a_line_that_a_crash_truncated_is_skipped() {
    let repository = Repository::new();
    repository.goldenpath(&["id", "reserve"]).run().success();
    let ledger = repository.path().join(".git/goldenpath/given-out");
    fs::write(&ledger, "SEC-0001\nSEC-00").unwrap();
    assert_eq!(repository.goldenpath(&["id", "reserve"]).run().success().stdout, "SEC-0002\n");
    assert_eq!(repository.goldenpath(&["id", "reserve"]).run().success().stdout, "SEC-0003\n");
}

#[test]
fn what_killed_runs_have_left_is_swept_up_and_what_others_write_now_is_not() {
    let repository = Repository::new();
    for (name, age) in [
        (".goldenpath-old", "2 hours ago"),
        (".goldenpath-young", "now"),
        ("claims", "2 hours ago"),
    ] {
        let file = format!(".git/goldenpath/{name}");
        repository.write(&file, "half");
        repository.program("touch", &["-d", age, &file]).run().success();
    }
    repository.goldenpath(&["id", "reserve"]).run().success();
    let left = ["old", "young"]
        .map(|name| repository.exists(format!(".git/goldenpath/.goldenpath-{name}")));
    assert_eq!((left, repository.exists(".git/goldenpath/claims")), ([false, true], true));
}
