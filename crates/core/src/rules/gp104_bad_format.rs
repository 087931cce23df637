//! Every name and number has the format that Kubernetes and AWS accept.
//!
//! ## What it does
//! Checks IDs (`SEC-` and at least four digits), names (DNS-1123), the bounds of `ttlDays`, the
//! ARNs of principals (roles, users and account roots, without wildcards), and the store key
//! derived from the manifest. AWS Secrets Manager accepts letters, digits and `/_+=.@-`, at most
//! 512 characters. A name that ends in a hyphen and six characters is rejected: it can be mistaken
//! for part of an ARN.
//!
//! Owner, risk tier and secret type become tags of the secret: AWS accepts letters, digits, spaces
//! and `_.:/=+-@`, at most 256 characters. The principals become a resource policy of at most
//! 20,480 characters.
//!
//! ## Why is this bad?
//! The pull request would merge, and the API server or AWS would reject the request afterwards,
//! when the author no longer watches.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   name: Payments_DB
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   name: payments-db
//! ```
//!
//! ## Fix
//! `validate --fix` converts a value to lower case, or an ID to upper case with four digits, if
//! nothing else is wrong. With `--unsafe-fixes` it writes the nearest valid name (`pay_ments`
//! becomes `pay-ments`).

use super::{Fix, Rule, RuleCheck, Severity, Sink};
use crate::catalog::{Entry, Project};
use crate::config;
use crate::config::POLICY_LENGTH;
use crate::manifest::{DnsSubdomain, SecretId, StoreKeyError, ViolationKind, to_label};
use crate::yaml::Node;

pub(super) const RULE: Rule = Rule {
    code: "GP104",
    name: "bad-format",
    severity: Severity::Error,
    source: include_str!("gp104_bad_format.rs"),
    check: RuleCheck::Entry(check),
};

/// The fields of a store key that may have characters that AWS does not accept in it.
const KEY_FIELDS: [&str; 6] = [
    "/metadata/owner",
    "/metadata/description",
    "/spec/provider",
    "/spec/secretType",
    "/spec/risk/tier",
    "/spec/rotation/rotationClass",
];

fn check(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let (Some(manifest), Some(root)) = (entry.manifest(), entry.root()) else { return };
    for violation in &manifest.violations {
        let ViolationKind::BadFormat { reason } = &violation.kind else { continue };
        let (field, is_item) = field_at(&violation.pointer);
        let text = root.string_at(&violation.pointer);
        let help = help(field, text);
        let name = match field {
            "" => "the manifest".to_owned(),
            field if is_item => format!("an item of `{field}`"),
            field => format!("`{field}`"),
        };
        let fix = text.and_then(|text| fix(field, &violation.pointer, text));
        sink.at(
            entry,
            &violation.pointer,
            format!("{name} is not in the right form: {reason}"),
            help,
        )
        .fixed_by(fix);
    }
    if let Some(Err(error)) = &manifest.store_key
        && let StoreKeyError::Refused { key, reason } = error.as_ref()
    {
        let (pointer, help) = find_key_cause(root, project);
        let field = field_at(pointer).0;
        let message =
            format!("the store key `{key}`, derived from `{field}`, is not allowed: {reason}");
        sink.at(entry, pointer, message, help);
    }
    check_tags(entry, project, sink);
    check_policy_length(entry, sink);
}

/// Returns the field that makes a store key unusable, and the remedy.
fn find_key_cause(root: &Node, project: &Project) -> (&'static str, String) {
    let template = &project.config.store.key_template;
    let is_cause = |pointer: &str| {
        let text = root.string_at(pointer).unwrap_or_default();
        template.contains(field_at(pointer).0) && !text.chars().all(config::is_store_key_character)
    };
    match KEY_FIELDS.into_iter().find(|pointer| is_cause(pointer)) {
        Some(pointer) => {
            let help = format!(
                "remove `{}` from `store.keyTemplate` in {}, or use another value",
                field_at(pointer).0,
                project.config_name
            );
            (pointer, help)
        }
        None => (
            "/metadata/name",
            "choose another name, for example with one more letter in its last word".to_owned(),
        ),
    }
}

/// Reports the fields that AWS does not accept as tags.
fn check_tags(entry: &Entry, project: &Project, sink: &mut Sink<'_>) {
    let Some(request) = entry.request_unless_decommissioned() else { return };
    for (pointer, value, list) in [
        ("/metadata/owner", &request.owner, "owners"),
        ("/spec/risk/tier", &request.risk_tier, "riskTiers"),
        ("/spec/secretType", &request.secret_type, "secretTypes"),
    ] {
        let Err(reason) = config::check_tag_value(value) else { continue };
        if entry.manifest().is_some_and(|manifest| manifest.has_violation(pointer)) {
            continue;
        }
        let field = field_at(pointer).0;
        let message = format!("`{field}: {value}` cannot be the tag of a secret in AWS: {reason}");
        let help = format!("rename it in `{list}` of {}, and here", project.config.enums);
        sink.at(entry, pointer, message, help);
    }
}

/// Reports principals that are too many for a resource policy.
fn check_policy_length(entry: &Entry, sink: &mut Sink<'_>) {
    let request = entry.request_unless_decommissioned();
    let Some(principals) = request.and_then(|request| request.principals.as_ref()) else { return };
    let length = principals.resource_policy().map_or(0, |policy| policy.chars().count());
    if length > POLICY_LENGTH {
        let message = format!(
            "the resource policy of these principals has {length} characters, and AWS accepts \
             {POLICY_LENGTH}"
        );
        let help = "list fewer principals, for example one role that the others assume".to_owned();
        sink.at(entry, "/spec/access", message, help);
    }
}

fn fix(field: &str, pointer: &str, text: &str) -> Option<Fix> {
    let as_id = || {
        let digits = text
            .get(..SecretId::PREFIX.len())
            .filter(|start| start.eq_ignore_ascii_case(SecretId::PREFIX));
        let digits = text[digits?.len()..].trim_start_matches('0');
        let id = format!("{}{digits:0>4}", SecretId::PREFIX);
        SecretId::parse(&id).is_ok().then_some(id)
    };
    // Wrong case has one correction. For anything else, several are possible.
    let (value, is_certain) = match (field, text.to_lowercase(), to_label(text)) {
        ("description", ..) => return None,
        (list, ..) if is_principals(list) => return None,
        ("id", ..) => (as_id()?, true),
        (_, lower, _)
            if lower != text && (DnsSubdomain::parse(&lower).is_ok() || !is_name(field)) =>
        {
            (lower, true)
        }
        (_, _, label) if is_name(field) && DnsSubdomain::parse(&label).is_ok() => (label, false),
        _ => return None,
    };
    let message = format!("write `{value}` for `{text}`");
    (value != text).then(|| Fix::set(pointer, &value, message).safe_if(is_certain))
}

/// Returns the field at a JSON pointer, and whether the pointer is to an item.
fn field_at(pointer: &str) -> (&str, bool) {
    let mut parts = pointer.rsplit('/');
    let last = parts.next().unwrap_or_default();
    match last.parse::<usize>() {
        Ok(_) => (parts.next().unwrap_or_default(), true),
        Err(_) => (last, false),
    }
}

fn is_principals(field: &str) -> bool {
    matches!(field, "readPrincipals" | "writePrincipals" | "breakGlassPrincipals")
}

fn is_name(field: &str) -> bool {
    matches!(field, "name" | "service" | "namespace" | "k8sSecretName")
}

fn help(name: &str, text: Option<&str>) -> String {
    let suggestion = text.map(to_label).filter(|label| DnsSubdomain::parse(label).is_ok());
    match (name, suggestion) {
        ("id", _) => "`goldenpath new secret` takes the next free ID".to_owned(),
        ("ttlDays", _) => "give a number of days between 1 and 3650".to_owned(),
        ("description", _) => "keep it to one line of plain text".to_owned(),
        (list, _) if is_principals(list) => {
            "write the ARN of a role, a user or an account's root: \
             arn:aws:iam::123456789012:role/payments"
                .to_owned()
        }
        (name, Some(label)) if is_name(name) && Some(label.as_str()) != text => {
            format!("write it as `{label}`")
        }
        _ => "see `schemas/secret_request.schema.json` for the form".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::testing::{
        Expected, SEED, SEED_PATH, assert_clean, assert_only, cases, findings, findings_in, place,
        rows, seed_with, shown,
    };

    const RULE: &str = "GP104 bad-format";

    const NAME: &str = "name: payments-db-credentials";
    const SERVICE: &str = "service: payments";
    const NAMESPACE: &str = "namespace: payments";
    const SECRET: &str = "k8sSecretName: payments-db-creds";

    /// Asserts the only finding where `value` replaces the value of the seed's `line`.
    #[track_caller]
    fn is_malformed(line: &str, value: &str, message: &str, help: &str) {
        let field = line.split(':').next().unwrap();
        let number = SEED.lines().position(|other| other.trim_start().starts_with(line)).unwrap();
        let start = SEED.lines().nth(number).unwrap().find(':').unwrap() + 3;
        let text = seed_with(&[(&format!("{line} "), &format!("{field}: {value} "))]);
        let found = findings_in(&text);
        assert_eq!(found.len(), 1, "{:?}", shown(&found));
        assert_eq!(found[0].rule.code, "GP104", "{:?}", shown(&found));
        let end = start + value.len();
        assert_eq!(place(&found[0]), format!("{0}:{start}..{0}:{end}", number + 1));
        assert_eq!(&text[found[0].span.clone()], value);
        assert!(found[0].message.contains(message), "{:?}", shown(&found));
        assert!(found[0].help.contains(help), "{:?}", shown(&found));
    }

    #[track_caller]
    fn is_well_formed(line: &str, value: &str) {
        let field = line.split(':').next().unwrap();
        assert_clean(&seed_with(&[(&format!("{line} "), &format!("{field}: '{value}' "))]));
    }

    #[track_caller]
    fn is_not_an_id(id: &str, place: &str, message: &str) {
        let text = seed_with(&[("id: SEC-0007 ", &format!("id: {id} "))]);
        let (pointer, under) = ("/metadata/id", id);
        let help = "`goldenpath new secret` takes the next free ID";
        assert_only(&text, &Expected { rule: RULE, pointer, place, under, message, help });
    }

    #[track_caller]
    fn is_not_a_ttl(days: &str, place: &str, message: &str) {
        let text = seed_with(&[("ttlDays: 30", &format!("ttlDays: {days}"))]);
        let (pointer, under) = ("/spec/ttlDays", days);
        let help = "a number of days between 1 and 3650";
        assert_only(&text, &Expected { rule: RULE, pointer, place, under, message, help });
    }

    /// Asserts that the store key of `name` is rejected: AWS adds a hyphen and six characters to
    /// a name to create its ARN.
    #[track_caller]
    fn looks_like_an_arn(name: &str, place: &str) {
        let text = seed_with(&[(NAME, &format!("name: {name}"))]);
        let expected = Expected {
            rule: RULE,
            pointer: "/metadata/name",
            place,
            under: name,
            message: &format!("`goldenpath/payments/dev/{name}`"),
            help: "another name",
        };
        assert_only(&text, &expected);
    }

    cases! { a_malformed_name_is_reported(is_malformed):
        a_capital(NAME, "Payments", "capital `P`", "write it as `payments`");
        an_underscore(NAME, "pay_ments", "`_`", "write it as `pay-ments`");
        a_leading_hyphen(NAME, "-payments", "starts and ends", "write it as `payments`");
        a_trailing_hyphen(NAME, "payments-", "starts and ends", "write it as `payments`");
        a_dot(NAME, "pay.ments", "`.`", "write it as `pay-ments`");
        too_long(NAME, &"a".repeat(64), "64 characters, the maximum is 63", &"a".repeat(63));
        a_service_with_dots(SERVICE, "../../etc", "`.`", "write it as `etc`");
        a_service_with_a_space(SERVICE, "pay ments", "a space", "write it as `pay-ments`");
        a_namespace_with_a_capital(NAMESPACE, "Payments", "capital `P`", "write it as `payments`");
        a_namespace_with_a_dot(NAMESPACE, "a.b", "`.`", "write it as `a-b`");
        a_namespace_that_is_too_long(
            NAMESPACE, &"a".repeat(64), "64 characters, the maximum is 63", &"a".repeat(63),
        );
        a_secret_with_two_dots(
            SECRET, "a..b", "there must be a name on both sides of a dot", "write it as",
        );
        a_secret_with_a_hyphen_behind_a_dot(SECRET, "a.-b", "starts and ends", "write it as");
        a_secret_with_a_capital(SECRET, "A.b", "capital `A`", "write it as");
        a_secret_that_is_too_long(
            SECRET, &"a".repeat(254), "254 characters, the maximum is 253", "write it as",
        );
    }

    cases! { a_well_formed_name_is_accepted(is_well_formed):
        of_63_characters(NAME, &"a".repeat(63));
        of_a_digit(NAME, "7");
        a_namespace_of_63_characters(NAMESPACE, &"a".repeat(63));
        a_secret_of_253_characters(SECRET, &"a".repeat(253));
        a_secret_with_dots(SECRET, "tls.example.com");
    }

    cases! { an_id_is_written_in_one_way(is_not_an_id):
        too_few_digits("SEC-7", "4:7..4:12", "write this ID as SEC-0007");
        too_many_zeros("SEC-00007", "4:7..4:16", "write this ID as SEC-0007");
        in_lower_case("sec-0007", "4:7..4:15", "`SEC-` and at least four digits");
        zero("SEC-0000", "4:7..4:15", "IDs start at SEC-0001");
        a_letter("SEC-000x", "4:7..4:15", "`SEC-` and at least four digits");
        too_many_digits("SEC-1234567890", "4:7..4:21", "at most nine digits");
        another_prefix("TEC-0007", "4:7..4:15", "`SEC-` and at least four digits");
    }

    cases! { ttl_days_are_from_1_to_3650(is_not_a_ttl):
        zero("0", "21:12..21:13", "the minimum is 1");
        negative("-1", "21:12..21:14", "the minimum is 1");
        one_more_than_the_maximum("3651", "21:12..21:16", "the maximum is 3650");
        more_than_any_integer("99999999999999999999", "21:12..21:32", "the maximum is 3650");
    }

    #[test]
    fn one_day_is_a_ttl() {
        assert_clean(&seed_with(&[("ttlDays: 30", "ttlDays: 1")]));
    }

    #[test]
    fn a_value_that_aws_rejects_as_a_tag_is_reported_at_its_field() {
        for (line, pointer, enums) in [
            ("owner: team-payments", "/metadata/owner", "owners: [\"R&D\"]"),
            ("tier: medium", "/spec/risk/tier", "riskTiers: [\"R&D\"]"),
            ("secretType: database-credentials", "/spec/secretType", "secretTypes: [\"R&D\"]"),
        ] {
            let field = line.split(':').next().unwrap();
            let text = seed_with(&[(line, &format!("{field}: R&D"))]);
            let row = "{rotation: free, approvals: 1, recoveryWindowDays: 7, maxTtlDays: 90}";
            let table = format!("tiers: {{low: {row}, medium: {row}, high: {row}, R&D: {row}}}\n");
            let found = findings(&[
                (SEED_PATH, &text),
                ("schemas/metadata/enums.yaml", enums),
                ("schemas/metadata/governance.yaml", &table),
            ]);
            assert_eq!(rows(&found), [format!("error GP104 {pointer}")], "{:?}", shown(&found));
            assert_eq!(&text[found[0].span.clone()], "R&D");
            assert!(found[0].message.contains("`&` is not allowed in it"), "{}", found[0].message);
            assert!(found[0].help.contains("schemas/metadata/enums.yaml"), "{}", found[0].help);
        }
    }

    #[test]
    fn a_store_key_is_reported_at_the_field_that_aws_rejects_in_it() {
        let text = seed_with(&[("owner: team-payments", "owner: team payments")]);
        let found = findings(&[
            (SEED_PATH, &text),
            ("schemas/metadata/enums.yaml", "owners: [team payments]"),
            ("goldenpath.yaml", "store: { keyTemplate: \"{{ owner }}/{{ name }}\" }"),
        ]);
        assert_eq!(rows(&found), ["error GP104 /metadata/owner"], "{:?}", shown(&found));
        assert!(found[0].help.contains("`owner` from `store.keyTemplate`"), "{}", found[0].help);
    }

    #[test]
    fn principals_that_are_too_many_for_a_resource_policy_are_reported() {
        let with = |count: usize| {
            let role = |number| {
                let path = "a/".repeat(200);
                format!("\"arn:aws:iam::123456789012:role/{path}{number}\"")
            };
            let roles: Vec<String> = (0..count).map(role).collect();
            let list = format!("    readPrincipals: [{}]\n  ttlDays:", roles.join(", "));
            findings_in(&seed_with(&[("  ttlDays:", &list)]))
        };
        assert_eq!(rows(&with(40)), [""; 0]);
        let found = with(50);
        assert_eq!(rows(&found), ["error GP104 /spec/access"], "{:?}", shown(&found));
        assert!(found[0].message.contains("AWS accepts 20480"), "{}", found[0].message);
    }

    cases! { a_store_key_that_looks_like_the_end_of_an_arn_is_rejected(looks_like_an_arn):
        six_letters("payments-db-secret", "5:9..5:27");
        six_digits("a-123456", "5:9..5:17");
    }

    cases! { a_store_key_that_does_not_look_like_the_end_of_an_arn_is_accepted(is_well_formed):
        seven_letters(NAME, "payments-db-secrets");
        five_letters(NAME, "payments-secre");
        no_hyphen(NAME, "secret");
        single_letters(NAME, "a-b-c-d-e-f");
    }
}
