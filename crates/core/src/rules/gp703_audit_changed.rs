//! Only apply changes the audit trail.
//!
//! ## What it does
//! On a change, refuses files below `audit/` that are added, changed, removed or renamed, by the
//! change as a whole or by one of its commits. The branch that merges go to (and `audit.branch`)
//! may gain events when it is pushed to, since `apply` and `goldenpath value` record there: at the
//! end of a trail, each with the hash of the line before it. A merge never brings any.
//!
//! ## Why is this bad?
//! The trail says who did what, and when. A line that a pull request brings says what its author
//! likes, and a file name there uses up an ID.
//!
//! ## Example
//! ```diff
//! +{"time":"2026-11-25T09:11:18Z","id":"SEC-0007","action":"delete-secret","reason":"all gates open",…}
//! ```
//!
//! ## Use instead
//! ```text
//! git restore --source origin/main --staged --worktree -- audit     in the branch, before the merge
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Catalog, Project};
use crate::trail::TrailPlace;
use crate::vcs::Snapshot;

pub(super) const RULE: Rule = Rule {
    code: "GP703",
    name: "audit-changed",
    severity: Severity::Error,
    source: include_str!("gp703_audit_changed.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    let Some(before) = &catalog.before else { return };
    let short = |id: &str| id[..8.min(id.len())].to_owned();
    for fault in &before.trails {
        let (place, help) = match (&fault.place, catalog.snapshot) {
            (TrailPlace::Commit(commit), _) => {
                let commit = short(commit);
                let help = format!(
                    "take the file out of that commit: git rebase --interactive {commit}~1"
                );
                (format!("in commit {commit}, "), help)
            }
            (_, Snapshot::Index) => (
                String::new(),
                format!("unstage it: git restore --staged -- {}", quoted(&fault.file)),
            ),
            _ => {
                let base = short(&before.snapshot.id());
                let restore = format!(
                    "git restore --source {base} --staged --worktree -- {}",
                    quoted(&fault.file)
                );
                (String::new(), format!("set it back to what the base has: {restore}"))
            }
        };
        let help = match catalog.snapshot {
            Snapshot::Index => help,
            _ => format!(
                "{help}; if `apply` recorded it in this clone, push the default branch first"
            ),
        };
        let message = format!(
            "{place}{}; only apply records events, on the branch that merges go to",
            fault.what
        );
        sink.on_file(&fault.file, fault.line.unwrap_or(1), message, help);
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if path.bytes().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
