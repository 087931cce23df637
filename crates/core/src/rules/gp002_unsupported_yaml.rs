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

#[cfg(test)]
mod tests {
    use crate::testing::{
        Expected, SEED, assert_finding, assert_only, cases, findings_in, seed_with,
    };

    const RULE: &str = "GP002 unsupported-yaml";

    #[track_caller]
    fn reports(edit: (&str, &str), place: &str, under: &str, message: &str, help: &str) {
        let expected = Expected { rule: RULE, pointer: "", place, under, message, help };
        assert_only(&seed_with(&[edit]), &expected);
    }

    cases! { yaml_that_is_more_than_plain_data_is_reported(reports):
        an_anchor(
            ("namespace: payments ", "namespace: &ns payments "), "19:16..19:19", "&ns", "anchor",
            "remove it",
        );
        a_tag(("ttlDays: 30", "ttlDays: !!int 30"), "21:12..21:17", "!!int", "tag", "remove it");
        a_merge_key(
            ("tier: medium", "<<: {tier: medium}"), "13:5..13:7", "<<", "merge key",
            "write out the fields",
        );
        a_duplicate_key(
            ("  environment:", "  owner: us\n  environment:"), "8:3..8:8", "owner",
            "duplicate key `owner`", "keep one",
        );
        a_key_that_is_a_list(
            ("  environment:", "  [a]: b\n  environment:"), "8:3..8:6", "[a]", "not a plain word",
            "plain words",
        );
    }

    #[test]
    fn a_second_document_is_reported_at_its_marker() {
        let text = format!("{SEED}---\nkind: SecretRequest\n");
        let expected = Expected {
            rule: RULE,
            pointer: "",
            place: "22:1..22:4",
            under: "---",
            message: "second document",
            help: "its own file",
        };
        assert_only(&text, &expected);
    }

    #[test]
    fn an_alias_and_its_anchor_are_both_reported_and_never_expanded() {
        let text = seed_with(&[
            ("service: payments", "service: &s payments"),
            ("namespace: payments ", "namespace: *s "),
        ]);
        let found = findings_in(&text);
        assert_eq!(found.len(), 2, "{found:?}");
        let expected = |place, under, message, help| Expected {
            rule: RULE,
            pointer: "",
            place,
            under,
            message,
            help,
        };
        assert_finding(&found[0], &text, &expected("7:12..7:14", "&s", "anchor", "remove it"));
        let alias = expected("19:16..19:18", "*s", "alias", "write out the value");
        assert_finding(&found[1], &text, &alias);
    }
}
