//! `goldenpath value copy`: to another name and to another environment, in both stores.

use serde_json::{Value, json};

use goldenpath_testkit::{
    Account, Aws, Command, Key, Lag, Moto, Outcome, Platform, Repository, request, tags,
};

/// The account of the production role, which no other test uses.
const PROD: &str = "900000000021";

const VALUE: &str = r#"{"username": "app", "password": "c4nary-w0rd"}"#;

const FROM: &str = "goldenpath/payments/dev/old-name";
const TO: &str = "goldenpath/payments/dev/new-name";

fn words(outcome: &Outcome) -> String {
    let said = outcome.said();
    let words = said.split_whitespace().filter(|word| !["│", "×", "help:"].contains(word));
    words.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn says(outcome: &Outcome, text: &str) {
    assert!(words(outcome).contains(text), "`{text}` is not in\n{}", outcome.said());
    assert!(!outcome.said().contains("c4nary"), "{}", outcome.said());
}

fn value(platform: &Platform, arguments: &[&str]) -> Command {
    platform.catalog.goldenpath(&[&["value"], arguments].concat()).stdin(VALUE)
}

/// Writes and commits the manifests of the old and the new name.
fn two_names(platform: &Platform) {
    platform.write("SEC-0001", "old-name").write("SEC-0002", "new-name");
    platform.catalog.commit_all("Two");
}

/// Returns the last event of a secret.
fn last_event(platform: &Platform, id: &str) -> Value {
    let shown = platform.catalog.goldenpath(&["audit", "show", id, "--format", "json"]).run();
    shown.success().json()["events"].as_array().unwrap().last().unwrap().clone()
}

/// Returns the value of a secret in the local store, as a program sees it.
fn held(platform: &Platform, id: &str) -> Vec<String> {
    let shown = value(platform, &["env", id, "--prefix", "V_", "--", "env"]).run().success().stdout;
    let lines = shown.lines().filter_map(|line| line.strip_prefix("V_").map(str::to_owned));
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

#[test]
fn a_value_is_copied_to_the_secret_with_the_new_name_and_recorded_with_its_source() {
    let platform = Platform::local();
    two_names(&platform);
    platform.apply().run().success();
    let copy =
        |more: &[&str]| value(&platform, &[&["copy", "SEC-0001", "SEC-0002"], more].concat());
    says(&copy(&["--yes"]).run().fails_with(1), "SEC-0001 has no value to copy");
    value(&platform, &["set", "SEC-0001", "--yes"]).run().success();
    let done = copy(&["--yes"]).run().success();
    says(&done, "+ username added + password added");
    says(&done, "From SEC-0001 database-credentials, payments in dev");
    says(&done, "To SEC-0002 database-credentials, payments in dev");
    assert_eq!(held(&platform, "SEC-0002"), ["password=c4nary-w0rd", "username=app"]);
    let event = last_event(&platform, "SEC-0002");
    assert_eq!((&event["action"], &event["result"]), (&json!("copy-value"), &json!("done")));
    let reason = event["reason"].as_str().unwrap();
    assert!(reason.starts_with("copied from SEC-0001 in dev (version "), "{reason}");
    assert!(reason.contains("): username, password; version "), "{reason}");
    assert!(!event.to_string().contains("c4nary"), "{event}");
    assert_eq!(last_event(&platform, "SEC-0001")["action"], "set-value");

    // A value that is there stays, unless it is to be replaced.
    let kept = copy(&["--yes"]).run().fails_with(1);
    says(&kept, "SEC-0002 already has a value, which is kept");
    let other = "username=other\npassword=other\nhost=db\n";
    value(&platform, &["set", "SEC-0002", "--yes"]).stdin(other).run().success();
    copy(&["--yes", "--replace"]).run().success();
    assert_eq!(held(&platform, "SEC-0002"), ["password=c4nary-w0rd", "username=app"]);
    value(&platform, &["rotate", "SEC-0002", "--rollback", "--yes"]).run().success();
    assert_eq!(held(&platform, "SEC-0002"), ["host=db", "password=other", "username=other"]);
}

#[test]
fn a_copy_is_asked_for_and_needs_yes_without_a_terminal() {
    let platform = Platform::local();
    two_names(&platform);
    platform.apply().run().success();
    value(&platform, &["set", "SEC-0001", "--yes"]).run().success();
    says(&value(&platform, &["copy", "SEC-0001", "SEC-0002"]).run().fails_with(2), "give --yes");
    for (answer, code) in [("n", 1), ("y", 0)] {
        let mut terminal = value(&platform, &["copy", "SEC-0001", "SEC-0002"]).in_terminal(80, 24);
        terminal.wait_for("Write this value of SEC-0002 in dev?").send(answer).key(Key::Enter);
        assert_eq!(terminal.wait(), code);
        assert!(!String::from_utf8_lossy(&terminal.raw()).contains("c4nary"));
    }
    assert_eq!(held(&platform, "SEC-0002").len(), 2);
}

#[test]
fn secrets_that_do_not_fit_together_are_refused_before_any_call() {
    let aws = Aws::new("copy-misfits");
    let platform = &aws.platform;
    platform.write("SEC-0001", "old-name");
    let write = |id: &str, changes: &[(&str, &str)]| {
        let text = changes.iter().fold(request(id, &id.to_lowercase()), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        platform.catalog.write(format!("catalogs/secrets/payments/dev/{id}.yaml"), &text);
    };
    write("SEC-0002", &[("secretType: database-credentials", "secretType: api-key")]);
    write("SEC-0003", &[("  access:\n", "  value: { format: text }\n  access:\n")]);
    write(
        "SEC-0004",
        &[("owner: team-payments", "owner: app-team"), ("tier: medium", "tier: low")],
    );
    write("SEC-0005", &[("status: active", "status: decommission_requested")]);
    platform.catalog.commit_all("Misfits");
    let copy =
        |from: &str, to: &str| aws.reach(value(platform, &["copy", from, to, "--yes"])).run();
    says(
        &copy("SEC-0001", "SEC-0002").fails_with(1),
        "SEC-0001 is of type `database-credentials`, and SEC-0002 of type `api-key`",
    );
    says(
        &copy("SEC-0001", "SEC-0003").fails_with(1),
        "the value of SEC-0001 is a JSON object, and that of SEC-0003 is a text under the key",
    );
    says(
        &copy("SEC-0001", "SEC-0004").fails_with(2),
        "the copy from SEC-0001 to SEC-0004 needs a reason: the value gets another owner \
         (team-payments → app-team) and another risk tier (medium → low) give --reason TEXT",
    );
    says(&copy("SEC-0001", "SEC-0001").fails_with(2), "SEC-0001 is given twice");
    says(&copy("SEC-0005", "SEC-0001").fails_with(1), "must not be used any more");
    says(&copy("SEC-0001", "SEC-0009").fails_with(2), "SEC-0009");
    assert_eq!(aws.recorder.operations(), [""; 0]);
    // One that is not applied yet.
    platform.write("SEC-0006", "new-name").catalog.commit_all("Another one");
    aws.apply_with(&["--id", "SEC-0001"]).success();
    aws.recorder.reset();
    let early = copy("SEC-0001", "SEC-0006").fails_with(1);
    says(&early, "the secret `goldenpath/payments/dev/new-name` does not exist yet");
    says(&early, "run `goldenpath apply`");
    assert!(aws.recorder.bodies("GetSecretValue").is_empty());
}

#[test]
fn a_copy_goes_nowhere_else_than_the_default_branch_says() {
    let aws = Aws::new("copy-destination");
    two_names(&aws.platform);
    aws.apply().success();
    let catalog = &aws.platform.catalog;
    aws.reach(value(&aws.platform, &["set", "SEC-0001", "--yes"])).run().success();
    let server = Repository::bare();
    catalog.git(&["remote", "add", "origin", server.path().to_str().unwrap()]);
    catalog.git(&["push", "--quiet", "origin", "main"]);
    catalog.git(&["remote", "set-head", "origin", "main"]);
    let other = request("SEC-0002", "new-name").replace("service: payments ", "service: search ");
    catalog.write("catalogs/secrets/payments/dev/SEC-0002.yaml", &other);
    catalog.write("catalogs/secrets/payments/dev/SEC-0003.yaml", &request("SEC-0003", "third"));
    aws.recorder.reset();
    for (to, words) in [
        ("SEC-0002", "the value of SEC-0002 has another destination in the work tree than in"),
        ("SEC-0003", "SEC-0003 is not merged yet"),
    ] {
        let arguments = ["copy", "SEC-0001", to, "--yes", "--reason", "a test of the branch"];
        says(&aws.reach(value(&aws.platform, &arguments)).run().fails_with(1), words);
    }
    assert_eq!(aws.recorder.operations(), [""; 0]);
}

/// Returns a platform with a secret in dev and its copy in prod, in an account of its own.
fn two_environments(test: &str, prod: &str) -> Aws {
    let aws = Aws::new(test);
    let catalog = &aws.platform.catalog;
    let config = catalog.read("goldenpath.yaml");
    catalog.write("goldenpath.yaml", &format!("{config}environments:\n  prod:\n{prod}"));
    for (id, environment) in [("SEC-0001", "dev"), ("SEC-0002", "prod")] {
        let from = "environment: dev ";
        let text = request(id, "vendor").replace(from, &format!("environment: {environment} "));
        catalog.write(format!("catalogs/secrets/payments/{environment}/{id}.yaml"), &text);
    }
    catalog.commit_all("Two");
    aws
}

fn role(account: &str) -> String {
    format!("    region: eu-west-2\n    roleArn: arn:aws:iam::{account}:role/goldenpath-value\n")
}

#[test]
fn a_value_is_copied_to_another_account_and_region_through_the_role_of_each() {
    let aws = two_environments("copy-prod", &role(PROD));
    aws.apply().success();
    aws.reach(value(&aws.platform, &["set", "SEC-0001", "--yes"])).run().success();
    aws.recorder.reset();
    let copy = |more: &[&str]| {
        let arguments = [&["copy", "SEC-0001", "SEC-0002", "--yes"], more].concat();
        aws.reach(value(&aws.platform, &arguments)).run()
    };
    let refused = copy(&[]).fails_with(2);
    says(&refused, "needs a reason: the value gets another environment (dev → prod)");
    assert_eq!(aws.recorder.operations(), [""; 0]);
    let done = copy(&["--reason", "the vendor has one account"]).success();
    says(&done, "eu-west-2");
    assert_eq!(aws.recorder.bodies("GetSecretValue").len(), 1, "only the source is read");
    assert_eq!(aws.recorder.bodies("PutSecretValue").len(), 1);

    let moto = Moto::shared();
    let prod = Account { region: "eu-west-2".to_owned(), ..moto.account_of(PROD) };
    let key = json!({ "SecretId": "goldenpath/payments/prod/vendor" });
    let copied = moto.call(&prod, "GetSecretValue", key.clone()).unwrap();
    let copied: Value = serde_json::from_str(copied["SecretString"].as_str().unwrap()).unwrap();
    assert_eq!(copied, serde_json::from_str::<Value>(VALUE).unwrap());
    // Its rotation counts from the date of the value, not of the copy.
    let source = aws.describe("goldenpath/payments/dev/vendor");
    let target = moto.call(&prod, "DescribeSecret", key).unwrap();
    let since = "goldenpath.io/value-since";
    assert_eq!(tags(&source)[since], tags(&target)[since]);
    let event = last_event(&aws.platform, "SEC-0002");
    assert_eq!(event["secret"]["account"], PROD);
    assert_eq!(event["secret"]["region"], "eu-west-2");
    let reason = event["reason"].as_str().unwrap();
    assert!(reason.ends_with("; the vendor has one account"), "{reason}");
    assert!(reason.starts_with("copied from SEC-0001 in dev (version "), "{reason}");
}

#[test]
fn credentials_of_another_account_stop_a_copy_before_the_value_is_read() {
    let aws = two_environments("copy-identity", "    accountId: \"210987654321\"\n");
    let arguments =
        ["copy", "SEC-0001", "SEC-0002", "--yes", "--reason", "the vendor has one account"];
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let plain = config.split("environments:").next().unwrap();
    aws.platform.catalog.write("goldenpath.yaml", plain).commit_all("One account");
    aws.apply().success();
    aws.reach(value(&aws.platform, &["set", "SEC-0001", "--yes"])).run().success();
    aws.platform.catalog.write("goldenpath.yaml", &config).commit_all("Another account");
    aws.recorder.reset();
    let refused = aws.reach(value(&aws.platform, &arguments)).run().fails_with(1);
    says(&refused, "goldenpath.yaml expects 210987654321");
    assert!(aws.recorder.bodies("GetSecretValue").is_empty());
    assert!(aws.recorder.bodies("PutSecretValue").is_empty());
}

#[test]
fn a_copy_that_stays_unconfirmed_is_named_and_recorded_as_unknown() {
    let aws = Aws::new("copy-unconfirmed");
    two_names(&aws.platform);
    aws.apply().success();
    for id in ["SEC-0001", "SEC-0002"] {
        aws.reach(value(&aws.platform, &["generate", id, "--yes"])).run().success();
    }
    let lag = Lag::Answers(usize::MAX);
    aws.recorder.answer_as_before("PutSecretValue", "DescribeSecret", "", lag);
    let arguments = ["copy", "SEC-0001", "SEC-0002", "--yes", "--replace"];
    let outcome = aws.reach(value(&aws.platform, &arguments));
    let outcome = outcome.env("GOLDENPATH_CONSISTENCY_LIMIT", "3").run().fails_with(1);
    aws.recorder.settle();
    says(&outcome, "not confirmed");
    let event = last_event(&aws.platform, "SEC-0002");
    assert_eq!((&event["action"], &event["result"]), (&json!("copy-value"), &json!("interrupted")));
}

#[test]
fn a_concurrent_value_is_not_overwritten_by_a_copy() {
    let aws = Aws::new("copy-concurrent");
    two_names(&aws.platform);
    aws.apply().success();
    aws.reach(value(&aws.platform, &["set", "SEC-0001", "--yes"])).run().success();
    let command = aws.reach(value(&aws.platform, &["copy", "SEC-0001", "SEC-0002"]));
    let mut terminal = command.in_terminal(100, 30);
    terminal.wait_for("Write this value of SEC-0002 in dev?");
    aws.call("PutSecretValue", json!({ "SecretId": TO, "SecretString": "other" }));
    terminal.send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 1);
    assert!(terminal.screen().contains("changed concurrently"), "{}", terminal.screen());
    let current = aws.call("GetSecretValue", json!({ "SecretId": TO }));
    assert_eq!(current["SecretString"], "other");
}

#[test]
fn a_value_that_is_not_an_object_is_copied_between_texts_alone() {
    let aws = Aws::new("copy-text");
    two_names(&aws.platform);
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": FROM, "SecretString": "c4nary\ntext" }));
    let copy = || aws.reach(value(&aws.platform, &["copy", "SEC-0001", "SEC-0002", "--yes"])).run();
    let refused = copy().fails_with(1);
    says(&refused, "cannot copy the value of SEC-0001: it is not a JSON object");
    says(&refused, "run `goldenpath value status SEC-0001 --keys`");
    for (id, name) in [("SEC-0001", "old-name"), ("SEC-0002", "new-name")] {
        let access = "  access:\n";
        let text =
            request(id, name).replace(access, &format!("  value: {{ format: text }}\n{access}"));
        aws.platform.catalog.write(format!("catalogs/secrets/payments/dev/{id}.yaml"), &text);
    }
    aws.platform.catalog.commit_all("Texts");
    says(&copy().success(), "+ value added");
    let copied = aws.call("GetSecretValue", json!({ "SecretId": TO }));
    assert_eq!(copied["SecretString"], "c4nary\ntext");
}
