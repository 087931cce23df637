//! The file uses only plain YAML.
//!
//! ## What it does
//! Rejects anchors, aliases, tags, merge keys, duplicate keys, keys that are not plain words,
//! several documents in one file, and nesting deeper than 32 levels.
//!
//! ## Why is this bad?
//! A reviewer must be able to read each value where it is used. Anchors and merge keys move it to
//! another place in the file. Parsers disagree on which of two duplicate keys wins. Expanding
//! nested aliases can exhaust memory.
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
