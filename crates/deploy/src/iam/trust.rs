//! Who may assume a role: the pipeline by OpenID Connect, the operator, or a person's role.

use serde_json::{Map, Value, json};

use super::RolePurpose;
use super::location::SecretLocation;
use super::statements::one_or_list;
use goldenpath_core::arn;

/// A part of a trust policy that the configuration does not say.
///
/// It is in capitals, and no valid principal: IAM refuses it until it is replaced.
const PROVIDER: &str = "OIDC_PROVIDER";
const SUBJECT: &str = "OIDC_SUBJECT";
const CLUSTER_PROVIDER: &str = "OIDC_PROVIDER_OF_THE_CLUSTER";
const DEFAULT_BRANCH: &str = "DEFAULT_BRANCH";
const ACCOUNT: &str = "ACCOUNT_ID";
const PEOPLE: &str = "ROLE_OF_THE_PEOPLE";

/// What a person replaces in a trust policy, with what it means.
pub(super) const PLACEHOLDERS: [(&str, &str); 6] = [
    (CLUSTER_PROVIDER, "the host and path of the cluster's OIDC issuer"),
    (PROVIDER, "the host and path of the pipeline's OIDC issuer"),
    (SUBJECT, "the `sub` claim of the pipeline's token"),
    (DEFAULT_BRANCH, "the branch that the pipeline applies"),
    (ACCOUNT, "the account's number, or set `store.accountId`"),
    (PEOPLE, "the name of the role of the people who run it"),
];

/// The repository whose pipeline assumes a role.
#[derive(Debug, Clone, Default)]
pub struct PipelineRepository {
    /// Host and path in their own case, such as `github.com/acme/platform`; None if unknown.
    ///
    /// Subjects of tokens are compared with case.
    pub repository: Option<String>,
    /// The branch that the pipeline applies; None if unknown. GitLab's subjects name branches.
    pub default_branch: Option<String>,
}

/// The issuer of a pipeline's tokens, and their claims.
struct OidcToken {
    /// Host and path of the issuer.
    provider: String,
    audience: String,
    subject: String,
}

/// Returns the trust of the role that the caller of a purpose has.
pub(super) fn caller_trust(
    purpose: RolePurpose,
    partition: &str,
    account: Option<&str>,
    pipeline: &PipelineRepository,
) -> Value {
    match purpose {
        RolePurpose::Plan | RolePurpose::Apply => {
            federated(partition, account, &pipeline.token(purpose, partition))
        }
        RolePurpose::Operator => federated(
            partition,
            account,
            &OidcToken {
                provider: CLUSTER_PROVIDER.to_owned(),
                audience: sts_host(partition),
                // The service account of the operator's own Helm chart.
                subject: "system:serviceaccount:external-secrets:external-secrets".to_owned(),
            },
        ),
        RolePurpose::Value | RolePurpose::Adopt => {
            role_trust(&role_arn(partition, account, PEOPLE))
        }
    }
}

/// Returns the trust in another role.
fn role_trust(role: &str) -> Value {
    trust(json!({ "AWS": role }), "sts:AssumeRole", None)
}

/// Returns the trust of a role of the configuration, which `caller` assumes at these locations.
///
/// It requires the external ID and the MFA that goldenpath gives, and admits its source identity.
pub(super) fn assumed_role_trust(
    caller: &str,
    partition: &str,
    locations: &[&SecretLocation],
) -> Value {
    let texts = |text_of: fn(&SecretLocation) -> &Option<String>| {
        let mut found: Vec<String> = Vec::new();
        for text in locations.iter().filter_map(|location| text_of(location).clone()) {
            if !found.contains(&text) {
                found.push(text);
            }
        }
        found
    };
    let external_ids = texts(|location| &location.external_id);
    let identities = texts(|location| &location.source_identity);
    // A run without a code would be denied.
    let has_mfa = locations.iter().all(|location| location.mfa_serial.is_some());
    let device = texts(|location| &location.mfa_serial).into_iter().next().filter(|_| has_mfa);
    let principal = match &device {
        None => json!({ "AWS": caller }),
        // No role has an MFA device, so the caller is a user of the device's account.
        Some(device) => {
            let account = arn::account(device).or(arn::account(caller)).unwrap_or(ACCOUNT);
            json!({ "AWS": format!("arn:{partition}:iam::{account}:root") })
        }
    };
    let mut condition = Map::new();
    if !external_ids.is_empty() {
        let ids = json!({ "sts:ExternalId": one_or_list(&external_ids) });
        condition.insert("StringEquals".to_owned(), ids);
    }
    if device.is_some() {
        let mfa = json!({ "aws:MultiFactorAuthPresent": "true" });
        condition.insert("Bool".to_owned(), mfa);
    }
    let condition = (!condition.is_empty()).then_some(Value::Object(condition));
    let mut policy = trust(principal.clone(), "sts:AssumeRole", condition);
    if !identities.is_empty()
        && let Some(statements) = policy["Statement"].as_array_mut()
    {
        // A statement of its own: the keys of the other one are those of AssumeRole.
        statements.push(json!({
            "Effect": "Allow",
            "Principal": principal,
            "Action": "sts:SetSourceIdentity",
            "Condition": {
                "StringEquals": { "sts:SourceIdentity": one_or_list(&identities) },
            },
        }));
    }
    policy
}

/// Returns the ARN of a role of the caller's account.
pub(super) fn role_arn(partition: &str, account: Option<&str>, name: &str) -> String {
    format!("arn:{partition}:iam::{}:role/{name}", account.unwrap_or(ACCOUNT))
}

fn federated(partition: &str, account: Option<&str>, token: &OidcToken) -> Value {
    let OidcToken { provider, audience, subject } = token;
    let account = account.unwrap_or(ACCOUNT);
    let principal =
        json!({ "Federated": format!("arn:{partition}:iam::{account}:oidc-provider/{provider}") });
    let (audience_key, subject_key) = (format!("{provider}:aud"), format!("{provider}:sub"));
    let condition = if subject.contains('*') {
        json!({
            "StringEquals": { audience_key: audience },
            "StringLike": { subject_key: subject },
        })
    } else {
        json!({ "StringEquals": { audience_key: audience, subject_key: subject } })
    };
    trust(principal, "sts:AssumeRoleWithWebIdentity", Some(condition))
}

fn trust(principal: Value, action: &str, condition: Option<Value>) -> Value {
    let mut statement = json!({ "Effect": "Allow", "Principal": principal, "Action": action });
    if let Some(condition) = condition {
        statement["Condition"] = condition;
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

fn sts_host(partition: &str) -> String {
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("sts.{suffix}")
}

impl PipelineRepository {
    /// Returns the token of the pipeline, as far as the repository's host says it.
    fn token(&self, purpose: RolePurpose, partition: &str) -> OidcToken {
        let found = self.repository.as_deref().and_then(|repository| repository.split_once('/'));
        let has = |word: &str| found.is_some_and(|(host, _)| host.contains(word));
        match found {
            // GitHub Docs, "OpenID Connect reference": a job of an environment.
            Some((host, path)) if has("github") => OidcToken {
                provider: match host {
                    "github.com" => "token.actions.githubusercontent.com".to_owned(),
                    server => format!("{server}/_services/token"),
                },
                audience: sts_host(partition),
                subject: format!("repo:{path}:environment:goldenpath-{}", purpose.as_str()),
            },
            // GitLab Docs, "Connect to cloud services": a job of a branch.
            Some((host, path)) if has("gitlab") => OidcToken {
                provider: host.to_owned(),
                audience: format!("https://{host}"),
                subject: format!(
                    "project_path:{path}:ref_type:branch:ref:{}",
                    match purpose {
                        RolePurpose::Plan => "*",
                        _ => self.default_branch.as_deref().unwrap_or(DEFAULT_BRANCH),
                    }
                ),
            },
            _ => OidcToken {
                provider: PROVIDER.to_owned(),
                audience: sts_host(partition),
                subject: SUBJECT.to_owned(),
            },
        }
    }
}
