//! Replicas in other regions: added, shown, removed, and gone before their secret is deleted.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use goldenpath_core::config::BUILT_IN_GOVERNANCE;
use serde_json::{Value, json};

use goldenpath_testkit::{Account, Aws, KEY, Lag, Outcome, Platform, SEED, SEED_PATH, sample};

const REPLICAS: &str = "[eu-west-1, { region: eu-west-2, kmsKeyId: alias/secrets }]";

/// Returns a platform with the seed's manifest, whose secrets have these replicas.
fn replicated(test: &str, replicas: &str) -> Aws {
    let aws = Aws::new(test);
    configure(&aws, replicas);
    aws.platform.catalog.write(
        "schemas/metadata/governance.yaml",
        &BUILT_IN_GOVERNANCE.replace("coolingOffDays: 3", "coolingOffDays: 0"),
    );
    aws.platform.seed();
    aws
}

fn configure(aws: &Aws, replicas: &str) {
    let gitops = aws.platform.gitops.path().display().to_string();
    let region = &aws.account.region;
    let store = format!("backend: aws\nregion: {region}\nreplicaRegions: {replicas}");
    aws.platform.configure(&store, &gitops);
}

/// Returns what moto knows of the replicas: region and status.
fn replicas(aws: &Aws) -> Vec<(String, String)> {
    let described = aws.describe(KEY);
    let found = described["ReplicationStatus"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut found: Vec<_> = found.map(|one| (text(&one["Region"]), text(&one["Status"]))).collect();
    found.sort();
    found
}

fn in_sync(regions: &[&str]) -> Vec<(String, String)> {
    regions.iter().map(|region| ((*region).to_owned(), "InSync".to_owned())).collect()
}

/// Returns the actions as `action target`, without the ID.
fn actions(aws: &Aws) -> Vec<String> {
    actions_with(aws, &[])
}

fn actions_with(aws: &Aws, arguments: &[&str]) -> Vec<String> {
    let actions = Platform::actions(&aws.plan_with(arguments));
    actions.into_iter().map(|action| action.replacen("SEC-0007 ", "", 1)).collect()
}

fn reasons(aws: &Aws) -> String {
    let plan = aws.plan().json();
    let actions = plan["actions"].as_array().unwrap().iter();
    let reasons = actions.map(|action| action["reason"].as_str().unwrap().to_owned());
    reasons.collect::<Vec<_>>().join("\n")
}

fn in_region(region: &str) -> String {
    format!("{KEY} in {region}")
}

/// Returns the events of the replicas and the deletion, as `action target result`.
fn recorded(aws: &Aws) -> Vec<String> {
    let arguments = ["audit", "show", "--format", "json"];
    let shown = aws.platform.catalog.goldenpath(&arguments).run().success().json();
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    let events = shown["events"].as_array().unwrap().iter();
    let events = events.filter(|event| {
        let action = text(event, "action");
        ["replica", "gate", "delete-secret"].iter().any(|part| action.contains(part))
    });
    let of = |field: &'static str| move |event: &Value| text(event, field);
    events
        .map(|event| {
            let [action, target, result] = ["action", "target", "result"].map(|f| of(f)(event));
            format!("{action} {target} {result}")
        })
        .collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn set_status(aws: &Aws, from: &str, to: &str) {
    let text = aws.platform.catalog.read(SEED_PATH);
    let (from, to) = (format!("status: {from}"), format!("status: {to}"));
    assert!(text.contains(&from), "{from}");
    aws.platform.catalog.write(SEED_PATH, &text.replacen(&from, &to, 1)).commit_all(&to);
}

/// Requests the end of the secret, up to the removal of its ExternalSecret.
fn request_end(aws: &Aws) {
    set_status(aws, "active", "deprecated");
    set_status(aws, "deprecated", "decommission_requested");
    aws.apply().success();
}

const END: [&str; 6] =
    ["--id", "SEC-0007", "--override", "cooling-off", "--reason", "the end of a test"];

fn words(outcome: &Outcome) -> String {
    let text = format!("{} {}", outcome.stdout, outcome.stderr);
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn a_replicated_secret_from_its_creation_to_its_end() {
    let aws = replicated("replicas-life", REPLICAS);
    let (one, two) = (in_region("eu-west-1"), in_region("eu-west-2"));
    let created = actions(&aws);
    assert_eq!(created[0], format!("create-secret {KEY}"));
    assert_eq!(created[1..3], [format!("add-replica {one}"), format!("add-replica {two}")]);
    aws.apply().success();
    assert_eq!(replicas(&aws), in_sync(&["eu-west-1", "eu-west-2"]));
    let asked = aws.recorder.bodies("ReplicateSecretToRegions");
    assert_eq!(asked[0]["AddReplicaRegions"], json!([{ "Region": "eu-west-1" }]));
    let with_key = json!([{ "Region": "eu-west-2", "KmsKeyId": "alias/secrets" }]);
    assert_eq!(asked[1]["AddReplicaRegions"], with_key);
    assert!(asked.iter().all(|input| input.get("ForceOverwriteReplicaSecret").is_none()));
    assert_eq!(actions(&aws), [""; 0], "the second run has nothing to do");

    // A replica is no orphan of its own region, and a region is added and removed.
    configure(&aws, "[eu-west-1, eu-west-3]");
    let three = in_region("eu-west-3");
    assert_eq!(actions(&aws), [format!("add-replica {three}"), format!("remove-replica {two}")]);
    assert!(reasons(&aws).contains("goldenpath added the replica on "), "{}", reasons(&aws));
    let shown = aws.reach(aws.platform.plan(&[])).run().success().stdout;
    assert!(shown.contains("+ add-replica") && shown.contains("- remove-replica"), "{shown}");
    assert!(
        shown.contains("Plan: 1 to create, 0 to change, 1 to delete (1 replica), 0 blocked."),
        "{shown}"
    );
    aws.apply().success();
    assert_eq!(replicas(&aws), in_sync(&["eu-west-1", "eu-west-3"]));

    request_end(&aws);
    assert_eq!(replicas(&aws).len(), 2, "the ExternalSecret is removed first");
    aws.writes();
    aws.apply_with(&END).success();
    let removal = "RemoveRegionsFromReplication";
    assert_eq!(aws.writes(), [removal, removal, "DeleteSecret"]);
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    assert_eq!(replicas(&aws), in_sync(&[]));
    let recorded = recorded(&aws);
    assert_eq!(
        recorded,
        [
            format!("add-replica {one} done"),
            format!("add-replica {two} done"),
            format!("add-replica {three} done"),
            format!("remove-replica {two} done"),
            "override-gate cooling-off done".to_owned(),
            format!("remove-replica {one} done"),
            format!("remove-replica {three} done"),
            format!("delete-secret {KEY} done"),
        ]
    );
    // The way back.
    set_status(&aws, "decommission_requested", "deprecated");
    aws.apply().success();
    assert_eq!(replicas(&aws), in_sync(&["eu-west-1", "eu-west-3"]));
    aws.platform.catalog.goldenpath(&["audit", "verify"]).run().success();
}

#[test]
fn replicas_stay_as_they_are_unless_the_configuration_lists_regions() {
    let aws = Aws::new("replicas-left-alone");
    aws.platform.seed();
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
    let regions = json!([{ "Region": "eu-west-1" }]);
    aws.call("ReplicateSecretToRegions", json!({ "SecretId": KEY, "AddReplicaRegions": regions }));
    aws.recorder.reset();
    assert_eq!(actions(&aws), [""; 0]);
    assert!(!aws.recorder.operations().contains(&"DescribeSecret".to_owned()));

    // goldenpath removes no replica that it did not add, and the run does not fail.
    configure(&aws, "[]");
    assert_eq!(actions(&aws), [format!("blocked {}", in_region("eu-west-1"))]);
    let reasons = reasons(&aws);
    let words = "gate replica-origin: by the audit trail, goldenpath did not add this replica";
    assert!(reasons.contains(words), "{reasons}");
    aws.apply().success();
    assert_eq!(replicas(&aws), in_sync(&["eu-west-1"]));
    let own = ["--id", "SEC-0007", "--override", "replica-origin", "--reason", "of a trial"];
    aws.apply_with(&own).success();
    assert_eq!(replicas(&aws), in_sync(&[]));
    let recorded = recorded(&aws);
    assert_eq!(recorded[0], "override-gate replica-origin done");
}

#[test]
fn a_read_in_any_region_keeps_a_replica_and_its_secret() {
    let aws = replicated("replicas-read", "[eu-west-1, eu-west-2]");
    aws.apply().success();
    aws.recorder.read_replica(KEY, "eu-west-2", now() / 86_400 * 86_400);
    configure(&aws, "[eu-west-1]");
    let blocked = format!("blocked {}", in_region("eu-west-2"));
    assert_eq!(actions(&aws), [blocked]);
    let why = reasons(&aws);
    assert!(why.contains("gate last-accessed: last read in eu-west-2 on "), "{why}");
    aws.apply().success();
    assert_eq!(replicas(&aws).len(), 2);

    configure(&aws, "[eu-west-1, eu-west-2]");
    request_end(&aws);
    let plan = aws.plan_with(&END).json();
    let reason = plan["actions"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("gate last-accessed: last read in eu-west-2 on "), "{reason}");
    aws.apply_with(&END).success();
    assert!(aws.describe(KEY)["DeletedDate"].is_null());
    assert_eq!(replicas(&aws).len(), 2);

    // Long ago, and unknown.
    aws.recorder.read_replica(KEY, "eu-west-2", now() - 100 * 86_400);
    let last = actions_with(&aws, &END).pop();
    assert_eq!(last, Some(format!("delete-secret {KEY}")));
    let mut described = aws.describe(KEY);
    described["ReplicationStatus"][0]["Status"] = "Failed".into();
    described["ReplicationStatus"][0]["StatusMessage"] = "The key is disabled".into();
    aws.recorder.answer("DescribeSecret", usize::MAX, &described);
    let plan = aws.plan_with(&END).json();
    let reason = plan["actions"][0]["reason"].as_str().unwrap();
    let words = "the last read in eu-west-1 is unknown, since the replica is not in sync \
                 (failed: The key is disabled)";
    assert!(reason.contains(words), "{reason}");
}

#[test]
fn a_secret_of_that_name_in_the_region_is_not_overwritten() {
    let aws = replicated("replicas-taken", "[eu-west-1, eu-west-2]");
    let there = Account { region: "eu-west-1".to_owned(), ..aws.account.clone() };
    let moto = goldenpath_testkit::Moto::shared();
    let theirs = json!({ "Name": KEY, "SecretString": "theirs" });
    moto.call(&there, "CreateSecret", theirs).unwrap();
    let outcome = aws.apply().fails_with(1);
    let said = words(&outcome);
    let expected = format!("cannot replicate `{KEY}` to eu-west-1: Secret with this name already");
    assert!(said.contains(&expected), "{said}");
    assert!(said.contains("take eu-west-1 out of `replicaRegions`"), "{said}");
    // The other region and the ExternalSecret are not affected.
    assert!(replicas(&aws).contains(&("eu-west-2".to_owned(), "InSync".to_owned())));
    assert!(aws.platform.gitops.git(&["ls-tree", "-r", "HEAD"]).contains("SEC-0007.yaml"));
    let read = moto.call(&there, "GetSecretValue", json!({ "SecretId": KEY })).unwrap();
    assert_eq!(read["SecretString"], "theirs");

    let again = format!("add-replica {}", in_region("eu-west-1"));
    assert_eq!(actions(&aws), [again]);
    let plan = aws.plan().json();
    assert_eq!(plan["unfinishedReplicas"][0]["status"], "failed", "{plan}");
    assert!(reasons(&aws).contains("(Secret with this name already exists in this region)"));
    let shown = aws.platform.catalog.goldenpath(&["show", "SEC-0007"]);
    let shown = words(&aws.reach(shown).run().success());
    assert!(shown.contains("replica in eu-west-1, never read, failed: Secret with"), "{shown}");

    moto.call(
        &there,
        "DeleteSecret",
        json!({ "SecretId": KEY, "ForceDeleteWithoutRecovery": true }),
    )
    .unwrap();
    aws.apply().success();
    assert_eq!(replicas(&aws), in_sync(&["eu-west-1", "eu-west-2"]));
}

#[test]
fn a_replica_that_takes_long_is_in_progress_in_the_next_plan() {
    let aws = replicated("replicas-slow", "[eu-west-1]");
    aws.recorder.replicate_slowly(1000);
    aws.apply().success();
    let plan = aws.plan();
    assert_eq!(Platform::actions(&plan), [""; 0]);
    assert_eq!(plan.json()["unfinishedReplicas"][0]["status"], "in progress");
    let shown = words(&aws.reach(aws.platform.plan(&[])).run().success());
    let expected = "The replica of SEC-0007 (dev) in eu-west-1 is not in sync: in progress.";
    assert!(shown.contains(expected), "{shown}");
    let show = aws.platform.catalog.goldenpath(&["show", "SEC-0007", "--format", "json"]);
    let shown = aws.reach(show).run().success().json();
    assert_eq!(shown["store"]["replicas"][0]["region"], "eu-west-1");
    assert_eq!(shown["store"]["replicas"][0]["status"], "in progress");
}

#[test]
fn the_key_of_a_replica_is_changed_in_place_and_the_replica_stays() {
    let aws = replicated("replicas-key", "[{ region: eu-west-1, kmsKeyId: alias/one }]");
    aws.apply().success();
    assert_eq!(actions(&aws), [""; 0]);
    configure(&aws, "[{ region: eu-west-1, kmsKeyId: alias/two }]");
    assert_eq!(actions(&aws), [format!("blocked {}", in_region("eu-west-1"))]);
    let why = reasons(&aws);
    let command = format!(
        "alias/one → alias/two; change it in place, since goldenpath removes no replica that is \
         used: `aws secretsmanager update-secret --region eu-west-1 --secret-id {KEY} --kms-key-id \
         alias/two`"
    );
    assert!(why.contains(&command), "{why}");
    aws.apply().fails_with(1);
    assert_eq!(replicas(&aws), in_sync(&["eu-west-1"]));
    // Without a key in the configuration, the replica keeps its own.
    configure(&aws, "[eu-west-1]");
    assert_eq!(actions(&aws), [""; 0]);
}

#[test]
fn lost_answers_and_older_ones_change_nothing_about_the_order() {
    let aws = replicated("replicas-unkind", "[eu-west-1]");
    aws.recorder.lose_answers("ReplicateSecretToRegions", "", 1);
    let lag = Lag::Answers(2);
    aws.recorder.answer_as_before("ReplicateSecretToRegions", "DescribeSecret", "", lag);
    aws.apply().success();
    assert_eq!(replicas(&aws), in_sync(&["eu-west-1"]));
    request_end(&aws);
    aws.recorder.lose_answers("RemoveRegionsFromReplication", "", 1);
    aws.recorder.answer_as_before("RemoveRegionsFromReplication", "DescribeSecret", "", lag);
    let still = "You can't delete secret x that still has replica regions [eu-west-1].";
    let refused = ("InvalidParameterException", still);
    aws.recorder.refuse_after("RemoveRegionsFromReplication", "DeleteSecret", "", 2, refused);
    aws.apply_with(&END).success();
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    let done = recorded(&aws).into_iter().filter(|event| event.ends_with(" done")).count();
    assert_eq!(done, 4, "{:?}", recorded(&aws));
}

#[test]
fn an_unkind_aws_leads_to_the_same_end() {
    for seed in 1..=3 {
        let aws = replicated(&format!("replicas-seed-{seed}"), "[eu-west-1, eu-west-2]");
        aws.recorder.unkind(seed);
        aws.recorder.replicate_slowly(1);
        aws.apply().success();
        aws.recorder.settle();
        configure(&aws, "[eu-west-1]");
        aws.apply().success();
        aws.recorder.settle();
        assert_eq!(replicas(&aws), in_sync(&["eu-west-1"]), "{seed}");
        request_end(&aws);
        aws.recorder.settle();
        aws.apply_with(&END).success();
        assert!(aws.describe(KEY)["DeletedDate"].is_number(), "{seed}");
        let events = recorded(&aws);
        let done = |event: &&String| event.ends_with(" done");
        assert_eq!(events.iter().filter(done).count(), 6, "{seed}: {events:?}");
    }
}

#[test]
fn a_kill_between_the_replicas_and_the_secret_is_continued_by_the_next_run() {
    let prepared = |test: &str| {
        let aws = replicated(test, "[eu-west-1, eu-west-2]");
        aws.apply().success();
        request_end(&aws);
        aws
    };
    let whole = prepared("replicas-kill-whole");
    let list = whole.platform.catalog.home().join("points");
    let end = |aws: &Aws| {
        let command = [&["apply", "--yes"][..], &END].concat();
        aws.reach(aws.platform.catalog.goldenpath(&command))
    };
    end(&whole).env("GOLDENPATH_CRASH_LIST", &list).run().success();
    let points = fs::read_to_string(list).unwrap();
    for (number, point) in sample(points.lines().enumerate(), 4) {
        let aws = prepared(&format!("replicas-kill-{number}"));
        let killed = end(&aws).env("GOLDENPATH_CRASH_AT", point).run();
        assert_eq!(killed.code, -1, "{point}");
        end(&aws).run().success();
        assert!(aws.describe(KEY)["DeletedDate"].is_number(), "{point}");
        assert_eq!(replicas(&aws), in_sync(&[]), "{point}");
    }
}

#[test]
fn a_run_removes_no_more_replicas_than_it_may_delete_secrets() {
    let aws = replicated("replicas-limit", "[eu-west-1, eu-west-2]");
    aws.apply().success();
    let gitops = aws.platform.gitops.path().display().to_string();
    aws.platform.configure("backend: aws\nreplicaRegions: []", &gitops);
    let config = aws.platform.catalog.read("goldenpath.yaml") + "limits: { maxDeletes: 0 }\n";
    aws.platform.catalog.write("goldenpath.yaml", &config).commit_all("A limit");
    let outcome = aws.apply().fails_with(1);
    let said = words(&outcome);
    assert!(said.contains("this plan deletes 1 secret, and the limit of one run is 0"), "{said}");
    assert_eq!(replicas(&aws).len(), 2);
}

#[test]
fn a_region_of_the_secret_itself_is_found_without_a_configured_one() {
    let aws = Aws::new("replicas-own-region");
    let gitops = aws.platform.gitops.path().display().to_string();
    let region = &aws.account.region;
    aws.platform.configure(&format!("backend: aws\nreplicaRegions: [{region}]"), &gitops);
    aws.platform.catalog.write(SEED_PATH, SEED).commit_all("SEC-0007");
    let why = reasons(&aws);
    let words = format!("cannot be added: {region} is the region of the secrets themselves");
    assert!(why.contains(&words), "{why}");
    assert!(aws.apply().fails_with(1).stdout.contains("1 blocked"));
}

#[test]
fn a_local_store_has_no_replicas() {
    let platform = Platform::with_store("backend: local\nreplicaRegions: [eu-west-1]");
    platform.seed();
    platform.apply().run().success();
    let plan = platform.plan(&["--format", "json"]).run().success();
    assert_eq!(Platform::actions(&plan), [""; 0]);
}
