//! Where things go changes on purpose, and separately.
//!
//! ## What it does
//! On a change of commits (`--from-ref`, `--merge-with`, hooks on a server, pre-push), compares
//! what decides where values, projections and calls go in `goldenpath.yaml`: account, region, role,
//! endpoint, KMS key, `catalogId`, `keyTemplate`, the catalog's folder, the GitOps target, the
//! files of the store and its key, clusters, and the store that the operator reads; for all
//! environments and in each. A change of its own gets a warning. Where manifests change as well, it
//! is an error. A catalog that moves as a whole, with each manifest as it was, changes no manifest.
//!
//! The base's configuration sets the level: with `GP702: warn` or `GP702: error` it is the same in
//! both cases. A base without a configuration has no destinations that could change.
//!
//! ## Why is this bad?
//! With another account, region or key template, apply creates every secret again somewhere else,
//! and values follow. Between manifests that a reviewer reads, such a line is easily missed.
//!
//! ## Example
//! ```yaml
//! # goldenpath.yaml, in a change that adds a secret
//! store:
//!   backend: aws
//!   region: us-west-2      # was us-east-1
//! ```
//!
//! ## Use instead
//! Two changes: the new destination first, approved by those who own the rules, and manifests after
//! it.

use super::gp701_rules_changed::{key_span, names};
use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Catalog, ChangedRuleFile, Project};
use crate::config::{KeyChange, destination_changes};

pub(super) const RULE: Rule = Rule {
    code: "GP702",
    name: "destination-changed",
    severity: Severity::Warning,
    source: include_str!("gp702_destination_changed.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) {
    let change = &catalog.rule_change;
    for file in change.files.iter().filter(|file| file.is_config && file.before.is_some()) {
        let Some(entry) = file.shown() else { continue };
        let (pointer, message) = match &file.changed {
            ChangedRuleFile::Keys(changes) => {
                let destinations = destination_changes(changes);
                let Some(first) = destinations.first().map(KeyChange::pointer) else { continue };
                (first, format!("where things go changes: {}", names(file, &destinations)))
            }
            // A file that cannot be compared may send things anywhere.
            ChangedRuleFile::Text | ChangedRuleFile::Owners(_) => (
                String::new(),
                format!(
                    "where things go cannot be compared: `{}` has no plain keys and values",
                    file.path
                ),
            ),
        };
        let help = match change.manifests {
            true => {
                "change destinations in a change of its own, without manifests, and merge that first"
            }
            false => {
                "apply will use this from the merge on: have those who own the rules review it"
            }
        };
        let finding =
            sink.over(entry, key_span(entry, &pointer), &pointer, message, help.to_owned());
        if change.manifests && !RULE.is_leveled(&project.config.rules) {
            finding.severity = Severity::Error;
        }
    }
}
