//! Assuming a role, with a session name that identifies the run in CloudTrail.

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_sdk_secretsmanager::config::SharedCredentialsProvider;

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

/// Returns the credentials of `role`, assumed with the credentials in `sdk`.
///
/// They are fetched with the first call, and again before they expire. `external_id` is what the
/// role's trust policy may require (AssumeRole, `ExternalId`).
pub(super) async fn assume_role(
    sdk: &SdkConfig,
    role: &str,
    name: &str,
    external_id: Option<&str>,
) -> SharedCredentialsProvider {
    let mut provider = AssumeRoleProvider::builder(role).session_name(name).configure(sdk);
    if let Some(external_id) = external_id {
        provider = provider.external_id(external_id);
    }
    SharedCredentialsProvider::new(provider.build().await)
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
