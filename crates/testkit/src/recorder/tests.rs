//! The recorder in front of moto, called without an SDK, which would retry.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{Account, Repository, python};

impl Recorder {
    /// Calls an operation through the recorder, without an SDK, which would retry it.
    fn call(&self, account: &Account, operation: &str, input: &Value) -> io::Result<Value> {
        let target = format!("secretsmanager.{operation}");
        let authorization = account.authorization();
        let headers = [("Authorization", authorization.as_str()), ("X-Amz-Target", &target)];
        let answer = crate::http::post(self.address, &headers, &input.to_string())?;
        serde_json::from_slice(&answer.body).map_err(io::Error::other)
    }
}

#[test]
fn the_calls_of_an_sdk_are_passed_on_and_noted_in_order() {
    let moto = Moto::shared();
    let account = moto.account("recorder");
    let recorder = Recorder::in_front_of(moto);
    let python = python::MOTO.programs().unwrap().join("python");
    let script = "import boto3; secrets = boto3.client('secretsmanager'); \
                  secrets.create_secret(Name='a', SecretString='b'); \
                  print(secrets.describe_secret(SecretId='a')['ARN']); \
                  print(boto3.client('sts').get_caller_identity()['Arn'])";
    let outcome = Repository::new()
        .program(python.to_str().unwrap(), &["-c", script])
        .envs(account.environment(&recorder.endpoint()))
        .env("AWS_DEFAULT_REGION", &account.region) // what boto3 reads instead of AWS_REGION
        .run()
        .success();
    assert!(
        outcome.stdout.contains(&format!(":{}:assumed-role/recorder/recorder", account.id)),
        "{}",
        outcome.stdout
    );
    assert_eq!(
        recorder.operations(),
        ["CreateSecret", "DescribeSecret"],
        "who the caller is, another service was asked"
    );

    recorder.reset();
    let value =
        moto.call(&account, "GetSecretValue", serde_json::json!({"SecretId": "a"})).unwrap();
    assert_eq!(value["SecretString"], "b");
    assert!(recorder.operations().is_empty(), "it notes only what goes through it");
}

#[test]
fn a_fault_happens_to_its_own_requests_and_as_often_as_was_said() {
    let moto = Moto::shared();
    let account = moto.account("faults");
    let recorder = Recorder::in_front_of(moto);
    recorder.refuse("CreateSecret", "\"b\"", 1, "InternalServiceError", "not today");
    recorder.lose_answers("CreateSecret", "\"c\"", 1);
    let create =
        |name: &str| recorder.call(&account, "CreateSecret", &serde_json::json!({ "Name": name }));

    assert_eq!(create("a").unwrap()["Name"], "a");
    assert_eq!(create("b").unwrap()["__type"], "InternalServiceError");
    assert_eq!(create("b").unwrap()["Name"], "b");
    assert_eq!(create("c").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(
        create("c").unwrap()["__type"],
        "ResourceExistsException",
        "it was done the first time"
    );

    recorder.reset();
    recorder.echo(
        "CreateSecret",
        1,
        400,
        "X-So: it is\r\n",
        "{\"__type\": \"E\", \"Message\": \"no {quoted}\"}",
    );
    assert_eq!(create("d").unwrap()["Message"], "no {\"Name\":\"d\"}");
    recorder.reset_connections("CreateSecret", 1);
    assert_eq!(create("d").unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let requests = recorder.requests();
    assert!(
        requests.len() == 2
            && requests[0].0.starts_with("POST / ")
            && requests[0].1 == b"{\"Name\":\"d\"}"
    );
}

/// A secret behind a recorder, which is called as a program would.
struct Behind {
    account: Account,
    recorder: Recorder,
}

impl Behind {
    fn new(test: &str) -> Self {
        let moto = Moto::shared();
        Self { account: moto.account(test), recorder: Recorder::in_front_of(moto) }
    }

    /// Calls an operation about the secret `app/key`.
    #[track_caller]
    fn call(&self, operation: &str, mut input: Value) -> Value {
        let member = if operation == "CreateSecret" { "Name" } else { "SecretId" };
        if operation != "ListSecrets" {
            input[member] = "app/key".into();
        }
        self.recorder.call(&self.account, operation, &input).unwrap()
    }

    fn create(self) -> Self {
        let tags = json!([{ "Key": "team", "Value": "blue" }]);
        self.call("CreateSecret", json!({ "SecretString": "one", "Tags": tags }));
        self
    }

    fn tag(&self, value: &str) {
        self.call("TagResource", json!({ "Tags": [{ "Key": "team", "Value": value }] }));
    }

    fn described_tag(&self) -> String {
        let found = self.call("DescribeSecret", json!({}));
        found["Tags"][0]["Value"].as_str().unwrap_or("no secret").to_owned()
    }

    /// Returns the tag in the list, or that the list has no such secret.
    fn listed_tag(&self) -> String {
        let input = json!({ "IncludePlannedDeletion": true });
        let list = self.call("ListSecrets", input)["SecretList"].clone();
        list[0]["Tags"][0]["Value"].as_str().unwrap_or("no secret").to_owned()
    }
}

/// Asserts that an answer is this error.
#[track_caller]
fn is_error(answer: &Value, (code, text): AwsError) {
    assert_eq!((&answer["__type"], &answer["Message"]), (&json!(code), &json!(text)));
}

#[test]
fn a_read_is_stale_for_a_number_of_answers_after_each_write() {
    let it = Behind::new("stale").create();
    it.recorder.answer_as_before("TagResource", "DescribeSecret", "app", Lag::Answers(2));
    it.tag("green");
    it.tag("red");
    let tags = [(); 5].map(|()| it.described_tag());
    assert_eq!(tags, ["blue", "blue", "green", "green", "red"]);
    assert_eq!(it.listed_tag(), "red", "another operation");
    let input = json!({ "Description": "another write", "ClientRequestToken": "0".repeat(32) });
    it.call("UpdateSecret", input);
    assert_eq!(it.call("DescribeSecret", json!({}))["Description"], "another write");
}

#[test]
fn a_read_is_stale_for_a_virtual_time() {
    let it = Behind::new("virtual").create();
    it.recorder.answer_as_before("", "DescribeSecret", "", Lag::Time(Duration::from_secs(30)));
    it.tag("green");
    assert_eq!([(); 3].map(|()| it.described_tag()), ["blue"; 3]);
    it.recorder.advance(Duration::from_secs(30));
    assert_eq!(it.described_tag(), "green");
    it.tag("red");
    assert_eq!(it.described_tag(), "green");
    it.recorder.settle();
    assert_eq!(it.described_tag(), "red");
}

#[test]
fn a_value_its_versions_and_a_policy_are_stale_too() {
    let it = Behind::new("stale-value").create();
    it.recorder.answer_as_before("", "", "", Lag::Answers(1));
    it.call("PutSecretValue", json!({ "SecretString": "two" }));
    it.call("PutResourcePolicy", json!({ "ResourcePolicy": "{}" }));
    it.recorder.settle();

    it.call("PutSecretValue", json!({ "SecretString": "three" }));
    it.call("PutResourcePolicy", json!({ "ResourcePolicy": "{ }" }));
    let value = || it.call("GetSecretValue", json!({ "VersionStage": "AWSCURRENT" }));
    // The policy was written after the value: what was there before it has the new value.
    assert_eq!([value(), value()].map(|value| value["SecretString"].clone()), ["two", "three"]);
    let input = json!({ "MaxResults": 100 });
    let versions = || it.call("ListSecretVersionIds", input.clone())["Versions"].clone();
    assert_eq!([versions(), versions()].map(|list| list.as_array().unwrap().len()), [2, 3]);
    let policies = [(); 3].map(|()| it.call("GetResourcePolicy", json!({})));
    assert_eq!(policies.map(|found| found["ResourcePolicy"].clone()), ["{}", "{}", "{ }"]);
}

#[test]
fn a_new_secret_is_not_found_for_a_while() {
    let it = Behind::new("new");
    it.recorder.answer_as_before("CreateSecret", "DescribeSecret", "", Lag::Answers(1));
    it.recorder.answer_as_before("CreateSecret", "ListSecrets", "", Lag::Answers(2));
    it.recorder.refuse_after("CreateSecret", "PutSecretValue", "app", 1, NOT_FOUND);
    let it = it.create();
    is_error(&it.call("DescribeSecret", json!({})), NOT_FOUND);
    assert_eq!(it.described_tag(), "blue");
    assert_eq!([(); 3].map(|()| it.listed_tag()), ["no secret", "no secret", "blue"]);
    is_error(&it.call("PutSecretValue", json!({ "SecretString": "two" })), NOT_FOUND);
    assert_eq!(it.call("PutSecretValue", json!({ "SecretString": "two" }))["Name"], "app/key");

    it.recorder.refuse_after("PutSecretValue", "TagResource", "app", 1, NOT_FOUND);
    it.call("PutSecretValue", json!({ "SecretString": "three" }));
    it.recorder.settle();
    it.tag("green");
    assert_eq!(it.described_tag(), "green");
}

#[test]
fn a_list_lags_with_old_tags_and_with_secrets_that_are_deleted() {
    let it = Behind::new("list").create();
    it.recorder.answer_as_before("", "ListSecrets", "", Lag::Answers(1));
    it.tag("green");
    assert_eq!([it.listed_tag(), it.listed_tag()], ["blue", "green"]);
    it.call("DeleteSecret", json!({ "RecoveryWindowInDays": 7 }));
    let listed = || it.call("ListSecrets", json!({}))["SecretList"].as_array().unwrap().len();
    assert_eq!([listed(), listed()], [1, 0]);
}

#[test]
fn a_deleted_secret_refuses_what_aws_refuses() {
    let it = Behind::new("deleted").create();
    it.call("DeleteSecret", json!({ "RecoveryWindowInDays": 7 }));
    let token = "0123456789abcdef0123456789abcdef";
    for (operation, input) in [
        ("PutSecretValue", json!({ "SecretString": "two" })),
        ("UpdateSecret", json!({ "Description": "two", "ClientRequestToken": token })),
        ("TagResource", json!({ "Tags": [] })),
        ("UntagResource", json!({ "TagKeys": [] })),
        ("PutResourcePolicy", json!({ "ResourcePolicy": "{}" })),
        ("GetResourcePolicy", json!({})),
        ("GetSecretValue", json!({})),
        ("RotateSecret", json!({})),
    ] {
        is_error(&it.call(operation, input), MARKED_FOR_DELETION);
    }
    is_error(&it.call("CreateSecret", json!({ "SecretString": "two" })), SCHEDULED_FOR_DELETION);
    assert_eq!(it.described_tag(), "blue", "its metadata can be read");

    it.recorder.refuse_after("RestoreSecret", "TagResource", "", 1, MARKED_FOR_DELETION);
    it.call("RestoreSecret", json!({}));
    is_error(&it.call("TagResource", json!({ "Tags": [] })), MARKED_FOR_DELETION);
    it.tag("green");
    assert_eq!(it.described_tag(), "green");
}

#[test]
fn the_default_key_is_omitted_and_the_last_access_is_a_day() {
    let it = Behind::new("omitted");
    let key = "arn:aws:kms:eu-central-1:123456789012:alias/aws/secretsmanager";
    it.call("CreateSecret", json!({ "SecretString": "one", "KmsKeyId": key }));
    let other = "arn:aws:kms:eu-central-1:123456789012:key/own";
    assert!(it.call("DescribeSecret", json!({})).get("KmsKeyId").is_none());
    it.call("UpdateSecret", json!({ "KmsKeyId": other, "ClientRequestToken": "0".repeat(32) }));
    assert_eq!(it.call("DescribeSecret", json!({}))["KmsKeyId"], other);
    let versions = it.call("ListSecretVersionIds", json!({}));
    let seconds = versions["Versions"][0]["LastAccessedDate"].as_f64().unwrap();
    assert!(seconds > 0.0 && seconds % 86_400.0 == 0.0, "{seconds}");
}

#[test]
fn pages_are_short_and_their_tokens_expire() {
    let it = Behind::new("pages");
    for name in ["a", "b", "c"] {
        it.recorder.call(&it.account, "CreateSecret", &json!({ "Name": name })).unwrap();
    }
    it.recorder.shorten_pages(2);
    it.recorder.expire_tokens("ListSecrets", 1);
    let first = it.call("ListSecrets", json!({ "MaxResults": 100 }));
    assert_eq!(first["SecretList"].as_array().unwrap().len(), 2);
    let next = || it.call("ListSecrets", json!({ "NextToken": first["NextToken"] }));
    is_error(&next(), INVALID_TOKEN);
    assert_eq!(next()["SecretList"][0]["Name"], "c");
}

#[test]
fn calls_over_the_rate_are_throttled() {
    let it = Behind::new("rate").create();
    it.recorder.limit_rate("DescribeSecret", 2);
    let answers = [(); 3].map(|()| it.call("DescribeSecret", json!({})));
    is_error(&answers[2], THROTTLED);
    assert_eq!(answers[1]["Name"], "app/key");
    assert_eq!(it.listed_tag(), "blue", "another operation");
}

#[test]
fn a_rotation_is_accepted_and_shown_and_stale() {
    let it = Behind::new("rotation").create();
    it.recorder.accept_rotation();
    it.recorder.answer_as_before("RotateSecret", "DescribeSecret", "", Lag::Answers(1));
    let rules = json!({ "AutomaticallyAfterDays": 30 });
    let function = "arn:aws:lambda:eu-central-1:123456789012:function:rotate";
    let input = json!({ "RotationLambdaARN": function, "RotationRules": rules });
    assert_eq!(it.call("RotateSecret", input)["Name"], "app/key");
    assert!(it.call("DescribeSecret", json!({})).get("RotationEnabled").is_none());
    let found = it.call("DescribeSecret", json!({}));
    assert_eq!((&found["RotationEnabled"], &found["RotationRules"]), (&json!(true), &rules));
    it.call("CancelRotateSecret", json!({}));
    assert_eq!(it.call("DescribeSecret", json!({}))["RotationEnabled"], false);
}

/// Tags a secret 20 times, with retries, and returns what happened to each try.
fn unkind_tries(seed: u64) -> Vec<String> {
    let it = Behind::new("unkind").create();
    it.recorder.unkind(seed);
    let mut tries = Vec::new();
    for number in 0..20 {
        let input = json!({ "SecretId": "app/key", "Tags": [
            { "Key": "team", "Value": number.to_string() },
        ] });
        let (mut rejected, mut unanswered) = (0, 0);
        loop {
            match it.recorder.call(&it.account, "TagResource", &input) {
                Ok(answer) => match answer["__type"].as_str() {
                    None => break tries.push("done".to_owned()),
                    Some(code) => {
                        rejected += 1;
                        tries.push(code.to_owned());
                    }
                },
                Err(_) => {
                    unanswered += 1;
                    tries.push("lost".to_owned());
                }
            }
            assert!(rejected < 10 && unanswered < 4, "{tries:?}");
        }
        for _ in 0..2 {
            match it.recorder.call(&it.account, "DescribeSecret", &json!({ "SecretId": "app/key" }))
            {
                Ok(found) => tries.push(found["Tags"][0]["Value"].to_string()),
                Err(_) => tries.push("lost".to_owned()),
            }
        }
    }
    it.recorder.be_kind();
    assert_eq!(it.described_tag(), "19");
    tries
}

#[test]
fn an_unkind_aws_does_the_same_for_the_same_seed_and_lets_every_call_pass_in_the_end() {
    let first = unkind_tries(7);
    assert_eq!(first, unkind_tries(7));
    assert_ne!(first, unkind_tries(8));
    let all = [first, unkind_tries(9), unkind_tries(10)].concat();
    for expected in ["ThrottlingException", "InternalServiceError", "lost", "done"] {
        assert!(all.iter().any(|found| found == expected), "{expected}: {all:?}");
    }
}

#[test]
#[should_panic(expected = "DescribeSecret.Sic: an unknown member")]
fn a_request_that_the_model_does_not_allow_fails_the_test() {
    let it = Behind::new("violation").create();
    it.call("DescribeSecret", json!({ "Sic": true }));
}
