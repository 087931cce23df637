//! A manifest stays until its secret is decommissioned.
//!
//! ## What it does
//! On a change, rejects the removal of a manifest whose status was not `decommissioned`. If the
//! change moves the catalog to another folder, a manifest that stays in the old folder counts as
//! removed.
//!
//! ## Why is this bad?
//! goldenpath deletes only secrets that a manifest requests to delete. Without its manifest, the
//! secret continues to exist, but it has no owner and no process that decommissions it.
//!
//! ## Example
//! ```text
//! git rm catalogs/secrets/payments/dev/SEC-0007.yaml     (status: active)
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   lifecycle:
//!     status: deprecated     # then decommission_requested; apply sets decommissioned
//! ```

use super::{Rule, RuleCheck, Severity, Sink, before_after};
use crate::catalog::{Catalog, Project};
use crate::vcs::Snapshot;

pub(super) const RULE: Rule = Rule {
    code: "GP404",
    name: "deleted-before-decommissioned",
    severity: Severity::Error,
    source: include_str!("gp404_deleted_before_decommissioned.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) {
    let Some(before) = &catalog.before else { return };
    // `HEAD` is the shortest name in a commit hook. Elsewhere, HEAD may be another commit.
    let from = match (catalog.snapshot, before.snapshot) {
        (Snapshot::Index, _) => "HEAD".to_owned(),
        (_, Snapshot::Commit(id)) => id.to_string()[..8].to_owned(),
        (_, other) => other.to_string(),
    };
    for entry in before_after::removed(catalog) {
        let Some(root) = entry.root() else { continue };
        let status = root.string_at("/spec/lifecycle/status").unwrap_or("unknown");
        if status != "decommissioned" {
            let id = entry.claimed_id().unwrap_or("the manifest");
            let (message, help) = match &before.moved_to {
                Some(folder) if catalog.entries.iter().any(|other| other.path == entry.path) => (
                    format!(
                        "{id} is left behind: the catalog moves to `{folder}`, and its status was \
                         `{status}`"
                    ),
                    format!(
                        "move the whole folder in the same change: git mv {} {folder}",
                        project.config.catalog
                    ),
                ),
                _ => (
                    format!("{id} is removed, but its status was `{status}`"),
                    format!(
                        "restore it (git checkout {from} -- {}) and decommission it with \
                         `lifecycle.status`",
                        entry.path
                    ),
                ),
            };
            sink.at(entry, "/spec/lifecycle/status", message, help);
        }
    }
}
