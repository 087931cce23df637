//! Signed requests go only to AWS, to this machine, or to an endpoint from the environment.

use goldenpath_testkit::{Command, Outcome, Platform, SEED_PATH, Tunnel};

/// Every command that calls a store, and one that does not.
const COMMANDS: [&[&str]; 8] = [
    &["plan"],
    &["apply", "--yes"],
    &["value", "set", "SEC-0007", "--yes", "--replace"],
    &["value", "generate", "SEC-0007", "--yes"],
    &["value", "status"],
    &["show", "SEC-0007"],
    &["due"],
    &["validate"],
];

const VALUE: &str = r#"{"username": "canary-user", "password": "canary-word"}"#;

/// Returns the text without miette's frame.
fn words(outcome: &Outcome) -> String {
    let all = format!("{}{}", outcome.stdout, outcome.stderr);
    all.split_whitespace()
        .filter(|word| !["│", "×", "help:"].contains(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn platform(config: &str) -> Platform {
    let platform = Platform::with_store("backend: aws");
    let gitops = platform.gitops.path().display().to_string();
    platform.catalog.write(
        "goldenpath.yaml",
        &format!("catalogId: acme\ngitops: {{ path: {gitops} }}\n{config}"),
    );
    platform.seed();
    platform
}

fn run(platform: &Platform, arguments: &[&str]) -> Command {
    platform.catalog.goldenpath(arguments).stdin(VALUE)
}

#[test]
fn nothing_signed_goes_to_an_endpoint_or_region_that_a_branch_sets() {
    let tunnel = Tunnel::new();
    for (config, key) in [
        (
            "store:\n  backend: aws\n  region: us-east-1\n  \
             endpointUrl: https://secrets.example.com\n",
            "store.endpointUrl",
        ),
        (
            "store:\n  backend: aws\n  endpointUrl: https://secrets.example.com\n",
            "store.endpointUrl",
        ),
        (
            "store: { backend: aws, region: us-east-1, \
             endpointUrl: \"https://b.s3.amazonaws.com\" }\n",
            "store.endpointUrl",
        ),
        (
            "store:\n  backend: aws\n  region: us-east-1\n  \
             endpointUrl: https://a1b2.execute-api.us-east-1.amazonaws.com\n",
            "store.endpointUrl",
        ),
        (
            "store:\n  backend: aws\n  region: us-east-1\n  \
             endpointUrl: https://secretsmanager.eu-west-2.amazonaws.com\n",
            "store.endpointUrl",
        ),
        (
            "store:\n  backend: aws\n  region: us-east-1\n  \
             endpointUrl: https://vpce-1.vpce-svc-2.us-east-1.vpce.amazonaws.com\n",
            "store.endpointUrl",
        ),
        (
            "store:\n  backend: aws\n  region: us-east-1\n  \
             endpointUrl: https://secretsmanager.us-east-1.amazonaws.com.\n",
            "store.endpointUrl",
        ),
        (
            "store:\n  backend: aws\n  region: us-east-1\n  endpointUrl: http://10.0.0.1:5000\n",
            "store.endpointUrl",
        ),
        (
            "store: { backend: aws, region: us-east-1 }\nenvironments:\n  dev:\n    \
             endpointUrl: https://secrets.example.com\n",
            "environments.dev.endpointUrl",
        ),
        ("store:\n  backend: aws\n  region: us-east-1.example.com/\n", "store.region"),
        ("store:\n  backend: aws\n  region: s3\n", "store.region"),
        (
            "store: { backend: aws }\nenvironments:\n  dev:\n    region: evil.example.com\n",
            "environments.dev.region",
        ),
        (
            "store:\n  backend: aws\n  region: us-east-1\n  \
             endpointUrl: https://secretsmanager.us-east-1.amazonaws.com\nenvironments:\n  \
             dev:\n    region: eu-west-2\n",
            "environments.dev.region",
        ),
    ] {
        let platform = platform(config);
        for arguments in COMMANDS {
            let command = tunnel.reach(run(&platform, arguments)).env("AWS_REGION", "us-east-1");
            let outcome = command.run().fails_with(2);
            let said = words(&outcome);
            assert!(said.contains(&format!("goldenpath.yaml: `{key}: ")), "{arguments:?} {said}");
            let line = config
                .lines()
                .position(|line| line.contains(key.rsplit('.').next().unwrap_or_default()));
            let place = format!("goldenpath.yaml:{}:", line.unwrap() + 3);
            // A repeated key, of which YAML uses the later one.
            assert!(
                said.contains(&place) || config.matches("region").count() > 1,
                "{place} {said}"
            );
            assert!(!said.contains("canary"), "{said}");
        }
    }
    assert_eq!(tunnel.hosts(), [""; 0]);
}

#[test]
fn aws_s_own_hosts_are_asked_as_the_repository_says() {
    for (store, host) in [
        ("region: eu-west-2", "secretsmanager.eu-west-2.amazonaws.com:443"),
        (
            "region: eu-west-2\n  endpointUrl: https://secretsmanager-fips.eu-west-2.amazonaws.com",
            "secretsmanager-fips.eu-west-2.amazonaws.com:443",
        ),
        (
            "region: eu-west-2\n  \
             endpointUrl: https://vpce-0a1b-2c3d.secretsmanager.eu-west-2.vpce.amazonaws.com/",
            "vpce-0a1b-2c3d.secretsmanager.eu-west-2.vpce.amazonaws.com:443",
        ),
        ("region: cn-north-1", "secretsmanager.cn-north-1.amazonaws.com.cn:443"),
    ] {
        let platform = platform(&format!("store:\n  backend: aws\n  {store}\n"));
        let found = Tunnel::new().first_host(run(&platform, &["plan"]));
        assert_eq!(found, host);
    }
}

#[test]
fn an_endpoint_of_the_user_s_environment_may_be_anywhere() {
    let platform = platform("store: { backend: aws, region: us-east-1 }\n");
    for variable in ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"] {
        let command = run(&platform, &["plan"]).env(variable, "https://secrets.example.com");
        assert_eq!(Tunnel::new().first_host(command), "secrets.example.com:443");
    }
}

#[test]
fn an_endpoint_of_the_repository_fits_the_region_of_the_environment_or_nothing_is_sent() {
    let platform = platform(
        "store:\n  backend: aws\n  endpointUrl: https://secretsmanager.us-east-1.amazonaws.com\n",
    );
    let tunnel = Tunnel::new();
    platform.catalog.goldenpath(&["validate"]).run().success();
    let outcome =
        tunnel.reach(run(&platform, &["plan"])).env("AWS_REGION", "eu-west-2").run().fails_with(1);
    let said = words(&outcome);
    assert!(said.contains("is not a host of AWS Secrets Manager in `eu-west-2`"), "{said}");
    assert!(said.contains("AWS_ENDPOINT_URL_SECRETS_MANAGER"), "{said}");
    assert_eq!(tunnel.hosts(), [""; 0]);
    let fits = run(&platform, &["plan"]).env("AWS_REGION", "us-east-1");
    assert_eq!(tunnel.first_host(fits), "secretsmanager.us-east-1.amazonaws.com:443");
}

#[test]
fn an_endpoint_of_a_named_configuration_is_limited_too() {
    let platform = platform("store: { backend: aws, region: us-east-1 }\n");
    platform.catalog.write(
        "other.yaml",
        "store:\n  backend: aws\n  endpointUrl: https://secrets.example.com\n",
    );
    let tunnel = Tunnel::new();
    let command =
        run(&platform, &["plan", "--config", "other.yaml"]).env("AWS_REGION", "us-east-1");
    let said = words(&tunnel.reach(command).run().fails_with(2));
    assert!(
        said.contains("other.yaml: `store.endpointUrl: https://secrets.example.com`"),
        "{said}"
    );
    assert_eq!(tunnel.hosts(), [""; 0]);
}

#[test]
fn credentials_in_an_endpoint_are_shown_by_no_command() {
    let platform = platform(
        "store:\n  backend: aws\n  endpointUrl: https://AKIA:hunter2@secrets.example.com\n",
    );
    for arguments in COMMANDS {
        let outcome = run(&platform, arguments).run().fails_with(2);
        assert!(
            !format!("{}{}", outcome.stdout, outcome.stderr).contains("hunter2"),
            "{}",
            outcome.stderr
        );
        assert!(words(&outcome).contains("it must not contain credentials"), "{}", outcome.stderr);
    }
    assert!(platform.catalog.exists(SEED_PATH));
}
