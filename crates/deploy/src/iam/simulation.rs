//! The command line that lets IAM say whether an identity may do what `apply` needs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::RolePurpose;
use super::conditions::CatalogTags;
use super::location::SecretLocation;
use super::statements::{policy_of, statements};
use goldenpath_core::catalog::Project;
use goldenpath_core::manifest::StoreKey;

/// What a check of an environment's permissions needs; None if its store is not AWS.
#[derive(Debug, Clone)]
pub struct PermissionProbe {
    /// The name of a secret that does not exist; None if `store.keyTemplate` has logic.
    pub unused: Option<StoreKey>,
    /// The arguments of `aws iam simulate-principal-policy` after the identity.
    arguments: String,
}

impl PermissionProbe {
    /// Returns the probe for the permissions of `apply` in an environment.
    #[must_use]
    pub fn of(project: &Project, environment: &str) -> Option<Self> {
        let location = SecretLocation::of(project, environment)?;
        let tags = CatalogTags::of(project);
        let policy = policy_of(&statements(RolePurpose::Apply, &tags, &[&location]));
        let allowed = policy["Statement"].as_array().into_iter().flatten();
        let allowed = allowed.filter(|statement| statement["Effect"] == "Allow");
        let actions: BTreeSet<&str> = allowed
            .flat_map(|statement| match &statement["Action"] {
                Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
                one => one.as_str().into_iter().collect::<Vec<_>>(),
            })
            .filter(|action| action.starts_with("secretsmanager:") && !action.contains(":List"))
            .collect();
        let mut entries =
            vec![("secretsmanager:BlockPublicPolicy".to_owned(), "boolean", "true".to_owned())];
        for kind in ["RequestTag", "ResourceTag"] {
            for (tag, value) in tags.texts() {
                entries.push((format!("aws:{kind}/{tag}"), "string", value.to_owned()));
            }
        }
        if let Some(function) = location.functions.first() {
            let key = "secretsmanager:RotationLambdaARN".to_owned();
            entries.push((key, "string", function.clone()));
        }
        let entries: Vec<String> = entries
            .into_iter()
            .map(|(key, kind, value)| {
                format!("'ContextKeyName={key},ContextKeyType={kind},ContextKeyValues={value}'")
            })
            .collect();
        let actions: Vec<&str> = actions.into_iter().collect();
        let name = location.unused_name(project);
        let resource = match &name {
            Some(name) => location.secret(name),
            None => location.secrets(),
        };
        Some(Self {
            unused: name.and_then(|name| StoreKey::parse(&name).ok()),
            arguments: format!(
                "--action-names {} --resource-arns '{resource}' --context-entries {}",
                actions.join(" "),
                entries.join(" ")
            ),
        })
    }

    /// Returns the command that simulates the calls of `apply` for an identity.
    ///
    /// `identity` is the ARN that GetCallerIdentity reports.
    #[must_use]
    pub fn command(&self, identity: &str) -> String {
        format!(
            "aws iam simulate-principal-policy --policy-source-arn {} {}",
            source_of(identity),
            self.arguments
        )
    }
}

/// Returns the role of a session, or the identity itself.
///
/// A session's ARN lacks the path of its role.
fn source_of(identity: &str) -> String {
    let parts: Vec<&str> = identity.splitn(6, ':').collect();
    let role = match parts[..] {
        ["arn", partition, "sts", "", account, resource] => resource
            .strip_prefix("assumed-role/")
            .and_then(|rest| rest.split('/').next())
            .map(|role| format!("arn:{partition}:iam::{account}:role/{role}")),
        _ => None,
    };
    role.unwrap_or_else(|| identity.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_simulated_as_its_role_and_another_identity_as_itself() {
        assert_eq!(
            source_of("arn:aws-cn:sts::123456789012:assumed-role/apply/run-7"),
            "arn:aws-cn:iam::123456789012:role/apply"
        );
        for same in ["arn:aws:iam::123456789012:user/ann", "arn:aws:iam::123456789012:root"] {
            assert_eq!(source_of(same), same);
        }
    }
}
