//! Each policy allows all calls of whole lives, and nothing else: no permission is idle.

use goldenpath_core::config::BUILT_IN_GOVERNANCE;
use serde_json::{Value, json};

use goldenpath_testkit::{
    Account, Aws, KEY, Outcome, Recorder, SEED, SEED_PATH, as_api_tags, seed_tags,
};

use super::evaluation::{Policy, Secrets};

/// The remote of the catalog, and its value as a tag.
const REMOTE: &str = "https://github.com/acme/platform";
const REPOSITORY: &str = "github.com/acme/platform";

/// Two regions, one of them with a customer's key.
const REPLICAS: &str =
    "replicaRegions: [eu-west-1, { region: eu-west-2, kmsKeyId: alias/secrets }]";

/// Returns a catalog with a customer's key, a rotation function and a remote.
fn platform(test: &str) -> Aws {
    platform_with(test, "")
}

/// Returns the same with another option of the store.
fn platform_with(test: &str, option: &str) -> Aws {
    let aws = Aws::new(test);
    let Account { id, region, .. } = &aws.account;
    let gitops = aws.platform.gitops.path().display().to_string();
    let function = format!("arn:aws:lambda:{region}:{id}:function:rotate");
    let text = format!(
        "catalogId: acme-platform\n\
         store: {{ backend: aws, region: {region}, accountId: \"{id}\", \
                   kmsKeyId: alias/secrets, {option} }}\n\
         gitops: {{ path: {gitops} }}\n\
         rotation: {{ functions: {{ database-credentials: \"{function}\" }} }}\n"
    );
    let catalog = &aws.platform.catalog;
    catalog.write("goldenpath.yaml", &text);
    catalog.write(
        "schemas/metadata/governance.yaml",
        &BUILT_IN_GOVERNANCE.replace("coolingOffDays: 3", "coolingOffDays: 0"),
    );
    catalog.commit_all("Configure");
    catalog.git(&["remote", "add", "origin", REMOTE]);
    catalog.serve(REMOTE);
    // Moto would look for the function.
    aws.recorder.accept_rotation();
    aws
}

/// Gives the seed's secret a value, and a key that is not the configured one.
fn set_value_under_another_key(aws: &Aws) {
    // Moto needs a token.
    let token = "00000000-0000-4000-8000-000000000001";
    aws.call(
        "UpdateSecret",
        json!({ "SecretId": KEY, "KmsKeyId": "alias/former", "ClientRequestToken": token }),
    );
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
}

/// Commits the seed's manifest with these changes, as the remote's default branch.
fn commit(aws: &Aws, changes: &[(&str, &str)]) {
    let mut text = SEED.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let catalog = &aws.platform.catalog;
    catalog.write(SEED_PATH, &text).commit_all("SEC-0007");
    catalog.git(&["push", "--quiet", "--force", "origin", "HEAD:main"]);
    catalog.git(&["fetch", "--quiet", "origin"]);
    catalog.git(&["remote", "set-head", "origin", "main"]);
}

const READERS: (&str, &str) =
    ("  ttlDays:", "    readPrincipals: [\"arn:aws:iam::123456789012:role/reader\"]\n  ttlDays:");
const NO_READERS: (&str, &str) = ("  ttlDays:", "    readPrincipals: []\n  ttlDays:");

fn run(aws: &Aws, arguments: &[&str]) -> Outcome {
    aws.reach(aws.platform.catalog.goldenpath(arguments)).run()
}

/// Returns the policy of the only role for a purpose.
fn policy(aws: &Aws, purpose: &str) -> Policy {
    let printed =
        aws.platform.catalog.goldenpath(&["iam", "--for", purpose, "--env", "dev"]).run().success();
    let printed = printed.json();
    assert_eq!(printed["roles"].as_array().map(Vec::len), Some(1), "{printed:#}");
    Policy::of(&printed["roles"][0]["policy"])
}

/// Returns the calls to Secrets Manager since the last reset, with their inputs.
fn calls(recorder: &Recorder) -> Vec<(String, Value)> {
    let call = |(head, body): &(String, Vec<u8>)| {
        let is_target = |line: &&str| line.to_ascii_lowercase().starts_with("x-amz-target:");
        let (_, operation) = head.lines().find(is_target)?.rsplit_once('.')?;
        Some((operation.trim().to_owned(), serde_json::from_slice(body).unwrap()))
    };
    let found: Vec<(String, Value)> = recorder.requests().iter().filter_map(call).collect();
    assert_eq!(
        found.len(),
        recorder.operations().iter().filter(|name| !name.starts_with("POST ")).count()
    );
    found
}

#[test]
fn the_policy_for_plan_allows_all_that_looks_and_nothing_else() {
    let aws = platform("iam-plan");
    commit(&aws, &[READERS]);
    aws.plan();
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
    aws.recorder.reset();
    aws.plan_with(&["--refresh"]);
    for arguments in [
        &["list", "--awaiting-value"][..],
        &["due", "--within", "400d"],
        &["report", "--out", "report.html"],
        &["show", "SEC-0007"],
    ] {
        run(&aws, arguments);
    }
    // Another secret of the catalog does not exist yet.
    aws.platform.write("SEC-0008", "other-credentials");
    aws.platform.catalog.commit_all("Another");
    aws.plan();

    let mut secrets = Secrets::of(&aws.account);
    secrets.add(KEY, &as_api_tags(&seed_tags()));
    let mut policy = policy(&aws, "plan");
    policy.allows_all(&calls(&aws.recorder), &mut secrets);
    assert_eq!(policy.idle(), [""; 0]);
    for operation in ["CreateSecret", "GetSecretValue", "PutSecretValue", "TagResource"] {
        let refused = policy.refusal(operation, &json!({ "SecretId": KEY }), &secrets);
        assert!(refused.is_some(), "{operation}");
    }
}

#[test]
fn the_policy_for_apply_allows_a_whole_life_and_nothing_else() {
    let aws = platform_with("iam-apply", REPLICAS);
    aws.recorder.reset();
    commit(&aws, &[READERS]);
    aws.apply().success();
    set_value_under_another_key(&aws);
    commit(&aws, &[READERS, ("owner: team-payments", "owner: database-team")]);
    aws.apply().success();
    commit(&aws, &[NO_READERS, ("metadata:\n", "metadata:\n  description: The ledger\n")]);
    aws.apply().success();
    let gone = ("status: active", "status: decommission_requested");
    commit(&aws, &[NO_READERS, ("status: active", "status: deprecated")]);
    commit(&aws, &[NO_READERS, gone]);
    aws.apply();
    let delete = ["--id", "SEC-0007", "--override", "cooling-off", "--reason", "A test"];
    aws.apply_with(&delete).success();
    assert!(aws.describe(KEY)["DeletedDate"].is_number());
    commit(&aws, &[NO_READERS, ("status: active", "status: deprecated")]);
    aws.apply().success();
    assert!(aws.describe(KEY)["DeletedDate"].is_null());

    let mut secrets = Secrets::of(&aws.account);
    let mut policy = policy(&aws, "apply");
    policy.allows_all(&calls(&aws.recorder), &mut secrets);
    assert_eq!(policy.idle(), [""; 0]);
    assert_refused(&mut policy, &mut secrets);
}

#[test]
fn the_policy_for_apply_allows_the_rotation_of_a_managed_external_secret() {
    let aws = platform("iam-external");
    let catalog = &aws.platform.catalog;
    let config = catalog.read("goldenpath.yaml");
    let config = config.split("rotation:").next().unwrap();
    catalog.write("goldenpath.yaml", config);
    let role = format!("arn:aws:iam::{}:role/rotate-salesforce", aws.account.id);
    let types = format!(
        "secretTypes:\n  database-credentials:\n    otherKeys: true\n    keys: []\n    rotation: \
         {{ externalType: SalesforceClientSecret, roleArn: \"{role}\" }}\n"
    );
    catalog.write("schemas/metadata/secret_types.yaml", &types);
    commit(&aws, &[]);
    aws.recorder.reset();
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
    aws.apply().success();
    commit(&aws, &[("rotationClass: standard", "rotationClass: none")]);
    aws.apply().success();

    let mut secrets = Secrets::of(&aws.account);
    let mut policy = policy(&aws, "apply");
    let calls = calls(&aws.recorder);
    let rotate = ["RotateSecret", "CancelRotateSecret"];
    assert_eq!(calls.iter().filter(|(name, _)| rotate.contains(&name.as_str())).count(), 2);
    policy.allows_all(&calls, &mut secrets);
    let idle = policy.idle();
    let is_about_rotation = |one: &&String| {
        ["Rotat", "PassRole", "InvokeFunction"].iter().any(|word| one.contains(word))
    };
    assert_eq!(idle.iter().find(is_about_rotation), None, "{idle:?}");
    for input in [
        json!({ "SecretId": KEY, "RotationLambdaARN": "arn:of:a:function" }),
        json!({ "SecretId": KEY, "ExternalSecretRotationRoleArn": "arn:of:another:role" }),
    ] {
        assert!(policy.refusal("RotateSecret", &input, &secrets).is_some(), "{input:#}");
    }
}

/// Asserts what no role of the pipeline may do.
#[track_caller]
fn assert_refused(policy: &mut Policy, secrets: &mut Secrets) {
    let other = |tag: &str, value: &str| {
        let mut tags = seed_tags();
        tags.insert("goldenpath.io/repository", REPOSITORY);
        tags.insert(
            match tag {
                "catalog" => "goldenpath.io/catalog",
                _ => "goldenpath.io/repository",
            },
            Box::leak(value.to_owned().into_boxed_str()),
        );
        as_api_tags(&tags)
    };
    const PREFIX: &str = "goldenpath/payments/dev";
    let (unmanaged, theirs, copy) =
        (format!("{PREFIX}/unmanaged"), format!("{PREFIX}/theirs"), format!("{PREFIX}/copy"));
    secrets.add(&unmanaged, &json!([]));
    secrets.add(&theirs, &other("catalog", "another-platform"));
    secrets.add(&copy, &other("repository", "github.com/acme/copy"));
    let ours = other("catalog", "acme-platform");
    for (operation, input) in [
        ("DeleteSecret", json!({ "SecretId": KEY, "ForceDeleteWithoutRecovery": true })),
        ("GetSecretValue", json!({ "SecretId": KEY })),
        ("PutSecretValue", json!({ "SecretId": KEY })),
        ("PutResourcePolicy", json!({ "SecretId": KEY, "BlockPublicPolicy": false })),
        ("PutResourcePolicy", json!({ "SecretId": KEY })),
        ("RotateSecret", json!({ "SecretId": KEY, "RotationLambdaARN": "arn:of:another" })),
        ("TagResource", json!({ "SecretId": unmanaged, "Tags": ours })),
        ("TagResource", json!({ "SecretId": theirs, "Tags": ours })),
        ("TagResource", json!({ "SecretId": KEY, "Tags": other("catalog", "another") })),
        ("TagResource", json!({ "SecretId": KEY, "Tags": [{ "Key": "team", "Value": "x" }] })),
        ("CreateSecret", json!({ "Name": format!("{PREFIX}/new"), "Tags": [] })),
        ("CreateSecret", json!({ "Name": format!("{PREFIX}/new"), "Tags": other("catalog", "x") })),
        ("CreateSecret", json!({ "Name": "goldenpath/payments/prod/new", "Tags": ours })),
        ("CreateSecret", json!({ "Name": "other/payments/dev/new", "Tags": ours })),
        ("UpdateSecret", json!({ "SecretId": unmanaged })),
        ("UpdateSecret", json!({ "SecretId": theirs })),
        ("UpdateSecret", json!({ "SecretId": copy })),
        ("DeleteSecret", json!({ "SecretId": copy })),
        (
            "ReplicateSecretToRegions",
            json!({ "SecretId": KEY, "AddReplicaRegions": [{ "Region": "us-east-1" }] }),
        ),
        (
            "ReplicateSecretToRegions",
            json!({ "SecretId": KEY, "AddReplicaRegions": [{ "Region": "eu-west-1" }],
                    "ForceOverwriteReplicaSecret": true }),
        ),
        (
            "ReplicateSecretToRegions",
            json!({ "SecretId": copy, "AddReplicaRegions": [{ "Region": "eu-west-1" }] }),
        ),
        ("RemoveRegionsFromReplication", json!({ "SecretId": theirs })),
        ("StopReplicationToReplica", json!({ "SecretId": KEY })),
        (
            "CreateSecret",
            json!({ "Name": format!("{PREFIX}/new"), "Tags": ours,
                    "ForceOverwriteReplicaSecret": true }),
        ),
    ] {
        assert!(policy.refusal(operation, &input, secrets).is_some(), "{operation} {input:#}");
    }
}

#[test]
fn the_policy_for_value_allows_all_of_its_commands_and_nothing_else() {
    const COPY: &str = "goldenpath/payments/dev/copied-credentials";
    let aws = platform("iam-value");
    aws.platform.write("SEC-0008", "copied-credentials");
    commit(&aws, &[]);
    aws.apply().success();
    let [tags, of_copy] = [KEY, COPY].map(|key| aws.describe(key)["Tags"].clone());
    aws.recorder.reset();
    let value = |arguments: &[&str]| {
        let command = aws.platform.catalog.goldenpath(&[&["value"], arguments].concat());
        aws.reach(command.stdin("{\"username\": \"a\", \"password\": \"b\"}")).run().success();
    };
    value(&["generate", "SEC-0007", "--yes", "--source", "aws"]);
    value(&["set", "SEC-0007", "--yes"]);
    value(&["set", "SEC-0007", "--yes", "--replace"]);
    value(&["rotate", "SEC-0007", "--yes"]);
    value(&["rotate", "SEC-0007", "--yes", "--rollback"]);
    value(&["status"]);
    value(&["status", "SEC-0007", "--keys"]);
    value(&["copy", "SEC-0007", "SEC-0008", "--yes"]);

    let mut secrets = Secrets::of(&aws.account);
    secrets.add(KEY, &tags);
    secrets.add(COPY, &of_copy);
    let mut policy = policy(&aws, "value");
    policy.allows_all(&calls(&aws.recorder), &mut secrets);
    assert_eq!(policy.idle(), [""; 0]);
    secrets.add("goldenpath/payments/dev/theirs", &json!([]));
    for (operation, input) in [
        ("GetSecretValue", json!({ "SecretId": "goldenpath/payments/dev/theirs" })),
        ("TagResource", json!({ "SecretId": KEY, "Tags": as_api_tags(&seed_tags()) })),
        ("DeleteSecret", json!({ "SecretId": KEY })),
        ("UpdateSecret", json!({ "SecretId": KEY })),
    ] {
        assert!(policy.refusal(operation, &input, &secrets).is_some(), "{operation} {input:#}");
    }
}

#[test]
fn the_policy_for_adoption_takes_over_what_apply_may_not_and_deletes_nothing() {
    const MARKED: &str = "goldenpath/payments/dev/marked-credentials";
    const MOVED: &str = "goldenpath/payments/dev/moved-credentials";
    let aws = platform_with("iam-adopt", REPLICAS);
    aws.platform.write("SEC-0008", "marked-credentials");
    aws.platform.write("SEC-0009", "moved-credentials");
    commit(&aws, &[READERS, ("metadata:\n", "metadata:\n  description: The ledger\n")]);
    let mut moved = seed_tags();
    moved.insert("goldenpath.io/id", "SEC-0009");
    moved.insert("goldenpath.io/repository", "github.com/acme/former");
    let moved = as_api_tags(&moved);
    for (name, tags) in [(KEY, json!([])), (MARKED, json!([])), (MOVED, moved.clone())] {
        let key = "alias/former";
        aws.call(
            "CreateSecret",
            json!({ "Name": name, "SecretString": "theirs", "Tags": tags, "KmsKeyId": key }),
        );
    }
    aws.call("DeleteSecret", json!({ "SecretId": MARKED, "RecoveryWindowInDays": 7 }));
    aws.recorder.reset();
    aws.apply_with(&["--adopt", "SEC-0007", "--adopt", "SEC-0008", "--rebind-catalog"]).success();
    // The manifest withdraws the access that it granted, and the secret is restored once more.
    let regions = ["eu-west-1", "eu-west-2"];
    let replicas = json!({ "SecretId": MARKED, "RemoveReplicaRegions": regions });
    aws.call("RemoveRegionsFromReplication", replicas);
    aws.call("DeleteSecret", json!({ "SecretId": MARKED, "RecoveryWindowInDays": 7 }));
    commit(&aws, &[NO_READERS]);
    aws.apply_with(&["--adopt", "SEC-0007"]).success();

    let mut secrets = Secrets::of(&aws.account);
    for (name, tags) in [(KEY, json!([])), (MARKED, json!([])), (MOVED, moved)] {
        secrets.add(name, &tags);
    }
    let mut policy = policy(&aws, "adopt");
    policy.allows_all(&calls(&aws.recorder), &mut secrets);
    assert_eq!(policy.idle(), [""; 0]);
    secrets.add(
        "goldenpath/payments/dev/theirs",
        &json!([
            { "Key": "goldenpath.io/catalog", "Value": "another-platform" }
        ]),
    );
    let theirs = "goldenpath/payments/dev/theirs";
    for (operation, input) in [
        ("DeleteSecret", json!({ "SecretId": KEY })),
        ("RemoveRegionsFromReplication", json!({ "SecretId": KEY })),
        ("GetSecretValue", json!({ "SecretId": KEY })),
        ("TagResource", json!({ "SecretId": theirs, "Tags": as_api_tags(&seed_tags()) })),
        ("RestoreSecret", json!({ "SecretId": theirs })),
        ("CreateSecret", json!({ "Name": "goldenpath/payments/dev/new", "Tags": [] })),
    ] {
        assert!(policy.refusal(operation, &input, &secrets).is_some(), "{operation} {input:#}");
    }
}

#[test]
fn the_policy_for_the_operator_reads_values_of_the_catalog_and_nothing_else() {
    let aws = platform("iam-operator");
    let mut secrets = Secrets::of(&aws.account);
    let mut tags = seed_tags();
    tags.insert("goldenpath.io/repository", REPOSITORY);
    secrets.add(KEY, &as_api_tags(&tags));
    secrets.add("goldenpath/payments/dev/theirs", &json!([]));
    let mut policy = policy(&aws, "operator");
    // `dataFrom.extract` of an ExternalSecret is one GetSecretValue.
    let read = |name: &str| ("GetSecretValue".to_owned(), json!({ "SecretId": name }));
    policy.allows_all(&[read(KEY)], &mut secrets);
    assert_eq!(policy.idle(), [""; 0]);
    for name in ["goldenpath/payments/dev/theirs", "goldenpath/payments/prod/x"] {
        let (operation, input) = read(name);
        assert!(policy.refusal(&operation, &input, &secrets).is_some(), "{name}");
    }
}
