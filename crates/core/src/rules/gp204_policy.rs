//! A manifest follows the platform team's own policies.
//!
//! ## What it does
//! Evaluates the `policies` of `goldenpath.yaml`, written in CEL, the Common Expression Language. A
//! policy reports a manifest if its `when` is true and its `assert` is false. Each policy defines
//! its own message, help, severity and field.
//!
//! The variables are `manifest`, `path` and, on a change, `base`: the manifest of the same ID
//! before the change, or null for a new one. A policy that uses `base` is skipped when no change is
//! checked.
//!
//! A policy that cannot be evaluated, for example because a field is missing, is a configuration
//! error.
//!
//! ## Why is this bad?
//! The platform team wrote the policy for a reason that goldenpath does not know. Read the policy's
//! message. If it is not clear, ask the owners of `goldenpath.yaml`.
//!
//! ## Example
//! ```yaml
//! # goldenpath.yaml
//! policies:
//!   - name: prod-needs-platform-approval
//!     when: manifest.metadata.environment == "prod"
//!     assert: manifest.metadata.owner in ["platform-team", "security-team"]
//!     message: a production secret belongs to the platform or security team
//!     field: metadata.owner
//! # the manifest
//! metadata:
//!   owner: team-payments
//!   environment: prod
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   owner: platform-team
//!   environment: prod
//! ```

use std::collections::BTreeMap;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use serde_json::Value;

use super::{Rule, RuleCheck, Severity, Sink, before_after};
use crate::catalog::{Catalog, Entry, Project};
use crate::config::{ConfigError, Policies, Policy, PolicySeverity, PolicySubject};
use crate::yaml::Node;

pub(super) const RULE: Rule = Rule {
    code: "GP204",
    name: "policy",
    severity: Severity::Error,
    source: include_str!("gp204_policy.rs"),
    check: RuleCheck::Configured(check),
};

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) -> Result<(), ConfigError> {
    if project.policies.is_empty() {
        return Ok(());
    }
    // Other rules report files that are not a SecretRequest, and no command applies them.
    let entries: Vec<&Entry> =
        catalog.selected().filter(|entry| entry.request().is_some()).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let before: BTreeMap<&str, &Entry> = before_after::kept(catalog)
        .into_iter()
        .map(|(before, after)| (after.path.as_str(), before))
        .collect();
    // A separate thread pool: the CEL interpreter needs a larger stack than the default pool has.
    let threads =
        ThreadPoolBuilder::new().stack_size(Policies::STACK).build().map_err(|error| {
            ConfigError::new(
                project.policies.file(),
                format!("cannot start threads for the policies: {error}"),
                "allow more threads or memory",
            )
        })?;
    let broken: Vec<Result<Vec<&Policy>, ConfigError>> = threads.install(|| {
        entries
            .par_iter()
            .map(|entry| {
                broken_by(entry, catalog, before.get(entry.path.as_str()).copied(), project)
            })
            .collect()
    });
    let overridden = project.config.rules.keys().any(|key| RULE.answers_to(key));
    // In catalog order, so that the first error is always the same.
    for (entry, broken) in entries.into_iter().zip(broken) {
        for policy in broken? {
            let message = format!("{}: {}", policy.name, policy.message);
            let help = policy.help.clone().unwrap_or_else(|| {
                format!("policy `{}` in {}", policy.name, project.policies.file())
            });
            let finding = sink.at(entry, nearest(entry, &policy.pointer), message, help);
            if !overridden {
                finding.severity = match policy.severity {
                    PolicySeverity::Error => Severity::Error,
                    PolicySeverity::Warn => Severity::Warning,
                };
            }
        }
    }
    Ok(())
}

/// Returns the policies that a manifest violates.
fn broken_by<'a>(
    entry: &Entry,
    catalog: &Catalog,
    before: Option<&Entry>,
    project: &'a Project,
) -> Result<Vec<&'a Policy>, ConfigError> {
    let json = |entry: &Entry| entry.root().map(Node::to_json);
    let manifest = json(entry).unwrap_or_default();
    let base = catalog.before.as_ref().map(|change| match before {
        // A base manifest that was invalid counts as null.
        Some(before) => before.request().and(json(before)).unwrap_or_default(),
        None if change.changed.contains(&entry.path) => Value::Null,
        // Checked only because the rules changed: the manifest is its own base.
        None => manifest.clone(),
    });
    let subject = PolicySubject { path: &entry.path, manifest: &manifest, base: base.as_ref() };
    project.policies.broken_by(subject)
}

/// Returns the longest existing part of `pointer`: for a missing field, its parent.
fn nearest<'a>(entry: &Entry, pointer: &'a str) -> &'a str {
    let mut pointer = pointer;
    let exists = |pointer: &str| entry.root().is_some_and(|root| root.at(pointer).is_some());
    while !exists(pointer) {
        let Some((parent, _)) = pointer.rsplit_once('/') else { return "" };
        pointer = parent;
    }
    pointer
}
