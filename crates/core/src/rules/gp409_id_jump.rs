//! A new ID is close to the existing IDs.
//!
//! ## What it does
//! On a change, rejects a new ID, in a manifest or in its file name, that is more than `ids.maxGap`
//! (1000) above the highest ID of the target branch. A reserved ID may be higher if all IDs in
//! between are reserved too, as far as this repository has fetched the reservations. The rule is
//! silent while the target branch has no manifest: a catalog may start with any ID.
//!
//! ## Why is this bad?
//! The next ID is one above the highest, and an ID has at most nine digits. If one SEC-999999999 is
//! merged, no ID is left.
//!
//! ## Example
//! ```yaml
//!   id: SEC-99999999      # the highest on main is SEC-0007
//! ```
//!
//! ## Use instead
//! ```text
//! goldenpath id renumber SEC-99999999     takes the next free ID
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Catalog, Project};
use crate::manifest::SecretId;
use crate::used_ids::of_file_name;

pub(super) const RULE: Rule = Rule {
    code: "GP409",
    name: "id-jump",
    severity: Severity::Error,
    source: include_str!("gp409_id_jump.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) {
    let Some(before) = catalog.before.as_ref().filter(|before| !before.jumps.is_empty()) else {
        return;
    };
    let Some(highest) = before.highest else { return };
    for entry in catalog.entries.iter().filter(|entry| before.changed.contains(&entry.path)) {
        let claimed = entry.claimed_id().and_then(|id| SecretId::parse(id).ok());
        let ids = claimed.into_iter().chain(of_file_name(&entry.path));
        if let Some(id) = ids.filter(|id| before.jumps.contains(id)).max() {
            let gap = project.config.ids.max_gap;
            let message = format!(
                "{id} is more than {gap} (`ids.maxGap`) above {highest}, the highest ID of the \
                 target branch"
            );
            let help = "run `goldenpath id renumber` with the file's path to take the next ID; if \
                        the IDs in between are reserved, fetch the reservations first: \
                        git fetch origin 'refs/goldenpath/ids/*:refs/goldenpath/ids/*'";
            sink.at(entry, "/metadata/id", message, help.to_owned());
        }
    }
}
