//! The file is YAML that can be read.
//!
//! ## What it does
//! Checks that a file of the catalog is a regular file, in UTF-8, not empty, and YAML. A symbolic link to a folder, which
//! is not followed, is reported too, and in the index and in commits a link that leads out of the repository and a
//! submodule: they could hide manifests.
//!
//! ## Why is this bad?
//! A manifest that cannot be read asks for nothing: apply would pass the secret by, and nobody would know.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   id: SEC-0007
//!  name: payments-db-credentials
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   id: SEC-0007
//!   name: payments-db-credentials
//! ```

use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, EntryState, Project};
use crate::vcs::{GET_OBJECTS, Unreadable};
use crate::yaml::{Problem, ProblemKind};

pub(super) const RULE: Rule = Rule {
    code: "GP001",
    name: "invalid-yaml",
    severity: Severity::Error,
    source: include_str!("gp001_invalid_yaml.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, _: &Project, sink: &mut Sink<'_>) {
    match &entry.state {
        // GP003's
        EntryState::Unreadable(Unreadable::TooLarge { .. })
        | EntryState::Parsed(_)
        | EntryState::Text => {}
        EntryState::Unreadable(why) => {
            let help = match why {
                Unreadable::Io(_) => "check its permissions, and those of the folders around it",
                Unreadable::Object(_) => GET_OBJECTS,
                Unreadable::Name => "rename it to its ID, such as SEC-0007.yaml",
                _ => "put a regular file there, or remove it from the catalog",
            };
            sink.over(entry, 0..0, "", why.to_string(), help.to_owned());
        }
        EntryState::Broken(problems) => report(entry, problems, ProblemKind::Invalid, sink),
    }
}

/// Reports the problems of one kind.
pub(super) fn report(entry: &Entry, problems: &[Problem], kind: ProblemKind, sink: &mut Sink<'_>) {
    for problem in problems.iter().filter(|problem| problem.kind == kind) {
        let finding = sink.over(
            entry,
            problem.span.clone(),
            "",
            problem.message.clone(),
            problem.help.clone(),
        );
        if let Some((span, label)) = &problem.related {
            finding.with(entry, span.clone(), label);
        }
    }
}
