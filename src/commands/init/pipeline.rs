//! The pipeline that init writes.

use clap::ValueEnum;
use goldenpath_core::vcs::Repository;

/// A git host with a pipeline of its own form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PipelineHost {
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
}

/// All places where a pipeline of goldenpath may be.
pub(super) const PIPELINES: [&str; 3] = [
    ".github/workflows/goldenpath.yml",
    ".github/workflows/goldenpath.yaml",
    ".gitlab-ci.goldenpath.yml",
];

/// The region and the account in the pipelines, which stand for those of the user.
const SAMPLE_REGION: &str = "us-east-1";
const SAMPLE_ACCOUNT: &str = "123456789012";

impl PipelineHost {
    /// Returns the host of `origin` or of the files in the work tree, if they say it.
    pub(super) fn of(repository: &Repository) -> Option<Self> {
        let url = repository.remote_url(Some("origin")).unwrap_or_default();
        let has = |path: &str| repository.root().join(path).exists();
        if url.contains("github.com") || has(".github") {
            Some(Self::Github)
        } else if url.contains("gitlab") || has(".gitlab-ci.yml") {
            Some(Self::Gitlab)
        } else {
            None
        }
    }

    /// Returns the file's path from the root of the repository.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Github => PIPELINES[0],
            Self::Gitlab => PIPELINES[2],
        }
    }

    /// Returns the place that a code owner owns.
    pub(super) fn owned_path(self) -> &'static str {
        match self {
            Self::Github => ".github/workflows/",
            Self::Gitlab => PIPELINES[2],
        }
    }

    /// Returns what the user does with the file.
    pub(super) fn next_step(self) -> &'static str {
        match self {
            Self::Github => {
                "Set the values below `env` in .github/workflows/goldenpath.yml, and create the \
                 two environments that its first lines name."
            }
            Self::Gitlab => {
                "Set the variables in .gitlab-ci.goldenpath.yml, and include it in .gitlab-ci.yml: \
                 include: [{ local: .gitlab-ci.goldenpath.yml }]"
            }
        }
    }

    /// Returns the text for an account and a region, as far as they are known.
    pub(super) fn text(self, account_id: Option<&str>, region: Option<&str>) -> String {
        let sample = match self {
            Self::Github => include_str!("../../../deploy/github-actions.yaml"),
            Self::Gitlab => include_str!("../../../deploy/gitlab-ci.yaml"),
        };
        sample
            .replace(SAMPLE_ACCOUNT, account_id.unwrap_or(SAMPLE_ACCOUNT))
            .replace(SAMPLE_REGION, region.unwrap_or(SAMPLE_REGION))
    }
}
