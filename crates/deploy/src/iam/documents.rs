//! Roles as JSON, for Terraform, and for CloudFormation.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{IamRole, RolePurpose};

/// Returns the roles as one JSON object.
#[must_use]
pub fn to_json(purpose: RolePurpose, roles: &[IamRole]) -> Value {
    let roles: Vec<Value> = roles
        .iter()
        .map(|role| {
            json!({
                "name": role.name,
                "account": role.account,
                "environments": role.environments,
                "policy": role.policy,
                "trust": role.trust,
            })
        })
        .collect();
    json!({ "version": 1, "for": purpose.as_str(), "roles": roles })
}

/// Returns the roles as a CloudFormation template, in JSON.
#[must_use]
pub fn to_cloudformation(roles: &[IamRole]) -> Value {
    let mut resources = Map::new();
    for (role, label) in roles.iter().zip(labels(roles)) {
        // Logical IDs are alphanumeric.
        let words = label.split('_').map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        });
        let resource = json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": role.name,
                "AssumeRolePolicyDocument": role.trust,
                "Policies": [{ "PolicyName": "goldenpath", "PolicyDocument": role.policy }],
            },
        });
        resources.insert(words.collect(), resource);
    }
    json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources })
}

/// Returns the roles as Terraform configuration.
#[must_use]
pub fn to_terraform(roles: &[IamRole]) -> String {
    let mut text = String::new();
    for (role, label) in roles.iter().zip(labels(roles)) {
        let account = role.account.as_deref().unwrap_or("unknown");
        let environments = role.environments.join(", ");
        let _ = write!(
            text,
            "{}# Account {account}{}\n\
             resource \"aws_iam_role\" \"{label}\" {{\n  \
               name               = {}\n  \
               assume_role_policy = jsonencode({})\n\
             }}\n\n\
             resource \"aws_iam_role_policy\" \"{label}\" {{\n  \
               name   = \"goldenpath\"\n  \
               role   = aws_iam_role.{label}.id\n  \
               policy = jsonencode({})\n\
             }}\n",
            if text.is_empty() { "" } else { "\n" },
            if environments.is_empty() { environments } else { format!(": {environments}") },
            hcl(&Value::from(role.name.as_str()), 0),
            hcl(&role.trust, 2),
            hcl(&role.policy, 2),
        );
    }
    text
}

/// Returns a JSON value as an expression of Terraform.
fn hcl(value: &Value, indentation: usize) -> String {
    let inner = " ".repeat(indentation + 2);
    let end = " ".repeat(indentation);
    match value {
        // `${` and `%{` would begin a template.
        Value::String(text) => {
            Value::from(text.as_str()).to_string().replace("${", "$${").replace("%{", "%%{")
        }
        Value::Array(items) => {
            let mut text = String::from("[\n");
            for item in items {
                let _ = writeln!(text, "{inner}{},", hcl(item, indentation + 2));
            }
            text + &end + "]"
        }
        Value::Object(members) => {
            let mut text = String::from("{\n");
            for (name, value) in members {
                let is_name = name.bytes().all(|byte| byte.is_ascii_alphabetic());
                let name =
                    if is_name { name.clone() } else { Value::from(name.as_str()).to_string() };
                let _ = writeln!(text, "{inner}{name} = {}", hcl(value, indentation + 2));
            }
            text + &end + "}"
        }
        other => other.to_string(),
    }
}

/// Returns an identifier for each role, such as `goldenpath_apply`: unique, of letters, digits and
/// `_`.
fn labels(roles: &[IamRole]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let labels = roles.iter().map(|role| {
        let is_allowed = |one: char| one.is_ascii_alphanumeric();
        let mut label: String =
            role.name.chars().map(|one| if is_allowed(one) { one } else { '_' }).collect();
        if !label.starts_with(|first: char| first.is_ascii_alphabetic()) {
            label.insert_str(0, "role_");
        }
        let count = counts.entry(label.clone()).or_default();
        *count += 1;
        if *count > 1 { format!("{label}_{count}") } else { label }
    });
    labels.collect()
}
