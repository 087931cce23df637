//! A change leaves the trails of version 0.1 as they are.
//!
//! ## What it does
//! On a change, rejects files below `audit/` that are added, changed, removed or renamed, by the
//! change as a whole or by one of its commits. A trail whose lines are all on the audit branch,
//! after `goldenpath audit import`, may be removed if this clone has fetched that branch.
//!
//! ## Why is this bad?
//! The trail records who did what, and when. An author can write anything into a line that comes
//! with a pull request, and a file name there uses up an ID.
//!
//! ## Example
//! ```diff
//! +{"time":"2026-11-25T09:11:18Z","id":"SEC-0007","action":"delete-secret",…}
//! ```
//!
//! ## Use instead
//! ```text
//! # in the branch, before the merge
//! git restore --source origin/main --staged --worktree -- audit
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
                    "remove the file from that commit: git rebase --interactive {commit}~1"
                );
                (format!("in commit {commit}, "), help)
            }
            (_, Snapshot::Index) => (
                String::new(),
                format!("unstage it: git restore --staged -- {}", quote_for_shell(&fault.file)),
            ),
            _ => {
                let base = short(&before.snapshot.id());
                let restore = format!(
                    "git restore --source {base} --staged --worktree -- {}",
                    quote_for_shell(&fault.file)
                );
                (String::new(), format!("restore the base's version: {restore}"))
            }
        };
        let help = if fault.what.ends_with("removed") {
            format!(
                "{help}; if it is imported, fetch the audit branch first: git fetch origin \
                 goldenpath/audit:refs/remotes/origin/goldenpath/audit"
            )
        } else {
            help
        };
        let message = format!("{place}{}; events are on the audit branch alone", fault.what);
        sink.on_file(&fault.file, fault.line.unwrap_or(1), message, help);
    }
}

/// Quotes a path for a shell, if needed.
fn quote_for_shell(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if path.bytes().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
