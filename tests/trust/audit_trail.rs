//! Nothing changes the trails of version 0.1 any more.

use goldenpath_testkit::{Outcome, Platform, Repository, SEED_PATH, chain};

const TRAIL: &str = "audit/SEC-0007.jsonl";

/// Returns a catalog with a trail of version 0.1 on main, and the branch `pr` checked out.
fn applied() -> Platform {
    let platform = Platform::local();
    platform.seed();
    record(&platform.catalog, "SEC-0007", &["create-secret", "write-projection"]);
    platform.catalog.git(&["checkout", "--quiet", "-b", "pr"]);
    platform
}

/// Commits a trail, as `apply` of version 0.1 did on the default branch.
fn record(catalog: &Repository, id: &str, actions: &[&str]) {
    catalog.write(format!("audit/{id}.jsonl"), &chain(id, actions)).commit_all("Record");
}

/// Runs the check of a pull request from the current branch to main.
fn judged(catalog: &Repository, arguments: &[&str]) -> Outcome {
    catalog.goldenpath(&[&["validate"], arguments].concat()).run()
}

/// A change that a pull request makes.
type Step<'a> = &'a dyn Fn(&Repository);

/// Returns the files with a finding of GP703.
fn found(outcome: &Outcome) -> Vec<String> {
    let findings = outcome.json()["findings"].as_array().unwrap().clone();
    assert!(findings.iter().all(|finding| finding["rule"] == "GP703"), "{findings:?}");
    findings.iter().map(|finding| finding["path"].as_str().unwrap().to_owned()).collect()
}

fn refused(catalog: &Repository, files: &[&str]) {
    for range in [["--from-ref", "main"], ["--merge-with", "main"]] {
        let outcome = judged(catalog, &[&range[..], &["--format", "json"]].concat()).fails_with(1);
        assert_eq!(found(&outcome), files, "{range:?}");
    }
}

/// Returns a forged line that continues a trail with a valid hash.
fn forged(trail: &str) -> String {
    let last = trail.lines().last().unwrap();
    let mut event: serde_json::Value = serde_json::from_str(last).unwrap();
    event["action"] = "delete-secret".into();
    event["actor"] = serde_json::json!({ "ci": "GitHub Actions, acme/platform run 77 by alice" });
    event["previous"] = sha256(last).into();
    format!("{event}\n")
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_pull_request_that_adds_a_line_with_the_right_hash_is_refused_at_that_line() {
    let Platform { catalog, .. } = &applied();
    let trail = catalog.read(TRAIL);
    catalog.write(TRAIL, &(trail.clone() + &forged(&trail))).commit_all("Forged");
    refused(catalog, &[TRAIL]);
    let finding =
        judged(catalog, &["--from-ref", "main", "--format", "json"]).json()["findings"][0].clone();
    assert_eq!(finding["line"], trail.lines().count() + 1);
}

#[test]
fn every_format_names_the_file() {
    let Platform { catalog, .. } = &applied();
    catalog.write(TRAIL, "").commit_all("Emptied");
    for (format, words) in [
        ("human", "audit/SEC-0007.jsonl:1:1: an audit trail is changed"),
        ("github", "::error file=audit/SEC-0007.jsonl,line=1,endLine=1,"),
        ("sarif", "\"uri\": \"audit/SEC-0007.jsonl\""),
        ("json", "\"path\": \"audit/SEC-0007.jsonl\""),
    ] {
        let outcome = judged(catalog, &["--from-ref", "main", "--format", format]).fails_with(1);
        assert!(
            outcome.stdout.contains(words) && outcome.stdout.contains("GP703"),
            "{}",
            outcome.stdout
        );
    }
}

#[test]
fn a_pull_request_adds_changes_removes_and_renames_no_file_of_the_trail() {
    let changes: [(Step<'_>, &[&str]); 8] = [
        (
            &|catalog| _ = catalog.write("audit/SEC-99999999.jsonl", ""),
            &["audit/SEC-99999999.jsonl"],
        ),
        (&|catalog| _ = catalog.write("audit/notes.md", "x\n"), &["audit/notes.md"]),
        (
            &|catalog| _ = catalog.write("audit/deep/er/SEC-0008.jsonl", "x\n"),
            &["audit/deep/er/SEC-0008.jsonl"],
        ),
        (&|catalog| _ = catalog.write("Audit/SEC-0008.jsonl", "x\n"), &["Audit/SEC-0008.jsonl"]),
        (&|catalog| _ = catalog.git(&["rm", "--quiet", TRAIL]), &[TRAIL]),
        (
            &|catalog| _ = catalog.git(&["mv", TRAIL, "audit/SEC-0008.jsonl"]),
            &[TRAIL, "audit/SEC-0008.jsonl"],
        ),
        (
            &|catalog| _ = catalog.write(TRAIL, &catalog.read(TRAIL).replacen("done", "fine", 1)),
            &[TRAIL],
        ),
        (
            &|catalog| {
                catalog.git(&["rm", "--quiet", "-r", "audit"]);
                std::os::unix::fs::symlink("/etc", catalog.path().join("audit")).unwrap();
            },
            &["audit", TRAIL],
        ),
    ];
    for (change, files) in changes {
        let Platform { catalog, .. } = &applied();
        change(catalog);
        catalog.git(&["add", "--all"]);
        if !files[0].starts_with("Audit") {
            let outcome = judged(catalog, &["--staged", "--format", "json"]).fails_with(1);
            assert_eq!(found(&outcome), files, "staged");
        }
        catalog.git(&["commit", "--quiet", "--message", "By hand"]);
        refused(catalog, files);
    }
}

#[test]
fn what_one_commit_does_to_a_trail_and_a_later_one_takes_back_is_found_in_that_commit() {
    let Platform { catalog, .. } = &applied();
    catalog.write("audit/SEC-99999999.jsonl", "").commit_all("Burned");
    let commit = catalog.git(&["rev-parse", "--short=8", "HEAD"]);
    catalog.git(&["rm", "--quiet", "audit/SEC-99999999.jsonl"]);
    catalog.git(&["commit", "--quiet", "--message", "Nothing to see"]);
    assert_eq!(catalog.git(&["diff", "main"]), "");
    refused(catalog, &["audit/SEC-99999999.jsonl"]);
    let reported = judged(catalog, &["--from-ref", "main"]).fails_with(1).stdout;
    assert!(
        reported.contains(&format!("in commit {commit}, an audit trail is added")),
        "{reported}"
    );
}

#[test]
fn an_honest_change_passes_and_so_does_one_that_merges_main_with_what_apply_recorded_since() {
    let platform = applied();
    let catalog = &platform.catalog;
    let text = catalog.read(SEED_PATH);
    catalog.write(SEED_PATH, &text.replace("ttlDays: 30 ", "ttlDays: 20 ")).commit_all("Shorter");
    judged(catalog, &["--from-ref", "main"]).success();
    catalog.git(&["checkout", "--quiet", "main"]);
    platform.write("SEC-0008", "another-key").catalog.commit_all("Another");
    record(catalog, "SEC-0008", &["create-secret"]);
    catalog.git(&["checkout", "--quiet", "pr"]);
    catalog.git(&["merge", "--quiet", "--no-commit", "main"]);
    judged(catalog, &["--staged"]).success();
    catalog.git(&["commit", "--quiet", "--no-edit"]);
    for range in [["--from-ref", "main"], ["--merge-with", "main"]] {
        judged(catalog, &range).success();
    }
}

#[test]
fn a_merge_that_drops_what_main_recorded_is_refused() {
    let platform = applied();
    let catalog = &platform.catalog;
    catalog.write("README.md", "x\n").commit_all("Ours");
    catalog.git(&["checkout", "--quiet", "main"]);
    record(catalog, "SEC-0007", &["create-secret", "write-projection", "tag-secret"]);
    catalog.git(&["checkout", "--quiet", "pr"]);
    catalog.git(&["merge", "--quiet", "--no-edit", "--strategy=ours", "main"]);
    let outcome = judged(catalog, &["--from-ref", "main", "--format", "json"]).fails_with(1).json();
    let findings = outcome["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|finding| finding["rule"] == "GP703" && finding["path"] == TRAIL),
        "{findings:?}"
    );
}

/// Returns a server with the hook, and a platform whose catalog is pushed there.
fn served(hook: &str) -> (Repository, Platform) {
    let server = Repository::bare();
    let platform = Platform::local();
    platform.seed();
    platform.catalog.git(&["remote", "add", "origin", server.path().to_str().unwrap()]);
    platform.catalog.git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
    platform.catalog.git(&["remote", "set-head", "origin", "main"]);
    server.goldenpath(&["hook", "install", hook]).run().success();
    (server, platform)
}

fn push(catalog: &Repository, refs: &[&str]) -> Outcome {
    let path = format!(
        "{}:{}",
        std::path::Path::new(env!("CARGO_BIN_EXE_goldenpath")).parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    catalog.program("git", &[&["push", "--quiet", "origin"], refs].concat()).env("PATH", path).run()
}

#[test]
fn a_server_takes_no_change_of_a_trail_on_any_branch() {
    for hook in ["pre-receive", "update"] {
        let (_server, platform) = served(hook);
        let catalog = &platform.catalog;
        record(catalog, "SEC-0007", &["create-secret"]);
        for refs in ["main", "main:feature", "main:refs/tags/v1"] {
            let outcome = push(catalog, &[refs]).fails_with(1);
            assert!(outcome.stderr.contains("GP703"), "{hook}, {refs}: {}", outcome.stderr);
        }
    }
}

#[test]
fn a_hook_refuses_a_trail_that_is_changed_by_hand_and_lets_the_author_take_that_back() {
    let Platform { catalog, .. } = &applied();
    let server = Repository::bare();
    catalog.git(&["remote", "add", "origin", server.path().to_str().unwrap()]);
    catalog.git(&["push", "--quiet", "origin", "main"]);
    catalog.git(&["remote", "set-head", "origin", "main"]);
    catalog.write("audit/SEC-0008.jsonl", "").commit_all("Past the hook");
    catalog.git(&["rm", "--quiet", "audit/SEC-0008.jsonl"]);
    judged(catalog, &["--staged"]).success();
    catalog.write(TRAIL, "").git(&["add", "--all"]);
    let outcome = judged(catalog, &["--staged"]).fails_with(1);
    assert!(
        outcome.stdout.contains(&format!("git restore --staged -- {TRAIL}")),
        "{}",
        outcome.stdout
    );
}

#[test]
fn names_in_the_trails_folder_steer_no_terminal_and_start_no_command() {
    let Platform { catalog, .. } = &applied();
    catalog.write("audit/\u{1b}[2J\n::error::x.jsonl", "x\n").commit_all("Hostile");
    for format in ["human", "github", "sarif", "json"] {
        let reported =
            judged(catalog, &["--from-ref", "main", "--format", format]).fails_with(1).stdout;
        assert!(!reported.contains('\u{1b}'), "{format}: {reported:?}");
        assert!(
            !reported.lines().any(|line| line.starts_with("::error::x")),
            "{format}: {reported}"
        );
    }
}

#[test]
fn a_trail_that_git_has_not_fetched_is_an_error_and_not_a_pass() {
    let Platform { catalog, .. } = &applied();
    let trail = catalog.read(TRAIL);
    catalog.write(TRAIL, &(trail.clone() + &forged(&trail))).commit_all("Forged");
    let blob = catalog.git(&["rev-parse", &format!("main:{TRAIL}")]);
    std::fs::remove_file(catalog.path().join(".git/objects").join(&blob[..2]).join(&blob[2..]))
        .unwrap();
    let outcome = judged(catalog, &["--from-ref", "main"]).fails_with(2);
    assert!(
        outcome.stderr.contains(&blob) && outcome.stderr.contains("--refetch"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_a_squash_brings_over_from_main_is_no_change_of_the_trail() {
    let platform = applied();
    let catalog = &platform.catalog;
    catalog.write("README.md", "mine\n").commit_all("Mine");
    catalog.git(&["checkout", "--quiet", "main"]);
    platform.write("SEC-0008", "another-key").catalog.commit_all("Another");
    record(catalog, "SEC-0008", &["create-secret"]);
    catalog.git(&["checkout", "--quiet", "pr"]);
    catalog.git(&["merge", "--quiet", "--squash", "main"]);
    catalog.git(&["commit", "--quiet", "--message", "Squash"]);
    for range in [["--from-ref", "main"], ["--merge-with", "main"]] {
        judged(catalog, &range).success();
    }
}

#[test]
fn a_pushed_branch_called_head_or_main_makes_no_invented_trail_a_recorded_one() {
    let (server, platform) = (Repository::bare(), Platform::local());
    let catalog = &platform.catalog;
    platform.seed();
    catalog.git(&["branch", "--quiet", "--move", "trunk"]);
    catalog.git(&["remote", "add", "origin", server.path().to_str().unwrap()]);
    record(catalog, "SEC-0007", &["create-secret", "write-projection"]);
    catalog.git(&["push", "--quiet", "origin", "trunk"]);
    server.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    let trail = catalog.read(TRAIL);
    catalog.git(&["checkout", "--quiet", "-b", "pr"]);
    catalog.write(TRAIL, &format!("{trail}{}", forged(&trail))).commit_all("Forged");
    catalog.git(&["push", "--quiet", "origin", "pr", "pr:refs/heads/main", "pr:refs/heads/HEAD"]);
    // As in a pipeline's checkout: all branches, without the remote's HEAD.
    let pipeline = Repository::new();
    pipeline.git(&["remote", "add", "origin", server.path().to_str().unwrap()]);
    pipeline.git(&["fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*"]);
    pipeline.git(&["checkout", "--quiet", "--detach", "refs/remotes/origin/pr"]);
    for flag in ["--from-ref", "--merge-with"] {
        let arguments = ["validate", flag, "refs/remotes/origin/trunk", "--format", "json"];
        assert_eq!(found(&pipeline.goldenpath(&arguments).run().fails_with(1)), [TRAIL], "{flag}");
    }
}
