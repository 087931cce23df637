//! `goldenpath id renumber`: the younger of two manifests with the same ID gets a new one.

use super::{clones, path, write};
use goldenpath_testkit::{Platform, Repository, SEED, SEED_PATH, request};

/// Returns a manifest with comments, its own layout and the ID in several places.
fn commented(id: &str, name: &str) -> String {
    format!(
        "# {id} was asked for by the ledger team\n{}# the end\n",
        request(id, name).replace("metadata:\n", "metadata:   # who\n")
    )
}

fn second(id: &str) -> String {
    format!("catalogs/secrets/web/dev/{id}.yaml")
}

fn for_web(id: &str, name: &str) -> String {
    commented(id, name).replace("service: payments ", "service: web ")
}

#[test]
fn the_one_that_was_committed_later_gets_the_next_id_and_keeps_its_comments() {
    let repository = Repository::new();
    repository.write(second("SEC-0007"), &for_web("SEC-0007", "web-token"));
    repository.commit_all_days_ago(3, "The younger by name, the elder by time");
    write(&repository, "SEC-0007");
    repository.commit_all_days_ago(2, "The younger");
    repository.goldenpath(&["validate"]).run().fails_with(1);
    let dry = repository.goldenpath(&["id", "renumber", "--dry-run"]).run().success();
    assert!(
        dry.stdout.contains("-  id: SEC-0007") && dry.stdout.contains("+  id: SEC-0008"),
        "{}",
        dry.stdout
    );
    assert!(repository.exists(path("SEC-0007")) && !repository.exists(path("SEC-0008")));

    let before = repository.read(path("SEC-0007"));
    let done = repository.goldenpath(&["id", "renumber"]).run().success();
    assert_eq!(
        done.stdout,
        format!("SEC-0007 → SEC-0008 {} ({} has it)\n", path("SEC-0008"), second("SEC-0007"))
    );
    assert_eq!(repository.read(path("SEC-0008")), before.replace("id: SEC-0007", "id: SEC-0008"));
    assert!(!repository.exists(path("SEC-0007")));
    assert_eq!(repository.read(second("SEC-0007")), for_web("SEC-0007", "web-token"));
    repository.goldenpath(&["validate"]).run().success();
    assert_eq!(
        repository
            .git(&["diff", "--name-status", "--cached", "-M50%"])
            .split_whitespace()
            .last()
            .unwrap(),
        path("SEC-0008"),
        "the index follows"
    );
    let again = repository.goldenpath(&["id", "renumber"]).run().success();
    assert_eq!(
        (again.stdout.as_str(), again.stderr.as_str()),
        ("", "No two manifests have the same ID.\n")
    );
}

#[test]
fn what_is_not_committed_is_the_youngest() {
    let repository = Repository::new();
    write(&repository, "SEC-0007");
    repository.commit_all("First");
    repository.write(
        "catalogs/secrets/aaa/dev/SEC-0007.yaml",
        &commented("SEC-0007", "aaa").replace("service: payments ", "service: aaa "),
    );
    let done = repository.goldenpath(&["id", "renumber", "--json"]).run().success().json();
    assert_eq!(done["renumbered"][0]["path"], "catalogs/secrets/aaa/dev/SEC-0008.yaml");
    assert_eq!(done["renumbered"].as_array().unwrap().len(), 1);
    let text = repository.read("catalogs/secrets/aaa/dev/SEC-0008.yaml");
    assert!(text.starts_with("# SEC-0007 was asked for"), "a comment is the person's own: {text}");
}

#[test]
fn a_comment_that_speaks_of_the_old_id_is_pointed_out() {
    let repository = Repository::new();
    write(&repository, "SEC-0007");
    repository.commit_all("First");
    repository.write(second("SEC-0007"), &for_web("SEC-0007", "web-token"));
    let done = repository.goldenpath(&["id", "renumber"]).run().success();
    assert!(
        done.stderr.contains(&format!("Note: {}:1 still contains SEC-0007.", second("SEC-0008"))),
        "{}",
        done.stderr
    );
}

#[test]
fn what_the_target_branch_holds_stays_however_young_it_is() {
    let (_origin, clones) = clones(2);
    let (ours, theirs) = (&clones[0], &clones[1]);
    write(ours, "SEC-0001");
    ours.git(&["checkout", "--quiet", "-b", "work"]);
    ours.commit_all_days_ago(9, "Long ago, on a branch");
    theirs
        .write(second("SEC-0001"), &for_web("SEC-0001", "web-token"))
        .commit_all("Later, and merged");
    theirs.git(&["push", "--quiet", "origin", "main"]);
    ours.git(&["fetch", "--quiet"]);
    ours.git(&["merge", "--quiet", "--no-edit", "origin/main"]);
    let done = ours.goldenpath(&["id", "renumber"]).run().success();
    assert!(
        done.stdout.starts_with(&format!("SEC-0001 → SEC-0002 {}", path("SEC-0002"))),
        "{}",
        done.stdout
    );
    ours.goldenpath(&["validate"]).run().success();
}

#[test]
fn a_branch_of_the_remote_that_was_never_fetched_counts() {
    let (_origin, clones) = clones(2);
    let (ours, theirs) = (&clones[0], &clones[1]);
    theirs.git(&["checkout", "--quiet", "-b", "feature"]);
    theirs.write(second("SEC-0001"), &for_web("SEC-0001", "web-token"));
    theirs.commit_all_days_ago(2, "First").git(&["push", "--quiet", "origin", "feature"]);
    write(ours, "SEC-0001");
    let done = ours.goldenpath(&["id", "renumber"]).run().success();
    assert!(
        done.stdout.contains(&format!("({} on origin/feature has it)", second("SEC-0001"))),
        "{}",
        done.stdout
    );
    assert!(ours.exists(path("SEC-0002")) && !ours.exists(path("SEC-0001")));
}

#[test]
fn an_elder_one_keeps_its_id_and_says_whose_turn_it_is() {
    let (_origin, clones) = clones(2);
    let (ours, theirs) = (&clones[0], &clones[1]);
    write(ours, "SEC-0001");
    ours.git(&["checkout", "--quiet", "-b", "work"]);
    ours.commit_all_days_ago(5, "First");
    theirs.git(&["checkout", "--quiet", "-b", "feature"]);
    theirs.write(second("SEC-0001"), &for_web("SEC-0001", "web-token"));
    theirs.commit_all_days_ago(2, "Second").git(&["push", "--quiet", "origin", "feature"]);
    let left = ours.goldenpath(&["id", "renumber"]).run().success();
    assert_eq!(left.stdout, "");
    assert!(
        left.stderr.contains(&format!("{} keeps SEC-0001", path("SEC-0001"))),
        "{}",
        left.stderr
    );
    assert!(left.stderr.contains("on origin/feature is younger"), "{}", left.stderr);
    // An explicit path is accepted anyway.
    let done = ours.goldenpath(&["id", "renumber", &path("SEC-0001")]).run().success();
    assert!(done.stdout.starts_with("SEC-0001 → SEC-0002"), "{}", done.stdout);
}

#[test]
fn of_two_that_were_committed_in_the_same_second_the_other_branch_keeps_the_id() {
    let (_origin, clones) = clones(2);
    let (ours, theirs) = (&clones[0], &clones[1]);
    write(ours, "SEC-0001");
    theirs.git(&["checkout", "--quiet", "-b", "feature"]);
    theirs.write(second("SEC-0001"), &for_web("SEC-0001", "web-token"));
    for clone in [ours, theirs] {
        clone.commit_all("Both");
        clone.git(&["commit", "--quiet", "--amend", "--no-edit", "--date=2026-01-05T12:00:00Z"]);
        clone.git(&["rebase", "--quiet", "--committer-date-is-author-date", "-f", "HEAD~1"]);
        assert_eq!(clone.git(&["log", "-1", "--format=%ct"]), "1767614400");
    }
    theirs.git(&["push", "--quiet", "origin", "feature"]);
    let done = ours.goldenpath(&["id", "renumber"]).run().success();
    assert!(done.stdout.starts_with("SEC-0001 → SEC-0002"), "{}\n{}", done.stdout, done.stderr);
}

#[test]
fn the_same_manifest_on_two_branches_is_not_a_collision() {
    let (_origin, clones) = clones(1);
    let ours = &clones[0];
    ours.git(&["checkout", "--quiet", "-b", "below"]);
    write(ours, "SEC-0001");
    ours.commit_all("Below").git(&["push", "--quiet", "origin", "below"]);
    ours.git(&["checkout", "--quiet", "-b", "above"]);
    write(ours, "SEC-0002");
    ours.commit_all("Above");
    assert_eq!(
        ours.goldenpath(&["id", "renumber"]).run().success().stderr,
        "No two manifests have the same ID.\n"
    );
    // After a rebase it is in another commit.
    let below = ours.git(&["rev-parse", "HEAD~1"]);
    ours.git_days_ago(1, &["rebase", "--quiet", "--force-rebase", "main"]);
    assert_ne!(ours.git(&["rev-parse", "HEAD~1"]), below);
    assert_eq!(
        ours.goldenpath(&["id", "renumber"]).run().success().stderr,
        "No two manifests have the same ID.\n"
    );
}

#[test]
fn a_manifest_that_only_moves_keeps_its_id() {
    let (_origin, clones) = clones(1);
    let ours = &clones[0];
    write(ours, "SEC-0001");
    ours.commit_all("One").git(&["push", "--quiet", "origin", "main"]);
    ours.git(&["checkout", "--quiet", "-b", "work"]);
    std::fs::create_dir_all(ours.path().join("catalogs/secrets/payments/prod")).unwrap();
    ours.git(&["mv", &path("SEC-0001"), "catalogs/secrets/payments/prod/SEC-0001.yaml"]);
    assert_eq!(
        ours.goldenpath(&["id", "renumber"]).run().success().stderr,
        "No two manifests have the same ID.\n"
    );
    ours.commit_all("Moved");
    assert_eq!(
        ours.goldenpath(&["id", "renumber"]).run().success().stderr,
        "No two manifests have the same ID.\n"
    );
}

#[test]
fn what_cannot_be_renumbered_is_refused_before_a_number_is_taken() {
    let repository = Repository::new();
    write(&repository, "SEC-0001");
    repository.write("catalogs/secrets/web/dev/notes.yaml", "a: b\n");
    for (name, words) in [
        ("SEC-0099", "no manifest has the ID or name SEC-0099"),
        ("catalogs/secrets/web/dev/notes.yaml", "is not a manifest of the catalog with an ID"),
        ("nowhere.yaml", "does not exist"),
        ("../../etc/passwd", "does not exist"),
    ] {
        let refused = repository.goldenpath(&["id", "renumber", name]).run().fails_with(2);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    assert!(!repository.exists(".git/goldenpath/given-out"));
}

#[test]
fn a_custom_field_that_repeats_the_id_changes_with_it() {
    let repository = Repository::new();
    let text = request("SEC-0001", "x")
        .replace("metadata:\n", "metadata:\n  labels:\n    audit: 'SEC-0001'\n");
    repository.write(path("SEC-0001"), &text);
    repository.goldenpath(&["id", "renumber", "SEC-0001"]).run().success();
    let expected = text
        .replace("audit: 'SEC-0001'", "audit: 'SEC-0002'")
        .replace("id: SEC-0001", "id: SEC-0002");
    assert_eq!(repository.read(path("SEC-0002")), expected);
}

/// Returns the refusal to renumber the seed's manifest.
#[track_caller]
fn refused(platform: &Platform) -> String {
    let before = platform.catalog.git(&["status", "--porcelain"]);
    let said =
        platform.catalog.goldenpath(&["id", "renumber", SEED_PATH]).run().fails_with(1).said();
    assert_eq!(platform.catalog.git(&["status", "--porcelain"]), before);
    assert!(
        said.contains("cannot renumber") && said.contains("it was applied as SEC-0007"),
        "{said}"
    );
    said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn a_manifest_that_was_applied_keeps_its_id() {
    let platform = Platform::local();
    platform.seed();
    let dry = || platform.catalog.goldenpath(&["id", "renumber", "SEC-0007", "--dry-run"]).run();
    dry().success();
    platform.apply().run().success();
    assert!(refused(&platform).contains("the audit trail has `create-secret` of "));
    dry().fails_with(1);

    // Without the trail, the ExternalSecret shows it.
    platform.catalog.git(&["update-ref", "-d", "refs/heads/goldenpath/audit"]);
    let projection = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";
    assert!(refused(&platform).contains(&format!("the GitOps repository has `{projection}`")));
    platform.gitops.git(&["rm", "--quiet", projection]);
    platform.gitops.commit_all("The ExternalSecret is gone");
    dry().success();
}

#[test]
fn another_manifest_with_the_id_of_an_applied_one_gets_a_new_id() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    let other = "catalogs/secrets/web/dev/SEC-0007.yaml";
    let text = SEED
        .replace("service: payments", "service: web")
        .replace("payments-db-credentials", "web-token")
        .replace("payments-db-creds", "web-token");
    platform.catalog.write(other, &text);
    refused(&platform);
    let done = platform.catalog.goldenpath(&["id", "renumber"]).run().success().stdout;
    assert!(
        done.starts_with("SEC-0007 → SEC-0008 catalogs/secrets/web/dev/SEC-0008.yaml"),
        "{done}"
    );
    assert!(platform.catalog.exists(SEED_PATH));
}
