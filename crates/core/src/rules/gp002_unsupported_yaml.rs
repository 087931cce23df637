//! The file uses YAML for plain data only.
//!
//! ## What it does
//! Refuses anchors, aliases, tags, merge keys, duplicate keys, keys that are not plain words, several documents in a
//! file, and nesting deeper than 32 levels.
//!
//! ## Why is this bad?
//! A reviewer must see what a manifest says where it says it. Anchors and merge keys say it elsewhere, of two
//! duplicate keys each parser takes the one that it likes, and expanded aliases can fill any memory.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   name: &name payments-db
//! spec:
//!   access:
//!     k8sSecretName: *name
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   name: payments-db
//! spec:
//!   access:
//!     k8sSecretName: payments-db
//! ```

use super::gp001_invalid_yaml::report;
use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, EntryState, Project};
use crate::yaml::ProblemKind;

pub(super) const RULE: Rule = Rule {
    code: "GP002",
    name: "unsupported-yaml",
    severity: Severity::Error,
    source: include_str!("gp002_unsupported_yaml.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, _: &Project, sink: &mut Sink<'_>) {
    if let EntryState::Broken(problems) = &entry.state {
        report(entry, problems, ProblemKind::Unsupported, sink);
    }
}
