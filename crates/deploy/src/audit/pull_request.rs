//! A pull request for a branch, by the command line of the host: `gh` or `glab`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::program;

/// The time limit of a command.
const LIMIT: Duration = Duration::from_secs(30);

/// A branch for which a pull request is opened.
pub(super) struct Request<'a> {
    /// The URL of the remote, which names the host.
    pub(super) url: &'a str,
    pub(super) branch: &'a str,
    pub(super) title: &'a str,
    pub(super) body: &'a str,
}

/// Returns the URL of the open pull request of the branch, after opening one if there is none.
///
/// Returns None if the host's command line is missing or fails: the branch is pushed anyway.
pub(super) fn open(root: &Path, request: &Request<'_>) -> Option<String> {
    let Request { url, branch, title, body } = request;
    let (list, create): (Vec<&str>, Vec<&str>) = if host(url).contains("gitlab") {
        (
            vec!["glab", "mr", "list", "--source-branch", branch, "--output", "json"],
            vec![
                "glab",
                "mr",
                "create",
                "--yes",
                "--source-branch",
                branch,
                "--title",
                title,
                "--description",
                body,
            ],
        )
    } else {
        (
            vec![
                "gh",
                "pr",
                "list",
                "--head",
                branch,
                "--state",
                "open",
                "--json",
                "url,isCrossRepository",
            ],
            vec!["gh", "pr", "create", "--head", branch, "--title", title, "--body", body],
        )
    };
    let open = run(root, &list)?;
    if let Ok(serde_json::Value::Array(found)) = serde_json::from_str(&open)
        // A branch of a fork may have the same name.
        && let Some(first) = found.iter().find(|found| {
            found.get("isCrossRepository").and_then(serde_json::Value::as_bool) != Some(true)
                && found.get("source_project_id") == found.get("target_project_id")
        })
    {
        let url = first.get("url").or_else(|| first.get("web_url"))?;
        return url.as_str().map(str::to_owned);
    }
    let created = run(root, &create)?;
    created.lines().rev().find(|line| line.starts_with("https://")).map(str::to_owned)
}

/// Returns the host in a URL, in lower case: `https://host/`, `ssh://user@host/`, `user@host:`.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find('/').unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split(':').next().unwrap_or_default().to_lowercase()
}

/// Returns the standard output of a program that succeeds.
fn run(root: &Path, arguments: &[&str]) -> Option<String> {
    let (name, arguments) = arguments.split_first()?;
    let mut command = Command::new(name);
    command
        .args(arguments)
        .current_dir(root)
        .env("GH_PROMPT_DISABLED", "1")
        .env("NO_PROMPT", "1")
        .env("NO_COLOR", "1");
    let output = program::run(command, "", Some(LIMIT)).ok()?;
    output.success.then_some(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_is_not_part_of_its_path() {
        for (url, expected) in [
            ("https://github.com/acme/gitlab-tools", "github.com"),
            ("git@GitLab.example.com:acme/platform.git", "gitlab.example.com"),
            ("ssh://git@gitlab.com:2222/acme/platform", "gitlab.com"),
            ("https://token:x@github.com/acme/platform", "github.com"),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
