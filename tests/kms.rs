//! KMS keys: the configured key, the keys of a value's versions, and readers in other accounts.

use serde_json::{Value, json};

use goldenpath_testkit::{Aws, KEY, Outcome, Platform, SEED, SEED_PATH};

const ONE: &str = "00000000-0000-0000-0000-000000000001";
const TWO: &str = "00000000-0000-0000-0000-000000000002";

fn configure(aws: &Aws, store: &str) {
    let gitops = aws.platform.gitops.path().display().to_string();
    aws.platform.configure(&format!("backend: aws\n{store}"), &gitops);
}

fn words(outcome: &Outcome) -> String {
    outcome.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

/// Sets a value, and lets AWS name these keys for its version: moto names none.
fn value_under(aws: &Aws, keys: &[&str], times: usize) {
    let versions = json!({ "Versions": [
        { "VersionId": "11111111-1111-1111-1111-111111111111", "VersionStages": ["AWSPREVIOUS"],
          "KmsKeyIds": ["DefaultEncryptionKey"] },
        { "VersionId": "22222222-2222-2222-2222-222222222222", "VersionStages": ["AWSCURRENT"],
          "KmsKeyIds": keys },
    ]});
    aws.recorder.answer("ListSecretVersionIds", times, &versions);
}

fn set_value(aws: &Aws) {
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{\"a\":\"b\"}" }));
}

fn codes(plan: &Outcome) -> Vec<String> {
    let plan = plan.json();
    let findings = plan["findings"].as_array().unwrap().iter();
    findings.map(|one| one["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_key_that_aws_manages_is_at_rest_under_each_of_its_names() {
    let aws = Aws::new("kms-default");
    aws.platform.seed();
    configure(&aws, "kmsKeyId: alias/aws/secretsmanager");
    aws.apply().success();
    // AWS leaves this key out of its answers.
    assert_eq!(aws.describe(KEY)["KmsKeyId"], Value::Null);
    assert_eq!(aws.recorder.bodies("CreateSecret")[0].get("KmsKeyId"), None);
    let arn = format!("arn:aws:kms:eu-central-1:{}:alias/aws/secretsmanager", aws.account.id);
    assert_eq!(Platform::actions(&aws.plan()), [""; 0]);
    for key in [&arn, "\"\""] {
        configure(&aws, &format!("kmsKeyId: {key}"));
        assert_eq!(Platform::actions(&aws.plan()), [""; 0], "{key}");
    }
    configure(&aws, "kmsKeyId: alias/one");
    aws.apply().success();
    configure(&aws, "kmsKeyId: \"\"");
    let plan = aws.plan();
    assert_eq!(plan.json()["actions"][0]["reason"], "KMS key: alias/one → the account's default");
    aws.apply().success();
    assert_eq!(Platform::actions(&aws.plan()), [""; 0]);
}

#[test]
fn a_malformed_key_or_one_of_another_region_is_an_error_of_the_configuration() {
    let platform = Platform::local();
    platform.seed();
    let gitops = platform.gitops.path().display().to_string();
    let elsewhere = format!("arn:aws:kms:us-east-1:123456789012:key/{ONE}");
    for (store, said) in [
        ("kmsKeyId: secrets".to_owned(), "`store.kmsKeyId: secrets` is not a KMS key"),
        ("kmsKeyId: alias/a b".to_owned(), "is not a KMS key"),
        (
            format!("region: eu-west-2\nkmsKeyId: {elsewhere}"),
            "is in us-east-1, but the secrets are in eu-west-2",
        ),
    ] {
        platform.configure(&format!("backend: aws\n{store}"), &gitops);
        let outcome = platform.catalog.goldenpath(&["validate"]).run().fails_with(2);
        assert!(words(&outcome).contains(said), "{}", words(&outcome));
    }
    platform.configure(&format!("backend: aws\nregion: us-east-1\nkmsKeyId: {elsewhere}"), &gitops);
    platform.catalog.goldenpath(&["validate"]).run().success();
    let environment = "environments: { dev: { region: eu-west-2 } }\n";
    let config = platform.catalog.read("goldenpath.yaml") + environment;
    platform.catalog.write("goldenpath.yaml", &config);
    let outcome = platform.catalog.goldenpath(&["validate"]).run().fails_with(2);
    let said = words(&outcome);
    assert!(said.contains("`environments.dev.region: eu-west-2` does not fit"), "{said}");
}

#[test]
fn a_value_that_aws_leaves_under_the_old_key_fails_the_change_of_the_key() {
    let aws = Aws::new("kms-old");
    aws.platform.seed();
    configure(&aws, &format!("kmsKeyId: {ONE}"));
    aws.apply().success();
    set_value(&aws);
    configure(&aws, &format!("kmsKeyId: {TWO}"));
    value_under(&aws, &[ONE], usize::MAX);
    let outcome = aws.apply().fails_with(1);
    let said = words(&outcome);
    assert!(said.contains("its value is still encrypted with the old one"), "{said}");
    assert!(said.contains("`goldenpath value rotate ID`"), "{said}");
    assert!(said.contains("`kms:Encrypt`"), "{said}");
    assert_eq!(aws.describe(KEY)["KmsKeyId"], TWO);

    // From then on, the plan says so when it reads the versions.
    assert_eq!(codes(&aws.plan_with(&["--refresh"])), ["GP603"]);
    let plan = aws.plan_with(&["--refresh"]).json();
    let message = plan["findings"][0]["message"].as_str().unwrap().to_owned();
    assert_eq!(
        message,
        format!("the value is still encrypted with the old KMS key {ONE}, and not with {TWO}")
    );
    let help = plan["findings"][0]["help"].as_str().unwrap();
    assert!(help.contains("`goldenpath value rotate SEC-0007`"), "{help}");
    let shown = aws.reach(aws.platform.catalog.goldenpath(&["show", "SEC-0007"])).run().success();
    assert!(shown.stdout.contains("GP603"), "{}", shown.stdout);
}

#[test]
fn a_value_that_aws_encrypts_with_the_new_key_too_is_reported_until_it_is_renewed() {
    let aws = Aws::new("kms-both");
    aws.platform.seed();
    configure(&aws, &format!("kmsKeyId: {ONE}"));
    aws.apply().success();
    set_value(&aws);
    configure(&aws, &format!("kmsKeyId: {TWO}"));
    value_under(&aws, &[ONE, TWO], usize::MAX);
    aws.apply().success();
    let plan = aws.plan_with(&["--refresh"]).json();
    assert_eq!(
        plan["findings"][0]["message"],
        format!("the old KMS key {ONE} still decrypts the value, in addition to {TWO}")
    );
    aws.recorder.forget_faults();
    value_under(&aws, &[TWO], usize::MAX);
    assert_eq!(codes(&aws.plan_with(&["--refresh"])), [""; 0]);
}

#[test]
fn a_reader_in_another_account_needs_a_key_of_its_own() {
    let aws = Aws::new("kms-readers");
    let (own, foreign) = (&aws.account.id, "111111111111");
    let lists = format!(
        "    readPrincipals: [\"arn:aws:iam::{own}:role/a\", \"arn:aws:iam::{foreign}:role/b\"]\n"
    );
    let text = SEED.replace("  ttlDays:", &format!("{lists}  ttlDays:"));
    aws.platform.catalog.write(SEED_PATH, &text).commit_all("Readers");
    assert_eq!(codes(&aws.plan()), [""; 0], "the account of a new secret is not known");
    aws.apply().success();
    let plan = aws.plan();
    assert_eq!(codes(&plan), ["GP211"]);
    let found: &Value = &plan.json()["findings"][0];
    assert_eq!(found["severity"], "warning");
    assert_eq!(found["pointer"], "/spec/access/readPrincipals");
    let message = found["message"].as_str().unwrap();
    assert!(
        message.starts_with(&format!("principals of {foreign} cannot decrypt the value")),
        "{message}"
    );
    configure(&aws, "kmsKeyId: alias/shared");
    assert_eq!(codes(&aws.plan()), [""; 0]);
}
