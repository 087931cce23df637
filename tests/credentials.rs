//! Credentials: sessions of roles, multi-factor authentication, expiry, and what fails.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use goldenpath_testkit::{Aws, Command, HoldPoint, Key, request};

/// The MFA device of the tests.
const DEVICE: &str = "arn:aws:iam::123456789012:mfa/ann";

/// What STS says about a code that is wrong or was used before.
const WRONG_CODE: &str = "MultiFactorAuthentication failed with invalid MFA one time pass code.";

/// What AWS says about temporary credentials after their time.
const EXPIRED: &str = "The security token included in the request is expired";

fn said(text: &str) -> String {
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/goldenpath-apply")
}

/// Adds settings below `store:`, in a commit.
fn with_store(aws: &Aws, settings: &[&str]) {
    let lines: String = settings.iter().map(|line| format!("  {line}\n")).collect();
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let config = config.replacen("store:\n", &format!("store:\n{lines}"), 1);
    aws.platform.catalog.write("goldenpath.yaml", &config).commit_all("Store");
}

/// Writes `~/.aws/config` and `~/.aws/credentials`, the latter with the keys of the user `ann`.
fn with_profiles(aws: &Aws, config: &str) {
    let folder = aws.platform.catalog.home().join(".aws");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config"), config).unwrap();
    let keys = "[ann]\naws_access_key_id = AKIAUSERANN000000000\naws_secret_access_key = none\n";
    fs::write(folder.join("credentials"), keys).unwrap();
}

/// Returns a command with the AWS profile `prod`, and no credentials in the environment.
fn with_profile(aws: &Aws, command: Command) -> Command {
    command
        .env("AWS_ENDPOINT_URL", aws.recorder.endpoint())
        .env("AWS_REGION", &aws.account.region)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_PROFILE", "prod")
}

fn profile_with_device(account: &str) -> String {
    format!(
        "[profile prod]\nrole_arn = {}\nsource_profile = ann\nmfa_serial = {DEVICE}\n\
         external_id = of-the-profile\n",
        role(account)
    )
}

#[test]
fn duration_and_source_identity_go_to_sts_with_the_role_and_into_the_trust() {
    let aws = Aws::new("role-session");
    aws.platform.seed();
    let arn = format!("roleArn: {}", role("900000000020"));
    with_store(&aws, &[&arn, "sessionDuration: 1h30m", "sourceIdentity: ci@acme"]);
    aws.apply().success();
    let bodies = aws.recorder.sts_bodies("AssumeRole");
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(bodies[0].contains("DurationSeconds=5400"), "{bodies:?}");
    assert!(bodies[0].contains("SourceIdentity=ci%40acme"), "{bodies:?}");

    let iam = ["iam", "--for", "apply", "--env", "dev", "--format", "json"];
    let printed = aws.platform.catalog.goldenpath(&iam).run().success().json();
    let roles = printed["roles"].as_array().unwrap();
    let (caller, assumed) = (&roles[0], &roles[1]);
    let allowed: Vec<&Value> = caller["policy"]["Statement"].as_array().unwrap().iter().collect();
    let set = allowed.iter().find(|one| one["Action"] == "sts:SetSourceIdentity").unwrap();
    assert_eq!(set["Resource"], json!(role("900000000020")));
    let trust = assumed["trust"]["Statement"].as_array().unwrap();
    assert_eq!(trust[0]["Action"], "sts:AssumeRole", "{trust:?}");
    assert_eq!(trust[1]["Action"], "sts:SetSourceIdentity", "{trust:?}");
    let identity = json!({ "StringEquals": { "sts:SourceIdentity": "ci@acme" } });
    assert_eq!(trust[1]["Condition"], identity);
}

#[test]
fn a_session_that_is_too_long_for_the_role_says_what_to_lower() {
    let aws = Aws::new("long-session");
    aws.platform.seed();
    let arn = format!("roleArn: {}", role("900000000021"));
    with_store(&aws, &[&arn, "sessionDuration: 12h"]);
    let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    aws.recorder.refuse_role("DurationSeconds=43200", message);
    let said = said(&aws.apply().fails_with(1).stderr);
    assert!(said.contains("lower `sessionDuration`"), "{said}");
}

#[test]
fn a_profile_with_a_device_is_used_with_the_code_that_the_user_types() {
    let aws = Aws::new("mfa-profile");
    aws.platform.seed();
    with_profiles(&aws, &profile_with_device("900000000022"));
    aws.recorder.refuse_sts("TokenCode=111111", 1, WRONG_CODE);
    let command = with_profile(&aws, aws.platform.catalog.goldenpath(&["plan"]));
    let mut terminal = command.in_terminal(120, 24);
    terminal.wait_for(&format!("Code of the MFA device {DEVICE}")).send("12").key(Key::Enter);
    terminal.wait_for("a code has 6 digits").send("\u{15}111111").key(Key::Enter);
    terminal.wait_for("AWS rejected the code").send("222222").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    let sessions = aws.recorder.sts_bodies("GetSessionToken");
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    assert!(sessions[1].contains("TokenCode=222222"), "{sessions:?}");
    assert!(sessions[1].contains("SerialNumber=arn%3Aaws%3Aiam%3A%3A123456789012%3Amfa%2Fann"));
    let roles = aws.recorder.sts_bodies("AssumeRole");
    assert_eq!(roles.len(), 1, "{roles:?}");
    assert!(roles[0].contains("900000000022") && roles[0].contains("ExternalId=of-the-profile"));
    assert!(aws.recorder.operations().contains(&"ListSecrets".to_owned()));
}

#[test]
fn a_profile_with_a_device_is_a_clear_error_without_a_terminal() {
    let aws = Aws::new("mfa-pipeline");
    aws.platform.seed();
    with_profiles(&aws, &profile_with_device("900000000023"));
    let outcome = with_profile(&aws, aws.platform.apply()).run().fails_with(1);
    let words = said(&outcome.stderr);
    for part in [
        "the AWS profile `prod` in ~/.aws/config",
        DEVICE,
        "there is no terminal",
        "aws sts get-session-token --serial-number",
        "credential_process = aws configure export-credentials --profile prod --format process",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert_eq!(aws.recorder.requests().len(), 0, "nothing was sent");
    let doctor = with_profile(&aws, aws.platform.catalog.goldenpath(&["doctor"])).run();
    assert!(said(&doctor.stdout).contains("the AWS profile `prod`"), "{}", doctor.stdout);
    // Credentials in the environment come before the profile.
    let environment = aws.account.environment(&aws.recorder.endpoint());
    let with_keys = aws.platform.plan(&[]).envs(environment).env("AWS_PROFILE", "prod");
    with_keys.run().success();
}

#[test]
fn one_code_serves_all_roles_of_a_run() {
    let aws = Aws::new("mfa-roles");
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let environments: String = [("dev", "900000000024"), ("prod", "900000000025")]
        .map(|(name, account)| {
            format!("  {name}: {{ roleArn: \"{}\", mfaSerial: \"{DEVICE}\" }}\n", role(account))
        })
        .concat();
    let config = format!("{config}environments:\n{environments}");
    aws.platform.catalog.write("goldenpath.yaml", &config);
    for (id, environment) in [("SEC-0001", "dev"), ("SEC-0002", "prod")] {
        let text = request(id, &format!("{environment}-key"))
            .replace("environment: dev ", &format!("environment: {environment} "));
        let file = format!("catalogs/secrets/payments/{environment}/{id}.yaml");
        aws.platform.catalog.write(file, &text);
    }
    aws.platform.catalog.commit_all("Two");
    with_profiles(&aws, "[profile prod]\nregion = eu-west-2\n");
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAUSERANN000000000"), ("AWS_SECRET_ACCESS_KEY", "none")];
    let command = || with_profile(&aws, aws.platform.catalog.goldenpath(&["plan"])).envs(keys);
    let mut terminal = command().in_terminal(120, 24);
    terminal.wait_for("Code of the MFA device").send("123456").key(Key::Enter);
    assert_eq!(terminal.wait(), 0);
    assert_eq!(aws.recorder.sts_bodies("GetSessionToken").len(), 1);
    assert_eq!(aws.recorder.sts_bodies("AssumeRole").len(), 2);

    let words = said(&command().run().fails_with(1).stderr);
    assert!(
        words.contains("the role `arn:aws:iam::900000000024:role/goldenpath-apply`"),
        "{words}"
    );
    // Credentials that are a session already may have MFA: the role's trust decides.
    let environment = aws.account.environment(&aws.recorder.endpoint());
    aws.recorder.reset();
    aws.platform.plan(&[]).envs(environment).run().success();
    assert_eq!(aws.recorder.sts_bodies("GetSessionToken").len(), 0);

    let iam = ["iam", "--for", "apply", "--env", "dev", "--format", "json"];
    let printed = aws.platform.catalog.goldenpath(&iam).run().success().json();
    let trust = &printed["roles"][1]["trust"]["Statement"][0];
    assert_eq!(trust["Condition"]["Bool"]["aws:MultiFactorAuthPresent"], "true", "{printed}");
    assert_eq!(trust["Principal"]["AWS"], "arn:aws:iam::123456789012:root");
}

#[test]
fn a_canceled_question_for_a_code_changes_nothing() {
    let aws = Aws::new("mfa-canceled");
    aws.platform.seed();
    with_profiles(&aws, &profile_with_device("900000000026"));
    let command = with_profile(&aws, aws.platform.catalog.goldenpath(&["apply"]));
    let mut terminal = command.in_terminal(120, 24);
    terminal.wait_for("Code of the MFA device").key(Key::Escape);
    assert_eq!(terminal.wait(), 1);
    assert_eq!(aws.recorder.requests().len(), 0, "nothing was sent");
}

#[test]
fn a_session_of_aws_login_is_used() {
    let aws = Aws::new("aws-login");
    aws.platform.seed();
    let user = "arn:aws:iam::123456789012:user/ann";
    with_profiles(&aws, &format!("[profile prod]\nlogin_session = {user}\n"));
    let cache = aws.platform.catalog.home().join(".aws/login/cache");
    fs::create_dir_all(&cache).unwrap();
    let session = json!({
        "accessToken": {
            "accessKeyId": "ASIALOGIN00000000000",
            "secretAccessKey": "none",
            "sessionToken": "none",
            "accountId": "123456789012",
            "expiresAt": "2199-12-25T21:30:00Z",
        },
        "tokenType": "aws_sigv4",
        "refreshToken": "none",
        "identityToken": "none",
        "clientId": "aws:signin:::cli/same-device",
        "dpopKey": "none",
    });
    // SHA-256 of the session's name.
    let file = "143b1fc18f5ca9bb89e81d9a77fe53029e237039039ccab734b6fb08284f7780.json";
    fs::write(cache.join(file), session.to_string()).unwrap();
    with_profile(&aws, aws.platform.plan(&[])).run().success();
    assert!(aws.recorder.requests()[0].0.contains("ASIALOGIN00000000000"));
    fs::remove_file(cache.join(file)).unwrap();
    let words = said(&with_profile(&aws, aws.platform.plan(&[])).run().fails_with(1).stderr);
    assert!(words.contains("aws login"), "{words}");
}

#[test]
fn credentials_that_expire_in_a_long_run_are_renewed() {
    let aws = Aws::new("renewed");
    aws.platform.seed();
    with_store(&aws, &[&format!("roleArn: {}", role("900000000027"))]);
    aws.recorder.shorten_sessions(Duration::from_secs(4));
    let gate = aws.recorder.hold("ListSecrets", "", 1, HoldPoint::BeforeResponse);
    let running = aws.reach(aws.platform.apply()).start();
    assert!(gate.is_reached_by(1));
    std::thread::sleep(Duration::from_secs(3));
    gate.open();
    running.wait().success();
    let roles = aws.recorder.sts_bodies("AssumeRole").len();
    assert!((2..=4).contains(&roles), "{roles} sessions");
}

#[test]
fn an_expired_token_is_reported_once_and_not_per_secret() {
    let aws = Aws::new("expired");
    for number in 1..=20 {
        let id = format!("SEC-{number:04}");
        let file = format!("catalogs/secrets/payments/dev/{id}.yaml");
        aws.platform.catalog.write(file, &request(&id, &format!("key-{number}")));
    }
    aws.platform.catalog.commit_all("Twenty");
    aws.recorder.refuse("CreateSecret", "", usize::MAX, "ExpiredTokenException", EXPIRED);
    let outcome = aws.apply().fails_with(1);
    let reports = outcome.stderr.matches("no usable AWS credentials").count();
    assert_eq!(reports, 1, "{}", outcome.stderr);
    assert_eq!(outcome.stderr.matches("skipped").count(), 1, "{}", outcome.stderr);
    assert!(outcome.stdout.contains("1 failed") && outcome.stdout.contains("not started"));
    let calls = aws.recorder.operations();
    assert!(calls.iter().filter(|call| *call == "CreateSecret").count() < 20, "{calls:?}");
    assert_eq!(aws.names(), [""; 0]);
    // In the plan, too.
    aws.recorder.forget_faults();
    aws.recorder.refuse("DescribeSecret", "", usize::MAX, "ExpiredTokenException", EXPIRED);
    let outcome = aws.reach(aws.platform.plan(&[])).run().fails_with(1);
    assert_eq!(outcome.stderr.matches("no usable AWS credentials").count(), 1);
    // With new credentials, the run continues.
    aws.recorder.forget_faults();
    aws.apply().success();
    assert_eq!(aws.names().len(), 20);
}

#[test]
fn an_sts_that_cannot_be_reached_is_named_with_its_host() {
    let aws = Aws::new("no-sts-host");
    aws.platform.seed();
    with_store(&aws, &[&format!("roleArn: {}", role("900000000028"))]);
    let nowhere = "http://127.0.0.1:9";
    let command = aws.reach(aws.platform.plan(&[])).env("AWS_ENDPOINT_URL_STS", nowhere);
    let words = said(&command.run().fails_with(1).stderr);
    assert!(words.contains("cannot reach `http://127.0.0.1:9`"), "{words}");
}

#[test]
fn a_missing_session_of_sso_says_what_is_missing() {
    let aws = Aws::new("no-sso");
    aws.platform.seed();
    with_profiles(
        &aws,
        "[profile prod]\nsso_session = acme\nsso_account_id = 123456789012\nsso_role_name = Admin\n\
         [sso-session acme]\nsso_region = eu-west-2\n\
         sso_start_url = https://acme.awsapps.com/start\n",
    );
    let words = said(&with_profile(&aws, aws.platform.plan(&[])).run().fails_with(1).stderr);
    assert!(words.contains("no usable AWS credentials"), "{words}");
    assert!(words.contains("cached SSO token") && words.contains("aws sso login"), "{words}");
}
