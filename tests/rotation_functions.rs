//! Rotation by Lambda functions: when it is configured and canceled, and by which functions.

use serde_json::{Value, json};

use goldenpath_testkit::{Aws, KEY, Outcome, Platform};

struct Rotated {
    aws: Aws,
    function: String,
}

impl Rotated {
    /// Returns a platform with the seed's manifest, and a function for its type.
    fn new(test: &str) -> Self {
        let aws = Aws::new(test);
        let function = function_in(&aws.account.region, &aws.account.id);
        let new = Self { aws, function };
        new.configure(&new.function);
        new.aws.platform.seed();
        new
    }

    fn configure(&self, function: &str) {
        let catalog = &self.aws.platform.catalog;
        let config = catalog.read("goldenpath.yaml");
        let config = config.split("rotation:").next().unwrap();
        let rotation = format!("rotation:\n  functions:\n    database-credentials: {function}\n");
        catalog.write("goldenpath.yaml", &format!("{config}{rotation}")).commit_all("Rotate");
    }

    fn set_value(&self) {
        let value = json!({ "SecretId": KEY, "SecretString": "{\"a\":\"b\"}" });
        self.aws.call("PutSecretValue", value);
    }

    /// Lets AWS report the secret as rotated by `function`, as moto does not without a function.
    fn report(&self, function: &str, days: u16) {
        let mut rotated = self.aws.describe(KEY);
        rotated["RotationEnabled"] = true.into();
        rotated["RotationLambdaARN"] = function.into();
        rotated["RotationRules"] = json!({ "AutomaticallyAfterDays": days });
        self.aws.recorder.forget_faults();
        self.aws.recorder.answer("ListSecrets", usize::MAX, &json!({ "SecretList": [rotated] }));
        self.aws.recorder.answer("DescribeSecret", usize::MAX, &rotated);
    }
}

fn function_in(region: &str, account: &str) -> String {
    format!("arn:aws:lambda:{region}:{account}:function:rotate-database")
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
fn a_rotation_is_manual_without_a_function() {
    let aws = Aws::new("rotation-manual");
    aws.platform.seed();
    assert_eq!(aws.plan().json()["manualRotation"], json!({ "database-credentials": 1 }));
    let shown = aws.reach(aws.platform.plan(&[])).run().success().stdout;
    assert_eq!(
        shown.matches("Rotation is manual for database-credentials (1 secret)").count(),
        1,
        "{shown}"
    );
}

#[test]
fn a_rotation_waits_for_the_value_and_the_first_run_after_it_configures_it() {
    let Rotated { aws, function } = &Rotated::new("rotation-waits");
    let plan = aws.plan();
    assert_eq!(plan.json()["manualRotation"], json!({}));
    assert_eq!(names(&plan), ["create-secret", "write-projection"]);
    assert_eq!(plan.json()["awaitingValue"][0]["rotationHeldBack"], true);
    let shown = aws.reach(aws.platform.plan(&[])).run().success().stdout;
    assert!(shown.contains("its rotation is configured by the first run after"), "{shown}");
    aws.apply().success();
    assert_eq!(aws.writes(), ["CreateSecret"]);
    assert_eq!(names(&aws.plan()), [""; 0]);

    let value = json!({ "SecretId": KEY, "SecretString": "{\"a\":\"b\"}" });
    aws.call("PutSecretValue", value);
    assert_eq!(names(&aws.plan()), ["configure-rotation"]);
    // Moto knows no functions, so the test checks the request.
    aws.recorder.answer("RotateSecret", usize::MAX, &json!({}));
    aws.recorder.reset();
    aws.apply().success();
    let asked = aws.recorder.bodies("RotateSecret").pop().unwrap();
    assert_eq!(aws.writes(), ["RotateSecret"]);
    assert_eq!(asked["RotateImmediately"], false);
    assert_eq!(asked["RotationLambdaARN"], *function);
    assert_eq!(asked["RotationRules"], json!({ "AutomaticallyAfterDays": 90 }));
}

#[test]
fn another_interval_is_a_change_and_the_same_is_none() {
    let rotated = Rotated::new("rotation-interval");
    rotated.aws.apply().success();
    rotated.set_value();
    rotated.report(&rotated.function, 90);
    assert_eq!(names(&rotated.aws.plan()), [""; 0]);
    rotated.report(&rotated.function, 30);
    let said = reason(&rotated.aws.plan(), "configure-rotation");
    assert!(said.contains("rotated every 30 days"), "{said}");
    assert!(said.contains("every 90 days by"), "{said}");
}

#[test]
fn all_tries_of_a_rotation_have_one_request_token() {
    let rotated = Rotated::new("rotation-token");
    let aws = &rotated.aws;
    aws.apply().success();
    rotated.set_value();
    aws.recorder.refuse("RotateSecret", KEY, 2, "ThrottlingException", "Rate exceeded");
    aws.recorder.answer("RotateSecret", usize::MAX, &json!({}));
    aws.apply().success();
    let tokens: Vec<Value> = aws
        .recorder
        .bodies("RotateSecret")
        .iter()
        .map(|body| body["ClientRequestToken"].clone())
        .collect();
    assert!(tokens.len() >= 2 && tokens[0].as_str().is_some_and(|token| token.len() == 36));
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
}

#[test]
fn a_class_without_an_interval_cancels_a_rotation_of_ours_and_no_other() {
    let rotated = Rotated::new("rotation-none");
    let aws = &rotated.aws;
    aws.apply().success();
    rotated.set_value();
    aws.platform.seed_changed("rotationClass: standard", "rotationClass: none");
    rotated.report(&rotated.function, 90);
    let said = reason(&aws.plan(), "cancel-rotation");
    assert!(said.contains("rotated every 90 days by"), "{said}");
    assert!(said.ends_with("but the class `none` has no interval"), "{said}");
    aws.recorder.answer("CancelRotateSecret", 1, &json!({}));
    aws.writes();
    aws.apply().success();
    assert_eq!(aws.writes(), ["CancelRotateSecret"]);

    rotated.report(&rotated.function.replace("rotate-database", "theirs"), 90);
    assert_eq!(names(&aws.plan()), [""; 0]);
}

#[test]
fn a_request_to_decommission_cancels_the_rotation() {
    let rotated = Rotated::new("rotation-end");
    let aws = &rotated.aws;
    aws.apply().success();
    rotated.set_value();
    for status in ["deprecated", "decommission_requested"] {
        aws.platform.seed_changed("status: active", &format!("status: {status}"));
        rotated.report(&rotated.function, 90);
        let said = reason(&aws.plan(), "cancel-rotation");
        if status == "deprecated" {
            assert_eq!(said, "");
        } else {
            assert!(said.ends_with("but the manifest is decommission_requested"), "{said}");
        }
    }
}

#[test]
fn a_function_in_another_place_is_blocked_by_the_secret_s_own_arn() {
    let rotated = Rotated::new("rotation-elsewhere");
    let aws = &rotated.aws;
    aws.apply().success();
    rotated.set_value();
    let (region, account) = (aws.account.region.as_str(), aws.account.id.as_str());
    for (region, account, said) in [
        ("eu-west-2", account, "it is in the region eu-west-2, but the secret is in eu-central-1"),
        (region, "123456789012", "it is in the account 123456789012, but the secret is in"),
    ] {
        rotated.configure(&function_in(region, account));
        let plan = aws.plan();
        assert_eq!(names(&plan), ["blocked"]);
        assert!(reason(&plan, "blocked").contains(said), "{}", reason(&plan, "blocked"));
    }
    aws.writes();
    aws.apply().fails_with(1);
    assert_eq!(aws.writes(), [""; 0]);
    // The configuration alone says it, where it names the region.
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let config = config.replacen("backend: aws", "backend: aws\n  region: eu-west-2", 1);
    aws.platform.catalog.write("goldenpath.yaml", &config).commit_all("Region");
    let outcome = aws.platform.catalog.goldenpath(&["validate"]).run().fails_with(1);
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(said.contains("GP210"), "{said}");
}

#[test]
fn a_rotation_that_cannot_be_configured_fails_and_the_secret_stays_readable() {
    let rotated = Rotated::new("rotation-refused");
    let aws = &rotated.aws;
    aws.apply().success();
    rotated.set_value();
    let gone = "Secrets Manager cannot find the function";
    let invoke = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the \
                  function policy grants access to the principal secretsmanager.amazonaws.com.";
    for (code, message, said) in [
        ("ResourceNotFoundException", gone, "the function in `rotation.functions` exist"),
        ("AccessDeniedException", gone, "`lambda:InvokeFunction`"),
        ("AccessDeniedException", invoke, "aws lambda add-permission --region eu-central-1"),
    ] {
        aws.recorder.refuse("RotateSecret", KEY, 1, code, message);
        let outcome = aws.apply().fails_with(1);
        let words = words(&outcome);
        assert!(words.contains("configure-rotation") && words.contains(message), "{words}");
        assert!(words.contains(said), "{words}");
        assert!(aws.platform.seed_projection().contains(KEY));
    }
    assert_eq!(Platform::actions(&aws.plan()).len(), 1);
}
