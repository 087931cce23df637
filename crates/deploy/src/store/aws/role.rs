//! Taking on a role in another account, under a name that tells the run in the account's CloudTrail.

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_sdk_secretsmanager::config::SharedCredentialsProvider;

/// The longest session name (AssumeRole, `RoleSessionName`).
const LONGEST: usize = 64;

/// What names a run: GitHub Actions, GitLab CI, CodeBuild, Jenkins, and at a desk the person.
const RUNS: [&[&str]; 6] = [
    &["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"],
    &["CI_PIPELINE_ID"],
    &["CODEBUILD_BUILD_ID"],
    &["BUILD_ID"],
    &["USER"],
    &["LOGNAME"],
];

/// Credentials of `role`, asked for with the first call and again before they run out; `sdk` has those of whoever takes
/// it on.
pub(super) async fn assumed(sdk: &SdkConfig, role: &str, name: &str) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(
        AssumeRoleProvider::builder(role).session_name(name).configure(sdk).build().await,
    )
}

/// `goldenpath-` and the run, in the characters that STS takes.
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
    fn a_session_is_called_after_the_run_and_else_after_the_person() {
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
    fn a_session_name_is_one_that_sts_takes() {
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
