//! A pull request cannot use up the IDs.

use std::fs;

use goldenpath_testkit::{Outcome, Repository, request};

fn path(id: &str) -> String {
    format!("catalogs/secrets/payments/dev/{id}.yaml")
}

fn write(repository: &Repository, id: &str) {
    repository.write(path(id), &request(id, &format!("name-of-{}", id.to_lowercase())));
}

/// Adds an ID to a clone.
type Step<'a> = &'a dyn Fn(&Repository);

/// Returns a remote whose main has SEC-0007, and `count` clones of it.
fn clones(count: usize) -> (Repository, Vec<Repository>) {
    let origin = Repository::bare();
    let first = Repository::clone_of(&origin);
    write(&first, "SEC-0007");
    first.commit_all("Seven").git(&["push", "--quiet", "origin", "main"]);
    let clones = (0..count).map(|_| Repository::clone_of(&origin)).collect();
    (origin, clones)
}

fn next(repository: &Repository) -> Outcome {
    repository.goldenpath(&["id", "next"]).run().success()
}

#[track_caller]
fn warns(outcome: &Outcome, words: &[&str]) {
    for words in words {
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
}

/// Returns the files with a finding of GP409.
fn jumps(repository: &Repository, arguments: &[&str]) -> Vec<String> {
    let outcome =
        repository.goldenpath(&[&["validate", "--format", "json"], arguments].concat()).run();
    let findings = outcome.json()["findings"].as_array().unwrap().clone();
    let ours = findings.iter().filter(|finding| finding["rule"] == "GP409");
    ours.map(|finding| finding["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_trail_that_a_branch_adds_and_removes_again_uses_up_nothing_and_is_reported() {
    let (_origin, clones) = clones(2);
    let (attacker, ours) = (&clones[0], &clones[1]);
    attacker.git(&["checkout", "--quiet", "-b", "pr"]);
    attacker.write("audit/SEC-99999999.jsonl", "").commit_all("Add");
    let commit = attacker.git(&["rev-parse", "--short=8", "HEAD"]);
    attacker.git(&["rm", "--quiet", "audit/SEC-99999999.jsonl"]);
    attacker.git(&["commit", "--quiet", "--message", "Remove"]);
    attacker.git(&["push", "--quiet", "origin", "pr"]);
    ours.git(&["fetch", "--quiet"]);
    let asked = next(ours);
    assert_eq!(asked.stdout, "SEC-0008\n");
    warns(
        &asked,
        &[
            "SEC-99999999",
            "audit/SEC-99999999.jsonl",
            &commit,
            "origin/pr",
            "ids.maxGap",
            "SEC-0007",
        ],
    );
    // The second run reads history from the cache, with the same result.
    assert_eq!(next(ours).stderr, asked.stderr);
    assert_eq!(ours.goldenpath(&["id", "reserve"]).run().success().stdout, "SEC-0008\n");
    let listed = ours.goldenpath(&["id", "list"]).run().success().stdout;
    let line = listed.lines().find(|line| line.starts_with("SEC-99999999")).unwrap();
    assert!(
        line.contains("ignored")
            && line.contains("audit/SEC-99999999.jsonl")
            && line.contains(&commit),
        "{line}"
    );
    // Also after the merge.
    attacker.git(&["checkout", "--quiet", "main"]);
    attacker.git(&["merge", "--quiet", "--no-ff", "--no-edit", "pr"]);
    attacker.git(&["push", "--quiet", "origin", "main"]);
    ours.git(&["pull", "--quiet"]);
    assert_eq!(next(ours).stdout, "SEC-0009\n", "SEC-0008 was given out");
}

#[test]
fn no_number_of_a_branch_a_tag_the_work_tree_the_index_or_the_stash_uses_up_ids() {
    let far = "SEC-999999999";
    let ways: [(&str, Step<'_>); 6] = [
        ("a manifest on a branch", &|clone| {
            clone.git(&["checkout", "--quiet", "-b", "pr"]);
            write(clone, far);
            clone.commit_all("Far").git(&["checkout", "--quiet", "main"]);
        }),
        ("a claim in another file", &|clone| {
            clone.git(&["checkout", "--quiet", "-b", "pr"]);
            clone.write(path("SEC-0008"), &request(far, "far")).commit_all("Far");
            clone.git(&["checkout", "--quiet", "main"]);
        }),
        ("a tag", &|clone| {
            write(clone, far);
            clone.commit_all("Far").git(&["tag", "v1"]);
            clone.git(&["reset", "--quiet", "--hard", "origin/main"]);
        }),
        ("a file that is not tracked", &|clone| write(clone, far)),
        ("the index", &|clone| {
            write(clone, far);
            clone.git(&["add", "--all"]);
            fs::remove_file(clone.path().join(path(far))).unwrap();
        }),
        ("the stash", &|clone| {
            write(clone, far);
            clone.git(&["add", "--all"]);
            clone.git(&["stash", "push", "--quiet"]);
        }),
    ];
    for (way, bring) in ways {
        let (_origin, clones) = clones(1);
        bring(&clones[0]);
        let asked = next(&clones[0]);
        let expected = if way.starts_with("a claim") { "SEC-0009\n" } else { "SEC-0008\n" };
        assert_eq!(asked.stdout, expected, "{way}: {}", asked.stderr);
        warns(&asked, &[far]);
        assert_eq!(
            clones[0].goldenpath(&["id", "reserve"]).run().success().stdout,
            expected,
            "{way}"
        );
    }
}

#[test]
fn a_reservation_far_away_uses_up_nothing_and_is_reported() {
    let (origin, clones) = clones(1);
    origin.git(&["update-ref", "refs/goldenpath/ids/SEC-999999999", "main"]);
    let taken = clones[0].goldenpath(&["id", "reserve"]).run().success();
    assert_eq!(taken.stdout, "SEC-0008\n");
    warns(&taken, &["SEC-999999999", "refs/goldenpath/ids/SEC-999999999"]);
    let listed = clones[0].goldenpath(&["id", "list", "--json"]).run().success().json();
    let marked: Vec<_> =
        listed["ids"].as_array().unwrap().iter().filter(|row| row["beyondGap"] == true).collect();
    assert_eq!(marked.len(), 1, "{marked:?}");
    assert_eq!(
        (&marked[0]["id"], &marked[0]["state"]),
        (&"SEC-999999999".into(), &"reserved".into())
    );
}

#[test]
fn a_number_that_this_clone_gave_out_by_mistake_uses_up_nothing_and_is_not_given_out_again() {
    let (_origin, clones) = clones(1);
    clones[0].write(".git/goldenpath/given-out", "SEC-999999999\nSEC-0008\n");
    assert_eq!(next(&clones[0]).stdout, "SEC-0009\n");
}

#[test]
fn what_is_reserved_and_given_out_without_a_gap_goes_on_past_the_limit() {
    let (origin, clones) = clones(2);
    for clone in &clones {
        clone.write("goldenpath.yaml", "ids:\n  maxGap: 3\n");
    }
    for (number, clone) in (8..=14).zip(clones.iter().cycle()) {
        assert_eq!(
            clone.goldenpath(&["id", "reserve"]).run().success().stdout,
            format!("SEC-{number:04}\n")
        );
    }
    // An ID whose reservation was deleted is not reserved again by the clone that had it.
    origin.git(&["update-ref", "-d", "refs/goldenpath/ids/SEC-0014"]);
    assert_eq!(clones[0].goldenpath(&["id", "reserve"]).run().success().stdout, "SEC-0015\n");
}

#[test]
fn whoever_fills_the_gap_is_named_when_the_next_id_is_past_it() {
    let (_origin, clones) = clones(2);
    clones[0].git(&["checkout", "--quiet", "-b", "squat"]);
    write(&clones[0], "SEC-1007");
    clones[0].commit_all("Squat").git(&["push", "--quiet", "origin", "squat"]);
    let taken = clones[1].goldenpath(&["id", "reserve"]).run().success();
    assert_eq!(taken.stdout, "SEC-1008\n");
    warns(&taken, &["SEC-1008 is more than 1000", &path("SEC-1007"), "origin/squat", "GP409"]);
}

#[test]
fn the_remotes_default_branch_of_now_counts_and_not_what_this_clone_last_fetched() {
    let (_origin, clones) = clones(2);
    write(&clones[0], "SEC-5000");
    clones[0].commit_all("A leap that was reviewed").git(&["push", "--quiet", "origin", "main"]);
    let taken = clones[1].goldenpath(&["id", "reserve"]).run().success();
    assert_eq!(
        (taken.stdout.as_str(), taken.stderr.contains("Warning")),
        ("SEC-5001\n", false),
        "{}",
        taken.stderr
    );
    // A branch with the name of a default branch does not count if it is not the remote's.
    let (origin, clones) = self::clones(1);
    origin.git(&["branch", "--move", "main", "trunk"]);
    origin.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    clones[0].git(&["checkout", "--quiet", "-b", "evil"]);
    write(&clones[0], "SEC-99999999");
    clones[0].commit_all("Far").git(&["push", "--quiet", "origin", "evil:main"]);
    let honest = Repository::clone_of(&origin);
    let taken = honest.goldenpath(&["id", "reserve"]).run().success();
    assert_eq!(taken.stdout, "SEC-0008\n");
    warns(&taken, &["SEC-99999999"]);
}

#[test]
fn a_catalog_may_start_anywhere_and_goes_on_from_there() {
    let repository = Repository::new();
    repository.write("README.md", "x\n").commit_all("Start");
    let base = repository.git(&["rev-parse", "HEAD"]);
    write(&repository, "SEC-5000");
    assert_eq!(
        (next(&repository).stdout.as_str(), next(&repository).stderr.as_str()),
        ("SEC-5001\n", "")
    );
    repository.git(&["checkout", "--quiet", "-b", "first"]);
    repository.commit_all("The first one");
    assert_eq!(jumps(&repository, &["--from-ref", &base]), [""; 0]);
    assert_eq!(next(&repository).stdout, "SEC-5001\n");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.git(&["merge", "--quiet", "first"]);
    assert_eq!(next(&repository).stdout, "SEC-5001\n");
}

#[test]
fn an_id_that_a_file_of_another_name_claims_is_where_the_catalog_goes_on() {
    let repository = Repository::new();
    write(&repository, "SEC-0007");
    let claims = request("SEC-5000", "name-of-it");
    repository.write("catalogs/secrets/payments/dev/named-otherwise.yaml", &claims);
    repository.commit_all("Two");
    // No cache knows the file, so the limit counts from the ID in it.
    let clone = Repository::clone_of(&repository);
    let next = next(&clone);
    assert_eq!((next.stdout.as_str(), next.stderr.as_str()), ("SEC-5001\n", ""));
}

#[test]
fn an_id_that_the_default_branch_once_had_is_not_given_out_again_however_far_it_was() {
    let repository = Repository::new();
    for id in ["SEC-0007", "SEC-0011", "SEC-0012"] {
        write(&repository, id);
    }
    repository.commit_all("Three");
    repository.git(&["rm", "--quiet", &path("SEC-0011"), &path("SEC-0012")]);
    repository.commit_all("One left");
    repository.write("goldenpath.yaml", "ids: { maxGap: 3 }\n").commit_all("Narrow");
    write(&repository, "SEC-0010");
    assert_eq!(next(&repository).stdout, "SEC-0013\n");
}

#[test]
fn whatever_is_on_branches_and_refs_the_next_id_is_within_the_gap() {
    let (base, gap) = (7u32, 5u32);
    let (origin, clones) = clones(2);
    let (attacker, ours) = (&clones[0], &clones[1]);
    ours.write("goldenpath.yaml", "ids: { maxGap: 5, reserve: never }\n");
    // A fixed sequence of numbers (Numerical Recipes' generator).
    let mut state = 42u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    for round in 0..24 {
        let far = [
            base + draw(gap),
            base + gap,
            base + gap + 1,
            base + gap + 1 + draw(20),
            999_999_999 - draw(20),
        ];
        let number = far[draw(5) as usize].max(base + 1);
        let id = format!("SEC-{number:04}");
        attacker.git(&["checkout", "--quiet", "-B", &format!("b{round}"), "origin/main"]);
        match draw(5) {
            0 => write(attacker, &id),
            1 => _ = attacker.write(path(&format!("notes-{round}")), &request(&id, "claims")),
            2 => _ = attacker.write(format!("audit/{id}.jsonl"), ""),
            3 => _ = attacker.write(path(&id), "broken: [\n"),
            _ => {
                write(attacker, &id);
                attacker.commit_all("Add").git(&["rm", "--quiet", &path(&id)]);
            }
        }
        attacker.commit_all("Round").git(&["push", "--quiet", "--force", "origin", "HEAD"]);
        if draw(2) == 0 {
            attacker.git(&[
                "push",
                "--quiet",
                "--force",
                "origin",
                &format!("HEAD:refs/goldenpath/ids/{id}"),
            ]);
            attacker.git(&[
                "push",
                "--quiet",
                "--force",
                "origin",
                &format!("HEAD:refs/tags/t{round}"),
            ]);
        }
        ours.git(&["fetch", "--quiet", "--tags"]);
        let next: u32 = next(ours).stdout.trim().trim_start_matches("SEC-").parse().unwrap();
        assert!((base + 1..=base + gap + 1).contains(&next), "{next} after {id} in round {round}");
    }
    let reserved = origin
        .git(&["for-each-ref", "--format=%(refname)", "refs/goldenpath/ids/"])
        .lines()
        .count();
    ours.write("goldenpath.yaml", "ids: { maxGap: 5 }\n");
    let taken = ours.goldenpath(&["id", "reserve"]).run().success().stdout;
    let taken: u32 = taken.trim().trim_start_matches("SEC-").parse().unwrap();
    assert!(taken as usize <= (base + gap + 1) as usize + reserved, "{taken}, {reserved} reserved");
}

#[test]
fn a_new_manifest_far_above_the_base_is_gp409_by_its_id_and_by_its_files_name() {
    let (_origin, clones) = clones(1);
    let clone = &clones[0];
    clone.git(&["checkout", "--quiet", "-b", "pr"]);
    write(clone, "SEC-1007");
    clone.git(&["add", "--all"]);
    assert_eq!(jumps(clone, &["--staged"]), [""; 0], "1000 above is within the gap");
    clone.commit_all("Near");
    write(clone, "SEC-1008");
    clone.write(path("SEC-99999999"), &request("SEC-0009", "named-far"));
    clone
        .write("catalogs/secrets/payments/dev/notes.yaml", &request("SEC-999999999", "claims-far"));
    clone.git(&["add", "--all"]);
    let far = [path("SEC-1008"), path("SEC-99999999"), path("notes")];
    assert_eq!(jumps(clone, &["--staged"]), far);
    clone.commit_all("Far");
    for range in [["--from-ref", "origin/main"], ["--merge-with", "origin/main"]] {
        assert_eq!(jumps(clone, &range), far, "{range:?}");
    }
    let reported =
        clone.goldenpath(&["validate", "--from-ref", "origin/main"]).run().fails_with(1).stdout;
    assert!(
        reported.contains("SEC-1008 is more than 1000 (`ids.maxGap`) above SEC-0007"),
        "{reported}"
    );
    clone.write("goldenpath.yaml", "rules: { GP409: off }\n");
    // The configuration of the base applies.
    clone.commit_all("Off");
    assert_eq!(jumps(clone, &["--from-ref", "origin/main"]), far);
}

#[test]
fn a_reservation_allows_a_jump_only_where_those_between_are_reserved_too() {
    let (_origin, clones) = clones(1);
    let clone = &clones[0];
    clone.write("goldenpath.yaml", "ids: { maxGap: 2 }\n").commit_all("Narrow");
    clone.git(&["push", "--quiet", "origin", "main"]);
    clone.git(&["checkout", "--quiet", "-b", "pr"]);
    write(clone, "SEC-0011");
    clone.commit_all("Eleven");
    let judged = || jumps(clone, &["--from-ref", "origin/main"]);
    clone.git(&["update-ref", "refs/goldenpath/ids/SEC-0011", "main"]);
    assert_eq!(judged(), [path("SEC-0011")]);
    clone.git(&["update-ref", "refs/goldenpath/ids/SEC-0010", "main"]);
    assert_eq!(judged(), [""; 0]);
}

#[test]
fn what_new_secret_takes_passes_the_hook_of_its_clone() {
    let (_origin, clones) = clones(2);
    for clone in &clones {
        clone.write("goldenpath.yaml", "ids: { maxGap: 1 }\n");
    }
    clones[0].goldenpath(&["id", "reserve", "--count", "3"]).run().success();
    let arguments =
        ["new", "secret", "--service", "web", "--env", "dev", "--type", "generic", "--name", "one"];
    let made = clones[1]
        .goldenpath(&[&arguments[..], &["--owner", "sre-team", "--risk", "low"]].concat())
        .run()
        .success();
    assert!(clones[1].exists("catalogs/secrets/web/dev/SEC-0011.yaml"), "{}", made.stdout);
    clones[1].git(&["add", "--all"]);
    assert_eq!(jumps(&clones[1], &["--staged"]), [""; 0]);
}

#[test]
fn a_server_knows_its_reservations_and_refuses_a_jump_without_one() {
    let (origin, clones) = clones(1);
    origin.goldenpath(&["hook", "install"]).run().success();
    let program =
        std::path::Path::new(env!("CARGO_BIN_EXE_goldenpath")).parent().unwrap().to_owned();
    let search = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let push = || {
        clones[0]
            .program("git", &["push", "--quiet", "origin", "HEAD:pr"])
            .env("PATH", &search)
            .run()
    };
    write(&clones[0], "SEC-1008");
    clones[0].commit_all("Far");
    assert!(push().fails_with(1).stderr.contains("GP409"));
    origin.git(&["update-ref", "refs/goldenpath/ids/SEC-1008", "main"]);
    push().success();
}

#[test]
fn where_the_last_id_is_merged_the_error_names_it_and_the_remedy_works() {
    let repository = Repository::new();
    write(&repository, "SEC-0007");
    write(&repository, "SEC-999999999");
    repository.commit_all("A slip");
    let refused = repository.goldenpath(&["id", "reserve"]).run().fails_with(1);
    let words = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
    for reported in ["SEC-999999999", "nine digits", "decommission"] {
        assert!(words.contains(reported), "{reported}: {}", refused.stderr);
    }
    repository.git(&["rm", "--quiet", &path("SEC-999999999")]);
    repository.commit_all("Removed");
    assert_eq!(next(&repository).stdout, "SEC-0008\n");
}

#[test]
fn a_gap_that_is_no_number_of_ids_is_an_error_at_its_place() {
    for (written, words) in
        [("0", "allows no new ID"), ("-1", "maxGap"), ("many", "maxGap"), ("99999999999", "maxGap")]
    {
        let repository = Repository::new();
        repository.write("goldenpath.yaml", &format!("ids:\n  maxGap: {written}\n"));
        let refused = repository.goldenpath(&["id", "next"]).run().fails_with(2);
        for words in [words, "goldenpath.yaml", "help:"] {
            assert!(refused.stderr.contains(words), "{written}, {words}: {}", refused.stderr);
        }
        assert!(refused.stderr.contains("2 │"), "the line is drawn: {}", refused.stderr);
    }
}

#[test]
fn names_of_files_and_refs_in_the_report_steer_no_terminal() {
    let (_origin, clones) = clones(1);
    let clone = &clones[0];
    clone.git(&["checkout", "--quiet", "-b", "pr\u{202e}x"]);
    clone.write("audit/x\u{1b}[2J/SEC-99999999.jsonl", "").commit_all("Hostile");
    clone.git(&["checkout", "--quiet", "main"]);
    for arguments in
        [&["id", "next"][..], &["id", "list", "--offline"], &["id", "list", "--offline", "--json"]]
    {
        let outcome = clone.goldenpath(arguments).run().success();
        let reported = outcome.stdout + &outcome.stderr;
        assert!(
            reported.contains("SEC-99999999")
                && !reported.contains('\u{1b}')
                && !reported.contains('\u{202e}'),
            "{reported:?}"
        );
    }
}
