//! Several accounts in one run: each environment can have its own account, region, role, store and
//! GitOps repository.

use serde_json::{Value, json};

use goldenpath_testkit::{Account, Aws, Command, Moto, Platform, Repository, request};

/// The account of the production role, which no other test uses.
const PROD: &str = "900000000001";

fn said(text: &str) -> String {
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

/// Returns a platform with one secret in dev and one in prod, each in its own account.
fn two_accounts(test: &str, prod: &str) -> Aws {
    let aws = Aws::new(test);
    let config = aws.platform.catalog.read("goldenpath.yaml");
    aws.platform
        .catalog
        .write("goldenpath.yaml", &format!("{config}environments:\n  prod:\n{prod}"));
    for (id, environment) in [("SEC-0001", "dev"), ("SEC-0002", "prod")] {
        let text = request(id, &format!("{environment}-key"))
            .replace("environment: dev ", &format!("environment: {environment} "));
        aws.platform
            .catalog
            .write(format!("catalogs/secrets/payments/{environment}/{id}.yaml"), &text);
    }
    aws.platform.catalog.commit_all("Two");
    aws
}

fn role(account: &str) -> String {
    format!("    region: eu-west-2\n    roleArn: arn:aws:iam::{account}:role/goldenpath-apply\n")
}

/// Returns the names of the secrets in an account and region.
fn names(account: &str, region: &str) -> Vec<String> {
    // Moto takes the account number from the role in the signature, so any account can sign.
    let moto = Moto::shared();
    let inside = Account { region: region.to_owned(), ..moto.account_of(account) };
    let listed = moto.call(&inside, "ListSecrets", json!({})).unwrap();
    listed["SecretList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| secret["Name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn one_run_serves_several_accounts_and_takes_on_a_role_for_each() {
    let aws = two_accounts("accounts", &role(PROD));
    let run = |command: Command| {
        aws.reach(command).env("GITHUB_RUN_ID", "77").env("GITHUB_RUN_ATTEMPT", "2").run()
    };
    let outcome = run(aws.platform.apply()).success();
    assert!(outcome.stdout.ends_with("Applied: 4 created, 0 changed.\n"), "{}", outcome.stdout);
    let said = said(&outcome.stderr);
    assert!(
        said.contains(&format!("as arn:aws:iam::{PROD}:role/goldenpath-apply (prod)")),
        "{said}"
    );
    assert_eq!(aws.names(), ["goldenpath/payments/dev/dev-key"]);
    assert_eq!(names(PROD, "eu-west-2"), ["goldenpath/payments/prod/prod-key"]);
    aws.recorder.reset();
    assert!(run(aws.platform.apply()).success().stdout.contains("Nothing to do."));
    let mut calls = aws.recorder.operations();
    calls.sort();
    assert_eq!(
        calls,
        ["DescribeSecret", "DescribeSecret", "ListSecrets", "ListSecrets", "POST / HTTP/1.1"],
        "a sweep an account, each secret without a value, and the role once"
    );
    // A run for one environment does not call the other account.
    aws.recorder.reset();
    run(aws.platform.plan(&["--env", "dev"])).success();
    assert_eq!(aws.recorder.operations(), ["ListSecrets", "DescribeSecret"]);
}

#[test]
fn a_session_is_named_after_the_pipeline_s_run() {
    let aws = two_accounts("session", &role("900000000002"));
    aws.recorder.refuse_role("RoleSessionName=goldenpath-77-2", "it says who comes");
    let outcome = aws
        .reach(aws.platform.apply())
        .env("GITHUB_RUN_ID", "77")
        .env("GITHUB_RUN_ATTEMPT", "2")
        .run()
        .fails_with(1);
    assert!(said(&outcome.stderr).contains("it says who comes"), "{}", outcome.stderr);
}

#[test]
fn an_external_id_goes_to_sts_with_the_role() {
    let prod = format!("{}    externalId: acme-4711\n", role("900000000007"));
    let aws = two_accounts("external-id", &prod);
    aws.apply().success();
    let bodies: Vec<String> = aws
        .recorder
        .requests()
        .iter()
        .map(|(_, body)| String::from_utf8_lossy(body).into_owned())
        .filter(|body| body.contains("Action=AssumeRole"))
        .collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(bodies[0].contains("ExternalId=acme-4711"), "{bodies:?}");
    let iam = ["iam", "--for", "apply", "--env", "prod"];
    let printed = aws.platform.catalog.goldenpath(&iam).run().success().stdout;
    assert!(printed.contains("\"sts:ExternalId\": \"acme-4711\""), "{printed}");
}

#[test]
fn an_account_whose_role_is_refused_does_not_stop_the_others() {
    const DENIED: &str = "900000000003";
    let aws = two_accounts("role-refused", &role(DENIED));
    aws.recorder.refuse_role("RoleArn", "User: arn:x is not authorized to perform: sts:AssumeRole");
    let plan = aws.reach(aws.platform.plan(&["--format", "json"])).run().fails_with(1).json();
    assert_eq!(
        plan["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].clone())
            .collect::<Vec<Value>>(),
        ["SEC-0001", "SEC-0001"]
    );
    assert_eq!(plan["failures"][0]["environments"], json!(["prod"]));
    assert!(
        plan["failures"][0]["message"]
            .as_str()
            .unwrap()
            .contains(&format!("arn:aws:iam::{DENIED}:role/goldenpath-apply"))
    );

    let outcome = aws.apply().fails_with(1);
    let words = said(&outcome.stderr);
    assert!(
        words.contains("cannot assume the role `arn:aws:iam::")
            && words.contains(
                "`: User: arn:x is not authorized to perform: sts:AssumeRole (AccessDenied)"
            ),
        "{words}"
    );
    assert!(words.contains("grant `sts:AssumeRole` on the role"), "{words}");
    assert!(
        outcome.stdout.contains("Not checked: prod. Nothing is applied there."),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.ends_with("Applied: 2 created, 0 changed.\n"), "{}", outcome.stdout);
    assert_eq!(aws.names(), ["goldenpath/payments/dev/dev-key"]);
    assert_eq!(aws.platform.gitops.git(&["ls-files", "kustomize"]).lines().count(), 1);
    // An environment that could not be read is not "nothing to do".
    let again = aws.apply().fails_with(1);
    assert!(!again.stdout.contains("Nothing to do"), "{}", again.stdout);
    assert_eq!(aws.reach(aws.platform.plan(&["--detailed-exitcode"])).run().code, 1);
}

#[test]
fn an_account_that_denies_a_call_does_not_stop_the_others() {
    let aws = two_accounts("denied-account", &role("900000000004"));
    aws.recorder.refuse(
        "DescribeSecret",
        "prod-key",
        usize::MAX,
        "AccessDeniedException",
        "not in prod",
    );
    let outcome = aws.apply().fails_with(1);
    assert!(
        said(&outcome.stderr).contains("grant `secretsmanager:DescribeSecret`"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stdout.ends_with("Applied: 2 created, 0 changed.\n"), "{}", outcome.stdout);
    assert_eq!(names("900000000004", "eu-west-2"), [""; 0]);
}

#[test]
fn where_no_account_can_be_looked_at_there_is_no_plan() {
    let aws = two_accounts("no-account", &role("900000000005"));
    aws.recorder.refuse("ListSecrets", "", usize::MAX, "AccessDeniedException", "nowhere");
    let outcome = aws.apply().fails_with(1);
    assert_eq!(outcome.stdout, "");
    assert_eq!(outcome.stderr.matches("  × ").count(), 2, "{}", outcome.stderr);
    assert_eq!(
        outcome.stderr.matches("× AWS does not allow ListSecrets").count(),
        2,
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("goldenpath::"), "{}", outcome.stderr);
}

#[test]
fn an_environment_has_a_key_a_store_and_a_gitops_repository_of_its_own() {
    let own = Repository::new();
    own.write("README.md", "Production\n").commit_all("Start");
    let prod = format!(
        "    kmsKeyId: alias/prod\n    gitops:\n      path: {}\n      \
         file: \"prod/{{{{ id }}}}.yaml\"\n",
        own.path().display()
    );
    let aws = two_accounts("own-targets", &prod);
    let outcome = aws.apply().success();
    assert_eq!(
        outcome.stderr.matches("Store    ").count(),
        1,
        "the same account: {}",
        outcome.stderr
    );
    assert_eq!(aws.recorder.operations().iter().filter(|call| *call == "ListSecrets").count(), 1);
    assert_eq!(aws.describe("goldenpath/payments/prod/prod-key")["KmsKeyId"], "alias/prod");
    assert_ne!(aws.describe("goldenpath/payments/dev/dev-key")["KmsKeyId"], "alias/prod");
    assert_eq!(own.git(&["ls-tree", "-r", "--name-only", "HEAD"]), "README.md\nprod/SEC-0002.yaml");
    assert!(own.git(&["log", "-1", "--format=%B"]).contains("SEC-0002"));
    assert_eq!(aws.platform.gitops.git(&["ls-files", "kustomize"]).lines().count(), 1);
    assert!(aws.apply().success().stdout.contains("Nothing to do."));

    let aws = two_accounts("own-store", "    store: { backend: local, path: prod.db }\n");
    aws.apply().success();
    assert_eq!(aws.names(), ["goldenpath/payments/dev/dev-key"]);
    assert!(aws.platform.catalog.exists("prod.db"));
}

#[test]
fn a_secret_of_one_configuration_is_not_an_orphan_of_another_one_with_the_same_account() {
    // The region is the one that the environment names.
    let aws = two_accounts("same-account", "    region: eu-central-1\n");
    aws.apply().success();
    let plan = aws.plan().json();
    assert_eq!((plan["actions"].clone(), plan["orphans"].clone()), (json!([]), json!([])));
    assert_eq!(aws.names().len(), 2);
}

#[test]
fn an_environment_that_does_not_exist_is_refused_with_the_one_that_was_meant() {
    let platform = Platform::local();
    platform.seed();
    let config = platform.catalog.read("goldenpath.yaml")
        + "environments:\n  production:\n    region: eu-west-2\n";
    platform.catalog.write("goldenpath.yaml", &config).commit_all("A slip");
    for arguments in [&["plan"][..], &["validate"]] {
        let outcome = platform.catalog.goldenpath(arguments).run().fails_with(2);
        let said = said(&outcome.stderr);
        assert!(said.contains("`environments`: there is no environment `production`"), "{said}");
        assert!(
            said.contains("did you mean `prod`? there are dev, test, staging, prod, ephemeral"),
            "{said}"
        );
        assert!(said.contains("goldenpath.yaml:7:3"), "{said}");
    }
}

#[test]
fn a_role_s_endpoint_gets_no_credentials_without_encryption() {
    let aws = two_accounts("sts-plain", &role("900000000006"));
    let outcome = aws
        .reach(aws.platform.apply())
        .env("AWS_ENDPOINT_URL_STS", "http://sts.example.org")
        .run()
        .fails_with(1);
    assert!(outcome.stderr.contains("without encryption"), "{}", outcome.stderr);
    assert_eq!(aws.names(), ["goldenpath/payments/dev/dev-key"], "the other account is served");
}

#[test]
fn a_replica_is_no_orphan_and_is_not_changed() {
    let aws = two_accounts("replica", "    region: eu-west-2\n");
    aws.apply().success();
    let key = "goldenpath/payments/dev/dev-key";
    aws.call("PutSecretValue", json!({ "SecretId": key, "SecretString": "{}" }));
    let regions = json!([{ "Region": "eu-west-2" }]);
    aws.call("ReplicateSecretToRegions", json!({ "SecretId": key, "AddReplicaRegions": &regions }));
    let plan = aws.plan().json();
    assert_eq!((&plan["orphans"], &plan["actions"]), (&json!([]), &json!([])), "{plan}");
    // A replica has the name that a manifest of its region asks for.
    let taken = "goldenpath/payments/prod/taken";
    aws.call("CreateSecret", json!({ "Name": taken, "SecretString": "{}" }));
    aws.call(
        "ReplicateSecretToRegions",
        json!({ "SecretId": taken, "AddReplicaRegions": regions }),
    );
    let text = request("SEC-0003", "taken").replace("environment: dev ", "environment: prod ");
    let file = "catalogs/secrets/payments/prod/SEC-0003.yaml";
    aws.platform.catalog.write(file, &text).commit_all("A name that is taken");
    let plan = aws.plan_with(&["--id", "SEC-0003"]).json();
    assert_eq!(plan["actions"][0]["action"], "blocked", "{plan}");
    let reason = plan["actions"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("a replica of a secret in eu-central-1"), "{reason}");
}
