//! Destinations change on purpose, and in a separate change.
//!
//! ## What it does
//! On a change of commits (`--from-ref`, `--merge-with`, hooks on a server, pre-push), compares the
//! settings in `goldenpath.yaml` that decide where values, projections and calls go: account,
//! region, role, endpoint, KMS key, `catalogId`, `keyTemplate`, the catalog's folder, the GitOps
//! target, the files of the store and its key, clusters, and the store that the operator reads;
//! globally and for each environment. A separate change gets a warning. A change that also contains
//! manifests gets an error. A catalog that moves as a whole, with unchanged manifests, contains no
//! changed manifest.
//!
//! The base's configuration sets the level: with `GP702: warn` or `GP702: error` it is the same in
//! both cases. If the base has no configuration, it has no destinations that could change.
//!
//! ## Why is this bad?
//! With another account, region or key template, `apply` creates every secret again in another
//! place, and values follow. Among many manifests, a reviewer easily misses such a line.
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
//! Two changes: first the new destination, approved by the owners of the rules, then the manifests.

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
        let Some(entry) = file.current_entry() else { continue };
        let (pointer, message) = match &file.changed {
            ChangedRuleFile::Keys(changes) => {
                let destinations = destination_changes(changes);
                let Some(first) = destinations.first().map(KeyChange::pointer) else { continue };
                (first, format!("destinations change: {}", names(file, &destinations)))
            }
            // A file that cannot be compared may contain any destination.
            ChangedRuleFile::Text | ChangedRuleFile::Owners(_) => (
                String::new(),
                format!(
                    "cannot compare the destinations: `{}` has no plain keys and values",
                    file.path
                ),
            ),
        };
        let help = if change.manifests {
            "change destinations in a separate change without manifests, and merge it first"
        } else {
            "ask the owners of the rules to review it: apply uses it after the merge"
        };
        let finding =
            sink.at_span(entry, key_span(entry, &pointer), &pointer, message, help.to_owned());
        if change.manifests && !RULE.has_level(&project.config.rules) {
            finding.severity = Severity::Error;
        }
    }
}
