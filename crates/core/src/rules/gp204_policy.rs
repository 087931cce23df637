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
                find_violated_policies(
                    entry,
                    catalog,
                    before.get(entry.path.as_str()).copied(),
                    project,
                )
            })
            .collect()
    });
    let overridden = project.config.rules.keys().any(|key| RULE.has_key(key));
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
fn find_violated_policies<'a>(
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
    project.policies.find_violated(subject)
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::rules::Finding;
    use crate::testing::{SEED, SEED_PATH, cases, codes, error_of, findings, rows, seed_with};

    const CONFIG: &str = "goldenpath.yaml";

    /// Returns a configuration with one policy; JSON is YAML that needs no quoting rules.
    fn asserting(expression: &str) -> String {
        let expression = Value::from(expression);
        format!("policies:\n  - name: p\n    message: m\n    assert: {expression}\n")
    }

    #[track_caller]
    fn found(config: &str) -> Vec<Finding> {
        findings(&[(SEED_PATH, SEED), (CONFIG, config)])
    }

    #[test]
    fn a_broken_policy_is_a_finding_at_its_field() {
        let found = found(
            "policies:\n  - name: dev-is-for-platform\n    \
             when: manifest.metadata.environment == \"dev\"\n    \
             assert: manifest.metadata.owner in [\"platform-team\"]\n    message: ask first\n    \
             field: metadata.owner\n  - name: short\n    assert: manifest.spec.ttlDays < 10\n    \
             message: too long\n    severity: warn\n    field: /spec/ttlDays\n    \
             help: \"ask #platform\"\n  - name: prod-only\n    \
             when: manifest.metadata.environment == \"prod\"\n    assert: \"false\"\n    \
             message: never seen\n",
        );
        assert_eq!(rows(&found), ["error GP204 /metadata/owner", "warning GP204 /spec/ttlDays"]);
        let (owner, ttl) = (&found[0], &found[1]);
        assert_eq!(owner.message, "dev-is-for-platform: ask first");
        assert_eq!(owner.help, "policy `dev-is-for-platform` in goldenpath.yaml");
        assert_eq!((owner.place.line, owner.place.column), (6, 10));
        assert_eq!((ttl.message.as_str(), ttl.help.as_str()), ("short: too long", "ask #platform"));
    }

    #[track_caller]
    fn count_as(level: &str, expected: &[&str]) {
        let policies = "policies:\n  - {name: a, assert: 'false', message: m}\n  \
                        - {name: b, assert: 'false', message: m, severity: warn}\n";
        for rule in ["GP204", "policy"] {
            let found = found(&format!("rules: {{ {rule}: {level} }}\n{policies}"));
            assert_eq!(rows(&found), expected, "{rule}");
        }
    }

    cases! { rules_override_the_severity_of_every_policy(count_as):
        off("off", &[]);
        warn("warn", &["warning GP204 "; 2]);
        error("error", &["error GP204 "; 2]);
    }

    #[track_caller]
    fn is_shown_at(field: &str, pointer: &str) {
        let policy = format!("{{name: p, assert: 'false', message: m, field: {field}}}");
        assert_eq!(found(&format!("policies: [{policy}]\n"))[0].pointer, pointer);
    }

    cases! { a_missing_field_is_shown_at_its_nearest_parent(is_shown_at):
        of_metadata("metadata.description", "/metadata");
        of_spec("spec.none.of.these", "/spec");
        below_a_value("metadata.owner.first", "/metadata/owner");
        nowhere("/nowhere", "");
        nowhere_with_escaped_characters("nowhere.at~all/x", "");
    }

    #[test]
    fn a_policy_without_a_field_is_shown_at_the_file() {
        let found = found(&asserting("false"));
        assert_eq!((found[0].pointer.as_str(), found[0].place.line), ("", 1));
    }

    #[track_caller]
    fn holds(expression: &str) {
        assert_eq!(rows(&found(&asserting(expression))), [""; 0]);
    }

    cases! { a_policy_reads_the_manifest_and_its_path(holds):
        the_path(&format!("path == \"{SEED_PATH}\""));
        the_path_by_the_id("path.endsWith(manifest.metadata.id + \".yaml\")");
        an_integer(
            "manifest.spec.ttlDays == 30 && manifest.spec.ttlDays + 1 > 30 \
             && type(manifest.spec.ttlDays) == int",
        );
        a_missing_field(
            "!has(manifest.metadata.description) || manifest.metadata.description.size() > 10",
        );
        a_regular_expression(
            r#"manifest.metadata.name.matches("^[a-z0-9-]+$")
             && !manifest.metadata.name.matches("^[0-9]")"#,
        );
        all_fields(
            r#"manifest.metadata.all(
                key, key in ["id", "name", "owner", "service", "environment"])"#,
        );
    }

    #[track_caller]
    fn cannot_be_used(policy: &str, place: &str, message: &str) {
        let good = "  - name: good\n    assert: \"true\"\n    message: m\n";
        let config = format!("policies:\n{good}{policy}");
        let error = error_of(&[(SEED_PATH, SEED), (CONFIG, &config)]);
        assert!(error.message.contains(message), "{error:?}");
        assert_eq!(error.place, place, "{error:?}");
    }

    cases! { a_policy_that_cannot_be_used_is_an_error_at_its_place(cannot_be_used):
        a_name_with_a_space(
            "  - name: Bad Name\n    assert: 'true'\n    message: m\n", "goldenpath.yaml:5:11",
            "`Bad Name` cannot be a policy's name",
        );
        a_duplicate_name(
            "  - name: good\n    assert: 'true'\n    message: m\n", "goldenpath.yaml:5:11",
            "two policies `good`",
        );
        a_name_with_two_hyphens(
            "  - name: a--b\n    assert: 'true'\n    message: m\n", "goldenpath.yaml:5:11",
            "`a--b` cannot be a policy's name",
        );
        an_empty_message(
            "  - name: p\n    assert: 'true'\n    message: ' '\n", "goldenpath.yaml:7:14",
            "the `message` of policy `p` is empty",
        );
        an_empty_assert(
            "  - name: p\n    assert: ''\n    message: m\n", "goldenpath.yaml:6:13",
            "the `assert` of policy `p` is empty",
        );
        a_syntax_error(
            "  - name: p\n    assert: true == manifest..x\n    message: m\n",
            "goldenpath.yaml:6:30", "is not CEL",
        );
        an_unknown_variable(
            "  - name: p\n    assert: 'true'\n    when: a.b == 1\n    message: m\n",
            "goldenpath.yaml:7:11", "unknown variable `a`",
        );
        a_syntax_error_in_a_block(
            "  - name: p\n    assert: |\n      true &&\n        ä(path)\n    message: m\n",
            "goldenpath.yaml:8:9", "is not CEL",
        );
        an_unknown_function(
            "  - name: p\n    assert: |\n      true &&\n        f(path)\n    message: m\n",
            "goldenpath.yaml:8:9", "unknown function `f`",
        );
        a_field_that_is_not_a_path(
            "  - name: p\n    assert: 'true'\n    message: m\n    field: manifest.x\n",
            "goldenpath.yaml:8:12", "is not the path of a field",
        );
        an_unknown_key(
            "  - name: p\n    asert: 'true'\n    message: m\n", "goldenpath.yaml:6:5", "asert",
        );
        a_missing_assert(
            "  - name: p\n    message: m\n", "goldenpath.yaml:5:5", "missing field `assert`",
        );
        an_unknown_severity(
            "  - name: p\n    assert: 'true'\n    message: m\n    severity: info\n",
            "goldenpath.yaml:8:15", "info",
        );
    }

    #[track_caller]
    fn cannot_be_evaluated(expression: &str, place: &str, message: &str) {
        let error = error_of(&[(SEED_PATH, SEED), (CONFIG, &asserting(expression))]);
        assert!(error.message.contains("policy `p` cannot evaluate"), "{error:?}");
        assert!(error.message.contains(SEED_PATH), "{error:?}");
        assert!(error.message.contains(message), "{error:?}");
        assert_eq!(error.place, place, "{error:?}");
    }

    cases! { a_policy_that_fails_on_a_manifest_is_an_error_that_names_both(cannot_be_evaluated):
        a_missing_field(
            "manifest.metadata.description != \"\"", "goldenpath.yaml:4:32",
            "there is no `description`",
        );
        a_result_that_is_not_a_boolean(
            "manifest.metadata.owner", "goldenpath.yaml:4:13", "its result has the type string",
        );
        a_string_and_an_integer(
            "manifest.metadata.owner > 1", "goldenpath.yaml:4:13",
            "`>` does not accept string and int",
        );
        a_field_of_a_string(
            "manifest.metadata.owner.first == \"a\"", "goldenpath.yaml:4:13",
            "a value of the type string has no fields",
        );
        a_division_by_zero(
            "manifest.spec.ttlDays / 0 == 1", "goldenpath.yaml:4:13", "division by zero",
        );
        a_string_that_is_not_a_list(
            "manifest.metadata.owner.map(x, x) == []", "goldenpath.yaml:4:13", "iterable",
        );
    }

    #[test]
    fn a_missing_field_is_answered_with_has() {
        let config = asserting("manifest.metadata.description != \"\"");
        let error = error_of(&[(SEED_PATH, SEED), (CONFIG, &config)]);
        assert!(error.help.contains("`has(manifest.metadata.description) && …`"), "{error:?}");
    }

    #[test]
    fn a_file_that_is_not_a_manifest_is_left_to_the_other_rules() {
        let text = seed_with(&[("  owner: team-payments ", "  #")]);
        let config = asserting("manifest.metadata.owner != \"\"");
        let found = findings(&[(SEED_PATH, &text), (CONFIG, &config)]);
        assert_eq!(codes(&found), ["GP101"]);
    }
}
