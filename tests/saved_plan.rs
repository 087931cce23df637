//! `plan --out FILE` and `apply FILE`: apply runs exactly the reviewed plan, or rejects it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use goldenpath_testkit::{
    Aws, Command, KEY, Moto, Outcome, Platform, Repository, SEED_PATH, request,
};

/// Returns a path outside of the platform's repositories.
fn file(platform: &Platform) -> String {
    platform.gitops.path().with_extension("plan.json").display().to_string()
}

#[track_caller]
fn save(platform: &Platform, arguments: &[&str]) -> String {
    let file = file(platform);
    platform.plan(&[&["--out", &file], arguments].concat()).run().success();
    file
}

fn apply(platform: &Platform, file: &str) -> Command {
    platform.catalog.goldenpath(&["apply", "--yes", file])
}

fn said(outcome: &Outcome) -> String {
    outcome.stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that nothing is applied, with this reason and a remedy.
#[track_caller]
fn refused(platform: &Platform, outcome: Outcome, what: &str) {
    let outcome = outcome.fails_with(1);
    let said = said(&outcome);
    assert!(
        said.contains(&format!("× {what} changed since the plan was created")),
        "{what}: {}",
        outcome.stderr
    );
    assert!(
        said.contains("run `goldenpath plan --out FILE` and apply the new plan"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stdout.contains("Applied"), "{}", outcome.stdout);
    assert_eq!(platform.gitops.git(&["ls-files", "--others"]), "", "a projection has come to be");
}

#[test]
fn a_saved_plan_is_applied_and_then_it_is_over() {
    let platform = Platform::local();
    platform.seed();
    let file = save(&platform, &[]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let outcome = apply(&platform, &file).run().success();
    assert!(outcome.stdout.ends_with("Applied: 2 created, 0 changed.\n"), "{}", outcome.stdout);
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
    // The state that the plan was based on has changed.
    refused(&platform, apply(&platform, &file).run(), "the state");
    // A plan without actions is accepted, and replaces the other.
    let file = save(&platform, &[]);
    assert!(apply(&platform, &file).run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn a_saved_plan_keeps_its_selection_and_its_commit() {
    let platform = Platform::local();
    platform.seed().write("SEC-0008", "orders-key");
    let prod = platform
        .catalog
        .read("catalogs/secrets/payments/dev/SEC-0008.yaml")
        .replace("SEC-0008", "SEC-0009");
    platform.catalog.write(
        "catalogs/secrets/payments/prod/SEC-0009.yaml",
        &prod.replace("environment: dev", "environment: prod"),
    );
    platform.catalog.commit_all("Three");
    let three = platform.catalog.git(&["rev-parse", "HEAD"]).trim().to_owned();
    platform.catalog.git(&["rm", "-q", "-r", "catalogs"]);
    platform.catalog.commit_all("None");
    let file = save(&platform, &["--env", "prod", "--ref", &three]);
    let outcome = apply(&platform, &file).run().success();
    assert!(
        outcome.stdout.contains("SEC-0009 (prod)") && !outcome.stdout.contains("(dev)"),
        "{}",
        outcome.stdout
    );
    for flag in [
        &["--env", "dev"][..],
        &["--service", "payments"],
        &["--ref", "HEAD"],
        &["--work-tree"],
        &["--refresh"],
    ] {
        let both = [&["apply", "--yes", file.as_str()], flag].concat();
        let outcome = platform.catalog.goldenpath(&both).run().fails_with(2);
        assert!(outcome.stderr.contains("cannot be used with"), "{flag:?}: {}", outcome.stderr);
    }
    let outcome = platform.plan(&["--work-tree", "--out", &file]).run().fails_with(2);
    assert!(outcome.stderr.contains("cannot be used with"), "{}", outcome.stderr);
}

#[test]
fn a_saved_plan_is_refused_where_the_commit_is_another() {
    let platform = Platform::local();
    platform.seed();
    let file = save(&platform, &[]);
    platform
        .catalog
        .write("README.md", "Nothing that a plan is made from\n")
        .commit_all("Another commit");
    let outcome = apply(&platform, &file).run();
    assert!(said(&outcome).contains("and HEAD is at"), "{}", outcome.stderr);
    refused(&platform, outcome, "the commit");
}

#[test]
fn a_saved_plan_is_refused_where_the_configuration_is_another() {
    let platform = Platform::local();
    platform.seed();
    let (file, configuration) = (file(&platform), platform.catalog.read("goldenpath.yaml"));
    let own = platform.gitops.path().with_extension("yaml");
    fs::write(&own, &configuration).unwrap();
    let own = own.display().to_string();
    platform.plan(&["--config", &own, "--out", &file]).run().success();
    fs::write(&own, format!("{configuration}externalSecret: {{ refreshInterval: 5m }}\n")).unwrap();
    let with =
        |own: &str| platform.catalog.goldenpath(&["apply", "--yes", "--config", own, &file]).run();
    refused(&platform, with(&own), "the configuration");
    fs::write(&own, &configuration).unwrap();
    with(&own).success();
}

#[test]
fn a_saved_plan_is_refused_in_another_aws_account_or_region() {
    let aws = Aws::new("saved-plan");
    aws.platform.seed();
    let file = file(&aws.platform);
    let plain = aws
        .reach(aws.platform.plan(&["--out", &file]))
        .env("AWS_ENDPOINT_URL_STS", "http://sts.example.org");
    assert!(
        said(&plain.run().fails_with(1)).contains("without encryption"),
        "credentials are not sent there"
    );
    aws.reach(aws.platform.plan(&["--out", &file])).run().success();
    let other = Moto::shared().account("saved-plan-elsewhere");
    let elsewhere =
        apply(&aws.platform, &file).envs(other.environment(&aws.recorder.endpoint())).run();
    refused(&aws.platform, elsewhere, "the account");
    let region = aws.reach(apply(&aws.platform, &file)).env("AWS_REGION", "eu-west-2").run();
    refused(&aws.platform, region, "the account");
    assert_eq!(aws.names(), [""; 0]);
    // Another session of the same account is the same account.
    let session = Moto::shared().account_of(&aws.account.id);
    let mut environment = session.environment(&aws.recorder.endpoint());
    environment[1].1.clone_from(&aws.account.region);
    let outcome = apply(&aws.platform, &file).envs(environment).run().success();
    assert!(outcome.stdout.ends_with("Applied: 2 created, 0 changed.\n"), "{}", outcome.stdout);
}

#[test]
fn a_saved_plan_is_refused_where_the_gitops_branch_is_another() {
    let platform = Platform::local();
    platform.seed();
    let file = save(&platform, &[]);
    platform.gitops.git(&["checkout", "-q", "-b", "other"]);
    refused(&platform, apply(&platform, &file).run(), "the account");
}

#[test]
fn a_saved_plan_is_refused_where_the_store_is_not_as_it_was() {
    let aws = Aws::new("saved-state");
    aws.platform.seed();
    aws.apply().success();
    aws.platform.seed_changed("tier: medium", "tier: low");
    let file = file(&aws.platform);
    aws.reach(aws.platform.plan(&["--out", &file])).run().success();
    let saved = || aws.reach(apply(&aws.platform, &file)).run();
    let tag = |key: &str, value: &str| {
        let tags = json!([{ "Key": key, "Value": value }]);
        aws.call("TagResource", json!({ "SecretId": KEY, "Tags": tags }));
    };
    tag("goldenpath.io/owner", "somebody");
    aws.writes();
    refused(&aws.platform, saved(), "the state");
    assert!(aws.writes().is_empty());
    // Changes that affect no decision are accepted: a value, and tags of other tools.
    tag("goldenpath.io/owner", "team-payments");
    tag("cost-centre", "4711");
    aws.call("PutSecretValue", json!({ "SecretId": KEY, "SecretString": "used" }));
    aws.call("GetSecretValue", json!({ "SecretId": KEY }));
    saved().success();
}

#[test]
fn a_saved_plan_is_refused_where_a_projection_is_not_as_it_was() {
    let platform = Platform::local();
    platform.seed();
    let file = save(&platform, &[]);
    let store = platform.catalog.path().join(".goldenpath");
    platform
        .gitops
        .write("kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml", "theirs\n")
        .commit_all("Theirs");
    refused(&platform, apply(&platform, &file).run(), "the state");
    assert!(!store.exists());
}

/// Returns the file with `change` applied and a matching digest.
fn forged(text: &str, change: impl Fn(&mut Value)) -> String {
    use sha2::{Digest, Sha256};
    let mut file: Value = serde_json::from_str(text).unwrap();
    change(&mut file["plan"]);
    let digest = Sha256::digest(file["plan"].to_string().as_bytes());
    file["digest"] = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    file.to_string()
}

#[test]
fn a_file_that_is_not_such_a_plan_is_rejected() {
    let platform = Platform::local();
    platform.seed();
    let file = save(&platform, &[]);
    let text = fs::read_to_string(&file).unwrap();
    let other = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text.replacen(from, to, 1)
    };
    let version = |plan: &mut Value| plan["goldenpath"] = "9.9.9\u{1b}[2J".into();
    for (content, why) in [
        (String::new(), "it is truncated or not JSON"),
        (text[..text.len() / 2].to_owned(), "it is truncated or not JSON"),
        ("{}".to_owned(), "goldenpath did not write it"),
        ("[[[[".repeat(10_000), "it is truncated or not JSON"),
        (
            other("payments-db-credentials", "payments-db-other"),
            "it was changed after goldenpath wrote it",
        ),
        (
            other("\"goldenpathPlan\": 1", "\"goldenpathPlan\": 2"),
            "a goldenpath with plan format 2",
        ),
        (forged(&text, version), "created by goldenpath 9.9.9\\u{1b}[2J, and this is goldenpath"),
        (forged(&text, |plan| plan["more"] = 1.into()), "its fields are not those of a plan"),
    ] {
        fs::write(&file, content).unwrap();
        let outcome = apply(&platform, &file).run().fails_with(2);
        assert!(said(&outcome).contains(why), "{why}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains('\u{1b}'));
    }
    // A forged plan with a matching digest is still compared with the actions of a new plan.
    fs::write(&file, forged(&text, |plan| plan["actions"][0]["step"] = "0".into())).unwrap();
    refused(&platform, apply(&platform, &file).run(), "the list of actions");
    fs::File::create(&file).unwrap().set_len(200 * 1024 * 1024).unwrap();
    assert!(said(&apply(&platform, &file).run().fails_with(2)).contains("more than the"));
    fs::remove_file(&file).unwrap();
    apply(&platform, &file).run().fails_with(2);
    fs::create_dir(&file).unwrap();
    assert!(said(&apply(&platform, &file).run().fails_with(2)).contains("not a regular file"));
    let outcome = platform.plan(&["--out", &file]).run().fails_with(1);
    assert!(said(&outcome).contains("it is not a regular file"), "{}", outcome.stderr);
}

#[test]
fn no_plan_is_saved_where_an_account_could_not_be_looked_at() {
    let platform = Platform::local();
    platform.seed();
    let prod = platform.catalog.read(SEED_PATH).replace("SEC-0007", "SEC-0008");
    let prod = prod.replace("environment: dev", "environment: prod");
    platform.catalog.write("catalogs/secrets/payments/prod/SEC-0008.yaml", &prod);
    let configuration = platform.catalog.read("goldenpath.yaml");
    let own = "environments:\n  prod:\n    store: { backend: local, path: broken.db }\n";
    platform
        .catalog
        .write("goldenpath.yaml", &format!("{configuration}{own}"))
        .commit_all("Two accounts");
    platform.catalog.write("broken.db", "No database\n");
    let file = file(&platform);
    let outcome = platform.plan(&["--out", &file]).run().fails_with(1);
    assert!(said(&outcome).contains("The plan was not saved"), "{}", outcome.stderr);
    assert!(!fs::exists(&file).unwrap());
}

#[test]
fn a_saved_plan_is_asked_about_as_any_other() {
    let platform = Platform::local();
    platform.seed();
    let file = save(&platform, &[]);
    let outcome = platform.catalog.goldenpath(&["apply", &file]).run().fails_with(2);
    assert!(outcome.stderr.contains("--yes"), "{}", outcome.stderr);
    let mut terminal = platform.catalog.goldenpath(&["apply", &file]).in_terminal(100, 30);
    terminal.wait_for("Apply these changes?").send("y\r");
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.screen().contains("Applied: 2 created"), "{}", terminal.screen());
}

#[test]
fn an_adoption_in_a_plan_file_is_shown_before_it_is_applied() {
    let aws = Aws::new("saved-adoption");
    aws.platform.seed();
    aws.call("CreateSecret", json!({ "Name": KEY, "SecretString": "theirs" }));
    let file = file(&aws.platform);
    aws.reach(aws.platform.plan(&["--adopt", "SEC-0007", "--out", &file])).run().success();
    let outcome = aws
        .reach(aws.platform.catalog.goldenpath(&["--quiet", "apply", "--yes", &file]))
        .run()
        .success();
    let shown = "Chosen in the plan file, not in the catalog:\n  \
                 ! adopts the unmanaged secret of SEC-0007\n";
    assert!(outcome.stderr.contains(shown), "{}", outcome.stderr);
    // A plan without overrides shows none.
    aws.reach(aws.platform.plan(&["--out", &file])).run().success();
    let outcome = aws.reach(apply(&aws.platform, &file)).run().success();
    assert!(!outcome.stderr.contains("Chosen in"), "{}", outcome.stderr);
}

/// Returns a secret that is to be deleted, and the plan file that overrides every gate for
/// `reason`.
fn overriding(reason: &str) -> (Platform, String) {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    platform.seed_changed("status: active", "status: decommission_requested");
    platform.apply().run();
    let file = file(&platform);
    let gates =
        ["consumers", "last-accessed", "cooling-off"].map(|gate| ["--override", gate]).concat();
    let flags = [&["--id", "SEC-0007", "--reason", reason, "--out", &file], &gates[..]].concat();
    let plan = platform.plan(&flags).run().success();
    assert!(plan.stdout.contains("delete-secret"), "{}", plan.stdout);
    (platform, file)
}

#[test]
fn the_gates_that_a_plan_file_overrides_are_shown_with_the_reason_before_it_is_applied() {
    let (platform, file) = overriding("the scanner read it, ask Ann");
    let mut terminal = platform.catalog.goldenpath(&["apply", &file]).in_terminal(120, 40);
    terminal.wait_for("Apply these changes?");
    let screen = terminal.screen();
    for gate in ["consumers", "last-accessed", "cooling-off"] {
        let shown = format!(
            "! overrides the gate {gate} for SEC-0007, reason: the scanner read it, ask Ann"
        );
        assert!(screen.contains(&shown), "{shown}: {screen}");
    }
    terminal.send("n\r");
    assert_eq!(terminal.wait(), 1);
    let outcome = apply(&platform, &file).run().success();
    assert!(outcome.stderr.contains("! overrides the gate cooling-off"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("1 deleted"), "{}", outcome.stdout);
}

#[test]
fn a_plan_file_cannot_override_what_the_flags_could_not() {
    let (platform, file) = overriding("the scanner read it, ask Ann");
    let text = fs::read_to_string(&file).unwrap();
    for (change, why) in [
        (("/selection/ids", json!([])), "overrides a gate without naming an ID"),
        (("/selection/overrides/cooling-off", json!("another")), "has several reasons"),
        (
            ("/selection/overrides", json!({ "cooling-off": "a\u{1b}[2J\nb" })),
            "one line of at most 500 characters",
        ),
        (("/selection/overrides", json!({ "cooling-off": " " })), "give a reason"),
    ] {
        let (place, content) = &change;
        fs::write(&file, forged(&text, |plan| *plan.pointer_mut(place).unwrap() = content.clone()))
            .unwrap();
        let outcome = apply(&platform, &file).run().fails_with(2);
        assert!(said(&outcome).contains(why), "{why}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains('\u{1b}'));
    }
    fs::write(&file, &text).unwrap();
    apply(&platform, &file).run().success();
}

#[test]
fn a_saved_plan_is_none_of_another_repository_s() {
    let platform = Platform::local();
    platform.seed();
    let file = save(&platform, &[]);
    let elsewhere = Repository::new();
    elsewhere.write("README.md", "Another\n").commit_all("Start");
    let outcome = elsewhere.goldenpath(&["apply", "--yes", &file]).run();
    refused(&platform, outcome, "the commit");
}

#[test]
fn a_saved_plan_keeps_its_adoptions() {
    let aws = Aws::new("saved-adopt");
    aws.platform.seed();
    aws.call("CreateSecret", json!({ "Name": KEY, "SecretString": "there before" }));
    let file = file(&aws.platform);
    aws.reach(aws.platform.plan(&["--adopt", "SEC-0007", "--out", &file])).run().success();
    aws.reach(apply(&aws.platform, &file)).run().success();
    assert!(aws.describe(KEY)["Tags"].to_string().contains("goldenpath.io/managed-by"));
    // Without the tag there is nothing to adopt.
    let other = Aws::new("saved-no-adopt");
    other.platform.seed();
    other.call("CreateSecret", json!({ "Name": KEY, "SecretString": "there before" }));
    let file = self::file(&other.platform);
    other.reach(other.platform.plan(&["--out", &file])).run().success();
    other.reach(apply(&other.platform, &file)).run().fails_with(1);
    assert!(other.describe(KEY)["Tags"].as_array().is_none_or(Vec::is_empty));
}

#[test]
fn a_saved_plan_is_refused_where_a_policy_that_it_read_is_another() {
    let aws = Aws::new("saved-policy");
    let readers = "access:\n    readPrincipals: [\"arn:aws:iam::123456789012:role/a\"]\n";
    aws.platform.seed_changed("access:\n", readers);
    aws.apply().success();
    aws.platform.seed_changed("access:\n", &readers.replace("role/a", "role/b"));
    let file = file(&aws.platform);
    aws.reach(aws.platform.plan(&["--refresh", "--out", &file])).run().success();
    let foreign = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:role/c" },
            "Action": "secretsmanager:GetSecretValue", "Resource": "*",
        }],
    });
    aws.call(
        "PutResourcePolicy",
        json!({ "SecretId": KEY, "ResourcePolicy": foreign.to_string() }),
    );
    aws.writes();
    let outcome = aws.reach(apply(&aws.platform, &file)).run();
    refused(&aws.platform, outcome, "the state");
    assert!(aws.writes().is_empty());
}

#[test]
fn a_saved_plan_keeps_its_ids_and_services() {
    let platform = Platform::local();
    platform.seed().write("SEC-0008", "other-key");
    platform.catalog.commit_all("Two");
    let file = save(&platform, &["--id", "SEC-0008"]);
    let outcome = apply(&platform, &file).run().success();
    assert!(outcome.stdout.ends_with("Applied: 2 created, 0 changed.\n"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("SEC-0007"), "{}", outcome.stdout);
    let orders = request("SEC-0009", "orders-key")
        .replace("service: payments", "service: orders")
        .replace("namespace: payments", "namespace: orders");
    platform.catalog.write("catalogs/secrets/orders/dev/SEC-0009.yaml", &orders);
    platform.catalog.commit_all("Another service");
    let file = save(&platform, &["--service", "orders"]);
    let outcome = apply(&platform, &file).run().success();
    assert!(!outcome.stdout.contains("SEC-0007"), "{}", outcome.stdout);
}

#[test]
fn a_saved_plan_keeps_its_shard() {
    let platform = Platform::local();
    for (number, service) in ["billing", "orders", "payments", "search", "web"].iter().enumerate() {
        let id = format!("SEC-{:04}", number + 1);
        let text = request(&id, &format!("{service}-key"))
            .replace("service: payments", &format!("service: {service}"))
            .replace("namespace: payments", &format!("namespace: {service}"));
        platform.catalog.write(format!("catalogs/secrets/{service}/dev/{id}.yaml"), &text);
    }
    platform.catalog.commit_all("Five services");
    for shard in ["1/2", "2/2"] {
        let file = save(&platform, &["--shard", shard]);
        let outcome = apply(&platform, &file).run().success();
        assert!(outcome.stderr.contains(&format!("Shard    {shard}")), "{}", outcome.stderr);
    }
    assert_eq!(platform.plan(&["--detailed-exitcode"]).run().code, 0, "nothing is left to do");
}

#[test]
fn a_saved_plan_keeps_that_policies_are_read() {
    let aws = Aws::new("saved-refresh");
    let readers = "access:\n    readPrincipals: [\"arn:aws:iam::123456789012:role/a\"]\n";
    aws.platform.seed_changed("access:\n", readers);
    aws.apply().success();
    aws.call("DeleteResourcePolicy", json!({ "SecretId": KEY }));
    let file = file(&aws.platform);
    aws.reach(aws.platform.plan(&["--refresh", "--out", &file])).run().success();
    aws.writes();
    aws.reach(apply(&aws.platform, &file)).run().success();
    assert_eq!(aws.writes(), ["PutResourcePolicy", "TagResource"]);
}

#[test]
fn a_saved_plan_is_refused_where_another_secret_has_taken_the_name_and_the_tags() {
    let aws = Aws::new("saved-replaced");
    aws.platform.seed();
    aws.apply().success();
    aws.platform.seed_changed("tier: medium", "tier: low");
    let file = file(&aws.platform);
    aws.reach(aws.platform.plan(&["--out", &file])).run().success();
    let before = aws.describe(KEY);
    aws.call("DeleteSecret", json!({ "SecretId": KEY, "ForceDeleteWithoutRecovery": true }));
    let (tags, description) = (&before["Tags"], &before["Description"]);
    aws.call("CreateSecret", json!({ "Name": KEY, "Tags": tags, "Description": description }));
    assert_ne!(aws.describe(KEY)["ARN"], before["ARN"]);
    aws.writes();
    let outcome = aws.reach(apply(&aws.platform, &file)).run();
    refused(&aws.platform, outcome, "the state");
    assert!(aws.writes().is_empty());
}
