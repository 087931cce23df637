//! Rotation without a function: by the AWS service that owns a secret, or at a partner that holds
//! the credential (managed external secrets).

use serde_json::{Value, json};

use goldenpath_testkit::{Aws, KEY, Outcome, SEED, SEED_PATH, as_api_tags, seed_tags};

/// The partner's name for a type.
const TYPE: &str = "SalesforceClientSecret";

/// Returns a platform with the seed's manifest, whose type has this rotation.
fn platform(test: &str, rotation: &str) -> Aws {
    let aws = Aws::new(test);
    aws.recorder.accept_rotation();
    write_rotation(&aws, rotation);
    aws.platform.seed();
    aws
}

fn write_rotation(aws: &Aws, rotation: &str) {
    let types = format!(
        "secretTypes:\n  database-credentials:\n    otherKeys: true\n    keys: []\n    \
         rotation: {rotation}\n"
    );
    let file = "schemas/metadata/secret_types.yaml";
    aws.platform.catalog.write(file, &types).commit_all("Rotation");
}

fn role(aws: &Aws) -> String {
    format!("arn:aws:iam::{}:role/rotate-salesforce", aws.account.id)
}

fn external(role: &str, version: &str) -> String {
    format!(
        "{{ externalType: {TYPE}, roleArn: \"{role}\", \
         metadata: {{ apiVersion: {version}, adminSecret: admin }} }}"
    )
}

/// Creates the seed's secret outside goldenpath, as one that `rds` owns.
fn create_owned(aws: &Aws) {
    let mut tags = seed_tags();
    tags.insert("aws:secretsmanager:owningService", "rds");
    let tags = as_api_tags(&tags);
    let secret = json!({ "Name": KEY, "SecretString": "{\"password\":\"x\"}", "Tags": tags });
    aws.call("CreateSecret", secret);
    assert_eq!(aws.describe(KEY)["OwningService"], "rds");
}

fn names(plan: &Outcome) -> Vec<String> {
    let plan = plan.json();
    let actions = plan["actions"].as_array().unwrap().iter();
    actions.map(|action| action["action"].as_str().unwrap().to_owned()).collect()
}

fn reason(plan: &Outcome, name: &str) -> String {
    let plan = plan.json();
    let mut actions = plan["actions"].as_array().unwrap().iter();
    let action = actions.find(|action| action["action"] == name);
    action.map(|action| action["reason"].as_str().unwrap().to_owned()).unwrap_or_default()
}

fn words(outcome: &Outcome) -> String {
    outcome.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn a_managed_external_secret_has_a_type_a_role_and_metadata() {
    let aws = platform("rotation-external", "managed");
    let role = role(&aws);
    write_rotation(&aws, &external(&role, "v65.0"));
    let plan = aws.plan();
    assert_eq!(names(&plan), ["create-secret", "write-projection"]);
    assert_eq!(plan.json()["manualRotation"], json!({}));
    assert_eq!(plan.json()["awaitingValue"][0]["rotationHeldBack"], true);
    aws.apply().success();
    assert_eq!(aws.recorder.bodies("CreateSecret")[0]["Type"], TYPE);
    assert_eq!(names(&aws.plan()), [""; 0]);

    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
    let said = reason(&aws.plan(), "configure-rotation");
    assert!(
        said.contains("every 90 days by Secrets Manager with the role arn:aws:iam::"),
        "{said}"
    );
    aws.apply().success();
    let sent = aws.recorder.bodies("RotateSecret").pop().unwrap();
    assert_eq!(sent["ExternalSecretRotationRoleArn"], role);
    let item = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    let metadata = json!([item("adminSecret", "admin"), item("apiVersion", "v65.0")]);
    assert_eq!(sent["ExternalSecretRotationMetadata"], metadata);
    assert_eq!(sent["RotationRules"], json!({ "AutomaticallyAfterDays": 90 }));
    assert_eq!(
        (&sent["RotationLambdaARN"], &sent["RotateImmediately"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(names(&aws.plan()), [""; 0]);

    write_rotation(&aws, &external(&role, "v66.0"));
    let said = reason(&aws.plan(), "configure-rotation");
    assert!(said.contains("its metadata differs (apiVersion)"), "{said}");
    aws.apply().success();
    assert_eq!(names(&aws.plan()), [""; 0]);

    // What goldenpath configured, it cancels.
    aws.platform.seed_changed("rotationClass: standard", "rotationClass: none");
    assert_eq!(names(&aws.plan()), ["cancel-rotation"]);
    aws.apply().success();
    assert_eq!(names(&aws.plan()), [""; 0]);
}

#[test]
fn an_existing_secret_becomes_a_managed_external_one() {
    let aws = Aws::new("rotation-becomes");
    aws.recorder.accept_rotation();
    aws.platform.seed();
    aws.apply().success();
    write_rotation(&aws, &external(&role(&aws), "v65.0"));
    let plan = aws.plan();
    assert_eq!(names(&plan), ["update-secret"]);
    let said = reason(&plan, "update-secret");
    assert_eq!(said, format!("managed external secret: none → {TYPE}"));
    aws.apply().success();
    let sent = aws.recorder.bodies("UpdateSecret").pop().unwrap();
    assert_eq!((&sent["Type"], &sent["Description"]), (&json!(TYPE), &Value::Null));
    assert_eq!(names(&aws.plan()), [""; 0]);
    // Without the type, the secret keeps what it has.
    aws.platform.catalog.git(&["rm", "-q", "schemas/metadata/secret_types.yaml"]);
    aws.platform.catalog.commit_all("No types");
    assert_eq!(names(&aws.plan()), [""; 0]);
}

#[test]
fn a_role_of_another_account_is_found_before_the_run() {
    let aws = platform("rotation-role", &external("arn:aws:iam::999999999999:role/x", "v65.0"));
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
    let said = reason(&aws.plan(), "blocked");
    assert!(said.contains("in the account 999999999999"), "{said}");
}

#[test]
fn a_secret_that_a_service_owns_gets_a_schedule_and_nothing_that_is_the_service_s() {
    let aws = platform("rotation-owned", "managed");
    create_owned(&aws);
    let text = SEED.replace("metadata:\n", "metadata:\n  description: The ledger\n");
    aws.platform.catalog.write(SEED_PATH, &text).commit_all("Described");
    let plan = aws.plan();
    assert_eq!(names(&plan), ["configure-rotation", "write-projection"]);
    let said = reason(&plan, "configure-rotation");
    assert!(said.contains("by the AWS service that owns it"), "{said}");
    aws.apply().success();
    let sent = aws.recorder.bodies("RotateSecret").pop().unwrap();
    for absent in ["RotationLambdaARN", "ExternalSecretRotationRoleArn"] {
        assert_eq!(sent[absent], Value::Null, "{sent}");
    }
    assert_eq!(sent["RotationRules"], json!({ "AutomaticallyAfterDays": 90 }));
    assert_eq!(names(&aws.plan()), [""; 0]);

    let set = aws.platform.catalog.goldenpath(&["value", "set", "SEC-0007", "--yes"]);
    let set = aws.reach(set.stdin("password=hunter2")).run().fails_with(1);
    assert!(words(&set).contains("the AWS service `rds` owns the secret"), "{}", set.stderr);
    // Nor is it the target of a copy.
    aws.platform.write("SEC-0008", "other-credentials");
    let file = "catalogs/secrets/payments/dev/SEC-0008.yaml";
    let other = SEED.replace("SEC-0007", "SEC-0008").replace("payments-db", "other-db");
    aws.platform.catalog.write(file, &other).commit_all("Another");
    let name = KEY.replace("payments-db", "other-db");
    let mut tags = seed_tags();
    tags.insert("goldenpath.io/id", "SEC-0008");
    tags.insert("aws:secretsmanager:owningService", "rds");
    let value = "{\"password\":\"x\"}";
    aws.call(
        "CreateSecret",
        json!({ "Name": name, "SecretString": value, "Tags": as_api_tags(&tags) }),
    );
    let copy = ["value", "copy", "SEC-0008", "SEC-0007", "--yes", "--replace"];
    let copy = aws.reach(aws.platform.catalog.goldenpath(&copy)).run().fails_with(1);
    assert!(words(&copy).contains("owns the secret of SEC-0007"), "{}", copy.stderr);
    aws.platform.catalog.git(&["rm", "-q", file]);
    aws.platform.catalog.commit_all("Without it");
    // Neither is its rotation canceled, nor is it deleted.
    aws.platform.seed_changed("rotationClass: standard", "rotationClass: none");
    assert_eq!(names(&aws.plan()), [""; 0]);
    aws.platform.seed_changed("status: active ", "status: decommission_requested ");
    let plan = aws.plan();
    let said = reason(&plan, "blocked");
    assert!(said.contains("deletes it with what it belongs to"), "{said} {:?}", names(&plan));
    assert!(!names(&plan).contains(&"delete-secret".to_owned()));
}

#[test]
fn a_type_and_a_secret_that_do_not_fit_are_blocked() {
    // The service creates its own secrets.
    let aws = platform("rotation-absent", "managed");
    let said = reason(&aws.plan(), "blocked");
    assert!(said.contains("create it there"), "{said}");
    assert_eq!(aws.apply().fails_with(1).code, 1);
    assert_eq!(aws.names(), [""; 0]);
    // No service owns this one.
    aws.call("CreateSecret", json!({ "Name": KEY, "Tags": as_api_tags(&seed_tags()) }));
    let said = reason(&aws.plan(), "blocked");
    assert!(said.contains("no service owns this one"), "{said}");

    let aws = Aws::new("rotation-misfit");
    aws.platform.seed();
    create_owned(&aws);
    let said = reason(&aws.plan(), "blocked");
    assert!(said.contains("the AWS service `rds` owns and rotates the secret"), "{said}");
}

#[test]
fn a_type_is_rotated_in_one_way() {
    let aws = platform("rotation-two", "managed");
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let function = "arn:aws:lambda:eu-central-1:123456789012:function:rotate";
    let config =
        format!("{config}rotation: {{ functions: {{ database-credentials: \"{function}\" }} }}\n");
    aws.platform.catalog.write("goldenpath.yaml", &config).commit_all("Two ways");
    let outcome = aws.platform.catalog.goldenpath(&["validate"]).run().fails_with(2);
    let said = words(&outcome);
    assert!(said.contains("`database-credentials` would be rotated in two ways"), "{said}");
    assert!(said.contains("schemas/metadata/secret_types.yaml:5:"), "{said}");
}
