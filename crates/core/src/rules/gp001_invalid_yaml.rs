//! The file is valid YAML.
//!
//! ## What it does
//! Checks that each file in the catalog is a regular file, encoded in UTF-8, not empty, and valid
//! YAML. It also reports symbolic links to folders, which goldenpath does not follow. In the index
//! and in commits, it reports submodules and links that point outside the repository: they could
//! hide manifests.
//!
//! ## Why is this bad?
//! goldenpath cannot process a manifest that it cannot read. `apply` would silently skip the
//! secret.
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
        // Reported by GP003.
        EntryState::Unreadable(Unreadable::TooLarge { .. })
        | EntryState::Parsed(_)
        | EntryState::Text => {}
        EntryState::Unreadable(why) => {
            let help = match why {
                Unreadable::Io(_) => "check the permissions of the file and of its parent folders",
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
