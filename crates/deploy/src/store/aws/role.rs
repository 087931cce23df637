//! Assuming a role, with a session name that identifies the run in CloudTrail.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, future};
use aws_sdk_secretsmanager::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use super::error;

/// The maximum length of a session name (AssumeRole, `RoleSessionName`).
const LONGEST: usize = 64;

/// The variables that identify a run.
///
/// Those of GitHub Actions, GitLab CI, CodeBuild and Jenkins, or else the user.
const RUNS: [&[&str]; 6] = [
    &["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"],
    &["CI_PIPELINE_ID"],
    &["CODEBUILD_BUILD_ID"],
    &["BUILD_ID"],
    &["USER"],
    &["LOGNAME"],
];

/// How STS is called for credentials.
#[derive(Debug, Clone)]
pub(super) struct StsAccess {
    config: aws_sdk_sts::config::Builder,
    /// For messages.
    endpoint: String,
}

/// A role, and what is sent when it is assumed (AssumeRole, "Request Parameters").
#[derive(Debug, Clone, Default)]
pub(super) struct AssumedRole {
    pub(super) arn: String,
    pub(super) session_name: String,
    pub(super) external_id: Option<String>,
    /// None for AWS's hour.
    pub(super) length: Option<Duration>,
    pub(super) source_identity: Option<String>,
}

/// The credentials of a role.
///
/// The SDK's own provider sends no source identity, and its errors name no host.
#[derive(Debug)]
struct RoleProvider {
    sts: aws_sdk_sts::Client,
    endpoint: String,
    role: AssumedRole,
}

/// STS rejected the role.
#[derive(Debug, thiserror::Error)]
#[error("cannot assume the role `{role}`")]
pub(super) struct RejectedRole {
    pub(super) role: String,
    pub(super) source: AssumeRoleError,
}

/// STS did not answer.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach `{endpoint}`: {reason}")]
struct UnreachableSts {
    endpoint: String,
    reason: String,
}

impl StsAccess {
    pub(super) fn new(config: aws_sdk_sts::config::Builder, endpoint: String) -> Self {
        Self { config, endpoint }
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns a client that signs with these credentials.
    pub(super) fn client(&self, provider: SharedCredentialsProvider) -> aws_sdk_sts::Client {
        let config = self.config.clone().credentials_provider(provider);
        aws_sdk_sts::Client::from_conf(config.build())
    }

    /// Returns the credentials of `role`, assumed with those of `provider`.
    ///
    /// They are fetched with the first call, and again before they expire.
    pub(super) fn assume_role(
        &self,
        provider: SharedCredentialsProvider,
        role: AssumedRole,
    ) -> SharedCredentialsProvider {
        let (sts, endpoint) = (self.client(provider), self.endpoint.clone());
        SharedCredentialsProvider::new(RoleProvider { sts, endpoint, role })
    }
}

impl RoleProvider {
    async fn credentials(&self) -> provider::Result {
        let AssumedRole { arn, session_name, external_id, length, source_identity } = &self.role;
        let request = self
            .sts
            .assume_role()
            .role_arn(arn)
            .role_session_name(session_name)
            .set_external_id(external_id.clone())
            .set_duration_seconds(length.and_then(|length| i32::try_from(length.as_secs()).ok()))
            .set_source_identity(source_identity.clone());
        match request.send().await {
            Ok(answer) => match answer.credentials {
                Some(found) => Ok(to_credentials(found, "AssumeRole")),
                None => Err(CredentialsError::unhandled("STS sent no credentials")),
            },
            Err(SdkError::ServiceError(rejected)) => {
                let (role, source) = (arn.clone(), rejected.into_err());
                Err(CredentialsError::provider_error(RejectedRole { role, source }))
            }
            // The credentials that the role is assumed with are the cause.
            Err(error) if error::credentials_error(&error).is_some() => {
                Err(CredentialsError::provider_error(error))
            }
            Err(error) => Err(CredentialsError::provider_error(UnreachableSts {
                endpoint: self.endpoint.clone(),
                reason: error::innermost(&error),
            })),
        }
    }
}

impl ProvideCredentials for RoleProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// Converts the credentials of an STS response.
pub(super) fn to_credentials(
    found: aws_sdk_sts::types::Credentials,
    source: &'static str,
) -> Credentials {
    let expiry = SystemTime::try_from(found.expiration).ok();
    Credentials::new(
        found.access_key_id,
        found.secret_access_key,
        Some(found.session_token),
        expiry,
        source,
    )
}

/// Returns `goldenpath-` and the run, in the characters that STS accepts.
pub(super) fn session_name(variable: impl Fn(&str) -> Option<String>) -> String {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let run = RUNS.iter().map(|names| names.iter().filter_map(set).collect::<Vec<_>>());
    let run = run.into_iter().find(|values| !values.is_empty()).unwrap_or_default().join("-");
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character);
    let run = run.chars().map(|character| if allowed(character) { character } else { '-' });
    let name: String = "goldenpath-".chars().chain(run).take(LONGEST).collect();
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(variables: &[(&str, &str)]) -> String {
        session_name(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_session_name_has_the_run_or_else_the_user() {
        assert_eq!(
            named(&[("GITHUB_RUN_ID", "77"), ("GITHUB_RUN_ATTEMPT", "2"), ("USER", "ann")]),
            "goldenpath-77-2"
        );
        assert_eq!(named(&[("CI_PIPELINE_ID", "9"), ("USER", "root")]), "goldenpath-9");
        assert_eq!(
            named(&[("BUILD_ID", "2026-01-02_03:04"), ("USER", "")]),
            "goldenpath-2026-01-02_03-04"
        );
        assert_eq!(named(&[("USER", "ann")]), "goldenpath-ann");
        assert_eq!(named(&[]), "goldenpath");
    }

    #[test]
    fn a_session_name_has_a_length_and_characters_that_sts_accepts() {
        for user in ["Jörg O'Neill", "a b\n", &"x".repeat(200), "日本"] {
            let name = named(&[("USER", user)]);
            assert!((2..=64).contains(&name.len()), "{name}");
            assert!(
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)),
                "{name}"
            );
        }
    }
}
