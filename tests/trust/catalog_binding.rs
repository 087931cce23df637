//! A secret in the store belongs to one catalog in one repository.

use serde_json::{Value, json};

use goldenpath_testkit::{
    Aws, KEY, Outcome, Platform, Repository, SEED_PATH, as_api_tags, seed_tags, tags,
};

const TAG: &str = "goldenpath.io/repository";
const OURS: &str = "git.example.com/acme/platform";
const THEIRS: &str = "git.example.com/copies/platform";

/// Returns a platform whose catalog has the seed's manifest and this remote.
fn bound_to(test: &str, url: &str) -> Aws {
    let aws = Aws::new(test);
    aws.platform.seed();
    aws.platform.catalog.git(&["remote", "add", "origin", url]);
    aws.platform.catalog.serve(url);
    merged(&aws);
    aws
}

/// Sets the remote's default branch in this clone to its HEAD, without a real remote.
fn merged(aws: &Aws) {
    aws.platform.catalog.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    aws.platform.catalog.git(&[
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
    ]);
}

fn reasons(plan: &Outcome) -> String {
    let actions = plan.json()["actions"].clone();
    let reasons = actions
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["reason"].as_str().unwrap().to_owned());
    reasons.collect::<Vec<_>>().join("\n")
}

/// Returns the seed's tags, with replacements.
fn tags_with(changes: &[(&'static str, &'static str)]) -> Value {
    let mut all = seed_tags();
    all.insert(TAG, OURS);
    all.extend(changes.iter().copied());
    as_api_tags(&all)
}

fn create(aws: &Aws, name: &str, tags: Value) {
    aws.call(
        "CreateSecret",
        json!({ "Name": name, "SecretString": "{\"password\":\"theirs\"}", "Tags": tags }),
    );
}

fn run(aws: &Aws, arguments: &[&str]) -> Outcome {
    aws.reach(aws.platform.catalog.goldenpath(arguments)).run()
}

#[test]
fn every_clone_writes_the_same_tag_however_its_remote_is_written() {
    let aws = bound_to("binding-urls", "git@git.example.com:Acme/Platform.git");
    aws.apply().success();
    let mut expected = seed_tags();
    expected.insert(TAG, OURS);
    assert_eq!(tags(&aws.describe(KEY)), expected);
    for url in [
        "https://git.example.com/acme/platform",
        "https://x-access-token:abc@git.example.com/acme/platform.git/",
        "ssh://git@git.example.com:2222/acme/platform.git",
    ] {
        aws.platform.catalog.git(&["remote", "set-url", "origin", url]);
        assert!(aws.apply().success().stdout.contains("Nothing to do."), "{url}");
    }
    // `insteadOf` applies, as in git.
    aws.platform.catalog.git(&["remote", "set-url", "origin", "acme:platform"]);
    aws.platform.catalog.git(&[
        "config",
        "--global",
        "url.https://git.example.com/acme/.insteadOf",
        "acme:",
    ]);
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
    // The remote of the audit trail.
    aws.platform.catalog.git(&["remote", "rename", "origin", "upstream"]);
    aws.platform.catalog.git(&["remote", "add", "origin", "https://git.example.com/ann/fork"]);
    aws.platform.catalog.serve("https://git.example.com/ann/fork");
    let config = aws.platform.catalog.read("goldenpath.yaml");
    aws.platform
        .catalog
        .write("goldenpath.yaml", &format!("{config}audit: {{ remote: upstream }}\n"))
        .commit_all("x");
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn a_missing_tag_is_added_by_the_next_apply_and_the_plan_shows_it() {
    let aws = Aws::new("binding-added");
    aws.platform.seed();
    aws.apply().success();
    assert_eq!(tags(&aws.describe(KEY)), seed_tags(), "without a remote there is none");
    aws.platform.catalog.git(&[
        "remote",
        "add",
        "origin",
        "https://git.example.com/acme/platform.git",
    ]);
    aws.platform.catalog.serve("https://git.example.com/acme/platform.git");
    let plan = aws.plan();
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 tag-secret {KEY}")]);
    assert_eq!(reasons(&plan), format!("{TAG}: {OURS} is missing"));
    aws.writes();
    aws.apply().success();
    assert_eq!(aws.writes(), ["TagResource"]);
    assert_eq!(tags(&aws.describe(KEY))[TAG], OURS);
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn a_secret_of_another_repository_is_blocked_with_both_names_until_the_catalog_is_rebound() {
    let aws = bound_to("binding-blocked", "https://git.example.com/acme/platform");
    create(&aws, KEY, tags_with(&[(TAG, THEIRS), ("goldenpath.io/owner", "team-copies")]));
    let before = aws.state();
    for arguments in [&[][..], &["--adopt", "SEC-0007"]] {
        let plan = aws.plan_with(arguments);
        assert_eq!(Platform::actions(&plan), [format!("SEC-0007 blocked {KEY}")]);
        let reason = reasons(&plan);
        assert!(
            [THEIRS, OURS, "--rebind-catalog"].iter().all(|word| reason.contains(word)),
            "{reason}"
        );
        aws.writes();
        aws.apply_with(arguments).fails_with(1);
        assert_eq!(aws.writes(), [""; 0]);
    }
    assert_eq!(aws.state(), before);

    let plan = aws.plan_with(&["--rebind-catalog"]);
    let words = format!("{TAG}: {THEIRS} → {OURS} (--rebind-catalog)");
    assert!(reasons(&plan).contains(&words), "{}", reasons(&plan));
    // The saved plan has the approved actions.
    let file = aws.platform.catalog.path().with_extension("plan.json").display().to_string();
    aws.plan_with(&["--rebind-catalog", "--out", &file]);
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(saved["plan"]["selection"]["rebindCatalog"], true);
    aws.writes();
    aws.apply_with(&[&file]).success();
    assert_eq!(aws.writes(), ["TagResource"]);
    let mut expected = seed_tags();
    expected.insert(TAG, OURS);
    assert_eq!(tags(&aws.describe(KEY)), expected);
    let trail = aws.platform.catalog.trail("SEC-0007");
    assert!(trail.contains(&words), "{trail}");
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn rebinding_takes_over_nothing_of_another_catalog_or_manifest_and_nothing_unmanaged() {
    let aws = bound_to("binding-rebind", "https://git.example.com/acme/platform");
    for (id, name) in [("SEC-0001", "one-key"), ("SEC-0002", "two-key"), ("SEC-0003", "three-key")]
    {
        aws.platform.write(id, name);
    }
    aws.platform.catalog.commit_all("Three");
    create(
        &aws,
        "goldenpath/payments/dev/one-key",
        tags_with(&[(TAG, THEIRS), ("goldenpath.io/catalog", "other")]),
    );
    create(
        &aws,
        "goldenpath/payments/dev/two-key",
        tags_with(&[(TAG, THEIRS), ("goldenpath.io/id", "SEC-0099")]),
    );
    create(&aws, "goldenpath/payments/dev/three-key", json!([{ "Key": TAG, "Value": THEIRS }]));
    let plan = aws.plan_with(&[
        "--rebind-catalog",
        "--id",
        "SEC-0001",
        "--id",
        "SEC-0002",
        "--id",
        "SEC-0003",
    ]);
    let blocked: Vec<String> = Platform::actions(&plan);
    assert!(
        blocked.len() == 3 && blocked.iter().all(|action| action.contains(" blocked ")),
        "{blocked:?}"
    );
}

#[test]
fn a_secret_of_another_repository_is_shown_to_no_command_as_ours() {
    let aws = bound_to("binding-commands", "https://git.example.com/acme/platform");
    create(&aws, KEY, tags_with(&[(TAG, THEIRS)]));
    create(
        &aws,
        "goldenpath/theirs",
        tags_with(&[(TAG, THEIRS), ("goldenpath.io/id", "SEC-0050")]),
    );
    create(&aws, "goldenpath/ours", tags_with(&[("goldenpath.io/id", "SEC-0051")]));
    aws.writes();
    for arguments in [
        &["value", "generate", "SEC-0007", "--yes"][..],
        &["value", "set", "SEC-0007", "--stdin"],
        &["value", "env", "SEC-0007"],
    ] {
        let outcome = aws
            .reach(aws.platform.catalog.goldenpath(arguments).stdin("{\"password\":\"x\"}"))
            .run();
        assert_ne!(outcome.code, 0, "{arguments:?}");
        assert!(
            !format!("{}{}", outcome.stdout, outcome.stderr).contains("theirs\""),
            "{arguments:?}"
        );
    }
    let outcome = run(&aws, &["value", "generate", "SEC-0007", "--yes"]).fails_with(1);
    let said = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
    assert!(
        said.contains(THEIRS) && said.contains(OURS) && said.contains("--rebind-catalog"),
        "{said}"
    );
    assert_eq!(aws.writes(), [""; 0]);

    let shown = run(&aws, &["show", "SEC-0007", "--format", "json"]).success().json();
    assert!(shown["store"]["message"].as_str().unwrap().contains(THEIRS), "{shown:#}");
    let status = run(&aws, &["value", "status", "--format", "json"]);
    assert!(status.stdout.contains(THEIRS), "{}", status.stdout);
    let orphans = aws.plan().json()["orphans"].clone();
    let targets: Vec<&str> =
        orphans.as_array().unwrap().iter().map(|one| one["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["goldenpath/ours"], "the other one is theirs to look after");
}

#[test]
fn a_secret_of_another_repository_is_not_deleted_at_the_end_of_our_manifest() {
    let aws = bound_to("binding-end", "https://git.example.com/acme/platform");
    create(&aws, KEY, tags_with(&[(TAG, THEIRS)]));
    aws.platform.seed_changed("status: active", "status: decommission_requested");
    let overrides = [
        "--id",
        "SEC-0007",
        "--override",
        "cooling-off",
        "--override",
        "last-accessed",
        "--reason",
        "test",
    ];
    aws.apply_with(&overrides).fails_with(1);
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
    // This run binds the secret to the repository, and the next one deletes it.
    aws.writes();
    aws.apply_with(&[&overrides[..], &["--rebind-catalog"]].concat()).success();
    assert_eq!(aws.writes(), ["TagResource"]);
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
    aws.apply_with(&overrides).success();
    assert!(!aws.describe(KEY)["DeletedDate"].is_null());
}

#[test]
fn a_copy_without_a_remote_cannot_take_a_bound_secret_for_its_own() {
    let aws = Aws::new("binding-copy");
    aws.platform.seed();
    create(&aws, KEY, tags_with(&[]));
    let plan = aws.plan();
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 blocked {KEY}")]);
    assert!(reasons(&plan).contains(OURS), "{}", reasons(&plan));
    let outcome = aws.apply_with(&["--rebind-catalog"]).fails_with(2);
    assert!(outcome.stderr.contains("git remote add origin URL"), "{}", outcome.stderr);
    aws.platform.catalog.git(&["remote", "add", "origin", "https://git.example.com/acme/platform"]);
    aws.platform.catalog.serve("https://git.example.com/acme/platform");
    aws.apply().success();
}

#[test]
fn two_repositories_from_one_template_do_not_share_a_secret() {
    let aws = bound_to("binding-template", "https://git.example.com/acme/platform");
    aws.apply().success();
    let copy = Repository::clone_of(&aws.platform.catalog);
    copy.git(&["remote", "set-url", "origin", "https://git.example.com/copies/platform"]);
    copy.serve("https://git.example.com/copies/platform");
    let outcome = aws.reach(copy.goldenpath(&["apply", "--yes"])).run().fails_with(1);
    assert!(outcome.stdout.contains(OURS) && outcome.stdout.contains(THEIRS), "{}", outcome.stdout);
    assert_eq!(tags(&aws.describe(KEY))[TAG], OURS);
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn a_value_is_written_to_no_secret_of_another_manifest_or_catalog() {
    let aws = bound_to("binding-values", "https://git.example.com/acme/platform");
    aws.platform.write("SEC-0008", "other-key").catalog.commit_all("SEC-0008");
    merged(&aws);
    let key = "goldenpath/payments/dev/other-key";
    for (tag, value, whose) in [
        ("goldenpath.io/id", "SEC-0003", "it belongs to SEC-0003"),
        ("goldenpath.io/catalog", "another", "it belongs to another catalog (another)"),
        ("goldenpath.io/managed-by", "terraform", "it is unmanaged: goldenpath did not create it"),
    ] {
        create(&aws, key, tags_with(&[("goldenpath.io/id", "SEC-0008"), (tag, value)]));
        aws.writes();
        let outcome = run(&aws, &["value", "generate", "SEC-0008", "--yes"]).fails_with(1);
        let said = outcome
            .stderr
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect::<Vec<_>>()
            .join(" ");
        assert!(said.contains(whose), "{said}");
        assert_eq!(aws.writes(), [""; 0]);
        let due = run(&aws, &["list", "--awaiting-value", "--format", "json"]);
        assert!(!due.stderr.contains("Not queried"), "{}", due.stderr);
        aws.call("DeleteSecret", json!({ "SecretId": key, "ForceDeleteWithoutRecovery": true }));
    }
}

#[test]
fn the_external_secret_of_another_repository_is_not_removed_by_a_copy() {
    let aws = bound_to("binding-copy-end", "https://git.example.com/acme/platform");
    aws.apply().success();
    let projection = aws.platform.seed_projection();
    let copy = Repository::clone_of(&aws.platform.catalog);
    copy.git(&["remote", "set-url", "origin", "https://git.example.com/copies/platform"]);
    copy.serve("https://git.example.com/copies/platform");
    let manifest = copy.read(SEED_PATH);
    copy.write(SEED_PATH, &manifest.replace("status: active", "status: decommission_requested"))
        .commit_all("The end");
    let outcome = aws.reach(copy.goldenpath(&["apply", "--yes"])).run().fails_with(1);
    assert!(
        outcome.stdout.contains("blocked") && !outcome.stdout.contains("remove-projection"),
        "{}",
        outcome.stdout
    );
    assert_eq!(aws.platform.seed_projection(), projection);
}
