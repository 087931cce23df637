//! The built-in templates.
//!
//! A catalog's copy under `templates/` overrides all but `goldenpath.yaml.j2`.

/// The ExternalSecret of a manifest.
pub const EXTERNAL_SECRET: &str = include_str!("../../templates/external_secret.yaml.j2");

/// A new manifest.
pub const SECRET_REQUEST: &str = include_str!("../../templates/secret_request.yaml.j2");

/// The hook in `.pre-commit-config.yaml`.
pub const PRE_COMMIT_HOOK: &str = include_str!("../../templates/pre_commit_hook.yaml.j2");

/// The `goldenpath.yaml` that `init` writes.
pub const CONFIGURATION: &str = include_str!("../../templates/goldenpath.yaml.j2");

/// A plan as a pull request comment.
pub const PLAN: &str = include_str!("../../templates/plan.md.j2");

/// The head of a plan's comment, which a catalog's template cannot replace.
pub const PLAN_HEADER: &str = include_str!("../../templates/plan_header.md.j2");

/// The report of `due` as the body of an issue.
pub const DUE: &str = include_str!("../../templates/due.md.j2");

/// The page of `report`.
pub const REPORT_PAGE: &str = include_str!("../../templates/report/page.html.j2");

/// The style sheet of the page.
pub const REPORT_STYLE: &str = include_str!("../../templates/report/page.css");

/// The script of the page.
pub const REPORT_SCRIPT: &str = include_str!("../../templates/report/page.js");
