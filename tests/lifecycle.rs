//! `goldenpath lifecycle set`: changes one value in a file, and allows only legal transitions.

use goldenpath_testkit::{Repository, SEED, SEED_PATH, request, seed_with};

fn path(id: &str) -> String {
    format!("catalogs/secrets/payments/dev/{id}.yaml")
}

fn committed(statuses: &[(&str, &str)]) -> Repository {
    let repository = Repository::new();
    for (id, status) in statuses {
        let text =
            request(id, &id.to_lowercase()).replace("status: active", &format!("status: {status}"));
        repository.write(path(id), &text);
    }
    repository.commit_all("Secrets");
    repository
}

fn set(repository: &Repository, words: &[&str]) -> goldenpath_testkit::Outcome {
    repository.goldenpath(&[&["lifecycle", "set"], words].concat()).run()
}

#[test]
fn one_value_changes_and_every_other_byte_stays() {
    let repository = Repository::new();
    let text = SEED.replace('\n', "\r\n").replace("status: active ", "status: 'active'   ");
    repository.write(SEED_PATH, &text).commit_all("SEC-0007");
    let done = set(&repository, &["SEC-0007", "deprecated"]).success();
    assert_eq!(done.stdout, format!("SEC-0007  active → deprecated  {SEED_PATH}\n"));
    assert_eq!(repository.read(SEED_PATH), text.replace("'active'", "'deprecated'"));
    assert!(
        done.stderr.contains("Next: commit the change and open a pull request."),
        "{}",
        done.stderr
    );
    assert!(repository.git(&["diff", "--cached", "--name-only"]).is_empty(), "nothing is staged");
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn the_next_step_is_reported_with_the_tier_s_recovery_window() {
    let repository = committed(&[("SEC-0001", "deprecated")]);
    let done = set(&repository, &["SEC-0001", "decommission_requested"]).success();
    assert!(
        done.stderr.contains("deletes the secret with a recovery window of 7 days"),
        "{}",
        done.stderr
    );
    repository.commit_all("On its way out");
    let done = set(&repository, &["SEC-0001", "deprecated"]).success();
    assert!(done.stderr.contains("apply restores the ExternalSecret"), "{}", done.stderr);
}

#[test]
fn a_dry_run_shows_the_difference_and_writes_nothing() {
    let repository = committed(&[("SEC-0001", "active")]);
    let before = repository.read(path("SEC-0001"));
    let dry = set(&repository, &["SEC-0001", "deprecated", "--dry-run"]).success();
    assert!(dry.stdout.contains("\n-    status: active"), "{}", dry.stdout);
    assert!(dry.stdout.contains("\n+    status: deprecated"), "{}", dry.stdout);
    assert!(dry.stderr.contains("Nothing was written (--dry-run)."), "{}", dry.stderr);
    assert_eq!(repository.read(path("SEC-0001")), before);
    // The output is a patch.
    repository.write("../change.patch", &dry.stdout);
    repository.git(&["apply", "../change.patch"]);
    assert_eq!(
        repository.read(path("SEC-0001")),
        before.replace("status: active", "status: deprecated")
    );
}

#[test]
fn an_illegal_step_is_refused_with_the_legal_ones() {
    let states = [
        ("SEC-0001", "active"),
        ("SEC-0002", "deprecated"),
        ("SEC-0003", "decommission_requested"),
        ("SEC-0004", "decommissioned"),
    ];
    let repository = committed(&states);
    let legal = |from: &str, to: &str| {
        matches!(
            (from, to),
            ("active", "deprecated")
                | ("deprecated", "active" | "decommission_requested")
                | ("decommission_requested", "deprecated")
        )
    };
    for (id, from) in states {
        for to in ["active", "deprecated", "decommission_requested"] {
            let outcome = set(&repository, &[id, to, "--dry-run"]);
            assert_eq!(
                outcome.code,
                i32::from(from != to && !legal(from, to)),
                "{from} → {to}\n{}",
                outcome.stderr
            );
        }
    }
    let error_text = |id: &str, to: &str| {
        let refused = set(&repository, &[id, to]).fails_with(1).stderr;
        refused.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(
        error_text("SEC-0001", "decommission_requested").contains("the next step is `deprecated`")
    );
    assert!(error_text("SEC-0003", "active").contains("the next step is `deprecated`"));
    assert!(
        error_text("SEC-0004", "active").contains(
            "create a new secret with `goldenpath new secret`: `decommissioned` is final"
        )
    );
    assert!(repository.git(&["status", "--porcelain"]).is_empty());
}

#[test]
fn decommissioned_is_set_by_apply_alone() {
    let repository = committed(&[("SEC-0001", "decommission_requested")]);
    let refused = set(&repository, &["SEC-0001", "decommissioned"]).fails_with(2);
    assert!(
        refused.stderr.contains("only `goldenpath apply` sets `decommissioned`"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_step_counts_when_it_has_merged() {
    let repository = committed(&[("SEC-0001", "active")]);
    set(&repository, &["SEC-0001", "deprecated"]).success();
    let refused = set(&repository, &["SEC-0001", "decommission_requested"]).fails_with(1).stderr;
    assert!(refused.contains("`deprecated` here and still `active` in commit"), "{refused}");
    set(&repository, &["SEC-0001", "active"]).success();
    assert!(repository.git(&["status", "--porcelain"]).is_empty(), "and back");

    repository.write(path("SEC-0002"), &request("SEC-0002", "new"));
    let refused = set(&repository, &["SEC-0002", "deprecated"]).fails_with(1).stderr;
    assert!(refused.contains("a manifest starts as `active`"), "{refused}");
    // The hook reports the same.
    set(&repository, &["SEC-0001", "deprecated"]).success();
    repository.git(&["add", path("SEC-0001").as_str()]);
    repository.goldenpath(&["validate", "--staged"]).run().success();
}

#[test]
fn several_go_together_or_not_at_all() {
    let repository =
        committed(&[("SEC-0001", "active"), ("SEC-0002", "deprecated"), ("SEC-0003", "active")]);
    let refused = set(&repository, &["SEC-0001", "SEC-0002", "SEC-0003", "decommission_requested"])
        .fails_with(1);
    assert!(
        refused.stderr.contains("2 of 3 manifests cannot become `decommission_requested`"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("SEC-0001 is `active`: the next step is `deprecated`"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("`--from deprecated`"), "{}", refused.stderr);
    assert!(repository.git(&["status", "--porcelain"]).is_empty());

    let done =
        set(&repository, &["SEC-0001", "SEC-0003", "SEC-0001", "SEC-0002", "deprecated", "--json"])
            .success();
    let row = |id: &str| {
        serde_json::json!({
            "id": id,
            "path": path(id),
            "from": "active",
            "to": "deprecated",
        })
    };
    assert_eq!(
        done.json(),
        serde_json::json!({
            "version": 1,
            "dryRun": false,
            "changed": [row("SEC-0001"), row("SEC-0003")],
            "unchanged": ["SEC-0002"],
        })
    );
    assert_eq!(repository.git(&["diff", "--name-only"]).lines().count(), 2);
}

#[test]
fn a_selection_goes_by_environment_service_and_status() {
    let repository = committed(&[("SEC-0001", "active"), ("SEC-0002", "decommissioned")]);
    repository.write(
        "catalogs/secrets/web/prod/SEC-0003.yaml",
        &seed_with(&[
            ("SEC-0007", "SEC-0003"),
            ("service: payments", "service: web"),
            ("environment: dev", "environment: prod"),
        ]),
    );
    repository.commit_all("Another service");
    let refused = set(&repository, &["--service", "payments", "deprecated"]).fails_with(1).stderr;
    assert!(refused.contains("SEC-0002 is `decommissioned`"), "{refused}");
    let done =
        set(&repository, &["--service", "payments", "--from", "active", "deprecated"]).success();
    assert_eq!(done.stdout, format!("SEC-0001  active → deprecated  {}\n", path("SEC-0001")));
    let done = set(&repository, &["--env", "prod", "deprecated"]).success();
    assert!(done.stdout.starts_with("SEC-0003 "), "{}", done.stdout);
    let none =
        set(&repository, &["--env", "prod", "--from", "decommission_requested", "deprecated"])
            .success();
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "No manifest is selected.\n"));
    let misspelt = set(&repository, &["--env", "prodd", "deprecated"]).fails_with(2);
    assert!(misspelt.stderr.contains("`--env prodd` selects nothing"), "{}", misspelt.stderr);
}

#[test]
fn one_that_has_the_status_already_is_reported_and_not_an_error() {
    let repository = committed(&[("SEC-0001", "deprecated")]);
    let done = set(&repository, &["SEC-0001", "deprecated"]).success();
    assert_eq!(
        (done.stdout.as_str(), done.stderr.as_str()),
        ("", "SEC-0001 is already `deprecated`.\n")
    );
}

#[test]
fn what_cannot_be_understood_is_asked_back() {
    let repository = committed(&[("SEC-0001", "active"), ("SEC-0012", "active")]);
    for (words, error_text) in [
        (&["SEC-0001", "deprecate"][..], "did you mean `deprecated`?"),
        (&["SEC-0001"], "no status is given after SEC-0001"),
        (&["deprecated"], "no manifest is given"),
        (&["SEC-0001", "active", "deprecated"], "two statuses are given"),
        (&["SEC-0001", "deprecated", "--env", "dev"], "IDs and a selection are given"),
        (&["SEC-0011", "deprecated"], "did you mean SEC-0012 (sec-0012) or SEC-0001 (sec-0001)?"),
        (&["banana", "deprecated"], "run `goldenpath list` to see all 2"),
        (&["SEC-0001", "deprecated", "--from", "activ"], "did you mean `active`?"),
        (&["\u{1b}[2J", "deprecated"], "no manifest has the ID or name \\u{1b}[2J"),
    ] {
        let outcome = set(&repository, words).fails_with(2);
        assert!(outcome.stderr.contains(error_text), "{words:?}\n{}", outcome.stderr);
        assert!(!outcome.stderr.contains('\u{1b}'), "{words:?}");
    }
    assert!(repository.git(&["status", "--porcelain"]).is_empty());
}

#[test]
fn a_manifest_with_errors_or_a_rival_is_left_alone() {
    let repository = committed(&[("SEC-0001", "active"), ("SEC-0002", "active")]);
    repository
        .write(path("SEC-0001"), &request("SEC-0001", "a").replace("ttlDays: 30", "ttlDays: soon"));
    let refused = set(&repository, &["SEC-0001", "SEC-0002", "deprecated"]).fails_with(1).stderr;
    assert!(
        refused.contains("cannot read the status in") && refused.contains("goldenpath validate"),
        "{refused}"
    );
    let done = set(&repository, &["--env", "dev", "deprecated"]).success();
    assert!(done.stderr.contains("1 file with errors left out"), "{}", done.stderr);
    repository.write(path("SEC-0003"), &request("SEC-0002", "b"));
    let refused = set(&repository, &["SEC-0002", "active"]).fails_with(2).stderr;
    assert!(refused.contains("2 manifests have the ID SEC-0002"), "{refused}");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_a_link_is_not_followed() {
    let repository = committed(&[("SEC-0001", "active")]);
    let elsewhere = repository.home().join("elsewhere.yaml");
    std::fs::write(&elsewhere, request("SEC-0001", "a")).unwrap();
    std::fs::remove_file(repository.path().join(path("SEC-0001"))).unwrap();
    std::os::unix::fs::symlink(&elsewhere, repository.path().join(path("SEC-0001"))).unwrap();
    let outcome = set(&repository, &["SEC-0001", "deprecated"]);
    assert_ne!(outcome.code, 0, "{}", outcome.stdout);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), request("SEC-0001", "a"));
}
