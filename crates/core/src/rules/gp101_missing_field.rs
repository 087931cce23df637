//! Every required field is present.
//!
//! ## What it does
//! Checks that a manifest has all fields that the schema requires.
//!
//! ## Why is this bad?
//! Each required field decides something: who is responsible for the secret, where it is stored,
//! how it is governed, and when it expires. goldenpath guesses none of them.
//!
//! ## Example
//! ```yaml
//! spec:
//!   risk: {}
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   risk:
//!     tier: medium
//! ```

use super::unknown_fields::unknown_fields;
use super::{Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::config::Enums;
use crate::manifest::ViolationKind;

pub(super) const RULE: Rule = Rule {
    code: "GP101",
    name: "missing-field",
    severity: Severity::Error,
    source: include_str!("gp101_missing_field.rs"),
    check: RuleCheck::Entry(check),
};

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let (Some(manifest), Some(root)) = (entry.manifest(), entry.root()) else { return };
    let mut missing = manifest
        .violations
        .iter()
        .filter_map(|violation| match &violation.kind {
            ViolationKind::Missing { field } => Some((violation.pointer.as_str(), field.as_str())),
            _ => None,
        })
        .peekable();
    if missing.peek().is_none() {
        return;
    }
    // GP102 reports misspelled and misplaced fields, with the right name and place.
    let unknown = unknown_fields(manifest, root, &project.schema);
    for (pointer, field) in missing {
        if !unknown.iter().any(|unknown| unknown.replaces(pointer, field)) {
            let parent = pointer.rsplit('/').next().filter(|name| !name.is_empty());
            let message = match parent {
                Some(parent) => format!("`{parent}` lacks the field `{field}`"),
                None => format!("the manifest lacks the field `{field}`"),
            };
            // The missing field's pointer makes the finding unique; the parent is underlined.
            let own = format!("{pointer}/{}", field.replace('~', "~0").replace('/', "~1"));
            sink.at(entry, &own, message, help(field, &project.enums));
        }
    }
}

fn help(field: &str, enums: &Enums) -> String {
    let values = match field {
        "apiVersion" => return "add `apiVersion: goldenpath.io/v1`".to_owned(),
        "kind" => return "add `kind: SecretRequest`".to_owned(),
        "id" => return "add `id:`; `goldenpath new secret` takes the next free one".to_owned(),
        "ttlDays" => return "add `ttlDays:` with a number of days, such as 30".to_owned(),
        "access" => {
            return "add `access:` with `namespace:` and `k8sSecretName:` below it".to_owned();
        }
        "risk" => return "add `risk:` with `tier:` below it".to_owned(),
        "rotation" => return "add `rotation:` with `rotationClass:` below it".to_owned(),
        "lifecycle" => return "add `lifecycle:` with `status: active` below it".to_owned(),
        "owner" => &enums.owners,
        "environment" => &enums.environments,
        "provider" => &enums.providers,
        "secretType" => &enums.secret_types,
        "tier" => &enums.risk_tiers,
        "rotationClass" => &enums.rotation_classes,
        "status" => &enums.lifecycle_states,
        _ => return format!("add `{field}:` with a value"),
    };
    format!("add `{field}:` with one of {}", values.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Expected, SEED, assert_only, cases, findings_in, seed_with, shown};

    const RULE: &str = "GP101 missing-field";

    #[track_caller]
    fn reports(
        edit: (&str, &str),
        pointer: &str,
        place: &str,
        under: &str,
        message: &str,
        help: &str,
    ) {
        let text = seed_with(&[edit]);
        assert_only(&text, &Expected { rule: RULE, pointer, place, under, message, help });
    }

    /// Asserts the only finding in the seed without its mandatory `field`.
    #[track_caller]
    fn is_missed(field: &str, rule: &str, named: &str) {
        let marked = format!("{field}:");
        let is_the_field = |line: &&str| line.trim_start().starts_with(&marked);
        assert_eq!(SEED.lines().filter(is_the_field).count(), 1);
        let text: String = SEED.split_inclusive('\n').filter(|line| !is_the_field(line)).collect();
        let found = findings_in(&text);
        assert_eq!(found.len(), 1, "{:?}", shown(&found));
        assert_eq!(found[0].rule.code, rule, "{:?}", shown(&found));
        assert!(found[0].message.contains(named), "{:?}", shown(&found));
        assert!(!found[0].help.is_empty(), "{:?}", shown(&found));
    }

    // A mapping whose only field is missing is reported as not a mapping.
    cases! { every_field_that_the_seed_calls_mandatory_is_missed(is_missed):
        id("id", "GP101", "`id`");
        name("name", "GP101", "`name`");
        owner("owner", "GP101", "`owner`");
        service("service", "GP101", "`service`");
        environment("environment", "GP101", "`environment`");
        provider("provider", "GP101", "`provider`");
        secret_type("secretType", "GP101", "`secretType`");
        tier("tier", "GP103", "`risk` is nothing");
        rotation_class("rotationClass", "GP103", "`rotation` is nothing");
        status("status", "GP103", "`lifecycle` is nothing");
        namespace("namespace", "GP101", "`namespace`");
        k8s_secret_name("k8sSecretName", "GP101", "`k8sSecretName`");
        ttl_days("ttlDays", "GP101", "`ttlDays`");
    }

    #[test]
    fn the_seed_calls_these_fields_mandatory_and_no_other() {
        let mandatory = SEED.lines().filter(|line| line.contains("# Mandatory"));
        let fields: Vec<&str> =
            mandatory.filter_map(|line| line.trim_start().split(':').next()).collect();
        let listed = "id name owner service environment provider secretType tier rotationClass \
                      status namespace k8sSecretName ttlDays";
        assert_eq!(fields, listed.split(' ').collect::<Vec<_>>());
    }

    cases! { the_field_is_named_and_the_mapping_without_it_underlined(reports):
        of_the_manifest(
            ("kind: SecretRequest\n", ""), "/kind", "1:1..1:29", "apiVersion: goldenpath.io/v1",
            "the manifest lacks the field `kind`", "add `kind: SecretRequest`",
        );
        of_metadata(
            ("  owner: team-payments ", "  #"), "/metadata/owner", "3:1..3:9", "metadata",
            "`metadata` lacks the field `owner`", "platform-team, security-team",
        );
        of_an_empty_mapping(
            ("  risk:\n    tier: medium", "  risk: {}"), "/spec/risk/tier", "12:3..12:7", "risk",
            "`risk` lacks the field `tier`", "low, medium, high",
        );
        of_access(
            ("    namespace: payments ", "    #"), "/spec/access/namespace", "18:3..18:9", "access",
            "`access` lacks the field `namespace`", "add `namespace:`",
        );
        of_spec(
            ("  ttlDays: 30 ", "  #"), "/spec/ttlDays", "9:1..9:5", "spec",
            "`spec` lacks the field `ttlDays`", "number of days",
        );
    }
}
