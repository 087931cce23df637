//! `plan` and `apply` on the local store. The tests read the store with SQLite, not with
//! goldenpath.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;

use goldenpath_testkit::{Key, Outcome, Platform, Repository, Running, SEED, request, sample};

const KEY: &str = "goldenpath/payments/dev/payments-db-credentials";
const PROJECTION: &str = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";

fn store_file(platform: &Platform) -> PathBuf {
    platform.catalog.path().join(".goldenpath/store.db")
}

fn open(platform: &Platform) -> Connection {
    assert!(store_file(platform).is_file(), "there is no store");
    Connection::open(store_file(platform)).unwrap()
}

/// Returns the names of all secrets; a duplicate is listed twice.
fn stored(platform: &Platform) -> Vec<String> {
    let connection = open(platform);
    let mut names = connection.prepare("SELECT name FROM secrets ORDER BY name").unwrap();
    names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn stored_tags(platform: &Platform, key: &str) -> BTreeMap<String, String> {
    let connection = open(platform);
    let mut tags = connection.prepare("SELECT key, value FROM tags WHERE secret = ?1").unwrap();
    tags.query_map([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Asserts that nothing was created: no store, and no change in the GitOps repository.
#[track_caller]
fn untouched(platform: &Platform, gitops_before: &str) {
    assert!(!platform.catalog.exists(".goldenpath"), "a store has come to be");
    assert_eq!(platform.gitops_state(), gitops_before);
    assert_eq!(platform.catalog.git(&["status", "--porcelain", "--untracked-files=all"]), "");
}

#[track_caller]
fn says(outcome: &Outcome, words: &str) {
    // Messages are wrapped, so compare them without line breaks.
    let said = outcome.stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{words:?} is not in:\n{}", outcome.stderr);
}

#[test]
fn the_seed_s_manifest_goes_all_the_way_and_a_second_apply_has_nothing_to_do() {
    let platform = Platform::local();
    platform.seed();
    let outcome = platform.apply().run().success();
    assert!(outcome.stdout.ends_with("Applied: 2 created, 0 changed.\n"), "{}", outcome.stdout);
    assert_eq!(stored(&platform), [KEY]);
    let expected = [
        ("id", "SEC-0007"),
        ("owner", "team-payments"),
        ("service", "payments"),
        ("environment", "dev"),
        ("risk-tier", "medium"),
        ("secret-type", "database-credentials"),
        ("managed-by", "goldenpath"),
        ("catalog", "acme-platform"),
    ];
    let expected =
        expected.map(|(name, value)| (format!("goldenpath.io/{name}"), value.to_owned()));
    assert_eq!(stored_tags(&platform, KEY), expected.into());
    let projection = platform.seed_projection();
    assert!(
        projection.ends_with(include_str!("fixtures/seed_external_secret.yaml")),
        "{projection}"
    );
    assert_eq!(platform.catalog.git(&["status", "--porcelain"]), "", "git does not see the store");

    let before = (platform.gitops_state(), std::fs::read(store_file(&platform)).unwrap());
    let outcome = platform.apply().run().success();
    assert!(outcome.stdout.starts_with("Nothing to do."), "{}", outcome.stdout);
    assert_eq!((platform.gitops_state(), std::fs::read(store_file(&platform)).unwrap()), before);
}

#[test]
fn plan_writes_nothing() {
    let platform = Platform::local();
    platform.seed();
    let before = platform.gitops_state();
    for arguments in [&[][..], &["--format", "json"], &["--detailed-exitcode"], &["--work-tree"]] {
        platform.plan(arguments).run();
        untouched(&platform, &before);
    }
}

#[test]
fn plan_in_json_has_the_design_s_shape() {
    let platform = Platform::local();
    platform.seed();
    let plan = platform.plan(&["--format", "json"]).run().success().json();
    let action = |name: &str, target: &str, reason: &str| {
        json!({
            "id": "SEC-0007",
            "action": name,
            "environment": "dev",
            "target": target,
            "reason": reason,
        })
    };
    assert_eq!(plan["version"], 1);
    assert_eq!(
        plan["summary"],
        json!({
            "manifests": 1,
            "create": 2,
            "change": 0,
            "delete": 0,
            "blocked": 0,
            "awaitingValue": 1,
        })
    );
    // The reasons are for people: only that there is one is promised.
    let mut actions = plan["actions"].clone();
    for action in actions.as_array_mut().unwrap() {
        assert!(action["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{action}");
        action["reason"] = "why".into();
    }
    // The secret comes first, so that the operator never reads a missing key.
    let expected =
        [action("create-secret", KEY, "why"), action("write-projection", PROJECTION, "why")];
    assert_eq!(actions, json!(expected));
    assert_eq!(plan["findings"], json!([]));
    assert_eq!(plan["orphans"], json!([]));
    assert_eq!(plan["staleProjections"], json!([]));
    assert_eq!(plan["failures"], json!([]));
    assert_eq!(plan["manualRotation"], json!({ "database-credentials": 1 }));
    let awaiting =
        json!([{ "id": "SEC-0007", "environment": "dev", "target": KEY, "heldBack": false }]);
    assert_eq!(plan["awaitingValue"], awaiting);
    let store = &plan["stores"][0];
    assert_eq!(store["environments"], json!(["dev"]));
    assert_eq!((&store["account"], &store["region"]), (&json!(null), &json!(null)));
    assert_eq!(plan["unfinishedReplicas"], json!([]));
    assert_eq!(plan.as_object().unwrap().len(), 11);
}

#[test]
fn the_detailed_exit_code_differs_for_changes_none_and_errors() {
    let platform = Platform::local();
    platform.seed();
    let code = |arguments: &[&str]| {
        platform.plan(&[&["--detailed-exitcode"], arguments].concat()).run().code
    };
    assert_eq!(code(&[]), 2, "changes");
    platform.apply().run().success();
    assert_eq!(code(&[]), 0, "nothing to do");
    // An error must not look like a difference.
    assert_eq!(code(&["--env", "moon"]), 1, "a selection of nothing");
    assert_eq!(code(&["-C", "no/such/folder"]), 1, "no such folder");
    assert_eq!(code(&["--config", "no-such-file.yaml"]), 1, "no such configuration");
    assert_eq!(code(&["--no-such-flag"]), 1, "wrong usage");
    assert_eq!(platform.plan(&["--no-such-flag"]).run().code, 2, "wrong usage, where 2 means that");
    platform.seed_changed("tier: medium", "tier: enormous");
    assert_eq!(code(&[]), 1, "a catalog with errors");
    platform.configure("backend: lokal", "/nowhere");
    assert_eq!(code(&[]), 1, "a broken configuration");
}

#[test]
fn without_a_terminal_apply_needs_yes() {
    let platform = Platform::local();
    platform.seed();
    let before = platform.gitops_state();
    let outcome = platform.catalog.goldenpath(&["apply"]).stdin("y\n").run().fails_with(2);
    says(&outcome, "give --yes");
    assert_eq!(outcome.stdout, "");
    untouched(&platform, &before);
}

#[test]
fn what_is_typed_before_the_question_does_not_apply() {
    for keys in ["y", "y\r", "yes\r"] {
        let platform = Platform::local();
        platform.seed();
        let before = platform.gitops_state();
        // The terminal has the keys before the program reads.
        let program = env!("CARGO_BIN_EXE_goldenpath");
        let script = format!("printf ready; read line; exec '{program}' apply");
        let mut terminal = platform.catalog.program("sh", &["-c", &script]).in_terminal(80, 24);
        terminal.wait_for("ready").send("go\r").send(keys);
        terminal.wait_for("Apply these changes?").key(Key::CtrlC);
        assert_eq!(terminal.wait(), 130, "{keys:?}");
        untouched(&platform, &before);
    }
}

#[test]
fn a_deletion_or_several_environments_need_a_whole_yes() {
    let platform = Platform::local();
    platform.seed();
    let prod = SEED
        .replace("SEC-0007", "SEC-0008")
        .replace("payments-db-creds", "payments-db-prod")
        .replace("environment: dev", "environment: prod");
    platform.catalog.write("catalogs/secrets/payments/prod/SEC-0008.yaml", &prod);
    platform.catalog.commit_all("prod");
    let mut terminal = platform.catalog.goldenpath(&["apply"]).in_terminal(80, 40);
    terminal.wait_for("(2 environments) Only yes is accepted").send("y\r");
    terminal.wait_for("type `yes`").send("\u{15}yes\r").wait_for("Applied: 4 created");
    assert_eq!(terminal.wait(), 0);

    platform.catalog.goldenpath(&["lifecycle", "set", "SEC-0007", "deprecated"]).run().success();
    platform.catalog.commit_all("deprecated");
    platform.apply().run().success();
    let set = ["lifecycle", "set", "SEC-0007", "decommission_requested"];
    platform.catalog.goldenpath(&set).run().success();
    platform.catalog.commit_all("the end");
    let mut terminal = platform.catalog.goldenpath(&["apply"]).in_terminal(80, 40);
    terminal.wait_for("(some delete) Only yes is accepted").key(Key::Enter);
    assert_eq!(terminal.wait(), 1);
}

#[test]
fn on_a_terminal_apply_shows_the_plan_and_asks() {
    let platform = Platform::local();
    platform.seed();
    let before = platform.gitops_state();
    let open = || platform.catalog.goldenpath(&["apply"]).in_terminal(80, 24);

    let mut terminal = open();
    terminal
        .wait_for("create-secret")
        .wait_for("Plan: 2 to create")
        .wait_for("Apply these changes?")
        .send("n")
        .key(Key::Enter);
    assert_eq!(terminal.wait(), 1);
    assert!(terminal.screen().contains("Nothing was applied."), "{}", terminal.screen());
    assert!(terminal.cursor_visible());
    untouched(&platform, &before);

    for key in [Key::Escape, Key::CtrlC, Key::Enter] {
        let mut terminal = open();
        let code = if matches!(key, Key::CtrlC) { 130 } else { 1 };
        terminal.wait_for("Apply these changes?").key(key);
        assert_eq!(terminal.wait(), code);
        assert!(terminal.cursor_visible(), "{}", terminal.screen());
        untouched(&platform, &before);
    }

    let mut terminal = open();
    terminal
        .wait_for("Apply these changes?")
        .send("y")
        .key(Key::Enter)
        .wait_for("Applied: 2 created, 0 changed.");
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.cursor_visible());
    assert_eq!(stored(&platform), [KEY]);

    let mut terminal = open();
    terminal.wait_for("Nothing to do.");
    assert_eq!(terminal.wait(), 0, "nothing to ask about");
}

#[test]
fn only_what_is_committed_is_applied_unless_the_work_tree_is_asked_for() {
    let platform = Platform::local();
    platform.seed();
    platform.write("SEC-0008", "not-committed");
    let outcome = platform.apply().run().success();
    says(
        &outcome,
        "uncommitted changes in catalogs/secrets/ are not included; --work-tree includes them",
    );
    assert_eq!(stored(&platform), [KEY]);

    platform.catalog.git(&["add", "--all"]);
    let outcome = platform.apply().run().success();
    says(&outcome, "uncommitted changes");
    assert_eq!(stored(&platform), [KEY], "staged is not committed");

    let outcome = platform.catalog.goldenpath(&["apply", "--yes", "--work-tree"]).run().success();
    assert!(!outcome.stderr.contains("uncommitted"), "{}", outcome.stderr);
    assert_eq!(stored(&platform), ["goldenpath/payments/dev/not-committed", KEY]);
}

#[test]
fn a_manifest_that_is_only_deleted_in_the_work_tree_is_still_there() {
    let platform = Platform::local();
    platform.seed();
    std::fs::remove_file(
        platform.catalog.path().join("catalogs/secrets/payments/dev/SEC-0007.yaml"),
    )
    .unwrap();
    says(&platform.apply().run().success(), "uncommitted changes");
    assert_eq!(stored(&platform), [KEY]);
}

#[test]
fn a_configuration_that_is_changed_and_not_committed_is_mentioned() {
    let platform = Platform::local();
    platform.seed();
    let config = platform.catalog.read("goldenpath.yaml").replace("acme-platform", "renamed");
    platform.catalog.write("goldenpath.yaml", &config);
    let outcome = platform.apply().run().success();
    says(&outcome, "uncommitted changes in goldenpath.yaml");
    assert_eq!(stored_tags(&platform, KEY)["goldenpath.io/catalog"], "acme-platform");
}

#[test]
fn where_secrets_live_is_not_guessed() {
    let repository = Repository::new();
    repository
        .write("catalogs/secrets/payments/dev/SEC-0007.yaml", SEED)
        .commit_all("No configuration");
    for arguments in [&["plan"][..], &["apply", "--yes"]] {
        let outcome = repository.goldenpath(arguments).run().fails_with(2);
        says(&outcome, "`store.backend` is not set");
        says(
            &outcome,
            "set `store.backend` to `local` or `aws` in goldenpath.yaml; `goldenpath init` writes \
             one",
        );
    }
    repository.write("goldenpath.yaml", "store:\n  backend: local\n");
    let outcome = repository.goldenpath(&["apply", "--yes"]).run().fails_with(2);
    says(&outcome, "commit goldenpath.yaml, or use `--work-tree`");
    assert!(!repository.exists(".goldenpath"));
    repository.goldenpath(&["apply", "--yes", "--work-tree"]).run().success();
    assert!(repository.exists(".goldenpath/store.db"));
}

#[test]
fn a_repository_without_a_commit_says_what_to_do() {
    let repository = Repository::new();
    repository.write("goldenpath.yaml", "store:\n  backend: local\n");
    let outcome = repository.goldenpath(&["plan"]).run().fails_with(2);
    says(&outcome, "the repository has no commit yet");
    says(&outcome, "--work-tree");
}

#[test]
fn without_a_gitops_repository_the_secrets_alone_are_made_and_it_says_so() {
    let repository = Repository::new();
    repository.write("goldenpath.yaml", "catalogId: solo\nstore: { backend: local }\n");
    repository.write("catalogs/secrets/payments/dev/SEC-0007.yaml", SEED).commit_all("No GitOps");
    let outcome = repository.goldenpath(&["apply", "--yes"]).run().success();
    says(
        &outcome,
        "neither `gitops.path` nor `gitops.url` is set, so no ExternalSecrets are written",
    );
    assert!(outcome.stdout.ends_with("Applied: 1 created, 0 changed.\n"), "{}", outcome.stdout);
}

#[test]
fn an_empty_catalog_has_nothing_to_do() {
    let platform = Platform::local();
    let outcome = platform.apply().run().success();
    assert!(outcome.stdout.starts_with("Nothing to do."), "{}", outcome.stdout);
    assert!(!platform.catalog.exists(".goldenpath"));
}

#[test]
fn a_catalog_with_errors_is_not_applied_at_all() {
    let platform = Platform::local();
    platform.seed_changed("environment: dev ", "environment: moon ");
    platform.write("SEC-0001", "a-good-one").catalog.commit_all("A good one beside a bad one");
    let before = platform.gitops_state();
    for arguments in
        [&["plan"][..], &["apply", "--yes"], &["apply", "--yes", "--service", "payments"]]
    {
        let outcome = platform.catalog.goldenpath(arguments).run().fails_with(1);
        says(&outcome, "GP105");
        says(&outcome, "A catalog with errors is not applied.");
        assert_eq!(outcome.stdout, "");
        untouched(&platform, &before);
    }
}

#[test]
fn two_manifests_for_one_secret_are_refused_before_anything_happens() {
    let platform = Platform::local();
    platform
        .write("SEC-0001", "the-same-name")
        .write("SEC-0002", "the-same-name")
        .catalog
        .commit_all("Twice");
    let before = platform.gitops_state();
    says(&platform.apply().run().fails_with(1), "GP303");
    untouched(&platform, &before);
}

#[test]
fn a_part_of_the_catalog_is_selected_by_environment_and_service() {
    let platform = Platform::local();
    let add = |id: &str, service: &str, environment: &str| {
        let text = request(id, &format!("{service}-{environment}-key"))
            .replace("service: payments ", &format!("service: {service} "))
            .replace("environment: dev ", &format!("environment: {environment} "));
        platform
            .catalog
            .write(format!("catalogs/secrets/{service}/{environment}/{id}.yaml"), &text);
    };
    for (id, service, environment) in [
        ("SEC-0001", "payments", "dev"),
        ("SEC-0002", "payments", "prod"),
        ("SEC-0003", "ledger", "dev"),
        ("SEC-0004", "ledger", "staging"),
    ] {
        add(id, service, environment);
    }
    platform.catalog.commit_all("Four");
    let planned = |arguments: &[&str]| {
        let plan =
            platform.plan(&[&["--format", "json"], arguments].concat()).run().success().json();
        let ids = plan["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| action["id"].as_str().unwrap().to_owned());
        ids.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(planned(&["--env", "dev"]), ["SEC-0001", "SEC-0003"]);
    assert_eq!(planned(&["--env", "dev", "--env", "prod"]), ["SEC-0001", "SEC-0002", "SEC-0003"]);
    assert_eq!(planned(&["--service", "ledger"]), ["SEC-0003", "SEC-0004"]);
    assert_eq!(planned(&["--service", "ledger", "--env", "staging"]), ["SEC-0004"]);
    assert_eq!(
        planned(&["--service", "ledger", "--env", "prod"]),
        [""; 0],
        "each is known, and none has both"
    );

    platform.catalog.goldenpath(&["apply", "--yes", "--service", "ledger"]).run().success();
    assert_eq!(
        stored(&platform),
        ["goldenpath/ledger/dev/ledger-dev-key", "goldenpath/ledger/staging/ledger-staging-key"]
    );

    let before = (platform.gitops_state(), stored(&platform));
    let outcome =
        platform.catalog.goldenpath(&["apply", "--yes", "--env", "porduction"]).run().fails_with(2);
    says(&outcome, "`--env porduction` selects nothing");
    says(&outcome, "use one of dev, ephemeral, prod, staging, test");
    let outcome = platform
        .catalog
        .goldenpath(&["apply", "--yes", "--service", "payment"])
        .run()
        .fails_with(2);
    says(&outcome, "`--service payment` selects nothing");
    says(&outcome, "use one of ledger, payments");
    assert_eq!((platform.gitops_state(), stored(&platform)), before);
}

#[test]
fn a_secret_that_is_to_go_waits_and_the_run_has_not_failed() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    platform.seed_changed("status: active", "status: decommission_requested");
    platform.apply().run().success();
    let before = platform.gitops_state();
    let plan = platform.plan(&["--format", "json"]).run().success();
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 blocked {KEY}")]);
    platform.apply().run().success();
    assert_eq!(platform.plan(&["--detailed-exitcode"]).run().code, 0);
    assert_eq!((platform.gitops_state(), stored(&platform)), (before, vec![KEY.to_owned()]));
}

#[test]
fn a_deprecated_secret_is_still_kept_as_its_manifest_says() {
    let platform = Platform::local();
    platform.seed_changed("status: active", "status: deprecated");
    platform.apply().run().success();
    assert_eq!(stored(&platform), [KEY]);
}

#[test]
fn a_store_that_is_damaged_is_one_clear_error_and_stays_as_it_is() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    let gitops = platform.gitops_state();
    let store = store_file(&platform);
    let good = std::fs::read(&store).unwrap();
    let mut torn = good.clone();
    torn[1000..].fill(0x5a);
    platform.seed_changed("tier: medium", "tier: low");
    for bytes in [
        &b"not a database at all, but some words of text that are long enough"[..],
        &torn,
        &good[..3000],
    ] {
        std::fs::write(&store, bytes).unwrap();
        let outcome = platform.apply().run().fails_with(1);
        says(&outcome, "is damaged or not a goldenpath store");
        says(&outcome, "restore the file from a copy, or move it away");
        assert_eq!(outcome.stderr.matches("  × ").count(), 1, "one error: {}", outcome.stderr);
        assert!(!outcome.stderr.contains("goldenpath::"), "{}", outcome.stderr);
        assert_eq!(std::fs::read(&store).unwrap(), bytes);
        assert_eq!(platform.gitops_state(), gitops);
    }
    std::fs::write(&store, good).unwrap();
    platform.apply().run().success();
}

#[test]
fn a_store_in_a_place_that_cannot_be_is_one_clear_error() {
    let platform = Platform::local();
    platform.seed();
    platform.configure(
        "backend: local\npath: goldenpath.yaml/store.db",
        &platform.gitops.path().display().to_string(),
    );
    let before = platform.gitops_state();
    let outcome = platform.apply().run().fails_with(1);
    says(&outcome, "check `store.path`: it must name a regular file");
    assert_eq!(platform.gitops_state(), before);
}

#[test]
fn the_store_s_path_starts_at_the_root_wherever_apply_is_run() {
    let platform = Platform::local();
    platform.seed();
    platform
        .catalog
        .goldenpath(&["-C", "catalogs/secrets/payments", "apply", "--yes"])
        .run()
        .success();
    assert_eq!(stored(&platform), [KEY]);
    assert!(!platform.catalog.exists("catalogs/secrets/payments/.goldenpath"));
}

#[test]
fn a_relative_gitops_path_starts_at_the_root_as_well() {
    let platform = Platform::local();
    platform.catalog.git(&["init", "--quiet", "../clusters"]);
    platform.configure("backend: local", "../clusters").seed();
    platform.catalog.goldenpath(&["-C", "catalogs", "apply", "--yes"]).run().success();
    assert!(platform.catalog.exists(format!("../clusters/{PROJECTION}")));
}

fn thirty() -> Platform {
    let platform = Platform::local();
    for number in 1..=30 {
        platform.write(&format!("SEC-{number:04}"), &format!("number-{number:02}"));
    }
    platform.catalog.commit_all("Thirty");
    platform
}

/// Asserts that there are thirty secrets, thirty committed projections and nothing else.
#[track_caller]
fn is_all_there(platform: &Platform) {
    let numbers = 1..=30;
    let keys: Vec<String> =
        numbers.clone().map(|n| format!("goldenpath/payments/dev/number-{n:02}")).collect();
    assert_eq!(stored(platform), keys);
    let files = numbers
        .map(|n| format!("kustomize/overlays/dev/apps/payments/externalsecrets/SEC-{n:04}.yaml"));
    let files = files.collect::<Vec<_>>().join("\n");
    assert_eq!(platform.gitops.git(&["ls-tree", "-r", "--name-only", "HEAD", "kustomize"]), files);
    assert_eq!(platform.gitops.git(&["status", "--porcelain", "--untracked-files=no"]), "");
    let others = platform.gitops.git(&["ls-files", "--others"]);
    assert!(others.lines().all(|file| file.contains("/.goldenpath-")), "{others}");
    platform.gitops.git(&["fsck", "--strict"]);
}

#[test]
fn two_applies_at_once_end_well() {
    let platform = thirty();
    let runs: Vec<Running> = (0..2).map(|_| platform.apply().start()).collect();
    for outcome in runs.into_iter().map(Running::wait) {
        // The slower run may find the GitOps repository locked by the other one; then its error
        // says that a second run fixes it.
        if outcome.code != 0 {
            let outcome = outcome.fails_with(1);
            says(&outcome, "run apply again");
        }
    }
    platform.apply().run().success();
    is_all_there(&platform);
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn an_apply_that_is_killed_at_any_moment_is_finished_by_the_next() {
    let platform = thirty();
    let fresh = platform.gitops.git(&["rev-parse", "HEAD"]);
    let start_over = || {
        std::fs::remove_dir_all(platform.catalog.path().join(".goldenpath")).ok();
        platform.gitops.git(&["reset", "--quiet", "--hard", &fresh]);
        platform.gitops.git(&["clean", "--quiet", "-d", "--force", "-x"]);
    };
    let begun = Instant::now();
    platform.apply().run().success();
    let whole = begun.elapsed();

    let mut cut_short = 0;
    for moment in sample(0..20, 4) {
        start_over();
        let run = platform.apply().start();
        std::thread::sleep(whole.mul_f64(f64::from(moment) / 20.0).max(Duration::from_millis(1)));
        cut_short += i32::from(run.kill().code == -1);

        platform.apply().run().success();
        is_all_there(&platform);
        assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
    }
    assert!(cut_short > 0, "none of the runs was cut short");
}

#[test]
fn a_plan_shows_the_changed_lines_of_a_projection_and_apply_where_its_commit_is() {
    let platform = Platform::local();
    platform.seed();
    let first = platform.apply().run().success();
    says(&first, &format!("in {} (branch main) (not pushed)", platform.gitops.path().display()));
    platform.seed_changed("k8sSecretName: payments-db-creds ", "k8sSecretName: other ");
    let plan = platform.plan(&[]).run().success().stdout;
    for line in ["-    name: payments-db-creds", "+    name: other"] {
        assert!(plan.contains(&format!("\n      {line}\n")), "{line}: {plan}");
    }
    assert!(plan.contains("\nPlan: 0 to create, 1 to change, 0 blocked.\n"), "{plan}");
}
