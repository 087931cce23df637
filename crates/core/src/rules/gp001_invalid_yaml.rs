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
            sink.at_span(entry, 0..0, "", why.to_string(), help.to_owned());
        }
        EntryState::Broken(problems) => report(entry, problems, ProblemKind::Invalid, sink),
    }
}

/// Reports the problems of one kind.
pub(super) fn report(entry: &Entry, problems: &[Problem], kind: ProblemKind, sink: &mut Sink<'_>) {
    for problem in problems.iter().filter(|problem| problem.kind == kind) {
        let finding = sink.at_span(
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

#[cfg(test)]
mod tests {
    use crate::testing::{Expected, assert_only, cases, seed_with};

    const RULE: &str = "GP001 invalid-yaml";

    #[track_caller]
    fn reports(text: &str, place: &str, under: &str, message: &str, help: &str) {
        assert_only(text, &Expected { rule: RULE, pointer: "", place, under, message, help });
    }

    cases! { text_that_is_not_yaml_is_reported_where_it_ends_to_be_yaml(reports):
        indentation(
            &seed_with(&[("  name: pay", " name: pay")]), "5:2..5:60",
            "name: payments-db-credentials     # Mandatory: Intent Name",
            "invalid YAML", "indentation",
        );
        a_tab(
            &seed_with(&[("  id: SEC", "\tid: SEC")]), "4:1..4:68",
            "\tid: SEC-0007                      # Mandatory: Audit ID (SEC-XXXX)",
            "tab", "spaces",
        );
        an_open_quotation("a: 1\nb: \"never closed\n", "2:4..2:17", "\"never closed", "", "close");
        an_alias_without_its_anchor(
            &seed_with(&[("namespace: payments ", "namespace: *absent ")]), "19:16..19:63",
            "*absent              # Mandatory: K8s Namespace", "anchor", "write out the value",
        );
        an_unresolved_merge_conflict(
            &seed_with(&[(
                "    tier: medium ",
                "<<<<<<< HEAD\n    tier: medium\n=======\n    tier: low\n>>>>>>> theirs\n#",
            )]),
            "13:1..13:13", "<<<<<<< HEAD", "unresolved merge conflict", "choose one side",
        );
        an_empty_file("", "1:1..1:1", "", "the file is empty", "goldenpath new secret");
        a_blank_file("\n \n", "1:1..1:1", "", "the file is empty", "new secret");
        a_file_of_comments("# soon\n", "1:1..1:1", "", "the file is empty", "new secret");
        a_byte_order_mark_alone("\u{feff}", "1:1..1:1", "", "the file is empty", "new secret");
        a_control_character(
            "\u{7f}ELF\u{2}", "1:1..1:2", "\u{7f}", "the control character U+007F",
            "plain text in UTF-8",
        );
    }
}
