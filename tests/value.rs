//! `goldenpath value`: sets, generates, rotates and rolls back a value, in both stores. The tests
//! read the result without goldenpath where they can.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use goldenpath_testkit::{
    Aws, Command, HoldPoint, KEY, Key, Outcome, Platform, SEED, SEED_PATH, Terminal, tags,
};

const WHOLE: &str = r#"{"username": "app", "password": "pa\"ss", "port": 5432}"#;

/// Returns a platform on the local store with one created secret, the seed's.
fn local() -> Platform {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    platform
}

/// Returns the same on AWS.
fn aws(test: &str) -> Aws {
    let aws = Aws::new(test);
    aws.platform.seed();
    aws.apply().success();
    aws.recorder.reset();
    aws
}

fn value(platform: &Platform, arguments: &[&str]) -> Command {
    platform.catalog.goldenpath(&[&["value"], arguments].concat())
}

/// Sets a value from stdin.
fn set(platform: &Platform, given: &str, arguments: &[&str]) -> Command {
    value(platform, &[&["set", "SEC-0007", "--yes"], arguments].concat()).stdin(given)
}

/// Returns the value in the local store, as a program reads it.
fn held(platform: &Platform) -> Vec<String> {
    let shown =
        value(platform, &["env", "SEC-0007", "--prefix", "V_", "--", "env"]).run().success().stdout;
    let mut lines: Vec<String> =
        shown.lines().filter_map(|line| line.strip_prefix("V_").map(str::to_owned)).collect();
    lines.sort();
    lines
}

/// Returns a value of the secret on AWS.
trait AwsValues {
    fn set(&self, given: &str, arguments: &[&str]) -> Command;
    fn value(&self, arguments: &[&str]) -> Command;
    fn current(&self) -> Value;
    /// Returns the labels of each version, sorted.
    fn labels(&self) -> Vec<Vec<String>>;
}

impl AwsValues for Aws {
    fn set(&self, given: &str, arguments: &[&str]) -> Command {
        self.reach(set(&self.platform, given, arguments))
    }

    fn value(&self, arguments: &[&str]) -> Command {
        self.reach(value(&self.platform, arguments))
    }

    fn current(&self) -> Value {
        let found =
            self.call("GetSecretValue", json!({ "SecretId": KEY, "VersionStage": "AWSCURRENT" }));
        serde_json::from_str(found["SecretString"].as_str().unwrap()).unwrap()
    }

    fn labels(&self) -> Vec<Vec<String>> {
        let found = self.describe(KEY);
        let none = serde_json::Map::new();
        let versions = found["VersionIdsToStages"].as_object().unwrap_or(&none);
        let mut labels: Vec<Vec<String>> = versions
            .values()
            .map(|labels| {
                labels
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|label| label.as_str().unwrap().to_owned())
                    .collect()
            })
            .filter(|labels: &Vec<String>| !labels.is_empty())
            .collect();
        labels.sort();
        labels
    }
}

#[track_caller]
fn says(outcome: &Outcome, words: &str) {
    let all = format!("{}{}", outcome.stdout, outcome.stderr);
    let all = all.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    assert!(all.contains(words), "`{words}` is not said in\n{all}");
}

#[test]
fn a_value_is_put_in_merged_and_replaced_and_only_its_keys_are_named() {
    let platform = local();
    let first = set(&platform, WHOLE, &[]).run().success();
    assert!(
        first.stdout.contains("+  username  added\n+  password  added\n+  port      added\n"),
        "{}",
        first.stdout
    );
    assert_eq!(held(&platform), ["password=pa\"ss", "port=5432", "username=app"]);

    let merged =
        set(&platform, "# a comment\nexport password='new $one'\nhost=db\n", &[]).run().success();
    let expected =
        "   username  kept\n~  password  changed\n   port      kept\n+  host      added\n";
    assert!(merged.stdout.contains(expected), "{}", merged.stdout);
    assert_eq!(held(&platform), ["host=db", "password=new $one", "port=5432", "username=app"]);

    let same = set(&platform, "host=db", &[]).run().success();
    says(&same, "No changes: SEC-0007 already has this value.");

    let replaced =
        set(&platform, r#"{"username":"u","password":"p"}"#, &["--replace"]).run().success();
    assert!(
        replaced.stdout.contains("~  username  written\n~  password  written\n"),
        "{}",
        replaced.stdout
    );
    assert_eq!(held(&platform), ["password=p", "username=u"]);

    for outcome in [first, merged, same, replaced] {
        for text in ["app", "pa\"ss", "5432", "new $one", "=db"] {
            assert!(
                !outcome.stdout.contains(text) && !outcome.stderr.contains(&format!(" {text} ")),
                "{text}"
            );
        }
    }
}

#[test]
fn a_value_that_does_not_fit_the_type_is_rejected_and_nothing_is_written() {
    let platform = local();
    let large = format!("username=u\npassword={}", "x".repeat(65_536));
    let huge = "x".repeat(1024 * 1024 + 1);
    for (given, words) in [
        ("usernmae=u\npassword=p", "did you mean `username`?"),
        (
            "username=u",
            "the value lacks `password`, which a value of type `database-credentials` needs",
        ),
        ("username=u\npassword=''", "the text of `password` is empty"),
        (
            "username=u\npassword=",
            "cannot parse line 2 of the value: there is nothing after the `=`",
        ),
        ("", "no key is given"),
        ("username=u\nusername=v", "`username` is given twice"),
        ("{\"username\": [1]}", "there is a list under `username`"),
        ("{\"username\": \"u\"", "line 1"),
        ("user name=u", "cannot be a key"),
        ("just text", "cannot parse line 1 of the value"),
        (&large, "more than the 65536 that a secret can hold"),
        (&huge, "standard input has more than 1048576 bytes"),
    ] {
        let refused = set(&platform, given, &[]).run().fails_with(1);
        says(&refused, words);
    }
    says(&value(&platform, &["status"]).run().success(), "awaiting a value");
    let trail = platform.catalog.trail("SEC-0007");
    assert!(!trail.contains("set-value"), "{trail}");
}

#[test]
fn a_secret_that_is_not_ours_to_fill_is_refused_with_the_way_out() {
    let platform = Platform::local();
    platform.seed();
    says(
        &set(&platform, WHOLE, &[]).run().fails_with(1),
        "run `goldenpath apply` after the manifest",
    );
    says(
        &value(&platform, &["set", "SEC-0070", "--yes"]).stdin(WHOLE).run().fails_with(2),
        "SEC-0007",
    );

    platform.apply().run().success();
    let asked = SEED.replace("status: active", "status: decommission_requested");
    platform.catalog.write(SEED_PATH, &asked);
    says(
        &set(&platform, WHOLE, &[]).run().fails_with(1),
        "`goldenpath lifecycle set SEC-0007 deprecated`",
    );
    platform.catalog.write(SEED_PATH, &asked.replace("decommission_requested", "deprecated"));
    set(&platform, WHOLE, &[]).run().success();
    platform.catalog.write(SEED_PATH, SEED);

    let aws = Aws::new("not-ours");
    aws.platform.seed();
    aws.call("CreateSecret", json!({ "Name": KEY }));
    let refused = aws.set(WHOLE, &[]).run().fails_with(1);
    says(&refused, "goldenpath did not create it");
    assert_eq!(
        aws.describe(KEY).get("VersionIdsToStages").cloned().unwrap_or(json!({})),
        json!({})
    );
    aws.call("DeleteSecret", json!({ "SecretId": KEY, "ForceDeleteWithoutRecovery": true }));

    aws.apply().success();
    aws.call("DeleteSecret", json!({ "SecretId": KEY }));
    says(&aws.set(WHOLE, &[]).run().fails_with(1), "marked for deletion");
}

#[test]
fn without_a_terminal_nothing_is_asked_and_nothing_is_written() {
    let platform = local();
    let refused = value(&platform, &["set", "SEC-0007"]).stdin(WHOLE).run().fails_with(2);
    says(&refused, "--yes");
    for command in ["generate", "rotate"] {
        says(&value(&platform, &[command, "SEC-0007"]).run().fails_with(2), "--yes");
    }
    says(&value(&platform, &["status"]).run().success(), "awaiting a value");
}

#[test]
fn keys_come_from_files_and_also_from_stdin_on_request() {
    let platform = Platform::local();
    platform.seed_changed("database-credentials", "tls-private-key");
    platform.apply().run().success();
    let folder = platform.catalog.home();
    fs::write(folder.join("server.key"), "-----BEGIN KEY-----\nabc\n-----END KEY-----\n").unwrap();
    let key = format!("tls.key={}", folder.join("server.key").display());
    let lacking = value(&platform, &["set", "SEC-0007", "--yes", "--from-file", &key])
        .stdin("tls.crt=c")
        .run()
        .fails_with(1);
    says(&lacking, "the value lacks `tls.crt`");
    let both = ["set", "SEC-0007", "--yes", "--from-file", &key, "--stdin"];
    value(&platform, &both).stdin("tls.crt=c").run().success();
    let shown = value(&platform, &["status", "--keys", "--format", "json"]).run().success().json();
    assert_eq!(shown["secrets"][0]["keys"], json!(["tls.crt", "tls.key"]));

    for (argument, code, words) in [
        ("tls.kye=x", 1, "did you mean `tls.key`?"),
        ("tls.key", 2, "give KEY=PATH"),
        ("tls.key=/nowhere/at all", 1, "cannot read `/nowhere/at all`"),
        ("tls.key=/", 2, "`/` is a folder"),
    ] {
        let refused = value(&platform, &["set", "SEC-0007", "--yes", "--from-file", argument])
            .run()
            .fails_with(code);
        says(&refused, words);
    }
    fs::write(folder.join("binary"), [b'a', 0xff]).unwrap();
    let binary = format!("tls.key={}", folder.join("binary").display());
    let refused =
        value(&platform, &["set", "SEC-0007", "--yes", "--from-file", &binary]).run().fails_with(1);
    says(&refused, "is not UTF-8: byte 2 is not valid");
}

#[test]
fn one_put_makes_one_version_under_its_token() {
    let aws = aws("one-put");
    aws.set(WHOLE, &[]).run().success();
    assert_eq!(aws.current(), json!({ "username": "app", "password": "pa\"ss", "port": "5432" }));
    let puts = aws.recorder.bodies("PutSecretValue");
    assert_eq!(puts.len(), 1);
    let token = puts[0]["ClientRequestToken"].as_str().unwrap().to_owned();
    assert!(
        aws.describe(KEY)["VersionIdsToStages"][&token]
            .as_array()
            .unwrap()
            .contains(&json!("AWSCURRENT"))
    );

    aws.set("password=second", &[]).run().success();
    assert_eq!(aws.recorder.bodies("PutSecretValue").len(), 2);
    assert_eq!(aws.current()["password"], "second");
    assert_eq!(aws.labels(), [["AWSCURRENT"], ["AWSPREVIOUS"]]);
    let plan = aws.plan().json();
    assert_eq!(plan["actions"], json!([]), "a value is not a difference");
}

#[test]
fn a_concurrent_change_is_not_overwritten() {
    for has_one in [false, true] {
        let aws = aws(if has_one { "race" } else { "race-for-the-first" });
        if has_one {
            aws.set(WHOLE, &[]).run().success();
        }
        let gate = aws.recorder.hold("PutSecretValue", "", 1, HoldPoint::BeforeRequest);
        let mine = aws.platform.catalog.home().join("mine");
        fs::write(&mine, "mine").unwrap();
        let file = |key: &str| format!("{key}={}", mine.display());
        let given = ["--from-file", &file("username"), "--from-file", &file("password")];
        let running = aws.value(&[&["set", "SEC-0007", "--yes"], &given[..]].concat()).start();
        assert!(gate.is_reached_by(1));
        let theirs = json!({ "username": "theirs", "password": "theirs" });
        aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": theirs.to_string() }));
        gate.open();
        let refused = running.wait().fails_with(1);
        says(&refused, "was changed concurrently");
        assert_eq!(aws.current(), theirs);
        assert_eq!(aws.recorder.bodies("PutSecretValue").len(), if has_one { 2 } else { 1 });
    }
}

#[test]
fn a_lost_answer_and_a_call_that_is_refused_for_now_change_nothing() {
    for operation in ["PutSecretValue", "TagResource", "GetSecretValue", "DescribeSecret"] {
        let aws = aws(&format!("lost-{operation}"));
        aws.set(WHOLE, &[]).run().success();
        aws.recorder.lose_answers(operation, "", 1);
        aws.recorder.refuse(operation, "", 1, "ThrottlingException", "Rate exceeded");
        aws.set("password=second", &[]).run().success();
        assert_eq!(aws.current()["password"], "second", "{operation}");
        assert_eq!(aws.labels(), [["AWSCURRENT"], ["AWSPREVIOUS"]], "{operation}");
    }
    let aws = aws("lost-rollback");
    aws.set(WHOLE, &[]).run().success();
    aws.set("password=second", &[]).run().success();
    aws.recorder.lose_answers("UpdateSecretVersionStage", "", 1);
    aws.value(&["rotate", "SEC-0007", "--rollback", "--yes"]).run().success();
    assert_eq!(aws.current()["password"], "pa\"ss");
}

#[test]
fn a_write_whose_result_is_unknown_is_recorded_as_interrupted() {
    let aws = aws("unanswered");
    aws.set(WHOLE, &[]).run().success();
    aws.recorder.lose_answers("PutSecretValue", "", usize::MAX);
    aws.set("password=second", &[]).run().fails_with(1);
    assert_eq!(aws.current()["password"], "second", "it came through");
    aws.recorder.forget_faults();
    aws.set("password=third", &[]).run().success();
    let trail = aws.platform.catalog.trail("SEC-0007");
    let results: Vec<&str> = trail
        .lines()
        .filter(|line| line.contains("\"action\":\"set-value\""))
        .map(|line| if line.contains("\"interrupted\"") { "interrupted" } else { "done" })
        .collect();
    assert_eq!(results, ["done", "interrupted", "done"], "{trail}");
}

#[test]
fn a_permission_that_is_missing_is_named() {
    for (operation, arguments) in
        [("GetSecretValue", &["--yes"][..]), ("PutSecretValue", &["--yes", "--replace"])]
    {
        let aws = aws(&format!("denied-{operation}"));
        aws.recorder.refuse(operation, "", 9, "AccessDeniedException", "not authorized");
        let refused =
            aws.value(&[&["set", "SEC-0007"], arguments].concat()).stdin(WHOLE).run().fails_with(1);
        says(&refused, &format!("grant `secretsmanager:{operation}`"));
        assert_eq!(aws.labels(), Vec::<Vec<String>>::new());
    }
    // Without the tag, the value is set anyway.
    let aws = aws("denied-tag");
    aws.recorder.refuse("TagResource", "", 9, "AccessDeniedException", "not authorized");
    says(&aws.set(WHOLE, &[]).run().success(), "cannot tag the secret with the time of its value");
    assert_eq!(aws.current()["username"], "app");
}

#[test]
fn a_value_is_made_by_its_types_recipes_and_what_there_is_stays() {
    let aws = aws("generate");
    aws.value(&["generate", "SEC-0007", "--yes"]).run().success();
    let first = aws.current();
    let letters = |key: &str| first[key].as_str().unwrap().to_owned();
    assert!(
        letters("username").len() == 16
            && letters("username").bytes().all(|one| one.is_ascii_lowercase())
    );
    assert!(
        letters("password").len() == 32
            && letters("password").bytes().all(|one| one.is_ascii_alphanumeric())
    );
    assert_eq!(first.as_object().unwrap().len(), 2);
    assert!(aws.recorder.bodies("GetRandomPassword").is_empty());

    says(
        &aws.value(&["generate", "SEC-0007", "--yes"]).run().success(),
        "No changes: SEC-0007 has all keys",
    );
    let refused =
        aws.value(&["generate", "SEC-0007", "--yes", "--key", "password"]).run().fails_with(1);
    says(&refused, "`goldenpath value rotate SEC-0007 --key password`");
    says(
        &aws.value(&["generate", "SEC-0007", "--yes", "--key", "host"]).run().fails_with(1),
        "cannot generate `host`: the type `database-credentials` has no recipe for it",
    );
    assert_eq!(aws.current(), first);
}

#[test]
fn aws_makes_a_value_where_it_is_asked_to() {
    let aws = aws("source");
    aws.value(&["generate", "SEC-0007", "--yes", "--source", "aws"]).run().success();
    let asked = aws.recorder.bodies("GetRandomPassword");
    assert_eq!(asked.len(), 2);
    assert_eq!(
        (&asked[1]["PasswordLength"], &asked[1]["ExcludePunctuation"]),
        (&json!(32), &json!(true))
    );
    assert_eq!(aws.current()["password"].as_str().unwrap().len(), 32);

    // A value without the requested form never becomes the current one.
    aws.recorder.answer("GetRandomPassword", 1, &json!({ "RandomPassword": "short" }));
    let refused =
        aws.value(&["rotate", "SEC-0007", "--yes", "--source", "aws"]).run().fails_with(1);
    says(&refused, "the generated text does not match the request");
    assert_eq!(aws.labels(), [["AWSCURRENT"]]);
}

#[test]
fn keys_of_bytes_are_made_in_their_encoding_by_both() {
    for (source, test) in [("os", "bytes-os"), ("aws", "bytes-aws")] {
        let aws = Aws::new(test);
        aws.platform.seed_changed("database-credentials", "encryption-key");
        aws.apply().success();
        // Moto does not apply ExcludeCharacters; this is what AWS returns.
        let hex = "0123456789abcdef".repeat(4);
        aws.recorder.answer("GetRandomPassword", 1, &json!({ "RandomPassword": hex }));
        aws.value(&["generate", "SEC-0007", "--yes", "--source", source]).run().success();
        let key = aws.current()["key"].as_str().unwrap().to_owned();
        assert_eq!((key.len(), key.ends_with('=')), (44, true), "32 bytes in base64");
        if source == "aws" {
            assert_eq!(key, "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8=");
        }
    }
}

#[test]
fn what_only_a_person_knows_is_not_made() {
    let platform = Platform::local();
    platform.seed_changed("database-credentials", "oauth-client");
    platform.apply().run().success();
    let refused = value(&platform, &["generate", "SEC-0007", "--yes"]).run().fails_with(1);
    says(&refused, "needs client_id and client_secret, which cannot be generated");
    set(&platform, "client_id=a\nclient_secret=b", &[]).run().success();
    let refused = value(&platform, &["rotate", "SEC-0007", "--yes"]).run().fails_with(1);
    says(&refused, "from the issuer and run `goldenpath value set SEC-0007`");
}

#[test]
fn a_part_is_given_and_the_rest_is_made_in_one_version() {
    let aws = aws("set-generate");
    aws.set("username=app\nhost=db", &["--generate"]).run().success();
    assert_eq!(aws.recorder.bodies("PutSecretValue").len(), 1);
    let made = aws.current();
    assert_eq!((&made["username"], &made["host"]), (&json!("app"), &json!("db")));
    assert_eq!(made["password"].as_str().unwrap().len(), 32);
}

#[test]
fn a_rotation_makes_what_is_not_made_once_and_can_be_taken_back() {
    let aws = aws("rotate");
    says(
        &aws.value(&["rotate", "SEC-0007", "--yes"]).run().fails_with(1),
        "has no value to rotate",
    );
    aws.set("username=app\npassword=first\nhost=db", &[]).run().success();
    says(
        &aws.value(&["rotate", "SEC-0007", "--rollback", "--yes"]).run().fails_with(1),
        "has no previous version",
    );

    aws.value(&["rotate", "SEC-0007", "--yes"]).run().success();
    let second = aws.current();
    assert_eq!((&second["username"], &second["host"]), (&json!("app"), &json!("db")));
    assert_ne!(second["password"], "first");

    aws.value(&["rotate", "SEC-0007", "--rollback", "--yes"]).run().success();
    assert_eq!(aws.current()["password"], "first");
    assert_eq!(aws.labels(), [["AWSCURRENT"], ["AWSPREVIOUS"]]);
    aws.value(&["rotate", "SEC-0007", "--rollback", "--yes"]).run().success();
    assert_eq!(aws.current(), second);

    // A username is generated once; `--key username` generates another one.
    aws.value(&["rotate", "SEC-0007", "--yes", "--key", "username"]).run().success();
    assert_ne!(aws.current()["username"], "app");
    assert_eq!(aws.current()["password"], second["password"]);
}

#[test]
fn a_tag_has_the_time_of_the_current_value() {
    let aws = aws("since");
    let since = || {
        let described = aws.describe(KEY);
        tags(&described)["goldenpath.io/value-since"].parse::<Timestamp>().unwrap().as_second()
    };
    let begun = Timestamp::now().as_second();
    aws.set("username=app\npassword=first", &[]).run().success();
    let first = since();
    assert!((begun..=Timestamp::now().as_second()).contains(&first), "{begun} {first}");
    // Longer than the steps of the store's clock.
    std::thread::sleep(Duration::from_millis(2100));
    let rotated = Timestamp::now().as_second();
    aws.value(&["rotate", "SEC-0007", "--yes"]).run().success();
    assert!(since() >= rotated);
}

#[test]
fn a_rollback_does_not_undo_a_concurrent_change() {
    let aws = aws("rollback-race");
    aws.set("username=a\npassword=1", &[]).run().success();
    aws.set("password=2", &[]).run().success();
    let gate = aws.recorder.hold("UpdateSecretVersionStage", "", 1, HoldPoint::BeforeRequest);
    let running = aws.value(&["rotate", "SEC-0007", "--rollback", "--yes"]).start();
    assert!(gate.is_reached_by(1));
    aws.call(
        "PutSecretValue",
        json!({ "SecretId": KEY, "SecretString": "{\"username\":\"theirs\"}" }),
    );
    gate.open();
    says(&running.wait().fails_with(1), "was changed concurrently");
    assert_eq!(aws.current(), json!({ "username": "theirs" }));
}

#[test]
fn the_local_store_goes_back_and_forth_too() {
    let platform = local();
    set(&platform, "username=a\npassword=1", &[]).run().success();
    set(&platform, "password=2", &[]).run().success();
    value(&platform, &["rotate", "SEC-0007", "--rollback", "--yes"]).run().success();
    assert_eq!(held(&platform), ["password=1", "username=a"]);
    value(&platform, &["rotate", "SEC-0007", "--rollback", "--yes"]).run().success();
    assert_eq!(held(&platform), ["password=2", "username=a"]);
    let shown = value(&platform, &["status", "--format", "json"]).run().success().json();
    let stages: Vec<&Value> = shown["secrets"][0]["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["stages"])
        .collect();
    assert_eq!(stages, [&json!(["AWSCURRENT"]), &json!(["AWSPREVIOUS"])]);
}

#[test]
fn status_reports_values_without_reading_one() {
    let aws = aws("status");
    aws.platform.write("SEC-0008", "other-credentials").catalog.commit_all("SEC-0008");
    let shown = aws.value(&["status", "--format", "json"]).run().success().json();
    let states: Vec<&str> = shown["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["value"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["awaiting", "missing"]);
    aws.set(WHOLE, &[]).run().success();
    aws.recorder.reset();
    let shown = aws.value(&["status", "SEC-0007", "--format", "json"]).run().success().json();
    let secret = &shown["secrets"][0];
    assert_eq!(secret["value"], "present");
    assert_eq!(secret["versions"][0]["stages"], json!(["AWSCURRENT"]));
    assert_eq!(secret["version"], secret["versions"][0]["id"]);
    assert_eq!(secret["keys"], Value::Null);
    assert!(aws.recorder.bodies("GetSecretValue").is_empty());
    let shown =
        aws.value(&["status", "SEC-0007", "--keys", "--format", "json"]).run().success().json();
    assert_eq!(shown["secrets"][0]["keys"], json!(["username", "password", "port"]));

    // Without that permission, the rest is reported anyway.
    aws.recorder.refuse("GetSecretValue", "", 9, "AccessDeniedException", "not authorized");
    says(&aws.value(&["status", "SEC-0007", "--keys"]).run().success(), "AWSCURRENT");
}

#[test]
fn a_pipeline_waits_for_values() {
    let platform = local();
    let late = value(&platform, &["status", "--wait", "--timeout", "1s"]).run().fails_with(1);
    says(&late, "awaiting a value");
    let waiting = value(&platform, &["status", "--wait"]).start();
    waiting.wait_for("Waiting: 1 of 1 without a value");
    set(&platform, WHOLE, &[]).run().success();
    says(&waiting.wait().success(), "AWSCURRENT");
    value(&platform, &["status", "--timeout", "1s"]).run().fails_with(2);
    says(
        &value(&platform, &["status", "--wait", "--timeout", "soon"]).run().fails_with(2),
        "such as 90s, 10m or 1h",
    );
}

#[test]
fn a_program_gets_the_keys_in_its_environment_on_a_desk_alone() {
    let platform = local();
    set(&platform, "username=u\npassword=p\n", &[]).run().success();
    let upper = value(
        &platform,
        &[
            "env",
            "SEC-0007",
            "--upper",
            "--prefix",
            "DB_",
            "--",
            "sh",
            "-c",
            "echo $DB_PASSWORD; exit 7",
        ],
    );
    assert_eq!(upper.run().fails_with(7).stdout, "p\n");
    says(
        &value(&platform, &["env", "SEC-0007", "--", "/nowhere"]).run().fails_with(1),
        "cannot run `/nowhere`",
    );
    let in_ci =
        value(&platform, &["env", "SEC-0007", "--", "env"]).env("CI", "true").run().fails_with(1);
    says(&in_ci, "cannot run in a pipeline");

    let aws = aws("env");
    aws.set(WHOLE, &[]).run().success();
    aws.recorder.reset();
    says(&aws.value(&["env", "SEC-0007", "--", "env"]).run().fails_with(1), "use a local store");
    assert!(aws.recorder.bodies("GetSecretValue").is_empty());
}

#[test]
fn each_change_is_in_the_audit_trail_with_its_keys_and_version() {
    let platform = local();
    set(&platform, WHOLE, &[]).run().success();
    value(&platform, &["rotate", "SEC-0007", "--yes"]).run().success();
    value(&platform, &["rotate", "SEC-0007", "--yes", "--rollback"]).run().success();
    let trail = platform.catalog.trail("SEC-0007");
    let events: Vec<Value> =
        trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reported: Vec<&str> =
        events.iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(reported[2..], ["set-value", "rotate-value", "rollback-value"]);
    assert!(
        events[2]["reason"].as_str().unwrap().starts_with("username, password, port; version ")
    );
    assert_eq!(platform.catalog.git(&["status", "--short"]), "");
    platform.catalog.goldenpath(&["audit", "verify"]).run().success();
}

#[test]
fn a_kill_between_two_calls_leaves_the_old_value_or_the_new_one_and_the_next_run_records_it() {
    for (point, written) in [("value: begun", false), ("value: written", true)] {
        let platform = local();
        set(&platform, "username=a\npassword=1", &[]).run().success();
        let killed = set(&platform, "password=2", &[]).env("GOLDENPATH_CRASH_AT", point).run();
        assert_ne!(killed.code, 0, "{point}");
        let password = if written { "password=2" } else { "password=1" };
        assert_eq!(held(&platform), [password, "username=a"], "{point}");
        set(&platform, "password=3", &[]).run().success();
        assert_eq!(held(&platform), ["password=3", "username=a"]);
        let trail = platform.catalog.trail("SEC-0007");
        assert!(trail.contains("\"interrupted\""), "{point}: {trail}");
    }
}

#[test]
fn a_person_is_asked_for_each_key_and_nothing_of_it_is_seen() {
    let platform = local();
    let mut terminal = value(&platform, &["set", "SEC-0007"]).in_terminal(80, 24);
    terminal.wait_for("username (empty: generate)").send("somebody").key(Key::Enter);
    terminal.wait_for("generate), again").send("somebody").key(Key::Enter);
    terminal
        .wait_for("password (empty: generate)")
        .send("mistake")
        .send("\u{15}")
        .send("s3cret!x")
        .key(Key::Backspace);
    terminal.key(Key::Enter);
    terminal.wait_for("password (empty: generate), again").send("s3cret?").key(Key::Enter);
    // The entries differ, so both are asked for again; the second is pasted.
    terminal.wait_for("the two entries differ").wait_for("? password (empty: generate) ›");
    terminal.send("\u{1b}[200~s3cret!\r\u{1b}[201~\r");
    terminal.wait_for("[pasted, 7 characters]");
    terminal.wait_for("host (empty: none)").key(Key::Enter);
    terminal.wait_for("port (empty: none)").send("5432").key(Key::Enter);
    terminal.wait_for("port (empty: none), again").send("5432").key(Key::Enter);
    terminal.wait_for("dbname (empty: none)").key(Key::Enter);
    terminal.wait_for("engine (empty: none)").key(Key::Enter);
    terminal.wait_for("Write this value of SEC-0007 in dev?").send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    let seen = String::from_utf8_lossy(&terminal.raw()).into_owned();
    for text in ["somebody", "s3cret", "mistake", "5432"] {
        assert!(!seen.contains(text), "{text}");
    }
    assert_eq!(held(&platform), ["password=s3cret!", "port=5432", "username=somebody"]);

    // Empty answers keep the current values.
    let mut terminal = value(&platform, &["set", "SEC-0007"]).in_terminal(80, 24);
    for key in ["username (empty: keep)", "password (empty: keep)", "host (empty: none)"] {
        terminal.wait_for(key).key(Key::Enter);
    }
    terminal.wait_for("port (empty: keep)").send("6543").key(Key::Enter);
    terminal.wait_for("port (empty: keep), again").send("6543").key(Key::Enter);
    terminal.wait_for("dbname").key(Key::Enter).wait_for("engine").key(Key::Enter);
    terminal.wait_for("Write this value").send("n").key(Key::Enter);
    assert_eq!(terminal.wait(), 1);
    assert!(terminal.screen().contains("Nothing was written."));
    assert_eq!(held(&platform), ["password=s3cret!", "port=5432", "username=somebody"]);
}

#[test]
fn a_key_that_is_needed_is_asked_for_again_and_files_by_their_path() {
    let platform = Platform::local();
    platform.seed_changed("database-credentials", "tls-private-key");
    platform.apply().run().success();
    let folder = platform.catalog.home();
    fs::write(folder.join("k"), "KEY\nTEXT\n").unwrap();
    let ask = || value(&platform, &["set", "SEC-0007"]).in_terminal(100, 24);
    let mut terminal: Terminal = ask();
    terminal.wait_for("File with tls.key").key(Key::Enter).wait_for("tls.key is required");
    // What is typed before the question is asked again is dropped.
    terminal.wait_for("? File with tls.key");
    terminal.send("/nowhere").key(Key::Enter).wait_for("cannot read `/nowhere`");
    terminal.send("\u{15}").send(&folder.join("k").display().to_string()).key(Key::Enter);
    terminal
        .wait_for("File with tls.crt")
        .send(&folder.join("k").display().to_string())
        .key(Key::Enter);
    terminal.wait_for("File with ca.crt (empty: none)").key(Key::Enter);
    terminal.wait_for("Write this value").send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    let shown = value(&platform, &["status", "--keys", "--format", "json"]).run().success().json();
    assert_eq!(shown["secrets"][0]["keys"], json!(["tls.key", "tls.crt"]));
}

#[test]
fn a_dumb_terminal_is_asked_line_by_line_and_a_line_that_it_cuts_is_not_taken() {
    let platform = Platform::local();
    platform.seed_changed("database-credentials", "api-key");
    platform.apply().run().success();
    let mut terminal =
        value(&platform, &["set", "SEC-0007"]).env("TERM", "dumb").in_terminal(80, 24);
    terminal.wait_for("api_key. The input is not shown:").send(&"x".repeat(5000)).send("\n");
    terminal.wait_for("Not accepted").wait_for_last("not shown:").send("t0ken\n");
    terminal.wait_for("api_key, again. The input is not shown:").send("t0ken\n");
    terminal.wait_for("Write this value").send("yes\n");
    assert_eq!(terminal.wait(), 0);
    assert!(!String::from_utf8_lossy(&terminal.raw()).contains("t0ken"));
    assert_eq!(held(&platform), ["api_key=t0ken"]);
}

#[test]
fn the_local_stores_key_is_readable_only_by_the_user() {
    let platform = local();
    set(&platform, WHOLE, &[]).run().success();
    let key = platform.catalog.home().join(".config/goldenpath/local-store.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let store = fs::read(platform.catalog.path().join(".goldenpath/store.db")).unwrap();
    assert!(!store.windows(6).any(|bytes| bytes == b"pa\\\"ss"));

    let mode = |mode| fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o640);
    says(
        &set(&platform, "password=2", &[]).run().fails_with(1),
        "other users may access it (its mode is 640)",
    );
    mode(0o600);

    let own = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    says(&set(&platform, "password=2", &[]).run().fails_with(1), "it does not exist");
    // `--replace` reads no value: it generates a new key, which later reads need.
    set(&platform, WHOLE, &["--replace"]).run().success();
    fs::write(&key, "nothing of a key\n").unwrap();
    says(
        &set(&platform, "password=2", &[]).run().fails_with(1),
        "no line in it begins with `goldenpath-key-1:`",
    );
    fs::write(&key, own).unwrap();
    says(
        &set(&platform, "password=2", &[]).run().fails_with(1),
        "encrypted with another key than the one in the key file",
    );
}

#[test]
fn a_key_inside_the_repository_is_refused() {
    let platform = Platform::with_store("backend: local\nkeyFile: keys/store.key");
    platform.seed();
    says(&platform.apply().run().fails_with(2), "`store.keyFile` is in the work tree");
    says(&set(&platform, WHOLE, &[]).run().fails_with(2), "`store.keyFile` is in the work tree");
    assert!(!platform.catalog.path().join("keys").exists());
    let elsewhere = Platform::with_store("backend: local\nkeyFile: ~/own.key");
    elsewhere.seed();
    elsewhere.apply().run().success();
    set(&elsewhere, WHOLE, &[]).run().success();
    assert!(elsewhere.catalog.home().join("own.key").exists());
}

#[test]
fn a_catalogs_own_types_win() {
    let platform = local();
    let types = "secretTypes:\n  database-credentials:\n    otherKeys: true\n    \
                 keys: [{ name: dsn, required: true }]\n";
    platform.catalog.write("schemas/metadata/secret_types.yaml", types);
    says(&set(&platform, WHOLE, &[]).run().fails_with(1), "the value lacks `dsn`");
    set(&platform, "dsn=x\nextra=y", &[]).run().success();
    assert_eq!(held(&platform), ["dsn=x", "extra=y"]);
    platform
        .catalog
        .write("schemas/metadata/secret_types.yaml", "secretTypes:\n  database: { keys: [] }\n");
    says(&set(&platform, WHOLE, &[]).run().fails_with(2), "there is no secret type `database`");
}

#[test]
fn a_value_that_was_changed_while_the_question_was_open_is_not_written_over() {
    let aws = aws("race-at-the-question");
    aws.set(WHOLE, &[]).run().success();
    let mine = aws.platform.catalog.home().join("mine");
    fs::write(&mine, "mine").unwrap();
    let file = |key: &str| format!("{key}={}", mine.display());
    let arguments =
        ["set", "SEC-0007", "--from-file", &file("username"), "--from-file", &file("password")];
    let mut terminal = aws.value(&arguments).in_terminal(100, 24);
    terminal.wait_for("Write this value of SEC-0007 in dev?");
    let theirs = json!({ "username": "theirs", "password": "theirs" });
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": theirs.to_string() }));
    aws.recorder.reset();
    terminal.send("yes\r");
    assert_eq!(terminal.wait(), 1, "{}", terminal.screen());
    assert!(aws.recorder.bodies("PutSecretValue").is_empty(), "no value is sent at all");
    assert_eq!(aws.current(), theirs);
}

#[test]
fn whoever_changes_a_value_learns_when_the_cluster_has_it() {
    let aws = aws("arrival");
    let said = aws.set(WHOLE, &[]).run().success().said();
    assert!(said.contains("after the operator's next refresh, within 1h"), "{said}");
    let hurry = "kubectl annotate externalsecret payments-db-credentials-sync -n payments";
    assert!(said.contains(hurry), "{said}");
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let without = config.lines().filter(|line| !line.contains("gitops") && !line.contains("path:"));
    let without = without.map(|line| format!("{line}\n")).collect::<String>();
    aws.platform.catalog.write("goldenpath.yaml", &without).commit_all("No GitOps repository");
    let said = aws.set("password=second", &[]).run().success().said();
    assert!(!said.contains("kubectl"), "{said}");
}
