//! `goldenpath id reserve`: with a remote, without one, and with one that fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{clones, next, path, write};
use goldenpath_testkit::{Outcome, Repository};

fn reserve(repository: &Repository, arguments: &[&str]) -> Outcome {
    repository.goldenpath(&[&["id", "reserve"], arguments].concat()).run()
}

/// Returns the refs of reservations on a remote.
fn reservations(origin: &Repository) -> String {
    origin.git(&["for-each-ref", "--format=%(refname)", "refs/goldenpath/"])
}

#[test]
fn what_one_clone_reserves_no_other_gets() {
    let (origin, clones) = clones(2);
    assert_eq!(reserve(&clones[0], &[]).success().stdout, "SEC-0001\n");
    assert_eq!(reserve(&clones[1], &[]).success().stdout, "SEC-0002\n");
    let several = reserve(&clones[0], &["--count", "3", "--json"]).success().json();
    assert_eq!(several["ids"], serde_json::json!(["SEC-0003", "SEC-0004", "SEC-0005"]));
    assert_eq!(several["reservedOn"], "origin");
    let refs: Vec<String> =
        (1..=5).map(|number| format!("refs/goldenpath/ids/SEC-000{number}")).collect();
    assert_eq!(reservations(&origin), refs.join("\n"));
}

#[test]
fn a_reservation_is_a_unique_commit() {
    let (origin, clones) = clones(1);
    reserve(&clones[0], &["--count", "2"]).success();
    let commits = origin.git(&["for-each-ref", "--format=%(objectname)", "refs/goldenpath/"]);
    let commits: Vec<&str> = commits.lines().collect();
    assert_eq!(commits.len(), 2);
    let message = |commit: &str| origin.git(&["show", "--no-patch", "--format=%an|%s|%b", commit]);
    let nonce = |commit: &str| message(commit).rsplit_once("Nonce: ").unwrap().1.trim().to_owned();
    assert!(
        message(commits[0]).starts_with("Dev Eloper|Reserve SEC-0001|"),
        "{}",
        message(commits[0])
    );
    assert_eq!(nonce(commits[0]).len(), 32, "128 bits in hexadecimal digits");
    assert_ne!(nonce(commits[0]), nonce(commits[1]));
    assert_eq!(origin.git(&["ls-tree", "-r", commits[0]]), "", "it holds nothing");
}

#[test]
fn no_ref_of_the_clone_moves_and_no_hook_runs() {
    let (_origin, clones) = clones(2);
    write(&clones[0], "SEC-0004");
    clones[0].commit_all("Four").git(&["push", "--quiet", "origin", "main:feature"]);
    let hook = clones[1].path().join(".git/hooks/pre-push");
    fs::write(&hook, "#!/bin/sh\ntouch hook-ran\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let before = clones[1].git(&["for-each-ref"]);
    assert_eq!(
        reserve(&clones[1], &[]).success().stdout,
        "SEC-0005\n",
        "the remote's branch was never fetched here"
    );
    assert_eq!(clones[1].git(&["for-each-ref"]), before);
    assert!(!clones[1].exists("hook-ran") && !clones[1].exists(".git/FETCH_HEAD"));
}

#[test]
fn a_remote_that_is_away_is_a_warning_or_an_error_as_is_wished() {
    let (origin, clones) = clones(1);
    fs::rename(origin.path(), origin.home().join("away")).unwrap();
    let warned = reserve(&clones[0], &[]).success();
    assert_eq!(warned.stdout, "SEC-0001\n");
    assert!(
        warned.stderr.contains("Warning: the ID is not reserved: cannot query `origin`"),
        "{}",
        warned.stderr
    );
    assert!(warned.stderr.contains("goldenpath id renumber"), "{}", warned.stderr);
    let refused = reserve(&clones[0], &["--reserve"]).fails_with(1);
    assert_eq!(refused.stdout, "");
    assert!(refused.stderr.contains("  × cannot query `origin`"), "{}", refused.stderr);
    clones[0].write("goldenpath.yaml", "ids:\n  reserve: always\n");
    reserve(&clones[0], &[]).fails_with(1);
    let without = reserve(&clones[0], &["--no-reserve"]).success();
    assert_eq!(
        without.stdout, "SEC-0002\n",
        "what was refused used no number up, what was given out did"
    );
    assert!(!without.stderr.contains("Warning"), "{}", without.stderr);
}

#[test]
fn a_remote_that_rejects_reservations_is_reported_with_its_message() {
    let (origin, clones) = clones(1);
    let hook = origin.path().join("hooks/update");
    fs::write(
        &hook,
        "#!/bin/sh\ncase $1 in refs/goldenpath/*) echo not for you >&2; exit 1;; esac\n",
    )
    .unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let warned = reserve(&clones[0], &[]).success();
    assert!(
        warned.stderr.contains("cannot reserve an ID on `origin`")
            && warned.stderr.contains("hook declined"),
        "{}",
        warned.stderr
    );
    let refused = reserve(&clones[0], &["--reserve"]).fails_with(1);
    assert!(refused.stderr.contains("  × cannot reserve an ID on `origin`"), "{}", refused.stderr);
    assert_eq!(reservations(&origin), "");
}

#[test]
fn without_a_remote_the_clone_remembers_what_it_gave_out() {
    let repository = Repository::new();
    assert_eq!(reserve(&repository, &["--count", "2"]).success().stdout, "SEC-0001\nSEC-0002\n");
    assert_eq!(next(&repository), "SEC-0003");
    let refused = reserve(&repository, &["--reserve"]).fails_with(2);
    assert!(refused.stderr.contains("there is no remote"), "{}", refused.stderr);
    // Linked work trees belong to the same clone.
    repository.write("README.md", "x\n").commit_all("Start");
    repository.git(&["worktree", "add", "--quiet", "-b", "linked", "../linked"]);
    let linked = repository.goldenpath(&["-C", "../linked", "id", "reserve"]).run().success();
    assert_eq!(linked.stdout, "SEC-0003\n");
    assert_eq!(next(&repository), "SEC-0004");
}

#[test]
fn the_remote_is_the_one_that_is_named_or_origin_or_the_only_one() {
    let (origin, clones) = clones(1);
    let (upstream, clone) = (Repository::bare(), &clones[0]);
    clone.git(&["remote", "add", "upstream", upstream.path().to_str().unwrap()]);
    reserve(clone, &["--reserve"]).success();
    assert_eq!(
        (reservations(&origin).lines().count(), reservations(&upstream).lines().count()),
        (1, 0)
    );
    clone.write("goldenpath.yaml", "ids:\n  remote: upstream\n");
    reserve(clone, &["--reserve"]).success();
    assert_eq!(reservations(&upstream), "refs/goldenpath/ids/SEC-0002");
    clone.write("goldenpath.yaml", "ids:\n  remote: nowhere\n");
    assert!(reserve(clone, &["--reserve"]).fails_with(2).stderr.contains("no remote `nowhere`"));
    clone.write("goldenpath.yaml", "{}\n");
    clone.git(&["remote", "remove", "origin"]);
    reserve(clone, &["--reserve"]).success();
    assert_eq!(reservations(&upstream).lines().count(), 2);
}

#[test]
fn a_reservation_alone_counts_and_a_ref_that_is_none_does_not() {
    let (origin, clones) = clones(1);
    origin.git(&["update-ref", "refs/goldenpath/ids/SEC-0041", "main"]);
    origin.git(&["update-ref", "refs/goldenpath/ids/SEC-99", "main"]);
    origin.git(&["update-ref", "refs/goldenpath/ids/nonsense", "main"]);
    assert_eq!(reserve(&clones[0], &[]).success().stdout, "SEC-0042\n");
}

#[test]
fn git_s_own_variables_lead_into_no_other_repository() {
    let (origin, clones) = clones(1);
    let elsewhere = Repository::new();
    // As in a hook: git has set the repository, and the command runs in another folder.
    let command =
        elsewhere.goldenpath(&["id", "reserve"]).env("GIT_DIR", clones[0].path().join(".git"));
    command.env("GIT_WORK_TREE", clones[0].path()).run().success();
    assert_eq!(reservations(&origin), "refs/goldenpath/ids/SEC-0001");
    assert!(!elsewhere.exists(".git/goldenpath"));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let repository = Repository::new();
    // A file in place of the folder, which fails for root too.
    repository.write(".git/goldenpath", "in the way\n");
    let refused = reserve(&repository, &[]).fails_with(1);
    let said = refused.stderr.replace(['\n', '│'], "").split_whitespace().collect::<String>();
    assert!(
        said.contains("cannotwrite`") && said.contains(".git/goldenpath/given-out"),
        "{}",
        refused.stderr
    );
}

#[test]
fn an_id_in_the_audit_trail_counts() {
    let repository = Repository::new();
    repository.write("audit/SEC-0007.jsonl", "{}\n");
    assert_eq!(next(&repository), "SEC-0008");
    repository.commit_all("Trail");
    repository.git(&["rm", "--quiet", "audit/SEC-0007.jsonl"]);
    repository.commit_all("Gone");
    assert_eq!(next(&repository), "SEC-0008");
    assert!(!repository.exists(path("SEC-0007")));
}

#[test]
fn a_number_that_was_lost_is_not_given_out_when_the_remote_goes_away_after_that() {
    let (origin, clones) = clones(1);
    // Another process takes SEC-0001 just before this clone pushes, and the remote goes down after
    // its response to that.
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in\n\
         *' push '*) env GIT_DIR='{origin}' \
         git update-ref refs/goldenpath/ids/SEC-0001 main ;;\n\
         *' ls-remote '*) echo x >> '{log}'; if [ $(wc -l < '{log}') -gt 2 ]; then exit 128; fi;;\n\
         esac\n\
         PATH=\"$REAL_PATH\"; exec git \"$@\"\n",
        origin = origin.path().display(),
        log = clones[0].home().join("asked").display(),
    );
    // The script finds the real git by the PATH of the test.
    let script = script
        .replace("env GIT_DIR", "PATH=\"$REAL_PATH\" env GIT_DIR")
        .replace("$REAL_PATH", &std::env::var("PATH").unwrap());
    let folder = clones[0].home().join("bin");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("git"), script).unwrap();
    fs::set_permissions(folder.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let taken = clones[0].goldenpath(&["id", "reserve"]).env("PATH", path).run().success();
    assert_eq!(taken.stdout, "SEC-0002\n", "{}", taken.stderr);
    assert!(taken.stderr.contains("Warning: the ID is not reserved"), "{}", taken.stderr);
    assert_eq!(
        reservations(&origin),
        "refs/goldenpath/ids/SEC-0001",
        "the race was lost as it was meant to be"
    );
}
