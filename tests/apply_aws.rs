//! `apply` on AWS Secrets Manager, which moto simulates over HTTP. The tests read the resulting
//! state with direct API calls, not with goldenpath.

use std::net::TcpListener;

use serde_json::json;

use goldenpath_testkit::{
    Aws, KEY, Moto, Outcome, Platform, Recorder, as_api_tags, request, seed_tags, tags,
};

/// Returns the only planned action, which must be blocked, with its reason.
#[track_caller]
fn blocked(plan: &Outcome) -> String {
    let plan = plan.json();
    assert_eq!(plan["actions"].as_array().map(Vec::len), Some(1), "{plan}");
    assert_eq!(plan["actions"][0]["action"], "blocked");
    assert_eq!(plan["actions"][0]["target"], KEY);
    plan["actions"][0]["reason"].as_str().unwrap().to_owned()
}

#[test]
fn the_seed_s_manifest_becomes_a_secret_without_a_value_and_a_committed_external_secret() {
    let aws = Aws::new("golden");
    aws.platform.seed();
    let outcome = aws.apply().success();
    assert!(outcome.stdout.ends_with("Applied: 2 created, 0 changed.\n"), "{}", outcome.stdout);

    let secret = aws.describe(KEY);
    assert_eq!(secret["Name"], KEY);
    assert_eq!(tags(&secret), seed_tags());
    let description = secret["Description"].as_str().unwrap();
    assert!(
        description.contains("payments-db-credentials") && description.contains("SEC-0007"),
        "{description}"
    );
    let value = Moto::shared().call(&aws.account, "GetSecretValue", json!({ "SecretId": KEY }));
    assert_eq!(value.unwrap_err()["__type"], "ResourceNotFoundException");
    let versions =
        aws.call("ListSecretVersionIds", json!({ "SecretId": KEY, "IncludeDeprecated": true }));
    assert_eq!(versions["Versions"], json!([]));
    assert_eq!(aws.names(), [KEY]);
    assert_eq!(aws.writes(), ["CreateSecret"]);

    let projection = aws.platform.seed_projection();
    let (header, body) = projection.split_once('\n').unwrap();
    assert!(header.starts_with("# Managed by goldenpath: SEC-0007 of acme-platform."), "{header}");
    let body: serde_yaml::Value = serde_yaml::from_str(body).unwrap();
    let seed: serde_yaml::Value =
        serde_yaml::from_str(include_str!("fixtures/seed_external_secret.yaml")).unwrap();
    assert_eq!(body, seed);
    let gitops = &aws.platform.gitops;
    assert_eq!(gitops.git(&["status", "--porcelain", "--untracked-files=all"]), "");
    assert_eq!(
        gitops.git(&["show", "--format=", "--name-status", "HEAD"]),
        "A\tkustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml"
    );
}

#[test]
fn a_second_apply_makes_no_write_call_and_says_that_there_is_nothing_to_do() {
    let aws = Aws::new("twice");
    aws.platform.seed();
    aws.apply().success();
    let before = aws.platform.gitops_state();
    aws.recorder.reset();

    let outcome = aws.apply().success();
    assert!(outcome.stdout.contains("Nothing to do."), "{}", outcome.stdout);
    // The list may lag behind the value, so a secret without one is described.
    assert_eq!(aws.recorder.operations(), ["ListSecrets", "DescribeSecret"]);
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
    aws.recorder.reset();
    aws.apply().success();
    assert_eq!(aws.recorder.operations(), ["ListSecrets"], "the list shows no difference");
    assert_eq!(aws.platform.gitops_state(), before);
}

#[test]
fn a_list_that_lags_behind_is_not_believed() {
    let aws = Aws::new("lag");
    aws.platform.seed();
    aws.apply().success();
    aws.recorder.reset();
    aws.recorder.answer("ListSecrets", 1, &json!({ "SecretList": [] }));

    let outcome = aws.apply().success();
    assert!(outcome.stdout.contains("Nothing to do."), "{}", outcome.stdout);
    assert_eq!(aws.recorder.operations(), ["ListSecrets", "DescribeSecret"]);
}

#[test]
fn another_owner_only_tags_the_secret() {
    let aws = Aws::new("owner");
    aws.platform.seed();
    aws.apply().success();
    aws.writes();
    aws.platform.seed_changed("owner: team-payments", "owner: database-team");

    assert_eq!(Platform::actions(&aws.plan()), [format!("SEC-0007 tag-secret {KEY}")]);
    aws.apply().success();
    assert_eq!(aws.writes(), ["TagResource"]);
    let mut expected = seed_tags();
    expected.insert("goldenpath.io/owner", "database-team");
    assert_eq!(tags(&aws.describe(KEY)), expected);
    assert_eq!(Platform::actions(&aws.plan()), [""; 0]);
}

#[test]
fn a_description_that_the_manifest_gains_updates_the_secret_and_one_that_it_loses_stays() {
    let aws = Aws::new("description");
    aws.platform.seed();
    aws.apply().success();
    aws.writes();
    aws.platform.seed_changed(
        "metadata:\n",
        "metadata:\n  description: \"Reads: the ledger's database\"\n",
    );

    assert_eq!(Platform::actions(&aws.plan()), [format!("SEC-0007 update-secret {KEY}")]);
    aws.apply().success();
    assert_eq!(aws.writes(), ["UpdateSecret"]);
    let secret = aws.describe(KEY);
    assert_eq!(secret["Description"], "Reads: the ledger's database");
    assert_eq!(tags(&secret), seed_tags());
    let versions =
        aws.call("ListSecretVersionIds", json!({ "SecretId": KEY, "IncludeDeprecated": true }));
    assert_eq!(versions["Versions"], json!([]), "a description is not a value");

    aws.platform.seed();
    aws.apply().success();
    assert_eq!(aws.writes(), [""; 0], "what a manifest leaves unsaid stays");
    assert_eq!(aws.describe(KEY)["Description"], "Reads: the ledger's database");
}

#[test]
fn a_value_and_foreign_tags_survive() {
    let aws = Aws::new("foreign-tags");
    aws.platform.seed();
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "kept" }));
    let foreign = json!([
        { "Key": "cost-centre", "Value": "42" },
        { "Key": "goldenpath.iox/id", "Value": "theirs" },
    ]);
    aws.call("TagResource", json!({ "SecretId": KEY, "Tags": foreign }));
    aws.platform.seed_changed("tier: medium", "tier: low");

    aws.apply().success();
    let mut expected = seed_tags();
    expected.extend([
        ("goldenpath.io/risk-tier", "low"),
        ("cost-centre", "42"),
        ("goldenpath.iox/id", "theirs"),
    ]);
    assert_eq!(tags(&aws.describe(KEY)), expected);
    assert_eq!(aws.call("GetSecretValue", json!({ "SecretId": KEY }))["SecretString"], "kept");
}

#[test]
fn a_changed_or_removed_tag_is_restored() {
    let aws = Aws::new("drift");
    aws.platform.seed();
    aws.apply().success();
    aws.call(
        "UntagResource",
        json!({ "SecretId": KEY, "TagKeys": ["goldenpath.io/risk-tier", "goldenpath.io/id"] }),
    );
    let other = json!([{ "Key": "goldenpath.io/owner", "Value": "sre-team" }]);
    aws.call("TagResource", json!({ "SecretId": KEY, "Tags": other }));
    aws.apply().success();
    assert_eq!(tags(&aws.describe(KEY)), seed_tags());
}

/// Asserts that the run fails and changes nothing: no secret and no projection.
#[track_caller]
fn stays_as_it_is(aws: &Aws) -> String {
    let before = (aws.platform.gitops_state(), aws.describe(KEY));
    let reason = blocked(&aws.plan());
    let outcome = aws.apply().fails_with(1);
    assert!(outcome.stdout.contains("1 blocked"), "{}", outcome.stdout);
    assert_eq!((aws.platform.gitops_state(), aws.describe(KEY)), before);
    assert_eq!(aws.writes(), [""; 0]);
    reason
}

#[test]
fn a_secret_that_goldenpath_did_not_make_is_in_the_way() {
    let aws = Aws::new("somebody-s");
    aws.platform.seed();
    aws.call("CreateSecret", json!({ "Name": KEY, "SecretString": "theirs" }));
    let reason = stays_as_it_is(&aws);
    assert!(reason.contains("goldenpath did not create it"), "{reason}");
    assert_eq!(aws.call("GetSecretValue", json!({ "SecretId": KEY }))["SecretString"], "theirs");
}

#[test]
fn a_secret_of_another_catalog_is_in_the_way() {
    let aws = Aws::new("other-catalog");
    aws.platform.seed();
    let mut tags = seed_tags();
    tags.insert("goldenpath.io/catalog", "another-platform");
    aws.call("CreateSecret", json!({ "Name": KEY, "Tags": as_api_tags(&tags) }));
    let reason = stays_as_it_is(&aws);
    assert!(reason.contains("another catalog (another-platform)"), "{reason}");
}

#[test]
fn a_secret_of_another_id_is_in_the_way() {
    let aws = Aws::new("other-id");
    aws.platform.seed();
    let mut tags = seed_tags();
    tags.insert("goldenpath.io/id", "SEC-0003");
    aws.call("CreateSecret", json!({ "Name": KEY, "Tags": as_api_tags(&tags) }));
    let reason = stays_as_it_is(&aws);
    assert!(reason.contains("belongs to SEC-0003"), "{reason}");
}

#[test]
fn two_catalogs_in_one_account_leave_each_other_alone() {
    let aws = Aws::new("two-catalogs");
    aws.platform.seed();
    aws.apply().success();
    let ours = aws.describe(KEY);

    let theirs = Platform::with_store("backend: aws");
    let config = theirs.catalog.read("goldenpath.yaml").replace("acme-platform", "zenith");
    theirs.catalog.write("goldenpath.yaml", &config);
    // The same ID for another secret, in another GitOps repository: IDs are unique per catalog.
    theirs.write("SEC-0007", "ledger-signing-key").catalog.commit_all("Their SEC-0007");
    aws.reach(theirs.apply()).run().success();
    let their_key = "goldenpath/payments/dev/ledger-signing-key";
    assert_eq!(tags(&aws.describe(their_key))["goldenpath.io/catalog"], "zenith");
    assert_eq!(aws.describe(KEY), ours);
    aws.writes();

    // A change of one catalog does not affect the other.
    aws.platform.seed_changed("owner: team-payments", "owner: app-team");
    let before = aws.describe(their_key);
    aws.apply().success();
    assert_eq!(aws.writes(), ["TagResource"]);
    assert_eq!(aws.describe(their_key), before);
    assert!(aws.reach(theirs.apply()).run().success().stdout.contains("Nothing to do."));
}

#[test]
fn the_endpoint_comes_from_the_configuration_before_the_environment() {
    let aws = Aws::new("endpoint-url");
    let store = format!(
        "backend: aws\nregion: {}\nendpointUrl: {}",
        aws.account.region,
        aws.recorder.endpoint()
    );
    aws.platform.configure(&store, &aws.platform.gitops.path().display().to_string()).seed();
    let unused = Recorder::in_front_of(Moto::shared());
    // Its region and endpoint would select another server.
    let environment = aws.account.environment(&unused.endpoint());
    let outcome =
        aws.platform.apply().envs(environment).env("AWS_REGION", "ap-south-1").run().success();
    assert!(
        outcome.stderr.contains(&aws.recorder.endpoint()),
        "it says where it goes: {}",
        outcome.stderr
    );
    assert_eq!(aws.writes(), ["CreateSecret"]);
    assert_eq!(unused.operations(), [""; 0]);
    assert_eq!(tags(&aws.describe(KEY)), seed_tags());
}

#[test]
fn an_endpoint_that_does_not_respond_is_one_clear_error_and_nothing_is_written() {
    let aws = Aws::new("unreachable");
    aws.platform.seed();
    let before = aws.platform.gitops_state();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{free}");
    let outcome = aws.platform.apply().envs(aws.account.environment(&endpoint)).run().fails_with(1);
    assert!(outcome.stderr.contains(&format!("cannot reach `{endpoint}`")), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("store.endpointUrl"), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.matches("  × ").count(), 1, "one error: {}", outcome.stderr);
    assert!(!outcome.stderr.contains("goldenpath::"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    assert_eq!(aws.platform.gitops_state(), before);
}

#[test]
fn missing_credentials_and_network_errors_are_different() {
    let aws = Aws::new("no-credentials");
    aws.platform.seed();
    let outcome = aws
        .platform
        .apply()
        .env("AWS_ENDPOINT_URL", aws.recorder.endpoint())
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .run()
        .fails_with(1);
    assert!(outcome.stderr.contains("no usable AWS credentials"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("AWS_PROFILE"), "{}", outcome.stderr);
    assert_eq!(aws.recorder.operations(), [""; 0]);
}

#[test]
fn without_a_region_it_says_where_to_set_one() {
    let aws = Aws::new("no-region");
    aws.platform.seed();
    let environment = aws.account.environment(&aws.recorder.endpoint());
    let without = environment.into_iter().filter(|(name, _)| *name != "AWS_REGION");
    let outcome = aws.platform.apply().envs(without).run().fails_with(1);
    assert!(outcome.stderr.contains("no AWS region is configured"), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("store.region") && outcome.stderr.contains("AWS_REGION"),
        "{}",
        outcome.stderr
    );
    assert_eq!(aws.recorder.operations(), [""; 0]);
}

#[test]
fn credentials_are_not_sent_over_plain_http_to_another_machine() {
    let aws = Aws::new("plain-http");
    aws.platform.seed();
    let environment = aws.account.environment("http://secrets.example.org:5000");
    let outcome = aws.platform.apply().envs(environment).run().fails_with(1);
    let shown = outcome.stderr.replace("\n  │ ", " ");
    assert!(
        shown.contains("without encryption") && shown.contains("https://"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn denied_access_names_the_action_to_grant() {
    for (operation, action) in [
        ("ListSecrets", "`secretsmanager:ListSecrets`"),
        ("DescribeSecret", "`secretsmanager:DescribeSecret`"),
        ("CreateSecret", "`secretsmanager:CreateSecret` and `secretsmanager:TagResource`"),
    ] {
        let aws = Aws::new("denied");
        aws.platform.seed();
        let before = aws.platform.gitops_state();
        let message = format!(
            "User: arn:aws:iam::1:user/x is not authorized to perform: secretsmanager:{operation}"
        );
        aws.recorder.refuse(operation, "", usize::MAX, "AccessDeniedException", &message);
        let outcome = aws.apply().fails_with(1);
        // The message may be wrapped.
        let said = outcome
            .stderr
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect::<Vec<_>>()
            .join(" ");
        assert!(said.contains(&format!("AWS does not allow {operation}")), "{said}");
        assert!(said.contains(&format!("grant {action} to")), "{said}");
        assert_eq!(
            aws.recorder.operations().iter().filter(|call| *call == operation).count(),
            1,
            "no use in retrying"
        );
        assert_eq!(aws.names(), [""; 0]);
        assert_eq!(aws.platform.gitops_state(), before);
    }
}

#[test]
fn what_fails_for_one_manifest_does_not_stop_the_others_and_a_rerun_converges() {
    let aws = Aws::new("one-fails");
    aws.platform.write("SEC-0001", "first-of-three").write("SEC-0002", "second-of-three");
    aws.platform.write("SEC-0003", "third-of-three").catalog.commit_all("Three");
    aws.recorder.refuse(
        "CreateSecret",
        "second-of-three",
        1,
        "LimitExceededException",
        "too many secrets",
    );

    let outcome = aws.apply().fails_with(1);
    assert!(outcome.stderr.contains("SEC-0002 create-secret"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("quota"), "the remedy: {}", outcome.stderr);
    assert!(
        outcome.stdout.ends_with("Applied: 4 created, 0 changed, 1 failed, 1 skipped.\n"),
        "{}",
        outcome.stdout
    );
    let key = |name| format!("goldenpath/payments/dev/{name}");
    assert_eq!(aws.names(), [key("first-of-three"), key("third-of-three")]);
    let folder = "kustomize/overlays/dev/apps/payments/externalsecrets";
    let committed =
        || aws.platform.gitops.git(&["ls-tree", "-r", "--name-only", "HEAD", "kustomize"]);
    assert_eq!(committed(), format!("{folder}/SEC-0001.yaml\n{folder}/SEC-0003.yaml"));

    let outcome = aws.apply().success();
    assert!(outcome.stdout.ends_with("Applied: 2 created, 0 changed.\n"), "{}", outcome.stdout);
    assert_eq!(aws.names(), [key("first-of-three"), key("second-of-three"), key("third-of-three")]);
    assert_eq!(
        committed(),
        ["1", "2", "3"].map(|id| format!("{folder}/SEC-000{id}.yaml")).join("\n")
    );
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn throttling_is_waited_out_even_when_it_meets_every_call() {
    let aws = Aws::new("throttled");
    aws.recorder.refuse("ListSecrets", "", 1, "ThrottlingException", "Rate exceeded");
    for number in 1..=20 {
        aws.platform.write(&format!("SEC-{number:04}"), &format!("number-{number:02}"));
        for operation in ["DescribeSecret", "CreateSecret"] {
            let key = format!("\"goldenpath/payments/dev/number-{number:02}\"");
            aws.recorder.refuse(operation, &key, 1, "ThrottlingException", "Rate exceeded");
        }
    }
    aws.platform.catalog.commit_all("Twenty");
    aws.apply().success();
    assert_eq!(aws.names().len(), 20);
    let calls = aws.recorder.operations();
    let count = |operation: &str| calls.iter().filter(|call| *call == operation).count();
    assert_eq!((count("ListSecrets"), count("DescribeSecret"), count("CreateSecret")), (2, 40, 40));
}

#[test]
fn an_account_with_more_secrets_than_a_page_is_read_to_its_end() {
    let aws = Aws::new("pages");
    // 120 secrets on two pages of 100. Ours come last by name and by age. The others have the tags
    // of another catalog: secrets without any of our tags are not even listed.
    let tags = json!([{ "Key": "goldenpath.io/managed-by", "Value": "goldenpath" }]);
    for number in 0..118 {
        aws.call("CreateSecret", json!({ "Name": format!("aaa/{number:03}"), "Tags": tags }));
    }
    aws.call("CreateSecret", json!({ "Name": "aaa/somebody-s" }));
    aws.platform
        .write("SEC-0001", "zzz-one")
        .write("SEC-0002", "zzz-two")
        .catalog
        .commit_all("Two");
    aws.apply().success();
    assert_eq!(aws.names().len(), 121);
    aws.recorder.reset();
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
    assert_eq!(
        aws.recorder.operations(),
        ["ListSecrets", "ListSecrets", "DescribeSecret", "DescribeSecret"],
        "both were seen in the list, without a value"
    );
}

#[test]
fn many_manifests_are_one_sweep_and_a_call_each() {
    let aws = Aws::new("many");
    for number in 1..=40 {
        aws.platform.write(&format!("SEC-{number:04}"), &format!("many-{number}"));
    }
    aws.platform.catalog.commit_all("Forty");
    let outcome = aws.apply().success();
    assert!(outcome.stdout.ends_with("Applied: 80 created, 0 changed.\n"), "{}", outcome.stdout);
    let calls = aws.recorder.operations();
    let count = |operation: &str| calls.iter().filter(|call| *call == operation).count();
    assert_eq!((count("ListSecrets"), count("DescribeSecret"), count("CreateSecret")), (1, 40, 40));
    assert_eq!(calls.len(), 81);
    assert_eq!(
        aws.platform.gitops.git(&["rev-list", "--count", "HEAD"]),
        "2",
        "one commit for all"
    );
    aws.recorder.reset();
    for number in 1..=40 {
        let value = json!({ "SecretId": format!("goldenpath/payments/dev/many-{number}"),
                            "SecretString": "{}" });
        aws.call("PutSecretValue", value);
    }
    aws.apply().success();
    assert_eq!(aws.recorder.operations(), ["ListSecrets"]);
}

#[test]
fn a_create_whose_answer_was_lost_is_found_to_be_done() {
    let aws = Aws::new("lost-answer");
    aws.platform.seed();
    aws.recorder.lose_answers("CreateSecret", KEY, 1);
    aws.apply().success();
    assert_eq!(aws.names(), [KEY]);
    assert_eq!(tags(&aws.describe(KEY)), seed_tags());
    assert_eq!(aws.recorder.operations().iter().filter(|call| *call == "CreateSecret").count(), 2);
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn a_create_whose_answers_are_all_lost_fails_and_the_next_apply_converges() {
    let aws = Aws::new("lost-answers");
    aws.platform.seed();
    // Each retry fails because the secret exists already, and each response is lost.
    aws.recorder.lose_answers("CreateSecret", KEY, 4);
    let outcome = aws.apply().fails_with(1);
    assert!(outcome.stderr.contains("cannot reach `"), "{}", outcome.stderr);
    assert_eq!(
        aws.platform.gitops.git(&["ls-files", "kustomize"]),
        "",
        "no projection of what is not known to be"
    );
    let outcome = aws.apply().success();
    assert!(outcome.stdout.ends_with("Applied: 1 created, 0 changed.\n"), "{}", outcome.stdout);
    assert_eq!(aws.names(), [KEY]);
    assert_eq!(tags(&aws.describe(KEY)), seed_tags());
}

#[test]
fn a_secret_that_appears_between_plan_and_apply_is_not_taken_for_ours() {
    let aws = Aws::new("faster");
    aws.platform.seed();
    aws.call("CreateSecret", json!({ "Name": KEY, "SecretString": "theirs" }));
    // A change between planning and applying.
    aws.recorder.answer("ListSecrets", 1, &json!({ "SecretList": [] }));
    aws.recorder.refuse(
        "DescribeSecret",
        KEY,
        1,
        "ResourceNotFoundException",
        "Secrets Manager can't find it.",
    );
    let before = aws.platform.gitops_state();
    let outcome = aws.apply().fails_with(1);
    assert!(outcome.stderr.contains("already exists"), "{}", outcome.stderr);
    assert_eq!(aws.platform.gitops_state(), before);
    assert_eq!(aws.describe(KEY).get("Tags").cloned().unwrap_or(json!([])), json!([]));
}

#[test]
fn secrets_that_are_not_selected_are_never_changed() {
    let aws = Aws::new("bystanders");
    aws.call("CreateSecret", json!({ "Name": "theirs/plain", "SecretString": "x" }));
    // It has our tags and no manifest: only a decommission request deletes a secret.
    aws.call(
        "CreateSecret",
        json!({ "Name": "goldenpath/orphan", "Tags": as_api_tags(&seed_tags()) }),
    );
    let before = ["theirs/plain", "goldenpath/orphan"].map(|name| aws.describe(name));
    aws.platform.write("SEC-0001", "one-of-ours").catalog.commit_all("One");
    aws.apply().success();
    assert_eq!(["theirs/plain", "goldenpath/orphan"].map(|name| aws.describe(name)), before);
    assert_eq!(aws.writes(), ["CreateSecret"]);
}

#[test]
fn a_manifest_says_what_it_asks_for_and_not_what_a_shell_or_yaml_makes_of_it() {
    let aws = Aws::new("hostile");
    let description = r##"Ünïcode – "quotes" 'and' \ $(id) {{ name }} # no comment: [a, b]"##;
    let text = request("SEC-0001", "hostile-words");
    let quoted = serde_json::to_string(description).unwrap();
    let text = text.replacen("metadata:\n", &format!("metadata:\n  description: {quoted}\n"), 1);
    aws.platform
        .catalog
        .write("catalogs/secrets/payments/dev/SEC-0001.yaml", &text)
        .commit_all("Hostile");
    aws.apply().success();
    assert_eq!(aws.describe("goldenpath/payments/dev/hostile-words")["Description"], description);
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn a_wrong_clock_is_reported_as_such() {
    let aws = Aws::new("clock");
    aws.platform.seed();
    let message = "Signature expired: 20261125T090000Z is now earlier than 20261125T100000Z \
                   (20261125T100500Z - 5 min.)";
    aws.recorder.refuse("ListSecrets", "", usize::MAX, "InvalidSignatureException", message);
    let outcome = aws.apply().fails_with(1);
    let said = outcome.stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains(
            "this machine's clock is wrong: Signature expired: 20261125T090000Z is now earlier"
        ),
        "{said}"
    );
    assert!(said.contains("set the clock, for example with NTP"), "{said}");
}
