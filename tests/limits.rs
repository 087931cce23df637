//! AWS's limits: what AWS is bound to reject is reported before the run changes anything.

use std::fmt::Write as _;

use serde_json::{Value, json};

use goldenpath_testkit::{Aws, KEY, Outcome, Platform, Repository, SEED, SEED_PATH, tags};

/// Returns the words of an error, whose lines are wrapped.
fn words(outcome: &Outcome) -> String {
    let text = format!("{}{}", outcome.stdout, outcome.stderr);
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

fn reasons(plan: &Outcome) -> String {
    let plan = plan.json();
    let actions = plan["actions"].as_array().unwrap().iter();
    actions.map(|action| format!("{}\n", action["reason"].as_str().unwrap())).collect()
}

#[test]
fn a_tag_value_that_aws_rejects_is_reported_before_any_change() {
    let aws = Aws::new("tag-value");
    let enums = "owners: [team-payments, \"R&D\"]\n";
    aws.platform.catalog.write("schemas/metadata/enums.yaml", enums).commit_all("Owners");
    aws.platform.seed_changed("owner: team-payments", "owner: \"R&D\"");
    let outcome = aws.apply().fails_with(1);
    let said = words(&outcome);
    assert!(said.contains("GP104") && said.contains("`&` is not allowed in it"), "{said}");
    assert!(said.contains("rename it in `owners` of schemas/metadata/enums.yaml"), "{said}");
    assert_eq!(aws.recorder.operations(), [""; 0]);

    // The rule can be turned off, and the plan still does not ask AWS for it.
    let config = aws.platform.catalog.read("goldenpath.yaml");
    let config = format!("{config}rules: {{ GP104: off }}\n");
    aws.platform.catalog.write("goldenpath.yaml", &config).commit_all("Without GP104");
    let plan = aws.plan();
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 blocked {KEY}")]);
    let reason = "`R&D` cannot be the value of the tag goldenpath.io/owner";
    assert!(reasons(&plan).contains(reason), "{}", reasons(&plan));
    aws.apply().fails_with(1);
    assert_eq!(aws.names(), [""; 0]);
}

#[test]
fn a_secret_with_too_many_other_tags_is_not_adopted() {
    let aws = Aws::new("many-tags");
    let create = |count: usize| {
        let tag = |number| json!({ "Key": format!("cost/{number:02}"), "Value": "x" });
        let tags: Vec<Value> = (0..count).map(tag).collect();
        aws.call("CreateSecret", json!({ "Name": KEY, "Tags": tags }));
    };
    // The seed's secret has eight tags.
    create(43);
    aws.platform.seed();
    let plan = aws.plan_with(&["--adopt", "SEC-0007"]);
    assert_eq!(Platform::actions(&plan), [format!("SEC-0007 blocked {KEY}")]);
    let reason = "the secret has 43 other tags, and goldenpath needs 8: AWS allows 50 in all; \
                  remove 1 of the others first";
    assert_eq!(reasons(&plan).trim_end(), reason);
    aws.apply_with(&["--adopt", "SEC-0007"]).fails_with(1);
    assert_eq!(tags(&aws.describe(KEY)).len(), 43);
    assert_eq!(aws.writes(), ["CreateSecret"; 0]);

    aws.call("UntagResource", json!({ "SecretId": KEY, "TagKeys": ["cost/00"] }));
    aws.apply_with(&["--adopt", "SEC-0007"]).success();
    assert_eq!(tags(&aws.describe(KEY)).len(), 50);
}

#[test]
fn principals_that_are_too_many_for_a_policy_are_found_by_validate() {
    let repository = Repository::new();
    let mut lists = String::new();
    for field in ["readPrincipals", "writePrincipals", "breakGlassPrincipals"] {
        let _ = writeln!(lists, "    {field}:");
        for number in 0..50 {
            let path = "a/path/of/a/department/".repeat(6);
            let _ = writeln!(lists, "      - arn:aws:iam::123456789012:role/{path}{number}");
        }
    }
    repository.write(SEED_PATH, &SEED.replace("  ttlDays:", &format!("{lists}  ttlDays:")));
    let outcome = repository.goldenpath(&["validate"]).run().fails_with(1);
    let said = words(&outcome);
    assert!(said.contains("GP104") && said.contains("AWS accepts 20480"), "{said}");
}

#[test]
fn a_key_template_with_a_leading_slash_names_the_secret_so() {
    let aws = Aws::new("leading-slash");
    let gitops = aws.platform.gitops.path().display().to_string();
    let template = "keyTemplate: \"/acme/{{ service }}/{{ name }}\"";
    aws.platform.configure(&format!("backend: aws\n{template}"), &gitops).seed();
    aws.apply().success();
    assert_eq!(aws.names(), ["/acme/payments/payments-db-credentials"]);
    let projection = aws.platform.seed_projection();
    assert!(projection.contains("/acme/payments/payments-db-credentials"), "{projection}");
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn a_key_template_that_aws_does_not_accept_is_reported_once_in_the_configuration() {
    let platform = Platform::local();
    platform.seed().write("SEC-0008", "another-key").catalog.commit_all("Another");
    let gitops = platform.gitops.path().display().to_string();
    for template in ["acme: {{ name }}", "acme//{{ name }}", "{{ name }}/"] {
        platform.configure(&format!("backend: local\nkeyTemplate: \"{template}\""), &gitops);
        let outcome = platform.catalog.goldenpath(&["validate"]).run().fails_with(2);
        let said = words(&outcome);
        assert_eq!(said.matches("`store.keyTemplate: ").count(), 1, "{said}");
        assert!(said.contains("gives no store keys") && !said.contains("SEC-0008"), "{said}");
    }
}

#[test]
fn a_description_that_is_too_long_for_aws_is_found_with_a_schema_of_the_catalog_s_own() {
    let platform = Platform::local();
    let built_in = include_str!("../crates/core/schemas/secret_request.schema.json");
    let schema = built_in.replacen("\"maxLength\": 2048,", "", 1);
    assert_ne!(schema, built_in);
    platform.catalog.write("schemas/secret_request.schema.json", &schema);
    let with = |length: usize| {
        let text = format!("metadata:\n  description: {}\n", "x".repeat(length));
        platform.seed_changed("metadata:\n", &text);
        platform.catalog.goldenpath(&["validate"]).run()
    };
    with(2048).success();
    let outcome = with(2049).fails_with(1);
    let said = words(&outcome);
    assert!(said.contains("it has 2049 characters, the maximum is 2048"), "{said}");
}
