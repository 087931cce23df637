//! `goldenpath iam`: the roles of a configuration, without a call to AWS.

mod documentation;
mod evaluation;
mod lives;

use serde_json::{Value, json};

use goldenpath_testkit::Repository;

const CONFIG: &str = "\
catalogId: acme-platform
store: { backend: aws, region: us-east-1, accountId: \"123456789012\" }
environments:
  prod:
    region: eu-west-2
    accountId: \"210987654321\"
    roleArn: \"arn:aws:iam::210987654321:role/ci/goldenpath-prod\"
    kmsKeyId: \"arn:aws:kms:eu-west-2:210987654321:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f\"
";

/// Returns a repository with this configuration and a remote at this URL.
fn repository(config: &str, url: &str) -> Repository {
    let repository = Repository::new();
    repository.write("goldenpath.yaml", config);
    if !url.is_empty() {
        repository.git(&["remote", "add", "origin", url]);
    }
    repository
}

/// Returns the printed roles, and the messages on stderr as one line.
fn roles(repository: &Repository, arguments: &[&str]) -> (Vec<Value>, String) {
    let outcome = repository.goldenpath(&[&["iam", "--for"], arguments].concat()).run().success();
    let printed = outcome.json();
    assert_eq!((&printed["version"], &printed["for"]), (&json!(1), &json!(arguments[0])));
    let said = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    (printed["roles"].as_array().unwrap().clone(), said)
}

fn statement<'a>(role: &'a Value, sid: &str) -> &'a Value {
    let statements = role["policy"]["Statement"].as_array().unwrap();
    statements.iter().find(|statement| statement["Sid"] == sid).unwrap_or_else(|| panic!("{sid}"))
}

#[test]
fn each_account_has_a_role_and_the_pipeline_assumes_those_of_the_configuration() {
    let repository = repository(CONFIG, "git@github.com:Acme/platform.git");
    let (roles, said) = roles(&repository, &["apply"]);
    assert_eq!(roles.len(), 2, "{roles:#?}");
    let (own, prod) = (&roles[0], &roles[1]);
    assert_eq!(
        (&own["name"], &own["account"]),
        (&json!("goldenpath-apply"), &json!("123456789012"))
    );
    assert_eq!(own["environments"], json!(["dev", "test", "staging", "ephemeral"]));
    assert_eq!(
        statement(own, "ReadSecrets")["Resource"][0],
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:goldenpath/*/dev/*"
    );
    assert_eq!(
        statement(own, "AssumeRoles")["Resource"],
        "arn:aws:iam::210987654321:role/ci/goldenpath-prod"
    );
    // GitHub Docs, "OpenID Connect reference": the subject has the repository's own case.
    let condition = &own["trust"]["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(
        condition["token.actions.githubusercontent.com:sub"],
        "repo:Acme/platform:environment:goldenpath-apply"
    );

    assert_eq!(
        (&prod["name"], &prod["account"]),
        (&json!("goldenpath-prod"), &json!("210987654321"))
    );
    assert_eq!(prod["environments"], json!(["prod"]));
    assert_eq!(
        statement(prod, "CreateSecrets")["Resource"],
        "arn:aws:secretsmanager:eu-west-2:210987654321:secret:goldenpath/*/prod/*"
    );
    let key = statement(prod, "UseKey");
    assert_eq!(
        key["Resource"],
        "arn:aws:kms:eu-west-2:210987654321:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
    );
    assert_eq!(
        key["Condition"],
        json!({ "StringEquals": { "kms:ViaService": "secretsmanager.eu-west-2.amazonaws.com" } })
    );
    assert_eq!(
        prod["trust"]["Statement"][0]["Principal"]["AWS"],
        "arn:aws:iam::123456789012:role/goldenpath-apply"
    );
    assert_eq!(said, "Note: The roles are in several accounts: create each in its own.");
}

#[test]
fn an_operator_reads_only_the_secrets_of_its_cluster() {
    let small = "{ cluster: { name: small } }";
    let shared = format!("{CONFIG}  dev: {small}\n  test: {small}\n");
    let repository = repository(&shared, "https://github.com/acme/platform");
    let (roles, said) = roles(&repository, &["operator"]);
    let found: Vec<(&Value, &Value)> =
        roles.iter().map(|role| (&role["name"], &role["environments"])).collect();
    assert_eq!(
        found,
        [
            (&json!("goldenpath-operator-small"), &json!(["dev", "test"])),
            (&json!("goldenpath-operator-staging"), &json!(["staging"])),
            (&json!("goldenpath-operator-prod"), &json!(["prod"])),
            (&json!("goldenpath-operator-ephemeral"), &json!(["ephemeral"])),
        ]
    );
    assert!(said.contains("Replace in the trust: OIDC_PROVIDER_OF_THE_CLUSTER ("), "{said}");
    assert!(!said.contains("OIDC_PROVIDER (") && !said.contains("OIDC_SUBJECT"), "{said}");
}

#[test]
fn regions_of_other_partitions_have_arns_of_theirs() {
    for (region, partition, services) in [
        ("us-gov-west-1", "aws-us-gov", json!("secretsmanager.us-gov-west-1.amazonaws.com")),
        (
            "cn-north-1",
            "aws-cn",
            json!([
                "secretsmanager.cn-north-1.amazonaws.com",
                "secretsmanager.cn-north-1.amazonaws.com.cn"
            ]),
        ),
    ] {
        let config = format!(
            "store: {{ backend: aws, region: {region}, accountId: '123456789012', kmsKeyId: \
             alias/x }}\n"
        );
        let repository = repository(&config, "https://github.com/acme/platform");
        let (roles, said) = roles(&repository, &["value", "--env", "dev"]);
        let read = statement(&roles[0], "ReadSecrets");
        assert_eq!(
            read["Resource"],
            format!(
                "arn:{partition}:secretsmanager:{region}:123456789012:secret:goldenpath/*/dev/*"
            )
        );
        let key = statement(&roles[0], "UseKey");
        assert_eq!(key["Resource"], format!("arn:{partition}:kms:{region}:123456789012:key/*"));
        assert_eq!(key["Condition"]["StringEquals"]["kms:ViaService"], services);
        assert_eq!(key["Condition"]["ForAnyValue:StringEquals"]["kms:ResourceAliases"], "alias/x");
        let principal = roles[0]["trust"]["Statement"][0]["Principal"]["AWS"].as_str().unwrap();
        assert!(principal.starts_with(&format!("arn:{partition}:iam::123456789012:role/")));
        assert!(said.contains("ROLE_OF_THE_PEOPLE"), "{said}");
    }
}

#[test]
fn what_the_configuration_does_not_say_is_a_wildcard_with_a_message() {
    let config = "store: { backend: aws }\nenvironments: { test: { store: { backend: local } } }\n";
    let repository = repository(config, "");
    let (roles, said) = roles(&repository, &["plan"]);
    let resource = statement(&roles[0], "ReadSecrets")["Resource"][0].as_str().unwrap();
    assert_eq!(resource, "arn:aws:secretsmanager:*:*:secret:goldenpath/*/dev/*");
    assert_eq!(roles[0]["account"], Value::Null);
    for words in [
        "The account of dev, staging, prod, ephemeral is not configured, so ARNs have `*` in its \
         place: set `store.accountId`, or `environments.dev.accountId`.",
        "The region of dev, staging, prod, ephemeral is not configured",
        "no remote that identifies its repository",
        "Replace in the trust: OIDC_PROVIDER (the host and path of the pipeline's OIDC issuer); \
         OIDC_SUBJECT (",
        "ACCOUNT_ID (the account's number",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let quiet = repository.goldenpath(&["iam", "--for", "plan", "--quiet"]).run().success();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_key_template_with_logic_ends_the_pattern_where_it_begins() {
    for (template, pattern, is_cut) in [
        ("{{ service }}-{{ environment }}-{{ name }}", "*-dev-*", false),
        ("app/{{ name }}/value", "app/*/value*", false),
        ("team/{{ service | upper }}/{{ name }}", "team/*", true),
        ("{% if environment == 'prod' %}p{% else %}d{% endif %}/{{ name }}", "*", true),
    ] {
        let config = format!(
            "store: {{ backend: aws, region: us-east-1, accountId: '123456789012', keyTemplate: \
             \"{template}\" }}\n"
        );
        let repository = repository(&config, "https://github.com/acme/platform");
        let (roles, said) = roles(&repository, &["plan", "--env", "dev"]);
        let read = statement(&roles[0], "ReadSecrets");
        assert_eq!(
            read["Resource"],
            format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{pattern}"),
            "{template}"
        );
        assert_eq!(said.contains("`store.keyTemplate` has more than text"), is_cut, "{said}");
    }
}

#[test]
fn the_key_of_the_account_needs_no_statement() {
    for key in [
        "",
        "alias/aws/secretsmanager",
        "arn:aws:kms:us-east-1:123456789012:alias/aws/secretsmanager",
    ] {
        let config = format!(
            "store: {{ backend: aws, region: us-east-1, accountId: '123456789012', kmsKeyId: \
             \"{key}\" }}\n"
        );
        let repository = repository(&config, "https://github.com/acme/platform");
        let (roles, _) = roles(&repository, &["apply", "--env", "dev"]);
        assert!(!roles[0]["policy"].to_string().contains("kms:"), "{key}");
    }
}

#[test]
fn a_pipeline_of_gitlab_has_the_default_branch_in_its_subject() {
    let repository = repository(CONFIG, "git@gitlab.com:Acme/infra/platform.git");
    repository.commit_all("Configure");
    repository.git(&["update-ref", "refs/remotes/origin/trunk", "HEAD"]);
    let head = ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"];
    let subject = |purpose: &str| {
        let (roles, said) = roles(&repository, &[purpose, "--env", "dev"]);
        let trust = roles[0]["trust"]["Statement"][0].clone();
        assert_eq!(
            trust["Principal"]["Federated"],
            "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
        );
        (trust["Condition"].clone(), said)
    };
    // GitLab Docs, "Configure OpenID Connect in AWS".
    let (apply, said) = subject("apply");
    assert_eq!(
        apply["StringEquals"]["gitlab.com:sub"],
        "project_path:Acme/infra/platform:ref_type:branch:ref:DEFAULT_BRANCH"
    );
    assert!(said.contains("Replace in the trust: DEFAULT_BRANCH ("), "{said}");
    repository.git(&head);
    let (apply, said) = subject("apply");
    assert_eq!(
        apply["StringEquals"],
        json!({
            "gitlab.com:aud": "https://gitlab.com",
            "gitlab.com:sub": "project_path:Acme/infra/platform:ref_type:branch:ref:trunk",
        })
    );
    assert_eq!(said, "");
    let (plan, _) = subject("plan");
    assert_eq!(
        plan["StringLike"]["gitlab.com:sub"],
        "project_path:Acme/infra/platform:ref_type:branch:ref:*"
    );
}

#[test]
fn terraform_and_cloudformation_have_the_policies_of_the_json() {
    let repository = repository(CONFIG, "https://github.com/acme/platform");
    let (roles, _) = roles(&repository, &["apply"]);
    let print = |format: &str| {
        let arguments = ["iam", "--for", "apply", "--format", format];
        repository.goldenpath(&arguments).run().success().stdout
    };
    let template: Value = serde_json::from_str(&print("cloudformation")).unwrap();
    let properties = &template["Resources"]["GoldenpathProd"]["Properties"];
    assert_eq!(properties["RoleName"], "goldenpath-prod");
    assert_eq!(properties["AssumeRolePolicyDocument"], roles[1]["trust"]);
    assert_eq!(properties["Policies"][0]["PolicyDocument"], roles[1]["policy"]);
    assert_eq!(template["Resources"].as_object().unwrap().len(), 2);

    let text = print("terraform");
    assert!(text.starts_with("# Account 123456789012: dev, test, staging, ephemeral\n"), "{text}");
    let encoded: Vec<&str> = text.split("jsonencode(").skip(1).collect();
    let documents = encoded.iter().map(|rest| from_hcl(rest.split("\n  })").next().unwrap()));
    let expected = roles.iter().flat_map(|role| [role["trust"].clone(), role["policy"].clone()]);
    assert_eq!(documents.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for line in [
        "resource \"aws_iam_role\" \"goldenpath_prod\" {",
        "  role   = aws_iam_role.goldenpath_prod.id",
    ] {
        assert!(text.contains(line), "{line}");
    }
}

/// Reads an object of Terraform's language with one member or item on a line.
fn from_hcl(text: &str) -> Value {
    let mut json = String::new();
    for line in text.lines() {
        let line = line.trim();
        let line = match line.split_once(" = ") {
            Some((name, value)) if !line.starts_with('"') => format!("\"{name}\": {value}"),
            Some(_) => line.replacen("\" = ", "\": ", 1),
            None => line.to_owned(),
        };
        // A comma after each member and none before an end.
        if line.starts_with(['}', ']']) && json.ends_with(',') {
            json.pop();
        }
        json += line.trim_end_matches(',');
        if !line.ends_with(['{', '[']) {
            json.push(',');
        }
    }
    let json = json.trim_end_matches(',').to_owned() + "}";
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

#[test]
fn an_environment_that_is_unknown_or_not_in_aws_is_an_error() {
    let repository = repository("store: { backend: local }\n", "");
    let outcome = repository.goldenpath(&["iam", "--for", "plan"]).run().fails_with(2);
    assert!(outcome.stderr.contains("no environment has its secrets in AWS: dev, test"));
    let outcome =
        repository.goldenpath(&["iam", "--for", "plan", "--env", "prd"]).run().fails_with(2);
    assert!(outcome.stderr.contains("`--env prd` selects nothing"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("did you mean `prod`?"), "{}", outcome.stderr);
}

#[test]
fn people_who_use_values_by_the_pipelines_role_are_warned() {
    let repository = repository(CONFIG, "https://github.com/acme/platform");
    let (_, said) = roles(&repository, &["value"]);
    assert!(said.contains("`value` assumes arn:aws:iam::210987654321:role/ci/goldenpath-prod"));
}
