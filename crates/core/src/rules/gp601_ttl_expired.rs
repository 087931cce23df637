//! A secret is looked at again when its ttl has run out.
//!
//! ## What it does
//! Counts `spec.ttlDays` from the day on which the secret's ID came into the catalog, as git has it: the ttl has run out
//! if a file named after the ID was in the catalog that many days ago. It does not matter in which folder of the catalog,
//! or what the manifest said then.
//!
//! Manifests that are `active` or `deprecated` are looked at. The branch's first parents are followed, so that a branch
//! counts from its merge. Where the history ends before that day (in a shallow clone, or before the first commit) nothing
//! is known and nothing is said; the day of a commit is its committer's.
//!
//! `validate` judges it for the files on disk, for `--from-ref` and for `--merge-with`, and `plan` and `apply` show it. The
//! commit, push and server hooks and `validate --staged` do not: they must be fast, and a calendar is no reason to be told
//! at every commit.
//!
//! ## Why is this bad?
//! The ttl is a promise to look whether the secret is still needed. A credential that nobody needs is one that nobody
//! misses when it is stolen.
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
//! # still needed: ask for longer
//! spec:
//!   ttlDays: 90
//! # not needed: begin to take it down
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
        let (Some(request), Some(since)) = (entry.request(), catalog.outlived.get(&entry.path))
        else {
            continue;
        };
        let days = match request.ttl_days {
            1 => "1 day".to_owned(),
            several => format!("{several} days"),
        };
        let (id, since) = (request.id, since.strftime("%Y-%m-%d"));
        let message =
            format!("the ttl of {days} has run out: {id} was in the catalog on {since} already");
        sink.at(entry, "/spec/ttlDays", message, help(request, project));
    }
}

fn help(request: &SecretRequest, project: &Project) -> String {
    let (still, longest) =
        match project.governance.tiers.get(&request.risk_tier).map(|tier| tier.max_ttl_days) {
            Some(longest) if longest <= request.ttl_days => (
                "a new secret in its place",
                format!(" ({longest} days are the most in this tier)"),
            ),
            Some(longest) => ("a longer `ttlDays`", format!(" (up to {longest} in this tier)")),
            None => ("a longer `ttlDays`", String::new()),
        };
    let next = match request.status {
        LifecycleStatus::Active => LifecycleStatus::Deprecated,
        _ => LifecycleStatus::DecommissionRequested,
    };
    format!(
        "if it is still needed, ask for {still}{longest}; if not, set `lifecycle.status: {next}` and take it down"
    )
}
