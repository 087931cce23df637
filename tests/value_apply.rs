//! Values that `apply` generates, secrets that await one, and ExternalSecrets that are held back
//! until then.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use goldenpath_core::manifest::StoreKey;
use goldenpath_deploy::store::{LocalStore, SecretStore, StoredValue};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use goldenpath_testkit::{
    Aws, Canary, HoldPoint, KEY, Moto, Outcome, Platform, Repository, SEED_PATH, findings,
    seed_with, tags,
};

const PROJECTION: &str = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";
const ACCESS: &str = "  access:\n";
const GENERATE: &str = "  value:\n    generate: true\n  access:\n";

fn aws(test: &str) -> Aws {
    let aws = Aws::new(test);
    aws.platform.seed_changed(ACCESS, GENERATE);
    aws
}

/// Returns the value on the server, parsed as JSON.
#[track_caller]
fn value(aws: &Aws) -> Value {
    let found = aws.call("GetSecretValue", json!({ "SecretId": KEY }));
    serde_json::from_str(found["SecretString"].as_str().unwrap()).unwrap()
}

#[track_caller]
fn versions(aws: &Aws) -> Vec<String> {
    let versions =
        aws.call("ListSecretVersionIds", json!({ "SecretId": KEY, "IncludeDeprecated": true }));
    let versions = versions["Versions"].as_array().unwrap();
    versions.iter().map(|version| version["VersionId"].as_str().unwrap().to_owned()).collect()
}

fn has_no_value(aws: &Aws) -> bool {
    let value = Moto::shared().call(&aws.account, "GetSecretValue", json!({ "SecretId": KEY }));
    value.is_err_and(|error| error["__type"] == "ResourceNotFoundException")
}

/// Returns the secrets that await a value, as `id target`, and whether their projection is held
/// back.
fn awaiting(plan: &Outcome) -> Vec<String> {
    let plan = plan.json();
    let all = plan["awaitingValue"].as_array().unwrap();
    assert_eq!(plan["summary"]["awaitingValue"], all.len());
    let held_back = |one: &Value| if one["heldBack"] == true { " held back" } else { "" };
    let line = |one: &Value| {
        format!(
            "{} {}{}",
            one["id"].as_str().unwrap(),
            one["target"].as_str().unwrap(),
            held_back(one)
        )
    };
    all.iter().map(line).collect()
}

/// Returns the content of a platform's local store.
fn stored(platform: &Platform) -> Option<StoredValue> {
    let key_file = platform.catalog.home().join(".config/goldenpath/local-store.key");
    let store = LocalStore::new(
        &platform.catalog.path(),
        Path::new(".goldenpath/store.db"),
        Some(&key_file),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(store.value(&StoreKey::parse(KEY).unwrap())).unwrap()
}

/// Returns all files below a folder, with their content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&path)),
            kind if kind.is_file() => {
                found.push((path.display().to_string(), fs::read(&path).unwrap()))
            }
            _ => {}
        }
    }
    found
}

/// Returns all objects of a repository, uncompressed.
fn objects(repository: &Repository) -> Vec<u8> {
    let mut git = std::process::Command::new("git");
    git.current_dir(repository.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let output = git.args(["cat-file", "--batch-all-objects", "--batch"]).output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty());
    output.stdout
}

/// Asserts that a text is in none of the places, in any encoding.
#[track_caller]
fn is_nowhere(text: &str, places: &[(String, Vec<u8>)]) {
    let canary = Canary::of(text);
    assert!(places.len() > 10, "there is something to look into");
    for (place, bytes) in places {
        assert!(!canary.is_in(bytes), "the value is in {place}");
    }
}

#[test]
fn a_value_is_made_with_the_secret_by_its_type_and_never_again() {
    let aws = aws("made");
    let plan = aws.plan();
    assert_eq!(
        plan.json()["actions"][0]["reason"],
        "the secret does not exist; its value is generated (username, password)"
    );
    assert_eq!(awaiting(&plan), [""; 0]);
    aws.apply().success();
    assert_eq!(aws.writes(), ["CreateSecret"], "all in one call");
    let made = value(&aws);
    let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(made.as_object().unwrap().len(), 2, "what is not required is left to a person");
    assert!(
        text("username").len() == 16
            && text("username").bytes().all(|byte| byte.is_ascii_lowercase())
    );
    assert!(
        text("password").len() == 32
            && text("password").bytes().all(|byte| byte.is_ascii_alphanumeric())
    );
    let first = versions(&aws);
    assert_eq!(first.len(), 1);

    let again = aws.apply().success();
    assert!(again.stdout.starts_with("Nothing to do."), "{}", again.stdout);
    assert_eq!(aws.recorder.operations(), ["ListSecrets"]);
    // Another process sets a value, and a field of the manifest changes.
    aws.call(
        "PutSecretValue",
        json!({ "SecretId": KEY, "SecretString": "{\"username\":\"own\",\"password\":\"own\"}" }),
    );
    let later = versions(&aws);
    aws.platform.seed_changed(ACCESS, &GENERATE.replace(ACCESS, "  access: # ours\n"));
    let text = aws
        .platform
        .catalog
        .read(SEED_PATH)
        .replace("owner: team-payments", "owner: database-team");
    aws.platform.catalog.write(SEED_PATH, &text).commit_all("Another owner");
    aws.recorder.reset();
    aws.apply().success();
    assert_eq!(aws.writes(), ["TagResource"]);
    assert_eq!((value(&aws)["password"].clone(), versions(&aws)), (json!("own"), later));
}

#[test]
fn each_type_has_its_own_keys_and_a_catalog_s_own_win() {
    for (secret_type, keys) in [
        ("signing-key", vec!["key"]),
        ("webhook-secret", vec!["secret"]),
        ("generic", vec!["value"]),
    ] {
        let aws = Aws::new(secret_type);
        let text = seed_with(&[("database-credentials", secret_type), (ACCESS, GENERATE)]);
        aws.platform.catalog.write(SEED_PATH, &text).commit_all("SEC-0007");
        aws.apply().success();
        assert_eq!(
            value(&aws).as_object().unwrap().keys().collect::<Vec<_>>(),
            keys,
            "{secret_type}"
        );
    }
    let aws = Aws::new("own-types");
    let own = "secretTypes:\n  api-key:\n    keys:\n      - { name: id }\n      \
               - { name: token, required: true, generate: { bytes: 16, as: hex } }\n";
    aws.platform.catalog.write("schemas/metadata/secret_types.yaml", own);
    let text = seed_with(&[("database-credentials", "api-key"), (ACCESS, GENERATE)]);
    aws.platform.catalog.write(SEED_PATH, &text).commit_all("SEC-0007");
    aws.apply().success();
    let made = value(&aws);
    assert_eq!(made.as_object().unwrap().len(), 1);
    let token = made["token"].as_str().unwrap();
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn what_is_there_already_is_given_no_value() {
    // Without a value, from an earlier apply.
    let aws = Aws::new("later");
    aws.platform.seed();
    aws.apply().success();
    aws.platform.seed_changed(ACCESS, GENERATE);
    aws.writes();
    let plan = aws.plan();
    assert_eq!(
        (Platform::actions(&plan), awaiting(&plan)),
        (Vec::new(), vec![format!("SEC-0007 {KEY}")])
    );
    let shown = aws.apply().success();
    assert!(
        shown.stdout.contains(&format!("{KEY}: `goldenpath value generate SEC-0007`")),
        "{}",
        shown.stdout
    );
    assert_eq!(aws.writes(), [""; 0]);

    // Restored.
    aws.call("DeleteSecret", json!({ "SecretId": KEY, "RecoveryWindowInDays": 7 }));
    aws.apply().success();
    assert_eq!(aws.writes(), ["RestoreSecret"]);
    assert!(has_no_value(&aws));

    // Adopted.
    let aws = self::aws("adopted");
    aws.call("CreateSecret", json!({ "Name": KEY }));
    aws.apply_with(&["--adopt", "SEC-0007"]).success();
    assert_eq!(aws.writes(), ["TagResource"]);
    assert!(has_no_value(&aws));
}

#[test]
fn a_create_whose_answer_was_lost_has_made_one_value() {
    let aws = aws("value-lost");
    aws.recorder.lose_answers("CreateSecret", KEY, 1);
    aws.apply().success();
    assert_eq!(aws.names(), [KEY]);
    let sent = aws.recorder.bodies("CreateSecret");
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1], "one token and one value for all tries");
    assert_eq!(versions(&aws), [sent[0]["ClientRequestToken"].as_str().unwrap()]);
    assert_eq!(
        serde_json::from_str::<Value>(sent[0]["SecretString"].as_str().unwrap()).unwrap(),
        value(&aws)
    );
    assert!(aws.apply().success().stdout.starts_with("Nothing to do."));

    // All responses are lost, so the run fails; the next run finds the secret.
    let aws = self::aws("value-lost-for-good");
    aws.recorder.lose_answers("CreateSecret", KEY, 4);
    aws.apply().fails_with(1);
    let made = (value(&aws), versions(&aws));
    aws.recorder.reset();
    aws.apply().success();
    assert_eq!((aws.writes(), made), (Vec::new(), (value(&aws), versions(&aws))));
}

#[test]
fn a_run_that_is_killed_has_made_one_value_and_left_no_trace_of_it() {
    let aws = aws("value-killed");
    let gate = aws.recorder.hold("CreateSecret", KEY, 1, HoldPoint::BeforeResponse);
    let running = aws.reach(aws.platform.apply()).start();
    assert!(gate.is_reached_by(1));
    let said = running.kill();
    gate.open();
    let made = (value(&aws), versions(&aws));
    let mut places = files(aws.platform.catalog.path().parent().unwrap());
    assert!(
        places.iter().any(|(place, _)| place.contains(".git/goldenpath/")),
        "it was written down before it was done"
    );
    places
        .push(("what it said".to_owned(), format!("{}{}", said.stdout, said.stderr).into_bytes()));
    is_nowhere(made.0["password"].as_str().unwrap(), &places);
    aws.recorder.reset();
    aws.apply().success();
    assert_eq!((aws.writes(), made), (Vec::new(), (value(&aws), versions(&aws))));
    assert!(aws.platform.gitops.exists(PROJECTION));
}

#[test]
fn a_generated_value_is_only_in_the_store() {
    let aws = aws("nowhere");
    let plan_file = aws.platform.gitops.path().with_extension("plan.json").display().to_string();
    let with = |arguments: &[&str]| {
        let command = aws.reach(aws.platform.catalog.goldenpath(arguments));
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full").run().success()
    };
    let mut said = vec![with(&["plan", "-v", "--out", &plan_file])];
    aws.recorder.lose_answers("CreateSecret", KEY, 1);
    said.push(with(&["apply", "-v", "--yes", &plan_file]));
    for arguments in [
        &["plan", "--format", "json"][..],
        &["plan", "--format", "markdown"],
        &["show", "SEC-0007"],
        &["audit", "show"],
    ] {
        said.push(with(arguments));
    }
    let mut places: Vec<(String, Vec<u8>)> = Vec::new();
    for outcome in said {
        places.push(("standard output".to_owned(), outcome.stdout.into_bytes()));
        places.push(("standard error".to_owned(), outcome.stderr.into_bytes()));
    }
    for repository in [&aws.platform.catalog, &aws.platform.gitops] {
        // The folder with the repository, the home directory next to it, and the saved plan.
        places.extend(files(repository.path().parent().unwrap()));
        places.push(("the git objects".to_owned(), objects(repository)));
    }
    assert_eq!(aws.platform.catalog.audit_branch().1, 2, "there is a trail");
    assert!(places.iter().any(|(place, _)| *place == plan_file));
    let made = value(&aws);
    for key in ["username", "password"] {
        is_nowhere(made[key].as_str().unwrap(), &places);
    }
}

#[test]
fn the_local_store_has_it_encrypted_for_a_key_outside_the_repository() {
    let platform = Platform::local();
    platform.seed_changed(ACCESS, GENERATE);
    platform.apply().run().success();
    let made = stored(&platform).unwrap();
    let text = made.text.unwrap();
    let json: Value = serde_json::from_str(text.expose_secret()).unwrap();
    assert_eq!(json["password"].as_str().unwrap().len(), 32);
    let key_file = platform.catalog.home().join(".config/goldenpath/local-store.key");
    assert_eq!(fs::metadata(&key_file).unwrap().permissions().mode() & 0o777, 0o600);
    let places = files(platform.catalog.path().parent().unwrap());
    assert!(places.iter().any(|(place, _)| place.ends_with("store.db")));
    is_nowhere(json["password"].as_str().unwrap(), &places);
    platform.apply().run().success();
    let again = stored(&platform).unwrap();
    assert_eq!(
        (again.version, again.text.unwrap().expose_secret()),
        (made.version, text.expose_secret())
    );
}

#[test]
fn a_value_that_cannot_be_generated_is_reported_at_its_place() {
    let repository = Repository::new();
    for (secret_type, keys) in [
        ("api-key", "its key `api_key` can only be set by a person"),
        ("oauth-client", "its keys `client_id` and `client_secret` can only be set by a person"),
    ] {
        let text = seed_with(&[("database-credentials", secret_type), (ACCESS, GENERATE)]);
        repository.write(SEED_PATH, &text);
        let found =
            findings(&repository.goldenpath(&["validate", "--format", "json"]).run().fails_with(1));
        assert_eq!(found.len(), 1, "{found:?}");
        let found = &found[0];
        assert_eq!(
            (found.rule.as_str(), found.name.as_str()),
            ("GP205", "value-cannot-be-generated")
        );
        assert_eq!(
            (found.pointer.as_str(), found.under(&text).as_str()),
            ("/spec/value/generate", "true")
        );
        let message =
            format!("the value of a secret of type `{secret_type}` cannot be generated: {keys}");
        assert_eq!(found.message, message);
        assert_eq!(
            found.help,
            "remove `generate`, and set the value with `goldenpath value set SEC-0007`"
        );
        // `generate: false` requires no recipe, and neither does a secret that is to be deleted.
        for (from, to) in [
            ("generate: true", "generate: false"),
            ("status: active", "status: decommission_requested"),
        ] {
            repository.write(SEED_PATH, &text.replace(from, to));
            repository.goldenpath(&["validate"]).run().success();
        }
    }
    // The catalog's own types apply.
    let own = "secretTypes: { generic: { keys: [{ name: a }] }, signing-key: { keys: [{ name: key, \
               required: true }] } }\n";
    repository.write("schemas/metadata/secret_types.yaml", own);
    for (secret_type, why) in
        [("generic", "none of its keys has a recipe"), ("signing-key", "its key `key`")]
    {
        repository.write(
            SEED_PATH,
            &seed_with(&[("database-credentials", secret_type), (ACCESS, GENERATE)]),
        );
        let found =
            findings(&repository.goldenpath(&["validate", "--format", "json"]).run().fails_with(1));
        assert!(found.len() == 1 && found[0].message.contains(why), "{found:?}");
    }
}

#[test]
fn a_change_cannot_say_of_its_own_type_that_it_can_be_made() {
    let repository = Repository::new();
    repository
        .write(SEED_PATH, &seed_with(&[("database-credentials", "api-key")]))
        .commit_all("SEC-0007");
    let own = "secretTypes: { api-key: { keys: [{ name: token, required: true, \
               generate: { bytes: 32 } }] } }\n";
    repository.write("schemas/metadata/secret_types.yaml", own);
    repository
        .write(SEED_PATH, &seed_with(&[("database-credentials", "api-key"), (ACCESS, GENERATE)]));
    repository.goldenpath(&["validate"]).run().success();
    repository.commit_all("Make it");
    let judged = repository.goldenpath(&["validate", "--from-ref", "HEAD~1"]).run().fails_with(1);
    assert!(judged.stdout.contains("GP205"), "{}", judged.stdout);
    assert!(
        judged.stdout.contains("GP701"),
        "a change of the rules is a finding: {}",
        judged.stdout
    );
    assert!(judged.stdout.contains("schemas/metadata/secret_types.yaml"), "{}", judged.stdout);
}

#[test]
fn the_field_takes_true_and_false_and_nothing_that_could_be_a_value() {
    let repository = Repository::new();
    for (text, rule, pointer) in [
        ("  value:\n    generate: yes please\n", "GP103", "/spec/value/generate"),
        ("  value:\n    generte: true\n", "GP102", "/spec/value"),
        ("  value: true\n", "GP103", "/spec/value"),
    ] {
        repository.write(SEED_PATH, &seed_with(&[(ACCESS, &format!("{text}{ACCESS}"))]));
        let found =
            findings(&repository.goldenpath(&["validate", "--format", "json"]).run().fails_with(1));
        assert!(
            found.iter().any(|found| found.rule == rule && found.pointer.starts_with(pointer)),
            "{text}: {found:?}"
        );
    }
    for text in [
        "  value: { generate: true }\n",
        "  value: {}\n",
        "  value:\n    generate: True # once\n",
        "  # value:\n",
    ] {
        repository.write(SEED_PATH, &seed_with(&[(ACCESS, &format!("{text}{ACCESS}"))]));
        repository.goldenpath(&["validate"]).run().success();
    }
    let canary = ["Zq8", "vR2x", "Lw7", "mTk4", "Hn9"].concat();
    for text in [format!("  value: {canary}\n"), format!("  value:\n    password: {canary}\n")] {
        repository.write(SEED_PATH, &seed_with(&[(ACCESS, &format!("{text}{ACCESS}"))]));
        let outcome = repository.goldenpath(&["validate"]).run().fails_with(1);
        assert!(
            outcome.stdout.contains("GP501") || outcome.stderr.contains("GP501"),
            "{}",
            outcome.stdout
        );
        assert!(
            !outcome.stdout.contains(&canary) && !outcome.stderr.contains(&canary),
            "{}",
            outcome.stdout
        );
    }
}

fn wait_for_value(platform: &Platform) {
    let settings = platform.catalog.read("goldenpath.yaml");
    let settings = format!("{settings}externalSecret:\n  waitForValue: true\n");
    platform.catalog.write("goldenpath.yaml", &settings).commit_all("Wait for values");
}

#[test]
fn a_secret_without_a_value_is_reported_and_is_not_a_change() {
    let aws = Aws::new("awaiting");
    aws.platform.seed();
    let line = format!(
        "\n1 secret awaits a value.\n  ? SEC-0007 (dev)  {KEY}: `goldenpath value set SEC-0007`\n"
    );
    let plan = |arguments: &[&str]| aws.reach(aws.platform.plan(arguments)).run();
    let human = plan(&["--detailed-exitcode"]).fails_with(2);
    assert!(human.stdout.contains(&line), "{}", human.stdout);
    let applied = aws.apply().success();
    assert!(applied.stdout.ends_with("Applied: 2 created, 0 changed.\n"), "{}", applied.stdout);
    assert!(
        applied.stderr.ends_with("\nSEC-0007 awaits a value: `goldenpath value set SEC-0007`.\n"),
        "{}",
        applied.stderr
    );

    let human = plan(&["--detailed-exitcode"]).success();
    assert!(
        human.stdout.starts_with("Nothing to do.") && human.stdout.contains(&line),
        "{}",
        human.stdout
    );
    assert_eq!(awaiting(&aws.plan()), [format!("SEC-0007 {KEY}")]);
    let markdown = plan(&["--format", "markdown"]).success().stdout;
    let line = format!(
        "<summary>1 without a value</summary>\n\n\
         - `SEC-0007` (`dev`), `{KEY}`: `goldenpath value set SEC-0007`\n"
    );
    assert!(markdown.contains(&line), "{markdown}");
    let show =
        || aws.reach(aws.platform.catalog.goldenpath(&["show", "SEC-0007"])).run().success().stdout;
    assert!(show().contains("awaiting a value"), "{}", show());

    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
    assert_eq!(awaiting(&aws.plan()), [""; 0]);
    assert!(!plan(&[]).success().stdout.contains("awaits"));
    assert!(!plan(&["--format", "markdown"]).success().stdout.contains("without a value"));
    assert!(!show().contains("awaiting a value"), "{}", show());
}

#[test]
fn what_is_in_the_way_or_at_its_end_awaits_nothing() {
    let aws = Aws::new("awaiting-nothing");
    aws.platform.seed();
    aws.call("CreateSecret", json!({ "Name": KEY }));
    let plan = aws.plan();
    assert_eq!(plan.json()["actions"][0]["action"], "blocked");
    assert_eq!(awaiting(&plan), [""; 0]);
    aws.apply_with(&["--adopt", "SEC-0007"]).success();
    assert_eq!(awaiting(&aws.plan()).len(), 1);
    for status in ["deprecated", "decommission_requested", "decommissioned"] {
        aws.platform.seed_changed("status: active", &format!("status: {status}"));
        assert_eq!(awaiting(&aws.plan()).len(), usize::from(status == "deprecated"), "{status}");
    }
}

#[test]
fn many_that_await_a_value_are_counted() {
    let platform = Platform::local();
    for number in 10..35 {
        platform.write(&format!("SEC-00{number}"), &format!("key-{number}"));
    }
    platform.catalog.commit_all("Many");
    wait_for_value(&platform);
    let shown = platform.plan(&[]).run().success().stdout;
    assert!(shown.contains("\n25 secrets await a value.\n  ? SEC-0010 (dev)"), "{shown}");
    assert_eq!(shown.matches("`goldenpath value set SEC-").count(), 20);
    let more = "\n  … and 5 more: `goldenpath list --awaiting-value`; 25 ExternalSecrets in all \
                are held back\n";
    assert!(shown.contains(more), "{shown}");
}

#[test]
fn an_external_secret_waits_for_the_value_and_one_that_is_there_stays() {
    let aws = Aws::new("wait");
    aws.platform.seed();
    wait_for_value(&aws.platform);
    let plan = aws.plan();
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 create-secret {KEY}")]);
    assert_eq!(awaiting(&plan), [format!("SEC-0007 {KEY} held back")]);
    // Long before it is lost.
    let apply = aws.platform.apply().env("GOLDENPATH_CLOCK", "1700000000");
    let applied = aws.reach(apply).run().success();
    let line = format!(
        "{KEY}: `goldenpath value set SEC-0007`; its ExternalSecret is held back until it has a \
         value\n"
    );
    assert!(applied.stdout.contains(&line), "{}", applied.stdout);
    assert_eq!(aws.platform.gitops.git(&["ls-files", "kustomize"]), "");
    let shown =
        aws.reach(aws.platform.catalog.goldenpath(&["show", "SEC-0007"])).run().success().stdout;
    assert!(shown.contains("held back until the secret has a value"), "{shown}");
    // Waiting is not a change, and not an error.
    let plan = aws.reach(aws.platform.plan(&["--detailed-exitcode"])).run().success();
    assert!(
        plan.stdout.starts_with("Nothing to do.") && plan.stdout.contains(&line),
        "{}",
        plan.stdout
    );

    let before = aws.call("ListSecrets", json!({}));
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
    // A list that lags behind is not trusted.
    aws.recorder.answer("ListSecrets", 1, &before);
    let plan = aws.plan();
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 write-projection {PROJECTION}")]);
    assert_eq!(awaiting(&plan), [""; 0]);
    aws.apply().success();
    assert!(aws.platform.gitops.exists(PROJECTION));
    aws.recorder.reset();
    assert!(aws.apply().success().stdout.starts_with("Nothing to do."));
    assert_eq!(aws.recorder.operations(), ["ListSecrets"]);

    // Its value is deleted with it, and it is restored without one.
    aws.call("DeleteSecret", json!({ "SecretId": KEY, "ForceDeleteWithoutRecovery": true }));
    aws.platform
        .seed_changed("k8sSecretName: payments-db-creds", "k8sSecretName: payments-db-other");
    let again = ["--recreate", "SEC-0007", "--reason", "A test"];
    let plan = aws.plan_with(&again);
    let actions = [
        format!("SEC-0007 create-secret {KEY}"),
        format!("SEC-0007 write-projection {PROJECTION}"),
    ];
    assert_eq!(
        (Platform::actions(&plan), awaiting(&plan)),
        (actions.to_vec(), vec![format!("SEC-0007 {KEY}")])
    );
    aws.apply_with(&again).success();
    assert!(aws.platform.gitops.read(PROJECTION).contains("payments-db-other"));
    aws.platform.seed_changed("status: active", "status: deprecated");
    aws.platform.seed_changed("status: active", "status: decommission_requested");
    let end = aws.plan();
    assert!(
        Platform::actions(&end).contains(&format!("SEC-0007 remove-projection {PROJECTION}")),
        "{}",
        end.stdout
    );
}

#[test]
fn an_external_secret_does_not_wait_for_a_value_that_is_made_on_the_way() {
    let aws = aws("wait-made");
    wait_for_value(&aws.platform);
    let actions = [
        format!("SEC-0007 create-secret {KEY}"),
        format!("SEC-0007 write-projection {PROJECTION}"),
    ];
    assert_eq!(
        (Platform::actions(&aws.plan()), awaiting(&aws.plan())),
        (actions.to_vec(), Vec::new())
    );
    aws.apply().success();
    assert!(aws.platform.gitops.exists(PROJECTION) && !has_no_value(&aws));
}

#[test]
fn the_date_of_a_value_is_not_drift_and_not_part_of_a_saved_plan() {
    let aws = aws("since");
    aws.apply().success();
    let since = |aws: &Aws| {
        tags(&aws.describe(KEY)).get("goldenpath.io/value-since").map(ToString::to_string)
    };
    let made = since(&aws).unwrap();
    assert!(made.ends_with('Z') && made.len() == "2026-11-25T11:00:00Z".len(), "{made}");
    assert!(aws.apply().success().stdout.starts_with("Nothing to do."));
    // Another process sets a new value at the same time.
    aws.platform.seed_changed("owner: team-payments", "owner: database-team");
    let file = aws.platform.gitops.path().with_extension("plan.json").display().to_string();
    aws.reach(aws.platform.plan(&["--out", &file])).run().success();
    let tag = |when: &str| {
        let tag = json!({ "Key": "goldenpath.io/value-since", "Value": when });
        json!({ "SecretId": KEY, "Tags": [tag] })
    };
    aws.call("TagResource", tag("2026-01-02T03:04:05Z"));
    aws.apply_with(&[&file]).success();
    assert_eq!(since(&aws).as_deref(), Some("2026-01-02T03:04:05Z"), "it is left as it is");
    for odd in ["yesterday", ""] {
        aws.call("TagResource", tag(odd));
        assert!(aws.apply().success().stdout.starts_with("Nothing to do."), "{odd}");
    }
}

/// Returns the due rows of the seed's secret, as `day: message`, with the command that renews it.
fn due(aws: &Aws) -> Vec<(String, Value)> {
    let asked = ["due", "--format", "json", "--within", "500w"];
    let due = aws.reach(aws.platform.catalog.goldenpath(&asked)).run().success().json();
    let rotations = due["due"].as_array().unwrap().iter().filter(|one| one["reason"] == "rotation");
    rotations
        .map(|one| {
            (
                format!("{}: {}", one["due"].as_str().unwrap(), one["message"].as_str().unwrap()),
                one["wayOut"].clone(),
            )
        })
        .collect()
}

#[test]
fn a_rotation_by_hand_counts_from_the_tag() {
    let aws = aws("by-hand");
    aws.apply().success();
    let today = tags(&aws.describe(KEY))["goldenpath.io/value-since"][..10].to_owned();
    let found = due(&aws);
    assert_eq!(found.len(), 1);
    assert!(found[0].0.ends_with(&format!("rotation every 90 days, rotated {today}")), "{found:?}");
    assert_eq!(found[0].1, "goldenpath value rotate SEC-0007");

    let tag = |when: &str| {
        let tag = json!({ "Key": "goldenpath.io/value-since", "Value": when });
        json!({ "SecretId": KEY, "Tags": [tag] })
    };
    let ago = |days: i64| Timestamp::now() - SignedDuration::from_hours(24 * days);
    let day = |days: i64| ago(days).strftime("%Y-%m-%d").to_string();
    aws.call("TagResource", tag(&ago(100).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    assert_eq!(
        due(&aws)[0].0,
        format!("{}: rotation every 90 days, rotated {}", day(10), day(100))
    );
    let plan = aws.reach(aws.platform.plan(&[])).run().success();
    assert!(
        plan.stderr.contains("GP602") && plan.stderr.contains("SEC-0007 was last rotated on"),
        "{}",
        plan.stderr
    );
    assert!(plan.stderr.contains("`goldenpath value rotate SEC-0007`"), "{}", plan.stderr);
    let table = aws.reach(aws.platform.catalog.goldenpath(&["due"])).run().success().stdout;
    assert!(
        table.contains(&format!("rotated {}: goldenpath value rotate SEC-0007", day(100))),
        "{table}"
    );
    let issue = aws
        .reach(aws.platform.catalog.goldenpath(&["due", "--format", "markdown"]))
        .run()
        .success()
        .stdout;
    assert!(issue.contains("`; run `goldenpath value rotate SEC-0007`\n"), "{issue}");

    // A date in the future and an invalid date are ignored.
    aws.call("TagResource", tag("2999-01-01T00:00:00Z"));
    assert!(due(&aws)[0].0.ends_with(&format!("rotated {}", today)), "{:?}", due(&aws));
    aws.call("TagResource", tag("soon"));
    assert!(due(&aws)[0].0.contains("rotation every 90 days, changed "), "{:?}", due(&aws));
    // If a function rotates, no manual rotation is due.
    let settings = aws.platform.catalog.read("goldenpath.yaml");
    let function = "arn:aws:lambda:eu-central-1:123456789012:function:rotate";
    let settings = format!(
        "{settings}rotation: {{ functions: {{ database-credentials: \"{function}\" }} }}\n"
    );
    aws.platform.catalog.write("goldenpath.yaml", &settings).commit_all("Rotate");
    assert_eq!(due(&aws)[0].1, Value::Null);
}

#[test]
fn the_list_queries_values_only_with_the_flag() {
    let aws = Aws::new("list-awaiting");
    aws.platform.seed().write("SEC-0008", "orders-key").write("SEC-0009", "retired-key");
    aws.platform.catalog.commit_all("More");
    let list = |arguments: &[&str]| {
        aws.reach(
            aws.platform.catalog.goldenpath(&[&["list", "--awaiting-value"], arguments].concat()),
        )
        .run()
    };
    let ids = |outcome: &Outcome| {
        let all = outcome.json()["secrets"].as_array().unwrap().clone();
        assert!(all.iter().all(|row| row["hasValue"] == false), "{}", outcome.stdout);
        all.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let none = list(&[]).success();
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "No secret awaits a value.\n"));
    aws.apply().success();
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "{}" }));
    aws.call(
        "DeleteSecret",
        json!({ "SecretId": "goldenpath/payments/dev/retired-key", "RecoveryWindowInDays": 7 }),
    );
    assert_eq!(ids(&list(&["--format", "json"]).success()), ["SEC-0008"]);
    let table = list(&[]).success().stdout;
    assert!(
        table.contains("SEC-0008  orders-key") && table.contains("active  awaiting a value\n"),
        "{table}"
    );
    assert_eq!(
        ids(&list(&["--format", "json", "--service", "payments", "--status", "deprecated"])
            .success()),
        [""; 0]
    );
    // Without the flag the store is not called.
    aws.recorder.reset();
    let plain =
        aws.reach(aws.platform.catalog.goldenpath(&["list", "--format", "json"])).run().success();
    assert!(
        plain.json()["secrets"].as_array().unwrap().iter().all(|row| row.get("hasValue").is_none())
    );
    assert_eq!(aws.recorder.operations(), [""; 0]);

    // A store that cannot be reached, and no store.
    let unasked =
        aws.platform.catalog.goldenpath(&["list", "--awaiting-value"]).run().fails_with(1);
    assert!(
        unasked.stderr.contains("Not queried: dev: ") && !unasked.stderr.contains("No secret"),
        "{}",
        unasked.stderr
    );
    let nowhere = Repository::new();
    nowhere.write(SEED_PATH, &seed_with(&[]));
    let refused = nowhere.goldenpath(&["list", "--awaiting-value"]).run().fails_with(2);
    assert!(refused.stderr.contains("cannot query the stores"), "{}", refused.stderr);
}
