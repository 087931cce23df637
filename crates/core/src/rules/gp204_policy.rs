//! A manifest keeps the platform team's own rules.
//!
//! ## What it does
//! Evaluates the `policies` of `goldenpath.yaml`, which are written in CEL, the Common Expression Language. A policy
//! finds something where its `when` is true and its `assert` is not. Its message, its help, its severity and the place
//! are its own.
//!
//! The variables are `manifest`, `path` and, on a change, `base`: the manifest of the same ID before the change, and
//! null for a new one. A policy that speaks of `base` is silent where no change is judged.
//!
//! A policy that cannot be evaluated, for example because a field is missing, is an error in the configuration.
//!
//! ## Why is this bad?
//! Somebody wrote the policy down for a reason that goldenpath does not know. The message says it; `goldenpath.yaml`
//! says who to ask.
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
    // What is not a SecretRequest has findings that say so, and is rendered and applied by nobody.
    let entries: Vec<&Entry> =
        catalog.selected().filter(|entry| entry.request().is_some()).collect();
    if entries.is_empty() {
        return Ok(());
    }
    let before: BTreeMap<&str, &Entry> = before_after::kept(catalog)
        .into_iter()
        .map(|(before, after)| (after.path.as_str(), before))
        .collect();
    // Threads of their own, since the interpreter needs more stack than the ones that read manifests have.
    let threads =
        ThreadPoolBuilder::new().stack_size(Policies::STACK).build().map_err(|error| {
            ConfigError::new(
                project.policies.file(),
                format!("the policies cannot be run: {error}"),
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
    // In the catalog's order, so that it is always the same error that comes first.
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

fn broken_by<'a>(
    entry: &Entry,
    catalog: &Catalog,
    before: Option<&Entry>,
    project: &'a Project,
) -> Result<Vec<&'a Policy>, ConfigError> {
    let json = |entry: &Entry| entry.root().map(Node::to_json);
    let manifest = json(entry).unwrap_or_default();
    let base = catalog.before.as_ref().map(|change| match before {
        // A manifest that was broken promised nothing.
        Some(before) => before.request().and(json(before)).unwrap_or_default(),
        None if change.changed.contains(&entry.path) => Value::Null,
        // Judged because the rules changed, and not it.
        None => manifest.clone(),
    });
    let subject = PolicySubject { path: &entry.path, manifest: &manifest, base: base.as_ref() };
    project.policies.broken_by(subject)
}

/// The part of `pointer` that exists: a missing field is shown by what it is missing from.
fn nearest<'a>(entry: &Entry, pointer: &'a str) -> &'a str {
    let mut pointer = pointer;
    let exists = |pointer: &str| entry.root().is_some_and(|root| root.at(pointer).is_some());
    while !exists(pointer) {
        let Some((parent, _)) = pointer.rsplit_once('/') else { return "" };
        pointer = parent;
    }
    pointer
}
