//! Every value that comes from a list is in that list.
//!
//! ## What it does
//! Checks owners, environments, secret types, risk tiers, rotation classes, lifecycle states and the provider
//! against `schemas/metadata/enums.yaml`, and `apiVersion` and `kind` against what a SecretRequest has.
//!
//! ## Why is this bad?
//! Governance, tags and folders follow from these values. An owner that nobody knows answers for nothing.
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

use super::{Check, Rule, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::manifest::ViolationKind;
use crate::suggest::did_you_mean;

pub(super) const RULE: Rule = Rule {
    code: "GP105",
    name: "not-in-enum",
    severity: Severity::Error,
    source: include_str!("gp105_not_in_enum.rs"),
    check: Check::Entry(check),
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
        sink.at(entry, &violation.pointer, message, help);
    }
}
