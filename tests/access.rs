//! Access to secrets: `spec.access` of a manifest and the resource policy that results from it.

use serde_json::{Value, json};

use goldenpath_testkit::{
    Aws, KEY, Outcome, Platform, Repository, SEED, SEED_PATH, findings, tags,
};

const POLICY: &str = "goldenpath.io/policy";

fn arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:{name}")
}

/// The seed's manifest with these lists below `spec.access`.
fn manifest(lists: &[(&str, &[&str])]) -> String {
    let line = |(field, names): &(&str, &[&str])| {
        let names: Vec<String> = names.iter().map(|name| format!("\"{}\"", arn(name))).collect();
        format!("    {field}: [{}]\n", names.join(", "))
    };
    let lists: String = lists.iter().map(line).collect();
    SEED.replace("  ttlDays:", &format!("{lists}  ttlDays:"))
}

fn commit(aws: &Aws, lists: &[(&str, &[&str])]) {
    aws.platform.catalog.write(SEED_PATH, &manifest(lists)).commit_all("Access");
}

/// Returns the server's policy, or None if there is none.
fn policy(aws: &Aws) -> Option<Value> {
    let found = aws.call("GetResourcePolicy", json!({ "SecretId": KEY }));
    found["ResourcePolicy"].as_str().map(|text| serde_json::from_str(text).unwrap())
}

fn planned(aws: &Aws, arguments: &[&str]) -> Vec<String> {
    Platform::actions(&aws.plan_with(arguments))
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap().to_owned())
        .collect()
}

fn said(outcome: &Outcome) -> String {
    outcome.stderr.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn an_invalid_principal_is_found_at_its_place() {
    let check = |line: &str| {
        let repository = Repository::new();
        let text = SEED.replace("  ttlDays:", &format!("    {line}\n  ttlDays:"));
        repository.write(SEED_PATH, &text);
        let outcome = repository.goldenpath(&["validate", "--format", "json"]).run();
        findings(&outcome).into_iter().map(|found| (found.under(&text), found)).collect::<Vec<_>>()
    };
    let good = arn("role/payments");
    for good in [
        "readPrincipals: []",
        &format!("writePrincipals: [\"{good}\"]"),
        &format!("breakGlassPrincipals: [{}]", arn("root")),
    ] {
        assert_eq!(check(good), [], "{good}");
    }
    for (bad, message) in [
        ("payments", "give the ARN of a role, a user or an account's root"),
        ("*", "a wildcard admits every identity"),
        ("arn:aws:iam::123456789012:role/pay*", "a wildcard admits every identity"),
        ("arn:aws:sts::123456789012:assumed-role/a/b", "name the role itself"),
        ("arn:aws:iam::123456789012:group/admins", "a group cannot be a principal"),
        ("arn:aws:iam::12345:role/a", "give the ARN"),
        ("ARN:AWS:IAM::123456789012:role/Payments", "give the ARN"),
    ] {
        let found = check(&format!("readPrincipals: [\"{good}\", \"{bad}\"]"));
        assert_eq!(found.len(), 1, "{found:?}");
        let (under, found) = &found[0];
        assert_eq!((under.trim_matches('"'), found.rule.as_str()), (bad, "GP104"));
        assert_eq!(found.pointer, "/spec/access/readPrincipals/1");
        assert!(
            found.message.starts_with("an item of `readPrincipals` is not in the right form: "),
            "{found:?}"
        );
        assert!(
            found.message.contains(message) && found.help.contains("arn:aws:iam::"),
            "{found:?}"
        );
        assert_eq!(found.fix, "", "the intended principal is unknown");
    }
    let found = check("readPrincipals: [123456789012]");
    assert_eq!(
        (found[0].1.rule.as_str(), found[0].1.message.as_str()),
        ("GP103", "an item of `readPrincipals` is an integer, not a string")
    );
    let found = check("readPrincipals: everybody");
    assert_eq!(
        (found[0].1.rule.as_str(), found[0].1.message.as_str()),
        ("GP103", "`readPrincipals` is a string, not a list")
    );
    let found = check("readPrincipal: []");
    assert_eq!(found[0].1.rule, "GP102");
    assert_eq!(found[0].1.help, "did you mean `readPrincipals`?");
    let many: Vec<String> = (0..51).map(|number| arn(&format!("role/r{number}"))).collect();
    let found = check(&format!("readPrincipals: [{}]", many.join(", ")));
    assert!(found[0].1.message.contains("the maximum is 50 items"), "{found:?}");
}

#[test]
fn the_lists_become_a_least_privilege_policy_that_a_second_run_leaves_alone() {
    let aws = Aws::new("policy");
    let lists: &[(&str, &[&str])] = &[
        ("readPrincipals", &["role/b", "role/a", "role/b"]),
        ("writePrincipals", &["user/ann"]),
        ("breakGlassPrincipals", &["root"]),
    ];
    commit(&aws, lists);
    assert_eq!(planned(&aws, &[]), ["create-secret", "put-policy", "write-projection"]);
    aws.recorder.reset();
    aws.apply().success();
    let calls = aws.recorder.operations();
    assert_eq!(
        calls[2..],
        ["CreateSecret", "ValidateResourcePolicy", "PutResourcePolicy", "TagResource"],
        "{calls:?}"
    );
    let statement = |sid: &str, who: &[&str], actions: &[&str]| {
        let who: Vec<String> = who.iter().map(|name| arn(name)).collect();
        let actions: Vec<String> =
            actions.iter().map(|action| format!("secretsmanager:{action}")).collect();
        json!({
            "Sid": sid,
            "Effect": "Allow",
            "Principal": { "AWS": who },
            "Action": actions,
            "Resource": "*",
        })
    };
    let read = ["DescribeSecret", "GetSecretValue"];
    let write = ["DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage"];
    let both = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"];
    let expected = [
        statement("GoldenpathRead", &["role/a", "role/b"], &read),
        statement("GoldenpathWrite", &["user/ann"], &write),
        statement("GoldenpathBreakGlass", &["root"], &both),
    ];
    assert_eq!(policy(&aws).unwrap(), json!({ "Version": "2012-10-17", "Statement": expected }));
    assert_eq!(aws.recorder.bodies("PutResourcePolicy")[0]["BlockPublicPolicy"], true);
    let digest = tags(&aws.describe(KEY))[POLICY].to_owned();
    assert!(digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");

    aws.recorder.reset();
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
    // A list may lag behind the value, so a secret without one is described.
    let calls = ["ListSecrets", "DescribeSecret"];
    assert_eq!(aws.recorder.operations(), calls, "the tag shows the policy");

    // Without any of the fields, the policy stays; with empty fields it is deleted.
    aws.platform.seed();
    assert_eq!(planned(&aws, &[]), [""; 0]);
    assert!(policy(&aws).is_some());
    commit(&aws, &[("readPrincipals", &[])]);
    assert_eq!(planned(&aws, &[]), ["delete-policy"]);
    aws.writes();
    aws.apply().success();
    assert_eq!(aws.writes(), ["DeleteResourcePolicy", "TagResource"]);
    assert_eq!((policy(&aws), tags(&aws.describe(KEY))[POLICY]), (None, "none"));
    assert_eq!(planned(&aws, &["--refresh"]), [""; 0]);
}

#[test]
fn a_new_secret_without_a_policy_needs_no_call_for_it() {
    let aws = Aws::new("policy-none");
    commit(&aws, &[("readPrincipals", &[]), ("writePrincipals", &[])]);
    aws.apply().success();
    assert_eq!(aws.writes(), ["CreateSecret"]);
    assert_eq!(tags(&aws.describe(KEY))[POLICY], "none");
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn a_changed_policy_shows_with_refresh_and_an_equivalent_one_does_not() {
    let aws = Aws::new("policy-refresh");
    commit(&aws, &[("readPrincipals", &["role/a"]), ("writePrincipals", &["role/b"])]);
    aws.apply().success();
    let ours = policy(&aws).unwrap();
    // In the form that AWS may return: single values without a list, and another order.
    let mut same = ours.clone();
    let statements = same["Statement"].as_array_mut().unwrap();
    statements.reverse();
    for statement in statements {
        statement["Principal"]["AWS"] = statement["Principal"]["AWS"][0].clone();
        statement["Resource"] = json!(["*"]);
        statement["Action"].as_array_mut().unwrap().reverse();
    }
    aws.call("PutResourcePolicy", json!({ "SecretId": KEY, "ResourcePolicy": same.to_string() }));
    aws.recorder.reset();
    assert_eq!(planned(&aws, &["--refresh"]), [""; 0]);
    let calls = ["ListSecrets", "DescribeSecret", "GetResourcePolicy"];
    assert_eq!(aws.recorder.operations(), calls);

    same["Statement"][0]["Principal"] = json!("*");
    aws.call("PutResourcePolicy", json!({ "SecretId": KEY, "ResourcePolicy": same.to_string() }));
    assert_eq!(planned(&aws, &[]), [""; 0], "the tag still says that it is ours");
    assert_eq!(planned(&aws, &["--refresh"]), ["put-policy"]);
    aws.apply_with(&["--refresh"]).success();
    assert_eq!(policy(&aws).unwrap(), ours);
    aws.call("DeleteResourcePolicy", json!({ "SecretId": KEY }));
    assert_eq!(planned(&aws, &["--refresh"]), ["put-policy"]);
}

#[test]
fn a_run_that_ends_between_the_policy_and_its_tag_is_finished_by_the_tag_alone() {
    let aws = Aws::new("policy-untagged");
    commit(&aws, &[("readPrincipals", &["role/a"])]);
    aws.recorder.refuse("TagResource", KEY, 1, "AccessDeniedException", "not today");
    let outcome = aws.apply().fails_with(1);
    assert!(said(&outcome).contains("grant `secretsmanager:TagResource`"), "{}", said(&outcome));
    assert!(policy(&aws).is_some());
    assert_eq!(planned(&aws, &[]), ["tag-secret", "write-projection"]);
    aws.writes();
    aws.apply().success();
    assert_eq!(aws.writes(), ["TagResource"]);
    assert!(aws.apply().success().stdout.contains("Nothing to do."));
}

#[test]
fn a_principal_that_was_made_a_moment_ago_is_waited_for() {
    let aws = Aws::new("policy-fresh");
    commit(&aws, &[("readPrincipals", &["role/fresh"])]);
    let unknown = "This resource policy contains an unsupported principal.";
    aws.recorder.refuse(
        "PutResourcePolicy",
        "role/fresh",
        2,
        "MalformedPolicyDocumentException",
        unknown,
    );
    aws.apply().success();
    assert_eq!(
        aws.recorder.operations().iter().filter(|call| *call == "PutResourcePolicy").count(),
        3
    );
    assert!(policy(&aws).is_some());
}

#[test]
fn a_principal_that_does_not_come_to_be_fails_its_own_secret_with_aws_s_words() {
    let aws = Aws::new("policy-unknown");
    commit(&aws, &[("readPrincipals", &["role/nobody"])]);
    aws.platform.write("SEC-0008", "another-key").catalog.commit_all("Another");
    let unknown = "This resource policy contains an unsupported principal.";
    aws.recorder.refuse(
        "PutResourcePolicy",
        "role/nobody",
        usize::MAX,
        "MalformedPolicyDocumentException",
        unknown,
    );
    let outcome = aws.apply().fails_with(1);
    let said = said(&outcome);
    assert!(
        said.contains("SEC-0007 put-policy") && said.contains("contains an unsupported principal"),
        "{said}"
    );
    assert!(said.contains("check that each principal below `spec.access` exists"), "{said}");
    assert!(
        outcome.stdout.ends_with("Applied: 3 created, 0 changed, 1 failed, 1 skipped.\n"),
        "{}",
        outcome.stdout
    );
    assert_eq!(
        aws.recorder.operations().iter().filter(|call| *call == "PutResourcePolicy").count(),
        6,
        "bounded"
    );
}

#[test]
fn an_invalid_policy_is_reported_and_not_set() {
    let aws = Aws::new("policy-findings");
    commit(&aws, &[("readPrincipals", &["role/a"])]);
    let finding = json!({ "CheckName": "SIZE", "ErrorMessage": "The policy is too long." });
    aws.recorder.answer(
        "ValidateResourcePolicy",
        1,
        &json!({ "PolicyValidationPassed": false, "ValidationErrors": [finding] }),
    );
    let outcome = aws.apply().fails_with(1);
    assert!(
        said(&outcome).contains("AWS rejected the resource policy of")
            && said(&outcome).contains("The policy is too long.")
    );
    assert_eq!(aws.writes(), ["CreateSecret"]);
}

#[test]
fn denied_access_to_policies_and_rotation_names_the_action_to_grant() {
    for operation in ["GetResourcePolicy", "ValidateResourcePolicy", "PutResourcePolicy"] {
        let aws = Aws::new("policy-denied");
        aws.platform.seed();
        aws.apply().success();
        commit(&aws, &[("readPrincipals", &["role/a"])]);
        aws.recorder.refuse(operation, "", 1, "AccessDeniedException", "no");
        let said = said(&aws.apply().fails_with(1));
        assert!(said.contains(&format!("grant `secretsmanager:{operation}` to")), "{said}");
    }
}

#[test]
fn the_local_store_keeps_policies_too() {
    let platform = Platform::local();
    platform
        .catalog
        .write(SEED_PATH, &manifest(&[("readPrincipals", &["role/a"])]))
        .commit_all("Access");
    platform.apply().run().success();
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
    assert_eq!(
        Platform::actions(&platform.plan(&["--refresh", "--format", "json"]).run().success()),
        [""; 0]
    );
}

#[test]
fn after_an_action_that_failed_the_later_ones_of_its_secret_are_skipped() {
    let aws = Aws::new("policy-after-failure");
    aws.platform.seed();
    aws.apply().success();
    let changed = manifest(&[("readPrincipals", &["role/a"])]).replace("tier: medium", "tier: low");
    aws.platform.catalog.write(SEED_PATH, &changed).commit_all("Tier and access");
    assert_eq!(planned(&aws, &[]), ["tag-secret", "put-policy"]);
    aws.writes();
    aws.recorder.refuse("TagResource", "", 1, "AccessDeniedException", "no");
    let outcome = aws.apply().fails_with(1);
    assert!(
        outcome.stdout.ends_with("Applied: 0 created, 0 changed, 1 failed, 1 skipped.\n"),
        "{}",
        outcome.stdout
    );
    assert_eq!(aws.writes(), ["TagResource"]);
    assert_eq!(policy(&aws), None);
    // The next run can do both.
    assert!(aws.apply().success().stdout.ends_with("Applied: 0 created, 2 changed.\n"));
}

#[test]
fn a_policy_that_no_manifest_asks_for_is_reported_and_a_public_one_fails() {
    let aws = Aws::new("policy-unrequested");
    aws.platform.seed();
    aws.apply().success();
    let put = |principal: Value| {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": principal,
            "Action": "secretsmanager:GetSecretValue", "Resource": "*",
        }]});
        let input = json!({ "SecretId": KEY, "ResourcePolicy": policy.to_string() });
        aws.call("PutResourcePolicy", input);
    };
    let plan = |arguments: &[&str]| aws.reach(aws.platform.plan(arguments)).run();
    let show = || aws.reach(aws.platform.catalog.goldenpath(&["show", "SEC-0007"])).run();
    assert!(!plan(&["--refresh"]).success().stderr.contains("GP604"));
    assert!(!show().success().stdout.contains("GP604"));

    put(json!({ "AWS": arn("role/theirs") }));
    assert!(!plan(&[]).success().stderr.contains("GP604"), "only with --refresh");
    let outcome = plan(&["--refresh"]).success();
    assert!(outcome.stderr.contains("GP604") && outcome.stderr.contains("role/theirs"));
    assert!(show().success().stdout.contains("GP604"));

    put(json!("*"));
    let outcome = plan(&["--refresh"]).fails_with(1);
    assert!(said(&outcome).contains("it permits everyone"), "{}", said(&outcome));
    assert!(show().fails_with(1).stdout.contains("it permits everyone"));

    // The manifest asks for it, or for none.
    commit(&aws, &[("readPrincipals", &[])]);
    assert_eq!(planned(&aws, &["--refresh"]), ["delete-policy"]);
}
