//! The rotation of a secret is one that AWS can configure.
//!
//! ## What it does
//! Compares the function of the secret's type in `rotation.functions` with the environment: AWS
//! Secrets Manager invokes only functions in the secret's own partition, region and account. These
//! are the environment's `region` and `accountId`, the account of its `roleArn`, or those of
//! `store`. One that is not configured is not compared. The role of a managed external secret, in
//! `schemas/metadata/secret_types.yaml`, is compared likewise, by account. The interval of the
//! rotation class, in the governance table, is from 1 to 1000 days. A secret of another type is
//! rotated by hand, so nothing is compared.
//!
//! ## Why is this bad?
//! AWS rejects such a rotation, and the secret keeps its value, although its manifest promises a
//! new one.
//!
//! ## Example
//! ```yaml
//! store: { backend: aws, region: us-east-1 }
//! rotation:
//!   functions:
//!     database-credentials: arn:aws:lambda:eu-west-2:123456789012:function:rotate
//! ```
//!
//! ## Use instead
//! ```yaml
//! store: { backend: aws, region: us-east-1 }
//! rotation:
//!   functions:
//!     database-credentials: arn:aws:lambda:us-east-1:123456789012:function:rotate
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::config::{ROTATION_DAYS, Rotator};

pub(super) const RULE: Rule = Rule {
    code: "GP210",
    name: "rotation-not-possible",
    severity: Severity::Error,
    source: include_str!("gp210_rotation_not_possible.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let Some(request) = entry.request().filter(|request| request.status.is_in_use()) else {
        return;
    };
    let (environment, kind) = (request.environment.as_str(), request.secret_type.as_str());
    let class = request.rotation_class.as_str();
    let Some(days) = project.governance.rotation_interval(class) else { return };
    let Some(rotator) = project.rotator(environment, kind) else { return };
    if let Some(objection) = project.config.find_rotation_objection(environment, &rotator) {
        let (subject, help) = match &rotator {
            Rotator::Partner { role, .. } => (
                format!("the role `{role}`"),
                format!(
                    "set `secretTypes.{kind}.rotation.environments.{environment}.roleArn` in {} to \
                     a role there",
                    project.config.secret_types
                ),
            ),
            rotator => (
                format!("the function `{rotator}`"),
                format!(
                    "set `environments.{environment}.rotation.functions.{kind}` in {} to a \
                     function there",
                    project.config_name
                ),
            ),
        };
        let message = format!("{subject} cannot rotate secrets of {environment}: {objection}");
        sink.at(entry, "/spec/secretType", message, help);
    }
    if !ROTATION_DAYS.contains(&days) {
        let (least, most) = (ROTATION_DAYS.start(), ROTATION_DAYS.end());
        let message = format!(
            "AWS rotates every {least} to {most} days, but the interval of the class `{class}` is \
             {days} days"
        );
        let help = format!(
            "set `rotationIntervalDays.{class}` in {} to at most {most}, or choose another class",
            project.config.governance
        );
        sink.at(entry, "/spec/rotation/rotationClass", message, help);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::BUILT_IN_GOVERNANCE;
    use crate::testing::{SEED, SEED_PATH, cases, findings, rows, seed_with, shown};

    const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:rotate";

    fn config(store: &str, function: &str, environments: &str) -> String {
        format!(
            "store: {{ backend: aws, {store} }}\n\
             rotation: {{ functions: {{ database-credentials: \"{function}\" }} }}\n\
             environments: {environments}\n"
        )
    }

    /// Asserts the place of the finding in the seed, whose environment is dev; none for an empty
    /// `message`.
    #[track_caller]
    fn is_compared(store: &str, function: &str, environments: &str, message: &str) {
        let config = config(store, function, environments);
        let found = findings(&[(SEED_PATH, SEED), ("goldenpath.yaml", &config)]);
        if message.is_empty() {
            assert_eq!(rows(&found), [""; 0], "{:?}", shown(&found));
            return;
        }
        assert_eq!(rows(&found), ["error GP210 /spec/secretType"], "{:?}", shown(&found));
        assert!(found[0].message.contains(message), "{:?}", shown(&found));
        let help = "environments.dev.rotation.functions.database-credentials";
        assert!(found[0].help.contains(help), "{:?}", shown(&found));
    }

    cases! { a_function_is_in_the_place_of_the_secret(is_compared):
        there("region: us-east-1, accountId: \"123456789012\"", FUNCTION, "{}", "");
        unknown("", FUNCTION, "{}", "");
        another_region(
            "region: eu-west-2", FUNCTION, "{}",
            "in the region us-east-1, but the secret is in eu-west-2",
        );
        another_region_of_the_environment(
            "region: us-east-1", FUNCTION, "{ dev: { region: eu-west-2 } }",
            "in the region us-east-1, but the secret is in eu-west-2",
        );
        the_environment_s_own_region(
            "region: eu-west-2", FUNCTION, "{ dev: { region: us-east-1 } }", "",
        );
        another_account(
            "region: us-east-1, accountId: \"999999999999\"", FUNCTION, "{}",
            "in the account 123456789012, but the secret is in 999999999999",
        );
        the_account_of_a_role(
            "roleArn: \"arn:aws:iam::999999999999:role/apply\"", FUNCTION, "{}",
            "in the account 123456789012, but the secret is in 999999999999",
        );
        another_partition(
            "region: cn-north-1", "arn:aws:lambda:cn-north-1:123456789012:function:rotate", "{}",
            "in the partition aws, but the secret is in aws-cn",
        );
        a_local_store(
            "region: eu-west-2", FUNCTION, "{ dev: { store: { backend: local } } }", "",
        );
    }

    #[test]
    fn the_role_of_a_managed_external_secret_is_in_the_account_of_the_secret() {
        let types = "secretTypes:\n  database-credentials:\n    otherKeys: true\n    keys: []\n    \
            rotation: { externalType: X, roleArn: \"arn:aws:iam::123456789012:role/rotate\" }\n";
        let with = |account: &str| {
            let config =
                format!("store: {{ backend: aws, region: us-east-1, accountId: \"{account}\" }}\n");
            findings(&[
                (SEED_PATH, SEED),
                ("goldenpath.yaml", &config),
                ("schemas/metadata/secret_types.yaml", types),
            ])
        };
        assert_eq!(rows(&with("123456789012")), [""; 0]);
        let found = with("999999999999");
        assert_eq!(rows(&found), ["error GP210 /spec/secretType"], "{:?}", shown(&found));
        assert!(found[0].message.contains("the role `arn:aws:iam::"), "{:?}", shown(&found));
        let help = "secretTypes.database-credentials.rotation.environments.dev.roleArn";
        assert!(found[0].help.contains(help), "{:?}", shown(&found));
    }

    #[test]
    fn an_interval_is_one_that_aws_accepts() {
        let config = config("region: us-east-1", FUNCTION, "{}");
        let with = |days: &str, config: &str, manifest: &str| {
            let table = BUILT_IN_GOVERNANCE.replace("standard: 90", &format!("standard: {days}"));
            assert_ne!(table, BUILT_IN_GOVERNANCE);
            rows(&findings(&[
                (SEED_PATH, manifest),
                ("goldenpath.yaml", config),
                ("schemas/metadata/governance.yaml", &table),
            ]))
        };
        assert_eq!(with("1000", &config, SEED), [""; 0]);
        assert_eq!(with("1001", &config, SEED), ["error GP210 /spec/rotation/rotationClass"]);
        // Without a function, and at the end of its life, nothing is rotated by AWS.
        assert_eq!(with("1001", "{}", SEED), [""; 0]);
        let ending = seed_with(&[("status: active", "status: decommission_requested")]);
        assert_eq!(with("1001", &config, &ending), [""; 0]);
    }
}
