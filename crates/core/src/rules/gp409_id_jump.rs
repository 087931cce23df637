//! A new ID is not far above the others.
//!
//! ## What it does
//! On a change, refuses a new ID, in a manifest or in its file's name, that is more than
//! `ids.maxGap` (1000) above the highest ID of the branch that it is to be merged into. A reserved
//! ID may be higher where all IDs between are reserved too, as far as the repository at hand has
//! the reservations. Says nothing while that branch has no manifest: a catalog may start with any
//! ID.
//!
//! ## Why is this bad?
//! The next ID is one above the highest, and an ID has nine digits at most: one SEC-999999999 that
//! is merged leaves none.
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
                "{id} is more than {gap} (`ids.maxGap`) above {highest}, the highest ID of the branch that this is for"
            );
            let help = "take the next ID: `goldenpath id renumber` with the file's path; where the IDs between are \
                        reserved, fetch the reservations first: git fetch origin \
                        'refs/goldenpath/ids/*:refs/goldenpath/ids/*'";
            sink.at(entry, "/metadata/id", message, help.to_owned());
        }
    }
}
