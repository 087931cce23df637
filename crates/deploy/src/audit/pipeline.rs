//! The run of a CI pipeline that this process is part of, from its environment.

/// Returns the pipeline run that this process is part of, if any.
pub(super) fn pipeline(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let initiator = |name: &str| set(name).map(|who| format!(" by {who}")).unwrap_or_default();
    let github = || {
        let (repository, run) = (set("GITHUB_REPOSITORY")?, set("GITHUB_RUN_ID")?);
        Some(format!("GitHub Actions, {repository} run {run}{}", initiator("GITHUB_ACTOR")))
    };
    let gitlab =
        || Some(format!("GitLab CI, {}{}", set("CI_JOB_URL")?, initiator("GITLAB_USER_LOGIN")));
    let codebuild = || {
        Some(format!(
            "CodeBuild, {}{}",
            set("CODEBUILD_BUILD_ID")?,
            initiator("CODEBUILD_INITIATOR")
        ))
    };
    let jenkins = || Some(format!("Jenkins, {}", set("BUILD_URL")?));
    let all = github().or_else(gitlab).or_else(codebuild).or_else(jenkins)?;
    Some(all.chars().filter(|character| !character.is_control()).take(500).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_run_is_recorded_with_its_initiator() {
        let of = |variables: &[(&str, &str)]| {
            pipeline(|name| {
                variables
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        let github = [
            ("GITHUB_REPOSITORY", "acme/platform"),
            ("GITHUB_RUN_ID", "77"),
            ("GITHUB_ACTOR", "ann"),
        ];
        assert_eq!(of(&github).unwrap(), "GitHub Actions, acme/platform run 77 by ann");
        assert_eq!(of(&[("CI_JOB_URL", "https://x/1")]).unwrap(), "GitLab CI, https://x/1");
        assert_eq!(of(&[("GITHUB_RUN_ID", "77")]), None);
    }

    #[test]
    fn a_pipeline_s_name_is_one_line_of_bounded_length() {
        let url = format!("https://x/\u{1b}[2J\n{}", "a".repeat(600));
        let shown = pipeline(|name| (name == "CI_JOB_URL").then(|| url.clone())).unwrap();
        assert!(shown.starts_with("GitLab CI, https://x/[2Jaa"), "{shown}");
        assert_eq!(shown.chars().count(), 500);
    }
}
