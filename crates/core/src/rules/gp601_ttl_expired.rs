//! A secret is reviewed when its ttl expires.
//!
//! ## What it does
//! Counts `spec.ttlDays` from the day on which git first has the secret's ID in the catalog. The
//! ttl has expired if a file named after the ID was in the catalog that many days ago, in any
//! folder of the catalog and with any content.
//!
//! The rule checks manifests with status `active` or `deprecated`. It follows the first parents of
//! the branch, so a branch counts from its merge. The day of a commit is its committer date.
//!
//! Where history is cut before that day (in a shallow clone), the first event of the ID in the
//! audit trail counts, as far as this clone has fetched the trail; without one, a message says that
//! the ttl may have expired. `plan`, `apply` and `show` use that event wherever it is earlier,
//! since the date of a commit may be wrong.
//!
//! `validate` checks this for files on disk, for `--from-ref` and for `--merge-with`; `plan` and
//! `apply` show it. The commit, push and server hooks and `validate --staged` do not: they must be
//! fast, and a passed date is not a reason to warn at every commit.
//!
//! ## Why is this bad?
//! The ttl is a promise to check whether the secret is still needed. If a credential that is
//! no longer used gets stolen, its owner does not notice.
//!
//! ## Example
//! ```yaml
//! # in the catalog for 40 days
//! spec:
//!   lifecycle:
//!     status: active
//!   ttlDays: 30
//! ```
//!
//! ## Use instead
//! ```yaml
//! # still needed: extend the ttl
//! spec:
//!   ttlDays: 90
//! # not needed: start to decommission it
//! spec:
//!   lifecycle:
//!     status: deprecated
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Catalog, Project};
use crate::manifest::{LifecycleStatus, SecretRequest};

pub(super) const RULE: Rule = Rule {
    code: "GP601",
    name: "ttl-expired",
    severity: Severity::Warning,
    source: include_str!("gp601_ttl_expired.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) {
    for entry in catalog.selected() {
        let (Some(request), Some(since)) = (entry.request(), catalog.expired.get(&entry.path))
        else {
            continue;
        };
        let days = match request.ttl_days {
            1 => "1 day".to_owned(),
            several => format!("{several} days"),
        };
        let (id, since) = (request.id, since.strftime("%Y-%m-%d"));
        let message =
            format!("the ttl of {days} has expired: {id} was already in the catalog on {since}");
        sink.at(entry, "/spec/ttlDays", message, help(request, project));
    }
}

fn help(request: &SecretRequest, project: &Project) -> String {
    let (extend, limit) =
        match project.governance.tiers.get(&request.risk_tier).map(|tier| tier.max_ttl_days) {
            Some(longest) if longest <= request.ttl_days => (
                "replace it with a new secret",
                format!(", since this tier allows at most {longest} days"),
            ),
            Some(longest) => ("set a longer `ttlDays`", format!(" (up to {longest} in this tier)")),
            None => ("set a longer `ttlDays`", String::new()),
        };
    let next = match request.status {
        LifecycleStatus::Active => LifecycleStatus::Deprecated,
        _ => LifecycleStatus::DecommissionRequested,
    };
    format!(
        "if it is still needed, {extend}{limit}; if not, set `lifecycle.status: {next}` to \
         decommission it"
    )
}
