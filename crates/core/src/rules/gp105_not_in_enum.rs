//! Every value of a fixed list is in that list.
//!
//! ## What it does
//! Checks owners, environments, secret types, risk tiers, rotation classes, lifecycle states and
//! the provider against `schemas/metadata/enums.yaml`. Checks `apiVersion` and `kind` against the
//! values that a SecretRequest has.
//!
//! ## Why is this bad?
//! These values decide governance, tags and folders. An owner that is not in the list does not
//! exist, so no team is responsible for the secret.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   environment: production
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   environment: prod
//! ```
//!
//! ## Fix
//! `validate --fix` writes the right value if it is certain: the value differs only in case or
//! separators, has one typo and no other value is as close, or starts with a valid value (`prod`
//! for `production`). `--unsafe-fixes` also completes the beginning of a value, corrects digits,
//! and sets the states that lead to deletion (`decommission_requested`, `decommissioned`).

use super::{Fix, Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::manifest::{LifecycleStatus, ViolationKind};
use crate::suggest::{Certainty, did_you_mean, only_one};

pub(super) const RULE: Rule = Rule {
    code: "GP105",
    name: "not-in-enum",
    severity: Severity::Error,
    source: include_str!("gp105_not_in_enum.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let (Some(manifest), Some(root)) = (entry.manifest(), entry.root()) else { return };
    for violation in &manifest.violations {
        let ViolationKind::NotInEnum { allowed } = &violation.kind else { continue };
        let name = violation.pointer.rsplit('/').next().unwrap_or_default();
        let found = root.string_at(&violation.pointer).unwrap_or_default();
        let message = format!("`{found}` is not a value of `{name}`");
        let list = match allowed.as_slice() {
            [only] => format!("write `{only}`"),
            several => format!("the values are {}", several.join(", ")),
        };
        let mut help = match did_you_mean(found, allowed.iter().map(String::as_str)) {
            Some(question) if allowed.len() > 1 => format!("{question} {list}"),
            _ => list,
        };
        if allowed.len() > 1 {
            help.push_str(&format!(" (from {})", project.config.enums));
        }
        let fix = fix(&violation.pointer, found, allowed);
        sink.at(entry, &violation.pointer, message, help).fixed_by(fix);
    }
}

fn fix(pointer: &str, found: &str, allowed: &[String]) -> Option<Fix> {
    let (value, certainty) = only_one(found, allowed.iter().map(String::as_str))?;
    // A typo is not a request to delete a secret.
    let ends = matches!(
        LifecycleStatus::parse(value),
        Ok(LifecycleStatus::DecommissionRequested | LifecycleStatus::Decommissioned)
    );
    let fix = Fix::set(pointer, value, format!("write `{value}` for `{found}`"));
    Some(fix.safe_if(certainty != Certainty::Doubtful && !ends))
}
