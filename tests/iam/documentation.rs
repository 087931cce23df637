//! The policies in the documentation are what `goldenpath iam` prints.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::repository;
use goldenpath_testkit::Repository;

/// The line before a block: `<!-- iam: --for apply policy -->`.
const MARKER: &str = "<!-- iam: ";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Returns the content of the block of code at the start of a text, and the text after it.
fn block(text: &str) -> (&str, &str) {
    let (_, code) = text.split_once("```").unwrap().1.split_once('\n').unwrap();
    let (code, rest) = code.split_once("```\n").unwrap();
    (code, rest)
}

/// Returns the page with the blocks that the program prints for its own configuration.
fn with_blocks(page: &str) -> String {
    let (_, configuration) = page.split_once("<!-- iam: configuration -->").unwrap();
    let clone = repository(block(configuration).0, "https://github.com/acme/platform");
    let mut parts = page.split(MARKER);
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (what, rest) = part.split_once(" -->\n").unwrap();
        let (code, behind) = block(rest);
        let printed = match what {
            "configuration" => code.to_owned(),
            _ => printed(&clone, what),
        };
        let fence = rest.split_once('\n').unwrap().0;
        text += &format!("{MARKER}{what} -->\n{fence}\n{printed}```\n{behind}");
    }
    text
}

fn printed(clone: &Repository, what: &str) -> String {
    let (arguments, member) = what.rsplit_once(' ').unwrap();
    let arguments: Vec<&str> =
        ["iam"].into_iter().chain(arguments.split(' ')).chain(["--env", "prod"]).collect();
    let roles = clone.goldenpath(&arguments).run().success().json();
    format!("{:#}\n", roles["roles"][0][member])
}

/// `UPDATE_DOCS=1 cargo test iam` updates the page.
#[test]
fn the_policies_on_the_page_about_roles_are_printed_by_the_program() {
    let path = file("docs/how-to/set-up-aws-roles.md");
    let page = fs::read_to_string(&path).unwrap();
    let expected = with_blocks(&page);
    assert!(expected.matches(MARKER).count() >= 7);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(page, expected, "docs/how-to/set-up-aws-roles.md is out of date");
}

/// Returns the actions that a policy allows.
fn actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap();
    let allowed = statements.iter().filter(|statement| statement["Effect"] == "Allow");
    allowed.flat_map(|statement| super::evaluation::texts(&statement["Action"])).collect()
}

#[test]
fn the_reference_of_actions_names_every_action_of_every_policy_and_no_other() {
    let reference = fs::read_to_string(file("docs/reference/iam.md")).unwrap();
    let page = fs::read_to_string(file("docs/how-to/set-up-aws-roles.md")).unwrap();
    let (_, configuration) = page.split_once("<!-- iam: configuration -->").unwrap();
    let configuration = format!(
        "{}environments:\n  test: {{ roleArn: \"arn:aws:iam::210987654321:role/x\" }}\n",
        block(configuration).0
    );
    let clone = repository(&configuration, "https://github.com/acme/platform");
    let mut all = BTreeSet::new();
    for purpose in ["plan", "apply", "value", "operator", "adopt"] {
        let roles = clone.goldenpath(&["iam", "--for", purpose]).run().success().json();
        for role in roles["roles"].as_array().unwrap() {
            all.extend(actions(&role["policy"]));
        }
    }
    let named: BTreeSet<&str> = reference.split('`').skip(1).step_by(2).collect();
    for action in &all {
        let (_, operation) = action.split_once(':').unwrap();
        let is_named = named.contains(action.as_str()) || named.contains(operation);
        assert!(is_named, "docs/reference/iam.md does not name {action}");
    }
    for name in named.iter().filter(|name| name.starts_with("secretsmanager:")) {
        let is_key = [
            "AddReplicaRegions",
            "BlockPublicPolicy",
            "ForceDeleteWithoutRecovery",
            "ForceOverwriteReplicaSecret",
            "RotationLambdaARN",
        ]
        .iter()
        .any(|key| name.ends_with(key));
        assert!(is_key || all.contains(*name), "docs/reference/iam.md names {name}");
    }
}
