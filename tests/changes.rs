//! Rules on a change: the index against HEAD, a range of commits, and a merge of two branches.

use serde_json::Value;

use goldenpath_testkit::{Outcome, Repository};

/// A valid manifest; `edit` pairs replace text in it.
fn manifest(id: &str, name: &str, edits: &[(&str, &str)]) -> String {
    let mut text = format!(
        "apiVersion: goldenpath.io/v1\nkind: SecretRequest\nmetadata:\n  id: {id}\n  \
         name: {name}\n  owner: team-payments\n  service: payments\n  environment: dev\nspec:\n  \
         provider: aws-secrets-manager\n  secretType: generic\n  risk:\n    tier: low\n  \
         rotation:\n    rotationClass: none\n  lifecycle:\n    status: active\n  access:\n    \
         namespace: payments\n    k8sSecretName: {name}\n  ttlDays: 30\n"
    );
    for (old, new) in edits {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    text
}

fn path(id: &str) -> String {
    format!("catalogs/secrets/payments/dev/{id}.yaml")
}

/// A repository whose first commit holds SEC-0001 and SEC-0002.
fn with_two() -> Repository {
    let repository = Repository::new();
    repository.write(path("SEC-0001"), &manifest("SEC-0001", "one-password", &[]));
    repository.write(path("SEC-0002"), &manifest("SEC-0002", "two-password", &[]));
    repository.commit_all("two secrets");
    repository
}

fn rules(outcome: &Outcome) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let json = outcome.json();
    json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (text(&row["rule"]), text(&row["path"])))
        .collect()
}

/// Returns the findings for the index, and asserts the same for the commit of it.
fn judged(repository: &Repository) -> Vec<(String, String)> {
    repository.git(&["add", "--all"]);
    let staged = rules(&repository.goldenpath(&["validate", "--staged", "--format", "json"]).run());
    repository.git(&["commit", "--quiet", "--no-verify", "-m", "change"]);
    let range =
        repository.goldenpath(&["validate", "--from-ref", "HEAD~1", "--format", "json"]).run();
    assert_eq!(rules(&range), staged, "a commit range is judged like the staged change");
    staged
}

fn one(rule: &str, id: &str) -> Vec<(String, String)> {
    vec![(rule.to_owned(), path(id))]
}

#[test]
fn a_change_within_the_rules_has_no_findings() {
    let repository = with_two();
    repository.write(
        path("SEC-0001"),
        &manifest("SEC-0001", "one-password", &[("ttlDays: 30", "ttlDays: 60")]),
    );
    repository.write(path("SEC-0003"), &manifest("SEC-0003", "three-password", &[]));
    assert_eq!(judged(&repository), []);
}

#[test]
fn another_id_in_the_same_file_is_gp401_and_nothing_else() {
    let repository = with_two();
    repository.write(path("SEC-0001"), &manifest("SEC-0009", "one-password", &[]));
    repository.git(&["add", "--all"]);
    let findings = rules(
        &repository.goldenpath(&["validate", "--staged", "--format", "json"]).run().fails_with(1),
    );
    // The file keeps its old name, which is GP301.
    assert_eq!(findings, [one("GP301", "SEC-0001"), one("GP401", "SEC-0001")].concat());
}

#[test]
fn a_changed_name_is_gp402_even_when_the_file_moves() {
    let repository = with_two();
    repository.write(path("SEC-0001"), &manifest("SEC-0001", "other-password", &[]));
    assert_eq!(judged(&repository), one("GP402", "SEC-0001"));

    let moved = "catalogs/secrets/orders/dev/SEC-0002.yaml";
    repository.git(&["rm", "--quiet", &path("SEC-0002")]);
    repository.write(
        moved,
        &manifest("SEC-0002", "two-password", &[("service: payments", "service: orders")]),
    );
    // Its namespace still has the name of the old service, which is a warning.
    assert_eq!(
        judged(&repository),
        ["GP402", "GP206"].map(|rule| (rule.to_owned(), moved.to_owned()))
    );
}

#[test]
fn the_lifecycle_goes_step_by_step_and_one_step_back() {
    let states = ["active", "deprecated", "decommission_requested", "decommissioned"];
    // The design allows one step forward, and one step back until deletion; decommissioned is
    // final.
    let allowed = [(0, 1), (1, 2), (2, 3), (1, 0), (2, 1)];
    for (from, old) in states.iter().enumerate() {
        for (to, new) in states.iter().enumerate() {
            let repository = Repository::new();
            let with = |status: &str| manifest("SEC-0001", "one-password", &[("active", status)]);
            repository.write(path("SEC-0001"), &with(old)).write("a.txt", "a").commit_all("before");
            repository.write(path("SEC-0001"), &with(new)).write("a.txt", "b");
            let expected = if from == to || allowed.contains(&(from, to)) {
                vec![]
            } else {
                one("GP403", "SEC-0001")
            };
            assert_eq!(judged(&repository), expected, "{old} → {new}");
        }
    }
}

#[test]
fn a_removed_manifest_is_gp404_until_it_is_decommissioned() {
    let repository = with_two();
    repository.git(&["rm", "--quiet", &path("SEC-0001")]);
    assert_eq!(judged(&repository), one("GP404", "SEC-0001"));

    let repository = Repository::new();
    repository.write(
        path("SEC-0001"),
        &manifest("SEC-0001", "one-password", &[("active", "decommissioned")]),
    );
    repository.commit_all("the end");
    repository.git(&["rm", "--quiet", &path("SEC-0001")]);
    assert_eq!(judged(&repository), []);
}

#[test]
fn a_removed_manifest_is_drawn_as_it_was() {
    let repository = with_two();
    repository.git(&["rm", "--quiet", &path("SEC-0001")]);
    let shown = repository.goldenpath(&["validate", "--staged"]).run().fails_with(1).stdout;
    assert!(shown.contains("SEC-0001 is removed, but its status was `active`"), "{shown}");
    assert!(shown.contains("SEC-0001.yaml:17:13"), "{shown}");
    assert!(shown.ends_with("checked 0 manifests: 1 error\n"), "{shown}");
}

#[test]
fn what_brings_a_removed_manifest_back_is_a_command_that_does() {
    let repository = with_two();
    repository.write("a.txt", "a").commit_all("something else");
    repository.git(&["rm", "--quiet", &path("SEC-0001")]);
    let commands = |arguments: &[&str]| {
        let outcome = repository
            .goldenpath(&[&["validate", "--format", "json"], arguments].concat())
            .run()
            .fails_with(1);
        let help = outcome.json()["findings"][0]["help"].as_str().unwrap().to_owned();
        help.split(['(', ')']).nth(1).unwrap().to_owned()
    };
    assert_eq!(commands(&["--staged"]), format!("git checkout HEAD -- {}", path("SEC-0001")));
    repository.git(&["commit", "--quiet", "-m", "removed"]);
    repository.write("a.txt", "b").commit_all("something else again");
    let command = commands(&["--from-ref", "HEAD~2"]);
    let base = repository.git(&["rev-parse", "--short=8", "HEAD~2"]);
    assert_eq!(command, format!("git checkout {base} -- {}", path("SEC-0001")));
    repository.git(&command.split(' ').skip(1).collect::<Vec<_>>());
    assert!(repository.exists(path("SEC-0001")));
}

#[test]
fn what_a_partial_clone_left_out_is_asked_for() {
    let origin = with_two();
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    origin.write(
        path("SEC-0001"),
        &manifest("SEC-0001", "one-password", &[("ttlDays: 30", "ttlDays: 60")]),
    );
    origin.commit_all("longer");
    let partial = Repository::new();
    partial.git(&["remote", "add", "origin", &format!("file://{}", origin.path().display())]);
    partial.git(&["fetch", "--quiet", "--filter=blob:none", "origin", "main"]);
    partial.git(&["reset", "--quiet", "--hard", "FETCH_HEAD"]);
    let asks = "git fetch --refetch --no-filter origin";

    // The base is missing, and must not be fetched: the change cannot be checked.
    let range = ["validate", "--from-ref", "HEAD~1"];
    let zeros = "0".repeat(40);
    let old = ["validate", "--format", "json", "--from-ref", &zeros, "--to-ref", "HEAD~1"];
    for arguments in [&range[..], &old] {
        let command = partial.goldenpath(arguments).env("GIT_NO_LAZY_FETCH", "1");
        let outcome = command.run().fails_with(2);
        let reported = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(reported.contains(asks), "{reported}");
    }

    // Otherwise it is.
    partial.goldenpath(&range).run().success();
    partial.goldenpath(&old).run().success();
}

#[test]
fn a_new_manifest_starts_active() {
    let repository = with_two();
    repository.write(
        path("SEC-0003"),
        &manifest("SEC-0003", "three-password", &[("active", "deprecated")]),
    );
    assert_eq!(judged(&repository), one("GP405", "SEC-0003"));
}

#[test]
fn an_id_that_history_has_held_is_gp406() {
    let repository = Repository::new();
    repository.write(
        path("SEC-0001"),
        &manifest("SEC-0001", "one-password", &[("active", "decommissioned")]),
    );
    repository.write("a.txt", "a").commit_all("the end");
    repository.git(&["rm", "--quiet", &path("SEC-0001")]);
    repository.git(&["commit", "--quiet", "-m", "removed"]);
    // In another folder, too.
    let reused = "catalogs/secrets/orders/dev/SEC-0001.yaml";
    repository.write(
        reused,
        &manifest("SEC-0001", "new-password", &[("service: payments", "service: orders")]),
    );
    assert_eq!(judged(&repository), [("GP406".to_owned(), reused.to_owned())]);
}

#[test]
fn what_has_not_merged_yet_is_its_authors_to_take_back() {
    let bare = Repository::bare();
    let seed = Repository::clone_of(&bare);
    seed.write(path("SEC-0001"), &manifest("SEC-0001", "one-password", &[])).commit_all("one");
    seed.git(&["push", "--quiet", "origin", "HEAD:main"]);

    let clone = Repository::clone_of(&bare);
    clone.git(&["switch", "--quiet", "--create", "work"]);
    clone
        .write(path("SEC-0002"), &manifest("SEC-0002", "two-password", &[]))
        .commit_all("on the branch alone");
    clone.git(&["rm", "--quiet", &path("SEC-0002")]);
    clone.goldenpath(&["validate", "--staged"]).run().success();
    clone.git(&["rm", "--quiet", &path("SEC-0001")]);
    let outcome =
        clone.goldenpath(&["validate", "--staged", "--format", "json"]).run().fails_with(1);
    assert_eq!(rules(&outcome), one("GP404", "SEC-0001"));
    clone.git(&["reset", "--quiet", "--hard"]);
    clone.git(&["rm", "--quiet", &path("SEC-0002")]);
    clone.git(&["commit", "--quiet", "-m", "dropped"]);
    clone
        .write(path("SEC-0002"), &manifest("SEC-0002", "two-password", &[]))
        .git(&["add", "--all"]);
    clone.goldenpath(&["validate", "--staged"]).run().success();
}

#[test]
fn a_range_is_read_from_the_commits_and_not_from_the_work_tree() {
    let repository = with_two();
    repository.write(
        path("SEC-0001"),
        &manifest("SEC-0001", "one-password", &[("tier: low", "tier: lwo")]),
    );
    repository.commit_all("broken");
    repository.write(path("SEC-0001"), &manifest("SEC-0001", "one-password", &[]));
    let outcome = repository
        .goldenpath(&["validate", "--from-ref", "HEAD~1", "--format", "json"])
        .run()
        .fails_with(1);
    assert_eq!(rules(&outcome), one("GP105", "SEC-0001"));
    repository.commit_all("fixed");
    repository.goldenpath(&["validate", "--from-ref", "HEAD~2"]).run().success();
    repository
        .goldenpath(&["validate", "--from-ref", "HEAD~2", "--to-ref", "HEAD~1"])
        .run()
        .fails_with(1);
}

#[test]
fn the_bases_rules_judge_a_change_and_a_change_to_them_is_a_finding() {
    let repository = with_two();
    repository.write("goldenpath.yaml", "rules: { GP105: off }\n");
    repository.write(
        "schemas/metadata/enums.yaml",
        "riskTiers: [low, medium, high]\nowners: [team-payments, intruder]\n",
    );
    repository.write(
        path("SEC-0001"),
        &manifest("SEC-0001", "one-password", &[("team-payments", "intruder")]),
    );
    repository.commit_all("weaken the rules");
    let outcome = repository
        .goldenpath(&["validate", "--from-ref", "HEAD~1", "--format", "json"])
        .run()
        .fails_with(1);
    let files = ["goldenpath.yaml", "schemas/metadata/enums.yaml"]
        .map(|file| ("GP701".to_owned(), file.to_owned()));
    let manifest = [one("GP105", "SEC-0001"), one("GP408", "SEC-0001")].concat();
    assert_eq!(rules(&outcome), [manifest, files.to_vec()].concat());
}

#[test]
fn two_branches_that_are_green_alone_cannot_both_pass_with_one_id_name_or_target() {
    let repository = with_two();
    repository.git(&["switch", "--quiet", "--create", "left"]);
    repository
        .write(path("SEC-0003"), &manifest("SEC-0003", "left-password", &[]))
        .commit_all("left");
    repository.git(&["switch", "--quiet", "--create", "right", "main"]);
    let right = "catalogs/secrets/orders/dev/SEC-0003.yaml";
    let edits = [
        ("service: payments", "service: orders"),
        ("k8sSecretName: right-password", "k8sSecretName: left-password"),
    ];
    repository.write(right, &manifest("SEC-0003", "right-password", &edits)).commit_all("right");

    for branch in ["left", "right"] {
        repository
            .goldenpath(&["validate", "--from-ref", "main", "--to-ref", branch])
            .run()
            .success();
        repository
            .goldenpath(&["validate", "--merge-with", "main", "--to-ref", branch])
            .run()
            .success();
    }
    repository.git(&["switch", "--quiet", "main"]);
    repository.git(&["merge", "--quiet", "--no-ff", "--no-edit", "left"]);
    let objects = || repository.git(&["count-objects", "-v"]);
    let before = objects();
    let outcome = repository
        .goldenpath(&["validate", "--merge-with", "main", "--to-ref", "right", "--format", "json"])
        .run()
        .fails_with(1);
    let found: Vec<String> = rules(&outcome)
        .into_iter()
        .filter(|(_, path)| path == right)
        .map(|(rule, _)| rule)
        .collect();
    assert_eq!(found, ["GP302", "GP206", "GP304"]);
    assert_eq!(objects(), before, "the merge was written");
}

#[test]
fn a_merge_that_git_refuses_is_an_error_that_names_the_file() {
    let repository = with_two();
    for (branch, days) in [("left", "ttlDays: 60"), ("right", "ttlDays: 90")] {
        repository.git(&["switch", "--quiet", "--create", branch, "main"]);
        repository
            .write(
                path("SEC-0001"),
                &manifest("SEC-0001", "one-password", &[("ttlDays: 30", days)]),
            )
            .commit_all(branch);
    }
    let outcome = repository.goldenpath(&["validate", "--merge-with", "left"]).run().fails_with(2);
    assert!(outcome.stderr.contains(&path("SEC-0001")), "{}", outcome.stderr);
}

#[test]
fn a_commit_that_does_not_exist_is_an_error() {
    let repository = with_two();
    let outcome =
        repository.goldenpath(&["validate", "--from-ref", "origin/nowhere"]).run().fails_with(2);
    assert!(outcome.stderr.contains("there is no commit `origin/nowhere`"), "{}", outcome.stderr);
    repository.goldenpath(&["validate", "--to-ref", "HEAD"]).run().fails_with(2);
}

#[test]
fn all_zeros_as_the_base_is_a_branch_that_is_new() {
    let repository = with_two();
    let zeros = "0".repeat(40);
    let outcome = repository.goldenpath(&["validate", "--from-ref", &zeros]).run().success();
    assert!(outcome.stdout.starts_with("checked 2 manifests"), "{}", outcome.stdout);
}
