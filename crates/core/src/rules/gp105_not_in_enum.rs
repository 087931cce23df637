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
use crate::suggest::{Certainty, did_you_mean, find_unique_match};

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
    let (value, certainty) = find_unique_match(found, allowed.iter().map(String::as_str))?;
    // A typo is not a request to delete a secret.
    let ends = matches!(
        LifecycleStatus::parse(value),
        Ok(LifecycleStatus::DecommissionRequested | LifecycleStatus::Decommissioned)
    );
    let fix = Fix::set(pointer, value, format!("write `{value}` for `{found}`"));
    Some(fix.safe_if(certainty != Certainty::Doubtful && !ends))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::testing::{
        Expected, SEED, assert_clean, assert_only, cases, codes, findings_in, place, seed_with,
    };

    const RULE: &str = "GP105 not-in-enum";

    #[track_caller]
    fn suggests(edit: (&str, &str), pointer: &str, place: &str, under: &str, help: &str) {
        let field = pointer.rsplit('/').next().unwrap();
        let message = &format!("`{under}` is not a value of `{field}`");
        let text = seed_with(&[edit]);
        assert_only(&text, &Expected { rule: RULE, pointer, place, under, message, help });
    }

    #[track_caller]
    fn is_accepted(line: &str, value: &str) {
        let field = line.split(':').next().unwrap();
        assert_clean(&seed_with(&[(line, &format!("{field}: {value}"))]));
    }

    /// Asserts that only the folder contradicts the environment.
    #[track_caller]
    fn is_an_environment(value: &str) {
        let text = seed_with(&[("environment: dev", &format!("environment: {value}"))]);
        assert!(codes(&findings_in(&text)).iter().all(|code| *code == "GP301"));
    }

    cases! { a_value_outside_its_list_is_reported_with_a_suggestion(suggests):
        api_version(
            ("apiVersion: goldenpath.io/v1", "apiVersion: v1"), "/apiVersion", "1:13..1:15", "v1",
            "write `goldenpath.io/v1`",
        );
        kind(
            ("kind: SecretRequest", "kind: Secret"), "/kind", "2:7..2:13", "Secret",
            "write `SecretRequest`",
        );
        owner(
            ("owner: team-payments", "owner: team-payment"), "/metadata/owner", "6:10..6:22",
            "team-payment", "did you mean `team-payments`?",
        );
        environment(
            ("environment: dev", "environment: production"), "/metadata/environment", "8:16..8:26",
            "production", "did you mean `prod`?",
        );
        provider(
            ("provider: aws-secrets-manager", "provider: aws"), "/spec/provider", "10:13..10:16",
            "aws", "write `aws-secrets-manager`",
        );
        secret_type(
            ("secretType: database-credentials", "secretType: api_key"), "/spec/secretType",
            "11:15..11:22", "api_key", "did you mean `api-key`?",
        );
        tier(
            ("tier: medium", "tier: mediun"), "/spec/risk/tier", "13:11..13:17", "mediun",
            "did you mean `medium`? the values are low, medium, high",
        );
        rotation_class(
            ("rotationClass: standard", "rotationClass: Standard"), "/spec/rotation/rotationClass",
            "15:20..15:28", "Standard", "did you mean `standard`?",
        );
        status(
            ("status: active", "status: retired"), "/spec/lifecycle/status", "17:13..17:20",
            "retired", "active, deprecated, decommission_requested, decommissioned",
        );
    }

    cases! { every_value_of_the_design_is_accepted(is_accepted):
        owner_platform_team("owner: team-payments", "platform-team");
        owner_security_team("owner: team-payments", "security-team");
        owner_operations_team("owner: team-payments", "operations-team");
        owner_sre_team("owner: team-payments", "sre-team");
        owner_app_team("owner: team-payments", "app-team");
        owner_database_team("owner: team-payments", "database-team");
        owner_team_payments("owner: team-payments", "team-payments");
        secret_type_database_credentials(
            "secretType: database-credentials", "database-credentials",
        );
        secret_type_api_key("secretType: database-credentials", "api-key");
        secret_type_oauth_client("secretType: database-credentials", "oauth-client");
        secret_type_webhook_secret("secretType: database-credentials", "webhook-secret");
        secret_type_signing_key("secretType: database-credentials", "signing-key");
        secret_type_encryption_key("secretType: database-credentials", "encryption-key");
        secret_type_tls_private_key("secretType: database-credentials", "tls-private-key");
        secret_type_container_registry_credential(
            "secretType: database-credentials", "container-registry-credential",
        );
        secret_type_third_party_token("secretType: database-credentials", "third-party-token");
        secret_type_generic("secretType: database-credentials", "generic");
        tier_low("tier: medium", "low");
        tier_medium("tier: medium", "medium");
        tier_high("tier: medium", "high");
        rotation_standard("rotationClass: standard", "standard");
        rotation_high("rotationClass: standard", "high");
        status_active("status: active", "active");
        status_deprecated("status: active", "deprecated");
        status_decommission_requested("status: active", "decommission_requested");
        status_decommissioned("status: active", "decommissioned");
    }

    cases! { every_environment_of_the_design_is_accepted(is_an_environment):
        dev("dev");
        test("test");
        staging("staging");
        prod("prod");
        ephemeral("ephemeral");
    }

    #[test]
    fn columns_count_characters_whatever_their_width_or_length() {
        // Each of the three is one character, of 2, 3 and 4 bytes; the last two are 2 cells wide.
        let text = seed_with(&[("owner: team-payments ", "owner: é世🔑 ")]);
        let expected = Expected {
            rule: RULE,
            pointer: "/metadata/owner",
            place: "6:10..6:13",
            under: "é世🔑",
            message: "`é世🔑`",
            help: "the values are",
        };
        assert_only(&text, &expected);
        let text = seed_with(&[("owner: team-payments ", "? \"世界\"\n  : x\n  owner: é世🔑 ")]);
        let places: Vec<String> = findings_in(&text).iter().map(place).collect();
        assert_eq!(places, ["6:5..6:9", "8:10..8:13"]);
    }

    #[test]
    fn columns_count_characters_after_others_on_the_same_line() {
        let text = seed_with(&[("risk:\n    tier: medium ", "risk: {\"世界\": 1, tier: mediun} ")]);
        let found = findings_in(&text);
        let places: Vec<String> = found.iter().map(place).collect();
        assert_eq!(places, ["12:10..12:14", "12:25..12:31"]);
        assert_eq!(&text[found[1].span.clone()], "mediun");
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_do_not_move_places() {
        let expected = || Expected {
            rule: RULE,
            pointer: "/spec/risk/tier",
            place: "13:11..13:17",
            under: "mediun",
            message: "`mediun`",
            help: "`medium`",
        };
        let text = seed_with(&[("tier: medium", "tier: mediun")]);
        assert_only(&text.replace('\n', "\r\n"), &expected());
        assert_clean(&SEED.replace('\n', "\r\n"));
        assert_clean(&format!("\u{feff}{SEED}"));
        // The mark is not a character of the text: the first line begins at column 1 after it.
        let marked = format!("\u{feff}{}", seed_with(&[("goldenpath.io/v1", "v1")]));
        let places: Vec<String> = findings_in(&marked).iter().map(place).collect();
        assert_eq!(places, ["1:13..1:15"]);
        let no_newline = text.trim_end().to_owned() + "0";
        assert!(no_newline.ends_with("(Days)0"));
        assert_only(&no_newline, &expected());
    }
}
