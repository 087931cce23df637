//! Values that are texts (`value.format: text`), in both stores, and JSON objects that are none.

use std::fs;
use std::path::Path;

use goldenpath_core::manifest::StoreKey;
use goldenpath_deploy::store::{LocalStore, SecretStore};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use goldenpath_testkit::{
    Aws, Command, KEY, Key, Outcome, Platform, Repository, SEED, SEED_PATH, findings, seed_with,
};

const ACCESS: &str = "  access:\n";
const TEXT: &str = "  value:\n    format: text\n  access:\n";

/// Returns the seed's manifest with this type and these fields of `spec.value`.
fn manifest(secret_type: &str, value: &str) -> String {
    let value = format!("  value: {{ {value} }}\n  access:\n");
    seed_with(&[("database-credentials", secret_type), (ACCESS, &value)])
}

/// Returns a platform on the local store, with this manifest applied.
fn local(secret_type: &str, value: &str) -> Platform {
    let platform = Platform::local();
    platform.catalog.write(SEED_PATH, &manifest(secret_type, value)).commit_all("SEC-0007");
    platform.apply().run().success();
    platform
}

fn value(platform: &Platform, arguments: &[&str]) -> Command {
    platform.catalog.goldenpath(&[&["value"], arguments].concat())
}

/// Returns the value in the local store as it is stored.
fn stored(platform: &Platform) -> String {
    let key_file = platform.catalog.home().join(".config/goldenpath/local-store.key");
    let path = platform.catalog.path();
    let store = LocalStore::new(&path, Path::new(".goldenpath/store.db"), Some(&key_file));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(store.value(&StoreKey::parse(KEY).unwrap())).unwrap().unwrap();
    found.text.unwrap().expose_secret().to_owned()
}

fn on_aws(aws: &Aws) -> Value {
    let input = json!({ "SecretId": KEY, "VersionStage": "AWSCURRENT" });
    aws.call("GetSecretValue", input)["SecretString"].clone()
}

/// Returns the whole output in one line.
fn words(outcome: &Outcome) -> String {
    let said = outcome.said();
    let words = said.split_whitespace().filter(|word| !["│", "×", "help:"].contains(word));
    words.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn says(outcome: &Outcome, text: &str) {
    assert!(words(outcome).contains(text), "`{text}` is not in\n{}", outcome.said());
}

#[test]
fn a_text_is_stored_as_it_is_and_projected_under_one_key() {
    let platform = local("api-key", "format: text, key: token");
    let file = platform.seed_projection();
    assert!(
        file.ends_with(&format!(
            "  data:\n    - secretKey: token\n      remoteRef:\n        key: \"{KEY}\"\n"
        )),
        "{file}"
    );
    assert!(!file.contains("dataFrom"), "{file}");

    // One line loses its line break; several lines are kept as they are.
    for (given, expected) in [
        ("t0ken-1\n", "t0ken-1"),
        ("{\"a\": 1}", "{\"a\": 1}"),
        ("-----BEGIN\nx\n-----END\n", "-----BEGIN\nx\n-----END\n"),
    ] {
        let outcome = value(&platform, &["set", "SEC-0007", "--yes"]).stdin(given).run().success();
        says(&outcome, "token");
        assert!(!outcome.said().contains("t0ken"), "{}", outcome.said());
        assert_eq!(stored(&platform), expected);
    }
    let path = platform.catalog.home().join("given");
    fs::write(&path, "from a file\n").unwrap();
    let from_file = |key: &str| {
        let file = format!("{key}={}", path.display());
        value(&platform, &["set", "SEC-0007", "--yes", "--from-file", &file]).run()
    };
    from_file("token").success();
    assert_eq!(stored(&platform), "from a file\n");
    let refused = from_file("api_key").fails_with(1);
    says(&refused, "the value is a text under the key `token`, and has no key `api_key`");
    let refused = value(&platform, &["set", "SEC-0007", "--yes"]).stdin("\n").run().fails_with(1);
    says(&refused, "the text of `token` is empty");
    let long = "x".repeat(65_537);
    let refused = value(&platform, &["set", "SEC-0007", "--yes"]).stdin(&long).run().fails_with(1);
    says(&refused, "the value has 65537 bytes");
    let fits = &long[1..];
    value(&platform, &["set", "SEC-0007", "--yes"]).stdin(fits).run().success();

    let same = value(&platform, &["set", "SEC-0007", "--yes"]).stdin(fits).run().success();
    says(&same, "No changes");
    value(&platform, &["set", "SEC-0007", "--yes"]).stdin("abc").run().success();
    let env = value(&platform, &["env", "SEC-0007", "--", "env"]).run().success().stdout;
    assert!(env.lines().any(|line| line == "token=abc"), "{env}");
    // The key is in the manifest, so the value is not read.
    let shown = value(&platform, &["status", "--keys", "--format", "json"]).run().success().json();
    let secret = &shown["secrets"][0];
    assert_eq!((&secret["format"], &secret["keys"]), (&json!("text"), &json!(["token"])));
    assert_eq!(secret["keysMessage"], Value::Null);
    let trail = platform.catalog.trail("SEC-0007");
    assert!(trail.contains("token; version ") && !trail.contains("t0ken"), "{trail}");
}

#[test]
fn a_text_is_generated_rotated_and_taken_back_by_the_recipe_of_its_key() {
    let aws = Aws::new("text-generated");
    let catalog = &aws.platform.catalog;
    let text = manifest("webhook-secret", "format: text, key: secret, generate: true");
    catalog.write(SEED_PATH, &text).commit_all("SEC-0007");
    aws.apply().success();
    let is_hex = |value: &Value| {
        let text = value.as_str().unwrap();
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let first = on_aws(&aws);
    assert!(is_hex(&first), "{first}");
    let run = |arguments: &[&str]| aws.reach(value(&aws.platform, arguments)).run().success();
    run(&["rotate", "SEC-0007", "--yes"]);
    let second = on_aws(&aws);
    assert!(is_hex(&second) && first != second, "{second}");
    run(&["rotate", "SEC-0007", "--yes", "--rollback"]);
    assert_eq!(on_aws(&aws), first);
    says(&run(&["generate", "SEC-0007", "--yes"]), "No changes");
}

#[test]
fn a_person_is_asked_for_the_one_key() {
    let platform = local("api-key", "format: text");
    let mut terminal = value(&platform, &["set", "SEC-0007"]).in_terminal(80, 24);
    terminal.wait_for("value").send("s3cret").key(Key::Enter);
    terminal.wait_for("value, again").send("s3cret").key(Key::Enter);
    terminal.wait_for("Write this value of SEC-0007 in dev?").send("y").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    assert!(!String::from_utf8_lossy(&terminal.raw()).contains("s3cret"));
    assert_eq!(stored(&platform), "s3cret");
}

#[test]
fn a_text_without_a_recipe_cannot_be_generated() {
    let repository = Repository::new();
    for (secret_type, key, help) in [
        ("webhook-secret", "", "set `value.key: secret`, which has a recipe; or remove"),
        ("webhook-secret", ", key: other", "set `value.key: secret`, which has a recipe"),
        ("api-key", ", key: api_key", "remove `generate`, and set the value with"),
    ] {
        let text = manifest(secret_type, &format!("format: text{key}, generate: true"));
        repository.write(SEED_PATH, &text);
        let outcome = repository.goldenpath(&["validate", "--format", "json"]).run().fails_with(1);
        let found = findings(&outcome);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&*found[0].rule, &*found[0].pointer), ("GP205", "/spec/value/generate"));
        assert!(found[0].help.contains(help), "{}", found[0].help);
    }
    repository.write(SEED_PATH, &manifest("generic", "format: text, generate: true"));
    repository.goldenpath(&["validate"]).run().success();
}

#[test]
fn a_format_and_a_key_are_checked_at_their_place() {
    let repository = Repository::new();
    for (value, rule, pointer) in [
        ("format: yaml", "GP105", "/spec/value/format"),
        ("format: 1", "GP103", "/spec/value/format"),
        ("format: text, key: 'a b'", "GP104", "/spec/value/key"),
        ("format: text, key: ..a", "GP104", "/spec/value/key"),
        ("format: json, key: token", "GP104", "/spec/value/key"),
        ("key: token", "GP101", "/spec/value"),
    ] {
        repository.write(SEED_PATH, &manifest("generic", value));
        let outcome = repository.goldenpath(&["validate", "--format", "json"]).run().fails_with(1);
        let found: Vec<_> =
            findings(&outcome).into_iter().map(|found| (found.rule, found.pointer)).collect();
        assert!(
            found.iter().any(|(code, place)| code == rule && place.starts_with(pointer)),
            "{value}: {found:?}"
        );
    }
    // Names of keys are no values.
    for key in ["api_key", "token", "tls.key", "PASSWORD", "connection-string", "value", "key"] {
        repository.write(SEED_PATH, &manifest("generic", &format!("format: text, key: {key}")));
        repository.goldenpath(&["validate"]).run().success();
    }
    for canary in [["Zq8", "vR2x", "Lw7", "mTk4", "Hn9"].concat(), "hunter2".to_owned()] {
        repository.write(SEED_PATH, &manifest("generic", &format!("format: text, key: {canary}")));
        let outcome = repository.goldenpath(&["validate"]).run().fails_with(1);
        assert!(outcome.said().contains("GP501") && !outcome.said().contains(&canary));
    }
}

#[test]
fn a_template_from_before_texts_is_refused_with_the_remedy() {
    let repository = Repository::new();
    repository.write(SEED_PATH, &manifest("api-key", "format: text"));
    let built_in = include_str!("../templates/external_secret.yaml.j2");
    let (head, _) = built_in.split_once("{% if valueKey %}").unwrap();
    let old =
        format!("{head}  dataFrom:\n    - extract:\n        key: {{{{ storeKey | quote }}}}\n");
    repository.write("templates/external_secret.yaml.j2", &old);
    let refused = repository.goldenpath(&["render"]).run().fails_with(2);
    says(&refused, "it adds `/spec/dataFrom`");
    says(&refused, "render `data` with `valueKey` where it is set");
    repository.write("templates/external_secret.yaml.j2", built_in);
    let rendered = repository.goldenpath(&["render"]).run().success().stdout;
    assert!(rendered.contains("secretKey: value\n"), "{rendered}");
    // Each projection refers to its own key alone, in this form too.
    let more = format!("{built_in}    - secretKey: b\n      remoteRef: {{ key: other }}\n");
    repository.write("templates/external_secret.yaml.j2", &more);
    says(&repository.goldenpath(&["render"]).run().fails_with(2), "it adds `/spec/data/1`");
    let other = built_in
        .replace("remoteRef:\n        key: {{ storeKey", "remoteRef:\n        key: {{ name");
    repository.write("templates/external_secret.yaml.j2", &other);
    let refused = repository.goldenpath(&["render"]).run().fails_with(2);
    says(&refused, "`/spec/data/0/remoteRef/key` is `payments-db-credentials` instead of");
}

#[test]
fn another_format_of_an_applied_secret_changes_its_external_secret_alone() {
    let aws = Aws::new("format-changed");
    aws.platform.seed();
    aws.apply().success();
    aws.reach(value(&aws.platform, &["generate", "SEC-0007", "--yes"])).run().success();
    let before = on_aws(&aws);
    let catalog = &aws.platform.catalog;
    catalog.write(SEED_PATH, &seed_with(&[(ACCESS, TEXT)])).commit_all("A text");
    let file = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";
    let actions = [format!("SEC-0007 write-projection {file}")];
    assert_eq!(Platform::actions(&aws.plan()), actions);
    aws.apply().success();
    assert_eq!(on_aws(&aws), before);
    assert!(aws.platform.seed_projection().contains("secretKey: value\n"));
    catalog.write(SEED_PATH, SEED).commit_all("An object again");
    assert_eq!(Platform::actions(&aws.plan()), actions);
}

#[test]
fn a_value_is_not_written_in_a_format_that_is_not_merged() {
    let platform = Platform::local();
    platform.seed();
    let server = Repository::bare();
    platform.catalog.git(&["remote", "add", "origin", server.path().to_str().unwrap()]);
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
    platform.catalog.git(&["remote", "set-head", "origin", "main"]);
    platform.apply().run().success();
    platform.catalog.write(SEED_PATH, &seed_with(&[(ACCESS, TEXT)])).commit_all("A text");
    let refused = value(&platform, &["set", "SEC-0007", "--yes"]).stdin("abc").run().fails_with(1);
    says(
        &refused,
        "is a text under the key `value` in the work tree, and a JSON object in origin/main",
    );
    platform.catalog.git(&["push", "--quiet", "origin", "main"]);
    value(&platform, &["set", "SEC-0007", "--yes"]).stdin("abc").run().success();
}

#[test]
fn a_value_that_is_not_an_object_is_reported_with_what_the_operator_does() {
    let aws = Aws::new("not-an-object");
    aws.platform.seed();
    aws.apply().success();
    let status = |more: &[&str]| {
        let arguments = [&["status", "SEC-0007", "--keys"], more].concat();
        aws.reach(value(&aws.platform, &arguments)).run().success()
    };
    for text in ["s3cret-text", "[\"s3cret-text\"]", "\"s3cret-text\""] {
        aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": text }));
        let shown = status(&[]);
        says(&shown, "the operator cannot extract keys from it (dataFrom.extract)");
        says(&shown, &format!("set `value.format: text` in {SEED_PATH}"));
        assert!(!shown.said().contains("s3cret"), "{}", shown.said());
        let secret = status(&["--format", "json"]).json()["secrets"][0].clone();
        assert_eq!(secret["keys"], Value::Null);
        assert!(secret["keysMessage"].as_str().unwrap().contains("does not become Ready"));
    }
    // The operator extracts an object's keys, whatever their values are.
    let object = "{\"host\": {\"name\": \"s3cret-text\"}, \"port\": 1.5}";
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": object }));
    let secret = status(&["--format", "json"]).json()["secrets"][0].clone();
    assert_eq!(secret["keys"], json!(["host", "port"]));
}

#[test]
fn an_adoption_says_that_the_format_is_unknown_and_how_to_learn_it() {
    let aws = Aws::new("adopt-format");
    aws.platform.seed();
    aws.call("CreateSecret", json!({ "Name": KEY, "SecretString": "s3cret-text" }));
    let reason = || {
        let plan = aws.plan_with(&["--adopt", "SEC-0007"]).json();
        plan["actions"][0]["reason"].as_str().unwrap().to_owned()
    };
    let unknown = "; format unknown: `goldenpath value status SEC-0007 --keys`";
    assert!(reason().ends_with(unknown), "{}", reason());
    assert!(aws.recorder.bodies("GetSecretValue").is_empty(), "plan reads no value");
    // That command answers before the adoption, for the secrets that are named.
    let run = |arguments: &[&str]| aws.reach(value(&aws.platform, arguments)).run().success();
    let shown = run(&["status", "SEC-0007", "--keys"]);
    says(&shown, "it is unmanaged");
    says(&shown, "the operator cannot extract keys from it");
    assert!(!shown.said().contains("s3cret"), "{}", shown.said());
    aws.recorder.reset();
    run(&["status", "--keys"]);
    assert!(aws.recorder.bodies("GetSecretValue").is_empty());
    // A text is projected whatever it is.
    aws.platform.catalog.write(SEED_PATH, &seed_with(&[(ACCESS, TEXT)])).commit_all("A text");
    assert!(!reason().contains("format unknown"), "{}", reason());
    aws.apply_with(&["--adopt", "SEC-0007"]).success();
    assert!(aws.platform.seed_projection().contains("secretKey: value\n"));
    assert_eq!(on_aws(&aws), json!("s3cret-text"));
}

#[test]
fn a_new_manifest_has_the_format_of_the_flags_and_a_copy_keeps_it() {
    let repository = Repository::new();
    let new = |more: &[&str]| {
        let arguments = ["new", "secret", "--service", "payments", "--env", "dev", "--type"];
        let rest = ["api-key", "--name", "vendor", "--owner", "team-payments", "--risk", "low"];
        repository.goldenpath(&[&arguments[..], &rest, more].concat()).run()
    };
    new(&["--value-format", "text", "--value-key", "token"]).success();
    let first = repository.read("catalogs/secrets/payments/dev/SEC-0001.yaml");
    assert!(first.contains("  value:\n    format: text\n    key: token\n"), "{first}");
    let copy = ["new", "secret", "--from", "SEC-0001", "--env", "test", "--value-key", "api_key"];
    repository.goldenpath(&copy).run().success();
    let copied = repository.read("catalogs/secrets/payments/test/SEC-0002.yaml");
    assert!(copied.contains("  value:\n    format: text\n    key: api_key\n"), "{copied}");
    let plain = ["--value-format", "json", "--name", "other", "--k8s-secret-name", "other"];
    let more = repository.goldenpath(
        &[&["new", "secret", "--from", "SEC-0001", "--env", "dev", "--value-key", ""][..], &plain]
            .concat(),
    );
    more.run().success();
    let object = repository.read("catalogs/secrets/payments/dev/SEC-0003.yaml");
    assert!(object.contains("format: json") && !object.contains("key:"), "{object}");
    for (flags, words) in [
        (&["--value-key", "..a", "--value-format", "text"][..], "begin with `..`"),
        (&["--value-key", "token"], "give `--value-format text` too"),
        (&["--value-format", "yaml"], "possible values: json, text"),
    ] {
        let refused = new(&[flags, &["--dry-run"]].concat());
        assert_ne!(refused.code, 0, "{flags:?}");
        says(&refused, words);
    }
}
